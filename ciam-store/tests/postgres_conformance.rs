//! The suite of all backends over PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "what these tests need of it is little")]
mod support;

use std::sync::Arc;

use ciam_store::PostgresOptions;

ciam_store::conformance!(postgres, || async { Some((support::empty_store().await?, ())) });
ciam_store::restarts!(postgres_restarts, support::empty_schema, |url: Arc<String>| async move {
    Arc::new(PostgresOptions::new(&url).unwrap().connections(8).open().await.unwrap())
});
