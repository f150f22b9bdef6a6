//! The path below which ciam's own pages and API lie.

/// The path below which ciam's own pages and API lie, such as `/auth`; empty when they lie at the root.
///
/// ```
/// use ciam_core::config::PathPrefix;
/// let prefix = PathPrefix::parse("/auth/")?;
/// assert_eq!(prefix.join("/sign-in"), "/auth/sign-in");
/// assert_eq!(PathPrefix::default().join("/sign-in"), "/sign-in");
/// assert!(PathPrefix::parse("auth").is_err() && PathPrefix::parse("/a/../b").is_err());
/// # Ok::<(), ciam_core::config::InvalidPathPrefix>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathPrefix(String);

/// The text is no prefix for paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a path prefix is such as /auth: segments of letters, digits, '-', '_', '.' and '~', each after a slash")]
pub struct InvalidPathPrefix;

/// The longest prefix, so that paths below it stay within what a way back may have.
const MAX_LENGTH: usize = 64;

impl PathPrefix {
    /// Reads a prefix, with or without a slash at its end. `/` and nothing at all are the root.
    ///
    /// # Errors
    /// [`InvalidPathPrefix`], also past 64 characters and for the segments `.` and `..`.
    pub fn parse(text: &str) -> Result<Self, InvalidPathPrefix> {
        let text = text.strip_suffix('/').unwrap_or(text);
        if text.is_empty() {
            return Ok(Self::default());
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
        let sound = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain);
        match text.strip_prefix('/') {
            Some(segments) if text.len() <= MAX_LENGTH && segments.split('/').all(sound) => Ok(Self(text.to_owned())),
            _ => Err(InvalidPathPrefix),
        }
    }

    /// The prefix, without a slash at its end; empty at the root.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One of ciam's own paths, below the prefix.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_plain_segments() {
        for (text, prefix) in [("", ""), ("/", ""), ("/auth", "/auth"), ("/a/b-c_d.e~f/", "/a/b-c_d.e~f")] {
            assert_eq!(PathPrefix::parse(text).map(|prefix| prefix.as_str().to_owned()), Ok(prefix.to_owned()));
        }
        let long = format!("/{}", "a".repeat(MAX_LENGTH));
        for text in [
            "auth",
            "//",
            "//evil.example",
            "/a//b",
            "/..",
            "/a/./b",
            "/a b",
            "/{x}",
            "/a?b",
            "/a#b",
            "/%61",
            "/é",
            &long,
        ] {
            assert_eq!(PathPrefix::parse(text), Err(InvalidPathPrefix), "{text}");
        }
    }
}
