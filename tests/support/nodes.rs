//! Engines over one database, as on several nodes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ciam::events::Cause;
use ciam::sessions::{Opened, SessionCache};
use ciam::store::Backend;
use ciam::testing::{FaultyStore, FixedEntropy, StoppedClock, TestBed};
use ciam::{CiamBuilder, UserId};

pub(crate) const ADA: &str = "ada@example.com";
pub(crate) const PASSWORD: &str = "vermilion otter quays";

/// An engine with a memory of its own, and what it reads from the database that others write to, too.
pub(crate) struct Node {
    pub(crate) bed: TestBed,
    pub(crate) reads: Arc<FaultyStore>,
}

impl Node {
    /// A node over this database; `seed` is another one for every node.
    pub(crate) async fn over(
        database: Arc<dyn Backend>,
        clock: &StoppedClock,
        seed: u64,
        configure: impl FnOnce(CiamBuilder) -> CiamBuilder,
    ) -> Self {
        let reads = FaultyStore::new(database, []);
        let (clock, store) = (clock.clone(), Arc::clone(&reads));
        let bed = TestBed::with(|builder| {
            let key = ciam::vault::MasterKey::parse(&"0123456789abcdef".repeat(4)).unwrap();
            let builder = builder.shared_store(store).clock(clock.clone());
            let builder = configure(builder.entropy(FixedEntropy::new(seed)).master_key(key));
            // So long that age alone turns nobody away.
            builder.session_cache(SessionCache { max_age: Duration::from_hours(1), ..SessionCache::default() })
        })
        .await;
        Self { bed: TestBed { clock, ..bed }, reads }
    }

    pub(crate) async fn lets_in(&self, opened: &Opened) -> bool {
        self.bed.ciam.sessions().check(opened.bearer.expose()).await.unwrap().is_some()
    }

    /// Whether a check is answered from memory.
    pub(crate) async fn is_warm(&self, opened: &Opened) -> bool {
        let before = self.reads.reads();
        self.lets_in(opened).await && self.reads.reads() == before
    }

    /// Checks until one is answered from memory: until the node is sure to hear of revocations.
    pub(crate) async fn warm_up(&self, opened: &Opened) {
        let patience = Instant::now() + Duration::from_secs(20);
        while !self.is_warm(opened).await {
            assert!(Instant::now() < patience, "the node does not keep sessions in memory");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Revokes a session of this user, in one of [`WAYS`]; one of them leaves `spare`.
    pub(crate) async fn revoke(&self, way: usize, user: UserId, opened: &Opened, spare: &Opened) {
        let (cause, sessions) = (Cause::system(), self.bed.ciam.sessions());
        match way {
            0 => sessions.end(&cause, user, opened.session.id).await.unwrap(),
            1 => sessions.end_others(&cause, user, spare.session.id).await.unwrap(),
            2 => sessions.end_all(&cause, user).await.unwrap(),
            3 => self.bed.ciam.passwords().set(&cause, user, &PASSWORD.to_owned().into()).await.unwrap(),
            _ => self.bed.ciam.users().suspend(&cause, user).await.unwrap(),
        }
    }
}

/// The ways to revoke a session; the last suspends its user.
pub(crate) const WAYS: usize = 5;
