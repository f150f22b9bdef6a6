//! What a page hands to the browser, in the JSON form of WebAuthn Level 3 §5.1.8 and §5.1.9.

use ciam_core::UserId;
use ciam_core::id::RecordId as _;
use serde_json::{Value, json};

use super::response::text_of;
use super::{Challenge, Credential, CredentialId, RelyingParty};

/// How long a browser waits for the person, in milliseconds: what §15.1 recommends at least.
const TIMEOUT: u32 = 300_000;

/// COSE's numbers of the algorithms that can be checked, the best first: ES256, ES384, RS256 (Windows Hello).
const ALGORITHMS: [i32; 3] = [-7, -35, -257];

/// Who registers a passkey.
#[derive(Debug, Clone, Copy)]
pub struct NewPasskey<'p> {
    /// The account: its id is the user handle, which authenticators keep and may show to nobody.
    pub user: UserId,
    /// The name that tells the person's accounts apart, such as an address. Authenticators show it.
    pub name: &'p str,
    /// The name of the person. Authenticators may show it.
    pub display_name: &'p str,
    /// The passkeys that the account has: an authenticator with one of them is not asked again.
    pub known: &'p [&'p Credential],
}

impl RelyingParty {
    /// Options of `navigator.credentials.create()`, as `{"publicKey": …}`.
    ///
    /// The user must be verified, a key that can be discovered is preferred, and no attestation is asked for.
    #[must_use]
    pub fn registration_options(&self, challenge: &Challenge, new: &NewPasskey<'_>) -> Value {
        let parameters: Vec<Value> = ALGORITHMS.iter().map(|alg| json!({"type": "public-key", "alg": alg})).collect();
        json!({"publicKey": {
            "rp": {"id": self.id(), "name": self.name()},
            "user": {
                "id": text_of(new.user.uuid().as_bytes()),
                "name": new.name,
                "displayName": new.display_name,
            },
            "challenge": challenge.text(),
            "pubKeyCredParams": parameters,
            "timeout": TIMEOUT,
            "excludeCredentials": descriptors(new.known),
            "authenticatorSelection": {
                "residentKey": "preferred",
                "requireResidentKey": false,
                "userVerification": "required",
            },
            "attestation": "none",
            "extensions": {
                "credProps": true,
                "credentialProtectionPolicy": "userVerificationRequired",
                "enforceCredentialProtectionPolicy": false,
            },
        }})
    }

    /// Options of `navigator.credentials.get()` for whoever comes, as `{"publicKey": …}`: no account is named, so
    /// they say nothing about any. A page that fills in a form adds `mediation: "conditional"`.
    #[must_use]
    pub fn discoverable_options(&self, challenge: &Challenge) -> Value {
        self.named_options(challenge, &[])
    }

    /// Options of `navigator.credentials.get()` for one of these passkeys, as `{"publicKey": …}`. They say which ones
    /// an account has: only for somebody who has proved already who they are.
    #[must_use]
    pub fn named_options(&self, challenge: &Challenge, allowed: &[&Credential]) -> Value {
        json!({"publicKey": {
            "rpId": self.id(),
            "challenge": challenge.text(),
            "timeout": TIMEOUT,
            "allowCredentials": descriptors(allowed),
            "userVerification": "required",
        }})
    }

    /// What a page hands to `PublicKeyCredential.signalAllAcceptedCredentials()`: the passkeys that an account has, so
    /// that the browser hides others of it. Only for a page of that account (WebAuthn Level 3 §5.1.10.3).
    #[must_use]
    pub fn accepted_signal(&self, user: UserId, accepted: &[CredentialId]) -> Value {
        json!({"rpId": self.id(), "userId": text_of(user.uuid().as_bytes()), "allAcceptedCredentialIds": accepted})
    }

    /// What a page hands to `PublicKeyCredential.signalUnknownCredential()`: the passkey that was just shown is none
    /// here, so that the browser offers it no more (WebAuthn Level 3 §5.1.10.2).
    #[must_use]
    pub fn unknown_signal(&self, id: &CredentialId) -> Value {
        json!({"rpId": self.id(), "credentialId": id})
    }
}

fn descriptors(credentials: &[&Credential]) -> Vec<Value> {
    let descriptor = |credential: &&Credential| {
        let transports: Vec<&str> = credential.transports().collect();
        json!({"type": "public-key", "id": credential.id().to_string(), "transports": transports})
    };
    credentials.iter().map(descriptor).collect()
}
