//! What a unit of work has read and what it will write: the pending records, and the batch that they become.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::backend::{Batch, Op, RecordKey};
use super::error::StoreError;
use super::query::{Cursor, RawQuery};
use super::record::Record;
use super::spec::{Encoded, Row};
use super::value::Value;
use crate::clock::Timestamp;

pub(super) type Effect = Box<dyn FnOnce() + Send>;

/// What is left of a unit when its body is done.
pub(super) struct Closed {
    /// The batch, of whatever size; none if there is nothing to commit.
    pub(super) batch: Option<Batch>,
    /// What to do once it is committed.
    pub(super) effects: Vec<Effect>,
    /// The collections into which it inserts a record that it got as absent: when that is there after
    /// all, the unit was stale.
    pub(super) absent: Vec<&'static str>,
}

/// What a unit has read and will write.
#[derive(Default)]
pub(super) struct State {
    pub(super) records: BTreeMap<RecordKey, Entry>,
    pub(super) counts: Vec<Op>,
    pub(super) effects: Vec<Effect>,
    pub(super) closed: bool,
}

/// What the unit knows of one record and wants of it.
pub(super) struct Entry {
    /// The row as read; `Some(None)` when it was absent, `None` when nobody looked.
    pub(super) read: Option<Option<Row>>,
    pub(super) guard: bool,
    /// Removed and inserted anew: what was counted on the old one ends with it.
    pub(super) renewed: bool,
    pub(super) write: Write,
}

/// What a unit that writes nothing makes of its guards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alone {
    /// Nothing: nobody relies on them.
    Dropped,
    /// A batch: what is written beside it relies on them.
    Kept,
}

/// What becomes of a record.
pub(super) enum Write {
    Nothing,
    Touch,
    Put(Encoded, Place),
    Remove,
}

/// Where a pending record stands.
pub(super) struct Place {
    /// Its columns by name, so that `find` sees it.
    pub(super) columns: Vec<(&'static str, Value)>,
    /// In a stream, the order in which it was written.
    pub(super) nth: Option<usize>,
}

impl Entry {
    pub(super) const fn unread(guard: bool) -> Self {
        Self { read: None, guard, renewed: false, write: Write::Nothing }
    }
}

impl State {
    pub(super) fn known(&mut self, key: RecordKey, otherwise: &'static str) -> Result<&mut Entry, StoreError> {
        let entry = self.records.get_mut(&key).ok_or(StoreError::Misuse(otherwise))?;
        match (&entry.write, &entry.read) {
            (Write::Put(..), _) | (_, Some(Some(_))) => Ok(entry),
            _ => Err(StoreError::Misuse(otherwise)),
        }
    }

    /// The record as the unit would leave it, its own counting included.
    pub(super) fn current<R: Record>(&self, key: RecordKey) -> Result<Option<R>, StoreError> {
        let Some(entry) = self.records.get(&key) else { return Ok(None) };
        let mut row = match (&entry.write, &entry.read) {
            (Write::Remove, _) => return Ok(None),
            (Write::Put(encoded, _), read) => Row {
                id: key.id,
                version: Uuid::nil(),
                shape: encoded.shape,
                doc: encoded.doc.clone(),
                live: match read {
                    Some(Some(row)) if !entry.renewed => row.live.clone(),
                    _ => encoded.live.clone(),
                },
            },
            (_, Some(Some(row))) => row.clone(),
            (_, Some(None)) => match self.created(key) {
                Some(row) => row,
                None => return Ok(None),
            },
            (_, None) => return Ok(None),
        };
        for op in self.counts.iter().filter(|op| op.key() == key) {
            match op {
                Op::Add { tally, by, .. } => {
                    if let Some(value) = R::COLLECTION.live_at(tally).and_then(|at| row.live.get_mut(at)) {
                        *value += by;
                    }
                }
                Op::Raise { peak, to, .. } => {
                    if let Some(value) = R::COLLECTION.live_at(peak).and_then(|at| row.live.get_mut(at)) {
                        *value = (*value).max(*to);
                    }
                }
                _ => {}
            }
        }
        R::COLLECTION.decode(&row).map(Some)
    }

    /// All that was written, and the effects.
    pub(super) fn close(&mut self, unit: Uuid, now: Timestamp, alone: Alone) -> Closed {
        self.closed = true;
        let effects = std::mem::take(&mut self.effects);
        let counts = |entry: &Entry| match (&entry.write, alone) {
            (Write::Nothing, Alone::Dropped) => false,
            (Write::Nothing, Alone::Kept) => entry.guard && entry.read.is_some(),
            _ => true,
        };
        if self.counts.is_empty() && !self.records.values().any(counts) {
            return Closed { batch: None, effects, absent: Vec::new() };
        }
        let mut ops = std::mem::take(&mut self.counts);
        let (mut inserts, mut absent) = (Vec::new(), Vec::new());
        for (key, entry) in std::mem::take(&mut self.records) {
            let collection = key.collection;
            let seen = entry.read.map(|row| row.map(|row| row.version));
            if entry.guard && matches!((&entry.write, seen), (Write::Put(..), Some(None))) {
                absent.push(collection);
            }
            match (entry.write, seen) {
                (Write::Put(record, place), Some(Some(expected))) if entry.renewed => {
                    ops.push(Op::Remove { key, expected });
                    inserts.push((collection, place, Op::Insert { collection, record }));
                }
                (Write::Put(record, _), Some(Some(expected))) => ops.push(Op::Replace { collection, record, expected }),
                (Write::Put(record, place), _) => inserts.push((collection, place, Op::Insert { collection, record })),
                (Write::Remove, Some(Some(expected))) => ops.push(Op::Remove { key, expected }),
                (Write::Touch, Some(Some(expected))) => ops.push(Op::Touch { key, expected }),
                (_, Some(expected)) if entry.guard => ops.push(Op::Guard { key, expected }),
                _ => {}
            }
        }
        // One order for all units, so that no two wait for each other. Of one record, what was seen is
        // guarded before it is counted on, and counted on before it is removed. Inserts come last, by
        // unique value, so that a value may pass on.
        ops.sort_by_key(|op| {
            let turn = match op {
                Op::Guard { .. } => 0,
                Op::Add { .. } | Op::Raise { .. } => 1,
                _ => 2,
            };
            (op.key(), turn)
        });
        inserts.sort_by(|(a, at_a, _), (b, at_b, _)| (a, at_a.nth, &at_a.columns).cmp(&(b, at_b.nth, &at_b.columns)));
        ops.extend(inserts.into_iter().map(|(_, _, op)| op));
        Closed { batch: Some(Batch { unit, now, ops }), effects, absent }
    }

    /// The record that a pending `add_or_insert` would create.
    fn created(&self, key: RecordKey) -> Option<Row> {
        self.counts.iter().find_map(|op| match op {
            Op::Add { key: of, create: Some(first), .. } if *of == key => Some(Row {
                id: key.id,
                version: Uuid::nil(),
                shape: first.shape,
                doc: first.doc.clone(),
                live: first.live.clone(),
            }),
            _ => None,
        })
    }
}

/// Where a pending record stands in the answer to a query, if it belongs there.
pub(super) fn place_of(query: &RawQuery, columns: &[(&'static str, Value)], id: Uuid) -> Option<Cursor> {
    let of = |name: &str| columns.iter().find(|(column, _)| *column == name).map(|(_, value)| value);
    let values: Vec<&Value> = query.columns.iter().filter_map(|name| of(name)).collect();
    if values.len() != query.columns.len() || values.iter().any(|value| value.is_null()) {
        return None;
    }
    if !query.equal.iter().zip(&values).all(|(wanted, value)| wanted == *value) {
        return None;
    }
    let place = Cursor { value: values.get(query.equal.len()).map(|value| (*value).clone()), id };
    query.reaches(&place).then_some(place)
}
