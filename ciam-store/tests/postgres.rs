//! What is PostgreSQL's own: flights, connections that die, servers that restart, databases that move.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "the suite of all backends needs the rest")]
mod support;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ciam_core::events::{Cause, Event, NewEvent};
use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{
    Backend as _, Bound, Collection, Listener, Op, Position, Record, RecordKey, Schema, Search, Store, StoreError, Work,
};
use ciam_store::conformance::{Account, Fixture, Ticket};
use ciam_store::{Migrations, PostgresInspection, PostgresOptions, PostgresStore};
use serde::{Deserialize, Serialize};
use support::proxy::{self, Wishes};
use support::server::Server;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// A store behind a proxy, with one connection, and another one past it.
async fn behind_a_proxy() -> Option<(Fixture, Fixture, Arc<Wishes>)> {
    let url = support::empty_schema().await?;
    let straight = open(&url, 4).await;
    let config: tokio_postgres::Config = url.parse().unwrap();
    let server: SocketAddr = format!("127.0.0.1:{}", config.get_ports()[0]).parse().unwrap();
    let (proxy, wishes) = proxy::before(server).await;
    let through = open(&url.replace(&server.to_string(), &proxy.to_string()), 1).await;
    Some((through, straight, wishes))
}

async fn open(url: &str, connections: usize) -> Fixture {
    let options = PostgresOptions::new(url).unwrap().connections(connections);
    Fixture::new(Arc::new(options.open().await.unwrap())).await
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn seats(store: &Store, account: &Account) -> i64 {
    store.get::<Account>(account.id).await.unwrap().unwrap().seats
}

async fn add_one(store: &Store, account: &Account) -> Result<(), StoreError> {
    store.transact(|work| async move { work.add(&Account::SEATS, account.id, 1, Bound::None) }).await
}

fn insert(account: &Account) -> Op {
    Op::Insert { collection: Account::COLLECTION.name(), record: account.encoded() }
}

/// BEGIN, the operations and COMMIT leave before the first answer has come.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_leaves_in_one_flight() {
    let Some((f, _, wishes)) = behind_a_proxy().await else { return };
    let batch = |name: &str| vec![insert(&f.account(name)), insert(&f.account(&format!("{name}2")))];
    // A connection asks once for each statement.
    f.commit(batch("ann")).await.unwrap();
    wishes.mute_until_commit.store(true, Ordering::SeqCst);
    tokio::time::timeout(Duration::from_secs(20), f.commit(batch("bob")))
        .await
        .expect("it waits for no answer")
        .unwrap();
}

/// A failed condition raises: the COMMIT behind it keeps nothing of what went before.
#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_fails_in_flight_keeps_nothing() {
    let Some((f, straight, wishes)) = behind_a_proxy().await else { return };
    let ann = f.account("ann");
    let stale = Op::Touch {
        key: RecordKey { collection: Account::COLLECTION.name(), id: f.insert(&ann).await },
        expected: f.insert(&f.account("x")).await,
    };
    let half = || vec![insert(&f.account("half")), stale.clone(), insert(&f.account("more"))];
    f.commit(half()).await.unwrap_err();
    wishes.mute_until_commit.store(true, Ordering::SeqCst);
    assert!(matches!(f.commit(half()).await, Err(StoreError::Stale { .. })));
    assert_eq!(straight.store.count(&Account::BY_NAME.under(&()), 9).await.unwrap(), 2);
}

/// When its BEGIN fails, no statement of a batch is a transaction of its own.
#[tokio::test(flavor = "multi_thread")]
async fn without_its_begin_a_batch_is_nothing() {
    let Some((f, straight, wishes)) = behind_a_proxy().await else { return };
    f.commit(vec![insert(&f.account("ann"))]).await.unwrap();
    wishes.spoil_begin.store(true, Ordering::SeqCst);
    let refused = f.commit(vec![insert(&f.account("bob")), insert(&f.account("cid"))]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(straight.store.count(&Account::BY_NAME.under(&()), 9).await.unwrap(), 1);
    wishes.spoil_begin.store(false, Ordering::SeqCst);
    f.commit(vec![insert(&f.account("bob"))]).await.unwrap();
}

/// A connection that dies at the COMMIT leaves an outcome that is settled: it happened once, or runs again.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_connection_dies_is_settled() {
    let Some((f, straight, wishes)) = behind_a_proxy().await else { return };
    let ann = f.account("ann");
    f.insert(&ann).await;
    add_one(&f.store, &ann).await.unwrap();
    for (cut, expected) in [(1, 2), (2, 3), (1, 4), (2, 5)] {
        wishes.cut_at_commit.store(cut, Ordering::SeqCst);
        add_one(&f.store, &ann).await.unwrap();
        assert_eq!(seats(&straight.store, &ann).await, expected, "cut {cut}");
    }
}

/// Whoever kills connections at random, with units under way: each unit happens once, whatever its caller was told
/// on the way, and none is doubled.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rl5_backends_killed_at_random_double_nothing_and_lose_nothing() {
    let Some(url) = support::empty_schema().await else { return };
    let name = "ciam_killed";
    let f = open(&format!("{url}&application_name={name}"), 8).await;
    let ann = f.account("ann");
    f.insert(&ann).await;
    let (over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
    let killer = tokio::spawn({
        let (client, over) = (connect(&url).await, Arc::clone(&over));
        async move {
            let mut kills = 0;
            while !over.load(Ordering::SeqCst) {
                let text = "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity \
                    WHERE application_name = $1 AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1) AS one";
                kills += client.query_one(text, &[&name]).await.unwrap().get::<_, i64>(0);
            }
            kills
        }
    });
    let workers: Vec<_> = (0..16)
        .map(|_| {
            let (store, ann, done) = (f.store.clone(), ann.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                let (mut refused, mut unsure) = (0, 0);
                for _ in 0..40 {
                    match add_one(&store, &ann).await {
                        Ok(()) => drop(done.fetch_add(1, Ordering::SeqCst)),
                        // It certainly did not happen: only what is unknown may have.
                        Err(StoreError::Unavailable(_) | StoreError::Contended) => refused += 1,
                        // Whoever asked what became of it was killed every time, too.
                        Err(StoreError::Unknown(_)) => unsure += 1,
                        Err(error) => panic!("{error:?}"),
                    }
                }
                (refused, unsure)
            })
        })
        .collect();
    let (mut refused, mut unsure) = (0, 0);
    for worker in workers {
        let (more, unknown) = worker.await.unwrap();
        (refused, unsure) = (refused + more, unsure + unknown);
    }
    over.store(true, Ordering::SeqCst);
    let kills = killer.await.unwrap();
    let done = done.load(Ordering::SeqCst);
    println!("{kills} kills, {done} units done, {refused} refused, {unsure} unknown");
    assert!(kills > 10 && done > 0);
    let found = answered(|| f.store.get::<Account>(ann.id)).await.unwrap();
    assert!((done..=done + unsure).contains(&found.seats), "{} kept of {done} done, {unsure} unknown", found.seats);
}

/// What is asked of a pool that may hold dead connections still.
async fn answered<T, F: Future<Output = Result<T, StoreError>>>(ask: impl Fn() -> F) -> T {
    for _ in 0..20 {
        if let Ok(answer) = ask().await {
            return answer;
        }
    }
    panic!("the pool does not recover")
}

/// A server that crashes and comes back under load: callers hear within bounds, and afterwards all is as acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rl5_a_server_that_restarts_under_load_doubles_nothing() {
    let Some(mut server) = tokio::task::spawn_blocking(Server::start).await.unwrap() else { return };
    let options = PostgresOptions::new(&server.url()).unwrap().statement_timeout(Duration::from_secs(1));
    let store = Arc::new(options.connections(8).open().await.unwrap());
    let f = Fixture::new(Arc::<PostgresStore>::clone(&store)).await;
    let ann = f.account("ann");
    f.insert(&ann).await;
    let over = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..16)
        .map(|_| {
            let (store, ann, over) = (f.store.clone(), ann.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                let (mut done, mut unsure) = (0, 0);
                while !over.load(Ordering::SeqCst) {
                    let bounded = tokio::time::timeout(Duration::from_secs(60), add_one(&store, &ann));
                    match bounded.await.expect("a caller is answered") {
                        Ok(()) => done += 1,
                        Err(StoreError::Unknown(_)) => unsure += 1,
                        Err(StoreError::Unavailable(_) | StoreError::Contended) => tokio::task::yield_now().await,
                        Err(error) => panic!("{error:?}"),
                    }
                }
                (done, unsure)
            })
        })
        .collect();
    for _ in 0..3 {
        let before = seats_when_it_answers(&f, &ann).await;
        while seats_when_it_answers(&f, &ann).await < before + 20 {}
        server = tokio::task::spawn_blocking(move || {
            server.restart();
            server
        })
        .await
        .unwrap();
    }
    let before = seats_when_it_answers(&f, &ann).await;
    while seats_when_it_answers(&f, &ann).await < before + 20 {}
    over.store(true, Ordering::SeqCst);
    let (mut done, mut unsure) = (0, 0);
    for worker in workers {
        let (more, unknown) = worker.await.unwrap();
        (done, unsure) = (done + more, unsure + unknown);
    }
    let found = seats_when_it_answers(&f, &ann).await;
    println!("{done} acknowledged, {unsure} unknown, {found} kept");
    assert!((done..=done + unsure).contains(&found), "{done} acknowledged, {unsure} unknown, {found} kept");
    store.ping().await.unwrap();
    assert_eq!(store.statistics().waiting, 0);
}

async fn seats_when_it_answers(f: &Fixture, account: &Account) -> i64 {
    let patience = std::time::Instant::now() + Duration::from_secs(60);
    loop {
        match f.store.get::<Account>(account.id).await {
            Ok(found) => return found.unwrap().seats,
            Err(error) => assert!(std::time::Instant::now() < patience, "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A follower that keeps its place misses nothing of 32 writers, also beside a transaction that began before them all
/// and is still open.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tail_misses_nothing_of_thirty_two_writers() {
    let Some(url) = support::empty_schema().await else { return };
    let f = open(&url, 32).await;
    let mut slow = connect(&url).await;
    slow.batch_execute("CREATE TABLE of_the_host (id bigint)").await.unwrap();
    let open_for_long = slow.transaction().await.unwrap();
    open_for_long.execute("INSERT INTO of_the_host VALUES (1)", &[]).await.unwrap();

    let over = Arc::new(AtomicBool::new(false));
    let follower = tokio::spawn({
        let (store, over) = (f.store.clone(), Arc::clone(&over));
        async move {
            let mut seen: Vec<(Position, Event)> = Vec::new();
            loop {
                let last_round = over.load(Ordering::SeqCst);
                let after = seen.last().map_or(Position::START, |(at, _)| *at);
                let next = store.tail::<Event>(after, 50).await.unwrap();
                if last_round && next.is_empty() && seen.len() >= 32 * 20 {
                    return seen;
                }
                seen.extend(next);
            }
        }
    });
    let writers: Vec<_> = (0..32)
        .map(|_| {
            let store = f.store.clone();
            tokio::spawn(async move {
                for _ in 0..20 {
                    let done: Result<(), StoreError> = store
                        .transact(|work| async move { work.record(NewEvent::new("a.thing", &Cause::system())) })
                        .await;
                    done.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(
        f.store.tail::<Event>(Position::START, 1).await.unwrap().is_empty(),
        "what may still get an earlier event before it is held back"
    );
    open_for_long.commit().await.unwrap();
    over.store(true, Ordering::SeqCst);
    let seen = tokio::time::timeout(Duration::from_secs(60), follower).await.expect("it misses some").unwrap();
    assert!(seen.is_sorted_by(|(a, _), (b, _)| a < b));
    assert_eq!(seen.iter().map(|(_, event)| event.id).collect::<HashSet<_>>().len(), 32 * 20);
}

/// A transaction of anybody that stays open holds the stream back; metrics and the doctor say so.
#[tokio::test(flavor = "multi_thread")]
async fn for_how_long_the_stream_is_held_back_is_told() {
    let Some(url) = support::empty_schema().await else { return };
    let f = open(&url, 2).await;
    let mut host = connect(&url).await;
    let held = host.transaction().await.unwrap();
    held.execute("SELECT pg_current_xact_id()", &[]).await.unwrap();
    let recorded: Result<(), StoreError> =
        f.store.transact(|work| async move { work.record(NewEvent::new("a.thing", &Cause::system())) }).await;
    recorded.unwrap();
    f.clock.advance(Duration::from_secs(90));
    let lag = async || f.backend.pressure(RealmId::DEFAULT, f.now()).await.unwrap().stream_lag;
    assert_eq!(lag().await, Duration::from_secs(90));
    let options = PostgresOptions::new(&url).unwrap();
    let found = PostgresInspection::of(&options, &Schema::new(), f.now()).await.unwrap();
    assert!(found.oldest_open.is_some() && found.version >= 15 && !found.standby, "{found:?}");
    held.commit().await.unwrap();
    let patience = std::time::Instant::now() + Duration::from_secs(20);
    while lag().await > Duration::ZERO {
        assert!(std::time::Instant::now() < patience, "it is still held back");
    }
    assert_eq!(f.store.tail::<Event>(Position::START, 9).await.unwrap().len(), 1);
}

/// A database that is restored into a server that counts transactions from a lower number goes on with later places.
#[tokio::test(flavor = "multi_thread")]
async fn the_stream_of_a_database_that_has_moved_goes_on() {
    let Some(url) = support::empty_schema().await else { return };
    let record = async |f: &Fixture, name: &'static str| {
        let done: Result<(), StoreError> =
            f.store.transact(|work| async move { work.record(NewEvent::new(name, &Cause::system())) }).await;
        done.unwrap();
    };
    let f = open(&url, 2).await;
    record(&f, "before.one").await;
    record(&f, "before.two").await;
    // As if this server had yet to begin all of the old one's transactions.
    connect(&url).await.batch_execute("UPDATE ciam_events SET major = major + 1000000000").await.unwrap();
    for round in 0..2 {
        let f = open(&url, 2).await;
        let old = f.store.tail::<Event>(Position::START, 9).await.unwrap();
        assert_eq!(old.len(), 2 + round, "what was committed elsewhere is seen");
        let (last, _) = old.last().unwrap();
        record(&f, "after").await;
        let patience = std::time::Instant::now() + Duration::from_secs(20);
        let new = loop {
            let new = f.store.tail::<Event>(*last, 9).await.unwrap();
            if !new.is_empty() || std::time::Instant::now() > patience {
                break new;
            }
        };
        assert_eq!(new.iter().map(|(_, event)| event.name.as_str()).collect::<Vec<_>>(), ["after"]);
    }
}

/// A row of the host's that refers to a user keeps it; the host reads ciam's tables by their names.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_the_host_refers_to_is_not_removed() {
    let Some(url) = support::empty_schema().await else { return };
    let f = open(&url, 2).await;
    let (ann, bob) = (f.account("ann"), f.account("bob"));
    let versions = [f.insert(&ann).await, f.insert(&bob).await];
    let host = connect(&url).await;
    host.batch_execute("CREATE TABLE orders (buyer uuid REFERENCES ciam_suite_accounts (id), owner uuid REFERENCES ciam_suite_accounts (id) DEFERRABLE INITIALLY DEFERRED)").await.unwrap();
    let [ann, bob] = [&ann, &bob].map(|account| RecordKey {
        collection: Account::COLLECTION.name(),
        id: ciam_core::id::RecordId::uuid(account.id),
    });
    host.execute("INSERT INTO orders VALUES ($1, $2)", &[&ann.id, &bob.id]).await.unwrap();
    for (key, expected) in [(ann, versions[0]), (bob, versions[1])] {
        let refused = f.commit(vec![Op::Remove { key, expected }]).await;
        assert!(matches!(refused, Err(StoreError::Referenced)), "{refused:?}");
        assert!(f.backend.read(RealmId::DEFAULT, f.now(), &[key]).await.unwrap()[0].is_some());
    }
}

/// A statement that takes too long is given up, and nothing of it is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_waits_too_long_is_given_up() {
    let Some(url) = support::empty_schema().await else { return };
    let options = PostgresOptions::new(&url).unwrap().statement_timeout(Duration::from_secs(1));
    let f = Fixture::new(Arc::new(options.open().await.unwrap())).await;
    let ann = f.account("ann");
    f.insert(&ann).await;
    let mut host = connect(&url).await;
    let held = host.transaction().await.unwrap();
    held.execute("SELECT 1 FROM ciam_suite_accounts FOR UPDATE", &[]).await.unwrap();
    let given_up = add_one(&f.store, &ann).await;
    assert!(matches!(given_up, Err(StoreError::Unavailable(_))), "{given_up:?}");
    held.rollback().await.unwrap();
    add_one(&f.store, &ann).await.unwrap();
    assert_eq!(seats(&f.store, &ann).await, 1);
}

/// Searches that hang hold a quarter of the connections, and nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn searches_leave_connections_to_everybody_else() {
    let Some(url) = support::empty_schema().await else { return };
    let options = PostgresOptions::new(&url).unwrap().connections(4).statement_timeout(Duration::from_mins(1));
    let f = Fixture::new(Arc::new(options.open().await.unwrap())).await;
    let mut other = connect(&url).await;
    let lock = other.transaction().await.unwrap();
    lock.batch_execute(&format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", accounts())).await.unwrap();
    let searches: Vec<_> = (0..8)
        .map(|_| {
            let store = f.store.clone();
            tokio::spawn(async move { store.search(&Search::of(Account::LABEL.contains("a"))).await.map(drop) })
        })
        .collect();
    let hangs = async {
        while waiting_for_locks(&lock).await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), hangs).await.expect("a search waits for the lock");
    for _ in 0..20 {
        assert!(f.store.get::<Ticket>(f.id()).await.unwrap().is_none());
        assert!(waiting_for_locks(&lock).await <= 1);
    }
    lock.rollback().await.unwrap();
    for search in searches {
        search.await.unwrap().unwrap();
    }
}

async fn waiting_for_locks(client: &tokio_postgres::Transaction<'_>) -> i64 {
    let text = format!("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '{}'::regclass", accounts());
    client.query_one(&text, &[]).await.unwrap().get(0)
}

fn accounts() -> String {
    format!("ciam_{}", Account::COLLECTION.name())
}

/// A statement whose parameters cannot be sent keeps the rest of its batch from being sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_with_a_value_of_another_type_is_refused_whole() {
    let Some(url) = support::empty_schema().await else { return };
    let f = open(&url, 1).await;
    let other_type = "ALTER TABLE ciam_suite_tickets ALTER COLUMN code TYPE varchar(99)";
    connect(&url).await.batch_execute(other_type).await.unwrap();
    let ticket = f.ticket("t");
    let ticket = Op::Insert { collection: "suite_tickets", record: ticket.encoded() };
    let refused = f.commit(vec![insert(&f.account("ann")), ticket, insert(&f.account("bob"))]).await;
    assert!(matches!(refused, Err(StoreError::Misuse(_))), "{refused:?}");
    assert_eq!(f.store.count(&Account::BY_NAME.under(&()), 9).await.unwrap(), 0);
    let units: i64 = connect(&url).await.query_one("SELECT count(*) FROM ciam_units", &[]).await.unwrap().get(0);
    assert_eq!(units, 0);
}

/// What the server repeats of a row, to say why it refuses it, is in no text that may be logged.
#[tokio::test(flavor = "multi_thread")]
async fn lg1_what_the_server_repeats_of_a_row_is_in_no_error() {
    let Some(url) = support::empty_schema().await else { return };
    let f = open(&url, 2).await;
    let canary = "canary-7f3a";
    let hosts_own = "ALTER TABLE ciam_suite_accounts ADD CONSTRAINT hosts_own CHECK (label <> 'canary-7f3a')";
    connect(&url).await.batch_execute(hosts_own).await.unwrap();
    let account = &Account { label: canary.to_owned(), ..f.account("ann") };
    let inserted = f.store.transact(|work| async move { work.insert(account) }).await;
    let loaded = f.store.load(std::slice::from_ref(account), |work, account| async move { work.insert(account) }).await;
    for refused in [inserted].into_iter().chain(loaded) {
        let error: StoreError = refused.unwrap_err();
        let said = format!("{} {error:?}", ciam_core::with_causes(&error));
        assert!(said.contains("hosts_own") && said.contains("violates check constraint"), "{said}");
        assert!(!said.contains(canary), "{said}");
    }
}

ciam_core::id!(RoomId, "troom", "A room.");

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Room {
    id: RoomId,
}

impl Record for Room {
    type Id = RoomId;
    /// As long as a name may be.
    const COLLECTION: Collection<Self> =
        Collection::new("rooms_which_have_a_name_as_long_as_a_name_can_be").announced();

    fn id(&self) -> RoomId {
        self.id
    }
}

/// Notes what it is told.
#[derive(Debug, Default)]
struct Heard {
    connected: AtomicBool,
    ids: Mutex<HashSet<Uuid>>,
}

impl Listener for Heard {
    fn changed(&self, collection: &str, id: Uuid) {
        assert_eq!(collection, Room::COLLECTION.name());
        self.ids.lock().unwrap().insert(id);
    }

    fn connected(&self) {
        self.connected.store(true, Ordering::SeqCst);
    }

    fn lost(&self) {}

    fn is_gone(&self) -> bool {
        false
    }
}

/// However long the names are, and however many records one unit changes, all of them are told.
#[tokio::test(flavor = "multi_thread")]
async fn se2_as_many_records_as_a_unit_holds_are_announced() {
    let Some(url) = support::empty_schema().await else { return };
    assert_eq!(Room::COLLECTION.name().len(), 48);
    let options = PostgresOptions::new(&url).unwrap().connections(2).migrations(Migrations::Apply);
    let f = Fixture::new(Arc::new(options.open().await.unwrap())).await;
    f.backend.prepare(&Schema::new().with::<Room>()).await.unwrap();
    let heard = Arc::new(Heard::default());
    assert!(f.backend.listen(heard.clone()));
    let rooms: Vec<Room> = (0..250).map(|_| Room { id: f.id() }).collect();
    let rooms = &rooms;
    let insert = |work: Work| async move { rooms.iter().try_for_each(|room| work.insert(room)) };
    f.store.transact(insert).await.unwrap();
    let patience = std::time::Instant::now() + Duration::from_secs(60);
    while !heard.connected.load(Ordering::SeqCst) {
        assert!(std::time::Instant::now() < patience, "it does not listen");
        tokio::task::yield_now().await;
    }
    let remove = |work: Work| async move {
        for room in rooms {
            work.take::<Room>(room.id).await?;
        }
        Ok::<(), StoreError>(())
    };
    f.store.transact(remove).await.unwrap();
    while heard.ids.lock().unwrap().len() < rooms.len() {
        assert!(std::time::Instant::now() < patience, "some are not told");
        tokio::task::yield_now().await;
    }
    let told = heard.ids.lock().unwrap().clone();
    assert_eq!(told, rooms.iter().map(|room| room.id.uuid()).collect());
}

/// Of several servers only the one is asked that can be written to, whichever is named first, and also when another has
/// taken over and the old one comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn se2_no_connection_is_one_to_a_standby() {
    let started = tokio::task::spawn_blocking(|| {
        let first = Server::start()?;
        let other = first.standby();
        Some((first, other))
    });
    let Some((mut first, other)) = started.await.unwrap() else { return };
    let both = |a: &Server, b: &Server| format!("postgres://ciam@{},{}/postgres", a.address(), b.address());
    let stores = [open(&both(&first, &other), 4).await, open(&both(&other, &first), 4).await];
    let ann = stores[0].account("ann");
    stores[0].insert(&ann).await;
    let of_the_first = open(&first.url(), 4).await;
    everybody_reads(&of_the_first, &ann, 0).await;
    // It is as it is asked for.
    open(&format!("{}?target_session_attrs=read-write", first.url()), 1).await;
    let alone = PostgresOptions::new(&other.url()).unwrap().open().await;
    assert!(matches!(&alone, Err(StoreError::Unopened(why)) if why.contains("standby")), "{alone:?}");
    // The doctor looks at it all the same.
    let options = PostgresOptions::new(&other.url()).unwrap();
    assert!(PostgresInspection::of(&options, &Schema::new(), stores[0].now()).await.unwrap().standby);

    let reader = connect(&other.url()).await;
    let patience = std::time::Instant::now() + Duration::from_secs(60);
    let kept = "SELECT count(*) FROM ciam_suite_accounts";
    while !reader.query_one(kept, &[]).await.is_ok_and(|row| row.get::<_, i64>(0) == 1) {
        assert!(std::time::Instant::now() < patience, "the standby does not follow");
    }
    for f in &stores {
        everybody_reads(f, &ann, 0).await;
    }
    assert_eq!(connections_of_ciam(&reader).await, 0, "of the standby");

    let first = tokio::task::spawn_blocking(move || {
        first.restart_as_standby();
        first
    });
    let (first, other) = (first.await.unwrap(), other);
    let promoted = tokio::task::spawn_blocking(move || {
        other.promote();
        other
    });
    let other = promoted.await.unwrap();
    for (f, expected) in stores.iter().zip(1..) {
        while add_one(&f.store, &ann).await.is_err() {
            assert!(std::time::Instant::now() < patience, "nothing is written after the failover");
        }
        everybody_reads(f, &ann, expected).await;
    }
    for _ in 0..20 {
        let refused = of_the_first.store.get::<Account>(ann.id).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
    assert_eq!(connections_of_ciam(&connect(&first.url()).await).await, 0, "of the old primary");
    assert!(connections_of_ciam(&connect(&other.url()).await).await > 0, "of the new one");
}

/// Reads over every connection that there can be, and finds what was written last.
async fn everybody_reads(f: &Fixture, account: &Account, expected: i64) {
    let readers: Vec<_> = (0..64)
        .map(|_| {
            let (f, account) = (f.clone(), account.clone());
            tokio::spawn(async move { seats_when_it_answers(&f, &account).await })
        })
        .collect();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), expected);
    }
}

async fn connections_of_ciam(client: &Client) -> i64 {
    let text = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'ciam%'";
    client.query_one(text, &[]).await.unwrap().get(0)
}
