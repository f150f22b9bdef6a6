//! What a person sees of their own account.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use minijinja::context;
use minijinja::value::Serde;

use crate::current_user::CurrentUser;
use crate::error::Problem;
use crate::moments::Moment;
use crate::web::Web;

pub(super) fn routes() -> Router<Web> {
    Router::new().route("/account", get(account))
}

async fn account(State(web): State<Web>, current: CurrentUser) -> Result<Response, Problem> {
    let user = web.identity().users().get(current.id()).await?.ok_or_else(Problem::no_session)?;
    let email = current.email().await?;
    let context = context! {
        here => "account",
        email => email.map(|email| email.to_string()),
        name => user.name.as_ref().map(|name| name.as_str()),
        since => Serde(Moment::new(user.created, web.identity().clock().now())),
    };
    Ok(web.templates().page("account.html", context))
}
