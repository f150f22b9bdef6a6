//! Bringing in many records at once: groups of inserts, some thousand of them in one commit.

use std::pin::Pin;
use std::sync::Arc;

use uuid::Uuid;

use super::Store;
use super::backend::{Backend, Batch, Op, RecordKey, Settlement};
use super::error::StoreError;
use super::spec::Encoded;
use super::transact::MAX_RUNS;
use super::unit::{Closed, Effect};
use super::work::Work;
use crate::clock::Timestamp;
use crate::id::RealmId;
use crate::metrics::Verb;
use crate::secret::Digest;

/// The most records of one [`Load`].
pub const MAX_LOAD_ROWS: usize = 10_000;
/// The most bytes of documents and values of one [`Load`].
pub const MAX_LOAD_BYTES: usize = 16 << 20;

/// Many records to insert in one commit. Plain data.
#[derive(Debug, Clone)]
pub struct Load {
    /// The id of the unit, which becomes the version of every record.
    pub unit: Uuid,
    /// The moment by which expiry is judged, and that is written as created and updated.
    pub now: Timestamp,
    /// Records that belong together: of each group all are inserted or none.
    pub groups: Arc<Vec<Vec<NewRecord>>>,
}

/// A record to insert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// The collection.
    pub collection: &'static str,
    /// The record.
    pub record: Encoded,
}

impl NewRecord {
    /// The record's key.
    #[must_use]
    pub const fn key(&self) -> RecordKey {
        RecordKey { collection: self.collection, id: self.record.id }
    }

    fn bytes(&self) -> usize {
        self.record.doc.len() + 64 * self.record.columns.len()
    }
}

impl Load {
    /// Refuses what is larger than a load may be.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] past [`MAX_LOAD_ROWS`] or [`MAX_LOAD_BYTES`].
    pub fn check_size(&self) -> Result<(), StoreError> {
        let rows = self.groups.iter().map(Vec::len).sum::<usize>();
        if rows > MAX_LOAD_ROWS || self.groups.iter().map(|group| bytes(group)).sum::<usize>() > MAX_LOAD_BYTES {
            return Err(StoreError::TooLarge);
        }
        Ok(())
    }
}

fn bytes(group: &[NewRecord]) -> usize {
    group.iter().map(NewRecord::bytes).sum()
}

/// Commits every group as a batch of its own, and settles what is not answered: [`Backend::load`] for a backend that
/// has no better way.
///
/// # Errors
/// As [`Backend::load`].
pub async fn load_one_by_one<B: Backend + ?Sized>(
    backend: &B,
    realm: RealmId,
    load: Load,
) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    load.check_size()?;
    let mut answers = Vec::with_capacity(load.groups.len());
    for (nth, group) in load.groups.iter().enumerate() {
        let unit = unit_of(load.unit, nth);
        let insert = |new: &NewRecord| Op::Insert { collection: new.collection, record: new.record.clone() };
        let batch = Batch { unit, now: load.now, ops: group.iter().map(insert).collect() };
        answers.push(match backend.commit(realm, batch).await {
            Err(StoreError::Unknown(cause)) => match backend.settle(unit, load.now).await {
                Ok(Settlement::Committed) => Ok(()),
                Ok(Settlement::Never) => Err(StoreError::Unavailable(cause)),
                Err(_) => Err(StoreError::Unknown(cause)),
            },
            Err(error @ (StoreError::Unavailable(_) | StoreError::Misuse(_))) if answers.is_empty() => {
                return Err(error);
            }
            answer => answer,
        });
    }
    Ok(answers)
}

/// The id of the unit of one group: as old as that of the load, and another one for every group.
fn unit_of(load: Uuid, nth: usize) -> Uuid {
    let digest = Digest::of_all(&[load.as_bytes(), &(nth as u64).to_be_bytes()]);
    let mut bytes = *load.as_bytes();
    bytes[9..].copy_from_slice(&digest.bytes()[..7]);
    Uuid::from_bytes(bytes)
}

/// What the units of some items would insert, until it is as much as one load may be.
struct Gathered<V> {
    groups: Vec<Vec<NewRecord>>,
    units: Vec<Unit<V>>,
    rows: usize,
    bytes: usize,
}

struct Unit<V> {
    item: usize,
    value: V,
    effects: Vec<Effect>,
    absent: Vec<&'static str>,
}

type Committing = Pin<Box<dyn Future<Output = Vec<Result<(), StoreError>>> + Send>>;

/// Units that are being committed.
struct UnderWay<V> {
    units: Vec<Unit<V>>,
    commit: Committing,
}

impl<V> Default for Gathered<V> {
    fn default() -> Self {
        Self { groups: Vec::new(), units: Vec::new(), rows: 0, bytes: 0 }
    }
}

impl<V> Gathered<V> {
    fn has_room_for(&self, group: &[NewRecord]) -> bool {
        self.rows + group.len() <= MAX_LOAD_ROWS && self.bytes + bytes(group) <= MAX_LOAD_BYTES
    }

    fn add(&mut self, group: Vec<NewRecord>, unit: Unit<V>) {
        self.rows += group.len();
        self.bytes += bytes(&group);
        self.groups.push(group);
        self.units.push(unit);
    }
}

/// The records of a batch that only inserts.
fn only_inserts(ops: Vec<Op>) -> Option<Vec<NewRecord>> {
    let record = |op| match op {
        Op::Insert { collection, record } => Some(NewRecord { collection, record }),
        _ => None,
    };
    ops.into_iter().map(record).collect()
}

impl Store {
    /// Runs a unit of work for every item and commits them in bulk: an import. The answers come in the order of the
    /// items.
    ///
    /// Every item's unit is committed whole or refused whole, as [`Store::transact`] would, and no refusal disturbs
    /// another item; of two that are in each other's way the first is kept. Some thousand items share a commit
    /// ([`MAX_LOAD_ROWS`] records), so that after a crash some are there and others not: running the same import again
    /// answers a conflict for those that are. Between commits others write as ever.
    ///
    /// Units that do more than insert are committed one by one, and run again when they are stale, so the body holds no
    /// slow work. What is in memory is two commits' worth, beside the items themselves: hand over a file in pieces.
    ///
    /// ```
    /// # use ciam_core::store::{Collection, Record, Store, StoreError};
    /// # use serde::{Deserialize, Serialize};
    /// # ciam_core::id!(BookId, "book", "A book.");
    /// # #[derive(Debug, Clone, Serialize, Deserialize)]
    /// # struct Book { id: BookId, title: String }
    /// # impl Record for Book {
    /// #     type Id = BookId;
    /// #     const COLLECTION: Collection<Self> = Collection::new("books");
    /// #     fn id(&self) -> BookId { self.id }
    /// # }
    /// # async fn import(store: &Store, books: Vec<Book>) {
    /// let answers = store.load(&books, |work, book| async move { work.insert(book) }).await;
    /// for (book, answer) in books.iter().zip(answers) {
    ///     if let Err(error) = answer { eprintln!("{}: {error}", book.title); }
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// For every item what [`Store::transact`] would say. Once the backend does not answer, the items behind are not
    /// tried and get the same answer.
    pub async fn load<'i, T, V, E, F, Fut>(&self, items: &'i [T], body: F) -> Vec<Result<V, E>>
    where
        T: Sync,
        V: Send,
        F: Fn(Work, &'i T) -> Fut + Send + Sync,
        Fut: Future<Output = Result<V, E>> + Send,
        E: From<StoreError> + Send,
    {
        let mut answers: Vec<Option<Result<V, E>>> = items.iter().map(|_| None).collect();
        let (mut gathered, mut under_way) = (Gathered::default(), None);
        for (at, item) in items.iter().enumerate() {
            let work = Work::begin(self);
            let value = match body(work.clone(), item).await {
                Ok(value) => value,
                Err(error) => {
                    answers[at] = Some(Err(error));
                    continue;
                }
            };
            let Closed { batch, effects, absent } = work.close();
            let Some(batch) = batch else {
                effects.into_iter().for_each(|effect| effect());
                answers[at] = Some(Ok(value));
                continue;
            };
            if let Err(error) = batch.check_size() {
                answers[at] = Some(Err(error.into()));
                continue;
            }
            let group = only_inserts(batch.ops);
            let fits = group.as_ref().is_some_and(|group| gathered.has_room_for(group));
            if !fits {
                let next = std::mem::take(&mut gathered);
                if let Err(lost) = self.answer(under_way.take(), items, &body, &mut answers).await {
                    return finished(answers, &lost);
                }
                // While it is committed, the next one is put together.
                under_way = self.send(next).await;
            }
            match group {
                Some(group) => gathered.add(group, Unit { item: at, value, effects, absent }),
                None => {
                    if let Err(lost) = self.answer(under_way.take(), items, &body, &mut answers).await {
                        return finished(answers, &lost);
                    }
                    answers[at] = Some(self.transact(|work| body(work, item)).await);
                }
            }
        }
        let mut lost = self.answer(under_way, items, &body, &mut answers).await;
        if lost.is_ok() {
            lost = self.answer(self.send(gathered).await, items, &body, &mut answers).await;
        }
        finished(answers, &lost.err().unwrap_or(StoreError::Contended))
    }

    /// Sends what was gathered on its way, in a task of its own: nobody else must wait for what it holds.
    async fn send<V>(&self, gathered: Gathered<V>) -> Option<UnderWay<V>> {
        let Gathered { groups, units, .. } = gathered;
        if groups.is_empty() {
            return None;
        }
        let (store, many) = (self.clone(), groups.len());
        let load = async move { store.load_groups(groups).await };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return Some(UnderWay { units, commit: Box::pin(load) });
        };
        let task = runtime.spawn(load);
        tokio::task::yield_now().await;
        let commit = async move {
            task.await.unwrap_or_else(|error| match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => (0..many).map(|_| Err(StoreError::Unknown("the runtime has ended".into()))).collect(),
            })
        };
        Some(UnderWay { units, commit: Box::pin(commit) })
    }

    /// Waits for what is under way. The error is that the backend does not answer (any more).
    async fn answer<'i, T, V, E, F, Fut>(
        &self,
        under_way: Option<UnderWay<V>>,
        items: &'i [T],
        body: &F,
        answers: &mut [Option<Result<V, E>>],
    ) -> Result<(), StoreError>
    where
        T: Sync,
        V: Send,
        F: Fn(Work, &'i T) -> Fut + Send + Sync,
        Fut: Future<Output = Result<V, E>> + Send,
        E: From<StoreError> + Send,
    {
        let Some(UnderWay { units, commit }) = under_way else { return Ok(()) };
        let mut lost = Ok(());
        for (Unit { item, value, effects, absent }, said) in units.into_iter().zip(commit.await) {
            let said = said.map_err(|error| error.or_stale(&absent, Uuid::nil()));
            answers[item] = Some(match said {
                Ok(()) => {
                    effects.into_iter().for_each(|effect| effect());
                    Ok(value)
                }
                // It had seen that there was none.
                Err(StoreError::Stale { .. }) => self.transact(|work| body(work, &items[item])).await,
                Err(error) => {
                    if matches!(error, StoreError::Unavailable(_) | StoreError::Unknown(_)) && lost.is_ok() {
                        lost = Err(repeated(&error));
                    }
                    Err(error.into())
                }
            });
        }
        lost
    }

    /// Inserts groups in one commit, as often as it takes to know what became of each.
    async fn load_groups(&self, groups: Vec<Vec<NewRecord>>) -> Vec<Result<(), StoreError>> {
        let mut answers: Vec<Option<Result<(), StoreError>>> = groups.iter().map(|_| None).collect();
        let mut open: Vec<usize> = (0..groups.len()).collect();
        let mut groups = Arc::new(groups);
        for run in 0..MAX_RUNS {
            if run > 0 {
                crate::metrics::unit_retried();
                self.pause(run).await;
            }
            let now = self.clock.now();
            let unit = self.entropy.uuid(now);
            let load = Load { unit, now, groups: Arc::clone(&groups) };
            let error = match self.timed(Verb::Load, self.backend.load(self.realm, load)).await {
                Ok(said) => {
                    for (at, answer) in open.into_iter().zip(said) {
                        answers[at] = Some(answer);
                    }
                    return finished(answers, &StoreError::Misuse("a backend did not answer for every group"));
                }
                Err(StoreError::Stale { .. }) => continue,
                Err(StoreError::Unknown(cause)) => match self.settle(unit, now).await {
                    Some(Settlement::Never) => continue,
                    Some(Settlement::Committed) => match self.written_by(unit, now, &groups).await {
                        Ok(written) => {
                            let mut rest = Vec::new();
                            for ((at, group), written) in open.iter().zip(groups.iter()).zip(&written) {
                                match written {
                                    true => answers[*at] = Some(Ok(())),
                                    false => rest.push((*at, group.clone())),
                                }
                            }
                            if rest.is_empty() {
                                return finished(answers, &StoreError::Contended);
                            }
                            let (at, refused) = rest.into_iter().unzip();
                            (open, groups) = (at, Arc::new(refused));
                            continue;
                        }
                        Err(_) => StoreError::Unknown(cause),
                    },
                    None => StoreError::Unknown(cause),
                },
                Err(error) => error,
            };
            return finished(answers, &error);
        }
        crate::metrics::unit_given_up();
        finished(answers, &StoreError::Contended)
    }

    /// Which groups a unit has inserted: those of which a record is still at its version, whatever others have changed
    /// meanwhile.
    async fn written_by(&self, unit: Uuid, now: Timestamp, groups: &[Vec<NewRecord>]) -> Result<Vec<bool>, StoreError> {
        let keys: Vec<RecordKey> = groups.iter().flatten().map(NewRecord::key).collect();
        let rows = self.timed(Verb::Read, self.backend.read(self.realm, now, &keys)).await?;
        let mut written = rows.iter().map(|row| row.as_ref().is_some_and(|row| row.version == unit));
        Ok(groups.iter().map(|group| written.by_ref().take(group.len()).fold(false, |any, one| any | one)).collect())
    }
}

/// The answers, and the same error for all that have none.
fn finished<V, E: From<StoreError>>(answers: Vec<Option<Result<V, E>>>, error: &StoreError) -> Vec<Result<V, E>> {
    answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(repeated(error).into()))).collect()
}

/// The same error once more, for another of those whom it met; of its cause, what it says. For backends.
#[must_use]
pub fn repeated(error: &StoreError) -> StoreError {
    match error {
        StoreError::Conflict { collection, index } => StoreError::Conflict { collection, index },
        StoreError::Stale { collection, id } => StoreError::Stale { collection, id: *id },
        StoreError::Referenced => StoreError::Referenced,
        StoreError::Contended => StoreError::Contended,
        StoreError::TooLarge => StoreError::TooLarge,
        StoreError::Misuse(what) => StoreError::Misuse(what),
        StoreError::Unsupported(what) => StoreError::Unsupported(what),
        StoreError::Unknown(cause) => StoreError::Unknown(cause.to_string().into()),
        StoreError::Unavailable(cause) => StoreError::Unavailable(cause.to_string().into()),
        other => StoreError::Unavailable(other.to_string().into()),
    }
}
