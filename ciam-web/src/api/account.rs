//! The account of the person who asks.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::refusals;
use crate::current_user::CurrentUser;
use crate::error::Problem;
use crate::web::Web;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::new().routes(routes!(show))
}

/// A person's account.
#[derive(Debug, Serialize, ToSchema)]
struct Account {
    /// The user's id.
    #[schema(example = "usr_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c")]
    id: String,
    /// The verified email address.
    #[schema(format = Email)]
    email: Option<String>,
    /// How the person wants to be called.
    name: Option<String>,
    /// When the account was created.
    #[schema(format = DateTime)]
    created_at: String,
}

/// The account of the signed-in person.
#[utoipa::path(get, path = "/api/v1/account", tag = "account",
    responses((status = 200, description = "The account.", body = Account), refusals::Read),
    security(("cookie" = []), ("token" = [])))]
async fn show(State(web): State<Web>, current: CurrentUser) -> Result<Json<Account>, Problem> {
    let user = web.identity().users().get(current.id()).await?.ok_or_else(Problem::no_session)?;
    Ok(Json(Account {
        id: user.id.to_string(),
        email: current.email().await?.map(|email| email.to_string()),
        name: user.name.map(|name| name.as_str().to_owned()),
        created_at: user.created.rfc3339(),
    }))
}
