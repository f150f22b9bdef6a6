//! Every condition that decides a race, a hundredfold in parallel: the number of winners is exact.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{Bound, Op, Record as _, Settlement, StoreError};
use uuid::Uuid;

use super::fixture::{Account, Fixture, Ticket, assert_matches, insert, key, replace};
use ciam_core::testing::in_parallel;

const MANY: usize = 100;

/// Commits one batch for each of a hundred tasks at once; answers what each got.
async fn race(f: &Fixture, ops: impl Fn(usize) -> Vec<Op>) -> Vec<Result<Uuid, StoreError>> {
    in_parallel(MANY, |at| {
        let (f, ops) = (f.clone(), ops(at));
        async move { f.commit(ops).await }
    })
    .await
}

/// Exactly so many won, and every other was refused for the right reason.
fn winners(answers: &[Result<Uuid, StoreError>], expected: usize, refusal: impl Fn(&StoreError) -> bool) {
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), expected);
    for error in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert!(refusal(error), "{error:?}");
    }
}

fn is_stale(error: &StoreError) -> bool {
    matches!(error, StoreError::Stale { .. })
}

fn is_exceeded(error: &StoreError) -> bool {
    matches!(error, StoreError::Exceeded { .. })
}

fn is_conflict(error: &StoreError) -> bool {
    matches!(error, StoreError::Conflict { .. })
}

/// One insert of an id wins.
pub async fn insert_of_one_id(f: Fixture) {
    let id = f.id();
    let answers = race(&f, |at| vec![insert(&Account::new(id, &format!("n{at}")))]).await;
    winners(&answers, 1, is_conflict);
}

/// One insert of a unique key wins.
pub async fn insert_of_one_key(f: Fixture) {
    let answers = race(&f, |_| vec![insert(&f.account("ann"))]).await;
    winners(&answers, 1, is_conflict);
    assert_eq!(f.store.count(&Account::BY_NAME.under(&()), 9).await.unwrap(), 1);
}

/// One replacement of a version wins, and its document stays.
pub async fn replace_of_one_version(f: Fixture) {
    let account = f.account("ann");
    let version = f.insert(&account).await;
    let answers = race(&f, |at| vec![replace(&Account { label: at.to_string(), ..account.clone() }, version)]).await;
    winners(&answers, 1, is_stale);
    let winner = answers.iter().position(Result::is_ok).unwrap();
    assert_eq!(f.store.get::<Account>(account.id).await.unwrap().unwrap().label, winner.to_string());
}

/// Of a hundred units that take a record, one gets it: a token is used once.
pub async fn take_of_one_record(f: Fixture) {
    let ticket = f.ticket("a");
    f.commit(vec![super::fixture::insert_ticket(&ticket)]).await.unwrap();
    let taken = in_parallel(MANY, |_| {
        let (store, id) = (f.store.clone(), ticket.id);
        async move { store.transact(|work| async move { work.take::<Ticket>(id).await }).await.unwrap() }
    })
    .await;
    assert_eq!(taken.iter().flatten().count(), 1);
    let (version, account) = (f.insert(&f.account("b")).await, f.account("c"));
    let removable = f.insert(&account).await;
    assert_ne!(version, removable);
    let remove = || vec![Op::Remove { key: key::<Account>(account.id), expected: removable }];
    winners(&race(&f, |_| remove()).await, 1, is_stale);
}

/// One touch of a version wins.
pub async fn touch_of_one_version(f: Fixture) {
    let account = f.account("ann");
    let expected = f.insert(&account).await;
    let answers = race(&f, |_| vec![Op::Touch { key: key::<Account>(account.id), expected }]).await;
    winners(&answers, 1, is_stale);
}

/// Write skew: each of two replaces its own record and guards the other's. They cannot both win.
pub async fn guard_against_replace(f: Fixture) {
    for round in 0..MANY / 4 {
        let pair = [f.account(&format!("a{round}")), f.account(&format!("b{round}"))];
        let version = f.commit(pair.iter().map(insert).collect()).await.unwrap();
        let answers = in_parallel(2, |own| {
            let (f, mine, other) = (f.clone(), pair[own].clone(), pair[1 - own].id);
            let guard = Op::Guard { key: key::<Account>(other), expected: Some(version) };
            async move { f.commit(vec![guard, replace(&mine, version)]).await }
        })
        .await;
        winners(&answers, 1, is_stale);
    }
    // Guards alone do not stand in each other's way.
    let account = f.account("ann");
    let expected = Some(f.insert(&account).await);
    let answers = race(&f, |_| vec![Op::Guard { key: key::<Account>(account.id), expected }]).await;
    winners(&answers, MANY, |_| false);
}

/// Write skew over what is not there: each of two inserts its own record and guards that the other's is absent.
pub async fn guard_of_absence_against_insert(f: Fixture) {
    for round in 0..MANY / 4 {
        let pair = [f.account(&format!("a{round}")), f.account(&format!("b{round}"))];
        let answers = in_parallel(2, |own| {
            let (f, mine, other) = (f.clone(), pair[own].clone(), pair[1 - own].id);
            let guard = Op::Guard { key: key::<Account>(other), expected: None };
            async move { f.commit(vec![guard, insert(&mine)]).await }
        })
        .await;
        assert!(answers.iter().filter(|answer| answer.is_ok()).count() <= 1, "{answers:?}");
        assert!(answers.iter().filter_map(|answer| answer.as_ref().err()).all(is_stale), "{answers:?}");
    }
    // Guards alone do not stand in each other's way.
    let absent = f.account("ann");
    let answers = race(&f, |_| vec![Op::Guard { key: key::<Account>(absent.id), expected: None }]).await;
    winners(&answers, MANY, |_| false);
}

/// Units that name the same records in any order neither wait for each other in a ring nor run again.
pub async fn records_named_in_any_order(f: Fixture) {
    let accounts: Vec<Account> = (0..8).map(|at| f.account(&at.to_string())).collect();
    f.commit(accounts.iter().map(insert).collect()).await.unwrap();
    let ids: Vec<_> = accounts.iter().map(|account| account.id).collect();
    let runs = Arc::new(AtomicUsize::new(0));
    in_parallel(MANY, |at| {
        let (store, ids, runs) = (f.store.clone(), ids.clone(), Arc::clone(&runs));
        async move {
            let (ids, runs) = (&ids, &runs);
            let done = store.transact(|work| async move {
                runs.fetch_add(1, Ordering::SeqCst);
                // Every task begins elsewhere, and half of them go backwards.
                for step in 0..ids.len() {
                    let step = if at % 2 == 0 { step } else { ids.len() - 1 - step };
                    work.add(&Account::SEATS, ids[(at / 2 + step) % ids.len()], 1, Bound::None)?;
                }
                Ok::<_, StoreError>(())
            });
            done.await.unwrap();
        }
    })
    .await;
    assert_eq!(runs.load(Ordering::SeqCst), MANY);
    for id in ids {
        assert_eq!(f.store.get::<Account>(id).await.unwrap().unwrap().seats, MANY as i64);
    }
}

/// Seats are given up to the bound and not one more; nobody is ever stale.
pub async fn add_up_to_a_bound(f: Fixture) {
    let account = f.account("ann");
    f.insert(&account).await;
    let add = |_| {
        vec![Op::Add { key: key::<Account>(account.id), tally: "seats", by: 1, bound: Bound::AtMost(37), create: None }]
    };
    winners(&race(&f, add).await, 37, is_exceeded);
    assert_eq!(f.store.get::<Account>(account.id).await.unwrap().unwrap().seats, 37);
}

/// A counter that all of them create is created once and counts them all.
pub async fn add_that_creates(f: Fixture) {
    let first = f.ticket("a");
    let add = |_| {
        let create = Some(first.encoded());
        vec![Op::Add { key: key::<Ticket>(first.id), tally: "tries", by: 1, bound: Bound::AtMost(60), create }]
    };
    winners(&race(&f, add).await, 60, is_exceeded);
    assert_eq!(f.store.get::<Ticket>(first.id).await.unwrap().unwrap().tries, 60);
}

/// What is used up is not used further.
pub async fn add_downwards(f: Fixture) {
    let account = Account { seats: 10, ..f.account("ann") };
    f.insert(&account).await;
    let add = |_| {
        vec![Op::Add {
            key: key::<Account>(account.id),
            tally: "seats",
            by: -1,
            bound: Bound::AtLeast(0),
            create: None,
        }]
    };
    winners(&race(&f, add).await, 10, is_exceeded);
}

/// A step is used once.
pub async fn raise_strictly_of_one_step(f: Fixture) {
    let account = f.account("ann");
    f.insert(&account).await;
    let raise = |_| vec![Op::Raise { key: key::<Account>(account.id), peak: "seen", to: 9, strictly: true }];
    winners(&race(&f, raise).await, 1, is_exceeded);
}

/// A unique value passes from the removed record to one of those that want it.
pub async fn a_key_that_passes_on(f: Fixture) {
    let old = f.account("ann");
    let expected = f.insert(&old).await;
    let pass = |_| vec![Op::Remove { key: key::<Account>(old.id), expected }, insert(&f.account("ann"))];
    winners(&race(&f, pass).await, 1, |error| is_stale(error) || is_conflict(error));
    assert_eq!(f.store.count(&Account::BY_NAME.eq(&"ann".to_owned()), 9).await.unwrap(), 1);
}

/// Units that read, compute and replace lose no update: each either counts or is told that it did not.
pub async fn sequential_units_on_one_record(f: Fixture) {
    let account = f.account("ann");
    f.insert(&account).await;
    let answers = in_parallel(MANY, |_| {
        let (store, id) = (f.store.clone(), account.id);
        async move {
            store
                .transact(|work| async move {
                    let mut account = work.get::<Account>(id).await?.unwrap();
                    account.rank += 1;
                    work.replace(&account)
                })
                .await
        }
    })
    .await;
    let counted = answers.iter().filter(|answer| answer.is_ok()).count();
    for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_matches!(refused, StoreError::Contended);
    }
    assert!(counted > 0);
    assert_eq!(f.store.get::<Account>(account.id).await.unwrap().unwrap().rank, i64::try_from(counted).unwrap());
}

/// A unit's id is taken once.
pub async fn units_of_one_id(f: Fixture) {
    let unit = f.batch(Vec::new()).unit;
    let answers = in_parallel(MANY, |at| {
        let f = f.clone();
        async move {
            let batch = ciam_core::store::Batch { unit, ..f.batch(vec![insert(&f.account(&at.to_string()))]) };
            f.backend.commit(RealmId::DEFAULT, batch).await.map(|()| unit)
        }
    })
    .await;
    winners(&answers, 1, is_conflict);
    assert_eq!(f.store.count(&Account::BY_NAME.under(&()), 9).await.unwrap(), 1);
}

/// Settling and committing race for the id: the settlement is true whoever wins.
pub async fn settle_against_commit(f: Fixture) {
    let answers = in_parallel(MANY, |at| {
        let f = f.clone();
        async move {
            let account = f.account(&at.to_string());
            let batch = f.batch(vec![insert(&account)]);
            let (unit, now) = (batch.unit, batch.now);
            let backend = std::sync::Arc::clone(&f.backend);
            let commit = tokio::spawn(async move { backend.commit(RealmId::DEFAULT, batch).await });
            if at % 2 == 0 {
                tokio::task::yield_now().await;
            }
            let settled = f.backend.settle(unit, now).await.unwrap();
            let committed = commit.await.unwrap().is_ok();
            let there = f.row::<Account>(account.id).await.is_some();
            (settled == Settlement::Committed, committed, there)
        }
    })
    .await;
    for (settled, committed, there) in answers {
        assert_eq!((settled, committed), (there, there));
    }
    assert_eq!(f.store.realm().uuid(), Uuid::nil());
    assert_eq!(Ticket::COLLECTION.name(), "suite_tickets");
}
