//! What may be had in a burst and then one at a time, such as messages to one address.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::limits::Burst;
use crate::clock::Timestamp;
use crate::id::UserId;
use crate::secret::Digest;
use crate::store::{Collection, Record, Store, StoreError, Work};

crate::id!(BucketId, "bkt", "What is left of a burst; made from what it is about.");

/// So many at once, then one at a time.
#[derive(Debug, Clone)]
pub(crate) struct Allowance {
    pub(super) name: &'static str,
    pub(super) key: Digest,
    pub(super) burst: Burst,
    /// Whose history a refusal is in.
    pub(super) subject: Option<UserId>,
    pub(super) monitored: bool,
}

/// A bucket that is not full. One that is full is no record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    id: BucketId,
    /// When it will be full again; every one that is taken moves this on.
    full_at: Timestamp,
}

impl Record for Bucket {
    type Id = BucketId;
    const COLLECTION: Collection<Self> = Collection::new("buckets").expires(|bucket| bucket.full_at);

    fn id(&self) -> BucketId {
        self.id
    }
}

impl Allowance {
    fn id(&self, store: &Store) -> BucketId {
        let realm = store.realm().to_string();
        Digest::of_all(&[realm.as_bytes(), self.name.as_bytes(), self.key.bytes()]).id()
    }

    fn wait(&self, bucket: Option<&Bucket>, now: Timestamp) -> Option<Duration> {
        let spare = self.burst.every.saturating_mul(self.burst.most.saturating_sub(1));
        let wait = (bucket?.full_at - spare).since(now);
        (!wait.is_zero()).then_some(wait)
    }

    /// How long until there is one; none when there is.
    pub(super) async fn look(&self, store: &Store) -> Result<Option<Duration>, StoreError> {
        let bucket = store.get::<Bucket>(self.id(store)).await?;
        Ok(self.wait(bucket.as_ref(), store.clock().now()))
    }

    /// Takes one in the caller's unit, or says how long until there is one. Of many units that take at the same
    /// time each sees what the others took: the bucket is read, guarded and replaced.
    pub(super) async fn take_in(&self, store: &Store, work: &Work) -> Result<Option<Duration>, StoreError> {
        let (id, now) = (self.id(store), work.now());
        let bucket = work.get::<Bucket>(id).await?;
        let wait = self.wait(bucket.as_ref(), now);
        if wait.is_some() && !self.monitored {
            return Ok(wait);
        }
        let full_at = bucket.as_ref().map_or(now, |bucket| bucket.full_at.max(now)) + self.burst.every;
        let taken = Bucket { id, full_at };
        if bucket.is_some() {
            work.replace(&taken)?
        } else {
            work.insert(&taken)?
        }
        Ok(wait)
    }
}
