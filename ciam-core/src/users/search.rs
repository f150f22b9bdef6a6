//! Users in lists: what an operator searches and sorts them by.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Standing, User, UserError, UserStatus, Users};
use crate::clock::Timestamp;
use crate::email::Email;
use crate::id::UserId;
use crate::identifiers::{self, Identifier};
use crate::store::{Field, Listing, Search, StoreError, Work};
use crate::workers::Stop;

/// How long to rest until the store may serve searches.
const REST: Duration = Duration::from_mins(1);

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
        Field::new("email", |user: &Self| user.listed()?.email.as_ref().map(Email::canonical));
    /// How they want to be called, in lower case.
    pub const NAME: Field<Self, Option<String>> =
        Field::new("name", |user: &Self| user.name.as_ref().map(|name| name.as_str().to_lowercase()));
    /// Whether the account may be used: [`UserStatus::as_str`].
    pub const STATUS: Field<Self, Option<String>> =
        Field::new("status", |user: &Self| Some(user.listed()?.status.as_str().to_owned()));
    /// When the account was created.
    pub const REGISTERED: Field<Self, Timestamp> = Field::new("registered_at", |user: &Self| user.created);

    const fn listed(&self) -> Option<&Listed> {
        self.listed.as_ref()
    }
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

    /// Brings in step what lists show of users whom a version without lists has written. Answers how many there were.
    /// The engine's worker does it at its start; a host that starts none calls it after a migration.
    ///
    /// # Errors
    /// [`StoreError`]: [`NotServing`](StoreError::NotServing) until the migration is through.
    pub async fn list_older(&self) -> Result<u64, StoreError> {
        let older = Search::of(!User::STATUS.is_present()).limit(100);
        let mut listed = 0;
        loop {
            let some = self.store.search(&older).await?.items;
            if some.is_empty() {
                return Ok(listed);
            }
            for user in &some {
                self.store.transact(|work| async move { relist(&work, user.id).await }).await?;
                listed += 1;
            }
        }
    }

    /// Does it as soon as the store serves searches, and ends; or ends where it has none.
    pub(crate) async fn keep_listing(self, mut stop: Stop) {
        while !stop.is_stopped() {
            match self.list_older().await {
                Ok(0) | Err(StoreError::Unsupported(_)) => return,
                Ok(users) => {
                    tracing::info!(users, "users of older versions are in lists now");
                    return;
                }
                Err(error) => tracing::debug!(%error, "users of older versions are not in lists yet"),
            }
            stop.beat();
            stop.rest(REST).await;
        }
    }
}

/// Brings what lists show of a user in step with their identifiers and standing, which the unit has changed.
pub(crate) async fn relist(work: &Work, id: UserId) -> Result<(), StoreError> {
    let proved = work.find(&Identifier::proved_of(id)).await?;
    let email = identifiers::primary(&proved).and_then(Identifier::email).cloned();
    let status = work.get::<Standing>(id).await?.map(|standing| standing.status).unwrap_or_default();
    let Some(mut user) = work.get::<User>(id).await? else { return Ok(()) };
    let listed = Some(Listed { email, status });
    if user.listed != listed {
        user.listed = listed;
        work.replace(&user)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
