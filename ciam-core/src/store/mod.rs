//! The storage port: records in collections, committed as conditional batches.
//!
//! A service declares its [`Record`]s and reads and writes them through a [`Store`], which is bound
//! to one realm. Reads are plain calls; writes happen in a unit of work ([`Store::transact`]), which
//! commits everything it wrote as one [`Batch`] or nothing at all. Beneath stands a [`Backend`],
//! object-safe and small.
//!
//! # A unit of work
//!
//! ```
//! use ciam_core::store::{Bound, Collection, Index, Record, Store, StoreError, Tally};
//! use serde::{Deserialize, Serialize};
//!
//! ciam_core::id!(ClubId, "club", "A club.");
//!
//! #[derive(Debug, Clone, Serialize, Deserialize)]
//! struct Club { id: ClubId, name: String, members: i64 }
//!
//! impl Record for Club {
//!     type Id = ClubId;
//!     const COLLECTION: Collection<Self> =
//!         Collection::new("clubs").index(&Club::BY_NAME).live(&Club::MEMBERS);
//!     fn id(&self) -> ClubId { self.id }
//! }
//! impl Club {
//!     const BY_NAME: Index<Club, String> = Index::new("name", |club: &Club| club.name.clone()).unique();
//!     const MEMBERS: Tally<Club> = Tally::new("members", |club| &mut club.members);
//! }
//!
//! # async fn join(store: &Store, club: ClubId) -> Result<(), StoreError> {
//! store
//!     .transact(|work| async move {
//!         work.add(&Club::MEMBERS, club, 1, Bound::AtMost(11))?;   // refused when the club is full,
//!         Ok::<_, StoreError>(())                                  // however many join at once
//!     })
//!     .await
//! # }
//! ```

mod backend;
mod error;
mod evolution;
mod field;
mod filter;
mod index;
mod live;
mod load;
mod memory;
mod query;
mod record;
mod search;
mod spec;
mod staged;
mod transact;
mod unit;
mod value;
mod watch;
mod work;

use std::sync::Arc;

pub use backend::{
    Backend, Batch, Bound, Listener, MAX_BYTES, MAX_OPS, Op, Position, Pressure, RecordKey, Schema, Settlement, UNITS,
    UNITS_KEPT,
};
pub use error::StoreError;
pub use evolution::{Backfill, Backfilled, Evolution, Lacking, Lagging, Left, Recoded, Wanted, Why};
pub use field::{AnyField, Field, Searched};
pub use filter::{Filter, MAX_FILTER_DEPTH, MAX_FILTER_NODES, MAX_FILTER_TEXT, RawFilter, Test};
pub use index::{AnyIndex, Index};
pub use live::{AnyLive, Number, Peak, Tally};
#[doc(hidden)]
pub use load::repeated;
pub use load::{Load, MAX_LOAD_BYTES, MAX_LOAD_ROWS, NewRecord, load_one_by_one};
pub use memory::MemoryStore;
pub use query::{Cursor, MAX_PAGE, MalformedCursor, Page, Query, RawQuery, after_prefix};
pub use record::{Collection, Record};
pub use search::{
    Directory, InvalidSearch, Listing, MAX_OFFSET, MAX_SORTS, RawListing, RawSearch, RawSort, Search, SearchCursor,
    Sort, Start, Total,
};
pub use spec::{CollectionSpec, ColumnSpec, Encoded, FieldSpec, IndexSpec, Row};
pub use staged::{Applied, Attempt, Staged};
pub use transact::MAX_RUNS;
pub use value::{Column, ColumnType, Key, Nothing, TextColumn, Value};
pub(crate) use watch::{Pending, Watch};
pub use work::Work;

use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::id::{RealmId, RecordId};
use crate::metrics::Verb;

/// A handle to the records of one realm; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
    realm: RealmId,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    watch: Option<Arc<dyn Watch>>,
}

impl Store {
    /// A handle to a realm of a backend that is already [prepared](Backend::prepare).
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>, realm: RealmId, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { backend, realm, clock, entropy, watch: None }
    }

    /// The same handle, whose units this watch is told of, as are those of its clones.
    pub(crate) fn watched_by(mut self, watch: Arc<dyn Watch>) -> Self {
        self.watch = Some(watch);
        self
    }

    /// The backend beneath.
    #[must_use]
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// The realm that this handle sees.
    #[must_use]
    pub const fn realm(&self) -> RealmId {
        self.realm
    }

    /// The clock that expiry is judged by.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The source of unit ids.
    #[must_use]
    pub fn entropy(&self) -> &Arc<dyn Entropy> {
        &self.entropy
    }

    /// The record with this id, or none: never written, removed, expired, or of another realm.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; [`StoreError::Corrupt`] when its document cannot be read.
    pub async fn get<R: Record>(&self, id: R::Id) -> Result<Option<R>, StoreError> {
        let mut lookup = self.lookup();
        let asked = lookup.ask::<R>(id);
        lookup.fetch().await?.take(&asked)
    }

    /// Several records of any collections in one round trip.
    #[must_use]
    pub fn lookup(&self) -> Lookup<'_> {
        Lookup { store: self, keys: Vec::new() }
    }

    /// A page of the records that an index finds. Guards nothing: what it found may change at once.
    ///
    /// # Errors
    /// As [`Store::get`]; [`StoreError::Misuse`] for a cursor of another list; [`StoreError::NotServing`] for an index
    /// that records of an older version lack, until the migration is through.
    pub async fn find<R: Record>(&self, query: &Query<R>) -> Result<Page<R>, StoreError> {
        let rows = self.timed(Verb::Find, self.backend.find(self.realm, self.clock.now(), &query.raw)).await?;
        let full = rows.len() >= query.raw.limit as usize;
        let next = if full { rows.last().map(|(cursor, _)| cursor.clone()) } else { None };
        let items = rows.iter().map(|(_, row)| R::COLLECTION.decode(row)).collect::<Result<_, _>>()?;
        Ok(Page { items, next })
    }

    /// How many records an index finds, counted up to `bound`: the answer `bound` means "at least".
    ///
    /// # Errors
    /// As [`Store::find`].
    pub async fn count<R: Record>(&self, query: &Query<R>, bound: u32) -> Result<u32, StoreError> {
        let query = RawQuery { limit: bound, ..query.raw.clone() };
        self.timed(Verb::Count, self.backend.count(self.realm, self.clock.now(), &query)).await
    }

    /// The records of the event stream behind a place, in commit order, at most `limit` of them.
    ///
    /// Nothing ever appears before a place that was already returned, so a follower that keeps
    /// the last place misses nothing.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn tail<R: Record>(&self, after: Position, limit: u32) -> Result<Vec<(Position, R)>, StoreError> {
        let rows = self.timed(Verb::Tail, self.backend.tail(self.realm, after, limit)).await?;
        rows.iter().map(|(at, row)| Ok((*at, R::COLLECTION.decode(row)?))).collect()
    }
}

/// Several reads that travel together; made by [`Store::lookup`].
#[derive(Debug)]
pub struct Lookup<'s> {
    store: &'s Store,
    keys: Vec<RecordKey>,
}

/// One question of a [`Lookup`].
#[derive(Debug)]
pub struct Asked<R> {
    at: usize,
    record: std::marker::PhantomData<fn() -> R>,
}

impl Lookup<'_> {
    /// Asks for one more record.
    pub fn ask<R: Record>(&mut self, id: R::Id) -> Asked<R> {
        self.keys.push(RecordKey { collection: R::COLLECTION.name(), id: id.uuid() });
        Asked { at: self.keys.len() - 1, record: std::marker::PhantomData }
    }

    /// Gets all that was asked for, in one round trip.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn fetch(self) -> Result<Found, StoreError> {
        let store = self.store;
        let rows = store.timed(Verb::Read, store.backend.read(store.realm, store.clock.now(), &self.keys)).await?;
        Ok(Found { rows })
    }
}

/// The answers to a [`Lookup`].
#[derive(Debug)]
pub struct Found {
    rows: Vec<Option<Row>>,
}

impl Found {
    /// The answer to one question; none when the record is absent (or was taken before).
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn take<R: Record>(&mut self, asked: &Asked<R>) -> Result<Option<R>, StoreError> {
        let row = self.rows.get_mut(asked.at).and_then(Option::take);
        row.map(|row| R::COLLECTION.decode(&row)).transpose()
    }
}
