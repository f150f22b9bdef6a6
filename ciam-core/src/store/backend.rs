//! The port that a backend implements: erased of types, so that it stays small.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::StoreError;
use super::evolution::{Evolution, Recode};
use super::load::{Load, load_one_by_one};
use super::query::{Cursor, RawQuery};
use super::record::Record;
use super::search::Directory;
use super::spec::{CollectionSpec, Encoded, Row};
use crate::clock::Timestamp;
use crate::id::RealmId;

/// The name that a refusal gives the ids of units by.
pub const UNITS: &str = "units";
/// How long the backends here keep the id of a unit: far longer than any commit can be under way.
pub const UNITS_KEPT: Duration = Duration::from_hours(24);
/// The most operations in a batch.
pub const MAX_OPS: usize = 256;
/// The most bytes of documents and values in a batch.
pub const MAX_BYTES: usize = 1 << 20;

/// The collections of an application: ciam's own and whatever crates and the host add.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    collections: Vec<CollectionSpec>,
    /// One for each collection, in their order.
    recodes: Vec<Recode>,
}

impl Schema {
    /// No collection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the collection of `R`; adding it again changes nothing.
    #[must_use]
    pub fn with<R: Record>(mut self) -> Self {
        let spec = R::COLLECTION.spec();
        if !self.collections.contains(&spec) {
            self.collections.push(spec);
            self.recodes.push(Recode::of::<R>());
        }
        self
    }

    /// The collections, in the order they were added.
    #[must_use]
    pub fn collections(&self) -> &[CollectionSpec] {
        &self.collections
    }

    /// How a record of a collection is written as it is declared now.
    pub(super) fn recode(&self, collection: &str) -> Option<Recode> {
        let at = self.collections.iter().position(|spec| spec.name == collection)?;
        self.recodes.get(at).copied()
    }
}

/// A batch of conditional writes, all or nothing. Plain data: a backend applies it in order.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The id of the unit, which becomes the version of every record it writes.
    pub unit: Uuid,
    /// The moment by which expiry is judged, and that is written as created and updated.
    pub now: Timestamp,
    /// The operations.
    pub ops: Vec<Op>,
}

/// The id of a record within its collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// The collection.
    pub collection: &'static str,
    /// The record.
    pub id: Uuid,
}

/// One conditional write. An expired record counts as absent in every one of them.
#[derive(Debug, Clone)]
pub enum Op {
    /// Unless the id or a unique key is taken ([`StoreError::Conflict`]).
    Insert {
        /// The collection.
        collection: &'static str,
        /// The record.
        record: Encoded,
    },
    /// If the version is still `expected` ([`StoreError::Stale`]); tallies and peaks stay as they are.
    /// A unique key that another record has is a [`StoreError::Conflict`].
    Replace {
        /// The collection.
        collection: &'static str,
        /// The new record.
        record: Encoded,
        /// The version that was read.
        expected: Uuid,
    },
    /// If the version is still `expected` ([`StoreError::Stale`]).
    Remove {
        /// The record.
        key: RecordKey,
        /// The version that was read.
        expected: Uuid,
    },
    /// The version is still `expected`, or the record still absent ([`StoreError::Stale`]). Many guards of one record succeed together.
    Guard {
        /// The record.
        key: RecordKey,
        /// The version that was read; none when it was absent.
        expected: Option<Uuid>,
    },
    /// A guard that raises the version: of two touches of one version, one is [`StoreError::Stale`].
    Touch {
        /// The record.
        key: RecordKey,
        /// The version that was read.
        expected: Uuid,
    },
    /// Adds to a tally whatever the version is, unless the sum would pass the bound ([`StoreError::Exceeded`]).
    /// An absent record is created from `create` and then added to, or else [`StoreError::Stale`].
    Add {
        /// The record.
        key: RecordKey,
        /// The tally's name.
        tally: &'static str,
        /// How much; negative to give back.
        by: i64,
        /// What the sum must not pass.
        bound: Bound,
        /// The record to create when there is none.
        create: Option<Encoded>,
    },
    /// Moves a peak up to a value, whatever the version is; a lower value changes nothing. Absent: [`StoreError::Stale`].
    Raise {
        /// The record.
        key: RecordKey,
        /// The peak's name.
        peak: &'static str,
        /// The value.
        to: i64,
        /// Refuse with [`StoreError::Exceeded`] when the peak is at or above the value already (a used step).
        strictly: bool,
    },
}

impl Op {
    /// The record that the operation is about.
    #[must_use]
    pub const fn key(&self) -> RecordKey {
        match self {
            Self::Insert { collection, record } | Self::Replace { collection, record, .. } => {
                RecordKey { collection, id: record.id }
            }
            Self::Remove { key, .. }
            | Self::Guard { key, .. }
            | Self::Touch { key, .. }
            | Self::Add { key, .. }
            | Self::Raise { key, .. } => *key,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Insert { record, .. } | Self::Replace { record, .. } | Self::Add { create: Some(record), .. } => {
                record.doc.len() + 64 * record.columns.len()
            }
            _ => 64,
        }
    }
}

impl Batch {
    /// Refuses what is larger than a batch may be.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] past [`MAX_OPS`] or [`MAX_BYTES`].
    pub fn check_size(&self) -> Result<(), StoreError> {
        if self.ops.len() > MAX_OPS || self.ops.iter().map(Op::bytes).sum::<usize>() > MAX_BYTES {
            return Err(StoreError::TooLarge);
        }
        Ok(())
    }
}

/// What a sum must not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Any sum will do.
    None,
    /// At most this.
    AtMost(i64),
    /// At least this.
    AtLeast(i64),
}

impl Bound {
    /// Whether the sum is within the bound.
    #[must_use]
    pub const fn allows(self, sum: i64) -> bool {
        match self {
            Self::None => true,
            Self::AtMost(most) => sum <= most,
            Self::AtLeast(least) => sum >= least,
        }
    }
}

/// A place in the stream of events. Later places are larger; nothing ever appears before one already read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// What orders first (a transaction id where the backend has those; otherwise zero).
    pub major: u64,
    /// What orders within it.
    pub minor: u64,
}

impl Position {
    /// Before everything.
    pub const START: Self = Self { major: 0, minor: 0 };
}

/// What became of a unit whose commit was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// It was committed.
    Committed,
    /// It was not, and from now on it never can be.
    Never,
}

/// How busy a backend is, for metrics. A backend that has none of something says nothing of it: zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pressure {
    /// Connections of this handle that are in use.
    pub busy: u32,
    /// Connections of this handle that are idle.
    pub idle: u32,
    /// Calls that wait for a connection, or for their turn to write.
    pub waiting: u32,
    /// For how long the oldest event that is committed has been held back from [`Backend::tail`].
    pub stream_lag: Duration,
}

/// Keeps records of [announced](super::Collection::announced) collections in memory, and is told when they change.
///
/// It counts as cut off until it is [connected](Listener::connected). Whoever tells it notices within a second that it
/// may miss something, and delivers within a second otherwise.
pub trait Listener: fmt::Debug + Send + Sync + 'static {
    /// This record was replaced or removed, perhaps by this node itself.
    fn changed(&self, collection: &str, id: Uuid);

    /// Everything that changes from now on is told; what changed before is not.
    fn connected(&self);

    /// What changes from now on may be missed.
    fn lost(&self);

    /// Whether nobody wants to know any more.
    fn is_gone(&self) -> bool;
}

/// A place to keep records. Object-safe; everything typed stands in front of it.
///
/// Implementations pass the conformance suite of `ciam-store`. A dropped future must not leave a
/// commit half done: it happens or it does not.
#[async_trait]
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// Makes ready for these collections. Called before anything else; calling it again, also with more collections,
    /// is fine. What an empty database lacks is made; one that holds records is changed only if that was allowed when
    /// the backend was opened.
    ///
    /// # Errors
    /// [`StoreError::Layout`] when something is there that does not fit; [`StoreError::Pending`] when something is
    /// missing and may not be made; [`StoreError::Unavailable`].
    async fn prepare(&self, schema: &Schema) -> Result<(), StoreError>;

    /// The records with these keys, in their order, in one round trip.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; [`StoreError::Misuse`] for a collection that it was not prepared for.
    async fn read(&self, realm: RealmId, now: Timestamp, keys: &[RecordKey]) -> Result<Vec<Option<Row>>, StoreError>;

    /// The records that the query asks for, each with its place for the next page.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; [`StoreError::Misuse`] for an index or cursor that does not fit the collection;
    /// [`StoreError::NotServing`] for an index that some record lacks.
    async fn find(&self, realm: RealmId, now: Timestamp, query: &RawQuery) -> Result<Vec<(Cursor, Row)>, StoreError>;

    /// How many records the query's columns and bounds match, counted up to its limit; `after` is not looked at.
    ///
    /// # Errors
    /// As [`Backend::find`].
    async fn count(&self, realm: RealmId, now: Timestamp, query: &RawQuery) -> Result<u32, StoreError>;

    /// Commits all of the batch or none of it, together with the unit's id.
    ///
    /// # Errors
    /// The first failed condition; a [`StoreError::Conflict`] on [`UNITS`] when the unit's id is taken, because it
    /// was committed or settled before; [`StoreError::Misuse`] and [`StoreError::TooLarge`]; [`StoreError::Unavailable`] when certainly nothing was committed;
    /// [`StoreError::Unknown`] when it cannot be told.
    async fn commit(&self, realm: RealmId, batch: Batch) -> Result<(), StoreError>;

    /// Tells what became of a unit, by taking its id: if the unit's commit has taken it, the unit was
    /// committed, and if not it never will be. Settling again says the same.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: still unknown; call again.
    async fn settle(&self, unit: Uuid, now: Timestamp) -> Result<Settlement, StoreError>;

    /// The events behind a place, in commit order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn tail(&self, realm: RealmId, after: Position, limit: u32) -> Result<Vec<(Position, Row)>, StoreError>;

    /// Removes up to `limit` of what nobody needs: expired records of any realm, then ids of units that are
    /// a day old. Says how many; as many as `limit` means that there may be more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<u32, StoreError>;

    /// Inserts many records in one commit: of each group all of them or none, and says which. A group is refused
    /// with the [`StoreError::Conflict`] that [`Backend::commit`] would answer; groups are looked at in their order, so
    /// that of two that are in each other's way the first is kept.
    ///
    /// By default every group is committed as a batch of its own.
    ///
    /// # Errors
    /// As [`Backend::commit`], for all of it: nothing was inserted, or ([`StoreError::Unknown`]) that cannot be told.
    /// Where groups are committed one by one, what was inserted before stays, and answers a conflict the next time.
    async fn load(&self, realm: RealmId, load: Load) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        load_one_by_one(self, realm, load).await
    }

    /// Where records are searched by fields, if the backend can do that (default: it cannot).
    fn directory(&self) -> Option<&dyn Directory> {
        None
    }

    /// Whether the backend can serve: answers quickly and truthfully, for a readiness probe.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn ping(&self) -> Result<(), StoreError>;

    /// A number that is another one whenever somebody else has committed since it was asked for the last time: another
    /// process, or another handle to the same records. What this handle commits leaves it as it is. None (the default)
    /// when the backend cannot tell.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn commits_of_others(&self) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }

    /// How busy the backend is. Asked every ten seconds, for metrics (default: [`Pressure::default`]).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn pressure(&self, _realm: RealmId, _now: Timestamp) -> Result<Pressure, StoreError> {
        Ok(Pressure::default())
    }

    /// Begins to tell a listener what anybody replaces or removes in [announced](super::Collection::announced)
    /// collections, and goes on until it [is gone](Listener::is_gone). Says whether it can (by default it cannot).
    fn listen(&self, _listener: std::sync::Arc<dyn Listener>) -> bool {
        false
    }

    /// How records that were written by older versions are brought up to date. None (the default) where there are none:
    /// nothing outlives the process, or the backend keeps documents alone and looks at all of them for every index.
    fn evolution(&self) -> Option<&dyn Evolution> {
        None
    }

    /// The file that holds the records, if it is one: a site in development keeps its key beside it.
    fn file(&self) -> Option<std::path::PathBuf> {
        None
    }
}
