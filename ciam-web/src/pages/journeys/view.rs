//! How a prompt looks.

use axum::response::{IntoResponse, Response};
use ciam_core::journeys::{JourneyError, JourneyKind, Mistake, Prompt};
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::Place;
use crate::body::Form;
use crate::error::Problem;
use crate::moments::remaining;
use crate::return_to::with_way_back;
use crate::signed_in;
use crate::web::Web;
use ciam_core::journeys::LocalPath;

/// A journey's pages.
#[derive(Debug)]
pub(super) struct View<'v> {
    pub(super) web: &'v Web,
    pub(super) place: Place,
    pub(super) journey: &'v str,
    /// Where the person goes afterwards. The journey knows; this is for links between journeys.
    pub(super) return_to: Option<LocalPath>,
}

/// Why the page is shown again.
#[derive(Debug, Serialize)]
pub(super) struct Complaint {
    field: Option<&'static str>,
    text: String,
}

impl Complaint {
    pub(super) fn mistake(mistake: &Mistake, form: &Form) -> Self {
        let text = match (mistake, form.text("answer")) {
            (Mistake::UnexpectedAnswer, "continue") => {
                "The link was not followed yet. Follow it first, or enter the code.".to_owned()
            }
            _ => mistake.to_string(),
        };
        Self { field: mistake.field(), text }
    }

    pub(super) fn problem(problem: &Problem) -> Self {
        Self { field: None, text: problem.sentence() }
    }
}

impl View<'_> {
    /// The path of the journey's current page.
    pub(super) fn next(&self, resent: bool) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("journey", self.journey);
        if let Some(path) = &self.return_to {
            query.append_pair("return_to", path.as_str());
        }
        if resent {
            query.append_pair("sent", "1");
        }
        format!("{}?{}", self.web.path(self.place.path), query.finish())
    }

    /// A problem whose page leads to the journey's beginning.
    pub(super) fn problem(&self, error: JourneyError) -> Problem {
        Problem::from(error).leading_to(self.place.again)
    }

    /// The page of a prompt, with what was typed before, except secrets.
    pub(super) fn page(
        &self,
        prompt: &Prompt,
        error: Option<Complaint>,
        notice: Option<&str>,
        typed: Option<&Form>,
    ) -> Response {
        let mut code_hint = None;
        let mut reason = None;
        let template = match prompt {
            Prompt::Identify { .. } => "identify.html".to_owned(),
            Prompt::Password { .. } => "password.html".to_owned(),
            Prompt::NewPassword { .. } => "new_password.html".to_owned(),
            Prompt::Code { expires_at, .. } => {
                code_hint = Some(match remaining(*expires_at, self.web.identity().clock().now()) {
                    Some(time) => format!("It is good for {time}."),
                    None => "It is too old. Send another message.".to_owned(),
                });
                "code.html".to_owned()
            }
            Prompt::Confirmed {} => "confirmed.html".to_owned(),
            Prompt::Refused { reason: why } => {
                reason = Some(refusal(why));
                "refused.html".to_owned()
            }
            Prompt::Done { return_to, .. } => return signed_in::go_on(self.web, return_to.as_ref()).into_response(),
            Prompt::Custom { name, .. } => match self.web.templates().step(name) {
                Some(template) => template,
                None => return Problem::not_found().into_response(),
            },
            _ => return Problem::not_found().into_response(),
        };
        let value = |name| typed.map(|form| form.text(name)).unwrap_or_default();
        let onward = self.return_to.as_ref().map(|path| with_way_back("", path)).unwrap_or_default();
        let context = context! {
            kind => if matches!(self.place.kind, JourneyKind::SignUp) { "sign_up" } else { "sign_in" },
            action => self.web.path(self.place.path),
            journey => self.journey,
            return_to => self.return_to.as_ref().map(LocalPath::as_str),
            onward => onward,
            prompt => Serde(prompt),
            values => context! { email => value("email"), name => value("name") },
            error => error.map(Serde),
            notice => notice,
            good_for => code_hint,
            mailbox => self.web.mailbox().is_some(),
            reason => reason,
        };
        self.web.templates().page(&template, context)
    }
}

/// Why a journey has ended, for the person.
pub(in crate::pages) fn refusal(reason: &str) -> &'static str {
    match reason {
        "address_taken" => "This address has an account already. Sign in instead.",
        "expired" => "It took too long, and what you had entered is gone. Please start again.",
        "not_allowed" => "This account cannot be signed in at the moment.",
        "session_ended" => "You were signed in here, and have been signed out since.",
        _ => "It cannot go on from here. Please start again.",
    }
}
