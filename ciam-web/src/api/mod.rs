//! The JSON API: the same engine for single-page apps, mobile apps and devices.

mod account;
mod authenticators;
mod events;
mod identifiers;
mod journeys;
mod passwords;
mod profile;
mod refusals;
mod session;
mod sessions;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use ciam_core::config::PathPrefix;
pub(crate) use profile::own_language;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, OpenApi, Server};
use utoipa::{Modify, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;

use crate::error::{Document, Problem, WrongInput};
use crate::web::Web;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Customer identity",
        description = "Journeys (sign-up, sign-in, recovery, a fresh proof, another identifier), the session of the client, \
            and the person's own account. \
            Problems are RFC 9457 documents whose `type` is `urn:ciam:problem:<name>`; each operation names its own. \
            Beside these any request may be refused with 413 `too_large` (it announces a body of more than 64 KiB), \
            414 `target_too_long`, 431 `headers_too_large`, or 500 `internal` (a defect).",
        license(name = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "journeys", description = "Begin a journey, answer its prompts, get a session."),
        (name = "session", description = "The session of this client."),
        (name = "account", description = "The signed-in person's own account.")
    ),
    components(schemas(Document, WrongInput)),
    modifiers(&Schemes)
)]
struct Api;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, api: &mut OpenApi) {
        let cookie = "A browser's session; the cookie is named `__Host-ciam_session` over https.";
        let bearer =
            "A session's token: `prompt.session.token` of a journey that was begun with `\"transport\": \"bearer\"`.";
        let secret = "A journey's `secret`, given when it was begun with `\"transport\": \"bearer\"`.";
        let http = |text: &str| {
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(text)).build())
        };
        let key =
            |name: &str, text: &str| SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(name, text)));
        let components = ComponentsBuilder::from(api.components.take().unwrap_or_default())
            .security_scheme("cookie", key("ciam_session", cookie))
            .security_scheme("token", http(bearer))
            .security_scheme(
                "browser",
                key(
                    "ciam_browser",
                    "What binds journeys to the browser that began them, set by the first; the cookie is named \
                    `__Host-ciam_browser` over https.",
                ),
            )
            .security_scheme("journey", http(secret));
        api.components = Some(components.build());
    }
}

pub(crate) fn routes() -> (Router<Web>, OpenApi) {
    OpenApiRouter::with_openapi(Api::openapi())
        .merge(journeys::routes())
        .merge(session::routes())
        .merge(account::routes())
        .merge(passwords::routes())
        .merge(profile::routes())
        .merge(identifiers::routes())
        .merge(authenticators::routes())
        .merge(events::routes())
        .merge(sessions::routes())
        .split_for_parts()
}

/// The route that serves the description of all others. Below a prefix, that is its server.
pub(crate) fn document(mut api: OpenApi, prefix: &PathPrefix) -> Router<Web> {
    if !prefix.as_str().is_empty() {
        api.servers = Some(vec![Server::new(prefix.as_str())]);
    }
    let text = api.to_json().map(Bytes::from).map_err(|error| tracing::error!(%error, "the API cannot be described"));
    let serve = async move || match text {
        Ok(text) => ([(CONTENT_TYPE, "application/json")], text).into_response(),
        Err(()) => Problem::internal().into_response(),
    };
    Router::new().route("/openapi.json", get(serve))
}
