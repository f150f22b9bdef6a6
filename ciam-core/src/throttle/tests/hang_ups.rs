//! Clients who hang up between the verdict on their password and its answer.

use super::*;
use crate::testing::Held;
use crate::throttle::SIGN_IN;
use crate::throttle::rules::account_limit;

/// Five wrong passwords, each of whose clients has gone when it was judged: they hang up as soon as `store` has
/// committed what is written of it, and has not said so yet. So many `others` are committed there before that.
async fn guesses_that_hang_up(bed: &TestBed, store: &FaultyStore, others: usize) {
    let browser = stranger(bed, 1);
    let journey = browser.identified(JourneyKind::SignIn, ADA).await;
    for _ in 0..5 {
        store.hold(Held::Commits, others);
        let judged = bed.hasher.work();
        tokio::select! {
            biased;
            answer = browser.answer(&journey, Answer::password(WRONG)) => panic!("{answer:?}"),
            () = store.holds() => {}
        }
        assert!(bed.hasher.work() > judged, "it was judged");
        store.release();
    }
}

/// That they count as any other failure.
async fn assert_counted(bed: &TestBed, counters: &Store, user: crate::UserId) {
    assert_eq!(guess(&stranger(bed, 1), ADA).await, Err(Duration::from_secs(30)), "all of them have failed");
    let limit = account_limit(&ThrottleLimits::default(), &SIGN_IN, Account::Known(user));
    let counter = counters.get::<Counter>(limit.counter_id(counters)).await.unwrap().unwrap();
    let counter = serde_json::to_value(counter).unwrap();
    assert_eq!(counter["tries"], counter["failed"], "nothing was given back, and nothing is under way");
    assert_eq!(counter["in_a_row"], 5);
    assert_eq!(events(bed, "sign_in.failed").await.len(), 5);
}

#[tokio::test]
async fn pw6_wrong_passwords_of_clients_that_hang_up_stay_counted() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()), []);
    let kept = store.clone();
    let bed = TestBed::with(|builder| builder.shared_store(kept)).await;
    let user = bed.sign_up(ADA, PASSWORD).await.session.user;
    // The try is reserved in a commit of its own.
    guesses_that_hang_up(&bed, &store, 1).await;
    assert_counted(&bed, bed.ciam.store(), user).await;
}

#[tokio::test]
async fn pw6_wrong_passwords_of_clients_that_hang_up_stay_counted_where_counters_are_apart() {
    let (store, counters) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    let store = FaultyStore::new(store, []);
    let (kept, kept_apart) = (store.clone(), counters.clone());
    let bed = TestBed::with(|builder| builder.shared_store(kept).throttle_store(kept_apart)).await;
    let user = bed.sign_up(ADA, PASSWORD).await.session.user;
    guesses_that_hang_up(&bed, &store, 0).await;
    let own = bed.ciam.store();
    let counters = Store::new(counters, own.realm(), own.clock().clone(), own.entropy().clone());
    assert_counted(&bed, &counters, user).await;
}
