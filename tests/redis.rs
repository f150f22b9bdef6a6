//! A Redis that nodes share: what it counts, what it carries, and what happens without it. Left out where there is none.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "redis/failover.rs"]
mod failover;
#[path = "support/nodes.rs"]
mod nodes;
#[path = "redis/server.rs"]
mod server;
#[path = "redis/tls.rs"]
mod tls;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ciam::clock::{Clock as _, SystemClock, Timestamp};
use ciam::entropy::{Entropy, SystemEntropy};
use ciam::id::{RealmId, RecordId as _};
use ciam::journeys::JourneyError;
use ciam::sessions::{Invalidation as _, Revoked};
use ciam::store::{
    Backend, Batch, Bound, Collection, Encoded, Op, Peak, Record, RecordKey, Schema, Settlement, StoreError, Tally,
    UNITS,
};
use ciam::testing::{StoppedClock, in_parallel};
use ciam::{MemoryStore, Redis};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use nodes::{ADA, Node, PASSWORD, WAYS};

/// Within which other nodes refuse what was revoked on one.
const HEARD: Duration = Duration::from_secs(1);

/// The Redis of the tests, with keys of its own.
fn redis() -> Option<Redis> {
    Some(at(&std::env::var("CIAM_TEST_REDIS").ok()?, &prefix()))
}

fn at(url: &str, prefix: &str) -> Redis {
    Redis::from_url(url).unwrap().prefix(prefix)
}

fn prefix() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

ciam::id!(DoorId, "door", "A door.");

/// A record with everything that Redis keeps.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Door {
    id: DoorId,
    colour: String,
    passed: i64,
    opened: i64,
    until: Timestamp,
}

impl Record for Door {
    type Id = DoorId;
    const COLLECTION: Collection<Self> =
        Collection::new("doors").live(&Door::PASSED).live(&Door::OPENED).expires(|door| door.until);

    fn id(&self) -> DoorId {
        self.id
    }
}

impl Door {
    const PASSED: Tally<Door> = Tally::new("passed", |door| &mut door.passed);
    const OPENED: Peak<Door> = Peak::new("opened", |door| &mut door.opened);
}

/// Another such record.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Gate(Door);

impl Record for Gate {
    type Id = DoorId;
    const COLLECTION: Collection<Self> =
        Collection::new("gates").live(&Gate::PASSED).live(&Gate::OPENED).expires(|gate| gate.0.until);

    fn id(&self) -> DoorId {
        self.0.id
    }
}

impl Gate {
    const PASSED: Tally<Gate> = Tally::new("passed", |gate| &mut gate.0.passed);
    const OPENED: Peak<Gate> = Peak::new("opened", |gate| &mut gate.0.opened);
}

/// What decides at random.
struct Dice(SystemEntropy);

impl Dice {
    fn below(&self, most: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % u64::try_from(most).unwrap()).unwrap()
    }

    fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.0.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    fn record(&self, id: Uuid, now: Timestamp) -> Encoded {
        Encoded {
            id,
            doc: format!("{{\"colour\":\"{}\"}}", ["red", "grün \\\" \\u0000", "{}"][self.below(3)]),
            shape: 1,
            columns: Vec::new(),
            live: vec![i64::try_from(self.below(4)).unwrap(), now.micros()],
            // Some have expired already, or do now.
            expires: Some(now - Duration::from_secs(8) + Duration::from_secs(u64::try_from(self.below(50)).unwrap())),
        }
    }

    fn op(&self, id: Uuid, version: Option<Uuid>, now: Timestamp) -> Op {
        let collection = Door::COLLECTION.name();
        let key = RecordKey { collection, id };
        let expected = version.filter(|_| self.below(10) > 0).unwrap_or_else(|| self.uuid());
        let bound = [Bound::None, Bound::AtMost(5), Bound::AtLeast(-2)][self.below(3)];
        match self.below(8) {
            0 => Op::Insert { collection, record: self.record(id, now) },
            1 => Op::Replace { collection, record: self.record(id, now), expected },
            2 => Op::Remove { key, expected },
            3 => Op::Guard { key, expected: version.map(|_| expected) },
            4 => Op::Touch { key, expected },
            5 => Op::Add { key, tally: "passed", by: 1, bound, create: None },
            6 => {
                let create = Some(self.record(id, now));
                Op::Add { key, tally: "passed", by: -1, bound, create }
            }
            _ => {
                let to = now.micros() + i64::try_from(self.below(9)).unwrap() - 4;
                Op::Raise { key, peak: "opened", to, strictly: self.below(2) == 0 }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn random_batches_have_the_same_outcome_as_in_memory() {
    let Some(redis) = redis() else { return };
    let (redis, memory, dice) = (redis.counters(), MemoryStore::new(), Dice(SystemEntropy::new()));
    let schema = Schema::new().with::<Door>();
    redis.prepare(&schema).await.unwrap();
    memory.prepare(&schema).await.unwrap();
    let realms = [RealmId::DEFAULT, RealmId::from_uuid(dice.uuid())];
    let ids: Vec<Uuid> = (0..4).map(|_| dice.uuid()).collect();
    let keys: Vec<RecordKey> =
        ids.iter().map(|id| RecordKey { collection: Door::COLLECTION.name(), id: *id }).collect();
    let (mut now, mut committed) = (SystemClock.now(), 0);
    for turn in 0..2000 {
        now = now + Duration::from_secs(u64::try_from(dice.below(3)).unwrap());
        let realm = realms[usize::from(dice.below(8) == 0)];
        let there = memory.read(realm, now, &keys).await.unwrap();
        let ops = (0..=dice.below(3)).map(|_| {
            let which = dice.below(ids.len());
            dice.op(ids[which], there[which].as_ref().map(|row| row.version), now)
        });
        let batch = Batch { unit: dice.uuid(), now, ops: ops.collect() };
        let expected = memory.commit(realm, batch.clone()).await;
        let found = redis.commit(realm, batch.clone()).await;
        assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{turn}: {batch:?}");
        committed += u32::from(found.is_ok());
        for realm in realms {
            let [expected, found] = [memory.read(realm, now, &keys).await, redis.read(realm, now, &keys).await];
            assert_eq!(found.unwrap(), expected.unwrap(), "{turn}: {batch:?}");
        }
    }
    assert!(committed > 200, "{committed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_is_committed_once_and_one_that_was_settled_never() {
    let Ok(url) = std::env::var("CIAM_TEST_REDIS") else { return };
    let prefix = prefix();
    let redis = at(&url, &prefix).counters();
    let (dice, now, realm) = (Dice(SystemEntropy::new()), SystemClock.now(), RealmId::DEFAULT);
    redis.prepare(&Schema::new().with::<Door>()).await.unwrap();
    let batch = |unit| {
        let op = Op::Insert { collection: Door::COLLECTION.name(), record: dice.record(dice.uuid(), now) };
        Batch { unit, now, ops: vec![op] }
    };
    let is_taken = |refused| matches!(refused, Err(StoreError::Conflict { collection: UNITS, .. }));
    let (one, other) = (dice.uuid(), dice.uuid());
    redis.commit(realm, batch(one)).await.unwrap();
    assert!(is_taken(redis.commit(realm, batch(one)).await));
    assert_eq!(redis.settle(one, now).await.unwrap(), Settlement::Committed);
    assert_eq!(redis.settle(other, now).await.unwrap(), Settlement::Never);
    assert!(is_taken(redis.commit(realm, batch(other)).await));
    assert_eq!(redis.settle(other, now).await.unwrap(), Settlement::Never);
    // For how long they are known, of units that nobody asks for again.
    let (one, other) = (dice.uuid(), dice.uuid());
    redis.commit(realm, batch(one)).await.unwrap();
    assert_eq!(redis.settle(other, now).await.unwrap(), Settlement::Never);
    let mut client = ::redis::Client::open(url).unwrap().get_connection().unwrap();
    for unit in [one, other] {
        let key = format!("{prefix}:{UNITS}:{}", unit.simple());
        let kept: i64 = ::redis::cmd("TTL").arg(key).query(&mut client).unwrap();
        assert!((3000..=3600).contains(&kept), "{kept} seconds");
    }
}

/// Records of two collections, and of two applications, are not in each other's way, though their ids are the same.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_taken_in_its_collection_and_application_alone() {
    let (Some(redis), Some(another)) = (redis(), redis()) else { return };
    let (dice, now, realm) = (Dice(SystemEntropy::new()), SystemClock.now(), RealmId::DEFAULT);
    let (id, unit) = (dice.uuid(), dice.uuid());
    let record = Encoded { live: vec![0, 0], expires: Some(now + HEARD * 60), ..dice.record(id, now) };
    let insert = |collection| Op::Insert { collection, record: record.clone() };
    let schema = Schema::new().with::<Door>().with::<Gate>();
    let batch = Batch { unit, now, ops: vec![insert(Door::COLLECTION.name()), insert(Gate::COLLECTION.name())] };
    for redis in [redis, another] {
        let redis = redis.counters();
        redis.prepare(&schema).await.unwrap();
        redis.commit(realm, batch.clone()).await.unwrap();
        let again = Batch { unit: dice.uuid(), ..batch.clone() };
        assert!(matches!(redis.commit(realm, again).await, Err(StoreError::Conflict { index: "id", .. })));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_claims_in_parallel_get_what_there_is() {
    let Some(redis) = redis() else { return };
    let (redis, dice, now) = (redis.counters(), Arc::new(Dice(SystemEntropy::new())), SystemClock.now());
    redis.prepare(&Schema::new().with::<Door>()).await.unwrap();
    let id = dice.uuid();
    let claimed = in_parallel(100, |_| {
        let (redis, dice) = (redis.clone(), Arc::clone(&dice));
        async move {
            let key = RecordKey { collection: Door::COLLECTION.name(), id };
            let create = Encoded { live: vec![0, 0], expires: Some(now + HEARD * 60), ..dice.record(id, now) };
            let op = Op::Add { key, tally: "passed", by: 1, bound: Bound::AtMost(7), create: Some(create) };
            redis.commit(RealmId::DEFAULT, Batch { unit: dice.uuid(), now, ops: vec![op] }).await.is_ok()
        }
    })
    .await;
    assert_eq!(claimed.iter().filter(|claimed| **claimed).count(), 7);
}

/// A wire to a Redis that can be cut, and lead to another for those who connect from then on.
struct Wire {
    url: String,
    is_mute: Arc<AtomicBool>,
    is_deaf: Arc<AtomicBool>,
    server: Arc<Mutex<SocketAddr>>,
}

impl Wire {
    /// To the Redis of the tests.
    async fn new() -> Option<Self> {
        Some(Self::to(std::env::var("CIAM_TEST_REDIS").ok()?.trim_start_matches("redis://").parse().unwrap()).await)
    }

    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let (is_mute, is_deaf) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let server = Arc::new(Mutex::new(server));
        let (muted, deafened, leads_to) = (Arc::clone(&is_mute), Arc::clone(&is_deaf), Arc::clone(&server));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (from, to) = client.into_split();
                let server = *leads_to.lock().unwrap();
                let (back, forth) = TcpStream::connect(server).await.unwrap().into_split();
                let (mute, deaf) = (Arc::clone(&muted), Arc::clone(&deafened));
                let is_mute = Arc::clone(&muted);
                tokio::spawn(carry(from, forth, move |_| is_mute.load(Ordering::SeqCst)));
                tokio::spawn(carry(back, to, move |said| {
                    mute.load(Ordering::SeqCst) || (deaf.load(Ordering::SeqCst) && is_message(said))
                }));
            }
        });
        Self { url, is_mute, is_deaf, server }
    }

    /// From now on what is published does not arrive, though commands are answered; or it does again.
    fn deafen(&self, deafen: bool) {
        self.is_deaf.store(deafen, Ordering::SeqCst);
    }

    /// Connections that are there stay where they are.
    fn leads_to(&self, server: SocketAddr) {
        *self.server.lock().unwrap() = server;
    }

    /// From now on nothing arrives any more, on connections that stay open; or what is said from then on does again.
    fn mute(&self, mute: bool) {
        self.is_mute.store(mute, Ordering::SeqCst);
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, swallows: impl Fn(&[u8]) -> bool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if !swallows(&buffer[..length]) && to.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
}

/// Whether it is what somebody published.
fn is_message(said: &[u8]) -> bool {
    said.windows(13).any(|some| some == b"$7\r\nmessage\r\n")
}

/// Nobody knows what became of a batch that was sent and not answered; of one that was not sent, everybody.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_answered_is_unknown_and_is_settled_on_another_connection() {
    let Some(wire) = Wire::new().await else { return };
    let (dice, now, realm) = (Dice(SystemEntropy::new()), SystemClock.now(), RealmId::DEFAULT);
    let (counters, schema) = (at(&wire.url, &prefix()).counters(), Schema::new().with::<Door>());
    let insert = || {
        let (id, expires) = (dice.uuid(), Some(now + HEARD * 60));
        let record = Encoded { expires, ..dice.record(id, now) };
        let op = Op::Insert { collection: Door::COLLECTION.name(), record };
        Batch { unit: dice.uuid(), now, ops: vec![op] }
    };
    counters.prepare(&schema).await.unwrap();
    counters.commit(realm, insert()).await.unwrap();
    wire.mute(true);
    let lost = insert();
    let outcome = counters.commit(realm, lost.clone()).await;
    assert!(matches!(outcome, Err(StoreError::Unknown(_))), "{outcome:?}");
    wire.mute(false);
    let patience = Instant::now() + Duration::from_secs(20);
    let settled = loop {
        match counters.settle(lost.unit, now).await {
            Ok(settled) => break settled,
            Err(error) => assert!(Instant::now() < patience, "it stays with what does not answer: {error:?}"),
        }
    };
    assert_eq!(settled, Settlement::Never);
    let keys = |batch: &Batch| [batch.ops[0].key()];
    assert!(counters.commit(realm, lost.clone()).await.is_err(), "it comes late");
    let next = insert();
    counters.commit(realm, next.clone()).await.unwrap();
    assert!(counters.read(realm, now, &keys(&lost)).await.unwrap()[0].is_none());
    assert!(counters.read(realm, now, &keys(&next)).await.unwrap()[0].is_some());
    let nowhere = at("redis://127.0.0.1:1", "nowhere").counters();
    nowhere.prepare(&schema).await.unwrap();
    let refused = nowhere.commit(realm, insert()).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}

/// Two nodes over one database, which hear of each other by Redis; the second through the wire.
async fn two() -> Option<(Node, Node, Wire)> {
    let (wire, clock, database, prefix) =
        (Wire::new().await?, StoppedClock::new(), Arc::new(MemoryStore::new()), prefix());
    let one = at(&std::env::var("CIAM_TEST_REDIS").unwrap(), &prefix);
    let other = at(&wire.url, &prefix);
    let (one, other) = (node(&one, &database, &clock, 1).await, node(&other, &database, &clock, 2).await);
    Some((one, other, wire))
}

/// A node over this database that counts and tells by this Redis.
async fn node(redis: &Redis, database: &Arc<MemoryStore>, clock: &StoppedClock, seed: u64) -> Node {
    Node::over(Arc::clone(database) as Arc<dyn Backend>, clock, seed, |builder| {
        builder.throttle_store(Arc::new(redis.counters())).invalidation(redis.invalidation())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn se2_what_one_node_revokes_the_other_refuses_within_a_second() {
    let Some((one, other, _wire)) = two().await else { return };
    let user = one.bed.sign_up(ADA, PASSWORD).await.session.user;
    for way in 0..WAYS {
        let ada = one.bed.sign_in(ADA, PASSWORD).await.unwrap();
        let spare = one.bed.sign_in(ADA, PASSWORD).await.unwrap();
        other.warm_up(&ada).await;
        one.revoke(way, user, &ada, &spare).await;
        let revoked = Instant::now();
        while other.lets_in(&ada).await {
            assert!(revoked.elapsed() < HEARD, "{way}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn se2_a_node_that_does_not_hear_itself_reads_every_session_until_it_does() {
    let Some((one, other, wire)) = two().await else { return };
    let ada = one.bed.sign_up(ADA, PASSWORD).await;
    for _ in 0..2 {
        other.warm_up(&ada).await;
        wire.mute(true);
        let patience = Instant::now() + HEARD;
        while other.is_warm(&ada).await {
            assert!(Instant::now() < patience, "the node trusts its memory without a channel");
        }
        wire.mute(false);
    }
    other.warm_up(&ada).await;
    one.revoke(2, ada.session.user, &ada, &ada).await;
    let revoked = Instant::now();
    while other.lets_in(&ada).await {
        assert!(revoked.elapsed() < HEARD);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_in_words_that_nobody_knows_is_about_everything() {
    let Ok(url) = std::env::var("CIAM_TEST_REDIS") else { return };
    let (prefix, clock, database) = (prefix(), StoppedClock::new(), Arc::new(MemoryStore::new()));
    let one = node(&at(&url, &prefix), &database, &clock, 1).await;
    let ada = one.bed.sign_up(ADA, PASSWORD).await;
    one.warm_up(&ada).await;
    let mut client = ::redis::Client::open(url).unwrap().get_connection().unwrap();
    let newer = r#"[{"type":"organization","id":"org_1"}]"#;
    let heard: u32 = ::redis::cmd("PUBLISH").arg(format!("{prefix}:0:revoked")).arg(newer).query(&mut client).unwrap();
    assert_eq!(heard, 1);
    let told = Instant::now();
    while one.is_warm(&ada).await {
        assert!(told.elapsed() < HEARD, "it keeps what a newer version may have revoked");
    }
    one.warm_up(&ada).await;
}

/// It is answered and hears nothing: nor is it believed while it has yet to hear itself for the first time.
#[tokio::test(flavor = "multi_thread")]
async fn se2_a_node_whose_commands_are_answered_and_that_hears_nothing_keeps_nothing() {
    let Some((one, other, wire)) = two().await else { return };
    let ada = one.bed.sign_up(ADA, PASSWORD).await;
    other.warm_up(&ada).await;
    wire.deafen(true);
    let deafened = Instant::now();
    while other.is_warm(&ada).await {
        assert!(deafened.elapsed() < HEARD, "it trusts its memory though it does not hear itself");
    }
    // Meanwhile it tries again and again.
    while deafened.elapsed() < 3 * HEARD {
        assert!(!other.is_warm(&ada).await, "it trusts its memory before it has heard itself");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    wire.deafen(false);
    other.warm_up(&ada).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_count_once_over_all_nodes_and_are_not_in_the_database() {
    let Some((one, other, _wire)) = two().await else { return };
    one.bed.sign_up(ADA, PASSWORD).await;
    let nodes = [one, other].map(Arc::new);
    let tried = in_parallel(60, |at| {
        let node = Arc::clone(&nodes[at % 2]);
        async move { node.bed.sign_in(ADA, "quite another phrase").await.unwrap_err() }
    })
    .await;
    let judged = tried.iter().filter(|error| !matches!(error, JourneyError::Throttled { .. })).count();
    assert_eq!(judged, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_an_engine_starts_and_serves_sessions_and_signs_nobody_in() {
    let Some((one, other, wire)) = two().await else { return };
    let ada = one.bed.sign_up(ADA, PASSWORD).await;
    wire.mute(true);
    let refused = other.bed.sign_in(ADA, PASSWORD).await;
    assert!(matches!(refused, Err(JourneyError::Unavailable(_))), "{refused:?}");
    assert!(other.lets_in(&ada).await);
    let nowhere = at("redis://127.0.0.1:1", "nowhere");
    let database = Arc::clone(one.bed.ciam.store().backend());
    let cut_off = Node::over(database, &one.bed.clock, 3, |builder| {
        builder.throttle_store(Arc::new(nowhere.counters())).invalidation(nowhere.invalidation())
    })
    .await;
    assert!(cut_off.lets_in(&ada).await && !cut_off.is_warm(&ada).await);
    assert!(matches!(cut_off.bed.sign_in(ADA, PASSWORD).await, Err(JourneyError::Unavailable(_))));
    wire.mute(false);
    let patience = Instant::now() + Duration::from_secs(20);
    while other.bed.sign_in(ADA, PASSWORD).await.is_err() {
        assert!(Instant::now() < patience, "it stays cut off");
    }
}

#[test]
fn what_is_no_safe_address_of_a_redis_is_refused_and_not_repeated() {
    for (url, what) in [
        ("", "Malformed"),
        ("http://127.0.0.1", "Malformed"),
        ("redis://", "Malformed"),
        ("redis+unix:///tmp/redis.sock", "Malformed"),
        ("redis://:hunter2@redis.example:6379", "Insecure"),
        ("redis://:hunter2@[fe80::1]:6379", "Insecure"),
        ("rediss://:hunter2@redis.example:6379/#insecure", "Insecure"),
        ("rediss://:hunter2@redis.example?sslrootcert=/nowhere/ca.pem#insecure", "Insecure"),
        ("rediss://:hunter2@redis.example/1?sslrootcert=/nowhere/ca.pem", "Authority"),
        ("rediss://:hunter2@redis.example?sslrootcert=", "Authority"),
        ("rediss://:hunter2@redis.example?protocol=resp3&sslrootcert=/dev/null", "Authority"),
        ("redis://127.0.0.1?sslrootcert=/dev/null", "Authority"),
    ] {
        let refused = Redis::from_url(url).unwrap_err();
        assert!(!refused.to_string().contains("hunter2"));
        let expected = match what {
            "Malformed" => "a Redis is at",
            "Insecure" => "over TLS only",
            _ => "file of certificates",
        };
        assert!(refused.to_string().contains(expected), "{url}: {refused}");
    }
    for url in
        ["redis://:hunter2@[::1]:6379", "redis://:hunter2@localhost/3", "rediss://u:hunter2@redis.example:6380/0"]
    {
        assert!(!format!("{:?}", Redis::from_url(url).unwrap()).contains("hunter2"));
    }
}

#[test]
fn a_redis_elsewhere_without_tls_is_in_the_clear() {
    let in_the_clear = |url: &str| Redis::from_url(url).unwrap().in_the_clear();
    assert!(in_the_clear("redis://redis.example") && in_the_clear("redis://10.0.0.7:6379/1"));
    for near in ["redis://127.0.0.1:6379", "redis://localhost", "redis://[::1]", "rediss://redis.example"] {
        assert!(!in_the_clear(near), "{near}");
    }
}

/// Publish and subscribe know no databases; the names of channels do.
#[tokio::test(flavor = "multi_thread")]
async fn applications_with_databases_of_their_own_do_not_hear_each_other() {
    let Ok(url) = std::env::var("CIAM_TEST_REDIS") else { return };
    let (prefix, clock, database) = (prefix(), StoppedClock::new(), Arc::new(MemoryStore::new()));
    let [ours, theirs] = [0, 1].map(|number| at(&format!("{url}/{number}"), &prefix));
    let (one, other) = (node(&ours, &database, &clock, 1).await, node(&theirs, &database, &clock, 2).await);
    let ada = one.bed.sign_up(ADA, PASSWORD).await;
    let bob = one.bed.sign_up("bob@example.com", PASSWORD).await;
    let third = node(&ours, &database, &clock, 3).await;
    for node in [&one, &other, &third] {
        node.warm_up(&ada).await;
        node.warm_up(&bob).await;
    }
    let mut client = ::redis::Client::open(url).unwrap().get_connection().unwrap();
    let channels: Vec<String> =
        ::redis::cmd("PUBSUB").arg("CHANNELS").arg(format!("{prefix}:*")).query(&mut client).unwrap();
    assert_eq!(channels.len(), 5, "one to tell for each application, and a beat for each node: {channels:?}");
    theirs.invalidation().publish(&[Revoked::User(ada.session.user)]).await.unwrap();
    ours.invalidation().publish(&[Revoked::User(bob.session.user)]).await.unwrap();
    let said = Instant::now();
    while one.is_warm(&bob).await {
        assert!(said.elapsed() < HEARD, "it does not hear its own application");
    }
    assert!(one.is_warm(&ada).await, "it has heard the other application");
}
