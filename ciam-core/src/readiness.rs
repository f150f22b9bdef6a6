//! Whether the engine can serve: asked by load balancers, answered by trying.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::ciam::Ciam;
use crate::metrics::Verb;
use crate::store::Store;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// For how long a store that took a write is believed to take the next one.
const BELIEVED: Duration = Duration::from_secs(5);
/// How long the outbox may take for one round: a messenger has 30 seconds for a message.
const OUTBOX_ROUND: Duration = Duration::from_secs(90);
/// How long the sweeper may take for one round: it rests for a minute.
const SWEEPER_ROUND: Duration = Duration::from_mins(3);
/// How long what notes when sessions were seen, and sums up refused tries, may take: they write every few seconds.
const NOTE_ROUND: Duration = Duration::from_mins(3);

/// Whether the engine can serve, by what that needs. Made by [`Ciam::readiness`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Readiness {
    /// The store answers reads.
    pub store: Condition,
    /// The store has taken a write within the last seconds.
    pub writer: Condition,
    /// Passwords are hashed.
    pub hasher: Condition,
    /// Messages are sent.
    pub outbox: Condition,
    /// What has expired is removed.
    pub sweeper: Condition,
    /// When sessions were last seen is written.
    pub last_seen: Condition,
    /// Tries that were refused are summed up in events.
    pub summaries: Condition,
    /// No shutdown was announced.
    pub staying: Condition,
}

/// How something does that the engine needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// It works.
    Up,
    /// It does not.
    Down,
    /// It is not done by this process, as it was built.
    Elsewhere,
}

impl Condition {
    /// `up`, `down` or `elsewhere`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Elsewhere => "elsewhere",
        }
    }

    const fn of(works: bool) -> Self {
        if works { Self::Up } else { Self::Down }
    }
}

impl Readiness {
    /// Each part with its name.
    #[must_use]
    pub const fn parts(&self) -> [(&'static str, Condition); 8] {
        [
            ("store", self.store),
            ("writer", self.writer),
            ("hasher", self.hasher),
            ("outbox", self.outbox),
            ("sweeper", self.sweeper),
            ("last_seen", self.last_seen),
            ("summaries", self.summaries),
            ("staying", self.staying),
        ]
    }

    /// Whether requests should be sent here: nothing that is needed is down.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.parts().iter().all(|(_, condition)| *condition != Condition::Down)
    }
}

impl Ciam {
    /// Whether the engine can serve, within a second: the store answers and takes a write, which is tried at most
    /// every five seconds; the workers that this process runs are alive and not stuck; the hasher runs; and no
    /// shutdown was announced.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), ciam_core::BuildError> {
    /// # use ciam_core::{Ciam, messages::Mailbox, store::MemoryStore};
    /// let identity = Ciam::builder().store(MemoryStore::new()).messenger(Mailbox::new()).build().await?;
    /// assert!(identity.readiness().await.is_ready());
    /// identity.announce_shutdown();
    /// assert!(!identity.readiness().await.is_ready());
    /// # Ok(()) }
    /// ```
    pub async fn readiness(&self) -> Readiness {
        let vitals = self.vitals();
        let asked = vitals.probe.ask(self.store());
        let (store, writer) = tokio::time::timeout(PATIENCE, asked).await.unwrap_or((false, false));
        Readiness {
            store: Condition::of(store),
            writer: Condition::of(writer),
            hasher: Condition::of(self.hasher().is_running()),
            outbox: vitals.outbox.condition(OUTBOX_ROUND),
            sweeper: vitals.sweeper.condition(SWEEPER_ROUND),
            last_seen: vitals.last_seen.condition(NOTE_ROUND),
            summaries: vitals.summaries.condition(NOTE_ROUND),
            staying: Condition::of(!vitals.leaving.load(Ordering::Relaxed)),
        }
    }

    /// From now on [`Ciam::readiness`] says no, so that load balancers send nobody here any more. Everything is
    /// served as before: call it when the process is told to end, a few seconds before the server is.
    pub fn announce_shutdown(&self) {
        self.vitals().leaving.store(true, Ordering::Relaxed);
    }
}

/// By what it is known how the engine does.
#[derive(Debug, Default)]
pub(crate) struct Vitals {
    pub(crate) outbox: Pulse,
    pub(crate) sweeper: Pulse,
    pub(crate) last_seen: Pulse,
    pub(crate) summaries: Pulse,
    /// Nobody is turned away for it.
    pub(crate) backfill: Pulse,
    /// Nor for this.
    pub(crate) listing: Pulse,
    pub(crate) leaving: AtomicBool,
    probe: Probe,
}

/// Whether a worker runs, and when it was last seen to.
#[derive(Debug)]
pub(crate) struct Pulse {
    /// How many run; several may, where a host asks for it.
    running: AtomicU64,
    /// Whether one is meant to run in this process.
    expected: AtomicBool,
    since: Instant,
    /// Milliseconds after `since`.
    beat: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            running: AtomicU64::new(0),
            expected: AtomicBool::new(false),
            since: Instant::now(),
            beat: AtomicU64::new(0),
        }
    }
}

impl Pulse {
    /// A round of work is done.
    pub(crate) fn beat(&self) {
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat.fetch_max(now, Ordering::Relaxed);
    }

    /// The worker runs until the answer is dropped.
    pub(crate) fn begin(&self) -> Running<'_> {
        self.expected.store(true, Ordering::Relaxed);
        self.running.fetch_add(1, Ordering::Relaxed);
        self.beat();
        Running(self)
    }

    fn condition(&self, round: Duration) -> Condition {
        if !self.expected.load(Ordering::Relaxed) {
            return Condition::Elsewhere;
        }
        let beat = Duration::from_millis(self.beat.load(Ordering::Relaxed));
        let quiet = self.since.elapsed().saturating_sub(beat);
        Condition::of(self.running.load(Ordering::Relaxed) > 0 && quiet <= round)
    }
}

/// That a worker runs.
#[derive(Debug)]
pub(crate) struct Running<'p>(&'p Pulse);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Asks the store, one asker at a time.
#[derive(Debug, Default)]
struct Probe {
    /// When it last took a write.
    written: Mutex<Option<Instant>>,
}

impl Probe {
    /// Whether the store answers reads, and whether it takes writes. A write is the taking of a unit's id, which
    /// nobody will ever use; of one that went well it is believed that the next will, too.
    async fn ask(&self, store: &Store) -> (bool, bool) {
        let mut written = self.written.lock().await;
        if store.timed(Verb::Ping, store.backend().ping()).await.is_err() {
            *written = None;
            return (false, false);
        }
        if written.is_some_and(|at| at.elapsed() < BELIEVED) {
            return (true, true);
        }
        let writes = takes_a_write(store).await;
        *written = writes.then(Instant::now);
        (true, writes)
    }
}

async fn takes_a_write(store: &Store) -> bool {
    let now = store.clock().now();
    let unit = store.entropy().uuid(now);
    match store.timed(Verb::Settle, store.backend().settle(unit, now)).await {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(%error, "the store takes no write");
            false
        }
    }
}

#[cfg(test)]
mod tests;
