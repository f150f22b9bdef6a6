use std::sync::Arc;

use async_trait::async_trait;

use super::*;
use crate::passwords::{HashError, Password, PasswordHash, PasswordHasher, Verdict};
use crate::store::MemoryStore;
use crate::testing::{FaultyStore, TestBed};

/// A hasher whose threads have ended.
#[derive(Debug)]
struct Ended;

#[async_trait]
impl PasswordHasher for Ended {
    async fn hash(&self, _: &Password) -> Result<PasswordHash, HashError> {
        Err(HashError::Stopped)
    }

    async fn verify(&self, _: &Password, _: Option<&PasswordHash>) -> Result<Verdict, HashError> {
        Err(HashError::Stopped)
    }

    fn is_running(&self) -> bool {
        false
    }
}

async fn on(store: &Arc<FaultyStore>) -> TestBed {
    TestBed::with(|builder| builder.shared_store(store.clone())).await
}

fn faulty() -> Arc<FaultyStore> {
    FaultyStore::new(Arc::new(MemoryStore::new()), [])
}

fn down(readiness: &Readiness) -> Vec<&'static str> {
    let parts = readiness.parts().into_iter();
    parts.filter(|(_, condition)| *condition == Condition::Down).map(|(name, _)| name).collect()
}

#[tokio::test]
async fn an_engine_that_works_is_ready_and_its_workers_may_be_elsewhere() {
    let bed = on(&faulty()).await;
    let readiness = bed.ciam.readiness().await;
    assert!(readiness.is_ready(), "{readiness:?}");
    assert_eq!((readiness.outbox, readiness.sweeper), (Condition::Elsewhere, Condition::Elsewhere));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_is_noticed_at_once_and_its_return_too() {
    let store = faulty();
    let bed = on(&store).await;
    assert!(bed.ciam.readiness().await.is_ready());
    store.go_away(Some("secret cause"));
    assert_eq!(down(&bed.ciam.readiness().await), ["store", "writer"]);
    store.go_away(None);
    assert!(bed.ciam.readiness().await.is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_no_write_is_noticed_within_five_seconds() {
    let store = faulty();
    let bed = on(&store).await;
    assert!(bed.ciam.readiness().await.is_ready());
    store.refuse_writes(true);
    assert!(bed.ciam.readiness().await.is_ready(), "it is not written at every request");
    tokio::time::advance(BELIEVED).await;
    assert_eq!(down(&bed.ciam.readiness().await), ["writer"]);
    store.refuse_writes(false);
    assert!(bed.ciam.readiness().await.is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_is_waited_for_one_second() {
    let store = faulty();
    let bed = on(&store).await;
    store.hang(true);
    let begun = Instant::now();
    let mut answers = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let ciam = bed.ciam.clone();
        answers.spawn(async move { ciam.readiness().await });
    }
    while let Some(answer) = answers.join_next().await {
        assert_eq!(down(&answer.unwrap()), ["store", "writer"]);
    }
    assert_eq!(begun.elapsed(), PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_ended_or_hangs_is_noticed() {
    let store = faulty();
    let bed = on(&store).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let workers = bed.ciam.workers();
    let running = tokio::spawn(workers.run_until(async { drop(stopped.await) }));
    // Both rest by now, and beat whenever they wake.
    tokio::time::sleep(Duration::from_secs(600)).await;
    let readiness = bed.ciam.readiness().await;
    assert!(readiness.is_ready(), "{readiness:?}");
    assert_eq!(
        (readiness.outbox, readiness.sweeper, readiness.last_seen),
        (Condition::Up, Condition::Up, Condition::Up)
    );
    store.hang(true);
    tokio::time::sleep(SWEEPER_ROUND + Duration::from_secs(61)).await;
    store.hang(false);
    assert_eq!(down(&bed.ciam.readiness().await)[..2], ["outbox", "sweeper"]);
    drop(stop);
    running.abort();
    drop(running.await);
    assert_eq!(down(&bed.ciam.readiness().await), ["outbox", "sweeper", "last_seen", "summaries"]);
}

#[tokio::test]
async fn a_stopped_hasher_and_an_announced_shutdown_are_told() {
    let bed = TestBed::with(|builder| builder.store(MemoryStore::new()).hasher(Ended)).await;
    assert_eq!(down(&bed.ciam.readiness().await), ["hasher"]);
    bed.ciam.announce_shutdown();
    assert_eq!(down(&bed.ciam.readiness().await), ["hasher", "staying"]);
    let bed = TestBed::new().await;
    bed.ciam.shutdown().await.unwrap();
    assert_eq!(down(&bed.ciam.readiness().await), ["staying"]);
}
