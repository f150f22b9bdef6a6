//! Where the records of a test are, and handles to them as versions of an app would open them.

use std::path::PathBuf;
use std::sync::Arc;

use ciam_core::clock::{Clock, SystemClock};
use ciam_core::entropy::{Entropy, SystemEntropy};
use ciam_core::id::RealmId;
use ciam_core::store::{Backend, Backfill, Backfilled, Record, Schema, Store, StoreError};
use ciam_store::{Migrations, PostgresOptions, SqliteOptions};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::support::empty_schema;

/// An SQLite file, or a schema in PostgreSQL.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Sqlite(File),
    Postgres(String),
}

/// A file, and the folder that must live as long.
#[derive(Debug, Clone)]
pub(crate) struct File(PathBuf, #[allow(dead_code, reason = "it is removed when it is dropped")] Option<Arc<TempDir>>);

/// Tells a process of its own where the records are.
pub(crate) const PLACE: &str = "CIAM_MIGRATED_PLACE";

/// A version of an app that has opened the place.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) store: Store,
    pub(crate) schema: Schema,
}

impl Place {
    /// An empty one of each kind; without a server, SQLite alone.
    pub(crate) async fn all() -> Vec<Self> {
        let folder = TempDir::new().unwrap();
        let sqlite = Self::Sqlite(File(folder.path().join("app.db"), Some(Arc::new(folder))));
        let postgres = empty_schema().await.map(Self::Postgres);
        [Some(sqlite), postgres].into_iter().flatten().collect()
    }

    /// That of a process of its own.
    pub(crate) fn of_this_process() -> Self {
        let place = std::env::var(PLACE).unwrap();
        if place.starts_with("postgres://") { Self::Postgres(place) } else { Self::Sqlite(File(place.into(), None)) }
    }

    /// As such a process is told of it.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Sqlite(File(path, _)) => path.to_str().unwrap().to_owned(),
            Self::Postgres(url) => url.clone(),
        }
    }

    /// Opens it as a version does that may do that much, with one kind of record.
    pub(crate) async fn open<R: Record>(&self, migrations: Migrations) -> Result<Version, StoreError> {
        self.open_for(Schema::new().with::<R>(), migrations).await
    }

    pub(crate) async fn open_for(&self, schema: Schema, migrations: Migrations) -> Result<Version, StoreError> {
        let backend = self.backend(migrations).await;
        backend.prepare(&schema).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
        let store = Store::new(Arc::clone(&backend), RealmId::DEFAULT, clock, entropy);
        Ok(Version { backend, store, schema })
    }

    pub(crate) async fn backend(&self, migrations: Migrations) -> Arc<dyn Backend> {
        match self {
            Self::Sqlite(_) => Arc::new(SqliteOptions::new().migrations(migrations).open(self.file()).await.unwrap()),
            Self::Postgres(url) => {
                let options = PostgresOptions::new(url).unwrap().connections(6).migrations(migrations);
                Arc::new(options.open().await.unwrap())
            }
        }
    }

    fn file(&self) -> PathBuf {
        match self {
            Self::Sqlite(File(path, _)) => path.clone(),
            Self::Postgres(url) => unreachable!("{url} is no file"),
        }
    }

    /// Runs statements as another program does.
    pub(crate) async fn sql(&self, text: &str) {
        match self {
            Self::Sqlite(_) => rusqlite::Connection::open(self.file()).unwrap().execute_batch(text).unwrap(),
            Self::Postgres(url) => connect(url).await.batch_execute(text).await.unwrap(),
        }
    }

    /// A number that SQL says.
    pub(crate) async fn number(&self, text: &str) -> i64 {
        match self {
            Self::Sqlite(_) => {
                rusqlite::Connection::open(self.file()).unwrap().query_row(text, (), |row| row.get(0)).unwrap()
            }
            Self::Postgres(url) => connect(url).await.query_one(text, &[]).await.unwrap().get(0),
        }
    }

    /// All that the catalogue has: tables with their columns, indexes, triggers, constraints.
    pub(crate) async fn catalogue(&self) -> String {
        let sqlite = "SELECT coalesce(group_concat(sql, ';'), '') FROM (SELECT sql FROM sqlite_schema ORDER BY name)";
        let postgres = "SELECT coalesce(string_agg(what, ';' ORDER BY what), '') FROM (
            SELECT attrelid::regclass::text || '.' || attname AS what FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
                WHERE c.relnamespace = current_schema()::regnamespace AND attnum > 0
            UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()
            UNION ALL SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint
                WHERE connamespace = current_schema()::regnamespace) AS all_of_it";
        match self {
            Self::Sqlite(_) => {
                rusqlite::Connection::open(self.file()).unwrap().query_row(sqlite, (), |row| row.get(0)).unwrap()
            }
            Self::Postgres(url) => connect(url).await.query_one(postgres, &[]).await.unwrap().get(0),
        }
    }

    /// A layout that was kept in `tests/layouts`.
    pub(crate) async fn load(&self, name: &str) {
        let engine = if matches!(self, Self::Sqlite(_)) { "sqlite" } else { "postgres" };
        let file = format!("{}/tests/layouts/{name}.{engine}.sql", env!("CARGO_MANIFEST_DIR"));
        self.sql(&std::fs::read_to_string(file).unwrap()).await;
    }
}

impl Version {
    pub(crate) async fn backfill(&self) -> Result<Backfilled, StoreError> {
        Backfill::over(self.backend.as_ref(), &self.schema).unwrap().run().await
    }

    pub(crate) async fn finish(&self) -> Result<Backfilled, StoreError> {
        Backfill::over(self.backend.as_ref(), &self.schema).unwrap().finish().await
    }

    pub(crate) async fn insert<R: Record>(&self, record: &R) -> Result<(), StoreError> {
        self.store
            .transact(|work| {
                let record = record.clone();
                async move { work.insert(&record) }
            })
            .await
    }

    /// Reads a record, changes it, and writes it.
    pub(crate) async fn change<R: Record>(
        &self,
        id: R::Id,
        change: impl Fn(&mut R) + Send + Sync,
    ) -> Result<(), StoreError> {
        let change = &change;
        self.store
            .transact(|work| async move {
                let mut record = work.get::<R>(id).await?.ok_or(StoreError::Misuse("it is there"))?;
                change(&mut record);
                work.replace(&record)
            })
            .await
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
