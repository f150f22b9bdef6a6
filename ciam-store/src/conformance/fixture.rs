//! What the cases work with: two kinds of records, a clock that is set by hand, and short ways to write.

use std::sync::Arc;
use std::time::Duration;

use ciam_core::clock::{Clock, Timestamp};
use ciam_core::entropy::{Entropy, SystemEntropy};
use ciam_core::events::Event;
use ciam_core::id::{RealmId, RecordId};
use ciam_core::store::{
    Backend, Batch, Collection, Encoded, Field, Index, Op, Peak, Record, RecordKey, Row, Schema, Store, StoreError,
    Tally, Value,
};
use ciam_core::testing::StoppedClock;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

ciam_core::id!(AccountId, "tacct", "An account of the suite.");
ciam_core::id!(TicketId, "ttick", "A ticket of the suite.");

/// A record that lives for ever, with every kind of index, a tally and a peak.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The id.
    pub id: AccountId,
    /// Unique.
    pub name: String,
    /// Unique together with the rank, if there is one.
    pub handle: Option<String>,
    /// What pages are made of.
    pub team: Option<String>,
    /// An ordered number.
    pub rank: i64,
    /// An ordered text.
    pub label: String,
    /// A tally.
    pub seats: i64,
    /// A peak.
    pub seen: i64,
}

impl Record for Account {
    type Id = AccountId;
    const COLLECTION: Collection<Self> = Collection::new("suite_accounts")
        .index(&Self::BY_NAME)
        .index(&Self::BY_HANDLE)
        .index(&Self::BY_RANK)
        .index(&Self::BY_LABEL)
        .searchable(&Self::NAME)
        .searchable(&Self::HANDLE)
        .searchable(&Self::TEAM)
        .searchable(&Self::RANK)
        .searchable(&Self::LABEL)
        .live(&Self::SEATS)
        .live(&Self::SEEN);

    fn id(&self) -> AccountId {
        self.id
    }
}

impl Account {
    /// By name.
    pub const BY_NAME: Index<Self, String> = Index::new("name", |a: &Self| a.name.clone()).unique();
    /// By handle and rank.
    pub const BY_HANDLE: Index<Self, (Option<String>, i64)> =
        Index::over(&["handle", "rank"], |a: &Self| (a.handle.clone(), a.rank)).unique();
    /// A team's accounts by rank.
    pub const BY_RANK: Index<Self, (Option<String>, i64)> =
        Index::over(&["team", "rank"], |a: &Self| (a.team.clone(), a.rank));
    /// A team's accounts by label.
    pub const BY_LABEL: Index<Self, (Option<String>, String)> =
        Index::over(&["team", "label"], |a: &Self| (a.team.clone(), a.label.clone()));
    /// The name: never null, and unique.
    pub const NAME: Field<Self, String> = Field::new("name", |a: &Self| a.name.clone());
    /// The handle, if there is one.
    pub const HANDLE: Field<Self, Option<String>> = Field::new("handle", |a: &Self| a.handle.clone());
    /// The team, if there is one.
    pub const TEAM: Field<Self, Option<String>> = Field::new("team", |a: &Self| a.team.clone());
    /// The rank.
    pub const RANK: Field<Self, i64> = Field::new("rank", |a: &Self| a.rank);
    /// The label.
    pub const LABEL: Field<Self, String> = Field::new("label", |a: &Self| a.label.clone());
    /// Seats taken.
    pub const SEATS: Tally<Self> = Tally::new("seats", |a: &mut Self| &mut a.seats);
    /// Last seen.
    pub const SEEN: Peak<Self> = Peak::new("seen", |a: &mut Self| &mut a.seen);

    /// An account in no team, without a handle.
    #[must_use]
    pub fn new(id: AccountId, name: &str) -> Self {
        Self { id, name: name.into(), handle: None, team: None, rank: 0, label: String::new(), seats: 0, seen: 0 }
    }

    /// As a backend gets it.
    #[must_use]
    pub fn encoded(&self) -> Encoded {
        let text = |text: &Option<String>| text.clone().map_or(Value::Null, Value::Text);
        Encoded {
            id: self.id.uuid(),
            doc: serde_json::to_string(self).unwrap(),
            shape: 1,
            columns: vec![
                Value::Text(self.name.clone()),
                text(&self.handle),
                Value::Int(self.rank),
                text(&self.team),
                Value::Text(self.label.clone()),
            ],
            live: vec![self.seats, self.seen],
            expires: None,
        }
    }
}

/// A record that expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The id.
    pub id: TicketId,
    /// Unique.
    pub code: String,
    /// What it belongs to.
    pub owner: AccountId,
    /// From when on it is absent.
    pub until: Timestamp,
    /// A tally.
    pub tries: i64,
}

impl Record for Ticket {
    type Id = TicketId;
    const COLLECTION: Collection<Self> = Collection::new("suite_tickets")
        .index(&Self::BY_CODE)
        .index(&Self::BY_OWNER)
        .searchable(&Self::CODE)
        .searchable(&Self::OWNER)
        .searchable(&Self::CREATED_AT)
        .live(&Self::TRIES)
        .expires(|ticket| ticket.until);

    fn id(&self) -> TicketId {
        self.id
    }
}

impl Ticket {
    /// By code.
    pub const BY_CODE: Index<Self, String> = Index::new("code", |t: &Self| t.code.clone()).unique();
    /// An account's tickets.
    pub const BY_OWNER: Index<Self, AccountId> = Index::new("owner", |t: &Self| t.owner);
    /// The code.
    pub const CODE: Field<Self, String> = Field::new("code", |t: &Self| t.code.clone());
    /// What it belongs to.
    pub const OWNER: Field<Self, AccountId> = Field::new("owner", |t: &Self| t.owner);
    /// When it was inserted, with an index.
    pub const CREATED_AT: Field<Self, Timestamp> = Field::CREATED_AT;
    /// Tries made.
    pub const TRIES: Tally<Self> = Tally::new("tries", |t: &mut Self| &mut t.tries);

    /// As a backend gets it.
    #[must_use]
    pub fn encoded(&self) -> Encoded {
        Encoded {
            id: self.id.uuid(),
            doc: serde_json::to_string(self).unwrap(),
            shape: 1,
            columns: vec![Value::Text(self.code.clone()), Value::Uuid(self.owner.uuid())],
            live: vec![self.tries],
            expires: Some(self.until),
        }
    }
}

/// A prepared backend with a handle to one realm.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// The backend.
    pub backend: Arc<dyn Backend>,
    /// A handle to [`RealmId::DEFAULT`].
    pub store: Store,
    /// The clock that the handle goes by.
    pub clock: Arc<StoppedClock>,
}

impl Fixture {
    /// Prepares the backend for the suite's records.
    pub async fn new(backend: Arc<dyn Backend>) -> Self {
        backend.prepare(&schema()).await.expect("an empty backend can be prepared");
        let clock = Arc::new(StoppedClock::new());
        Self { store: handle(&backend, RealmId::DEFAULT, &clock), backend, clock }
    }

    /// The same records through another backend, such as one that loses answers.
    #[must_use]
    pub fn over(&self, backend: Arc<dyn Backend>) -> Self {
        Self { store: handle(&backend, RealmId::DEFAULT, &self.clock), backend, clock: Arc::clone(&self.clock) }
    }

    /// A handle to another realm.
    #[must_use]
    pub fn realm(&self, realm: u128) -> Store {
        handle(&self.backend, RealmId::from_uuid(Uuid::from_u128(realm)), &self.clock)
    }

    /// The moment by the clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A fresh id.
    #[must_use]
    pub fn id<I: RecordId>(&self) -> I {
        self.store.entropy().id(self.now())
    }

    /// A new account that is not written yet.
    #[must_use]
    pub fn account(&self, name: &str) -> Account {
        Account::new(self.id(), name)
    }

    /// A new ticket for a minute, not written yet.
    #[must_use]
    pub fn ticket(&self, code: &str) -> Ticket {
        let owner = AccountId::from_uuid(Uuid::from_u128(7));
        Ticket { id: self.id(), code: code.into(), owner, until: self.now() + Duration::from_secs(60), tries: 0 }
    }

    /// A batch of a fresh unit.
    #[must_use]
    pub fn batch(&self, ops: Vec<Op>) -> Batch {
        Batch { unit: self.store.entropy().uuid(self.now()), now: self.now(), ops }
    }

    /// Commits operations; answers the unit's id.
    ///
    /// # Errors
    /// The backend's refusal.
    pub async fn commit(&self, ops: Vec<Op>) -> Result<Uuid, StoreError> {
        let batch = self.batch(ops);
        let unit = batch.unit;
        self.backend.commit(RealmId::DEFAULT, batch).await.map(|()| unit)
    }

    /// Writes a new account; answers its version.
    pub async fn insert(&self, account: &Account) -> Uuid {
        self.commit(vec![insert(account)]).await.expect("a new account can be inserted")
    }

    /// Whether the backend can be searched. One that cannot passes the cases about it by saying so.
    #[must_use]
    pub fn can_search(&self) -> bool {
        let can = self.backend.directory().is_some();
        if !can {
            eprintln!("left out: the backend has no directory");
        }
        can
    }

    /// The row of a record.
    pub async fn row<R: Record>(&self, id: R::Id) -> Option<Row> {
        self.backend.read(RealmId::DEFAULT, self.now(), &[key::<R>(id)]).await.unwrap().pop().unwrap()
    }
}

fn handle(backend: &Arc<dyn Backend>, realm: RealmId, clock: &Arc<StoppedClock>) -> Store {
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
    let clock: Arc<dyn Clock> = Arc::<StoppedClock>::clone(clock);
    Store::new(Arc::clone(backend), realm, clock, entropy)
}

/// Fails unless the value has the shape, and shows it then.
macro_rules! assert_matches {
    ($value:expr, $shape:pat $(if $guard:expr)? $(, $($why:tt)+)?) => {
        match $value {
            $shape $(if $guard)? => {}
            other => {
                $(eprintln!($($why)+);)?
                panic!("{} is no {}: {other:?}", stringify!($value), stringify!($shape));
            }
        }
    };
}
pub(super) use assert_matches;

pub(super) fn schema() -> Schema {
    Schema::new().with::<Account>().with::<Ticket>().with::<Event>()
}

pub(super) fn key<R: Record>(id: R::Id) -> RecordKey {
    RecordKey { collection: R::COLLECTION.name(), id: id.uuid() }
}

pub(super) fn insert(account: &Account) -> Op {
    Op::Insert { collection: Account::COLLECTION.name(), record: account.encoded() }
}

pub(super) fn replace(account: &Account, expected: Uuid) -> Op {
    Op::Replace { collection: Account::COLLECTION.name(), record: account.encoded(), expected }
}

pub(super) fn insert_ticket(ticket: &Ticket) -> Op {
    Op::Insert { collection: Ticket::COLLECTION.name(), record: ticket.encoded() }
}
