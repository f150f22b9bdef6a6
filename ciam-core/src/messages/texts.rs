//! How things are said.

use std::time::Duration;

use super::Channel;
use super::letter::{Change, Letter, Proof};
use crate::application::Application;
use crate::identifiers::IdentifierKind;
use crate::users::DisplayName;

/// A subject and a text.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) subject: String,
    pub(crate) text: String,
}

/// Says it in full by email, and in a line or two by text message.
pub(crate) fn write(application: &Application, channel: Channel, letter: &Letter<'_>) -> Text {
    match channel {
        Channel::Email => email(&application.name, letter),
        Channel::Sms | Channel::Voice => short(&application.name, letter),
    }
}

fn email(app: &str, letter: &Letter<'_>) -> Text {
    let (subject, text) = match letter {
        Letter::Confirm(proof) => (
            format!("{} is your code for {app}", proof.code),
            format!(
                "Welcome to {app}.\n\n\
                 To confirm your address, enter this code on the page where you signed up:\n\n{}\
                 If you did not sign up at {app}, ignore this message: nothing happens without the code or the link, \
                 and nobody at {app} will ever ask you for them.\n",
                proved_by(proof)
            ),
        ),
        Letter::Add(proof) => (
            format!("{} is your code for {app}", proof.code),
            format!(
                "Someone, probably you, wants to add this address to an account at {app}.\n\n\
                 To confirm it, enter this code on the page where you added it:\n\n{}\
                 If it was not you, ignore this message: nothing happens without the code or the link.\n",
                proved_by(proof)
            ),
        ),
        Letter::Known { name, sign_in } => (
            format!("You already have an account at {app}"),
            format!(
                "{}\n\n\
                 someone, probably you, wanted to use this address at {app}. It has an account already; sign in \
                 here:\n\n    {sign_in}\n\n\
                 If it was not you, there is nothing to do: your account is as it was.\n",
                greeting(*name)
            ),
        ),
        Letter::Recover { name, proof } => (
            format!("{} is your code for {app}", proof.code),
            format!(
                "{}\n\n\
                 someone, probably you, wants to set a new password for your account at {app}. Enter this code on the \
                 page where you asked for it:\n\n{}\
                 If it was not you, ignore this message: your password stays as it is. Nobody at {app} will ever ask \
                 you for the code.\n",
                greeting(*name),
                proved_by(proof)
            ),
        ),
        Letter::NoAccount { sign_up } => (
            format!("There is no account at {app} with this address"),
            format!(
                "Someone, probably you, wanted to set a new password at {app}, but no account has this address. \
                 Perhaps you signed up with another one. To create an account:\n\n    {sign_up}\n\n\
                 If it was not you, there is nothing to do.\n"
            ),
        ),
        Letter::Changed { name, change, at, device, recover } => {
            let what = changed(*change, app);
            (
                what.clone(),
                format!(
                    "{}\n\n\
                     {what}. It happened at {}{}.\n\n\
                     If it was you, there is nothing to do. If it was not, set a new password at once; that signs \
                     everybody out:\n\n    {recover}\n",
                    greeting(*name),
                    at.rfc3339(),
                    device.map_or_else(String::new, |device| format!(", in {device}"))
                ),
            )
        }
    };
    Text { subject, text }
}

fn short(app: &str, letter: &Letter<'_>) -> Text {
    let text = match letter {
        Letter::Confirm(proof) | Letter::Add(proof) | Letter::Recover { proof, .. } => format!(
            "{} is your code for {app}, good for {}. Tell it to nobody. Or follow {}",
            proof.code,
            span(proof.code_for),
            proof.link
        ),
        Letter::Known { sign_in, .. } => format!("{app}: this number has an account already. Sign in: {sign_in}"),
        Letter::NoAccount { sign_up } => format!("{app}: no account has this number. Sign up: {sign_up}"),
        Letter::Changed { change, recover, .. } => {
            format!("{}. If it was not you, set a new password: {recover}", changed(*change, app))
        }
    };
    Text { subject: app.to_owned(), text }
}

fn greeting(name: Option<&DisplayName>) -> String {
    name.map_or_else(|| "Hello,".to_owned(), |name| format!("Hello {},", name.as_str()))
}

fn proved_by(Proof { code, link, code_for, link_for }: &Proof<'_>) -> String {
    let (code_for, link_for) = (span(*code_for), span(*link_for));
    format!(
        "    {code}\n\nIt is good for {code_for}. Or follow this link, which is good for {link_for}:\n\n    {link}\n\n"
    )
}

fn changed(change: Change, app: &str) -> String {
    let kind = |kind| match kind {
        IdentifierKind::Email => "An email address",
        IdentifierKind::Phone => "A phone number",
        IdentifierKind::Username => "A username",
    };
    match change {
        Change::Password => format!("Your password at {app} was changed"),
        Change::Recovered => format!("Your password at {app} was set anew"),
        Change::Added(added) => format!("{} was added to your account at {app}", kind(added)),
        Change::Removed(removed) => format!("{} was removed from your account at {app}", kind(removed)),
    }
}

/// A span of time as people say it, in the largest unit that divides it.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (number, unit) = match seconds {
        _ if seconds.is_multiple_of(3600) => (seconds / 3600, "hour"),
        _ if seconds.is_multiple_of(60) => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    if number == 1 { format!("one {unit}") } else { format!("{number} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_say_them() {
        let said = [600, 86_400, 3600, 90, 60].map(|seconds| span(Duration::from_secs(seconds)));
        assert_eq!(said, ["10 minutes", "24 hours", "one hour", "90 seconds", "one minute"]);
    }
}
