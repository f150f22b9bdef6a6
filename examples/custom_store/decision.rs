//! A batch, decided: what it changes, or the condition that failed. Nothing is written here.

use std::collections::BTreeSet;

use ciam::RealmId;
use ciam::store::{Batch, Encoded, Op, RecordKey, StoreError, UNITS};
use uuid::Uuid;

use super::state::{Cell, Kept, Line, State, Unit};

/// The line that the batch becomes.
pub(crate) fn decide(state: &State, realm: RealmId, batch: &Batch) -> Result<Line, StoreError> {
    if state.units.contains_key(&batch.unit) {
        return Err(StoreError::Conflict { collection: UNITS, index: "id" });
    }
    let unit = Some((batch.unit, Unit { at: batch.now, committed: true }));
    let mut draft = Draft { state, realm, batch, line: Line { unit, ..Line::default() }, place: state.last_place };
    batch.ops.iter().try_for_each(|op| draft.take(op))?;
    Ok(draft.line)
}

/// The state, and above it what the operations so far have changed.
struct Draft<'s> {
    state: &'s State,
    realm: RealmId,
    batch: &'s Batch,
    line: Line,
    place: u64,
}

impl Draft<'_> {
    fn take(&mut self, op: &Op) -> Result<(), StoreError> {
        let key = op.key();
        self.state.table(key.collection)?;
        let found = self.alive(key).cloned();
        let stale = || StoreError::Stale { collection: key.collection, id: key.id };
        let read = |version: &Uuid| found.clone().filter(|kept| kept.version == *version).ok_or_else(stale);
        match op {
            Op::Insert { record, .. } => self.insert(key, record)?,
            Op::Replace { record, expected, .. } => {
                let before = read(expected)?;
                self.put(key, record, before.live, before.place)?;
            }
            Op::Remove { expected, .. } => {
                read(expected)?;
                self.change(key, None);
            }
            Op::Guard { expected: Some(expected), .. } => drop(read(expected)?),
            Op::Guard { expected: None, .. } => found.map_or(Ok(()), |_| Err(stale()))?,
            Op::Touch { expected, .. } => {
                let touched = Kept { version: self.batch.unit, ..read(expected)? };
                self.change(key, Some(touched));
            }
            Op::Add { tally, by, bound, create, .. } => {
                if let (None, Some(record)) = (&found, create) {
                    self.insert(key, record)?;
                }
                self.count(key, tally, |number| Some(number.saturating_add(*by)).filter(|sum| bound.allows(*sum)))?;
            }
            Op::Raise { peak, to, strictly, .. } => {
                self.count(key, peak, |number| (number < *to || !strictly).then(|| number.max(*to)))?;
            }
        }
        Ok(())
    }

    fn insert(&mut self, key: RecordKey, record: &Encoded) -> Result<(), StoreError> {
        if self.lies(key).is_some_and(|kept| self.is_alive(kept)) {
            return Err(StoreError::Conflict { collection: key.collection, index: "id" });
        }
        let (_, spec) = self.state.table(key.collection)?;
        self.place += u64::from(spec.stream);
        self.put(key, record, record.live.clone(), if spec.stream { self.place } else { 0 })
    }

    /// Writes the record, if its unique keys are free. An expired record that has one of them goes.
    fn put(&mut self, key: RecordKey, record: &Encoded, live: Vec<i64>, place: u64) -> Result<(), StoreError> {
        let (table, spec) = self.state.table(key.collection)?;
        let columns = record.columns.iter().cloned().map(Cell).collect();
        let (shape, doc, expires) = (record.shape, record.doc.clone(), record.expires);
        let kept = Kept { realm: self.realm, version: self.batch.unit, shape, doc, columns, live, expires, place };
        for (number, index) in spec.indexes.iter().enumerate().filter(|(_, index)| index.unique) {
            let Some(wanted) = kept.key(spec, index) else { continue };
            let changed = self.line.records.get(key.collection).into_iter().flatten().map(|(id, _)| *id);
            let mut others: BTreeSet<Uuid> = changed.chain(table.holders(number, self.realm, &wanted)).collect();
            others.remove(&key.id);
            for other in others.into_iter().map(|id| RecordKey { id, ..key }) {
                let has_it = |other: &&Kept| other.key(spec, index).as_ref() == Some(&wanted);
                match self.lies(other).filter(has_it) {
                    None => {}
                    Some(holder) if self.is_alive(holder) => {
                        return Err(StoreError::Conflict { collection: key.collection, index: index.columns[0] });
                    }
                    Some(_) => self.change(other, None),
                }
            }
        }
        self.change(key, Some(kept));
        Ok(())
    }

    /// Changes a live number, unless `next` refuses.
    fn count(
        &mut self,
        key: RecordKey,
        name: &'static str,
        next: impl Fn(i64) -> Option<i64>,
    ) -> Result<(), StoreError> {
        let (_, spec) = self.state.table(key.collection)?;
        let at = spec.live.iter().position(|live| *live == name);
        let at = at.ok_or(StoreError::Misuse("the collection has no such number"))?;
        let stale = StoreError::Stale { collection: key.collection, id: key.id };
        let mut kept = self.alive(key).cloned().ok_or(stale)?;
        let exceeded = StoreError::Exceeded { collection: key.collection, tally: name };
        kept.live[at] = next(kept.live[at]).ok_or(exceeded)?;
        self.change(key, Some(kept));
        Ok(())
    }

    /// The record as the operations so far have left it: expired or not, of whatever realm.
    fn lies(&self, key: RecordKey) -> Option<&Kept> {
        match self.line.records.get(key.collection).and_then(|records| records.get(&key.id)) {
            Some(changed) => changed.as_ref(),
            None => self.state.tables.get(key.collection)?.records.get(&key.id),
        }
    }

    fn alive(&self, key: RecordKey) -> Option<&Kept> {
        self.lies(key).filter(|kept| kept.realm == self.realm && self.is_alive(kept))
    }

    fn is_alive(&self, kept: &Kept) -> bool {
        kept.is_alive(self.batch.now)
    }

    fn change(&mut self, key: RecordKey, to: Option<Kept>) {
        self.line.records.entry(key.collection.to_owned()).or_default().insert(key.id, to);
    }
}
