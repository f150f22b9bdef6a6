//! What an account has, and taking it away again.

use std::sync::Arc;

use serde::Serialize;

use super::{AuthenticatorId, Enrolment, Method, Registry};
use crate::clock::{Timestamp, rfc3339};
use crate::config::Config;
use crate::events::Cause;
use crate::evidence::Need;
use crate::id::UserId;
use crate::journeys::remove_in;
use crate::messages::letter::Change;
use crate::messages::notices::{NoticeError, Notices};
use crate::sessions::{Session, Sessions};
use crate::store::{Store, StoreError, Work};
use crate::users::Standing;

/// The authenticators of accounts. One is added by a journey of the kind
/// [`Enrol`](crate::journeys::JourneyKind::Enrol).
#[derive(Debug, Clone)]
pub struct Authenticators {
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) notices: Notices,
    pub(crate) sessions: Sessions,
    pub(crate) config: Arc<Config>,
}

/// An authenticator as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuthenticatorView {
    /// The id, with which it can be removed.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "aut_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c"))]
    pub id: AuthenticatorId,
    /// What it is: `totp`, `recovery_code`, or a host's own word.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "totp"))]
    pub method: Method,
    /// What it is called: as its owner has named it, otherwise what it seems to be.
    pub label: String,
    /// When it was added.
    #[serde(serialize_with = "rfc3339")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub added_at: Timestamp,
    /// When it was last used; when it was added, if it has not been since.
    #[serde(serialize_with = "rfc3339")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub last_used_at: Timestamp,
}

/// Why an authenticator was not removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticatorError {
    /// The account has no such authenticator, or its session has ended.
    #[error("there is no such authenticator")]
    Unknown,
    /// The session is not worth what this takes: have the person prove this first, by a step-up.
    #[error("prove who you are again, by all that the account has")]
    NotEnough(Need),
    /// The store or the vault does not answer; nothing was removed.
    #[error("authenticators are unavailable now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<StoreError> for AuthenticatorError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<NoticeError> for AuthenticatorError {
    fn from(error: NoticeError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl Authenticators {
    /// What the user has, in the order in which it was added; at most [`Enrolment::MOST`].
    ///
    /// # Errors
    /// [`AuthenticatorError::Unavailable`].
    pub async fn list(&self, user: UserId) -> Result<Vec<AuthenticatorView>, AuthenticatorError> {
        let own = self.store.find(&Enrolment::of_user(user)).await?.items;
        Ok(own.into_iter().map(AuthenticatorView::from).collect())
    }

    /// The methods that can be added, in the order in which the engine was given them.
    #[must_use]
    pub fn choices(&self) -> Vec<Method> {
        self.registry.that_enrol()
    }

    /// Removes an authenticator from the account of whoever is signed in, and tells the owner. With the last one that
    /// asks for anything go those that only stand in for others.
    ///
    /// # Errors
    /// [`AuthenticatorError`].
    pub async fn remove(&self, by: &Cause, session: &Session, id: AuthenticatorId) -> Result<(), AuthenticatorError> {
        let notices = &self.notices.write(session.user, Change::AuthenticatorRemoved, &by.origin).await?;
        self.store
            .transact(|work| async move {
                self.remove_in(&work, by, session, id).await?;
                Ok::<_, AuthenticatorError>(self.notices.queue_in(&work, notices, &by.origin).await?)
            })
            .await
    }

    async fn remove_in(
        &self,
        work: &Work,
        by: &Cause,
        session: &Session,
        id: AuthenticatorId,
    ) -> Result<(), AuthenticatorError> {
        let user = session.user;
        if !self.sessions.is_good_in(work, user, session.id).await? {
            return Err(AuthenticatorError::Unknown);
        }
        // The set of an account's authenticators changes: others who change it wait for each other.
        let mut standing = work.get::<Standing>(user).await?.ok_or(AuthenticatorError::Unknown)?;
        let own = work.find(&Enrolment::of_user(user)).await?;
        let gone = own.iter().find(|own| own.id == id).ok_or(AuthenticatorError::Unknown)?;
        let need = self.registry.need(&own).within(self.config.fresh);
        if !self.sessions.meets(session, need) {
            return Err(AuthenticatorError::NotEnough(need));
        }
        standing.revoke_recoveries();
        work.replace(&standing)?;
        let left: Vec<Enrolment> = own.iter().filter(|own| own.id != id).cloned().collect();
        let goes_too = |own: &&Enrolment| !self.registry.asks(&left) && self.registry.stands_in(own);
        for gone in std::iter::once(gone).chain(left.iter().filter(goes_too)) {
            match self.registry.of(&gone.method) {
                Some(one) => remove_in(work, one.as_ref(), gone, by).await?,
                // What the engine does not have (any more) it keeps no other record of either.
                None => work.remove::<Enrolment>(gone.id)?,
            }
        }
        Ok(())
    }
}

impl From<Enrolment> for AuthenticatorView {
    fn from(own: Enrolment) -> Self {
        Self {
            id: own.id,
            method: own.method,
            label: own.label.map_or(own.shown, |label| label.as_str().to_owned()),
            added_at: own.added,
            last_used_at: own.last_used,
        }
    }
}
