//! Searching: the questions of `search.rs`, put to the server.

use async_trait::async_trait;
use ciam_core::clock::Timestamp;
use ciam_core::id::RealmId;
use ciam_core::store::{Directory, RawListing, RawSearch, SearchCursor, StoreError, Total};

use super::PostgresStore;
use super::batch::table;
use super::failure::unavailable;
use super::sql::{numbered, row_columns};
use super::values::{self, to_row, to_value};
use crate::search::{self, Param, Question, Words};

/// PostgreSQL's words. Texts are found by functions that know no wildcards, byte by byte as the columns' collation is.
pub(super) const WORDS: Words = Words {
    ends_with: |column, text| format!("right({column}, length({text})) = {text}"),
    contains: |column, text| format!("strpos({column}, {text}) > 0"),
    micros: |column| format!("(extract(epoch FROM {column}) * 1000000)::bigint"),
};

#[async_trait]
impl Directory for PostgresStore {
    async fn search(&self, realm: RealmId, now: Timestamp, search: &RawSearch) -> Result<RawListing, StoreError> {
        let tables = self.tables();
        let table = table(&tables, search.collection)?;
        let spec = &table.spec;
        search.check(spec).map_err(StoreError::Search)?;
        self.check_serving(table, &search::fields(search)).await?;
        let turn = tokio::time::timeout(self.patience, self.searches.acquire()).await;
        let _turn = turn.map_err(|_| StoreError::Unavailable("others search, and take too long".into()))?;
        let page = search::page(&WORDS, spec, &row_columns(spec), realm, now, search);
        let rows = self.ask_search(&page).await?;
        let found = |row: &tokio_postgres::Row| -> Result<_, tokio_postgres::Error> {
            let kinds = search.sort.iter().filter_map(|sort| spec.field(sort.field)).enumerate();
            let values = kinds.map(|(nth, field)| to_value(row, 6 + nth, field.kind)).collect::<Result<_, _>>()?;
            let row = to_row(row, 1)?;
            Ok((SearchCursor { values, id: row.id }, row))
        };
        let rows = rows.iter().map(found).collect::<Result<_, _>>().map_err(unavailable)?;
        let total = match search.count_to {
            None => None,
            Some(bound) => {
                let counted = self.ask_search(&search::count(&WORDS, spec, realm, now, search, bound)).await?;
                let count: i64 = counted.first().map_or(Ok(0), |row| row.try_get(0)).map_err(unavailable)?;
                Some(Total::counted(u32::try_from(count).unwrap_or(u32::MAX), bound))
            }
        };
        Ok(RawListing { rows, total })
    }
}

impl PostgresStore {
    async fn ask_search(&self, question: &Question<'_>) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        let params: Vec<values::Param> = question.params.iter().map(values::Param::from).collect();
        self.ask_once(&numbered(&question.text), &params).await
    }
}

impl From<&Param<'_>> for values::Param {
    fn from(param: &Param<'_>) -> Self {
        match param {
            Param::Uuid(uuid) => Self::Uuid(*uuid),
            Param::Int(number) => Self::Int(*number),
            Param::Text(text) => Self::Text((*text).to_owned()),
            Param::End(text) => Self::Text(text.clone()),
            Param::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
            Param::Moment(at) => Self::any_moment(*at),
        }
    }
}
