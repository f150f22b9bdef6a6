//! A unit's batch in a transaction of the host's own, over tokio-postgres.

use ciam_core::store::{Applied, Staged, StoreError};
use tokio_postgres::Transaction;

use super::PostgresStore;
use super::batch::{Room, Step, Tables, steps};
use super::failure::{Failure, unavailable};
use super::flight::{BACK, SAVEPOINT, fly_along};

impl PostgresStore {
    /// Applies a staged unit in the host's transaction, in a savepoint: what is refused takes back itself, and the
    /// host's own statements stand. Whether the host then commits it is to be told to the [`Applied`].
    ///
    /// The transaction is one of tokio-postgres or of a pool over it, on the same database and `search_path`, at any
    /// isolation level that writes. It holds locks on what the unit guards and changes, and holds up whoever follows
    /// the stream of events, until it is over: keep it short. Two round trips, whatever the unit holds; nothing is
    /// prepared on the host's connection. Whoever gives up waiting for it rolls back.
    ///
    /// ```no_run
    /// # async fn order(
    /// #     identity: &ciam_core::Ciam, store: &ciam_store::PostgresStore, host: &mut tokio_postgres::Client,
    /// #     by: &ciam_core::events::Cause, new: ciam_core::users::NewUser,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// use ciam_core::id::RecordId as _;
    ///
    /// let ready = identity.users().prepare(new).await?; // hashes the password
    /// let staged = identity.staged();
    /// let customer = identity.users().create_in(&staged, by, &ready).await?;
    ///
    /// let tx = host.transaction().await?;
    /// let applied = store.apply(&tx, &staged).await?;
    /// tx.execute("INSERT INTO orders (buyer, what) VALUES ($1, $2)", &[&customer.id.uuid(), &"a kettle"]).await?;
    /// tx.commit().await?;
    /// applied.committed().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The refusal of the batch, with which all of it is taken back: [`StoreError::Stale`] (run the whole transaction
    /// again, from the staging on), [`StoreError::Conflict`] (on [`UNITS`](ciam_core::store::UNITS) when the unit was
    /// committed or settled before), [`StoreError::Exceeded`], [`StoreError::Referenced`], [`StoreError::TooLarge`],
    /// [`StoreError::Misuse`]; [`StoreError::Unavailable`] for whatever else the server says, or when it says nothing:
    /// roll back.
    pub async fn apply(&self, transaction: &Transaction<'_>, staged: &Staged) -> Result<Applied, StoreError> {
        apply(&mut Along(transaction), &self.tables(), staged).await
    }
}

/// A transaction of the host's.
pub(super) trait Host {
    /// Carries out all of the statements or none of them.
    fn attempt(&mut self, steps: &[Step<'_>]) -> impl Future<Output = Result<(), NotKept>>;
}

/// Why the statements of a batch do not count.
#[derive(Debug)]
pub(super) enum NotKept {
    /// All of them were taken back, and the host's transaction may go on.
    TakenBack(Failure),
    /// They could not be taken back: the host's transaction can only end.
    Lost(StoreError),
}

/// Applies a batch. What stands in its way but has expired is removed, if there is such.
pub(super) async fn apply(host: &mut impl Host, tables: &Tables, staged: &Staged) -> Result<Applied, StoreError> {
    let attempt = staged.attempt()?;
    let Some(batch) = attempt.batch() else { return Ok(attempt.applied()) };
    for room in [Room::AsItIs, Room::Made] {
        let steps = match steps(tables, attempt.realm(), batch, room) {
            Ok(steps) => steps,
            Err(error) => return Err(attempt.refused(error)),
        };
        match host.attempt(&steps).await {
            Ok(()) => return Ok(attempt.applied()),
            Err(NotKept::TakenBack(Failure::Taken(_))) if room == Room::AsItIs => {}
            Err(NotKept::TakenBack(Failure::Refused(error) | Failure::Taken(error))) => {
                return Err(attempt.refused(certain(error)));
            }
            Err(NotKept::Lost(error)) => return Err(certain(error)),
        }
    }
    Err(attempt.refused(StoreError::Misuse("no room was made for the batch")))
}

/// Before the host's COMMIT nothing is uncertain.
fn certain(error: StoreError) -> StoreError {
    match error {
        StoreError::Unknown(source) => StoreError::Unavailable(source),
        other => other,
    }
}

struct Along<'t>(&'t Transaction<'t>);

impl Host for Along<'_> {
    async fn attempt(&mut self, steps: &[Step<'_>]) -> Result<(), NotKept> {
        // Waited for: without a savepoint each of the statements might count by itself.
        self.0.batch_execute(SAVEPOINT).await.map_err(|error| NotKept::Lost(unavailable(error)))?;
        match fly_along(self.0, steps).await {
            Ok(()) => Ok(()),
            Err(failure) => match self.0.batch_execute(BACK).await {
                Ok(()) => Err(NotKept::TakenBack(failure)),
                Err(error) => Err(NotKept::Lost(unavailable(error))),
            },
        }
    }
}
