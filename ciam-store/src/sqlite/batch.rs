//! Applying one batch inside a transaction that holds the write lock.
//!
//! As nobody else can write meanwhile, a condition may be read and then acted upon.

use std::collections::HashMap;
use std::sync::Arc;

use ciam_core::clock::Timestamp;
use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{Batch, Encoded, Op, RecordKey, Settlement, StoreError};
use rusqlite::{Connection, OptionalExtension as _, Params};
use uuid::Uuid;

use super::failure::{is_taken, refusal, unavailable};
use super::sql::{self, Bind, Binder, Live, Table};

/// The prepared collections by name.
pub(super) type Tables = HashMap<&'static str, Arc<Table>>;

/// How long the id of a unit is kept: far longer than any commit can be under way.
const UNITS_KEPT: std::time::Duration = std::time::Duration::from_hours(24);

pub(super) fn table<'t>(tables: &'t Tables, name: &str) -> Result<&'t Table, StoreError> {
    tables.get(name).map(AsRef::as_ref).ok_or(StoreError::Misuse("a collection that the store was not prepared for"))
}

/// Takes the unit's id; says whether it was free.
fn take_unit(conn: &Connection, unit: Uuid, now: Timestamp, committed: bool) -> Result<bool, StoreError> {
    Ok(execute(conn, sql::TAKE_UNIT, (unit, now.micros(), committed)).map_err(unavailable)? == 1)
}

/// Settles an unknown outcome: once settled, the unit's own commit finds its id taken.
pub(super) fn settle(conn: &Connection, unit: Uuid, now: Timestamp) -> Result<Settlement, StoreError> {
    if take_unit(conn, unit, now, false)? {
        return Ok(Settlement::Never);
    }
    let mut statement = conn.prepare_cached(sql::UNIT_COMMITTED).map_err(unavailable)?;
    let committed = statement.query_row((unit,), |row| row.get(0)).map_err(unavailable)?;
    Ok(if committed { Settlement::Committed } else { Settlement::Never })
}

/// Removes at most `limit` rows that nobody needs any more.
pub(super) fn sweep(conn: &Connection, tables: &Tables, now: Timestamp, limit: u32) -> Result<u32, StoreError> {
    let mut removed: u32 = 0;
    let mut step = |text: &str, until: Timestamp| {
        let room = limit - removed;
        if room > 0 {
            let rows = execute(conn, text, (until.micros(), room)).map_err(refusal)?;
            removed += u32::try_from(rows).unwrap_or(room);
        }
        Ok(())
    };
    for table in tables.values() {
        if let Some(text) = &table.sweep {
            step(text, now)?;
        }
    }
    step(sql::SWEEP_UNITS, now - UNITS_KEPT)?;
    Ok(removed)
}

fn execute(conn: &Connection, text: &str, params: impl Params) -> rusqlite::Result<usize> {
    conn.prepare_cached(text)?.execute(params)
}

/// A batch being applied.
pub(super) struct Applying<'a> {
    pub(super) conn: &'a Connection,
    pub(super) tables: &'a Tables,
    pub(super) realm: RealmId,
    pub(super) unit: Uuid,
    pub(super) now: Timestamp,
}

impl Applying<'_> {
    /// Applies the operations; the first failed condition is the answer, and the caller takes back the rest.
    pub(super) fn run(&self, batch: &Batch) -> Result<(), StoreError> {
        if !take_unit(self.conn, self.unit, self.now, true)? {
            return Err(StoreError::Conflict { collection: "units", index: "id" });
        }
        batch.ops.iter().try_for_each(|op| self.apply(op))
    }

    fn apply(&self, op: &Op) -> Result<(), StoreError> {
        let key = op.key();
        let table = table(self.tables, key.collection)?;
        match op {
            Op::Insert { record, .. } => self.insert(table, record),
            Op::Replace { record, expected, .. } => self.replace(table, record, *expected),
            Op::Remove { expected, .. } => {
                let params = (key.id, self.realm.uuid(), self.now.micros(), expected);
                self.one(key, execute(self.conn, &table.remove, params))
            }
            Op::Guard { expected, .. } => {
                let mut statement = self.conn.prepare_cached(&table.version).map_err(unavailable)?;
                let version: Option<Uuid> = statement
                    .query_row((key.id, self.realm.uuid(), self.now.micros()), |row| row.get(0))
                    .optional()
                    .map_err(unavailable)?;
                if version == *expected { Ok(()) } else { Err(stale(key)) }
            }
            Op::Touch { expected, .. } => {
                let params = (key.id, self.realm.uuid(), self.now.micros(), expected, self.unit);
                self.one(key, execute(self.conn, &table.touch, params))
            }
            Op::Add { tally, by, bound, create, .. } => {
                let live = live(table, tally)?;
                let value = match (self.value(live, key)?, create) {
                    (Some(value), _) => value,
                    (None, None) => return Err(stale(key)),
                    (None, Some(first)) => {
                        self.insert(table, first)?;
                        self.value(live, key)?.ok_or_else(|| stale(key))?
                    }
                };
                let sum = value.saturating_add(*by);
                if !bound.allows(sum) {
                    return Err(StoreError::Exceeded { collection: key.collection, tally: live.name });
                }
                self.set(live, key, sum)
            }
            Op::Raise { peak, to, strictly, .. } => {
                let live = live(table, peak)?;
                match self.value(live, key)? {
                    None => Err(stale(key)),
                    Some(value) if value < *to => self.set(live, key, *to),
                    Some(_) if *strictly => Err(StoreError::Exceeded { collection: key.collection, tally: live.name }),
                    Some(_) => Ok(()),
                }
            }
        }
    }

    fn insert(&self, table: &Table, record: &Encoded) -> Result<(), StoreError> {
        match self.insert_row(table, record) {
            Err(error) if is_taken(&error) => {
                self.make_room(table, record, true)?;
                self.insert_row(table, record).map_err(refusal)
            }
            other => other.map_err(refusal),
        }
    }

    fn insert_row(&self, table: &Table, record: &Encoded) -> rusqlite::Result<()> {
        let mut statement = self.conn.prepare_cached(&table.insert)?;
        let mut binder = Binder { statement: &mut statement, at: 0 };
        binder.next(record.id)?;
        binder.next(self.realm.uuid())?;
        binder.next(self.unit)?;
        binder.next(record.shape)?;
        binder.next(&record.doc)?;
        binder.next(self.now.micros())?;
        binder.next(self.now.micros())?;
        bind_columns(&mut binder, table, record)?;
        for value in &record.live {
            binder.next(value)?;
        }
        statement.raw_execute().map(drop)
    }

    fn replace(&self, table: &Table, record: &Encoded, expected: Uuid) -> Result<(), StoreError> {
        let key = RecordKey { collection: table.spec.name, id: record.id };
        match self.replace_row(table, record, expected) {
            Err(error) if is_taken(&error) => {
                self.make_room(table, record, false)?;
                self.one(key, self.replace_row(table, record, expected))
            }
            other => self.one(key, other),
        }
    }

    fn replace_row(&self, table: &Table, record: &Encoded, expected: Uuid) -> rusqlite::Result<usize> {
        let mut statement = self.conn.prepare_cached(&table.replace)?;
        let mut binder = Binder { statement: &mut statement, at: 0 };
        binder.next(record.id)?;
        binder.next(self.realm.uuid())?;
        binder.next(self.now.micros())?;
        binder.next(expected)?;
        binder.next(self.unit)?;
        binder.next(record.shape)?;
        binder.next(&record.doc)?;
        bind_columns(&mut binder, table, record)?;
        statement.raw_execute()
    }

    /// Removes the expired records whose id or unique keys this record wants; a living one is a conflict.
    fn make_room(&self, table: &Table, record: &Encoded, with_id: bool) -> Result<(), StoreError> {
        let conflict = |index| StoreError::Conflict { collection: table.spec.name, index };
        if with_id {
            let mut statement = self.conn.prepare_cached(&table.taken).map_err(unavailable)?;
            let taken: Option<bool> = statement
                .query_row((record.id, self.realm.uuid(), self.now.micros()), |row| row.get(0))
                .optional()
                .map_err(unavailable)?;
            match taken {
                Some(true) => return Err(conflict("id")),
                Some(false) => self.drop_row(table, record.id)?,
                None => {}
            }
        }
        for unique in &table.unique {
            let mut statement = self.conn.prepare_cached(&unique.holder).map_err(unavailable)?;
            let mut binder = Binder { statement: &mut statement, at: 0 };
            let bound = binder
                .next(record.id)
                .and_then(|()| binder.next(self.realm.uuid()))
                .and_then(|()| binder.next(self.now.micros()))
                .and_then(|()| {
                    let mut values = unique.columns.iter().filter_map(|at| record.columns.get(*at));
                    values.try_for_each(|value| binder.next(Bind(value)))
                });
            bound.map_err(unavailable)?;
            let holder: Option<(Uuid, bool)> = statement
                .raw_query()
                .next()
                .and_then(|row| row.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose())
                .map_err(unavailable)?;
            match holder {
                Some((_, true)) => return Err(conflict(unique.first)),
                Some((holder, false)) => self.drop_row(table, holder)?,
                None => {}
            }
        }
        Ok(())
    }

    fn drop_row(&self, table: &Table, id: Uuid) -> Result<(), StoreError> {
        execute(self.conn, &table.drop, (id,)).map(drop).map_err(refusal)
    }

    fn value(&self, live: &Live, key: RecordKey) -> Result<Option<i64>, StoreError> {
        let mut statement = self.conn.prepare_cached(&live.get).map_err(unavailable)?;
        let params = (key.id, self.realm.uuid(), self.now.micros());
        statement.query_row(params, |row| row.get(0)).optional().map_err(unavailable)
    }

    fn set(&self, live: &Live, key: RecordKey, value: i64) -> Result<(), StoreError> {
        self.one(key, execute(self.conn, &live.set, (key.id, value)))
    }

    /// The statement must have changed the one record that it was about.
    fn one(&self, key: RecordKey, changed: rusqlite::Result<usize>) -> Result<(), StoreError> {
        match changed.map_err(refusal)? {
            0 => Err(stale(key)),
            _ => Ok(()),
        }
    }
}

fn bind_columns(binder: &mut Binder<'_, '_>, table: &Table, record: &Encoded) -> rusqlite::Result<()> {
    if table.spec.expires {
        // A record that was given no expiry lives to the end of time.
        binder.next(record.expires.map_or(i64::MAX, Timestamp::micros))?;
    }
    record.columns.iter().try_for_each(|value| binder.next(Bind(value)))
}

fn live<'t>(table: &'t Table, name: &str) -> Result<&'t Live, StoreError> {
    let live = table.live.iter().find(|live| live.name == name);
    live.ok_or(StoreError::Misuse("a tally or peak that the collection does not declare"))
}

const fn stale(key: RecordKey) -> StoreError {
    StoreError::Stale { collection: key.collection, id: key.id }
}
