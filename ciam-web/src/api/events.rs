//! What happened to the account of the person who asks.

use axum::Json;
use axum::extract::{RawQuery, State};
use ciam_core::events::Event;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::refusals;
use crate::body;
use crate::current_user::CurrentUser;
use crate::error::Problem;
use crate::history::{self, By, History};
use crate::web::Web;

/// How many there are on a page.
const PAGE: usize = 50;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A page of a person's own history.
#[derive(Debug, Serialize, ToSchema)]
struct Events {
    /// What happened, the latest first; at most 50.
    events: Vec<Happening>,
    /// What `after` is for the page behind this one; none on the last.
    next: Option<String>,
}

/// Something that happened to an account.
#[derive(Debug, Serialize, ToSchema)]
struct Happening {
    /// The id.
    #[schema(example = "evt_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c")]
    id: String,
    /// What, as `noun.verb`, such as `session.started` or `password.changed`. More may come.
    #[schema(example = "session.started")]
    name: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Who did it.
    by: By,
    /// From which IP address, if that is known.
    ip: Option<String>,
    /// What the client called itself, if that is known.
    user_agent: Option<String>,
}

impl From<Event> for Happening {
    fn from(event: Event) -> Self {
        Self {
            by: By::of(&event),
            id: event.id.to_string(),
            name: event.name,
            at: event.at.rfc3339(),
            ip: event.origin.ip.map(|ip| ip.to_string()),
            user_agent: event.origin.user_agent,
        }
    }
}

/// What happened lately to the account of the signed-in person: sign-ins, and what was changed.
#[utoipa::path(get, path = "/api/v1/account/events", tag = "account",
    params(("after" = Option<String>, Query, description = "The `next` of an earlier page.")),
    responses((status = 200, description = "A page of the history.", body = Events), refusals::ReadPage),
    security(("cookie" = []), ("token" = [])))]
async fn list(State(web): State<Web>, user: CurrentUser, RawQuery(query): RawQuery) -> Result<Json<Events>, Problem> {
    let after = body::query(query.as_deref(), "after").map(|text| history::cursor(&text)).transpose()?;
    let History { events, next } = history::of(&web, user.id(), after, PAGE).await?;
    Ok(Json(Events {
        events: events.into_iter().map(Happening::from).collect(),
        next: next.map(|cursor| cursor.encode()),
    }))
}
