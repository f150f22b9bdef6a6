//! The PostgreSQL of the tests.

pub(crate) mod proxy;
pub(crate) mod schema;
pub(crate) mod server;

use std::sync::Arc;

use ciam_store::{PostgresOptions, PostgresStore};

pub(super) use schema::empty_schema;

/// An empty store of its own, with few connections, so that many tests may run at once.
pub(super) async fn empty_store() -> Option<Arc<PostgresStore>> {
    let url = empty_schema().await?;
    Some(Arc::new(PostgresOptions::new(&url).unwrap().connections(8).open().await.unwrap()))
}
