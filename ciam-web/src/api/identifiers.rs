//! By what the person who asks is found.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ciam_core::identifiers::{IdentifierError, IdentifierId, IdentifierView};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::refusals;
use crate::current_user::CurrentUser;
use crate::error::Problem;
use crate::path::Segment;
use crate::web::Web;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(remove))
}

/// By what a person is found.
#[derive(Debug, Serialize, ToSchema)]
struct Identifiers {
    /// The addresses, numbers and the username, in the order they were added.
    identifiers: Vec<IdentifierView>,
}

/// By what the signed-in person is found. One more is added by a journey of the kind `add_identifier`.
#[utoipa::path(get, path = "/api/v1/account/identifiers", tag = "account",
    responses((status = 200, description = "The identifiers.", body = Identifiers), refusals::Read),
    security(("cookie" = []), ("token" = [])))]
async fn list(State(web): State<Web>, user: CurrentUser) -> Result<Json<Identifiers>, Problem> {
    Ok(Json(Identifiers { identifiers: web.identity().identifiers().list(user.id()).await? }))
}

/// Removes an identifier from the signed-in person's account.
#[utoipa::path(delete, path = "/api/v1/account/identifiers/{id}", tag = "account",
    params(("id" = String, Path, description = "The identifier's id.")),
    responses((status = 204, description = "It is removed."), refusals::Identifier),
    security(("cookie" = []), ("token" = [])))]
async fn remove(State(web): State<Web>, user: CurrentUser, Segment(id): Segment) -> Result<StatusCode, Problem> {
    let id: IdentifierId = id.parse().map_err(|_| Problem::not_found())?;
    match web.identity().identifiers().remove(&user.cause(), user.session(), id).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(IdentifierError::NotFresh) => Err(Problem::fresh_sign_in_required().of_age(web.identity().config().fresh)),
        Err(error) => Err(error.into()),
    }
}
