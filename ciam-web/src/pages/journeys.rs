//! Journeys: every prompt as a page, every answer as a form.

mod place;
mod view;

use axum::Router;
use axum::extract::{Extension, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use ciam_core::journeys::{Advanced, Answer, Client, Identify, JourneyError, JourneyKind, Prompt, Start, Started};

use self::place::OWN_FIELDS;
pub(super) use self::place::{Onward, Place};
use self::view::Typed;
pub(super) use self::view::{Complaint, View};
use crate::body::{self, Form};
use crate::client::Bound;
use crate::current_user::CurrentUser;
use crate::error::Problem;
use crate::reader::Reader;
use crate::return_to::with_way_back;
use crate::signed_in;
use crate::web::Web;
use ciam_core::journeys::LocalPath;

pub(super) fn routes() -> Router<Web> {
    Place::ALL
        .into_iter()
        .fold(Router::new(), |router, place| router.route(place.path, get(show).post(answer).layer(Extension(place))))
}

/// The page of a journey that is under way, or the first page of a new one, which writes nothing.
async fn show(
    State(web): State<Web>,
    reader: Reader,
    Extension(place): Extension<Place>,
    user: Option<CurrentUser>,
    Bound { client, .. }: Bound,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = query.as_deref();
    let onward = Onward::of_query(query);
    match (&user, place.kind) {
        (Some(_), JourneyKind::SignUp | JourneyKind::SignIn) => {
            return Ok(signed_in::go_on(&web, onward.return_to.as_ref()).into_response());
        }
        (None, kind) if kind.begins_signed_in() => return Ok(sign_in_first(&web, place, &onward).into_response()),
        _ => {}
    }
    let Some(journey) = body::query(query, "journey") else {
        return begin(&reader, place, user.as_ref(), client, query).await;
    };
    let view = View { reader: &reader, place, journey: &journey, onward };
    let prompt = web.identity().journeys().prompt(&journey, &client).await.map_err(|error| view.problem(error))?;
    let typed = match &user {
        Some(user) => own_identifier(&web, user, &view.onward).await?,
        None => Typed::default(),
    };
    let sent = body::query(query, "sent").map(|_| reader.say("code-resent", &[]));
    Ok(view.page(&prompt, None, sent, typed))
}

/// Whoever signs in has just proved who they are: a fresh proof is not asked for again.
fn sign_in_first(web: &Web, place: Place, onward: &Onward) -> Redirect {
    let back = match place.kind {
        JourneyKind::StepUp => onward.return_to.clone(),
        _ => LocalPath::parse(&web.path(&format!("{}{}", place.path, onward.query(&[])))),
    };
    web.redirect(&back.map_or_else(|| "/sign-in".to_owned(), |path| with_way_back("/sign-in", &path)))
}

async fn begin(
    reader: &Reader,
    place: Place,
    user: Option<&CurrentUser>,
    client: Client,
    query: Option<&str>,
) -> Result<Response, Problem> {
    let (web, onward) = (reader.web(), Onward::of_query(query));
    let typed = match (body::query(query, "from"), user) {
        (Some(former), _) => typed_before(web, &former, &client).await,
        (None, Some(user)) => own_identifier(web, user, &onward).await?,
        (None, None) => Typed::default(),
    };
    let Client { binding, origin, .. } = client;
    let binding = binding.unwrap_or_else(|| web.identity().entropy().verifier());
    let home = place.home.and_then(|home| LocalPath::parse(&web.path(home)));
    let start = Start {
        application: origin.application,
        session: user.map(CurrentUser::session),
        return_to: onward.return_to.as_ref().or(home.as_ref()),
        ..Start::new(place.kind, &binding)
    };
    let Started { id, prompt } = web.identity().journeys().start(start).await?;
    let view = View { reader, place, journey: &id, onward };
    Ok((web.cookies().set_browser(&binding), view.page(&prompt, None, None, typed)).into_response())
}

/// What was typed into an earlier journey of this browser, whose id stands in the address instead of it.
async fn typed_before(web: &Web, journey: &str, client: &Client) -> Typed {
    match web.identity().journeys().prompt(journey, client).await {
        Ok(Prompt::Password { identifier } | Prompt::NewPassword { identifier, .. }) => Typed::who(identifier),
        _ => Typed::default(),
    }
}

/// The identifier of the person's own that the journey is about.
async fn own_identifier(web: &Web, user: &CurrentUser, onward: &Onward) -> Result<Typed, Problem> {
    let Some(id) = onward.about else { return Ok(Typed::default()) };
    let own = web.identity().identifiers().list(user.id()).await?;
    Ok(own.into_iter().find(|own| own.id == id).map(|own| Typed::who(own.value)).unwrap_or_default())
}

/// Takes an answer, and leads to the page of the next prompt, so that reloading it sends nothing again.
async fn answer(
    State(web): State<Web>,
    reader: Reader,
    Extension(place): Extension<Place>,
    user: Option<CurrentUser>,
    Bound { client, .. }: Bound,
    form: Form,
) -> Result<Response, Problem> {
    let journey = form.text("journey");
    let view = View { reader: &reader, place, journey, onward: Onward::of_form(&form) };
    let answer = read(&form).ok_or_else(Problem::malformed)?;
    let resent = matches!(answer, Answer::Resend {});
    match web.identity().journeys().answer(journey, &client, answer).await {
        Ok(advanced) => {
            let next = if resent { &[("sent", "1")][..] } else { &[] };
            Ok(view.go_on(user.as_ref(), advanced, next).await)
        }
        Err(JourneyError::Wrong { mistake, prompt }) => {
            let page = view.page(&prompt, Some(Complaint::mistake(&mistake, &form, &reader)), None, Typed::into(&form));
            Ok(Problem::wrong(mistake, *prompt).over(page))
        }
        Err(JourneyError::Unknown) => Err(view.problem(JourneyError::Unknown)),
        Err(error) => Ok(again(&view, &client, error, &form).await),
    }
}

/// The page as it is now, saying why the answer was not taken; the bare problem if there is no such page.
async fn again(view: &View<'_>, client: &Client, error: JourneyError, form: &Form) -> Response {
    let problem = Problem::from(error);
    match view.reader.web().identity().journeys().prompt(view.journey, client).await {
        Ok(prompt) => {
            let page = view.page(&prompt, Some(Complaint::problem(&problem, view.reader)), None, Typed::into(form));
            problem.over(page)
        }
        Err(_) => problem.into_response(),
    }
}

/// The answer that a form gives; none when it gives no known one.
fn read(form: &Form) -> Option<Answer> {
    let given = |name| form.given(name).map(str::to_owned);
    let chosen = |name| given(name).filter(|text| !text.is_empty());
    Some(match form.text("answer") {
        "identify" => Answer::Identify(Identify {
            email: given("email"),
            phone: given("phone"),
            username: given("username"),
            identifier: given("identifier"),
        }),
        "password" => Answer::Password { password: form.secret("password") },
        "new_password" => Answer::NewPassword {
            new_password: form.secret("new_password"),
            name: chosen("name"),
            username: chosen("username"),
        },
        "code" => Answer::Code { code: form.secret("code") },
        "resend" => Answer::Resend {},
        "continue" => Answer::Continue {},
        "enrol" => Answer::Enrol { method: form.text("method").parse().ok()? },
        "choose" => Answer::Choose { method: form.text("method").parse().ok()? },
        "authenticate" => Answer::Authenticate { data: form.without(&OWN_FIELDS) },
        "custom" => Answer::Custom { data: form.without(&OWN_FIELDS) },
        _ => return None,
    })
}

impl View<'_> {
    /// To the page of what is asked next, with the session if the answer opened one or gave it a new proof.
    pub(super) async fn go_on(
        &self,
        user: Option<&CurrentUser>,
        Advanced { prompt, opened }: Advanced,
        query: &[(&str, &str)],
    ) -> Response {
        let cookie = match &opened {
            Some(opened) => Some(signed_in::cookie(self.reader.web(), user, opened).await),
            None => None,
        };
        let next = match &prompt {
            Prompt::Done { return_to, .. } => signed_in::go_on(self.reader.web(), return_to.as_ref()),
            _ => Redirect::to(&self.path(query)),
        };
        (cookie, next).into_response()
    }
}
