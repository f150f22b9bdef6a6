//! With what the person who asks proves who they are, beside the password.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ciam_core::authenticators::{AuthenticatorId, AuthenticatorView};
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

/// With what a person proves who they are.
#[derive(Debug, Serialize, ToSchema)]
struct Authenticators {
    /// What they have beside the password, in the order in which it was added.
    authenticators: Vec<AuthenticatorView>,
    /// What can be added, by a journey of the kind `enrol`.
    #[schema(value_type = Vec<String>)]
    choices: Vec<ciam_core::authenticators::Method>,
}

/// With what the signed-in person proves who they are, beside the password.
#[utoipa::path(get, path = "/api/v1/account/authenticators", tag = "account",
    responses((status = 200, description = "The authenticators.", body = Authenticators), refusals::Read),
    security(("cookie" = []), ("token" = [])))]
async fn list(State(web): State<Web>, user: CurrentUser) -> Result<Json<Authenticators>, Problem> {
    let own = web.identity().authenticators();
    Ok(Json(Authenticators { authenticators: own.list(user.id()).await?, choices: own.choices() }))
}

/// Removes an authenticator from the signed-in person's account. It takes a proof of all that the account has, as young as
/// `max_age` says.
#[utoipa::path(delete, path = "/api/v1/account/authenticators/{id}", tag = "account",
    params(("id" = String, Path, description = "The authenticator's id.")),
    responses((status = 204, description = "It is removed."), refusals::Authenticator),
    security(("cookie" = []), ("token" = [])))]
async fn remove(State(web): State<Web>, user: CurrentUser, Segment(id): Segment) -> Result<StatusCode, Problem> {
    let id: AuthenticatorId = id.parse().map_err(|_| Problem::not_found())?;
    web.identity().authenticators().remove(&user.cause(), user.session(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
