//! Users in lists: what an operator searches and sorts them by.

use serde::{Deserialize, Serialize};

use super::{User, UserError, UserStatus, Users};
use crate::clock::Timestamp;
use crate::email::Email;
use crate::id::UserId;
use crate::identifiers::{self, Identifier};
use crate::store::{Field, Listing, Search, StoreError, Work};

/// What a list shows of a user beside their own record: copies, written in the same batch as what they are copies of.
/// What decides is the [`Standing`](super::Standing) and the [`Identifier`]s.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Listed {
    /// Their verified address, the earliest if there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// Whether the account may be used.
    #[serde(default)]
    pub status: UserStatus,
}

impl User {
    /// Their verified address, the earliest if there are several; in lower case, and so to be asked for.
    pub const EMAIL: Field<Self, Option<String>> =
        Field::new("email", |user: &Self| user.listed.email.as_ref().map(Email::canonical));
    /// How they want to be called, in lower case.
    pub const NAME: Field<Self, Option<String>> =
        Field::new("name", |user: &Self| user.name.as_ref().map(|name| name.as_str().to_lowercase()));
    /// Whether the account may be used: [`UserStatus::as_str`].
    pub const STATUS: Field<Self, &'static str> = Field::new("status", |user: &Self| user.listed.status.as_str());
    /// When the account was created.
    pub const REGISTERED: Field<Self, Timestamp> = Field::new("registered_at", |user: &Self| user.created);
}

impl Users {
    /// A page of the users that pass a filter.
    ///
    /// ```
    /// use ciam_core::store::Search;
    /// use ciam_core::users::{User, UserError, Users};
    ///
    /// async fn newest(users: &Users) -> Result<(), UserError> {
    ///     let some = User::EMAIL.ends_with("@example.com").and(User::STATUS.eq("active"));
    ///     let search = Search::of(some).sort(User::REGISTERED.descending()).limit(20).total_up_to(10_000);
    ///     let found = users.search(&search).await?;
    ///     println!("{:?} users, the newest: {:?}", found.total, found.items.first());
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`UserError::Search`] when it asks for what cannot be answered; [`UserError::Store`].
    pub async fn search(&self, search: &Search<User>) -> Result<Listing<User>, UserError> {
        Ok(self.store.search(search).await?)
    }
}

/// Brings what lists show of a user in step with their identifiers, which the unit has changed.
pub(crate) async fn relist(work: &Work, id: UserId) -> Result<(), StoreError> {
    let proved = work.find(&Identifier::proved_of(id)).await?;
    let email = identifiers::primary(&proved).and_then(Identifier::email).cloned();
    let Some(mut user) = work.get::<User>(id).await? else { return Ok(()) };
    if user.listed.email != email {
        user.listed.email = email;
        work.replace(&user)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
