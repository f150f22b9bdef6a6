//! Finding records by an index, page by page.

use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::record::Record;
use super::value::{ColumnType, Value};

/// The most records that one page can hold.
pub const MAX_PAGE: u32 = 1000;

/// A question to an index; made by [`Index`](super::Index), answered by `find` and `count`.
#[derive(Debug, Clone)]
pub struct Query<R> {
    pub(crate) raw: RawQuery,
    record: PhantomData<fn() -> R>,
}

impl<R: Record> Query<R> {
    pub(crate) fn new(columns: &[&'static str], equal: Vec<Value>) -> Self {
        let raw = RawQuery {
            collection: R::COLLECTION.name(),
            columns: columns.to_vec(),
            equal,
            lower: Bound::Unbounded,
            upper: Bound::Unbounded,
            after: None,
            descending: false,
            limit: 100,
        };
        Self { raw, record: PhantomData }
    }

    pub(crate) fn within(mut self, lower: Bound<Value>, upper: Bound<Value>) -> Self {
        self.raw.lower = lower;
        self.raw.upper = upper;
        self
    }

    pub(crate) fn starting_with(mut self, prefix: &str) -> Self {
        self.raw.lower = Bound::Included(Value::Text(prefix.to_owned()));
        self.raw.upper = after_prefix(prefix).map_or(Bound::Unbounded, |end| Bound::Excluded(Value::Text(end)));
        self
    }

    /// At most this many records (default 100, at most [`MAX_PAGE`]).
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.raw.limit = limit.min(MAX_PAGE);
        self
    }

    /// The last first.
    #[must_use]
    pub const fn descending(mut self) -> Self {
        self.raw.descending = true;
        self
    }

    /// Goes on behind the record where an earlier page ended.
    #[must_use]
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.raw.after = Some(cursor);
        self
    }
}

/// The smallest text that is larger than every text with this prefix; none for an empty prefix.
///
/// So a text starts with the prefix exactly if it is not less than that and less than this. Only the last character is raised, to the next one that exists (past the surrogates).
#[must_use]
pub fn after_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = match u32::from(last) {
            0xD7FF => Some('\u{E000}'),
            code => char::from_u32(code + 1),
        };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

/// A page of records, and where the next one begins if there is one.
#[derive(Debug, Clone)]
pub struct Page<R> {
    /// The records.
    pub items: Vec<R>,
    /// Hand this to [`Query::after`]; absent on the last page.
    pub next: Option<Cursor>,
}

/// Where a page ended: the last column's value (when the query did not fix it) and the id.
///
/// It holds nothing that widens the query: one made up by a client can only begin elsewhere
/// within the same question.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The last column's value, unless the query fixed all columns.
    pub value: Option<Value>,
    /// The record's id.
    pub id: Uuid,
}

/// The text is no cursor of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this list")]
pub struct MalformedCursor;

impl Cursor {
    /// As text for a URL.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut bytes = self.id.as_bytes().to_vec();
        match &self.value {
            None => {}
            Some(Value::Null) => bytes.push(b'n'),
            Some(Value::Int(number)) => {
                bytes.push(b'i');
                bytes.extend(number.to_be_bytes());
            }
            Some(Value::Text(text)) => {
                bytes.push(b't');
                bytes.extend(text.as_bytes());
            }
            Some(Value::Uuid(uuid)) => {
                bytes.push(b'u');
                bytes.extend(uuid.as_bytes());
            }
            Some(Value::Bytes(value)) => {
                bytes.push(b'b');
                bytes.extend(value);
            }
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what [`Cursor::encode`] wrote.
    ///
    /// # Errors
    /// [`MalformedCursor`] for any other text, at most 2 KiB of which are looked at.
    pub fn decode(text: &str) -> Result<Self, MalformedCursor> {
        if text.len() > 2048 {
            return Err(MalformedCursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| MalformedCursor)?;
        let (id, rest) = bytes.split_at_checked(16).ok_or(MalformedCursor)?;
        let id = Uuid::from_slice(id).map_err(|_| MalformedCursor)?;
        let value = match rest.split_first() {
            None => None,
            Some((b'n', [])) => Some(Value::Null),
            Some((b'i', number)) => {
                Some(Value::Int(i64::from_be_bytes(number.try_into().map_err(|_| MalformedCursor)?)))
            }
            Some((b't', text)) => Some(Value::Text(
                std::str::from_utf8(text).ok().filter(|text| !text.contains('\0')).ok_or(MalformedCursor)?.to_owned(),
            )),
            Some((b'u', uuid)) => Some(Value::Uuid(Uuid::from_slice(uuid).map_err(|_| MalformedCursor)?)),
            Some((b'b', value)) => Some(Value::Bytes(value.to_vec())),
            Some(_) => return Err(MalformedCursor),
        };
        Ok(Self { value, id })
    }

    /// Whether the value is of the column's type; a forged cursor need not be.
    #[must_use]
    pub const fn fits(&self, column: Option<ColumnType>) -> bool {
        matches!(
            (&self.value, column),
            (None, None)
                | (Some(Value::Int(_)), Some(ColumnType::Int))
                | (Some(Value::Text(_)), Some(ColumnType::Text))
                | (Some(Value::Uuid(_)), Some(ColumnType::Uuid))
                | (Some(Value::Bytes(_)), Some(ColumnType::Bytes))
        )
    }
}

/// A query as backends see it.
///
/// It asks for the records whose first `equal.len()` index columns have these values, whose next
/// column (if there is one) lies between `lower` and `upper`, and none of whose index columns is
/// null, ordered by that next column and then by id (both reversed when `descending`), strictly
/// behind `after`, at most `limit` of them. A null in `equal` finds nothing.
#[derive(Debug, Clone)]
pub struct RawQuery {
    /// The collection.
    pub collection: &'static str,
    /// The columns of the index, in order.
    pub columns: Vec<&'static str>,
    /// The values of the leading columns: all of them, or all but the last.
    pub equal: Vec<Value>,
    /// The lower bound of the last column.
    pub lower: Bound<Value>,
    /// The upper bound of the last column.
    pub upper: Bound<Value>,
    /// Where the page before this one ended.
    pub after: Option<Cursor>,
    /// The last first.
    pub descending: bool,
    /// At most this many.
    pub limit: u32,
}

impl RawQuery {
    /// The column that the answer is ordered by before the id; none when all columns are fixed.
    #[must_use]
    pub fn open_column(&self) -> Option<&'static str> {
        self.columns.get(self.equal.len()).copied()
    }

    /// Whether a record at this place, whose leading columns fit, belongs to the answer.
    #[must_use]
    pub fn reaches(&self, place: &Cursor) -> bool {
        let inside =
            place.value.as_ref().is_none_or(|value| (self.lower.as_ref(), self.upper.as_ref()).contains(value));
        inside && self.after.as_ref().is_none_or(|after| self.order(after, place).is_lt())
    }

    /// The order of the answer.
    #[must_use]
    pub fn order(&self, a: &Cursor, b: &Cursor) -> std::cmp::Ordering {
        if self.descending { b.cmp(a) } else { a.cmp(b) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_end_of_a_prefix_is_tight() {
        assert_eq!(after_prefix("ab").as_deref(), Some("ac"));
        assert_eq!(after_prefix("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(after_prefix("\u{10FFFF}"), None);
        assert_eq!(after_prefix(""), None);
    }

    proptest! {
        #[test]
        fn a_prefix_range_holds_exactly_what_starts_with_it(prefix in "\\PC{0,3}", text in "\\PC{0,5}") {
            let inside = text >= prefix && after_prefix(&prefix).is_none_or(|end| text < end);
            prop_assert_eq!(inside, text.starts_with(&prefix));
        }

        #[test]
        fn cursors_survive_their_text_and_strangers_do_not_panic(text in ".{0,60}", id in any::<u128>(), number in any::<i64>()) {
            let _ = Cursor::decode(&text);
            for value in [None, Some(Value::Int(number)), Some(Value::Text(text.replace('\0', ""))), Some(Value::Bytes(vec![1, 2]))] {
                let cursor = Cursor { value, id: Uuid::from_u128(id) };
                prop_assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor));
            }
        }
    }
}
