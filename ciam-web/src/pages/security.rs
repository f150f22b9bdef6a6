//! What protects a person's account: another password, and what happened lately.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use ciam_core::authenticators::{AuthenticatorError, AuthenticatorId, AuthenticatorView};
use ciam_core::events::Event;
use ciam_core::journeys::LocalPath;
use ciam_core::passwords::PasswordError;
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::journeys::Complaint;
use crate::body::{self, Form};
use crate::client::Bound;
use crate::current_user::CurrentUser;
use crate::error::Problem;
use crate::history::By;
use crate::moments::Moment;
use crate::path::Segment;
use crate::reader::Reader;
use crate::return_to::with_way_back;
use crate::web::Web;
use crate::{history, signed_in};

const PATH: &str = "/account/security";
/// How much of the history is on one page.
const SHOWN: usize = 10;

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route(PATH, get(show).post(change_password))
        .route("/account/authenticators/{id}/remove", get(ask_removal).post(remove))
}

/// What stands at the root of the site, whatever the prefix of ciam's paths is.
pub(super) fn well_known_routes() -> Router<Web> {
    Router::new().route("/.well-known/change-password", get(well_known))
}

/// Where password managers look for the form (W3C, A Well-Known URL for Changing Passwords).
async fn well_known(State(web): State<Web>) -> Redirect {
    web.redirect(PATH)
}

#[derive(Debug, Serialize)]
struct Row {
    words: String,
    by: By,
    at: Moment,
    device: Option<String>,
    ip: Option<String>,
}

/// Something that an account has beside its password.
#[derive(Debug, Serialize)]
struct Factor {
    id: String,
    label: String,
    used: Moment,
}

impl Factor {
    fn new(own: &AuthenticatorView, reader: &Reader) -> Self {
        Self { id: own.id.to_string(), label: what(own, reader), used: reader.moment(own.last_used_at) }
    }
}

/// What an authenticator is called: its owner's name for it, or what it is.
fn what(own: &AuthenticatorView, reader: &Reader) -> String {
    match own.label.as_str() {
        "" => reader.wording().method(own.method.as_str()),
        label => label.to_owned(),
    }
}

/// Asks whether it is to be removed.
async fn ask_removal(reader: Reader, user: CurrentUser, Segment(id): Segment) -> Result<Response, Problem> {
    let own = reader.web().identity().authenticators().list(user.id()).await?;
    let own = own.into_iter().find(|own| own.id.to_string() == id).ok_or_else(Problem::not_found)?;
    let context = context! { here => "security", id => own.id.to_string(), what => what(&own, &reader) };
    Ok(reader.page("remove_authenticator.html", context))
}

async fn remove(State(web): State<Web>, user: CurrentUser, Segment(id): Segment) -> Result<Response, Problem> {
    let own: AuthenticatorId = id.parse().map_err(|_| Problem::not_found())?;
    match web.identity().authenticators().remove(&user.cause(), user.session(), own).await {
        Ok(()) => Ok(web.redirect("/account/security?done=removed").into_response()),
        Err(AuthenticatorError::NotEnough(_)) => {
            Ok(prove_again(&web, &format!("/account/authenticators/{own}/remove")))
        }
        Err(error) => Err(error.into()),
    }
}

/// To a proof of all that the account has, and from there back.
fn prove_again(web: &Web, path: &str) -> Response {
    let back = LocalPath::parse(&web.path(path));
    let step_up = back.map_or_else(|| "/step-up".to_owned(), |back| with_way_back("/step-up", &back));
    web.redirect(&step_up).into_response()
}

async fn show(reader: Reader, user: CurrentUser, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    page(&reader, &user, query.as_deref(), None).await
}

async fn page(
    reader: &Reader,
    user: &CurrentUser,
    query: Option<&str>,
    error: Option<Complaint>,
) -> Result<Response, Problem> {
    let web = reader.web();
    let after = body::query(query, "after").map(|text| history::cursor(&text)).transpose()?;
    let earlier = after.is_some();
    let history = history::of(web, user.id(), after, SHOWN).await?;
    let row = |event: &Event| {
        let words = reader.say(&history::key(event)?, &[]);
        let known = event.origin.user_agent.as_deref().map(|agent| reader.wording().device(Some(agent)));
        let ip = event.origin.ip.map(|ip| ip.to_string());
        Some(Row { words, by: By::of(event), at: reader.moment(event.at), device: known, ip })
    };
    let rows: Vec<Row> = history.events.iter().filter_map(row).collect();
    let identifiers = web.identity().identifiers().list(user.id()).await?;
    let shown = identifiers.iter().find(|own| own.primary).or(identifiers.first());
    let own = web.identity().authenticators().list(user.id()).await?;
    let factors: Vec<Factor> = own.iter().map(|own| Factor::new(own, reader)).collect();
    let notice = match body::query(query, "done").as_deref() {
        Some("password") => Some(reader.say("security-changed", &[])),
        Some("added") => Some(reader.say("security-factor-added", &[])),
        Some("removed") => Some(reader.say("security-factor-removed", &[])),
        _ => None,
    };
    let context = context! {
        here => "security",
        factors => Serde(factors),
        can_add => !web.identity().authenticators().choices().is_empty(),
        identifier => shown.map(|own| own.value.as_str()),
        min_length => web.identity().config().passwords.min_length,
        events => Serde(rows),
        earlier => earlier,
        next => history.next.map(|cursor| cursor.encode()),
        error => error.map(Serde),
        notice => notice,
    };
    Ok(reader.page("security.html", context))
}

async fn change_password(
    State(web): State<Web>,
    reader: Reader,
    user: CurrentUser,
    Bound { client, .. }: Bound,
    form: Form,
) -> Result<Response, Problem> {
    let (present, new) = (form.secret("password"), form.secret("new_password"));
    match web.identity().passwords().change(&client, user.session(), &present, &new).await {
        Ok(opened) => {
            let cookie = signed_in::cookie(&web, Some(&user), &opened).await;
            Ok((cookie, web.redirect("/account/security?done=password")).into_response())
        }
        Err(PasswordError::NotEnough(_)) => Ok(prove_again(&web, PATH)),
        Err(error) => {
            let problem = Problem::from(error);
            if problem.status() == axum::http::StatusCode::UNAUTHORIZED {
                return Err(problem);
            }
            let page = page(&reader, &user, None, Some(Complaint::problem(&problem, &reader))).await?;
            Ok(problem.over(page))
        }
    }
}
