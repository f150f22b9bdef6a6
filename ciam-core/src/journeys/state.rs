//! What a journey remembers, and its id before there is anything to remember.

use serde::{Deserialize, Serialize};

use super::enrol::Offered;
use super::error::JourneyError;
use super::local_path::LocalPath;
use super::prompt::JourneyKind;
use super::proved::{self, Proved};
use crate::authenticators::Method;
use crate::challenges::ChallengeId;
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::id::{ApplicationId, RealmId, UserId};
use crate::identifiers::{Handle, Username};
use crate::messages::Channel;
use crate::passwords::PasswordHash;
use crate::secret::{Digest, Verifier};
use crate::sessions::SessionId;
use crate::store::{Collection, Record};
use crate::users::DisplayName;
use crate::vault::{KeyVault, VaultError};

crate::id!(JourneyId, "jny", "A journey.");
crate::id!(RegistrationId, "reg", "A registration that waits for its address to be proved.");
crate::id!(SignUpSlotId, "sus", "The latest sign-up for an address; made from the address.");

/// A journey after its first answer. It holds no password and confers nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journey {
    pub(crate) id: JourneyId,
    pub(crate) kind: JourneyKind,
    pub(crate) application: ApplicationId,
    /// The digest of the secret of the browser or client that began it.
    pub(crate) binding: Digest,
    /// From which the challenges of its proofs are made.
    #[serde(default)]
    pub(crate) nonce: [u8; 16],
    /// Whose account it works on, when it began signed in.
    pub(crate) subject: Option<Subject>,
    pub(crate) begun: Timestamp,
    pub(crate) begun_on: Option<String>,
    pub(crate) until: Timestamp,
    pub(crate) return_to: Option<LocalPath>,
    /// Raised whenever the journey advances: an answer to an earlier turn is stale.
    pub(crate) turn: u32,
    pub(crate) handle: Option<Handle>,
    /// On sign-up: which journey held the address's slot when this one was told the address.
    pub(crate) slot_seen: Option<JourneyId>,
    pub(crate) registration: Option<RegistrationId>,
    pub(crate) challenge: Option<Sent>,
    /// What was proved, by whom.
    pub(crate) proved: Option<Proved>,
    /// The way to prove something that was chosen among those that the account has.
    #[serde(default)]
    pub(crate) chosen: Option<Method>,
    /// What is to be added to the account, and waits to be confirmed.
    #[serde(default)]
    pub(crate) offered: Option<Offered>,
    /// Whether that was added.
    #[serde(default)]
    pub(crate) enrolled: bool,
    /// Whether it ends without a session: a link has brought it to this device from another.
    pub(crate) opens_no_session: bool,
    /// The names of the host's steps that are done.
    pub(crate) custom_done: Vec<String>,
    pub(crate) end: Option<End>,
}

/// The person who began a journey signed in, and the session in which they did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subject {
    pub(crate) user: UserId,
    /// The session as it is now: another id after every new proof.
    pub(crate) session: SessionId,
}

/// Where a challenge went, for the prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sent {
    pub(crate) id: ChallengeId,
    pub(crate) channel: Channel,
    pub(crate) code_until: Timestamp,
    pub(crate) resend_at: Timestamp,
}

/// How a journey ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    Session { user: UserId, session: SessionId },
    Completed,
    Refused(String),
}

impl Record for Journey {
    type Id = JourneyId;
    const COLLECTION: Collection<Self> =
        Collection::new("journeys").expires(|j: &Self| j.until).shape(2).upgrade(1, proved::proofs_of_members);

    fn id(&self) -> JourneyId {
        self.id
    }
}

/// Who wants to have an account, until they have proved their address. Reserves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    pub(crate) id: RegistrationId,
    pub(crate) handle: Handle,
    pub(crate) username: Option<Username>,
    pub(crate) name: Option<DisplayName>,
    pub(crate) password: PasswordHash,
    pub(crate) set: Timestamp,
    pub(crate) until: Timestamp,
}

impl Record for Registration {
    type Id = RegistrationId;
    const COLLECTION: Collection<Self> = Collection::new("registrations").expires(|r| r.until);

    fn id(&self) -> RegistrationId {
        self.id
    }
}

/// The latest sign-up for an address. Of sign-ups that race for one address, one writes the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignUpSlot {
    pub(crate) id: SignUpSlotId,
    pub(crate) journey: JourneyId,
    pub(crate) until: Timestamp,
}

impl Record for SignUpSlot {
    type Id = SignUpSlotId;
    const COLLECTION: Collection<Self> = Collection::new("sign_up_slots").expires(|s| s.until);

    fn id(&self) -> SignUpSlotId {
        self.id
    }
}

/// A journey before its first answer: all that is known of it, sealed into its own id, so that
/// showing a sign-in page writes nothing.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Seed {
    pub(crate) id: JourneyId,
    pub(crate) kind: JourneyKind,
    pub(crate) application: ApplicationId,
    pub(crate) binding: Digest,
    #[serde(default)]
    pub(crate) nonce: [u8; 16],
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<Subject>,
    pub(crate) begun: Timestamp,
    pub(crate) return_to: Option<LocalPath>,
}

const PREFIX: &str = "jny_";
/// Longer ids are not looked at: a seed with the longest `return_to` is shorter.
const MAX_TOKEN: usize = 2048;

impl Seed {
    /// What the journey grew from: another id of it, for the client that began it.
    pub(crate) fn of(journey: &Journey) -> Self {
        Self {
            id: journey.id,
            kind: journey.kind,
            application: journey.application,
            binding: journey.binding,
            nonce: journey.nonce,
            subject: journey.subject.clone(),
            begun: journey.begun,
            return_to: journey.return_to.clone(),
        }
    }

    pub(crate) async fn seal(&self, vault: &dyn KeyVault, realm: RealmId) -> Result<String, VaultError> {
        let plain = serde_json::to_vec(self).map_err(|_| VaultError::Unavailable)?;
        Ok(format!("{PREFIX}{}", vault.seal(&context(realm), &plain).await?))
    }

    /// Opens the id of a journey that this client began.
    pub(crate) async fn open(
        vault: &dyn KeyVault,
        realm: RealmId,
        token: &str,
        binding: Option<&Verifier>,
    ) -> Result<Self, JourneyError> {
        let sealed = token.strip_prefix(PREFIX).filter(|_| token.len() <= MAX_TOKEN).ok_or(JourneyError::Unknown)?;
        let plain = match vault.open(&context(realm), sealed).await {
            Ok(plain) => plain,
            Err(VaultError::Forged) => return Err(JourneyError::Unknown),
            Err(error) => return Err(error.into()),
        };
        let seed: Self = serde_json::from_slice(plain.expose()).map_err(|_| JourneyError::Unknown)?;
        if binding.is_none_or(|binding| binding.digest() != seed.binding) {
            return Err(JourneyError::Unknown);
        }
        Ok(seed)
    }

    /// The journey at its beginning.
    pub(crate) fn sprout(self, until: Timestamp) -> Journey {
        Journey {
            id: self.id,
            kind: self.kind,
            application: self.application,
            binding: self.binding,
            nonce: self.nonce,
            subject: self.subject,
            begun: self.begun,
            begun_on: None,
            until,
            return_to: self.return_to,
            turn: 0,
            handle: None,
            slot_seen: None,
            registration: None,
            challenge: None,
            proved: None,
            chosen: None,
            offered: None,
            enrolled: false,
            opens_no_session: false,
            custom_done: Vec::new(),
            end: None,
        }
    }
}

/// What makes the challenges of a journey its own.
pub(super) fn nonce(entropy: &dyn Entropy) -> [u8; 16] {
    let mut nonce = [0; 16];
    entropy.fill(&mut nonce);
    nonce
}

/// A journey of one realm is none in another.
fn context(realm: RealmId) -> String {
    format!("journey {realm}")
}
