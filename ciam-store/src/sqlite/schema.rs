//! The tables: how they are made, and whether those that are there fit.
//!
//! Tables have a rowid and a unique index over the record's id. Clustered by the id (`WITHOUT ROWID`)
//! they would not be read faster, as measured over a million sessions (both 1.2 × the bare statement),
//! and with documents of some hundred bytes the tree would become tall: its inner nodes hold whole
//! rows. In the stream of events the rowid is declared, as it is the stream's order. Tables are
//! `STRICT`, so that nothing but ciam's types gets in by hand.

use std::fmt::Write as _;

use ciam_core::store::{CollectionSpec, StoreError};
use rusqlite::Connection;

use super::failure::unavailable;
use crate::layout::{self, ColumnLayout, Dialect, FoundIndex, IndexLayout, table_name};

/// SQLite's words. Names may be of any length.
const DIALECT: Dialect = Dialect {
    uuid: "BLOB",
    int: "INTEGER",
    small: "INTEGER",
    text: "TEXT",
    bytes: "BLOB",
    moment: "INTEGER",
    doc: "TEXT",
    order: &[],
    name_limit: usize::MAX,
};

/// The ids of units: taken by their commit, or by whoever settled that they never commit.
const UNITS: &str = "CREATE TABLE ciam_units (
    id BLOB NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    committed INTEGER NOT NULL
) STRICT, WITHOUT ROWID";

/// Creates what is missing and refuses what does not fit. Runs inside a transaction.
pub(super) fn prepare(conn: &Connection, specs: &[CollectionSpec]) -> Result<(), StoreError> {
    for Statement { table, text } in plan(conn, specs)? {
        conn.execute_batch(&text).map_err(|error| cannot_make(&table, error))?;
    }
    Ok(())
}

/// A statement that makes something that is missing.
pub(super) struct Statement {
    table: String,
    pub(super) text: String,
}

/// What would be created, in order. Refuses what is there and does not fit.
pub(super) fn plan(conn: &Connection, specs: &[CollectionSpec]) -> Result<Vec<Statement>, StoreError> {
    let mut plan = Vec::new();
    let units = "SELECT count(*) FROM sqlite_schema WHERE name = 'ciam_units'";
    if conn.query_row(units, (), |row| row.get::<_, i64>(0)).map_err(unavailable)? == 0 {
        plan.push(Statement { table: "ciam_units".to_owned(), text: UNITS.to_owned() });
    }
    for spec in specs {
        let table = layout::bare_table_name(spec);
        let there = found_columns(conn, spec)?;
        if there.is_empty() {
            plan.push(Statement { table: table.clone(), text: create_table(spec) });
        } else {
            layout::compare_columns(spec, &layout(spec), &there)?;
        }
        let missing = missing_indexes(conn, spec)?.into_iter();
        plan.extend(missing.map(|index| Statement { table: table.clone(), text: index.text(&table_name(spec)) }));
    }
    Ok(plan)
}

fn layout(spec: &CollectionSpec) -> Vec<ColumnLayout> {
    let mut columns = layout::columns(&DIALECT, spec);
    if spec.stream {
        columns.insert(0, ColumnLayout { required: false, primary: true, ..ColumnLayout::new("seq", "INTEGER") });
    }
    for column in &mut columns {
        column.primary |= column.name == "id" && !spec.stream;
    }
    columns
}

fn create_table(spec: &CollectionSpec) -> String {
    let mut text = format!("CREATE TABLE {} (", table_name(spec));
    for (at, column) in layout(spec).iter().enumerate() {
        let _ = write!(text, "{}\n    {}", if at == 0 { "" } else { "," }, column.text());
        match (column.name.as_str(), spec.stream) {
            ("seq", _) => text.push_str(" PRIMARY KEY AUTOINCREMENT"),
            ("id", true) => text.push_str(" UNIQUE"),
            ("id", false) => text.push_str(" PRIMARY KEY"),
            _ => {}
        }
    }
    text.push_str("\n) STRICT");
    text
}

fn found_columns(conn: &Connection, spec: &CollectionSpec) -> Result<Vec<ColumnLayout>, StoreError> {
    let mut statement = conn
        .prepare("SELECT name, type, \"notnull\", pk > 0 FROM pragma_table_xinfo(?1) ORDER BY cid")
        .map_err(unavailable)?;
    let columns = statement.query_map([layout::bare_table_name(spec)], |row| {
        Ok(ColumnLayout { name: row.get(0)?, kind: row.get(1)?, required: row.get(2)?, primary: row.get(3)? })
    });
    columns.and_then(Iterator::collect).map_err(unavailable)
}

/// The indexes that are missing.
fn missing_indexes(conn: &Connection, spec: &CollectionSpec) -> Result<Vec<IndexLayout>, StoreError> {
    let mut statement = conn
        .prepare(
            "SELECT name, \"unique\", partial, (SELECT group_concat(name) FROM \
             (SELECT name FROM pragma_index_info(list.name) ORDER BY seqno)) \
             FROM pragma_index_list(?1) AS list WHERE origin = 'c'",
        )
        .map_err(unavailable)?;
    let there: Vec<FoundIndex> = statement
        .query_map([layout::bare_table_name(spec)], |row| {
            Ok(FoundIndex { name: row.get(0)?, unique: row.get(1)?, partial: row.get(2)?, columns: row.get(3)? })
        })
        .and_then(Iterator::collect)
        .map_err(unavailable)?;
    layout::missing_indexes(spec, layout::indexes(&DIALECT, spec), &there)
}

/// A unique index cannot be made over rows that share a key.
fn cannot_make(table: &str, error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => StoreError::Layout {
            table: table.to_owned(),
            problem: "rows share a key that is declared unique".to_owned(),
        },
        _ => unavailable(error),
    }
}
