//! What a browser sent: read and bounded, not yet believed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciam_core::UserId;
use ciam_core::id::RecordId as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

use super::{Challenge, CredentialId, Refusal};

/// The longest response that is read, as text: one with an attestation has about 4 KiB.
const LONGEST: usize = 16 * 1024;

/// The longest client data: type, challenge, origin, and what browsers may add.
const CLIENT_DATA: usize = 2 * 1024;

/// The longest signature: RSA of 4096 bits has 512 bytes.
const SIGNATURE: usize = 1024;

/// What `navigator.credentials.create()` gave.
#[derive(Debug, Clone)]
pub struct RegistrationResponse {
    pub(super) response: RegisterPublicKeyCredential,
    client_data: ClientData,
}

impl RegistrationResponse {
    /// Reads the JSON that a browser's `toJSON()` makes.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`] for anything else, and for more than 16 KiB.
    pub fn read(json: &str) -> Result<Self, Refusal> {
        bounded(json).and_then(|value| Self::from_value(&value))
    }

    /// Reads what was JSON already. The caller has bounded it.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`] for anything that a browser's `toJSON()` does not make.
    pub fn from_value(value: &Value) -> Result<Self, Refusal> {
        let response: RegisterPublicKeyCredential = parse(value)?;
        let client_data = ClientData::read(&response.response.client_data_json)?;
        let readable = response.type_ == "public-key" && response.response.attestation_object.len() <= LONGEST;
        if readable { Ok(Self { response, client_data }) } else { Err(Refusal::Unreadable) }
    }

    /// Whether it is of this ceremony, from one of these origins, and which challenge it answers.
    pub(super) fn challenge(&self, given: &[Challenge], origins: &[String]) -> Result<Challenge, Refusal> {
        self.client_data.answers("webauthn.create", given, origins)
    }
}

/// What `navigator.credentials.get()` gave.
#[derive(Debug, Clone)]
pub struct AssertionResponse {
    pub(super) response: PublicKeyCredential,
    client_data: ClientData,
}

impl AssertionResponse {
    /// Reads the JSON that a browser's `toJSON()` makes.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`] for anything else, and for more than 16 KiB.
    pub fn read(json: &str) -> Result<Self, Refusal> {
        bounded(json).and_then(|value| Self::from_value(&value))
    }

    /// Reads what was JSON already. The caller has bounded it.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`] for anything that a browser's `toJSON()` does not make.
    pub fn from_value(value: &Value) -> Result<Self, Refusal> {
        let response: PublicKeyCredential = parse(value)?;
        let client_data = ClientData::read(&response.response.client_data_json)?;
        let readable = response.type_ == "public-key"
            && response.response.authenticator_data.len() <= LONGEST
            && response.response.signature.len() <= SIGNATURE;
        if readable { Ok(Self { response, client_data }) } else { Err(Refusal::Unreadable) }
    }

    /// The credential that it says it is by: what to look for in the store. None that no credential can have.
    #[must_use]
    pub fn credential_id(&self) -> Option<CredentialId> {
        CredentialId::new(&self.response.raw_id)
    }

    /// The user that it says it is of, by the handle that the credential was registered with. It is a claim until the
    /// response was judged.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        let handle = self.response.response.user_handle.as_ref()?;
        Uuid::from_slice(handle).ok().map(UserId::from_uuid)
    }

    pub(super) const fn has_user_handle(&self) -> bool {
        self.response.response.user_handle.is_some()
    }

    /// Whether it is of this ceremony, from one of these origins, and which challenge it answers.
    pub(super) fn challenge(&self, given: &[Challenge], origins: &[String]) -> Result<Challenge, Refusal> {
        self.client_data.answers("webauthn.get", given, origins)
    }
}

/// What the browser says of the page (WebAuthn Level 3 §5.8.1). Read here beside the library, which compares parsed
/// URLs and does not look at `topOrigin`: origins are compared byte for byte, as §7.2 has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: Option<bool>,
    #[serde(default)]
    top_origin: Option<Value>,
}

impl ClientData {
    fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > CLIENT_DATA {
            return Err(Refusal::Unreadable);
        }
        serde_json::from_slice(bytes).map_err(|_| Refusal::Unreadable)
    }

    fn answers(&self, ceremony: &str, given: &[Challenge], origins: &[String]) -> Result<Challenge, Refusal> {
        if self.r#type != ceremony {
            return Err(Refusal::OtherCeremony);
        }
        let answered = given.iter().find(|challenge| challenge.text() == self.challenge);
        let challenge = answered.ok_or(Refusal::OtherChallenge)?;
        if self.cross_origin == Some(true) || self.top_origin.is_some() {
            return Err(Refusal::CrossOrigin);
        }
        if !origins.contains(&self.origin) {
            return Err(Refusal::OtherOrigin);
        }
        Ok(*challenge)
    }
}

fn bounded(json: &str) -> Result<Value, Refusal> {
    if json.len() > LONGEST {
        return Err(Refusal::Unreadable);
    }
    serde_json::from_str(json).map_err(|_| Refusal::Unreadable)
}

fn parse<T: DeserializeOwned>(value: &Value) -> Result<T, Refusal> {
    T::deserialize(value).map_err(|_| Refusal::Unreadable)
}

/// An id in base64url, as options name it.
pub(super) fn text_of(id: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(id)
}
