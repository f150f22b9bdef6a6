//! What happens to every request of the mounted application, before and after its handler.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::HttpBody;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{ACCEPT, ALLOW, CONTENT_TYPE, REFERRER_POLICY, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use tower::{Layer, Service};
use tracing::Instrument as _;

use crate::attendance::Attendance;
use crate::error::Problem;
use crate::reader::name_language;
use crate::visitor::HasSignedIn;
use crate::web::Web;
use crate::{cross_site, headers, metrics};

/// Refuses what another site sends, gives extractors the engine, ends a request whose handler panics, and shows
/// problems as the client reads them. A layer over the whole application, so it costs every request of the host's.
#[derive(Debug, Clone)]
pub(crate) struct Attend(pub(crate) Web);

impl<S> Layer<S> for Attend {
    type Service = Attending<S>;

    fn layer(&self, inner: S) -> Attending<S> {
        Attending { web: self.0.clone(), inner }
    }
}

/// A route with [`Attend`] around it.
#[derive(Debug, Clone)]
pub(crate) struct Attending<S> {
    web: Web,
    inner: S,
}

impl<S> Service<Request> for Attending<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // What was polled until it was ready is what is called; its copy waits for the next request.
        let copy = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, copy);
        let web = self.web.clone();
        Box::pin(async move { Ok(attend(web, request, inner).await) })
    }
}

async fn attend<S>(web: Web, mut request: Request, mut next: S) -> Response
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let page = !web.is_api(request.uri().path()) && accepts_html(request.headers());
    let routed = request.extensions().get::<MatchedPath>().is_some();
    let attendance = Attendance::new(&web, request.uri(), request.headers());
    request.extensions_mut().insert(attendance.clone());

    let mut response = if cross_site::is_refused(web.site(), request.method(), request.headers()) {
        cross_site::explain(web.site(), request.headers());
        Problem::cross_site().into_response()
    } else {
        let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
        let span = tracing::info_span!("request", method = metrics::method_name(request.method()), route);
        let served = AssertUnwindSafe(async { next.call(request).await }.instrument(span)).catch_unwind();
        match served.await {
            Ok(Ok(response)) => response,
            Err(_) => after_panic(),
        }
    };
    if !routed && is_bare_not_found(&response) {
        response = Problem::not_found().into_response();
    }
    let signed_in = response.extensions_mut().remove::<HasSignedIn>();
    attendance.guest.close(&web, signed_in, response.headers_mut());
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let wording = attendance.asking.wording(&web).await;
    let headers = std::mem::take(response.headers_mut());
    let shown = page.then(|| web.templates().problem(&problem, &wording)).flatten();
    response = shown.unwrap_or_else(|| problem.response(&wording));
    keep(response.headers_mut(), &headers);
    name_language(response.headers_mut(), &wording);
    headers::protect(response.headers_mut(), web.site().is_secure());
    response
}

/// Adds the headers of ciam's own responses. A layer over ciam's own routes.
pub(crate) async fn protect(State(web): State<Web>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    headers::protect(response.headers_mut(), web.site().is_secure());
    response
}

/// A panic in a handler ends its request, and nothing that it said goes out.
fn after_panic() -> Response {
    tracing::error!("a handler panicked");
    Problem::internal().into_response()
}

/// Whether the client says that it reads HTML.
pub(crate) fn accepts_html(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok()).any(|accept| accept.contains("text/html"))
}

/// What axum answers when no route matches and the host has no fallback.
fn is_bare_not_found(response: &Response) -> bool {
    response.status() == StatusCode::NOT_FOUND
        && !response.headers().contains_key(CONTENT_TYPE)
        && response.body().is_end_stream()
}

/// Cookies that a refusal sets or clears, the methods that a route has, and what its address may tell others, belong
/// to a page too.
fn keep(page: &mut HeaderMap, before: &HeaderMap) {
    for name in [SET_COOKIE, ALLOW, REFERRER_POLICY] {
        for value in before.get_all(&name) {
            page.append(name.clone(), value.clone());
        }
    }
}
