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
use crate::generations::{self, Generation, Generations, Standing};
use crate::layout::{self, ColumnLayout, Dialect, FoundIndex, IndexLayout, bare_table_name, quoted, table_name};
use crate::migrations::Migrations;
use crate::plan::{Found, Plan, Statement};

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
    concurrently: "",
};

/// The ids of units: taken by their commit, or by whoever settled that they never commit.
const UNITS: &str = "CREATE TABLE ciam_units (
    id BLOB NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    committed INTEGER NOT NULL
) STRICT, WITHOUT ROWID";

/// The generations of each collection.
const LAYOUTS: &str = "CREATE TABLE ciam_layouts (
    collection TEXT NOT NULL,
    generation INTEGER NOT NULL,
    columns TEXT NOT NULL,
    indexes TEXT NOT NULL,
    shape INTEGER NOT NULL,
    fenced INTEGER NOT NULL,
    PRIMARY KEY (collection, generation)
) STRICT, WITHOUT ROWID";

/// What the triggers of a fence say.
pub(super) const TOO_OLD: &str = "ciam: this version of the app is too old to write here";

/// Creates what is missing, if it may, and refuses what does not fit; answers how each collection stands. Runs inside a
/// transaction.
pub(super) fn prepare(
    conn: &Connection,
    specs: &[CollectionSpec],
    migrations: Migrations,
) -> Result<Vec<Standing>, StoreError> {
    let plan = plan(conn, specs)?;
    if plan.is_allowed(migrations)? {
        for statement in plan.statements() {
            conn.execute_batch(&statement.text).map_err(|error| cannot_make(conn, statement, error))?;
        }
    }
    specs.iter().map(|spec| standing(conn, spec)).collect()
}

/// What would be done, in order. Refuses what is there and does not fit.
pub(super) fn plan(conn: &Connection, specs: &[CollectionSpec]) -> Result<Plan, StoreError> {
    let own =
        [("ciam_units", UNITS), (generations::TABLE, LAYOUTS)].map(|(name, text)| (name, text, is_there(conn, name)));
    let mut found = specs.iter().map(|spec| found(conn, spec)).collect::<Result<Vec<Found>, _>>()?;
    let empty = found.iter().all(|found| found.columns.is_empty());
    let mut plan = Plan::new(empty && matches!(&own[0].2, Ok(false)));
    for (name, text, there) in own {
        if !there? {
            plan.make_own(name, text);
        }
    }
    for (spec, found) in specs.iter().zip(found.drain(..)) {
        plan.add(&DIALECT, spec, &layout(spec), || create_table(spec), found)?;
    }
    Ok(plan)
}

fn is_there(conn: &Connection, table: &str) -> Result<bool, StoreError> {
    let text = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    Ok(conn.query_row(text, [table], |row| row.get::<_, i64>(0)).map_err(unavailable)? > 0)
}

fn found(conn: &Connection, spec: &CollectionSpec) -> Result<Found, StoreError> {
    Ok(Found {
        columns: found_columns(conn, spec)?,
        indexes: found_indexes(conn, spec)?,
        generations: found_generations(conn, spec)?,
    })
}

/// How a collection stands now.
pub(super) fn standing(conn: &Connection, spec: &CollectionSpec) -> Result<Standing, StoreError> {
    Ok(found_generations(conn, spec)?.standing(spec))
}

fn found_generations(conn: &Connection, spec: &CollectionSpec) -> Result<Generations, StoreError> {
    if !is_there(conn, generations::TABLE)? {
        return Ok(Generations::default());
    }
    let text = format!(
        "SELECT {} FROM {} WHERE collection = ?1 ORDER BY generation",
        generations::COLUMNS,
        generations::TABLE
    );
    let mut statement = conn.prepare(&text).map_err(unavailable)?;
    let kept = statement.query_map([spec.name], |row| {
        let [columns, indexes]: [String; 2] = [row.get(2)?, row.get(3)?];
        Ok(Generation::kept(row.get(1)?, &columns, &indexes, row.get(4)?, row.get(5)?))
    });
    Ok(Generations(kept.and_then(Iterator::collect).map_err(unavailable)?))
}

/// What refuses rows of generations before this one, in the place of what refused some before.
pub(super) fn fence(spec: &CollectionSpec, floor: i32) -> Vec<String> {
    let make = |(name, when): (String, &str)| {
        let table = table_name(spec);
        format!(
            "CREATE TRIGGER {name} BEFORE {when} ON {table} WHEN NEW.layout < {floor} BEGIN SELECT RAISE(ABORT, '{TOO_OLD}'); END"
        )
    };
    let makes = triggers(spec).into_iter().zip(["INSERT", "UPDATE OF layout"]).map(make);
    unfence(spec).into_iter().chain(makes).collect()
}

/// What takes a fence away.
pub(super) fn unfence(spec: &CollectionSpec) -> [String; 2] {
    triggers(spec).map(|name| format!("DROP TRIGGER IF EXISTS {name}"))
}

fn triggers(spec: &CollectionSpec) -> [String; 2] {
    ["insert", "update"].map(|name| quoted(&format!("{}__layout_{name}", bare_table_name(spec))))
}

/// What is kept when no row is of a generation before this one.
pub(super) fn proved(spec: &CollectionSpec, floor: i32) -> String {
    format!("UPDATE {} SET fenced = 1 WHERE collection = '{}' AND generation = {floor}", generations::TABLE, spec.name)
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
        .prepare("SELECT name, type, \"notnull\", pk > 0, dflt_value FROM pragma_table_xinfo(?1) ORDER BY cid")
        .map_err(unavailable)?;
    let columns = statement.query_map([bare_table_name(spec)], |row| {
        Ok(ColumnLayout {
            name: row.get(0)?,
            kind: row.get(1)?,
            required: row.get(2)?,
            primary: row.get(3)?,
            default: row.get(4)?,
        })
    });
    columns.and_then(Iterator::collect).map_err(unavailable)
}

fn found_indexes(conn: &Connection, spec: &CollectionSpec) -> Result<Vec<FoundIndex>, StoreError> {
    let mut statement = conn
        .prepare(
            "SELECT name, \"unique\", partial, (SELECT group_concat(name) FROM \
             (SELECT name FROM pragma_index_info(list.name) ORDER BY seqno)) \
             FROM pragma_index_list(?1) AS list WHERE origin = 'c'",
        )
        .map_err(unavailable)?;
    let there = statement.query_map([bare_table_name(spec)], |row| {
        let columns: Option<String> = row.get(3)?;
        let columns = columns.unwrap_or_default();
        Ok(FoundIndex { name: row.get(0)?, unique: row.get(1)?, partial: row.get(2)?, columns, valid: true })
    });
    there.and_then(Iterator::collect).map_err(unavailable)
}

/// A unique index cannot be made over rows that share a key.
fn cannot_make(conn: &Connection, statement: &Statement, error: rusqlite::Error) -> StoreError {
    match (&statement.index, error.sqlite_error_code()) {
        (Some(index), Some(rusqlite::ErrorCode::ConstraintViolation)) => shared(conn, &statement.table, index),
        _ => unavailable(error),
    }
}

fn shared(conn: &Connection, table: &str, index: &IndexLayout) -> StoreError {
    match conn.query_row(&index.shared(&quoted(table)), (), |row| row.get::<_, i64>(0)) {
        Ok(keys) => {
            StoreError::Shared { table: table.to_owned(), index: index.name.clone(), keys: keys.unsigned_abs() }
        }
        Err(error) => unavailable(error),
    }
}
