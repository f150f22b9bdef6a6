//! What SQLite says, in the words of the port. Its own text stays in `source()`.

use ciam_core::store::StoreError;
use rusqlite::ffi;

/// Nothing was changed, and the caller can do nothing about it but try later.
pub(super) fn unavailable(error: rusqlite::Error) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

/// The answer to a statement of a batch.
pub(super) fn refusal(error: rusqlite::Error) -> StoreError {
    if is_foreign_key(&error) { StoreError::Referenced } else { unavailable(error) }
}

/// A row elsewhere refers to what would go.
pub(super) fn is_foreign_key(error: &rusqlite::Error) -> bool {
    extended(error) == Some(ffi::SQLITE_CONSTRAINT_FOREIGNKEY)
}

/// An id or a unique key is taken.
pub(super) fn is_taken(error: &rusqlite::Error) -> bool {
    let taken =
        [ffi::SQLITE_CONSTRAINT_UNIQUE, ffi::SQLITE_CONSTRAINT_PRIMARYKEY, ffi::SQLITE_CONSTRAINT_ROWID].map(Some);
    taken.contains(&extended(error))
}

/// Another connection has the lock.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked))
}

fn extended(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code)
}
