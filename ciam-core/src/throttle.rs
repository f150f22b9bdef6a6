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
    pub address_failures: Rate,
    /// Messages of a journey to one address (default 5 in an hour).
    pub messages: Rate,
}

impl Default for ThrottleLimits {
    fn default() -> Self {
        Self {
            account_failures: Rate::new(5, Duration::from_mins(5)),
            address_failures: Rate::new(10, Duration::from_mins(1)),
            messages: Rate::new(5, Duration::from_hours(1)),
        }
    }
}

impl Limit {
    /// A limit on what `key` identifies; `name` tells apart what is counted.
    #[must_use]
    pub fn new(name: &'static str, key: &[&[u8]], rate: Rate) -> Self {
        Self { name, key: Digest::of_all(key), rate }
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

    fn counter(&self, store: &Store, now: Timestamp) -> Counter {
        let realm = store.realm().to_string();
        let id = Digest::of_all(&[realm.as_bytes(), self.name.as_bytes(), self.key.bytes()]).id();
        Counter { id, what: self.name.to_owned(), count: 0, until: now + self.rate.window }
    }

    /// Counts one in the caller's unit: its commit is refused with [`StoreError::Exceeded`] past the limit.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] only.
    pub(crate) fn count_in(&self, store: &Store, work: &Work) -> Result<(), StoreError> {
        let first = self.counter(store, work.now());
        work.add_or_insert(&Counter::COUNT, &first, 1, Bound::AtMost(i64::from(self.rate.most)))
    }

    /// How long until the window ends; none when there is room.
    pub(crate) async fn wait(&self, store: &Store) -> Result<Option<Duration>, StoreError> {
        let now = store.clock().now();
        let counter = store.get::<Counter>(self.counter(store, now).id).await?;
        let full = counter.filter(|counter| counter.count >= i64::from(self.rate.most));
        Ok(full.map(|counter| counter.until.since(now)))
    }
}

/// How many tries there were in a window that is still open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    id: CounterId,
    what: String,
    count: i64,
    until: Timestamp,
}

impl Record for Counter {
    type Id = CounterId;
    const COLLECTION: Collection<Self> = Collection::new("counters").live(&Counter::COUNT).expires(|c| c.until);

    fn id(&self) -> CounterId {
        self.id
    }
}

impl Counter {
    /// The tries so far.
    pub const COUNT: Tally<Counter> = Tally::new("tries", |counter| &mut counter.count);
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
/// tries cannot pass between counting and checking. When counters cannot be reached the engine
/// refuses the try.
#[async_trait]
pub trait Throttle: fmt::Debug + Send + Sync + 'static {
    /// Reserves one try under every limit.
    ///
    /// # Errors
    /// [`ThrottleError::Throttled`] when one of them is reached: then nothing was counted.
    async fn reserve(&self, limits: &[Limit]) -> Result<(), ThrottleError>;

    /// Gives one reserved try back: it was no failure.
    ///
    /// # Errors
    /// [`ThrottleError::Store`]: it stays counted.
    async fn give_back(&self, limit: &Limit) -> Result<(), ThrottleError>;

    /// Forgets all tries under a limit.
    ///
    /// # Errors
    /// [`ThrottleError::Store`]: they stay counted.
    async fn reset(&self, limit: &Limit) -> Result<(), ThrottleError>;
}

/// The throttle whose counters are records of the store.
#[derive(Debug, Clone)]
pub struct StoreThrottle {
    store: Store,
}

impl StoreThrottle {
    /// A throttle over this store.
    #[must_use]
    pub const fn new(store: Store) -> Self {
        Self { store }
    }

    async fn longest_wait(&self, limits: &[Limit]) -> Result<Option<Duration>, StoreError> {
        let mut longest = None;
        for limit in limits {
            longest = longest.max(limit.wait(&self.store).await?);
        }
        Ok(longest)
    }
}

#[async_trait]
impl Throttle for StoreThrottle {
    async fn reserve(&self, limits: &[Limit]) -> Result<(), ThrottleError> {
        if let Some(retry_after) = self.longest_wait(limits).await? {
            return Err(ThrottleError::Throttled { retry_after });
        }
        let reserved = self
            .store
            .transact(|work| async move {
                limits.iter().try_for_each(|limit| limit.count_in(&self.store, &work))?;
                Ok::<_, StoreError>(())
            })
            .await;
        match reserved {
            Err(StoreError::Exceeded { .. }) => {
                let retry_after = self.longest_wait(limits).await?.unwrap_or(Duration::from_secs(1));
                Err(ThrottleError::Throttled { retry_after })
            }
            other => Ok(other?),
        }
    }

    async fn give_back(&self, limit: &Limit) -> Result<(), ThrottleError> {
        let given = self
            .store
            .transact(|work| async move {
                let id = limit.counter(&self.store, work.now()).id;
                if work.peek::<Counter>(id).await?.is_some() {
                    work.add(&Counter::COUNT, id, -1, Bound::AtLeast(0))?;
                }
                Ok::<_, StoreError>(())
            })
            .await;
        match given {
            Err(StoreError::Exceeded { .. }) => Ok(()),
            other => Ok(other?),
        }
    }

    async fn reset(&self, limit: &Limit) -> Result<(), ThrottleError> {
        self.store
            .transact(|work| async move {
                let id = limit.counter(&self.store, work.now()).id;
                work.take::<Counter>(id).await?;
                Ok(())
            })
            .await
    }
}
