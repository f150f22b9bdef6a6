//! The cross-site rule: what changes something comes from this site's own pages, or from no browser.

use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, Method};

/// Whether another site's page sent this request (Fetch Metadata; the `Origin` of RFC 6454 §7, where `null` is
/// nobody's), and it is not of a method that RFC 9110 §9.2.1 calls safe. A request with neither header is no
/// browser's.
pub(crate) fn is_refused(own_origin: &str, method: &Method, headers: &HeaderMap) -> bool {
    let safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
    let strange_fetch = || headers.get_all("sec-fetch-site").iter().any(|site| site != "same-origin" && site != "none");
    let strange_origin = || headers.get_all(ORIGIN).iter().any(|origin| origin.as_bytes() != own_origin.as_bytes());
    !safe && (strange_fetch() || strange_origin())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn refused(headers: &[(&'static str, &'static str)]) -> bool {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        is_refused("https://shop.example", &Method::POST, &headers)
    }

    #[test]
    fn se5_only_the_own_origin_changes_something() {
        for own in [
            &[][..],
            &[("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "none")],
            &[("origin", "https://shop.example")],
            &[("sec-fetch-site", "same-origin"), ("origin", "https://shop.example")],
        ] {
            assert!(!refused(own), "{own:?}");
        }
        for foreign in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "")],
            &[("sec-fetch-site", "Same-Origin ")],
            &[("origin", "null")],
            &[("origin", "")],
            &[("origin", "http://shop.example")],
            &[("origin", "https://shop.example:8443")],
            &[("origin", "https://shop.example.evil.example")],
            &[("origin", "https://evil.example")],
            &[("sec-fetch-site", "none"), ("origin", "https://evil.example")],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://shop.example")],
        ] {
            assert!(refused(foreign), "{foreign:?}");
        }
    }
}
