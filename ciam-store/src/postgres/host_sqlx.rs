//! A unit's batch in a transaction of the host's own, over sqlx.

use bytes::BytesMut;
use ciam_core::store::{Applied, Staged, StoreError};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgDatabaseError, PgTypeInfo};
use sqlx::{Acquire as _, Arguments as _, AssertSqlSafe, Encode, Postgres, Transaction, Type};
use tokio_postgres::types::ToSql as _;

use super::PostgresStore;
use super::batch::Step;
use super::failure::{Failure, Said, refusal, unavailable};
use super::host::{Host, NotKept, apply};
use super::values::Param;

impl PostgresStore {
    /// As [`PostgresStore::apply`], in a transaction of sqlx: a round trip for each statement, which sqlx prepares on
    /// the host's connection as it does with the host's own.
    ///
    /// Whoever gives up waiting for it has it taken back.
    ///
    /// # Errors
    /// As [`PostgresStore::apply`].
    pub async fn apply_sqlx(
        &self,
        transaction: &mut Transaction<'_, Postgres>,
        staged: &Staged,
    ) -> Result<Applied, StoreError> {
        apply(&mut Through(transaction), &self.tables(), staged).await
    }
}

impl Said for sqlx::Error {
    fn said(&self) -> Option<(&str, &str)> {
        let said = self.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?;
        Some((said.code(), said.constraint().unwrap_or_default()))
    }
}

struct Through<'t, 'c>(&'t mut Transaction<'c, Postgres>);

impl Host for Through<'_, '_> {
    async fn attempt(&mut self, steps: &[Step<'_>]) -> Result<(), NotKept> {
        let lost = |error: sqlx::Error| NotKept::Lost(unavailable(error));
        let mut savepoint = self.0.begin().await.map_err(lost)?;
        for step in steps {
            let Err(failure) = execute(&mut savepoint, step).await else { continue };
            savepoint.rollback().await.map_err(lost)?;
            return Err(NotKept::TakenBack(failure));
        }
        savepoint.commit().await.map_err(lost)
    }
}

async fn execute(savepoint: &mut Transaction<'_, Postgres>, step: &Step<'_>) -> Result<(), Failure> {
    let mut arguments = PgArguments::default();
    let added = step.params.iter().try_for_each(|param| arguments.add(param));
    added.map_err(|error| Failure::Refused(StoreError::Unavailable(error)))?;
    let done = sqlx::query_with(AssertSqlSafe(step.text), arguments).execute(&mut **savepoint).await;
    done.map(drop).map_err(|error| refusal(step, error))
}

impl Encode<'_, Postgres> for Param {
    fn encode_by_ref(&self, out: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let mut bytes = BytesMut::new();
        let is_null = self.to_sql(&self.kind(), &mut bytes)?;
        out.extend_from_slice(&bytes);
        Ok(if matches!(is_null, tokio_postgres::types::IsNull::Yes) { IsNull::Yes } else { IsNull::No })
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(Oid(self.kind().oid())))
    }
}

impl Type<Postgres> for Param {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(tokio_postgres::types::Type::UNKNOWN.oid()))
    }
}
