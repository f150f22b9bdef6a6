//! The store in memory is the specification: random batches, questions and searches, put to it, to SQLite and to
//! PostgreSQL side by side, must get the same answers, refusals included. Without a PostgreSQL, that one is left out.
//!
//! Twenty histories of 520 steps; `CIAM_MODEL_SEEDS` says how many otherwise. A failure names its seed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "what these tests need of it is little")]
mod support;

#[path = "support/searches.rs"]
mod searches;

use std::sync::Arc;
use std::time::Duration;

use ciam_core::clock::Timestamp;
use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{
    Batch, Bound, Cursor, MemoryStore, Op, RawQuery, Record as _, RecordKey, Row, StoreError, Value,
};
use ciam_store::SqliteStore;
use ciam_store::conformance::{Account, AccountId, Fixture, Ticket, TicketId};
use uuid::Uuid;

const STEPS: usize = 520;

/// A small generator: the same history for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }

    fn number(&mut self) -> i64 {
        [i64::MIN, -1, 0, 1, 2, 3, i64::MAX][self.roll(7) as usize]
    }

    fn text(&mut self) -> String {
        ["", "a", "A", "ab", "b", "é", "a%"][self.roll(7) as usize].to_owned()
    }

    fn maybe(&mut self) -> Option<String> {
        (self.roll(3) > 0).then(|| self.text())
    }

    fn realm(&mut self) -> RealmId {
        RealmId::from_uuid(Uuid::from_u128(u128::from(self.roll(5) / 4)))
    }
}

/// A backend that must do what memory does.
struct Other {
    fixture: Fixture,
    /// Whether it names the same one of several conditions that fail.
    names_the_first: bool,
}

struct Play {
    memory: Fixture,
    others: Vec<Other>,
    dice: Dice,
}

impl Play {
    fn account(&mut self) -> Account {
        let id = AccountId::from_uuid(Uuid::from_u128(100 + u128::from(self.dice.roll(12))));
        let d = &mut self.dice;
        let (team, handle, rank) = (d.maybe(), d.maybe(), d.roll(4) as i64 - 1);
        Account { handle, team, rank, label: d.text(), ..Account::new(id, &format!("name{}", d.roll(9))) }
    }

    fn ticket(&mut self) -> Ticket {
        let owner = AccountId::from_uuid(Uuid::from_u128(100 + u128::from(self.dice.roll(3))));
        let id = TicketId::from_uuid(Uuid::from_u128(200 + u128::from(self.dice.roll(8))));
        let until = self.memory.now() + Duration::from_secs(self.dice.roll(40));
        Ticket { id, code: format!("code{}", self.dice.roll(6)), owner, until, tries: 0 }
    }

    async fn version(&self, realm: RealmId, key: RecordKey) -> Option<Uuid> {
        let rows = self.memory.backend.read(realm, self.memory.now(), &[key]).await.unwrap();
        rows[0].as_ref().map(|row| row.version)
    }

    async fn op(&mut self, realm: RealmId) -> Op {
        let (collection, record) = if self.dice.roll(2) == 0 {
            (Account::COLLECTION.name(), self.account().encoded())
        } else {
            (Ticket::COLLECTION.name(), self.ticket().encoded())
        };
        let key = RecordKey { collection, id: record.id };
        let version = self.version(realm, key).await;
        let known = if self.dice.roll(8) == 0 { Uuid::nil() } else { version.unwrap_or_default() };
        let (tally, peak) = if record.live.len() == 2 { ("seats", "seen") } else { ("tries", "tries") };
        let bound = match self.dice.roll(3) {
            0 => Bound::None,
            1 => Bound::AtMost(self.dice.number()),
            _ => Bound::AtLeast(self.dice.number()),
        };
        match self.dice.roll(11) {
            0..=2 => Op::Insert { collection, record },
            3 => Op::Replace { collection, record, expected: known },
            4 => Op::Remove { key, expected: known },
            5 => Op::Guard { key, expected: version.filter(|_| self.dice.roll(6) > 0) },
            6 => Op::Touch { key, expected: known },
            7 => Op::Add { key, tally, by: self.dice.number(), bound, create: None },
            8 => Op::Add { key, tally, by: self.dice.number(), bound, create: Some(record) },
            _ => Op::Raise { key, peak, to: self.dice.number(), strictly: self.dice.roll(2) == 0 },
        }
    }

    async fn commit(&mut self) {
        let realm = self.dice.realm();
        let mut ops = Vec::new();
        for _ in 0..=self.dice.roll(3) {
            ops.push(self.op(realm).await);
        }
        let unit = Uuid::from_u128(u128::from(self.dice.roll(u64::MAX)));
        let batch = Batch { unit, now: self.memory.now(), ops };
        let expected = self.memory.backend.commit(realm, batch.clone()).await;
        for Other { fixture, names_the_first } in &self.others {
            let answer = fixture.backend.commit(realm, batch.clone()).await;
            if *names_the_first || matches!(batch.ops[..], [ref op] if !has_two_conditions(op)) {
                assert_eq!(told(&expected), told(&answer), "{fixture:?} {batch:#?}");
            } else {
                assert_eq!(
                    is_a_refusal(&expected),
                    is_a_refusal(&answer),
                    "{expected:?} {answer:?} {fixture:?} {batch:#?}"
                );
            }
        }
        let unheard_of = Uuid::from_u128(u128::from(self.dice.roll(u64::MAX)));
        for unit in [unit, unheard_of].into_iter().filter(|_| self.dice.roll(4) == 0) {
            let expected = self.memory.backend.settle(unit, self.memory.now()).await.unwrap();
            for Other { fixture, .. } in &self.others {
                assert_eq!(expected, fixture.backend.settle(unit, self.memory.now()).await.unwrap());
            }
        }
    }

    async fn sweep(&self) {
        let now = self.memory.now();
        let expected = self.memory.backend.sweep(now, 1000).await.unwrap();
        for Other { fixture, .. } in &self.others {
            assert_eq!(expected, fixture.backend.sweep(now, 1000).await.unwrap(), "{fixture:?}");
        }
    }

    fn query(&mut self) -> RawQuery {
        let text = |text: Option<String>| text.map_or(Value::Null, Value::Text);
        let d = &mut self.dice;
        let (collection, columns, equal): (_, Vec<&'static str>, Vec<Value>) = match d.roll(7) {
            0 => (Account::COLLECTION.name(), vec!["name"], vec![Value::Text(format!("name{}", d.roll(9)))]),
            1 => (Account::COLLECTION.name(), vec!["name"], vec![]),
            2 => (Account::COLLECTION.name(), vec!["handle", "rank"], vec![text(d.maybe())]),
            3 => (Account::COLLECTION.name(), vec!["team", "rank"], vec![text(d.maybe())]),
            4 => (Account::COLLECTION.name(), vec!["team", "label"], vec![text(d.maybe())]),
            5 => (Ticket::COLLECTION.name(), vec!["code"], vec![]),
            _ => (
                Ticket::COLLECTION.name(),
                vec!["owner"],
                vec![Value::Uuid(Uuid::from_u128(100 + u128::from(d.roll(3))))],
            ),
        };
        let numbers = columns.get(equal.len()) == Some(&"rank");
        let end = |d: &mut Dice| {
            let value = if numbers { Value::Int(d.number()) } else { Value::Text(d.text()) };
            match d.roll(3) {
                0 => std::ops::Bound::Unbounded,
                1 => std::ops::Bound::Included(value),
                _ => std::ops::Bound::Excluded(value),
            }
        };
        let (lower, upper) = (end(d), end(d));
        let (descending, limit) = (d.roll(2) == 0, 1 + d.roll(5) as u32);
        RawQuery { collection, columns, equal, lower, upper, after: None, descending, limit }
    }

    async fn ask(&mut self) {
        let (realm, now) = (self.dice.realm(), self.memory.now());
        let mut query = self.query();
        for _ in 0..4 {
            let expected = answers(&self.memory, realm, now, &query).await;
            for Other { fixture, .. } in &self.others {
                assert_eq!(expected, answers(fixture, realm, now, &query).await, "{fixture:?} {query:?}");
            }
            let Some((cursor, _)) = expected.0.last() else { return };
            query.after = Some(cursor.clone());
        }
    }

    async fn search(&mut self) {
        let (realm, search) = (self.dice.realm(), self.dice.search());
        for Other { fixture, .. } in &self.others {
            searches::compare(&self.memory, fixture, realm, &search).await;
        }
    }

    async fn compare_all(&self) {
        for realm in [0, 1].map(|realm| RealmId::from_uuid(Uuid::from_u128(realm))) {
            let accounts = (100..112).map(|id| (Account::COLLECTION.name(), id));
            let tickets = (200..208).map(|id| (Ticket::COLLECTION.name(), id));
            let keys: Vec<RecordKey> = accounts
                .chain(tickets)
                .map(|(collection, id)| RecordKey { collection, id: Uuid::from_u128(id) })
                .collect();
            let now = self.memory.now();
            let expected = self.memory.backend.read(realm, now, &keys).await.unwrap();
            for Other { fixture, .. } in &self.others {
                assert_eq!(expected, fixture.backend.read(realm, now, &keys).await.unwrap(), "{fixture:?}");
            }
        }
    }
}

/// What a question finds, and how many there are.
async fn answers(of: &Fixture, realm: RealmId, now: Timestamp, query: &RawQuery) -> (Vec<(Cursor, Row)>, u32) {
    let found = of.backend.find(realm, now, query).await.unwrap();
    (found, of.backend.count(realm, now, query).await.unwrap())
}

/// Whether more than one thing may refuse it: what would be created may pass its bound, and take another's key.
fn has_two_conditions(op: &Op) -> bool {
    matches!(op, Op::Add { create: Some(_), .. })
}

/// Whether a condition has failed. Anything else that goes wrong is a failure of the backend's.
fn is_a_refusal(answer: &Result<(), StoreError>) -> bool {
    match answer {
        Ok(()) => false,
        Err(StoreError::Conflict { .. } | StoreError::Stale { .. } | StoreError::Exceeded { .. }) => true,
        Err(other) => panic!("{other:?}"),
    }
}

/// What the caller is told, without the source.
fn told(answer: &Result<(), StoreError>) -> String {
    match answer {
        Ok(()) => "committed".to_owned(),
        Err(StoreError::Conflict { collection, index }) => format!("conflict {collection} {index}"),
        Err(StoreError::Stale { collection, id }) => format!("stale {collection} {id}"),
        Err(StoreError::Exceeded { collection, tally }) => format!("exceeded {collection} {tally}"),
        Err(other) => format!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_and_postgres_do_what_memory_does() {
    let seeds: u64 = std::env::var("CIAM_MODEL_SEEDS").map_or(20, |seeds| seeds.parse().unwrap());
    for seed in 0..seeds {
        println!("seed {seed}");
        let folder = tempfile::tempdir().unwrap();
        let sqlite = SqliteStore::open(folder.path().join("model.db")).await.unwrap();
        let mut others = vec![Other { fixture: Fixture::new(Arc::new(sqlite)).await, names_the_first: true }];
        if let Some(postgres) = support::empty_store().await {
            others.push(Other { fixture: Fixture::new(postgres).await, names_the_first: false });
        }
        let memory = Fixture::new(Arc::new(MemoryStore::new())).await;
        let mut play = Play { memory, others, dice: Dice(seed) };
        for step in 0..STEPS {
            match play.dice.roll(20) {
                0 => play.memory.clock.advance(Duration::from_secs(10)),
                1 if step % 3 == 0 => play.sweep().await,
                2..=4 => play.ask().await,
                5..=6 => play.search().await,
                _ => play.commit().await,
            }
            play.compare_all().await;
        }
    }
}
