//! What is in a file, for an operator: looked at without making anything.

use std::path::Path;
use std::time::Duration;

use ciam_core::clock::Timestamp;
use ciam_core::store::{CollectionSpec, Schema, StoreError, Wanted};
use rusqlite::{Connection, OpenFlags};

use super::failure::{is_busy, unavailable};
use super::schema;
use crate::generations::Standing;
use crate::layout::{bare_table_name, table_name};
use crate::plan::{LayoutState, Plan, Unfinished, judged};
use crate::query;

/// How long to wait for another program that writes.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many problems and how much of what has expired is looked at.
const ENOUGH: u32 = 10_000;

/// What an SQLite file is like. Made by [`SqliteInspection::of`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqliteInspection {
    /// What SQLite finds wrong with the file, at most ten things.
    pub damage: Vec<String>,
    /// Whether it can be written now.
    pub writing: SqliteWriting,
    /// What there is to do so that the collections fit.
    pub layout: LayoutState,
    /// How many records had expired before a moment and are still there, up to 10,000.
    pub overdue: u32,
}

/// Whether a file can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SqliteWriting {
    /// A transaction that writes can begin.
    Possible,
    /// Another program has been writing for two seconds.
    Locked,
    /// The file or its folder is not for this program to write.
    Refused,
}

impl SqliteInspection {
    /// Looks at a file, or at nothing when there is none. What expired before `overdue` should have been swept.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the file is there and is no database, or cannot be read;
    /// [`StoreError::Misuse`] for collections with names that cannot be.
    pub async fn of(file: &Path, schema: &Schema, overdue: Timestamp) -> Result<Option<Self>, StoreError> {
        let (file, schema) = (file.to_owned(), schema.clone());
        let looked = tokio::task::spawn_blocking(move || {
            if !file.try_exists().map_err(|error| StoreError::Unavailable(Box::new(error)))? {
                return Ok(None);
            }
            Self::look(&file, &schema, overdue).map(Some)
        });
        looked.await.unwrap_or_else(|error| Err(StoreError::Unavailable(Box::new(error))))
    }

    /// What there is to do in a file that is not there yet.
    ///
    /// # Errors
    /// As [`SqliteInspection::of`].
    pub fn of_nothing(schema: &Schema) -> Result<LayoutState, StoreError> {
        let empty = Connection::open_in_memory().map_err(unavailable)?;
        Ok(LayoutState::planned(&plan(&empty, schema)?))
    }

    fn look(file: &Path, schema: &Schema, overdue: Timestamp) -> Result<Self, StoreError> {
        let (conn, writing) = open(file).map_err(unavailable)?;
        let damage = damage(&conn).map_err(unavailable)?;
        let (plan, mut layout) = judged(plan(&conn, schema))?;
        let unfinished = plan.standings.iter().filter(|(_, standing)| standing.lags());
        let unfinished = unfinished.map(|(spec, standing)| of_unfinished(&conn, spec, standing));
        layout.unfinished = unfinished.collect::<rusqlite::Result<_>>().map_err(unavailable)?;
        let mut late = 0;
        if layout.is_whole() {
            for spec in schema.collections().iter().filter(|spec| spec.expires) {
                late += expired(&conn, spec.name, overdue).map_err(unavailable)?;
            }
        }
        Ok(Self { damage, writing, layout, overdue: late.min(ENOUGH) })
    }
}

fn plan(conn: &Connection, schema: &Schema) -> Result<Plan, StoreError> {
    schema.collections().iter().try_for_each(crate::layout::check_names)?;
    schema::plan(conn, schema.collections())
}

/// A table without generations is all of the first.
fn of_unfinished(conn: &Connection, spec: &CollectionSpec, standing: &Standing) -> rusqlite::Result<Unfinished> {
    let table = bare_table_name(spec);
    let counted = "SELECT count(*) FROM pragma_table_info(?1) WHERE name = 'layout'";
    let older = match conn.query_row(counted, [&table], |row| row.get(0))? {
        0 => String::new(),
        _ => format!(" WHERE {}", query::older(spec, standing.floor, Wanted::Documents)),
    };
    let count = format!("SELECT count(*) FROM (SELECT 1 FROM {}{older} LIMIT {ENOUGH})", table_name(spec));
    Ok(Unfinished {
        table,
        records: conn.query_row(&count, (), |row| row.get(0))?,
        columns: standing.incomplete.iter().map(|&name| name.to_owned()).collect(),
        fence: schema::fence(spec, standing.floor),
    })
}

/// A connection that makes no file, and whether it could write.
fn open(file: &Path) -> rusqlite::Result<(Connection, SqliteWriting)> {
    let ready = |conn: Connection| -> rusqlite::Result<Connection> {
        conn.busy_timeout(PATIENCE)?;
        Ok(conn)
    };
    let read_only =
        || Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX);
    let Ok(conn) =
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
    else {
        return Ok((ready(read_only()?)?, SqliteWriting::Refused));
    };
    let conn = ready(conn)?;
    let writing = match conn.execute_batch("BEGIN IMMEDIATE; ROLLBACK") {
        Ok(()) => SqliteWriting::Possible,
        Err(error) if is_busy(&error) => SqliteWriting::Locked,
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ReadOnly) => SqliteWriting::Refused,
        Err(error) => return Err(error),
    };
    Ok((conn, writing))
}

fn damage(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = conn.prepare("PRAGMA quick_check(10)")?;
    let lines: Vec<String> = statement.query_map((), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

fn expired(conn: &Connection, collection: &str, before: Timestamp) -> rusqlite::Result<u32> {
    let text =
        format!("SELECT count(*) FROM (SELECT 1 FROM \"ciam_{collection}\" WHERE expires_at < ?1 LIMIT {ENOUGH})");
    conn.query_row(&text, [before.micros()], |row| row.get(0))
}

#[cfg(test)]
mod tests;
