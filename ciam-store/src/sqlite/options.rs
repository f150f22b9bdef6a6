//! How an SQLite file is opened.

use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use ciam_core::store::StoreError;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tokio::sync::{mpsc, oneshot};

use super::SqliteStore;
use super::failure::is_busy;
use super::readers::Readers;
use super::searches::Searches;
use super::writer::{Figures, Writer};
use crate::migrations::Migrations;

/// How many statements a connection keeps prepared: all of an application's, in practice.
const KEPT_STATEMENTS: usize = 1024;

/// How much of the file the writer keeps at hand: what a whole group changes, so that no page is written twice.
const WRITER_CACHE_KIB: i64 = 16 * 1024;

/// How much of it each other connection keeps: the upper levels of the indexes of a large file. Every commit empties it,
/// and emptying takes as long as the most that all connections together ever kept.
const READER_CACHE_KIB: i64 = 2 * 1024;

/// What SQLite maps at most.
const MOST_MAPPED: u32 = 0x7FFF_0000;

/// How an SQLite file is opened; every number has a default that suits one machine.
///
/// ```no_run
/// # async fn open() -> Result<(), ciam_core::store::StoreError> {
/// let store = ciam_store::SqliteOptions::new().readers(8).open("app.db").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    readers: usize,
    max_group: usize,
    queue: usize,
    busy_timeout: Duration,
    search_timeout: Duration,
    mapped: u32,
    migrations: Migrations,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl SqliteOptions {
    /// Four readers, at most 512 writes in a commit, 4096 waiting, five seconds of patience, nothing mapped.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            readers: 4,
            max_group: 512,
            queue: 4096,
            busy_timeout: Duration::from_secs(5),
            search_timeout: Duration::from_secs(5),
            mapped: 0,
            migrations: Migrations::Refuse,
        }
    }

    /// How many connections read (default 4, at least 1). More than there are processors gain nothing.
    #[must_use]
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = readers.max(1);
        self
    }

    /// The most writes that share a COMMIT (default 512, at least 1).
    #[must_use]
    pub fn max_group(mut self, writes: usize) -> Self {
        self.max_group = writes.max(1);
        self
    }

    /// How many writes may wait (default 4096, at least 1); whoever comes later waits to be let in.
    #[must_use]
    pub fn queue(mut self, writes: usize) -> Self {
        self.queue = writes.max(1);
        self
    }

    /// How long to wait for another connection that holds the write lock (default 5 seconds) before
    /// [`StoreError::Unavailable`].
    #[must_use]
    pub const fn busy_timeout(mut self, patience: Duration) -> Self {
        self.busy_timeout = patience;
        self
    }

    /// How long a search of the [`Directory`](ciam_core::store::Directory) may take, and be waited for while others
    /// search (default 5 seconds), before [`StoreError::Unavailable`]. Searches have a connection of their own and take
    /// turns, so that nobody who signs in waits for them.
    #[must_use]
    pub const fn search_timeout(mut self, patience: Duration) -> Self {
        self.search_timeout = patience;
        self
    }

    /// How many bytes of the file readers may map into memory (default 0; at most 2 GiB less 64 KiB).
    ///
    /// A site that is mostly read gains a third of a read from it. Every commit takes the mapping away and the next
    /// reads make it anew, so that one that is written to loses as much once its file is large. A disk that fails under
    /// a mapped page ends the process, where a read would have been answered [`StoreError::Unavailable`]. Writes never
    /// go through the mapping.
    #[must_use]
    pub const fn mapped(mut self, bytes: u32) -> Self {
        self.mapped = if bytes > MOST_MAPPED { MOST_MAPPED } else { bytes };
        self
    }

    /// What may be done to a file that holds records of an older version of the app (default [`Migrations::Refuse`]).
    #[must_use]
    pub const fn migrations(mut self, migrations: Migrations) -> Self {
        self.migrations = migrations;
        self
    }

    /// Opens the file, which is created if it is not there, and switches it to write-ahead logging.
    ///
    /// # Errors
    /// [`StoreError::Unopened`] when the file cannot be opened or is no database, with what stands in the way;
    /// [`StoreError::Misuse`] for a database in memory, which several connections cannot share: that
    /// is what [`MemoryStore`](ciam_core::store::MemoryStore) is for.
    pub async fn open(self, path: impl AsRef<Path>) -> Result<SqliteStore, StoreError> {
        let path = path.as_ref().to_owned();
        if path.as_os_str().is_empty() || path.as_os_str() == ":memory:" {
            return Err(StoreError::Misuse("an SQLite database in memory cannot be shared; use the memory store"));
        }
        let (jobs, queue) = mpsc::channel(self.queue);
        let figures = Arc::new(Figures::default());
        let (opened, is_open) = oneshot::channel();
        let theirs = Arc::clone(&figures);
        // Opening may wait for another process, so it happens on the thread that may wait.
        let (file, migrations) = (path.clone(), self.migrations);
        let thread = std::thread::Builder::new().name("ciam-sqlite-writer".to_owned());
        let spawned = thread.spawn(move || match self.connections(&path) {
            Ok((conn, readers, searches)) => {
                if opened.send(Ok((readers, searches))).is_ok() {
                    Writer { conn, queue, max_group: self.max_group, figures: theirs }.run();
                }
            }
            Err(error) => drop(opened.send(Err(error))),
        });
        spawned.map_err(|error| StoreError::Unopened(format!("the writer cannot start: {error}")))?;
        let (readers, searches) =
            is_open.await.unwrap_or_else(|_| Err(StoreError::Unopened("the writer did not start".to_owned())))?;
        Ok(SqliteStore { file, queue: jobs, readers, searches, tables: RwLock::default(), figures, migrations })
    }

    /// Others may be opening the file, too: SQLite does not wait for them while it changes the journal's mode.
    fn connections(&self, path: &Path) -> Result<Connections, StoreError> {
        let file = path.display();
        create_private(path)
            .map_err(|error| StoreError::Unopened(format!("{file} cannot be opened or made: {error}")))?;
        let until = Instant::now() + self.busy_timeout;
        loop {
            match self.try_connections(path) {
                Err(error) if is_busy(&error) && Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
                other => return other.map_err(|error| StoreError::Unopened(format!("{file}: {error}"))),
            }
        }
    }

    fn try_connections(&self, path: &Path) -> rusqlite::Result<Connections> {
        let writer = self.connect(path, WRITER_CACHE_KIB)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "FULL")?;
        // Savepoints keep the pages they may have to take back: in memory, not in a file.
        writer.pragma_update(None, "temp_store", "MEMORY")?;
        let reader = |_| {
            let connection = self.connect(path, READER_CACHE_KIB)?;
            connection.pragma_update(None, "query_only", true)?;
            connection.pragma_update(None, "mmap_size", self.mapped)?;
            Ok(connection)
        };
        let readers = (0..self.readers).map(reader).collect::<rusqlite::Result<_>>()?;
        Ok((writer, Readers::new(readers), Searches::new(reader(self.readers)?, self.search_timeout)))
    }

    fn connect(&self, path: &Path, cache_kib: i64) -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(self.busy_timeout)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // Without this, SQLite plans a kept statement anew whenever a LIMIT is bound to it.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.pragma_update(None, "cache_size", -cache_kib)?;
        connection.set_prepared_statement_cache_capacity(KEPT_STATEMENTS);
        Ok(connection)
    }
}

/// The one that writes, those that read, and the one that searches.
type Connections = (Connection, Readers, Searches);

/// Makes an empty file that only its owner can read, unless there is one: addresses and hashes are in it, and
/// SQLite gives its journals the same mode.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
