//! What the messages say. A name or address that someone typed never becomes part of a link.

use crate::users::DisplayName;

/// A subject and a text.
pub(crate) struct Text {
    pub(crate) subject: String,
    pub(crate) text: String,
}

/// To an address that somebody wants to sign up with. It greets nobody by name: a name typed by a
/// stranger would be a way to send words to the owner of an address.
pub(crate) fn confirm_address(app: &str, code: &str, link: &str) -> Text {
    Text {
        subject: format!("{code} is your code for {app}"),
        text: format!(
            "Welcome to {app}.\n\n\
             To confirm your address, enter this code on the page where you signed up:\n\n    {code}\n\n\
             It is good for 10 minutes. Or follow this link, which is good for 24 hours:\n\n    {link}\n\n\
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
