//! The link of a message: following it shows a page, and only that page's button confirms the address.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ciam_core::journeys::{Advanced, JourneyError, JourneyKind, Prompt, Redeemed};
use ciam_core::sessions::device;
use minijinja::context;
use minijinja::value::Serde;

use super::journeys::refusal;
use crate::body::{self, Form};
use crate::client::Bound;
use crate::current_user::CurrentUser;
use crate::error::Problem;
use crate::moments::Moment;
use crate::signed_in;
use crate::web::Web;

pub(super) fn routes() -> Router<Web> {
    Router::new().route("/verify", get(ask).post(confirm))
}

/// Shows whose address is confirmed for whom. Consumes nothing: programs follow links too.
async fn ask(
    State(web): State<Web>,
    Bound { client, .. }: Bound,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let ticket = body::query(query.as_deref(), "ticket").unwrap_or_default();
    let view = web.identity().journeys().ticket(&ticket, &client).await.map_err(unusable)?;
    let begun = Moment::new(view.begun_at, web.identity().clock().now());
    let context = context! {
        ticket => &*ticket,
        to => view.to.as_str(),
        kind => if matches!(view.kind, JourneyKind::SignUp) { "sign_up" } else { "sign_in" },
        same_browser => view.same_browser,
        begun => Serde(begun),
        begun_on => device(view.begun_on.as_deref()),
    };
    Ok(web.templates().page("verify.html", context))
}

/// Confirms the address. Only the browser that began the journey is signed in by it.
async fn confirm(
    State(web): State<Web>,
    user: Option<CurrentUser>,
    Bound { client, .. }: Bound,
    form: Form,
) -> Result<Response, Problem> {
    let redeemed = web.identity().journeys().redeem(form.text("ticket"), &client).await.map_err(unusable)?;
    let Redeemed::Here(advanced) = redeemed else {
        return Ok(web.templates().page("verified.html", context! {}));
    };
    Ok(match *advanced {
        Advanced { prompt: Prompt::Done { return_to, .. }, opened: Some(opened) } => {
            let cookie = signed_in::cookie(&web, user.as_ref(), &opened).await;
            (cookie, signed_in::go_on(&web, return_to.as_ref())).into_response()
        }
        Advanced { prompt: Prompt::Refused { reason }, .. } => {
            let context = context! { reason => refusal(&reason), action => web.path("/sign-in") };
            web.templates().page("refused.html", context)
        }
        // Something else is still asked, in the tab in which the journey was begun.
        Advanced { .. } => web.templates().page("verified.html", context! {}),
    })
}

fn unusable(error: JourneyError) -> Problem {
    match error {
        JourneyError::Unknown => Problem::unknown_link(),
        error => error.into(),
    }
}
