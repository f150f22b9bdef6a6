//! Applying one batch inside a transaction that holds the write lock.
//!
//! As nobody else can write meanwhile, a condition may be read and then acted upon.

use std::collections::HashMap;
use std::sync::Arc;

use ciam_core::clock::Timestamp;
use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{Batch, Encoded, Op, RecordKey, Settlement, StoreError, UNITS, UNITS_KEPT};
use rusqlite::Connection;
use uuid::Uuid;

use super::executor::{Bind, Direct, Executor, Found, at_once};
use super::failure::{Said, is_taken, refusal, refusal_of, unavailable};
use super::sql::{self, Live, Table};

/// The prepared collections by name.
pub(super) type Tables = HashMap<&'static str, Arc<Table>>;

pub(super) fn table<'t>(tables: &'t Tables, name: &str) -> Result<&'t Table, StoreError> {
    shared_table(tables, name).map(AsRef::as_ref)
}

pub(super) fn shared_table<'t>(tables: &'t Tables, name: &str) -> Result<&'t Arc<Table>, StoreError> {
    tables.get(name).ok_or(StoreError::Misuse("a collection that the store was not prepared for"))
}

/// Applies a batch over a connection that holds the write lock.
pub(super) fn apply(conn: &Connection, tables: &Tables, realm: RealmId, batch: &Batch) -> Result<(), StoreError> {
    at_once(Applying::over(Direct(conn), tables, realm, batch).run(batch))
}

/// Settles an unknown outcome: once settled, the unit's own commit finds its id taken.
pub(super) fn settle(conn: &Connection, unit: Uuid, now: Timestamp) -> Result<Settlement, StoreError> {
    let mut direct = Direct(conn);
    if at_once(take_unit(&mut direct, unit, now, false))? {
        return Ok(Settlement::Never);
    }
    let found = at_once(direct.first(sql::UNIT_COMMITTED, &[Bind::Uuid(unit)])).map_err(unavailable)?;
    let committed = found.is_some_and(|found| found.number != 0);
    Ok(if committed { Settlement::Committed } else { Settlement::Never })
}

/// Removes at most `limit` rows that nobody needs any more.
pub(super) fn sweep(conn: &Connection, tables: &Tables, now: Timestamp, limit: u32) -> Result<u32, StoreError> {
    let mut removed: u32 = 0;
    let mut step = |text: &str, until: Timestamp| {
        let room = limit - removed;
        if room > 0 {
            let params = [Bind::Int(until.micros()), Bind::Int(room.into())];
            let rows = at_once(Direct(conn).execute(text, &params)).map_err(refusal)?;
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

/// Takes the unit's id; says whether it was free.
pub(super) async fn take_unit<E: Executor>(
    executor: &mut E,
    unit: Uuid,
    now: Timestamp,
    committed: bool,
) -> Result<bool, StoreError> {
    let params = [Bind::Uuid(unit), Bind::Int(now.micros()), Bind::Int(committed.into())];
    Ok(executor.execute(sql::TAKE_UNIT, &params).await.map_err(unavailable)? == 1)
}

/// A batch being applied.
pub(super) struct Applying<'a, E> {
    executor: E,
    tables: &'a Tables,
    realm: RealmId,
    unit: Uuid,
    now: Timestamp,
}

impl<'a, E: Executor> Applying<'a, E> {
    pub(super) const fn over(executor: E, tables: &'a Tables, realm: RealmId, batch: &Batch) -> Self {
        Self { executor, tables, realm, unit: batch.unit, now: batch.now }
    }

    /// Applies the operations; the first failed condition is the answer, and the caller takes back the rest.
    pub(super) async fn run(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if !take_unit(&mut self.executor, self.unit, self.now, true).await? {
            return Err(StoreError::Conflict { collection: UNITS, index: "id" });
        }
        for op in &batch.ops {
            self.apply(op).await?;
        }
        Ok(())
    }

    async fn apply(&mut self, op: &Op) -> Result<(), StoreError> {
        let key = op.key();
        let table = table(self.tables, key.collection)?;
        match op {
            Op::Insert { record, .. } => self.insert(table, record).await,
            Op::Replace { record, expected, .. } => self.replace(table, record, *expected).await,
            Op::Remove { expected, .. } => {
                let [id, realm, now] = self.mine(key);
                self.one(key, &table.remove, &[id, realm, now, Bind::Uuid(*expected)]).await
            }
            Op::Guard { expected, .. } => {
                let params = self.mine(key);
                let found = self.executor.first(&table.version, &params).await.map_err(unavailable)?;
                if found.and_then(|found| found.id) == *expected { Ok(()) } else { Err(stale(key)) }
            }
            Op::Touch { expected, .. } => {
                let [id, realm, now] = self.mine(key);
                let params = [id, realm, now, Bind::Uuid(*expected), Bind::Uuid(self.unit)];
                self.one(key, &table.touch, &params).await
            }
            Op::Add { tally, by, bound, create, .. } => {
                let live = live(table, tally)?;
                let value = match (self.value(live, key).await?, create) {
                    (Some(value), _) => value,
                    (None, None) => return Err(stale(key)),
                    (None, Some(first)) => {
                        self.insert(table, first).await?;
                        self.value(live, key).await?.ok_or_else(|| stale(key))?
                    }
                };
                let sum = value.saturating_add(*by);
                if !bound.allows(sum) {
                    return Err(StoreError::Exceeded { collection: key.collection, tally: live.name });
                }
                self.set(live, key, sum).await
            }
            Op::Raise { peak, to, strictly, .. } => {
                let live = live(table, peak)?;
                match self.value(live, key).await? {
                    None => Err(stale(key)),
                    Some(value) if value < *to => self.set(live, key, *to).await,
                    Some(_) if *strictly => Err(StoreError::Exceeded { collection: key.collection, tally: live.name }),
                    Some(_) => Ok(()),
                }
            }
        }
    }

    pub(super) async fn insert(&mut self, table: &Table, record: &Encoded) -> Result<(), StoreError> {
        let mut params = vec![
            Bind::Uuid(record.id),
            Bind::Uuid(self.realm.uuid()),
            Bind::Uuid(self.unit),
            Bind::Int(record.shape.into()),
            Bind::Text(&record.doc),
            Bind::Int(self.now.micros()),
            Bind::Int(self.now.micros()),
        ];
        params.extend(changing(table, record));
        params.extend(record.live.iter().copied().map(Bind::Int));
        match self.executor.execute(&table.insert, &params).await {
            Err(error) if is_taken(&error) => {
                self.make_room(table, record, true).await?;
                let written = self.executor.execute(&table.insert, &params).await;
                written.map(drop).map_err(|error| refusal_of(table.spec.name, error))
            }
            other => other.map(drop).map_err(|error| refusal_of(table.spec.name, error)),
        }
    }

    async fn replace(&mut self, table: &Table, record: &Encoded, expected: Uuid) -> Result<(), StoreError> {
        let key = RecordKey { collection: table.spec.name, id: record.id };
        let mut params = self.mine(key).to_vec();
        params.extend([
            Bind::Uuid(expected),
            Bind::Uuid(self.unit),
            Bind::Int(record.shape.into()),
            Bind::Text(&record.doc),
        ]);
        params.extend(changing(table, record));
        match self.executor.execute(&table.replace, &params).await {
            Err(error) if is_taken(&error) => {
                self.make_room(table, record, false).await?;
                self.one(key, &table.replace, &params).await
            }
            other => changed_one(key, other),
        }
    }

    /// Removes the expired records whose id or unique keys this record wants; a living one is a conflict.
    async fn make_room(&mut self, table: &Table, record: &Encoded, with_id: bool) -> Result<(), StoreError> {
        let conflict = |index| StoreError::Conflict { collection: table.spec.name, index };
        let mine = self.mine(RecordKey { collection: table.spec.name, id: record.id });
        if with_id {
            match self.executor.first(&table.taken, &mine).await.map_err(unavailable)? {
                Some(taken) if taken.number != 0 => return Err(conflict("id")),
                Some(_) => self.drop_row(table, record.id).await?,
                None => {}
            }
        }
        for unique in &table.unique {
            let mut params = mine.to_vec();
            params.extend(unique.columns.iter().filter_map(|at| record.columns.get(*at)).map(Bind::Value));
            match self.executor.first(&unique.holder, &params).await.map_err(unavailable)? {
                Some(holder) if holder.number != 0 => return Err(conflict(unique.first)),
                Some(Found { id: Some(holder), .. }) => self.drop_row(table, holder).await?,
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) async fn drop_row(&mut self, table: &Table, id: Uuid) -> Result<(), StoreError> {
        self.executor.execute(&table.drop, &[Bind::Uuid(id)]).await.map(drop).map_err(refusal)
    }

    async fn value(&mut self, live: &Live, key: RecordKey) -> Result<Option<i64>, StoreError> {
        let params = self.mine(key);
        let found = self.executor.first(&live.get, &params).await.map_err(unavailable)?;
        Ok(found.map(|found| found.number))
    }

    async fn set(&mut self, live: &Live, key: RecordKey, value: i64) -> Result<(), StoreError> {
        self.one(key, &live.set, &[Bind::Uuid(key.id), Bind::Int(value)]).await
    }

    /// The statement must change the one record that it is about.
    async fn one(&mut self, key: RecordKey, text: &str, params: &[Bind<'_>]) -> Result<(), StoreError> {
        changed_one(key, self.executor.execute(text, params).await)
    }

    /// Id, realm and now, with which most statements begin.
    fn mine(&self, key: RecordKey) -> [Bind<'static>; 3] {
        [Bind::Uuid(key.id), Bind::Uuid(self.realm.uuid()), Bind::Int(self.now.micros())]
    }
}

fn changed_one(key: RecordKey, changed: Result<u64, impl Said>) -> Result<(), StoreError> {
    match changed.map_err(|error| refusal_of(key.collection, error))? {
        0 => Err(stale(key)),
        _ => Ok(()),
    }
}

/// The expiry and the columns of a record. One that was given no expiry lives to the end of time.
pub(super) fn changing<'r>(table: &Table, record: &'r Encoded) -> impl Iterator<Item = Bind<'r>> {
    let expiry = table.spec.expires.then(|| Bind::Int(record.expires.map_or(i64::MAX, Timestamp::micros)));
    expiry.into_iter().chain(record.columns.iter().map(Bind::Value))
}

fn live<'t>(table: &'t Table, name: &str) -> Result<&'t Live, StoreError> {
    let live = table.live.iter().find(|live| live.name == name);
    live.ok_or(StoreError::Misuse("a tally or peak that the collection does not declare"))
}

const fn stale(key: RecordKey) -> StoreError {
    StoreError::Stale { collection: key.collection, id: key.id }
}
