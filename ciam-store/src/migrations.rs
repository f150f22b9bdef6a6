//! What a store may do to a database that is older than the app.

use ciam_core::store::Backfilled;

/// What a store may do, when it is [prepared](ciam_core::store::Backend::prepare), to a database that holds records and
/// is older than the app. An empty database is made ready in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Migrations {
    /// Nothing: it is refused with [`StoreError::Pending`](ciam_core::store::StoreError::Pending) and left as it is (the
    /// default). `ciam migrate` brings it up to date.
    #[default]
    Refuse,
    /// Tables, columns and indexes that are missing are made, and the workers of the engine bring older records up to
    /// date while everybody goes on. Older versions of the app may run beside this one. New indexes serve once an
    /// operator says that none does any more: `ciam migrate --apply --all-nodes-updated`.
    Apply,
    /// All of it, before anything is served: records are brought up to date, and older versions of the app are shut
    /// out; one that was shut out goes back to work. For an app that runs as one process.
    Complete,
}

/// Says what was done at a start, and what was left.
pub(crate) fn warn_of(done: &Backfilled) {
    if done.refreshed > 0 {
        tracing::info!(records = done.refreshed, "records of an older version were brought up to date");
    }
    if !done.finished {
        let left = done.left;
        tracing::warn!(left, "some records are still those of an older version: `ciam migrate` says which, and why");
    }
}
