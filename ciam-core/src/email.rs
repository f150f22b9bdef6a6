//! Email addresses, parsed once at the edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// An email address: syntactically sound, in NFC, its domain an IDNA A-label in lower case.
///
/// Two addresses that differ only in the case of the local part are the same account
/// ([`Email::canonical`]); a `+tag` and dots are significant. Mail goes to the address as it was
/// given, never to the canonical form, so that no folding of letters can send a message to
/// somebody else.
///
/// ```
/// use ciam_core::email::Email;
/// let email: Email = "Ada@BÜCHER.example".parse()?;
/// assert_eq!(email.to_string(), "Ada@xn--bcher-kva.example");
/// assert_eq!(email.canonical(), "ada@xn--bcher-kva.example");
/// assert!("ada@evil.example,b@victim.example".parse::<Email>().is_err());
/// # Ok::<(), ciam_core::email::InvalidEmail>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Email(String);

/// The text is not an email address that mail can be sent to. Echoes nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an email address")]
pub struct InvalidEmail;

/// The longest address, in bytes (RFC 5321 §4.5.3.1.3 less the angle brackets).
const MAX_ADDRESS: usize = 254;
/// The longest local part, in bytes (RFC 5321 §4.5.3.1.1).
const MAX_LOCAL: usize = 64;

impl Email {
    /// The form by which accounts are found and unique.
    #[must_use]
    pub fn canonical(&self) -> String {
        self.0.to_lowercase()
    }

    /// The address in its normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    /// Trims white space around, then wants exactly `local@domain`: one `@`, no quoting, no
    /// comments, no address literal, a domain of at least two labels.
    ///
    /// # Errors
    /// [`InvalidEmail`] for everything else: also for letters that compatibility normalisation
    /// or lower-casing would turn into other ones (a full-width `＠`, the Kelvin sign), with which
    /// one mailbox could be made to look like another's.
    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim_matches([' ', '\t']);
        if text.len() > 4 * MAX_ADDRESS || text.chars().any(is_misleading) {
            return Err(InvalidEmail);
        }
        let text: String = text.nfc().collect();
        let (local, domain) = text.split_once('@').ok_or(InvalidEmail)?;
        if local.is_empty() || local.len() > MAX_LOCAL || domain.contains('@') {
            return Err(InvalidEmail);
        }
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| InvalidEmail)?;
        let address = format!("{local}@{domain}");
        let options =
            email_address::Options::default().with_required_tld().without_domain_literal().without_display_text();
        if address.len() > MAX_ADDRESS
            || email_address::EmailAddress::parse_with_options(&address, options).is_err()
            || domain.rsplit('.').next().is_none_or(|tld| tld.bytes().all(|b| b.is_ascii_digit()))
        {
            return Err(InvalidEmail);
        }
        Ok(Self(address))
    }
}

/// Characters that have no place in an address, or stand for others.
fn is_misleading(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control()
            || matches!(c, ' ' | '"' | '(' | ')' | ',' | ':' | ';' | '<' | '>' | '[' | '\\' | ']');
    }
    let folds_to_ascii = c.to_lowercase().any(|lower| lower.is_ascii());
    c.is_control() || c.is_whitespace() || folds_to_ascii || std::iter::once(c).nfkc().ne(std::iter::once(c).nfc())
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    /// The domain alone: addresses are personal data and logs live long.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Email(..@{})", self.0.rsplit('@').next().unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rg5_what_could_reach_someone_else_is_refused() {
        for text in [
            "",
            "@",
            "a@",
            "@b.example",
            "a@evil.example,b@victim.example",
            "a@evil.example;b@victim.example",
            "a@evil.example b@victim.example",
            "a@b@victim.example",
            "a\u{FF20}victim.example",
            "a@evil.example\u{FE6B}victim.example",
            "a\u{FF20}b@victim.example",
            "a@evil.example\r\nBcc: b@victim.example",
            "a\r\n@victim.example",
            "a@victim.example\0",
            "\"a b\"@victim.example",
            "a(comment)@victim.example",
            "Ada <a@victim.example>",
            "<a@victim.example>",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@localhost",
            "mi\u{212A}e@victim.example",
            "a..b@victim.example",
            ".a@victim.example",
            "a@victim..example",
            "a@-victim.example",
            "a@vic\u{2024}tim.example",
        ] {
            assert_eq!(text.parse::<Email>(), Err(InvalidEmail), "{text:?}");
        }
        assert!(format!("{}@b.example", "a".repeat(65)).parse::<Email>().is_err());
        assert!(format!("a@{}.example", "b.".repeat(150)).parse::<Email>().is_err());
    }

    #[test]
    fn rg3_letters_that_look_alike_stay_different_addresses() {
        let plain: Email = "mike@example.com".parse().unwrap();
        let dotless: Email = "m\u{131}ke@example.com".parse().unwrap();
        assert_ne!(plain.canonical(), dotless.canonical());
        let upper: Email = "MIKE@EXAMPLE.COM".parse().unwrap();
        assert_eq!(plain.canonical(), upper.canonical());
        let tagged: Email = "mike+x@example.com".parse().unwrap();
        assert_ne!(plain.canonical(), tagged.canonical());
    }

    #[test]
    fn domains_are_a_labels_and_text_is_nfc() {
        let email: Email = " Zoe\u{308}@M\u{dc}NCHEN.example ".parse().unwrap();
        assert_eq!(email.as_str(), "Zo\u{eb}@xn--mnchen-3ya.example");
        assert_eq!(format!("{email:?}"), "Email(..@xn--mnchen-3ya.example)");
    }

    proptest! {
        #[test]
        fn parsing_is_stable_and_never_panics(text in "\\PC{0,40}", local in "[a-z0-9.+_-]{1,20}", domain in "[a-zé]{1,10}\\.[a-z]{2,5}") {
            for text in [text, format!("{local}@{domain}")] {
                if let Ok(email) = text.parse::<Email>() {
                    prop_assert_eq!(email.as_str().parse::<Email>(), Ok(email.clone()));
                    prop_assert_eq!(email.canonical().parse::<Email>().map(|e| e.canonical()), Ok(email.canonical()));
                    prop_assert_eq!(email.as_str().matches('@').count(), 1);
                }
            }
        }
    }
}
