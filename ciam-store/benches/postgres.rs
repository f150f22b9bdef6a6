//! PostgreSQL behind the storage port beside the bare driver, on one server, in one run.
//!
//! Left out without `CIAM_TEST_POSTGRES`; `DURABLE=1 scripts/services cargo bench …` starts a server that waits for its
//! disk. Times are the wall's, for the work is the server's as well as ours; runs of the two take turns.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use ciam_core::clock::{Clock as _, SystemClock};
use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::Store;
use ciam_store::PostgresOptions;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, Statement};
use uuid::Uuid;

#[path = "../tests/support/schema.rs"]
mod schema;
#[path = "shop/mod.rs"]
mod shop;
use shop::{Picker, Session, SessionId, entropy, fill, median, micros, prepared, rate};

const TURNS: usize = 20;
const SESSIONS: usize = 100_000;

async fn bare(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A session by its id: decoded behind the port, as a row by the bare prepared statement.
async fn session_check(url: &str, store: &Store, sessions: &[SessionId]) {
    const TIMES: u32 = 500;
    let client = bare(url).await;
    let get = "SELECT version, shape, doc::text FROM ciam_sessions WHERE id = $1 AND realm = $2 AND expires_at > now()";
    let get = client.prepare(get).await.unwrap();
    let (mut one, mut two) = (Picker(1), Picker(2));
    let (mut by_driver, mut by_port) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let began = Instant::now();
        for _ in 0..TIMES {
            let (id, realm) = (one.pick(sessions).uuid(), RealmId::DEFAULT.uuid());
            let row = client.query_one(&get, &[&id, &realm]).await.unwrap();
            let row: (Uuid, i32, String) = (row.get(0), row.get(1), row.get(2));
            std::hint::black_box(row);
        }
        by_driver.push(micros(began.elapsed() / TIMES));
        let began = Instant::now();
        for _ in 0..TIMES {
            std::hint::black_box(store.get::<Session>(two.pick(sessions)).await.unwrap().unwrap());
        }
        by_port.push(micros(began.elapsed() / TIMES));
    }
    let (by_driver, by_port) = (median(&mut by_driver), median(&mut by_port));
    println!("session check of {}: {by_port:.0} µs, bare statement {by_driver:.0} µs", sessions.len());
    println!("ratio of a session check to the bare statement: {:.2}", by_port / by_driver);
}

/// The statements of a registration by hand.
struct ByHand {
    client: Client,
    inserts: Vec<Statement>,
}

impl ByHand {
    async fn new(url: &str) -> Self {
        let client = bare(url).await;
        let mut inserts = Vec::new();
        for (table, more, values) in [
            ("users", "", ""),
            ("addresses", ", text, \"user\"", ", $4, $5"),
            ("passwords", ", \"user\"", ", $4"),
            ("events", ", subject, at, major", ", $4, 0, pg_current_xact_id()::text::bigint"),
        ] {
            let row = "id, realm, version, shape, created_at, updated_at, doc";
            let columns = format!("{row}{}{more}", if has_layout(&client, table).await { ", layout" } else { "" });
            let layout = if columns.contains("layout") { ", 1" } else { "" };
            let text = format!(
                "INSERT INTO ciam_{table} ({columns}) VALUES ($1, $2, $1, 1, now(), now(), $3::text::json{layout}{values})"
            );
            inserts.push(client.prepare(&text).await.unwrap());
        }
        Self { client, inserts }
    }

    /// Four rows in a transaction of their own: each statement is answered before the next, as a program does by default,
    /// or all of them are on their way at once.
    async fn register(&mut self, pipelined: bool) {
        let (random, now) = (entropy(), SystemClock.now());
        let ids: Vec<Uuid> = (0..4).map(|_| random.uuid(now)).collect();
        let (user, realm) = (ids[0], RealmId::DEFAULT.uuid());
        let doc = format!("{{\"id\":\"{user}\",\"hash\":\"{}\"}}", "$argon2id$".repeat(10));
        let text = format!("{user}@example.com");
        let transaction = self.client.transaction().await.unwrap();
        let [users, addresses, passwords, events] = &self.inserts[..] else { unreachable!() };
        let (users_row, passwords_row, events_row) = (
            [&ids[0] as &(dyn tokio_postgres::types::ToSql + Sync), &realm, &doc],
            [&ids[2] as &(dyn tokio_postgres::types::ToSql + Sync), &realm, &doc, &user],
            [&ids[3] as &(dyn tokio_postgres::types::ToSql + Sync), &realm, &doc, &user],
        );
        let addresses_row = [&ids[1] as &(dyn tokio_postgres::types::ToSql + Sync), &realm, &doc, &text, &user];
        if pipelined {
            let (a, b, c, d) = tokio::join!(
                transaction.execute(users, &users_row),
                transaction.execute(addresses, &addresses_row),
                transaction.execute(passwords, &passwords_row),
                transaction.execute(events, &events_row),
            );
            for done in [a, b, c, d] {
                done.unwrap();
            }
        } else {
            transaction.execute(users, &users_row).await.unwrap();
            transaction.execute(addresses, &addresses_row).await.unwrap();
            transaction.execute(passwords, &passwords_row).await.unwrap();
            transaction.execute(events, &events_row).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }
}

async fn has_layout(client: &Client, table: &str) -> bool {
    let there = "SELECT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'layout')";
    client.query_one(there, &[&format!("ciam_{table}")]).await.unwrap().get(0)
}

/// Registrations a second over so many connections of the driver's.
async fn rate_by_hand(hands: &mut Vec<ByHand>, pipelined: bool, time: Duration) -> f64 {
    let began = Instant::now();
    let tasks: Vec<_> = hands
        .drain(..)
        .map(|mut hand| {
            tokio::spawn(async move {
                let mut done = 0_u32;
                while began.elapsed() < time {
                    hand.register(pipelined).await;
                    done += 1;
                }
                (hand, done)
            })
        })
        .collect();
    let mut all = 0;
    for task in tasks {
        let (hand, done) = task.await.unwrap();
        hands.push(hand);
        all += done;
    }
    f64::from(all) / began.elapsed().as_secs_f64()
}

fn registrations(runtime: &Runtime, url: &str, store: &Store) {
    const CONNECTIONS: usize = 16;
    let time = Duration::from_millis(1000);
    let mut hands: Vec<ByHand> = Vec::new();
    for _ in 0..CONNECTIONS {
        hands.push(runtime.block_on(ByHand::new(url)));
    }
    for in_flight in [1, CONNECTIONS, 256] {
        let (mut by_port, mut one_by_one, mut pipelined) = (Vec::new(), Vec::new(), Vec::new());
        let mut some: Vec<ByHand> = hands.drain(..in_flight.min(CONNECTIONS)).collect();
        for _ in 0..5 {
            by_port.push(rate(runtime, store, in_flight, time));
            one_by_one.push(runtime.block_on(rate_by_hand(&mut some, false, time)));
            pipelined.push(runtime.block_on(rate_by_hand(&mut some, true, time)));
        }
        hands.append(&mut some);
        let (by_port, one_by_one, pipelined) = (median(&mut by_port), median(&mut one_by_one), median(&mut pipelined));
        println!(
            "registrations, {in_flight} in flight: {by_port:.0}/s; by hand over {} connections {one_by_one:.0}/s, \
             pipelined {pipelined:.0}/s; ratios {:.2}, {:.2}",
            in_flight.min(CONNECTIONS),
            by_port / one_by_one,
            by_port / pipelined
        );
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let Some(url) = runtime.block_on(schema::empty_schema()) else {
        return println!("left out: CIAM_TEST_POSTGRES names no server");
    };
    let store = runtime.block_on(async {
        let backend = PostgresOptions::new(&url).unwrap().connections(16).open().await.unwrap();
        prepared(Arc::new(backend)).await
    });
    let (sessions, _) = runtime.block_on(fill(&store, SESSIONS));
    runtime.block_on(session_check(&url, &store, &sessions));
    registrations(&runtime, &url, &store);
}
