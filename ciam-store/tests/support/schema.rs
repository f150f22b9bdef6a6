//! Schemas in the PostgreSQL of the tests: `scripts/services` starts it, and `CIAM_TEST_POSTGRES` says where it is.
//! Without it the tests that want it are left out.

use std::sync::atomic::{AtomicU32, Ordering};

/// The URL of a schema of its own, empty; none without a server.
pub(crate) async fn empty_schema() -> Option<String> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var("CIAM_TEST_POSTGRES").ok()?;
    let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let (client, connection) = tokio_postgres::connect(&server, tokio_postgres::NoTls).await.unwrap();
    let talk = tokio::spawn(connection);
    client.batch_execute(&format!("DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}")).await.unwrap();
    drop(client);
    talk.await.unwrap().unwrap();
    Some(format!("{server}?options=-c%20search_path%3D{name}"))
}
