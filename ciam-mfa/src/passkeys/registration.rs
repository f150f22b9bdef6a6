//! Judging a registration (WebAuthn Level 3 §7.1).

use serde::Deserialize;
use uuid::Uuid;
use webauthn_rs_proto::AuthenticatorTransport;

use super::{Challenge, Credential, CredentialId, Refusal, RegistrationResponse, RelyingParty};

/// A passkey that was registered, to be kept.
#[derive(Debug, Clone)]
pub struct Registered {
    /// The passkey.
    pub credential: Credential,
    /// Its counter, to be kept beside it.
    pub counter: u32,
}

impl RelyingParty {
    /// Judges what came back for [`RelyingParty::registration_options`] with one of the challenges in `given`.
    ///
    /// `known` are the passkeys that the account has. That nobody else has this one is for the store to refuse: see
    /// [`CredentialId::digest`].
    ///
    /// No attestation is asked for, so nothing but the page's word binds the key to this browser: a registration
    /// proves that somebody made a key now, not who they are.
    ///
    /// # Errors
    /// A [`Refusal`] says why nothing may be kept.
    pub fn judge_registration(
        &self,
        response: &RegistrationResponse,
        given: &[Challenge],
        known: &[CredentialId],
    ) -> Result<Registered, Refusal> {
        let challenge = response.challenge(given, self.origins())?;
        let ceremonies = &self.ceremonies;
        let state = ceremonies.registration(&challenge)?;
        let passkey = ceremonies.library.finish_passkey_registration(&response.response, &state)?;
        let mut key = webauthn_rs::prelude::Credential::from(passkey);
        let id = CredentialId::new(&key.cred_id).ok_or(Refusal::Unreadable)?;
        if known.contains(&id) {
            return Err(Refusal::Known);
        }
        let counter = std::mem::take(&mut key.counter);
        let raw = &response.response.response;
        let mut transports = raw.transports.clone().unwrap_or_default();
        transports.retain(|transport| *transport != AuthenticatorTransport::Unknown);
        transports.truncate(8);
        let credential = Credential {
            key,
            aaguid: aaguid_of(&raw.attestation_object).unwrap_or_default(),
            transports,
            discoverable: response.response.extensions.cred_props.as_ref().and_then(|props| props.rk),
        };
        Ok(Registered { credential, counter })
    }
}

/// The model in an attestation object that the library has read already: the library keeps it only where it is
/// attested. It stands behind the hash of the relying party's id, the flags and the counter (§6.5.1).
fn aaguid_of(attestation: &[u8]) -> Option<Uuid> {
    #[derive(Deserialize)]
    struct Attestation<'a> {
        #[serde(rename = "authData", borrow)]
        data: &'a [u8],
    }
    let attestation: Attestation<'_> = serde_cbor_2::from_slice(attestation).ok()?;
    Uuid::from_slice(attestation.data.get(37..53)?).ok()
}
