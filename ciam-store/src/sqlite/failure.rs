//! What SQLite says, in the words of the port. Its own text stays in `source()`.

use ciam_core::store::StoreError;
use rusqlite::ffi;

/// An error of whatever speaks to SQLite.
pub(super) trait Said: std::error::Error + Send + Sync + 'static {
    /// SQLite's extended result code, if it is SQLite that says no.
    fn extended(&self) -> Option<i32>;
}

impl Said for rusqlite::Error {
    fn extended(&self) -> Option<i32> {
        self.sqlite_error().map(|error| error.extended_code)
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
