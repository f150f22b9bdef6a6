//! What there is to say to people. How it is said, in which language and by which template, is `texts.rs`'s.

use std::time::Duration;

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
}

impl Letter<'_> {
    /// The name of its template, as in events.
    pub(crate) const fn template(&self) -> &'static str {
        match self {
            Self::Confirm(_) => "confirm_address",
            Self::Add(_) => "add_identifier",
            Self::Known { .. } => "address_known",
            Self::Recover { .. } => "recover",
            Self::NoAccount { .. } => "no_account",
            Self::Changed { change, .. } => match change {
                Change::Password => "password_changed",
                Change::Recovered => "password_recovered",
                Change::Added(_) => "identifier_added",
                Change::Removed(_) => "identifier_removed",
            },
        }
    }
}
