//! Responses of browsers to passkey ceremonies: whatever comes, nothing is proved and nothing breaks.
//!
//! The first byte says what the others are: the JSON of a response, the attestation object of a registration, or the
//! authenticator data and the signature of an assertion. The last two come with genuine client data, so that what
//! stands behind the checks of it is reached.
#![no_main]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciam_core::UserId;
use ciam_mfa::passkeys::{
    AssertionResponse, Challenge, Kept, NewPasskey, Proved, Refusal, Registered, RegistrationResponse, RelyingParty,
    Sought,
};
use ciam_mfa::testing::SoftAuthenticator;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const ASKED: Challenge = Challenge::new([7; 32]);
const OTHER: Challenge = Challenge::new([8; 32]);

struct Scene {
    site: RelyingParty,
    user: UserId,
    registration: Value,
    kept: Registered,
    assertion: Value,
}

/// A passkey with a key of this process alone: no corpus has a signature of it.
static SCENE: LazyLock<Scene> = LazyLock::new(|| {
    let site = RelyingParty::new("example.com", "Example", &["https://example.com"]).unwrap();
    let user = "usr_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c".parse().unwrap();
    let mut authenticator = SoftAuthenticator::new("https://example.com");
    let new = NewPasskey { user, name: "ada", display_name: "Ada", known: &[] };
    let registration = authenticator.create(&site.registration_options(&ASKED, &new)).unwrap();
    let response = RegistrationResponse::from_value(&registration).unwrap();
    let kept = site.judge_registration(&response, &[ASKED], &[]).unwrap();
    let assertion = authenticator.get(&site.discoverable_options(&ASKED)).unwrap();
    Scene { site, user, registration, kept, assertion }
});

fn proved(response: &AssertionResponse, sought: Sought) -> Result<Proved, Refusal> {
    let kept = Kept { owner: SCENE.user, credential: &SCENE.kept.credential, counter: 0 };
    SCENE.site.judge_assertion(response, &[OTHER, ASKED], sought, &kept)
}

fn with(response: &Value, member: &str, bytes: &[u8]) -> Value {
    let mut response = response.clone();
    response["response"][member] = URL_SAFE_NO_PAD.encode(bytes).into();
    response
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 3 {
        0 => {
            let text = String::from_utf8_lossy(bytes);
            if let Ok(response) = RegistrationResponse::read(&text) {
                assert!(SCENE.site.judge_registration(&response, &[OTHER], &[]).is_err());
            }
            if let Ok(response) = AssertionResponse::read(&text) {
                assert!(proved(&response, Sought::Anybody).is_err());
                assert!(proved(&response, Sought::Of(SCENE.user)).is_err());
            }
        }
        1 => {
            let response = with(&SCENE.registration, "attestationObject", bytes);
            let Ok(response) = RegistrationResponse::from_value(&response) else { return };
            // Nothing signs a registration without attestation: what is right is at least about this site.
            if let Ok(registered) = SCENE.site.judge_registration(&response, &[ASKED], &[]) {
                let hash = ciam_core::secret::Digest::of(b"example.com");
                assert!(bytes.windows(32).any(|part| part == hash.bytes()));
                assert!((1..=1023).contains(&registered.credential.id().as_bytes().len()));
            }
        }
        _ => {
            let (data, signature) = bytes.split_at(bytes.len().min(37));
            let response = with(&with(&SCENE.assertion, "authenticatorData", data), "signature", signature);
            let Ok(response) = AssertionResponse::from_value(&response) else { return };
            assert!(proved(&response, Sought::Anybody).is_err());
        }
    }
});
