//! What a person says of themselves, and by what they are found.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ciam_core::identifiers::{IdentifierError, IdentifierId, IdentifierKind, IdentifierView};
use ciam_core::journeys::{LocalPath, Mistake};
use ciam_core::language::Wording;
use ciam_core::users::DisplayName;
use minijinja::context;
use minijinja::value::Serde;

use super::journeys::Complaint;
use crate::api::own_language;
use crate::body::{self, Form};
use crate::current_user::CurrentUser;
use crate::error::{Problem, Way};
use crate::path::Segment;
use crate::reader::Reader;
use crate::return_to::with_way_back;
use crate::web::Web;

const PATH: &str = "/account/profile";
const BACK: &Way = &Way { path: PATH, label: "to-profile" };

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route(PATH, get(show).post(change))
        .route("/account/identifiers/{id}/remove", get(ask_to_remove).post(remove))
}

async fn show(reader: Reader, user: CurrentUser, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let name = user.name().await?.unwrap_or_default();
    let notice = match body::query(query.as_deref(), "done").as_deref() {
        Some("saved") => Some("profile-saved"),
        Some("added") => Some("profile-added"),
        Some("removed") => Some("profile-removed"),
        _ => None,
    };
    page(&reader, &user, &name, notice, None).await
}

async fn page(
    reader: &Reader,
    user: &CurrentUser,
    name: &str,
    notice: Option<&str>,
    error: Option<Complaint>,
) -> Result<Response, Problem> {
    let web = reader.web();
    let identifiers = web.identity().identifiers().list(user.id()).await?;
    let language = web.identity().users().get(user.id()).await?.and_then(|user| user.language);
    let languages: Vec<_> = config_languages(web)
        .map(|wording| context! { tag => wording.language().as_str(), name => wording.say("language-name", &[]) })
        .collect();
    let application = user.application();
    let config = web.identity().config();
    let policy = &config.application_or_default(application).identifiers;
    let has_username = identifiers.iter().any(|own| own.kind == IdentifierKind::Username);
    let context = context! {
        here => "profile",
        name => name,
        identifiers => Serde(identifiers),
        has_username => has_username,
        kinds => policy.signs_in_by().into_iter().map(IdentifierKind::as_str).collect::<Vec<_>>(),
        languages => languages,
        language => language.map(|language| language.to_string()),
        notice => notice.map(|key| reader.say(key, &[])),
        error => error.map(Serde),
    };
    Ok(reader.page("profile.html", context))
}

/// How things are said in each language that is spoken here.
fn config_languages(web: &Web) -> impl Iterator<Item = Wording> {
    let languages = &web.identity().config().languages;
    languages.iter().map(|language| languages.wording(language))
}

async fn change(State(web): State<Web>, reader: Reader, user: CurrentUser, form: Form) -> Result<Response, Problem> {
    let typed = form.text("name");
    let name = match typed.trim() {
        "" => None,
        text => match DisplayName::parse(text) {
            Ok(name) => Some(name),
            Err(error) => {
                let problem = Problem::mistaken(Mistake::from(error));
                let page = page(&reader, &user, typed, None, Some(Complaint::problem(&problem, &reader))).await?;
                return Ok(problem.over(page));
            }
        },
    };
    let users = web.identity().users();
    users.rename(&user.cause(), user.id(), name).await?;
    if let Some(tag) = form.given("language") {
        let language = match tag {
            "" => None,
            tag => Some(own_language(&web, tag).ok_or_else(Problem::unexpected_members)?),
        };
        users.set_language(&user.cause(), user.id(), language).await?;
    }
    Ok(web.redirect("/account/profile?done=saved").into_response())
}

async fn own(web: &Web, user: &CurrentUser, id: &str) -> Result<IdentifierView, Problem> {
    let id: IdentifierId = id.parse().map_err(|_| Problem::not_found())?;
    let own = web.identity().identifiers().list(user.id()).await?;
    own.into_iter().find(|own| own.id == id).ok_or_else(Problem::not_found)
}

/// Asks whether to remove it: the page to which the person comes back after a fresh proof.
async fn ask_to_remove(
    State(web): State<Web>,
    reader: Reader,
    user: CurrentUser,
    Segment(id): Segment,
) -> Result<Response, Problem> {
    let own = own(&web, &user, &id).await?;
    if !own.removable {
        return Err(Problem::from(IdentifierError::Last).leading_to(BACK)); // no proof would change that
    }
    if !user.is_fresh(web.identity().config().fresh) {
        return Ok(prove_again(&web, own.id));
    }
    Ok(reader.page("remove_identifier.html", context! { here => "profile", own => Serde(own) }))
}

async fn remove(State(web): State<Web>, user: CurrentUser, Segment(id): Segment) -> Result<Response, Problem> {
    let own = own(&web, &user, &id).await?;
    match web.identity().identifiers().remove(&user.cause(), user.session(), own.id).await {
        Ok(()) => Ok(web.redirect("/account/profile?done=removed").into_response()),
        Err(IdentifierError::NotFresh) => Ok(prove_again(&web, own.id)),
        Err(error) => Err(Problem::from(error).leading_to(BACK)),
    }
}

/// To a fresh proof, and from there back to the question.
fn prove_again(web: &Web, id: IdentifierId) -> Response {
    let back = LocalPath::parse(&web.path(&format!("/account/identifiers/{id}/remove")));
    let step_up = back.map_or_else(|| "/step-up".to_owned(), |back| with_way_back("/step-up", &back));
    web.redirect(&step_up).into_response()
}
