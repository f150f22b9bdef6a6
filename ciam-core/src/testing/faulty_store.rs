//! A backend that loses answers, holds them back and goes away, as a network does, and counts what reaches it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::id::RealmId;
use crate::store::{
    Backend, Batch, Cursor, Directory, Evolution, Listener, Load, Position, Pressure, RawListing, RawQuery, RawSearch,
    RecordKey, Row, Schema, Settlement, StoreError,
};
use async_trait::async_trait;
use tokio::sync::watch;
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

/// Answers that can be held back: the backend has done what it was asked, and its caller does not hear of it yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// What was read of records by their ids.
    Reads,
    /// That a batch or a load was committed, or refused.
    Commits,
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
    reads: AtomicU64,
    finds: AtomicU64,
    /// The answer to be held back: of which kind, after how many others.
    holding: Mutex<Option<(Held, usize)>>,
    /// Whether one is held back now.
    held: watch::Sender<bool>,
    deaf: AtomicBool,
    read_only: AtomicBool,
    silent: watch::Sender<bool>,
}

impl FaultyStore {
    /// Over `inner`, with these faults, one for each call that can have it, in order.
    #[must_use]
    pub fn new(inner: Arc<dyn Backend>, faults: impl IntoIterator<Item = Fault>) -> Arc<Self> {
        let faults = Mutex::new(faults.into_iter().collect());
        Arc::new(Self {
            inner,
            faults,
            late: Mutex::default(),
            away: Mutex::default(),
            commits: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            finds: AtomicU64::new(0),
            holding: Mutex::default(),
            held: watch::Sender::new(false),
            deaf: AtomicBool::new(false),
            read_only: AtomicBool::new(false),
            silent: watch::Sender::new(false),
        })
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

    /// From now on nothing is written, as on a disk that is full; or it is again.
    pub fn refuse_writes(&self, refuses: bool) {
        self.read_only.store(refuses, Ordering::SeqCst);
    }

    /// From now on no call is answered; or all are, those that wait among them.
    pub fn hang(&self, hangs: bool) {
        self.silent.send_replace(hangs);
    }

    /// How many batches were to be committed so far.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }

    /// How many records were to be read by their ids so far.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }

    /// How often records were looked for by an index so far.
    #[must_use]
    pub fn finds(&self) -> u64 {
        self.finds.load(Ordering::SeqCst)
    }

    /// More faults, behind those that it was told of before.
    pub fn suffer(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).extend(faults);
    }

    /// While it is deaf, no question what became of a unit reaches it: [`Backend::settle`] fails and takes no id.
    pub fn deafen(&self, deaf: bool) {
        self.deaf.store(deaf, Ordering::SeqCst);
    }

    /// Holds back one answer, the one that follows so many others of its kind, until [`FaultyStore::release`].
    pub fn hold(&self, answer: Held, after: usize) {
        *self.holding.lock().unwrap_or_else(PoisonError::into_inner) = Some((answer, after));
    }

    /// Lets go what is held back.
    pub fn release(&self) {
        self.held.send_replace(false);
    }

    /// Waits until an answer is held back.
    ///
    /// # Panics
    /// When none is within ten seconds.
    pub async fn holds(&self) {
        let mut held = self.held.subscribe();
        let waited = tokio::time::timeout(std::time::Duration::from_secs(10), held.wait_for(|held| *held)).await;
        assert!(matches!(waited, Ok(Ok(_))), "no answer is held back");
    }

    async fn answer(&self, of: Held) {
        let is_next = {
            let mut holding = self.holding.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *holding {
                Some((kind, 0)) if *kind == of => holding.take().is_some(),
                Some((kind, after)) if *kind == of => {
                    *after -= 1;
                    false
                }
                _ => false,
            }
        };
        if is_next {
            let mut held = self.held.subscribe();
            self.held.send_replace(true);
            // The sender is this store's own: it is there as long as anybody waits.
            let _ = held.wait_for(|held| !*held).await;
        }
    }

    async fn here(&self) -> Result<(), StoreError> {
        let _ = self.silent.subscribe().wait_for(|silent| !silent).await;
        match &*self.away.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(cause) => Err(StoreError::Unavailable(cause.clone().into())),
            None => Ok(()),
        }
    }

    async fn writable(&self) -> Result<(), StoreError> {
        self.here().await?;
        if self.read_only.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("nothing is written".into()));
        }
        Ok(())
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
    fn evolution(&self) -> Option<&dyn Evolution> {
        self.inner.evolution()
    }

    async fn prepare(&self, schema: &Schema) -> Result<(), StoreError> {
        self.inner.prepare(schema).await
    }

    async fn read(&self, realm: RealmId, now: Timestamp, keys: &[RecordKey]) -> Result<Vec<Option<Row>>, StoreError> {
        self.here().await?;
        self.reads.fetch_add(keys.len() as u64, Ordering::SeqCst);
        let rows = self.inner.read(realm, now, keys).await;
        self.answer(Held::Reads).await;
        rows
    }

    async fn find(&self, realm: RealmId, now: Timestamp, query: &RawQuery) -> Result<Vec<(Cursor, Row)>, StoreError> {
        self.here().await?;
        self.finds.fetch_add(1, Ordering::SeqCst);
        self.inner.find(realm, now, query).await
    }

    async fn count(&self, realm: RealmId, now: Timestamp, query: &RawQuery) -> Result<u32, StoreError> {
        self.here().await?;
        self.inner.count(realm, now, query).await
    }

    async fn commit(&self, realm: RealmId, batch: Batch) -> Result<(), StoreError> {
        self.writable().await?;
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
            _ => {
                let answer = self.inner.commit(realm, batch).await;
                self.answer(Held::Commits).await;
                answer
            }
        }
    }

    async fn load(&self, realm: RealmId, load: Load) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        self.writable().await?;
        self.commits.fetch_add(1, Ordering::SeqCst);
        match self.fault(&[Fault::LostBefore, Fault::LostAfter]) {
            Some(Fault::LostAfter) => {
                self.inner.load(realm, load).await?;
                self.answer(Held::Commits).await;
                Err(unknown())
            }
            Some(_) => Err(unknown()),
            None => {
                let answer = self.inner.load(realm, load).await;
                self.answer(Held::Commits).await;
                answer
            }
        }
    }

    fn directory(&self) -> Option<&dyn Directory> {
        self.inner.directory().is_some().then_some(self)
    }

    async fn settle(&self, unit: Uuid, now: Timestamp) -> Result<Settlement, StoreError> {
        self.writable().await?;
        if self.deaf.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the question was lost".into()));
        }
        let settlement = self.inner.settle(unit, now).await?;
        match self.fault(&[Fault::SettleLost]) {
            Some(_) => Err(StoreError::Unavailable("the answer was lost".into())),
            None => Ok(settlement),
        }
    }

    async fn tail(&self, realm: RealmId, after: Position, limit: u32) -> Result<Vec<(Position, Row)>, StoreError> {
        self.here().await?;
        self.inner.tail(realm, after, limit).await
    }

    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<u32, StoreError> {
        self.writable().await?;
        self.inner.sweep(now, limit).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.here().await?;
        self.inner.ping().await
    }

    async fn commits_of_others(&self) -> Result<Option<u64>, StoreError> {
        self.here().await?;
        self.inner.commits_of_others().await
    }

    async fn pressure(&self, realm: RealmId, now: Timestamp) -> Result<Pressure, StoreError> {
        self.here().await?;
        self.inner.pressure(realm, now).await
    }

    fn listen(&self, listener: Arc<dyn Listener>) -> bool {
        self.inner.listen(listener)
    }
}

#[async_trait]
impl Directory for FaultyStore {
    async fn search(&self, realm: RealmId, now: Timestamp, search: &RawSearch) -> Result<RawListing, StoreError> {
        self.here().await?;
        self.finds.fetch_add(1, Ordering::SeqCst);
        let directory = self.inner.directory().ok_or(StoreError::Unsupported("searching"))?;
        directory.search(realm, now, search).await
    }
}
