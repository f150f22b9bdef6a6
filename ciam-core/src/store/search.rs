//! Searching a collection: filter, sort, page, total.

use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::Store;
use super::error::StoreError;
use super::filter::{Filter, RawFilter};
use super::query::{MAX_PAGE, MalformedCursor};
use super::record::Record;
use super::spec::{CollectionSpec, Row};
use super::value::{ColumnType, Value};
use crate::clock::Timestamp;
use crate::id::RealmId;
use crate::metrics::Verb;

/// How many records a search may pass over by [`Search::offset`].
pub const MAX_OFFSET: u32 = 100_000;
/// By how many fields a search may sort.
pub const MAX_SORTS: usize = 4;
/// The most characters of a [`SearchCursor`] as text.
const LONGEST_CURSOR: usize = 16 * 1024;

/// Searches records for consoles and provisioning: reads only, and what it found may change at once.
///
/// A port beside the verbs of [`Backend`](super::Backend), which a backend may leave out:
/// [`Backend::directory`](super::Backend::directory).
#[async_trait]
pub trait Directory: fmt::Debug + Send + Sync {
    /// The records of a realm that a search finds, in its order, and how many there are if it asks.
    ///
    /// Backends call [`RawSearch::check`] first.
    ///
    /// # Errors
    /// [`StoreError::Search`] for what does not fit the collection; [`StoreError::NotServing`] for a field that some
    /// record lacks; [`StoreError::Misuse`] for a collection that the backend was not prepared for;
    /// [`StoreError::Unavailable`].
    async fn search(&self, realm: RealmId, now: Timestamp, search: &RawSearch) -> Result<RawListing, StoreError>;
}

/// A question to a [`Directory`]: which records, in which order, which page of them.
///
/// [`Field`](super::Field) has an example.
pub struct Search<R> {
    raw: RawSearch,
    record: PhantomData<fn() -> R>,
}

impl<R: Record> Search<R> {
    /// The first 100 records that pass the filter, by id.
    #[must_use]
    pub fn of(filter: Filter<R>) -> Self {
        let raw = RawSearch {
            collection: R::COLLECTION.name(),
            filter: filter.raw,
            sort: Vec::new(),
            start: Start::Offset(0),
            limit: 100,
            count_to: None,
        };
        Self { raw, record: PhantomData }
    }

    /// Sorts by this field, behind those that were named before; at most [`MAX_SORTS`]. What is equal in all of them
    /// comes in the order of ids, in the direction of the last.
    #[must_use]
    pub fn sort(mut self, by: Sort<R>) -> Self {
        self.raw.sort.push(by.raw);
        self
    }

    /// At most this many records (default 100, at most [`MAX_PAGE`]).
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.raw.limit = limit.min(MAX_PAGE);
        self
    }

    /// Goes on behind the record where an earlier page ended, whatever was inserted or removed meanwhile.
    #[must_use]
    pub fn after(mut self, cursor: SearchCursor) -> Self {
        self.raw.start = Start::After(cursor);
        self
    }

    /// Passes over so many records first (default 0, at most [`MAX_OFFSET`]): for those who count pages. They are read
    /// to be passed over, and what is inserted meanwhile moves the pages: [`Search::after`] is better.
    #[must_use]
    pub fn offset(mut self, offset: u32) -> Self {
        self.raw.start = Start::Offset(offset);
        self
    }

    /// Also says how many records pass the filter, counted up to this many (default: does not count). Counting reads
    /// every one of them. It is a question of its own: what is written meanwhile may make a difference.
    #[must_use]
    pub fn total_up_to(mut self, bound: u32) -> Self {
        self.raw.count_to = Some(bound);
        self
    }
}

impl<R> Clone for Search<R> {
    fn clone(&self) -> Self {
        Self { raw: self.raw.clone(), record: PhantomData }
    }
}

impl<R> fmt::Debug for Search<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw.fmt(f)
    }
}

/// A field to sort by, and the direction; made by [`Field::ascending`](super::Field::ascending) and
/// [`Field::descending`](super::Field::descending).
pub struct Sort<R> {
    pub(super) raw: RawSort,
    pub(super) record: PhantomData<fn() -> R>,
}

impl<R> Clone for Sort<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Sort<R> {}

impl<R> fmt::Debug for Sort<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw.fmt(f)
    }
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct Listing<R> {
    /// The records of the page.
    pub items: Vec<R>,
    /// Hand this to [`Search::after`]; absent on the last page.
    pub next: Option<SearchCursor>,
    /// How many records pass the filter, if that was asked.
    pub total: Option<Total>,
}

/// How many records pass a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// How many were counted.
    pub count: u32,
    /// Whether these are all; otherwise the count ended at its bound, and there are more.
    pub is_exact: bool,
}

impl Total {
    /// What it means that so many were counted when one more than the bound was allowed.
    #[must_use]
    pub const fn counted(count: u32, bound: u32) -> Self {
        if count > bound { Self { count: bound, is_exact: false } } else { Self { count, is_exact: true } }
    }
}

/// A search as backends see it. Expired records are not found.
#[derive(Debug, Clone)]
pub struct RawSearch {
    /// The collection.
    pub collection: &'static str,
    /// Which records.
    pub filter: RawFilter,
    /// By what they are sorted, the first being the most important. What is equal in all of them comes in the order of
    /// ids, in the direction of the last; with none, ids ascend.
    pub sort: Vec<RawSort>,
    /// Where the page begins.
    pub start: Start,
    /// At most this many records.
    pub limit: u32,
    /// How far to count; none: not at all.
    pub count_to: Option<u32>,
}

/// A field to sort by. Null comes last when ascending and first when descending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawSort {
    /// The name of its column; or `id`, `created_at`, `updated_at`.
    pub field: &'static str,
    /// The highest first.
    pub descending: bool,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Behind so many records.
    Offset(u32),
    /// Behind this place.
    After(SearchCursor),
}

/// What a directory found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawListing {
    /// The records, each with its place for the next page.
    pub rows: Vec<(SearchCursor, Row)>,
    /// How many there are, if that was asked.
    pub total: Option<Total>,
}

/// Why a search cannot be answered. Whoever typed it may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSearch {
    /// A field that the collection does not declare.
    #[error("there is no such field to search by")]
    UnknownField,
    /// A value of another type than the field's, or a question about the text of what is none.
    #[error("a value is not of the type of its field")]
    WrongType,
    /// A text of more than [`MAX_FILTER_TEXT`](super::MAX_FILTER_TEXT) bytes, or with U+0000.
    #[error("a text to search for is too long, or holds U+0000")]
    Text,
    /// A filter nested deeper than [`MAX_FILTER_DEPTH`](super::MAX_FILTER_DEPTH).
    #[error("the filter is nested too deeply")]
    TooDeep,
    /// A filter of more than [`MAX_FILTER_NODES`](super::MAX_FILTER_NODES) parts.
    #[error("the filter has too many parts")]
    TooLarge,
    /// More than [`MAX_SORTS`] fields to sort by.
    #[error("too many fields to sort by")]
    TooManySorts,
    /// A page behind more than [`MAX_OFFSET`] records, or larger than [`MAX_PAGE`].
    #[error("the page is too far away, or too large")]
    TooFar,
    /// A cursor of another list.
    #[error("not a cursor of this list")]
    Cursor,
}

impl RawSearch {
    /// Refuses what does not fit the collection, or asks for more than a search may.
    ///
    /// # Errors
    /// [`InvalidSearch`].
    pub fn check(&self, spec: &CollectionSpec) -> Result<(), InvalidSearch> {
        self.filter.check(spec)?;
        if self.sort.len() > MAX_SORTS {
            return Err(InvalidSearch::TooManySorts);
        }
        let fields = self.sort.iter().map(|sort| spec.field(sort.field).ok_or(InvalidSearch::UnknownField));
        let fields = fields.collect::<Result<Vec<_>, _>>()?;
        if self.limit > MAX_PAGE {
            return Err(InvalidSearch::TooFar);
        }
        match &self.start {
            Start::Offset(offset) if *offset > MAX_OFFSET => Err(InvalidSearch::TooFar),
            Start::Offset(_) => Ok(()),
            Start::After(cursor) => {
                let fits = cursor.values.iter().zip(&fields).all(|(value, field)| match (value, field.kind) {
                    (Value::Null, _) => field.nullable,
                    (Value::Text(text), ColumnType::Text) => !text.contains('\0'),
                    (Value::Int(_), ColumnType::Int)
                    | (Value::Uuid(_), ColumnType::Uuid)
                    | (Value::Bytes(_), ColumnType::Bytes) => true,
                    _ => false,
                });
                if fits && cursor.values.len() == fields.len() { Ok(()) } else { Err(InvalidSearch::Cursor) }
            }
        }
    }

    /// Whether ids descend where everything else is equal.
    #[must_use]
    pub fn ids_descend(&self) -> bool {
        self.sort.last().is_some_and(|sort| sort.descending)
    }

    /// The order of the answer.
    #[must_use]
    pub fn order(&self, a: &SearchCursor, b: &SearchCursor) -> Ordering {
        let turned = |order: Ordering, descending| if descending { order.reverse() } else { order };
        for ((sort, a), b) in self.sort.iter().zip(&a.values).zip(&b.values) {
            let order = match (a.is_null(), b.is_null()) {
                (false, false) => a.cmp(b),
                (a, b) => a.cmp(&b),
            };
            if order.is_ne() {
                return turned(order, sort.descending);
            }
        }
        turned(a.id.cmp(&b.id), self.ids_descend())
    }
}

/// Where a page ended: the values that its last record is sorted by, and its id.
///
/// It holds nothing that widens the search: one made up by a client can only begin elsewhere within the same question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchCursor {
    /// The values of the fields that are sorted by.
    pub values: Vec<Value>,
    /// The record's id.
    pub id: Uuid,
}

impl SearchCursor {
    /// As text for a URL.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut bytes = self.id.as_bytes().to_vec();
        for value in &self.values {
            let (kind, value): (u8, &[u8]) = match value {
                Value::Null => (b'n', &[]),
                Value::Int(number) => (b'i', &number.to_be_bytes()),
                Value::Text(text) => (b't', text.as_bytes()),
                Value::Uuid(uuid) => (b'u', uuid.as_bytes()),
                Value::Bytes(bytes) => (b'b', bytes),
            };
            bytes.push(kind);
            bytes.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend(value);
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what [`SearchCursor::encode`] wrote.
    ///
    /// # Errors
    /// [`MalformedCursor`] for any other text, and for one of more than 16 KiB.
    pub fn decode(text: &str) -> Result<Self, MalformedCursor> {
        if text.len() > LONGEST_CURSOR {
            return Err(MalformedCursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| MalformedCursor)?;
        let (id, mut rest) = bytes.split_at_checked(16).ok_or(MalformedCursor)?;
        let id = Uuid::from_slice(id).map_err(|_| MalformedCursor)?;
        let mut values = Vec::new();
        while !rest.is_empty() {
            let (value, behind) = read_value(rest).ok_or(MalformedCursor)?;
            values.push(value);
            rest = behind;
        }
        if values.len() > MAX_SORTS { Err(MalformedCursor) } else { Ok(Self { values, id }) }
    }
}

fn read_value(bytes: &[u8]) -> Option<(Value, &[u8])> {
    let (kind, bytes) = bytes.split_first()?;
    let (length, bytes) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (value, rest) = bytes.split_at_checked(length)?;
    let value = match kind {
        b'n' if value.is_empty() => Value::Null,
        b'i' => Value::Int(i64::from_be_bytes(value.try_into().ok()?)),
        b't' => Value::Text(std::str::from_utf8(value).ok()?.to_owned()),
        b'u' => Value::Uuid(Uuid::from_slice(value).ok()?),
        b'b' => Value::Bytes(value.to_vec()),
        _ => return None,
    };
    Some((value, rest))
}

impl Store {
    /// A page of the records that pass a filter. Guards nothing: what it found may change at once.
    ///
    /// # Errors
    /// [`StoreError::Search`] for what the collection cannot be asked; [`StoreError::NotServing`] for a field that
    /// records of an older version lack, until the migration is through; [`StoreError::Unsupported`] by a backend that
    /// has no [`Directory`]; [`StoreError::Misuse`] for a collection that it was not prepared for;
    /// [`StoreError::Unavailable`]; [`StoreError::Corrupt`].
    pub async fn search<R: Record>(&self, search: &Search<R>) -> Result<Listing<R>, StoreError> {
        let directory = self.backend.directory().ok_or(StoreError::Unsupported("searching"))?;
        search.raw.check(&R::COLLECTION.spec()).map_err(StoreError::Search)?;
        let found = directory.search(self.realm, self.clock.now(), &search.raw);
        let RawListing { rows, total } = self.timed(Verb::Search, found).await?;
        let full = search.raw.limit > 0 && rows.len() >= search.raw.limit as usize;
        let next = if full { rows.last().map(|(cursor, _)| cursor.clone()) } else { None };
        let items = rows.iter().map(|(_, row)| R::COLLECTION.decode(row)).collect::<Result<_, _>>()?;
        Ok(Listing { items, next, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cursors_survive_their_text_and_strangers_do_not_panic(
            text in ".{0,60}", id in any::<u128>(), number in any::<i64>(), bytes in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let _ = SearchCursor::decode(&text);
            let _ = SearchCursor::decode(&URL_SAFE_NO_PAD.encode(&bytes));
            let values = [Value::Null, Value::Int(number), Value::Text(text), Value::Bytes(bytes)];
            for some in 0..=values.len() {
                let cursor = SearchCursor { values: values[..some].to_vec(), id: Uuid::from_u128(id) };
                prop_assert_eq!(SearchCursor::decode(&cursor.encode()), Ok(cursor));
            }
        }
    }
}
