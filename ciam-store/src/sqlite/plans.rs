//! Every kind of question walks an index in its order: no scan, and no sorting but of ties.

use std::ops::Bound;

use ciam_core::clock::Timestamp;
use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{
    CollectionSpec, ColumnSpec, ColumnType, Cursor, FieldSpec, IndexSpec, RawFilter, RawQuery, RawSearch, RawSort,
    SearchCursor, Start, Test, Value,
};
use rusqlite::Connection;
use uuid::Uuid;

use super::directory::WORDS;
use super::schema;
use super::sql::{Table, row_columns};
use crate::migrations::Migrations;
use crate::search;

fn spec(expires: bool) -> CollectionSpec {
    let column = |name, kind| ColumnSpec { name, kind };
    let index = |columns: &[&'static str], unique| IndexSpec { columns: columns.to_vec(), unique };
    CollectionSpec {
        name: "things",
        columns: vec![
            column("name", ColumnType::Text),
            column("owner", ColumnType::Uuid),
            column("rank", ColumnType::Int),
        ],
        searchable: vec![
            FieldSpec { column: "name", kind: ColumnType::Text, nullable: false },
            FieldSpec { column: "rank", kind: ColumnType::Int, nullable: true },
            FieldSpec::CREATED_AT,
        ],
        indexes: vec![index(&["name"], true), index(&["owner"], false), index(&["owner", "rank"], false)],
        live: vec!["tries"],
        shape: 1,
        expires,
        stream: false,
        announced: false,
    }
}

fn plan(conn: &Connection, text: &str) -> String {
    let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
    let rows = statement.raw_query().mapped(|row| row.get::<_, String>(3)).map(Result::unwrap);
    rows.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_question_walks_an_index() {
    for expires in [false, true] {
        let conn = Connection::open_in_memory().unwrap();
        let standing = schema::prepare(&conn, &[spec(expires)], Migrations::Refuse).unwrap().remove(0);
        let table = Table::new(spec(expires), standing);
        for text in [&table.read, &table.version, &table.touch, &table.remove, &table.replace, &table.taken] {
            assert!(plan(&conn, text).starts_with("SEARCH ciam_things USING INDEX sqlite_autoindex"), "{text}");
        }
        for unique in &table.unique {
            assert!(plan(&conn, &unique.holder).contains("ciam_things__name__key (realm=? AND name=?"));
        }
        let owner = || Value::Uuid(Uuid::nil());
        let cases: [(&[&'static str], Vec<Value>, Value, &str); 5] = [
            (&["name"], vec![], Value::Text("a".into()), "ciam_things__name__key (realm=?"),
            (&["name"], vec![Value::Text("a".into())], Value::Null, "ciam_things__name__key (realm=? AND name=?"),
            (&["owner"], vec![owner()], Value::Null, "(realm=? AND owner=?"),
            (&["owner", "rank"], vec![owner()], Value::Int(1), "ciam_things__owner__rank__idx (realm=? AND owner=?"),
            (&["owner", "rank"], vec![owner(), Value::Int(1)], Value::Null, "(realm=? AND owner=? AND rank=?"),
        ];
        for (columns, equal, value, expected) in cases {
            let open = columns.len() > equal.len();
            let ends = [Bound::Unbounded, Bound::Included(value.clone())];
            for (lower, descending, paged) in
                ends.iter().flat_map(|end| [false, true].map(|d| [false, true].map(|p| (end, d, p)))).flatten()
            {
                let after = paged.then(|| Cursor { value: open.then(|| value.clone()), id: Uuid::nil() });
                let query = RawQuery {
                    collection: "things",
                    columns: columns.to_vec(),
                    equal: equal.clone(),
                    lower: lower.clone(),
                    upper: Bound::Unbounded,
                    after,
                    descending,
                    limit: 10,
                };
                let text = table.query(&query, false).unwrap();
                let plan = plan(&conn, &text);
                assert!(plan.contains(expected), "{text}\n{plan}");
                assert!(!plan.contains("SCAN") && !plan.contains("B-TREE FOR ORDER"), "{text}\n{plan}");
            }
        }
    }
}

fn search(filter: RawFilter, sort: &[(&'static str, bool)], start: Start) -> RawSearch {
    let sort = sort.iter().map(|&(field, descending)| RawSort { field, descending }).collect();
    RawSearch { collection: "things", filter, sort, start, limit: 10, count_to: None }
}

fn plan_of(conn: &Connection, spec: &CollectionSpec, search: &RawSearch) -> String {
    search.check(spec).unwrap();
    let realm = RealmId::from_uuid(Uuid::nil());
    let page = search::page(&WORDS, spec, &row_columns(spec), realm, Timestamp::EPOCH, search);
    plan(conn, &page.text)
}

#[test]
fn searches_by_value_beginning_and_order_walk_an_index() {
    for expires in [false, true] {
        let conn = Connection::open_in_memory().unwrap();
        let spec = spec(expires);
        schema::prepare(&conn, std::slice::from_ref(&spec), Migrations::Refuse).unwrap();
        let of = |field, test| RawFilter::Test { field, test };
        let text = |text: &str| Value::Text(text.to_owned());
        let first = || Start::Offset(0);
        for (filter, expected) in [
            (of("name", Test::Eq(text("a"))), "ciam_things__name__key (realm=? AND name=?"),
            (of("name", Test::In(vec![text("a"), text("b")])), "ciam_things__name__key (realm=? AND name=?"),
            (of("name", Test::StartsWith("a".into())), "ciam_things__name__key (realm=? AND name>? AND name<?"),
            (of("rank", Test::Eq(Value::Int(1))), "ciam_things__rank__search (realm=? AND rank=?"),
            (of("rank", Test::Ge(Value::Int(1))), "ciam_things__rank__search (realm=? AND rank>?"),
            (of("rank", Test::Eq(Value::Null)), "ciam_things__rank__search (realm=? AND rank=?"),
            (of("created_at", Test::Lt(Value::Int(1))), "ciam_things__created_at__search (realm=? AND created_at<?"),
            (of("id", Test::Eq(Value::Uuid(Uuid::nil()))), "sqlite_autoindex_ciam_things_1 (id=?"),
        ] {
            let plan = plan_of(&conn, &spec, &search(filter.clone(), &[], first()));
            assert!(plan.contains(expected) && !plan.contains("SCAN"), "{filter:?}\n{plan}");
        }
        let after = |value| Start::After(SearchCursor { values: vec![value], id: Uuid::nil() });
        let all = || RawFilter::All(Vec::new());
        for descending in [false, true] {
            for (field, start) in [
                ("name", first()),
                ("name", after(text("a"))),
                ("rank", first()),
                ("rank", after(Value::Int(1))),
                ("rank", after(Value::Null)),
                ("created_at", first()),
                ("created_at", after(Value::Int(1))),
            ] {
                let plan = plan_of(&conn, &spec, &search(all(), &[(field, descending)], start.clone()));
                assert!(plan.contains(&format!("ciam_things__{field}__")), "{field} {start:?}\n{plan}");
                // The two halves of a page are sorted once more, and they only.
                let sorted = plan.matches("B-TREE FOR ORDER").count();
                let halves = plan.contains("UNION ALL");
                assert_eq!(sorted, usize::from(halves), "{field} {start:?}\n{plan}");
                assert!(!plan.contains("SCAN ciam_things"), "{field} {start:?}\n{plan}");
            }
            let plan = plan_of(&conn, &spec, &search(all(), &[("rank", descending), ("name", !descending)], first()));
            assert!(plan.contains("LAST 2 TERMS OF ORDER BY") || plan.contains("PARTIAL"), "{plan}");
        }
    }
}
