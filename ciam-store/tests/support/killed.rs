//! A process that writes until it is killed, and the database that it leaves: an SQLite file, or a schema in PostgreSQL.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ciam_core::store::Backend;
use ciam_store::{PostgresStore, SqliteStore};
use tokio_postgres::{Client, NoTls};

#[path = "schema.rs"]
mod schema;

/// Tells the process that is killed where to write.
const PLACE: &str = "CIAM_CRASH_PLACE";
/// How long the server may need to see that somebody was killed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the records are.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(String),
}

impl Place {
    /// An empty schema; none without a server.
    pub(crate) async fn postgres() -> Option<Self> {
        schema::empty_schema().await.map(Self::Postgres)
    }

    /// That of the process that is killed.
    pub(crate) fn of_this_process() -> Self {
        let place = std::env::var(PLACE).unwrap();
        if place.starts_with("postgres://") { Self::Postgres(place) } else { Self::Sqlite(place.into()) }
    }

    pub(crate) async fn open(&self) -> Arc<dyn Backend> {
        match self {
            Self::Sqlite(file) => Arc::new(SqliteStore::open(file).await.unwrap()),
            Self::Postgres(url) => Arc::new(PostgresStore::open(url).await.unwrap()),
        }
    }

    /// A number that SQL says.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        match self {
            Self::Sqlite(file) => {
                rusqlite::Connection::open(file).unwrap().query_row(sql, (), |row| row.get(0)).unwrap()
            }
            Self::Postgres(url) => connect(url).await.query_one(sql, &[]).await.unwrap().get(0),
        }
    }

    /// Runs the test `child` of this program in a process of its own, kills it once it has acknowledged so much, and
    /// answers all that it had acknowledged, when nothing of it is under way any more.
    pub(crate) async fn run_and_kill<T>(&self, after: usize, acknowledged: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let place = match self {
            Self::Sqlite(file) => file.to_str().unwrap().to_owned(),
            Self::Postgres(url) => format!("{url}&application_name={}", name_of_child(url)),
        };
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"])
            .env(PLACE, place)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (mut all, mut killed) = (Vec::new(), false);
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            // A line that the kill has cut short is no acknowledgement.
            let Ok(line) = line else { break };
            let Some(of) = line.strip_prefix("acknowledged ").and_then(&acknowledged) else { continue };
            all.push(of);
            if !killed && all.len() >= after {
                child.kill().unwrap();
                killed = true;
            }
        }
        child.wait().unwrap();
        assert!(killed, "the child ended by itself");
        self.is_whole().await;
        all
    }

    /// SQLite finds the file whole; PostgreSQL has ended what the killed process had begun.
    async fn is_whole(&self) {
        let url = match self {
            Self::Sqlite(_) => {
                let wrong = "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'";
                return assert_eq!(self.number(wrong).await, 0);
            }
            Self::Postgres(url) => url,
        };
        let (client, name, begun) = (connect(url).await, name_of_child(url), Instant::now());
        let left = "SELECT count(*) FROM pg_stat_activity WHERE starts_with(application_name, $1)";
        while client.query_one(left, &[&name]).await.unwrap().get::<_, i64>(0) > 0 {
            assert!(begun.elapsed() < PATIENCE, "the server goes on for somebody who was killed");
        }
    }
}

fn name_of_child(url: &str) -> String {
    let (_, schema) = url.rsplit_once("%3D").unwrap();
    format!("{schema}_child")
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
