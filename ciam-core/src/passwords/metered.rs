//! A hasher whose work is counted and timed, whichever it is.

use std::sync::Arc;

use async_trait::async_trait;

use super::{HashError, Password, PasswordHash, PasswordHasher, Verdict};
use crate::metrics::Hashing;

/// Hands everything on and notes how long it took, waiting included.
#[derive(Debug)]
pub(crate) struct Metered(pub(crate) Arc<dyn PasswordHasher>);

#[async_trait]
impl PasswordHasher for Metered {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let hashing = Hashing::begin("hash");
        let hashed = self.0.hash(password).await;
        hashing.end(&hashed);
        hashed
    }

    async fn rehash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let hashing = Hashing::begin("rehash");
        let hashed = self.0.rehash(password).await;
        hashing.end(&hashed);
        hashed
    }

    async fn verify(&self, password: &Password, against: Option<&PasswordHash>) -> Result<Verdict, HashError> {
        let hashing = Hashing::begin("verify");
        let verified = self.0.verify(password, against).await;
        hashing.end(&verified);
        verified
    }

    fn can_check(&self, hash: &PasswordHash) -> bool {
        self.0.can_check(hash)
    }

    fn is_running(&self) -> bool {
        self.0.is_running()
    }
}
