//! What the proofs of a session are worth together.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Evidence;
use super::strength::{Aal, Amr, AmrSet, Factor};
use crate::clock::Timestamp;
use crate::id::UserId;

/// One proof as a session remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub(super) amr: AmrSet,
    pub(super) factor: Factor,
    pub(super) phishing_resistant: bool,
    #[serde(default)]
    pub(super) hardware: bool,
    pub(super) authenticator: Uuid,
    pub(super) at: Timestamp,
}

impl Proof {
    /// Whether a proof says all that this one says, and later: with the same authenticator in the same way.
    fn is_renewed_by(&self, later: &Self) -> bool {
        Self { at: later.at, ..self.clone() } == *later && self.at <= later.at
    }

    /// With which authenticator: the id of its record (a password's is its user's, an address's the challenge's).
    #[must_use]
    pub const fn authenticator(&self) -> Uuid {
        self.authenticator
    }

    /// Whether it was bound to the origin, so that a copy of the page could not have asked for it.
    #[must_use]
    pub const fn is_phishing_resistant(&self) -> bool {
        self.phishing_resistant
    }

    /// How.
    #[must_use]
    pub const fn amr(&self) -> AmrSet {
        self.amr
    }

    /// When.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }
}

/// What proofs reach together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The level.
    pub aal: Aal,
    /// Whether a copy of the page could not have asked for what makes the level.
    pub phishing_resistant: bool,
}

impl Reached {
    /// Every `acr` of OpenID Connect that is met, the strongest first: `phrh` and `phr` of the EAP profile (resistant to
    /// phishing, with a key in hardware and without), then `urn:ciam:aal3`, `urn:ciam:aal2`, `urn:ciam:aal1`.
    #[must_use]
    pub fn acr(self) -> Vec<&'static str> {
        let eap = [("phrh", self.phishing_resistant && self.aal == Aal::Aal3), ("phr", self.phishing_resistant)];
        let levels = [("urn:ciam:aal3", Aal::Aal3), ("urn:ciam:aal2", Aal::Aal2), ("urn:ciam:aal1", Aal::Aal1)];
        let levels = levels.into_iter().map(|(acr, aal)| (acr, self.aal >= aal));
        eap.into_iter().chain(levels).filter(|(_, is_met)| *is_met).map(|(acr, _)| acr).collect()
    }
}

/// What a session is worth: the proofs that it was opened from and those added since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Assurance {
    proofs: Vec<Proof>,
}

/// No set of evidence opens a session that is not of one user and one journey, or holds no real factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the evidence does not open a session")]
pub struct Insufficient;

impl Assurance {
    /// The assurance of evidence that is all about `user` and from one journey.
    ///
    /// # Errors
    /// [`Insufficient`] when there is none, or some is about somebody else or from another journey, or all of
    /// it merely proves an address.
    pub fn of(user: UserId, evidence: &[Evidence]) -> Result<Self, Insufficient> {
        let factor = evidence.iter().any(|evidence| evidence.proof.factor != Factor::Address);
        if !factor {
            return Err(Insufficient);
        }
        Self { proofs: Vec::new() }.with(user, evidence)
    }

    /// This assurance of `user` with more evidence, about the same user and from one journey.
    pub(crate) fn with(&self, user: UserId, evidence: &[Evidence]) -> Result<Self, Insufficient> {
        let journey = evidence.first().map(|evidence| evidence.journey);
        let about_one = evidence.iter().all(|evidence| evidence.user == user && Some(evidence.journey) == journey);
        if !about_one {
            return Err(Insufficient);
        }
        let mut proofs = self.proofs.clone();
        for Evidence { proof, .. } in evidence {
            // Somebody who proves themselves every quarter of an hour for a month leaves one proof, not thousands.
            proofs.retain(|earlier| !earlier.is_renewed_by(proof));
            proofs.push(proof.clone());
        }
        Ok(Self { proofs })
    }

    /// What all proofs reach together, whenever they were given.
    #[must_use]
    pub fn reached(&self) -> Reached {
        self.reached_since(Timestamp::from_micros(i64::MIN))
    }

    /// What the proofs given after a moment reach on their own. AAL2 is knowledge with possession, or possession that tests
    /// its user; AAL3 is the same with a possession that resists phishing and whose key cannot leave its hardware (NIST SP
    /// 800-63B-4 §2.2.1 and §2.3.1).
    #[must_use]
    pub fn reached_since(&self, since: Timestamp) -> Reached {
        let of = |factor| self.proofs.iter().filter(move |proof| proof.factor == factor && proof.at > since);
        let is_known = of(Factor::Knowledge).next().is_some();
        // What makes the level has to resist: a key that does lends nothing to a passkey that does not.
        let verified = of(Factor::PossessionVerified);
        let with_knowledge = of(Factor::Possession).filter(|_| is_known);
        let makes_two: Vec<&Proof> = verified.chain(with_knowledge).collect();
        if makes_two.is_empty() {
            let phishing_resistant = of(Factor::Possession).any(Proof::is_phishing_resistant);
            return Reached { aal: Aal::Aal1, phishing_resistant };
        }
        let phishing_resistant = makes_two.iter().any(|proof| proof.phishing_resistant);
        let is_hard = makes_two.iter().any(|proof| proof.phishing_resistant && proof.hardware);
        Reached { aal: if is_hard { Aal::Aal3 } else { Aal::Aal2 }, phishing_resistant }
    }

    /// Every method used, once, and `mfa` where they are of more than one kind (RFC 8176 §2).
    #[must_use]
    pub fn amr(&self) -> Vec<Amr> {
        let several = (self.reached().aal > Aal::Aal1).then_some(Amr::Mfa);
        let mut amr: Vec<Amr> = self.proofs.iter().flat_map(|proof| proof.amr.iter()).chain(several).collect();
        amr.sort_unstable();
        amr.dedup();
        amr
    }

    /// What the proofs of one kind are worth; nothing where there are none.
    pub(crate) fn only(&self, factor: Factor) -> Option<Self> {
        let proofs: Vec<Proof> = self.proofs.iter().filter(|proof| proof.factor == factor).cloned().collect();
        (!proofs.is_empty()).then_some(Self { proofs })
    }

    /// Whether a proof was given after a moment that is a factor of its own.
    pub(super) fn has_any_since(&self, since: Timestamp) -> bool {
        self.newest().is_some_and(|newest| newest > since)
    }

    /// When the newest proof was given that is a factor of its own.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.proofs.iter().filter(|proof| proof.factor != Factor::Address).map(|proof| proof.at).max()
    }

    /// Whether the newest proof that is a factor of its own is not older than `max_age`.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp, max_age: Duration) -> bool {
        self.newest().is_some_and(|newest| now.since(newest) <= max_age)
    }

    /// The proofs, in the order they were given.
    #[must_use]
    pub fn proofs(&self) -> &[Proof] {
        &self.proofs
    }
}
