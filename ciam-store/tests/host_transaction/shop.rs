//! A host with tables of its own beside ciam's, over each driver that it may have.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ciam_core::store::{Applied, Backend, Staged, StoreError};
use ciam_store::{PostgresStore, SqliteStore};
use rusqlite::TransactionBehavior;
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use tempfile::TempDir;
use uuid::Uuid;

/// One thing that a host does in a transaction.
#[derive(Clone)]
pub(crate) enum Step {
    Apply(Arc<Staged>),
    /// An order of a user's; refused at once when there is no such user.
    Order(Uuid),
    /// A gift to a user; refused at the commit when there is no such user.
    Gift(Uuid),
}

/// How a host ends a transaction that went well. One that did not is rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Commit,
    RollBack,
}

/// What became of a transaction.
pub(crate) struct Ran {
    /// What each [`Step::Apply`] came to, in order. The host goes on after a refusal.
    pub(crate) applied: Vec<Result<Applied, StoreError>>,
    /// Whether it was committed.
    pub(crate) committed: bool,
}

impl Ran {
    /// The only unit that was applied.
    pub(crate) fn only(mut self) -> Result<Applied, StoreError> {
        assert_eq!(self.applied.len(), 1);
        self.applied.remove(0)
    }
}

/// A host over one of the drivers.
pub(crate) trait Shop: Send + Sync + Sized + 'static {
    /// Without tables yet; none where there is no server.
    fn open() -> impl Future<Output = Option<Self>> + Send;
    fn backend(&self) -> Arc<dyn Backend>;
    fn create_tables(&self) -> impl Future<Output = ()> + Send;
    fn run(&self, steps: Vec<Step>, end: End) -> impl Future<Output = Ran> + Send;
    /// How many orders and gifts there are.
    fn count(&self) -> impl Future<Output = i64> + Send;
}

const ORDER: &str = "INSERT INTO orders (buyer) VALUES ($1)";
const GIFT: &str = "INSERT INTO gifts (receiver) VALUES ($1)";
const COUNT: &str = "SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM gifts)";

fn tables(id: &str) -> String {
    format!(
        "CREATE TABLE orders (buyer {id} NOT NULL REFERENCES ciam_users (id));
         CREATE TABLE gifts (receiver {id} NOT NULL REFERENCES ciam_users (id) DEFERRABLE INITIALLY DEFERRED)"
    )
}

/// The steps over whatever driver: how it executes a statement about a user, applies a unit, commits and rolls back.
macro_rules! run_steps {
    ($steps:expr, $end:expr, $applied:ident, |$sql:ident, $user:ident| $execute:expr, |$staged:ident| $apply:expr,
     $commit:expr, $roll_back:expr $(,)?) => {{
        let mut failed = false;
        for step in $steps {
            let (sql, user) = match step {
                Step::Apply(staged) => {
                    let $staged = staged.as_ref();
                    $applied.push($apply);
                    continue;
                }
                Step::Order(user) => (ORDER, *user),
                Step::Gift(user) => (GIFT, *user),
            };
            let ($sql, $user) = (sql, user);
            if $execute.is_err() {
                failed = true;
                break;
            }
        }
        if failed || $end == End::RollBack {
            let () = $roll_back;
            false
        } else {
            $commit.is_ok()
        }
    }};
}

/// A file of its own.
pub(crate) struct File {
    _dir: TempDir,
    path: PathBuf,
    store: Arc<SqliteStore>,
}

impl File {
    async fn open() -> Self {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("app.db");
        let store = Arc::new(SqliteStore::open(&path).await.unwrap());
        Self { _dir: dir, path, store }
    }

    fn connect(&self) -> rusqlite::Connection {
        let host = rusqlite::Connection::open(&self.path).unwrap();
        host.busy_timeout(Duration::from_secs(60)).unwrap();
        host.pragma_update(None, "foreign_keys", true).unwrap();
        host
    }

    fn create_tables(&self) {
        self.connect().execute_batch(&tables("BLOB")).unwrap();
    }

    fn count(&self) -> i64 {
        self.connect().query_row(COUNT, (), |row| row.get(0)).unwrap()
    }
}

/// A connection of the host's own, by rusqlite.
pub(crate) struct Rusqlite(File);

impl Rusqlite {
    pub(crate) fn store(&self) -> &SqliteStore {
        &self.0.store
    }

    pub(crate) fn connect(&self) -> rusqlite::Connection {
        self.0.connect()
    }
}

impl Shop for Rusqlite {
    async fn open() -> Option<Self> {
        Some(Self(File::open().await))
    }

    fn backend(&self) -> Arc<dyn Backend> {
        Arc::<SqliteStore>::clone(&self.0.store)
    }

    async fn create_tables(&self) {
        self.0.create_tables();
    }

    async fn run(&self, steps: Vec<Step>, end: End) -> Ran {
        let (mut host, store) = (self.0.connect(), Arc::clone(&self.0.store));
        let ran = tokio::task::spawn_blocking(move || {
            let tx = host.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
            let mut applied = Vec::new();
            let committed = run_steps!(
                &steps,
                end,
                applied,
                |sql, user| tx.execute(sql, [user]),
                |staged| store.apply(&tx, staged),
                tx.commit(),
                tx.rollback().unwrap(),
            );
            Ran { applied, committed }
        });
        ran.await.unwrap()
    }

    async fn count(&self) -> i64 {
        self.0.count()
    }
}

/// The writer of ciam's own, which the host queues its transaction on.
pub(crate) struct Queued(File, Arc<AtomicU32>);

impl Queued {
    pub(crate) fn store(&self) -> &SqliteStore {
        &self.0.store
    }

    /// How often a closure has run.
    pub(crate) fn runs(&self) -> u32 {
        self.1.load(Ordering::SeqCst)
    }
}

#[derive(Debug)]
struct TakenBack;

impl From<StoreError> for TakenBack {
    fn from(_: StoreError) -> Self {
        Self
    }
}

impl Shop for Queued {
    async fn open() -> Option<Self> {
        Some(Self(File::open().await, Arc::default()))
    }

    fn backend(&self) -> Arc<dyn Backend> {
        Arc::<SqliteStore>::clone(&self.0.store)
    }

    async fn create_tables(&self) {
        self.0.create_tables();
    }

    async fn run(&self, steps: Vec<Step>, end: End) -> Ran {
        let (applied, store) = (Arc::new(Mutex::new(Vec::new())), Arc::clone(&self.0.store));
        let (came, runs) = (Arc::clone(&applied), Arc::clone(&self.1));
        let written = self.0.store.write(move |tx| {
            runs.fetch_add(1, Ordering::SeqCst);
            let mut applied = came.lock().unwrap();
            applied.clear(); // it may run again
            let kept = run_steps!(
                &steps,
                end,
                applied,
                |sql, user| tx.execute(sql, [user]),
                |staged| store.apply(tx, staged),
                Ok::<_, TakenBack>(()),
                (),
            );
            if kept { Ok(()) } else { Err(TakenBack) }
        });
        let committed = written.await.is_ok();
        let applied = std::mem::take(&mut *applied.lock().unwrap());
        Ran { applied, committed }
    }

    async fn count(&self) -> i64 {
        self.0.count()
    }
}

/// A schema of its own.
pub(crate) struct Schema {
    url: String,
    store: Arc<PostgresStore>,
}

impl Schema {
    async fn open() -> Option<Self> {
        let url = crate::support::empty_schema().await?;
        let options = ciam_store::PostgresOptions::new(&url).unwrap().connections(8);
        Some(Self { store: Arc::new(options.open().await.unwrap()), url })
    }

    async fn connect(&self) -> tokio_postgres::Client {
        let (client, connection) = tokio_postgres::connect(&self.url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    async fn create_tables(&self) {
        self.connect().await.batch_execute(&tables("uuid")).await.unwrap();
    }

    async fn count(&self) -> i64 {
        self.connect().await.query_one(COUNT, &[]).await.unwrap().get(0)
    }
}

/// A connection of the host's own, by tokio-postgres.
pub(crate) struct TokioPostgres(Schema);

impl TokioPostgres {
    pub(crate) fn store(&self) -> &PostgresStore {
        &self.0.store
    }

    pub(crate) async fn connect(&self) -> tokio_postgres::Client {
        self.0.connect().await
    }
}

impl Shop for TokioPostgres {
    async fn open() -> Option<Self> {
        Schema::open().await.map(Self)
    }

    fn backend(&self) -> Arc<dyn Backend> {
        Arc::<PostgresStore>::clone(&self.0.store)
    }

    async fn create_tables(&self) {
        self.0.create_tables().await;
    }

    async fn run(&self, steps: Vec<Step>, end: End) -> Ran {
        let mut host = self.0.connect().await;
        let tx = host.transaction().await.unwrap();
        let mut applied = Vec::new();
        let committed = run_steps!(
            &steps,
            end,
            applied,
            |sql, user| tx.execute(sql, &[&user]).await,
            |staged| self.0.store.apply(&tx, staged).await,
            tx.commit().await,
            tx.rollback().await.unwrap(),
        );
        Ran { applied, committed }
    }

    async fn count(&self) -> i64 {
        self.0.count().await
    }
}

/// A connection of the host's own to a file, by sqlx.
pub(crate) struct SqlxSqlite(File, SqlitePool);

impl Shop for SqlxSqlite {
    async fn open() -> Option<Self> {
        let file = File::open().await;
        let options = SqliteConnectOptions::new().filename(&file.path).busy_timeout(Duration::from_secs(60));
        Some(Self(file, SqlitePoolOptions::new().max_connections(8).connect_lazy_with(options)))
    }

    fn backend(&self) -> Arc<dyn Backend> {
        Arc::<SqliteStore>::clone(&self.0.store)
    }

    async fn create_tables(&self) {
        self.0.create_tables();
    }

    async fn run(&self, steps: Vec<Step>, end: End) -> Ran {
        let mut tx = self.1.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let mut applied = Vec::new();
        let committed = run_steps!(
            &steps,
            end,
            applied,
            |sql, user| sqlx::query(sql).bind(&user.as_bytes()[..]).execute(&mut *tx).await,
            |staged| self.0.store.apply_sqlx(&mut tx, staged).await,
            tx.commit().await,
            tx.rollback().await.unwrap(),
        );
        Ran { applied, committed }
    }

    async fn count(&self) -> i64 {
        self.0.count()
    }
}

/// A connection of the host's own, by sqlx.
pub(crate) struct SqlxPostgres(Schema, PgPool);

impl SqlxPostgres {
    pub(crate) async fn connect(&self) -> tokio_postgres::Client {
        self.0.connect().await
    }
}

impl Shop for SqlxPostgres {
    async fn open() -> Option<Self> {
        let schema = Schema::open().await?;
        let pool = PgPoolOptions::new().max_connections(8).connect_lazy(&schema.url).unwrap();
        Some(Self(schema, pool))
    }

    fn backend(&self) -> Arc<dyn Backend> {
        Arc::<PostgresStore>::clone(&self.0.store)
    }

    async fn create_tables(&self) {
        self.0.create_tables().await;
    }

    async fn run(&self, steps: Vec<Step>, end: End) -> Ran {
        let mut tx = self.1.begin().await.unwrap();
        let mut applied = Vec::new();
        let committed = run_steps!(
            &steps,
            end,
            applied,
            |sql, user| sqlx::query(AssertSqlSafe(sql.replace("$1", &format!("'{user}'")))).execute(&mut *tx).await,
            |staged| self.0.store.apply_sqlx(&mut tx, staged).await,
            tx.commit().await,
            tx.rollback().await.unwrap(),
        );
        Ran { applied, committed }
    }

    async fn count(&self) -> i64 {
        self.0.count().await
    }
}
