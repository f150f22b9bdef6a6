//! Units that run at once are serializable in what they guard: there is an order, one after the other, in which each of
//! them would have read what it has read.
//!
//! Workers run random units over a few records: each reads some by id, writes some of these, and so guards the rest.
//! Every write leaves a stamp that no other does. Who read which stamp, and who wrote the next one, says who must come
//! before whom; that must have no circle.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "what these tests need of it is little")]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ciam_core::id::RecordId as _;
use ciam_core::store::{Backend, MemoryStore, Store, StoreError, Work};
use ciam_store::SqliteStore;
use ciam_store::conformance::{Account, AccountId, Fixture};
use uuid::Uuid;

const WORKERS: usize = 8;
/// How many units each worker runs.
const UNITS: usize = 60;
/// So few that units are in each other's way.
const RECORDS: u8 = 5;

/// What a unit has seen, and what it left: the stamps of records, none where there was no record yet.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Done {
    read: BTreeMap<u8, Option<String>>,
    wrote: BTreeMap<u8, String>,
}

fn id(record: u8) -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(900 + u128::from(record)))
}

/// Reads these records in this order, and writes as many of them, the first ones.
async fn unit(work: Work, records: Vec<u8>, writes: usize, stamp: String) -> Result<Done, StoreError> {
    let mut done = Done { read: BTreeMap::new(), wrote: BTreeMap::new() };
    for (nth, record) in records.into_iter().enumerate() {
        let found = work.get::<Account>(id(record)).await?;
        done.read.insert(record, found.as_ref().map(|account| account.label.clone()));
        // Others get a turn.
        tokio::task::yield_now().await;
        if nth >= writes {
            continue;
        }
        let label = format!("{stamp}-{record}");
        match found {
            Some(account) => work.replace(&Account { label: label.clone(), ..account })?,
            None => {
                work.insert(&Account { label: label.clone(), ..Account::new(id(record), &format!("n{record}")) })?
            }
        }
        done.wrote.insert(record, label);
    }
    Ok(done)
}

/// The units of one worker that were committed.
async fn worker(store: Store, number: usize) -> Vec<Done> {
    let mut all = Vec::new();
    for nth in 0..UNITS {
        let mut drawn = [0_u8; 8];
        store.entropy().fill(&mut drawn);
        let mut records: Vec<u8> = (0..RECORDS).collect();
        records.sort_by_key(|record| drawn[usize::from(*record)]);
        records.truncate(2 + usize::from(drawn[5] % 3));
        let writes = 1 + usize::from(drawn[6] % 2);
        let stamp = format!("{number}.{nth}");
        let ran = store.transact(|work| unit(work, records.clone(), writes, stamp.clone())).await;
        match ran {
            Ok(done) => all.push(done),
            Err(StoreError::Contended) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    all
}

async fn are_serializable(backend: Arc<dyn Backend>) {
    let f = Fixture::new(backend).await;
    let workers: Vec<_> = (0..WORKERS).map(|number| tokio::spawn(worker(f.store.clone(), number))).collect();
    let mut done = Vec::new();
    for worker in workers {
        done.extend(worker.await.unwrap());
    }
    assert!(done.len() > WORKERS * UNITS / 4, "{} units came through", done.len());
    let order = order(&done);
    // The last word in that order is what is there.
    let mut there: BTreeMap<u8, String> = BTreeMap::new();
    for unit in order {
        let read = done[unit].read.iter();
        read.for_each(|(record, stamp)| assert_eq!(there.get(record), stamp.as_ref(), "{:?}", done[unit]));
        there.extend(done[unit].wrote.clone());
    }
    for (record, stamp) in there {
        assert_eq!(f.store.get::<Account>(id(record)).await.unwrap().unwrap().label, stamp);
    }
}

/// An order in which each unit reads what the ones before it have left.
fn order(done: &[Done]) -> Vec<usize> {
    let (mut writer, mut successor) = (BTreeMap::new(), BTreeMap::new());
    for (unit, of) in done.iter().enumerate() {
        for (record, stamp) in &of.wrote {
            writer.insert((*record, stamp.clone()), unit);
            let overtaken = successor.insert((*record, of.read[record].clone()), unit);
            assert!(overtaken.is_none(), "an update is lost: {of:?} and {:?}", done[overtaken.unwrap()]);
        }
    }
    let mut after: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); done.len()];
    for (unit, of) in done.iter().enumerate() {
        for (record, stamp) in &of.read {
            if let Some(stamp) = stamp {
                let wrote = writer.get(&(*record, stamp.clone()));
                assert!(wrote.is_some(), "what was never committed was read: {of:?}");
                after[*wrote.unwrap()].insert(unit);
            }
            if let Some(next) = successor.get(&(*record, stamp.clone())).filter(|next| **next != unit) {
                after[unit].insert(*next);
            }
        }
    }
    let mut before = vec![0_usize; done.len()];
    after.iter().flatten().for_each(|unit| before[*unit] += 1);
    let mut next: Vec<usize> = (0..done.len()).filter(|unit| before[*unit] == 0).collect();
    let mut order = Vec::new();
    while let Some(unit) = next.pop() {
        order.push(unit);
        for later in &after[unit] {
            before[*later] -= 1;
            if before[*later] == 0 {
                next.push(*later);
            }
        }
    }
    let circle: Vec<&Done> = (0..done.len()).filter(|unit| before[*unit] > 0).map(|unit| &done[unit]).collect();
    assert!(circle.is_empty(), "these have no order: {circle:#?}");
    order
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn units_in_memory_are_serializable() {
    are_serializable(Arc::new(MemoryStore::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn units_on_sqlite_are_serializable() {
    let folder = tempfile::tempdir().unwrap();
    are_serializable(Arc::new(SqliteStore::open(folder.path().join("units.db")).await.unwrap())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn units_on_postgres_are_serializable() {
    let Some(store) = support::empty_store().await else { return };
    are_serializable(store).await;
}

/// The check itself sees a circle: each of two units read what the other one replaced.
#[test]
#[should_panic(expected = "these have no order")]
fn write_skew_has_no_order() {
    let reads = || BTreeMap::from([(0, None), (1, None)]);
    let unit = |record: u8| Done { read: reads(), wrote: BTreeMap::from([(record, format!("x{record}"))]) };
    order(&[unit(0), unit(1)]);
}
