//! The JSON API: the same engine for single-page apps, mobile apps and devices.

mod account;
mod journeys;
mod session;
mod sessions;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, OpenApi};
use utoipa::{IntoResponses, Modify, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;

use crate::error::{Document, Problem};
use crate::web::Web;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Customer identity",
        description = "Journeys (sign-up, sign-in), the session of the client, and the person's own account. \
            Problems are RFC 9457 documents whose `type` is `urn:ciam:problem:<name>`.",
        license(name = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "journeys", description = "Begin a journey, answer its prompts, get a session."),
        (name = "session", description = "The session of this client."),
        (name = "account", description = "The signed-in person's own account.")
    ),
    modifiers(&Schemes)
)]
struct Api;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, api: &mut OpenApi) {
        let cookie = "The session's cookie of a browser; `__Host-ciam_session` over https.";
        let bearer = "The session's token of a client that began its journey with `\"transport\": \"bearer\"`.";
        let secret = "The journey's secret of a client that began it with `\"transport\": \"bearer\"`.";
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
                key("ciam_browser", "What binds a browser to its journeys; set when one begins."),
            )
            .security_scheme("journey", http(secret));
        api.components = Some(components.build());
    }
}

/// What any endpoint with a session may answer.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes responses that `Problem` makes")]
enum NeedsSession {
    /// There is no session, or it has ended.
    #[response(status = 401, content_type = "application/problem+json")]
    NoSession(#[to_schema] Document),
    /// The request came from another site's page (`cross_site`).
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(#[to_schema] Document),
    /// Nobody knows at the moment.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(#[to_schema] Document),
}

pub(crate) fn routes() -> (Router<Web>, OpenApi) {
    OpenApiRouter::with_openapi(Api::openapi())
        .merge(journeys::routes())
        .merge(session::routes())
        .merge(account::routes())
        .merge(sessions::routes())
        .split_for_parts()
}

/// The route that serves the description of all others.
pub(crate) fn document(api: &OpenApi) -> Router<Web> {
    let text = api.to_json().map(Bytes::from).map_err(|error| tracing::error!(%error, "the API cannot be described"));
    let serve = async move || match text {
        Ok(text) => ([(CONTENT_TYPE, "application/json")], text).into_response(),
        Err(()) => Problem::internal().into_response(),
    };
    Router::new().route("/openapi.json", get(serve))
}
