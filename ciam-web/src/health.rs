//! Whether the process lives, and whether it can serve.

use axum::Router;
use axum::extract::State;
use axum::routing::get;

use crate::error::Problem;
use crate::web::Web;

pub(crate) fn routes() -> Router<Web> {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready))
}

async fn ready(State(web): State<Web>) -> Result<&'static str, Problem> {
    web.identity().store().backend().ping().await?;
    Ok("ready\n")
}
