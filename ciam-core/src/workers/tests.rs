use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::*;
use crate::ciam::{Ciam, CiamBuilder};
use crate::events::Event;
use crate::messages::{Mailbox, Message, Messenger, SendError};
use crate::sessions::Session;
use crate::store::{Backend, MemoryStore, Position};
use crate::testing::{CountingHasher, FixedEntropy, TestBed, in_parallel};

const PASSWORD: &str = "vermilion otter quays";

/// A messenger that waits to be let through, and says that it waits.
#[derive(Debug, Clone)]
struct Gate {
    waiting: Arc<Semaphore>,
    let_through: Arc<Semaphore>,
    sent: Mailbox,
}

impl Gate {
    fn new() -> Self {
        let closed = || Arc::new(Semaphore::new(0));
        Self { waiting: closed(), let_through: closed(), sent: Mailbox::new() }
    }

    /// Until a message is being sent.
    async fn reached(&self) {
        self.waiting.acquire().await.unwrap().forget();
    }
}

#[async_trait]
impl Messenger for Gate {
    async fn send(&self, message: &Message) -> Result<(), SendError> {
        self.waiting.add_permits(1);
        self.let_through.acquire().await.unwrap().forget();
        self.sent.send(message).await
    }
}

/// An engine with its workers, on a paused clock of tokio's: when all wait, time goes on by itself.
async fn engine(gate: &Gate, store: &Arc<dyn Backend>, configure: impl FnOnce(CiamBuilder) -> CiamBuilder) -> TestBed {
    // Engines of one store draw different ids.
    static ENGINES: AtomicU64 = AtomicU64::new(1);
    let entropy = FixedEntropy::new(ENGINES.fetch_add(1, Ordering::SeqCst));
    let (clock, hasher) = (crate::testing::StoppedClock::new(), CountingHasher::default());
    let builder = Ciam::builder()
        .shared_store(Arc::clone(store))
        .clock(clock.clone())
        .entropy(entropy)
        .hasher(hasher.clone())
        .master_key(crate::vault::MasterKey::generate(&FixedEntropy::new(9)))
        .messenger(gate.clone());
    let ciam = configure(builder).build().await.unwrap();
    TestBed { ciam, clock, hasher, mailbox: gate.sent.clone() }
}

/// Runs a test on a thread of its own, where tokio's clock is paused: a worker that never rests fails it, and holds
/// nobody up.
#[track_caller]
fn in_time(test: impl Future<Output = ()> + Send + 'static) {
    let (done, is_done) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(test);
        done.send(()).unwrap();
    });
    match is_done.recv_timeout(Duration::from_secs(30)) {
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("a worker does not stop"),
        _ => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
    }
}

fn memory() -> Arc<dyn Backend> {
    Arc::new(MemoryStore::new())
}

async fn outcomes(bed: &TestBed) -> Vec<String> {
    let events = bed.ciam.store().tail::<Event>(Position::START, 100).await.unwrap();
    events.into_iter().map(|(_, event)| event.name).filter(|name| name.starts_with("message.")).collect()
}

#[test]
fn a_shutdown_lets_a_message_finish_and_begins_no_other() {
    in_time(async {
        let gate = Gate::new();
        let bed = engine(&gate, &memory(), |builder| builder).await;
        bed.browser().sign_up_until_code("ada@example.com", PASSWORD).await;
        gate.reached().await;
        let ciam = bed.ciam.clone();
        let shutdown = tokio::spawn(async move { ciam.shutdown().await });
        tokio::task::yield_now().await;
        bed.browser().sign_up_until_code("bob@example.com", PASSWORD).await;
        gate.let_through.add_permits(9);
        assert_eq!(shutdown.await.unwrap(), Ok(()));
        assert_eq!(outcomes(&bed).await, ["message.queued", "message.queued", "message.sent"]);
        assert_eq!(bed.mailbox.messages()[0].to, "ada@example.com");
        // The other one waits for the next start.
        let next = engine(&gate, bed.ciam.store().backend(), |builder| builder.without_workers()).await;
        assert_eq!(next.ciam.outbox().deliver().await.unwrap(), 1);
        assert_eq!(bed.mailbox.messages()[0].to, "bob@example.com");
    });
}

#[test]
fn a_shutdown_does_not_wait_for_ever_and_loses_nothing() {
    in_time(async {
        let gate = Gate::new();
        let bed = engine(&gate, &memory(), |builder| builder.shutdown_grace(Duration::from_secs(3))).await;
        bed.browser().sign_up_until_code("ada@example.com", PASSWORD).await;
        gate.reached().await;
        let begun = tokio::time::Instant::now();
        assert_eq!(bed.ciam.shutdown().await, Err(Overdue));
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
        assert_eq!(bed.ciam.shutdown().await, Ok(()), "there is nothing left to end");
        assert_eq!(outcomes(&bed).await, ["message.queued"]);
        gate.let_through.add_permits(9);
        bed.clock.advance(Duration::from_mins(2));
        assert_eq!(bed.ciam.outbox().deliver().await.unwrap(), 1, "once the lease is over");
        assert_eq!(outcomes(&bed).await, ["message.queued", "message.sent"]);
    });
}

#[test]
fn many_may_ask_for_the_shutdown() {
    in_time(async {
        let gate = Gate::new();
        gate.let_through.add_permits(9);
        let bed = engine(&gate, &memory(), |builder| builder).await;
        let ciam = bed.ciam.clone();
        let ended = in_parallel(8, move |_| {
            let ciam = ciam.clone();
            async move { ciam.shutdown().await }
        });
        assert_eq!(ended.await, [Ok(()); 8]);
        bed.browser().sign_up_until_code("ada@example.com", PASSWORD).await;
        tokio::time::sleep(Duration::from_mins(10)).await; // of the paused clock
        assert_eq!(outcomes(&bed).await, ["message.queued"], "nobody is left to send it");
    });
}

#[test]
fn workers_may_run_elsewhere_than_the_engine_that_queues() {
    in_time(async {
        let (gate, store) = (Gate::new(), memory());
        gate.let_through.add_permits(9);
        let serving = engine(&gate, &store, CiamBuilder::without_workers).await;
        let working = engine(&gate, &store, CiamBuilder::without_workers).await;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let run = tokio::spawn(working.ciam.workers().run_until(async move { drop(stopped.await) }));
        serving.browser().sign_up_until_code("ada@example.com", PASSWORD).await;
        gate.reached().await;
        assert_eq!(serving.ciam.shutdown().await, Ok(()), "it has none of its own");
        stop.send(()).unwrap();
        assert_eq!(run.await.unwrap(), Ok(()));
        assert_eq!(outcomes(&serving).await, ["message.queued", "message.sent"]);
    });
}

#[tokio::test]
async fn a_shutdown_writes_what_an_engine_without_workers_has_noted() {
    let bed = TestBed::new().await;
    let ada = bed.user().create().await;
    let opened = bed.signed_in(ada.id).await;
    bed.clock.advance(Duration::from_mins(2));
    bed.ciam.sessions().check(opened.bearer.expose()).await.unwrap().unwrap();
    let kept = async || bed.ciam.store().get::<Session>(opened.session.id).await.unwrap().unwrap().last_seen;
    assert_eq!(kept().await, opened.session.last_seen);
    assert_eq!(bed.ciam.shutdown().await, Ok(()));
    assert_eq!(kept().await, bed.ciam.clock().now());
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_panics_begins_anew() {
    let runs = Arc::new(Semaphore::new(0));
    let (_stopping, stopped) = watch::channel(false);
    let counted = Arc::clone(&runs);
    tokio::spawn(supervise(
        "a worker",
        Stop { stopped, pulse: Pulsing(Arc::default(), |vitals| &vitals.outbox) },
        move |_| {
            counted.add_permits(1);
            async { panic!("a defect") }
        },
    ));
    let thrice = tokio::time::timeout(Duration::from_mins(1), runs.acquire_many(3)).await;
    assert!(thrice.is_ok());
}
