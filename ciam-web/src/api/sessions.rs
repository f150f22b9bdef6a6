//! The sessions of the person who asks.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ciam_core::sessions::{SessionId, SessionView};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::NeedsSession;
use crate::current_user::CurrentUser;
use crate::error::{Document, Problem};
use crate::path::Segment;
use crate::web::Web;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::new().routes(routes!(list, end_others)).routes(routes!(end))
}

/// Where a person is signed in.
#[derive(Debug, Serialize, ToSchema)]
struct Sessions {
    /// The sessions that are good, the latest first; `current` marks the one that asks.
    sessions: Vec<SessionView>,
}

/// The sessions of the signed-in person.
#[utoipa::path(get, path = "/api/v1/account/sessions", tag = "account",
    responses((status = 200, description = "The sessions.", body = Sessions), NeedsSession),
    security(("cookie" = []), ("token" = [])))]
async fn list(State(web): State<Web>, user: CurrentUser) -> Result<Json<Sessions>, Problem> {
    let sessions = web.identity().sessions().list(user.id(), Some(user.session().id)).await?;
    Ok(Json(Sessions { sessions }))
}

/// Ends all sessions of the signed-in person but the one that asks.
#[utoipa::path(delete, path = "/api/v1/account/sessions", tag = "account",
    responses((status = 204, description = "All others have ended."), NeedsSession),
    security(("cookie" = []), ("token" = [])))]
async fn end_others(State(web): State<Web>, user: CurrentUser) -> Result<StatusCode, Problem> {
    web.identity().sessions().end_others(&user.cause(), user.id(), user.session().id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends one session of the signed-in person.
#[utoipa::path(delete, path = "/api/v1/account/sessions/{id}", tag = "account",
    params(("id" = String, Path, description = "The session's id.")),
    responses((status = 204, description = "It has ended."),
        (status = 404, description = "The person has no such session (any more).", body = Document,
            content_type = "application/problem+json"),
        NeedsSession),
    security(("cookie" = []), ("token" = [])))]
async fn end(State(web): State<Web>, user: CurrentUser, Segment(id): Segment) -> Result<Response, Problem> {
    let id: SessionId = id.parse().map_err(|_| Problem::not_found())?;
    web.identity().sessions().end(&user.cause(), user.id(), id).await?;
    let cookie = (id == user.session().id).then(|| web.cookies().clear_session());
    Ok((cookie, StatusCode::NO_CONTENT).into_response())
}
