//! RL1: a process that is killed in the middle of registrations leaves each of them whole or not at
//! all, and loses none that it has acknowledged.
//!
//! Twenty rounds; `CIAM_KILL_ROUNDS` says otherwise.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use ciam_core::UserId;
use ciam_core::clock::{Clock, SystemClock};
use ciam_core::entropy::{Entropy, SystemEntropy};
use ciam_core::events::{Cause, Event, NewEvent};
use ciam_core::id::{RealmId, RecordId};
use ciam_core::store::{Backend as _, Collection, Index, Record, Schema, Store, StoreError};
use ciam_store::SqliteStore;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

const FILE: &str = "CIAM_CRASH_FILE";
const ROUNDS_OF_A_FILE: u32 = 25;

ciam_core::id!(AddressId, "taddr", "An address.");
ciam_core::id!(PasswordId, "tpass", "A password.");

#[derive(Debug, Clone, Serialize, Deserialize)]
struct User {
    id: UserId,
    name: String,
}

impl Record for User {
    type Id = UserId;
    const COLLECTION: Collection<Self> = Collection::new("crash_users");

    fn id(&self) -> UserId {
        self.id
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Address {
    id: AddressId,
    user: UserId,
    text: String,
}

impl Record for Address {
    type Id = AddressId;
    const COLLECTION: Collection<Self> = Collection::new("crash_addresses").index(&Self::BY_TEXT).index(&Self::BY_USER);

    fn id(&self) -> AddressId {
        self.id
    }
}

impl Address {
    const BY_TEXT: Index<Self, String> = Index::new("text", |a: &Self| a.text.clone()).unique();
    const BY_USER: Index<Self, UserId> = Index::new("user", |a: &Self| a.user);
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Password {
    id: PasswordId,
    user: UserId,
    hash: String,
}

impl Record for Password {
    type Id = PasswordId;
    const COLLECTION: Collection<Self> = Collection::new("crash_passwords").index(&Self::BY_USER);

    fn id(&self) -> PasswordId {
        self.id
    }
}

impl Password {
    const BY_USER: Index<Self, UserId> = Index::new("user", |p: &Self| p.user);
}

async fn open(path: &Path) -> Store {
    let backend = Arc::new(SqliteStore::open(path).await.unwrap());
    let schema = Schema::new().with::<User>().with::<Address>().with::<Password>().with::<Event>();
    backend.prepare(&schema).await.unwrap();
    Store::new(backend, RealmId::DEFAULT, Arc::new(SystemClock), Arc::new(SystemEntropy::new()))
}

async fn register(store: &Store) -> Result<UserId, StoreError> {
    store
        .transact(|work| async move {
            let user = User { id: work.new_id(), name: "Somebody ".repeat(20) };
            work.insert(&user)?;
            work.insert(&Address { id: work.new_id(), user: user.id, text: format!("{}@example.com", user.id) })?;
            work.insert(&Password { id: work.new_id(), user: user.id, hash: "$argon2id$…".repeat(9) })?;
            work.record(NewEvent::new("user.registered", &Cause::system()).about(user.id))?;
            Ok(user.id)
        })
        .await
}

/// What the child process does: it registers people until it is killed, and prints whom.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn child() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let store = open(Path::new(&path)).await;
    for _ in 0..16 {
        let store = store.clone();
        tokio::spawn(async move {
            loop {
                println!("\nacknowledged {}", register(&store).await.unwrap());
            }
        });
    }
    std::future::pending().await
}

/// Runs a child until so many lines have come, kills it, and reads what it had still said.
fn run_and_kill(path: &Path, lines: u32) -> Vec<UserId> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(FILE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap());
    let mut acknowledged = Vec::new();
    let mut killed = false;
    for line in said.lines() {
        // A line that the kill has cut short is no acknowledgement.
        let Ok(line) = line else { break };
        let Some(Ok(id)) = line.strip_prefix("acknowledged ").map(str::parse) else { continue };
        acknowledged.push(id);
        if !killed && acknowledged.len() >= lines as usize {
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    assert!(killed, "the child ended by itself");
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn rl1_a_kill_leaves_no_half_user_and_loses_no_acknowledged_one() {
    let rounds: u32 = std::env::var("CIAM_KILL_ROUNDS").map_or(20, |rounds| rounds.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
    let (mut all, mut lost_none) = (0, 0);
    for round in 0..rounds {
        // Every round looks at the whole file, so now and then a new one begins.
        let path = dir.path().join(format!("crash{}.db", round / ROUNDS_OF_A_FILE));
        if round % ROUNDS_OF_A_FILE == 0 {
            (all, lost_none) = (0, lost_none + all);
        }
        let random = entropy.uuid(SystemClock.now()).as_u128() as u32 % 300;
        let acknowledged = run_and_kill(&path, 1 + random);
        all += acknowledged.len();

        let store = open(&path).await;
        for user in &acknowledged {
            assert!(store.get::<User>(*user).await.unwrap().is_some(), "round {round} lost {user}");
        }
        let check = Connection::open(&path).unwrap();
        let integrity: String = check.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
        assert_eq!(integrity, "ok");
        let number = |query: &str| check.query_row(query, (), |row| row.get::<_, u32>(0)).unwrap() as usize;
        let users = number("SELECT count(*) FROM ciam_crash_users");
        assert!(users >= all, "round {round}: {users} users, {all} acknowledged");
        for (table, column) in [("crash_addresses", "user"), ("crash_passwords", "user"), ("events", "subject")] {
            let of_them = number(&format!(
                "SELECT count(*) FROM ciam_crash_users u WHERE 1 = (SELECT count(*) FROM ciam_{table} x WHERE x.{column} = u.id)"
            ));
            assert_eq!((of_them, number(&format!("SELECT count(*) FROM ciam_{table}"))), (users, users), "{table}");
        }
        assert_eq!(number("SELECT count(*) FROM ciam_units WHERE committed = 1"), users);
        let whole = store.find(&Address::BY_USER.eq(&acknowledged[0])).await.unwrap().items;
        assert_eq!(whole.len(), 1);
        assert_eq!(whole[0].user.uuid(), acknowledged[0].uuid());
    }
    println!("{rounds} kills, {} acknowledged registrations, none lost", lost_none + all);
}
