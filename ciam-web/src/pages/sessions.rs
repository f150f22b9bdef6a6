//! Where a person is signed in, what they call it, and the buttons that end it.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use ciam_core::sessions::{SessionId, SessionView};
use ciam_core::users::DisplayName;
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use crate::body::{self, Form};
use crate::current_user::CurrentUser;
use crate::error::Problem;
use crate::moments::Moment;
use crate::path::Segment;
use crate::reader::Reader;
use crate::web::Web;

const PATH: &str = "/account/sessions";

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route(PATH, get(list))
        .route("/account/sessions/{id}/end", post(end))
        .route("/account/sessions/{id}/label", post(rename))
        .route("/account/sessions/end-others", post(end_others))
        .route("/account/sessions/end-all", post(end_all))
}

#[derive(Debug, Serialize)]
struct Row {
    id: SessionId,
    label: String,
    ip: Option<String>,
    created: Moment,
    seen: Moment,
    current: bool,
}

async fn list(reader: Reader, user: CurrentUser, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let notice = match body::query(query.as_deref(), "ended").as_deref() {
        Some("one") => Some("sessions-ended-one"),
        Some("others") => Some("sessions-ended-others"),
        _ => body::query(query.as_deref(), "renamed").map(|_| "sessions-renamed"),
    };
    page(&reader, &user, notice, None).await
}

/// What was wrong with a name, and whose it was to be.
#[derive(Debug, Serialize)]
struct Complaint<'c> {
    text: String,
    session: SessionId,
    value: &'c str,
}

async fn page(
    reader: &Reader,
    user: &CurrentUser,
    notice: Option<&str>,
    error: Option<Complaint<'_>>,
) -> Result<Response, Problem> {
    let sessions = reader.web().identity().sessions().list(user.id(), Some(user.session().id)).await?;
    let mut rows: Vec<Row> = sessions
        .into_iter()
        .map(|SessionView { id, label, named, user_agent, ip, created_at, last_seen_at, current, .. }| Row {
            id,
            label: if named { label } else { reader.wording().device(user_agent.as_deref()) },
            ip: ip.map(|ip| ip.to_string()),
            created: reader.moment(created_at),
            seen: reader.moment(last_seen_at),
            current,
        })
        .collect();
    rows.sort_by_key(|row| !row.current);
    let notice = notice.map(|key| reader.say(key, &[]));
    let context = context! { here => "sessions", sessions => Serde(rows), notice => notice, error => Serde(error) };
    Ok(reader.page("sessions.html", context))
}

async fn end(State(web): State<Web>, user: CurrentUser, Segment(id): Segment) -> Result<Response, Problem> {
    let id: SessionId = id.parse().map_err(|_| Problem::not_found())?;
    web.identity().sessions().end(&user.cause(), user.id(), id).await?;
    if id == user.session().id {
        return Ok((web.cookies().clear(), Redirect::to("/")).into_response());
    }
    Ok(web.redirect("/account/sessions?ended=one").into_response())
}

async fn end_others(State(web): State<Web>, user: CurrentUser) -> Result<Redirect, Problem> {
    web.identity().sessions().end_others(&user.cause(), user.id(), user.session().id).await?;
    Ok(web.redirect("/account/sessions?ended=others"))
}

async fn end_all(State(web): State<Web>, user: CurrentUser) -> Result<Response, Problem> {
    web.identity().sessions().end_all(&user.cause(), user.id()).await?;
    Ok((web.cookies().clear(), Redirect::to("/")).into_response())
}

/// Names a session; an empty field takes its name away.
async fn rename(
    State(web): State<Web>,
    reader: Reader,
    user: CurrentUser,
    Segment(id): Segment,
    form: Form,
) -> Result<Response, Problem> {
    let id: SessionId = id.parse().map_err(|_| Problem::not_found())?;
    let text = form.text("label");
    let label = match DisplayName::parse(text) {
        Ok(label) => Some(label),
        Err(_) if text.trim().is_empty() => None,
        Err(_) => {
            let problem = Problem::bad_label();
            let complaint = Complaint { text: problem.sentence(reader.wording()), session: id, value: text };
            return Ok(problem.over(page(&reader, &user, None, Some(complaint)).await?));
        }
    };
    web.identity().sessions().rename(&user.cause(), user.id(), id, label).await?;
    Ok(web.redirect("/account/sessions?renamed").into_response())
}
