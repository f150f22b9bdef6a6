//! Journeys as JSON.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use ciam_core::journeys::{Advanced, Answer, Client, JourneyKind, LocalPath, Mistake, Prompt, Start, Started};
use ciam_core::sessions::Opened;
use serde::{Deserialize, Serialize};
use utoipa::{IntoResponses, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::arrival;
use crate::body::{self, JsonError};
use crate::client::Bound;
use crate::current_user::CurrentUser;
use crate::error::{Document, Problem};
use crate::path::Segment;
use crate::web::Web;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::new().routes(routes!(begin)).routes(routes!(prompt, answer))
}

/// How to begin a journey.
#[derive(Debug, Deserialize, ToSchema)]
struct Begin {
    /// What for.
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
    /// A browser: in cookies, out of reach of scripts.
    #[default]
    Cookie,
    /// Anything else: it gets a secret for the journey, to be sent as `Authorization: Bearer <secret>` with
    /// every later request of the journey, and `prompt.session.token` in `done`, to be sent in the same way
    /// with every request after that.
    Bearer,
}

/// A journey and what it asks.
#[derive(Serialize, ToSchema)]
struct Journey {
    /// The journey's id: `jny_…`.
    id: String,
    /// What to answer next. For a client with `"transport": "bearer"` the `session` of the answer that
    /// completed the journey has one more member, `token`: it is shown only once.
    #[schema(value_type = Prompt)]
    prompt: Shown,
    /// The journey's secret, for a client with `"transport": "bearer"`. It is shown only once.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// A prompt, or one whose session carries its token.
#[derive(Serialize)]
#[serde(untagged)]
enum Shown {
    Plain(Prompt),
    WithToken(serde_json::Value),
}

/// An answer to a prompt.
#[derive(Debug, Deserialize, ToSchema)]
struct Answered {
    /// The answer, of the type that the prompt asks for.
    answer: Answer,
}

/// What may go wrong on a journey.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes responses that `Problem` makes")]
enum Refused {
    /// The body is no JSON, or nests too deeply.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(#[to_schema] Document),
    /// The request came from another site's page (`cross_site`).
    #[response(status = 403, content_type = "application/problem+json")]
    CrossSite(#[to_schema] Document),
    /// There is no such journey of this client: unknown, foreign or expired.
    #[response(status = 404, content_type = "application/problem+json")]
    Unknown(#[to_schema] Document),
    /// Another answer came first: get the prompt again.
    #[response(status = 409, content_type = "application/problem+json")]
    Stale(#[to_schema] Document),
    /// The body is larger than 64 KiB.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(#[to_schema] Document),
    /// The body is not `application/json`.
    #[response(status = 415, content_type = "application/problem+json")]
    MediaType(#[to_schema] Document),
    /// The answer was wrong; `mistake` says how, `prompt` is to be answered again.
    #[response(status = 422, content_type = "application/problem+json")]
    Wrong(#[to_schema] Document),
    /// There were too many tries; come back after `Retry-After` seconds.
    #[response(status = 429, content_type = "application/problem+json")]
    Throttled(#[to_schema] Document),
    /// Too busy, or something does not answer; nothing was changed.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(#[to_schema] Document),
}

/// Begins a journey.
///
/// Writes nothing: the journey is in its id until the first answer.
#[utoipa::path(post, path = "/api/v1/journeys", tag = "journeys", request_body = Begin,
    responses((status = 201, description = "The journey has begun.", body = Journey), Refused))]
async fn begin(
    State(web): State<Web>,
    Bound { client, .. }: Bound,
    body::Json(Begin { kind, transport, return_to }): body::Json<Begin>,
) -> Result<Response, Problem> {
    let by_cookie = transport == Transport::Cookie;
    let binding = client.binding.filter(|_| by_cookie).unwrap_or_else(|| web.identity().entropy().verifier());
    let return_to = match return_to {
        Some(path) => Some(LocalPath::parse(&path).ok_or_else(Problem::bad_return_to)?),
        None => None,
    };
    let start = Start { kind, binding: &binding, return_to: return_to.as_ref() };
    let Started { id, prompt } = web.identity().journeys().start(start).await?;
    let place = [(LOCATION, format!("/api/v1/journeys/{id}"))];
    let secret = (!by_cookie).then(|| binding.expose().expose().clone());
    let cookie = by_cookie.then(|| web.cookies().set_browser(&binding));
    let journey = Journey { id, prompt: Shown::Plain(prompt), secret };
    Ok((StatusCode::CREATED, cookie, place, Json(journey)).into_response())
}

/// What the journey asks now.
#[utoipa::path(get, path = "/api/v1/journeys/{id}", tag = "journeys",
    params(("id" = String, Path, description = "The journey's id.")),
    responses((status = 200, description = "The journey as it is.", body = Journey), Refused),
    security(("browser" = []), ("journey" = [])))]
async fn prompt(
    State(web): State<Web>,
    Bound { client, .. }: Bound,
    Segment(id): Segment,
) -> Result<Json<Journey>, Problem> {
    let prompt = web.identity().journeys().prompt(&id, &client).await?;
    Ok(Json(Journey { id, prompt: Shown::Plain(prompt), secret: None }))
}

/// Answers the journey's prompt.
///
/// The answer to `done`'s predecessor opens the session: a browser gets its cookie, other clients the token.
#[utoipa::path(post, path = "/api/v1/journeys/{id}", tag = "journeys", request_body = Answered,
    params(("id" = String, Path, description = "The journey's id.")),
    responses((status = 200, description = "What is asked next.", body = Journey), Refused),
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
        Some(opened) if !bearer => Some(arrival::cookie(&web, user.as_ref(), opened).await?),
        _ => None,
    };
    let prompt = match opened {
        Some(opened) if bearer => with_token(&prompt, &opened)?,
        _ => Shown::Plain(prompt),
    };
    Ok((cookie, Json(Journey { id, prompt, secret: None })).into_response())
}

/// An answer that is none of those that exist: the prompt says what is asked.
async fn unexpected(web: &Web, id: &str, client: &Client) -> Problem {
    match web.identity().journeys().prompt(id, client).await {
        Ok(prompt) => Problem::wrong(Mistake::UnexpectedAnswer, prompt),
        Err(error) => error.into(),
    }
}

fn with_token(prompt: &Prompt, opened: &Opened) -> Result<Shown, Problem> {
    let mut prompt = serde_json::to_value(prompt).map_err(|_| Problem::internal())?;
    let session =
        prompt.get_mut("session").and_then(|session| session.as_object_mut()).ok_or_else(Problem::internal)?;
    session.insert("token".to_owned(), opened.bearer.expose().as_str().into());
    Ok(Shown::WithToken(prompt))
}
