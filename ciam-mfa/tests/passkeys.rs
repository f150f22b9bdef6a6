//! Passkeys by a software authenticator with real signatures: what is right, and every way of being wrong.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use ciam_core::{RealmId, UserId};
use ciam_mfa::passkeys::{
    AssertionResponse, Challenge, Credential, CredentialId, Kept, NewPasskey, Proved, Refusal, Registered,
    RegistrationResponse, RelyingParty, Sought,
};
use ciam_mfa::testing::{SoftAuthenticator, SoftError, UserHandle};
use serde_json::Value;

const ORIGIN: &str = "https://example.com";
const ASKED: Challenge = Challenge::new([7; 32]);
const OTHER: Challenge = Challenge::new([8; 32]);

fn site() -> RelyingParty {
    RelyingParty::new("example.com", "Example", &[ORIGIN]).unwrap()
}

fn ada() -> UserId {
    "usr_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c".parse().unwrap()
}

fn bob() -> UserId {
    "usr_0191f0c04c3e7b7a8f3c2d1e0f9a8b7d".parse().unwrap()
}

fn creation(site: &RelyingParty, user: UserId, known: &[&Credential]) -> Value {
    site.registration_options(&ASKED, &NewPasskey { user, name: "ada@example.com", display_name: "Ada", known })
}

fn register(site: &RelyingParty, authenticator: &mut SoftAuthenticator) -> Result<Registered, Refusal> {
    let response = authenticator.create(&creation(site, ada(), &[])).unwrap();
    site.judge_registration(&RegistrationResponse::from_value(&response)?, &[ASKED], &[])
}

/// A site, an authenticator with a passkey of Ada's there, and what was kept of it.
fn registered() -> (RelyingParty, SoftAuthenticator, Registered) {
    let (site, mut authenticator) = (site(), SoftAuthenticator::new(ORIGIN));
    let registered = register(&site, &mut authenticator).unwrap();
    (site, authenticator, registered)
}

fn judge(site: &RelyingParty, response: &Value, of: &Registered) -> Result<Proved, Refusal> {
    judge_as(site, response, of, Sought::Anybody)
}

fn judge_as(site: &RelyingParty, response: &Value, of: &Registered, sought: Sought) -> Result<Proved, Refusal> {
    let kept = Kept { owner: ada(), credential: &of.credential, counter: of.counter };
    site.judge_assertion(&AssertionResponse::from_value(response)?, &[ASKED], sought, &kept)
}

fn sign_in(site: &RelyingParty, authenticator: &mut SoftAuthenticator, of: &Registered) -> Result<Proved, Refusal> {
    let response = authenticator.get(&site.discoverable_options(&ASKED)).unwrap();
    judge(site, &response, of)
}

#[test]
fn a_passkey_is_registered_and_signs_in_without_a_name() {
    let (site, mut authenticator, kept) = registered();
    assert_eq!(kept.credential.id().to_string(), authenticator.key_ids()[0]);
    assert_eq!((kept.counter, kept.credential.is_synced(), kept.credential.is_discoverable()), (0, false, Some(true)));
    assert_eq!(kept.credential.transports().collect::<Vec<_>>(), ["internal", "hybrid"]);
    let response = authenticator.get(&site.discoverable_options(&ASKED)).unwrap();
    let read = AssertionResponse::from_value(&response).unwrap();
    assert_eq!((read.user(), read.credential_id()), (Some(ada()), Some(kept.credential.id())));
    let proved = judge(&site, &response, &kept).unwrap();
    assert_eq!((proved.counter, proved.backed_up, proved.backup_changed), (1, false, false));
}

#[test]
fn a_passkey_answers_for_a_named_user_with_or_without_a_handle() {
    let (site, mut authenticator, mut kept) = registered();
    let options = site.named_options(&ASKED, &[&kept.credential]);
    for handle in [UserHandle::Own, UserHandle::Missing] {
        authenticator.deviations().user_handle = handle;
        let response = authenticator.get(&options).unwrap();
        kept.counter = judge_as(&site, &response, &kept, Sought::Of(ada())).unwrap().counter;
    }
    assert_eq!(kept.counter, 2);
}

#[test]
fn what_is_kept_of_a_passkey_is_read_back_and_judges_the_same() {
    let (site, mut authenticator, kept) = registered();
    let stored = serde_json::to_string(&kept.credential).unwrap();
    let credential: Credential = serde_json::from_str(&stored).unwrap();
    assert_eq!(credential.id(), kept.credential.id());
    assert_eq!(serde_json::to_string(&credential).unwrap(), stored);
    assert!(sign_in(&site, &mut authenticator, &Registered { credential, counter: 0 }).is_ok());
}

#[test]
fn options_ask_for_a_verified_user_and_name_what_the_account_has() {
    let (site, authenticator, kept) = registered();
    let options = &creation(&site, ada(), &[&kept.credential])["publicKey"];
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["authenticatorSelection"]["residentKey"], "preferred");
    assert_eq!(options["attestation"], "none");
    assert_eq!(options["rp"]["id"], "example.com");
    assert_eq!(options["challenge"], "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc");
    assert_eq!(options["excludeCredentials"][0]["id"], authenticator.key_ids()[0]);
    let discoverable = &site.discoverable_options(&ASKED)["publicKey"];
    assert_eq!(discoverable["userVerification"], "required");
    assert_eq!(discoverable["allowCredentials"], serde_json::json!([]));
    let named = &site.named_options(&ASKED, &[&kept.credential])["publicKey"];
    assert_eq!(named["allowCredentials"][0]["id"], authenticator.key_ids()[0]);
    assert_eq!(named["allowCredentials"][0]["transports"], serde_json::json!(["internal", "hybrid"]));
}

#[test]
fn browsers_are_told_which_passkeys_are_left_and_which_is_gone() {
    let (site, authenticator, kept) = registered();
    let (id, signal) = (&authenticator.key_ids()[0], site.accepted_signal(ada(), &[kept.credential.id()]));
    assert_eq!(signal["allAcceptedCredentialIds"], serde_json::json!([id]));
    assert_eq!(signal["rpId"], "example.com");
    assert_eq!(signal["userId"], creation(&site, ada(), &[])["publicKey"]["user"]["id"]);
    let signal = site.unknown_signal(&kept.credential.id());
    assert_eq!(signal, serde_json::json!({"rpId": "example.com", "credentialId": id}));
}

#[test]
fn wa1_a_challenge_of_the_clients_own_another_one_and_none_are_refused() {
    let (site, mut authenticator, kept) = registered();
    let options = site.discoverable_options(&ASKED);
    let own = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let padded = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
    let other_bits = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwd";
    for challenge in [own, "", padded, other_bits] {
        authenticator.deviations().challenge = Some(challenge.to_owned());
        let response = authenticator.get(&options).unwrap();
        assert_eq!(judge(&site, &response, &kept), Err(Refusal::OtherChallenge), "{challenge}");
        let response = authenticator.create(&creation(&site, ada(), &[])).unwrap();
        let response = RegistrationResponse::from_value(&response).unwrap();
        let judged = site.judge_registration(&response, &[ASKED], &[]).map(drop);
        assert_eq!(judged, Err(Refusal::OtherChallenge), "{challenge}");
    }
}

#[test]
fn wa1_only_the_challenges_that_are_given_count() {
    let (site, mut authenticator, kept) = registered();
    let response = authenticator.get(&site.discoverable_options(&ASKED)).unwrap();
    let response = AssertionResponse::from_value(&response).unwrap();
    let known = Kept { owner: ada(), credential: &kept.credential, counter: 0 };
    let with = |given: &[Challenge]| site.judge_assertion(&response, given, Sought::Anybody, &known).map(drop);
    assert_eq!(with(&[]), Err(Refusal::OtherChallenge));
    assert_eq!(with(&[OTHER]), Err(Refusal::OtherChallenge));
    assert_eq!(with(&[OTHER, ASKED]), Ok(()), "this window's or the former's");
    let response = authenticator.create(&creation(&site, ada(), &[])).unwrap();
    let response = RegistrationResponse::from_value(&response).unwrap();
    let with = |given: &[Challenge]| site.judge_registration(&response, given, &[]).map(drop);
    assert_eq!(with(&[]), Err(Refusal::OtherChallenge));
    assert_eq!(with(&[OTHER]), Err(Refusal::OtherChallenge));
    assert_eq!(with(&[OTHER, ASKED]), Ok(()));
}

#[test]
fn wa1_a_response_of_one_ceremony_is_none_of_the_other() {
    let (site, mut authenticator, kept) = registered();
    authenticator.deviations().kind = Some("webauthn.create".to_owned());
    assert_eq!(sign_in(&site, &mut authenticator, &kept), Err(Refusal::OtherCeremony));
    authenticator.deviations().kind = Some("webauthn.get".to_owned());
    assert_eq!(register(&site, &mut authenticator).map(drop), Err(Refusal::OtherCeremony));
    authenticator.deviations().kind = Some("payment.get".to_owned());
    assert_eq!(sign_in(&site, &mut authenticator, &kept), Err(Refusal::OtherCeremony));
}

/// Origins that are not `https://example.com`, though each looks like it to somebody.
const FOREIGN: [&str; 17] = [
    "https://evil-example.com",
    "https://evilexample.com",
    "https://example.com.evil.test",
    "https://x.example.com",
    "https://www.example.com",
    "https://example.com:444",
    "https://example.com:443",
    "http://example.com",
    "https://example.com.",
    "https://example.com/",
    "https://example.com/path",
    "https://ada@example.com",
    "HTTPS://EXAMPLE.COM",
    "https://ex\u{e4}mple.com",
    "https://\u{435}xample.com",
    "null",
    "",
];

#[test]
fn wa3_neither_a_lookalike_nor_a_subdomain_nor_another_port_nor_http_is_the_origin() {
    let (site, mut authenticator, kept) = registered();
    for origin in FOREIGN {
        authenticator.visit(origin);
        assert_eq!(sign_in(&site, &mut authenticator, &kept), Err(Refusal::OtherOrigin), "{origin}");
        let made = register(&site, &mut SoftAuthenticator::new(origin)).map(drop);
        assert_eq!(made, Err(Refusal::OtherOrigin), "{origin}");
    }
}

#[test]
fn wa3_a_related_origin_is_taken_and_only_when_listed() {
    let related = "https://example.nl";
    let (alone, mut authenticator, kept) = registered();
    let site = RelyingParty::new("example.com", "Example", &[ORIGIN, related]).unwrap();
    authenticator.visit(related);
    assert_eq!(sign_in(&alone, &mut authenticator, &kept), Err(Refusal::OtherOrigin));
    assert!(sign_in(&site, &mut authenticator, &kept).is_ok());
    authenticator.visit("https://www.example.nl");
    assert_eq!(sign_in(&site, &mut authenticator, &kept), Err(Refusal::OtherOrigin));
}

#[test]
fn wa3_another_rp_id_hash_is_refused() {
    let (site, mut authenticator, kept) = registered();
    for id in ["evil-example.com", "www.example.com", "com", "https://example.com", "EXAMPLE.COM", ""] {
        authenticator.deviations().rp_id = Some(id.to_owned());
        assert_eq!(sign_in(&site, &mut authenticator, &kept), Err(Refusal::OtherRelyingParty), "{id}");
        let made = register(&site, &mut authenticator.clone()).map(drop);
        assert_eq!(made, Err(Refusal::OtherRelyingParty), "{id}");
    }
}

#[test]
fn wa3_cross_origin_true_is_refused() {
    let (site, mut authenticator, kept) = registered();
    authenticator.deviations().cross_origin = true;
    assert_eq!(sign_in(&site, &mut authenticator, &kept), Err(Refusal::CrossOrigin));
    assert_eq!(register(&site, &mut authenticator.clone()).map(drop), Err(Refusal::CrossOrigin));
    authenticator.deviations().cross_origin = false;
    authenticator.deviations().top_origin = Some("https://evil.test".to_owned());
    assert_eq!(sign_in(&site, &mut authenticator, &kept), Err(Refusal::CrossOrigin));
    assert_eq!(register(&site, &mut authenticator.clone()).map(drop), Err(Refusal::CrossOrigin));
}

#[test]
fn wa5_a_passkey_that_the_account_has_is_not_registered_again() {
    let (site, mut authenticator, kept) = registered();
    let excluding = creation(&site, ada(), &[&kept.credential]);
    assert_eq!(authenticator.create(&excluding), Err(SoftError::Excluded), "a browser says so itself");
    // A client that does not care: the same registration is sent again.
    let mut stranger = SoftAuthenticator::new(ORIGIN);
    let response = stranger.create(&creation(&site, ada(), &[])).unwrap();
    let response = RegistrationResponse::from_value(&response).unwrap();
    let first = site.judge_registration(&response, &[ASKED], &[]).unwrap();
    let again = site.judge_registration(&response, &[ASKED], &[kept.credential.id(), first.credential.id()]);
    assert_eq!(again.map(drop), Err(Refusal::Known));
}

#[test]
fn wa5_one_credential_has_one_place_in_a_realm_whoever_registers_it() {
    let id = CredentialId::new(&[1, 2, 3]).unwrap();
    let place = id.digest(RealmId::DEFAULT, "example.com");
    assert_eq!(place, CredentialId::new(&[1, 2, 3]).unwrap().digest(RealmId::DEFAULT, "example.com"));
    assert_ne!(place, id.digest(RealmId::DEFAULT, "example.nl"));
    assert_ne!(place, id.digest("rlm_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c".parse().unwrap(), "example.com"));
    assert_ne!(place, CredentialId::new(&[1, 2, 4]).unwrap().digest(RealmId::DEFAULT, "example.com"));
}

#[test]
fn wa5_a_counter_that_goes_back_or_stands_still_is_refused_with_its_numbers() {
    let (site, mut authenticator, mut kept) = registered();
    kept.counter = 5;
    for (last, sent) in [(0, 1), (3, 4), (4, 5)] {
        authenticator.set_counter(Some(last));
        let refused = Err(Refusal::CounterWentBack { kept: 5, sent });
        assert_eq!(sign_in(&site, &mut authenticator, &kept), refused, "{sent}");
    }
    authenticator.set_counter(None);
    let refused = Err(Refusal::CounterWentBack { kept: 5, sent: 0 });
    assert_eq!(sign_in(&site, &mut authenticator, &kept), refused, "one that counted says zero");
    authenticator.set_counter(Some(5));
    assert_eq!(sign_in(&site, &mut authenticator, &kept).map(|proved| proved.counter), Ok(6));
    authenticator.set_counter(Some(u32::MAX - 1));
    assert_eq!(sign_in(&site, &mut authenticator, &kept).map(|proved| proved.counter), Ok(u32::MAX));
}

#[test]
fn wa5_a_copy_of_a_device_is_told_by_its_counter() {
    let (site, mut authenticator, mut kept) = registered();
    let mut copy = authenticator.clone();
    kept.counter = sign_in(&site, &mut authenticator, &kept).unwrap().counter;
    let refused = Err(Refusal::CounterWentBack { kept: 1, sent: 1 });
    assert_eq!(sign_in(&site, &mut copy, &kept), refused);
}

#[test]
fn wa5_a_counter_that_went_back_is_told_only_of_a_right_signature() {
    let (site, _, mut kept) = registered();
    kept.counter = 5;
    let mut stranger = SoftAuthenticator::new(ORIGIN);
    let theirs = register(&site, &mut stranger).unwrap();
    let mut response = stranger.get(&site.discoverable_options(&ASKED)).unwrap();
    assert_eq!(response["rawId"], theirs.credential.id().to_string());
    response["rawId"] = kept.credential.id().to_string().into();
    assert_eq!(judge(&site, &response, &kept), Err(Refusal::Signature));
}

#[test]
fn wa5_counters_that_stay_zero_are_fine() {
    let (site, mut authenticator) = (site(), SoftAuthenticator::new(ORIGIN));
    authenticator.set_counter(None);
    let kept = register(&site, &mut authenticator).unwrap();
    for _ in 0..3 {
        assert_eq!(sign_in(&site, &mut authenticator, &kept).map(|proved| proved.counter), Ok(0));
    }
}

#[test]
fn the_counter_of_a_registration_is_kept_beside_the_passkey() {
    let (site, mut authenticator) = (site(), SoftAuthenticator::new(ORIGIN));
    authenticator.set_counter(Some(41));
    let kept = register(&site, &mut authenticator).unwrap();
    assert_eq!(kept.counter, 41);
    assert_eq!(sign_in(&site, &mut authenticator, &kept).map(|proved| proved.counter), Ok(42));
    authenticator.set_counter(Some(10));
    let refused = Err(Refusal::CounterWentBack { kept: 41, sent: 11 });
    assert_eq!(sign_in(&site, &mut authenticator, &kept), refused);
}

#[test]
fn transports_are_kept_as_hints_in_known_words_and_not_without_end() {
    let (site, mut authenticator) = (site(), SoftAuthenticator::new(ORIGIN));
    let mut response = authenticator.create(&creation(&site, ada(), &[])).unwrap();
    let mut transports_of = |transports: Value| {
        response["response"]["transports"] = transports;
        let response = RegistrationResponse::from_value(&response).unwrap();
        let credential = site.judge_registration(&response, &[ASKED], &[]).unwrap().credential;
        credential.transports().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(transports_of(serde_json::json!(["usb", "cable", "nfc"])), ["usb", "nfc"]);
    assert_eq!(transports_of(serde_json::json!(["usb"])), ["usb"]);
    assert_eq!(transports_of(serde_json::json!(vec!["ble"; 500])).len(), 8);
    assert_eq!(transports_of(Value::Null), [""; 0]);
}

#[test]
fn a_user_who_was_not_verified_or_not_there_is_refused() {
    let (site, mut authenticator, kept) = registered();
    authenticator.set_user_verified(false);
    assert_eq!(sign_in(&site, &mut authenticator, &kept), Err(Refusal::NotVerified));
    assert_eq!(register(&site, &mut authenticator.clone()).map(drop), Err(Refusal::NotVerified));
    authenticator.set_user_verified(true);
    authenticator.deviations().nobody_present = true;
    assert_eq!(sign_in(&site, &mut authenticator, &kept), Err(Refusal::NobodyPresent));
    assert_eq!(register(&site, &mut authenticator.clone()).map(drop), Err(Refusal::NobodyPresent));
}

#[test]
fn a_user_handle_of_somebody_else_is_refused() {
    let (site, mut authenticator, kept) = registered();
    let options = site.discoverable_options(&ASKED);
    for handle in [bob().to_string().into_bytes(), vec![], vec![0; 16], vec![0; 64]] {
        authenticator.deviations().user_handle = UserHandle::Other(handle);
        let response = authenticator.get(&options).unwrap();
        assert_eq!(judge(&site, &response, &kept), Err(Refusal::OtherUser));
        assert_eq!(judge_as(&site, &response, &kept, Sought::Of(ada())), Err(Refusal::OtherUser));
    }
    authenticator.deviations().user_handle = UserHandle::Missing;
    let response = authenticator.get(&options).unwrap();
    assert_eq!(judge(&site, &response, &kept), Err(Refusal::OtherUser), "nobody was named, so the key must name them");
    authenticator.deviations().user_handle = UserHandle::Own;
    let response = authenticator.get(&options).unwrap();
    assert_eq!(judge_as(&site, &response, &kept, Sought::Of(bob())), Err(Refusal::OtherUser));
}

#[test]
fn a_passkey_that_is_kept_as_anothers_does_not_answer_for_who_was_asked() {
    let (site, mut authenticator, registered) = registered();
    let kept = Kept { owner: bob(), credential: &registered.credential, counter: 0 };
    for handle in [UserHandle::Missing, UserHandle::Own] {
        authenticator.deviations().user_handle = handle;
        let response = authenticator.get(&site.discoverable_options(&ASKED)).unwrap();
        let response = AssertionResponse::from_value(&response).unwrap();
        for sought in [Sought::Of(ada()), Sought::Anybody] {
            let judged = site.judge_assertion(&response, &[ASKED], sought, &kept);
            assert_eq!(judged, Err(Refusal::OtherUser), "{sought:?}");
        }
    }
}

#[test]
fn a_passkey_of_another_credential_or_key_is_refused() {
    let (site, mut authenticator, kept) = registered();
    let mut stranger = SoftAuthenticator::new(ORIGIN);
    register(&site, &mut stranger).unwrap();
    let response = stranger.get(&site.discoverable_options(&ASKED)).unwrap();
    assert_eq!(judge(&site, &response, &kept), Err(Refusal::OtherCredential));
    let own = authenticator.get(&site.discoverable_options(&ASKED)).unwrap();
    let mut mixed = own.clone();
    mixed["response"]["signature"] = response["response"]["signature"].clone();
    assert_eq!(judge(&site, &mixed, &kept), Err(Refusal::Signature));
    assert!(judge(&site, &own, &kept).is_ok());
}

#[test]
fn a_key_that_could_not_be_backed_up_and_now_can_is_refused() {
    let (site, mut authenticator, kept) = registered();
    authenticator.set_backup(true, false);
    assert_eq!(sign_in(&site, &mut authenticator, &kept), Err(Refusal::Backup));
    let synced = register(&site, &mut authenticator).unwrap();
    authenticator.set_backup(false, false);
    assert_eq!(sign_in(&site, &mut authenticator, &synced), Err(Refusal::Backup));
    authenticator.set_backup(false, true);
    assert_eq!(register(&site, &mut authenticator.clone()).map(drop), Err(Refusal::Backup));
    assert_eq!(sign_in(&site, &mut authenticator, &kept).map(drop), Err(Refusal::OtherCredential));
}

#[test]
fn a_key_that_is_backed_up_since_says_so() {
    let (site, mut authenticator) = (site(), SoftAuthenticator::new(ORIGIN));
    authenticator.set_backup(true, false);
    let mut kept = register(&site, &mut authenticator).unwrap();
    assert!(kept.credential.is_synced() && !kept.credential.is_backed_up());
    authenticator.set_backup(true, true);
    let proved = sign_in(&site, &mut authenticator, &kept).unwrap();
    assert!(proved.backed_up && proved.backup_changed);
    kept.credential.set_backed_up(proved.backed_up);
    assert!(!sign_in(&site, &mut authenticator, &kept).unwrap().backup_changed);
}

#[test]
fn the_model_is_known_by_its_aaguid_though_nothing_attests_it() {
    let (site, mut authenticator) = (site(), SoftAuthenticator::new(ORIGIN));
    assert_eq!(register(&site, &mut authenticator).unwrap().credential.model(), None);
    let icloud: [u8; 16] = *b"\xfb\xfc\x30\x07\x15\x4e\x4e\xcc\x8c\x0b\x6e\x02\x05\x57\xd7\xbd";
    authenticator.set_aaguid(icloud);
    let credential = register(&site, &mut authenticator).unwrap().credential;
    assert_eq!((credential.aaguid().as_bytes(), credential.model()), (&icloud, Some("iCloud Keychain")));
}

#[test]
fn ot6_an_empty_blank_or_long_response_is_none() {
    let long = format!("{}\"{}\"{}", "[".repeat(3), "a".repeat(17_000), "]".repeat(3));
    let deep = "[".repeat(8_000);
    for text in ["", " ", "null", "{}", "[]", "\"\"", "0", "{\"id\":\"\"}", &long, &deep] {
        assert_eq!(AssertionResponse::read(text).map(drop), Err(Refusal::Unreadable), "{:.20}", text);
        assert_eq!(RegistrationResponse::read(text).map(drop), Err(Refusal::Unreadable), "{:.20}", text);
    }
    let (site, mut authenticator, _) = registered();
    let response = authenticator.get(&site.discoverable_options(&ASKED)).unwrap();
    assert!(AssertionResponse::read(&response.to_string()).is_ok());
    let mut padded = response.clone();
    padded["more"] = "a".repeat(16 * 1024).into();
    assert_eq!(AssertionResponse::read(&padded.to_string()).map(drop), Err(Refusal::Unreadable));
    for (member, value) in [("type", "password"), ("rawId", "*"), ("rawId", "A")] {
        let mut wrong = response.clone();
        wrong[member] = value.into();
        assert_eq!(AssertionResponse::from_value(&wrong).map(drop), Err(Refusal::Unreadable), "{member}");
    }
    for member in ["clientDataJSON", "authenticatorData", "signature"] {
        let mut wrong = response.clone();
        wrong["response"].as_object_mut().unwrap().remove(member);
        assert_eq!(AssertionResponse::from_value(&wrong).map(drop), Err(Refusal::Unreadable), "{member}");
    }
}
