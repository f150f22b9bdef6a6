//! RL1: a process that is killed in the middle of registrations leaves each of them whole or not at
//! all, and loses none that it has acknowledged. On SQLite, and on PostgreSQL unless there is none.
//!
//! Twenty rounds; `CIAM_KILL_ROUNDS` says otherwise.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/killed.rs"]
mod killed;

use std::sync::Arc;

use ciam_core::UserId;
use ciam_core::clock::{Clock, SystemClock};
use ciam_core::entropy::{Entropy, SystemEntropy};
use ciam_core::events::{Cause, Event, NewEvent};
use ciam_core::id::{RealmId, RecordId};
use ciam_core::store::{Collection, Index, Record, Schema, Store, StoreError};
use killed::Place;
use serde::{Deserialize, Serialize};

const ROUNDS_OF_A_PLACE: u32 = 25;

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

async fn open(place: &Place) -> Store {
    let backend = place.open().await;
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
#[ignore = "the other tests run it, in a process that they kill"]
async fn child() {
    let store = open(&Place::of_this_process()).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn rl1_a_kill_leaves_no_half_user_and_loses_no_acknowledged_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = |nth: u32| Place::Sqlite(folder.path().join(format!("crash{nth}.db")));
    a_kill_loses_nobody(async |nth| Some(file(nth))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rl1_a_kill_of_a_client_of_postgres_leaves_no_half_user_and_loses_no_acknowledged_one() {
    a_kill_loses_nobody(async |_| Place::postgres().await).await;
}

async fn a_kill_loses_nobody(new_place: impl AsyncFn(u32) -> Option<Place>) {
    let rounds: u32 = std::env::var("CIAM_KILL_ROUNDS").map_or(20, |rounds| rounds.parse().unwrap());
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
    let Some(mut place) = new_place(0).await else { return };
    let (mut all, mut lost_none) = (0, 0);
    for round in 0..rounds {
        // Every round looks at everything, so now and then it begins anew.
        if round > 0 && round % ROUNDS_OF_A_PLACE == 0 {
            place = new_place(round).await.unwrap();
            (all, lost_none) = (0, lost_none + all);
        }
        let random = entropy.uuid(SystemClock.now()).as_u128() as usize % 300;
        let acknowledged: Vec<UserId> = place.run_and_kill(1 + random, |id| id.parse().ok()).await;
        all += i64::try_from(acknowledged.len()).unwrap();

        let store = open(&place).await;
        for user in &acknowledged {
            assert!(store.get::<User>(*user).await.unwrap().is_some(), "round {round} lost {user}");
        }
        let users = place.number("SELECT count(*) FROM ciam_crash_users").await;
        assert!(users >= all, "round {round}: {users} users, {all} acknowledged");
        for (table, column) in [("crash_addresses", "user"), ("crash_passwords", "user"), ("events", "subject")] {
            let of_them = format!(
                "SELECT count(*) FROM ciam_crash_users u WHERE 1 = (SELECT count(*) FROM ciam_{table} x WHERE x.\"{column}\" = u.id)"
            );
            assert_eq!(place.number(&of_them).await, users, "{table}");
            assert_eq!(place.number(&format!("SELECT count(*) FROM ciam_{table}")).await, users, "{table}");
        }
        assert_eq!(place.number("SELECT count(*) FROM ciam_units WHERE committed").await, users);
        let whole = store.find(&Address::BY_USER.eq(&acknowledged[0])).await.unwrap().items;
        assert_eq!(whole.len(), 1);
        assert_eq!(whole[0].user.uuid(), acknowledged[0].uuid());
    }
    println!("{rounds} kills, {} acknowledged registrations, none lost", lost_none + all);
}
