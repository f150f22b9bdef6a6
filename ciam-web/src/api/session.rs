//! The session of the client that asks.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ciam_core::sessions::{Opened, SessionView};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::refusals;
use crate::current_user::CurrentUser;
use crate::error::Problem;
use crate::signed_in;
use crate::web::Web;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::new().routes(routes!(show, end))
}

/// A session that goes on under a new id and token.
#[derive(Serialize, ToSchema)]
pub(super) struct Renewed {
    #[serde(flatten)]
    session: SessionView,
    /// For a client that keeps its secrets itself: to be sent as `Authorization: Bearer <token>` from now on. It is
    /// shown only once. Browsers have got the cookie instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl Renewed {
    pub(super) fn new(web: &Web, opened: &Opened, bearer: bool) -> Self {
        let session = web.identity().sessions().view(&opened.session, Some(opened.session.id));
        Self { session, token: bearer.then(|| opened.bearer.expose().clone()) }
    }
}

/// The session of this client.
#[utoipa::path(get, path = "/api/v1/session", tag = "session",
    responses((status = 200, description = "The session.", body = SessionView), refusals::Read),
    security(("cookie" = []), ("token" = [])))]
async fn show(State(web): State<Web>, user: CurrentUser) -> Json<SessionView> {
    Json(web.identity().sessions().view(user.session(), Some(user.session().id)))
}

/// Signs this client out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session",
    responses((status = 204, description = "The session has ended."), refusals::Change),
    security(("cookie" = []), ("token" = [])))]
async fn end(State(web): State<Web>, user: Option<CurrentUser>, headers: HeaderMap) -> Result<Response, Problem> {
    let cookies = web.cookies().clear_sent(&headers);
    let Some(user) = user else { return Ok((cookies, Problem::no_session()).into_response()) };
    signed_in::end(&web, &user).await?;
    Ok((cookies, StatusCode::NO_CONTENT).into_response())
}
