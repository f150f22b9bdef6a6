//! An authenticator app that reads a link and shows codes.

use ciam_core::clock::Timestamp;
use ciam_core::secret::Secret;
use ring::hmac;

use super::SoftError;

/// An authenticator app with one key. It makes its codes by itself, with nothing of what checks them.
///
/// ```
/// use ciam_core::clock::Timestamp;
/// use ciam_mfa::testing::TotpApp;
///
/// let app = TotpApp::from_uri("otpauth://totp/Shop:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Shop")?;
/// assert_eq!(app.code_at(Timestamp::from_micros(59_000_000)), "287082");
/// # Ok::<(), ciam_mfa::testing::SoftError>(())
/// ```
#[derive(Debug, Clone)]
pub struct TotpApp {
    seed: Secret<Vec<u8>>,
    algorithm: hmac::Algorithm,
    digits: u32,
    period: i64,
}

impl TotpApp {
    /// The app that has scanned this link.
    ///
    /// # Errors
    /// [`SoftError::Malformed`] for anything that is no `otpauth://totp/…` link with a secret in base32.
    pub fn from_uri(uri: &str) -> Result<Self, SoftError> {
        let uri = url::Url::parse(uri).map_err(|_| SoftError::Malformed)?;
        if (uri.scheme(), uri.host_str()) != ("otpauth", Some("totp")) {
            return Err(SoftError::Malformed);
        }
        let part = |name| uri.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let number = |name, otherwise: u32| match part(name) {
            Some(text) => text.parse().map_err(|_| SoftError::Malformed),
            None => Ok(otherwise),
        };
        let seed = base32(&part("secret").ok_or(SoftError::Malformed)?).ok_or(SoftError::Malformed)?;
        let algorithm = match part("algorithm").as_deref() {
            None | Some("SHA1") => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Some("SHA256") => hmac::HMAC_SHA256,
            Some("SHA512") => hmac::HMAC_SHA512,
            Some(_) => return Err(SoftError::Malformed),
        };
        match (number("digits", 6)?, number("period", 30)?) {
            (digits @ 6..=8, period @ 1..) => Ok(Self { seed, algorithm, digits, period: period.into() }),
            _ => Err(SoftError::Malformed),
        }
    }

    /// The code that the app shows at a moment (RFC 4226 §5.3, RFC 6238 §4.2).
    #[must_use]
    pub fn code_at(&self, at: Timestamp) -> String {
        let step = at.micros().div_euclid(1_000_000).div_euclid(self.period);
        let tag = hmac::sign(&hmac::Key::new(self.algorithm, self.seed.expose()), &step.to_be_bytes());
        let tag = tag.as_ref();
        let from = usize::from(tag[tag.len() - 1] & 0xf);
        let truncated = tag[from..from + 4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte)) & 0x7fff_ffff;
        format!("{:01$}", truncated % 10_u32.pow(self.digits), self.digits as usize)
    }
}

/// The bytes of a text in base32 (RFC 4648 §6) without padding.
fn base32(text: &str) -> Option<Secret<Vec<u8>>> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut bits, mut held) = (0_u32, 0);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => return None,
        };
        bits = (bits << 5 | u32::from(value)) & 0xfff;
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    (!bytes.is_empty()).then(|| Secret::new(bytes))
}
