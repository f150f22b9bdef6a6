//! Who sends a request, as far as HTTP tells.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue};
use ciam_core::events::Origin;
use ciam_core::journeys::Client;
use ciam_core::secret::Verifier;

use crate::attendance::Attendance;
use crate::reader::Asking;
use crate::web::Web;

/// More of a user agent is not even looked at.
const MAX_AGENT: usize = 1024;

/// The client's address, which is the socket's unless a trusted proxy says another, what it calls itself, the language
/// that it asks for, and the application that the request was made to.
pub(crate) fn origin(web: &Web, headers: &HeaderMap, extensions: &Extensions) -> Origin {
    let asking = Attendance::of(extensions).map(|attendance| &attendance.asking);
    described(web, address(web, headers, extensions), headers.get(USER_AGENT), asking)
}

/// The client's address: the socket's, unless a trusted proxy says another.
pub(crate) fn address(web: &Web, headers: &HeaderMap, extensions: &Extensions) -> Option<IpAddr> {
    static UNKNOWN: std::sync::Once = std::sync::Once::new();
    let socket = extensions.get::<ConnectInfo<SocketAddr>>();
    let address = socket.map(|ConnectInfo(socket)| web.proxies().client(socket.ip(), headers));
    if address.is_none() {
        UNKNOWN.call_once(|| {
            tracing::warn!(
                "no client's address is known, so all clients share one limit: serve the app with \
                 into_make_service_with_connect_info::<SocketAddr>()"
            );
        });
    }
    address
}

/// A client as events and messages know it.
pub(crate) fn described(
    web: &Web,
    address: Option<IpAddr>,
    agent: Option<&HeaderValue>,
    asking: Option<&Asking>,
) -> Origin {
    let agent = agent.map(|agent| &agent.as_bytes()[..agent.len().min(MAX_AGENT)]);
    let mut origin = Origin::new(address, agent.map(String::from_utf8_lossy).as_deref());
    origin.application = web.application().id;
    origin.language = asking.and_then(|asking| asking.wanted(web)).cloned();
    origin
}

/// The token of an `Authorization: Bearer` header (RFC 6750 §2.1), unexamined. A client that sends such a header
/// means to be known by it: when its token is none, or there are two, the answer is a token that is good for nothing.
/// Headers of other schemes are a proxy's or a host's own business.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut tokens = headers.get_all(AUTHORIZATION).iter().filter_map(|header| {
        let (scheme, token) = header.as_bytes().split_at_checked(6)?;
        let ends = token.first().is_none_or(|byte| matches!(byte, b' ' | b'\t'));
        (scheme.eq_ignore_ascii_case(b"bearer") && ends).then(|| std::str::from_utf8(token).unwrap_or("").trim())
    });
    let first = tokens.next()?;
    Some(if tokens.next().is_some() { "" } else { first })
}

/// The client of a journey: bound by its cookie, or by the secret that it got at the beginning.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) client: Client,
    /// Whether it keeps its secrets itself and wants no cookies.
    pub(crate) bearer: bool,
}

impl FromRequestParts<Web> for Bound {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Infallible> {
        let secret = bearer(&parts.headers);
        let binding = match secret {
            Some(secret) => Verifier::parse(secret).ok(),
            None => web.cookies().browser(&parts.headers),
        };
        // A client that keeps its secrets itself is not remembered; a browser that has no device's secret gets one
        // when it has signed in.
        let device = secret
            .is_none()
            .then(|| web.cookies().device(&parts.headers).unwrap_or_else(|| web.identity().entropy().verifier()));
        let origin = origin(web, &parts.headers, &parts.extensions);
        Ok(Self { client: Client { binding, origin, device }, bearer: secret.is_some() })
    }
}
