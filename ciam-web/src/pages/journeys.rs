//! Sign-up and sign-in: every prompt of a journey as a page, every answer as a form.

mod view;

use axum::Router;
use axum::extract::{Extension, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use ciam_core::journeys::{Advanced, Answer, Client, Identify, JourneyError, JourneyKind, Prompt, Start, Started};

pub(super) use self::view::refusal;
use self::view::{Complaint, View};
use crate::body::{self, Form};
use crate::client::Bound;
use crate::current_user::CurrentUser;
use crate::error::{Problem, Way};
use crate::signed_in;
use crate::web::Web;
use ciam_core::journeys::LocalPath;

/// A kind of journey and where its pages are.
#[derive(Debug, Clone, Copy)]
struct Place {
    kind: JourneyKind,
    path: &'static str,
    /// The way back to the beginning.
    again: &'static Way,
}

impl Place {
    const SIGN_UP: Self =
        Self { kind: JourneyKind::SignUp, path: "/sign-up", again: &Way { path: "/sign-up", label: "Start again" } };
    const SIGN_IN: Self =
        Self { kind: JourneyKind::SignIn, path: "/sign-in", again: &Way { path: "/sign-in", label: "Start again" } };
}

pub(super) fn routes() -> Router<Web> {
    [Place::SIGN_UP, Place::SIGN_IN]
        .into_iter()
        .fold(Router::new(), |router, place| router.route(place.path, get(show).post(answer).layer(Extension(place))))
}

/// The page of a journey that is under way, or the first page of a new one, which writes nothing.
async fn show(
    State(web): State<Web>,
    Extension(place): Extension<Place>,
    user: Option<CurrentUser>,
    Bound { client, .. }: Bound,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = query.as_deref();
    let return_to = body::query(query, "return_to").and_then(|path| LocalPath::parse(&path));
    if user.is_some() {
        return Ok(signed_in::go_on(&web, return_to.as_ref()).into_response());
    }
    let Some(journey) = body::query(query, "journey") else { return begin(&web, place, client, return_to).await };
    let view = View { web: &web, place, journey: &journey, return_to };
    let prompt = web.identity().journeys().prompt(&journey, &client).await.map_err(|error| view.problem(error))?;
    let sent = body::query(query, "sent").is_some();
    Ok(view.page(&prompt, None, sent.then_some("Another message is on its way."), None))
}

async fn begin(web: &Web, place: Place, client: Client, return_to: Option<LocalPath>) -> Result<Response, Problem> {
    let Client { binding, origin } = client;
    let binding = binding.unwrap_or_else(|| web.identity().entropy().verifier());
    let start =
        Start { application: origin.application, return_to: return_to.as_ref(), ..Start::new(place.kind, &binding) };
    let Started { id, prompt } = web.identity().journeys().start(start).await?;
    let view = View { web, place, journey: &id, return_to };
    Ok((web.cookies().set_browser(&binding), view.page(&prompt, None, None, None)).into_response())
}

/// Takes an answer, and leads to the page of the next prompt, so that reloading it sends nothing again.
async fn answer(
    State(web): State<Web>,
    Extension(place): Extension<Place>,
    user: Option<CurrentUser>,
    Bound { client, .. }: Bound,
    form: Form,
) -> Result<Response, Problem> {
    let journey = form.text("journey");
    let return_to = LocalPath::parse(form.text("return_to"));
    let view = View { web: &web, place, journey, return_to };
    let answer = read(&form).ok_or_else(Problem::malformed)?;
    let resent = matches!(answer, Answer::Resend {});
    match web.identity().journeys().answer(journey, &client, answer).await {
        Ok(Advanced { prompt, opened }) => {
            let cookie = match &opened {
                Some(opened) => Some(signed_in::cookie(&web, user.as_ref(), opened).await),
                None => None,
            };
            let next = match &prompt {
                Prompt::Done { return_to, .. } => signed_in::go_on(&web, return_to.as_ref()),
                _ => Redirect::to(&view.next(resent)),
            };
            Ok((cookie, next).into_response())
        }
        Err(JourneyError::Wrong { mistake, prompt }) => {
            let complaint = Complaint::mistake(&mistake, &form);
            let page = view.page(&prompt, Some(complaint), None, Some(&form));
            Ok(Problem::wrong(mistake, *prompt).over(page))
        }
        Err(JourneyError::Unknown) => Err(view.problem(JourneyError::Unknown)),
        Err(error) => Ok(again(&view, &client, error, &form).await),
    }
}

/// The page as it is now, saying why the answer was not taken; the bare problem if there is no such page.
async fn again(view: &View<'_>, client: &Client, error: JourneyError, form: &Form) -> Response {
    let problem = Problem::from(error);
    match view.web.identity().journeys().prompt(view.journey, client).await {
        Ok(prompt) => {
            let page = view.page(&prompt, Some(Complaint::problem(&problem)), None, Some(form));
            problem.over(page)
        }
        Err(_) => problem.into_response(),
    }
}

/// The answer that a form gives; none when it gives no known one.
fn read(form: &Form) -> Option<Answer> {
    let name = form.text("name");
    Some(match form.text("answer") {
        "identify" => Answer::Identify(Identify::email(form.text("email"))),
        "password" => Answer::Password { password: form.secret("password") },
        "new_password" => Answer::NewPassword {
            new_password: form.secret("new_password"),
            name: (!name.is_empty()).then(|| name.to_owned()),
            username: None,
        },
        "code" => Answer::Code { code: form.secret("code") },
        "resend" => Answer::Resend {},
        "continue" => Answer::Continue {},
        "custom" => Answer::Custom { data: form.rest() },
        _ => return None,
    })
}
