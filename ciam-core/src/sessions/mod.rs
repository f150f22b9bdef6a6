//! Browsers and apps that are signed in: opened from evidence, checked on every request, named, ended.
//!
//! A check costs the store nothing when the session was checked a moment ago ([`SessionCache`]). What other engines
//! revoke is told by a channel ([`Invalidation`]); that others have written at all, by the database, where it can
//! ([`Backend::commits_of_others`](crate::store::Backend::commits_of_others)).

mod cache;
mod check;
mod devices;
mod end;
mod invalidation;
mod memory;
mod others;
mod seen;
mod view;

pub use invalidation::{InProcess, Invalidation, InvalidationError, Node, Revoked};
pub use memory::SessionCache;
pub use view::SessionView;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::events::{Cause, NewEvent, Origin};
use crate::evidence::{Assurance, Evidence, Insufficient};
use crate::id::UserId;
use crate::secret::{Bearer, Digest, Secret, Verifier};
use crate::store::{Collection, Index, Peak, Record, Store, StoreError, Work};
use crate::users::{DisplayName, Standing, UserStatus};
use memory::{Memory, Watcher};

crate::id!(SessionId, "ses", "A session: the public half of its bearer.");

/// A browser or app that is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The id.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// What it was opened from, and what has been proved since.
    pub assurance: Assurance,
    /// When it was opened; a change of assurance does not make it younger.
    pub created: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen: Timestamp,
    /// When it ends however much it is used.
    pub absolute_end: Timestamp,
    /// The IP address that it was opened from.
    pub ip: Option<IpAddr>,
    /// What its client called itself.
    pub user_agent: Option<String>,
    /// What its owner calls it.
    #[serde(default)]
    label: Option<DisplayName>,
    /// When it had been idle too long: proofs from before count for AAL1 only.
    lapsed: Option<Timestamp>,
    digest: Digest,
    epoch: u64,
}

impl Record for Session {
    type Id = SessionId;
    const COLLECTION: Collection<Self> = Collection::new("sessions")
        .index(&Session::BY_USER)
        .live(&Session::LAST_SEEN)
        .expires(|s| s.absolute_end)
        .announced();

    fn id(&self) -> SessionId {
        self.id
    }
}

impl Session {
    /// The epoch of its user in which it was opened.
    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// All sessions of a user.
    pub const BY_USER: Index<Session, UserId> = Index::new("user_id", |s: &Session| s.user);
    /// When it was last used.
    pub const LAST_SEEN: Peak<Session, Timestamp> = Peak::new("last_seen", |s| &mut s.last_seen);
}

/// How long sessions live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// The longest life (default 30 days: NIST SP 800-63B-4 §2.1.3).
    pub absolute: Duration,
    /// The longest pause between two uses (default 7 days).
    pub idle: Duration,
    /// The longest that AAL2 holds after its last proof (default 24 hours: §2.2.3).
    pub aal2_absolute: Duration,
    /// The longest pause after which AAL2 still holds (default 1 hour: §2.2.3). The session lives on at AAL1.
    pub aal2_idle: Duration,
    /// The longest that AAL3 holds after its last proof, then it is AAL2 (default 15 minutes: as long as NIST lets it hold
    /// without a sign of life, so that no pause has to be remembered; §2.3.3).
    pub aal3_absolute: Duration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            absolute: Duration::from_hours(30 * 24),
            idle: Duration::from_hours(7 * 24),
            aal2_absolute: Duration::from_hours(24),
            aal2_idle: Duration::from_hours(1),
            aal3_absolute: Duration::from_mins(15),
        }
    }
}

/// A session just opened, and the only time that its bearer can be had.
#[derive(Debug)]
pub struct Opened {
    /// The session.
    pub session: Session,
    /// What the client shows from now on: for a cookie or an `Authorization` header.
    pub bearer: Secret<String>,
    /// What the device shows at later sign-ins, so that the account knows it; none if it is not remembered now.
    pub device: Option<Verifier>,
}

/// Why a session was not opened, checked or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// There is no such session of this user (any more).
    #[error("there is no such session")]
    Unknown,
    /// The user may not sign in, or the evidence does not suffice.
    #[error("no session is opened")]
    Refused,
    /// The store refused or does not answer; the caller must not tell the person that anything has ended.
    #[error("sessions cannot be read or changed now")]
    Store(#[source] StoreError),
}

impl From<StoreError> for SessionError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Insufficient> for SessionError {
    fn from(_: Insufficient) -> Self {
        Self::Refused
    }
}

/// Opens, checks, lists, names and ends sessions.
#[derive(Debug, Clone)]
pub struct Sessions {
    store: Store,
    limits: SessionLimits,
    memory: Arc<Memory>,
}

impl Sessions {
    /// The service over a store, and the handle to the store that keeps what the service remembers true: whoever else
    /// writes to the store does it through that one.
    pub(crate) fn new(
        store: Store,
        limits: SessionLimits,
        cache: SessionCache,
        channel: Option<Arc<dyn Invalidation>>,
    ) -> (Self, Store) {
        let memory = Memory::new(cache, channel, store.backend());
        let store = store.watched_by(Arc::new(Watcher(Arc::clone(&memory))));
        (Self { store: store.clone(), limits, memory }, store)
    }

    /// Opens a session from evidence, in the caller's unit.
    ///
    /// The session gets an id and a secret that nobody has seen before, whatever the client sent:
    /// a session id that an attacker planted stays worthless.
    ///
    /// # Errors
    /// [`SessionError::Refused`] when the evidence is not about one user, is no factor, or its user is
    /// not active; [`SessionError::Store`].
    pub async fn open_in(&self, work: &Work, evidence: &[Evidence], origin: &Origin) -> Result<Opened, SessionError> {
        let user = evidence.first().ok_or(SessionError::Refused)?.user();
        let assurance = Assurance::of(user, evidence)?;
        let standing = work.get::<Standing>(user).await?.ok_or(SessionError::Refused)?;
        if standing.status != UserStatus::Active {
            return Err(SessionError::Refused);
        }
        let opened = self.issue(work, user, assurance, standing.epoch, work.now(), origin);
        work.insert(&opened.session)?;
        work.record(
            NewEvent::new("session.started", &Cause::user(user, origin.clone()))
                .about(user)
                .with("session", opened.session.id.to_string())
                .with("assurance", opened.session.assurance.reached().aal.as_str())
                .with("amr", amr_names(&opened.session.assurance)),
        )?;
        Ok(opened)
    }

    /// Adds evidence to a session, in the caller's unit: it lives on under a new id and secret, and the
    /// old bearer is dead. Its end does not move.
    ///
    /// # Errors
    /// [`SessionError::Unknown`] when it has ended; [`SessionError::Refused`] when the evidence is
    /// about somebody else or from several journeys; [`SessionError::Store`].
    pub async fn elevate_in(
        &self,
        work: &Work,
        id: SessionId,
        evidence: &[Evidence],
        origin: &Origin,
    ) -> Result<Opened, SessionError> {
        let mut old = work.take::<Session>(id).await?.ok_or(SessionError::Unknown)?;
        self.memory.seen.apply([&mut old]);
        let standing = work.get::<Standing>(old.user).await?.ok_or(SessionError::Unknown)?;
        if !self.limits.allow(&old, &standing, work.now()) {
            return Err(SessionError::Unknown);
        }
        let assurance = old.assurance.with(old.user, evidence)?;
        let mut opened = self.issue(work, old.user, assurance, old.epoch, old.created, origin);
        opened.session.absolute_end = old.absolute_end;
        opened.session.lapsed = old.lapsed.max(seen::lapse(old.last_seen, work.now(), &self.limits));
        opened.session.label = old.label;
        work.insert(&opened.session)?;
        work.record(
            NewEvent::new("session.rotated", &Cause::user(old.user, origin.clone()))
                .about(old.user)
                .with("session", opened.session.id.to_string())
                .with("before", old.id.to_string())
                .with("assurance", opened.session.assurance.reached().aal.as_str()),
        )?;
        Ok(opened)
    }

    /// Gives a session new evidence, as [`Sessions::elevate_in`] does, and revokes all else that was given out
    /// for its user.
    pub(crate) async fn renew_in(
        &self,
        work: &Work,
        id: SessionId,
        evidence: &[Evidence],
        origin: &Origin,
    ) -> Result<Opened, SessionError> {
        let mut opened = self.elevate_in(work, id, evidence, origin).await?;
        let Session { id, user, .. } = opened.session;
        let by = Cause::user(user, origin.clone());
        opened.session.epoch = self.raise_epoch_in(work, &by, user, Some(id), Standing::revoke_all).await?;
        Ok(opened)
    }

    /// Makes a session with a bearer; the caller keeps it.
    fn issue(
        &self,
        work: &Work,
        user: UserId,
        assurance: Assurance,
        epoch: u64,
        created: Timestamp,
        origin: &Origin,
    ) -> Opened {
        let verifier = self.store.entropy().verifier();
        let session = Session {
            id: work.new_id(),
            user,
            assurance,
            created,
            last_seen: work.now(),
            absolute_end: created + self.limits.absolute,
            ip: origin.ip,
            user_agent: origin.user_agent.clone(),
            label: None,
            lapsed: None,
            digest: verifier.digest(),
            epoch,
        };
        let bearer = Bearer::new(session.id, verifier).expose();
        Opened { session, bearer, device: None }
    }
}

fn amr_names(assurance: &Assurance) -> Vec<String> {
    assurance.amr().into_iter().map(|amr| amr.as_str().to_owned()).collect()
}

#[cfg(test)]
mod tests;
