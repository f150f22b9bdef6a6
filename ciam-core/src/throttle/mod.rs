//! Limits on tries: exact when they come in parallel, kept in the store, so that a restart forgives nothing.

mod bucket;
mod counter;
mod limits;
mod rules;
mod store_throttle;
mod summaries;
mod tries;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;

pub use bucket::{Bucket, BucketId};
use counter::Held;
pub use counter::{Counter, CounterId, Outcome};
pub use limits::{Burst, ClientNetwork, Limit, Monitoring, Rate, ThrottleLimits, Waits};
pub(crate) use rules::{
    Account, Postage, Purpose, SECOND, SIGN_IN, client_limit, is_recovery_of_account, notice_postage,
    pardoned_by_recovery, postage, proof_limits, recovery_limits,
};
pub use store_throttle::StoreThrottle;
pub use tries::Tries;

use crate::secret::Digest;
use crate::store::{StoreError, Work};

/// A try that was reserved under some limits, to be settled when its outcome is known.
///
/// One whose process ended before it was settled stays counted until its windows end.
#[must_use = "a reservation that is dropped gives its try back, or leaves it counted where it cannot"]
pub struct Reservation {
    held: Vec<Held>,
    /// A limit that only watches, and would have refused the try.
    would_refuse: Option<&'static str>,
    /// Whether a window of failures was filled before: then events are gathered.
    is_under_attack: bool,
    open: Arc<AtomicBool>,
    abandoned: Option<Abandoned>,
}

type Abandoned = Box<dyn FnOnce(Reservation) + Send + Sync>;

impl Reservation {
    /// A reservation of a try that was counted under these limits, for a throttle of the host's own.
    pub fn new(limits: Vec<Limit>) -> Self {
        Self::holding(limits.into_iter().map(Held::elsewhere).collect())
    }

    fn holding(held: Vec<Held>) -> Self {
        let open = Arc::new(AtomicBool::new(true));
        Self { held, would_refuse: None, is_under_attack: false, open, abandoned: None }
    }

    /// What to do with it when it is dropped and not settled, because its request has gone away.
    pub fn or_else(mut self, abandoned: impl FnOnce(Self) + Send + Sync + 'static) -> Self {
        self.abandoned = Some(Box::new(abandoned));
        self
    }

    /// The limits that the try was counted under; for the throttle that settles it.
    pub fn settled(mut self) -> Vec<Limit> {
        self.take().into_iter().map(|held| held.limit).collect()
    }

    fn take(&mut self) -> Vec<Held> {
        self.abandoned = None;
        std::mem::take(&mut self.held)
    }

    /// Whether it still is to be settled.
    fn is_open(&self) -> bool {
        self.open.load(Ordering::SeqCst)
    }

    /// The caller's unit settles it: from its commit on there is nothing left to do.
    fn settled_by(&self, work: &Work) {
        let open = Arc::clone(&self.open);
        work.on_commit(move || open.store(false, Ordering::SeqCst));
    }

    /// What is attacked, if something is: the first of its limits.
    fn attacked(&self) -> Option<Digest> {
        self.held.first().filter(|_| self.is_under_attack).map(|held| held.limit.key)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(abandoned) = self.abandoned.take().filter(|_| self.is_open()) {
            abandoned(Self::holding(std::mem::take(&mut self.held)));
        }
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation").field("held", &self.held).finish_non_exhaustive()
    }
}

/// Why a try is not allowed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ThrottleError {
    /// A limit is reached.
    #[error("too many tries")]
    Throttled {
        /// The name of the limit.
        limit: &'static str,
        /// When there is room again.
        retry_after: Duration,
    },
    /// The counters cannot be reached; the try is refused, because nobody knows.
    #[error("tries cannot be counted")]
    Store(#[source] StoreError),
}

impl From<StoreError> for ThrottleError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Counts tries.
///
/// A try is reserved before the work it pays for, under all its limits or none, so that parallel
/// tries cannot pass between counting and checking, and settled when its outcome is known. When
/// counters cannot be reached the engine refuses the try.
///
/// A host's own, which counts in memory and so forgets with the process:
///
/// ```
/// use std::{collections::HashMap, sync::Mutex};
/// use ciam_core::throttle::{Limit, Outcome, Reservation, Throttle, ThrottleError};
///
/// #[derive(Debug, Default)]
/// struct InMemory { tries: Mutex<HashMap<[u8; 32], u32>> }
///
/// #[async_trait::async_trait]
/// impl Throttle for InMemory {
///     async fn reserve(&self, limits: Vec<Limit>) -> Result<Reservation, ThrottleError> {
///         let mut tries = self.tries.lock().unwrap();
///         let full = |limit: &&Limit| {
///             !limit.is_passing() && tries.get(limit.key().bytes()).is_some_and(|n| *n >= limit.rate().most)
///         };
///         if let Some(limit) = limits.iter().find(full) {
///             return Err(ThrottleError::Throttled { limit: limit.name(), retry_after: limit.rate().window });
///         }
///         limits.iter().for_each(|limit| *tries.entry(*limit.key().bytes()).or_default() += 1);
///         Ok(Reservation::new(limits))
///     }
///     async fn settle(&self, reservation: Reservation, outcome: Outcome) -> Result<(), ThrottleError> {
///         let mut tries = self.tries.lock().unwrap();
///         for limit in reservation.settled() {
///             let count = tries.entry(*limit.key().bytes()).or_default();
///             match outcome {
///                 Outcome::Failed => {}
///                 Outcome::Succeeded if limit.is_forgiving() => *count = 0,
///                 _ => *count = count.saturating_sub(1),
///             }
///         }
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait Throttle: fmt::Debug + Send + Sync + 'static {
    /// Reserves one try under every limit. While tries that are still under way fill a limit, it waits
    /// for their outcome: many customers behind one address who sign in at once are no attack.
    ///
    /// # Errors
    /// [`ThrottleError::Throttled`] when the failures of one of them have reached it, or the tries under
    /// way take too long: then nothing was counted.
    async fn reserve(&self, limits: Vec<Limit>) -> Result<Reservation, ThrottleError>;

    /// Settles a try.
    ///
    /// # Errors
    /// [`ThrottleError::Store`]: it stays counted, as one under way.
    async fn settle(&self, reservation: Reservation, outcome: Outcome) -> Result<(), ThrottleError>;

    /// Settles a try in the caller's unit, so that a sign-in takes one commit less. The answer says whether this
    /// throttle does that; one that does not (the default) is asked to [settle](Throttle::settle) after the commit.
    ///
    /// # Errors
    /// [`StoreError`]; the unit is not committed then.
    async fn settle_in(&self, _work: &Work, _reservation: &Reservation, _outcome: Outcome) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Forgets what was counted under these limits, in the caller's unit where that is possible: the owner of the
    /// account has recovered it. Does nothing by default.
    ///
    /// # Errors
    /// [`StoreError`]; the unit is not committed then.
    async fn forgive_in(&self, _work: &Work, _limits: &[Limit]) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
