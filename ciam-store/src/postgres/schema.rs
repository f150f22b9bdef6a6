//! The tables: how they are made, and whether those that are there fit.

use std::fmt::Write as _;

use ciam_core::store::{CollectionSpec, StoreError};
use tokio_postgres::GenericClient;
use tokio_postgres::error::SqlState;

use super::failure::unavailable;
use crate::layout::{self, ColumnLayout, Dialect, FoundIndex, IndexLayout, bare_table_name, table_name};

/// PostgreSQL's words. Text compares bytewise, as it does in memory and in SQLite.
pub(super) const DIALECT: Dialect = Dialect {
    uuid: "uuid",
    int: "bigint",
    small: "integer",
    text: "text COLLATE \"C\"",
    bytes: "bytea",
    moment: "timestamp with time zone",
    doc: "json",
    order: &["major", "seq"],
    name_limit: 63,
};

/// Whoever changes the layout holds this lock: the letters `ciam`.
pub(super) const LOCK: i64 = 0x6369_616d;

/// The ids of units: taken by their commit, or by whoever settled that they never commit.
const UNITS: &str = "CREATE TABLE ciam_units (
    id uuid PRIMARY KEY,
    at timestamp with time zone NOT NULL,
    committed boolean NOT NULL
)";

/// What the stream adds to the ids of transactions, so that its places go on rising when a database moves to a
/// server that counts from a lower number.
const STREAM: &str = "CREATE TABLE ciam_stream (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    shift bigint NOT NULL
)";

/// A statement that makes something that is missing.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) table: String,
    pub(super) text: String,
}

/// What would be created, in order. Refuses what is there and does not fit.
pub(super) async fn plan(client: &impl GenericClient, specs: &[CollectionSpec]) -> Result<Vec<Statement>, StoreError> {
    let mut plan = Vec::new();
    for (table, text) in [("ciam_units", UNITS), ("ciam_stream", STREAM)] {
        let there = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&table]).await.map_err(unavailable)?;
        if !there.get::<_, bool>(0) {
            plan.push(Statement { table: table.to_owned(), text: text.to_owned() });
        }
    }
    for spec in specs {
        let table = bare_table_name(spec);
        let there = found_columns(client, &table).await?;
        if there.is_empty() {
            plan.push(Statement { table: table.clone(), text: create_table(spec) });
        } else {
            layout::compare_columns(spec, &columns(spec), &there)?;
        }
        let found = found_indexes(client, &table).await?;
        let missing: Vec<IndexLayout> = layout::missing_indexes(spec, layout::indexes(&DIALECT, spec), &found)?;
        let text = |index: IndexLayout| Statement { table: table.clone(), text: index.text(&table_name(spec)) };
        plan.extend(missing.into_iter().map(text));
    }
    Ok(plan)
}

/// Creates what is missing and refuses what does not fit. Runs inside a transaction.
pub(super) async fn prepare(client: &impl GenericClient, specs: &[CollectionSpec]) -> Result<(), StoreError> {
    client.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await.map_err(unavailable)?;
    for Statement { table, text } in plan(client, specs).await? {
        client.batch_execute(&text).await.map_err(|error| cannot_make(&table, error))?;
    }
    Ok(())
}

/// What the stream adds to the ids of transactions. Raised when the newest event is of a transaction that this server
/// has yet to begin: the database was restored into another one.
pub(super) async fn shift(client: &impl GenericClient, specs: &[CollectionSpec]) -> Result<i64, StoreError> {
    let Some(stream) = specs.iter().find(|spec| spec.stream) else { return Ok(0) };
    let table = table_name(stream);
    let newest = format!(
        "WITH RECURSIVE realms AS (
            (SELECT realm FROM {table} ORDER BY realm LIMIT 1)
            UNION ALL
            SELECT (SELECT realm FROM {table} WHERE realm > realms.realm ORDER BY realm LIMIT 1)
            FROM realms WHERE realms.realm IS NOT NULL
        )
        SELECT coalesce(max((SELECT major FROM {table} AS events WHERE events.realm = realms.realm
                             ORDER BY major DESC, seq DESC LIMIT 1)), 0),
            pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
            pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
            coalesce((SELECT shift FROM ciam_stream), 0)
        FROM realms"
    );
    let row = client.query_one(&newest, &[]).await.map_err(unavailable)?;
    let [newest, oldest_open, next, shift] = [0, 1, 2, 3].map(|at| row.get::<_, i64>(at));
    if newest < next + shift {
        return Ok(shift);
    }
    let shift = newest + 1 - oldest_open;
    let keep = "INSERT INTO ciam_stream (shift) VALUES ($1) ON CONFLICT (id) DO UPDATE SET shift = excluded.shift";
    client.execute(keep, &[&shift]).await.map_err(unavailable)?;
    tracing::warn!(shift, "the database was moved to another server: the places of its events go on from the newest");
    Ok(shift)
}

fn columns(spec: &CollectionSpec) -> Vec<ColumnLayout> {
    let mut columns = layout::columns(&DIALECT, spec);
    for column in &mut columns {
        column.primary = column.name == "id";
    }
    if spec.stream {
        columns.extend(DIALECT.order.iter().map(|name| ColumnLayout::new(name, DIALECT.int)));
    }
    columns
}

fn create_table(spec: &CollectionSpec) -> String {
    let mut text = format!("CREATE TABLE {} (", table_name(spec));
    for (at, column) in columns(spec).iter().enumerate() {
        let _ = write!(text, "{}\n    {}", if at == 0 { "" } else { "," }, column.text());
        match column.name.as_str() {
            "id" => text.push_str(" PRIMARY KEY"),
            "seq" => text.push_str(" GENERATED ALWAYS AS IDENTITY"),
            _ => {}
        }
    }
    text.push_str("\n)");
    text
}

async fn found_columns(client: &impl GenericClient, table: &str) -> Result<Vec<ColumnLayout>, StoreError> {
    let text = "SELECT a.attname::text, \
            format_type(a.atttypid, a.atttypmod) || CASE WHEN c.collname = 'C' THEN ' COLLATE \"C\"' ELSE '' END, \
            a.attnotnull, \
            EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary AND a.attnum = ANY(i.indkey)) \
        FROM pg_attribute a LEFT JOIN pg_collation c ON c.oid = a.attcollation \
        WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
    let rows = client.query(text, &[&table]).await.map_err(unavailable)?;
    let layout = |row: &tokio_postgres::Row| ColumnLayout {
        name: row.get(0),
        kind: row.get(1),
        required: row.get(2),
        primary: row.get(3),
    };
    Ok(rows.iter().map(layout).collect())
}

async fn found_indexes(client: &impl GenericClient, table: &str) -> Result<Vec<FoundIndex>, StoreError> {
    let text = "SELECT c.relname::text, i.indisunique, i.indpred IS NOT NULL, \
            (SELECT string_agg(a.attname::text, ',' ORDER BY k.nth) \
             FROM unnest(i.indkey) WITH ORDINALITY AS k (attnum, nth) \
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum) \
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
        WHERE i.indrelid = to_regclass($1) AND NOT i.indisprimary AND i.indisvalid";
    let rows = client.query(text, &[&table]).await.map_err(unavailable)?;
    let layout = |row: &tokio_postgres::Row| FoundIndex {
        name: row.get(0),
        unique: row.get(1),
        partial: row.get(2),
        columns: row.get::<_, Option<String>>(3).unwrap_or_default(),
    };
    Ok(rows.iter().map(layout).collect())
}

/// A unique index cannot be made over rows that share a key.
fn cannot_make(table: &str, error: tokio_postgres::Error) -> StoreError {
    if error.code() == Some(&SqlState::UNIQUE_VIOLATION) {
        let problem = "rows share a key that is declared unique".to_owned();
        return StoreError::Layout { table: table.to_owned(), problem };
    }
    unavailable(error)
}
