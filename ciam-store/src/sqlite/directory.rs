//! Searching: the questions of `search.rs`, put to a reading connection.

use std::sync::Arc;

use async_trait::async_trait;
use ciam_core::clock::Timestamp;
use ciam_core::id::RealmId;
use ciam_core::store::{Directory, RawListing, RawSearch, SearchCursor, StoreError, Total};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement};

use super::batch::shared_table;
use super::readers::{to_row, value};
use super::sql::{Table, row_columns};
use super::{SqliteStore, UUID};
use crate::search::{self, Param, Question, Words};

/// SQLite's words. Texts are found by functions that know no wildcards.
pub(super) const WORDS: Words = Words {
    ends_with: |column, text| format!("substr({column}, -length({text})) = {text}"),
    contains: |column, text| format!("instr({column}, {text}) > 0"),
    micros: str::to_owned,
};

#[async_trait]
impl Directory for SqliteStore {
    async fn search(&self, realm: RealmId, now: Timestamp, search: &RawSearch) -> Result<RawListing, StoreError> {
        let tables = self.tables();
        let table = Arc::clone(shared_table(&tables, search.collection)?);
        search.check(&table.spec).map_err(StoreError::Search)?;
        self.check_serving(&table, &search::fields(search))?;
        let search = search.clone();
        self.searches.run(move |connection| found(connection, &table, realm, now, &search)).await
    }
}

fn found(
    connection: &Connection,
    table: &Table,
    realm: RealmId,
    now: Timestamp,
    search: &RawSearch,
) -> rusqlite::Result<RawListing> {
    let spec = &table.spec;
    let page = search::page(&WORDS, spec, &row_columns(spec), realm, now, search);
    let count = |bound| -> rusqlite::Result<Total> {
        let question = search::count(&WORDS, spec, realm, now, search, bound);
        let mut statement = asked(connection, &question)?;
        let counted = statement.raw_query().next()?.map_or(Ok(0), |row| row.get(0))?;
        Ok(Total::counted(counted, bound))
    };
    let live = spec.live.len();
    let is_uuid = |name| spec.field(name).is_some_and(|field| field.kind == UUID);
    let mut statement = asked(connection, &page)?;
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let keys = search.sort.iter().enumerate();
        let values = keys.map(|(nth, sort)| value(row.get_ref(5 + live + nth)?, is_uuid(sort.field)));
        let values = values.collect::<rusqlite::Result<_>>()?;
        let row = to_row(row, 1, live)?;
        found.push((SearchCursor { values, id: row.id }, row));
    }
    Ok(RawListing { rows: found, total: search.count_to.map(count).transpose()? })
}

/// A statement with its values. It is not kept: there are as many texts as there are filters, and the kept ones are
/// for what is asked at every request.
fn asked<'c>(connection: &'c Connection, question: &Question<'_>) -> rusqlite::Result<Statement<'c>> {
    let mut statement = connection.prepare(&question.text)?;
    for (at, param) in question.params.iter().enumerate() {
        statement.raw_bind_parameter(at + 1, param)?;
    }
    Ok(statement)
}

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Uuid(uuid) => ValueRef::Blob(uuid.as_bytes()),
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::End(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Moment(at) => ValueRef::Integer(at.micros()),
        }))
    }
}
