//! The suite of all backends over databases that an older version made, with fewer columns, and that are migrated when
//! the suite begins: every statement works behind a fence, with columns in another order.

use std::sync::Arc;

use ciam_core::clock::Timestamp;
use ciam_core::store::{Backend, Collection, Index, Record, Schema, Tally};
use ciam_store::Migrations::Complete;
use ciam_store::conformance::{AccountId, TicketId};
use ciam_store::{PostgresOptions, PostgresStore, SqliteOptions, SqliteStore};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::support::empty_schema;

/// An account of the suite, as an older version kept it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Account {
    id: AccountId,
    name: String,
    seats: i64,
}

impl Record for Account {
    type Id = AccountId;
    const COLLECTION: Collection<Self> = Collection::new("suite_accounts").index(&Self::BY_NAME).live(&Self::SEATS);

    fn id(&self) -> AccountId {
        self.id
    }
}

impl Account {
    const BY_NAME: Index<Self, String> = Index::new("name", |a: &Self| a.name.clone()).unique();
    const SEATS: Tally<Self> = Tally::new("seats", |a: &mut Self| &mut a.seats);
}

/// A ticket of the suite, as an older version kept it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Ticket {
    id: TicketId,
    code: String,
    until: Timestamp,
}

impl Record for Ticket {
    type Id = TicketId;
    const COLLECTION: Collection<Self> =
        Collection::new("suite_tickets").index(&Self::BY_CODE).expires(|ticket| ticket.until);

    fn id(&self) -> TicketId {
        self.id
    }
}

impl Ticket {
    const BY_CODE: Index<Self, String> = Index::new("code", |t: &Self| t.code.clone()).unique();
}

fn older() -> Schema {
    Schema::new().with::<Account>().with::<Ticket>()
}

async fn sqlite() -> Option<(Arc<SqliteStore>, TempDir)> {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("suite.db");
    SqliteStore::open(&file).await.unwrap().prepare(&older()).await.unwrap();
    Some((Arc::new(SqliteOptions::new().migrations(Complete).open(file).await.unwrap()), dir))
}

async fn postgres() -> Option<(Arc<PostgresStore>, ())> {
    let url = empty_schema().await?;
    PostgresStore::open(&url).await.unwrap().prepare(&older()).await.unwrap();
    let options = PostgresOptions::new(&url).unwrap().connections(8).migrations(Complete);
    Some((Arc::new(options.open().await.unwrap()), ()))
}

/// What the suite runs over is fenced: otherwise it would show nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_suite_stands_behind_a_fence() {
    for place in crate::Place::all().await {
        place.open_for(older(), ciam_store::Migrations::Refuse).await.unwrap();
        let backend = place.backend(Complete).await;
        let schema = Schema::new().with::<ciam_store::conformance::Account>().with::<ciam_store::conformance::Ticket>();
        backend.prepare(&schema).await.unwrap();
        assert_eq!(place.number("SELECT count(*) FROM ciam_layouts WHERE generation = 2 AND fenced = 1").await, 2);
    }
}

ciam_store::conformance!(on_sqlite, sqlite);
ciam_store::conformance!(on_postgres, postgres);
