//! What clients are told when something cannot be done: the only place that knows status codes of failure.
//!
//! Each problem is an RFC 9457 document with fixed texts: nothing that a client sent and nothing that a
//! store or a driver said is in it. Causes go to the log. Browsers get the same as a page.

use ciam_core::with_causes;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use ciam_core::authenticators::AuthenticatorError;
use ciam_core::identifiers::IdentifierError;
use ciam_core::journeys::{JourneyError, Mistake, Prompt};
use ciam_core::language::{Languages, Wording};
use ciam_core::passwords::PasswordError;
use ciam_core::sessions::SessionError;
use ciam_core::store::StoreError;
use ciam_core::users::UserError;
use serde::Serialize;
use utoipa::ToSchema;

/// Something that cannot be done, as clients are told: `application/problem+json` (RFC 9457), or a
/// page for a browser that asked for one.
///
/// Handlers of the host may return it too: `async fn order(…) -> Result<Html<String>, Problem>`.
#[derive(Clone)]
#[must_use = "a problem is an answer to be returned"]
pub struct Problem {
    kind: &'static Kind,
    again: Option<Box<Again>>,
    retry_after: Option<Duration>,
    max_age: Option<Duration>,
    way: Option<&'static Way>,
}

/// What is the same for every occurrence of a problem.
#[derive(Debug)]
struct Kind {
    name: &'static str,
    status: StatusCode,
}

/// What was wrong with an answer, and what to answer again.
#[derive(Debug, Clone)]
struct Again {
    mistake: Mistake,
    prompt: Option<Prompt>,
}

/// Where a page that shows a problem leads.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Way {
    pub(crate) path: &'static str,
    /// The key of what the link says.
    pub(crate) label: &'static str,
}

/// A problem document (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Document {
    /// `urn:ciam:problem:<name>`.
    #[schema(example = "urn:ciam:problem:wrong_input")]
    r#type: String,
    /// What kind of problem it is; the same for every occurrence.
    title: String,
    /// The status code.
    #[schema(example = 422)]
    status: u16,
    /// A sentence for the person.
    detail: String,
    /// In how many seconds to try again, as the header `Retry-After`: of `throttled` and `overloaded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    /// How many seconds old a proof may be: of `fresh_sign_in_required`.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<u64>,
}

/// The problem `wrong_input`: nothing was changed. On a journey, its prompt is to be answered again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WrongInput {
    #[serde(flatten)]
    problem: Document,
    /// What was wrong, as a word: `invalid_email`, `invalid_phone`, `invalid_username`, `missing_username`,
    /// `username_taken`, `unaccepted_kind` (of identifier), `already_yours`, `too_many` (identifiers), `invalid_name`,
    /// `wrong_credentials`, `wrong_password`, `password_too_short`, `password_too_long`, `password_common`,
    /// `password_weak`, `wrong_code`, `code_used_up`, `wrong_proof`, `unavailable_method`,
    /// `unexpected_answer` (the prompt asks for something else),
    /// `custom` (a step of the application's own says why in `detail`). More words may come.
    #[schema(example = "wrong_credentials")]
    mistake: &'static str,
    /// What to answer again, on a journey.
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<Prompt>,
}

/// The problems that there are: name and status. What they say is in the files of the languages.
macro_rules! problems {
    ($($(#[$doc:meta])* $vis:vis $name:ident: $status:ident;)*) => {
        impl Problem {
            $($(#[$doc])* $vis const fn $name() -> Self {
                const KIND: &Kind = &Kind { name: stringify!($name), status: StatusCode::$status };
                Self { kind: KIND, again: None, retry_after: None, max_age: None, way: None }
            })*

            /// One of each.
            #[cfg(test)]
            pub(crate) fn all() -> Vec<Self> {
                vec![$(Self::$name()),*]
            }
        }
    };
}

problems! {
    /// 401: there is no session, or it has ended.
    pub no_session: UNAUTHORIZED;
    /// 403: signed in, but not allowed.
    pub forbidden: FORBIDDEN;
    /// 404: there is no such thing, or none that this client may know of.
    pub not_found: NOT_FOUND;
    /// 500: a defect. Its cause belongs into the log.
    pub internal: INTERNAL_SERVER_ERROR;
    /// 503: something that is needed does not answer.
    pub unavailable: SERVICE_UNAVAILABLE;
    /// 409: another account has the address. Only for those who may know, such as an operator.
    pub address_taken: CONFLICT;
    /// 422: too short, too long, common or easily guessed.
    pub unusable_password: UNPROCESSABLE_ENTITY;

    pub(crate) assurance_required: FORBIDDEN;
    pub(crate) fresh_sign_in_required: FORBIDDEN;
    pub(crate) cross_site: FORBIDDEN;
    pub(crate) method_not_allowed: METHOD_NOT_ALLOWED;
    pub(crate) malformed: BAD_REQUEST;
    pub(crate) too_deep: BAD_REQUEST;
    pub(crate) timeout: REQUEST_TIMEOUT;
    pub(crate) too_large: PAYLOAD_TOO_LARGE;
    pub(crate) target_too_long: URI_TOO_LONG;
    pub(crate) headers_too_large: REQUEST_HEADER_FIELDS_TOO_LARGE;
    pub(crate) unsupported_media_type: UNSUPPORTED_MEDIA_TYPE;
    pub(crate) unexpected_shape: UNPROCESSABLE_ENTITY;
    pub(crate) unexpected_members: UNPROCESSABLE_ENTITY;
    pub(crate) bad_cursor: BAD_REQUEST;
    pub(crate) last_identifier: CONFLICT;
    pub(crate) password_changed: CONFLICT;
    pub(crate) bad_return_to: UNPROCESSABLE_ENTITY;
    pub(crate) bad_label: UNPROCESSABLE_ENTITY;
    pub(crate) unknown_link: NOT_FOUND;
    pub(crate) unknown_journey: NOT_FOUND;
    pub(crate) stale_journey: CONFLICT;
    pub(crate) wrong_input: UNPROCESSABLE_ENTITY;
    pub(crate) throttled: TOO_MANY_REQUESTS;
    pub(crate) overloaded: SERVICE_UNAVAILABLE;
}

impl Problem {
    /// Wrong input, with the prompt to answer again.
    pub(crate) fn wrong(mistake: Mistake, prompt: Prompt) -> Self {
        Self { again: Some(Box::new(Again { mistake, prompt: Some(prompt) })), ..Self::wrong_input() }
    }

    /// Wrong input outside of journeys.
    pub(crate) fn mistaken(mistake: Mistake) -> Self {
        Self { again: Some(Box::new(Again { mistake, prompt: None })), ..Self::wrong_input() }
    }

    const fn after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }

    /// The same problem, saying how old a proof may be.
    pub(crate) const fn of_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// The same problem, whose page leads elsewhere.
    pub(crate) const fn leading_to(mut self, way: &'static Way) -> Self {
        self.way = Some(way);
        self
    }

    /// The status code.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.kind.status
    }

    /// What kind of problem it is, without the `urn:ciam:problem:` in front.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.kind.name
    }

    /// What it is, in a few words.
    pub(crate) fn title(&self, wording: &Wording) -> String {
        wording.say(&self.key(), &[])
    }

    /// What it is, in a sentence.
    pub(crate) fn detail(&self, wording: &Wording) -> String {
        wording.say(&format!("{}-detail", self.key()), &[])
    }

    /// Its key in the files of languages.
    fn key(&self) -> String {
        format!("problem-{}", self.kind.name.replace('_', "-"))
    }

    pub(crate) fn way(&self) -> Option<Way> {
        const SIGN_IN: Way = Way { path: "/sign-in", label: "sign-in" };
        const STEP_UP: Way = Way { path: "/step-up", label: "step-up-title" };
        let own = match self.kind.name {
            "fresh_sign_in_required" => Some(STEP_UP),
            "unknown_link" => Some(SIGN_IN),
            _ => (self.status() == StatusCode::UNAUTHORIZED).then_some(SIGN_IN),
        };
        self.way.copied().or(own)
    }

    /// A sentence or two for the person.
    pub(crate) fn sentence(&self, wording: &Wording) -> String {
        match (&self.again, self.retry_after) {
            (Some(again), _) => wording.mistake(&again.mistake),
            (None, Some(pause)) => {
                let about = [("detail", self.detail(wording).into()), ("time", wording.about(pause).into())];
                wording.say("problem-try-again", &about)
            }
            (None, None) => self.detail(wording),
        }
    }

    /// The field that it is about.
    pub(crate) fn field(&self) -> Option<&'static str> {
        self.again.as_ref().and_then(|again| again.mistake.field())
    }

    /// The status, and the headers that belong to it.
    pub(crate) fn head(&self) -> (StatusCode, HeaderMap) {
        let mut headers = HeaderMap::new();
        if let Some(pause) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(pause)));
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        (self.status(), headers)
    }

    /// A page of a handler's own, with the status and headers of the problem.
    pub(crate) fn over(&self, page: Response) -> Response {
        if !page.status().is_success() {
            return page;
        }
        let (status, headers) = self.head();
        (status, headers, page).into_response()
    }

    /// The problem as a document in a language.
    pub(crate) fn response(self, wording: &Wording) -> Response {
        let (status, headers) = self.head();
        let problem = self.document(wording);
        let body = match self.again.as_deref() {
            Some(Again { mistake, prompt }) => {
                Json(WrongInput { problem, mistake: mistake.code(), prompt: prompt.clone() }).into_response()
            }
            None => Json(problem).into_response(),
        };
        let mut response = (status, headers, body).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }

    fn document(&self, wording: &Wording) -> Document {
        Document {
            r#type: format!("urn:ciam:problem:{}", self.kind.name),
            title: self.title(wording),
            status: self.status().as_u16(),
            detail: self.sentence(wording),
            retry_after: self.retry_after.map(whole_seconds),
            max_age: self.max_age.map(|age| age.as_secs()),
        }
    }
}

/// Rounded up: a client that waits so long does not come too early.
fn whole_seconds(pause: Duration) -> u64 {
    pause.as_secs() + u64::from(pause.subsec_nanos() > 0)
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem").field("name", &self.kind.name).finish_non_exhaustive()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title(&Languages::builtin().english()))
    }
}

impl Error for Problem {}

impl IntoResponse for Problem {
    /// In English; around the mounted application it becomes what its reader reads.
    fn into_response(self) -> Response {
        let mut response = self.clone().response(&Languages::builtin().english());
        response.extensions_mut().insert(self);
        response
    }
}

impl From<JourneyError> for Problem {
    fn from(error: JourneyError) -> Self {
        match error {
            JourneyError::Unknown => Self::unknown_journey(),
            JourneyError::SignInFirst => Self::no_session(),
            JourneyError::Stale => Self::stale_journey(),
            JourneyError::Wrong { mistake, prompt } => Self::wrong(mistake, *prompt),
            JourneyError::Throttled { retry_after } => Self::throttled().after(retry_after),
            JourneyError::Overloaded { retry_after } => Self::overloaded().after(retry_after),
            error => unavailable(&error),
        }
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Unknown => Self::not_found(),
            SessionError::Refused => Self::forbidden(),
            error => unavailable(&error),
        }
    }
}

impl From<UserError> for Problem {
    fn from(error: UserError) -> Self {
        match error {
            UserError::Unknown => Self::not_found(),
            UserError::AddressTaken => Self::address_taken(),
            UserError::Password(_) => Self::unusable_password(),
            UserError::Overloaded { retry_after } => Self::overloaded().after(retry_after),
            error => unavailable(&error),
        }
    }
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Wrong => Self::mistaken(Mistake::WrongPassword),
            PasswordError::Stale => Self::password_changed(),
            PasswordError::Problem(problem) => Self::mistaken(Mistake::Password(problem)),
            PasswordError::NotEnough(need) => Self::fresh_sign_in_required().of_age(need.within.unwrap_or_default()),
            PasswordError::Unknown => Self::no_session(),
            PasswordError::Throttled { retry_after } => Self::throttled().after(retry_after),
            PasswordError::Overloaded { retry_after } => Self::overloaded().after(retry_after),
            error => unavailable(&error),
        }
    }
}

impl From<AuthenticatorError> for Problem {
    fn from(error: AuthenticatorError) -> Self {
        match error {
            AuthenticatorError::Unknown => Self::not_found(),
            AuthenticatorError::NotEnough(need) => {
                Self::fresh_sign_in_required().of_age(need.within.unwrap_or_default())
            }
            error => unavailable(&error),
        }
    }
}

impl From<IdentifierError> for Problem {
    fn from(error: IdentifierError) -> Self {
        match error {
            IdentifierError::Unknown => Self::not_found(),
            IdentifierError::Last => Self::last_identifier(),
            IdentifierError::NotFresh => Self::fresh_sign_in_required(),
            error => unavailable(&error),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        unavailable(&error)
    }
}

/// Writes the cause to the log and tells the client nothing of it.
fn unavailable(error: &(dyn Error + 'static)) -> Problem {
    tracing::error!(error = with_causes(error), "a request could not be served");
    Problem::unavailable()
}
