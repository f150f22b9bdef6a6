//! The filter of a search: a tree of tests, typed in front and plain beneath.

use std::fmt;
use std::marker::PhantomData;

use super::record::Record;
use super::search::InvalidSearch;
use super::spec::CollectionSpec;
use super::value::{ColumnType, Value};

/// How deep a filter may be nested.
pub const MAX_FILTER_DEPTH: usize = 16;
/// How many tests, values of a list and connectives a filter may have.
pub const MAX_FILTER_NODES: usize = 256;
/// The most bytes of a text in a filter.
pub const MAX_FILTER_TEXT: usize = 1024;

/// Which records of a collection are looked for; made by [`Field`](super::Field).
///
/// Every test says yes or no, also of a record that has no value: a comparison says no, [`ne`](super::Field::ne), which
/// is the opposite of [`eq`](super::Field::eq), says yes, and `!` turns every answer around (RFC 7644 §3.4.2.2).
pub struct Filter<R> {
    pub(super) raw: RawFilter,
    record: PhantomData<fn() -> R>,
}

impl<R: Record> Filter<R> {
    /// Every record.
    #[must_use]
    pub fn all() -> Self {
        Self::from_raw(RawFilter::All(Vec::new()))
    }

    /// A filter that was put together elsewhere, such as from the text of a SCIM client. What does not fit the
    /// collection is found when it is searched.
    #[must_use]
    pub const fn from_raw(raw: RawFilter) -> Self {
        Self { raw, record: PhantomData }
    }

    /// The records of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let mut all = match self.raw {
            RawFilter::All(all) => all,
            one => vec![one],
        };
        all.push(other.raw);
        Self::from_raw(RawFilter::All(all))
    }

    /// The records of either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let mut any = match self.raw {
            RawFilter::Any(any) => any,
            one => vec![one],
        };
        any.push(other.raw);
        Self::from_raw(RawFilter::Any(any))
    }

    pub(super) const fn test(field: &'static str, test: Test) -> Self {
        Self::from_raw(RawFilter::Test { field, test })
    }
}

impl<R: Record> std::ops::Not for Filter<R> {
    type Output = Self;

    fn not(self) -> Self {
        Self::from_raw(RawFilter::Not(Box::new(self.raw)))
    }
}

impl<R> Clone for Filter<R> {
    fn clone(&self) -> Self {
        Self { raw: self.raw.clone(), record: PhantomData }
    }
}

impl<R> fmt::Debug for Filter<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw.fmt(f)
    }
}

/// A filter as backends see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawFilter {
    /// All of them; of none, every record.
    All(Vec<RawFilter>),
    /// One of them at least; of none, no record.
    Any(Vec<RawFilter>),
    /// Not this one.
    Not(Box<RawFilter>),
    /// What is asked of a field.
    Test {
        /// The name of its column; or `id`, `created_at`, `updated_at`.
        field: &'static str,
        /// What is asked.
        test: Test,
    },
}

/// What is asked of a field. Of a record without a value the answer is no, unless it says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// It is this value. [`Value::Null`]: it has none.
    Eq(Value),
    /// The opposite of [`Test::Eq`]: so a record without a value has another one.
    Ne(Value),
    /// It is lower. Nothing is lower than null.
    Lt(Value),
    /// It is this, or lower.
    Le(Value),
    /// It is higher. Nothing is higher than null.
    Gt(Value),
    /// It is this, or higher.
    Ge(Value),
    /// It starts with this text.
    StartsWith(String),
    /// It ends with this text.
    EndsWith(String),
    /// It holds this text.
    Contains(String),
    /// It has a value.
    Present,
    /// It is one of these: as [`Test::Eq`] of each.
    In(Vec<Value>),
}

impl RawFilter {
    /// Whether a record with these values is looked for. A field that is not known has no value.
    #[must_use]
    pub fn matches(&self, value_of: &dyn Fn(&str) -> Value) -> bool {
        match self {
            Self::All(all) => all.iter().all(|one| one.matches(value_of)),
            Self::Any(any) => any.iter().any(|one| one.matches(value_of)),
            Self::Not(one) => !one.matches(value_of),
            Self::Test { field, test } => test.is_met(&value_of(field)),
        }
    }

    /// Refuses what does not fit the collection, or is larger than a filter may be.
    ///
    /// # Errors
    /// [`InvalidSearch`].
    pub fn check(&self, spec: &CollectionSpec) -> Result<(), InvalidSearch> {
        let mut nodes = 0;
        self.check_at(spec, 1, &mut nodes)
    }

    fn check_at(&self, spec: &CollectionSpec, depth: usize, nodes: &mut usize) -> Result<(), InvalidSearch> {
        if depth > MAX_FILTER_DEPTH {
            return Err(InvalidSearch::TooDeep);
        }
        *nodes += 1;
        match self {
            Self::All(more) | Self::Any(more) => {
                more.iter().try_for_each(|one| one.check_at(spec, depth + 1, nodes))?;
            }
            Self::Not(one) => one.check_at(spec, depth + 1, nodes)?,
            Self::Test { field, test } => {
                let field = spec.field(field).ok_or(InvalidSearch::UnknownField)?;
                *nodes += test.check(field.kind)?;
            }
        }
        if *nodes > MAX_FILTER_NODES { Err(InvalidSearch::TooLarge) } else { Ok(()) }
    }
}

impl Test {
    fn is_met(&self, value: &Value) -> bool {
        let there = !value.is_null();
        let text =
            |wanted: fn(&str, &str) -> bool, part: &str| matches!(value, Value::Text(text) if wanted(text, part));
        match self {
            Self::Eq(wanted) => value == wanted,
            Self::Ne(wanted) => value != wanted,
            Self::Lt(wanted) => there && value < wanted,
            Self::Le(wanted) => there && value <= wanted,
            Self::Gt(wanted) => there && !wanted.is_null() && value > wanted,
            Self::Ge(wanted) => there && !wanted.is_null() && value >= wanted,
            Self::StartsWith(part) => text(|text, part| text.starts_with(part), part),
            Self::EndsWith(part) => text(|text, part| text.ends_with(part), part),
            Self::Contains(part) => text(|text, part| text.contains(part), part),
            Self::Present => there,
            Self::In(wanted) => wanted.contains(value),
        }
    }

    /// How many values there are beyond the first.
    fn check(&self, kind: ColumnType) -> Result<usize, InvalidSearch> {
        match self {
            Self::Present => Ok(0),
            Self::Eq(value)
            | Self::Ne(value)
            | Self::Lt(value)
            | Self::Le(value)
            | Self::Gt(value)
            | Self::Ge(value) => check_value(value, kind).map(|()| 0),
            Self::In(values) => values.iter().try_for_each(|value| check_value(value, kind)).map(|()| values.len()),
            Self::StartsWith(text) | Self::EndsWith(text) | Self::Contains(text) => match kind {
                ColumnType::Text => check_text(text).map(|()| 0),
                _ => Err(InvalidSearch::WrongType),
            },
        }
    }
}

fn check_value(value: &Value, kind: ColumnType) -> Result<(), InvalidSearch> {
    match (value, kind) {
        (Value::Text(text), ColumnType::Text) => check_text(text),
        (Value::Bytes(bytes), ColumnType::Bytes) if bytes.len() > MAX_FILTER_TEXT => Err(InvalidSearch::Text),
        (Value::Null, _)
        | (Value::Int(_), ColumnType::Int)
        | (Value::Uuid(_), ColumnType::Uuid)
        | (Value::Bytes(_), ColumnType::Bytes) => Ok(()),
        _ => Err(InvalidSearch::WrongType),
    }
}

fn check_text(text: &str) -> Result<(), InvalidSearch> {
    if text.len() > MAX_FILTER_TEXT || text.contains('\0') { Err(InvalidSearch::Text) } else { Ok(()) }
}
