//! Inserting many records in one transaction that holds the write lock.

use ciam_core::id::RealmId;
use ciam_core::store::{Batch, Load, NewRecord, StoreError, UNITS, Value};
use rusqlite::Connection;

use super::batch::{Applying, Tables, table, take_unit};
use super::executor::{Direct, at_once};
use super::sql::Table;
use crate::load::{apart, unique_keys};

/// What became of each group.
pub(super) type Answers = Vec<Result<(), StoreError>>;

/// Inserts all of a group or none of it, group by group. The error is about all of them: none is to be kept.
pub(super) fn apply(conn: &Connection, tables: &Tables, realm: RealmId, load: &Load) -> Result<Answers, StoreError> {
    at_once(insert(conn, tables, realm, load))
}

async fn insert(conn: &Connection, tables: &Tables, realm: RealmId, load: &Load) -> Result<Answers, StoreError> {
    let mut of = Vec::with_capacity(load.groups.len());
    for group in load.groups.iter() {
        of.push(group.iter().map(|new| table(tables, new.collection)).collect::<Result<Vec<&Table>, _>>()?);
    }
    let mut direct = Direct(conn);
    if !take_unit(&mut direct, load.unit, load.now, true).await? {
        return Err(StoreError::Conflict { collection: UNITS, index: "id" });
    }
    let spec = |new: &NewRecord| &tables[new.collection].spec;
    let groups: Vec<&[NewRecord]> = load.groups.iter().map(Vec::as_slice).collect();
    let (mut first, others) = apart(&groups, spec);
    // In the order of a unique key, so that its index, which may be far larger than the cache, is walked once.
    let key = |at: &usize| -> Option<Vec<&Value>> {
        groups[*at].iter().find_map(|new| unique_keys(spec(new), new).next()).map(|(_, values)| values)
    };
    first.sort_by_cached_key(key);
    let batch = Batch { unit: load.unit, now: load.now, ops: Vec::new() };
    let mut applying = Applying::over(direct, tables, realm, &batch);
    let mut answers: Vec<Result<(), StoreError>> = groups.iter().map(|_| Ok(())).collect();
    for at in first.into_iter().chain(others) {
        for (nth, (new, table)) in groups[at].iter().zip(&of[at]).enumerate() {
            match applying.insert(table, &new.record).await {
                Ok(()) => {}
                Err(error @ (StoreError::Conflict { .. } | StoreError::Referenced)) => {
                    for (new, table) in groups[at].iter().zip(&of[at]).take(nth) {
                        applying.drop_row(table, new.record.id).await?;
                    }
                    answers[at] = Err(error);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(answers)
}
