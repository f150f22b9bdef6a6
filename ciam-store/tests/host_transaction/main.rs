//! A unit in a transaction of the host's own: the same tests over every driver that a host may have.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod shop;
#[allow(dead_code, reason = "other suites need the rest")]
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ::tokio_postgres::IsolationLevel;
use ciam_core::events::{Cause, Event};
use ciam_core::id::{RecordId as _, UserId};
use ciam_core::store::{Bound, Position, Settlement, Staged, StoreError, UNITS};
use ciam_core::testing::{FaultyStore, TestBed, in_parallel};
use ciam_core::users::{DisplayName, NewUser, ReadyUser, Standing, User, UserError};
use ciam_store::conformance::{Account, Fixture, Ticket};
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
    until(async || site.events("user.registered").await >= 2).await;
    assert_eq!(site.events("user.registered").await, 2);
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

async fn se2_a_session_that_is_ended_is_refused_at_once<S: Shop>() {
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
    // What is opened afterwards is kept again.
    let next = site.bed.signed_in(ada).await.bearer;
    until(async || site.check(next.expose()).await == (true, true)).await;
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

async fn rg1_of_a_hundred_who_want_one_address_one_gets_it<S: Shop>() {
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

/// Every kind of condition and of value, as in a commit of ciam's own.
async fn conditions_mean_what_they_mean_elsewhere<S: Shop>() {
    let Some(shop) = S::open().await else { return };
    let f = Fixture::new(shop.backend()).await;
    let apply = async |write: &dyn Fn(&Staged)| {
        let staged = f.store.staged();
        write(&staged);
        let ran = shop.run(vec![Step::Apply(Arc::new(staged))], End::Commit).await;
        assert!(ran.committed);
        ran.only().map(|applied| drop(tokio::spawn(applied.committed())))
    };
    let ann = Account { handle: Some("ann".into()), team: Some("t".into()), rank: 7, ..f.account("ann") };
    apply(&|work| work.insert(&ann).unwrap()).await.unwrap();

    let add = |by| move |work: &Staged| work.add(&Account::SEATS, ann.id, by, Bound::AtMost(3)).unwrap();
    apply(&add(3)).await.unwrap();
    let full = apply(&add(1)).await;
    assert!(matches!(full, Err(StoreError::Exceeded { tally: "seats", .. })), "{full:?}");
    apply(&add(-1)).await.unwrap();
    let nobody = f.id();
    let absent = apply(&|work| work.add(&Account::SEATS, nobody, 1, Bound::None).unwrap()).await;
    assert!(matches!(absent, Err(StoreError::Stale { .. })), "{absent:?}");
    let bob = f.account("bob");
    for _ in 0..2 {
        apply(&|work| work.add_or_insert(&Account::SEATS, &bob, 2, Bound::None).unwrap()).await.unwrap();
    }
    apply(&|work| work.raise(&Account::SEEN, bob.id, 9).unwrap()).await.unwrap();
    let used = apply(&|work| work.raise_strictly(&Account::SEEN, bob.id, 9).unwrap()).await;
    assert!(matches!(used, Err(StoreError::Exceeded { tally: "seen", .. })), "{used:?}");
    let bob = f.store.get::<Account>(bob.id).await.unwrap().unwrap();
    assert_eq!((bob.seats, bob.seen), (4, 9));
    assert_eq!(f.store.get::<Account>(ann.id).await.unwrap().unwrap().seats, 2);

    // What has expired is in nobody's way, and what has not is.
    let (old, new) = (f.ticket("code"), Ticket { id: f.id(), ..f.ticket("code") });
    apply(&|work| work.insert(&old).unwrap()).await.unwrap();
    let taken = apply(&|work| work.insert(&new).unwrap()).await;
    assert!(matches!(taken, Err(StoreError::Conflict { index: "code", .. })), "{taken:?}");
    f.clock.advance(Duration::from_secs(60));
    let new = Ticket { until: f.now() + Duration::from_secs(60), ..new };
    apply(&|work| work.insert(&new).unwrap()).await.unwrap();
    assert_eq!(f.store.get::<Ticket>(new.id).await.unwrap(), Some(new));
}

/// A closure on the writer may run again, when the COMMIT of its group was refused for another's sake.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_queued_write_that_runs_again_applies_again() {
    let site = Site::<Queued>::open().await.unwrap();
    let (staged, ada) = site.sign_up("ada@example.com").await;
    let (runs, store, go) = (effect(&staged), site.shop.store(), Arc::new(AtomicU32::new(0)));
    let gate = Arc::clone(&go);
    let holding = store.write(move |_| -> Result<(), StoreError> {
        let state = &gate;
        state.fetch_max(1, Ordering::SeqCst);
        while state.load(Ordering::SeqCst) < 2 {
            std::thread::yield_now();
        }
        Ok(())
    });
    let nobody = uuid::Uuid::from_u128(7);
    let together = async {
        until(async || go.load(Ordering::SeqCst) == 1).await;
        let release = async {
            until(async || store.statistics().waiting == 2).await;
            go.store(2, Ordering::SeqCst);
        };
        tokio::join!(
            site.shop.run(vec![Step::Apply(staged), Step::Order(ada.uuid())], End::Commit),
            site.shop.run(vec![Step::Gift(nobody)], End::Commit),
            release,
        )
    };
    let (held, (ran, guilty, ())) = tokio::join!(holding, together);
    held.unwrap();
    assert!(!guilty.committed);
    assert!(ran.committed);
    assert_eq!(site.shop.runs(), 2 + 2, "each of them ran twice");
    ran.only().unwrap().committed().await;
    assert!(site.is_there(ada).await);
    assert_eq!(site.shop.count().await, 1);
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn outside_of_a_transaction_nothing_is_applied() {
    let site = Site::<Rusqlite>::open().await.unwrap();
    let (staged, ada) = site.sign_up("ada@example.com").await;
    let refused = site.shop.store().apply(&site.shop.connect(), &staged);
    assert!(matches!(refused, Err(StoreError::Misuse(_))), "{refused:?}");
    assert!(!site.is_there(ada).await);
}

/// What others write while the host's transaction is open is held back, and comes after what the transaction wrote.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_follower_misses_nothing_of_a_transaction_that_is_open_for_long() {
    let Some(site) = Site::<TokioPostgres>::open().await else { return };
    let mut host = site.shop.connect().await;
    let (staged, _) = site.sign_up("ada@example.com").await;
    let tx = host.transaction().await.unwrap();
    let applied = site.shop.store().apply(&tx, &staged).await.unwrap();
    let bob = site.bed.user().create().await.id;
    let follow = async || site.bed.ciam.store().tail::<Event>(Position::START, 9).await.unwrap();
    assert!(follow().await.is_empty(), "a follower would never see what the open transaction wrote");
    tx.commit().await.unwrap();
    applied.committed().await;
    until(async || follow().await.len() == 2).await;
    let subjects: Vec<_> = follow().await.into_iter().map(|(_, event)| event.subject).collect();
    assert_eq!(subjects[1], Some(bob));
}

/// A host may be stricter than ciam is.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_a_stricter_level_what_has_changed_is_stale() {
    let Some(site) = Site::<TokioPostgres>::open().await else { return };
    let users = site.bed.ciam.users();
    let ada = site.bed.user().create().await.id;
    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        let mut host = site.shop.connect().await;
        let tx = host.build_transaction().isolation_level(level).start().await.unwrap();
        tx.query_one("SELECT count(*) FROM ciam_users", &[]).await.unwrap();
        users.suspend(&Cause::system(), ada).await.unwrap();
        // It has read what the host's transaction does not see.
        let staged = site.bed.ciam.staged();
        users.activate_in(&staged, &Cause::system(), ada).await.unwrap();
        let refused = site.shop.store().apply(&tx, &staged).await;
        assert!(matches!(refused, Err(StoreError::Stale { .. })), "{refused:?}");
        tx.rollback().await.unwrap();
        users.activate(&Cause::system(), ada).await.unwrap();
    }
}

/// What the server repeats of a row, to say why it refuses it, is in no text that may be logged.
async fn no_error_repeats_a_row<S: Shop>(site: Site<S>, host: ::tokio_postgres::Client) {
    let hosts_own = "ALTER TABLE ciam_identifiers ADD CONSTRAINT hosts_own CHECK (version IS NULL)";
    host.batch_execute(hosts_own).await.unwrap();
    let (staged, _) = site.sign_up("canary-7f3a@example.com").await;
    let refused = site.shop.run(vec![Step::Apply(staged)], End::RollBack).await.only().unwrap_err();
    let said = format!("{} {refused:?}", ciam_core::with_causes(&refused));
    assert!(said.contains("hosts_own") && !said.contains("canary-7f3a"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lg1_no_error_repeats_a_row_by_tokio_postgres() {
    let Some(site) = Site::<TokioPostgres>::open().await else { return };
    let host = site.shop.connect().await;
    no_error_repeats_a_row(site, host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lg1_no_error_repeats_a_row_by_sqlx() {
    let Some(site) = Site::<SqlxPostgres>::open().await else { return };
    let host = site.shop.connect().await;
    no_error_repeats_a_row(site, host).await;
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
                se2_a_session_that_is_ended_is_refused_at_once,
                what_nobody_speaks_of_is_found_out,
                a_host_that_does_not_know_can_ask,
                a_user_whom_the_host_refers_to_stays,
                rg1_of_a_hundred_who_want_one_address_one_gets_it,
                conditions_mean_what_they_mean_elsewhere,
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
