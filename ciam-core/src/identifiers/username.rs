//! Names that people choose to sign in with.

use std::fmt;
use std::str::FromStr;

use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::Profile;
use serde::{Deserialize, Serialize};

/// A username: 3 to 32 letters, digits and `.`, `_`, `-`, in any script (RFC 8265, UsernameCaseMapped), beginning
/// and ending with a letter or digit.
///
/// Upper and lower case are one name ([`Username::canonical`]). It looks like neither an address nor a phone
/// number, so that one field can take all of them.
///
/// ```
/// use ciam_core::identifiers::Username;
/// let name: Username = "Ada.Lovelace".parse()?;
/// assert_eq!((name.as_str(), name.canonical()), ("Ada.Lovelace", "ada.lovelace"));
/// assert!("ada@example.com".parse::<Username>().is_err());
/// # Ok::<(), ciam_core::identifiers::InvalidUsername>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Username {
    shown: String,
    canonical: String,
}

/// A username as documents hold it: what one can be found by is made of it anew.
#[derive(Deserialize)]
struct Written {
    shown: String,
}

impl TryFrom<Written> for Username {
    type Error = InvalidUsername;

    fn try_from(written: Written) -> Result<Self, InvalidUsername> {
        written.shown.parse()
    }
}

/// The text cannot be a username. Echoes nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a username has 3 to 32 letters, digits, dots, hyphens or underscores")]
pub struct InvalidUsername;

const MIN: usize = 3;
const MAX: usize = 32;

/// Names that people would take for the site's own.
const RESERVED: [&str; 12] = [
    "admin",
    "administrator",
    "help",
    "hostmaster",
    "info",
    "moderator",
    "postmaster",
    "root",
    "security",
    "support",
    "system",
    "webmaster",
];

impl Username {
    /// The form by which accounts are found and unique.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// The name as its owner writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.shown
    }
}

impl FromStr for Username {
    type Err = InvalidUsername;

    /// # Errors
    /// [`InvalidUsername`] also for names that mix scripts with ASCII look-alikes, for digits alone (they look
    /// like phone numbers), and for names that people would take for the site's own, such as `admin`.
    fn from_str(text: &str) -> Result<Self, InvalidUsername> {
        let text = text.trim_matches(' ');
        if text.len() > 4 * MAX {
            return Err(InvalidUsername);
        }
        let shown = UsernameCaseMapped::new().prepare(text).map_err(|_| InvalidUsername)?.into_owned();
        let canonical = UsernameCaseMapped::new().enforce(text).map_err(|_| InvalidUsername)?.into_owned();
        let length = canonical.chars().count();
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
        let sound = (MIN..=MAX).contains(&length)
            && shown.chars().all(allowed)
            && canonical.chars().all(allowed)
            && canonical.starts_with(char::is_alphanumeric)
            && canonical.ends_with(char::is_alphanumeric)
            && canonical.chars().any(char::is_alphabetic)
            && one_script(&canonical)
            && !RESERVED.contains(&canonical.as_str());
        if sound { Ok(Self { shown, canonical }) } else { Err(InvalidUsername) }
    }
}

/// Latin letters stand with no letters of another script: a Cyrillic `а` among them would be a second `ada`.
fn one_script(text: &str) -> bool {
    let letters = || text.chars().filter(|c| c.is_alphabetic());
    let latin = |c: char| c.is_ascii() || ('\u{C0}'..='\u{24F}').contains(&c) || ('\u{1E00}'..='\u{1EFF}').contains(&c);
    letters().all(latin) || !letters().any(latin)
}

impl fmt::Debug for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Username(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rg5_case_is_one_name_and_look_alikes_are_none() {
        let name: Username = " Ada_Lovelace ".parse().unwrap();
        assert_eq!((name.as_str(), name.canonical()), ("Ada_Lovelace", "ada_lovelace"));
        assert_eq!("ADA_LOVELACE".parse::<Username>().unwrap().canonical(), name.canonical());
        assert!("зина".parse::<Username>().is_ok());
        for text in [
            "",
            "ab",
            "a b c",
            "a@b.example",
            "12345",
            ".ada",
            "ada-",
            "admin",
            "Root",
            "аda",
            "ada\u{200B}x",
            "ada\nx",
            &"x".repeat(33),
            "a/b/c",
            "<script>",
        ] {
            assert_eq!(text.parse::<Username>(), Err(InvalidUsername), "{text:?}");
        }
    }

    #[test]
    fn rg5_a_document_holds_no_name_that_the_parser_refuses() {
        let kept = serde_json::to_string(&"Ada_L".parse::<Username>().unwrap()).unwrap();
        assert_eq!(serde_json::from_str::<Username>(&kept).unwrap().canonical(), "ada_l");
        let forged = r#"{"shown": "Mallory", "canonical": "ada_l"}"#;
        assert_eq!(serde_json::from_str::<Username>(forged).unwrap().canonical(), "mallory");
        for text in ["admin", "a@b.example", "ada\\r\\n", "\u{430}da", ""] {
            let forged = format!(r#"{{"shown": "{text}", "canonical": "ada_l"}}"#);
            assert!(serde_json::from_str::<Username>(&forged).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsing_is_stable_and_never_panics(text in "\\PC{0,40}", plain in "[A-Za-z0-9._-]{0,34}") {
            for text in [text, plain] {
                if let Ok(name) = text.parse::<Username>() {
                    prop_assert_eq!(name.as_str().parse::<Username>(), Ok(name.clone()));
                    prop_assert_eq!(name.canonical().parse::<Username>().map(|n| n.canonical), Ok(name.canonical));
                }
            }
        }
    }
}
