use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::events::{Cause, NewEvent};
use crate::store::MemoryStore;
use crate::testing::{TestBed, in_parallel};

async fn bed() -> TestBed {
    TestBed::with(|builder| builder.store(MemoryStore::new()).entropy(crate::entropy::SystemEntropy::new())).await
}

async fn record(bed: &TestBed, times: usize) {
    for _ in 0..times {
        let done: Result<(), StoreError> = bed
            .ciam
            .store()
            .transact(|work| async move { work.record(NewEvent::new("a.thing", &Cause::system())) })
            .await;
        done.unwrap();
    }
}

async fn nothing(_: Work, _: Vec<Event>) -> Result<(), StoreError> {
    Ok(())
}

#[tokio::test]
async fn a_follower_goes_on_where_it_was() {
    let bed = bed().await;
    record(&bed, 5).await;
    let follower = bed.ciam.follower("one");
    assert_eq!(follower.step(3, nothing).await.unwrap(), Step::Forward(3));
    assert_eq!(follower.step(3, nothing).await.unwrap(), Step::Forward(2));
    assert_eq!(follower.step(3, nothing).await.unwrap(), Step::Nothing);
    record(&bed, 1).await;
    assert_eq!(follower.step(3, nothing).await.unwrap(), Step::Forward(1));
    assert_eq!(bed.ciam.follower("two").step(9, nothing).await.unwrap(), Step::Forward(6));
}

#[tokio::test]
async fn an_error_leaves_the_place() {
    let bed = bed().await;
    record(&bed, 2).await;
    let follower = bed.ciam.follower("one");
    let refused = follower.step(9, async |_, _| Err(StoreError::Misuse("on purpose"))).await;
    assert!(matches!(refused, Err(StoreError::Misuse(_))));
    assert_eq!(follower.step(9, nothing).await.unwrap(), Step::Forward(2));
}

#[tokio::test]
async fn one_node_follows_and_another_takes_over_when_it_is_gone() {
    let bed = bed().await;
    record(&bed, 4).await;
    let (one, other) = (bed.ciam.follower("one"), bed.ciam.follower("one"));
    assert_eq!(one.step(1, nothing).await.unwrap(), Step::Forward(1));
    assert_eq!(other.step(1, nothing).await.unwrap(), Step::Elsewhere);
    bed.clock.advance(LEASE);
    assert_eq!(other.step(1, nothing).await.unwrap(), Step::Forward(1));
    assert_eq!(one.step(9, nothing).await.unwrap(), Step::Elsewhere);
}

#[tokio::test]
async fn whoever_lost_the_stream_keeps_nothing_of_what_it_did() {
    let bed = bed().await;
    record(&bed, 1).await;
    let (one, other, clock) = (bed.ciam.follower("one"), bed.ciam.follower("one"), bed.clock.clone());
    let effects = Arc::new(AtomicUsize::new(0));
    let count = async |work: Work, _: Vec<Event>| {
        let effects = Arc::clone(&effects);
        work.on_commit(move || {
            effects.fetch_add(1, Ordering::SeqCst);
        });
        Ok::<_, StoreError>(())
    };
    // While the first is at it, its time passes and the other does the same.
    let slow = one.step(1, |work, events| {
        let (other, clock, count) = (other.clone(), clock.clone(), &count);
        async move {
            clock.advance(LEASE);
            assert_eq!(other.step(1, count).await.unwrap(), Step::Forward(1));
            count(work, events).await
        }
    });
    assert_eq!(slow.await.unwrap(), Step::Elsewhere);
    assert_eq!(effects.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn every_event_is_in_one_part() {
    let bed = bed().await;
    record(&bed, 40).await;
    let seen = Arc::new(AtomicUsize::new(0));
    for part in 0..4 {
        let (follower, seen) = (bed.ciam.follower("parts").part(part, 4), Arc::clone(&seen));
        let count = async |_: Work, events: Vec<Event>| {
            seen.fetch_add(events.len(), Ordering::SeqCst);
            Ok::<_, StoreError>(())
        };
        assert_eq!(follower.step(99, count).await.unwrap(), Step::Forward(40));
    }
    assert_eq!(seen.load(Ordering::SeqCst), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_followers_of_one_name_do_everything_once() {
    let bed = Arc::new(bed().await);
    record(&bed, 30).await;
    let effects = Arc::new(AtomicUsize::new(0));
    in_parallel(20, |_| {
        let (bed, effects) = (Arc::clone(&bed), Arc::clone(&effects));
        async move {
            let follower = bed.ciam.follower("crowd");
            loop {
                let step = follower.step(7, |work, events: Vec<Event>| {
                    let effects = Arc::clone(&effects);
                    async move {
                        work.on_commit(move || {
                            effects.fetch_add(events.len(), Ordering::SeqCst);
                        });
                        Ok::<_, StoreError>(())
                    }
                });
                match step.await {
                    Ok(Step::Forward(_)) | Err(StoreError::Contended) => {}
                    Ok(Step::Nothing | Step::Elsewhere) => return,
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
    })
    .await;
    assert_eq!(effects.load(Ordering::SeqCst), 30);
}

#[tokio::test]
async fn a_lease_is_one_holder_s_until_it_ends_or_is_let_go() {
    let bed = bed().await;
    let [one, other] = [(); 2].map(|()| crate::leases::Holder::new(bed.ciam.store().clone()));
    let life = Duration::from_secs(60);
    assert!(one.hold("work", life).await.unwrap());
    assert!(one.hold("work", life).await.unwrap() && !other.hold("work", life).await.unwrap());
    assert!(other.hold("other work", life).await.unwrap());
    other.release("work").await.unwrap();
    assert!(!other.hold("work", life).await.unwrap(), "nobody lets go of another's");
    bed.clock.advance(life);
    assert!(other.hold("work", life).await.unwrap() && !one.hold("work", life).await.unwrap());
    other.release("work").await.unwrap();
    assert!(one.hold("work", life).await.unwrap());
}
