//! Random searches, put to memory and to the other backends side by side.

use ciam_core::clock::Clock as _;
use ciam_core::id::RealmId;
use ciam_core::store::{RawFilter, RawSearch, RawSort, Record as _, Start, Test, Value};
use ciam_core::testing::StoppedClock;
use ciam_store::conformance::{Account, Fixture, Ticket};
use uuid::Uuid;

use super::Dice;

const TEXTS: [&str; 12] = ["", "a", "A", "ab", "b", "é", "a%", "%", "name1", "name", "code3", "\u{10FFFF}"];

impl Dice {
    /// A search of one of the two collections, which may find something.
    pub(crate) fn search(&mut self) -> RawSearch {
        let accounts = self.roll(3) > 0;
        let fields: &[&'static str] = if accounts {
            &["name", "handle", "team", "rank", "label", "id", "created_at", "updated_at"]
        } else {
            &["code", "owner", "id", "created_at", "updated_at"]
        };
        let filter = self.filter(fields, 4);
        let sort = (0..self.roll(4))
            .map(|_| RawSort { field: fields[self.roll(fields.len() as u64) as usize], descending: self.roll(2) == 0 })
            .collect();
        let start = Start::Offset(if self.roll(3) == 0 { self.roll(6) as u32 } else { 0 });
        let count_to = (self.roll(2) == 0).then(|| self.roll(14) as u32);
        let collection = if accounts { Account::COLLECTION.name() } else { Ticket::COLLECTION.name() };
        RawSearch { collection, filter, sort, start, limit: 1 + self.roll(5) as u32, count_to }
    }

    fn filter(&mut self, fields: &[&'static str], depth: u64) -> RawFilter {
        let more = |dice: &mut Self| (0..dice.roll(4)).map(|_| dice.filter(fields, depth - 1)).collect();
        match self.roll(if depth > 1 { 7 } else { 4 }) {
            0..4 => {
                let field = fields[self.roll(fields.len() as u64) as usize];
                RawFilter::Test { field, test: self.test(field) }
            }
            4 => RawFilter::All(more(self)),
            5 => RawFilter::Any(more(self)),
            _ => RawFilter::Not(Box::new(self.filter(fields, depth - 1))),
        }
    }

    fn test(&mut self, field: &str) -> Test {
        let is_text = ["name", "handle", "team", "label", "code"].contains(&field);
        let text = |dice: &mut Self| TEXTS[dice.roll(12) as usize].to_owned();
        match self.roll(if is_text { 11 } else { 8 }) {
            0 => Test::Eq(self.value(field)),
            1 => Test::Ne(self.value(field)),
            2 => Test::Lt(self.value(field)),
            3 => Test::Le(self.value(field)),
            4 => Test::Gt(self.value(field)),
            5 => Test::Ge(self.value(field)),
            6 => Test::Present,
            7 => Test::In((0..self.roll(4)).map(|_| self.value(field)).collect()),
            8 => Test::StartsWith(text(self)),
            9 => Test::EndsWith(text(self)),
            _ => Test::Contains(text(self)),
        }
    }

    fn value(&mut self, field: &str) -> Value {
        if self.roll(6) == 0 {
            return Value::Null;
        }
        match field {
            "rank" => Value::Int(self.roll(5) as i64 - 2),
            "id" => Value::Uuid(Uuid::from_u128([100, 200][self.roll(2) as usize] + u128::from(self.roll(12)))),
            "owner" => Value::Uuid(Uuid::from_u128(100 + u128::from(self.roll(3)))),
            // The clock of the histories goes in steps of ten seconds from where it starts.
            "created_at" | "updated_at" => {
                let begin = StoppedClock::new().now().micros();
                Value::Int(begin + 10_000_000 * (self.roll(30) as i64 - 1))
            }
            _ => Value::Text(TEXTS[self.roll(12) as usize].to_owned()),
        }
    }
}

/// Puts a search, and up to four pages behind it, to memory and to another backend.
pub(crate) async fn compare(memory: &Fixture, other: &Fixture, realm: RealmId, search: &RawSearch) {
    let mut search = search.clone();
    for _ in 0..5 {
        let now = memory.now();
        let expected = memory.backend.directory().unwrap().search(realm, now, &search).await.unwrap();
        let answer = other.backend.directory().unwrap().search(realm, now, &search).await.unwrap();
        assert_eq!(expected, answer, "{other:?} {search:#?}");
        let Some((cursor, _)) = expected.rows.last() else { return };
        search.start = Start::After(cursor.clone());
    }
}
