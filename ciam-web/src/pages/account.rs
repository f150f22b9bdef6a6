//! What a person sees of their own account.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use minijinja::context;
use minijinja::value::Serde;

use crate::current_user::CurrentUser;
use crate::error::Problem;
use crate::reader::Reader;
use crate::web::Web;

pub(super) fn routes() -> Router<Web> {
    Router::new().route("/account", get(account))
}

async fn account(State(web): State<Web>, reader: Reader, current: CurrentUser) -> Result<Response, Problem> {
    let user = web.identity().users().get(current.id()).await?.ok_or_else(Problem::no_session)?;
    let email = current.email().await?;
    let context = context! {
        here => "account",
        email => email.map(|email| email.to_string()),
        name => user.name.as_ref().map(|name| name.as_str()),
        since => Serde(reader.moment(user.created)),
    };
    Ok(reader.page("account.html", context))
}
