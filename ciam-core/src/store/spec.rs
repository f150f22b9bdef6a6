//! Collections and records as a backend sees them: without types.

use uuid::Uuid;

use super::value::{ColumnType, Value};
use crate::clock::Timestamp;

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
