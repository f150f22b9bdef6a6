//! Judging a passkey's response beside the bare check of its signature by `ring`, a code of an app beside the bare
//! HMAC, and what is made for a page.
//!
//! Everything is CPU time of the thread that does the work, so that other work on the machine does not count; what is
//! compared takes turns within one run.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]

use std::hint::black_box;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciam_core::clock::Timestamp;
use ciam_core::entropy::SystemEntropy;
use ciam_core::secret::Digest;
use ciam_core::{RealmId, UserId};
use ciam_mfa::passkeys::{AssertionResponse, Challenge, Kept, NewPasskey, RegistrationResponse, RelyingParty, Sought};
use ciam_mfa::recovery_codes::RecoveryCode;
use ciam_mfa::testing::{SoftAuthenticator, TotpApp};
use ciam_mfa::totp::TotpKey;
use cpu_time::ThreadTime;
use ring::hmac;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde_json::Value;

const ROUNDS: usize = 30;
const ASKED: Challenge = Challenge::new([7; 32]);
const FORMER: Challenge = Challenge::new([8; 32]);

/// CPU time of one call, of a turn of so many.
fn turn(times: u32, work: &mut dyn FnMut()) -> Duration {
    let began = ThreadTime::now();
    for _ in 0..times {
        work();
    }
    began.elapsed() / times
}

/// What is compared, by its name.
type Work<'w> = (&'w str, Box<dyn FnMut() + 'w>);

/// Several works in turns; what one call of each costs in the median, and beside the last of them.
fn compare(title: &str, times: u32, mut works: Vec<Work<'_>>) {
    let mut all: Vec<Vec<Duration>> = vec![Vec::new(); works.len()];
    for _ in 0..ROUNDS {
        for (times_of, (_, work)) in all.iter_mut().zip(&mut works) {
            times_of.push(turn(times, work));
        }
    }
    let micros: Vec<f64> = all
        .into_iter()
        .map(|mut times| {
            times.sort_unstable();
            times[times.len() / 2].as_nanos() as f64 / 1000.0
        })
        .collect();
    println!("{title}");
    for ((name, _), took) in works.iter().zip(&micros) {
        println!("{name:>52} | {took:9.2} µs | ratio {:.2}", took / micros[micros.len() - 1]);
    }
}

/// Lets nothing of a work be left out because nobody looks at what it made.
fn used<T>(made: T) {
    let _ = black_box(made);
}

/// The bytes of one member of a response.
fn bytes(response: &Value, member: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(response["response"][member].as_str().unwrap()).unwrap()
}

fn passkeys() {
    let site = RelyingParty::new("example.com", "Example", &["https://example.com"]).unwrap();
    let user: UserId = "usr_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c".parse().unwrap();
    let mut authenticator = SoftAuthenticator::new("https://example.com");
    let new = NewPasskey { user, name: "ada@example.com", display_name: "Ada", known: &[] };
    let registration = authenticator.create(&site.registration_options(&ASKED, &new)).unwrap();
    let response = RegistrationResponse::from_value(&registration).unwrap();
    let registered = site.judge_registration(&response, &[ASKED], &[]).unwrap();
    let assertion = authenticator.get(&site.discoverable_options(&ASKED)).unwrap();
    let kept = Kept { owner: user, credential: &registered.credential, counter: registered.counter };
    let (assertion_text, registration_text) = (assertion.to_string(), registration.to_string());

    let point = authenticator.public_key(&authenticator.key_ids()[0]).unwrap();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point);
    let signature = bytes(&assertion, "signature");
    let mut signed = bytes(&assertion, "authenticatorData");
    signed.extend_from_slice(Digest::of(&bytes(&assertion, "clientDataJSON")).bytes());

    let judge = |response: &AssertionResponse| {
        used(site.judge_assertion(response, &[FORMER, ASKED], Sought::Anybody, &kept).unwrap());
    };
    let read = AssertionResponse::read(&assertion_text).unwrap();
    compare(
        "an assertion by ES256",
        200,
        vec![
            ("read and judged", Box::new(|| judge(&AssertionResponse::read(&assertion_text).unwrap()))),
            ("judged", Box::new(|| judge(&read))),
            ("refused for its challenge", {
                let refused = || site.judge_assertion(&read, &[FORMER], Sought::Anybody, &kept);
                Box::new(move || used(refused().unwrap_err()))
            }),
            ("the signature of the same bytes, by ring", Box::new(|| key.verify(&signed, &signature).unwrap())),
        ],
    );
    let register = || {
        let response = RegistrationResponse::read(&registration_text).unwrap();
        used(site.judge_registration(&response, &[ASKED], &[]).unwrap());
    };
    compare(
        "what is made and read for a page",
        200,
        vec![
            ("a registration read and judged", Box::new(register)),
            ("options of a registration", Box::new(|| used(site.registration_options(&ASKED, &new)))),
            ("options of a sign-in", Box::new(|| used(site.discoverable_options(&ASKED)))),
        ],
    );
}

fn codes() {
    let key = TotpKey::draw(&SystemEntropy::new());
    let app = TotpApp::from_uri(key.offer("Example", "ada@example.com").unwrap().uri.expose()).unwrap();
    let now = Timestamp::from_micros(1_795_296_597_000_000);
    let right = app.code_at(now);
    let wrong = (0..10).map(|code| format!("{code:06}")).find(|code| key.check(code, now).is_none()).unwrap();
    let mac = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.seed().expose());
    let step = key.step_at(now).unwrap().number();
    let bare = |steps: i64| {
        for step in step - 1..step - 1 + steps {
            black_box(hmac::sign(&mac, &step.to_be_bytes()));
        }
    };
    compare(
        "a code of an app",
        2_000,
        vec![
            ("right, of the present step: two codes made", Box::new(|| used(key.check(&right, now).unwrap()))),
            ("wrong: three codes made", Box::new(|| assert!(black_box(key.check(&wrong, now)).is_none()))),
            ("a seed that was kept, then the check", {
                let check = || TotpKey::from_parts(key.seed().expose(), key.parameters()).unwrap().check(&right, now);
                Box::new(move || used(check().unwrap()))
            }),
            ("three bare HMACs, by ring", Box::new(|| bare(3))),
            ("one bare HMAC, by ring", Box::new(|| bare(1))),
        ],
    );
    compare(
        "a link, a secret and a QR code",
        50,
        vec![("offered", Box::new(|| used(key.offer("Example", "ada@example.com").unwrap())))],
    );

    let user: UserId = "usr_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c".parse().unwrap();
    let entropy = SystemEntropy::new();
    let shown = RecoveryCode::draw_all(&entropy)[0].expose();
    let find = || RecoveryCode::parse(shown.expose()).unwrap().digest(RealmId::DEFAULT, user);
    compare(
        "recovery codes",
        2_000,
        vec![
            ("ten drawn", Box::new(|| used(RecoveryCode::draw_all(&entropy)))),
            ("one read, and its digest", Box::new(move || used(find()))),
            ("one bare digest", Box::new(|| used(Digest::of(shown.expose().as_bytes())))),
        ],
    );
}

fn main() {
    passkeys();
    codes();
}
