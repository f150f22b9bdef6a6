//! A unit in a transaction of the host's own: the same tests over every driver that a host may have.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod shop;
#[allow(dead_code, reason = "other suites need the rest")]
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ciam_core::events::{Cause, Event};
use ciam_core::id::{RecordId as _, UserId};
use ciam_core::store::{Position, Settlement, Staged, StoreError, UNITS};
use ciam_core::testing::{FaultyStore, TestBed, in_parallel};
use ciam_core::users::{DisplayName, NewUser, ReadyUser, Standing, User, UserError};
use shop::{End, Queued, Ran, Rusqlite, Shop, SqlxPostgres, SqlxSqlite, Step, TokioPostgres};

/// An engine on the database of a shop.
struct Site<S> {
    shop: S,
    bed: TestBed,
    store: Arc<FaultyStore>,
}

impl<S: Shop> Site<S> {
    async fn open() -> Option<Self> {
        let shop = S::open().await?;
        let store = FaultyStore::new(shop.backend(), []);
        let bed = TestBed::with(|builder| builder.shared_store(store.clone())).await;
        shop.create_tables().await;
        Some(Self { shop, bed, store })
    }

    async fn ready(&self, email: &str) -> ReadyUser {
        let new = NewUser::new(email.parse::<ciam_core::email::Email>().unwrap());
        self.bed.ciam.users().prepare(new).await.unwrap()
    }

    /// A unit that creates a user.
    async fn sign_up(&self, email: &str) -> (Arc<Staged>, UserId) {
        let (staged, ready) = (self.bed.ciam.staged(), self.ready(email).await);
        let user = self.bed.ciam.users().create_in(&staged, &Cause::system(), &ready).await.unwrap();
        (Arc::new(staged), user.id)
    }

    async fn is_there(&self, user: UserId) -> bool {
        self.bed.ciam.users().get(user).await.unwrap().is_some()
    }

    /// How many events of this name the stream has. What is committed comes in time.
    async fn events(&self, name: &str) -> usize {
        let events = self.bed.ciam.store().tail::<Event>(Position::START, 1000).await.unwrap();
        events.iter().filter(|(_, event)| event.name == name).count()
    }

    /// Whether a bearer is good, and whether that was known without a read.
    async fn check(&self, bearer: &str) -> (bool, bool) {
        let before = self.store.reads();
        let good = self.bed.ciam.sessions().check(bearer).await.unwrap().is_some();
        (good, self.store.reads() == before)
    }
}

/// Waits for what comes about in the background.
async fn until(mut come: impl AsyncFnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !come().await {
        assert!(Instant::now() < patience, "it does not come about");
        tokio::task::yield_now().await;
    }
}

/// Something to count: an effect of a unit.
fn effect(staged: &Staged) -> Arc<AtomicU32> {
    let runs = Arc::new(AtomicU32::new(0));
    let ran = Arc::clone(&runs);
    staged.on_commit(move || {
        ran.fetch_add(1, Ordering::SeqCst);
    });
    runs
}

async fn an_order_and_its_customer_are_there_together<S: Shop>() {
    let Some(site) = Site::<S>::open().await else { return };
    let (staged, ada) = site.sign_up("ada@example.com").await;
    let runs = effect(&staged);
    assert!(!site.is_there(ada).await, "nothing is written before it is applied");
    let steps = vec![Step::Gift(ada.uuid()), Step::Apply(Arc::clone(&staged)), Step::Order(ada.uuid())];
    let ran = site.shop.run(steps, End::Commit).await;
    assert!(ran.committed);
    assert_eq!(runs.load(Ordering::SeqCst), 0, "effects wait for the word of the host");
    ran.only().unwrap().committed().await;
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    assert!(site.is_there(ada).await);
    assert_eq!(site.shop.count().await, 2);
    assert_eq!(site.bed.ciam.users().by_email(&"ADA@example.com".parse().unwrap()).await.unwrap(), Some(ada));
    until(async || site.events("user.registered").await == 1).await;

    // A unit is committed once, however often it is applied.
    let again = site.shop.run(vec![Step::Apply(staged)], End::Commit).await.only();
    assert!(matches!(again, Err(StoreError::Conflict { collection: UNITS, .. })), "{again:?}");
}

async fn they_vanish_together<S: Shop>() {
    let Some(site) = Site::<S>::open().await else { return };
    let nobody = uuid::Uuid::from_u128(7);
    // The host rolls back; its constraint refuses a statement; its constraint refuses the COMMIT.
    for (round, (last, end)) in
        [(None, End::RollBack), (Some(Step::Order(nobody)), End::Commit), (Some(Step::Gift(nobody)), End::Commit)]
            .into_iter()
            .enumerate()
    {
        let (staged, ada) = site.sign_up("ada@example.com").await;
        let runs = effect(&staged);
        let mut steps = vec![Step::Apply(staged), Step::Order(ada.uuid())];
        steps.extend(last);
        let ran = site.shop.run(steps, end).await;
        assert!(!ran.committed, "round {round}");
        ran.only().unwrap().rolled_back();
        assert!(!site.is_there(ada).await, "round {round}");
        assert_eq!(site.shop.count().await, 0, "round {round}");
        assert_eq!(runs.load(Ordering::SeqCst), 0, "round {round}");
    }
    let (staged, _) = site.sign_up("ada@example.com").await;
    site.shop.run(vec![Step::Apply(staged)], End::Commit).await.only().unwrap().committed().await;
    until(async || site.events("user.registered").await == 1).await;
}

async fn a_refusal_takes_back_what_is_ciam_s<S: Shop>() {
    let Some(site) = Site::<S>::open().await else { return };
    let ada = site.bed.user().email("ada@example.com").create().await.id;
    let before = site.bed.ciam.users().list(None, 9).await.unwrap().items.len();
    let (taken, _) = site.sign_up("ada@example.com").await;
    let (free, bob) = site.sign_up("bob@example.com").await;
    let steps = vec![
        Step::Order(ada.uuid()),
        Step::Apply(taken),
        Step::Order(ada.uuid()),
        Step::Apply(free),
        Step::Order(bob.uuid()),
    ];
    let Ran { applied, committed } = site.shop.run(steps, End::Commit).await;
    assert!(committed);
    let [taken, free] = <[_; 2]>::try_from(applied).unwrap();
    assert!(matches!(UserError::from(taken.unwrap_err()), UserError::AddressTaken));
    free.unwrap().committed().await;
    assert_eq!(site.shop.count().await, 3);
    assert_eq!(site.bed.ciam.users().list(None, 9).await.unwrap().items.len(), before + 1, "no half of a user");
}

async fn what_is_stale_succeeds_when_the_host_runs_it_again<S: Shop>() {
    let Some(site) = Site::<S>::open().await else { return };
    let users = site.bed.ciam.users();
    let ada = site.bed.user().create().await.id;
    let rename = async |name: &str| {
        let staged = site.bed.ciam.staged();
        users.rename_in(&staged, &Cause::system(), ada, Some(DisplayName::parse(name).unwrap())).await.unwrap();
        Arc::new(staged)
    };
    let late = rename("late").await;
    users.rename(&Cause::system(), ada, Some(DisplayName::parse("early").unwrap())).await.unwrap();
    let mut staged = late;
    for round in 0..2 {
        let ran = site.shop.run(vec![Step::Order(ada.uuid()), Step::Apply(staged)], End::Commit).await;
        match ran.only() {
            Err(StoreError::Stale { collection: "users", .. }) if round == 0 => {}
            Ok(applied) if round == 1 => applied.committed().await,
            other => panic!("round {round}: {other:?}"),
        }
        staged = rename("late").await;
    }
    assert_eq!(users.get(ada).await.unwrap().unwrap().name, Some(DisplayName::parse("late").unwrap()));
}

/// What the host's rows rely on is guarded, also when ciam's part writes nothing.
async fn what_a_unit_only_reads_is_guarded<S: Shop>() {
    let Some(site) = Site::<S>::open().await else { return };
    let ada = site.bed.user().create().await.id;
    let only_if_active = async || {
        let staged = site.bed.ciam.staged();
        assert!(staged.get::<Standing>(ada).await.unwrap().is_some());
        Arc::new(staged)
    };
    let (good, late) = (only_if_active().await, only_if_active().await);
    let ran = site.shop.run(vec![Step::Apply(good), Step::Order(ada.uuid())], End::Commit).await;
    ran.only().unwrap().committed().await;
    site.bed.ciam.users().suspend(&Cause::system(), ada).await.unwrap();
    let ran = site.shop.run(vec![Step::Apply(late), Step::Order(ada.uuid())], End::RollBack).await;
    assert!(matches!(ran.only(), Err(StoreError::Stale { .. })));
}

async fn a_session_that_is_ended_is_refused_at_once<S: Shop>() {
    let Some(site) = Site::<S>::open().await else { return };
    let ada = site.bed.user().create().await.id;
    let opened = site.bed.signed_in(ada).await;
    let bearer = opened.bearer.expose();
    let end_all = async || {
        let staged = site.bed.ciam.staged();
        site.bed.ciam.sessions().end_all_in(&staged, &Cause::system(), ada).await.unwrap();
        Step::Apply(Arc::new(staged))
    };
    // Memory is trusted once the engine hears what others commit.
    until(async || site.check(bearer).await == (true, true)).await;

    // Taken back: it is not answered from memory, nor kept there, until the host has said so.
    let applied = site.shop.run(vec![end_all().await], End::RollBack).await.only().unwrap();
    assert_eq!(site.check(bearer).await, (true, false));
    assert_eq!(site.check(bearer).await, (true, false));
    applied.rolled_back();
    assert_eq!(site.check(bearer).await, (true, false));
    assert_eq!(site.check(bearer).await, (true, true));

    // Committed: from the commit on, whether the host has said so or not.
    let applied = site.shop.run(vec![end_all().await], End::Commit).await.only().unwrap();
    assert_eq!(site.check(bearer).await, (false, false));
    applied.committed().await;
    assert_eq!(site.check(bearer).await, (false, false));
}

async fn what_nobody_speaks_of_is_found_out<S: Shop>() {
    let Some(site) = Site::<S>::open().await else { return };
    let ada = site.bed.user().create().await.id;
    let bearer = site.bed.signed_in(ada).await.bearer;
    for end in [End::RollBack, End::Commit] {
        until(async || site.check(bearer.expose()).await == (true, true)).await;
        let staged = site.bed.ciam.staged();
        let runs = effect(&staged);
        site.bed.ciam.sessions().end_all_in(&staged, &Cause::system(), ada).await.unwrap();
        drop(site.shop.run(vec![Step::Apply(Arc::new(staged))], end).await);
        if end == End::RollBack {
            until(async || site.check(bearer.expose()).await == (true, true)).await;
            assert_eq!(runs.load(Ordering::SeqCst), 0);
        } else {
            until(async || runs.load(Ordering::SeqCst) == 1).await;
            assert_eq!(site.check(bearer.expose()).await, (false, false));
        }
    }
}

async fn a_host_that_does_not_know_can_ask<S: Shop>() {
    let Some(site) = Site::<S>::open().await else { return };
    for (email, end, expected) in
        [("ada@example.com", End::RollBack, Settlement::Never), ("bob@example.com", End::Commit, Settlement::Committed)]
    {
        let (staged, user) = site.sign_up(email).await;
        let runs = effect(&staged);
        let applied = site.shop.run(vec![Step::Apply(Arc::clone(&staged))], end).await.only().unwrap();
        assert_eq!(applied.settle().await.unwrap(), expected);
        assert_eq!(site.is_there(user).await, expected == Settlement::Committed);
        assert_eq!(runs.load(Ordering::SeqCst), u32::from(expected == Settlement::Committed));
        // What was settled as never stays so.
        let again = site.shop.run(vec![Step::Apply(staged)], End::Commit).await.only();
        assert!(matches!(again, Err(StoreError::Conflict { collection: UNITS, .. })), "{again:?}");
    }
}

async fn a_user_whom_the_host_refers_to_stays<S: Shop>() {
    let Some(site) = Site::<S>::open().await else { return };
    let ada = site.bed.user().create().await.id;
    assert!(site.shop.run(vec![Step::Order(ada.uuid())], End::Commit).await.committed);
    let staged = site.bed.ciam.staged();
    staged.take::<User>(ada).await.unwrap();
    let ran = site.shop.run(vec![Step::Apply(Arc::new(staged)), Step::Order(ada.uuid())], End::Commit).await;
    assert!(ran.committed);
    assert!(matches!(ran.only(), Err(StoreError::Referenced)));
    assert!(site.is_there(ada).await);
    assert_eq!(site.shop.count().await, 2);
}

async fn of_a_hundred_who_want_one_address_one_gets_it<S: Shop>() {
    let Some(site) = Site::<S>::open().await else { return };
    let site = Arc::new(site);
    let ada = site.bed.user().create().await.id;
    let before = site.bed.ciam.users().list(None, 9).await.unwrap().items.len();
    let won = in_parallel(100, |_| {
        let site = Arc::clone(&site);
        async move {
            let (staged, user) = site.sign_up("one@example.com").await;
            let steps = vec![Step::Order(ada.uuid()), Step::Apply(staged), Step::Order(user.uuid())];
            let ran = site.shop.run(steps, End::Commit).await;
            let committed = ran.committed;
            match ran.only() {
                Ok(applied) => {
                    assert!(committed);
                    applied.committed().await;
                    true
                }
                Err(error) => {
                    assert!(!committed, "its order has no customer");
                    assert!(matches!(UserError::from(error), UserError::AddressTaken));
                    false
                }
            }
        }
    })
    .await;
    assert_eq!(won.into_iter().filter(|won| *won).count(), 1);
    assert_eq!(site.shop.count().await, 2);
    assert_eq!(site.bed.ciam.users().list(None, 9).await.unwrap().items.len(), before + 1);
    until(async || site.events("user.registered").await == before + 1).await;
}

/// The same tests for each driver.
macro_rules! over {
    ($($driver:ident: $shop:ty;)+) => {
        $(mod $driver {
            use super::*;

            over!(@tests $shop:
                an_order_and_its_customer_are_there_together,
                they_vanish_together,
                a_refusal_takes_back_what_is_ciam_s,
                what_is_stale_succeeds_when_the_host_runs_it_again,
                what_a_unit_only_reads_is_guarded,
                a_session_that_is_ended_is_refused_at_once,
                what_nobody_speaks_of_is_found_out,
                a_host_that_does_not_know_can_ask,
                a_user_whom_the_host_refers_to_stays,
                of_a_hundred_who_want_one_address_one_gets_it,
            );
        })+
    };
    (@tests $shop:ty: $($test:ident,)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $test() {
            super::$test::<$shop>().await;
        })+
    };
}

over! {
    rusqlite: Rusqlite;
    rusqlite_on_the_writer: Queued;
    sqlx_sqlite: SqlxSqlite;
    tokio_postgres: TokioPostgres;
    sqlx_postgres: SqlxPostgres;
}
