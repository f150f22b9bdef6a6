//! That an account has an authenticator.

use serde::{Deserialize, Serialize};

use super::Method;
use crate::clock::Timestamp;
use crate::events::{Cause, NewEvent};
use crate::evidence::Strength;
use crate::id::{ApplicationId, UserId};
use crate::store::{Collection, Index, Peak, Query, Record};
use crate::users::DisplayName;

crate::id!(AuthenticatorId, "aut", "Something with which somebody proves who they are.");

/// An authenticator that an account has: what the engine decides by, the same for every method.
///
/// What its proofs are checked with is a record of the authenticator's own, under the same id. `find` guards nothing:
/// whoever adds or removes one gets the user's [`Standing`](crate::users::Standing) before, and touches it, so that a
/// unit that decided by the others runs again. A password has no enrolment; it is a credential of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Enrolment {
    /// The id, also of what it is checked with.
    pub id: AuthenticatorId,
    /// Whose it is.
    pub user: UserId,
    /// What it is.
    pub method: Method,
    /// What its proofs count for at most.
    pub strength: Strength,
    /// What its owner calls it.
    #[serde(default)]
    pub label: Option<DisplayName>,
    /// What its owner knows it by where they have given it no name: "iCloud Keychain", "+31 ** *** 12". No secret.
    pub shown: String,
    /// When it was added.
    pub added: Timestamp,
    /// When it was last used: when it was added, if it has not been since.
    pub last_used: Timestamp,
    /// In which application it was added. It is good in all of them.
    pub application: ApplicationId,
}

impl Record for Enrolment {
    type Id = AuthenticatorId;
    const COLLECTION: Collection<Self> =
        Collection::new("authenticators").index(&Enrolment::BY_USER).live(&Enrolment::LAST_USED);

    fn id(&self) -> AuthenticatorId {
        self.id
    }
}

impl Enrolment {
    /// The authenticators of a user, the one that was added first at the top.
    pub const BY_USER: Index<Enrolment, (UserId, Timestamp)> =
        Index::over(&["user_id", "added_at"], |enrolment: &Enrolment| (enrolment.user, enrolment.added));
    /// When it was last used; it only moves on.
    pub const LAST_USED: Peak<Enrolment, Timestamp> = Peak::new("last_used", |enrolment| &mut enrolment.last_used);
    /// The most that an account has.
    pub const MOST: usize = 20;

    /// An authenticator that is added now, without a name of its owner's.
    #[must_use]
    pub fn new(
        id: AuthenticatorId,
        user: UserId,
        method: Method,
        strength: Strength,
        shown: impl Into<String>,
        at: Timestamp,
    ) -> Self {
        let (shown, application) = (shown.into(), ApplicationId::DEFAULT);
        Self { id, user, method, strength, label: None, shown, added: at, last_used: at, application }
    }

    /// What a user has.
    #[must_use]
    pub fn of_user(user: UserId) -> Query<Self> {
        // More than it can have.
        Self::BY_USER.under(&user).limit(100)
    }

    pub(crate) fn event(&self, name: &'static str, by: &Cause) -> NewEvent {
        NewEvent::new(name, by)
            .about(self.user)
            .with("authenticator", self.id.to_string())
            .with("method", self.method.as_str())
    }

    /// The name that its owner gives it.
    #[must_use]
    pub fn label(mut self, label: Option<DisplayName>) -> Self {
        self.label = label;
        self
    }

    /// In which application it is added (default: the default one).
    #[must_use]
    pub const fn application(mut self, application: ApplicationId) -> Self {
        self.application = application;
        self
    }
}
