//! What operators see of requests in figures, and where a collector reads all of them. `docs/metrics.md` lists them.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{ConnectInfo, MatchedPath, Request};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ciam_core::config::PublicUrl;
use ciam_core::secret::{Digest, Secret};

use crate::client;
use crate::error::Problem;
use crate::proxies::is_forwarded;
use crate::web::Web;

/// What every figure is written as: Prometheus' text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Counts and times a request to one of ciam's own routes. A layer over them.
pub(crate) async fn count(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    let method = method_name(request.method());
    let begun = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_str().to_owned();
    let took = begun.elapsed().as_secs_f64();
    metrics::histogram!("ciam_http_request_seconds", "route" => route, "method" => method, "status" => status)
        .record(took);
    response
}

/// The method as a label: strangers may make up their own, and each would be another series.
pub(crate) fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Where the figures come from, and who may read them.
#[derive(Clone)]
pub(crate) struct Figures {
    render: Arc<dyn Fn() -> String + Send + Sync>,
    token: Option<Digest>,
}

impl Figures {
    pub(crate) fn new(render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self { render: Arc::new(render), token: None }
    }

    pub(crate) fn with_token(self, token: &Secret<String>) -> Self {
        Self { token: Some(Digest::of(token.expose().as_bytes())), ..self }
    }

    pub(crate) fn routes(self) -> Router<Web> {
        Router::new().route("/metrics", get(async move |request: Request| self.show(&request)))
    }

    /// Whoever may not read them is not told that they are here.
    fn show(&self, request: &Request) -> Response {
        let may = match &self.token {
            Some(token) => shown(request.headers()).is_some_and(|shown| shown == *token),
            None => is_from_this_machine(request),
        };
        if !may {
            return Problem::not_found().into_response();
        }
        ([(CONTENT_TYPE, TEXT)], (self.render)()).into_response()
    }
}

/// The digest of the token that was shown; digests are compared in constant time.
fn shown(headers: &HeaderMap) -> Option<Digest> {
    client::bearer(headers).filter(|token| !token.is_empty()).map(|token| Digest::of(token.as_bytes()))
}

/// Whether the socket's other end is on this machine, and no proxy on it that speaks for somebody else: a proxy
/// says for whom, or asks for a name that others use.
fn is_from_this_machine(request: &Request) -> bool {
    let headers = request.headers();
    let socket = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    socket.is_some_and(|ConnectInfo(socket)| socket.ip().to_canonical().is_loopback())
        && !is_forwarded(headers)
        && PublicUrl::is_loopback_host(host)
}

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Figures(..)")
    }
}
