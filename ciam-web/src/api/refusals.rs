//! What each operation may refuse, for the description of the API: named once, texts and status codes of the
//! problems themselves.

use std::collections::BTreeMap;

use ciam_core::language::Languages;
use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use crate::error::Problem;

/// Types that list the problems of an operation.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident: $($problem:ident)*;)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                described(&[$(Problem::$problem()),*])
            }
        }
    )*};
}

refusals! {
    /// Of beginning a journey.
    Begin: malformed too_deep no_session cross_site timeout too_large unsupported_media_type unexpected_shape
        bad_return_to unavailable;
    /// Of looking at a journey.
    Look: unknown_journey unavailable;
    /// Of answering a journey.
    Answer: malformed too_deep cross_site unknown_journey timeout stale_journey too_large unsupported_media_type
        wrong_input throttled overloaded unavailable;
    /// Of looking at what belongs to a session.
    Read: no_session unavailable;
    /// Of changing what belongs to a session.
    Change: no_session cross_site unavailable;
    /// Of changing one of the things that belong to a session's person.
    ChangeOne: no_session cross_site not_found unavailable;
    /// Of naming one of them.
    Rename: malformed too_deep no_session cross_site not_found timeout too_large unsupported_media_type
        unexpected_shape bad_label unavailable;
    /// Of looking at a page of a list.
    ReadPage: bad_cursor no_session unavailable;
    /// Of changing a profile.
    Edit: malformed too_deep no_session cross_site timeout too_large unsupported_media_type unexpected_members
        wrong_input unavailable;
    /// Of changing a password.
    Password: malformed too_deep no_session cross_site fresh_sign_in_required timeout password_changed too_large unsupported_media_type
        unexpected_members wrong_input throttled overloaded unavailable;
    /// Of removing an authenticator.
    Authenticator: no_session cross_site fresh_sign_in_required not_found unavailable;
    /// Of removing an identifier.
    Identifier: no_session cross_site fresh_sign_in_required not_found last_identifier unavailable;
}

/// What a problem says to a program; where nothing is said here, what it says to a person is enough.
fn meaning(problem: &Problem) -> String {
    let text = match problem.name() {
        "malformed" => "The body is no JSON.",
        "too_deep" => "The body nests deeper than 64 levels.",
        "cross_site" => "A browser sent the request from another site's page.",
        "unknown_journey" => "There is no such journey of this client: unknown, of another client, or expired.",
        "not_found" => "The person has no such thing, or not any more.",
        "timeout" => "The body did not arrive within 10 seconds.",
        "stale_journey" => "Another answer came first, or the journey is over: get the prompt again.",
        "too_large" => "The body is larger than 64 KiB.",
        "unsupported_media_type" => "The body is not `application/json`.",
        "unexpected_shape" => "A member is missing, or has a value that it cannot have.",
        "bad_return_to" => "`return_to` is no path of this site.",
        "bad_label" => "`label` is longer than 64 characters, empty, or holds control characters.",
        "wrong_input" => "What was given is wrong: `mistake` says how. On a journey `prompt` is to be answered again.",
        "unexpected_members" => "A member is missing, has a value that it cannot have, or cannot be set here.",
        "bad_cursor" => "`after` is not the `next` of an earlier page.",
        "fresh_sign_in_required" => {
            "The newest proof of the session is older than `max_age` seconds: complete a journey \
            of the kind `step_up` first."
        }
        "last_identifier" => "It is the last with which the account can be recovered.",
        "no_session" => "There is no session, or it has ended.",
        "throttled" => "There were too many tries: come back after `Retry-After` seconds.",
        "overloaded" => "Too much is going on: come back after `Retry-After` seconds.",
        "unavailable" => "Something that is needed does not answer: try again.",
        _ => return problem.detail(&Languages::builtin().english()),
    };
    text.to_owned()
}

/// One response for each status code, which names its problems.
fn described(problems: &[Problem]) -> BTreeMap<String, RefOr<Response>> {
    let mut texts: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for problem in problems {
        let text = format!("`{}`: {}", problem.name(), meaning(problem));
        texts.entry(problem.status().as_u16()).or_default().push(text);
    }
    let again = Problem::wrong_input().status().as_u16();
    let with_prompt = |status| status == again && problems.iter().any(|p| p.name() == Problem::wrong_input().name());
    let response = |(status, texts): (u16, Vec<String>)| {
        let schema = if with_prompt(status) { "WrongInput" } else { "Problem" };
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
        let response = ResponseBuilder::new().description(texts.join("\n\n"));
        (status.to_string(), response.content("application/problem+json", content).build().into())
    };
    texts.into_iter().map(response).collect()
}
