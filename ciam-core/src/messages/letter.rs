//! What there is to say to people. How it is said, in which language and by which template, is `texts.rs`'s.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::identifiers::IdentifierKind;
use crate::users::DisplayName;

/// Something to say to a person. A name or address that someone typed never becomes part of a link.
#[derive(Debug, Clone)]
pub(crate) enum Letter<'a> {
    /// To an address or number that somebody wants to sign up with. It greets nobody by name: a name typed by a
    /// stranger would be a way to send words to the owner of an address.
    Confirm(Proof<'a>),
    /// To an address or number that a signed-in person wants to add to their account; greets nobody either.
    Add(Proof<'a>),
    /// To the owner of an account, when somebody wants to sign up with its address or number, or to add it to
    /// another account.
    Known { name: Option<&'a DisplayName>, sign_in: &'a str },
    /// To the owner of an account who has lost the password, or to whom somebody pretends it.
    Recover { name: Option<&'a DisplayName>, proof: Proof<'a> },
    /// To an address or number without an account, when somebody wants to recover one.
    NoAccount { sign_up: &'a str },
    /// To the owner: something about the account has changed.
    Changed { name: Option<&'a DisplayName>, change: Change, at: Timestamp, device: Option<&'a str>, recover: &'a str },
}

/// A code and a link, and for how long they are good.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proof<'a> {
    pub(crate) code: &'a str,
    pub(crate) link: &'a str,
    pub(crate) code_for: Duration,
    pub(crate) link_for: Duration,
}

/// What has changed about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The password, by somebody who knew the former one.
    Password,
    /// The password, by recovery.
    Recovered,
    /// An identifier of this kind was added.
    Added(IdentifierKind),
    /// An identifier of this kind was removed.
    Removed(IdentifierKind),
    /// A way to prove who one is was added.
    AuthenticatorAdded,
    /// A way to prove who one is was removed.
    AuthenticatorRemoved,
}

impl Letter<'_> {
    /// The template by which it is said.
    pub(crate) const fn template(&self) -> TemplateName {
        match self {
            Self::Confirm(_) => TemplateName::ConfirmAddress,
            Self::Add(_) => TemplateName::AddIdentifier,
            Self::Known { .. } => TemplateName::AddressKnown,
            Self::Recover { .. } => TemplateName::Recover,
            Self::NoAccount { .. } => TemplateName::NoAccount,
            Self::Changed { change, .. } => match change {
                Change::Password => TemplateName::PasswordChanged,
                Change::Recovered => TemplateName::PasswordRecovered,
                Change::Added(_) => TemplateName::IdentifierAdded,
                Change::Removed(_) => TemplateName::IdentifierRemoved,
                Change::AuthenticatorAdded => TemplateName::AuthenticatorAdded,
                Change::AuthenticatorRemoved => TemplateName::AuthenticatorRemoved,
            },
        }
    }
}

/// The messages that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TemplateName {
    /// To an address that somebody wants to sign up with.
    ConfirmAddress,
    /// To an address that a person wants to add to their account.
    AddIdentifier,
    /// To the owner of an account with whose address somebody wants to sign up.
    AddressKnown,
    /// To the owner of an account whose password is lost.
    Recover,
    /// To an address without an account, when somebody wants to recover one.
    NoAccount,
    /// The password was changed by somebody who knew the former one.
    PasswordChanged,
    /// The password was set anew by recovery.
    PasswordRecovered,
    /// An address, number or username was added.
    IdentifierAdded,
    /// An address, number or username was removed.
    IdentifierRemoved,
    /// To the owner of an account: a way to prove who they are was added.
    AuthenticatorAdded,
    /// To the owner of an account: a way to prove who they are was removed.
    AuthenticatorRemoved,
}

/// What every text of a message may say beside its own.
const OF_A_PROOF: [&str; 5] = ["app", "code", "link", "code_for", "link_for"];

impl TemplateName {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::ConfirmAddress,
        Self::AddIdentifier,
        Self::AddressKnown,
        Self::Recover,
        Self::NoAccount,
        Self::PasswordChanged,
        Self::PasswordRecovered,
        Self::IdentifierAdded,
        Self::IdentifierRemoved,
        Self::AuthenticatorAdded,
        Self::AuthenticatorRemoved,
    ];

    /// Its name, as in events: `confirm_address`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConfirmAddress => "confirm_address",
            Self::AddIdentifier => "add_identifier",
            Self::AddressKnown => "address_known",
            Self::Recover => "recover",
            Self::NoAccount => "no_account",
            Self::PasswordChanged => "password_changed",
            Self::PasswordRecovered => "password_recovered",
            Self::IdentifierAdded => "identifier_added",
            Self::IdentifierRemoved => "identifier_removed",
            Self::AuthenticatorAdded => "authenticator_added",
            Self::AuthenticatorRemoved => "authenticator_removed",
        }
    }

    /// The template with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|template| template.as_str() == name)
    }

    /// The variables that its texts may use.
    ///
    /// `app` is the application's name; `code` and `link` with `code_for` and `link_for`, how long they are good;
    /// `greeting` a line that greets the person by name, if there is one; `name` the name, or nothing; `at` when it
    /// happened, `device` in which browser or app, and `kind` what it was about: `email`, `phone` or `username`.
    #[must_use]
    pub const fn variables(self) -> &'static [&'static str] {
        match self {
            Self::ConfirmAddress | Self::AddIdentifier => &OF_A_PROOF,
            Self::AddressKnown => &["app", "greeting", "name", "link"],
            Self::Recover => &["app", "greeting", "name", "code", "link", "code_for", "link_for"],
            Self::NoAccount => &["app", "link"],
            Self::PasswordChanged | Self::PasswordRecovered | Self::AuthenticatorAdded | Self::AuthenticatorRemoved => {
                &["app", "greeting", "name", "at", "device", "link"]
            }
            Self::IdentifierAdded | Self::IdentifierRemoved => {
                &["app", "greeting", "name", "at", "device", "kind", "link"]
            }
        }
    }

    /// The variables that its text must say: those for which it is sent. A short text has room for the code alone.
    #[must_use]
    pub const fn wanted(self, channel: super::Channel) -> &'static [&'static str] {
        let short = !matches!(channel, super::Channel::Email);
        match self {
            Self::ConfirmAddress | Self::AddIdentifier | Self::Recover if short => &["code"],
            Self::ConfirmAddress | Self::AddIdentifier | Self::Recover => &["code", "link"],
            _ => &["link"],
        }
    }

    /// Its key in the files of languages.
    pub(crate) fn key(self) -> String {
        format!("message-{}", self.as_str().replace('_', "-"))
    }

    /// The template whose text or attribute stands under a key of a file, and which of the two.
    pub(crate) fn of_key(key: &str) -> Option<(Self, Option<&str>)> {
        let (key, attribute) = key.split_once('.').map_or((key, None), |(key, attribute)| (key, Some(attribute)));
        let template = Self::ALL.into_iter().find(|template| template.key() == key)?;
        Some((template, attribute))
    }
}
