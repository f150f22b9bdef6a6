//! Codes to be kept on paper: each opens once what the other factors no longer can.
//!
//! ```
//! use ciam_core::entropy::SystemEntropy;
//! use ciam_core::{RealmId, UserId};
//! use ciam_mfa::recovery_codes::{COUNT, RecoveryCode};
//! # let user: UserId = "usr_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c".parse()?;
//!
//! let codes = RecoveryCode::draw_all(&SystemEntropy::new());
//! assert_eq!(codes.len(), COUNT);
//! let shown = codes[0].expose(); // such as 7K2M-9QXA-…: show it now, it cannot be shown again
//! let kept = codes[0].digest(RealmId::DEFAULT, user);
//! let typed = RecoveryCode::parse(&shown.expose().to_lowercase())?;
//! assert_eq!(typed.digest(RealmId::DEFAULT, user), kept);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A code has 120 random bits. That many cannot be guessed from a digest, however fast the hash is (ASVS 5.0, 6.5.2,
//! asks for a slow one below 112 bits), so a right code is found by its digest and a wrong one costs nothing.

mod authenticator;

use std::fmt;

use ciam_core::entropy::Entropy;
use ciam_core::id::RecordId as _;
use ciam_core::secret::{Digest, Secret};
use ciam_core::{RealmId, UserId};
use zeroize::Zeroize as _;

pub use authenticator::{RecoveryCodeId, RecoveryCodeRecord, RecoveryCodes};

use crate::typed;

/// How many codes are made at once: enough to lose some, few enough to fit on a note.
pub const COUNT: usize = 10;

/// Random bytes of a code: 120 bits, a whole number of characters.
const BYTES: usize = 15;

/// Characters of a code, of five bits each.
const LETTERS: usize = BYTES * 8 / 5;

/// Crockford's base32: digits and letters without I, L, O and U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The text is no recovery code. Says nothing about what was wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a recovery code")]
pub struct NotARecoveryCode;

/// A code that its owner has on paper. It never prints; stores keep its [`RecoveryCode::digest`].
#[derive(Clone)]
pub struct RecoveryCode(Secret<[u8; BYTES]>);

impl RecoveryCode {
    /// A fresh set of [`COUNT`] codes. It takes the place of all codes that the account had before.
    #[must_use]
    pub fn draw_all(entropy: &dyn Entropy) -> Vec<Self> {
        (0..COUNT).map(|_| Self::draw(entropy)).collect()
    }

    fn draw(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; BYTES];
        entropy.fill(&mut bytes);
        let code = Self(Secret::new(bytes));
        bytes.zeroize();
        code
    }

    /// Reads what a person typed: in either case, with or without spaces and hyphens, with `I` or `L` for `1` and
    /// `O` for `0`.
    ///
    /// # Errors
    /// [`NotARecoveryCode`] for anything that is not 24 such characters, the empty text too.
    pub fn parse(typed: &str) -> Result<Self, NotARecoveryCode> {
        let letters = typed::base32(typed, LETTERS).ok_or(NotARecoveryCode)?;
        let mut bytes = [0; BYTES];
        for (group, letters) in bytes.chunks_exact_mut(5).zip(letters.expose().as_bytes().chunks_exact(8)) {
            let mut bits: u64 = 0;
            for letter in letters {
                let value = ALPHABET.iter().position(|known| known == letter).ok_or(NotARecoveryCode)?;
                bits = bits << 5 | value as u64;
            }
            group.copy_from_slice(&bits.to_be_bytes()[3..]);
        }
        let code = Self(Secret::new(bytes));
        bytes.zeroize();
        Ok(code)
    }

    /// The code as it is shown, once: six groups of four characters with hyphens between them.
    #[must_use]
    pub fn expose(&self) -> Secret<String> {
        let mut text = String::with_capacity(LETTERS + LETTERS / 4);
        for group in self.0.expose().chunks_exact(5) {
            let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            for at in (0..8).rev() {
                if at % 4 == 3 && !text.is_empty() {
                    text.push('-');
                }
                text.push(char::from(ALPHABET[(bits >> (5 * at) & 31) as usize]));
            }
        }
        Secret::new(text)
    }

    /// What is kept of a user's code, and what it is found by: the same code of another user has another digest.
    #[must_use]
    pub fn digest(&self, realm: RealmId, user: UserId) -> Digest {
        Digest::of_all(&[b"recovery code", realm.uuid().as_bytes(), user.uuid().as_bytes(), self.0.expose()])
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use ciam_core::testing::FixedEntropy;
    use proptest::prelude::*;

    use super::*;

    const USER: &str = "usr_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c";

    fn of(bytes: [u8; BYTES]) -> RecoveryCode {
        RecoveryCode(Secret::new(bytes))
    }

    fn bytes_of(code: &RecoveryCode) -> [u8; BYTES] {
        *code.0.expose()
    }

    #[test]
    fn ten_codes_are_drawn_and_none_of_them_twice() {
        let codes = RecoveryCode::draw_all(&FixedEntropy::new(7));
        let distinct: std::collections::HashSet<_> = codes.iter().map(bytes_of).collect();
        assert_eq!((codes.len(), distinct.len()), (10, 10));
    }

    #[test]
    fn a_code_is_shown_in_six_groups_of_four_characters() {
        // The bits of the alphabet's first 24 values, one after the other.
        let code = of([0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf, 0x84, 0x65, 0x3a, 0x56, 0xd7]);
        assert_eq!(code.expose().expose(), "0123-4567-89AB-CDEF-GHJK-MNPQ");
    }

    #[test]
    fn a_code_is_read_in_the_ways_that_people_write_it() {
        let code = of([0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf, 0x84, 0x65, 0x3a, 0x56, 0xd7]);
        for typed in [
            "0123-4567-89AB-CDEF-GHJK-MNPQ",
            "0123456789abcdefghjkmnpq",
            " oI23 4567 89ab cdef ghjk mnpq\n",
            "OL23\u{2013}4567\u{a0}89AB-CDEF-ghjk--MNPQ",
        ] {
            assert_eq!(RecoveryCode::parse(typed).map(|typed| bytes_of(&typed)), Ok(bytes_of(&code)), "{typed}");
        }
    }

    #[test]
    fn ot6_an_empty_blank_short_long_or_foreign_text_is_no_code() {
        let long = "0".repeat(4_000);
        for typed in [
            "",
            "   ",
            "------",
            "\u{feff}",
            "0123-4567-89AB-CDEF-GHJK-MNP",
            "0123-4567-89AB-CDEF-GHJK-MNPQ0",
            "0123-4567-89AB-CDEF-GHJK-MNPU",
            "0123-4567-89AB-CDEF-GHJK-MNP*",
            "０123-4567-89AB-CDEF-GHJK-MNPQ",
            &long,
        ] {
            assert!(RecoveryCode::parse(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn a_code_is_kept_for_one_user_of_one_realm() {
        let (user, code): (UserId, _) = (USER.parse().unwrap(), of([1; BYTES]));
        let other: UserId = "usr_0191f0c04c3e7b7a8f3c2d1e0f9a8b7d".parse().unwrap();
        let elsewhere: RealmId = "rlm_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c".parse().unwrap();
        let kept = code.digest(RealmId::DEFAULT, user);
        assert_eq!(kept, of([1; BYTES]).digest(RealmId::DEFAULT, user));
        assert_ne!(kept, of([2; BYTES]).digest(RealmId::DEFAULT, user));
        assert_ne!(kept, code.digest(RealmId::DEFAULT, other));
        assert_ne!(kept, code.digest(elsewhere, user));
    }

    #[test]
    fn lg1_a_code_does_not_print() {
        let code = of([9; BYTES]);
        assert_eq!(format!("{code:?} {:?}", code.expose()), "RecoveryCode(..) Secret(..)");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(bytes in any::<[u8; BYTES]>()) {
            let code = of(bytes);
            let shown = code.expose();
            prop_assert_eq!(bytes_of(&RecoveryCode::parse(shown.expose()).unwrap()), bytes);
            prop_assert_eq!(bytes_of(&RecoveryCode::parse(&shown.expose().to_lowercase()).unwrap()), bytes);
        }

        #[test]
        fn any_text_is_read_or_refused(typed in "\\PC{0,140}") {
            if let Ok(code) = RecoveryCode::parse(&typed) {
                let plain: String = typed.chars().filter(char::is_ascii_alphanumeric).collect();
                let meant = plain.to_ascii_uppercase().replace('O', "0").replace(['I', 'L'], "1");
                prop_assert_eq!(code.expose().expose().replace('-', ""), meant);
            }
        }
    }
}
