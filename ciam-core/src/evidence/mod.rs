//! Evidence, not booleans: what was proved, by whom, how, when, and how strongly.
//!
//! A journey opens a [`Ceremony`] for one authenticator; the authenticator examines what the person
//! sent and answers with a [`Claim`]; core turns the claim into [`Evidence`]: never stronger than the
//! authenticator was registered for, good for that ceremony alone. A session is opened from evidence
//! and carries its [`Assurance`]. Evidence has no public constructor and no `Deserialize`, so a path
//! that forgets a factor does not compile.

mod assurance;
mod need;
mod strength;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::id::UserId;
use crate::journeys::JourneyId;

pub use assurance::{Assurance, Insufficient, Proof, Reached};
pub use need::Need;
pub use strength::{Aal, Aal1, Aal2, Aal3, Amr, AmrSet, Factor, Level, Strength};

/// One examination of one authenticator, opened by core for one journey.
///
/// It says who is examined, for which journey, with which authenticator, and what that counts for at most.
#[derive(Debug)]
pub struct Ceremony {
    journey: JourneyId,
    user: UserId,
    authenticator: Uuid,
    at: Timestamp,
    strength: Strength,
}

impl Ceremony {
    pub(crate) const fn open(
        journey: JourneyId,
        user: UserId,
        authenticator: Uuid,
        at: Timestamp,
        strength: Strength,
    ) -> Self {
        Self { journey, user, authenticator, at, strength }
    }

    /// For which journey.
    #[must_use]
    pub const fn journey(&self) -> JourneyId {
        self.journey
    }

    /// Who is examined.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// When the ceremony was opened.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }
}

/// What an authenticator says of a ceremony that succeeded. Anybody can make one; it is worth nothing alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct Claim {
    factor: Factor,
    phishing_resistant: bool,
    hardware: bool,
}

impl Claim {
    /// All that the authenticator is registered for.
    pub const fn full(strength: Strength) -> Self {
        let Strength { factor, phishing_resistant, hardware, .. } = strength;
        Self { factor, phishing_resistant, hardware }
    }

    pub(crate) const fn factor(&self) -> Factor {
        self.factor
    }

    /// Possession alone: the authenticator did not test its user this time.
    pub const fn possession(phishing_resistant: bool) -> Self {
        Self { factor: Factor::Possession, phishing_resistant, hardware: true }
    }
}

/// Shows that `user` proved something. Only core mints it: it cannot be built, and not be read back
/// from a document.
///
/// ```compile_fail,E0451
/// use ciam_core::evidence::Evidence;
/// fn forge(user: ciam_core::UserId, proof: ciam_core::evidence::Proof) -> Evidence {
///     Evidence { user, proof }
/// }
/// ```
///
/// ```compile_fail,E0277
/// fn read(document: &str) -> ciam_core::evidence::Evidence {
///     serde_json::from_str(document).unwrap()
/// }
/// ```
///
/// ```compile_fail,E0624
/// use ciam_core::evidence::{Ceremony, Strength};
/// # use ciam_core::{UserId, clock::Timestamp, journeys::JourneyId, uuid::Uuid};
/// fn open(journey: JourneyId, user: UserId, key: Uuid, at: Timestamp) -> Ceremony {
///     Ceremony::open(journey, user, key, at, Strength::PASSWORD)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "evidence counts for nothing until a session is opened from it"]
pub struct Evidence {
    journey: JourneyId,
    user: UserId,
    proof: Proof,
}

impl Evidence {
    /// Evidence from a claim on a ceremony, never stronger than the authenticator's registration.
    pub(crate) fn mint(ceremony: Ceremony, claim: &Claim) -> Self {
        let Strength { amr, factor, phishing_resistant, hardware } = ceremony.strength;
        let factor = match (factor, claim.factor) {
            (Factor::PossessionVerified, Factor::Possession) => Factor::Possession,
            _ => factor,
        };
        let phishing_resistant = phishing_resistant && claim.phishing_resistant;
        let hardware = hardware && claim.hardware;
        let Ceremony { journey, user, authenticator, at, .. } = ceremony;
        let proof = Proof { amr, factor, phishing_resistant, hardware, authenticator, at };
        Self { journey, user, proof }
    }

    /// Who proved it.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }
}

#[cfg(test)]
mod tests;
