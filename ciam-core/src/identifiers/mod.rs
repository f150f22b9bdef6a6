//! By what a person is found: email addresses, phone numbers, usernames.

mod phone;
mod policy;
mod service;
mod username;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use phone::{InvalidPhone, Phone};
pub use policy::{Asked, IdentifierPolicy, InvalidPolicy, Proving};
pub use service::{IdentifierError, IdentifierView, Identifiers, MOST_IDENTIFIERS};
pub use username::{InvalidUsername, Username};

use crate::clock::Timestamp;
use crate::email::{Email, InvalidEmail};
use crate::events::{Cause, NewEvent};
use crate::id::UserId;
use crate::messages::Channel;
use crate::secret::Digest;
use crate::store::{Collection, Index, Query, Record};

crate::id!(IdentifierId, "idf", "An identifier of a user.");

/// What kinds of identifiers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IdentifierKind {
    /// An email address.
    Email,
    /// A phone number.
    Phone,
    /// A name that the person chose.
    Username,
}

impl IdentifierKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Email, Self::Phone, Self::Username];

    /// What somebody means by a text, of the kinds that are taken here: one that has an `@` is an address, one of
    /// digits and what stands between them a number, any other a username. Whether it is a good one is not asked.
    #[must_use]
    pub fn guess(text: &str, accepts: &[Self]) -> Self {
        let text = text.trim();
        if let [only] = accepts {
            return *only;
        }
        if text.contains('@') {
            return Self::Email;
        }
        let dialled = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '.' | '(' | ')' | '/'));
        let fallback = if accepts.contains(&Self::Username) { Self::Username } else { Self::Email };
        if dialled && accepts.contains(&Self::Phone) { Self::Phone } else { fallback }
    }

    /// `email`, `phone` or `username`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Username => "username",
        }
    }

    /// By what a message goes to it, if one can.
    #[must_use]
    pub const fn channel(self) -> Option<Channel> {
        match self {
            Self::Email => Some(Channel::Email),
            Self::Phone => Some(Channel::Sms),
            Self::Username => None,
        }
    }
}

impl fmt::Display for IdentifierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a person is found by, parsed once at the edge.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Handle {
    /// An email address.
    Email(Email),
    /// A phone number.
    Phone(Phone),
    /// A name that the person chose.
    Username(Username),
}

/// The text is no handle of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHandle {
    /// It is no email address.
    #[error(transparent)]
    Email(#[from] InvalidEmail),
    /// It is no phone number.
    #[error(transparent)]
    Phone(#[from] InvalidPhone),
    /// It is no username.
    #[error(transparent)]
    Username(#[from] InvalidUsername),
}

impl Handle {
    /// Reads a handle of this kind.
    ///
    /// # Errors
    /// [`InvalidHandle`], by the kind.
    pub fn parse(kind: IdentifierKind, text: &str) -> Result<Self, InvalidHandle> {
        Ok(match kind {
            IdentifierKind::Email => Self::Email(text.parse()?),
            IdentifierKind::Phone => Self::Phone(text.parse()?),
            IdentifierKind::Username => Self::Username(text.parse()?),
        })
    }

    /// What kind it is.
    #[must_use]
    pub const fn kind(&self) -> IdentifierKind {
        match self {
            Self::Email(_) => IdentifierKind::Email,
            Self::Phone(_) => IdentifierKind::Phone,
            Self::Username(_) => IdentifierKind::Username,
        }
    }

    /// The form by which accounts are found and unique, with its kind in front: `email:ada@example.com`.
    #[must_use]
    pub fn canonical(&self) -> String {
        match self {
            Self::Email(email) => format!("email:{}", email.canonical()),
            Self::Phone(phone) => format!("phone:{}", phone.as_str()),
            Self::Username(name) => format!("username:{}", name.canonical()),
        }
    }

    /// The text as it was given, in its normal form. Escape it for the medium it goes to.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Email(email) => email.as_str(),
            Self::Phone(phone) => phone.as_str(),
            Self::Username(name) => name.as_str(),
        }
    }

    /// A digest of the canonical form, for records that are about it without holding it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_all(&[b"handle", self.canonical().as_bytes()])
    }
}

impl From<Email> for Handle {
    fn from(email: Email) -> Self {
        Self::Email(email)
    }
}

impl From<Phone> for Handle {
    fn from(phone: Phone) -> Self {
        Self::Phone(phone)
    }
}

impl From<Username> for Handle {
    fn from(username: Username) -> Self {
        Self::Username(username)
    }
}

impl fmt::Debug for Handle {
    /// The kind alone: whose it is belongs into no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({}:..)", self.kind())
    }
}

/// An identifier of a user. Only a proved one identifies them, and only a proved one is unique; a username needs
/// no proof and counts as proved when it is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identifier {
    /// The id.
    pub id: IdentifierId,
    /// Whose it is.
    pub user: UserId,
    /// What it is.
    pub handle: Handle,
    /// When it was added.
    pub added: Timestamp,
    /// When it was proved.
    pub verified: Option<Timestamp>,
}

impl Record for Identifier {
    type Id = IdentifierId;
    const COLLECTION: Collection<Self> = Collection::new("identifiers")
        .index(&Identifier::BY_VERIFIED)
        .index(&Identifier::BY_USER)
        .index(&Identifier::OF_USER);

    fn id(&self) -> IdentifierId {
        self.id
    }
}

impl Identifier {
    /// The one account that has proved a handle (in canonical form). An unproved one reserves nothing.
    pub const BY_VERIFIED: Index<Identifier, Option<String>> =
        Index::new("verified_handle", |i: &Identifier| i.verified.is_some().then(|| i.handle.canonical())).unique();
    /// The identifiers of a user, those proved first coming first; one that is not proved is not found by it.
    pub const BY_USER: Index<Identifier, (UserId, Option<Timestamp>)> =
        Index::over(&["user_id", "verified_at"], |i: &Identifier| (i.user, i.verified));
    /// All identifiers of a user, proved or not, in the order they were added.
    pub const OF_USER: Index<Identifier, (UserId, Timestamp)> =
        Index::over(&["user_id", "added_at"], |i: &Identifier| (i.user, i.added));

    /// What happened to it, without what it is.
    pub(crate) fn event(&self, name: &'static str, by: &Cause) -> NewEvent {
        NewEvent::new(name, by)
            .about(self.user)
            .with("identifier", self.id.to_string())
            .with("kind", self.handle.kind().as_str())
    }

    /// The address, if it is one.
    #[must_use]
    pub const fn email(&self) -> Option<&Email> {
        match &self.handle {
            Handle::Email(email) => Some(email),
            _ => None,
        }
    }

    /// All identifiers of a user, proved or not, in the order they were added.
    #[must_use]
    pub fn all_of(user: UserId) -> Query<Self> {
        Self::OF_USER.under(&user).limit(MOST_READ)
    }

    /// The identifiers that a user has proved, those proved first coming first.
    #[must_use]
    pub fn proved_of(user: UserId) -> Query<Self> {
        Self::BY_USER.under(&user).limit(MOST_READ)
    }
}

/// How many identifiers are read of an account: more than it can have.
const MOST_READ: u32 = 100;

/// The identifier that messages to an account go to, among its own: the address that was proved first, or else the
/// number. A username is none, nor is what was not proved.
#[must_use]
pub fn primary(own: &[Identifier]) -> Option<&Identifier> {
    let of = |kind| {
        let proved = own.iter().filter(move |own| own.handle.kind() == kind && own.verified.is_some());
        proved.min_by_key(|own| own.verified)
    };
    of(IdentifierKind::Email).or_else(|| of(IdentifierKind::Phone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_means_shows_in_the_text_and_in_what_is_taken() {
        use IdentifierKind::{Email, Phone, Username};
        for (text, meant) in [
            ("ada@example.com", Email),
            ("+31 6 12345678", Phone),
            ("(020) 123-45.67", Phone),
            ("ada.l", Username),
            (" 4711 ", Phone),
            ("ada 1", Username),
        ] {
            assert_eq!(IdentifierKind::guess(text, &IdentifierKind::ALL), meant, "{text}");
        }
        assert_eq!(IdentifierKind::guess("4711", &[Email, Username]), Username);
        assert_eq!(IdentifierKind::guess("ada", &[Email, Phone]), Email, "a mistake that says how addresses look");
        assert_eq!(IdentifierKind::guess("ada@example.com", &[Phone]), Phone);
    }
}
