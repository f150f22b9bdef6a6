//! Phone numbers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A phone number in its international form (ITU-T E.164): `+` and 8 to 15 digits.
///
/// ```
/// use ciam_core::identifiers::Phone;
/// let phone: Phone = "+31 (0)6 1234-5678".parse()?;
/// assert_eq!(phone.as_str(), "+31612345678");
/// assert!("06 12345678".parse::<Phone>().is_err(), "which country's?");
/// # Ok::<(), ciam_core::identifiers::InvalidPhone>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Phone(String);

/// The text is no phone number. Echoes nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a phone number that begins with + and a country's code")]
pub struct InvalidPhone;

/// Longer texts are not looked at.
const MAX_TEXT: usize = 40;

impl Phone {
    /// The number: `+` and digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Phone {
    type Err = InvalidPhone;

    /// Reads a number that begins with `+` or `00` and a country's code. Spaces, hyphens, dots, brackets and
    /// slashes between digits do not matter, nor does a trunk zero in brackets.
    ///
    /// # Errors
    /// [`InvalidPhone`] also for a number that no numbering plan has.
    fn from_str(text: &str) -> Result<Self, InvalidPhone> {
        let text = text.trim();
        let sound = text.len() <= MAX_TEXT
            && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '.' | '(' | ')' | '/'));
        if !sound {
            return Err(InvalidPhone);
        }
        let text = text.replace("(0)", "");
        let international = match text.strip_prefix("00") {
            Some(rest) => format!("+{rest}"),
            None => text,
        };
        if !international.starts_with('+') || international[1..].contains('+') {
            return Err(InvalidPhone);
        }
        let number = phonenumber::parse(None, &international).map_err(|_| InvalidPhone)?;
        if !number.is_valid() {
            return Err(InvalidPhone);
        }
        Ok(Self(number.format().mode(phonenumber::Mode::E164).to_string()))
    }
}

impl<'de> Deserialize<'de> for Phone {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rg5_spellings_of_one_number_are_one_and_nothing_else_is_a_number() {
        for text in ["+31612345678", "+31 6 12345678", "0031 6 1234 5678", "+31 (0)6-12.34.56.78", " +31612345678 "] {
            assert_eq!(text.parse::<Phone>().unwrap().as_str(), "+31612345678", "{text}");
        }
        for text in [
            "",
            "+",
            "0612345678",
            "+31",
            "+999999999999",
            "++31612345678",
            "+31612345678;ext=1",
            "+31６12345678",
            "+316123456781234567",
            "tel:+31612345678",
            "+31612345678\n+31612345679",
        ] {
            assert_eq!(text.parse::<Phone>(), Err(InvalidPhone), "{text:?}");
        }
    }

    #[test]
    fn rg5_a_document_holds_no_number_that_the_parser_refuses() {
        let kept: Phone =
            serde_json::from_str(&serde_json::to_string(&"+31612345678".parse::<Phone>().unwrap()).unwrap()).unwrap();
        assert_eq!(kept.as_str(), "+31612345678");
        for text in ["\"\"", "\"0612345678\"", "\"+31612345678,+31612345679\"", "\"+31612345678\\r\\n1\"", "12"] {
            assert!(serde_json::from_str::<Phone>(text).is_err(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn parsing_is_stable_and_never_panics(text in "\\PC{0,30}", digits in "\\+[0-9 ()./-]{0,20}") {
            for text in [text, digits] {
                if let Ok(phone) = text.parse::<Phone>() {
                    prop_assert_eq!(phone.as_str().parse::<Phone>(), Ok(phone.clone()));
                }
            }
        }
    }
}
