//! Who carries out the statements of a batch: our own connection, or one of the host's.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use ciam_core::store::Value;
use rusqlite::Connection;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use uuid::Uuid;

use super::failure::Said;

/// Carries out statements, one after another.
pub(super) trait Executor {
    type Error: Said;

    /// How many rows it has changed.
    fn execute(&mut self, text: &str, params: &[Bind<'_>]) -> impl Future<Output = Result<u64, Self::Error>>;

    /// The first row of the answer.
    fn first(&mut self, text: &str, params: &[Bind<'_>]) -> impl Future<Output = Result<Option<Found>, Self::Error>>;
}

/// A value of a statement.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bind<'v> {
    Uuid(Uuid),
    Int(i64),
    Text(&'v str),
    Value(&'v Value),
}

impl ToSql for Bind<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Uuid(uuid) | Self::Value(Value::Uuid(uuid)) => ValueRef::Blob(uuid.as_bytes()),
            Self::Int(number) | Self::Value(Value::Int(number)) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Value(Value::Text(text)) => ValueRef::Text(text.as_bytes()),
            Self::Value(Value::Bytes(bytes)) => ValueRef::Blob(bytes),
            Self::Value(Value::Null) => ValueRef::Null,
        }))
    }
}

/// What a batch reads of a row: an id or a version, and a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: Option<Uuid>,
    pub(super) number: i64,
}

/// A connection that answers at once.
pub(super) struct Direct<'c>(pub(super) &'c Connection);

impl Executor for Direct<'_> {
    type Error = rusqlite::Error;

    async fn execute(&mut self, text: &str, params: &[Bind<'_>]) -> rusqlite::Result<u64> {
        let mut statement = self.0.prepare_cached(text)?;
        for (at, param) in params.iter().enumerate() {
            statement.raw_bind_parameter(at + 1, param)?;
        }
        statement.raw_execute().map(|rows| rows as u64)
    }

    async fn first(&mut self, text: &str, params: &[Bind<'_>]) -> rusqlite::Result<Option<Found>> {
        let mut statement = self.0.prepare_cached(text)?;
        for (at, param) in params.iter().enumerate() {
            statement.raw_bind_parameter(at + 1, param)?;
        }
        let columns = statement.column_count();
        let mut rows = statement.raw_query();
        let Some(row) = rows.next()? else { return Ok(None) };
        let mut found = Found::default();
        for at in 0..columns {
            match row.get_ref(at)? {
                ValueRef::Integer(number) => found.number = number,
                ValueRef::Blob(_) => found.id = Some(row.get(at)?),
                _ => {}
            }
        }
        Ok(Some(found))
    }
}

/// The answer of something that waits for nothing, such as a batch over a [`Direct`] connection.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => unreachable!("a connection that answers at once"),
    }
}
