//! What was proved in a journey, until a session is opened from it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::prompt::JourneyKind;
use super::state::JourneyId;
use crate::authenticators::AuthenticatorId;
use crate::challenges::ChallengeId;
use crate::clock::Timestamp;
use crate::evidence::{Aal, Assurance, Ceremony, Claim, Evidence, Factor, Need, Strength};
use crate::id::{RecordId as _, UserId};
use crate::identifiers::IdentifierKind;
use crate::users::{Standing, UserStatus};

/// The proofs that wait in their journey for the session to be opened from them.
///
/// They stand for evidence; they are not evidence, which has no way back from a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proved {
    pub(crate) user: UserId,
    /// What ends them: what was revoked since opens nothing.
    pub(crate) until: Until,
    /// In the order in which they were given.
    pub(crate) proofs: Vec<Noted>,
    /// Whether the latest was given on another device, so that the journey's own must be asked to go on.
    pub(crate) elsewhere: bool,
}

/// One proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Noted {
    /// The id of the record that it was given with: a password's is its user's, an address's the challenge's.
    pub(crate) authenticator: Uuid,
    /// What it counts for at most.
    pub(crate) strength: Strength,
    pub(crate) claim: Claim,
    pub(crate) at: Timestamp,
}

/// The revocation of its account that ends a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Until {
    /// Waits to open a session: ends when all sessions of this epoch do.
    Epoch(u64),
    /// Waits for the new password: ends when the account's recoveries are revoked, which were so often before.
    Recoveries(u64),
}

impl Until {
    /// Whether nothing was revoked since.
    pub(crate) const fn holds(self, standing: &Standing) -> bool {
        match self {
            Self::Epoch(epoch) => epoch == standing.epoch,
            Self::Recoveries(recoveries) => recoveries == standing.recoveries,
        }
    }
}

impl Proved {
    /// This proof of the user's, given here.
    pub(crate) fn by(user: UserId, until: Until, proof: Noted) -> Self {
        Self { user, until, proofs: vec![proof], elsewhere: false }
    }

    /// Whether the proofs still open the account: it may be used, and they were not revoked since.
    pub(crate) fn still_opens(&self, standing: &Standing) -> bool {
        standing.id == self.user && self.until.holds(standing) && standing.status == UserStatus::Active
    }

    /// Whether a password is among them.
    pub(crate) fn has_password(&self) -> bool {
        self.proofs.iter().any(|proof| proof.strength.factor == Factor::Knowledge)
    }

    /// Whether something is among them that is possessed.
    fn has_possession(&self) -> bool {
        let is_possessed = |noted: &Noted| match (noted.strength.factor, noted.claim.factor()) {
            (Factor::Possession | Factor::PossessionVerified, factor) => {
                matches!(factor, Factor::Possession | Factor::PossessionVerified)
            }
            _ => false,
        };
        self.proofs.iter().any(is_possessed)
    }

    /// Whether they are worth what is asked for. In a recovery that is possession alone, for the password is what was
    /// lost.
    pub(crate) fn meets(&self, need: Need, kind: JourneyKind, now: Timestamp) -> bool {
        if kind == JourneyKind::Recover && !self.has_password() {
            return need.aal == Aal::Aal1 || self.has_possession();
        }
        let evidence = self.evidence(JourneyId::from_uuid(Uuid::nil()));
        Assurance::of(self.user, &evidence)
            .is_ok_and(|assurance| need.is_met_by(&assurance, Timestamp::from_micros(i64::MIN), now))
    }

    /// The evidence that a journey has gathered.
    pub(crate) fn evidence(&self, journey: JourneyId) -> Vec<Evidence> {
        let mint = |proof: &Noted| {
            let ceremony = Ceremony::open(journey, self.user, proof.authenticator, proof.at, proof.strength);
            Evidence::mint(ceremony, &proof.claim)
        };
        self.proofs.iter().map(mint).collect()
    }
}

impl Noted {
    /// The user's password.
    pub(crate) fn password(user: UserId, at: Timestamp) -> Self {
        Self::full(user.uuid(), Strength::PASSWORD, at)
    }

    /// An address or number, by the code or link of a challenge.
    pub(crate) fn address(challenge: ChallengeId, kind: IdentifierKind, at: Timestamp) -> Self {
        let strength = if kind == IdentifierKind::Phone { Strength::PHONE } else { Strength::EMAIL };
        Self::full(challenge.uuid(), strength, at)
    }

    /// A proof that an authenticator claims, which counts for no more than this strength.
    pub(crate) fn authenticator(id: AuthenticatorId, strength: Strength, claim: Claim, at: Timestamp) -> Self {
        Self { authenticator: id.uuid(), strength, claim, at }
    }

    const fn full(authenticator: Uuid, strength: Strength, at: Timestamp) -> Self {
        Self { authenticator, strength, claim: Claim::full(strength), at }
    }
}

/// The proofs of a journey of shape 1, which had a member for each kind.
pub(super) fn proofs_of_members(mut document: Value) -> Value {
    #[derive(Deserialize)]
    struct Members {
        user: UserId,
        password_at: Option<Timestamp>,
        address: Option<Address>,
    }
    #[derive(Deserialize)]
    struct Address {
        challenge: ChallengeId,
        kind: IdentifierKind,
        at: Timestamp,
    }
    if let Some(proved) = document.get_mut("proved").and_then(Value::as_object_mut)
        && let Ok(members) = serde_json::from_value::<Members>(Value::Object(proved.clone()))
    {
        let password = members.password_at.map(|at| Noted::password(members.user, at));
        let address = members.address.map(|Address { challenge, kind, at }| Noted::address(challenge, kind, at));
        let proofs: Vec<Noted> = password.into_iter().chain(address).collect();
        proved.insert("proofs".to_owned(), serde_json::json!(proofs));
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journey_of_the_former_shape_goes_on() {
        let (user, challenge) = (UserId::from_uuid(Uuid::from_u128(1)), ChallengeId::from_uuid(Uuid::from_u128(2)));
        let at = Timestamp::EPOCH;
        let former = serde_json::json!({"kind": "recover", "proved": {
            "user": user, "until": {"epoch": 3}, "password_at": at, "elsewhere": true,
            "address": {"challenge": challenge, "kind": "email", "at": at},
        }});
        let now: Proved = serde_json::from_value(proofs_of_members(former)["proved"].take()).unwrap();
        let proofs = vec![Noted::password(user, at), Noted::address(challenge, IdentifierKind::Email, at)];
        assert_eq!(now, Proved { user, until: Until::Epoch(3), proofs, elsewhere: true });
        let nothing = serde_json::json!({"kind": "recover", "proved": null});
        assert_eq!(proofs_of_members(nothing.clone()), nothing);
    }
}
