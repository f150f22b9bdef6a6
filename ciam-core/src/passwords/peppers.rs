//! The secret that is mixed into every hash and is not in the database.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::secret::Secret;
use crate::vault::{KeyVault, VaultError};

/// A pepper: 32 bytes that the database does not hold.
pub(super) type Pepper = Arc<Secret<[u8; 32]>>;

/// How many versions are remembered; more than that are fetched each time.
const REMEMBERED: usize = 32;

/// Why hashes cannot have the pepper that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PepperError {
    /// The vault has no pepper of this version.
    #[error("the key vault has no pepper of version {0}: give it one, or ask for a version that it has")]
    Missing(u32),
    /// The vault does not answer.
    #[error("the key vault with the pepper is unavailable")]
    Unavailable,
    /// Hashes cannot say which pepper they have.
    #[error("hashes of these parameters cannot name their pepper")]
    Unnamed,
}

/// The peppers that were needed so far, and the vault that has them.
#[derive(Default)]
pub(super) struct Peppers {
    vault: Option<Arc<dyn KeyVault>>,
    /// That of new hashes.
    current: Option<(u32, Pepper)>,
    known: Mutex<HashMap<u32, Pepper>>,
}

impl Peppers {
    /// The peppers of a vault; new hashes get that of version `current`, or none.
    pub(super) async fn of(vault: Arc<dyn KeyVault>, current: Option<u32>) -> Result<Self, PepperError> {
        let mut peppers = Self { vault: Some(vault), ..Self::default() };
        if let Some(version) = current {
            let pepper = peppers.find(version).await.map_err(|_| PepperError::Unavailable)?;
            peppers.current = Some((version, pepper.ok_or(PepperError::Missing(version))?));
        }
        Ok(peppers)
    }

    /// The pepper of new hashes.
    pub(super) fn current(&self) -> Option<Pepper> {
        self.current.as_ref().map(|(_, pepper)| Arc::clone(pepper))
    }

    /// The version of new hashes.
    pub(super) fn version(&self) -> Option<u32> {
        self.current.as_ref().map(|(version, _)| *version)
    }

    /// The pepper of a version, if the vault has it.
    pub(super) async fn find(&self, version: u32) -> Result<Option<Pepper>, VaultError> {
        let Some(vault) = &self.vault else { return Ok(None) };
        if let Some(known) = self.known().get(&version) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(found) = vault.pepper(version).await?.map(Arc::new) else { return Ok(None) };
        let mut known = self.known();
        if known.len() < REMEMBERED {
            known.insert(version, Arc::clone(&found));
        }
        Ok(Some(found))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<u32, Pepper>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Peppers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peppers").field("current", &self.version()).finish_non_exhaustive()
    }
}
