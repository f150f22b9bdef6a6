//! Languages: everything that people read is said in one of them.
//!
//! A language is one file of [Fluent](https://projectfluent.org) texts, for pages, messages and errors alike; English
//! and Dutch are built in, and [`CiamBuilder::language`](crate::CiamBuilder::language) adds another one or changes
//! texts of these. What a file leaves out is said in the language it is a variety of (`nl` for `nl-BE`), or in
//! English.
//!
//! ```
//! use ciam_core::language::{Language, Languages};
//! let languages = Languages::builtin();
//! let dutch = languages.wording(&"nl".parse::<Language>()?);
//! assert_eq!(dutch.say("sign-in", &[]), "Inloggen");
//! assert_eq!(languages.negotiate("nl-BE, en;q=0.1").unwrap().as_str(), "nl");
//! # Ok::<(), ciam_core::language::InvalidTag>(())
//! ```

mod accept;
mod devices;
mod languages;
pub(crate) mod source;
mod wording;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unic_langid::{CharacterDirection, LanguageIdentifier};

pub use languages::{InvalidLanguage, Languages};
pub(crate) use wording::arguments;
pub use wording::{Argument, Wording};

/// A language, perhaps as it is written or spoken somewhere: `nl`, `pt-BR`, `zh-Hant` (BCP 47).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Language {
    tag: String,
    id: LanguageIdentifier,
}

/// The text is no tag of a language, such as `nl` or `pt-BR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the tag of a language, such as nl or pt-BR")]
pub struct InvalidTag;

/// Longer tags are not looked at (RFC 5646 §4.4.1 wants at least 35 characters to be taken).
const MAX_TAG: usize = 35;

impl Language {
    /// The tag, in its normal spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.tag
    }

    /// Whether it is written from right to left.
    #[must_use]
    pub fn is_right_to_left(&self) -> bool {
        self.id.character_direction() == CharacterDirection::RTL
    }

    /// The language that this is a variety of: `nl` for `nl-BE`, `zh-Hant` for `zh-Hant-TW`.
    #[must_use]
    pub fn broader(&self) -> Option<Self> {
        let (tag, _) = self.tag.rsplit_once('-')?;
        tag.parse().ok()
    }

    pub(crate) const fn id(&self) -> &LanguageIdentifier {
        &self.id
    }
}

impl FromStr for Language {
    type Err = InvalidTag;

    /// # Errors
    /// [`InvalidTag`] for everything that is no language, a script and a region of it perhaps.
    fn from_str(text: &str) -> Result<Self, InvalidTag> {
        if text.len() > MAX_TAG {
            return Err(InvalidTag);
        }
        let id = LanguageIdentifier::from_bytes(text.as_bytes()).map_err(|_| InvalidTag)?;
        if id.language.is_empty() {
            return Err(InvalidTag);
        }
        Ok(Self { tag: id.to_string(), id })
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tag)
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Language({})", self.tag)
    }
}

impl Serialize for Language {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.tag)
    }
}

impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
