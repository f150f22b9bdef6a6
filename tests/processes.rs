//! Two engines over one SQLite file, as in two processes: each has a handle of its own, and no channel to the other.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/nodes.rs"]
mod nodes;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ciam::SqliteStore;
use ciam::store::StoreError;
use ciam::testing::StoppedClock;

use nodes::{ADA, Node, PASSWORD, WAYS};

/// How long what another process commits may be unknown here.
const HEARD: Duration = Duration::from_millis(500);

async fn process(file: &Path, clock: &StoppedClock, seed: u64) -> (Node, Arc<SqliteStore>) {
    let sqlite = Arc::new(SqliteStore::open(file).await.unwrap());
    (Node::over(Arc::clone(&sqlite) as _, clock, seed, |builder| builder).await, sqlite)
}

async fn two() -> (Node, Node, StoppedClock, tempfile::TempDir) {
    let (folder, clock) = (tempfile::tempdir().unwrap(), StoppedClock::new());
    let file = folder.path().join("app.db");
    let ((site, _), (other, _)) = (process(&file, &clock, 1).await, process(&file, &clock, 2).await);
    (site, other, clock, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn se2_what_another_process_revokes_is_refused_within_half_a_second() {
    let (site, other, clock, _folder) = two().await;
    let user = site.bed.sign_up(ADA, PASSWORD).await.session.user;
    for way in 0..WAYS {
        let ada = site.bed.sign_in(ADA, PASSWORD).await.unwrap();
        let spare = site.bed.sign_in(ADA, PASSWORD).await.unwrap();
        clock.advance(HEARD);
        site.warm_up(&ada).await;
        other.revoke(way, user, &ada, &spare).await;
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
    let (folder, clock) = (tempfile::tempdir().unwrap(), StoppedClock::new());
    let (site, sqlite) = process(&folder.path().join("app.db"), &clock, 1).await;
    let ada = site.bed.sign_up(ADA, PASSWORD).await;
    clock.advance(HEARD);
    site.warm_up(&ada).await;
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let mut begun = Some(begun);
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
