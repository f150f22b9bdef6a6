//! Journeys as JSON.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use ciam_core::journeys::{Advanced, Answer, Client, JourneyKind, LocalPath, Mistake, Prompt, Start, Started};
use ciam_core::sessions::SessionView;
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::refusals;
use super::session::Renewed;
use crate::body::{self, JsonError};
use crate::client::Bound;
use crate::current_user::CurrentUser;
use crate::error::Problem;
use crate::path::Segment;
use crate::signed_in;
use crate::web::Web;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::new().routes(routes!(begin)).routes(routes!(prompt, answer))
}

/// How to begin a journey.
#[derive(Debug, Deserialize, ToSchema)]
struct Begin {
    /// What the journey is for.
    kind: JourneyKind,
    /// How the client keeps its secrets.
    #[serde(default)]
    transport: Transport,
    /// Where to go afterwards: a path of this site, given back in `done`.
    #[serde(default)]
    return_to: Option<String>,
}

/// How a client keeps its secrets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Transport {
    /// In cookies that scripts cannot read: for browsers.
    #[default]
    Cookie,
    /// By itself: for apps and devices. The client gets the journey's `secret`, which it sends as
    /// `Authorization: Bearer <secret>` with every further request of the journey. At the end of it, it gets
    /// `prompt.session.token`, which it sends in the same way with every request after that.
    Bearer,
}

/// A journey and what it asks.
#[derive(Serialize, ToSchema)]
struct Journey {
    /// The journey's id: `jny_…`.
    id: String,
    /// What to answer next.
    prompt: AnyPrompt,
    /// The journey's secret, for a client with `"transport": "bearer"`. It is shown only once.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// The session in which the journey was begun, when this answer has given it a new proof before the journey's
    /// end: it goes on under another id and token, and the former are dead. Browsers have got the cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<Renewed>,
}

/// A prompt; `done` with the session's token, when a client that keeps its secrets itself has just got it.
#[derive(Serialize)]
#[serde(untagged)]
enum AnyPrompt {
    Prompt(Prompt),
    Done(DoneWithToken),
}

// Both fit a `done` with a token, so it is not one of the two but any.
impl PartialSchema for AnyPrompt {
    fn schema() -> RefOr<Schema> {
        let names = [<Prompt as ToSchema>::name(), DoneWithToken::name()];
        names.into_iter().fold(AnyOfBuilder::new(), |any, name| any.item(Ref::from_schema_name(name))).into()
    }
}

impl ToSchema for AnyPrompt {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.extend([
            (<Prompt as ToSchema>::name().into(), Prompt::schema()),
            (DoneWithToken::name().into(), DoneWithToken::schema()),
        ]);
        Prompt::schemas(schemas);
        DoneWithToken::schemas(schemas);
    }
}

/// `done` of a journey that was begun with `"transport": "bearer"`, in the reply to the answer that completed it.
#[derive(Serialize, ToSchema)]
struct DoneWithToken {
    r#type: Done,
    /// The session that the journey opened.
    session: SessionWithToken,
    /// Where the client asked to be sent afterwards: a path of this site.
    #[schema(value_type = Option<String>)]
    return_to: Option<LocalPath>,
}

/// The type of the prompt.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Done {
    Done,
}

/// A session and its token.
#[derive(Serialize, ToSchema)]
struct SessionWithToken {
    #[serde(flatten)]
    session: SessionView,
    /// To be sent as `Authorization: Bearer <token>` with every request from now on. It is shown only once.
    token: String,
}

/// An answer to a prompt.
#[derive(Debug, Deserialize, ToSchema)]
struct Answered {
    /// The answer, of the type that the prompt asks for.
    answer: Answer,
}

/// Begins a journey.
///
/// Writes nothing: the journey is in its id until the first answer. `step_up`, `add_identifier` and `enrol` begin signed in.
#[utoipa::path(post, path = "/api/v1/journeys", tag = "journeys", request_body = Begin,
    responses((status = 201, description = "The journey has begun. A browser has got the cookie that binds it.",
        body = Journey), refusals::Begin))]
async fn begin(
    State(web): State<Web>,
    user: Option<CurrentUser>,
    Bound { client, .. }: Bound,
    body::Json(Begin { kind, transport, return_to }): body::Json<Begin>,
) -> Result<Response, Problem> {
    let by_cookie = transport == Transport::Cookie;
    let binding = client.binding.clone().filter(|_| by_cookie).unwrap_or_else(|| web.identity().entropy().verifier());
    let return_to = match return_to {
        Some(path) => Some(LocalPath::parse(&path).ok_or_else(Problem::bad_return_to)?),
        None => None,
    };
    let start = Start {
        application: client.origin.application,
        session: user.as_ref().map(CurrentUser::session),
        return_to: return_to.as_ref(),
        ..Start::new(kind, &binding)
    };
    let Started { id, prompt } = web.identity().journeys().start(start).await?;
    let place = [(LOCATION, web.path(&format!("/api/v1/journeys/{id}")))];
    let secret = (!by_cookie).then(|| binding.expose().expose().clone());
    let cookie = by_cookie.then(|| web.cookies().set_browser(&binding));
    let journey = Journey { id, prompt: AnyPrompt::Prompt(prompt), secret, session: None };
    Ok((StatusCode::CREATED, cookie, place, Json(journey)).into_response())
}

/// What the journey asks now.
#[utoipa::path(get, path = "/api/v1/journeys/{id}", tag = "journeys",
    params(("id" = String, Path, description = "The journey's id.")),
    responses((status = 200, description = "The journey as it is.", body = Journey), refusals::Look),
    security(("browser" = []), ("journey" = [])))]
async fn prompt(
    State(web): State<Web>,
    Bound { client, .. }: Bound,
    Segment(id): Segment,
) -> Result<Json<Journey>, Problem> {
    let prompt = web.identity().journeys().prompt(&id, &client).await?;
    Ok(Json(Journey { id, prompt: AnyPrompt::Prompt(prompt), secret: None, session: None }))
}

/// Answers the journey's prompt.
///
/// The answer that leads to `done` opens the session: a browser gets its cookie, other clients get its token in
/// `prompt.session.token`.
#[utoipa::path(post, path = "/api/v1/journeys/{id}", tag = "journeys", request_body = Answered,
    params(("id" = String, Path, description = "The journey's id.")),
    responses((status = 200, description = "The answer was taken: this is asked next.", body = Journey), refusals::Answer),
    security(("browser" = []), ("journey" = [])))]
async fn answer(
    State(web): State<Web>,
    user: Option<CurrentUser>,
    Bound { client, bearer }: Bound,
    Segment(id): Segment,
    request: Request,
) -> Result<Response, Problem> {
    let Answered { answer } = match body::json(request).await {
        Ok(answered) => answered,
        Err(JsonError::Shape) => return Err(unexpected(&web, &id, &client).await),
        Err(error) => return Err(error.into()),
    };
    let Advanced { prompt, opened } = web.identity().journeys().answer(&id, &client, answer).await?;
    let cookie = match &opened {
        Some(opened) if !bearer => Some(signed_in::cookie(&web, user.as_ref(), opened).await),
        _ => None,
    };
    let (prompt, session) = match (prompt, opened) {
        (Prompt::Done { session, return_to }, Some(opened)) if bearer => {
            let session = SessionWithToken { session, token: opened.bearer.expose().clone() };
            (AnyPrompt::Done(DoneWithToken { r#type: Done::Done, session, return_to }), None)
        }
        (prompt @ Prompt::Done { .. }, _) | (prompt, None) => (AnyPrompt::Prompt(prompt), None),
        (prompt, Some(opened)) => (AnyPrompt::Prompt(prompt), Some(Renewed::new(&web, &opened, bearer))),
    };
    Ok((cookie, Json(Journey { id, prompt, secret: None, session })).into_response())
}

/// An answer that is none of those that exist: the prompt says what is asked.
async fn unexpected(web: &Web, id: &str, client: &Client) -> Problem {
    match web.identity().journeys().prompt(id, client).await {
        Ok(prompt) => Problem::wrong(Mistake::UnexpectedAnswer, prompt),
        Err(error) => error.into(),
    }
}
