//! Several engines over one database.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::*;
use crate::clock::Timestamp;
use crate::id::{RealmId, RecordId as _};
use crate::store::{
    Backend, Batch, Cursor, Listener, MemoryStore, Position, RawQuery, RecordKey, Row, Schema, Settlement,
};
use crate::testing::{FaultyStore, StoppedClock};

async fn node(database: &Arc<FaultyStore>, clock: &StoppedClock, channel: impl Invalidation) -> TestBed {
    let bed = TestBed::with(|builder| {
        let builder = builder.shared_store(Arc::clone(database) as Arc<dyn Backend>).clock(clock.clone());
        builder.invalidation(channel).entropy(crate::entropy::SystemEntropy::new())
    });
    TestBed { clock: clock.clone(), ..bed.await }
}

async fn is_kept(bed: &TestBed, database: &FaultyStore, opened: &Opened) -> bool {
    let before = database.reads();
    assert!(check(bed, opened).await);
    database.reads() == before
}

#[tokio::test]
async fn se2_what_one_node_revokes_the_other_refuses_at_its_next_check() {
    let (database, clock) = (FaultyStore::new(Arc::new(MemoryStore::new()), []), StoppedClock::new());
    let channel = InProcess::new();
    let one = node(&database, &clock, channel.clone()).await;
    let other = node(&database, &clock, channel.clone()).await;
    let user = one.sign_up("ada@example.com", PASSWORD).await.session.user;
    let by = Cause::system();
    for way in 0..4 {
        let ada = one.sign_in("ada@example.com", PASSWORD).await.unwrap();
        let spare = one.sign_in("ada@example.com", PASSWORD).await.unwrap();
        check(&other, &ada).await;
        assert!(is_kept(&other, &database, &ada).await);
        match way {
            0 => one.ciam.sessions().end(&by, user, ada.session.id).await.unwrap(),
            1 => one.ciam.sessions().end_others(&by, user, spare.session.id).await.unwrap(),
            2 => one.ciam.sessions().end_all(&by, user).await.unwrap(),
            _ => one.ciam.users().suspend(&by, user).await.unwrap(),
        }
        assert!(!check(&other, &ada).await, "{way}");
    }
    drop(one);
    other.ciam.users().activate(&by, user).await.unwrap();
}

/// A channel that does what the test says.
#[derive(Debug, Clone, Default)]
struct Wire {
    node: Arc<Mutex<Option<Node>>>,
    published: Arc<Mutex<Vec<Revoked>>>,
    fails: Arc<Mutex<u32>>,
}

impl Wire {
    fn node(&self) -> Node {
        self.node.lock().unwrap().clone().unwrap()
    }

    fn published(&self) -> Vec<Revoked> {
        std::mem::take(&mut self.published.lock().unwrap())
    }
}

#[async_trait]
impl Invalidation for Wire {
    fn join(&self, node: Node) {
        *self.node.lock().unwrap() = Some(node);
    }

    async fn publish(&self, revoked: &[Revoked]) -> Result<(), InvalidationError> {
        let mut fails = self.fails.lock().unwrap();
        if *fails > 0 {
            *fails -= 1;
            return Err(InvalidationError::new("the wire is cut"));
        }
        self.published.lock().unwrap().extend(revoked);
        Ok(())
    }
}

#[tokio::test]
async fn a_node_that_hears_nothing_keeps_nothing_and_begins_anew_when_it_does() {
    let (database, clock, wire) =
        (FaultyStore::new(Arc::new(MemoryStore::new()), []), StoppedClock::new(), Wire::default());
    let bed = node(&database, &clock, wire.clone()).await;
    let ada = bed.sign_up("ada@example.com", PASSWORD).await;
    for _ in 0..3 {
        assert!(!is_kept(&bed, &database, &ada).await, "not connected yet");
    }
    wire.node().connected();
    assert!(!is_kept(&bed, &database, &ada).await);
    assert!(is_kept(&bed, &database, &ada).await);
    wire.node().lost();
    for _ in 0..3 {
        assert!(!is_kept(&bed, &database, &ada).await, "lost");
    }
    // Meanwhile another node ends the session, and nobody hears of it; the host's own handle stands for that node.
    let elsewhere = Store::new(
        Arc::clone(&database) as Arc<dyn Backend>,
        bed.ciam.store().realm(),
        Arc::clone(bed.ciam.clock()),
        Arc::clone(bed.ciam.entropy()),
    );
    let ended: Result<_, StoreError> =
        elsewhere.transact(|work| async move { work.take::<Session>(ada.session.id).await }).await;
    ended.unwrap();
    wire.node().connected();
    assert!(!check(&bed, &ada).await, "what it had before it was lost is gone");
}

/// A store that announces as the test says.
#[derive(Debug, Default)]
struct Announcing {
    inner: MemoryStore,
    listener: Mutex<Option<Arc<dyn Listener>>>,
}

impl Announcing {
    fn listener(&self) -> Arc<dyn Listener> {
        Arc::clone(self.listener.lock().unwrap().as_ref().unwrap())
    }
}

#[async_trait]
impl Backend for Announcing {
    async fn prepare(&self, schema: &Schema) -> Result<(), StoreError> {
        self.inner.prepare(schema).await
    }

    async fn read(&self, realm: RealmId, now: Timestamp, keys: &[RecordKey]) -> Result<Vec<Option<Row>>, StoreError> {
        self.inner.read(realm, now, keys).await
    }

    async fn find(&self, realm: RealmId, now: Timestamp, query: &RawQuery) -> Result<Vec<(Cursor, Row)>, StoreError> {
        self.inner.find(realm, now, query).await
    }

    async fn count(&self, realm: RealmId, now: Timestamp, query: &RawQuery) -> Result<u32, StoreError> {
        self.inner.count(realm, now, query).await
    }

    async fn commit(&self, realm: RealmId, batch: Batch) -> Result<(), StoreError> {
        self.inner.commit(realm, batch).await
    }

    async fn settle(&self, unit: uuid::Uuid, now: Timestamp) -> Result<Settlement, StoreError> {
        self.inner.settle(unit, now).await
    }

    async fn tail(&self, realm: RealmId, after: Position, limit: u32) -> Result<Vec<(Position, Row)>, StoreError> {
        self.inner.tail(realm, after, limit).await
    }

    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<u32, StoreError> {
        self.inner.sweep(now, limit).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }

    fn listen(&self, listener: Arc<dyn Listener>) -> bool {
        *self.listener.lock().unwrap() = Some(listener);
        true
    }
}

#[tokio::test]
async fn a_node_that_is_told_by_its_channel_and_its_store_keeps_what_it_has_while_it_hears_both() {
    let (announcing, clock, wire) = (Arc::<Announcing>::default(), StoppedClock::new(), Wire::default());
    let database = FaultyStore::new(Arc::clone(&announcing) as Arc<dyn Backend>, []);
    let bed = node(&database, &clock, wire.clone()).await;
    let ada = bed.sign_up("ada@example.com", PASSWORD).await;
    let keeps = async || {
        let _ = is_kept(&bed, &database, &ada).await;
        is_kept(&bed, &database, &ada).await
    };
    assert!(!keeps().await, "neither is heard yet");
    wire.node().connected();
    assert!(!keeps().await, "the store is not heard yet");
    announcing.listener().connected();
    assert!(keeps().await);
    wire.node().lost();
    assert!(!keeps().await, "the channel is lost");
    wire.node().connected();
    assert!(keeps().await);
    announcing.listener().lost();
    assert!(!keeps().await, "the store is lost");
    announcing.listener().connected();
    assert!(keeps().await);
    announcing.listener().changed(Session::COLLECTION.name(), ada.session.id.uuid());
    assert!(!is_kept(&bed, &database, &ada).await, "the store tells that it has changed");
    assert!(keeps().await);
    wire.node().revoked(&[Revoked::User(ada.session.user)]);
    assert!(!is_kept(&bed, &database, &ada).await, "the channel tells that it has changed");
}

#[tokio::test]
async fn a_read_from_before_the_channel_was_lost_fills_nothing_after_it_is_back() {
    let (database, clock, wire) =
        (FaultyStore::new(Arc::new(MemoryStore::new()), []), StoppedClock::new(), Wire::default());
    let bed = node(&database, &clock, wire.clone()).await;
    let ada = bed.sign_up("ada@example.com", PASSWORD).await;
    wire.node().connected();
    for missed in [false, true] {
        database.hold(crate::testing::Held::Reads, 0);
        let (sessions, bearer) = (bed.ciam.sessions().clone(), ada.bearer.expose().clone());
        let reader = tokio::spawn(async move { sessions.check(&bearer).await.unwrap() });
        database.holds().await;
        if missed {
            wire.node().lost();
            wire.node().connected();
        } else {
            wire.node().revoked(&[Revoked::Session(ada.session.id), Revoked::User(ada.session.user)]);
        }
        database.release();
        assert!(reader.await.unwrap().is_some());
        assert!(!is_kept(&bed, &database, &ada).await, "{missed}");
        clock.advance(Duration::from_secs(10));
    }
}

#[tokio::test]
async fn a_session_that_rested_on_one_node_is_as_its_use_on_the_other_made_it() {
    let (database, clock) = (FaultyStore::new(Arc::new(MemoryStore::new()), []), StoppedClock::new());
    let channel = InProcess::new();
    let bed = async || {
        let cache = SessionCache { max_age: Duration::from_hours(1_000), ..SessionCache::default() };
        let bed = TestBed::with(|builder| {
            let builder = builder.shared_store(Arc::clone(&database) as Arc<dyn Backend>).clock(clock.clone());
            builder.invalidation(channel.clone()).entropy(crate::entropy::SystemEntropy::new()).session_cache(cache)
        });
        bed.await
    };
    let (one, other) = (bed().await, bed().await);
    let ada = fresh::elevate(&one, &one.sign_up("ada@example.com", PASSWORD).await).await;
    let level = async |bed: &TestBed| {
        let session = bed.ciam.sessions().check(ada.bearer.expose()).await.unwrap().unwrap();
        bed.ciam.sessions().level(&session)
    };
    assert_eq!(level(&one).await, Aal::Aal2);
    for _ in 0..3 {
        clock.advance(Duration::from_mins(50));
        assert_eq!(level(&other).await, Aal::Aal2);
    }
    other.ciam.sessions().flush_seen().await.unwrap();
    assert_eq!(level(&one).await, Aal::Aal2, "the pause is by what the store knows");
    for _ in 0..3 {
        clock.advance(Duration::from_hours(4 * 24));
        assert_eq!(level(&other).await, Aal::Aal1);
        other.ciam.sessions().flush_seen().await.unwrap();
    }
    assert_eq!(level(&one).await, Aal::Aal1, "and it did not end");
}

#[tokio::test]
async fn only_what_revokes_is_told() {
    let (database, clock, wire) =
        (FaultyStore::new(Arc::new(MemoryStore::new()), []), StoppedClock::new(), Wire::default());
    let bed = node(&database, &clock, wire.clone()).await;
    wire.node().connected();
    let ada = bed.sign_up("ada@example.com", PASSWORD).await;
    let (user, by) = (ada.session.user, Cause::system());
    let next = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    clock.advance(Duration::from_mins(5));
    assert!(check(&bed, &ada).await);
    bed.ciam.sessions().flush_seen().await.unwrap();
    assert_eq!(wire.published(), [], "nothing was revoked");
    assert!(bed.ciam.sessions().end(&by, user, SessionId::from_uuid(uuid::Uuid::nil())).await.is_err());
    assert_eq!(wire.published(), []);
    bed.ciam.sessions().end(&by, user, next.session.id).await.unwrap();
    assert_eq!(wire.published(), [Revoked::Session(next.session.id)]);
    bed.ciam.sessions().end_all(&by, user).await.unwrap();
    assert_eq!(wire.published(), [Revoked::User(user)]);
    bed.ciam.users().suspend(&by, user).await.unwrap();
    assert_eq!(wire.published(), [Revoked::User(user)]);
    let text = serde_json::to_string(&Revoked::User(user)).unwrap();
    assert_eq!(text, format!("{{\"type\":\"user\",\"id\":\"{user}\"}}"), "what adapters send");
}

#[tokio::test(start_paused = true)]
async fn what_the_channel_does_not_take_is_told_again() {
    let (database, clock, wire) =
        (FaultyStore::new(Arc::new(MemoryStore::new()), []), StoppedClock::new(), Wire::default());
    let bed = node(&database, &clock, wire.clone()).await;
    wire.node().connected();
    let ada = bed.sign_up("ada@example.com", PASSWORD).await;
    *wire.fails.lock().unwrap() = 3;
    bed.ciam.sessions().end(&Cause::system(), ada.session.user, ada.session.id).await.unwrap();
    assert_eq!(wire.published(), [], "the revocation stands all the same");
    assert!(!check(&bed, &ada).await);
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(wire.published(), [Revoked::Session(ada.session.id)]);
}

#[tokio::test]
async fn a_lost_answer_is_told_when_it_is_settled_as_committed() {
    use crate::testing::Fault;

    let (database, clock, wire) =
        (FaultyStore::new(Arc::new(MemoryStore::new()), []), StoppedClock::new(), Wire::default());
    let bed = node(&database, &clock, wire.clone()).await;
    let ada = bed.sign_up("ada@example.com", PASSWORD).await;
    database.suffer([Fault::LostAfter]);
    bed.ciam.sessions().end(&Cause::system(), ada.session.user, ada.session.id).await.unwrap();
    assert_eq!(wire.published(), [Revoked::Session(ada.session.id)]);
}

#[tokio::test]
async fn who_hangs_up_after_the_commit_does_not_keep_other_nodes_from_hearing_of_it() {
    let (database, clock, channel) =
        (FaultyStore::new(Arc::new(MemoryStore::new()), []), StoppedClock::new(), InProcess::new());
    let one = node(&database, &clock, channel.clone()).await;
    let other = node(&database, &clock, channel).await;
    let ada = one.sign_up("ada@example.com", PASSWORD).await;
    check(&other, &ada).await;
    database.hold(crate::testing::Held::Commits, 0);
    let (sessions, user) = (one.ciam.sessions().clone(), ada.session.user);
    let caller = tokio::spawn(async move { sessions.end_all(&Cause::system(), user).await });
    database.holds().await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    database.release();
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(!check(&other, &ada).await);
}
