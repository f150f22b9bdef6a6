//! Large imports: bounded in memory, beside others who write, killed in the middle and run again. On SQLite, and on
//! PostgreSQL unless there is none.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/killed.rs"]
mod killed;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ciam_core::UserId;
use ciam_core::clock::{SystemClock, Timestamp};
use ciam_core::entropy::SystemEntropy;
use ciam_core::events::{Cause, Event, NewEvent};
use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{
    Backend, Batch, Collection, Cursor, Directory, Field, Index, Load, MAX_LOAD_BYTES, MAX_LOAD_ROWS, Position,
    RawQuery, Record, RecordKey, Row, Schema, Settlement, Store, StoreError, Work,
};
use ciam_store::SqliteStore;
use killed::Place;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

ciam_core::id!(AddressId, "taddr", "An address.");

#[derive(Debug, Clone, Serialize, Deserialize)]
struct User {
    id: UserId,
    name: String,
}

impl Record for User {
    type Id = UserId;
    const COLLECTION: Collection<Self> = Collection::new("load_users").searchable(&Self::NAME);

    fn id(&self) -> UserId {
        self.id
    }
}

impl User {
    const NAME: Field<Self, String> = Field::new("name", |user: &Self| user.name.clone());
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Address {
    id: AddressId,
    user: UserId,
    text: String,
}

impl Record for Address {
    type Id = AddressId;
    const COLLECTION: Collection<Self> = Collection::new("load_addresses").index(&Self::BY_TEXT).index(&Self::BY_USER);

    fn id(&self) -> AddressId {
        self.id
    }
}

impl Address {
    const BY_TEXT: Index<Self, String> = Index::new("text", |a: &Self| a.text.clone()).unique();
    const BY_USER: Index<Self, UserId> = Index::new("user", |a: &Self| a.user);
}

async fn store(backend: Arc<dyn Backend>) -> Store {
    backend.prepare(&Schema::new().with::<User>().with::<Address>().with::<Event>()).await.unwrap();
    Store::new(backend, RealmId::DEFAULT, Arc::new(SystemClock), Arc::new(SystemEntropy::new()))
}

/// A user with an address and an event, by number.
async fn insert(work: Work, number: &u64) -> Result<(), StoreError> {
    let user = User { id: work.new_id(), name: format!("Somebody {number}") };
    // In no order, as addresses are.
    let text = format!("{:016x}@example.com", number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    work.insert(&user)?;
    work.insert(&Address { id: work.new_id(), user: user.id, text })?;
    work.record(NewEvent::new("user.imported", &Cause::system()).about(user.id))
}

/// How many were inserted; everything else must be a conflict.
async fn import(store: &Store, numbers: std::ops::Range<u64>) -> usize {
    let numbers: Vec<u64> = numbers.collect();
    let mut kept = 0;
    for answer in store.load(&numbers, insert).await {
        match answer {
            Ok(()) => kept += 1,
            Err(StoreError::Conflict { index: "text", .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    kept
}

/// Notes how much it is given at once.
#[derive(Debug)]
struct Measured {
    inner: Arc<dyn Backend>,
    loads: AtomicUsize,
    most_rows: AtomicUsize,
    most_bytes: AtomicUsize,
}

#[async_trait]
impl Backend for Measured {
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

    async fn load(&self, realm: RealmId, load: Load) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let bytes = load.groups.iter().flatten().map(|new| new.record.doc.len()).sum();
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.most_rows.fetch_max(load.groups.iter().map(Vec::len).sum(), Ordering::SeqCst);
        self.most_bytes.fetch_max(bytes, Ordering::SeqCst);
        self.inner.load(realm, load).await
    }

    fn directory(&self) -> Option<&dyn Directory> {
        self.inner.directory()
    }

    async fn settle(&self, unit: Uuid, now: Timestamp) -> Result<Settlement, StoreError> {
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
}

async fn a_hundred_thousand_rows(backend: Arc<dyn Backend>) {
    const USERS: u64 = 33_400;
    let measured = Arc::new(Measured {
        inner: backend,
        loads: AtomicUsize::new(0),
        most_rows: AtomicUsize::new(0),
        most_bytes: AtomicUsize::new(0),
    });
    let store = store(Arc::<Measured>::clone(&measured)).await;
    assert_eq!(import(&store, 0..USERS).await as u64, USERS);
    let loads = measured.loads.load(Ordering::SeqCst);
    assert!((11..=12).contains(&loads), "{loads} commits for {} rows", 3 * USERS);
    assert!(measured.most_rows.load(Ordering::SeqCst) <= MAX_LOAD_ROWS);
    assert!(measured.most_bytes.load(Ordering::SeqCst) <= MAX_LOAD_BYTES);
    let all = ciam_core::store::Search::of(User::NAME.starts_with("Somebody ")).total_up_to(u32::MAX);
    assert_eq!(u64::from(store.search(&all).await.unwrap().total.unwrap().count), USERS);
    assert_eq!(import(&store, USERS - 100..USERS + 100).await, 100, "the rest, when it is run again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_rows_go_in_commits_of_bounded_size() {
    let folder = tempfile::tempdir().unwrap();
    a_hundred_thousand_rows(Arc::new(SqliteStore::open(folder.path().join("load.db")).await.unwrap())).await;
    // What is read by the kernel: the most that this process ever held.
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kib: u64 = peak.split_whitespace().next().unwrap().parse().unwrap();
        assert!(kib < 256 * 1024, "{kib} KiB");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_rows_go_in_commits_of_bounded_size_on_postgres() {
    let Some(place) = Place::postgres().await else { return };
    a_hundred_thousand_rows(place.open().await).await;
}

/// While a load goes on, others write between its commits.
async fn beside_others(backend: Arc<dyn Backend>) {
    let store = store(backend).await;
    let loading = Arc::new(AtomicBool::new(true));
    let written = Arc::new(Mutex::new(Vec::new()));
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let (store, loading, written) = (store.clone(), Arc::clone(&loading), Arc::clone(&written));
            tokio::spawn(async move {
                while loading.load(Ordering::SeqCst) {
                    let id = store
                        .transact(|work| async move {
                            let user = User { id: work.new_id(), name: "Beside".to_owned() };
                            work.insert(&user)?;
                            Ok::<_, StoreError>(user.id)
                        })
                        .await
                        .unwrap();
                    written.lock().unwrap().push(id);
                }
            })
        })
        .collect();
    const USERS: u64 = 20_000;
    assert_eq!(import(&store, 0..USERS).await as u64, USERS);
    let between = written.lock().unwrap().len();
    loading.store(false, Ordering::SeqCst);
    for writer in writers {
        writer.await.unwrap();
    }
    let commits = 3 * usize::try_from(USERS).unwrap() / MAX_LOAD_ROWS;
    assert!(between >= 2 * commits, "{between} others in the time of {commits} commits");
    let written = written.lock().unwrap().clone();
    for id in written {
        assert!(store.get::<User>(id).await.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn others_write_while_a_load_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    beside_others(Arc::new(SqliteStore::open(folder.path().join("load.db")).await.unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_write_while_a_load_goes_on_on_postgres() {
    let Some(place) = Place::postgres().await else { return };
    beside_others(place.open().await).await;
}

const ALL: u64 = 6_000;
const PIECE: u64 = 500;

/// What the child process does: it imports until it is killed, and says after each piece how far it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the other tests run it, in a process that they kill"]
async fn child() {
    let store = store(Place::of_this_process().open().await).await;
    for from in (0..ALL).step_by(PIECE as usize) {
        import(&store, from..from + PIECE).await;
        println!("\nacknowledged {}", from + PIECE);
    }
    std::future::pending().await
}

/// Every user is whole, and in the end all are there once.
async fn killed_and_run_again(new_place: impl AsyncFn(usize) -> Option<Place>) {
    for round in 0..3 {
        let Some(place) = new_place(round).await else { return };
        let acknowledged = place.run_and_kill(1 + 3 * round, |text| text.parse::<u64>().ok()).await;
        let there = place.number("SELECT count(*) FROM ciam_load_users").await;
        assert!(there >= i64::try_from(*acknowledged.last().unwrap()).unwrap(), "what was acknowledged is there");
        assert_eq!(there % PIECE as i64, 0, "a commit is there whole or not at all");
        let whole = "SELECT count(*) FROM ciam_load_users u \
            JOIN (SELECT \"user\" AS of, count(*) AS n FROM ciam_load_addresses GROUP BY \"user\") a ON a.of = u.id \
            JOIN (SELECT subject AS of, count(*) AS n FROM ciam_events GROUP BY subject) e ON e.of = u.id \
            WHERE a.n = 1 AND e.n = 1";
        assert_eq!(place.number(whole).await, there);
        let store = store(place.open().await).await;
        assert_eq!(import(&store, 0..ALL).await as i64, ALL as i64 - there);
        assert_eq!(place.number(whole).await, ALL as i64);
        assert_eq!(place.number("SELECT count(*) FROM ciam_events").await, ALL as i64);
        assert_eq!(place.number("SELECT count(*) FROM ciam_load_addresses").await, ALL as i64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rl1_an_import_that_is_killed_is_run_again() {
    let folder = tempfile::tempdir().unwrap();
    killed_and_run_again(async |round| Some(Place::Sqlite(folder.path().join(format!("{round}.db"))))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rl1_an_import_into_postgres_that_is_killed_is_run_again() {
    killed_and_run_again(async |_| Place::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_value_that_an_index_of_postgres_cannot_hold_spoils_no_other() {
    let Some(place) = Place::postgres().await else { return };
    let store = store(place.open().await).await;
    // What cannot be compressed.
    let mut mixed = 1_u64;
    let mut letter = || {
        mixed = mixed.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        char::from(b'a' + (mixed >> 40) as u8 % 26)
    };
    let long: String = (0..9_000).map(|_| letter()).collect();
    let users: Vec<User> = (0..6_usize)
        .map(|at| User {
            id: UserId::from_uuid(Uuid::from_u128(at as u128)),
            name: if at == 3 { long.clone() } else { format!("Somebody {at}") },
        })
        .collect();
    let answers = store.load(&users, |work, user| async move { work.insert(user) }).await;
    for (at, answer) in answers.iter().enumerate() {
        match answer {
            Ok(()) => assert_ne!(at, 3),
            Err(StoreError::TooLarge) => assert_eq!(at, 3),
            Err(error) => panic!("{at} {error:?}"),
        }
    }
    assert_eq!(place.number("SELECT count(*) FROM ciam_load_users").await, 5);
}
