//! How letters are said.

use super::Channel;
use super::letter::{Change, Letter, Proof};
use crate::application::Application;
use crate::language::{Argument, Wording};
use crate::users::DisplayName;

/// A subject and a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// One line.
    pub subject: String,
    /// The text.
    pub text: String,
}

/// The attribute of a message that is its subject.
pub(crate) const SUBJECT: &str = "subject";
/// The attribute of a message that is its short text.
pub(crate) const SHORT: &str = "short";

/// What a letter is said with.
pub(super) type Arguments<'a> = Vec<(&'static str, Argument<'a>)>;

/// Says it in full by email, and in a line or two by text message, as the file of the language has it.
pub(crate) fn write(application: &Application, wording: &Wording, channel: Channel, letter: &Letter<'_>) -> Text {
    let key = letter.template().key();
    let about = arguments(application, wording, letter);
    match channel {
        Channel::Email => email(
            &wording.find_attribute(&key, SUBJECT, &about).unwrap_or_else(|| application.name.clone()),
            &wording.say(&key, &about),
        ),
        Channel::Sms | Channel::Voice => short(
            application,
            &wording.find_attribute(&key, SHORT, &about).unwrap_or_else(|| wording.say(&key, &about)),
        ),
    }
}

/// An email: its subject is one line, whatever was put into it.
pub(super) fn email(subject: &str, text: &str) -> Text {
    let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
    Text { subject, text: format!("{}\n", text.trim_end()) }
}

/// A text message. Where one has a subject, it is the application's name.
pub(super) fn short(application: &Application, text: &str) -> Text {
    Text { subject: application.name.clone(), text: text.trim().to_owned() }
}

/// The variables of a letter's template, and what they are this time.
pub(super) fn arguments<'a>(application: &'a Application, wording: &Wording, letter: &Letter<'a>) -> Arguments<'a> {
    let mut about: Arguments<'a> = vec![("app", application.name.as_str().into())];
    match letter {
        Letter::Confirm(proof) | Letter::Add(proof) => proved_by(&mut about, wording, proof),
        Letter::Known { name, sign_in } => {
            greet(&mut about, wording, *name);
            about.push(("link", (*sign_in).into()));
        }
        Letter::Recover { name, proof } => {
            greet(&mut about, wording, *name);
            proved_by(&mut about, wording, proof);
        }
        Letter::NoAccount { sign_up } => about.push(("link", (*sign_up).into())),
        Letter::Changed { name, change, at, device, recover } => {
            greet(&mut about, wording, *name);
            about.push(("at", wording.moment(*at).into()));
            about.push(("device", wording.device(*device).into()));
            about.push(("link", (*recover).into()));
            if let Change::Added(kind) | Change::Removed(kind) = change {
                about.push(("kind", kind.as_str().into()));
            }
        }
    }
    about
}

fn greet<'a>(about: &mut Arguments<'a>, wording: &Wording, name: Option<&'a DisplayName>) {
    let name = name.map_or("", DisplayName::as_str);
    let greeting = match name {
        "" => wording.say("message-hello", &[]),
        name => wording.say("message-hello-name", &[("name", name.into())]),
    };
    about.extend([("greeting", greeting.into()), ("name", name.into())]);
}

fn proved_by<'a>(about: &mut Arguments<'a>, wording: &Wording, proof: &Proof<'a>) {
    let Proof { code, link, code_for, link_for } = *proof;
    about.extend([
        ("code", code.into()),
        ("link", link.into()),
        ("code_for", wording.span(code_for).into()),
        ("link_for", wording.span(link_for).into()),
    ]);
}
