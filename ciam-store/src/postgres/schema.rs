//! The tables: how they are made, and whether those that are there fit.

use std::collections::HashMap;
use std::fmt::Write as _;

use ciam_core::store::{CollectionSpec, StoreError};
use tokio_postgres::error::SqlState;
use tokio_postgres::{GenericClient, Row};

use super::failure::unavailable;
use crate::generations::{self, Generation, Generations, Standing};
use crate::layout::{self, ColumnLayout, Dialect, FoundIndex, bare_table_name, quoted, table_name};
use crate::migrations::Migrations;
use crate::plan::{Found, Plan, Statement};

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
    concurrently: "CONCURRENTLY ",
};

/// Whoever changes the layout holds this lock: the letters `ciam`.
pub(super) const LOCK: i64 = 0x6369_616d;
/// Whoever makes indexes beside others holds this one: it is held for long, and nobody may wait for it in a
/// transaction, for whose end the making of an index waits.
pub(super) const INDEX_LOCK: i64 = LOCK + 1;

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

/// The generations of each collection.
const LAYOUTS: &str = "CREATE TABLE ciam_layouts (
    collection text NOT NULL,
    generation integer NOT NULL,
    columns text NOT NULL,
    indexes text NOT NULL,
    shape integer NOT NULL,
    fenced integer NOT NULL,
    PRIMARY KEY (collection, generation)
)";

/// All generations.
pub(super) const GENERATIONS: &str = "SELECT collection, generation, columns, indexes, shape, fenced FROM ciam_layouts \
    ORDER BY collection, generation";

/// What would be done, in order. Refuses what is there and does not fit.
pub(super) async fn plan(client: &impl GenericClient, specs: &[CollectionSpec]) -> Result<Plan, StoreError> {
    let mut own = Vec::new();
    for (table, text) in [("ciam_units", UNITS), ("ciam_stream", STREAM), (generations::TABLE, LAYOUTS)] {
        own.push((table, text, is_there(client, table).await?));
    }
    let counted = own.iter().any(|(table, _, there)| *table == generations::TABLE && *there);
    let mut generations = if counted {
        to_generations(&client.query(GENERATIONS, &[]).await.map_err(unavailable)?)?
    } else {
        HashMap::new()
    };
    let mut all = Vec::with_capacity(specs.len());
    for spec in specs {
        let table = bare_table_name(spec);
        all.push(Found {
            columns: found_columns(client, &table).await?,
            indexes: found_indexes(client, &table).await?,
            generations: generations.remove(spec.name).unwrap_or_default(),
        });
    }
    let mut plan = Plan::new(!own[0].2 && all.iter().all(|found| found.columns.is_empty()));
    for (table, text, there) in own {
        if !there {
            plan.make_own(table, text);
        }
    }
    for (spec, found) in specs.iter().zip(all) {
        plan.add(&DIALECT, spec, &columns(spec), || create_table(spec), found)?;
    }
    Ok(plan)
}

/// What a node finds when it starts.
#[derive(Debug)]
pub(super) struct Prepared {
    /// What the stream adds to the ids of transactions.
    pub(super) shift: i64,
    pub(super) standings: Vec<Standing>,
    /// Whether indexes are to be made, outside of any transaction.
    pub(super) lacks_indexes: bool,
}

/// Creates what is missing, if it may, and refuses what does not fit. Runs inside a transaction.
pub(super) async fn prepare(
    client: &impl GenericClient,
    specs: &[CollectionSpec],
    migrations: Migrations,
) -> Result<Prepared, StoreError> {
    client.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await.map_err(unavailable)?;
    let plan = plan(client, specs).await?;
    let carried_out = plan.is_allowed(migrations)?;
    if carried_out {
        // A table is changed in a moment, once it is had: those who come later must not wait behind us for long.
        client.batch_execute("SET LOCAL lock_timeout = '5s'").await.map_err(unavailable)?;
        for Statement { text, .. } in &plan.expand {
            client.batch_execute(text).await.map_err(unavailable)?;
        }
    }
    let lacks_indexes = !plan.indexes.is_empty();
    let standings = if carried_out || plan.expand.is_empty() {
        plan.standings.into_iter().map(|(_, standing)| standing).collect()
    } else {
        let mut generations = to_generations(&client.query(GENERATIONS, &[]).await.map_err(unavailable)?)?;
        specs.iter().map(|spec| generations.remove(spec.name).unwrap_or_default().standing(spec)).collect()
    };
    Ok(Prepared { shift: shift(client, specs).await?, standings, lacks_indexes })
}

/// Makes the indexes that are missing, while others use their tables. One that cannot be made is not left half made.
pub(super) async fn make_indexes(client: &impl GenericClient, specs: &[CollectionSpec]) -> Result<(), StoreError> {
    for statement in plan(client, specs).await?.indexes {
        let Err(error) = client.batch_execute(&statement.text).await else { continue };
        let shares = error.code() == Some(&SqlState::UNIQUE_VIOLATION);
        let Some(index) = statement.index.filter(|_| shares) else { return Err(unavailable(error)) };
        let drop = format!("DROP INDEX CONCURRENTLY IF EXISTS {}", quoted(&index.name));
        client.batch_execute(&drop).await.map_err(unavailable)?;
        let counted = client.query_one(&index.shared(&quoted(&statement.table)), &[]).await.map_err(unavailable)?;
        let keys: i64 = counted.try_get(0).map_err(unavailable)?;
        return Err(StoreError::Shared { table: statement.table, index: index.name, keys: keys.unsigned_abs() });
    }
    Ok(())
}

async fn is_there(client: &impl GenericClient, table: &str) -> Result<bool, StoreError> {
    let row = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&table]).await.map_err(unavailable)?;
    row.try_get(0).map_err(unavailable)
}

/// What [`GENERATIONS`] answers, by collection.
pub(super) fn to_generations(rows: &[Row]) -> Result<HashMap<String, Generations>, StoreError> {
    let mut all: HashMap<String, Generations> = HashMap::new();
    let generation = |row: &Row| -> Result<Generation, tokio_postgres::Error> {
        let [columns, indexes]: [&str; 2] = [row.try_get(2)?, row.try_get(3)?];
        Ok(Generation::kept(row.try_get(1)?, columns, indexes, row.try_get(4)?, row.try_get::<_, i32>(5)? != 0))
    };
    for row in rows {
        let collection: String = row.try_get(0).map_err(unavailable)?;
        all.entry(collection).or_default().0.push(generation(row).map_err(unavailable)?);
    }
    Ok(all)
}

/// The name of what refuses rows of generations before this one.
pub(super) fn fence_name(spec: &CollectionSpec, floor: i32) -> String {
    format!("{}{FENCE}{floor}", bare_table_name(spec))
}

/// What a fence's name has between the table's and its generation.
pub(super) const FENCE: &str = "__gen";

/// What refuses rows of generations before this one, and what proves that there are none.
pub(super) fn fence(spec: &CollectionSpec, floor: i32) -> [String; 2] {
    let (table, name) = (table_name(spec), quoted(&fence_name(spec, floor)));
    [
        format!("ALTER TABLE {table} ADD CONSTRAINT {name} CHECK (layout >= {floor}) NOT VALID"),
        format!("ALTER TABLE {table} VALIDATE CONSTRAINT {name}"),
    ]
}

/// What takes a fence away.
pub(super) fn unfence(spec: &CollectionSpec, floor: i32) -> String {
    format!("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}", table_name(spec), quoted(&fence_name(spec, floor)))
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
            EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary AND a.attnum = ANY(i.indkey)), \
            CASE WHEN a.attidentity <> '' THEN 'identity' ELSE pg_get_expr(d.adbin, d.adrelid) END \
        FROM pg_attribute a LEFT JOIN pg_collation c ON c.oid = a.attcollation \
            LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
        WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
    let rows = client.query(text, &[&table]).await.map_err(unavailable)?;
    let layout = |row: &tokio_postgres::Row| ColumnLayout {
        name: row.get(0),
        kind: row.get(1),
        required: row.get(2),
        primary: row.get(3),
        default: row.get(4),
    };
    Ok(rows.iter().map(layout).collect())
}

async fn found_indexes(client: &impl GenericClient, table: &str) -> Result<Vec<FoundIndex>, StoreError> {
    let text = "SELECT c.relname::text, i.indisunique, i.indpred IS NOT NULL, \
            (SELECT string_agg(a.attname::text, ',' ORDER BY k.nth) \
             FROM unnest(i.indkey) WITH ORDINALITY AS k (attnum, nth) \
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum), i.indisvalid \
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
        WHERE i.indrelid = to_regclass($1) AND NOT i.indisprimary";
    let rows = client.query(text, &[&table]).await.map_err(unavailable)?;
    let layout = |row: &tokio_postgres::Row| FoundIndex {
        name: row.get(0),
        unique: row.get(1),
        partial: row.get(2),
        columns: row.get::<_, Option<String>>(3).unwrap_or_default(),
        valid: row.get(4),
    };
    Ok(rows.iter().map(layout).collect())
}
