//! How a record is declared: its collection, indexes, tallies and peaks.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::error::StoreError;
use super::query::Query;
use super::value::{Column, ColumnType, Key, Value};
use crate::clock::Timestamp;
use crate::id::RecordId;

/// Something that is kept: a serde type, declared beside the service that owns it.
///
/// The document is the record's JSON; what must be found, counted or ordered is declared in
/// [`Record::COLLECTION`] and kept in columns of its own.
///
/// ```
/// use ciam_core::store::{Collection, Index, Record};
/// use ciam_core::{UserId, clock::Timestamp};
/// use serde::{Deserialize, Serialize};
///
/// ciam_core::id!(NoteId, "note", "A note.");
///
/// #[derive(Debug, Clone, Serialize, Deserialize)]
/// struct Note { id: NoteId, author: UserId, text: String, until: Timestamp }
///
/// impl Record for Note {
///     type Id = NoteId;
///     const COLLECTION: Collection<Self> =
///         Collection::new("notes").index(&Note::BY_AUTHOR).expires(|note| note.until);
///     fn id(&self) -> NoteId { self.id }
/// }
/// impl Note {
///     const BY_AUTHOR: Index<Note, UserId> = Index::new("author", |note| note.author);
/// }
/// ```
pub trait Record: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The typed id.
    type Id: RecordId;

    /// Where and how records of this type are kept.
    const COLLECTION: Collection<Self>;

    /// The id of this record.
    fn id(&self) -> Self::Id;
}

/// The declaration of a collection; `const` all the way, so that it costs nothing at run time.
pub struct Collection<R: 'static> {
    name: &'static str,
    indexes: [Option<&'static dyn AnyIndex<R>>; 6],
    live: [Option<&'static dyn AnyLive<R>>; 4],
    expires: Option<fn(&R) -> Timestamp>,
    shape: u16,
    stream: bool,
    announced: bool,
}

impl<R: 'static> Collection<R> {
    /// A collection of this name: lower-case letters, digits and underscores, unique in the app.
    /// SQL backends call the table `ciam_<name>`.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, indexes: [None; 6], live: [None; 4], expires: None, shape: 1, stream: false, announced: false }
    }

    /// Adds an index; at most six.
    #[must_use]
    pub const fn index(mut self, index: &'static dyn AnyIndex<R>) -> Self {
        let mut at = 0;
        while self.indexes[at].is_some() {
            at += 1;
        }
        self.indexes[at] = Some(index);
        self
    }

    /// Adds a [`Tally`] or a [`Peak`]; at most four.
    #[must_use]
    pub const fn live(mut self, column: &'static dyn AnyLive<R>) -> Self {
        let mut at = 0;
        while self.live[at].is_some() {
            at += 1;
        }
        self.live[at] = Some(column);
        self
    }

    /// Records are absent from this moment on: to reads, to conditions and to unique indexes.
    #[must_use]
    pub const fn expires(mut self, at: fn(&R) -> Timestamp) -> Self {
        self.expires = Some(at);
        self
    }

    /// The number of the document's shape (default 1). A node reads newer shapes but does not replace them.
    #[must_use]
    pub const fn shape(mut self, shape: u16) -> Self {
        self.shape = shape;
        self
    }

    /// Has whoever keeps records of this collection in memory told when one is replaced or removed, by whatever node,
    /// where the backend can: [`Backend::listen`](super::Backend::listen). It slows those writes down.
    #[must_use]
    pub const fn announced(mut self) -> Self {
        self.announced = true;
        self
    }

    /// Makes this the stream that [`tail`](super::Store::tail) reads in commit order; records are only inserted.
    #[must_use]
    pub(crate) const fn stream(mut self) -> Self {
        self.stream = true;
        self
    }

    /// The collection's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    fn indexes(&self) -> impl Iterator<Item = &'static dyn AnyIndex<R>> {
        self.indexes.into_iter().flatten()
    }

    fn lives(&self) -> impl Iterator<Item = &'static dyn AnyLive<R>> {
        self.live.into_iter().flatten()
    }

    /// The declaration without its types, for backends.
    #[must_use]
    pub fn spec(&self) -> CollectionSpec {
        let mut columns: Vec<ColumnSpec> = Vec::new();
        let mut indexes = Vec::new();
        for index in self.indexes() {
            for (name, kind) in index.columns() {
                if !columns.iter().any(|column| column.name == name) {
                    columns.push(ColumnSpec { name, kind });
                }
            }
            indexes.push(IndexSpec {
                columns: index.columns().into_iter().map(|(name, _)| name).collect(),
                unique: index.unique(),
            });
        }
        CollectionSpec {
            name: self.name,
            columns,
            indexes,
            live: self.lives().map(AnyLive::name).collect(),
            shape: self.shape,
            expires: self.expires.is_some(),
            stream: self.stream,
            announced: self.announced,
        }
    }

    pub(crate) const fn current_shape(&self) -> u16 {
        self.shape
    }

    pub(crate) const fn is_stream(&self) -> bool {
        self.stream
    }

    pub(crate) fn live_at(&self, name: &'static str) -> Option<usize> {
        self.lives().position(|live| live.name() == name)
    }
}

impl<R: Record> Collection<R> {
    /// A record as a backend keeps it, and the names of its columns.
    pub(crate) fn encode(&self, record: &R) -> Result<(Encoded, Vec<&'static str>), StoreError> {
        let mut columns: Vec<(&'static str, Value)> = Vec::new();
        for index in self.indexes() {
            for (name, value) in index.values(record) {
                if matches!(&value, Value::Text(text) if text.contains('\0')) {
                    return Err(StoreError::Misuse("an indexed text holds U+0000, which no backend keeps"));
                }
                match columns.iter().find(|(known, _)| *known == name) {
                    None => columns.push((name, value)),
                    Some((_, known)) if *known == value => {}
                    Some(_) => return Err(StoreError::Misuse("two indexes give one column different values")),
                }
            }
        }
        let doc = serde_json::to_string(record)
            .map_err(|source| StoreError::Corrupt { collection: self.name, source: source.into() })?;
        let mut copy = record.clone();
        let (names, columns) = columns.into_iter().unzip();
        let encoded = Encoded {
            id: record.id().uuid(),
            doc,
            shape: self.shape,
            columns,
            live: self.lives().map(|live| live.get(&mut copy)).collect(),
            expires: self.expires.map(|expires| expires(record)),
        };
        Ok((encoded, names))
    }

    /// The record that a backend kept, with the present values of its tallies and peaks.
    pub(crate) fn decode(&self, row: &Row) -> Result<R, StoreError> {
        let mut record: R = serde_json::from_str(&row.doc)
            .map_err(|source| StoreError::Corrupt { collection: self.name, source: source.into() })?;
        for (live, value) in self.lives().zip(&row.live) {
            live.set(&mut record, *value);
        }
        Ok(record)
    }
}

impl<R: 'static> fmt::Debug for Collection<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spec().fmt(f)
    }
}

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
            if *collection == R::COLLECTION.name && *index == self.names.slice()[0])
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

/// A number that a [`Tally`] or [`Peak`] keeps.
pub trait Number: Copy + Send + Sync + 'static {
    /// As a column holds it.
    fn to_column(self) -> i64;
    /// From what a column holds.
    fn from_column(value: i64) -> Self;
}

impl Number for i64 {
    fn to_column(self) -> i64 {
        self
    }

    fn from_column(value: i64) -> Self {
        value
    }
}

impl Number for Timestamp {
    fn to_column(self) -> i64 {
        self.micros()
    }

    fn from_column(value: i64) -> Self {
        Self::from_micros(value)
    }
}

macro_rules! live_column {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<R, N = i64> {
            name: &'static str,
            at: fn(&mut R) -> &mut N,
        }

        impl<R, N> $name<R, N> {
            /// Declares the column and the field that shows its value.
            #[must_use]
            pub const fn new(name: &'static str, at: fn(&mut R) -> &mut N) -> Self {
                Self { name, at }
            }

            pub(crate) const fn name(&self) -> &'static str {
                self.name
            }
        }

        impl<R: Record, N: Number> AnyLive<R> for $name<R, N> {
            fn name(&self) -> &'static str {
                self.name
            }

            fn get(&self, record: &mut R) -> i64 {
                (self.at)(record).to_column()
            }

            fn set(&self, record: &mut R, value: i64) {
                *(self.at)(record) = N::from_column(value);
            }
        }

        impl<R, N> fmt::Debug for $name<R, N> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.name).finish()
            }
        }
    };
}

live_column! {
    /// A counter that `add` changes without a look at the version: failures, tries, seats.
    ///
    /// The record shows its value in the field; replacing the record leaves the counter as it is.
    Tally
}

live_column! {
    /// A number that `raise` only ever moves upwards: the last step used, the last time seen.
    ///
    /// The record shows its value in the field; replacing the record leaves the peak as it is.
    Peak
}

impl<R: Record, N> Tally<R, N> {
    /// Whether the error says that this tally has reached its bound.
    #[must_use]
    pub fn exceeded(&self, error: &StoreError) -> bool {
        matches!(error, StoreError::Exceeded { collection, tally }
            if *collection == R::COLLECTION.name && *tally == self.name)
    }
}

/// A [`Tally`] or [`Peak`] whose number type is forgotten; implemented by them alone.
pub trait AnyLive<R>: Sync + Send {
    #[doc(hidden)]
    fn name(&self) -> &'static str;
    #[doc(hidden)]
    fn get(&self, record: &mut R) -> i64;
    #[doc(hidden)]
    fn set(&self, record: &mut R, value: i64);
}

/// A collection as backends see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionSpec {
    /// The name, without a table prefix.
    pub name: &'static str,
    /// One column for every indexed value, in the order of [`Encoded::columns`].
    pub columns: Vec<ColumnSpec>,
    /// The indexes, each over some of the columns.
    pub indexes: Vec<IndexSpec>,
    /// The tallies and peaks, in the order of [`Encoded::live`].
    pub live: Vec<&'static str>,
    /// The shape of documents written now.
    pub shape: u16,
    /// Whether records carry an expiry.
    pub expires: bool,
    /// Whether this is the stream of events.
    pub stream: bool,
    /// Whether other nodes are told when a record is replaced or removed.
    pub announced: bool,
}

/// A column as backends see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnSpec {
    /// The column's name.
    pub name: &'static str,
    /// The column's type.
    pub kind: ColumnType,
}

/// An index as backends see it. A refusal names it by its first column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexSpec {
    /// The names of its columns, in order.
    pub columns: Vec<&'static str>,
    /// Whether it refuses a second record with the same key (within a realm, nulls aside).
    pub unique: bool,
}

/// What a backend writes for a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The id.
    pub id: Uuid,
    /// The JSON document.
    pub doc: String,
    /// The document's shape.
    pub shape: u16,
    /// The values of [`CollectionSpec::columns`].
    pub columns: Vec<Value>,
    /// The first values of [`CollectionSpec::live`]; a replacement does not write them.
    pub live: Vec<i64>,
    /// From when on the record is absent.
    pub expires: Option<Timestamp>,
}

/// What a backend read of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The id.
    pub id: Uuid,
    /// The id of the unit that wrote it last.
    pub version: Uuid,
    /// The document's shape when it was written.
    pub shape: u16,
    /// The JSON document.
    pub doc: String,
    /// The present values of the tallies and peaks.
    pub live: Vec<i64>,
}
