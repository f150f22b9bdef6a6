//! What the engine does beside requests: messages are sent, what has expired is swept, when sessions were last seen is
//! written, refused tries are summed up. Who runs it, and how it stops.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};

use crate::leases::Holder;
use crate::messages::Outbox;
use crate::metrics::Verb;
use crate::readiness::{Pulse, Vitals};
use crate::sessions::Sessions;
use crate::store::{Evolution, Schema, Store};
use crate::throttle::Tries;
use crate::users::Users;

/// How long the sweeper rests when there is nothing left to remove.
const SWEEP_REST: Duration = Duration::from_mins(1);
/// What the lease of the sweeper is for.
const SWEEPER: &str = "sweeper";
/// How long a node sweeps before it must renew its lease; one that has died is followed after that.
const SWEEP_LEASE: Duration = Duration::from_mins(4);
/// How much the sweeper removes in one step, so that it never keeps others waiting.
const SWEEP_STEP: u32 = 500;
/// How often metrics are told how busy the store is, and how long it is asked.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// How long a worker that panicked rests before it begins anew.
const AFTER_PANIC: Duration = Duration::from_secs(1);

/// The engine's workers: the outbox, which sends messages, the sweeper, which removes what has expired, and two that
/// write when this engine's sessions were last seen, and how many tries it refused. A store that may migrate has one
/// more, which brings records of older versions of the app up to date.
///
/// [`CiamBuilder::build`](crate::CiamBuilder::build) starts them, and [`Ciam::shutdown`](crate::Ciam::shutdown) ends
/// them. An engine that was built
/// [without workers](crate::CiamBuilder::without_workers) leaves them to the host, which may run them in a process of
/// their own. Several processes may run them over one store: a message is sent by one of them.
///
/// ```no_run
/// # async fn worker_process(identity: ciam_core::Ciam, terminated: impl Future<Output = ()>) {
/// if identity.workers().run_until(terminated).await.is_err() {
///     eprintln!("a message was under way for too long; it is sent again by another worker");
/// }
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Workers {
    pub(crate) store: Store,
    pub(crate) schema: Schema,
    /// Where the counters of tries are, if not in the store.
    pub(crate) counters: Option<Store>,
    pub(crate) users: Users,
    pub(crate) outbox: Outbox,
    pub(crate) sessions: Sessions,
    pub(crate) tries: Tries,
    pub(crate) vitals: Arc<Vitals>,
    pub(crate) grace: Duration,
}

/// What was under way did not end in time, and was left: a message among it is sent again later, perhaps twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what was under way did not end in time")]
pub struct Overdue;

impl Workers {
    /// Works until `stop` is done. Then no more work is begun, and what is under way, such as a message that is just
    /// being sent, is waited for as long as [`CiamBuilder::shutdown_grace`](crate::CiamBuilder::shutdown_grace) says.
    ///
    /// A worker that panics says so in the log and begins anew. Dropping the future ends all work where it is.
    ///
    /// # Errors
    /// [`Overdue`].
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> Result<(), Overdue> {
        let Self { store, schema, counters, users, outbox, sessions, tries, vitals, grace } = self;
        let (stopping, stopped) = watch::channel(false);
        let telling = Telling(tokio::spawn(tell_pressure(store.clone())).abort_handle());
        let stop_of = |pulse| Stop { stopped: stopped.clone(), pulse: Pulsing(Arc::clone(&vitals), pulse) };
        let mut workers = JoinSet::new();
        workers.spawn(supervise("outbox", stop_of(|vitals| &vitals.outbox), move |stop| outbox.clone().run(stop)));
        let seen = stop_of(|vitals| &vitals.last_seen);
        workers.spawn(supervise("last_seen", seen, move |stop| sessions.clone().keep_flushing(stop)));
        workers.spawn(supervise("summaries", stop_of(|vitals| &vitals.summaries), move |stop| tries.clone().run(stop)));
        if store.backend().evolution().is_some_and(Evolution::unasked) {
            let (store, stop) = (store.clone(), stop_of(|vitals| &vitals.backfill));
            let backfill = move |stop| crate::backfilling::run(store.clone(), schema.clone(), stop);
            workers.spawn(supervise("backfill", stop, backfill));
        }
        let listing = stop_of(|vitals| &vitals.listing);
        workers.spawn(supervise("listing", listing, move |stop| users.clone().keep_listing(stop)));
        let swept: Vec<Store> = std::iter::once(store).chain(counters).collect();
        workers.spawn(supervise("sweeper", stop_of(|vitals| &vitals.sweeper), move |stop| sweep(swept.clone(), stop)));
        stop.await;
        drop(telling);
        stopping.send_replace(true);
        let ended = async { while workers.join_next().await.is_some() {} };
        tokio::time::timeout(grace, ended).await.map_err(|_| Overdue)
    }
}

/// Tells a worker when to begin nothing more.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    stopped: watch::Receiver<bool>,
    pulse: Pulsing,
}

/// Which of the engine's pulses a worker's is.
#[derive(Debug, Clone)]
struct Pulsing(Arc<Vitals>, fn(&Vitals) -> &Pulse);

impl Pulsing {
    fn pulse(&self) -> &Pulse {
        (self.1)(&self.0)
    }
}

impl Stop {
    pub(crate) fn is_stopped(&self) -> bool {
        *self.stopped.borrow() || self.stopped.has_changed().is_err()
    }

    /// The worker has done a round, and so is not stuck.
    pub(crate) fn beat(&self) {
        self.pulse.pulse().beat();
    }

    /// Rests for that long, or until work is to stop.
    pub(crate) async fn rest(&mut self, pause: Duration) {
        let _ = tokio::time::timeout(pause, self.stopped()).await;
    }

    /// Rests for that long, or until there is something to do, or until work is to stop.
    pub(crate) async fn rest_until(&mut self, pause: Duration, something: impl Future<Output = ()>) {
        let mut something = std::pin::pin!(something);
        let mut stopped = std::pin::pin!(self.stopped());
        let either = std::future::poll_fn(|cx| {
            if something.as_mut().poll(cx).is_ready() { Poll::Ready(()) } else { stopped.as_mut().poll(cx) }
        });
        let _ = tokio::time::timeout(pause, either).await;
    }

    /// Done as soon as work is to stop; also when nobody is there any more who could say so.
    pub(crate) async fn stopped(&mut self) {
        stopped(&mut self.stopped).await;
    }
}

async fn stopped(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Runs a worker, anew when it panics.
async fn supervise<F>(name: &'static str, mut stop: Stop, worker: impl Fn(Stop) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let pulse = stop.pulse.clone();
    let _running = pulse.pulse().begin();
    while !stop.is_stopped() {
        let mut run = JoinSet::new();
        run.spawn(worker(stop.clone()));
        match run.join_next().await {
            Some(Err(error)) if error.is_panic() => {
                tracing::error!(worker = name, "a worker panicked, and begins anew");
                crate::metrics::worker_panicked(name);
                stop.rest(AFTER_PANIC).await;
            }
            _ => return,
        }
    }
}

/// Removes what has expired from these stores, step by step, on one node at a time. The first keeps the lease.
async fn sweep(stores: Vec<Store>, mut stop: Stop) {
    let Some(store) = stores.first() else { return };
    let holder = Holder::new(store.clone());
    let mut renew = store.clock().now();
    while !stop.is_stopped() {
        let now = store.clock().now();
        if renew <= now {
            match holder.hold(SWEEPER, SWEEP_LEASE).await {
                Ok(true) => renew = now + SWEEP_LEASE / 2,
                other => {
                    if let Err(error) = other {
                        tracing::warn!(%error, "the sweeper pauses");
                    }
                    stop.beat();
                    stop.rest(SWEEP_REST).await;
                    continue;
                }
            }
        }
        let mut is_done = true;
        for store in &stores {
            let swept = store.timed(Verb::Sweep, store.backend().sweep(store.clock().now(), SWEEP_STEP)).await;
            stop.beat();
            match swept {
                Ok(removed) => {
                    crate::metrics::swept(removed);
                    is_done &= removed < SWEEP_STEP;
                }
                Err(error) => tracing::warn!(%error, "the sweeper pauses"),
            }
        }
        if is_done {
            stop.rest(SWEEP_REST).await;
        } else {
            tokio::task::yield_now().await;
        }
    }
    if let Err(error) = holder.release(SWEEPER).await {
        tracing::debug!(%error, "the next sweeper waits for the lease to end");
    }
}

/// What tells metrics how busy the store is, until it is dropped.
struct Telling(AbortHandle);

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn tell_pressure(store: Store) {
    loop {
        let pressure = store.backend().pressure(store.realm(), store.clock().now());
        match tokio::time::timeout(TELL_EVERY, pressure).await {
            Ok(Ok(pressure)) => crate::metrics::store_pressure(pressure),
            Ok(Err(error)) => tracing::debug!(%error, "how busy the store is, is not known"),
            Err(_) => {}
        }
        tokio::time::sleep(TELL_EVERY).await;
    }
}

/// Workers that run in the background of an engine; they end with it.
#[derive(Debug)]
pub(crate) struct Background {
    stop: watch::Sender<bool>,
    running: Mutex<Option<JoinHandle<Result<(), Overdue>>>>,
    abort: Option<AbortHandle>,
}

impl Background {
    /// None at all.
    pub(crate) fn none() -> Self {
        Self { stop: watch::channel(false).0, running: Mutex::default(), abort: None }
    }

    /// Starts them on the current tokio runtime.
    pub(crate) fn start(workers: Workers) -> Self {
        let (stop, mut told) = watch::channel(false);
        let running = tokio::spawn(workers.run_until(async move { stopped(&mut told).await }));
        let abort = Some(running.abort_handle());
        Self { stop, running: Mutex::new(Some(running)), abort }
    }

    /// Ends them. Whoever else asks at the same time waits too; afterwards there is nothing to end.
    pub(crate) async fn shutdown(&self) -> Result<(), Overdue> {
        self.stop.send_replace(true);
        let mut running = self.running.lock().await;
        let Some(handle) = running.as_mut() else { return Ok(()) };
        let ended = handle.await;
        *running = None;
        ended.unwrap_or(Ok(()))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(abort) = &self.abort {
            abort.abort();
        }
    }
}

#[cfg(test)]
mod tests;
