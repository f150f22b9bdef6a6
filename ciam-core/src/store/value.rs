//! What an indexed column can hold.

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::secret::Digest;

/// The type of a declared column; every backend maps it to one type of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// A signed 64-bit integer; also moments (microseconds) and truth values (0, 1).
    Int,
    /// UTF-8 text without U+0000, compared bytewise.
    Text,
    /// A UUID, compared bytewise.
    Uuid,
    /// Bytes, compared bytewise.
    Bytes,
}

/// One value of a column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Nothing: the record does not stand in the indexes over this column.
    Null,
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
    /// A UUID.
    Uuid(Uuid),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Value {
    /// Whether this is [`Value::Null`].
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

/// A Rust type that can stand in an indexed column.
pub trait Column {
    /// The column's type.
    const TYPE: ColumnType;
    /// Whether [`Value::Null`] may be among the values (default false).
    const NULLABLE: bool = false;

    /// The value to keep.
    fn value(&self) -> Value;
}

impl Column for String {
    const TYPE: ColumnType = ColumnType::Text;

    fn value(&self) -> Value {
        Value::Text(self.clone())
    }
}

impl Column for str {
    const TYPE: ColumnType = ColumnType::Text;

    fn value(&self) -> Value {
        Value::Text(self.to_owned())
    }
}

impl Column for &'static str {
    const TYPE: ColumnType = ColumnType::Text;

    fn value(&self) -> Value {
        Value::Text((*self).to_owned())
    }
}

impl Column for i64 {
    const TYPE: ColumnType = ColumnType::Int;

    fn value(&self) -> Value {
        Value::Int(*self)
    }
}

impl Column for bool {
    const TYPE: ColumnType = ColumnType::Int;

    fn value(&self) -> Value {
        Value::Int(i64::from(*self))
    }
}

impl Column for Timestamp {
    const TYPE: ColumnType = ColumnType::Int;

    fn value(&self) -> Value {
        Value::Int(self.micros())
    }
}

impl Column for Digest {
    const TYPE: ColumnType = ColumnType::Bytes;

    fn value(&self) -> Value {
        Value::Bytes(self.bytes().to_vec())
    }
}

impl<C: Column> Column for Option<C> {
    const TYPE: ColumnType = C::TYPE;
    const NULLABLE: bool = true;

    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Column::value)
    }
}

/// A column of text, whose beginning, end and middle can be asked for.
pub trait TextColumn: Column {}

impl TextColumn for String {}
impl TextColumn for &'static str {}
impl<C: TextColumn> TextColumn for Option<C> {}

/// One to four columns, in the order of an index.
pub trait Key {
    /// The types of the columns.
    const TYPES: &'static [ColumnType];
    /// All columns but the last: what a range over the last one is asked within.
    type Head: Key;
    /// The last column.
    type Last: Column;

    /// The values of the columns.
    fn values(&self) -> Vec<Value>;
}

/// No column: the head of an index over a single one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

impl Column for Nothing {
    const TYPE: ColumnType = ColumnType::Int;

    fn value(&self) -> Value {
        Value::Null
    }
}

impl Key for () {
    const TYPES: &'static [ColumnType] = &[];
    type Head = ();
    type Last = Nothing;

    fn values(&self) -> Vec<Value> {
        Vec::new()
    }
}

impl<A: Column> Key for A {
    const TYPES: &'static [ColumnType] = &[A::TYPE];
    type Head = ();
    type Last = A;

    fn values(&self) -> Vec<Value> {
        vec![self.value()]
    }
}

impl<A: Column, B: Column> Key for (A, B) {
    const TYPES: &'static [ColumnType] = &[A::TYPE, B::TYPE];
    type Head = A;
    type Last = B;

    fn values(&self) -> Vec<Value> {
        vec![self.0.value(), self.1.value()]
    }
}

impl<A: Column, B: Column, C: Column> Key for (A, B, C) {
    const TYPES: &'static [ColumnType] = &[A::TYPE, B::TYPE, C::TYPE];
    type Head = (A, B);
    type Last = C;

    fn values(&self) -> Vec<Value> {
        vec![self.0.value(), self.1.value(), self.2.value()]
    }
}

impl<A: Column, B: Column, C: Column, D: Column> Key for (A, B, C, D) {
    const TYPES: &'static [ColumnType] = &[A::TYPE, B::TYPE, C::TYPE, D::TYPE];
    type Head = (A, B, C);
    type Last = D;

    fn values(&self) -> Vec<Value> {
        vec![self.0.value(), self.1.value(), self.2.value(), self.3.value()]
    }
}
