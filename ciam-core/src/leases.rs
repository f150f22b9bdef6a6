//! Work that one node at a time does, of as many as there are.
//!
//! A lease is a record that expires: whoever finds none takes it, whoever has it renews it, and the others leave the
//! work alone. A node that dies leaves it to whoever comes after its end.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::followers::LeaseId;
use crate::id::RecordId as _;
use crate::secret::Digest;
use crate::store::{Collection, Record, Store, StoreError};

/// That somebody does some work, and until when nobody else need.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Lease {
    id: LeaseId,
    /// What for.
    work: String,
    holder: Uuid,
    until: Timestamp,
}

impl Record for Lease {
    type Id = LeaseId;
    const COLLECTION: Collection<Self> = Collection::new("leases").expires(|lease| lease.until);

    fn id(&self) -> LeaseId {
        self.id
    }
}

/// One who may hold leases: an engine.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    store: Store,
    name: Uuid,
}

impl Holder {
    pub(crate) fn new(store: Store) -> Self {
        let name = store.entropy().uuid(store.clock().now());
        Self { store, name }
    }

    /// Takes the lease for some work, or renews it; says whether it is this holder's.
    ///
    /// # Errors
    /// [`StoreError`]: nobody knows, so leave the work alone.
    pub(crate) async fn hold(&self, work_name: &str, life: Duration) -> Result<bool, StoreError> {
        let (id, holder) = (self.id(work_name), self.name);
        self.store
            .transact(|work| async move {
                let lease = Lease { id, work: work_name.to_owned(), holder, until: work.now() + life };
                match work.get::<Lease>(id).await? {
                    None => work.insert(&lease)?,
                    Some(held) if held.holder == holder => work.replace(&lease)?,
                    Some(_) => return Ok(false),
                }
                Ok(true)
            })
            .await
    }

    /// Lets others begin at once.
    ///
    /// # Errors
    /// [`StoreError`]: they begin when the lease has ended.
    pub(crate) async fn release(&self, work_name: &str) -> Result<(), StoreError> {
        let (id, holder) = (self.id(work_name), self.name);
        self.store
            .transact(|work| async move {
                if work.get::<Lease>(id).await?.is_some_and(|held| held.holder == holder) {
                    work.remove::<Lease>(id)?;
                }
                Ok(())
            })
            .await
    }

    fn id(&self, work_name: &str) -> LeaseId {
        Digest::of_all(&[b"lease", self.store.realm().uuid().as_bytes(), work_name.as_bytes()]).id()
    }
}
