//! A unit's batch in a transaction of the host's own, over sqlx.

use ciam_core::store::{Applied, Staged, StoreError, Value};
use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteError, SqliteRow};
use sqlx::{Acquire as _, Arguments as _, AssertSqlSafe, Row as _, Sqlite, Transaction, TypeInfo as _, ValueRef as _};

use super::SqliteStore;
use super::batch::Applying;
use super::executor::{Bind, Executor, Found};
use super::failure::{Said, unavailable};

impl SqliteStore {
    /// As [`SqliteStore::apply`], in a transaction of sqlx. It best begins with `begin_with("BEGIN IMMEDIATE")`.
    ///
    /// Whoever gives up waiting for it has it taken back.
    ///
    /// # Errors
    /// As [`SqliteStore::apply`].
    pub async fn apply_sqlx(
        &self,
        transaction: &mut Transaction<'_, Sqlite>,
        staged: &Staged,
    ) -> Result<Applied, StoreError> {
        let attempt = staged.attempt()?;
        let Some(batch) = attempt.batch() else { return Ok(attempt.applied()) };
        let tables = self.tables();
        let mut savepoint = transaction.begin().await.map_err(unavailable)?;
        let refused = Applying::over(Through(&mut savepoint), &tables, attempt.realm(), batch).run(batch).await;
        match refused {
            Ok(()) => {
                savepoint.commit().await.map_err(unavailable)?;
                Ok(attempt.applied())
            }
            // What cannot be taken back here is gone with the host's transaction, or settled.
            Err(error) => match savepoint.rollback().await {
                Ok(()) => Err(attempt.refused(error)),
                Err(_) => Err(error),
            },
        }
    }
}

impl Said for sqlx::Error {
    fn extended(&self) -> Option<i32> {
        use sqlx::error::DatabaseError as _;

        self.as_database_error()?.try_downcast_ref::<SqliteError>()?.code()?.parse().ok()
    }

    fn text(&self) -> Option<&str> {
        self.as_database_error().map(|error| error.message())
    }
}

struct Through<'t, 'c>(&'t mut Transaction<'c, Sqlite>);

impl Executor for Through<'_, '_> {
    type Error = sqlx::Error;

    async fn execute(&mut self, text: &str, params: &[Bind<'_>]) -> sqlx::Result<u64> {
        let done = sqlx::query_with(AssertSqlSafe(text), arguments(params)?).execute(&mut **self.0).await?;
        Ok(done.rows_affected())
    }

    async fn first(&mut self, text: &str, params: &[Bind<'_>]) -> sqlx::Result<Option<Found>> {
        let row = sqlx::query_with(AssertSqlSafe(text), arguments(params)?).fetch_optional(&mut **self.0).await?;
        row.as_ref().map(found).transpose()
    }
}

fn arguments(params: &[Bind<'_>]) -> sqlx::Result<SqliteArguments> {
    let mut arguments = SqliteArguments::default();
    let mut add = |param: &Bind<'_>| -> Result<(), BoxDynError> {
        match *param {
            Bind::Uuid(uuid) | Bind::Value(&Value::Uuid(uuid)) => arguments.add(&uuid.as_bytes()[..]),
            Bind::Int(number) | Bind::Value(&Value::Int(number)) => arguments.add(number),
            Bind::Text(text) => arguments.add(text),
            Bind::Value(Value::Text(text)) => arguments.add(text.as_str()),
            Bind::Value(Value::Bytes(bytes)) => arguments.add(bytes.as_slice()),
            Bind::Value(Value::Null) => arguments.add(None::<i64>),
        }
    };
    params.iter().try_for_each(&mut add).map_err(sqlx::Error::Encode)?;
    Ok(arguments)
}

fn found(row: &SqliteRow) -> sqlx::Result<Found> {
    let mut found = Found::default();
    for at in 0..row.len() {
        let value = row.try_get_raw(at)?;
        match value.type_info().name() {
            "INTEGER" => found.number = row.try_get(at)?,
            "BLOB" => {
                let bytes: &[u8] = row.try_get(at)?;
                found.id = Some(uuid::Uuid::from_slice(bytes).map_err(|error| sqlx::Error::Decode(error.into()))?);
            }
            _ => {}
        }
    }
    Ok(found)
}
