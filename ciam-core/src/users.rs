//! People who have accounts, and how one comes to be.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::email::Email;
use crate::events::{Cause, NewEvent};
use crate::id::UserId;
use crate::identifiers::{Handle, Identifier, Username};
use crate::passwords::{PasswordCredential, PasswordHash};
use crate::store::{Collection, Record, Store, StoreError, Work};

/// A person's account: what is shown of them. Their standing and credentials are records of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The id, for the host's tables to refer to.
    pub id: UserId,
    /// How they want to be called.
    pub name: Option<DisplayName>,
    /// When the account was created.
    pub created: Timestamp,
}

impl Record for User {
    type Id = UserId;
    const COLLECTION: Collection<Self> = Collection::new("users");

    fn id(&self) -> UserId {
        self.id
    }
}

/// Whether an account may be used, and the epoch that revokes all its sessions in one write.
///
/// Apart from the profile, so that checking a session reads little and changing a name disturbs nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The user's id.
    pub id: UserId,
    /// The status.
    pub status: UserStatus,
    /// Raised to revoke everything that was given out before.
    pub epoch: u64,
}

impl Record for Standing {
    type Id = UserId;
    const COLLECTION: Collection<Self> = Collection::new("user_standings");

    fn id(&self) -> UserId {
        self.id
    }
}

/// What may be done with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UserStatus {
    /// Signs in.
    Active,
    /// Does not sign in until an operator lifts it; sessions are refused at once.
    Suspended,
}

/// How a person wants to be called: 1 to 64 characters, none of which steers a terminal, a log or a mail header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DisplayName(String);

/// The text cannot be a display name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 64 characters and no control characters")]
pub struct InvalidName;

impl DisplayName {
    /// Reads a name, without the white space around it.
    ///
    /// # Errors
    /// [`InvalidName`] when it is empty, longer than 64 characters, or holds control characters.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let text = text.trim_matches(' ');
        if text.is_empty() || text.chars().nth(64).is_some() || text.chars().any(|c| crate::events::printable(c) != c) {
            return Err(InvalidName);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name. Escape it for the medium it goes to.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Creates, finds, suspends and activates users.
#[derive(Debug, Clone)]
pub struct Users {
    store: Store,
}

/// Why something could not be done with a user.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    /// There is no such user.
    #[error("there is no such user")]
    Unknown,
    /// The address is another account's.
    #[error("the address belongs to another account")]
    AddressTaken,
    /// The store refused or does not answer; nothing was changed.
    #[error("the change was not kept")]
    Store(#[source] StoreError),
}

impl From<StoreError> for UserError {
    fn from(error: StoreError) -> Self {
        if Identifier::BY_VERIFIED.taken(&error) { Self::AddressTaken } else { Self::Store(error) }
    }
}

/// A user to be: what they are found by, and what else is known.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// An address or number, proved to be theirs; or a username.
    pub handle: Handle,
    /// Whether the handle was proved. One that was not identifies nobody.
    pub proved: bool,
    /// A username that they chose beside it.
    pub username: Option<Username>,
    /// How they want to be called.
    pub name: Option<DisplayName>,
    /// The credential that they set, if it is a password.
    pub password: Option<PasswordHash>,
}

impl Users {
    pub(crate) const fn new(store: Store) -> Self {
        Self { store }
    }

    /// The user with this id.
    ///
    /// # Errors
    /// [`UserError::Store`].
    pub async fn get(&self, id: UserId) -> Result<Option<User>, UserError> {
        Ok(self.store.get::<User>(id).await?)
    }

    /// The user's verified address, the earliest if there are several.
    ///
    /// # Errors
    /// [`UserError::Store`].
    pub async fn primary_email(&self, id: UserId) -> Result<Option<Email>, UserError> {
        let page = self.store.find(&Identifier::BY_USER.under(&id).limit(100)).await?;
        Ok(page.items.into_iter().find_map(|identifier| match identifier.handle {
            Handle::Email(email) => Some(email),
            _ => None,
        }))
    }

    /// The user who has proved this handle, in whatever spelling.
    ///
    /// # Errors
    /// [`UserError::Store`].
    pub async fn by_handle(&self, handle: &Handle) -> Result<Option<UserId>, UserError> {
        let page = self.store.find(&Identifier::BY_VERIFIED.eq(&Some(handle.canonical())).limit(1)).await?;
        Ok(page.items.first().map(|identifier| identifier.user))
    }

    /// The user who has proved this address, in whatever spelling of upper and lower case.
    ///
    /// # Errors
    /// [`UserError::Store`].
    pub async fn by_email(&self, email: &Email) -> Result<Option<UserId>, UserError> {
        self.by_handle(&Handle::Email(email.clone())).await
    }

    /// Creates a user in the caller's unit: user, standing, identifier, credential and event, or nothing.
    ///
    /// The commit is refused with a conflict on [`Identifier::BY_VERIFIED`] when the address is taken,
    /// whoever else registers it at the same time.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] only.
    pub fn register_in(&self, work: &Work, new: &NewUser, by: &Cause) -> Result<UserId, StoreError> {
        let id: UserId = work.new_id();
        work.insert(&User { id, name: new.name.clone(), created: work.now() })?;
        work.insert(&Standing { id, status: UserStatus::Active, epoch: 0 })?;
        let identify = |handle: Handle, proved: bool| {
            let verified = proved.then(|| work.now());
            Identifier { id: work.new_id(), user: id, handle, added: work.now(), verified }
        };
        let identifier = identify(new.handle.clone(), new.proved);
        work.insert(&identifier)?;
        if let Some(username) = &new.username {
            work.insert(&identify(username.clone().into(), true))?;
        }
        if let Some(password) = &new.password {
            work.insert(&PasswordCredential { id, hash: password.clone(), set: work.now() })?;
        }
        work.record(NewEvent::new("user.registered", by).about(id).with("identifier", identifier.id.to_string()))?;
        Ok(id)
    }

    /// Suspends a user: refused at the next request everywhere, whatever session or password they have.
    ///
    /// # Errors
    /// [`UserError::Unknown`]; [`UserError::Store`]: not suspended.
    pub async fn suspend(&self, by: &Cause, id: UserId) -> Result<(), UserError> {
        self.change_status(by, id, UserStatus::Suspended).await
    }

    /// Lifts a suspension. Sessions from before it stay dead.
    ///
    /// # Errors
    /// As [`Users::suspend`].
    pub async fn activate(&self, by: &Cause, id: UserId) -> Result<(), UserError> {
        self.change_status(by, id, UserStatus::Active).await
    }

    async fn change_status(&self, by: &Cause, id: UserId, status: UserStatus) -> Result<(), UserError> {
        self.store
            .transact(|work| async move {
                let mut standing = work.get::<Standing>(id).await?.ok_or(UserError::Unknown)?;
                if standing.status == status {
                    return Ok(());
                }
                standing.status = status;
                standing.epoch += 1;
                work.replace(&standing)?;
                let name = match status {
                    UserStatus::Active => "user.activated",
                    UserStatus::Suspended => "user.suspended",
                };
                work.record(NewEvent::new(name, by).about(id))?;
                Ok(())
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_no_line_breaks_and_have_an_end() {
        assert_eq!(DisplayName::parse("  Ada <b>L</b>  ").unwrap().as_str(), "Ada <b>L</b>");
        for text in [
            "",
            "   ",
            "a\r\nBcc: x",
            "a\u{1b}[2J",
            "a\u{202E}b",
            "a\u{200B}b",
            "a\u{61C}",
            "\u{E0041}",
            &"x".repeat(65),
        ] {
            assert_eq!(DisplayName::parse(text), Err(InvalidName), "{text:?}");
        }
    }
}
