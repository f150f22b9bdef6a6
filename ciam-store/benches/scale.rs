//! What a read and a write cost from a thousand to a million users, on both SQL stores, in one run.
//!
//! `CIAM_BENCH_USERS` is the largest number (1,000,000 by default). PostgreSQL is left out without `CIAM_TEST_POSTGRES`.
//! Reads and writes on SQLite are CPU time; on PostgreSQL, where the work is the server's, the wall's.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use ciam_core::UserId;
use ciam_core::clock::{Clock as _, SystemClock};
use ciam_core::store::{Store, StoreError, Work};
use ciam_store::{PostgresOptions, SqliteStore};
use cpu_time::ProcessTime;
use tokio::runtime::Runtime;

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

/// Microseconds for a session by its id, an address by its text, and a registration.
async fn costs(store: &Store, people: &People, watch: Watch) -> [f64; 3] {
    const READS: u32 = 2000;
    const WRITES: u32 = 500;
    let mut picker = Picker(7);
    let (mut by_id, mut by_text, mut written) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..9 {
        let began = watch();
        for _ in 0..READS {
            std::hint::black_box(store.get::<Session>(picker.pick(&people.sessions)).await.unwrap().unwrap());
        }
        by_id.push(micros(began() / READS));
        let began = watch();
        for _ in 0..READS {
            let text = Address::text_of(picker.pick(&people.users));
            let found = store.find(&Address::BY_TEXT.eq(&text)).await.unwrap();
            assert_eq!(std::hint::black_box(found).items.len(), 1);
        }
        by_text.push(micros(began() / READS));
        let began = watch();
        for _ in 0..WRITES {
            register(store).await;
        }
        written.push(micros(began() / WRITES));
    }
    [median(&mut by_id), median(&mut by_text), median(&mut written)]
}

fn table(runtime: &Runtime, name: &str, store: &Store, watch: Watch) {
    let most = std::env::var("CIAM_BENCH_USERS").map_or(1_000_000, |users| users.parse().unwrap());
    println!("{name}: users, µs for a session by its id, an address by its text, a registration; ratios to the first");
    let (mut people, mut first) = (People::default(), None);
    for users in [1_000, 10_000, 100_000, 1_000_000].into_iter().filter(|users| *users <= most) {
        let began = Instant::now();
        runtime.block_on(people.grow(store, users));
        let loaded = began.elapsed();
        let costs = runtime.block_on(costs(store, &people, watch));
        let first = *first.get_or_insert(costs);
        let ratios: Vec<String> = costs.iter().zip(first).map(|(cost, first)| format!("{:.2}", cost / first)).collect();
        let [by_id, by_text, written] = costs;
        println!(
            "{users:>9}: {by_id:>6.1} {by_text:>6.1} {written:>7.1}; {}  (loaded in {:.1} s)",
            ratios.join(" "),
            loaded.as_secs_f64()
        );
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let sqlite = runtime.block_on(async {
        let backend = SqliteStore::open(folder.path().join("scale.db")).await.unwrap();
        prepared(Arc::new(backend)).await
    });
    table(&runtime, "SQLite", &sqlite, by_cpu);
    let Some(url) = runtime.block_on(schema::empty_schema()) else { return println!("PostgreSQL: left out") };
    let postgres = runtime.block_on(async {
        let backend = PostgresOptions::new(&url).unwrap().connections(16).open().await.unwrap();
        prepared(Arc::new(backend)).await
    });
    table(&runtime, "PostgreSQL", &postgres, by_wall);
}
