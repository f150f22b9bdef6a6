//! Every kind of question walks an index in its order: no scan, and no sorting but of ties.

use std::ops::Bound;

use ciam_core::store::{CollectionSpec, ColumnSpec, ColumnType, Cursor, IndexSpec, RawQuery, Value};
use rusqlite::Connection;
use uuid::Uuid;

use super::schema;
use super::sql::Table;
use crate::migrations::Migrations;

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
