//! What an account is found by: listed and removed. One more is added by a journey of the kind
//! [`AddIdentifier`](crate::journeys::JourneyKind::AddIdentifier).

use std::sync::Arc;

use serde::Serialize;

use super::{Identifier, IdentifierId, IdentifierKind, primary};
use crate::authenticators::Registry;
use crate::clock::{Timestamp, rfc3339};
use crate::config::Config;
use crate::events::Cause;
use crate::id::UserId;
use crate::messages::letter::Change;
use crate::messages::notices::{NoticeError, Notices};
use crate::sessions::{Session, Sessions};
use crate::store::{Store, StoreError, Work};
use crate::users::{Standing, relist};

/// How many identifiers an account can have.
pub const MOST_IDENTIFIERS: usize = 20;

/// Lists and removes identifiers.
#[derive(Debug, Clone)]
pub struct Identifiers {
    pub(crate) store: Store,
    pub(crate) notices: Notices,
    pub(crate) sessions: Sessions,
    pub(crate) registry: Registry,
    pub(crate) config: Arc<Config>,
}

/// An identifier as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IdentifierView {
    /// The id, with which it can be removed.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "idf_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c"))]
    pub id: IdentifierId,
    /// What it is: `email`, `phone` or `username`.
    pub kind: IdentifierKind,
    /// The address, number or name.
    pub value: String,
    /// Whether it was proved; only then it can be signed in with.
    pub verified: bool,
    /// Whether it is the one that messages go to.
    pub primary: bool,
    /// Whether the account can do without it; the last that it can be recovered or signed in with stays.
    pub removable: bool,
    /// When it was added.
    #[serde(serialize_with = "rfc3339")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub added_at: Timestamp,
}

/// Why an identifier was not removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentifierError {
    /// The account has no such identifier (any more), or the session has ended.
    #[error("there is no such identifier")]
    Unknown,
    /// It is the last address or number that was proved, without which nobody could recover the account, or the last
    /// identifier that one can sign in with: a username, where no address was proved yet.
    #[error("an account keeps something to sign in with, and the last address or number that was proved")]
    Last,
    /// The session's proofs are too old, or do not reach what the account has: have the person prove themselves again.
    #[error("this needs a fresh sign-in")]
    NotFresh,
    /// The store or the vault does not answer; nothing was removed.
    #[error("the identifiers cannot be read or changed now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<StoreError> for IdentifierError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<NoticeError> for IdentifierError {
    fn from(error: NoticeError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl Identifiers {
    /// What the user is found by, in the order it was added; at most [`MOST_IDENTIFIERS`].
    ///
    /// # Errors
    /// [`IdentifierError::Unavailable`].
    pub async fn list(&self, user: UserId) -> Result<Vec<IdentifierView>, IdentifierError> {
        let own = self.store.find(&Identifier::all_of(user)).await?.items;
        let primary = primary(&own).map(|identifier| identifier.id);
        let view = |identifier: &Identifier| IdentifierView {
            id: identifier.id,
            kind: identifier.handle.kind(),
            value: identifier.handle.as_str().to_owned(),
            verified: identifier.verified.is_some(),
            primary: primary == Some(identifier.id),
            removable: can_go(identifier, &own),
            added_at: identifier.added,
        };
        Ok(own.iter().map(view).collect())
    }

    /// Removes an identifier from the account of whoever is signed in, and tells the owner, at the removed address
    /// too. It identifies nobody from then on, and another account may take it.
    ///
    /// # Errors
    /// [`IdentifierError`].
    pub async fn remove(&self, by: &Cause, session: &Session, id: IdentifierId) -> Result<(), IdentifierError> {
        let user = session.user;
        let now = self.store.clock().now();
        if !session.assurance.is_fresh(now, self.config.fresh) {
            return Err(IdentifierError::NotFresh);
        }
        let own = self.store.find(&Identifier::all_of(user)).await?.items;
        let kind = own.iter().find(|own| own.id == id).map(|own| own.handle.kind()).ok_or(IdentifierError::Unknown)?;
        let notices = &self.notices.write(user, Change::Removed(kind), &by.origin).await?;
        self.store
            .transact(|work| async move {
                self.remove_in(&work, by, session, id).await?;
                Ok::<_, IdentifierError>(self.notices.queue_in(&work, notices, &by.origin).await?)
            })
            .await
    }

    async fn remove_in(
        &self,
        work: &Work,
        by: &Cause,
        session: &Session,
        id: IdentifierId,
    ) -> Result<(), IdentifierError> {
        let user = session.user;
        if !self.sessions.is_good_in(work, user, session.id).await? {
            return Err(IdentifierError::Unknown);
        }
        if !self.sessions.meets(session, self.registry.need_in(work, user, &self.config).await?) {
            return Err(IdentifierError::NotFresh);
        }
        // The set of an account's identifiers changes: others who change it wait for each other.
        let mut standing = work.get::<Standing>(user).await?.ok_or(IdentifierError::Unknown)?;
        let own = work.find(&Identifier::all_of(user)).await?;
        let gone = own.iter().find(|own| own.id == id).ok_or(IdentifierError::Unknown)?;
        if !can_go(gone, &own) {
            return Err(IdentifierError::Last);
        }
        // What its mailbox has proved is proved no more.
        standing.revoke_recoveries();
        work.replace(&standing)?;
        work.remove::<Identifier>(id)?;
        work.record(gone.event("identifier.removed", by))?;
        relist(work, user).await?;
        Ok(())
    }
}

/// Whether an account keeps something to sign in with, and an address or number that was proved, without this one of its
/// own identifiers.
fn can_go(gone: &Identifier, own: &[Identifier]) -> bool {
    let left: Vec<Identifier> = own.iter().filter(|own| own.id != gone.id).cloned().collect();
    let is_way_in = gone.verified.is_some();
    let is_last_way_in = is_way_in && left.iter().all(|own| own.verified.is_none());
    let is_last_address = is_way_in && gone.handle.kind().channel().is_some() && primary(&left).is_none();
    !is_last_way_in && !is_last_address
}
