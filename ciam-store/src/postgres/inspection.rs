//! What is in a database, for an operator: looked at over one connection that only reads.

use std::time::Duration;

use ciam_core::clock::Timestamp;
use ciam_core::store::{CollectionSpec, Schema, StoreError, Wanted};
use tokio_postgres::Client;

use super::failure::unavailable;
use super::options::PostgresOptions;
use super::schema;
use super::values::Param;
use crate::generations::{self, Standing};
use crate::layout;
use crate::plan::{LayoutState, Unfinished, judged};
use crate::query;

/// How much of what has expired is counted.
const ENOUGH: u32 = 10_000;

const SERVER: &str = "SELECT current_setting('server_version_num')::int / 10000, pg_is_in_recovery()";
/// Those of other roles are seen by members of `pg_read_all_stats` only.
const OLDEST_OPEN: &str = "SELECT extract(epoch FROM max(age))::float8 FROM (
    SELECT clock_timestamp() - xact_start AS age FROM pg_stat_activity
        WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
    UNION ALL SELECT clock_timestamp() - prepared FROM pg_prepared_xacts) AS open";
const CONNECTIONS: &str = "SELECT (SELECT sum(numbackends) FROM pg_stat_database)::bigint,
    least(current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
            - coalesce(current_setting('reserved_connections', true), '0')::bigint,
        (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),
        (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()))::bigint";
const SCHEMA: &str = "SELECT current_schema()::text, coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)";
const NOT_OURS: &str = "SELECT name FROM unnest($1::text[]) AS name CROSS JOIN LATERAL to_regclass(name) AS there
    WHERE there IS NOT NULL AND NOT (has_table_privilege(there, 'SELECT') AND has_table_privilege(there, 'INSERT')
        AND has_table_privilege(there, 'UPDATE') AND has_table_privilege(there, 'DELETE')) ORDER BY name";

/// What a PostgreSQL database is like. Made by [`PostgresInspection::of`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PostgresInspection {
    /// The server's major version. The store needs 15 or newer.
    pub version: u32,
    /// Whether the server is a standby, which cannot be written to.
    pub standby: bool,
    /// What the role may not do and the store must, in words.
    pub forbidden: Vec<String>,
    /// What there is to do so that the collections fit.
    pub layout: LayoutState,
    /// How many records had expired before a moment and are still there, up to 10,000.
    pub overdue: u32,
    /// For how long the oldest transaction of the whole server that writes has been open: events that were committed
    /// since are not read before it has ended. Those of other roles count only where this role may see them
    /// (`pg_read_all_stats`).
    pub oldest_open: Option<Duration>,
    /// How many connections the server has.
    pub connections: u32,
    /// How many it can have for this role and this database.
    pub most_connections: u32,
    /// How many a store with these options makes at most, the one that listens to other nodes among them.
    pub wanted_connections: u32,
}

impl PostgresInspection {
    /// Looks at a database and changes nothing. What expired before `overdue` should have been swept.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the server cannot be reached, or refuses;
    /// [`StoreError::Misuse`] for collections with names that cannot be.
    pub async fn of(options: &PostgresOptions, schema: &Schema, overdue: Timestamp) -> Result<Self, StoreError> {
        schema.collections().iter().try_for_each(layout::check_names)?;
        let client = options.connect().await?;
        let server = client.query_one(SERVER, &[]).await.map_err(unavailable)?;
        let (plan, mut state) = judged(schema::plan(&client, schema.collections()).await)?;
        // All records of a large table are looked at.
        client.batch_execute("SET statement_timeout = 0").await.map_err(unavailable)?;
        for (spec, standing) in plan.standings.iter().filter(|(_, standing)| standing.lags()) {
            state.unfinished.push(of_unfinished(&client, spec, standing).await.map_err(unavailable)?);
        }
        let forbidden = forbidden(&client, schema, !state.missing.is_empty()).await.map_err(unavailable)?;
        let mut late = 0;
        if state.is_whole() && forbidden.is_empty() {
            for spec in schema.collections().iter().filter(|spec| spec.expires) {
                late += expired(&client, spec.name, overdue).await.map_err(unavailable)?;
            }
        }
        let open = client.query_one(OLDEST_OPEN, &[]).await.map_err(unavailable)?;
        let oldest_open: Option<f64> = open.try_get(0).map_err(unavailable)?;
        let room = client.query_one(CONNECTIONS, &[]).await.map_err(unavailable)?;
        let number = |at| -> Result<u32, StoreError> {
            Ok(u32::try_from(room.try_get::<_, i64>(at).map_err(unavailable)?).unwrap_or_default())
        };
        Ok(Self {
            version: server.try_get::<_, i32>(0).map_err(unavailable)?.unsigned_abs(),
            standby: server.try_get(1).map_err(unavailable)?,
            forbidden,
            layout: state,
            overdue: late.min(ENOUGH),
            oldest_open: oldest_open.map(|seconds| Duration::from_secs_f64(seconds.max(0.0))),
            connections: number(0)?,
            most_connections: number(1)?,
            wanted_connections: u32::try_from(options.most_connections() + 1).unwrap_or(u32::MAX),
        })
    }
}

/// What the role may not do: make what is missing, or read and write what is there.
async fn forbidden(client: &Client, schema: &Schema, makes: bool) -> Result<Vec<String>, tokio_postgres::Error> {
    let mut forbidden = Vec::new();
    let row = client.query_one(SCHEMA, &[]).await?;
    match row.try_get::<_, Option<String>>(0)? {
        None => forbidden.push("the search path names no schema that is there".to_owned()),
        Some(name) if makes && !row.try_get::<_, bool>(1)? => {
            forbidden.push(format!("tables cannot be made in the schema {name}"));
        }
        Some(_) => {}
    }
    let mut tables = ["ciam_units", "ciam_stream", generations::TABLE].map(str::to_owned).to_vec();
    tables.extend(schema.collections().iter().map(layout::bare_table_name));
    for row in client.query(NOT_OURS, &[&tables]).await? {
        forbidden.push(format!("{} cannot be read and written", row.try_get::<_, String>(0)?));
    }
    Ok(forbidden)
}

/// A table without generations is all of the first.
async fn of_unfinished(
    client: &Client,
    spec: &CollectionSpec,
    standing: &Standing,
) -> Result<Unfinished, tokio_postgres::Error> {
    let table = layout::bare_table_name(spec);
    let counted = "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'layout'";
    let counted: i64 = client.query_one(counted, &[&table]).await?.try_get(0)?;
    let older = query::older(spec, standing.floor, Wanted::Documents);
    let older = if counted == 0 { String::new() } else { format!(" WHERE {older}") };
    let text = format!("SELECT count(*) FROM (SELECT 1 FROM \"{table}\"{older} LIMIT {ENOUGH}) AS older");
    let records: i64 = client.query_one(&text, &[]).await?.try_get(0)?;
    Ok(Unfinished {
        table,
        records: u32::try_from(records).unwrap_or(ENOUGH),
        columns: standing.incomplete.iter().map(|&name| name.to_owned()).collect(),
        fence: schema::fence(spec, standing.floor).to_vec(),
    })
}

async fn expired(client: &Client, collection: &str, before: Timestamp) -> Result<u32, tokio_postgres::Error> {
    let text = format!(
        "SELECT count(*) FROM (SELECT 1 FROM \"ciam_{collection}\" WHERE expires_at < $1 LIMIT {ENOUGH}) AS late"
    );
    let counted: i64 = client.query_one(&text, &[&Param::moment(before)]).await?.try_get(0)?;
    Ok(u32::try_from(counted).unwrap_or(ENOUGH))
}
