//! What PostgreSQL says, in the words of the port. Its own text stays in `source()`, as far as it holds no record.

use std::error::Error as StdError;
use std::fmt;

use ciam_core::store::{StoreError, UNITS};
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

use super::batch::{Absence, Step};
use super::sql::{ABSENT, REFUSED, UNITS_KEY};

/// An error of whatever speaks to PostgreSQL.
pub(super) trait Said: std::error::Error + Send + Sync + 'static {
    /// What the server said, if it was the server: its code, and the constraint that it is about.
    fn said(&self) -> Option<(&str, &str)>;
}

impl Said for Error {
    fn said(&self) -> Option<(&str, &str)> {
        self.as_db_error().map(|said| (said.code().code(), said.constraint().unwrap_or_default()))
    }
}

/// Nothing was changed, and the caller can do nothing about it but try later.
pub(super) fn unavailable(error: impl StdError + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(without_rows(error))
}

/// It may have been changed.
pub(super) fn unknown(error: impl StdError + Send + Sync + 'static) -> StoreError {
    StoreError::Unknown(without_rows(error))
}

/// What the server said, without its DETAIL and its context: these repeat keys and whole rows, and a cause ends up in
/// logs.
#[derive(Debug)]
struct ServerError {
    message: String,
    code: String,
    /// The table and the constraint, where there are such.
    about: String,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}{})", self.message, self.code, self.about)
    }
}

impl StdError for ServerError {}

impl ServerError {
    fn new(message: &str, code: &str, table: Option<&str>, constraint: Option<&str>) -> Self {
        let named = |what: &str, name: Option<&str>| name.map(|name| format!(", {what} {name}")).unwrap_or_default();
        let about = format!("{}{}", named("table", table), named("constraint", constraint));
        Self { message: message.to_owned(), code: code.to_owned(), about }
    }
}

/// The error as a cause that may be logged.
fn without_rows(error: impl StdError + Send + Sync + 'static) -> Box<dyn StdError + Send + Sync> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(said) = of_the_server(inner) {
            return Box::new(said);
        }
        cause = inner.source();
    }
    Box::new(error)
}

fn of_the_server(error: &(dyn StdError + 'static)) -> Option<ServerError> {
    if let Some(said) = error.downcast_ref::<DbError>() {
        return Some(ServerError::new(said.message(), said.code().code(), said.table(), said.constraint()));
    }
    #[cfg(feature = "sqlx-postgres")]
    if let Some(said) = error
        .downcast_ref::<sqlx::Error>()
        .and_then(sqlx::Error::as_database_error)
        .and_then(|said| said.try_downcast_ref::<sqlx::postgres::PgDatabaseError>())
    {
        return Some(ServerError::new(said.message(), said.code(), said.table(), said.constraint()));
    }
    None
}

/// Why a batch was not committed, or what is not known of it.
#[derive(Debug)]
pub(super) enum Failure {
    /// The answer.
    Refused(StoreError),
    /// Another record has the key, which may have expired: to be told apart by making room for the batch.
    Taken(StoreError),
}

/// The answer to a statement of a batch that the server has refused: so nothing of the batch was kept.
pub(super) fn refusal(step: &Step<'_>, error: impl Said) -> Failure {
    let Some((code, constraint)) = error.said() else { return Failure::Refused(unknown(error)) };
    let (collection, id) = (step.key.collection, step.key.id);
    let is = |states: &[&SqlState]| states.iter().any(|state| state.code() == code);
    let stale = StoreError::Stale { collection, id };
    if is(&[ABSENT]) {
        return Failure::Refused(match step.absence {
            Absence::Stale => stale,
            Absence::Conflict => StoreError::Conflict { collection, index: "id" },
            Absence::Exceeded => StoreError::Exceeded { collection, tally: step.live },
        });
    }
    if is(&[REFUSED]) {
        return Failure::Refused(StoreError::Exceeded { collection, tally: step.live });
    }
    if is(&[&SqlState::UNIQUE_VIOLATION]) {
        if constraint == UNITS_KEY {
            return Failure::Refused(StoreError::Conflict { collection: UNITS, index: "id" });
        }
        let index = step.table.and_then(|table| table.unique(constraint));
        let Some(index) = index else { return Failure::Refused(unavailable(error)) };
        let taken = StoreError::Conflict { collection, index };
        let may_have_expired = step.table.is_some_and(|table| table.spec.expires);
        return if may_have_expired { Failure::Taken(taken) } else { Failure::Refused(taken) };
    }
    if is(&[&SqlState::CHECK_VIOLATION])
        && let Some((table, floor)) = step.table.and_then(|table| Some((table, table.fence(constraint)?)))
    {
        // Who writes what the fence asks for meets it at a record that nobody has brought up to date yet.
        let outdated = table.generation < floor;
        return Failure::Refused(if outdated { StoreError::Outdated { collection } } else { stale });
    }
    Failure::Refused(if is(&[&SqlState::FOREIGN_KEY_VIOLATION, &SqlState::RESTRICT_VIOLATION]) {
        StoreError::Referenced
    } else if is(&[&SqlState::T_R_DEADLOCK_DETECTED, &SqlState::T_R_SERIALIZATION_FAILURE]) {
        stale
    } else if is(&[&SqlState::PROGRAM_LIMIT_EXCEEDED]) {
        StoreError::TooLarge
    } else {
        unavailable(error)
    })
}

/// The answer to a COMMIT that was not confirmed.
pub(super) fn commit_refusal(error: Error) -> StoreError {
    let Some(said) = error.as_db_error() else { return unknown(error) };
    match said.code() {
        // A constraint that the host has deferred to the commit.
        code if *code == SqlState::FOREIGN_KEY_VIOLATION => StoreError::Referenced,
        code if ["23", "40", "57014"].iter().any(|class| code.code().starts_with(class)) => unavailable(error),
        _ => unknown(error),
    }
}
