//! The stream of events: read in commit order, nothing missed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ciam_core::events::{Cause, Event, EventId, NewEvent};
use ciam_core::store::{Position, Store, StoreError};

use super::fixture::{Account, Fixture};
use ciam_core::testing::in_parallel;

pub(super) async fn record(store: &Store, name: &'static str) {
    let done: Result<(), StoreError> =
        store.transact(|work| async move { work.record(NewEvent::new(name, &Cause::system())) }).await;
    done.unwrap();
}

async fn follow(store: &Store, mut after: Position, step: u32) -> Vec<(Position, Event)> {
    let mut seen = Vec::new();
    loop {
        let next = store.tail::<Event>(after, step).await.unwrap();
        assert!(next.len() <= step as usize, "more than was asked for");
        let Some((last, _)) = next.last() else { return seen };
        assert!(after < *last, "a place that is not behind the one that was asked for");
        after = *last;
        seen.extend(next);
    }
}

/// What is in the stream, once there is as much of it as expected. A backend may hold back what was committed while
/// an older unit may still commit before it.
pub(super) async fn follow_until(store: &Store, after: Position, step: u32, expected: usize) -> Vec<(Position, Event)> {
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let seen = follow(store, after, step).await;
        if seen.len() >= expected || std::time::Instant::now() > patience {
            return seen;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

/// `tail` gives what was committed, first to last, in steps of any size, from any place.
pub async fn tail_follows_in_commit_order(f: Fixture) {
    assert!(f.store.tail::<Event>(Position::START, 10).await.unwrap().is_empty());
    let names = ["a.one", "a.two", "a.three", "a.four", "a.five"];
    for name in names {
        record(&f.store, name).await;
    }
    for step in [1, 2, 5, 100] {
        let seen = follow_until(&f.store, Position::START, step, names.len()).await;
        assert_eq!(seen.iter().map(|(_, event)| event.name.as_str()).collect::<Vec<_>>(), names);
        assert!(seen.is_sorted_by_key(|(at, _)| *at));
    }
    let (third, _) = follow(&f.store, Position::START, 9).await[2].clone();
    assert_eq!(follow(&f.store, third, 9).await.len(), 2);
    let behind = Position { major: u64::MAX, minor: u64::MAX };
    assert!(f.store.tail::<Event>(behind, 9).await.unwrap().is_empty());
}

/// Events that one unit recorded come in the order in which it recorded them.
pub async fn events_of_one_unit_keep_their_order(f: Fixture) {
    const NAMES: [&str; 5] = ["z.first", "a.second", "m.third", "b.fourth", "y.fifth"];
    for _ in 0..5 {
        let done: Result<(), StoreError> = f
            .store
            .transact(|work| async move {
                NAMES.iter().try_for_each(|name| work.record(NewEvent::new(name, &Cause::system())))
            })
            .await;
        done.unwrap();
    }
    for unit in follow_until(&f.store, Position::START, 7, 25).await.chunks(5) {
        assert_eq!(unit.iter().map(|(_, event)| event.name.as_str()).collect::<Vec<_>>(), NAMES);
    }
}

/// A follower that keeps its place misses nothing, however many units commit meanwhile.
pub async fn tail_misses_nothing_while_units_commit(f: Fixture) {
    let done = Arc::new(AtomicBool::new(false));
    let (store, over) = (f.store.clone(), Arc::clone(&done));
    let follower = tokio::spawn(async move {
        let mut seen: Vec<(Position, EventId)> = Vec::new();
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let last_round = over.load(Ordering::SeqCst);
            let after = seen.last().map_or(Position::START, |(at, _)| *at);
            let next = store.tail::<Event>(after, 7).await.unwrap();
            if next.is_empty() && last_round && (seen.len() >= 300 || std::time::Instant::now() > patience) {
                return seen;
            }
            assert!(next.iter().all(|(at, _)| after < *at), "a place that is not behind the one that was asked for");
            seen.extend(next.into_iter().map(|(at, event)| (at, event.id)));
            tokio::task::yield_now().await;
        }
    });
    in_parallel(100, |_| {
        let store = f.store.clone();
        async move {
            for _ in 0..3 {
                record(&store, "a.thing").await;
            }
        }
    })
    .await;
    done.store(true, Ordering::SeqCst);
    let seen = follower.await.unwrap();
    assert_eq!(seen.len(), 300);
    assert!(seen.is_sorted_by(|(a, _), (b, _)| a < b));
    assert_eq!(seen.iter().map(|(_, id)| *id).collect::<BTreeSet<_>>().len(), 300);
    let again = follow(&f.store, Position::START, 50).await;
    assert_eq!(seen, again.into_iter().map(|(at, event)| (at, event.id)).collect::<Vec<_>>());
}

/// No change without its event, no event without its change.
pub async fn an_event_exists_if_its_change_does(f: Fixture) {
    f.insert(&f.account("taken")).await;
    for (name, fits) in [("free", true), ("taken", false)] {
        let account = &f.account(name);
        let done = f
            .store
            .transact(|work| async move {
                work.record(NewEvent::new("account.opened", &Cause::system()))?;
                work.insert(account)
            })
            .await;
        assert_eq!(done.is_ok(), fits);
    }
    assert_eq!(follow_until(&f.store, Position::START, 10, 1).await.len(), 1);
    assert_eq!(f.store.count(&Account::BY_NAME.under(&()), 10).await.unwrap(), 2);
}

/// Each realm has a stream of its own.
pub async fn tail_sees_one_realm(f: Fixture) {
    let other = f.realm(2);
    for (store, name) in [(&f.store, "a.one"), (&other, "b.one"), (&f.store, "a.two"), (&other, "b.two")] {
        record(store, name).await;
    }
    let names = |seen: Vec<(Position, Event)>| seen.into_iter().map(|(_, event)| event.name).collect::<Vec<_>>();
    assert_eq!(names(follow_until(&f.store, Position::START, 1, 2).await), ["a.one", "a.two"]);
    assert_eq!(names(follow_until(&other, Position::START, 1, 2).await), ["b.one", "b.two"]);
}
