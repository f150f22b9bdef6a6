//! The handle of a unit of work: how it reads and writes. What it has read and will write: `unit.rs`.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::Store;
use super::backend::{Bound, Op, RecordKey};
use super::error::StoreError;
use super::live::{Number, Peak, Tally};
use super::query::{Cursor, Query};
use super::record::Record;
use super::unit::{Alone, Closed, Entry, Place, State, Write, place_of};
use crate::clock::Timestamp;
use crate::id::{RealmId, RecordId};
use crate::metrics::Verb;

/// The handle that a unit of work reads and writes through; cheap to clone, passed by value.
///
/// It sees its own pending writes. What it got by id it guards: the commit is refused, and the
/// unit run again, if that has changed. Writing is not a round trip: all of it leaves at the end.
#[derive(Clone)]
pub struct Work {
    store: Store,
    now: Timestamp,
    unit: Uuid,
    state: Arc<Mutex<State>>,
}

impl Work {
    pub(super) fn begin(store: &Store) -> Self {
        let now = store.clock.now();
        let unit = store.entropy.uuid(now);
        Self { store: store.clone(), now, unit, state: Arc::default() }
    }

    /// The moment by which this unit judges expiry: one for the whole unit.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) const fn realm(&self) -> RealmId {
        self.store.realm
    }

    /// The id of the unit.
    pub(super) const fn id(&self) -> Uuid {
        self.unit
    }

    /// A fresh id from the store's entropy.
    #[must_use]
    pub fn new_id<I: RecordId>(&self) -> I {
        self.store.entropy.id(self.now)
    }

    /// The record with this id as the unit would leave it, and guards it: also its absence.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn get<R: Record>(&self, id: R::Id) -> Result<Option<R>, StoreError> {
        let key = key_of::<R>(id);
        self.read(key, true).await?;
        self.current(key)
    }

    /// As [`Work::get`] for several records of one collection, in one round trip and their order.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn get_many<R: Record>(&self, ids: &[R::Id]) -> Result<Vec<Option<R>>, StoreError> {
        let keys: Vec<RecordKey> = ids.iter().map(|id| key_of::<R>(*id)).collect();
        self.read_all(&keys, true).await?;
        keys.into_iter().map(|key| self.current(key)).collect()
    }

    /// As [`Work::get`], without the guard: for what the unit may show but does not rely on.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn peek<R: Record>(&self, id: R::Id) -> Result<Option<R>, StoreError> {
        let key = key_of::<R>(id);
        self.read(key, false).await?;
        self.current(key)
    }

    /// Gets a record and removes it: of many units that take one record, one gets it.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn take<R: Record>(&self, id: R::Id) -> Result<Option<R>, StoreError> {
        let found = self.get::<R>(id).await?;
        if found.is_some() {
            self.remove::<R>(id)?;
        }
        Ok(found)
    }

    /// All records that the index finds, as the unit would leave them, up to the query's limit.
    ///
    /// Guards nothing, but a record that is then replaced or removed must still be as found.
    /// Whoever relies on the *set* touches its owner.
    ///
    /// # Errors
    /// As [`Store::find`].
    pub async fn find<R: Record>(&self, query: &Query<R>) -> Result<Vec<R>, StoreError> {
        let mut raw = query.raw.clone();
        raw.limit = raw.limit.saturating_add(u32::try_from(self.lock().records.len()).unwrap_or(u32::MAX));
        let rows = self.store.timed(Verb::Find, self.store.backend.find(self.store.realm, self.now, &raw)).await?;
        let mut state = self.lock();
        let mut found: Vec<(Cursor, R)> = Vec::new();
        for (cursor, row) in rows {
            let key = RecordKey { collection: R::COLLECTION.name(), id: row.id };
            let entry = state.records.entry(key).or_insert_with(|| Entry::unread(false));
            if entry.read.is_none() {
                entry.read = Some(Some(row));
            }
            if matches!(entry.write, Write::Nothing | Write::Touch)
                && let Some(record) = state.current::<R>(key)?
            {
                found.push((cursor, record));
            }
        }
        let pending: Vec<RecordKey> =
            state.records.keys().copied().filter(|key| key.collection == raw.collection).collect();
        for key in pending {
            if let Some(Entry { write: Write::Put(_, place), .. }) = state.records.get(&key)
                && let Some(cursor) = place_of(&raw, &place.columns, key.id)
                && let Some(record) = state.current::<R>(key)?
            {
                found.push((cursor, record));
            }
        }
        drop(state);
        found.sort_by(|(a, _), (b, _)| raw.order(a, b));
        found.truncate(query.raw.limit as usize);
        Ok(found.into_iter().map(|(_, record)| record).collect())
    }

    /// Inserts a record; the commit is refused with [`StoreError::Conflict`] when its id or a unique
    /// key is taken, unless the unit knew that the id was: then it is [`StoreError::Misuse`].
    ///
    /// # Errors
    /// [`StoreError::Misuse`] for a record that the unit itself has seen or written.
    pub fn insert<R: Record>(&self, record: &R) -> Result<(), StoreError> {
        let key = key_of::<R>(record.id());
        self.put(key, record, |entry| match (&entry.write, &entry.read) {
            (Write::Remove, _) | (Write::Nothing, None | Some(None)) => Ok(()),
            _ => Err(StoreError::Misuse("insert of a record that this unit has")),
        })
    }

    /// Replaces a record that the unit has read; its tallies and peaks stay as they are.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] for a record that the unit has not read or has removed;
    /// [`StoreError::NewerShape`].
    pub fn replace<R: Record>(&self, record: &R) -> Result<(), StoreError> {
        let key = key_of::<R>(record.id());
        self.put(key, record, |entry| match (&entry.write, &entry.read) {
            (Write::Nothing | Write::Touch, Some(Some(row))) if row.shape > R::COLLECTION.current_shape() => {
                Err(StoreError::NewerShape { collection: key.collection })
            }
            (Write::Put(..), _) | (Write::Nothing | Write::Touch, Some(Some(_))) => Ok(()),
            _ => Err(StoreError::Misuse("replace of a record that this unit has not read")),
        })
    }

    /// Removes a record that the unit has read or inserted.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] for any other.
    pub fn remove<R: Record>(&self, id: R::Id) -> Result<(), StoreError> {
        let mut state = self.open()?;
        let entry = state.known(key_of::<R>(id), "remove of a record that this unit has not read")?;
        entry.write = if matches!(entry.read, Some(Some(_))) { Write::Remove } else { Write::Nothing };
        Ok(())
    }

    /// Guards a record that the unit has read, and makes every other unit that touches or replaces it stale.
    ///
    /// For rules about a set: whoever removes one of several factors touches their owner.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] for a record that the unit has not read.
    pub fn touch<R: Record>(&self, id: R::Id) -> Result<(), StoreError> {
        let mut state = self.open()?;
        let entry = state.known(key_of::<R>(id), "touch of a record that this unit has not read")?;
        if matches!(entry.write, Write::Nothing) {
            entry.write = Write::Touch;
        }
        Ok(())
    }

    /// Adds to a tally of a record that exists; needs no look at it and is never stale with others that add.
    ///
    /// The commit is refused with [`StoreError::Exceeded`] when the sum would pass the bound.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] for a record that the unit itself inserts.
    pub fn add<R: Record, N: Number>(
        &self,
        tally: &Tally<R, N>,
        id: R::Id,
        by: i64,
        bound: Bound,
    ) -> Result<(), StoreError> {
        self.count(Op::Add { key: key_of::<R>(id), tally: tally.name(), by, bound, create: None })
    }

    /// As [`Work::add`]; when there is no such record (or it has expired), `first` is inserted and added to.
    ///
    /// # Errors
    /// As [`Work::add`].
    pub fn add_or_insert<R: Record, N: Number>(
        &self,
        tally: &Tally<R, N>,
        first: &R,
        by: i64,
        bound: Bound,
    ) -> Result<(), StoreError> {
        let create = Some(R::COLLECTION.encode(first)?.0);
        self.count(Op::Add { key: key_of::<R>(first.id()), tally: tally.name(), by, bound, create })
    }

    /// Moves a peak up; a value that is not above the present one changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] for a record that the unit itself inserts.
    pub fn raise<R: Record, N: Number>(&self, peak: &Peak<R, N>, id: R::Id, to: N) -> Result<(), StoreError> {
        let to = to.to_column();
        self.count(Op::Raise { key: key_of::<R>(id), peak: peak.name(), to, strictly: false })
    }

    /// Moves a peak up; the commit is refused with [`StoreError::Exceeded`] unless the value is above
    /// the present one: what was used once, or is older, is used up.
    ///
    /// # Errors
    /// As [`Work::raise`].
    pub fn raise_strictly<R: Record, N: Number>(&self, peak: &Peak<R, N>, id: R::Id, to: N) -> Result<(), StoreError> {
        let to = to.to_column();
        self.count(Op::Raise { key: key_of::<R>(id), peak: peak.name(), to, strictly: true })
    }

    /// Something to do once the unit is committed, and only then: wake a worker, drop a cache entry.
    ///
    /// It runs once however often the unit ran, and must be quick. It is lost if the process ends
    /// between the commit and it, so whatever must happen is a record that a worker finds.
    pub fn on_commit(&self, effect: impl FnOnce() + Send + 'static) {
        self.lock().effects.push(Box::new(effect));
    }

    /// All that was written, and the effects; without a batch if nothing was. The handle is of no use afterwards.
    pub(super) fn close(&self) -> Closed {
        self.lock().close(self.unit, self.now, Alone::Dropped)
    }

    /// As [`Work::close`], with a batch also if all that the unit did was to guard: what is written beside it relies
    /// on that.
    pub(super) fn close_guarding(&self) -> Closed {
        self.lock().close(self.unit, self.now, Alone::Kept)
    }

    async fn read(&self, key: RecordKey, guard: bool) -> Result<(), StoreError> {
        self.read_all(&[key], guard).await
    }

    /// Reads those of the records that the unit does not know yet.
    async fn read_all(&self, keys: &[RecordKey], guard: bool) -> Result<(), StoreError> {
        let mut unknown = Vec::new();
        {
            let mut state = self.open()?;
            for key in keys {
                match state.records.get_mut(key) {
                    Some(entry) => {
                        entry.guard |= guard;
                        if entry.read.is_none() && matches!(entry.write, Write::Nothing) {
                            unknown.push(*key);
                        }
                    }
                    None => unknown.push(*key),
                }
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let store = &self.store;
        let rows = store.timed(Verb::Read, store.backend.read(store.realm, self.now, &unknown)).await?;
        let mut state = self.lock();
        for (key, row) in unknown.into_iter().zip(rows) {
            let entry = state.records.entry(key).or_insert_with(|| Entry::unread(guard));
            entry.read.get_or_insert(row);
        }
        Ok(())
    }

    fn current<R: Record>(&self, key: RecordKey) -> Result<Option<R>, StoreError> {
        self.lock().current(key)
    }

    fn put<R: Record>(
        &self,
        key: RecordKey,
        record: &R,
        allowed: impl FnOnce(&Entry) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let (encoded, names) = R::COLLECTION.encode(record)?;
        let columns = names.into_iter().zip(encoded.columns.clone()).collect();
        let mut state = self.open()?;
        let nth = R::COLLECTION.is_stream().then_some(state.records.len());
        let entry = state.records.entry(key).or_insert_with(|| Entry::unread(false));
        allowed(entry)?;
        entry.renewed |= matches!(entry.write, Write::Remove);
        entry.write = Write::Put(encoded, Place { columns, nth });
        Ok(())
    }

    fn count(&self, op: Op) -> Result<(), StoreError> {
        let mut state = self.open()?;
        let inserted = |entry: &Entry| {
            matches!(entry.write, Write::Put(..)) && (entry.renewed || !matches!(entry.read, Some(Some(_))))
        };
        if state.records.get(&op.key()).is_some_and(inserted) {
            return Err(StoreError::Misuse("a tally or peak of a record that this unit inserts"));
        }
        state.counts.push(op);
        Ok(())
    }

    /// The state of a unit that is not over.
    fn open(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.lock();
        if state.closed { Err(StoreError::Misuse("the unit of work is over")) } else { Ok(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key_of<R: Record>(id: R::Id) -> RecordKey {
    RecordKey { collection: R::COLLECTION.name(), id: id.uuid() }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("unit", &self.unit).field("now", &self.now).finish_non_exhaustive()
    }
}
