//! The records of a shop, and what the benches do with them: sessions that are read, people who register.

#![allow(dead_code, reason = "each bench needs some of it")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use ciam_core::UserId;
use ciam_core::clock::{Clock as _, SystemClock, Timestamp};
use ciam_core::entropy::{Entropy, SystemEntropy};
use ciam_core::events::{Cause, Event, NewEvent};
use ciam_core::id::RealmId;
use ciam_core::store::{Backend, Collection, Index, Record, Schema, Store, StoreError, Work};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

ciam_core::id!(SessionId, "bses", "A session.");
ciam_core::id!(AddressId, "badr", "An address.");
ciam_core::id!(PasswordId, "bpwd", "A password.");

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) user: UserId,
    pub(crate) digest: ciam_core::secret::Digest,
    pub(crate) opened: Timestamp,
    pub(crate) seen: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) epoch: u32,
    pub(crate) amr: Vec<String>,
    pub(crate) agent: String,
}

impl Record for Session {
    type Id = SessionId;
    const COLLECTION: Collection<Self> =
        Collection::new("sessions").index(&Self::BY_USER).expires(|session| session.until);

    fn id(&self) -> SessionId {
        self.id
    }
}

impl Session {
    pub(crate) const BY_USER: Index<Self, UserId> = Index::new("user", |s: &Self| s.user);

    pub(crate) fn new(id: SessionId, user: UserId, now: Timestamp) -> Self {
        Self {
            id,
            user,
            digest: ciam_core::secret::Digest::of(&[7]),
            opened: now,
            seen: now,
            until: now + Duration::from_hours(24),
            epoch: 3,
            amr: vec!["pwd".into(), "otp".into()],
            agent: "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0".into(),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) status: String,
    pub(crate) epoch: u32,
}

impl Record for User {
    type Id = UserId;
    const COLLECTION: Collection<Self> = Collection::new("users");

    fn id(&self) -> UserId {
        self.id
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Address {
    pub(crate) id: AddressId,
    pub(crate) user: UserId,
    pub(crate) text: String,
}

impl Record for Address {
    type Id = AddressId;
    const COLLECTION: Collection<Self> = Collection::new("addresses").index(&Self::BY_TEXT).index(&Self::BY_USER);

    fn id(&self) -> AddressId {
        self.id
    }
}

impl Address {
    pub(crate) const BY_TEXT: Index<Self, String> = Index::new("text", |a: &Self| a.text.clone()).unique();
    pub(crate) const BY_USER: Index<Self, UserId> = Index::new("user", |a: &Self| a.user);

    pub(crate) fn text_of(user: UserId) -> String {
        format!("{user}@example.com")
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Password {
    pub(crate) id: PasswordId,
    pub(crate) user: UserId,
    pub(crate) hash: String,
}

impl Record for Password {
    type Id = PasswordId;
    const COLLECTION: Collection<Self> = Collection::new("passwords").index(&Self::BY_USER);

    fn id(&self) -> PasswordId {
        self.id
    }
}

impl Password {
    pub(crate) const BY_USER: Index<Self, UserId> = Index::new("user", |p: &Self| p.user);
}

pub(crate) async fn prepared(backend: Arc<dyn Backend>) -> Store {
    let schema = Schema::new().with::<Session>().with::<User>().with::<Address>().with::<Password>().with::<Event>();
    backend.prepare(&schema).await.unwrap();
    Store::new(backend, RealmId::DEFAULT, Arc::new(SystemClock), entropy())
}

pub(crate) fn entropy() -> Arc<dyn Entropy> {
    Arc::new(SystemEntropy::new())
}

/// So many sessions, two for every user.
pub(crate) async fn fill(store: &Store, rows: usize) -> (Vec<SessionId>, Vec<UserId>) {
    let (mut sessions, mut users) = (Vec::new(), Vec::new());
    for chunk in 0..rows.div_ceil(250) {
        let random = entropy();
        let now = SystemClock.now();
        let batch: Vec<Session> = (0..250)
            .map(|at| {
                if at % 2 == 0 {
                    users.push(random.id(now));
                }
                Session::new(random.id(now + Duration::from_millis(chunk as u64)), *users.last().unwrap(), now)
            })
            .collect();
        sessions.extend(batch.iter().map(|session| session.id));
        let batch = &batch;
        let filled: Result<(), StoreError> =
            store.transact(|work| async move { batch.iter().try_for_each(|session| work.insert(session)) }).await;
        filled.unwrap();
    }
    (sessions, users)
}

/// Picks one after another at random, cheaply and the same every time.
pub(crate) struct Picker(pub(crate) u64);

impl Picker {
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        from[(self.0 % from.len() as u64) as usize]
    }
}

pub(crate) async fn register(store: &Store) {
    let done: Result<(), StoreError> = store.transact(|work| async move { register_in(&work, work.new_id()) }).await;
    done.unwrap();
}

/// All that is written of somebody who registers.
pub(crate) fn register_in(work: &Work, user: UserId) -> Result<(), StoreError> {
    work.insert(&User { id: user, status: "active".into(), epoch: 0 })?;
    work.insert(&Address { id: work.new_id(), user, text: Address::text_of(user) })?;
    work.insert(&Password { id: work.new_id(), user, hash: "$argon2id$".repeat(10) })?;
    work.record(NewEvent::new("user.registered", &Cause::system()).about(user))
}

/// Registrations a second with so many in flight.
pub(crate) fn rate(runtime: &Runtime, store: &Store, in_flight: usize, time: Duration) -> f64 {
    runtime.block_on(async {
        let began = Instant::now();
        let tasks: Vec<_> = (0..in_flight)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move {
                    let mut done = 0_u32;
                    while began.elapsed() < time {
                        register(&store).await;
                        done += 1;
                    }
                    done
                })
            })
            .collect();
        let mut done = 0;
        for task in tasks {
            done += task.await.unwrap();
        }
        f64::from(done) / began.elapsed().as_secs_f64()
    })
}

/// The middle one.
pub(crate) fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1000.0
}
