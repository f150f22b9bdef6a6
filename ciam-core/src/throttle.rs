//! Limits on tries: exact when they come in parallel, kept in the store, so that a restart forgives nothing.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::UserId;
use crate::secret::Digest;
use crate::store::{Bound, Collection, Record, Store, StoreError, Tally, Work};

crate::id!(CounterId, "cnt", "A counter of tries; made from what it counts.");

/// At most so many tries of one kind by or against one thing within a window.
#[derive(Debug, Clone)]
pub struct Limit {
    name: &'static str,
    key: Digest,
    rate: Rate,
    forgiving: bool,
}

/// So many within so long, counted from the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub most: u32,
    /// Within how long.
    pub window: Duration,
}

impl Rate {
    /// So many within so long.
    #[must_use]
    pub const fn new(most: u32, window: Duration) -> Self {
        Self { most, window }
    }
}

/// The limits that the engine keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleLimits {
    /// Failed sign-ins of one account, over all paths and spellings (default 5 in 5 minutes: django-allauth).
    pub account_failures: Rate,
    /// Failed sign-ins from one client address (default 10 in a minute: django-allauth).
    pub client_failures: Rate,
    /// Sign-ups from one client address (default 120 in a minute), counted before a password is judged or hashed.
    pub client_sign_ups: Rate,
    /// Messages that journeys send to one address, whoever asks for them (default 5 in an hour).
    pub messages: Rate,
}

impl Default for ThrottleLimits {
    fn default() -> Self {
        Self {
            account_failures: Rate::new(5, Duration::from_mins(5)),
            client_failures: Rate::new(10, Duration::from_mins(1)),
            client_sign_ups: Rate::new(120, Duration::from_mins(1)),
            messages: Rate::new(5, Duration::from_hours(1)),
        }
    }
}

impl Limit {
    /// A limit on what `key` identifies; `name` tells apart what is counted.
    #[must_use]
    pub fn new(name: &'static str, key: &[&[u8]], rate: Rate) -> Self {
        Self { name, key: Digest::of_all(key), rate, forgiving: false }
    }

    /// Tries of one account that exists.
    #[must_use]
    pub fn of_user(name: &'static str, user: UserId, rate: Rate) -> Self {
        Self::new(name, &[b"user", user.to_string().as_bytes()], rate)
    }

    /// Tries from one client address. All clients without an address share one counter.
    #[must_use]
    pub fn of_client(name: &'static str, address: Option<IpAddr>, rate: Rate) -> Self {
        let address = address.map(|address| address.to_canonical().to_string()).unwrap_or_default();
        Self::new(name, &[b"client", address.as_bytes()], rate)
    }

    /// What is counted, as `area.kind`: `sign_in.account`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whose tries are counted: a digest, for counters hold neither addresses nor ids.
    #[must_use]
    pub const fn key(&self) -> &Digest {
        &self.key
    }

    /// How many tries there are, and within how long.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// Whether a success forgets the failures before it.
    #[must_use]
    pub const fn is_forgiving(&self) -> bool {
        self.forgiving
    }

    /// A success forgets the failures before it: right for an account, whose owner has shown up; never
    /// for a client address, where an attacker would clear their tries by signing in to an account of their own.
    #[must_use]
    pub const fn forgiving(mut self) -> Self {
        self.forgiving = true;
        self
    }

    fn counter(&self, store: &Store, now: Timestamp) -> Counter {
        let realm = store.realm().to_string();
        let id = Digest::of_all(&[realm.as_bytes(), self.name.as_bytes(), self.key.bytes()]).id();
        Counter { id, tries: 0, failed: 0, until: now + self.rate.window }
    }

    /// Counts one in the caller's unit: its commit is refused with [`StoreError::Exceeded`] past the limit.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] only.
    pub(crate) fn count_in(&self, store: &Store, work: &Work) -> Result<(), StoreError> {
        let first = self.counter(store, work.now());
        work.add_or_insert(&Counter::TRIES, &first, 1, Bound::AtMost(i64::from(self.rate.most)))
    }

    /// Counts one at once, for what is limited whatever comes of it.
    ///
    /// # Errors
    /// [`ThrottleError::Throttled`] past the limit: then it was not counted.
    pub(crate) async fn spend(&self, store: &Store) -> Result<(), ThrottleError> {
        let wait = self.wait(store).await?;
        let spent = match wait {
            Some(_) => {
                Err(StoreError::Exceeded { collection: Counter::COLLECTION.name(), tally: Counter::TRIES.name() })
            }
            None => store.transact(|work| async move { self.count_in(store, &work) }).await,
        };
        match spent {
            Err(error) if Counter::TRIES.exceeded(&error) => {
                let retry_after = self.wait(store).await?.unwrap_or(Duration::from_secs(1));
                Err(ThrottleError::Throttled { retry_after })
            }
            other => Ok(other?),
        }
    }

    /// How long until the window ends in which so many tries were counted; none when there is room.
    pub(crate) async fn wait(&self, store: &Store) -> Result<Option<Duration>, StoreError> {
        self.wait_by(store, |counter| counter.tries).await
    }

    async fn wait_by(&self, store: &Store, of: fn(&Counter) -> i64) -> Result<Option<Duration>, StoreError> {
        let now = store.clock().now();
        let counter = store.get::<Counter>(self.counter(store, now).id).await?;
        let full = counter.filter(|counter| of(counter) >= i64::from(self.rate.most));
        Ok(full.map(|counter| counter.until.since(now)))
    }
}

/// How many tries there were in a window that is still open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    id: CounterId,
    /// Reserved tries: those under way and those that failed.
    tries: i64,
    /// Those that failed.
    failed: i64,
    until: Timestamp,
}

impl Record for Counter {
    type Id = CounterId;
    const COLLECTION: Collection<Self> =
        Collection::new("counters").live(&Counter::TRIES).live(&Counter::FAILED).expires(|c| c.until);

    fn id(&self) -> CounterId {
        self.id
    }
}

impl Counter {
    /// The tries so far, less those given back.
    pub const TRIES: Tally<Counter> = Tally::new("tries", |counter| &mut counter.tries);
    /// The failures so far.
    pub const FAILED: Tally<Counter> = Tally::new("failed", |counter| &mut counter.failed);
}

/// A try that was reserved under some limits, to be settled when its outcome is known.
///
/// One whose process ended before it was settled stays counted until its windows end.
#[must_use = "a reservation that is dropped gives its try back, or leaves it counted where it cannot"]
pub struct Reservation {
    held: Vec<(Limit, Timestamp)>,
    abandoned: Option<Abandoned>,
}

type Abandoned = Box<dyn FnOnce(Reservation) + Send + Sync>;

impl Reservation {
    /// A reservation: each limit with the end of the window that the try was counted in.
    pub fn new(held: Vec<(Limit, Timestamp)>) -> Self {
        Self { held, abandoned: None }
    }

    /// What to do with it when it is dropped and not settled, because its request has gone away.
    pub fn or_else(mut self, abandoned: impl FnOnce(Self) + Send + Sync + 'static) -> Self {
        self.abandoned = Some(Box::new(abandoned));
        self
    }

    /// Each limit, with the end of the window that the try was counted in; for the throttle that settles it.
    pub fn settle(mut self) -> Vec<(Limit, Timestamp)> {
        self.abandoned = None;
        std::mem::take(&mut self.held)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(abandoned) = self.abandoned.take() {
            abandoned(Self::new(std::mem::take(&mut self.held)));
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
        /// When the window ends.
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
/// use ciam_core::throttle::{Limit, Reservation, Throttle, ThrottleError};
/// use ciam_core::clock::Timestamp;
///
/// #[derive(Debug, Default)]
/// struct InMemory { tries: Mutex<HashMap<[u8; 32], u32>> }
///
/// #[async_trait::async_trait]
/// impl Throttle for InMemory {
///     async fn reserve(&self, limits: Vec<Limit>) -> Result<Reservation, ThrottleError> {
///         let mut tries = self.tries.lock().unwrap();
///         let full = |limit: &&Limit| tries.get(limit.key().bytes()).is_some_and(|n| *n >= limit.rate().most);
///         if let Some(limit) = limits.iter().find(full) {
///             return Err(ThrottleError::Throttled { retry_after: limit.rate().window });
///         }
///         limits.iter().for_each(|limit| *tries.entry(*limit.key().bytes()).or_default() += 1);
///         Ok(Reservation::new(limits.into_iter().map(|limit| (limit, Timestamp::EPOCH)).collect()))
///     }
///     async fn failed(&self, reservation: Reservation) -> Result<(), ThrottleError> {
///         reservation.settle();
///         Ok(())
///     }
///     async fn succeeded(&self, reservation: Reservation) -> Result<(), ThrottleError> {
///         let mut tries = self.tries.lock().unwrap();
///         for (limit, _) in reservation.settle() {
///             let count = tries.entry(*limit.key().bytes()).or_default();
///             *count = if limit.is_forgiving() { 0 } else { count.saturating_sub(1) };
///         }
///         Ok(())
///     }
///     async fn cancelled(&self, reservation: Reservation) -> Result<(), ThrottleError> {
///         let mut tries = self.tries.lock().unwrap();
///         for (limit, _) in reservation.settle() {
///             tries.entry(*limit.key().bytes()).and_modify(|count| *count = count.saturating_sub(1));
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

    /// The try failed: it stays counted.
    ///
    /// # Errors
    /// [`ThrottleError::Store`]: it stays counted, as one under way.
    async fn failed(&self, reservation: Reservation) -> Result<(), ThrottleError>;

    /// The try succeeded: it is given back, and a [forgiving](Limit::forgiving) limit begins anew.
    ///
    /// # Errors
    /// As [`Throttle::failed`].
    async fn succeeded(&self, reservation: Reservation) -> Result<(), ThrottleError>;

    /// Nothing was tried after all: it is given back.
    ///
    /// # Errors
    /// As [`Throttle::failed`].
    async fn cancelled(&self, reservation: Reservation) -> Result<(), ThrottleError>;
}

/// The throttle whose counters are records of the store.
#[derive(Debug, Clone)]
pub struct StoreThrottle {
    store: Store,
}

/// How often a reservation looks again for tries under way to end, and how long it pauses between:
/// five seconds in all.
const LOOKS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(25);

impl StoreThrottle {
    /// A throttle over this store.
    #[must_use]
    pub const fn new(store: Store) -> Self {
        Self { store }
    }

    async fn longest_wait(&self, limits: &[Limit], of: fn(&Counter) -> i64) -> Result<Option<Duration>, StoreError> {
        let mut longest = None;
        for limit in limits {
            longest = longest.max(limit.wait_by(&self.store, of).await?);
        }
        Ok(longest)
    }

    /// Counts a try under every limit, if there is room, to its end whoever still waits for it: a reservation
    /// that nobody takes gives itself back.
    async fn count(&self, limits: Vec<Limit>) -> Result<Reservation, ThrottleError> {
        let throttle = self.clone();
        let counting = tokio::spawn(async move {
            let wanted = &limits;
            throttle
                .store
                .transact(|work| {
                    let store = throttle.store.clone();
                    async move { wanted.iter().try_for_each(|limit| limit.count_in(&store, &work)) }
                })
                .await?;
            throttle.windows(limits).await
        });
        counting.await.map_err(|error| StoreError::Unavailable(error.into()))?.map_err(ThrottleError::from)
    }

    /// The ends of the windows that a try was just counted in.
    async fn windows(&self, limits: Vec<Limit>) -> Result<Reservation, StoreError> {
        let now = self.store.clock().now();
        let mut held = Vec::new();
        for limit in limits {
            let counter = limit.counter(&self.store, now);
            let kept = self.store.get::<Counter>(counter.id).await?;
            held.push((limit, kept.map_or(now, |kept| kept.until)));
        }
        let throttle = self.clone();
        Ok(Reservation::new(held).or_else(move |reservation| {
            tokio::spawn(async move {
                if let Err(error) = throttle.cancelled(reservation).await {
                    tracing::warn!(%error, "an abandoned try stays counted");
                }
            });
        }))
    }

    /// Changes the counters of a reservation whose windows are still open, in one unit.
    async fn settle(
        &self,
        reservation: Reservation,
        change: impl Fn(&Work, &Limit, &Counter) -> Result<(), StoreError> + Send + Sync,
    ) -> Result<(), ThrottleError> {
        let held = reservation.settle();
        match self.settle_some(&held, &change).await {
            // Somebody's success has begun one of the counts anew meanwhile: the others are settled without it.
            Err(StoreError::Exceeded { .. }) => {
                for one in held.chunks(1) {
                    match self.settle_some(one, &change).await {
                        Err(StoreError::Exceeded { .. }) => {}
                        other => other?,
                    }
                }
                Ok(())
            }
            other => Ok(other?),
        }
    }

    async fn settle_some(
        &self,
        held: &[(Limit, Timestamp)],
        change: &(impl Fn(&Work, &Limit, &Counter) -> Result<(), StoreError> + Send + Sync),
    ) -> Result<(), StoreError> {
        self.store
            .transact(|work| async move {
                for (limit, until) in held {
                    let counter = work.peek::<Counter>(limit.counter(&self.store, work.now()).id).await?;
                    if let Some(counter) = counter.filter(|counter| counter.until == *until) {
                        change(&work, limit, &counter)?;
                    }
                }
                Ok(())
            })
            .await
    }
}

fn give_back(work: &Work, counter: &Counter) -> Result<(), StoreError> {
    work.add(&Counter::TRIES, counter.id, -1, Bound::AtLeast(0))
}

#[async_trait]
impl Throttle for StoreThrottle {
    async fn reserve(&self, limits: Vec<Limit>) -> Result<Reservation, ThrottleError> {
        for _ in 0..LOOKS {
            if let Some(retry_after) = self.longest_wait(&limits, |counter| counter.failed).await? {
                return Err(ThrottleError::Throttled { retry_after });
            }
            if self.longest_wait(&limits, |counter| counter.tries).await?.is_none() {
                match self.count(limits.clone()).await {
                    Err(ThrottleError::Store(StoreError::Exceeded { .. })) => {}
                    other => return other,
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        let wait = self.longest_wait(&limits, |counter| counter.tries).await?;
        Err(ThrottleError::Throttled { retry_after: wait.unwrap_or(Duration::from_secs(1)) })
    }

    async fn failed(&self, reservation: Reservation) -> Result<(), ThrottleError> {
        self.settle(reservation, |work, _, counter| work.add(&Counter::FAILED, counter.id, 1, Bound::None)).await
    }

    async fn succeeded(&self, reservation: Reservation) -> Result<(), ThrottleError> {
        self.settle(reservation, |work, limit, counter| {
            if limit.forgiving { work.remove::<Counter>(counter.id) } else { give_back(work, counter) }
        })
        .await
    }

    async fn cancelled(&self, reservation: Reservation) -> Result<(), ThrottleError> {
        self.settle(reservation, |work, _, counter| give_back(work, counter)).await
    }
}
