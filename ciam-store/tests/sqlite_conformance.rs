//! The suite over SQLite: with the default readers, and with a single one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use ciam_store::{SqliteOptions, SqliteStore};
use tempfile::TempDir;

async fn open(options: SqliteOptions) -> Option<(Arc<SqliteStore>, TempDir)> {
    let dir = TempDir::new().unwrap();
    let store = options.open(dir.path().join("suite.db")).await.unwrap();
    Some((Arc::new(store), dir))
}

ciam_store::conformance!(sqlite, || open(SqliteOptions::new()));
ciam_store::conformance!(sqlite_narrow, || open(SqliteOptions::new().readers(1).queue(1).max_group(3)));
ciam_store::restarts!(sqlite_restarts, || async { Some(TempDir::new().unwrap()) }, |folder: Arc<TempDir>| async move {
    Arc::new(SqliteStore::open(folder.path().join("suite.db")).await.unwrap())
});
