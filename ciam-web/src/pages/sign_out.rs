//! Sign-out.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;

use crate::body;
use crate::current_user::CurrentUser;
use crate::error::Problem;
use crate::signed_in;
use crate::web::Web;
use ciam_core::journeys::LocalPath;

pub(super) fn routes() -> Router<Web> {
    Router::new().route("/sign-out", post(sign_out))
}

/// Ends the session. The cookies go only after the session has: who sees "signed out" is.
async fn sign_out(
    State(web): State<Web>,
    user: Option<CurrentUser>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    if let Some(user) = user {
        signed_in::end(&web, &user).await?;
    }
    let return_to = body::query(query.as_deref(), "return_to").and_then(|path| LocalPath::parse(&path));
    let next = Redirect::to(return_to.as_ref().map_or("/", LocalPath::as_str));
    Ok((web.cookies().clear(), next).into_response())
}
