//! Responses that were changed on their way: never right, and never a panic.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciam_core::UserId;
use ciam_mfa::passkeys::{
    AssertionResponse, Challenge, Kept, NewPasskey, Proved, Refusal, Registered, RegistrationResponse, RelyingParty,
    Sought,
};
use ciam_mfa::testing::SoftAuthenticator;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

const ASKED: Challenge = Challenge::new([7; 32]);
const SIGNED: [&str; 3] = ["clientDataJSON", "authenticatorData", "signature"];

struct Scene {
    site: RelyingParty,
    user: UserId,
    registration: Value,
    kept: Registered,
    assertion: Value,
}

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

fn assert_one(response: &Value) -> Result<Proved, Refusal> {
    judge(&AssertionResponse::from_value(response)?)
}

fn judge(response: &AssertionResponse) -> Result<Proved, Refusal> {
    let kept = Kept { owner: SCENE.user, credential: &SCENE.kept.credential, counter: 0 };
    SCENE.site.judge_assertion(response, &[ASKED], Sought::Anybody, &kept)
}

fn register(response: &Value) -> Result<Registered, Refusal> {
    SCENE.site.judge_registration(&RegistrationResponse::from_value(response)?, &[ASKED], &[])
}

/// The response with the bytes of one member changed.
fn changed(response: &Value, member: &str, change: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut response = response.clone();
    let mut bytes = URL_SAFE_NO_PAD.decode(response["response"][member].as_str().unwrap()).unwrap();
    change(&mut bytes);
    response["response"][member] = URL_SAFE_NO_PAD.encode(bytes).into();
    response
}

#[test]
fn unchanged_responses_are_right() {
    assert!(assert_one(&SCENE.assertion).is_ok());
    assert!(register(&SCENE.registration).is_ok());
}

#[test]
fn what_is_cut_short_anywhere_is_never_right() {
    for member in SIGNED {
        let whole = changed(&SCENE.assertion, member, |_| ());
        let length = URL_SAFE_NO_PAD.decode(whole["response"][member].as_str().unwrap()).unwrap().len();
        for kept in 0..length {
            let cut = changed(&whole, member, |bytes| bytes.truncate(kept));
            assert!(assert_one(&cut).is_err(), "{member} of {kept} bytes");
        }
    }
    for member in ["clientDataJSON", "attestationObject"] {
        let whole = URL_SAFE_NO_PAD.decode(SCENE.registration["response"][member].as_str().unwrap()).unwrap();
        for kept in 0..whole.len() {
            let cut = changed(&SCENE.registration, member, |bytes| bytes.truncate(kept));
            assert!(register(&cut).is_err(), "{member} of {kept} bytes");
        }
    }
}

proptest! {
    #[test]
    fn a_changed_byte_of_an_assertion_is_never_right(member in 0..SIGNED.len(), at: Index, by in 1_u8..) {
        let wrong = changed(&SCENE.assertion, SIGNED[member], |bytes| {
            let at = at.index(bytes.len());
            bytes[at] ^= by;
        });
        prop_assert!(assert_one(&wrong).is_err());
    }

    #[test]
    fn bytes_that_are_added_to_an_assertion_are_never_right(
        member in 0..SIGNED.len(), at: Index, more in proptest::collection::vec(any::<u8>(), 1..40),
    ) {
        let wrong = changed(&SCENE.assertion, SIGNED[member], |bytes| {
            let at = at.index(bytes.len() + 1);
            bytes.splice(at..at, more);
        });
        prop_assert!(assert_one(&wrong).is_err());
    }

    #[test]
    fn another_user_handle_is_never_right(handle in proptest::collection::vec(any::<u8>(), 0..64)) {
        let wrong = changed(&SCENE.assertion, "userHandle", |bytes| *bytes = handle);
        prop_assert_eq!(assert_one(&wrong), Err(Refusal::OtherUser));
    }

    /// What stands outside of the signature may change; what is right says the same.
    #[test]
    fn a_changed_character_is_refused_or_changes_nothing_that_is_signed(at: Index, by in 1_u8..128) {
        let mut text = SCENE.assertion.to_string().into_bytes();
        let at = at.index(text.len());
        text[at] ^= by;
        let text = String::from_utf8_lossy(&text);
        let read = AssertionResponse::read(&text);
        if read.and_then(|response| judge(&response)).is_ok() {
            let value: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&value["rawId"], &SCENE.assertion["rawId"]);
            for member in SIGNED.into_iter().chain(["userHandle"]) {
                let bytes = |response: &Value| {
                    let text = response["response"][member].as_str().unwrap();
                    URL_SAFE_NO_PAD.decode(text.trim_end_matches('='))
                };
                prop_assert_eq!(bytes(&value), bytes(&SCENE.assertion));
            }
        }
    }

    #[test]
    fn any_bytes_are_no_assertion(
        client in proptest::collection::vec(any::<u8>(), 0..200), data in proptest::collection::vec(any::<u8>(), 0..200),
        signature in proptest::collection::vec(any::<u8>(), 0..100), genuine in 0..8_u8,
    ) {
        let mut response = SCENE.assertion.clone();
        for (bit, member, bytes) in [(1, SIGNED[0], client), (2, SIGNED[1], data), (4, SIGNED[2], signature)] {
            if genuine & bit == 0 {
                response = changed(&response, member, |old| *old = bytes);
            }
        }
        prop_assert_eq!(assert_one(&response).is_ok(), genuine == 7);
    }

    /// Nothing signs a registration without attestation, so a changed key may be taken: but only for this site, this
    /// challenge, and a user who was verified.
    #[test]
    fn a_changed_registration_is_refused_or_still_of_this_site_and_challenge(at: Index, by in 1_u8..) {
        let wrong = changed(&SCENE.registration, "attestationObject", |bytes| {
            let at = at.index(bytes.len());
            bytes[at] ^= by;
        });
        if register(&wrong).is_ok() {
            let object = |response: &Value| {
                URL_SAFE_NO_PAD.decode(response["response"]["attestationObject"].as_str().unwrap()).unwrap()
            };
            // Behind `fmt`, `attStmt` and the head of `authData`: 32 bytes of the relying party's hash, then flags.
            let (old, new) = (object(&SCENE.registration), object(&wrong));
            let from = old.windows(8).position(|bytes| bytes == b"authData").unwrap() + 10;
            prop_assert_eq!(&old[from..from + 32], &new[from..from + 32]);
            prop_assert_eq!(new[from + 32] & 0b101, 0b101, "present and verified");
        }
        let wrong = changed(&SCENE.registration, "clientDataJSON", |bytes| {
            let at = at.index(bytes.len());
            bytes[at] ^= by;
        });
        if register(&wrong).is_ok() {
            let text = URL_SAFE_NO_PAD.decode(wrong["response"]["clientDataJSON"].as_str().unwrap()).unwrap();
            let client_data: Value = serde_json::from_slice(&text).unwrap();
            prop_assert_eq!(&client_data["origin"], "https://example.com");
            prop_assert_eq!(&client_data["type"], "webauthn.create");
        }
    }

    #[test]
    fn any_text_is_no_response(text in "\\PC{0,300}") {
        prop_assert!(AssertionResponse::read(&text).is_err());
        prop_assert!(RegistrationResponse::read(&text).is_err());
    }
}
