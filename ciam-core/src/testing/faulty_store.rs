//! A backend that loses answers and goes away, as a network does, and counts what reaches it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::id::RealmId;
use crate::store::{Backend, Batch, Cursor, Position, RawQuery, RecordKey, Row, Schema, Settlement, StoreError};
use async_trait::async_trait;
use uuid::Uuid;

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The batch never arrives; the caller cannot tell.
    LostBefore,
    /// The batch is committed; the caller cannot tell.
    LostAfter,
    /// The batch is still on its way when the caller gives up; see [`FaultyStore::arrive`].
    Late,
    /// `settle` takes the id, and its answer is lost.
    SettleLost,
}

/// Hands everything on to another backend, save for the faults that it was told of.
///
/// A test keeps one handle and gives the engine another: `builder.shared_store(faulty.clone())`.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn Backend>,
    faults: Mutex<Vec<Fault>>,
    late: Mutex<Vec<(RealmId, Batch)>>,
    away: Mutex<Option<String>>,
    commits: AtomicU64,
}

impl FaultyStore {
    /// Over `inner`, with these faults, one for each call that can have it, in order.
    #[must_use]
    pub fn new(inner: Arc<dyn Backend>, faults: impl IntoIterator<Item = Fault>) -> Arc<Self> {
        let faults = Mutex::new(faults.into_iter().collect());
        Arc::new(Self { inner, faults, late: Mutex::default(), away: Mutex::default(), commits: AtomicU64::new(0) })
    }

    /// Lets the batches arrive that were late; the answers of the backend.
    pub async fn arrive(&self) -> Vec<Result<(), StoreError>> {
        let late = std::mem::take(&mut *self.late.lock().unwrap_or_else(PoisonError::into_inner));
        let mut answers = Vec::new();
        for (realm, batch) in late {
            answers.push(self.inner.commit(realm, batch).await);
        }
        answers
    }

    /// From now on every call fails, with this text as its cause; with `None`, not any more.
    pub fn go_away(&self, cause: Option<&str>) {
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = cause.map(str::to_owned);
    }

    /// How many batches were to be committed so far.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }

    fn here(&self) -> Result<(), StoreError> {
        match &*self.away.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(cause) => Err(StoreError::Unavailable(cause.clone().into())),
            None => Ok(()),
        }
    }

    fn fault(&self, possible: &[Fault]) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = faults.first().copied().filter(|fault| possible.contains(fault))?;
        faults.remove(0);
        Some(fault)
    }
}

fn unknown() -> StoreError {
    StoreError::Unknown("the answer was lost".into())
}

#[async_trait]
impl Backend for FaultyStore {
    async fn prepare(&self, schema: &Schema) -> Result<(), StoreError> {
        self.inner.prepare(schema).await
    }

    async fn read(&self, realm: RealmId, now: Timestamp, keys: &[RecordKey]) -> Result<Vec<Option<Row>>, StoreError> {
        self.here()?;
        self.inner.read(realm, now, keys).await
    }

    async fn find(&self, realm: RealmId, now: Timestamp, query: &RawQuery) -> Result<Vec<(Cursor, Row)>, StoreError> {
        self.here()?;
        self.inner.find(realm, now, query).await
    }

    async fn count(&self, realm: RealmId, now: Timestamp, query: &RawQuery) -> Result<u32, StoreError> {
        self.here()?;
        self.inner.count(realm, now, query).await
    }

    async fn commit(&self, realm: RealmId, batch: Batch) -> Result<(), StoreError> {
        self.here()?;
        self.commits.fetch_add(1, Ordering::SeqCst);
        match self.fault(&[Fault::LostBefore, Fault::LostAfter, Fault::Late]) {
            Some(Fault::LostBefore) => Err(unknown()),
            Some(Fault::LostAfter) => {
                self.inner.commit(realm, batch).await?;
                Err(unknown())
            }
            Some(Fault::Late) => {
                self.late.lock().unwrap_or_else(PoisonError::into_inner).push((realm, batch));
                Err(unknown())
            }
            _ => self.inner.commit(realm, batch).await,
        }
    }

    async fn settle(&self, unit: Uuid, now: Timestamp) -> Result<Settlement, StoreError> {
        self.here()?;
        let settlement = self.inner.settle(unit, now).await?;
        match self.fault(&[Fault::SettleLost]) {
            Some(_) => Err(StoreError::Unavailable("the answer was lost".into())),
            None => Ok(settlement),
        }
    }

    async fn tail(&self, realm: RealmId, after: Position, limit: u32) -> Result<Vec<(Position, Row)>, StoreError> {
        self.here()?;
        self.inner.tail(realm, after, limit).await
    }

    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<u32, StoreError> {
        self.here()?;
        self.inner.sweep(now, limit).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.here()?;
        self.inner.ping().await
    }
}
