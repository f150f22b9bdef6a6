//! Typed indexes: what a collection is found by.

use std::fmt;

use super::error::StoreError;
use super::query::Query;
use super::record::Record;
use super::value::{Column, ColumnType, Key, Value};

/// A typed index: names its columns and how to get their values, once.
///
/// A record that has a null in one of the columns does not stand in the index: it is not found
/// by it and never collides in it.
pub struct Index<R, K> {
    names: Names,
    unique: bool,
    of: fn(&R) -> K,
}

#[derive(Debug, Clone, Copy)]
enum Names {
    One(&'static str),
    Several(&'static [&'static str]),
}

impl Names {
    fn slice(&self) -> &[&'static str] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

impl<R: Record, K: Key + 'static> Index<R, K> {
    /// An index over one column.
    #[must_use]
    pub const fn new(column: &'static str, of: fn(&R) -> K) -> Self {
        Self { names: Names::One(column), unique: false, of }
    }

    /// An index over two to four columns, as many as `K` has.
    #[must_use]
    pub const fn over(columns: &'static [&'static str], of: fn(&R) -> K) -> Self {
        assert!(columns.len() == K::TYPES.len(), "an index names as many columns as its key has");
        Self { names: Names::Several(columns), unique: false, of }
    }

    /// No two records of a realm share a key.
    #[must_use]
    pub const fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// Whether the error says that this index has the key already.
    #[must_use]
    pub fn taken(&self, error: &StoreError) -> bool {
        matches!(error, StoreError::Conflict { collection, index }
            if *collection == R::COLLECTION.name() && *index == self.names.slice()[0])
    }

    /// All records with exactly this key, by id.
    #[must_use]
    pub fn eq(&self, key: &K) -> Query<R> {
        Query::new(self.names.slice(), key.values())
    }

    /// All records with these leading columns, ordered by the last column, then by id.
    #[must_use]
    pub fn under(&self, head: &K::Head) -> Query<R> {
        Query::new(self.names.slice(), head.values())
    }

    /// The records with these leading columns whose last column lies in the range, in its order.
    #[must_use]
    pub fn range(&self, head: &K::Head, range: impl std::ops::RangeBounds<K::Last>) -> Query<R> {
        self.under(head).within(range.start_bound().map(Column::value), range.end_bound().map(Column::value))
    }

    /// The records with these leading columns whose last column starts with the text, in its order.
    #[must_use]
    pub fn starts_with(&self, head: &K::Head, prefix: &str) -> Query<R>
    where
        K::Last: AsRef<str>,
    {
        self.under(head).starting_with(prefix)
    }
}

impl<R, K> fmt::Debug for Index<R, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("columns", &self.names.slice()).field("unique", &self.unique).finish()
    }
}

/// An [`Index`] whose key type is forgotten; implemented by it alone.
pub trait AnyIndex<R>: Sync + Send {
    #[doc(hidden)]
    fn columns(&self) -> Vec<(&'static str, ColumnType)>;
    #[doc(hidden)]
    fn unique(&self) -> bool;
    #[doc(hidden)]
    fn values(&self, record: &R) -> Vec<(&'static str, Value)>;
}

impl<R: Record, K: Key + 'static> AnyIndex<R> for Index<R, K> {
    fn columns(&self) -> Vec<(&'static str, ColumnType)> {
        self.names.slice().iter().copied().zip(K::TYPES.iter().copied()).collect()
    }

    fn unique(&self) -> bool {
        self.unique
    }

    fn values(&self, record: &R) -> Vec<(&'static str, Value)> {
        self.names.slice().iter().copied().zip((self.of)(record).values()).collect()
    }
}
