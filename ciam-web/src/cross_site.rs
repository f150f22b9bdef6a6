//! The cross-site rule: what changes something comes from this site's own pages, or from no browser.

use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, HeaderValue, Method};
use ciam_core::config::PublicUrl;

/// Whether another site's page sent this request (Fetch Metadata; the `Origin` of RFC 6454 §7, where `null` is
/// nobody's), and it is not of a method that RFC 9110 §9.2.1 calls safe. A request with neither header is no
/// browser's.
pub(crate) fn is_refused(site: &PublicUrl, method: &Method, headers: &HeaderMap) -> bool {
    let safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
    let strange_fetch = || headers.get_all("sec-fetch-site").iter().any(|site| site != "same-origin" && site != "none");
    let own = |origin: &HeaderValue| origin.to_str().is_ok_and(|origin| site.is_own_origin(origin));
    let strange_origin = || !headers.get_all(ORIGIN).iter().all(own);
    !safe && (strange_fetch() || strange_origin())
}

/// Says on a developer's machine what was refused and what mends it: a server that was moved to another port looks like
/// another site to its own pages. Anywhere else strangers could fill the log with it.
pub(crate) fn explain(site: &PublicUrl, headers: &HeaderMap) {
    if site.is_loopback() {
        tracing::warn!(
            origin = headers.get(ORIGIN).map(tracing::field::debug),
            public_url = site.origin(),
            "refused what another site's page sent; if it was this site's own page, tell the builder the address in \
             the browser with .public_url(…)"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;

    fn refused(headers: &[(&'static str, &'static str)]) -> bool {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        is_refused(&PublicUrl::parse("https://shop.example").unwrap(), &Method::POST, &headers)
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
