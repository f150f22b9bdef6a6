//! The way back: where a journey was asked for, carried through its addresses.

use ciam_core::journeys::LocalPath;

/// `to?return_to=…`, which leads back to `path` from a journey.
pub(crate) fn with_way_back(to: &str, path: &LocalPath) -> String {
    let start = format!("{to}?");
    let length = start.len();
    form_urlencoded::Serializer::for_suffix(start, length).append_pair("return_to", path.as_str()).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_encoded_in_the_way_back() {
        let path = LocalPath::parse("/orders?a=1&b=2").unwrap();
        assert_eq!(with_way_back("/sign-in", &path), "/sign-in?return_to=%2Forders%3Fa%3D1%26b%3D2");
    }
}
