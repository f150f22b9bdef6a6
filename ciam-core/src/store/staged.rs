//! A unit of work that is committed by a transaction of the host's own.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::runtime::Handle;
use uuid::Uuid;

use super::Store;
use super::backend::{Batch, Settlement};
use super::error::StoreError;
use super::unit::{Closed, Effect};
use super::watch::{Pending, Watch};
use super::work::Work;
use crate::id::RealmId;

impl Store {
    /// Begins a unit of work that the host commits within a transaction of its own: its rows and ciam's are there
    /// together, or not at all.
    ///
    /// Nothing is written before a backend that the host's transaction stands in applies it, such as
    /// `PostgresStore::apply` or `SqliteStore::apply`.
    pub fn staged(&self) -> Staged {
        Staged {
            work: Work::begin(self),
            watch: self.watch.clone(),
            closed: OnceLock::new(),
            unit: Arc::new(Unit {
                store: self.unwatched(),
                runtime: Handle::try_current().ok(),
                id: OnceLock::new(),
                effects: Mutex::default(),
            }),
        }
    }
}

/// A unit of work that becomes part of a transaction of the host's own; made by [`Store::staged`].
///
/// It is a [`Work`]: services take it where they take one (`users.create_in(&staged, …)`), and its reads see what it
/// has written itself, but nothing of the host's transaction. What it got by id it guards, also when it writes nothing:
/// the host's rows may rely on that.
///
/// 1. **Stage** everything that belongs together into one unit, after slow work such as
///    [`Users::prepare`](crate::users::Users::prepare). It is cheap and leaves the database alone.
/// 2. **Apply** it in the host's transaction, by the store's `apply`. A refusal takes back what is ciam's and nothing
///    else: the host's earlier statements stand, and its transaction may go on.
///    [`Stale`](StoreError::Stale) means that something has changed since the unit read it: roll back, and run the
///    whole transaction again, from the staging on.
/// 3. **Commit**, and say so: [`Applied::committed`].
///
/// A unit is committed at most once, however often it is applied.
#[must_use = "nothing is written until the store applies it in a transaction"]
pub struct Staged {
    work: Work,
    watch: Option<Arc<dyn Watch>>,
    closed: OnceLock<(Option<Batch>, Vec<&'static str>)>,
    unit: Arc<Unit>,
}

impl Deref for Staged {
    type Target = Work;

    fn deref(&self) -> &Work {
        &self.work
    }
}

impl Staged {
    /// For authors of backends: begins to apply the unit, which is over for those who write to it.
    ///
    /// From now on the records that it changes are neither served from memory nor kept there, until it is certain what
    /// became of it.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`].
    pub fn attempt(&self) -> Result<Attempt<'_>, StoreError> {
        let (batch, _) = self.closed.get_or_init(|| {
            let Closed { batch, effects, absent } = self.work.close_guarding();
            *self.unit.effects() = effects;
            (batch, absent)
        });
        let mut pending = None;
        if let Some(batch) = batch {
            batch.check_size()?;
            self.unit.id.get_or_init(|| batch.unit);
            pending = self.watch.as_deref().and_then(|watch| watch.begin(batch));
        }
        Ok(Attempt { staged: self, applied: Applied { unit: Arc::clone(&self.unit), pending, told: false } })
    }
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staged").field("work", &self.work).finish_non_exhaustive()
    }
}

/// For authors of backends: a unit that is just being applied, in a transaction that is the host's.
///
/// Dropped without a word, what became of the unit is [settled](super::Backend::settle) in the background.
#[derive(Debug)]
#[must_use = "say whether it was applied"]
pub struct Attempt<'s> {
    staged: &'s Staged,
    applied: Applied,
}

impl Attempt<'_> {
    /// The realm that the batch is for.
    #[must_use]
    pub const fn realm(&self) -> RealmId {
        self.staged.work.realm()
    }

    /// The batch; none when there is nothing to write. Its unit's id is taken in the same transaction, as a commit does.
    #[must_use]
    pub fn batch(&self) -> Option<&Batch> {
        self.staged.closed.get().and_then(|(batch, _)| batch.as_ref())
    }

    /// All of the batch was applied, and waits for the host's commit.
    pub fn applied(self) -> Applied {
        self.applied
    }

    /// The batch was refused, and all of it was taken back for certain. Gives the error as the host is to have it.
    pub fn refused(self, error: StoreError) -> StoreError {
        let absent = self.staged.closed.get().map(|(_, absent)| absent.as_slice());
        self.applied.rolled_back();
        error.or_stale(absent.unwrap_or_default(), self.staged.work.id())
    }
}

/// A unit that was applied in a transaction of the host's, which has yet to commit it: to be told how that went.
///
/// Until it is told, the sessions that the unit changes are read from the store at every request, and its effects wait,
/// such as waking who sends messages. Dropped without a word (a panic, an early `?`), it finds out in the background
/// what became of the unit, by its id.
#[must_use = "say whether the host's transaction was committed"]
pub struct Applied {
    unit: Arc<Unit>,
    pending: Option<Box<dyn Pending>>,
    told: bool,
}

impl Applied {
    /// To be called once the host's transaction **is committed**: what the unit revoked is refused at once, here and on
    /// nodes that hear of it, and its effects run, once.
    ///
    /// Called before the commit, it lets memory keep what is about to change for as long as
    /// [`SessionCache::max_age`](crate::sessions::SessionCache::max_age) says.
    pub async fn committed(mut self) {
        self.tell(Settlement::Committed).await;
    }

    /// To be called once the host's transaction **is rolled back**, or can never commit any more.
    pub fn rolled_back(mut self) {
        self.told = true;
        if let Some(pending) = self.pending.take() {
            pending.never();
        }
    }

    /// Finds out whether the host's transaction was committed, ciam's part and the host's, when the answer to its COMMIT
    /// was lost.
    ///
    /// That takes the unit's id in the database, so that a transaction that was not committed by then never can be. It
    /// waits for one that is still open (or says `Unavailable`): call it after the COMMIT, never instead.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the backend does not say for a while; it is asked on in the background.
    /// [`StoreError::Misuse`] for a unit that wrote nothing and got nothing by id: it has no id to ask by.
    pub async fn settle(mut self) -> Result<Settlement, StoreError> {
        let Some(id) = self.unit.id.get() else {
            return Err(StoreError::Misuse("a unit that wrote nothing has no outcome"));
        };
        let store = &self.unit.store;
        let settled = store.settle(*id, store.clock.now()).await;
        let settlement = settled.ok_or(StoreError::Unavailable("the unit cannot be settled now".into()))?;
        self.tell(settlement).await;
        Ok(settlement)
    }

    /// Does what follows, in a task that outlives the caller.
    async fn tell(&mut self, settlement: Settlement) {
        self.told = true;
        let follow = follow(Arc::clone(&self.unit), self.pending.take(), settlement);
        match Handle::try_current() {
            Ok(runtime) => {
                if let Err(error) = runtime.spawn(follow).await
                    && let Ok(panic) = error.try_into_panic()
                {
                    std::panic::resume_unwind(panic);
                }
            }
            Err(_) => follow.await,
        }
    }
}

impl Drop for Applied {
    fn drop(&mut self) {
        if self.told || (self.pending.is_none() && self.unit.effects().is_empty()) {
            return;
        }
        match Handle::try_current().ok().or_else(|| self.unit.runtime.clone()) {
            Some(runtime) => drop(runtime.spawn(find_out(Arc::clone(&self.unit), self.pending.take()))),
            None => tracing::error!("nobody said what became of a unit, and there is no runtime to find out on"),
        }
    }
}

impl fmt::Debug for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Applied").field("unit", &self.unit.id.get()).finish_non_exhaustive()
    }
}

/// What all attempts at one unit share.
struct Unit {
    store: Store,
    /// Where to find out what nobody says: whoever drops an [`Applied`] may stand on a thread without one.
    runtime: Option<Handle>,
    /// Its id, once there is something to write.
    id: OnceLock<Uuid>,
    /// What waits for the commit. Of all who learn of it, the first one acts.
    effects: Mutex<Vec<Effect>>,
}

impl Unit {
    fn effects(&self) -> MutexGuard<'_, Vec<Effect>> {
        self.effects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn follow(unit: Arc<Unit>, pending: Option<Box<dyn Pending>>, settlement: Settlement) {
    match (settlement, pending) {
        (Settlement::Never, None) => {}
        (Settlement::Never, Some(pending)) => pending.never(),
        (Settlement::Committed, pending) => {
            if let Some(pending) = pending {
                pending.committed().await;
            }
            let effects = std::mem::take(&mut *unit.effects());
            effects.into_iter().for_each(|effect| effect());
        }
    }
}

async fn find_out(unit: Arc<Unit>, pending: Option<Box<dyn Pending>>) {
    let Some(id) = unit.id.get() else { return };
    let is_moot = || unit.effects().is_empty() && pending.as_ref().is_none_or(|pending| pending.is_moot());
    if let Some(settlement) = unit.store.settle_at_last(*id, is_moot).await {
        follow(Arc::clone(&unit), pending, settlement).await;
    }
}
