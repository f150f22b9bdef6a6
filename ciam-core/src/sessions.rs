//! Browsers and apps that are signed in: opened from evidence, checked on every request, ended.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{Timestamp, rfc3339};
use crate::events::{Cause, NewEvent, Origin};
use crate::evidence::{Aal, Assurance, Evidence, Insufficient};
use crate::id::UserId;
use crate::secret::{Bearer, Digest, Secret};
use crate::store::{Collection, Index, Peak, Record, Store, StoreError, Work};
use crate::users::{Standing, UserStatus};

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
    /// When it had been idle too long: proofs from before count for AAL1 only.
    lapsed: Option<Timestamp>,
    digest: Digest,
    epoch: u64,
}

impl Record for Session {
    type Id = SessionId;
    const COLLECTION: Collection<Self> =
        Collection::new("sessions").index(&Session::BY_USER).live(&Session::LAST_SEEN).expires(|s| s.absolute_end);

    fn id(&self) -> SessionId {
        self.id
    }
}

impl Session {
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
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            absolute: Duration::from_hours(30 * 24),
            idle: Duration::from_hours(7 * 24),
            aal2_absolute: Duration::from_hours(24),
            aal2_idle: Duration::from_hours(1),
        }
    }
}

/// How stale `last_seen` may be before a check writes it again.
const SEEN_STEP: Duration = Duration::from_mins(1);

/// A session as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionView {
    /// The id, with which it can be ended.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "ses_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c"))]
    pub id: SessionId,
    /// Whose it is.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "usr_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c"))]
    pub user: UserId,
    /// Its level now: `aal1`, `aal2` or `aal3` (NIST SP 800-63B-4).
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "aal1"))]
    pub assurance: Aal,
    /// How it was authenticated: values of RFC 8176, and `mail` for a code or link to an email address.
    pub amr: Vec<String>,
    /// When it was opened.
    #[serde(serialize_with = "rfc3339")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    #[serde(serialize_with = "rfc3339")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub last_seen_at: Timestamp,
    /// When it ends if it is not used any more; use moves it, up to the session's absolute end.
    #[serde(serialize_with = "rfc3339")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub expires_at: Timestamp,
    /// What its client called itself.
    pub user_agent: Option<String>,
    /// The IP address that it was opened from.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub ip: Option<IpAddr>,
    /// Whether it is the session that asked.
    pub current: bool,
}

/// A session just opened, and the only time that its bearer can be had.
#[derive(Debug)]
pub struct Opened {
    /// The session.
    pub session: Session,
    /// What the client shows from now on: for a cookie or an `Authorization` header.
    pub bearer: Secret<String>,
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

/// Opens, checks, lists and ends sessions.
#[derive(Debug, Clone)]
pub struct Sessions {
    store: Store,
    limits: SessionLimits,
}

impl Sessions {
    pub(crate) const fn new(store: Store, limits: SessionLimits) -> Self {
        Self { store, limits }
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
        let opened = self.issue(work, user, assurance, standing.epoch, work.now(), origin)?;
        work.record(
            NewEvent::new("session.started", &Cause::user(user, origin.clone()))
                .about(user)
                .with("session", opened.session.id.to_string())
                .with("assurance", opened.session.assurance.level().as_str())
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
        let old = work.take::<Session>(id).await?.ok_or(SessionError::Unknown)?;
        let standing = work.get::<Standing>(old.user).await?.ok_or(SessionError::Unknown)?;
        if !self.is_good(&old, &standing, work.now()) {
            return Err(SessionError::Unknown);
        }
        let assurance = old.assurance.with(old.user, evidence)?;
        let mut opened = self.issue(work, old.user, assurance, old.epoch, old.created, origin)?;
        opened.session.absolute_end = old.absolute_end;
        opened.session.lapsed = old.lapsed;
        work.remove::<Session>(opened.session.id)?;
        work.insert(&opened.session)?;
        work.record(
            NewEvent::new("session.rotated", &Cause::user(old.user, origin.clone()))
                .about(old.user)
                .with("session", opened.session.id.to_string())
                .with("before", old.id.to_string())
                .with("assurance", opened.session.assurance.level().as_str()),
        )?;
        Ok(opened)
    }

    /// Gives a session new evidence, as [`Sessions::elevate_in`] does, and ends all others of its user.
    pub(crate) async fn renew_in(
        &self,
        work: &Work,
        id: SessionId,
        evidence: &[Evidence],
        origin: &Origin,
    ) -> Result<Opened, SessionError> {
        let mut opened = self.elevate_in(work, id, evidence, origin).await?;
        let user = opened.session.user;
        let mut standing = work.get::<Standing>(user).await?.ok_or(SessionError::Unknown)?;
        standing.epoch += 1;
        work.replace(&standing)?;
        opened.session.epoch = standing.epoch;
        work.replace(&opened.session)?;
        work.record(
            NewEvent::new("session.all_ended", &Cause::user(user, origin.clone()))
                .about(user)
                .with("kept", opened.session.id.to_string()),
        )?;
        Ok(opened)
    }

    fn issue(
        &self,
        work: &Work,
        user: UserId,
        assurance: Assurance,
        epoch: u64,
        created: Timestamp,
        origin: &Origin,
    ) -> Result<Opened, StoreError> {
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
            lapsed: None,
            digest: verifier.digest(),
            epoch,
        };
        work.insert(&session)?;
        let bearer = Bearer::new(session.id, verifier).expose();
        Ok(Opened { session, bearer })
    }

    /// The session of this bearer, or none when the client is not signed in: because the text is no
    /// bearer, the session was ended, has expired or was idle too long, or its user may not sign in.
    ///
    /// Two point reads; once a minute and session it also notes when the session was last seen.
    ///
    /// # Errors
    /// [`SessionError::Store`]: nobody knows; do not treat the client as signed in, nor as signed out.
    pub async fn check(&self, bearer: &str) -> Result<Option<Session>, SessionError> {
        let Ok(bearer) = Bearer::<SessionId>::parse(bearer) else { return Ok(None) };
        let Some(session) = self.store.get::<Session>(bearer.id()).await? else { return Ok(None) };
        if session.digest != bearer.digest() {
            return Ok(None);
        }
        let Some(standing) = self.store.get::<Standing>(session.user).await? else { return Ok(None) };
        let now = self.store.clock().now();
        if !self.is_good(&session, &standing, now) {
            return Ok(None);
        }
        if now.since(session.last_seen) >= SEEN_STEP {
            self.note_seen(&session).await;
        }
        Ok(Some(session))
    }

    /// Not worth refusing a request for, so it is logged and forgotten.
    ///
    /// That the pause was too long for AAL2 is written down in the same batch: being seen must not mend it.
    async fn note_seen(&self, session: &Session) {
        let lapses = self.store.clock().now().since(session.last_seen) >= self.limits.aal2_idle;
        let noted = self
            .store
            .transact(|work| async move {
                let Some(mut session) = work.peek::<Session>(session.id).await? else { return Ok(()) };
                if lapses {
                    session.lapsed = Some(work.now());
                    work.replace(&session)?;
                }
                work.raise(&Session::LAST_SEEN, session.id, work.now())
            })
            .await;
        if let Err(error) = noted {
            tracing::debug!(%error, "last seen was not noted");
        }
    }

    fn is_good(&self, session: &Session, standing: &Standing, now: Timestamp) -> bool {
        standing.status == UserStatus::Active
            && standing.epoch == session.epoch
            && now < session.absolute_end
            && now < session.last_seen + self.limits.idle
    }

    /// The level that the session has now. A proof counts for more than AAL1 for a day, and not any more once
    /// the session was idle for an hour; the session lives on, and proofs given later raise it again.
    #[must_use]
    pub fn level(&self, session: &Session) -> Aal {
        let now = self.store.clock().now();
        if now.since(session.last_seen) >= self.limits.aal2_idle {
            return Aal::Aal1;
        }
        let too_old = now - self.limits.aal2_absolute;
        session.assurance.level_since(session.lapsed.map_or(too_old, |lapsed| lapsed.max(too_old)))
    }

    /// The session as its owner sees it.
    #[must_use]
    pub fn view(&self, session: &Session, current: Option<SessionId>) -> SessionView {
        SessionView {
            id: session.id,
            user: session.user,
            assurance: self.level(session),
            amr: amr_names(&session.assurance),
            created_at: session.created,
            last_seen_at: session.last_seen,
            expires_at: session.absolute_end.min(session.last_seen + self.limits.idle),
            user_agent: session.user_agent.clone(),
            ip: session.ip,
            current: current == Some(session.id),
        }
    }

    /// The session with this id if it is this user's and good; what a bearer check does without the bearer.
    ///
    /// # Errors
    /// [`SessionError::Store`].
    pub async fn get(&self, user: UserId, id: SessionId) -> Result<Option<Session>, SessionError> {
        let mut lookup = self.store.lookup();
        let (session, standing) = (lookup.ask::<Session>(id), lookup.ask::<Standing>(user));
        let mut found = lookup.fetch().await?;
        let (Some(session), Some(standing)) = (found.take(&session)?, found.take(&standing)?) else {
            return Ok(None);
        };
        let good = session.user == user && self.is_good(&session, &standing, self.store.clock().now());
        Ok(good.then_some(session))
    }

    /// Whether a session is this user's and good, in the caller's unit, which guards it.
    pub(crate) async fn is_good_in(&self, work: &Work, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        let (Some(session), Some(standing)) = (work.get::<Session>(id).await?, work.get::<Standing>(user).await?)
        else {
            return Ok(false);
        };
        Ok(session.user == user && self.is_good(&session, &standing, work.now()))
    }

    /// The user's sessions that are good, the latest first; at most 1,000.
    ///
    /// # Errors
    /// [`SessionError::Store`].
    pub async fn list(&self, user: UserId, current: Option<SessionId>) -> Result<Vec<SessionView>, SessionError> {
        let Some(standing) = self.store.get::<Standing>(user).await? else { return Ok(Vec::new()) };
        let now = self.store.clock().now();
        let query = Session::BY_USER.eq(&user).descending().limit(crate::store::MAX_PAGE);
        let found = self.store.find(&query).await?.items;
        let good = found.iter().filter(|session| self.is_good(session, &standing, now));
        Ok(good.map(|session| self.view(session, current)).collect())
    }

    /// Ends one session of the user: refused at the next request.
    ///
    /// # Errors
    /// [`SessionError::Unknown`] when the user has no such session (any more), also when somebody else
    /// has; [`SessionError::Store`]: it may be alive.
    pub async fn end(&self, by: &Cause, user: UserId, id: SessionId) -> Result<(), SessionError> {
        self.store
            .transact(|work| async move {
                let session = work.take::<Session>(id).await?.filter(|session| session.user == user);
                let session = session.ok_or(SessionError::Unknown)?;
                work.record(NewEvent::new("session.ended", by).about(user).with("session", session.id.to_string()))?;
                Ok(())
            })
            .await
    }

    /// Ends all sessions of the user but one, in one write.
    ///
    /// # Errors
    /// [`SessionError::Unknown`] when the one to keep has ended; [`SessionError::Store`].
    pub async fn end_others(&self, by: &Cause, user: UserId, keep: SessionId) -> Result<(), SessionError> {
        self.raise_epoch(by, user, Some(keep)).await
    }

    /// Ends all sessions of the user, in one write.
    ///
    /// # Errors
    /// [`SessionError::Unknown`] when there is no such user; [`SessionError::Store`].
    pub async fn end_all(&self, by: &Cause, user: UserId) -> Result<(), SessionError> {
        self.raise_epoch(by, user, None).await
    }

    async fn raise_epoch(&self, by: &Cause, user: UserId, keep: Option<SessionId>) -> Result<(), SessionError> {
        self.store
            .transact(|work| async move {
                let mut standing = work.get::<Standing>(user).await?.ok_or(SessionError::Unknown)?;
                standing.epoch += 1;
                let mut event = NewEvent::new("session.all_ended", by).about(user);
                if let Some(keep) = keep {
                    let session = work.get::<Session>(keep).await?.filter(|session| session.user == user);
                    let mut session = session.ok_or(SessionError::Unknown)?;
                    session.epoch = standing.epoch;
                    work.replace(&session)?;
                    event = event.with("kept", keep.to_string());
                }
                work.replace(&standing)?;
                work.record(event)?;
                Ok(())
            })
            .await
    }
}

fn amr_names(assurance: &Assurance) -> Vec<String> {
    assurance.amr().into_iter().map(|amr| amr.as_str().to_owned()).collect()
}

#[cfg(test)]
mod tests;
