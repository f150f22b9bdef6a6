//! Where a person goes after a journey: a path of this site, never another one.

use serde::{Deserialize, Serialize};

/// A path of this site, with query and fragment, fit for a `Location` header: at most 512 characters.
///
/// ```
/// use ciam_core::journeys::LocalPath;
/// assert!(LocalPath::parse("/orders?id=1").is_some());
/// assert!(LocalPath::parse("//evil.example").is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct LocalPath(String);

const MAX_LENGTH: usize = 512;

impl LocalPath {
    /// The path in `text`, if a browser cannot read anything else in it: it begins with one slash and has
    /// neither a backslash (which browsers take for a slash), nor white space or control characters (which they
    /// drop), nor what would end an attribute, nor anything beyond ASCII.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let local = text.starts_with('/') && !text.starts_with("//");
        let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'\\' | b'"' | b'<' | b'>' | b'`');
        (local && text.len() <= MAX_LENGTH && text.bytes().all(plain)).then(|| Self(text.to_owned()))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for LocalPath {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a path of this site"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se6_only_paths_of_the_own_site_are_returned_to() {
        for path in ["/", "/account", "/orders?id=1&x=%2F%2Fevil.example", "/a//b", "/a#b", "/@evil.example", "/a:b"] {
            assert_eq!(LocalPath::parse(path).as_ref().map(LocalPath::as_str), Some(path));
        }
        let long = format!("/{}", "a".repeat(MAX_LENGTH));
        for path in [
            "",
            "account",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/a\r\nset-cookie: x=y",
            " /account",
            "/a b",
            "https://evil.example",
            "javascript:alert(1)",
            "https:evil.example",
            "user@evil.example/",
            "/caf\u{e9}",
            "/\u{2028}",
            "/a\0",
            "/a\\b",
            "/\"onload=\"x",
            "?x",
            "#x",
            long.as_str(),
        ] {
            assert_eq!(LocalPath::parse(path), None, "{path:?}");
            assert!(serde_json::from_value::<LocalPath>(path.into()).is_err());
        }
    }
}
