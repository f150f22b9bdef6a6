//! Collections and records as a backend sees them: without types.

use uuid::Uuid;

use super::value::{ColumnType, Value};
use crate::clock::Timestamp;

/// A collection as backends see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionSpec {
    /// The name, without a table prefix.
    pub name: &'static str,
    /// One column for every indexed or searchable value, in the order of [`Encoded::columns`].
    pub columns: Vec<ColumnSpec>,
    /// The indexes, each over some of the columns.
    pub indexes: Vec<IndexSpec>,
    /// What a [`Directory`](super::Directory) searches by: columns, and perhaps `created_at` and `updated_at`.
    pub searchable: Vec<FieldSpec>,
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

impl CollectionSpec {
    /// What the collection can be searched by under this name: a declared field, or what every record has.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<FieldSpec> {
        let own = [FieldSpec::ID, FieldSpec::CREATED_AT, FieldSpec::UPDATED_AT];
        self.searchable.iter().chain(&own).find(|field| field.column == name).copied()
    }
}

/// A searchable field as backends see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldSpec {
    /// The name of its column.
    pub column: &'static str,
    /// The column's type; moments are numbers.
    pub kind: ColumnType,
    /// Whether a record may have no value.
    pub nullable: bool,
}

impl FieldSpec {
    /// The id of a record.
    pub const ID: Self = Self { column: "id", kind: ColumnType::Uuid, nullable: false };
    /// When it was inserted.
    pub const CREATED_AT: Self = Self { column: "created_at", kind: ColumnType::Int, nullable: false };
    /// When it was inserted, replaced or touched last.
    pub const UPDATED_AT: Self = Self { column: "updated_at", kind: ColumnType::Int, nullable: false };
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
