//! The store in memory: the executable specification of every verb, and the quickest start.

mod directory;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

use super::backend::{Backend, Batch, Op, Position, RecordKey, Schema, Settlement, UNITS, UNITS_KEPT};
use super::error::StoreError;
use super::load::{Load, NewRecord};
use super::query::{Cursor, RawQuery};
use super::search::Directory;
use super::spec::{CollectionSpec, Encoded, Row};
use super::value::Value;
use crate::clock::Timestamp;
use crate::id::RealmId;

/// Keeps everything in memory and forgets it with the process: for tests, trials and demonstrations.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tables: HashMap<&'static str, Table>,
    stream: Vec<(RealmId, Row)>,
    /// When a unit's id was taken, and what for.
    units: HashMap<Uuid, (Timestamp, Settlement)>,
}

#[derive(Debug)]
struct Table {
    spec: CollectionSpec,
    rows: HashMap<Uuid, Kept>,
    /// One for every index of the collection: realm, values (none of them null), id.
    indexes: Vec<BTreeSet<(RealmId, Vec<Value>, Uuid)>>,
}

#[derive(Debug, Clone)]
struct Kept {
    realm: RealmId,
    row: Row,
    columns: Vec<Value>,
    expires: Option<Timestamp>,
    created: Timestamp,
    /// When it was inserted, replaced or touched last.
    updated: Timestamp,
}

impl Kept {
    fn is_live(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn new(spec: CollectionSpec) -> Self {
        let indexes = spec.indexes.iter().map(|_| BTreeSet::new()).collect();
        Self { spec, rows: HashMap::new(), indexes }
    }

    /// The record as the realm sees it now.
    fn live(&self, realm: RealmId, now: Timestamp, id: Uuid) -> Option<&Kept> {
        self.rows.get(&id).filter(|kept| kept.realm == realm && kept.is_live(now))
    }

    fn is_at(&self, realm: RealmId, now: Timestamp, id: Uuid, expected: Option<Uuid>) -> Result<(), StoreError> {
        if self.live(realm, now, id).map(|kept| kept.row.version) == expected {
            Ok(())
        } else {
            Err(StoreError::Stale { collection: self.spec.name, id })
        }
    }

    /// The key of a record in an index, unless a null keeps it out.
    fn key(&self, index: usize, kept: &Kept) -> Option<(RealmId, Vec<Value>, Uuid)> {
        let mut values = Vec::new();
        for name in &self.spec.indexes[index].columns {
            let at = self.spec.columns.iter().position(|column| column.name == *name)?;
            values.push(kept.columns.get(at).filter(|value| !value.is_null())?.clone());
        }
        Some((kept.realm, values, kept.row.id))
    }

    /// Puts a record in place of the one with its id, keeping the indexes in step; gives back what was there.
    fn set(&mut self, id: Uuid, new: Option<Kept>) -> Option<Kept> {
        let old = self.rows.remove(&id);
        for index in 0..self.indexes.len() {
            if let Some(key) = old.as_ref().and_then(|old| self.key(index, old)) {
                self.indexes[index].remove(&key);
            }
            if let Some(key) = new.as_ref().and_then(|new| self.key(index, new)) {
                self.indexes[index].insert(key);
            }
        }
        if let Some(new) = new {
            self.rows.insert(id, new);
        }
        old
    }

    /// Who stands in the way of this record's unique keys: an expired holder is put on `gone` instead.
    fn holders(&self, kept: &Kept, now: Timestamp) -> Result<Vec<Uuid>, StoreError> {
        let mut gone = Vec::new();
        for (index, spec) in self.spec.indexes.iter().enumerate().filter(|(_, spec)| spec.unique) {
            let Some((realm, values, _)) = self.key(index, kept) else { continue };
            let from = (realm, values.clone(), Uuid::nil());
            let holder = self.indexes[index].range(from..).next().filter(|(r, v, _)| *r == realm && *v == values);
            let Some((_, _, holder)) = holder.filter(|(_, _, holder)| *holder != kept.row.id) else { continue };
            if self.rows.get(holder).is_some_and(|holder| holder.is_live(now)) {
                return Err(StoreError::Conflict { collection: self.spec.name, index: spec.columns[0] });
            }
            gone.push(*holder);
        }
        Ok(gone)
    }
}

/// What a batch has changed so far, so that it can be taken back.
#[derive(Default)]
struct Undo(Vec<(&'static str, Uuid, Option<Kept>)>);

impl State {
    fn table(&self, name: &str) -> Result<&Table, StoreError> {
        self.tables.get(name).ok_or(StoreError::Misuse("a collection that the store was not prepared for"))
    }

    fn table_mut(&mut self, name: &str) -> Result<&mut Table, StoreError> {
        self.tables.get_mut(name).ok_or(StoreError::Misuse("a collection that the store was not prepared for"))
    }

    fn set(&mut self, key: RecordKey, new: Option<Kept>, undo: &mut Undo) -> Result<(), StoreError> {
        let old = self.table_mut(key.collection)?.set(key.id, new);
        undo.0.push((key.collection, key.id, old));
        Ok(())
    }

    fn put(&mut self, key: RecordKey, kept: Kept, now: Timestamp, undo: &mut Undo) -> Result<(), StoreError> {
        for expired in self.table(key.collection)?.holders(&kept, now)? {
            self.set(RecordKey { id: expired, ..key }, None, undo)?;
        }
        self.set(key, Some(kept), undo)
    }

    /// Puts everything back as it was.
    fn take_back(&mut self, undo: Undo) -> Result<(), StoreError> {
        for (collection, id, old) in undo.0.into_iter().rev() {
            self.table_mut(collection)?.set(id, old);
        }
        Ok(())
    }

    /// Appends a record that was inserted to the stream, if it belongs there.
    fn append(&mut self, realm: RealmId, version: Uuid, collection: &str, record: &Encoded) -> Result<(), StoreError> {
        if self.table(collection)?.spec.stream {
            let Encoded { id, doc, shape, live, .. } = record.clone();
            self.stream.push((realm, Row { id, version, shape, doc, live }));
        }
        Ok(())
    }

    fn insert(
        &mut self,
        realm: RealmId,
        batch: (Uuid, Timestamp),
        collection: &'static str,
        record: &Encoded,
        undo: &mut Undo,
    ) -> Result<(), StoreError> {
        let (version, now) = batch;
        let key = RecordKey { collection, id: record.id };
        if self.table(collection)?.rows.get(&record.id).is_some_and(|kept| kept.is_live(now) || kept.realm != realm) {
            return Err(StoreError::Conflict { collection, index: "id" });
        }
        let row =
            Row { id: record.id, version, shape: record.shape, doc: record.doc.clone(), live: record.live.clone() };
        let (columns, expires) = (record.columns.clone(), record.expires);
        let kept = Kept { realm, row, columns, expires, created: now, updated: now };
        self.put(key, kept, now, undo)
    }

    fn apply(
        &mut self,
        realm: RealmId,
        unit: Uuid,
        now: Timestamp,
        op: &Op,
        undo: &mut Undo,
    ) -> Result<(), StoreError> {
        let key = op.key();
        let table = self.table(key.collection)?;
        let live = table.live(realm, now, key.id);
        let stale = || StoreError::Stale { collection: key.collection, id: key.id };
        match op {
            Op::Insert { collection, record } => self.insert(realm, (unit, now), collection, record, undo),
            Op::Replace { record, expected, .. } => {
                table.is_at(realm, now, key.id, Some(*expected))?;
                let Kept { row: Row { live, .. }, created, .. } = live.cloned().ok_or_else(stale)?;
                let row = Row { id: key.id, version: unit, shape: record.shape, doc: record.doc.clone(), live };
                let (columns, expires) = (record.columns.clone(), record.expires);
                let kept = Kept { realm, row, columns, expires, created, updated: now };
                self.put(key, kept, now, undo)
            }
            Op::Remove { expected, .. } => {
                table.is_at(realm, now, key.id, Some(*expected))?;
                self.set(key, None, undo)
            }
            Op::Guard { expected, .. } => table.is_at(realm, now, key.id, *expected),
            Op::Touch { expected, .. } => {
                table.is_at(realm, now, key.id, Some(*expected))?;
                let mut kept = live.cloned().ok_or_else(stale)?;
                kept.row.version = unit;
                kept.updated = now;
                self.set(key, Some(kept), undo)
            }
            Op::Add { tally, by, bound, create, .. } => {
                if live.is_none() {
                    let first = create.as_ref().ok_or_else(stale)?;
                    self.insert(realm, (unit, now), key.collection, first, undo)?;
                }
                self.change(realm, now, key, tally, undo, |value| {
                    let sum = value.saturating_add(*by);
                    if bound.allows(sum) { Some(sum) } else { None }
                })
            }
            Op::Raise { peak, to, strictly, .. } => self.change(realm, now, key, peak, undo, |value| {
                if *strictly && *to <= value { None } else { Some(value.max(*to)) }
            }),
        }
    }

    /// Changes a tally or peak in place; the version stays.
    fn change(
        &mut self,
        realm: RealmId,
        now: Timestamp,
        key: RecordKey,
        name: &'static str,
        undo: &mut Undo,
        to: impl FnOnce(i64) -> Option<i64>,
    ) -> Result<(), StoreError> {
        let table = self.table(key.collection)?;
        let at = table.spec.live.iter().position(|live| *live == name);
        let at = at.ok_or(StoreError::Misuse("a tally or peak that the collection does not declare"))?;
        let mut kept = table
            .live(realm, now, key.id)
            .cloned()
            .ok_or(StoreError::Stale { collection: key.collection, id: key.id })?;
        let value = kept.row.live.get(at).copied().unwrap_or_default();
        let value = to(value).ok_or(StoreError::Exceeded { collection: key.collection, tally: name })?;
        if let Some(slot) = kept.row.live.get_mut(at) {
            *slot = value;
        }
        self.set(key, Some(kept), undo)
    }

    fn found(&self, realm: RealmId, now: Timestamp, query: &RawQuery) -> Result<Vec<(Cursor, Row)>, StoreError> {
        let table = self.table(query.collection)?;
        let index = table.spec.indexes.iter().position(|index| index.columns == query.columns);
        let index = index.ok_or(StoreError::Misuse("an index that the collection does not declare"))?;
        let open = query.open_column();
        let kind = open.and_then(|name| table.spec.columns.iter().find(|column| column.name == name)).map(|c| c.kind);
        if query.after.as_ref().is_some_and(|after| !after.fits(kind)) {
            return Err(StoreError::Misuse("a cursor of another list"));
        }
        let mut found: Vec<(Cursor, &Kept)> = Vec::new();
        let from = (realm, query.equal.clone(), Uuid::nil());
        for (of, values, id) in table.indexes[index].range(from..) {
            if *of != realm || !values.starts_with(&query.equal) {
                break;
            }
            let place = Cursor { value: open.and(values.get(query.equal.len()).cloned()), id: *id };
            if let Some(kept) = table.rows.get(id).filter(|kept| query.reaches(&place) && kept.is_live(now)) {
                found.push((place, kept));
            }
        }
        found.sort_by(|(a, _), (b, _)| query.order(a, b));
        found.truncate(query.limit as usize);
        Ok(found.into_iter().map(|(place, kept)| (place, kept.row.clone())).collect())
    }
}

#[async_trait]
impl Backend for MemoryStore {
    async fn prepare(&self, schema: &Schema) -> Result<(), StoreError> {
        let mut state = self.lock();
        for spec in schema.collections() {
            match state.tables.get(spec.name) {
                None => {
                    state.tables.insert(spec.name, Table::new(spec.clone()));
                }
                Some(table) if table.spec == *spec => {}
                Some(_) => {
                    return Err(StoreError::Layout {
                        table: spec.name.to_owned(),
                        problem: "declared twice, differently".to_owned(),
                    });
                }
            }
        }
        Ok(())
    }

    async fn read(&self, realm: RealmId, now: Timestamp, keys: &[RecordKey]) -> Result<Vec<Option<Row>>, StoreError> {
        let state = self.lock();
        keys.iter()
            .map(|key| Ok(state.table(key.collection)?.live(realm, now, key.id).map(|kept| kept.row.clone())))
            .collect()
    }

    async fn find(&self, realm: RealmId, now: Timestamp, query: &RawQuery) -> Result<Vec<(Cursor, Row)>, StoreError> {
        self.lock().found(realm, now, query)
    }

    async fn count(&self, realm: RealmId, now: Timestamp, query: &RawQuery) -> Result<u32, StoreError> {
        let query = RawQuery { after: None, ..query.clone() };
        Ok(u32::try_from(self.lock().found(realm, now, &query)?.len()).unwrap_or(u32::MAX))
    }

    async fn commit(&self, realm: RealmId, batch: Batch) -> Result<(), StoreError> {
        batch.check_size()?;
        let mut state = self.lock();
        if state.units.contains_key(&batch.unit) {
            return Err(StoreError::Conflict { collection: UNITS, index: "id" });
        }
        let mut undo = Undo::default();
        for op in &batch.ops {
            if let Err(error) = state.apply(realm, batch.unit, batch.now, op, &mut undo) {
                state.take_back(undo)?;
                return Err(error);
            }
        }
        for op in &batch.ops {
            if let Op::Insert { collection, record } = op {
                state.append(realm, batch.unit, collection, record)?;
            }
        }
        state.units.insert(batch.unit, (batch.now, Settlement::Committed));
        Ok(())
    }

    async fn load(&self, realm: RealmId, load: Load) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        load.check_size()?;
        let mut state = self.lock();
        if state.units.contains_key(&load.unit) {
            return Err(StoreError::Conflict { collection: UNITS, index: "id" });
        }
        load.groups.iter().flatten().try_for_each(|new| state.table(new.collection).map(drop))?;
        let mut answers = Vec::with_capacity(load.groups.len());
        for group in load.groups.iter() {
            let mut undo = Undo::default();
            let insert =
                |new: &NewRecord| state.insert(realm, (load.unit, load.now), new.collection, &new.record, &mut undo);
            let answer = group.iter().try_for_each(insert);
            match &answer {
                Ok(()) => {
                    group.iter().try_for_each(|new| state.append(realm, load.unit, new.collection, &new.record))?
                }
                Err(_) => state.take_back(undo)?,
            }
            answers.push(answer);
        }
        state.units.insert(load.unit, (load.now, Settlement::Committed));
        Ok(answers)
    }

    fn directory(&self) -> Option<&dyn Directory> {
        Some(self)
    }

    async fn settle(&self, unit: Uuid, now: Timestamp) -> Result<Settlement, StoreError> {
        Ok(self.lock().units.entry(unit).or_insert((now, Settlement::Never)).1)
    }

    async fn tail(&self, realm: RealmId, after: Position, limit: u32) -> Result<Vec<(Position, Row)>, StoreError> {
        let state = self.lock();
        let from = usize::try_from(after.minor).unwrap_or(usize::MAX);
        let rows = state.stream.iter().enumerate().skip(from).filter(|(_, (of, _))| *of == realm).take(limit as usize);
        Ok(rows.map(|(at, (_, row))| (Position { major: 0, minor: at as u64 + 1 }, row.clone())).collect())
    }

    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let mut state = self.lock();
        let mut removed = 0;
        for table in state.tables.values_mut() {
            let room = (limit - removed) as usize;
            let expired: Vec<Uuid> =
                table.rows.values().filter(|kept| !kept.is_live(now)).map(|kept| kept.row.id).take(room).collect();
            for id in expired {
                table.set(id, None);
                removed += 1;
            }
        }
        let room = (limit - removed) as usize;
        let old: Vec<Uuid> = state
            .units
            .iter()
            .filter(|(_, (at, _))| now.since(*at) >= UNITS_KEPT)
            .map(|(id, _)| *id)
            .take(room)
            .collect();
        for id in old {
            state.units.remove(&id);
            removed += 1;
        }
        Ok(removed)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
