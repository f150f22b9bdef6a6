//! The library's ceremonies, with the challenge given from outside.
//!
//! The library draws a challenge, puts it into a state and wants the state kept until the response comes. Everything
//! else in the state is the same for all ceremonies of a relying party, and the library lets a state be written and
//! read. So one state of each kind is written when the relying party is made, and read again with the challenge that
//! the caller gave: nothing needs to be kept for a page that nobody answers.

use serde_json::Value;
use webauthn_rs::Webauthn;
use webauthn_rs::prelude::{DiscoverableAuthentication, PasskeyRegistration, Uuid, WebauthnError};

use super::Challenge;

#[derive(Debug, Clone)]
pub(super) struct Ceremonies {
    pub(super) library: Webauthn,
    registration: Value,
    authentication: Value,
}

impl Ceremonies {
    /// None when the library's states are not what they are known to be: an update has changed them.
    pub(super) fn new(library: Webauthn) -> Option<Self> {
        let (_, registration) = library.start_passkey_registration(Uuid::nil(), "-", "-", None).ok()?;
        let (_, authentication) = library.start_discoverable_authentication().ok()?;
        let registration = serde_json::to_value(registration).ok()?;
        let authentication = serde_json::to_value(authentication).ok()?;
        let as_known = registration["rs"]["challenge"].is_string()
            && registration["rs"]["policy"] == "required"
            && authentication["ast"]["challenge"].is_string()
            && authentication["ast"]["policy"] == "required"
            && authentication["ast"]["allow_backup_eligible_upgrade"] == false;
        as_known.then_some(Self { library, registration, authentication })
    }

    pub(super) fn registration(&self, challenge: &Challenge) -> Result<PasskeyRegistration, WebauthnError> {
        let mut state = self.registration.clone();
        state["rs"]["challenge"] = challenge.text().into();
        serde_json::from_value(state).map_err(WebauthnError::ParseJSONFailure)
    }

    pub(super) fn authentication(&self, challenge: &Challenge) -> Result<DiscoverableAuthentication, WebauthnError> {
        let mut state = self.authentication.clone();
        state["ast"]["challenge"] = challenge.text().into();
        serde_json::from_value(state).map_err(WebauthnError::ParseJSONFailure)
    }
}
