//! Importing users with all their records, beside the floor: the same rows, bare, into tables without an index.
//!
//! `CIAM_BENCH_USERS` says how many (100,000 by default); `CIAM_TEST_POSTGRES` where a PostgreSQL is, without which it
//! is left out. Prints rows a second, their ratio, and the most memory that the process held. Without `--bench`, as
//! `cargo test` runs it, a thousand users, to see that it works.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use ciam_core::Ciam;
use ciam_core::events::Cause;
use ciam_core::messages::Mailbox;
use ciam_core::passwords::PasswordHash;
use ciam_core::store::Backend;
use ciam_core::users::{DisplayName, NewUser};
use ciam_store::{PostgresStore, SqliteStore};
use rusqlite::Connection;
use tokio_postgres::NoTls;

#[path = "../tests/support/schema.rs"]
mod schema;

/// User, standing, identifier, credential, event.
const ROWS: u64 = 5;
const PIECE: u64 = 10_000;
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IGhlcmU$c29tZSBoYXNoIHRoYXQgbm9ib2R5IGtub3dzIQ";

/// Addresses come in no order, as they do.
fn address(number: u64) -> String {
    format!("{:016x}@example.com", number.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// How long the import took, without taking its lines apart.
async fn import(backend: Arc<dyn Backend>, users: u64) -> Duration {
    let ciam = Ciam::builder().shared_store(backend).messenger(Mailbox::new()).without_workers().build().await.unwrap();
    let mut took = Duration::ZERO;
    for from in (0..users).step_by(PIECE as usize) {
        let mut piece = Vec::new();
        for number in from..users.min(from + PIECE) {
            let new = NewUser::new(address(number).parse::<ciam_core::email::Email>().unwrap())
                .name(DisplayName::parse(&format!("Somebody {number}")).unwrap())
                .password_hash(PasswordHash::from_phc(HASH.to_owned()));
            piece.push(ciam.users().prepare(new).await.unwrap());
        }
        let begun = Instant::now();
        let answers = ciam.users().import(&Cause::system(), &piece).await;
        took += begun.elapsed();
        assert!(answers.iter().all(Result::is_ok));
    }
    took
}

/// A document as long as those of an import are on the whole.
fn document(number: u64) -> String {
    format!("{{\"id\":\"usr_{number:032x}\",\"name\":\"Somebody {number}\",\"rest\":\"{}\"}}", "x".repeat(130))
}

fn sqlite_floor(path: &std::path::Path, users: u64) -> Duration {
    let conn = Connection::open(path).unwrap();
    conn.pragma_update(None, "journal_mode", "WAL").unwrap();
    conn.pragma_update(None, "synchronous", "FULL").unwrap();
    conn.execute_batch("CREATE TABLE floor (id BLOB, realm BLOB, version BLOB, at INTEGER, handle TEXT, doc TEXT)")
        .unwrap();
    let mut insert = conn.prepare("INSERT INTO floor VALUES (?1, ?1, ?1, ?2, ?3, ?4)").unwrap();
    let begun = Instant::now();
    for from in (0..users * ROWS).step_by(10_000) {
        conn.execute_batch("BEGIN IMMEDIATE").unwrap();
        for number in from..(users * ROWS).min(from + 10_000) {
            let id = u128::from(number).to_be_bytes();
            insert.execute((id, number as i64, address(number), document(number))).unwrap();
        }
        conn.execute_batch("COMMIT").unwrap();
    }
    begun.elapsed()
}

async fn postgres_floor(url: &str, users: u64) -> Duration {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let table = "CREATE TABLE floor (id uuid, realm uuid, version uuid, at bigint, handle text, doc json)";
    client.batch_execute(table).await.unwrap();
    let insert = "INSERT INTO floor SELECT c0, c0, c0, c1, c2, c3::json \
        FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[]) AS rows (c0, c1, c2, c3)";
    let insert = client.prepare(insert).await.unwrap();
    let begun = Instant::now();
    for from in (0..users * ROWS).step_by(10_000) {
        let numbers = || from..(users * ROWS).min(from + 10_000);
        let ids: Vec<uuid::Uuid> = numbers().map(|number| uuid::Uuid::from_u128(number.into())).collect();
        let at: Vec<i64> = numbers().map(|number| number as i64).collect();
        let handles: Vec<String> = numbers().map(address).collect();
        let documents: Vec<String> = numbers().map(document).collect();
        client.execute(&insert, &[&ids, &at, &handles, &documents]).await.unwrap();
    }
    begun.elapsed()
}

fn print(engine: &str, users: u64, import: Duration, floor: Duration) {
    let rate = |took: Duration| (users * ROWS) as f64 / took.as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("unknown").trim();
    println!(
        "{engine}: {users} users, {} rows: import {:.0} rows/s ({:.0} users/s), floor {:.0} rows/s, ratio {:.2}; memory at most {peak}",
        users * ROWS,
        rate(import),
        users as f64 / import.as_secs_f64(),
        rate(floor),
        floor.as_secs_f64() / import.as_secs_f64(),
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == "--list") {
        return;
    }
    let measures = arguments.iter().any(|argument| argument == "--bench");
    let users = std::env::var("CIAM_BENCH_USERS").ok().and_then(|users| users.parse().ok());
    let users = users.unwrap_or(if measures { 100_000 } else { 1_000 });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("import.db")).await.unwrap();
        let took = import(Arc::new(store), users).await;
        print("SQLite", users, took, sqlite_floor(&folder.path().join("floor.db"), users));
        if let Some(url) = schema::empty_schema().await {
            let took = import(Arc::new(PostgresStore::open(&url).await.unwrap()), users).await;
            print("PostgreSQL", users, took, postgres_floor(&url, users).await);
        }
    });
}
