//! What happens to every request of the mounted application, before and after its handler.

use axum::body::HttpBody;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument as _;

use crate::error::Problem;
use crate::reader::{Asking, name_language};
use crate::visitor::{GuestDoor, HasSignedIn};
use crate::web::Web;
use crate::{cross_site, headers, metrics};

/// The path and query as the client sent them, which nested routers shorten.
#[derive(Debug, Clone)]
pub(crate) struct Requested(pub(crate) String);

/// Refuses what another site sends, gives extractors the engine, and shows problems as the client reads them.
pub(crate) async fn attend(State(web): State<Web>, mut request: Request, next: Next) -> Response {
    let page = !web.is_api(request.uri().path()) && accepts_html(request.headers());
    let routed = request.extensions().get::<MatchedPath>().is_some();
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
    request.extensions_mut().insert(Requested(target));
    request.extensions_mut().insert(web.clone());
    let guest = GuestDoor::open(&web, request.headers());
    request.extensions_mut().insert(guest.clone());
    let asking = Asking::new(&web, request.headers());
    request.extensions_mut().insert(asking.clone());

    let mut response = if cross_site::is_refused(web.site(), request.method(), request.headers()) {
        Problem::cross_site().into_response()
    } else {
        let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
        let span = tracing::info_span!("request", method = metrics::method_name(request.method()), route);
        next.run(request).instrument(span).await
    };
    if !routed && is_bare_not_found(&response) {
        response = Problem::not_found().into_response();
    }
    let signed_in = response.extensions_mut().remove::<HasSignedIn>();
    guest.close(&web, signed_in, response.headers_mut());
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let wording = asking.wording(&web).await;
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
pub(crate) fn after_panic(_: Box<dyn std::any::Any + Send>) -> Response {
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

/// Cookies that a refusal sets or clears, and the methods that a route has, belong to a page too.
fn keep(page: &mut HeaderMap, before: &HeaderMap) {
    for name in [axum::http::header::SET_COOKIE, ALLOW] {
        for value in before.get_all(&name) {
            page.append(name.clone(), value.clone());
        }
    }
}
