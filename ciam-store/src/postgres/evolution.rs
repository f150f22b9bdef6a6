//! A database that is older than the app: what is missing is made, and records of older versions are brought up to date,
//! while others go on.

use std::time::Duration;

use async_trait::async_trait;
use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{CollectionSpec, Evolution, Lacking, Lagging, Recoded, RecordKey, StoreError, Wanted, Why};
use deadpool_postgres::{ClientWrapper, Object};
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::PostgresStore;
use super::batch::{Absence, Step, changing, table};
use super::failure::{Failure, unavailable};
use super::schema::{self, Prepared};
use super::sql::{self, Table, numbered};
use super::values::{Param, to_row};
use crate::generations::{Standing, lagging, not_serving};
use crate::migrations::Migrations;
use crate::query;

/// What a connection is told that takes its time: the making of an index, a look at all rows.
const UNHURRIED: &str = "SET default_transaction_read_only = off; SET statement_timeout = 0; SET lock_timeout = '5s'";
/// How long to rest while somebody else makes indexes.
const REST: Duration = Duration::from_millis(100);

impl PostgresStore {
    /// What is done in one transaction when a node starts.
    pub(super) async fn prepare_once(&self, specs: &[CollectionSpec]) -> Result<Prepared, StoreError> {
        let mut client = self.pool.get().await.map_err(unavailable)?;
        let transaction = client.build_transaction().read_only(false).start().await.map_err(unavailable)?;
        transaction.batch_execute("SET LOCAL statement_timeout = 0").await.map_err(unavailable)?;
        let connection: &tokio_postgres::Transaction<'_> = &transaction;
        let prepared = schema::prepare(connection, specs, self.migrations).await?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(prepared)
    }

    /// Makes the indexes that are missing, or rests while somebody else does.
    pub(super) async fn make_indexes(&self, specs: &[CollectionSpec]) -> Result<(), StoreError> {
        let client = self.unhurried().await?;
        let lock = "SELECT pg_try_advisory_lock($1)";
        let locked = client.query_one(lock, &[&schema::INDEX_LOCK]).await.map_err(unavailable)?;
        if !locked.try_get(0).map_err(unavailable)? {
            drop(client);
            tokio::time::sleep(REST).await;
            return Ok(());
        }
        client.batch_execute("SET lock_timeout = 0").await.map_err(unavailable)?;
        let connection: &tokio_postgres::Client = &client;
        let made = schema::make_indexes(connection, specs).await;
        let unlock = client.execute("SELECT pg_advisory_unlock($1)", &[&schema::INDEX_LOCK]).await;
        made?;
        unlock.map(drop).map_err(unavailable)
    }

    /// Refuses a question by columns that some record may lack.
    pub(super) async fn check_serving(&self, table: &Table, columns: &[&'static str]) -> Result<(), StoreError> {
        if !table.filled.is_to_be_renewed() && table.filled.lacked(columns).is_none() {
            return Ok(());
        }
        // Somebody else may have completed them meanwhile, or begun to leave one out.
        table.filled.renew(self.standing(table).await?);
        if table.filled.lacked(columns).is_none() { Ok(()) } else { Err(not_serving(&table.spec, columns)) }
    }

    async fn standing(&self, table: &Table) -> Result<Standing, StoreError> {
        let mut generations = schema::to_generations(&self.ask(schema::GENERATIONS, &[]).await?)?;
        Ok(generations.remove(table.spec.name).unwrap_or_default().standing(&table.spec))
    }

    /// A connection for what takes its time. It is closed afterwards.
    async fn unhurried(&self) -> Result<ClientWrapper, StoreError> {
        let client = Object::take(self.pool.get().await.map_err(unavailable)?);
        client.batch_execute(UNHURRIED).await.map_err(unavailable)?;
        Ok(client)
    }

    async fn refresh_one(&self, step: Step<'_>) -> Result<Result<(), Why>, StoreError> {
        match self.commit_steps(&[step]).await {
            Ok(changed) => Ok(if changed == [1] { Ok(()) } else { Err(Why::Changed) }),
            Err(Failure::Refused(error) | Failure::Taken(error)) => match error {
                StoreError::Conflict { index, .. } => Ok(Err(Why::Shared(index))),
                StoreError::Stale { .. } => Ok(Err(Why::Changed)),
                error => Err(error),
            },
        }
    }
}

#[async_trait]
impl Evolution for PostgresStore {
    async fn lagging(&self) -> Result<Vec<Lagging>, StoreError> {
        let mut generations = schema::to_generations(&self.ask(schema::GENERATIONS, &[]).await?)?;
        let mut standing =
            |table: &Table| generations.remove(table.spec.name).unwrap_or_default().standing(&table.spec);
        Ok(lagging(self.tables().values().map(|table| (table.spec.name, standing(table)))))
    }

    async fn lacking(
        &self,
        collection: &'static str,
        after: Option<Uuid>,
        wanted: Wanted,
    ) -> Result<Lacking, StoreError> {
        let tables = self.tables();
        let table = table(&tables, collection)?;
        let mut params: Vec<Param> = after.into_iter().map(Param::Uuid).collect();
        let end = self.ask(&numbered(&query::end_of_window(&table.spec, after.is_some())), &params).await?;
        let next: Option<Uuid> = end.first().map(|row| row.try_get(0)).transpose().map_err(unavailable)?;
        params.extend(next.map(Param::Uuid));
        let older = query::older(&table.spec, table.filled.standing().floor, wanted);
        let row = sql::row_columns(&table.spec);
        let text = query::lacking(&table.spec, &older, &row, after.is_some(), next.is_some());
        let found = |row: &tokio_postgres::Row| Ok((RealmId::from_uuid(row.try_get(0)?), to_row(row, 1)?));
        let rows = self.ask(&numbered(&text), &params).await?;
        let rows: Result<Vec<_>, tokio_postgres::Error> = rows.iter().map(found).collect();
        Ok(Lacking { rows: rows.map_err(unavailable)?, next })
    }

    async fn refresh(
        &self,
        collection: &'static str,
        records: Vec<Recoded>,
    ) -> Result<Vec<Result<(), Why>>, StoreError> {
        let tables = self.tables();
        let table = table(&tables, collection)?;
        let steps: Vec<Step<'_>> = records.iter().map(|recoded| refresh(table, recoded)).collect();
        match self.commit_steps(&steps).await {
            Ok(changed) => {
                return Ok(changed
                    .into_iter()
                    .map(|rows| if rows == 1 { Ok(()) } else { Err(Why::Changed) })
                    .collect());
            }
            // One of them stood in the way of all, so that each goes by itself.
            Err(Failure::Taken(_) | Failure::Refused(StoreError::Conflict { .. } | StoreError::Stale { .. })) => {}
            Err(Failure::Refused(error)) => return Err(error),
        }
        let mut answers = Vec::with_capacity(steps.len());
        for step in steps {
            answers.push(self.refresh_one(step).await?);
        }
        Ok(answers)
    }

    async fn fence(&self, collection: &'static str) -> Result<(), StoreError> {
        let tables = self.tables();
        let table = table(&tables, collection)?;
        let [add, _] = schema::fence(&table.spec, table.filled.standing().floor);
        match self.unhurried().await?.batch_execute(&add).await {
            // It has stood there since somebody was interrupted.
            Err(error) if error.code() == Some(&SqlState::DUPLICATE_OBJECT) => Ok(()),
            answer => answer.map_err(unavailable),
        }
    }

    async fn prove(&self, collection: &'static str) -> Result<bool, StoreError> {
        let tables = self.tables();
        let table = table(&tables, collection)?;
        let Standing { floor, fenced, .. } = self.standing(table).await?;
        let [_, validate] = schema::fence(&table.spec, floor);
        let client = self.unhurried().await?;
        match client.batch_execute(&validate).await {
            Err(error) if error.code() == Some(&SqlState::CHECK_VIOLATION) => {
                client.batch_execute(&schema::unfence(&table.spec, floor)).await.map_err(unavailable)?;
                return Ok(false);
            }
            answer => answer.map_err(unavailable)?,
        }
        let kept = format!(
            "BEGIN; UPDATE {} SET fenced = 1 WHERE collection = '{}' AND generation = {floor}; {}; COMMIT",
            crate::generations::TABLE,
            table.spec.name,
            if fenced < floor { schema::unfence(&table.spec, fenced) } else { "SELECT 1".to_owned() },
        );
        client.batch_execute(&kept).await.map_err(unavailable)?;
        Ok(true)
    }

    async fn contract(&self) -> Result<Vec<String>, StoreError> {
        let specs: Vec<_> = self.tables().values().map(|table| table.spec.clone()).collect();
        let client = self.unhurried().await?;
        let connection: &tokio_postgres::Client = &client;
        let mut done = Vec::new();
        for statement in schema::plan(connection, &specs).await?.left_over {
            client.batch_execute(&statement.text).await.map_err(unavailable)?;
            done.push(statement.text);
        }
        Ok(done)
    }

    fn unasked(&self) -> bool {
        self.migrations != Migrations::Refuse
    }
}

fn refresh<'t>(table: &'t Table, recoded: &Recoded) -> Step<'t> {
    let Recoded { realm, version, record } = recoded;
    let mut params = vec![
        Param::Uuid(record.id),
        Param::Uuid(realm.uuid()),
        Param::Uuid(*version),
        Param::Small(record.shape.into()),
        Param::Doc(record.doc.clone()),
    ];
    params.extend(changing(table, record));
    let key = RecordKey { collection: table.spec.name, id: record.id };
    Step { text: &table.refresh, params, key, table: Some(table), absence: Absence::Stale, live: "" }
}
