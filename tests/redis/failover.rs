//! A replica takes over, and the old primary goes on as a replica whose connections stay.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ciam::MemoryStore;
use ciam::journeys::JourneyError;
use ciam::sessions::{Invalidation as _, Revoked};
use ciam::testing::StoppedClock;

use crate::nodes::{ADA, PASSWORD};
use crate::server::Server;
use crate::{HEARD, Wire, at, node, prefix};

/// What is told is told again after 1, 2, 4 and 8 seconds.
const TOLD_AGAIN: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn se2_a_node_that_stands_on_a_demoted_primary_trusts_nothing_and_moves_with_the_address() {
    let (Some(old), Some(new)) = (Server::start(), Server::start()) else { return };
    new.follows(&old);
    let (wire, clock, database, prefix) =
        (Wire::to(old.address).await, StoppedClock::new(), Arc::new(MemoryStore::new()), prefix());
    let redis = at(&wire.url, &prefix);
    let one = node(&redis, &database, &clock, 1).await;
    let ada = one.bed.sign_up(ADA, PASSWORD).await;
    one.warm_up(&ada).await;

    new.leads();
    old.follows(&new);
    let demoted = Instant::now();
    while one.is_warm(&ada).await {
        assert!(demoted.elapsed() < HEARD, "it hears itself on a server that nobody else writes to");
    }
    let other = node(&at(&new.url(), &prefix), &database, &clock, 2).await;
    other.warm_up(&ada).await;
    let told = redis.invalidation().publish(&[Revoked::User(ada.session.user)]).await;
    assert!(told.is_err(), "a replica's own listeners are not the nodes");
    let refused = one.bed.sign_in(ADA, PASSWORD).await;
    assert!(matches!(refused, Err(JourneyError::Unavailable(_))), "{refused:?}");
    one.bed.ciam.sessions().end_all(&ciam::events::Cause::system(), ada.session.user).await.unwrap();

    wire.leads_to(new.address);
    let moved = Instant::now();
    while other.lets_in(&ada).await {
        assert!(moved.elapsed() < TOLD_AGAIN, "what was revoked is not told");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let ada = loop {
        match one.bed.sign_in(ADA, PASSWORD).await {
            Ok(ada) => break ada,
            Err(refused) => assert!(moved.elapsed() < TOLD_AGAIN, "it stays with the old server: {refused:?}"),
        }
    };
    one.warm_up(&ada).await;
    redis.invalidation().publish(&[Revoked::User(ada.session.user)]).await.unwrap();
}

/// The old server does not know that it is none any more, and only what listens to it is cut.
#[tokio::test(flavor = "multi_thread")]
async fn se2_a_node_whose_commands_stand_on_another_server_than_its_ears_moves_both() {
    let (Some(old), Some(new)) = (Server::start(), Server::start()) else { return };
    let (wire, clock, database, prefix) =
        (Wire::to(old.address).await, StoppedClock::new(), Arc::new(MemoryStore::new()), prefix());
    let one = node(&at(&wire.url, &prefix), &database, &clock, 1).await;
    let other = node(&at(&new.url(), &prefix), &database, &clock, 2).await;
    let ada = one.bed.sign_up(ADA, PASSWORD).await;
    one.warm_up(&ada).await;
    other.warm_up(&ada).await;
    wire.leads_to(new.address);
    old.says(&["CLIENT", "KILL", "TYPE", "pubsub"]).unwrap();
    let cut = Instant::now();
    while one.is_warm(&ada).await {
        assert!(cut.elapsed() < HEARD, "it trusts what it does not hear");
    }
    one.warm_up(&ada).await;
    one.bed.ciam.sessions().end_all(&ciam::events::Cause::system(), ada.session.user).await.unwrap();
    let told = Instant::now();
    while other.lets_in(&ada).await {
        assert!(told.elapsed() < HEARD, "it tells the old server");
    }
}

/// A batch that its conditions would refuse is not judged by what a replica has.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_judges_nothing() {
    use ciam::clock::{Clock as _, SystemClock};
    use ciam::id::RealmId;
    use ciam::store::{Backend as _, Batch, Op, Record as _, RecordKey, Schema, Settlement, StoreError};

    let (Some(old), Some(new)) = (Server::start(), Server::start()) else { return };
    let (dice, now) = (crate::Dice(ciam::entropy::SystemEntropy::new()), SystemClock.now());
    let counters = at(&old.url(), &prefix()).counters();
    counters.prepare(&Schema::new().with::<crate::Door>()).await.unwrap();
    counters.ping().await.unwrap();
    old.follows(&new);
    let key = RecordKey { collection: crate::Door::COLLECTION.name(), id: dice.uuid() };
    let batch = Batch { unit: dice.uuid(), now, ops: vec![Op::Guard { key, expected: Some(dice.uuid()) }] };
    let refused = counters.commit(RealmId::DEFAULT, batch.clone()).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(counters.ping().await.is_err() && counters.settle(batch.unit, now).await.is_err());
    old.leads();
    let asked = Instant::now();
    while counters.ping().await.is_err() {
        assert!(asked.elapsed() < TOLD_AGAIN);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(matches!(counters.commit(RealmId::DEFAULT, batch.clone()).await, Err(StoreError::Stale { .. })));
    assert_eq!(counters.settle(batch.unit, now).await.unwrap(), Settlement::Never);
}
