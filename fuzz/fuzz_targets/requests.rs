//! Whole requests, with cookies, forwarding headers, languages, queries and bodies of any kind: every one is answered,
//! and never with 500.
#![no_main]

use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use ciam_core::testing::TestBed;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().enable_all().build().unwrap());
static APP: LazyLock<Router> = LazyLock::new(|| {
    let bed = RUNTIME.block_on(TestBed::new());
    ciam_web::mount(Router::new(), &bed.ciam)
});

const PLACES: [(&str, &str); 12] = [
    ("GET", "/account"),
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("POST", "/sign-up"),
    ("GET", "/recover"),
    ("POST", "/recover"),
    ("GET", "/verify"),
    ("POST", "/verify"),
    ("POST", "/api/v1/journeys"),
    ("POST", "/api/v1/journeys/jny_x"),
    ("GET", "/api/v1/account/sessions"),
    ("POST", "/sign-out"),
];

/// The input's lines: which place, the cookies, the bearer, what is forwarded, the languages, the query; the rest is
/// the body.
fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.splitn(7, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let place = line().first().copied().unwrap_or_default();
    let (method, path) = PLACES[usize::from(place) % PLACES.len()];
    let (cookie, bearer, forwarded, language, query) = (line(), line(), line(), line(), line());
    let body = line().to_vec();
    let kind = if path.starts_with("/api/") { "application/json" } else { "application/x-www-form-urlencoded" };
    let uri = match std::str::from_utf8(query) {
        Ok(query) if !query.is_empty() => format!("{path}?{query}"),
        _ => path.to_owned(),
    };
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header("content-type", kind)
        .header("cookie", cookie)
        .header("authorization", bearer)
        .header("x-forwarded-for", forwarded)
        .header("accept-language", language)
        .body(Body::from(body));
    // What hyper would not let in is not tried.
    let Ok(request) = request else { return };
    let response = RUNTIME.block_on(APP.clone().oneshot(request)).unwrap();
    assert_ne!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
});
