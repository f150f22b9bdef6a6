//! What a read and a write cost from a thousand to a million users, on both SQL stores, in one run, beside the bare
//! statement over the same rows.
//!
//! `CIAM_BENCH_USERS` is the largest number (1,000,000 by default). PostgreSQL is left out without `CIAM_TEST_POSTGRES`.
//! Reads and writes on SQLite are CPU time; on PostgreSQL, where the work is the server's, the wall's.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ciam_core::UserId;
use ciam_core::clock::{Clock as _, SystemClock};
use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{Store, StoreError, Work};
use ciam_store::{PostgresOptions, SqliteStore};
use cpu_time::ProcessTime;
use tokio::runtime::Runtime;
use uuid::Uuid;

#[path = "../tests/support/schema.rs"]
mod schema;
#[path = "shop/mod.rs"]
mod shop;
use shop::{Address, Picker, Session, SessionId, entropy, median, micros, prepared, register, register_in};

/// How many people are loaded at once.
const PIECE: usize = 20_000;

/// What a store holds.
#[derive(Default)]
struct People {
    users: Vec<UserId>,
    sessions: Vec<SessionId>,
}

impl People {
    /// Loads so many that there are `to`.
    async fn grow(&mut self, store: &Store, to: usize) {
        while self.users.len() < to {
            let (random, now) = (entropy(), SystemClock.now());
            let some = PIECE.min(to - self.users.len());
            let people: Vec<(UserId, SessionId)> = (0..some).map(|_| (random.id(now), random.id(now))).collect();
            let answers = store.load(&people, |work: Work, (user, session)| async move {
                register_in(&work, *user)?;
                work.insert(&Session::new(*session, *user, work.now()))?;
                Ok::<_, StoreError>(())
            });
            assert!(answers.await.iter().all(Result::is_ok));
            self.users.extend(people.iter().map(|(user, _)| *user));
            self.sessions.extend(people.iter().map(|(_, session)| *session));
        }
    }
}

/// The two reads as statements of the bare driver: over one connection, opened as the store opens its own.
enum Bare {
    Sqlite(rusqlite::Connection),
    Postgres { client: tokio_postgres::Client, statements: Box<[tokio_postgres::Statement; 2]> },
}

const BY_ID: &str = "SELECT version, shape, doc FROM ciam_sessions WHERE id = ?1 AND realm = ?2 AND expires_at > ?3";
const BY_TEXT: &str = "SELECT id, version, shape, doc FROM ciam_addresses WHERE realm = ?1 AND text = ?2";

impl Bare {
    fn sqlite(path: &Path) -> Self {
        let connection = rusqlite::Connection::open(path).unwrap();
        connection.pragma_update(None, "query_only", true).unwrap();
        connection.pragma_update(None, "cache_size", -2 * 1024).unwrap();
        Self::Sqlite(connection)
    }

    async fn postgres(url: &str) -> Self {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let by_id =
            "SELECT version, shape, doc::text FROM ciam_sessions WHERE id = $1 AND realm = $2 AND expires_at > now()";
        let by_text = "SELECT id, version, shape, doc::text FROM ciam_addresses WHERE realm = $1 AND text = $2";
        let statements = [client.prepare(by_id).await.unwrap(), client.prepare(by_text).await.unwrap()];
        Self::Postgres { client, statements: Box::new(statements) }
    }

    async fn session(&self, id: SessionId) {
        let (id, realm) = (id.uuid(), RealmId::DEFAULT.uuid());
        match self {
            Self::Sqlite(connection) => {
                let params = (id, realm, SystemClock.now().micros());
                let row: (Uuid, u16, String) = connection
                    .prepare_cached(BY_ID)
                    .and_then(|mut get| get.query_row(params, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))))
                    .unwrap();
                black_box(row);
            }
            Self::Postgres { client, statements } => {
                let row = client.query_one(&statements[0], &[&id, &realm]).await.unwrap();
                let row: (Uuid, i32, String) = (row.get(0), row.get(1), row.get(2));
                black_box(row);
            }
        }
    }

    async fn address(&self, text: &str) {
        let realm = RealmId::DEFAULT.uuid();
        match self {
            Self::Sqlite(connection) => {
                let row: (Uuid, Uuid, u16, String) = connection
                    .prepare_cached(BY_TEXT)
                    .and_then(|mut find| {
                        find.query_row((realm, text), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
                    })
                    .unwrap();
                black_box(row);
            }
            Self::Postgres { client, statements } => {
                let row = client.query_one(&statements[1], &[&realm, &text]).await.unwrap();
                let row: (Uuid, Uuid, i32, String) = (row.get(0), row.get(1), row.get(2), row.get(3));
                black_box(row);
            }
        }
    }

    /// Waits until the server is done with what was loaded, as it is where people registered over months.
    async fn settle(&self) {
        if let Self::Postgres { client, .. } = self {
            client.batch_execute("VACUUM (ANALYZE)").await.unwrap();
            client.batch_execute("CHECKPOINT").await.unwrap();
        }
    }
}

/// Begins to measure; what it gives says how long it has been since.
type Watch = fn() -> Box<dyn Fn() -> Duration>;

fn by_cpu() -> Box<dyn Fn() -> Duration> {
    let began = ProcessTime::now();
    Box::new(move || began.elapsed())
}

fn by_wall() -> Box<dyn Fn() -> Duration> {
    let began = Instant::now();
    Box::new(move || began.elapsed())
}

/// How often this thread has asked the kernel for bytes so far: for SQLite, which reads on the calling thread, the pages
/// that were not in its cache. Nothing is known elsewhere than on Linux.
fn fetched() -> u64 {
    let counts = std::fs::read_to_string("/proc/thread-self/io").unwrap_or_default();
    counts.lines().find_map(|line| line.strip_prefix("syscr: ")).map_or(0, |count| count.parse().unwrap())
}

/// Microseconds for a session by its id, an address by its text, both by the bare statement, a registration, and a
/// session by its id right after one; and how many pages the sessions took from the kernel.
#[derive(Clone, Copy)]
struct Costs {
    session: f64,
    bare_session: f64,
    address: f64,
    bare_address: f64,
    registration: f64,
    after_a_commit: f64,
    pages: f64,
    pages_after_a_commit: f64,
}

async fn costs(store: &Store, bare: &Bare, people: &People, watch: Watch) -> Costs {
    const READS: usize = 2000;
    const WRITES: u32 = 500;
    const TURNS: usize = 9;
    let (mut one, mut two) = (Picker(7), Picker(11));
    // What has run for a while has touched what it reads: as many reads as there are pages, or nearly.
    for _ in 0..people.users.len() / 4 {
        black_box(store.get::<Session>(one.pick(&people.sessions)).await.unwrap());
        bare.session(one.pick(&people.sessions)).await;
    }
    let before = fetched();
    let to_count = fetched() - before;
    let mut figures: [Vec<f64>; 8] = Default::default();
    for _ in 0..TURNS {
        let mut turn = [0.0; 8];
        let (began, before) = (watch(), fetched());
        for _ in 0..READS {
            black_box(store.get::<Session>(one.pick(&people.sessions)).await.unwrap().unwrap());
        }
        turn[0] = micros(began()) / READS as f64;
        turn[6] = (fetched() - before - to_count) as f64 / READS as f64;
        let began = watch();
        for _ in 0..READS {
            bare.session(two.pick(&people.sessions)).await;
        }
        turn[1] = micros(began()) / READS as f64;
        let began = watch();
        for _ in 0..READS {
            let text = Address::text_of(one.pick(&people.users));
            let found = store.find(&Address::BY_TEXT.eq(&text)).await.unwrap();
            assert_eq!(black_box(found).items.len(), 1);
        }
        turn[2] = micros(began()) / READS as f64;
        let began = watch();
        for _ in 0..READS {
            bare.address(&Address::text_of(two.pick(&people.users))).await;
        }
        turn[3] = micros(began()) / READS as f64;
        let began = watch();
        for _ in 0..WRITES {
            register(store).await;
        }
        turn[4] = micros(began() / WRITES);
        let (mut after_commits, mut pages) = (Duration::ZERO, 0);
        for _ in 0..WRITES {
            register(store).await;
            let before = fetched();
            let began = watch();
            black_box(store.get::<Session>(one.pick(&people.sessions)).await.unwrap().unwrap());
            after_commits += began();
            pages += fetched() - before - to_count;
        }
        turn[5] = micros(after_commits / WRITES);
        turn[7] = pages as f64 / f64::from(WRITES);
        for (all, figure) in figures.iter_mut().zip(turn) {
            all.push(figure);
        }
    }
    let [session, bare_session, address, bare_address, registration, after_a_commit, pages, pages_after_a_commit] =
        figures.each_mut().map(|all| median(all));
    Costs { session, bare_session, address, bare_address, registration, after_a_commit, pages, pages_after_a_commit }
}

fn table(runtime: &Runtime, name: &str, store: &Store, bare: &Bare, watch: Watch) {
    let most = std::env::var("CIAM_BENCH_USERS").map_or(1_000_000, |users| users.parse().unwrap());
    println!(
        "{name}, µs (ratio to the first row): session by id, bare, port/bare; address by text, bare, port/bare; registration; session after one; pages fetched by a session, and after a registration"
    );
    let (mut people, mut first) = (People::default(), None);
    for users in [1_000, 10_000, 100_000, 1_000_000].into_iter().filter(|users| *users <= most) {
        let began = Instant::now();
        runtime.block_on(people.grow(store, users));
        let loaded = began.elapsed().as_secs_f64();
        runtime.block_on(bare.settle());
        let costs = runtime.block_on(costs(store, bare, &people, watch));
        let first: Costs = *first.get_or_insert(costs);
        let grown = |cost: f64, first: f64| format!("{cost:.1} ({:.2})", cost / first);
        println!(
            "{users:>9}: {} | {} | {:.2} || {} | {} | {:.2} || {} | {} || {:.1} | {:.1}  (loaded in {loaded:.1} s)",
            grown(costs.session, first.session),
            grown(costs.bare_session, first.bare_session),
            costs.session / costs.bare_session,
            grown(costs.address, first.address),
            grown(costs.bare_address, first.bare_address),
            costs.address / costs.bare_address,
            grown(costs.registration, first.registration),
            grown(costs.after_a_commit, first.after_a_commit),
            costs.pages,
            costs.pages_after_a_commit,
        );
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scale.db");
    let sqlite = runtime.block_on(async { prepared(Arc::new(SqliteStore::open(&file).await.unwrap())).await });
    table(&runtime, "SQLite", &sqlite, &Bare::sqlite(&file), by_cpu);
    let Some(url) = runtime.block_on(schema::empty_schema()) else { return println!("PostgreSQL: left out") };
    let (postgres, bare) = runtime.block_on(async {
        let backend = PostgresOptions::new(&url).unwrap().connections(16).open().await.unwrap();
        (prepared(Arc::new(backend)).await, Bare::postgres(&url).await)
    });
    table(&runtime, "PostgreSQL", &postgres, &bare, by_wall);
}
