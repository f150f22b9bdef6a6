//! What the person who asks says of themselves.

use axum::Json;
use axum::extract::State;
use ciam_core::journeys::Mistake;
use ciam_core::language::Language;
use ciam_core::users::DisplayName;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::refusals;
use crate::body::Members;
use crate::current_user::CurrentUser;
use crate::error::Problem;
use crate::web::Web;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::new().routes(routes!(show, change))
}

/// A person's profile.
#[derive(Debug, Serialize, ToSchema)]
struct Profile {
    /// How they want to be called.
    name: Option<String>,
    /// The language in which they want to be spoken to; none: the one that their browser asks for.
    #[schema(example = "nl")]
    language: Option<String>,
    /// The languages that are spoken here.
    #[schema(example = json!(["en", "nl"]))]
    languages: Vec<String>,
}

/// What of a profile is to be changed. What is left out stays as it is; nothing else can be set here.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Patch {
    /// Another name of 1 to 64 characters; `null` for none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    name: Option<Option<String>>,
    /// Another language, one of those that are spoken here; `null` for the one that the browser asks for.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    language: Option<Option<String>>,
}

/// Keeps apart what is left out and what is `null`.
fn given<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(d).map(Some)
}

/// The profile of the signed-in person.
#[utoipa::path(get, path = "/api/v1/account/profile", tag = "account",
    responses((status = 200, description = "The profile.", body = Profile), refusals::Read),
    security(("cookie" = []), ("token" = [])))]
async fn show(State(web): State<Web>, user: CurrentUser) -> Result<Json<Profile>, Problem> {
    let own = web.identity().users().get(user.id()).await?.ok_or_else(Problem::no_session)?;
    Ok(Json(Profile {
        name: own.name.map(|name| name.as_str().to_owned()),
        language: own.language.map(|language| language.to_string()),
        languages: web.identity().config().languages.iter().map(ToString::to_string).collect(),
    }))
}

/// Changes the profile of the signed-in person.
#[utoipa::path(patch, path = "/api/v1/account/profile", tag = "account", request_body = Patch,
    responses((status = 200, description = "The profile as it is now.", body = Profile), refusals::Edit),
    security(("cookie" = []), ("token" = [])))]
async fn change(
    State(web): State<Web>,
    user: CurrentUser,
    Members(Patch { name, language }): Members<Patch>,
) -> Result<Json<Profile>, Problem> {
    let language = match language {
        Some(Some(tag)) => Some(Some(own_language(&web, &tag).ok_or_else(Problem::unexpected_members)?)),
        Some(None) => Some(None),
        None => None,
    };
    if let Some(name) = name {
        let name = match name.map(|text| DisplayName::parse(&text)).transpose() {
            Ok(name) => name,
            Err(error) => return Err(Problem::mistaken(Mistake::from(error))),
        };
        web.identity().users().rename(&user.cause(), user.id(), name).await?;
    }
    if let Some(language) = language {
        web.identity().users().set_language(&user.cause(), user.id(), language).await?;
    }
    show(State(web), user).await
}

/// The language with this tag, if it is spoken here.
pub(crate) fn own_language(web: &Web, tag: &str) -> Option<Language> {
    web.identity().config().languages.iter().find(|language| language.as_str() == tag).cloned()
}
