//! What the messages say. A name or address that someone typed never becomes part of a link.

use std::time::Duration;

use crate::challenges::ChallengeLimits;
use crate::users::DisplayName;

/// A subject and a text.
pub(crate) struct Text {
    pub(crate) subject: String,
    pub(crate) text: String,
}

/// To an address that somebody wants to sign up with. It greets nobody by name: a name typed by a
/// stranger would be a way to send words to the owner of an address.
pub(crate) fn confirm_address(app: &str, code: &str, link: &str, limits: &ChallengeLimits) -> Text {
    let (code_for, link_for) = (span(limits.code), span(limits.link));
    Text {
        subject: format!("{code} is your code for {app}"),
        text: format!(
            "Welcome to {app}.\n\n\
             To confirm your address, enter this code on the page where you signed up:\n\n    {code}\n\n\
             It is good for {code_for}. Or follow this link, which is good for {link_for}:\n\n    {link}\n\n\
             If you did not sign up at {app}, ignore this message: nothing happens without the code or the link, \
             and nobody at {app} will ever ask you for them.\n"
        ),
    }
}

/// To the owner of an account, when somebody wants to sign up with its address.
pub(crate) fn address_known(app: &str, name: Option<&DisplayName>, sign_in: &str) -> Text {
    let greeting = name.map_or_else(|| "Hello,".to_owned(), |name| format!("Hello {},", name.as_str()));
    Text {
        subject: format!("You already have an account at {app}"),
        text: format!(
            "{greeting}\n\n\
             someone, probably you, wanted to sign up at {app} with this address. It has an account already; sign in \
             here:\n\n    {sign_in}\n\n\
             If it was not you, there is nothing to do: your account is as it was.\n"
        ),
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
