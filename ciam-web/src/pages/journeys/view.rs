//! How a prompt looks.

use axum::response::{IntoResponse, Response};
use ciam_core::authenticators::Method;
use ciam_core::identifiers::IdentifierKind;
use ciam_core::journeys::{JourneyError, JourneyKind, Mistake, Prompt};
use ciam_core::language::Wording;
use minijinja::Value;
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::place::{Onward, Place};
use crate::body::Form;
use crate::error::Problem;
use crate::moments::remaining;
use crate::reader::Reader;
use crate::signed_in;
use ciam_core::journeys::LocalPath;

/// A journey's pages.
#[derive(Debug)]
pub(in crate::pages) struct View<'v> {
    pub(in crate::pages) reader: &'v Reader,
    pub(in crate::pages) place: Place,
    pub(in crate::pages) journey: &'v str,
    pub(in crate::pages) onward: Onward,
}

/// Why the page is shown again.
#[derive(Debug, Serialize)]
pub(in crate::pages) struct Complaint {
    field: Option<&'static str>,
    text: String,
}

impl Complaint {
    pub(super) fn mistake(mistake: &Mistake, form: &Form, reader: &Reader) -> Self {
        let text = match (mistake, form.text("answer")) {
            (Mistake::UnexpectedAnswer, "continue") => reader.say("code-link-not-followed", &[]),
            _ => reader.wording().mistake(mistake),
        };
        Self { field: mistake.field(), text }
    }

    pub(in crate::pages) fn problem(problem: &Problem, reader: &Reader) -> Self {
        Self { field: problem.field(), text: problem.sentence(reader.wording()) }
    }
}

/// What stands in the fields of a page already; never a secret.
#[derive(Debug, Default, Serialize)]
pub(super) struct Typed {
    identifier: String,
    name: String,
    username: String,
}

impl Typed {
    /// Who it is, as they said before.
    pub(super) fn who(identifier: String) -> Self {
        Self { identifier, ..Self::default() }
    }

    /// What was typed into a form.
    pub(super) fn into(form: &Form) -> Self {
        let who = ["email", "phone", "username", "identifier"].into_iter().find_map(|name| form.given(name));
        Self {
            identifier: who.unwrap_or_default().to_owned(),
            name: form.text("name").to_owned(),
            username: form.text("username").to_owned(),
        }
    }
}

/// The field that asks by what somebody is found.
#[derive(Debug, Serialize)]
struct Field {
    /// `email`, `phone` or `username` where that kind alone is meant, otherwise `identifier`.
    name: &'static str,
    /// The kinds, in the order in which they are shown, as one word: `email_phone`.
    kinds: String,
    r#type: &'static str,
    inputmode: &'static str,
    autocomplete: &'static str,
}

impl Field {
    fn new(accepts: &[IdentifierKind], only: Option<IdentifierKind>, adds: bool) -> Self {
        let meant = only.filter(|kind| accepts.contains(kind));
        let kinds: Vec<IdentifierKind> = meant.map_or_else(|| accepts.to_vec(), |kind| vec![kind]);
        let single = if let [single] = kinds[..] { Some(single) } else { None };
        let (r#type, inputmode) = match single {
            Some(IdentifierKind::Email) => ("email", "email"),
            Some(IdentifierKind::Phone) => ("tel", "tel"),
            _ if kinds.contains(&IdentifierKind::Email) => ("text", "email"),
            _ => ("text", "text"),
        };
        let autocomplete = match single {
            Some(IdentifierKind::Email) if adds => "email",
            Some(IdentifierKind::Phone) if adds => "tel",
            _ => "username",
        };
        let words: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        let name = single.map_or("identifier", IdentifierKind::as_str);
        Self { name, kinds: words.join("_"), r#type, inputmode, autocomplete }
    }
}

/// Another way to prove something.
#[derive(Serialize)]
struct Way {
    method: Method,
    text: String,
}

impl Way {
    fn new(method: &Method, wording: &Wording) -> Self {
        Self { method: method.clone(), text: wording.way(method.as_str()) }
    }

    fn adding(method: &Method, wording: &Wording) -> Self {
        Self { method: method.clone(), text: wording.adding(method.as_str()) }
    }
}

impl View<'_> {
    /// The path of the journey's current page.
    pub(in crate::pages) fn path(&self, query: &[(&str, &str)]) -> String {
        let all = [&[("journey", self.journey)], query].concat();
        format!("{}{}", self.reader.web().path(self.place.path), self.onward.query(&all))
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
        notice: Option<String>,
        typed: Typed,
    ) -> Response {
        let (web, wording) = (self.reader.web(), self.reader.wording());
        let mut code_hint = None;
        let mut reason = None;
        let (mut asking, mut others, mut picture) = (None, Vec::new(), None);
        let mut field = None;
        let template = match prompt {
            Prompt::Identify { accepts } => {
                let adds = self.place.kind == JourneyKind::AddIdentifier;
                field = Some(Field::new(accepts, self.onward.only, adds));
                match self.place.kind {
                    JourneyKind::Recover => "recover.html",
                    JourneyKind::AddIdentifier => "add_identifier.html",
                    _ => "identify.html",
                }
                .to_owned()
            }
            Prompt::Password { .. } if self.place.kind.begins_signed_in() => "step_up.html".to_owned(),
            Prompt::Password { .. } => "password.html".to_owned(),
            Prompt::NewPassword { .. } if self.place.kind == JourneyKind::Recover => "reset_password.html".to_owned(),
            Prompt::NewPassword { .. } => "new_password.html".to_owned(),
            Prompt::Code { expires_at, .. } => {
                code_hint = Some(match remaining(*expires_at, web.identity().clock().now(), wording) {
                    Some(time) => wording.say("code-good-for", &[("time", time.into())]),
                    None => wording.say("code-too-old", &[]),
                });
                "code.html".to_owned()
            }
            Prompt::Otp { method, others: ways } => {
                asking = Some(wording.asking(method.as_str()));
                others = ways.iter().map(|way| Way::new(way, wording)).collect();
                "otp.html".to_owned()
            }
            Prompt::Enrol { choices } => {
                others = choices.iter().map(|way| Way::adding(way, wording)).collect();
                "enrol.html".to_owned()
            }
            Prompt::TotpCreate { svg, .. } => {
                picture = Some(Value::from_safe_string(svg.expose().to_owned()));
                "totp_create.html".to_owned()
            }
            Prompt::RecoveryCodes { .. } => "recovery_codes.html".to_owned(),
            Prompt::Confirmed {} => "confirmed.html".to_owned(),
            Prompt::Refused { reason: why } if why == "continued_elsewhere" => "continued_elsewhere.html".to_owned(),
            Prompt::Refused { reason: why } => {
                reason = Some(wording.refusal(why));
                "refused.html".to_owned()
            }
            Prompt::Completed {} => "completed.html".to_owned(),
            Prompt::Done { return_to, .. } => return signed_in::go_on(web, return_to.as_ref()).into_response(),
            Prompt::Custom { name, .. } => match web.templates().step(name) {
                Some(template) => template,
                None => return Problem::not_found().into_response(),
            },
            Prompt::Authenticate { method, others: ways, .. } => match web.templates().step(method.as_str()) {
                Some(template) => {
                    others = ways.iter().map(|way| Way::new(way, wording)).collect();
                    template
                }
                None => return Problem::not_found().into_response(),
            },
            _ => return Problem::not_found().into_response(),
        };
        let forgotten = Onward { return_to: self.onward.return_to.clone(), ..Onward::default() };
        let carried: Vec<_> = self.onward.pairs().into_iter().map(|(name, value)| context! { name, value }).collect();
        let context = context! {
            kind => self.place.name,
            action => web.path(self.place.path),
            journey => self.journey,
            return_to => self.onward.return_to.as_ref().map(LocalPath::as_str),
            carried => carried,
            onward => self.onward.query(&[]),
            forgot => forgotten.query(&[("from", self.journey)]),
            prompt => Serde(prompt),
            asking => asking,
            picture => picture,
            others => Serde(others),
            field => field.map(Serde),
            values => Serde(typed),
            error => error.map(Serde),
            notice => notice,
            good_for => code_hint,
            mailbox => web.mailbox().is_some(),
            reason => reason,
        };
        self.reader.page(&template, context)
    }
}
