//! The link of a message: following it shows a page, and only that page's button does what the link is for.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::HeaderValue;
use axum::http::header::REFERRER_POLICY;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ciam_core::journeys::{JourneyError, JourneyKind, Redeemed, Started, TicketView};
use minijinja::context;
use minijinja::value::Serde;

use super::journeys::{Onward, Place, View};
use crate::body::{self, Form};
use crate::client::Bound;
use crate::current_user::CurrentUser;
use crate::error::Problem;
use crate::reader::Reader;
use crate::web::Web;

pub(super) fn routes() -> Router<Web> {
    Router::new().route("/verify", get(ask).post(confirm)).layer(map_response(without_ticket))
}

/// The ticket is in the address of the page: a link from it to a page of the host's tells the site, and no more.
async fn without_ticket(mut response: Response) -> Response {
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("strict-origin"));
    response
}

/// Shows what would be confirmed for whom. Consumes nothing: programs follow links too.
async fn ask(
    State(web): State<Web>,
    reader: Reader,
    Bound { client, .. }: Bound,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let ticket = body::query(query.as_deref(), "ticket").unwrap_or_default();
    let view = web.identity().journeys().ticket(&ticket, &client).await.map_err(unusable)?;
    Ok(question(&reader, &ticket, &view))
}

fn question(reader: &Reader, ticket: &str, view: &TicketView) -> Response {
    let context = context! {
        ticket => ticket,
        to => view.to.as_str(),
        to_kind => view.to.kind().as_str(),
        kind => Place::of(view.kind).name,
        same_browser => view.same_browser,
        begun => Serde(reader.moment(view.begun_at)),
        begun_on => reader.wording().device(view.begun_on.as_deref()),
    };
    let template = match view.kind {
        _ if view.by_code_only => "verify_by_code.html",
        JourneyKind::Recover => "verify_recovery.html",
        _ => "verify.html",
    };
    reader.page(template, context)
}

/// Does what the link is for. Only the browser that began the journey can be signed in by it; a recovery goes on in
/// the browser that followed the link, and signs nobody in there; an address is added where that was begun alone.
async fn confirm(
    State(web): State<Web>,
    reader: Reader,
    user: Option<CurrentUser>,
    Bound { mut client, .. }: Bound,
    form: Form,
) -> Result<Response, Problem> {
    let journeys = web.identity().journeys();
    let ticket = form.text("ticket");
    let view = journeys.ticket(ticket, &client).await.map_err(unusable)?;
    let place = Place::of(view.kind);
    let binding = client.binding.get_or_insert_with(|| web.identity().entropy().verifier()).clone();
    match journeys.redeem(ticket, &client).await.map_err(unusable)? {
        Redeemed::Here { id, advanced } => {
            let page = View { reader: &reader, place, journey: &id, onward: Onward::default() };
            Ok(page.go_on(user.as_ref(), *advanced, &[]).await)
        }
        Redeemed::ByCodeOnly => Ok(question(&reader, ticket, &view)),
        Redeemed::HandedOver(Started { id, .. }) => {
            let page = View { reader: &reader, place, journey: &id, onward: Onward::default() };
            Ok((web.cookies().set_browser(&binding), axum::response::Redirect::to(&page.path(&[]))).into_response())
        }
        Redeemed::Elsewhere => Ok(reader.page("verified.html", context! {})),
    }
}

fn unusable(error: JourneyError) -> Problem {
    match error {
        JourneyError::Unknown => Problem::unknown_link(),
        error => error.into(),
    }
}
