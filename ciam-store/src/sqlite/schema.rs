//! The tables: how they are made, and whether those that are there fit.
//!
//! Tables have a rowid and a unique index over the record's id. Clustered by the id (`WITHOUT ROWID`)
//! they would not be read faster, as measured over a million sessions (both 1.2 × the bare statement),
//! and with documents of some hundred bytes the tree would become tall: its inner nodes hold whole
//! rows. In the stream of events the rowid is declared, as it is the stream's order. Tables are
//! `STRICT`, so that nothing but ciam's types gets in by hand.

use std::fmt::Write as _;

use ciam_core::store::{CollectionSpec, ColumnType, IndexSpec, StoreError};
use rusqlite::Connection;

use super::failure::unavailable;
use super::sql::{quoted, table_name};

/// The columns that every table has; a collection cannot declare one of these names.
const RESERVED: [&str; 9] = ["id", "realm", "version", "shape", "doc", "created_at", "updated_at", "expires_at", "seq"];

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
        let table = format!("ciam_{}", spec.name);
        let there = found_columns(conn, spec)?;
        if there.is_empty() {
            plan.push(Statement { table: table.clone(), text: create_table(spec) });
        } else {
            compare_columns(spec, &there)?;
        }
        let missing = missing_indexes(conn, spec)?.into_iter();
        plan.extend(missing.map(|text| Statement { table: table.clone(), text }));
    }
    Ok(plan)
}

/// Refuses names that are not what a collection may use, before any of them gets into a statement.
pub(super) fn check_names(spec: &CollectionSpec) -> Result<(), StoreError> {
    let plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let columns = spec.columns.iter().map(|column| column.name).chain(spec.live.iter().copied());
    let mut seen = Vec::new();
    for name in columns {
        if !plain(name) || RESERVED.contains(&name) || seen.contains(&name) {
            return Err(StoreError::Misuse("a column's name is reserved, used twice, or not lower-case and plain"));
        }
        seen.push(name);
    }
    if !plain(spec.name) || spec.name == "units" {
        return Err(StoreError::Misuse("a collection's name is reserved, or not lower-case and plain"));
    }
    Ok(())
}

/// A column as declared or as found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ColumnLayout {
    name: String,
    kind: String,
    required: bool,
    primary: bool,
}

impl ColumnLayout {
    fn new(name: &str, kind: &str) -> Self {
        Self { name: name.to_owned(), kind: kind.to_owned(), required: true, primary: false }
    }

    fn text(&self) -> String {
        let mut text = format!("{} {}", quoted(&self.name), self.kind);
        if self.required {
            text.push_str(" NOT NULL");
        }
        text
    }
}

fn kind(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Int => "INTEGER",
        ColumnType::Text => "TEXT",
        ColumnType::Uuid | ColumnType::Bytes => "BLOB",
    }
}

fn layout(spec: &CollectionSpec) -> Vec<ColumnLayout> {
    let mut columns = Vec::new();
    if spec.stream {
        columns.push(ColumnLayout { required: false, primary: true, ..ColumnLayout::new("seq", "INTEGER") });
    }
    columns.push(ColumnLayout { primary: !spec.stream, ..ColumnLayout::new("id", "BLOB") });
    for (name, kind) in [("realm", "BLOB"), ("version", "BLOB"), ("shape", "INTEGER")] {
        columns.push(ColumnLayout::new(name, kind));
    }
    columns.push(ColumnLayout::new("created_at", "INTEGER"));
    columns.push(ColumnLayout::new("updated_at", "INTEGER"));
    if spec.expires {
        columns.push(ColumnLayout::new("expires_at", "INTEGER"));
    }
    for column in &spec.columns {
        columns.push(ColumnLayout { required: false, ..ColumnLayout::new(column.name, kind(column.kind)) });
    }
    for name in &spec.live {
        columns.push(ColumnLayout::new(name, "INTEGER"));
    }
    columns.push(ColumnLayout::new("doc", "TEXT"));
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
    let columns = statement.query_map([format!("ciam_{}", spec.name)], |row| {
        Ok(ColumnLayout { name: row.get(0)?, kind: row.get(1)?, required: row.get(2)?, primary: row.get(3)? })
    });
    columns.and_then(Iterator::collect).map_err(unavailable)
}

fn compare_columns(spec: &CollectionSpec, there: &[ColumnLayout]) -> Result<(), StoreError> {
    let wrong = |problem: String| Err(StoreError::Layout { table: format!("ciam_{}", spec.name), problem });
    let declared = layout(spec);
    for column in &declared {
        match there.iter().find(|found| found.name == column.name) {
            None => return wrong(format!("the column {} is missing", column.name)),
            Some(found) if found == column => {}
            Some(found) => return wrong(format!("the column is {}, but should be {}", found.text(), column.text())),
        }
    }
    match there.iter().find(|found| !declared.iter().any(|column| column.name == found.name)) {
        Some(extra) => wrong(format!("the column {} is not declared", extra.name)),
        None => Ok(()),
    }
}

/// An index as it is created: its name, whether it is unique, its columns, its condition.
struct IndexLayout {
    name: String,
    unique: bool,
    columns: Vec<String>,
    partial: bool,
}

impl IndexLayout {
    /// A declared index: every one begins with the realm, so that a query never leaves it, and holds
    /// only rows without nulls. What is not unique ends with the id, which is the order of a page.
    fn declared(spec: &CollectionSpec, index: &IndexSpec) -> Self {
        let columns = ["realm"].into_iter().chain(index.columns.iter().copied());
        let suffix = if index.unique { "key" } else { "idx" };
        Self {
            name: format!("ciam_{}__{}__{suffix}", spec.name, index.columns.join("__")),
            unique: index.unique,
            columns: columns.chain((!index.unique).then_some("id")).map(str::to_owned).collect(),
            partial: true,
        }
    }

    fn own(spec: &CollectionSpec, column: &str) -> Self {
        let name = format!("ciam_{}__{column}__idx", spec.name);
        Self { name, unique: false, columns: vec![column.to_owned()], partial: false }
    }

    fn text(&self, table: &str) -> String {
        let columns: Vec<String> = self.columns.iter().map(|name| quoted(name)).collect();
        let unique = if self.unique { "UNIQUE " } else { "" };
        let mut text = format!("CREATE {unique}INDEX {} ON {table} ({})", quoted(&self.name), columns.join(", "));
        if self.partial {
            let some = columns.iter().filter(|name| !["\"realm\"", "\"id\""].contains(&name.as_str()));
            let some: Vec<String> = some.map(|name| format!("{name} IS NOT NULL")).collect();
            let _ = write!(text, " WHERE {}", some.join(" AND "));
        }
        text
    }
}

fn indexes(spec: &CollectionSpec) -> Vec<IndexLayout> {
    let mut indexes: Vec<IndexLayout> = spec.indexes.iter().map(|index| IndexLayout::declared(spec, index)).collect();
    if spec.expires {
        indexes.push(IndexLayout::own(spec, "expires_at"));
    }
    if spec.stream {
        indexes.push(IndexLayout::own(spec, "realm"));
    }
    indexes
}

/// What the database says of an index: unique, partial, columns.
type FoundIndex = (String, bool, bool, String);

/// The statements that make the indexes that are missing.
fn missing_indexes(conn: &Connection, spec: &CollectionSpec) -> Result<Vec<String>, StoreError> {
    let table = format!("ciam_{}", spec.name);
    let wrong = |problem: String| Err(StoreError::Layout { table: table.clone(), problem });
    let mut statement = conn
        .prepare(
            "SELECT name, \"unique\", partial, (SELECT group_concat(name) FROM \
             (SELECT name FROM pragma_index_info(list.name) ORDER BY seqno)) \
             FROM pragma_index_list(?1) AS list WHERE origin = 'c'",
        )
        .map_err(unavailable)?;
    let there: Vec<FoundIndex> = statement
        .query_map([&table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .and_then(Iterator::collect)
        .map_err(unavailable)?;
    let declared = indexes(spec);
    let mut missing = Vec::new();
    for index in &declared {
        match there.iter().find(|(name, ..)| *name == index.name) {
            None => missing.push(index.text(&table_name(spec))),
            Some((_, unique, partial, columns)) => {
                if *unique != index.unique || *partial != index.partial || *columns != index.columns.join(",") {
                    return wrong(format!(
                        "the index {} is over ({columns}), or otherwise not as declared",
                        index.name
                    ));
                }
            }
        }
    }
    let ours = format!("{table}__");
    match there.iter().find(|(name, ..)| name.starts_with(&ours) && !declared.iter().any(|index| index.name == *name)) {
        Some((name, ..)) => wrong(format!("the index {name} is not declared (any more)")),
        None => Ok(missing),
    }
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
