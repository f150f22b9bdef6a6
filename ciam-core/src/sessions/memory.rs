//! What an engine remembers of sessions between two requests, and how it is kept true.

use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;

use super::Session;
use super::cache::Recent;
use super::invalidation::{Invalidation, Node, Revoked};
use super::others::Others;
use super::seen::Seen;
use crate::clock::Timestamp;
use crate::id::RecordId as _;
use crate::store::{Backend, Batch, Op, Pending, Watch};
use crate::users::Standing;

/// How much of sessions is kept in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionCache {
    /// How many sessions and how many standings at most (default 100,000, an estimated 1 KB each); 0 keeps
    /// none, so that each check reads both from the store.
    pub capacity: usize,
    /// How long a record is served without being read again, though nobody has said that it changed (default 10
    /// seconds). It bounds what writes past this engine can do that nobody tells it of: neither the
    /// [channel](Invalidation), nor the database itself: PostgreSQL does at once, SQLite within half a second.
    pub max_age: Duration,
}

impl Default for SessionCache {
    fn default() -> Self {
        Self { capacity: 100_000, max_age: Duration::from_secs(10) }
    }
}

/// A session as it was read, and when it was seen since.
#[derive(Debug)]
pub(super) struct Known {
    session: Session,
    seen: AtomicI64,
}

impl Known {
    pub(super) const fn new(session: Session) -> Self {
        let seen = AtomicI64::new(session.last_seen.micros());
        Self { session, seen }
    }

    pub(super) const fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn seen(&self) -> Timestamp {
        Timestamp::from_micros(self.seen.load(Ordering::Relaxed))
    }

    pub(super) fn see(&self, at: Timestamp) {
        self.seen.fetch_max(at.micros(), Ordering::Relaxed);
    }
}

#[derive(Debug)]
pub(super) struct Cached {
    pub(super) sessions: Recent<Arc<Known>>,
    pub(super) standings: Recent<Arc<Standing>>,
}

/// Who tells an engine what others revoke.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(super) enum Source {
    /// The store, which announces what is committed.
    Store = 1,
    /// The channel that the host has given.
    Channel = 2,
}

/// What one engine remembers of its sessions.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) seen: Seen,
    pub(super) others: Others,
    cached: Option<Cached>,
    /// The sources that are not heard now, by their bits. Memory is believed when there are none.
    unheard: AtomicU8,
    channel: Option<Arc<dyn Invalidation>>,
}

impl Memory {
    pub(super) fn new(
        limits: SessionCache,
        channel: Option<Arc<dyn Invalidation>>,
        backend: &Arc<dyn Backend>,
    ) -> Arc<Self> {
        let cached = (limits.capacity > 0).then(|| Cached {
            sessions: Recent::new(limits.capacity, limits.max_age),
            standings: Recent::new(limits.capacity, limits.max_age),
        });
        let by_channel = if channel.is_some() { Source::Channel as u8 } else { 0 };
        let unheard = AtomicU8::new(Source::Store as u8 | by_channel);
        let memory = Arc::new(Self { seen: Seen::default(), others: Others::default(), cached, unheard, channel });
        let node = |source| Node::new(Arc::downgrade(&memory), source);
        // Also beside a channel: other engines over this store may have none.
        let is_told = memory.cached.is_some() && backend.listen(Arc::new(node(Source::Store)));
        if !is_told {
            memory.hear(Source::Store);
        }
        if let Some(channel) = &memory.channel {
            channel.join(node(Source::Channel));
        }
        memory
    }

    /// The cache, unless there is none or it cannot be trusted now.
    pub(super) fn cached(&self) -> Option<&Cached> {
        self.cached.as_ref().filter(|_| self.unheard.load(Ordering::Acquire) == 0)
    }

    pub(super) fn evict(&self, revoked: Revoked) {
        self.each(&[revoked], Recent::evict, Recent::evict);
    }

    /// Begins with nothing: also what a check kept that was under way while nothing was heard is gone.
    pub(super) fn hear(&self, source: Source) {
        self.clear();
        self.unheard.fetch_and(!(source as u8), Ordering::AcqRel);
    }

    pub(super) fn miss(&self, source: Source) {
        self.unheard.fetch_or(source as u8, Ordering::AcqRel);
    }

    pub(super) fn clear(&self) {
        if let Some(cached) = &self.cached {
            cached.sessions.clear();
            cached.standings.clear();
        }
    }

    fn each(
        &self,
        revoked: &[Revoked],
        session: fn(&Recent<Arc<Known>>, uuid::Uuid),
        standing: fn(&Recent<Arc<Standing>>, uuid::Uuid),
    ) {
        let Some(cached) = &self.cached else { return };
        for one in revoked {
            match one {
                Revoked::Session(id) => session(&cached.sessions, id.uuid()),
                Revoked::User(id) => standing(&cached.standings, id.uuid()),
            }
        }
    }
}

/// Tells a memory what units change.
#[derive(Debug)]
pub(super) struct Watcher(pub(super) Arc<Memory>);

impl Watch for Watcher {
    fn begin(&self, batch: &Batch) -> Option<Box<dyn Pending>> {
        let revoked: Vec<Revoked> = batch.ops.iter().filter_map(changed).collect();
        let memory = &self.0;
        if revoked.is_empty() || (memory.cached.is_none() && memory.channel.is_none()) {
            return None;
        }
        memory.each(&revoked, Recent::block, Recent::block);
        Some(Box::new(UnderWay { memory: Arc::downgrade(memory), revoked }))
    }
}

/// The record of ours that an operation may change.
///
/// Absence is never kept, so an insert changes nothing that is; and a record that was seen later is not another one.
fn changed(op: &Op) -> Option<Revoked> {
    let (Op::Replace { .. } | Op::Remove { .. }) = op else { return None };
    let key = op.key();
    Revoked::of(key.collection, key.id)
}

/// A unit that changes sessions or standings. While it is under way these are read from the store.
struct UnderWay {
    memory: Weak<Memory>,
    revoked: Vec<Revoked>,
}

#[async_trait]
impl Pending for UnderWay {
    async fn committed(self: Box<Self>) {
        let Some(memory) = self.memory.upgrade() else { return };
        memory.each(&self.revoked, Recent::unblock, Recent::unblock);
        if let Some(channel) = &memory.channel {
            publish(Arc::clone(channel), self.revoked).await;
        }
    }

    fn never(self: Box<Self>) {
        let Some(memory) = self.memory.upgrade() else { return };
        memory.each(&self.revoked, Recent::unblock, Recent::unblock);
    }

    fn is_moot(&self) -> bool {
        self.memory.strong_count() == 0
    }
}

/// How long whoever revokes waits for the channel.
const PATIENCE: Duration = Duration::from_secs(1);
/// The rests between tries to publish: a minute in all.
const RESTS: [u64; 6] = [1, 2, 4, 8, 16, 29];

/// Tells the other nodes; in the background, when the channel does not take it at once.
async fn publish(channel: Arc<dyn Invalidation>, revoked: Vec<Revoked>) {
    if tell(&channel, &revoked).await {
        return;
    }
    tokio::spawn(async move {
        for rest in RESTS {
            tokio::time::sleep(Duration::from_secs(rest)).await;
            if tell(&channel, &revoked).await {
                return;
            }
        }
        tracing::error!("other nodes were not told of a revocation: they serve what they have until it is too old");
    });
}

async fn tell(channel: &Arc<dyn Invalidation>, revoked: &[Revoked]) -> bool {
    let told = tokio::time::timeout(PATIENCE, channel.publish(revoked)).await;
    let failed = match told {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the channel does not answer".to_owned(),
    };
    tracing::warn!(error = failed, "other nodes are not told of a revocation yet");
    false
}
