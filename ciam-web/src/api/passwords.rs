//! The password of the person who asks.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use ciam_core::secret::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::refusals;
use super::session::Renewed;
use crate::body::Members;
use crate::client::Bound;
use crate::current_user::CurrentUser;
use crate::error::Problem;
use crate::signed_in;
use crate::web::Web;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::new().routes(routes!(change))
}

/// Another password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Change {
    /// The present password.
    #[schema(value_type = String, format = Password)]
    password: Secret<String>,
    /// The password to set.
    #[schema(value_type = String, format = Password)]
    new_password: Secret<String>,
}

/// The password was changed.
#[derive(Serialize, ToSchema)]
struct Changed {
    /// The session of this client, which goes on under a new id and token. All others have ended.
    session: Renewed,
}

/// Changes the password of the signed-in person, and ends their other sessions.
#[utoipa::path(post, path = "/api/v1/account/password", tag = "account", request_body = Change,
    responses((status = 200, description = "It is changed. A browser has got the cookie of its session.",
        body = Changed), refusals::Password),
    security(("cookie" = []), ("token" = [])))]
async fn change(
    State(web): State<Web>,
    user: CurrentUser,
    Bound { client, bearer }: Bound,
    Members(Change { password, new_password }): Members<Change>,
) -> Result<Response, Problem> {
    let opened = web.identity().passwords().change(&client, user.session(), &password, &new_password).await?;
    let cookie = match bearer {
        true => None,
        false => Some(signed_in::cookie(&web, Some(&user), &opened).await),
    };
    Ok((cookie, Json(Changed { session: Renewed::new(&web, &opened, bearer) })).into_response())
}
