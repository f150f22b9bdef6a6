//! Running a unit of work until it is committed, refused, or out of patience.

use std::time::Duration;

use uuid::Uuid;

use super::Store;
use super::backend::{Batch, Settlement, UNITS};
use super::error::StoreError;
use super::unit::Closed;
use super::watch::Pending;
use super::work::Work;
use crate::clock::Timestamp;
use crate::metrics::Verb;

/// The rests between questions what became of a unit.
const SHORTEST_REST: Duration = Duration::from_millis(250);
const LONGEST_REST: Duration = Duration::from_secs(30);

/// How often a stale unit is run before [`StoreError::Contended`].
pub const MAX_RUNS: u32 = 8;

impl Store {
    /// Runs a unit of work and commits all that it wrote, or nothing.
    ///
    /// The closure gets a shared handle, reads and writes through it, and answers. An `Ok` is
    /// committed as one batch: the records it got by id are guarded (they must not have changed),
    /// what it wrote is written. When something has changed meanwhile the closure **runs again**, up
    /// to [`MAX_RUNS`] times with growing, jittered pauses; so it holds no slow work and no effects
    /// beyond [`Work::on_commit`]. An `Err` discards the unit; what must leave a trace, such as a
    /// failed try, is an `Ok` value. A unit that writes nothing commits nothing.
    ///
    /// Dropping the future before it commits discards the unit; dropping it later does not
    /// undo the commit.
    ///
    /// # Errors
    /// What the closure says; the refusal of the batch ([`StoreError::Conflict`],
    /// [`StoreError::Exceeded`], [`StoreError::Referenced`]); [`StoreError::Contended`];
    /// [`StoreError::Unavailable`]. An unknown outcome is settled before this returns; it comes back
    /// as [`StoreError::Unknown`] only when the backend cannot even be asked any more.
    pub async fn transact<T, E, F, Fut>(&self, body: F) -> Result<T, E>
    where
        F: Fn(Work) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send,
        E: From<StoreError>,
    {
        for run in 0..MAX_RUNS {
            if run > 0 {
                crate::metrics::unit_retried();
                tracing::debug!(run, "a unit of work was stale, and runs again");
                self.pause(run).await;
            }
            let work = Work::begin(self);
            let answer = body(work.clone()).await?;
            match self.finish(&work).await {
                Ok(()) => return Ok(answer),
                Err(StoreError::Stale { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        crate::metrics::unit_given_up();
        Err(StoreError::Contended.into())
    }

    /// Commits what the unit wrote and runs its effects. `Stale` means: run it again.
    ///
    /// A unit that changes something watched is seen through by a task that outlives its caller: whoever hangs up
    /// after the commit must not keep the watch from hearing of it.
    async fn finish(&self, work: &Work) -> Result<(), StoreError> {
        let Closed { batch, effects, absent } = work.close();
        let run = move || effects.into_iter().for_each(|effect| effect());
        let Some(batch) = batch else {
            run();
            return Ok(());
        };
        batch.check_size()?;
        let Some(pending) = self.watch.as_deref().and_then(|watch| watch.begin(&batch)) else {
            self.commit(batch, &absent).await?;
            run();
            return Ok(());
        };
        let store = self.clone();
        let through = async move {
            store.see_through(batch, &absent, pending).await?;
            run();
            Ok(())
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => runtime.spawn(through).await.unwrap_or_else(|error| match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => Err(StoreError::Unknown(error.into())),
            }),
            Err(_) => through.await,
        }
    }

    /// Commits, and tells the watch what became of it.
    async fn see_through(
        &self,
        batch: Batch,
        absent: &[&'static str],
        pending: Box<dyn Pending>,
    ) -> Result<(), StoreError> {
        let unit = batch.unit;
        let outcome = self.commit(batch, absent).await;
        match &outcome {
            Ok(()) => pending.committed().await,
            Err(StoreError::Unknown(_)) => drop(tokio::spawn(settle_late(self.unwatched(), unit, pending))),
            Err(_) => pending.never(),
        }
        outcome
    }

    async fn commit(&self, batch: Batch, absent: &[&'static str]) -> Result<(), StoreError> {
        let (unit, now) = (batch.unit, batch.now);
        match self.timed(Verb::Commit, self.backend.commit(self.realm, batch)).await {
            Err(StoreError::Unknown(cause)) => match self.settle(unit, now).await {
                Some(Settlement::Committed) => Ok(()),
                Some(Settlement::Never) => Err(StoreError::Stale { collection: UNITS, id: unit }),
                None => Err(StoreError::Unknown(cause)),
            },
            other => other.map_err(|error| error.or_stale(absent, unit)),
        }
    }

    /// The same handle without its watch, which keeps no engine alive.
    pub(super) fn unwatched(&self) -> Self {
        Self { watch: None, ..self.clone() }
    }

    /// Asks what became of a unit; none when the backend does not say for a while.
    pub(super) async fn settle(&self, unit: Uuid, now: Timestamp) -> Option<Settlement> {
        for run in 1..=MAX_RUNS {
            match self.timed(Verb::Settle, self.backend.settle(unit, now)).await {
                Ok(settlement) => return Some(settlement),
                Err(_) => self.pause(run).await,
            }
        }
        None
    }

    /// Asks what became of a unit until the backend says it, or nobody wants to know any more.
    pub(super) async fn settle_at_last(&self, unit: Uuid, is_moot: impl Fn() -> bool) -> Option<Settlement> {
        let mut rest = SHORTEST_REST;
        while !is_moot() {
            if let Ok(settlement) = self.timed(Verb::Settle, self.backend.settle(unit, self.clock.now())).await {
                return Some(settlement);
            }
            tokio::time::sleep(rest).await;
            rest = (rest * 2).min(LONGEST_REST);
        }
        None
    }

    /// Waits between runs: up to 1, 2, 4 … 64 ms, evenly spread, so that those who met part ways.
    pub(super) async fn pause(&self, run: u32) {
        let most = 1_000_u64 << run.saturating_sub(1).min(6);
        let mut bytes = [0; 8];
        self.entropy.fill(&mut bytes);
        let micros = u64::from_be_bytes(bytes) % most;
        tokio::time::sleep(Duration::from_micros(micros)).await;
    }
}

/// Until the backend says what became of a unit, what it may have changed is not trusted.
async fn settle_late(store: Store, unit: Uuid, pending: Box<dyn Pending>) {
    match store.settle_at_last(unit, || pending.is_moot()).await {
        Some(Settlement::Committed) => pending.committed().await,
        Some(Settlement::Never) => pending.never(),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::*;
    use crate::clock::SystemClock;
    use crate::id::RealmId;
    use crate::store::MemoryStore;
    use crate::testing::FixedEntropy;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_up_to_a_bound_and_are_spread() {
        for run in [1, 2, 4, 7, MAX_RUNS, 40] {
            let most = Duration::from_millis(1 << (run - 1).min(6));
            let mut pauses = BTreeSet::new();
            for seed in 0..200 {
                let (memory, entropy) = (Arc::new(MemoryStore::new()), Arc::new(FixedEntropy::new(seed)));
                let store = Store::new(memory, RealmId::DEFAULT, Arc::new(SystemClock), entropy);
                let began = tokio::time::Instant::now();
                store.pause(run).await;
                pauses.insert(began.elapsed());
            }
            // The runtime's clock goes by milliseconds.
            let longest = *pauses.last().unwrap();
            assert!(longest <= most + Duration::from_millis(1), "{run}: {longest:?}");
            assert!(longest > most / 2, "{run}: {longest:?}");
            assert!(run < 4 || pauses.len() > 4, "{run}: who met meets again, {pauses:?}");
        }
    }
}
