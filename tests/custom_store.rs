//! The example of a store of one's own: the suite that proves it, and what no suite can do to it: kills, lines that are
//! cut short, a disk that is full.
//!
//! Twenty kills; `CIAM_KILL_ROUNDS` says otherwise.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use ciam::email::Email;
use ciam::entropy::{Entropy as _, SystemEntropy};
use ciam::events::{Cause, Event};
use ciam::store::{Backend as _, Position, Schema, StoreError};
use ciam::users::{NewUser, UserError};
use ciam::{Ciam, Mailbox, UserId};
use custom_store::JournalStore;
use tempfile::TempDir;

#[path = "../examples/custom_store.rs"]
#[expect(dead_code, reason = "its main is not called")]
mod custom_store;

/// Tells a child where its journal is.
const JOURNAL: &str = "CIAM_TEST_JOURNAL";

ciam_store::conformance!(suite, || async {
    let folder = tempfile::tempdir().unwrap();
    Some((Arc::new(JournalStore::open(&folder.path().join("journal")).unwrap()), folder))
});

ciam_store::restarts!(restarts, || async { Some(tempfile::tempdir().unwrap()) }, |folder: Arc<TempDir>| async move {
    Arc::new(JournalStore::open(&folder.path().join("journal")).unwrap())
});

#[tokio::test]
async fn the_second_start_finds_who_was_created_by_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal");
    let said = [custom_store::visit(&file).await.unwrap(), custom_store::visit(&file).await.unwrap()];
    let id = said[0].strip_prefix("ada@example.com is ").unwrap().strip_suffix(", created just now.").unwrap();
    assert_eq!(said[1], format!("ada@example.com is {id}, known from before."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_nothing_acknowledged_and_leaves_nothing_half() {
    let rounds: u32 = std::env::var("CIAM_KILL_ROUNDS").map_or(20, |rounds| rounds.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (file, mut all) = (folder.path().join("journal"), BTreeSet::new());
    for _ in 0..rounds {
        let mut byte = [0];
        SystemEntropy::new().fill(&mut byte);
        let (mut child, mut here) = (child(Command::new(this_program()), &file), 0);
        for (id, email) in acknowledged(&mut child) {
            all.insert((id, email));
            here += 1;
            if here == 1 + u32::from(byte[0] % 40) {
                child.kill().unwrap();
            }
        }
        assert!(!child.wait().unwrap().success(), "the child ended by itself");
        assert_whole(&file, &all).await;
    }
}

/// The system cuts a line short in its middle, where the file may not grow any further.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_the_commits_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal");
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 200; exec \"$@\"", "sh"]).arg(this_program());
    let mut child = child(shell, &file);
    let mut all = BTreeSet::new();
    for created in acknowledged(&mut child) {
        all.insert(created);
        if all.len() == 1000 {
            child.kill().unwrap(); // far more than the file can hold
        }
    }
    assert!(child.wait().unwrap().success(), "the child was not told, or its store pings");
    assert!(!all.is_empty());
    assert_ne!(std::fs::read(&file).unwrap().last(), Some(&b'\n'), "no line was cut short");
    assert_whole(&file, &all).await;
}

/// What a child does: it creates users until it is killed, or refused, and says whom.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the other tests run it, in a process of its own"]
async fn creates_users() {
    let store = Arc::new(JournalStore::open(&PathBuf::from(std::env::var(JOURNAL).unwrap())).unwrap());
    let ciam = Ciam::builder().shared_store(store.clone()).messenger(Mailbox::new()).without_workers();
    let ciam = ciam.build().await.unwrap();
    let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(create_until_refused(ciam.clone()))).collect();
    let mut refusals = Vec::new();
    for task in tasks {
        refusals.push(task.await.unwrap());
    }
    let unknown = |error: &UserError| matches!(error, UserError::Store(StoreError::Unknown(_)));
    assert_eq!(refusals.iter().filter(|error| unknown(error)).count(), 1, "{refusals:?}");
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
}

async fn create_until_refused(ciam: Ciam) -> UserError {
    loop {
        let email = format!("{}@example.com", ciam.entropy().uuid(ciam.clock().now()));
        match create(&ciam, &email).await {
            Ok(id) => println!("\nacknowledged {id} {email} ."),
            Err(error) => return error,
        }
    }
}

#[tokio::test]
async fn a_last_line_that_is_cut_short_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal");
    let mut all = BTreeSet::new();
    for email in ["ada@example.com", "bob@example.com"] {
        all.insert((create(&engine(&file).await, email).await.unwrap(), email.to_owned()));
    }
    let before = std::fs::read(&file).unwrap();
    create(&engine(&file).await, "cut@example.com").await.unwrap();
    let after = std::fs::read(&file).unwrap();
    for cut in (before.len() + 1..after.len()).step_by(97).chain([after.len() - 2]) {
        let lost = after.len() - cut;
        let zeros = [&after[..cut], &vec![0; lost]].concat();
        let zeros_within = [&after[..cut], &vec![0; lost - 1], b"\n"].concat();
        for torn in [&after[..cut], &zeros, &zeros_within] {
            std::fs::write(&file, torn).unwrap();
            let ciam = engine(&file).await;
            assert_eq!(ciam.users().by_email(&"cut@example.com".parse().unwrap()).await.unwrap(), None, "{cut}");
            let next = (create(&ciam, "eve@example.com").await.unwrap(), "eve@example.com".to_owned());
            drop(ciam);
            assert_whole(&file, &all.iter().cloned().chain([next]).collect()).await;
        }
    }
}

#[tokio::test]
async fn what_is_no_journal_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal");
    create(&engine(&file).await, "ada@example.com").await.unwrap();
    let mut broken = std::fs::read(&file).unwrap();
    let middle = broken.len() / 2;
    broken[middle] = 0;
    for text in [&b"milk, eggs, bread"[..], b"{}", b"[1]\n", &broken] {
        std::fs::write(&file, text).unwrap();
        assert!(matches!(JournalStore::open(&file), Err(StoreError::Unopened(_))), "{}", text.len());
        assert_eq!(std::fs::read(&file).unwrap(), text);
    }
}

#[tokio::test]
async fn a_journal_is_opened_once_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal");
    let store = JournalStore::open(&file).unwrap();
    assert!(matches!(JournalStore::open(&file), Err(StoreError::Unopened(_))));
    drop(store);
    JournalStore::open(&file).unwrap().prepare(&Schema::new()).await.unwrap();
}

fn this_program() -> PathBuf {
    std::env::current_exe().unwrap()
}

fn child(mut program: Command, file: &Path) -> Child {
    program.args(["--exact", "creates_users", "--ignored", "--nocapture", "--test-threads=1"]);
    program.env(JOURNAL, file).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Whom the child has created, as it says so. A line that a kill has cut short has no full stop.
fn acknowledged(child: &mut Child) -> impl Iterator<Item = (UserId, String)> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    lines.filter_map(|line| {
        let (id, email) = line.strip_prefix("acknowledged ")?.strip_suffix(" .")?.split_once(' ')?;
        Some((id.parse().unwrap(), email.to_owned()))
    })
}

async fn engine(file: &Path) -> Ciam {
    let builder = Ciam::builder().store(JournalStore::open(file).unwrap()).messenger(Mailbox::new());
    builder.without_workers().build().await.unwrap()
}

async fn create(ciam: &Ciam, email: &str) -> Result<UserId, UserError> {
    let email: Email = email.parse().unwrap();
    Ok(ciam.users().create(&Cause::system(), NewUser::new(email)).await?.id)
}

/// All that were acknowledged are there, and whoever is there is there with an address, a standing and an event.
async fn assert_whole(file: &Path, acknowledged: &BTreeSet<(UserId, String)>) {
    let ciam = engine(file).await;
    for (id, email) in acknowledged {
        assert_eq!(ciam.users().by_email(&email.parse().unwrap()).await.unwrap(), Some(*id), "lost");
    }
    let (mut there, mut after) = (BTreeSet::new(), None);
    loop {
        let page = ciam.users().list(after, 1000).await.unwrap();
        there.extend(page.items.iter().map(|user| user.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    for id in &there {
        let profile = ciam.users().profile(*id).await.unwrap().expect("a standing");
        assert!(profile.email().is_some(), "half there");
    }
    let (mut told, mut place) = (BTreeSet::new(), Position::START);
    loop {
        let events = ciam.store().tail::<Event>(place, 1000).await.unwrap();
        let Some((last, _)) = events.last() else { break };
        assert!(place < *last);
        place = *last;
        told.extend(
            events.iter().filter(|(_, event)| event.name == "user.registered").filter_map(|(_, event)| event.subject),
        );
    }
    assert_eq!(told, there, "half there");
}
