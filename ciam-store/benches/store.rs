//! The storage port beside bare rusqlite: reads, batches, and registrations under load.
//!
//! Reads are measured in CPU time of their thread, so that other work on the machine does not count.
//! `CIAM_BENCH_ROWS` sets how many sessions are there to be read (200,000 by default).

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ciam_core::clock::{Clock as _, SystemClock};
use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{MemoryStore, RecordKey, Store};
use ciam_store::SqliteStore;
use cpu_time::ThreadTime;
use criterion::{BenchmarkId, Criterion};
use rusqlite::Connection;
use tokio::runtime::Runtime;
use uuid::Uuid;

#[path = "shop/mod.rs"]
mod shop;
use shop::{Picker, Session, SessionId, entropy, fill, median, micros, prepared, rate, register};

/// The CPU time that this thread spends on so many runs.
fn cpu(times: u64, mut work: impl FnMut()) -> Duration {
    let began = ThreadTime::now();
    (0..times).for_each(|_| work());
    began.elapsed()
}

fn bare(path: &Path) -> Connection {
    let conn = Connection::open(path).unwrap();
    conn.pragma_update(None, "journal_mode", "WAL").unwrap();
    conn.pragma_update(None, "synchronous", "FULL").unwrap();
    conn.pragma_update(None, "cache_size", -16 * 1024).unwrap();
    conn
}

/// A session check, document decoding included, beside the bare prepared statement: interleaved, medians of CPU time.
fn session_check(runtime: &Runtime, store: &Store, conn: &Connection, sessions: &[SessionId]) {
    const TIMES: u32 = 10_000;
    let mut statement = conn.prepare(BARE_GET).unwrap();
    let (mut one, mut two) = (Picker(1), Picker(2));
    let (mut bare, mut port) = (Vec::new(), Vec::new());
    for _ in 0..40 {
        bare.push(micros(cpu(TIMES.into(), || bare_get(&mut statement, one.pick(sessions))) / TIMES));
        port.push(micros(runtime.block_on(async {
            let began = ThreadTime::now();
            for _ in 0..TIMES {
                black_box(store.get::<Session>(two.pick(sessions)).await.unwrap().unwrap());
            }
            began.elapsed() / TIMES
        })));
    }
    let (bare, port) = (median(&mut bare), median(&mut port));
    println!("session check of {} rows: {port:.2} µs of CPU, bare statement {bare:.2} µs", sessions.len());
    println!("ratio of a session check to the bare statement: {:.2}", port / bare);
}

const BARE_GET: &str = "SELECT version, shape, doc FROM ciam_sessions WHERE id = ?1 AND realm = ?2 AND expires_at > ?3";

fn bare_get(statement: &mut rusqlite::Statement<'_>, id: SessionId) {
    let params = (id.uuid(), RealmId::DEFAULT.uuid(), SystemClock.now().micros());
    let row: (Uuid, u16, String) =
        statement.query_row(params, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    black_box(row);
}

fn reads(c: &mut Criterion, runtime: &Runtime, path: &Path) {
    let rows = std::env::var("CIAM_BENCH_ROWS").map_or(200_000, |rows| rows.parse().unwrap());
    let backend = runtime.block_on(SqliteStore::open(path)).unwrap();
    let store = runtime.block_on(prepared(Arc::new(backend)));
    let memory = runtime.block_on(prepared(Arc::new(MemoryStore::new())));
    let (sessions, users) = runtime.block_on(fill(&store, rows));
    let (in_memory, _) = runtime.block_on(fill(&memory, rows.min(200_000)));
    let conn = bare(path);
    session_check(runtime, &store, &conn, &sessions);
    let mut group = c.benchmark_group("read");

    group.bench_function(BenchmarkId::new("get", "bare rusqlite, row copied"), |b| {
        let mut statement = conn.prepare(BARE_GET).unwrap();
        let mut picker = Picker(1);
        b.iter_custom(|times| cpu(times, || bare_get(&mut statement, picker.pick(&sessions))));
    });
    for (name, store, sessions) in [("port, sqlite", &store, &sessions), ("port, memory", &memory, &in_memory)] {
        group.bench_function(BenchmarkId::new("get", format!("{name}, row copied")), |b| {
            b.iter_custom(|times| {
                runtime.block_on(async {
                    let mut picker = Picker(1);
                    let began = ThreadTime::now();
                    for _ in 0..times {
                        let key = RecordKey { collection: "sessions", id: picker.pick(sessions).uuid() };
                        let now = SystemClock.now();
                        black_box(store.backend().read(RealmId::DEFAULT, now, &[key]).await.unwrap());
                    }
                    began.elapsed()
                })
            });
        });
        group.bench_function(BenchmarkId::new("get", format!("{name}, decoded")), |b| {
            b.iter_custom(|times| {
                runtime.block_on(async {
                    let mut picker = Picker(1);
                    let began = ThreadTime::now();
                    for _ in 0..times {
                        let session = store.get::<Session>(picker.pick(sessions)).await.unwrap();
                        black_box(session.unwrap());
                    }
                    began.elapsed()
                })
            });
        });
    }
    group.bench_function(BenchmarkId::new("find two", "bare rusqlite, rows copied"), |b| {
        let mut statement = conn
            .prepare(
                "SELECT id, version, shape, doc FROM ciam_sessions WHERE realm = ?1 AND user = ?2 AND expires_at > ?3 \
                 ORDER BY id LIMIT 100",
            )
            .unwrap();
        let mut picker = Picker(1);
        b.iter_custom(|times| {
            cpu(times, || {
                let params = (RealmId::DEFAULT.uuid(), picker.pick(&users).uuid(), SystemClock.now().micros());
                let rows: Vec<(Uuid, Uuid, u16, String)> = statement
                    .query_map(params, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
                    .unwrap()
                    .map(Result::unwrap)
                    .collect();
                assert_eq!(black_box(rows).len(), 2);
            })
        });
    });
    group.bench_function(BenchmarkId::new("find two", "port, sqlite, decoded"), |b| {
        b.iter_custom(|times| {
            runtime.block_on(async {
                let mut picker = Picker(1);
                let began = ThreadTime::now();
                for _ in 0..times {
                    let page = store.find(&Session::BY_USER.eq(&picker.pick(&users))).await.unwrap();
                    assert_eq!(black_box(page).items.len(), 2);
                }
                began.elapsed()
            })
        });
    });
    group.bench_function(BenchmarkId::new("count two", "port, sqlite"), |b| {
        b.iter_custom(|times| {
            runtime.block_on(async {
                let mut picker = Picker(1);
                let began = ThreadTime::now();
                for _ in 0..times {
                    let query = Session::BY_USER.eq(&picker.pick(&users));
                    assert_eq!(black_box(store.count(&query, 10).await.unwrap()), 2);
                }
                began.elapsed()
            })
        });
    });
    group.finish();
}

fn batches(c: &mut Criterion, runtime: &Runtime, path: &Path) {
    let backend = runtime.block_on(SqliteStore::open(path)).unwrap();
    let sqlite = runtime.block_on(prepared(Arc::new(backend)));
    let memory = runtime.block_on(prepared(Arc::new(MemoryStore::new())));
    let mut group = c.benchmark_group("registration, one after another");
    for (name, store) in [("port, sqlite", &sqlite), ("port, memory", &memory)] {
        group.bench_function(name, |b| b.iter(|| runtime.block_on(register(store))));
    }
    let conn = bare(path);
    group.bench_function("bare rusqlite", |b| b.iter(|| register_bare(&conn)));
    group.finish();
}

/// The same four rows by hand, in a transaction of their own.
fn register_bare(conn: &Connection) {
    let (random, now) = (entropy(), SystemClock.now());
    let new = || random.uuid(now);
    let (user, realm, version, at) = (new(), RealmId::DEFAULT.uuid(), new(), now.micros());
    let doc =
        format!("{{\"id\":\"{user}\",\"status\":\"active\",\"epoch\":0,\"hash\":\"{}\"}}", "$argon2id$".repeat(10));
    let run = |text: &str, params: &[&dyn rusqlite::ToSql]| conn.prepare_cached(text).unwrap().execute(params).unwrap();
    run("BEGIN IMMEDIATE", &[]);
    let row = "id, realm, version, shape, created_at, updated_at, doc";
    run(
        &format!("INSERT INTO ciam_users ({row}) VALUES (?, ?, ?, 1, ?, ?, ?)"),
        &[&user, &realm, &version, &at, &at, &doc],
    );
    let text = format!("{user}@example.com");
    run(
        &format!("INSERT INTO ciam_addresses ({row}, text, user) VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?)"),
        &[&new(), &realm, &version, &at, &at, &doc, &text, &user],
    );
    run(
        &format!("INSERT INTO ciam_passwords ({row}, user) VALUES (?, ?, ?, 1, ?, ?, ?, ?)"),
        &[&new(), &realm, &version, &at, &at, &doc, &user],
    );
    run(
        &format!("INSERT INTO ciam_events ({row}, subject, at) VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?)"),
        &[&new(), &realm, &version, &at, &at, &doc, &user, &at],
    );
    run("COMMIT", &[]);
}

fn bare_rate(conn: &Connection, time: Duration) -> f64 {
    let began = Instant::now();
    let mut done = 0_u32;
    while began.elapsed() < time {
        register_bare(conn);
        done += 1;
    }
    f64::from(done) / began.elapsed().as_secs_f64()
}

/// One append of a registration's size and an fdatasync, the floor of anything durable.
fn append_rate(path: &Path, time: Duration) -> f64 {
    use std::io::Write as _;
    let mut file = std::fs::File::create(path).unwrap();
    let (began, mut done) = (Instant::now(), 0_u32);
    while began.elapsed() < time {
        file.write_all(&[7; 1024]).unwrap();
        file.sync_data().unwrap();
        done += 1;
    }
    f64::from(done) / began.elapsed().as_secs_f64()
}

/// Group commit beside one COMMIT each: interleaved runs, medians, and their ratio.
fn group_commit(runtime: &Runtime, dir: &Path) {
    let time = Duration::from_millis(1500);
    let grouped_path = dir.join("grouped.db");
    let backend = Arc::new(runtime.block_on(SqliteStore::open(&grouped_path)).unwrap());
    let store = runtime.block_on(prepared(Arc::<SqliteStore>::clone(&backend)));
    let single_path = dir.join("single.db");
    let other = runtime.block_on(SqliteStore::open(&single_path)).unwrap();
    runtime.block_on(prepared(Arc::new(other)));
    let conn = bare(&single_path);
    let (mut grouped, mut single, mut append) = (Vec::new(), Vec::new(), Vec::new());
    let before = backend.statistics();
    for _ in 0..5 {
        grouped.push(rate(runtime, &store, 256, time));
        single.push(bare_rate(&conn, time));
        append.push(append_rate(&dir.join("append"), time));
    }
    let after = backend.statistics();
    let (grouped, single, append) = (median(&mut grouped), median(&mut single), median(&mut append));
    let a_commit = (after.writes - before.writes) as f64 / (after.commits - before.commits) as f64;
    println!("registration, durable, 256 in flight, group commit: {grouped:.0}/s ({a_commit:.0} a commit)");
    println!("registration, durable, one commit each, bare rusqlite: {single:.0}/s");
    println!("append of 1 KiB and fdatasync: {append:.0}/s");
    println!("ratio of group commit to one commit each: {:.1}", grouped / single);
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut criterion = Criterion::default().configure_from_args();
    reads(&mut criterion, &runtime, &dir.path().join("reads.db"));
    batches(&mut criterion, &runtime, &dir.path().join("batches.db"));
    group_commit(&runtime, dir.path());
    criterion.final_summary();
}
