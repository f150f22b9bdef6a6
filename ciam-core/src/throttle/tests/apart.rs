//! Counters that are kept apart from the other records.

use super::*;
use crate::clock::Clock as _;

async fn apart() -> (TestBed, Arc<FaultyStore>) {
    let counters = FaultyStore::new(Arc::new(MemoryStore::new()), []);
    let kept = counters.clone();
    (TestBed::with(|builder| builder.store(MemoryStore::new()).throttle_store(kept)).await, counters)
}

#[tokio::test]
async fn they_are_counted_there_and_nowhere_else_and_survive_a_restart() {
    let (bed, counters) = apart().await;
    bed.sign_up(ADA, PASSWORD).await;
    assert_eq!(guesses(&stranger(&bed, 1), ADA).await, (5, Duration::from_secs(30)));
    let backend = bed.ciam.store().backend().clone();
    let kept = counters.clone();
    let again = TestBed::with(|builder| {
        builder.shared_store(backend).throttle_store(kept).clock(bed.clock.clone()).entropy(FixedEntropy::new(2))
    })
    .await;
    assert!(guess(&stranger(&again, 1), ADA).await.is_err(), "the other engine counts in the same place");
    let backend = bed.ciam.store().backend().clone();
    let elsewhere =
        TestBed::with(|builder| builder.shared_store(backend).clock(bed.clock.clone()).entropy(FixedEntropy::new(3)))
            .await;
    assert_eq!(guesses(&stranger(&elsewhere, 1), ADA).await.0, 5, "the store of the records knows of no failure");
}

#[tokio::test]
async fn a_success_gives_its_try_back_and_begins_anew() {
    let (bed, _) = apart().await;
    bed.sign_up(ADA, PASSWORD).await;
    for _ in 0..3 {
        for _ in 0..3 {
            guess(&stranger(&bed, 1), ADA).await.unwrap();
        }
        stranger(&bed, 1).sign_in(ADA, PASSWORD).await.unwrap();
    }
    bed.hasher.overload(Some(Duration::from_secs(1)));
    for _ in 0..20 {
        assert!(stranger(&bed, 1).sign_in(ADA, PASSWORD).await.is_err());
    }
    bed.hasher.overload(None);
    assert!(stranger(&bed, 1).sign_in(ADA, PASSWORD).await.is_ok(), "tries that were not judged were given back");
}

#[tokio::test]
async fn a_recovery_forgives_what_is_counted_there() {
    let (bed, _) = apart().await;
    bed.sign_up(ADA, PASSWORD).await;
    for n in 0..40 {
        guesses(&stranger(&bed, n), ADA).await;
        bed.clock.advance(Duration::from_hours(1));
    }
    let phone = stranger(&bed, 1).with_device();
    assert!(matches!(phone.sign_in(ADA, PASSWORD).await, Err(JourneyError::Throttled { .. })), "disabled");
    assert_eq!(events(&bed, "password.disabled").await.len(), 1, "the event is with the others");
    let journey = phone.identified(JourneyKind::Recover, ADA).await;
    phone.answer(&journey, Answer::Code { code: Secret::new(bed.code_for(ADA).await) }).await.unwrap();
    phone.answer(&journey, Answer::new_password("indigo heron wharves")).await.unwrap();
    let forgiven = async {
        while stranger(&bed, 5000).sign_in(ADA, "indigo heron wharves").await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), forgiven).await.expect("it is forgotten soon after the commit");
}

#[tokio::test]
async fn while_they_cannot_be_reached_nobody_is_judged_and_whoever_is_signed_in_stays_so() {
    let (bed, counters) = apart().await;
    bed.sign_up(ADA, PASSWORD).await;
    let session = bed.sign_in(ADA, PASSWORD).await.unwrap();
    let judged = bed.hasher.work();
    counters.go_away(Some("no route"));
    assert!(matches!(bed.sign_in(ADA, PASSWORD).await, Err(JourneyError::Unavailable(_))));
    assert_eq!(bed.hasher.work(), judged);
    assert!(bed.ciam.sessions().check(session.bearer.expose()).await.unwrap().is_some());
    counters.go_away(None);
    assert!(bed.sign_in(ADA, PASSWORD).await.is_ok());
}

#[tokio::test]
async fn what_has_expired_is_swept_there_too() {
    let (bed, counters) = apart().await;
    for n in 0..4 {
        guesses(&stranger(&bed, n), NOBODY).await;
    }
    bed.clock.advance(Duration::from_hours(48));
    let some_rounds = async {
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
    };
    bed.ciam.workers().run_until(some_rounds).await.unwrap();
    assert_eq!(counters.sweep(bed.clock.now(), 1000).await.unwrap(), 0, "the sweeper has left nothing");
}
