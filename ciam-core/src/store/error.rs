//! What can go wrong between a service and its store.

use uuid::Uuid;

use super::search::InvalidSearch;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why the store did not do what it was asked. Nothing was changed, save for [`StoreError::Unknown`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// An id or a unit is taken (`index` is `"id"`); or a unique key, by an insert or a replacement (`index` is its
    /// first column).
    #[error("{collection} has this {index} already")]
    Conflict {
        /// The collection.
        collection: &'static str,
        /// The first column of the unique index.
        index: &'static str,
    },
    /// A record is not (any more) as the batch assumed. [`transact`](super::Store::transact) runs the unit again.
    #[error("a record of {collection} has changed meanwhile")]
    Stale {
        /// The collection.
        collection: &'static str,
        /// The record.
        id: Uuid,
    },
    /// A tally would have passed its bound.
    #[error("the tally {tally} of {collection} has reached its bound")]
    Exceeded {
        /// The collection.
        collection: &'static str,
        /// The tally's name.
        tally: &'static str,
    },
    /// A row of the host's refers to the record, which therefore cannot go.
    #[error("another table refers to a record of this batch")]
    Referenced,
    /// The unit was stale every time it ran; try later.
    #[error("too many units want the same records")]
    Contended,
    /// A batch has more than 256 operations or 1 MiB; a load has more than 10,000 records or 16 MiB; or a value is too
    /// long for an index of PostgreSQL's.
    #[error("the batch is too large")]
    TooLarge,
    /// The call makes no sense; a mistake in the program.
    #[error("the store was used wrongly: {0}")]
    Misuse(&'static str),
    /// What was searched for cannot be answered; whoever asked may be told why.
    #[error("the search cannot be answered")]
    Search(#[source] InvalidSearch),
    /// The backend does not do this; see its documentation.
    #[error("the store does not support {0}")]
    Unsupported(&'static str),
    /// The layout in the database does not fit the declared collections.
    #[error("the layout of {table} does not fit: {problem}")]
    Layout {
        /// The table.
        table: String,
        /// What is different.
        problem: String,
    },
    /// The database is older than the declared collections, and was to be left as it is. The plain command line `ciam`
    /// does not know the records of a host, which has one of its own for them.
    #[error(
        "the layout of the database is not the one of this program, and was left as it is: by the command line that \
         knows all its records, `migrate --plan` shows the {statements} statements that are pending, `migrate --apply` \
         runs them"
    )]
    Pending {
        /// How many statements are pending.
        statements: usize,
    },
    /// Some record is not in the index, or may be in a wrong place of it: an older version of the app wrote it.
    #[error(
        "the index {index} of {collection} is not complete yet: `migrate`, by the command line that knows all records, \
         says what is left to do"
    )]
    NotServing {
        /// The collection.
        collection: &'static str,
        /// The first column of the index.
        index: &'static str,
    },
    /// All records of the collection are of a newer version of the app, and this one would write an older one.
    #[error(
        "{collection} takes no records of this version any more: update this program, which is too old for the database"
    )]
    Outdated {
        /// The collection.
        collection: &'static str,
    },
    /// Records share a key that is declared unique.
    #[error("{keys} keys of {index} are each shared by several records of {table}, which may have them once")]
    Shared {
        /// The table.
        table: String,
        /// The index.
        index: String,
        /// How many keys.
        keys: u64,
    },
    /// The record was written by a newer version of the app, which this one must not overwrite.
    #[error("a record of {collection} has a newer shape than this program writes")]
    NewerShape {
        /// The collection.
        collection: &'static str,
    },
    /// The document cannot be read or written.
    #[error("a record of {collection} cannot be decoded")]
    Corrupt {
        /// The collection.
        collection: &'static str,
        /// What serde says.
        source: Source,
    },
    /// The backend cannot be opened, at startup. It is for who starts the program: it may name files and hosts, and never
    /// a password.
    #[error("the store cannot be opened: {0}")]
    Unopened(String),
    /// The backend does not answer; nothing was committed.
    #[error("the store is unavailable")]
    Unavailable(#[source] Source),
    /// The connection was lost while committing; [`Backend::settle`](super::Backend::settle) tells what happened.
    #[error("the outcome of a commit is unknown")]
    Unknown(#[source] Source),
}

impl StoreError {
    /// The error as the one who ran the unit is to have it: where the unit saw that there was none, a taken id means
    /// that it was stale.
    pub(super) fn or_stale(self, absent: &[&'static str], unit: Uuid) -> Self {
        match self {
            Self::Conflict { collection, index: "id" } if absent.contains(&collection) => {
                Self::Stale { collection, id: unit }
            }
            other => other,
        }
    }
}
