//! Proof of an address: one message holds a six-digit code and a link.
//!
//! The code is for the browser that began the journey, the link (a *ticket*) for any. Both are good
//! once, for that journey and that address alone. Tries of the code are counted before they are
//! judged, so no number of parallel guesses gets more than the limit.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::UserId;
use crate::identifiers::{Handle, IdentifierId};
use crate::journeys::JourneyId;
use crate::secret::{Bearer, Code, Digest, Secret};
use crate::store::{Bound, Collection, Record, Store, StoreError, Tally, Work};
use crate::vault::{KeyVault, VaultError};

crate::id!(ChallengeId, "chl", "A code and link that were sent: the selector of the link.");

/// How long codes and links are good, and how often a code can be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChallengeLimits {
    /// How long a code is good (default 10 minutes: NIST SP 800-63B-4 §3.1.3.2).
    pub code: Duration,
    /// How long a verification link is good (default 24 hours).
    pub link: Duration,
    /// How long a link is good with which a password is set anew (default 30 minutes).
    pub recovery_link: Duration,
    /// How often a code can be tried (default 5).
    pub tries: u32,
    /// After how long another message can be asked for (default 1 minute).
    pub resend: Duration,
}

impl Default for ChallengeLimits {
    fn default() -> Self {
        Self {
            code: Duration::from_mins(10),
            link: Duration::from_hours(24),
            recovery_link: Duration::from_mins(30),
            tries: 5,
            resend: Duration::from_mins(1),
        }
    }
}

/// A code and link that were sent to an address or number for a journey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// The id.
    pub id: ChallengeId,
    /// The journey that it answers, and no other.
    pub journey: JourneyId,
    /// The address or number that it proves, and no other.
    pub handle: Handle,
    /// Until when the code is good.
    pub code_until: Timestamp,
    /// Until when the link is good.
    pub link_until: Timestamp,
    /// Whether no answer is right: made so that an address with an account looks like one without, and for a
    /// sign-up that was overtaken and has sent no message yet.
    pub decoy: bool,
    /// Whom the message of a recovery went to.
    #[serde(default)]
    pub(crate) owner: Option<Owner>,
    code: String,
    link: Digest,
    tries: i64,
}

/// The account that the message of a recovery went to, as it was then: what the message proves, it proves of no
/// account that has its name or its address later, and of none whose recoveries were revoked since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    pub(crate) user: UserId,
    /// The address or number that it went to.
    pub(crate) identifier: IdentifierId,
    /// How often the account's recoveries had been revoked.
    pub(crate) recoveries: u64,
}

/// What a challenge is to be for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Purpose<'a> {
    pub(crate) journey: JourneyId,
    pub(crate) handle: &'a Handle,
    pub(crate) link_for: Duration,
    pub(crate) owner: Option<Owner>,
    pub(crate) decoy: bool,
}

impl Record for Challenge {
    type Id = ChallengeId;
    const COLLECTION: Collection<Self> =
        Collection::new("challenges").live(&Challenge::TRIES).expires(|c| c.link_until);

    fn id(&self) -> ChallengeId {
        self.id
    }
}

impl Challenge {
    /// How often its code was tried.
    pub const TRIES: Tally<Challenge> = Tally::new("tries", |challenge| &mut challenge.tries);

    /// Whether the link's bearer is this challenge's. A decoy's link is none: nobody was sent it.
    #[must_use]
    pub fn is_linked_by(&self, ticket: &Bearer<ChallengeId>) -> bool {
        self.link == ticket.digest() && !self.decoy
    }

    /// Opens the code that is waited for.
    pub(crate) async fn code(&self, vault: &dyn KeyVault) -> Result<Option<Code>, VaultError> {
        let plain = match vault.open(&context(self.id), &self.code).await {
            Ok(plain) => plain,
            Err(VaultError::Forged) => return Ok(None),
            Err(error) => return Err(error),
        };
        let code = std::str::from_utf8(plain.expose()).ok().and_then(|text| Code::parse(text).ok());
        Ok(code)
    }

    /// Counts a try of the code in the caller's unit; its commit is refused with `Exceeded` past the limit.
    pub(crate) fn try_in(&self, work: &Work, limits: &ChallengeLimits) -> Result<(), StoreError> {
        work.add(&Self::TRIES, self.id, 1, Bound::AtMost(i64::from(limits.tries)))
    }
}

/// A challenge before it is kept, with what goes into the message.
pub(crate) struct Issued {
    pub(crate) challenge: Challenge,
    pub(crate) code: Code,
    pub(crate) ticket: Secret<String>,
}

/// Makes a challenge; slow work (sealing) that belongs before the unit.
pub(crate) async fn issue(
    store: &Store,
    vault: &dyn KeyVault,
    limits: &ChallengeLimits,
    purpose: Purpose<'_>,
) -> Result<Issued, VaultError> {
    let now = store.clock().now();
    let id: ChallengeId = store.entropy().id(now);
    let (code, verifier) = (store.entropy().code(), store.entropy().verifier());
    let challenge = Challenge {
        id,
        journey: purpose.journey,
        handle: purpose.handle.clone(),
        code_until: now + limits.code,
        link_until: now + purpose.link_for,
        decoy: purpose.decoy,
        owner: purpose.owner,
        code: vault.seal(&context(id), code.expose().as_bytes()).await?,
        link: verifier.digest(),
        tries: 0,
    };
    Ok(Issued { challenge, code, ticket: Bearer::new(id, verifier).expose() })
}

fn context(id: ChallengeId) -> String {
    format!("challenge {id}")
}
