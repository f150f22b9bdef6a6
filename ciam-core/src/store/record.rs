//! How a record is declared: its collection.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::StoreError;
use super::field::AnyField;
use super::index::AnyIndex;
use super::live::AnyLive;
use super::spec::{CollectionSpec, ColumnSpec, Encoded, FieldSpec, IndexSpec, Row};
use super::value::Value;
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
    searchable: [Option<&'static dyn AnyField<R>>; 8],
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
        Self {
            name,
            indexes: [None; 6],
            searchable: [None; 8],
            live: [None; 4],
            expires: None,
            shape: 1,
            stream: false,
            announced: false,
        }
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

    /// Lets [`Store::search`](super::Store::search) filter and sort by a [`Field`](super::Field); at most eight. SQL
    /// backends keep an index over it, so that values, ranges, beginnings of texts and pages in its order are found
    /// quickly however many records there are.
    #[must_use]
    pub const fn searchable(mut self, field: &'static dyn AnyField<R>) -> Self {
        let mut at = 0;
        while self.searchable[at].is_some() {
            at += 1;
        }
        self.searchable[at] = Some(field);
        self
    }

    /// Adds a [`Tally`](super::Tally) or a [`Peak`](super::Peak); at most four.
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

    fn fields(&self) -> impl Iterator<Item = &'static dyn AnyField<R>> {
        self.searchable.into_iter().flatten()
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
        let fields: Vec<(FieldSpec, bool)> = self.fields().map(|field| (field.spec(), field.is_column())).collect();
        for (FieldSpec { column: name, kind, .. }, _) in fields.iter().filter(|(_, is_column)| *is_column) {
            if !columns.iter().any(|column| column.name == *name) {
                columns.push(ColumnSpec { name, kind: *kind });
            }
        }
        CollectionSpec {
            name: self.name,
            columns,
            indexes,
            searchable: fields.into_iter().map(|(field, _)| field).collect(),
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
        let indexed = self.indexes().flat_map(|index| index.values(record));
        let searchable = self.fields().filter_map(|field| Some((field.spec().column, field.value(record)?)));
        for (name, value) in indexed.chain(searchable) {
            if matches!(&value, Value::Text(text) if text.contains('\0')) {
                return Err(StoreError::Misuse("an indexed text holds U+0000, which no backend keeps"));
            }
            match columns.iter().find(|(known, _)| *known == name) {
                None => columns.push((name, value)),
                Some((_, known)) if *known == value => {}
                Some(_) => return Err(StoreError::Misuse("two declarations give one column different values")),
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
