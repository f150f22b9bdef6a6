//! An authenticator app that scanned the link shows the codes that are right, and knows nothing of what checks them.

use ciam_core::clock::Timestamp;
use ciam_core::testing::FixedEntropy;
use ciam_mfa::testing::{SoftError, TotpApp};
use ciam_mfa::totp::{Algorithm, Parameters, TotpKey};
use proptest::prelude::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

/// RFC 6238 appendix B, of the seeds there: that of SHA-1 in base32 is `GEZDGNBV…`.
#[test]
fn the_app_shows_the_codes_of_rfc_6238_appendix_b() {
    let sha1 = "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits=8";
    let sha256 =
        "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA&digits=8&algorithm=SHA256";
    for (uri, codes) in [(sha1, ["94287082", "07081804", "65353130"]), (sha256, ["46119246", "68084774", "77737706"])] {
        let app = TotpApp::from_uri(uri).unwrap();
        for (seconds, code) in [59, 1_111_111_109, 20_000_000_000].into_iter().zip(codes) {
            assert_eq!(app.code_at(at(seconds)), code, "{uri} at {seconds}");
        }
    }
}

#[test]
fn a_fresh_key_that_was_scanned_shows_what_is_right() {
    let key = TotpKey::draw(&FixedEntropy::new(3));
    let app = TotpApp::from_uri(key.offer("The shop", "ada@example.com").unwrap().uri.expose()).unwrap();
    let now = at(1_767_225_600);
    assert_eq!(key.check(&app.code_at(now), now), key.step_at(now));
}

#[test]
fn what_is_no_link_is_not_scanned() {
    for uri in [
        "",
        "https://totp/x?secret=GEZDGNBV",
        "otpauth://hotp/x?secret=GEZDGNBV",
        "otpauth://totp/x",
        "otpauth://totp/x?secret=",
        "otpauth://totp/x?secret=gez0",
        "otpauth://totp/x?secret=GEZDGNBV&digits=ten",
        "otpauth://totp/x?secret=GEZDGNBV&digits=10",
        "otpauth://totp/x?secret=GEZDGNBV&period=0",
        "otpauth://totp/x?secret=GEZDGNBV&algorithm=MD5",
    ] {
        assert_eq!(TotpApp::from_uri(uri).map(drop), Err(SoftError::Malformed), "{uri}");
    }
}

proptest! {
    #[test]
    fn every_key_that_was_scanned_shows_what_is_right(
        seed in proptest::collection::vec(any::<u8>(), 16..=128),
        algorithm in prop_oneof![Just(Algorithm::Sha1), Just(Algorithm::Sha256), Just(Algorithm::Sha512)],
        digits in 6..=8_u8, period in 15..=120_u32, seconds in 0..4_000_000_000_i64, issuer in "\\PC{0,60}",
    ) {
        let key = TotpKey::from_parts(&seed, Parameters::new(algorithm, digits, period).unwrap()).unwrap();
        let app = TotpApp::from_uri(key.offer(&issuer, "ada").unwrap().uri.expose()).unwrap();
        let answered = key.check(&app.code_at(at(seconds)), at(seconds)).unwrap();
        // The code of the step before can be the same one, once in a million.
        prop_assert!(Some(answered) <= key.step_at(at(seconds)));
    }
}
