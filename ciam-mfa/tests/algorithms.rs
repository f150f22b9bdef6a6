//! Keys of the other algorithms that are asked for, with signatures that OpenSSL made; and keys that are not taken.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciam_core::UserId;
use ciam_core::secret::Digest;
use ciam_mfa::passkeys::{
    AssertionResponse, Challenge, Kept, Refusal, Registered, RegistrationResponse, RelyingParty, Sought,
};
use serde_json::{Value, json};

const ASKED: Challenge = Challenge::new([7; 32]);
const ID: [u8; 4] = [1, 2, 3, 4];

// Public keys, and their signatures over what `assertion` says, by OpenSSL 3: `dgst -sha256 -sign` with RSA of 2048
// bits, `dgst -sha384 -sign` with P-384. The private keys are gone.
const RSA_MODULUS: &str = "xdoaVizaHrbpTDjC3eWkVA5ctCwjzOA0hv_mjimkByh0UHyZ0XAcoPmgOggC9JfT8FRc3w01rwyfa8jjGsvu20WKUTWK4Pst5gcB\
    fJ-Pd-KIHf5nWydnAVbNTqgqGHjmA3Xvwfa9Oml2Z62NWOotxKbw-MnSWklO1IQMkwna4SZy5VAyCqAfKqPssRBWx4pcspUIY0FE\
    vt9af8qIrT1zVS6NvaxnshewlI-Oli_Ejv8xoU81EbzOVxseHBhWq_j2GQ95UJaFb_ORfdWHKJBI5qQFp7YVcYrr-hqj18UZzdZH\
    AL2kLgCuermSh6MTsppb_BI3Xrc3Ku-MNRvyyf81RQ";
const RS256_SIGNATURE: &str = "a9L0mTbCOT8UG8Oqt-jw0iACxmC1IR12GhluZRfNI2UHRZJFnAsdh-a5QARoE5Jx-fp-Mn3tvDad5bCjWgF8AmKFmiMkKHwdvcRW\
    YcmcXWvT75bTGXwTxxmnYpw6iwkgGEcNq7YZMVDMIuWRMAsga7yiEYeo3vZjbzPGu2MxE6k8gn8RyGxDsXkV2CcMlQwf2Ef6kM6r\
    IBmVxNh7zDfT4BEjEorbdn7sGbuhTWED_G3ZPjgBZdH7G6Q_Gv9vR7FqQOfahIKHN9rRYSplZhipMpfm-Fud2w5N3ERJt6IFdcQd\
    Rcml5oevCVOZkJwEAvkiApEbjB6G1brdVjRMMFLNZw";
const P384_POINT: &str = "JmGcVUnLkZOqW9mBsjFFwsNbM8Df5PawIcvZS_kRmZLSN32puXBUmWXRzyI9p_L3Nv4LesyYS9NOtp114gd60qFOG-cq1k1jYNvq\
    7QpJeMdqTVxhIZ3in52JbN-Y1w_Q";
const ES384_SIGNATURE: &str = "MGUCMQDoMfywGhQjeKSrVkwlPJ0YxpAmFvW5FjXS7NNmw4Ni4Qlv2nisarXH4Q-6Yw6d364CMEHJC9DwctU5IQVGPBMASd1dcT2I\
    _jBTaelKmhne1NPYX5Wisxp2y0-sxveXs-k5og";

fn site() -> RelyingParty {
    RelyingParty::new("example.com", "Example", &["https://example.com"]).unwrap()
}

fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn client_data(kind: &str) -> String {
    let challenge = URL_SAFE_NO_PAD.encode([7; 32]);
    let text =
        format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"https://example.com","crossOrigin":false}}"#);
    URL_SAFE_NO_PAD.encode(text)
}

/// The registration of a key in COSE, by an authenticator that verified its user.
fn registration(cose: &[u8]) -> Result<Registered, Refusal> {
    let hash = Digest::of(b"example.com");
    let mut data = [hash.bytes().as_slice(), &[0x45, 0, 0, 0, 0], &[0; 16], &[0, 4], &ID].concat();
    data.extend_from_slice(cose);
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    let object = [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".as_slice(), &length, &data].concat();
    let response = response(json!({
        "clientDataJSON": client_data("webauthn.create"),
        "attestationObject": URL_SAFE_NO_PAD.encode(object),
    }));
    site().judge_registration(&RegistrationResponse::from_value(&response)?, &[ASKED], &[])
}

fn assertion(of: &Registered, signature: &str) -> Result<u32, Refusal> {
    let owner: UserId = "usr_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c".parse().unwrap();
    let hash = Digest::of(b"example.com");
    let response = response(json!({
        "clientDataJSON": client_data("webauthn.get"),
        "authenticatorData": URL_SAFE_NO_PAD.encode([hash.bytes().as_slice(), &[5, 0, 0, 0, 1]].concat()),
        "signature": signature,
    }));
    let kept = Kept { owner, credential: &of.credential, counter: of.counter };
    let response = AssertionResponse::from_value(&response)?;
    site().judge_assertion(&response, &[ASKED], Sought::Of(owner), &kept).map(|proved| proved.counter)
}

fn response(response: Value) -> Value {
    let id = URL_SAFE_NO_PAD.encode(ID);
    json!({"id": id, "rawId": id, "type": "public-key", "response": response, "clientExtensionResults": {}})
}

/// RFC 8230 §4: key type RSA, RS256, the modulus, the exponent 65537.
fn rsa(modulus: &[u8]) -> Vec<u8> {
    let length = u16::try_from(modulus.len()).unwrap().to_be_bytes();
    [b"\xa4\x01\x03\x03\x39\x01\x00\x20\x59".as_slice(), &length, modulus, b"\x21\x43\x01\x00\x01"].concat()
}

/// RFC 9053 §7.1.1: key type EC2, the algorithm, the curve, both coordinates.
fn ec2(algorithm: &[u8], curve: u8, point: &[u8]) -> Vec<u8> {
    let (x, y) = point.split_at(point.len() / 2);
    let length = [0x58, u8::try_from(x.len()).unwrap()];
    let head = [b"\xa5\x01\x02\x03".as_slice(), algorithm, &[0x20, curve]].concat();
    [&head, b"\x21".as_slice(), &length, x, b"\x22", &length, y].concat()
}

const ES256: &[u8] = b"\x26";
const ES384: &[u8] = b"\x38\x22";

#[test]
fn a_key_of_rs256_signs_in() {
    let kept = registration(&rsa(&decoded(RSA_MODULUS))).unwrap();
    assert_eq!(assertion(&kept, RS256_SIGNATURE), Ok(1));
    assert_eq!(assertion(&kept, ES384_SIGNATURE), Err(Refusal::Signature));
    let mut wrong = decoded(RS256_SIGNATURE);
    wrong[200] ^= 1;
    assert_eq!(assertion(&kept, &URL_SAFE_NO_PAD.encode(wrong)), Err(Refusal::Signature));
}

#[test]
fn a_key_of_es384_signs_in() {
    let kept = registration(&ec2(ES384, 2, &decoded(P384_POINT))).unwrap();
    assert_eq!(assertion(&kept, ES384_SIGNATURE), Ok(1));
    assert_eq!(assertion(&kept, RS256_SIGNATURE), Err(Refusal::Signature));
    let mut wrong = decoded(ES384_SIGNATURE);
    wrong[50] ^= 1;
    assert_eq!(assertion(&kept, &URL_SAFE_NO_PAD.encode(wrong)), Err(Refusal::Signature));
}

#[test]
fn keys_that_are_weak_or_not_asked_for_are_not_taken() {
    let (modulus, point) = (decoded(RSA_MODULUS), decoded(P384_POINT));
    let mut off_the_curve = point.clone();
    off_the_curve[95] ^= 1;
    let ed25519 = [b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20".as_slice(), &[9; 32]].concat();
    for (name, cose) in [
        ("RSA of 1024 bits", rsa(&modulus[..128])),
        ("RSA of 2040 bits", rsa(&modulus[..255])),
        ("a point off the curve", ec2(ES384, 2, &off_the_curve)),
        ("P-384 that says P-256", ec2(ES384, 1, &point)),
        ("the point at infinity", ec2(ES256, 1, &[0; 64])),
        ("ES512", ec2(b"\x38\x23", 3, &[1; 132])),
        ("Ed25519", ed25519),
        ("no key", b"\xa0".to_vec()),
    ] {
        assert_eq!(registration(&cose).map(drop), Err(Refusal::Key), "{name}");
    }
}
