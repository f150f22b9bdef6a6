//! The sessions of the person who asks: where they are signed in.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ciam_core::sessions::{SessionId, SessionView};
use ciam_core::users::DisplayName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::refusals;
use crate::body;
use crate::current_user::CurrentUser;
use crate::error::Problem;
use crate::path::Segment;
use crate::web::Web;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::new().routes(routes!(list, end_others)).routes(routes!(end, rename))
}

/// Where a person is signed in.
#[derive(Debug, Serialize, ToSchema)]
struct Sessions {
    /// The sessions that are good, the latest first; `current` marks the one that asks.
    sessions: Vec<SessionView>,
}

/// The sessions of the signed-in person.
#[utoipa::path(get, path = "/api/v1/account/sessions", tag = "account",
    responses((status = 200, description = "The sessions.", body = Sessions), refusals::Read),
    security(("cookie" = []), ("token" = [])))]
async fn list(State(web): State<Web>, user: CurrentUser) -> Result<Json<Sessions>, Problem> {
    let sessions = web.identity().sessions().list(user.id(), Some(user.session().id)).await?;
    Ok(Json(Sessions { sessions }))
}

/// Ends all sessions of the signed-in person but the one that asks.
#[utoipa::path(delete, path = "/api/v1/account/sessions", tag = "account",
    responses((status = 204, description = "All others have ended."), refusals::Change),
    security(("cookie" = []), ("token" = [])))]
async fn end_others(State(web): State<Web>, user: CurrentUser) -> Result<StatusCode, Problem> {
    web.identity().sessions().end_others(&user.cause(), user.id(), user.session().id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends one session of the signed-in person; the one that asks, too.
#[utoipa::path(delete, path = "/api/v1/account/sessions/{id}", tag = "account",
    params(("id" = String, Path, description = "The session's id.")),
    responses((status = 204, description = "It has ended."),
        refusals::ChangeOne),
    security(("cookie" = []), ("token" = [])))]
async fn end(
    State(web): State<Web>,
    user: CurrentUser,
    Segment(id): Segment,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id: SessionId = id.parse().map_err(|_| Problem::not_found())?;
    web.identity().sessions().end(&user.cause(), user.id(), id).await?;
    let cookies = (id == user.session().id).then(|| web.cookies().clear_sent(&headers));
    Ok((cookies, StatusCode::NO_CONTENT).into_response())
}

/// What a session is to be called.
#[derive(Debug, Deserialize, ToSchema)]
struct Rename {
    /// 1 to 64 characters; null for what its client seems to be.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required, example = "Ada's phone")]
    label: Option<String>,
}

/// Names one session of the signed-in person; the one that asks, too.
#[utoipa::path(patch, path = "/api/v1/account/sessions/{id}", tag = "account", request_body = Rename,
    params(("id" = String, Path, description = "The session's id.")),
    responses((status = 200, description = "The session under its new name.", body = SessionView),
        refusals::Rename),
    security(("cookie" = []), ("token" = [])))]
async fn rename(
    State(web): State<Web>,
    user: CurrentUser,
    Segment(id): Segment,
    body::Json(Rename { label }): body::Json<Rename>,
) -> Result<Json<SessionView>, Problem> {
    let id: SessionId = id.parse().map_err(|_| Problem::not_found())?;
    let label = match label {
        Some(text) => Some(DisplayName::parse(&text).map_err(|_| Problem::bad_label())?),
        None => None,
    };
    let sessions = web.identity().sessions();
    let session = sessions.rename(&user.cause(), user.id(), id, label).await?;
    Ok(Json(sessions.view(&session, Some(user.session().id))))
}
