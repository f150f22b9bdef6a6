//! How codes are made of a seed.

use serde::{Deserialize, Serialize};

use super::TotpError;

/// The hash under the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Algorithm {
    /// What every app knows; some take the others for it without a word. HMAC does not lean on SHA-1's broken
    /// resistance to collisions (RFC 4226 appendix B.2).
    #[default]
    Sha1,
    /// For keys that were made elsewhere.
    Sha256,
    /// For keys that were made elsewhere.
    Sha512,
}

impl From<Algorithm> for totp_rs::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha1 => Self::SHA1,
            Algorithm::Sha256 => Self::SHA256,
            Algorithm::Sha512 => Self::SHA512,
        }
    }
}

/// How codes are made: the hash, how many digits, how long a step is.
///
/// The default is SHA-1, 6 digits and 30 seconds (RFC 6238 §4 and §5.2), since apps ignore what differs from it.
/// Other values exist for keys that come from another system. Stored as `{"algorithm":"sha1","digits":6,"period":30}`;
/// values that no key can have do not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Parameters {
    algorithm: Algorithm,
    digits: u8,
    period: u32,
}

impl Parameters {
    /// Parameters of a key that was made elsewhere. The period is in seconds.
    ///
    /// # Errors
    /// [`TotpError::Digits`] outside of 6 to 8; [`TotpError::Period`] outside of 15 to 120 seconds: NIST SP 800-63B-4
    /// §3.1.4.1 lets no code live longer than two minutes.
    pub const fn new(algorithm: Algorithm, digits: u8, period: u32) -> Result<Self, TotpError> {
        match (digits, period) {
            (6..=8, 15..=120) => Ok(Self { algorithm, digits, period }),
            (6..=8, _) => Err(TotpError::Period),
            _ => Err(TotpError::Digits),
        }
    }

    /// The hash under the code.
    #[must_use]
    pub const fn algorithm(self) -> Algorithm {
        self.algorithm
    }

    /// How many digits a code has.
    #[must_use]
    pub const fn digits(self) -> u8 {
        self.digits
    }

    /// How long a step is, in seconds.
    #[must_use]
    pub const fn period(self) -> u32 {
        self.period
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self { algorithm: Algorithm::Sha1, digits: 6, period: 30 }
    }
}

#[derive(Deserialize)]
struct Stored {
    algorithm: Algorithm,
    digits: u8,
    period: u32,
}

impl TryFrom<Stored> for Parameters {
    type Error = TotpError;

    fn try_from(stored: Stored) -> Result<Self, TotpError> {
        Self::new(stored.algorithm, stored.digits, stored.period)
    }
}
