//! A unit's batch in a transaction of the host's own, over rusqlite.

use ciam_core::store::{Applied, Staged, StoreError};
use rusqlite::Connection;

use super::SqliteStore;
use super::batch;
use super::failure::unavailable;

impl SqliteStore {
    /// Applies a staged unit in the host's transaction, in a savepoint: what is refused takes back itself, and the
    /// host's own statements stand. Whether the host then commits it is to be told to the [`Applied`].
    ///
    /// The connection is the host's own on the same file, inside of a transaction, or the one of
    /// [`SqliteStore::write`]. A transaction of the host's best begins with `BEGIN IMMEDIATE`: one that has read before
    /// it writes may find the file changed, and that is [`StoreError::Unavailable`] (`SQLITE_BUSY`) here as for every
    /// statement of the host's. Keep it short, for nobody else writes meanwhile, ciam included.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("app.db");
    /// # use std::sync::Arc;
    /// # use ciam_core::clock::SystemClock;
    /// # use ciam_core::entropy::SystemEntropy;
    /// # use ciam_core::events::{Cause, Event, NewEvent};
    /// # use ciam_core::id::RealmId;
    /// # use ciam_core::store::{Backend, Schema, Store};
    /// # use ciam_store::SqliteStore;
    /// # let sqlite = Arc::new(SqliteStore::open(&path).await?);
    /// # sqlite.prepare(&Schema::new().with::<Event>()).await?;
    /// # let backend: Arc<dyn Backend> = sqlite.clone();
    /// # let identity = Store::new(backend, RealmId::DEFAULT, Arc::new(SystemClock), Arc::new(SystemEntropy::new()));
    /// let mut host = rusqlite::Connection::open(&path)?;
    /// host.execute_batch("CREATE TABLE orders (what TEXT NOT NULL)")?;
    ///
    /// let staged = identity.staged(); // or `Ciam::staged`
    /// staged.record(NewEvent::new("shop.ordered", &Cause::system()))?;
    ///
    /// let tx = host.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    /// tx.execute("INSERT INTO orders (what) VALUES ('a kettle')", ())?;
    /// let applied = sqlite.apply(&tx, &staged)?;
    /// tx.commit()?;
    /// applied.committed().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The refusal of the batch, with which all of it is taken back: [`StoreError::Stale`] (run the whole transaction
    /// again, from the staging on), [`StoreError::Conflict`] (on [`UNITS`](ciam_core::store::UNITS) when the unit was
    /// committed or settled before), [`StoreError::Exceeded`], [`StoreError::Referenced`], [`StoreError::TooLarge`],
    /// [`StoreError::Misuse`] outside of a transaction; [`StoreError::Unavailable`] for whatever else SQLite says: roll
    /// back.
    pub fn apply(&self, transaction: &Connection, staged: &Staged) -> Result<Applied, StoreError> {
        if transaction.is_autocommit() {
            return Err(StoreError::Misuse("a staged unit is applied inside of a transaction"));
        }
        let attempt = staged.attempt()?;
        let Some(batch) = attempt.batch() else { return Ok(attempt.applied()) };
        transaction.execute_batch("SAVEPOINT ciam").map_err(unavailable)?;
        match batch::apply(transaction, &self.tables(), attempt.realm(), batch) {
            Ok(()) => {
                transaction.execute_batch("RELEASE ciam").map_err(unavailable)?;
                Ok(attempt.applied())
            }
            Err(error) => {
                // What cannot be taken back here is gone with the host's transaction, or settled.
                match transaction.execute_batch("ROLLBACK TO ciam; RELEASE ciam") {
                    Ok(()) => Err(attempt.refused(error)),
                    Err(_) => Err(error),
                }
            }
        }
    }
}
