//! Whether the process lives, and whether it can serve.

use axum::extract::State;
use axum::http::header::{ACCEPT, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use crate::web::Web;

pub(crate) fn routes() -> Router<Web> {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready))
}

/// The truth within a second, and not a word about causes: those are in the log.
async fn ready(State(web): State<Web>, headers: HeaderMap) -> Response {
    let readiness = web.identity().readiness().await;
    let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = if wants_json(&headers) {
        let parts = readiness.parts().into_iter();
        let parts: Map<String, Value> = parts.map(|(name, is)| (name.to_owned(), is.as_str().into())).collect();
        Json(json!({ "ready": readiness.is_ready(), "parts": parts })).into_response()
    } else {
        (if readiness.is_ready() { "ready\n" } else { "not ready\n" }).into_response()
    };
    (status, [(VARY, "accept")], body).into_response()
}

fn wants_json(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/json"))
}
