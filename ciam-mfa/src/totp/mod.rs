//! Codes of an authenticator app: time-based one-time passwords (RFC 6238).
//!
//! ```
//! use ciam_core::clock::{Clock, SystemClock};
//! use ciam_core::entropy::SystemEntropy;
//! use ciam_mfa::totp::TotpKey;
//!
//! let key = TotpKey::draw(&SystemEntropy::new());
//! let offer = key.offer("Example Shop", "ada@example.com")?; // a QR code, a link, and the secret as text
//! let typed = "123 456";
//! if let Some(step) = key.check(typed, SystemClock.now()) {
//!     // Right, if no code of this step or of a later one was taken before: keep `step.number()`.
//! }
//! # drop(offer);
//! # Ok::<(), ciam_mfa::totp::TotpError>(())
//! ```

mod authenticator;
mod offer;
mod parameters;
mod qr;
#[cfg(test)]
mod tests;

use std::fmt;

use ciam_core::clock::Timestamp;
use ciam_core::entropy::Entropy;
use ciam_core::secret::Secret;
use zeroize::Zeroize as _;

pub use authenticator::{Totp, TotpAuthenticator};
pub use offer::Offer;
pub use parameters::{Algorithm, Parameters};

use crate::typed;

/// How many steps before and after the present one are looked at: clocks of telephones differ, and people type slowly.
/// RFC 6238 §5.2 asks for no more than one.
const WINDOW: u16 = 1;

/// Bytes of a seed that is drawn here: 160 bits, as RFC 4226 §4 (R6) recommends.
const SEED: usize = 20;

/// Why there is no key, or nothing to show of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TotpError {
    /// The seed is shorter than 16 bytes (RFC 4226 §4, R6) or longer than 128: nobody has such a key.
    #[error("a seed has from 16 to 128 bytes")]
    Seed,
    /// A code has 6, 7 or 8 digits (RFC 4226 §5.3).
    #[error("a code has from 6 to 8 digits")]
    Digits,
    /// A code is good for a step of 15 to 120 seconds.
    #[error("a step has from 15 to 120 seconds")]
    Period,
    /// There is no name for the account: the app would show a code of nothing.
    #[error("the account has no name to be shown by")]
    Unnamed,
    /// The link does not fit into a QR code.
    #[error("the link is too long for a QR code")]
    TooLong,
}

/// The number of a step: how many periods have passed since 1970. A later step has a greater number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step(i64);

impl Step {
    /// The number, to be kept as the last one of which a code was taken.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }
}

/// What an account and an authenticator app share: a seed, and how codes are made of it.
///
/// The seed never prints. Keep it sealed, not as a digest: codes cannot be checked without it.
#[derive(Clone)]
pub struct TotpKey {
    seed: Secret<Vec<u8>>,
    parameters: Parameters,
    codes: totp_rs::Totp,
}

impl TotpKey {
    /// A fresh key of 160 bits with the parameters that every app knows ([`Parameters::default`]).
    #[must_use]
    pub fn draw(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; SEED];
        entropy.fill(&mut bytes);
        let key = Self::unchecked(bytes.to_vec(), Parameters::default());
        bytes.zeroize();
        key
    }

    /// The key that was kept, or brought in from another system.
    ///
    /// # Errors
    /// [`TotpError::Seed`] for a seed that is too short or too long.
    pub fn from_parts(seed: &[u8], parameters: Parameters) -> Result<Self, TotpError> {
        if (16..=128).contains(&seed.len()) {
            Ok(Self::unchecked(seed.to_vec(), parameters))
        } else {
            Err(TotpError::Seed)
        }
    }

    fn unchecked(seed: Vec<u8>, parameters: Parameters) -> Self {
        let codes = Self::builder(&seed, parameters).build_noncompliant();
        Self { seed: Secret::new(seed), parameters, codes }
    }

    fn builder(seed: &[u8], parameters: Parameters) -> totp_rs::Builder {
        totp_rs::Builder::new()
            .with_algorithm(parameters.algorithm().into())
            .with_digits(parameters.digits())
            .with_step_duration(parameters.period().into())
            .with_skew(WINDOW)
            .with_secret(seed)
    }

    /// The seed, to be sealed and kept.
    #[must_use]
    pub const fn seed(&self) -> &Secret<Vec<u8>> {
        &self.seed
    }

    /// How codes are made of the seed.
    #[must_use]
    pub const fn parameters(&self) -> Parameters {
        self.parameters
    }

    /// The step that `at` falls into; none before 1970.
    #[must_use]
    pub fn step_at(&self, at: Timestamp) -> Option<Step> {
        let seconds = at.micros().div_euclid(1_000_000);
        (seconds >= 0).then(|| Step(seconds.div_euclid(self.parameters.period().into())))
    }

    /// The step whose code was typed, if it is the present one, the one before or the one after.
    ///
    /// Spaces and hyphens in what was typed do not matter; anything else than the right number of digits never
    /// matches. **The same code answers the same step again**: refuse a step that is not later than the last one
    /// taken (RFC 6238 §5.2), in the unit that counts the proof, or a code that was seen over a shoulder is good
    /// for a minute and a half (CVE-2015-7225, CVE-2021-43177).
    #[must_use]
    pub fn check(&self, typed: &str, at: Timestamp) -> Option<Step> {
        let code = typed::digits(typed, self.parameters.digits().into())?;
        let seconds = u64::try_from(at.micros().div_euclid(1_000_000)).ok()?;
        self.codes.check(code.expose(), seconds).and_then(|step| i64::try_from(step).ok()).map(Step)
    }
}

impl fmt::Debug for TotpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TotpKey").field("parameters", &self.parameters).finish_non_exhaustive()
    }
}
