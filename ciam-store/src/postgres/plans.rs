//! Searches by a value, by the beginning of a text, and in an order walk an index, as the server plans them over some
//! thousand rows. Left out without a PostgreSQL.

use ciam_core::clock::Timestamp;
use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{
    Backend as _, Collection, Field, RawFilter, RawSearch, RawSort, Record, Schema, SearchCursor, Start, Test, Value,
};
use serde::{Deserialize, Serialize};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::PostgresStore;
use super::directory::WORDS;
use super::sql::{numbered, row_columns};
use super::values::Param;
use crate::search;

#[path = "../../tests/support/schema.rs"]
mod schema;

ciam_core::id!(ThingId, "tthing", "A thing.");

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Thing {
    id: ThingId,
    name: String,
    rank: Option<i64>,
}

impl Record for Thing {
    type Id = ThingId;
    const COLLECTION: Collection<Self> = Collection::new("things").searchable(&Self::NAME).searchable(&Self::RANK);

    fn id(&self) -> ThingId {
        self.id
    }
}

impl Thing {
    const NAME: Field<Self, String> = Field::new("name", |thing: &Self| thing.name.clone());
    const RANK: Field<Self, Option<i64>> = Field::new("rank", |thing: &Self| thing.rank);
}

async fn plan(store: &PostgresStore, filter: RawFilter, sort: &[(&'static str, bool)], start: Start) -> String {
    let sort = sort.iter().map(|&(field, descending)| RawSort { field, descending }).collect();
    let search = RawSearch { collection: "things", filter, sort, start, limit: 10, count_to: None };
    let spec = Thing::COLLECTION.spec();
    let realm = RealmId::from_uuid(Uuid::nil());
    let page = search::page(&WORDS, &spec, &row_columns(&spec), realm, Timestamp::EPOCH, &search);
    let params: Vec<Param> = page.params.iter().map(Param::from).collect();
    let params: Vec<(&(dyn ToSql + Sync), Type)> = params.iter().map(|param| (param as _, param.kind())).collect();
    let client = store.pool.get().await.unwrap();
    let rows = client.query_typed(&format!("EXPLAIN {}", numbered(&page.text)), &params).await.unwrap();
    rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn searches_by_value_beginning_and_order_walk_an_index() {
    let Some(url) = schema::empty_schema().await else { return };
    let store = PostgresStore::open(&url).await.unwrap();
    store.prepare(&Schema::new().with::<Thing>()).await.unwrap();
    let client = store.pool.get().await.unwrap();
    let fill = "BEGIN READ WRITE; INSERT INTO ciam_things (id, realm, version, shape, created_at, updated_at, name, rank, doc) \
        SELECT gen_random_uuid(), '00000000-0000-0000-0000-000000000000', gen_random_uuid(), 1, now(), now(), \
               md5(n::text), nullif(n % 5000, 0), '{}' FROM generate_series(1, 20000) AS n; COMMIT; ANALYZE ciam_things";
    client.batch_execute(fill).await.unwrap();
    drop(client);
    let of = |field, test| RawFilter::Test { field, test };
    let text = |text: &str| Value::Text(text.to_owned());
    let first = || Start::Offset(0);
    for (filter, index) in [
        (of("name", Test::Eq(text("a"))), "ciam_things__name__search"),
        (of("name", Test::In(vec![text("a"), text("b")])), "ciam_things__name__search"),
        (of("name", Test::StartsWith("abc".into())), "ciam_things__name__search"),
        (of("rank", Test::Eq(Value::Int(1))), "ciam_things__rank__search"),
        (of("rank", Test::Eq(Value::Null)), "ciam_things__rank__search"),
        (of("id", Test::Eq(Value::Uuid(Uuid::nil()))), "ciam_things_pkey"),
    ] {
        let plan = plan(&store, filter.clone(), &[], first()).await;
        assert!(plan.contains(index) && !plan.contains("Seq Scan"), "{filter:?}\n{plan}");
    }
    let after = |value| Start::After(SearchCursor { values: vec![value], id: Uuid::nil() });
    for descending in [false, true] {
        for (field, start) in [
            ("name", first()),
            ("name", after(text("a"))),
            ("rank", first()),
            ("rank", after(Value::Int(1))),
            ("rank", after(Value::Null)),
        ] {
            let plan = plan(&store, RawFilter::All(Vec::new()), &[(field, descending)], start.clone()).await;
            assert!(plan.contains(&format!("ciam_things__{field}__search")), "{field} {start:?}\n{plan}");
            // The two halves of a page are sorted once more, and they only.
            assert_eq!(plan.matches("Sort Key").count(), plan.matches("Append").count(), "{field} {start:?}\n{plan}");
            assert!(!plan.contains("Seq Scan"), "{field} {start:?}\n{plan}");
        }
    }
}
