//! The port that hashes and checks passwords.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Password;

/// A password's hash in the PHC string format, with its algorithm, parameters and salt.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// A hash from its PHC string, for hashers and imports. Whether it can be checked shows when it is.
    #[must_use]
    pub const fn from_phc(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string: worth an offline attack, so it goes into the store and nowhere else.
    #[must_use]
    pub fn expose_phc(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the password is the one.
    pub matches: bool,
    /// Whether it should be hashed anew: it matches, and its hash is weaker than new ones are.
    pub outdated: bool,
}

/// Why a password was neither hashed nor checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// The queue is full: try again after this time. Nothing was computed.
    #[error("too many passwords are waiting to be hashed")]
    Overloaded {
        /// When the queue is likely to have room.
        retry_after: Duration,
    },
    /// The hasher has stopped.
    #[error("the password hasher has stopped")]
    Stopped,
    /// The pepper that the hash needs could not be fetched. Nothing was computed: it is not a wrong password.
    #[error("the key vault with the pepper is unavailable")]
    VaultUnavailable,
}

/// Hashes and checks passwords, slowly and elsewhere than on the threads that serve requests.
///
/// When it is overloaded it says so at once; the engine passes "retry after" on and changes nothing. New passwords
/// and checks should not share one queue: a flood of sign-ups would lock out the people who have an account.
///
/// A host's own, here around another one, which it asks for everything while it counts:
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
/// use ciam_core::passwords::{HashError, Password, PasswordHash, PasswordHasher, Verdict};
///
/// #[derive(Debug)]
/// struct Counted { inner: Arc<dyn PasswordHasher>, checks: AtomicU64 }
///
/// #[async_trait::async_trait]
/// impl PasswordHasher for Counted {
///     async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
///         self.inner.hash(password).await // one from scratch reads `password.expose()`
///     }
///     async fn verify(&self, password: &Password, against: Option<&PasswordHash>) -> Result<Verdict, HashError> {
///         self.checks.fetch_add(1, Ordering::Relaxed);
///         self.inner.verify(password, against).await
///     }
/// }
/// ```
#[async_trait]
pub trait PasswordHasher: fmt::Debug + Send + Sync + 'static {
    /// Hashes a password with a fresh salt.
    ///
    /// # Errors
    /// [`HashError`].
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError>;

    /// Hashes a password that has just been checked and whose hash is outdated, with a fresh salt. Somebody waits
    /// for their sign-in meanwhile, so a hasher with several queues takes that of the checks. When it fails, the
    /// engine keeps the old hash and lets the person in.
    ///
    /// # Errors
    /// [`HashError`].
    async fn rehash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.hash(password).await
    }

    /// Checks a password against a hash, or, when there is none, does the same work for nothing:
    /// so that time does not tell whether an account exists.
    ///
    /// A hash that cannot be read, asks for more work than the hasher allows, or names a pepper that there is not,
    /// matches no password.
    ///
    /// # Errors
    /// [`HashError`].
    async fn verify(&self, password: &Password, against: Option<&PasswordHash>) -> Result<Verdict, HashError>;

    /// Whether a hash from elsewhere can be checked at all, as far as it shows in the hash: for imports (default: yes).
    fn can_check(&self, _hash: &PasswordHash) -> bool {
        true
    }

    /// Whether it can work at all, overloaded or not: for a readiness probe, which is asked often.
    fn is_running(&self) -> bool {
        true
    }
}
