//! The statements of one batch, and what their failures mean.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ciam_core::clock::Timestamp;
use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{Batch, Bound, Encoded, Op, RecordKey, StoreError, UNITS};
use uuid::Uuid;

use super::listening::{NOTIFY, payloads};
use super::sql::{self, Live, Table};
use super::values::Param;

/// The prepared collections by name.
pub(super) type Tables = HashMap<&'static str, Arc<Table>>;

pub(super) fn table<'t>(tables: &'t Tables, name: &str) -> Result<&'t Table, StoreError> {
    tables.get(name).map(AsRef::as_ref).ok_or(StoreError::Misuse("a collection that the store was not prepared for"))
}

/// A statement of a batch, and what its failure means.
#[derive(Debug)]
pub(super) struct Step<'t> {
    pub(super) text: &'t str,
    pub(super) params: Vec<Param>,
    pub(super) key: RecordKey,
    pub(super) table: Option<&'t Table>,
    /// What it means that there was no record.
    pub(super) absence: Absence,
    /// The tally or peak that it is about.
    pub(super) live: &'static str,
}

/// What it means that a statement found no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    Stale,
    Conflict,
    Exceeded,
}

/// Whether expired records that may be in the way are removed first. They seldom are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    AsItIs,
    Made,
}

/// The statements of a batch.
///
/// # Errors
/// [`StoreError::Misuse`] for what the store was not prepared for.
pub(super) fn steps<'t>(
    tables: &'t Tables,
    realm: RealmId,
    batch: &Batch,
    room: Room,
) -> Result<Vec<Step<'t>>, StoreError> {
    let writes = batch.ops.iter().filter(|op| !matches!(op, Op::Guard { .. }));
    let mut plan = Plan {
        realm: realm.uuid(),
        unit: batch.unit,
        now: batch.now,
        room,
        written: writes.map(Op::key).collect(),
        steps: Vec::with_capacity(batch.ops.len() + 1),
    };
    plan.steps.push(unit_step(sql::TAKE_UNIT, batch.unit, batch.now));
    let mut changed = Vec::with_capacity(batch.ops.len());
    for op in &batch.ops {
        let table = table(tables, op.key().collection)?;
        plan.push(table, op)?;
        changed.push((&table.spec, op));
    }
    let announced = payloads(changed.into_iter());
    plan.steps.extend(announced.into_iter().map(|payload| Step::alone(NOTIFY, vec![Param::Text(payload)])));
    Ok(plan.steps)
}

/// The statement that takes the id of a unit.
pub(super) fn unit_step(text: &'static str, unit: Uuid, now: Timestamp) -> Step<'static> {
    Step::alone(text, vec![Param::Uuid(unit), Param::moment(now)])
}

impl<'t> Step<'t> {
    /// A statement that is about no record.
    pub(super) fn alone(text: &'t str, params: Vec<Param>) -> Self {
        let key = RecordKey { collection: UNITS, id: Uuid::nil() };
        Self { text, params, key, table: None, absence: Absence::Stale, live: "" }
    }
}

struct Plan<'t> {
    realm: Uuid,
    unit: Uuid,
    now: Timestamp,
    room: Room,
    /// What the batch changes: a guard that goes before must not share it.
    written: HashSet<RecordKey>,
    steps: Vec<Step<'t>>,
}

impl<'t> Plan<'t> {
    fn push(&mut self, table: &'t Table, op: &Op) -> Result<(), StoreError> {
        let key = op.key();
        match op {
            Op::Insert { record, .. } => {
                self.make_room(table, key, record);
                let params = self.inserted(record, &record.live, table);
                self.step(table, &table.insert, key, params);
            }
            Op::Replace { record, expected, .. } => {
                self.make_room(table, key, record);
                let mut params = self.mine(key);
                params.extend([
                    Param::Uuid(*expected),
                    Param::Uuid(self.unit),
                    Param::Small(record.shape.into()),
                    Param::Doc(record.doc.clone()),
                ]);
                params.extend(changing(table, record));
                self.step(table, &table.replace, key, params);
            }
            Op::Remove { expected, .. } => {
                let params = self.mine_and(key, [Param::Uuid(*expected)]);
                self.step(table, &table.remove, key, params);
            }
            Op::Guard { expected: Some(expected), .. } => {
                let text = if self.written.contains(&key) { &table.guard_alone } else { &table.guard };
                let params = self.mine_and(key, [Param::Uuid(*expected)]);
                self.step(table, text, key, params);
            }
            Op::Guard { expected: None, .. } => {
                // No record has this version: one that the batch has inserted itself is not taken for the placeholder.
                for text in &table.keep_free {
                    let params = self.mine_and(key, [Param::Uuid(Uuid::nil())]);
                    self.step(table, text, key, params);
                }
            }
            Op::Touch { expected, .. } => {
                let params = self.mine_and(key, [Param::Uuid(*expected), Param::Uuid(self.unit)]);
                self.step(table, &table.touch, key, params);
            }
            Op::Add { tally, by, bound, create, .. } => {
                self.add(table, key, live(table, tally)?, (*by, *bound), create)
            }
            Op::Raise { peak, to, strictly, .. } => {
                let live = live(table, peak)?;
                let params = self.mine_and(key, [Param::Int(*to)]);
                let text = if *strictly { &live.raise_strictly } else { &live.raise };
                self.step(table, text, key, params).live = live.name;
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        table: &'t Table,
        key: RecordKey,
        live: &'t Live,
        (by, bound): (i64, Bound),
        create: &Option<Encoded>,
    ) {
        let (least, most) = match bound {
            Bound::None => (i64::MIN, i64::MAX),
            Bound::AtMost(most) => (i64::MIN, most),
            Bound::AtLeast(least) => (least, i64::MAX),
        };
        let added = [by, least, most].map(Param::Int);
        let at = table.spec.live.iter().position(|name| *name == live.name).unwrap_or_default();
        // What has expired before it begins is as absent as if there were nothing to begin with.
        let create = create.as_ref().filter(|first| first.expires.is_none_or(|until| until > self.now));
        let begun = create.map(|first| (first, first.live[at].saturating_add(by)));
        let step = match begun {
            Some((first, sum)) if bound.allows(sum) => {
                self.make_room(table, key, first);
                let mut numbers = first.live.clone();
                numbers[at] = sum;
                let mut params = self.inserted(first, &numbers, table);
                params.extend(added);
                let step = self.step(table, &live.add_or_insert, key, params);
                step.absence = Absence::Conflict;
                step
            }
            // What would begin past its bound is refused, unless there is one already to which it can be added.
            begun => {
                let params = self.mine_and(key, added);
                let step = self.step(table, &live.add, key, params);
                step.absence = if begun.is_some() { Absence::Exceeded } else { Absence::Stale };
                step
            }
        };
        step.live = live.name;
    }

    fn make_room(&mut self, table: &'t Table, key: RecordKey, record: &Encoded) {
        if self.room == Room::AsItIs || !table.spec.expires {
            return;
        }
        let values: Vec<Param> = table.unique_columns.iter().map(|at| Param::value(&record.columns[*at])).collect();
        let params = self.mine_and(key, values);
        self.step(table, &table.make_room, key, params);
    }

    fn step(&mut self, table: &'t Table, text: &'t str, key: RecordKey, params: Vec<Param>) -> &mut Step<'t> {
        let at = self.steps.len();
        let absence = Absence::Stale;
        self.steps.push(Step { text, params, key, table: Some(table), absence, live: "" });
        &mut self.steps[at]
    }

    /// Id, realm and now, with which every statement begins.
    fn mine(&self, key: RecordKey) -> Vec<Param> {
        vec![Param::Uuid(key.id), Param::Uuid(self.realm), Param::moment(self.now)]
    }

    fn mine_and(&self, key: RecordKey, more: impl IntoIterator<Item = Param>) -> Vec<Param> {
        let mut params = self.mine(key);
        params.extend(more);
        params
    }

    fn inserted(&self, record: &Encoded, live: &[i64], table: &Table) -> Vec<Param> {
        let mut params = vec![
            Param::Uuid(record.id),
            Param::Uuid(self.realm),
            Param::Uuid(self.unit),
            Param::Small(record.shape.into()),
            Param::Doc(record.doc.clone()),
            Param::moment(self.now),
            Param::moment(self.now),
        ];
        params.extend(changing(table, record));
        params.extend(live.iter().copied().map(Param::Int));
        params
    }
}

/// The expiry and the columns of a record. One that was given no expiry lives to the end of time.
pub(super) fn changing(table: &Table, record: &Encoded) -> impl Iterator<Item = Param> {
    let expiry = table.spec.expires.then(|| record.expires.map_or(Param::FOREVER, Param::moment));
    expiry.into_iter().chain(record.columns.iter().map(Param::value))
}

fn live<'t>(table: &'t Table, name: &str) -> Result<&'t Live, StoreError> {
    let live = table.live.iter().find(|live| live.name == name);
    live.ok_or(StoreError::Misuse("a tally or peak that the collection does not declare"))
}
