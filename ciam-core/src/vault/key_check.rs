//! Whether the key that the engine was given is the one that its database was begun with.

use serde::{Deserialize, Serialize};

use super::{KeyVault, VaultError};
use crate::clock::Timestamp;
use crate::events::{Cause, NewEvent};
use crate::id::RecordId as _;
use crate::secret::Digest;
use crate::store::{Collection, Record, Store, StoreError};

crate::id!(KeyCheckId, "kck", "What shows whether a key opens what a database holds; one for each realm.");

const CONTEXT: &str = "key check";
const PLAIN: &[u8] = b"the key that opens this opens what the database holds";

/// A sealed word, written at the first start.
///
/// An engine with another key would find every code, link and message that waits to be forged, and drop it; so it
/// is not built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyCheck {
    id: KeyCheckId,
    sealed: String,
    /// Since when this key is the one.
    made: Timestamp,
}

impl Record for KeyCheck {
    type Id = KeyCheckId;
    const COLLECTION: Collection<Self> = Collection::new("key_checks");

    fn id(&self) -> KeyCheckId {
        self.id
    }
}

/// What a key is to a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyState {
    /// It opens what the database holds.
    Opens {
        /// Since when it is the key of this database.
        since: Timestamp,
    },
    /// The database was never started with a key.
    New,
    /// It is not the key of this database.
    Other,
}

/// Why it is not known what a key is to a database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyCheckError {
    /// The store does not answer.
    #[error("the key's record cannot be read or kept")]
    Store(#[from] StoreError),
    /// The vault does not answer.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl KeyCheck {
    /// Each realm has its own.
    fn id_in(store: &Store) -> KeyCheckId {
        Digest::of_all(&[b"key check", store.realm().uuid().as_bytes()]).id()
    }

    /// What this vault's key is to the store's realm. Changes nothing.
    ///
    /// # Errors
    /// [`KeyCheckError`].
    pub async fn state(store: &Store, vault: &dyn KeyVault) -> Result<KeyState, KeyCheckError> {
        let Some(check) = store.get::<Self>(Self::id_in(store)).await? else { return Ok(KeyState::New) };
        match vault.open(CONTEXT, &check.sealed).await {
            Ok(plain) if plain.expose() == PLAIN => Ok(KeyState::Opens { since: check.made }),
            Ok(_) | Err(VaultError::Forged) => Ok(KeyState::Other),
            Err(error @ VaultError::Unavailable) => Err(error.into()),
        }
    }

    /// Makes this vault's key the one of the store's realm, if there is none yet, or whatever there is.
    pub(crate) async fn keep(store: &Store, vault: &dyn KeyVault, instead: bool) -> Result<(), KeyCheckError> {
        let sealed = &vault.seal(CONTEXT, PLAIN).await?;
        store
            .transact(|work| async move {
                let found = work.get::<Self>(Self::id_in(store)).await?;
                let check = Self { id: Self::id_in(store), sealed: sealed.clone(), made: work.now() };
                match found {
                    None => work.insert(&check)?,
                    Some(_) if instead => {
                        work.replace(&check)?;
                        work.record(NewEvent::new("key.adopted", &Cause::system()))?;
                    }
                    Some(_) => {}
                }
                Ok::<_, StoreError>(())
            })
            .await?;
        Ok(())
    }
}
