//! Passwords: what may be one, how it is kept, how it is checked.

mod arena;
pub(crate) mod change;
mod hasher;
mod judges;
pub(crate) mod metered;
mod options;
mod peppers;
mod pool;
mod queue;
mod rules;
mod stored;
mod tuning;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

pub use change::{PasswordError, Passwords};
pub use hasher::{HashError, PasswordHash, PasswordHasher, Verdict};
pub(crate) use judges::Judges;
pub use options::{Argon2Options, Argon2Parameters, InvalidArgon2Options};
pub use peppers::PepperError;
pub use pool::Argon2Pool;
pub(crate) use rules::warm_up;
pub use rules::{PasswordProblem, PasswordRules};
pub use tuning::{Tuned, Tuning, tune};

use crate::clock::Timestamp;
use crate::id::UserId;
use crate::secret::Secret;
use crate::store::{Collection, Record};

/// The most code points of a password.
pub const MAX_CODE_POINTS: usize = 256;
/// The most bytes of a password.
pub const MAX_BYTES: usize = 1024;

/// A password as somebody typed it, in NFC, and not longer than anything we hash.
///
/// NFC is the only transformation (NIST SP 800-63B-4 §3.1.1.2): the same letters typed on two
/// keyboards are the same password.
#[derive(Debug, Clone)]
pub struct Password(Secret<String>);

impl Password {
    /// Takes a password that may be tried against a hash.
    ///
    /// # Errors
    /// [`PasswordProblem::TooLong`] past [`MAX_CODE_POINTS`] or [`MAX_BYTES`], before any work on it.
    pub fn parse(typed: &Secret<String>) -> Result<Self, PasswordProblem> {
        let typed = typed.expose();
        if typed.len() > MAX_BYTES {
            return Err(PasswordProblem::TooLong);
        }
        let password = Secret::new(typed.nfc().collect::<String>());
        if password.expose().len() > MAX_BYTES || password.expose().chars().nth(MAX_CODE_POINTS).is_some() {
            return Err(PasswordProblem::TooLong);
        }
        Ok(Self(password))
    }

    /// The password, for a hasher; every other use of this method is a place to look at in a review.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// The password credential of a user; its id is the user's, so that there is one at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordCredential {
    /// The user.
    pub id: UserId,
    /// The hash.
    pub hash: PasswordHash,
    /// When the password was set; a rehash does not change it.
    pub set: Timestamp,
}

impl PasswordCredential {
    /// Whether this is still the password of `checked`, which somebody has just been found to know: its very hash, or,
    /// when that was outdated, one that a parallel sign-in has made of the same password.
    pub(crate) fn is_still(&self, checked: &Self, outdated: bool) -> bool {
        self.hash == checked.hash || (outdated && self.set == checked.set)
    }
}

impl Record for PasswordCredential {
    type Id = UserId;
    const COLLECTION: Collection<Self> = Collection::new("passwords");

    fn id(&self) -> UserId {
        self.id
    }
}
