//! Where a person goes after a journey: a path of this site, never another one.

/// As long as the engine keeps one.
const MAX_LENGTH: usize = 512;

/// A path of this site, with query and fragment, fit for a `Location` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalPath(String);

impl LocalPath {
    /// The path in `text`, if a browser cannot read anything else in it: it begins with one slash and has
    /// neither a backslash (which browsers take for a slash), nor white space or control characters
    /// (which they drop), nor anything beyond ASCII.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let local = text.starts_with('/') && !text.starts_with("//");
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        (local && plain && text.len() <= MAX_LENGTH).then(|| Self(text.to_owned()))
    }

    /// The path as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// `path?return_to=…`, which leads back here from a journey.
    pub(crate) fn after(&self, path: &str) -> String {
        let start = format!("{path}?");
        let length = start.len();
        form_urlencoded::Serializer::for_suffix(start, length).append_pair("return_to", &self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se6_only_paths_of_this_site_are_local() {
        for path in ["/", "/account", "/orders?id=1&x=%2F%2Fa#top", "/@me", "/a//b", "/a:b"] {
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
            "/a\\b",
            "https://evil.example",
            "javascript:alert(1)",
            "user@evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            " /a",
            "/a b",
            "/a\r\nset-cookie: x=y",
            "/\u{0}",
            "/é",
            "?x",
            "#x",
            "/\u{2028}",
            long.as_str(),
        ] {
            assert_eq!(LocalPath::parse(path), None, "{path:?}");
        }
    }

    #[test]
    fn a_path_is_encoded_in_the_way_back() {
        let path = LocalPath::parse("/orders?a=1&b=2").unwrap();
        assert_eq!(path.after("/sign-in"), "/sign-in?return_to=%2Forders%3Fa%3D1%26b%3D2");
    }
}
