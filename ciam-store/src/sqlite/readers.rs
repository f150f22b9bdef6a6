//! The connections that read: each keeps its prepared statements, and none is held across an `await`.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use ciam_core::clock::Timestamp;
use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{
    CollectionSpec, Cursor, Lacking, Position, RawQuery, RecordKey, Row, StoreError, Value, Wanted,
};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, params_from_iter};
use uuid::Uuid;

use super::batch::{Tables, table};
use super::failure::unavailable;
use super::schema;
use super::sql::Table;
use crate::generations::Standing;
use crate::query;

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Spreads threads over the readers, so that each mostly finds its own free and warm.
    static THREAD: Cell<usize> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed));
}

/// A fixed number of reading connections.
#[derive(Debug)]
pub(super) struct Readers {
    connections: Vec<Mutex<Connection>>,
}

impl Readers {
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        Self { connections: connections.into_iter().map(Mutex::new).collect() }
    }

    /// A free connection, or the next one to become free. Reads are short, so waiting for it is too.
    pub(super) fn connection(&self) -> Result<MutexGuard<'_, Connection>, StoreError> {
        let count = self.connections.len();
        let first = THREAD.get();
        for at in first..first + count {
            match self.connections[at % count].try_lock() {
                Ok(connection) => return Ok(connection),
                Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let own = self.connections.get(first % count.max(1)).ok_or(StoreError::Misuse("a store without readers"))?;
        Ok(own.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The records with these keys, all as of one moment.
    pub(super) fn read(
        &self,
        tables: &Tables,
        realm: RealmId,
        now: Timestamp,
        keys: &[RecordKey],
    ) -> Result<Vec<Option<Row>>, StoreError> {
        let connection = self.connection()?;
        if let [key] = keys {
            return Ok(vec![read_one(&connection, table(tables, key.collection)?, realm, now, key)?]);
        }
        let moment = Moment::begin(&connection).map_err(unavailable)?;
        let read = |key: &RecordKey| read_one(moment.0, table(tables, key.collection)?, realm, now, key);
        keys.iter().map(read).collect()
    }

    pub(super) fn find(
        &self,
        table: &Table,
        realm: RealmId,
        now: Timestamp,
        query: &RawQuery,
    ) -> Result<Vec<(Cursor, Row)>, StoreError> {
        let text = table.query(query, false)?;
        let live = table.spec.live.len();
        let open = query.open_column().is_some();
        let connection = self.connection()?;
        let found = || -> rusqlite::Result<_> {
            let mut statement = connection.prepare_cached(&text)?;
            table.bind_query(&mut statement, realm, now, query)?;
            let is_uuid = |name| table.spec.columns.iter().any(|c| c.name == name && c.kind == super::UUID);
            let is_uuid = query.open_column().is_some_and(is_uuid);
            let mut rows = statement.raw_query();
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let value = if open { Some(value(row.get_ref(4 + live)?, is_uuid)?) } else { None };
                let row = to_row(row, 0, live)?;
                found.push((Cursor { value, id: row.id }, row));
            }
            Ok(found)
        };
        found().map_err(unavailable)
    }

    pub(super) fn count(
        &self,
        table: &Table,
        realm: RealmId,
        now: Timestamp,
        query: &RawQuery,
    ) -> Result<u32, StoreError> {
        let text = table.query(query, true)?;
        let connection = self.connection()?;
        let counted = || -> rusqlite::Result<u32> {
            let mut statement = connection.prepare_cached(&text)?;
            table.bind_query(&mut statement, realm, now, query)?;
            statement.raw_query().next()?.map_or(Ok(0), |row| row.get(0))
        };
        counted().map_err(unavailable)
    }

    pub(super) fn tail(
        &self,
        table: &Table,
        realm: RealmId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<(Position, Row)>, StoreError> {
        let live = table.spec.live.len();
        let after = i64::try_from(after.minor).unwrap_or(i64::MAX);
        let connection = self.connection()?;
        let read = || -> rusqlite::Result<Vec<(Position, Row)>> {
            let mut statement = connection.prepare_cached(&table.tail)?;
            let rows = statement.query_map((realm.uuid(), after, limit), |row| {
                let minor: i64 = row.get(4 + live)?;
                Ok((Position { major: 0, minor: minor.unsigned_abs() }, to_row(row, 0, live)?))
            })?;
            rows.collect()
        };
        read().map_err(unavailable)
    }

    /// How a collection stands now.
    pub(super) fn standing(&self, spec: &CollectionSpec) -> Result<Standing, StoreError> {
        schema::standing(&*self.connection()?, spec)
    }

    /// The next few hundred records, of which those that lack something.
    pub(super) fn lacking(&self, table: &Table, after: Option<Uuid>, wanted: Wanted) -> Result<Lacking, StoreError> {
        let older = query::older(&table.spec, table.filled.standing().floor, wanted);
        let live = table.spec.live.len();
        let connection = self.connection()?;
        let look = || -> rusqlite::Result<Lacking> {
            let next: Option<Uuid> = connection
                .prepare_cached(&query::end_of_window(&table.spec, after.is_some()))?
                .query_row(params_from_iter(after), |row| row.get(0))
                .optional()?;
            let row = super::sql::row_columns(&table.spec);
            let text = query::lacking(&table.spec, &older, &row, after.is_some(), next.is_some());
            let mut statement = connection.prepare_cached(&text)?;
            let rows = statement.query_map(params_from_iter(after.into_iter().chain(next)), |row| {
                Ok((RealmId::from_uuid(row.get(0)?), to_row(row, 1, live)?))
            })?;
            Ok(Lacking { rows: rows.collect::<Result<_, _>>()?, next })
        };
        look().map_err(unavailable)
    }

    /// Reads something, so that a database that has gone is noticed.
    pub(super) fn ping(&self) -> Result<(), StoreError> {
        let connection = self.connection()?;
        let mut statement = connection
            .prepare_cached("SELECT count(*) FROM (SELECT 1 FROM sqlite_schema LIMIT 1)")
            .map_err(unavailable)?;
        statement.query_row((), |_| Ok(())).map_err(unavailable)
    }
}

/// A reading transaction by kept statements: beginning one costs less than a read.
struct Moment<'a>(&'a Connection);

impl<'a> Moment<'a> {
    fn begin(connection: &'a Connection) -> rusqlite::Result<Self> {
        connection.prepare_cached("BEGIN DEFERRED")?.execute(())?;
        Ok(Self(connection))
    }
}

impl Drop for Moment<'_> {
    fn drop(&mut self) {
        let ended = self.0.prepare_cached("COMMIT").and_then(|mut statement| statement.execute(()));
        if let Err(error) = ended {
            tracing::warn!(%error, "a reading transaction could not be ended");
        }
    }
}

fn read_one(
    connection: &Connection,
    table: &Table,
    realm: RealmId,
    now: Timestamp,
    key: &RecordKey,
) -> Result<Option<Row>, StoreError> {
    let read = || -> rusqlite::Result<_> {
        let mut statement = connection.prepare_cached(&table.read)?;
        let mut rows = statement.query((key.id, realm.uuid(), now.micros()))?;
        rows.next()?.map(|row| to_row(row, 0, table.spec.live.len())).transpose()
    };
    read().map_err(unavailable)
}

/// What `sql::row_columns` asked for, which begins at this column.
pub(super) fn to_row(row: &rusqlite::Row<'_>, at: usize, live: usize) -> rusqlite::Result<Row> {
    Ok(Row {
        id: row.get(at)?,
        version: row.get(at + 1)?,
        shape: row.get(at + 2)?,
        doc: row.get(at + 3)?,
        live: (at + 4..at + 4 + live).map(|at| row.get(at)).collect::<Result<_, _>>()?,
    })
}

pub(super) fn value(value: ValueRef<'_>, is_uuid: bool) -> rusqlite::Result<Value> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Text(_) => Value::Text(value.as_str()?.to_owned()),
        ValueRef::Blob(bytes) => match uuid::Uuid::from_slice(bytes) {
            Ok(uuid) if is_uuid => Value::Uuid(uuid),
            _ => Value::Bytes(bytes.to_vec()),
        },
        ValueRef::Real(_) => return Err(rusqlite::Error::IntegralValueOutOfRange(0, 0)),
    })
}
