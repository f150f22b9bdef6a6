//! Values on their way to PostgreSQL and back, in its binary format.

use std::error::Error;
use std::fmt;

use bytes::{BufMut as _, BytesMut};
use ciam_core::clock::Timestamp;
use ciam_core::store::{ColumnType, Row, Value};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};
use uuid::Uuid;

use crate::query;

/// PostgreSQL counts microseconds from the year 2000.
const YEAR_2000: i64 = 946_684_800_000_000;
/// What PostgreSQL can keep as a moment ends in the year 294,276; what is later is for ever.
const LAST_MOMENT: i64 = 9_223_371_331_200_000_000;
/// And begins in the year 4714 BC; what is earlier was always.
const FIRST_MOMENT: i64 = -211_813_488_000_000_000;
const FOREVER: i64 = i64::MAX;

/// A value of a statement.
#[derive(Clone)]
pub(super) enum Param {
    Uuid(Uuid),
    Uuids(Vec<Uuid>),
    Int(i64),
    Small(i32),
    Text(String),
    Bytes(Vec<u8>),
    Doc(String),
    Moment(i64),
    Null,
}

/// Shows its type alone: at its level `debug`, the driver logs the parameters of every statement.
impl fmt::Debug for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(..)", self.kind())
    }
}

impl Param {
    /// A moment; one that is later than PostgreSQL can count lasts for ever.
    pub(super) fn moment(at: Timestamp) -> Self {
        let micros = at.micros().saturating_sub(YEAR_2000);
        Self::Moment(if micros >= LAST_MOMENT { FOREVER } else { micros })
    }

    /// A moment to compare with, which may be before all that PostgreSQL can keep.
    pub(super) fn any_moment(at: Timestamp) -> Self {
        match Self::moment(at) {
            Self::Moment(micros) if micros < FIRST_MOMENT => Self::Moment(i64::MIN),
            other => other,
        }
    }

    /// The end of time.
    pub(super) const FOREVER: Self = Self::Moment(FOREVER);

    /// Its type; of a null, that it is open.
    pub(super) const fn kind(&self) -> Type {
        match self {
            Self::Uuid(_) => Type::UUID,
            Self::Uuids(_) => Type::UUID_ARRAY,
            Self::Int(_) => Type::INT8,
            Self::Small(_) => Type::INT4,
            Self::Text(_) => Type::TEXT,
            Self::Bytes(_) => Type::BYTEA,
            Self::Doc(_) => Type::JSON,
            Self::Moment(_) => Type::TIMESTAMPTZ,
            Self::Null => Type::UNKNOWN,
        }
    }

    /// Whether it can be given for a parameter of that type.
    pub(super) fn fits(&self, ty: &Type) -> bool {
        matches!(self, Self::Null) || *ty == self.kind()
    }

    pub(super) fn value(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Int(number) => Self::Int(*number),
            Value::Text(text) => Self::Text(text.clone()),
            Value::Uuid(uuid) => Self::Uuid(*uuid),
            Value::Bytes(bytes) => Self::Bytes(bytes.clone()),
        }
    }
}

impl From<query::Param<'_>> for Param {
    fn from(param: query::Param<'_>) -> Self {
        match param {
            query::Param::Uuid(uuid) => Self::Uuid(uuid),
            query::Param::Value(value) => Self::value(value),
            query::Param::Moment(now) => Self::moment(now),
            query::Param::Limit(limit) => Self::Int(limit.into()),
        }
    }
}

impl ToSql for Param {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Uuid(uuid) => out.put_slice(uuid.as_bytes()),
            Self::Uuids(uuids) => return uuids.to_sql(ty, out),
            Self::Int(number) | Self::Moment(number) => out.put_i64(*number),
            Self::Small(number) => out.put_i32(*number),
            Self::Text(text) | Self::Doc(text) => out.put_slice(text.as_bytes()),
            Self::Bytes(bytes) => out.put_slice(bytes),
            Self::Null => return Ok(IsNull::Yes),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        if self.fits(ty) { self.to_sql(ty, out) } else { Err(format!("a value is not of the type {ty}").into()) }
    }
}

/// A parameter that the driver's log does not show.
pub(super) struct Unseen<T>(pub(super) T);

impl<T> fmt::Debug for Unseen<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(..)")
    }
}

impl<T: ToSql> ToSql for Unseen<T> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.0.to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        T::accepts(ty)
    }

    tokio_postgres::types::to_sql_checked!();
}

/// A moment in an array.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(i64);

impl Moment {
    /// The end of time.
    pub(super) const FOREVER: Self = Self(FOREVER);

    /// As [`Param::moment`].
    pub(super) fn new(at: Timestamp) -> Self {
        match Param::moment(at) {
            Param::Moment(micros) => Self(micros),
            _ => Self::FOREVER,
        }
    }
}

impl ToSql for Moment {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64(self.0);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }

    tokio_postgres::types::to_sql_checked!();
}

/// A document, as it was written.
struct Doc(String);

impl<'a> FromSql<'a> for Doc {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(std::str::from_utf8(raw)?.to_owned()))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::JSON
    }
}

/// What is read of a record: see `Table::row_columns`, which begin at this column.
pub(super) fn to_row(row: &tokio_postgres::Row, at: usize) -> Result<Row, tokio_postgres::Error> {
    Ok(Row {
        id: row.try_get(at)?,
        version: row.try_get(at + 1)?,
        shape: u16::try_from(row.try_get::<_, i32>(at + 2)?).unwrap_or(u16::MAX),
        doc: row.try_get::<_, Doc>(at + 3)?.0,
        live: row.try_get(at + 4)?,
    })
}

/// A column's value.
pub(super) fn to_value(row: &tokio_postgres::Row, at: usize, kind: ColumnType) -> Result<Value, tokio_postgres::Error> {
    Ok(match kind {
        ColumnType::Int => row.try_get::<_, Option<i64>>(at)?.map_or(Value::Null, Value::Int),
        ColumnType::Text => row.try_get::<_, Option<String>>(at)?.map_or(Value::Null, Value::Text),
        ColumnType::Uuid => row.try_get::<_, Option<Uuid>>(at)?.map_or(Value::Null, Value::Uuid),
        ColumnType::Bytes => row.try_get::<_, Option<Vec<u8>>>(at)?.map_or(Value::Null, Value::Bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lg1_what_is_sent_to_the_server_is_not_shown() {
        let canary = "canary-7f3a".to_owned();
        let params: [Box<dyn ToSql>; 4] = [
            Box::new(Param::Text(canary.clone())),
            Box::new(Param::Doc(canary.clone())),
            Box::new(Param::Bytes(canary.clone().into_bytes())),
            Box::new(Unseen(vec![canary])),
        ];
        assert_eq!(format!("{params:?}"), "[text(..), json(..), bytea(..), (..)]");
    }
}
