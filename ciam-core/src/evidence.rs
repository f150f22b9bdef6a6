//! Evidence, not booleans: what was proved, by whom, how, when, and how strongly.
//!
//! A journey opens a [`Ceremony`] for one authenticator; the authenticator examines what the person
//! sent and answers with a [`Claim`]; core turns the claim into [`Evidence`]: never stronger than the
//! authenticator was registered for, good for that ceremony alone. A session is opened from evidence
//! and carries its [`Assurance`]. Evidence has no public constructor and no `Deserialize`, so a path
//! that forgets a factor does not compile.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::id::UserId;
use crate::journeys::JourneyId;

/// How someone was authenticated, in the words of RFC 8176 §2; `mail` is ours, for which it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Amr {
    /// A password.
    Pwd,
    /// A one-time code.
    Otp,
    /// A code to a phone number.
    Sms,
    /// A key in hardware.
    Hwk,
    /// A key in software.
    Swk,
    /// Presence or a biometric, tested by the authenticator.
    User,
    /// A PIN, tested by the authenticator.
    Pin,
    /// A fallback that proves an address: what an email code is.
    Mail,
}

impl Amr {
    /// The value as it stands in `amr`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pwd => "pwd",
            Self::Otp => "otp",
            Self::Sms => "sms",
            Self::Hwk => "hwk",
            Self::Swk => "swk",
            Self::User => "user",
            Self::Pin => "pin",
            Self::Mail => "mail",
        }
    }
}

/// What kind of thing a factor is: two factors of one kind are one factor (NIST SP 800-63B-4 §2.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// Something known.
    Knowledge,
    /// Something possessed.
    Possession,
    /// Something that proves an address and is no factor of its own: a code by email.
    Address,
    /// Something possessed that tests something known or inherent itself: a passkey with user verification.
    PossessionVerified,
}

/// The authenticator assurance levels of NIST SP 800-63B-4 §2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aal {
    /// One factor.
    Aal1,
    /// Two different factors, or one that tests two.
    Aal2,
    /// As AAL2, resistant to phishing, with a key that does not leave its hardware.
    Aal3,
}

impl Aal {
    /// `aal1`, `aal2` or `aal3`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
            Self::Aal3 => "aal3",
        }
    }
}

impl fmt::Display for Aal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A level as a type, for handlers that ask in types: `Assured<Aal2>`.
pub trait Level: fmt::Debug + Send + Sync + 'static {
    /// The level.
    const AAL: Aal;
}

macro_rules! level {
    ($($name:ident)*) => {$(
        #[doc = concat!("[`Aal::", stringify!($name), "`] as a type.")]
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl Level for $name {
            const AAL: Aal = Aal::$name;
        }
    )*};
}

level!(Aal1 Aal2 Aal3);

/// What an authenticator is registered for: no claim of it counts for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strength {
    /// How it authenticates.
    pub amr: &'static [Amr],
    /// What kind of factor it is at most.
    pub factor: Factor,
    /// Whether it resists phishing (its proof is bound to the origin).
    pub phishing_resistant: bool,
}

impl Strength {
    /// A password.
    pub const PASSWORD: Self = Self { amr: &[Amr::Pwd], factor: Factor::Knowledge, phishing_resistant: false };
    /// A code or link to a phone number, where it proves the number and is no factor of its own.
    pub const PHONE: Self = Self { amr: &[Amr::Sms], factor: Factor::Address, phishing_resistant: false };
    /// A code or link to an email address.
    pub const EMAIL: Self = Self { amr: &[Amr::Mail], factor: Factor::Address, phishing_resistant: false };
}

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

/// What an authenticator says of a ceremony that succeeded.
#[derive(Debug, Clone)]
#[must_use]
pub struct Claim {
    factor: Factor,
    phishing_resistant: bool,
}

impl Claim {
    /// All that the authenticator is registered for.
    pub const fn full(strength: Strength) -> Self {
        Self { factor: strength.factor, phishing_resistant: strength.phishing_resistant }
    }

    /// Possession alone: the authenticator did not test its user this time.
    pub const fn possession(phishing_resistant: bool) -> Self {
        Self { factor: Factor::Possession, phishing_resistant }
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
        let Strength { amr, factor, phishing_resistant } = ceremony.strength;
        let factor = match (factor, claim.factor) {
            (Factor::PossessionVerified, Factor::Possession) => Factor::Possession,
            _ => factor,
        };
        let phishing_resistant = phishing_resistant && claim.phishing_resistant;
        let Ceremony { journey, user, authenticator, at, .. } = ceremony;
        let proof = Proof { amr: amr.to_vec(), factor, phishing_resistant, authenticator, at };
        Self { journey, user, proof }
    }

    /// Who proved it.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }
}

/// One proof as a session remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    amr: Vec<Amr>,
    factor: Factor,
    phishing_resistant: bool,
    authenticator: Uuid,
    at: Timestamp,
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
    pub fn amr(&self) -> &[Amr] {
        &self.amr
    }

    /// When.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
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

    /// The level that the proofs reach: AAL2 from knowledge with possession, or from possession that
    /// tests its user. AAL3 is not reached by counting.
    #[must_use]
    pub fn level(&self) -> Aal {
        self.level_since(Timestamp::from_micros(i64::MIN))
    }

    /// The level that the proofs given after a moment reach on their own.
    #[must_use]
    pub fn level_since(&self, since: Timestamp) -> Aal {
        let has = |factor| self.proofs.iter().any(|proof| proof.factor == factor && proof.at > since);
        let two = has(Factor::Knowledge) && has(Factor::Possession);
        if two || has(Factor::PossessionVerified) { Aal::Aal2 } else { Aal::Aal1 }
    }

    /// Every method used, once.
    #[must_use]
    pub fn amr(&self) -> Vec<Amr> {
        let mut amr: Vec<Amr> = self.proofs.iter().flat_map(|proof| proof.amr.iter().copied()).collect();
        amr.sort_unstable();
        amr.dedup();
        amr
    }

    /// When the newest proof was given that is a factor of its own.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.proofs.iter().filter(|proof| proof.factor != Factor::Address).map(|proof| proof.at).max()
    }

    /// Whether the newest proof that is a factor of its own is not older than `max_age`.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp, max_age: Duration) -> bool {
        is_fresh(self.newest(), now, max_age)
    }

    /// The proofs, in the order they were given.
    #[must_use]
    pub fn proofs(&self) -> &[Proof] {
        &self.proofs
    }
}

/// Whether a newest proof, if there is one, is not older than `max_age`: the one rule of what is fresh.
pub(crate) fn is_fresh(newest: Option<Timestamp>, now: Timestamp, max_age: Duration) -> bool {
    newest.is_some_and(|newest| now.since(newest) <= max_age)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RecordId;

    const PASSKEY: Strength =
        Strength { amr: &[Amr::Hwk, Amr::User], factor: Factor::PossessionVerified, phishing_resistant: true };

    fn user(n: u128) -> UserId {
        UserId::from_uuid(uuid::Uuid::from_u128(n))
    }

    fn evidence(of: u128, strength: Strength, claim: &Claim) -> Evidence {
        evidence_of(1, of, strength, claim)
    }

    fn evidence_of(journey: u128, of: u128, strength: Strength, claim: &Claim) -> Evidence {
        let journey = JourneyId::from_uuid(Uuid::from_u128(journey));
        Evidence::mint(Ceremony::open(journey, user(of), Uuid::nil(), Timestamp::EPOCH, strength), claim)
    }

    #[test]
    fn a_claim_never_counts_for_more_than_the_registration() {
        let boast = Claim::full(PASSKEY);
        let password = evidence(1, Strength::PASSWORD, &boast);
        assert!(!password.proof.phishing_resistant);
        assert_eq!(Assurance::of(user(1), &[password]).unwrap().level(), Aal::Aal1);
        let modest = evidence(1, PASSKEY, &Claim::possession(true));
        assert_eq!(Assurance::of(user(1), &[modest]).unwrap().level(), Aal::Aal1);
        let full = evidence(1, PASSKEY, &Claim::full(PASSKEY));
        assert_eq!(Assurance::of(user(1), &[full]).unwrap().level(), Aal::Aal2);
    }

    #[test]
    fn proofs_given_again_and_again_stay_one_for_each_authenticator_and_way() {
        let proof = |at: i64, authenticator: u128, claim: &Claim| {
            let (journey, authenticator) = (JourneyId::from_uuid(Uuid::nil()), Uuid::from_u128(authenticator));
            let at = Timestamp::from_micros(at);
            Evidence::mint(Ceremony::open(journey, user(1), authenticator, at, PASSKEY), claim)
        };
        let full = Claim::full(PASSKEY);
        let mut assurance = Assurance::of(user(1), &[proof(0, 1, &full), proof(0, 2, &full)]).unwrap();
        for at in 1..100 {
            assurance = assurance.with(user(1), &[proof(at, 1, &full)]).unwrap();
        }
        assert_eq!(assurance.proofs().len(), 2);
        assert_eq!(assurance.newest(), Some(Timestamp::from_micros(99)));
        let weaker = assurance.with(user(1), &[proof(100, 1, &Claim::possession(true))]).unwrap();
        assert_eq!(weaker.proofs().len(), 3, "a weaker proof takes the place of no stronger one");
        assert_eq!(weaker.level(), Aal::Aal2);
        let earlier = assurance.with(user(1), &[proof(50, 1, &full)]).unwrap();
        assert_eq!(earlier.newest(), Some(Timestamp::from_micros(99)));
    }

    #[test]
    fn factors_of_one_kind_are_one_factor_and_an_address_is_none() {
        let password = evidence(1, Strength::PASSWORD, &Claim::full(Strength::PASSWORD));
        let mail = evidence(1, Strength::EMAIL, &Claim::full(Strength::EMAIL));
        let key = evidence(1, PASSKEY, &Claim::possession(true));
        let level = |proofs: &[Evidence]| Assurance::of(user(1), proofs).map(|assurance| assurance.level());
        assert_eq!(level(&[password.clone(), password.clone()]), Ok(Aal::Aal1));
        assert_eq!(level(&[password.clone(), mail.clone()]), Ok(Aal::Aal1));
        assert_eq!(level(&[password.clone(), key.clone()]), Ok(Aal::Aal2));
        assert_eq!(level(&[mail]), Err(Insufficient));
        assert_eq!(level(&[]), Err(Insufficient));
        assert_eq!(Assurance::of(user(2), &[password.clone(), key]), Err(Insufficient));
        let elsewhere = evidence_of(2, 1, PASSKEY, &Claim::full(PASSKEY));
        assert_eq!(level(&[password, elsewhere]), Err(Insufficient), "from two journeys");
    }
}
