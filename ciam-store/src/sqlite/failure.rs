//! What SQLite says, in the words of the port. Its own text stays in `source()`.

use ciam_core::store::StoreError;
use rusqlite::ffi;

use super::schema::TOO_OLD;

/// An error of whatever speaks to SQLite.
pub(super) trait Said: std::error::Error + Send + Sync + 'static {
    /// SQLite's extended result code, if it is SQLite that says no.
    fn extended(&self) -> Option<i32>;

    /// SQLite's own text, if it is SQLite that says no.
    fn text(&self) -> Option<&str>;
}

impl Said for rusqlite::Error {
    fn extended(&self) -> Option<i32> {
        self.sqlite_error().map(|error| error.extended_code)
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::SqliteFailure(_, text) => text.as_deref(),
            _ => None,
        }
    }
}

/// Nothing was changed, and the caller can do nothing about it but try later.
pub(super) fn unavailable(error: impl Said) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

/// The answer to a statement of a batch.
pub(super) fn refusal(error: impl Said) -> StoreError {
    if is_foreign_key(&error) { StoreError::Referenced } else { unavailable(error) }
}

/// The answer to a statement that writes a record of this collection.
pub(super) fn refusal_of(collection: &'static str, error: impl Said) -> StoreError {
    let triggered = error.extended() == Some(ffi::SQLITE_CONSTRAINT_TRIGGER);
    if triggered && error.text().is_some_and(|text| text.contains(TOO_OLD)) {
        return StoreError::Outdated { collection };
    }
    refusal(error)
}

/// A row elsewhere refers to what would go.
pub(super) fn is_foreign_key(error: &impl Said) -> bool {
    error.extended() == Some(ffi::SQLITE_CONSTRAINT_FOREIGNKEY)
}

/// An id or a unique key is taken.
pub(super) fn is_taken(error: &impl Said) -> bool {
    let taken =
        [ffi::SQLITE_CONSTRAINT_UNIQUE, ffi::SQLITE_CONSTRAINT_PRIMARYKEY, ffi::SQLITE_CONSTRAINT_ROWID].map(Some);
    taken.contains(&error.extended())
}

/// Another connection has the lock.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked))
}
