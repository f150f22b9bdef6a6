//! The cookies: the session's, the one that binds journeys to a browser, a guest's, and the one by which accounts know a
//! device.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::response::{IntoResponseParts, ResponseParts};
use ciam_core::UserId;
use ciam_core::config::{Config, PublicUrl};
use ciam_core::devices::KNOWN_FOR;
use ciam_core::secret::{Secret, Verifier};

use crate::visitor::HasSignedIn;

/// For whoever comes back to a journey late: they are told that it has expired.
const LATE: Duration = Duration::from_secs(24 * 3600);

/// How long a guest stays the same one.
const GUEST_AGE: Duration = Duration::from_secs(30 * 24 * 3600);

/// The names of the cookies and their attributes.
///
/// Over TLS the names begin with `__Host-`, so that no other host, not even a subdomain, can set them
/// (RFC 6265bis §4.1.3.2). Over plain http, which only loopback may use, browsers would refuse that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cookies {
    session: &'static str,
    browser: &'static str,
    guest: &'static str,
    device: &'static str,
    secure: bool,
    browser_age: Duration,
}

impl Cookies {
    /// For this site. What binds a browser lives as long as its journeys may: until the link of a message is
    /// no longer good and a day more, and not less than a journey without messages.
    pub(crate) fn new(config: &Config, site: &PublicUrl) -> Self {
        let secure = site.is_secure();
        let browser_age = config.challenges.link.saturating_add(LATE).max(config.journey);
        let (session, browser, guest, device) = if secure {
            ("__Host-ciam_session", "__Host-ciam_browser", "__Host-ciam_guest", "__Host-ciam_device")
        } else {
            ("ciam_session", "ciam_browser", "ciam_guest", "ciam_device")
        };
        Self { session, browser, guest, device, secure, browser_age }
    }

    /// The session's bearer as the browser sent it, unexamined.
    pub(crate) fn session(self, headers: &HeaderMap) -> Option<&str> {
        find(headers, self.session)
    }

    /// What binds this browser to its journeys.
    pub(crate) fn browser(self, headers: &HeaderMap) -> Option<Verifier> {
        Verifier::parse(find(headers, self.browser)?).ok()
    }

    /// What accounts know this device by that have signed in here.
    pub(crate) fn device(self, headers: &HeaderMap) -> Option<Verifier> {
        Verifier::parse(find(headers, self.device)?).ok()
    }

    /// Lets the device be known for as long as browsers keep a cookie. Signing out does not take it: it opens nothing.
    pub(crate) fn set_device(self, secret: &Verifier) -> SetCookie {
        self.set(self.device, secret.expose().expose(), KNOWN_FOR)
    }

    /// The name of the session's cookie.
    #[cfg(feature = "testing")]
    pub(crate) const fn session_name(self) -> &'static str {
        self.session
    }

    /// What a guest's cookie holds, unexamined.
    pub(crate) fn guest(self, headers: &HeaderMap) -> Option<&str> {
        find(headers, self.guest)
    }

    /// Hands the session's bearer to the browser of a person.
    pub(crate) fn set_session(self, user: UserId, bearer: &Secret<String>, age: Duration) -> SetCookie {
        SetCookie { signed_in: Some(user), ..self.set(self.session, bearer.expose(), age) }
    }

    /// Names the guest who uses the browser.
    pub(crate) fn set_guest(self, text: &str) -> SetCookie {
        self.set(self.guest, text, GUEST_AGE)
    }

    /// Forgets the guest who used the browser.
    pub(crate) fn clear_guest(self) -> SetCookie {
        self.set(self.guest, "", Duration::ZERO)
    }

    /// Takes all from the browser: whoever uses it next has no part in the session, nor in journeys begun, nor in
    /// what a guest left.
    pub(crate) fn clear(self) -> (SetCookie, SetCookie, SetCookie) {
        let clear = |name| self.set(name, "", Duration::ZERO);
        (clear(self.session), clear(self.browser), clear(self.guest))
    }

    /// The same for a client that may have no cookies: takes those that it sent.
    pub(crate) fn clear_sent(self, headers: &HeaderMap) -> (Option<SetCookie>, Option<SetCookie>, Option<SetCookie>) {
        let clear = |name| find(headers, name).map(|_| self.set(name, "", Duration::ZERO));
        (clear(self.session), clear(self.browser), clear(self.guest))
    }

    /// Binds the browser, or binds it for longer.
    pub(crate) fn set_browser(self, verifier: &Verifier) -> SetCookie {
        self.set(self.browser, verifier.expose().expose(), self.browser_age)
    }

    fn set(self, name: &str, value: &str, age: Duration) -> SetCookie {
        let secure = if self.secure { "; Secure" } else { "" };
        let text = format!("{name}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}", age.as_secs());
        let mut header = HeaderValue::from_str(&text).ok();
        if let Some(header) = &mut header {
            header.set_sensitive(true);
        }
        SetCookie { header, signed_in: None }
    }
}

/// A `Set-Cookie` header; several may be set on one response.
#[derive(Debug)]
pub(crate) struct SetCookie {
    header: Option<HeaderValue>,
    /// Who is signed in by it, if it is a session's.
    signed_in: Option<UserId>,
}

impl SetCookie {
    pub(crate) fn header(self) -> Option<HeaderValue> {
        self.header
    }
}

impl IntoResponseParts for SetCookie {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        if let Some(header) = self.header {
            parts.headers_mut().append(SET_COOKIE, header);
        }
        if let Some(user) = self.signed_in {
            parts.extensions_mut().insert(HasSignedIn(user));
        }
        Ok(parts)
    }
}

fn find<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(found, value)| (found == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use ciam_core::id::RecordId;

    use super::*;

    fn cookies(public_url: &str) -> Cookies {
        Cookies::new(&Config::default(), &PublicUrl::parse(public_url).unwrap())
    }

    #[test]
    fn attributes_follow_the_scheme() {
        let text = |cookie: SetCookie| cookie.header.unwrap().to_str().unwrap().to_owned();
        let bearer = Secret::new("abc".to_owned());
        assert_eq!(
            text(cookies("https://shop.example").set_session(
                UserId::from_uuid(ciam_core::uuid::Uuid::nil()),
                &bearer,
                Duration::from_secs(60)
            )),
            "__Host-ciam_session=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            text(cookies("http://localhost:8080").clear().0),
            "ciam_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn the_own_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; xciam_session=2;ciam_session=3; b"));
        headers.append(COOKIE, HeaderValue::from_static("c=4"));
        assert_eq!(cookies("http://localhost:8080").session(&headers), Some("3"));
        assert_eq!(cookies("https://shop.example").session(&headers), None);
        assert_eq!(find(&headers, "c"), Some("4"));
    }
}
