//! Records of older versions of the app, brought up to date by the writer, between the writes of others.

use std::sync::Arc;

use async_trait::async_trait;
use ciam_core::id::RecordId as _;
use ciam_core::store::{Evolution, Lacking, Lagging, Recoded, StoreError, Wanted, Why};
use rusqlite::Connection;
use uuid::Uuid;

use super::SqliteStore;
use super::batch::{changing, table};
use super::executor::Bind;
use super::failure::{is_taken, unavailable};
use super::schema;
use super::sql::Table;
use crate::generations::lagging;
use crate::migrations::Migrations;

#[async_trait]
impl Evolution for SqliteStore {
    async fn lagging(&self) -> Result<Vec<Lagging>, StoreError> {
        let tables = self.tables();
        let standings = tables.values().map(|table| Ok((table.spec.name, self.readers.standing(&table.spec)?)));
        Ok(lagging(standings.collect::<Result<Vec<_>, StoreError>>()?))
    }

    async fn lacking(
        &self,
        collection: &'static str,
        after: Option<Uuid>,
        wanted: Wanted,
    ) -> Result<Lacking, StoreError> {
        let tables = self.tables();
        let table = table(&tables, collection)?;
        self.readers.lacking(table, after, wanted)
    }

    async fn refresh(
        &self,
        collection: &'static str,
        records: Vec<Recoded>,
    ) -> Result<Vec<Result<(), Why>>, StoreError> {
        let of = self.table_of(collection)?;
        self.write(move |tx| records.iter().map(|recoded| refresh(tx, &of, recoded)).collect()).await
    }

    async fn fence(&self, collection: &'static str) -> Result<(), StoreError> {
        let of = self.table_of(collection)?;
        self.write(move |tx| {
            let texts = schema::fence(&of.spec, of.filled.standing().floor);
            texts.iter().try_for_each(|text| tx.execute_batch(text)).map_err(unavailable)
        })
        .await
    }

    async fn prove(&self, collection: &'static str) -> Result<bool, StoreError> {
        let of = self.table_of(collection)?;
        self.write(move |tx| prove(tx, &of)).await
    }

    async fn contract(&self) -> Result<Vec<String>, StoreError> {
        let specs: Vec<_> = self.tables().values().map(|table| table.spec.clone()).collect();
        self.write(move |tx| {
            let texts: Vec<String> =
                schema::plan(tx, &specs)?.left_over.into_iter().map(|statement| statement.text).collect();
            texts.iter().try_for_each(|text| tx.execute_batch(text)).map_err(unavailable)?;
            Ok(texts)
        })
        .await
    }

    fn unasked(&self) -> bool {
        self.migrations != Migrations::Refuse
    }
}

impl SqliteStore {
    fn table_of(&self, collection: &str) -> Result<Arc<Table>, StoreError> {
        let tables = self.tables();
        table(&tables, collection)?;
        Ok(Arc::clone(&tables[collection]))
    }
}

fn refresh(conn: &Connection, table: &Table, recoded: &Recoded) -> Result<Result<(), Why>, StoreError> {
    let Recoded { realm, version, record } = recoded;
    let mut params = vec![
        Bind::Uuid(record.id),
        Bind::Uuid(realm.uuid()),
        Bind::Uuid(*version),
        Bind::Int(record.shape.into()),
        Bind::Text(&record.doc),
    ];
    params.extend(changing(table, record));
    let mut statement = conn.prepare_cached(&table.refresh).map_err(unavailable)?;
    match statement.execute(rusqlite::params_from_iter(params)) {
        Ok(0) => Ok(Err(Why::Changed)),
        Ok(_) => Ok(Ok(())),
        Err(error) if is_taken(&error) => Ok(Err(Why::Shared(shared(&error, table)))),
        Err(error) => Err(unavailable(error)),
    }
}

/// The first column of the index that has the key already. SQLite names all of its columns, with their table.
fn shared(error: &rusqlite::Error, table: &Table) -> &'static str {
    let text = error.to_string();
    let named = |at: &usize| {
        let name = format!(".{}", table.spec.columns[*at].name);
        text.split([',', ' ']).any(|word| word.ends_with(&name))
    };
    table.unique.iter().find(|unique| unique.columns.iter().all(named)).map_or("id", |unique| unique.first)
}

/// Nobody writes meanwhile: what is looked at and what is kept are one moment.
fn prove(conn: &Connection, table: &Table) -> Result<bool, StoreError> {
    let standing = schema::standing(conn, &table.spec)?;
    let older = format!("SELECT EXISTS (SELECT 1 FROM {} WHERE layout < ?1)", crate::layout::table_name(&table.spec));
    if conn.query_row(&older, [standing.floor], |row| row.get(0)).map_err(unavailable)? {
        let back = if standing.fenced > 1 {
            schema::fence(&table.spec, standing.fenced)
        } else {
            schema::unfence(&table.spec).to_vec()
        };
        back.iter().try_for_each(|text| conn.execute_batch(text)).map_err(unavailable)?;
        return Ok(false);
    }
    conn.execute_batch(&schema::proved(&table.spec, standing.floor)).map_err(unavailable)?;
    Ok(true)
}
