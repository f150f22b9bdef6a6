//! Records in an SQLite file, beside the application's own tables.
//!
//! One thread writes and takes everybody who waits into one COMMIT; reads run on the calling thread
//! over connections that keep their prepared statements. The tables are plain: `ciam_<collection>`
//! with the record's id, realm, version and expiry, one typed column for every indexed value, and
//! the JSON document. A host's tables may refer to `ciam_users(id)` and may be written by the host's
//! own connection or through [`SqliteStore::write`].
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("app.db");
//! use ciam_core::store::{Backend, Schema};
//! use ciam_store::SqliteStore;
//!
//! let store = SqliteStore::open(path).await?;
//! store.prepare(&Schema::new()).await?;
//! store.ping().await?;
//! # Ok(())
//! # }
//! ```

mod batch;
mod directory;
mod evolution;
mod executor;
mod failure;
mod host;
#[cfg(feature = "sqlx-sqlite")]
mod host_sqlx;
mod inspection;
mod load;
mod options;
#[cfg(test)]
mod plans;
mod readers;
mod schema;
mod searches;
mod sql;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use ciam_core::clock::Timestamp;
use ciam_core::id::RealmId;
use ciam_core::store::{
    Backend, Backfill, Batch, ColumnType, Cursor, Directory, Evolution, Load, Position, Pressure, RawQuery, RecordKey,
    Row, Schema, Settlement, StoreError,
};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

pub use inspection::{SqliteInspection, SqliteWriting};
pub use options::SqliteOptions;

use crate::generations::not_serving;
use crate::migrations::Migrations;
use batch::Tables;
use readers::Readers;
use searches::Searches;
use sql::Table;
use writer::{Figures, HostWrite, Job};

const UUID: ColumnType = ColumnType::Uuid;

/// Keeps records in an SQLite file.
///
/// Any number of handles, in any number of processes on one machine, may have the file open at once.
/// What was acknowledged has reached the disk (WAL, `synchronous=FULL`). Dropping the store lets its
/// writer finish what is queued and end.
pub struct SqliteStore {
    file: PathBuf,
    queue: mpsc::Sender<Job>,
    readers: Readers,
    searches: Searches,
    tables: RwLock<Arc<Tables>>,
    figures: Arc<Figures>,
    migrations: Migrations,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("statistics", &self.statistics()).finish_non_exhaustive()
    }
}

/// What the writer has done since the store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// How often it has committed.
    pub commits: u64,
    /// How many writes these commits held: batches, and whatever else was queued.
    pub writes: u64,
    /// How many writes wait now.
    pub waiting: usize,
}

impl SqliteStore {
    /// Opens the file, which is created if it is not there, with the default [`SqliteOptions`].
    ///
    /// # Errors
    /// As [`SqliteOptions::open`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        SqliteOptions::new().open(path).await
    }

    /// Runs the host's own statements on the writer, in a savepoint of their own within the group that
    /// is committed next. An `Err` takes them back and nothing else; an `Ok` is answered after the COMMIT.
    ///
    /// The closure **may run again** when the COMMIT of its group was refused for another's sake, so it
    /// holds no effects but its statements, and no slow work: everybody who writes waits for it. It must
    /// not end the transaction that it stands in (no `COMMIT`, no `ROLLBACK`). Once queued it runs even if
    /// the caller's future is dropped.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let store = ciam_store::SqliteStore::open(dir.path().join("app.db")).await?;
    /// #[derive(Debug)]
    /// enum ShopError { Store(ciam_core::store::StoreError), Sql(rusqlite::Error) }
    /// impl From<ciam_core::store::StoreError> for ShopError {
    ///     fn from(error: ciam_core::store::StoreError) -> Self { Self::Store(error) }
    /// }
    /// impl From<rusqlite::Error> for ShopError {
    ///     fn from(error: rusqlite::Error) -> Self { Self::Sql(error) }
    /// }
    ///
    /// let written = store.write(|tx| -> Result<usize, ShopError> {
    ///     tx.execute_batch("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, what TEXT)")?;
    ///     Ok(tx.execute("INSERT INTO orders (what) VALUES (?1)", ["a kettle"])?)
    /// });
    /// assert_eq!(written.await.unwrap(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the closure says; [`StoreError::Referenced`] when a deferred foreign key refuses the COMMIT;
    /// [`StoreError::Unavailable`], also when the closure panicked; [`StoreError::Unknown`] when the COMMIT
    /// failed in a way that leaves its outcome open; [`StoreError::Misuse`] when it ended the transaction.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnMut(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.send(Job::Host(Box::new(Host { work, said: None, answer }))).await?;
        answered.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the host's write panicked".into()).into()))
    }

    /// What the writer has done, for a metric.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics {
            commits: self.figures.commits.load(Ordering::Relaxed),
            writes: self.figures.jobs.load(Ordering::Relaxed),
            waiting: self.queue.max_capacity() - self.queue.capacity(),
        }
    }

    fn tables(&self) -> Arc<Tables> {
        Arc::clone(&self.tables.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Refuses a question by columns that some record may lack.
    fn check_serving(&self, table: &Table, columns: &[&'static str]) -> Result<(), StoreError> {
        if !table.filled.is_to_be_renewed() && table.filled.lacked(columns).is_none() {
            return Ok(());
        }
        // Somebody else may have completed them meanwhile, or begun to leave one out.
        table.filled.renew(self.readers.standing(&table.spec)?);
        if table.filled.lacked(columns).is_none() { Ok(()) } else { Err(not_serving(&table.spec, columns)) }
    }

    async fn send(&self, job: Job) -> Result<(), StoreError> {
        self.queue.send(job).await.map_err(|_| StoreError::Unavailable("the writer has ended".into()))
    }

    async fn ask<T>(&self, job: Job, answered: oneshot::Receiver<Result<T, StoreError>>) -> Result<T, StoreError> {
        self.send(job).await?;
        answered.await.unwrap_or_else(|_| Err(StoreError::Unknown("the writer ended before it answered".into())))
    }
}

#[async_trait]
impl Backend for SqliteStore {
    async fn prepare(&self, schema: &Schema) -> Result<(), StoreError> {
        let specs = schema.collections();
        for spec in specs {
            crate::layout::check_names(spec)?;
            crate::layout::check_declared(self.tables().get(spec.name).map(|table| &table.spec), spec)?;
        }
        let (theirs, migrations) = (specs.to_vec(), self.migrations);
        let standings = self.write(move |tx| schema::prepare(tx, &theirs, migrations)).await?;
        {
            let mut known = self.tables.write().unwrap_or_else(PoisonError::into_inner);
            let mut tables = Tables::clone(&known);
            for (spec, standing) in specs.iter().zip(standings) {
                tables.entry(spec.name).or_insert_with(|| Arc::new(Table::new(spec.clone(), standing)));
            }
            *known = Arc::new(tables);
        }
        if migrations == Migrations::Complete
            && let Some(backfill) = Backfill::over(self, schema)
        {
            crate::migrations::warn_of(&backfill.finish().await?);
        }
        Ok(())
    }

    async fn read(&self, realm: RealmId, now: Timestamp, keys: &[RecordKey]) -> Result<Vec<Option<Row>>, StoreError> {
        self.readers.read(&self.tables(), realm, now, keys)
    }

    async fn find(&self, realm: RealmId, now: Timestamp, query: &RawQuery) -> Result<Vec<(Cursor, Row)>, StoreError> {
        let tables = self.tables();
        let table = batch::table(&tables, query.collection)?;
        self.check_serving(table, &query.columns)?;
        self.readers.find(table, realm, now, query)
    }

    async fn count(&self, realm: RealmId, now: Timestamp, query: &RawQuery) -> Result<u32, StoreError> {
        let query = RawQuery { after: None, ..query.clone() };
        let tables = self.tables();
        let table = batch::table(&tables, query.collection)?;
        self.check_serving(table, &query.columns)?;
        self.readers.count(table, realm, now, &query)
    }

    async fn commit(&self, realm: RealmId, batch: Batch) -> Result<(), StoreError> {
        batch.check_size()?;
        let (answer, answered) = oneshot::channel();
        self.ask(Job::Batch { tables: self.tables(), realm, batch, answer }, answered).await
    }

    async fn load(&self, realm: RealmId, load: Load) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        load.check_size()?;
        let (answer, answered) = oneshot::channel();
        self.ask(Job::Load { tables: self.tables(), realm, load, answer }, answered).await
    }

    fn directory(&self) -> Option<&dyn Directory> {
        Some(self)
    }

    async fn settle(&self, unit: Uuid, now: Timestamp) -> Result<Settlement, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.ask(Job::Settle { unit, now, answer }, answered).await
    }

    async fn tail(&self, realm: RealmId, after: Position, limit: u32) -> Result<Vec<(Position, Row)>, StoreError> {
        let tables = self.tables();
        match tables.values().find(|table| table.spec.stream) {
            Some(stream) => self.readers.tail(stream, realm, after, limit),
            None => Ok(Vec::new()),
        }
    }

    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.ask(Job::Sweep { tables: self.tables(), now, limit, answer }, answered).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        if self.queue.is_closed() {
            return Err(StoreError::Unavailable("the writer has ended".into()));
        }
        self.readers.ping()
    }

    async fn pressure(&self, _: RealmId, _: Timestamp) -> Result<Pressure, StoreError> {
        let waiting = u32::try_from(self.statistics().waiting).unwrap_or(u32::MAX);
        Ok(Pressure { waiting, ..Pressure::default() })
    }

    async fn commits_of_others(&self) -> Result<Option<u64>, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.ask(Job::Version { answer }, answered).await.map(Some)
    }

    fn evolution(&self) -> Option<&dyn Evolution> {
        Some(self)
    }

    fn file(&self) -> Option<PathBuf> {
        Some(self.file.clone())
    }
}

/// A host's write on its way.
struct Host<F, T, E> {
    work: F,
    said: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> HostWrite for Host<F, T, E>
where
    F: FnMut(&Connection) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(&mut self, conn: &Connection) -> bool {
        self.said = None;
        self.said.insert((self.work)(conn)).is_ok()
    }

    fn finish(self: Box<Self>, outcome: Result<(), StoreError>) {
        // Without a word of its own it has panicked: dropping the sender says so.
        match (outcome, self.said) {
            (Ok(()), Some(said)) => drop(self.answer.send(said)),
            (Ok(()), None) => {}
            (Err(error), _) => drop(self.answer.send(Err(error.into()))),
        }
    }
}
