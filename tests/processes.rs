//! Two engines over one SQLite file, as in two processes: each has a handle of its own, and no channel to the other.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ciam::events::Cause;
use ciam::sessions::{Opened, SessionCache};
use ciam::store::{Backend, StoreError};
use ciam::testing::{FaultyStore, FixedEntropy, StoppedClock, TestBed};
use ciam::{SqliteStore, UserId};

const ADA: &str = "ada@example.com";
const PASSWORD: &str = "vermilion otter quays";
/// How long what another process commits may be unknown here.
const HEARD: Duration = Duration::from_millis(500);

struct Process {
    bed: TestBed,
    reads: Arc<FaultyStore>,
    sqlite: Arc<SqliteStore>,
}

async fn process(file: &Path, clock: &StoppedClock, seed: u64) -> Process {
    let sqlite = Arc::new(SqliteStore::open(file).await.unwrap());
    let reads = FaultyStore::new(Arc::clone(&sqlite) as Arc<dyn Backend>, []);
    let (clock, store) = (clock.clone(), Arc::clone(&reads));
    let bed = TestBed::with(|builder| {
        let key = ciam::vault::MasterKey::parse(&"0123456789abcdef".repeat(4)).unwrap();
        let builder = builder.shared_store(store).clock(clock.clone()).entropy(FixedEntropy::new(seed)).master_key(key);
        // So long that age alone turns nobody away.
        builder.session_cache(SessionCache { max_age: Duration::from_hours(1), ..SessionCache::default() })
    })
    .await;
    Process { bed: TestBed { clock, ..bed }, reads, sqlite }
}

impl Process {
    async fn lets_in(&self, opened: &Opened) -> bool {
        self.bed.ciam.sessions().check(opened.bearer.expose()).await.unwrap().is_some()
    }

    /// Whether a check is answered from memory.
    async fn is_warm(&self, opened: &Opened) -> bool {
        let before = self.reads.reads();
        self.lets_in(opened).await && self.reads.reads() == before
    }

    async fn warm_up(&self, opened: &Opened) {
        self.lets_in(opened).await;
        assert!(self.is_warm(opened).await);
    }
}

async fn two() -> (Process, Process, StoppedClock, tempfile::TempDir) {
    let (folder, clock) = (tempfile::tempdir().unwrap(), StoppedClock::new());
    let file = folder.path().join("app.db");
    let (site, other) = (process(&file, &clock, 1).await, process(&file, &clock, 2).await);
    (site, other, clock, folder)
}

async fn revoke(by: &Process, way: usize, user: UserId, opened: &Opened) {
    let (cause, sessions) = (Cause::system(), by.bed.ciam.sessions());
    match way {
        0 => sessions.end(&cause, user, opened.session.id).await.unwrap(),
        1 => sessions.end_all(&cause, user).await.unwrap(),
        2 => by.bed.ciam.passwords().set(&cause, user, &PASSWORD.to_owned().into()).await.unwrap(),
        _ => by.bed.ciam.users().suspend(&cause, user).await.unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn se2_what_another_process_revokes_is_refused_within_half_a_second() {
    let (site, other, clock, _folder) = two().await;
    let user = site.bed.sign_up(ADA, PASSWORD).await.session.user;
    for way in 0..4 {
        let ada = site.bed.sign_in(ADA, PASSWORD).await.unwrap();
        clock.advance(HEARD);
        site.warm_up(&ada).await;
        revoke(&other, way, user, &ada).await;
        clock.advance(HEARD);
        assert!(!site.lets_in(&ada).await, "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn se2_a_statement_at_a_prompt_is_heard_of_too() {
    let (site, _, clock, folder) = two().await;
    let ada = site.bed.sign_up(ADA, PASSWORD).await;
    site.warm_up(&ada).await;
    let prompt = rusqlite::Connection::open(folder.path().join("app.db")).unwrap();
    assert_eq!(prompt.execute("DELETE FROM ciam_sessions", ()).unwrap(), 1);
    clock.advance(HEARD);
    assert!(!site.lets_in(&ada).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_of_its_own_keeps_what_it_knows_whatever_it_writes() {
    let (site, other, clock, _folder) = two().await;
    let ada = site.bed.sign_up(ADA, PASSWORD).await;
    clock.advance(HEARD);
    site.warm_up(&ada).await;
    for _ in 0..3 {
        site.bed.user().create().await;
        clock.advance(HEARD);
        assert!(site.is_warm(&ada).await, "its own commits");
    }
    other.bed.user().create().await;
    clock.advance(HEARD);
    assert!(!site.is_warm(&ada).await, "another's");
    assert!(site.is_warm(&ada).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_does_not_answer_keeps_nobody_waiting_and_nothing_in_memory() {
    let (site, _, clock, _folder) = two().await;
    let ada = site.bed.sign_up(ADA, PASSWORD).await;
    clock.advance(HEARD);
    site.warm_up(&ada).await;
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (sqlite, mut begun) = (Arc::clone(&site.sqlite), Some(begun));
    let writing = tokio::spawn(async move {
        let write = move |_: &rusqlite::Connection| {
            begun.take().map(|begun| begun.send(()));
            let _ = wait.recv_timeout(Duration::from_secs(20));
            Ok::<_, StoreError>(())
        };
        sqlite.write(write).await
    });
    has_begun.await.unwrap();
    clock.advance(HEARD);
    let checked = tokio::time::timeout(Duration::from_secs(10), site.is_warm(&ada)).await;
    assert!(!checked.unwrap(), "it was read");
    go.send(()).unwrap();
    writing.await.unwrap().unwrap();
}
