//! A passkey as it is kept.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciam_core::RealmId;
use ciam_core::id::RecordId as _;
use ciam_core::secret::Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;
use webauthn_rs_proto::AuthenticatorTransport;

use super::models;

/// What an authenticator calls a credential: 1 to 1023 bytes (WebAuthn Level 3 §4). Shown and kept in base64url.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialId(Vec<u8>);

impl CredentialId {
    /// The id of these bytes, if a credential can have it.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (1..=1023).contains(&bytes.len()).then(|| Self(bytes.to_vec()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What a credential is kept under and found by: the same in one realm and relying party, whoever registers it,
    /// so that the id made of it can be inserted once.
    #[must_use]
    pub fn digest(&self, realm: RealmId, rp_id: &str) -> Digest {
        Digest::of_all(&[b"passkey", realm.uuid().as_bytes(), rp_id.as_bytes(), &self.0])
    }
}

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl fmt::Debug for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for CredentialId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CredentialId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        let bytes = URL_SAFE_NO_PAD.decode(text.as_bytes()).map_err(serde::de::Error::custom)?;
        Self::new(&bytes).ok_or_else(|| serde::de::Error::custom("not an id of 1 to 1023 bytes"))
    }
}

/// A registered passkey: its public key, and what is known of the authenticator. Holds no secret.
///
/// It serializes for a store. The counter is not in it: keep that beside, where it can be raised by itself.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credential {
    pub(super) key: webauthn_rs::prelude::Credential,
    pub(super) aaguid: Uuid,
    pub(super) transports: Vec<AuthenticatorTransport>,
    pub(super) discoverable: Option<bool>,
}

impl Credential {
    /// What the authenticator calls it.
    #[must_use]
    pub fn id(&self) -> CredentialId {
        CredentialId(self.key.cred_id.clone())
    }

    /// The model of the authenticator, or of the app that keeps the key; nil when it does not say. Nothing attests it.
    #[must_use]
    pub const fn aaguid(&self) -> Uuid {
        self.aaguid
    }

    /// The name of the model, such as `iCloud Keychain`, where it is one of those that are known here.
    #[must_use]
    pub fn model(&self) -> Option<&'static str> {
        models::name(self.aaguid)
    }

    /// Whether the key can leave the device it was made on, as synced passkeys do. It never changes for a key.
    #[must_use]
    pub const fn is_synced(&self) -> bool {
        self.key.backup_eligible
    }

    /// Whether the key was backed up when it was last heard of.
    #[must_use]
    pub const fn is_backed_up(&self) -> bool {
        self.key.backup_state
    }

    /// Notes what [`Proved::backed_up`](super::Proved::backed_up) says.
    pub const fn set_backed_up(&mut self, backed_up: bool) {
        self.key.backup_state = backed_up;
    }

    /// Whether it is found without naming the user; none when the browser did not say. Nothing attests it.
    #[must_use]
    pub const fn is_discoverable(&self) -> Option<bool> {
        self.discoverable
    }

    /// How a browser reaches the authenticator, in the words of WebAuthn Level 3 §5.8.4.
    pub fn transports(&self) -> impl Iterator<Item = &str> {
        self.transports.iter().map(AsRef::as_ref)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("id", &self.id()).finish_non_exhaustive()
    }
}
