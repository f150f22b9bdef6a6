//! Commits whose answer was lost: settled by taking the unit's id.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ciam_core::id::RealmId;
use ciam_core::store::{Bound, Settlement, Store, StoreError};

use super::fixture::{Account, AccountId, Fixture, assert_matches, insert};
use ciam_core::testing::{Fault, FaultyStore};

struct Counted {
    runs: u32,
    effects: u32,
    answer: Result<(), StoreError>,
}

/// Adds one to a tally, counting how often the unit ran and its effect happened.
async fn add_one(store: &Store, id: AccountId) -> Counted {
    let runs = AtomicU32::new(0);
    let effects = Arc::new(AtomicU32::new(0));
    let answer = store
        .transact(|work| {
            runs.fetch_add(1, Ordering::SeqCst);
            let effects = Arc::clone(&effects);
            async move {
                work.on_commit(move || {
                    effects.fetch_add(1, Ordering::SeqCst);
                });
                work.add(&Account::SEATS, id, 1, Bound::None)
            }
        })
        .await;
    Counted { runs: runs.into_inner(), effects: effects.load(Ordering::SeqCst), answer }
}

async fn faulty(f: &Fixture, faults: &[Fault]) -> (Counted, i64) {
    let account = f.account("ann");
    f.insert(&account).await;
    let flaky = f.over(FaultyStore::new(Arc::clone(&f.backend), faults.iter().copied()));
    let counted = add_one(&flaky.store, account.id).await;
    (counted, f.store.get::<Account>(account.id).await.unwrap().unwrap().seats)
}

/// Lost on the way there: it did not commit, so it runs again, and its effects happen once.
pub async fn a_unit_that_was_lost_before_its_commit_runs_again(f: Fixture) {
    let (counted, seats) = faulty(&f, &[Fault::LostBefore, Fault::LostBefore]).await;
    counted.answer.unwrap();
    assert_eq!((counted.runs, counted.effects, seats), (3, 1, 1));
}

/// Lost on the way back: it did commit, so it does not run again.
pub async fn a_unit_that_was_lost_after_its_commit_does_not(f: Fixture) {
    let (counted, seats) = faulty(&f, &[Fault::LostAfter]).await;
    counted.answer.unwrap();
    assert_eq!((counted.runs, counted.effects, seats), (1, 1, 1));
}

/// A commit that is still under way when it is settled can never happen any more.
pub async fn settling_makes_a_late_commit_impossible(f: Fixture) {
    let account = f.account("ann");
    f.insert(&account).await;
    let flaky = FaultyStore::new(Arc::clone(&f.backend), [Fault::Late]);
    let through = f.over(Arc::<FaultyStore>::clone(&flaky));
    let counted = add_one(&through.store, account.id).await;
    counted.answer.unwrap();
    assert_eq!(counted.runs, 2);
    let late = flaky.arrive().await;
    assert_matches!(late.as_slice(), [Err(StoreError::Conflict { .. })]);
    assert_eq!(f.store.get::<Account>(account.id).await.unwrap().unwrap().seats, 1);
}

/// Whoever settles again hears the same.
pub async fn settling_says_the_same_again(f: Fixture) {
    let done = f.insert(&f.account("ann")).await;
    let lost = f.batch(vec![insert(&f.account("bob"))]);
    for _ in 0..3 {
        assert_eq!(f.backend.settle(done, f.now()).await.unwrap(), Settlement::Committed);
        assert_eq!(f.backend.settle(lost.unit, f.now()).await.unwrap(), Settlement::Never);
    }
    f.backend.commit(RealmId::DEFAULT, lost).await.unwrap_err();
    let refused = f.batch(vec![insert(&f.account("ann"))]);
    f.backend.commit(RealmId::DEFAULT, refused.clone()).await.unwrap_err();
    assert_eq!(f.backend.settle(refused.unit, f.now()).await.unwrap(), Settlement::Never);
}

/// A settlement whose answer is lost too is asked for again, and does not take its own mark for a commit.
pub async fn an_unanswered_settlement_is_asked_again(f: Fixture) {
    let (counted, seats) = faulty(&f, &[Fault::LostBefore, Fault::SettleLost, Fault::SettleLost]).await;
    counted.answer.unwrap();
    assert_eq!((counted.runs, counted.effects, seats), (2, 1, 1));
}

/// When the backend cannot be asked any more, the caller hears that the outcome is unknown.
pub async fn what_cannot_be_settled_stays_unknown(f: Fixture) {
    let (counted, seats) = faulty(&f, &[&[Fault::LostAfter], [Fault::SettleLost; 8].as_slice()].concat()).await;
    assert_matches!(counted.answer, Err(StoreError::Unknown(_)));
    assert_eq!((counted.runs, counted.effects, seats), (1, 0, 1));
}
