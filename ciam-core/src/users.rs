//! People who have accounts: found, listed, renamed, suspended, activated; how one comes to be is in `creation.rs`.

mod creation;
mod import;
mod language;
mod search;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::email::Email;
use crate::events::{Cause, NewEvent};
use crate::id::UserId;
use crate::identifiers::{self, Handle, Identifier};
use crate::language::Language;
use crate::passwords::{HashError, PasswordProblem};
use crate::store::{Collection, Cursor, Index, InvalidSearch, Page, Record, Store, StoreError, Work};

pub(crate) use creation::{Creation, OnRegistered};
pub use creation::{KnownHandle, NewUser, ReadyUser};
pub use search::Listed;
pub(crate) use search::relist;

/// A person's account: what is shown of them. Their standing and credentials are records of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The id, for the host's tables to refer to.
    pub id: UserId,
    /// How they want to be called.
    pub name: Option<DisplayName>,
    /// The language in which they want to be spoken to; none: the one that their browser asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// When the account was created.
    pub created: Timestamp,
    /// What lists show of them, copied from other records. None in a record of a version that had no lists, until a
    /// worker has brought it in step.
    #[serde(default)]
    pub listed: Option<Listed>,
}

impl Record for User {
    type Id = UserId;
    const COLLECTION: Collection<Self> = Collection::new("users")
        .index(&User::BY_CREATED)
        .searchable(&User::EMAIL)
        .searchable(&User::NAME)
        .searchable(&User::STATUS)
        .searchable(&User::REGISTERED);

    fn id(&self) -> UserId {
        self.id
    }
}

impl User {
    /// All users, by when their accounts were created.
    pub const BY_CREATED: Index<User, Timestamp> = Index::new("registered_at", |user: &User| user.created);
}

/// Whether an account may be used, and the counters that revoke what was given out for it in one write.
///
/// Apart from the profile, so that checking a session reads little and changing a name disturbs nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The user's id.
    pub id: UserId,
    /// The status.
    pub status: UserStatus,
    /// Raised to end all sessions that were opened before, with the known devices and the proofs that wait to open one.
    pub epoch: u64,
    /// Raised to end all recoveries that were begun before.
    #[serde(default)]
    pub recoveries: u64,
}

impl Standing {
    /// A standing that nothing was revoked of.
    pub(crate) const fn new(id: UserId) -> Self {
        Self { id, status: UserStatus::Active, epoch: 0, recoveries: 0 }
    }

    /// Revokes everything that was given out before: sessions, known devices, proofs and recoveries that wait.
    pub(crate) const fn revoke_all(&mut self) {
        self.revoke_sessions();
        self.revoke_recoveries();
    }

    /// Revokes sessions, known devices, and proofs that wait to open a session. Recoveries go on: whoever holds a
    /// stolen session can do this as often as they like, and must not keep the owner from taking the account back.
    pub(crate) const fn revoke_sessions(&mut self) {
        self.epoch += 1;
    }

    /// Revokes what a recovery that waits has proved.
    pub(crate) const fn revoke_recoveries(&mut self) {
        self.recoveries += 1;
    }
}

impl Record for Standing {
    type Id = UserId;
    const COLLECTION: Collection<Self> = Collection::new("user_standings").announced();

    fn id(&self) -> UserId {
        self.id
    }
}

/// What may be done with an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UserStatus {
    /// Signs in.
    #[default]
    Active,
    /// Does not sign in until an operator lifts it; sessions are refused at once.
    Suspended,
}

impl UserStatus {
    /// `active` or `suspended`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

/// A user with all that is told of them: what an operator looks at, and the user's own page.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// The user.
    pub user: User,
    /// Whether the account may be used.
    pub status: UserStatus,
    /// By what they are found: what they have proved, the earliest first; at most 100.
    pub identifiers: Vec<Identifier>,
}

impl Profile {
    /// Their verified address, the earliest if there are several.
    #[must_use]
    pub fn email(&self) -> Option<&Email> {
        identifiers::primary(&self.identifiers).and_then(Identifier::email)
    }
}

/// How a person wants to be called: 1 to 64 characters, none of which steers a terminal, a log or a mail header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct DisplayName(String);

impl<'de> Deserialize<'de> for DisplayName {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

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

/// Creates, finds, lists, renames, suspends and activates users.
///
/// Whatever changes something asks for its [`Cause`], and has a twin `…_in` that does the same in a unit of work of
/// the caller's. Their sessions are listed and ended by [`Sessions`](crate::sessions::Sessions).
///
/// ```
/// use ciam_core::events::Cause;
/// use ciam_core::users::{DisplayName, NewUser};
/// use ciam_core::{Ciam, messages::Mailbox, store::MemoryStore};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let identity = Ciam::builder().store(MemoryStore::new()).messenger(Mailbox::new()).build().await?;
/// let users = identity.users();
/// let new = NewUser::new("ada@example.com".parse::<ciam_core::email::Email>()?).name(DisplayName::parse("Ada")?);
/// let ada = users.create(&Cause::system(), new).await?;
/// assert_eq!(users.by_email(&"Ada@example.com".parse()?).await?, Some(ada.id));
/// users.suspend(&Cause::system(), ada.id).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Users {
    store: Store,
    creation: Arc<Creation>,
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
    /// There is a user with this id.
    #[error("there is such a user already")]
    Exists,
    /// The password's hash cannot be checked here: it is no Argon2id hash in the PHC format, or asks for more work
    /// than is allowed.
    #[error("the password's hash cannot be checked here")]
    PasswordHash,
    /// The search asks for what cannot be answered.
    #[error("the users cannot be searched like this")]
    Search(#[source] InvalidSearch),
    /// The password may not be one.
    #[error("the password cannot be set")]
    Password(#[source] PasswordProblem),
    /// Too many passwords are being judged and hashed; nothing was changed.
    #[error("too many passwords are waiting to be hashed")]
    Overloaded {
        /// When to come back.
        retry_after: Duration,
    },
    /// The password hasher has stopped; nothing was changed.
    #[error("the password was not hashed")]
    Hasher(#[source] HashError),
    /// The store refused or does not answer; nothing was changed.
    #[error("the change was not kept")]
    Store(#[source] StoreError),
}

impl From<StoreError> for UserError {
    fn from(error: StoreError) -> Self {
        match error {
            error if Identifier::BY_VERIFIED.taken(&error) => Self::AddressTaken,
            StoreError::Search(why) => Self::Search(why),
            error => Self::Store(error),
        }
    }
}

impl UserError {
    /// The same of a user whose id was given: several records have it, the host's perhaps among them, and the one that
    /// is refused for it first is the one that is named.
    fn of(self, new: &ReadyUser) -> Self {
        match self {
            Self::Store(StoreError::Conflict { index: "id", .. }) if new.id.is_some() => Self::Exists,
            error => error,
        }
    }
}

impl From<HashError> for UserError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Overloaded { retry_after } => Self::Overloaded { retry_after },
            error => Self::Hasher(error),
        }
    }
}

impl Users {
    pub(crate) fn new(store: Store, creation: Creation) -> Self {
        Self { store, creation: Arc::new(creation) }
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
        let own = self.store.find(&Identifier::proved_of(id)).await?.items;
        Ok(identifiers::primary(&own).and_then(Identifier::email).cloned())
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

    /// The user with all that is told of them.
    ///
    /// # Errors
    /// [`UserError::Store`].
    pub async fn profile(&self, id: UserId) -> Result<Option<Profile>, UserError> {
        let mut lookup = self.store.lookup();
        let (user, standing) = (lookup.ask::<User>(id), lookup.ask::<Standing>(id));
        let mut found = lookup.fetch().await?;
        let (Some(user), Some(standing)) = (found.take(&user)?, found.take(&standing)?) else { return Ok(None) };
        let identifiers = self.store.find(&Identifier::proved_of(id)).await?.items;
        Ok(Some(Profile { user, status: standing.status, identifiers }))
    }

    /// A page of all users, the latest first: at most `limit` (and 1,000), behind the place where an earlier page
    /// ended.
    ///
    /// # Errors
    /// [`UserError::Store`]; its source is [`StoreError::Misuse`] for a cursor of another list.
    pub async fn list(&self, after: Option<Cursor>, limit: u32) -> Result<Page<User>, UserError> {
        let query = User::BY_CREATED.under(&()).descending().limit(limit);
        let query = match after {
            Some(after) => query.after(after),
            None => query,
        };
        Ok(self.store.find(&query).await?)
    }

    /// Gives a user another name, or none.
    ///
    /// # Errors
    /// [`UserError::Unknown`]; [`UserError::Store`]: not renamed.
    pub async fn rename(&self, by: &Cause, id: UserId, name: Option<DisplayName>) -> Result<(), UserError> {
        let name = &name;
        self.store.transact(|work| async move { self.rename_in(&work, by, id, name.clone()).await }).await
    }

    /// As [`Users::rename`], in the caller's unit.
    ///
    /// # Errors
    /// As [`Users::rename`].
    pub async fn rename_in(
        &self,
        work: &Work,
        by: &Cause,
        id: UserId,
        name: Option<DisplayName>,
    ) -> Result<(), UserError> {
        let mut user = work.get::<User>(id).await?.ok_or(UserError::Unknown)?;
        if user.name == name {
            return Ok(());
        }
        user.name = name;
        work.replace(&user)?;
        work.record(NewEvent::new("user.renamed", by).about(id))?;
        Ok(())
    }

    /// Suspends a user: refused at the next request everywhere, whatever session or password they have.
    ///
    /// # Errors
    /// [`UserError::Unknown`]; [`UserError::Store`]: not suspended.
    pub async fn suspend(&self, by: &Cause, id: UserId) -> Result<(), UserError> {
        self.store.transact(|work| async move { self.suspend_in(&work, by, id).await }).await
    }

    /// As [`Users::suspend`], in the caller's unit.
    ///
    /// # Errors
    /// As [`Users::suspend`].
    pub async fn suspend_in(&self, work: &Work, by: &Cause, id: UserId) -> Result<(), UserError> {
        change_status(work, by, id, UserStatus::Suspended).await
    }

    /// Lifts a suspension. Sessions from before it stay dead.
    ///
    /// # Errors
    /// As [`Users::suspend`].
    pub async fn activate(&self, by: &Cause, id: UserId) -> Result<(), UserError> {
        self.store.transact(|work| async move { self.activate_in(&work, by, id).await }).await
    }

    /// As [`Users::activate`], in the caller's unit.
    ///
    /// # Errors
    /// As [`Users::suspend`].
    pub async fn activate_in(&self, work: &Work, by: &Cause, id: UserId) -> Result<(), UserError> {
        change_status(work, by, id, UserStatus::Active).await
    }
}

async fn change_status(work: &Work, by: &Cause, id: UserId, status: UserStatus) -> Result<(), UserError> {
    let mut standing = work.get::<Standing>(id).await?.ok_or(UserError::Unknown)?;
    if standing.status == status {
        return Ok(());
    }
    standing.status = status;
    standing.revoke_all();
    work.replace(&standing)?;
    relist(work, id).await?;
    let name = match status {
        UserStatus::Active => "user.activated",
        UserStatus::Suspended => "user.suspended",
    };
    work.record(NewEvent::new(name, by).about(id))?;
    Ok(())
}

#[cfg(test)]
mod tests;
