//! Who sends a request: the check of every bearer.

use std::sync::Arc;

use super::memory::Known;
use super::seen::STEP;
use super::{Session, SessionError, SessionId, SessionLimits, Sessions};
use crate::clock::Timestamp;
use crate::evidence::{Aal, Need, Reached};
use crate::id::{RecordId as _, UserId};
use crate::metrics::{Checked, session_checked};
use crate::secret::Bearer;
use crate::store::{StoreError, Work};
use crate::users::{Standing, UserStatus};

impl Sessions {
    /// The session of this bearer, or none when the client is not signed in: because the text is no
    /// bearer, the session was ended, has expired or was idle too long, or its user may not sign in.
    ///
    /// A session that was checked a moment ago is found in memory; otherwise it is two point reads. What is in memory
    /// is never older than the last change that was committed through this engine, and only ever says yes: before a
    /// client is turned away, or its level lowered, the store is asked. Nothing is written on the request; that the
    /// session was seen is noted once a minute, and [written later](Sessions::flush_seen).
    ///
    /// # Errors
    /// [`SessionError::Store`]: nobody knows; do not treat the client as signed in, nor as signed out.
    pub async fn check(&self, bearer: &str) -> Result<Option<Session>, SessionError> {
        let Ok(bearer) = Bearer::<SessionId>::parse(bearer) else {
            session_checked(Checked::Nothing);
            return Ok(None);
        };
        let now = self.store.clock().now();
        self.memory.heed_others(&self.store, now).await;
        if let Some(session) = self.remembered(&bearer, now) {
            session_checked(Checked::Remembered);
            return Ok(Some(session));
        }
        let read = self.read(&bearer, now).await;
        session_checked(match &read {
            Ok(Some(_)) => Checked::Read,
            Ok(None) => Checked::Nothing,
            Err(_) => Checked::Failed,
        });
        read
    }

    /// The session, if all that there is to know of it is in memory and good.
    fn remembered(&self, bearer: &Bearer<SessionId>, now: Timestamp) -> Option<Session> {
        let cached = self.memory.cached()?;
        let known = cached.sessions.get(bearer.id().uuid(), now)?;
        let standing = cached.standings.get(known.session().user.uuid(), now)?;
        let (session, seen) = (known.session(), known.seen());
        let good = session.digest == bearer.digest() && self.limits.allow_seen(session, seen, &standing, now);
        if !good || now.since(seen) >= self.limits.aal2_idle {
            return None;
        }
        let mut session = Session { last_seen: seen, ..session.clone() };
        if now.since(seen) >= STEP {
            self.memory.seen.note(&mut session, now, &self.limits);
            if session.lapsed == known.session().lapsed {
                known.see(session.last_seen);
            } else {
                // Somebody else has just found the pause too long: what is in memory does not know it.
                cached.sessions.evict(session.id.uuid());
            }
        }
        Some(session)
    }

    async fn read(&self, bearer: &Bearer<SessionId>, now: Timestamp) -> Result<Option<Session>, SessionError> {
        let id = bearer.id();
        // Before anything is read: what was noted may be written meanwhile, and what is read may be changed.
        let (cached, noted) = (self.memory.cached(), self.memory.seen.of(id));
        let ticket = cached.and_then(|cached| cached.sessions.ticket(id.uuid()));
        let Some(mut session) = self.store.get::<Session>(id).await? else { return Ok(None) };
        if session.digest != bearer.digest() {
            return Ok(None);
        }
        let Some(standing) = self.standing(session.user, now).await? else { return Ok(None) };
        if let Some(noted) = noted {
            noted.apply(&mut session);
        }
        if !self.limits.allow(&session, &standing, now) {
            // The standing may be from memory, or one of the two from before a unit that changed both.
            return self.get(session.user, id).await;
        }
        if now.since(session.last_seen) >= STEP {
            self.memory.seen.note(&mut session, now, &self.limits);
        }
        if let Some(cached) = cached {
            cached.sessions.fill(ticket, Arc::new(Known::new(session.clone())), now);
        }
        Ok(Some(session))
    }

    /// The user's standing, from memory if it is there.
    async fn standing(&self, user: UserId, now: Timestamp) -> Result<Option<Arc<Standing>>, StoreError> {
        let cached = self.memory.cached();
        if let Some(standing) = cached.and_then(|cached| cached.standings.get(user.uuid(), now)) {
            return Ok(Some(standing));
        }
        let ticket = cached.and_then(|cached| cached.standings.ticket(user.uuid()));
        let standing = self.store.get::<Standing>(user).await?.map(Arc::new);
        if let (Some(cached), Some(standing)) = (cached, &standing) {
            cached.standings.fill(ticket, Arc::clone(standing), now);
        }
        Ok(standing)
    }

    /// What the session has reached now. A proof counts for more than AAL1 for a day, and not any more once the session was
    /// idle for an hour, and for more than AAL2 for a quarter of an hour; the session lives on, and proofs given later
    /// raise it again.
    #[must_use]
    pub fn reached(&self, session: &Session) -> Reached {
        let now = self.store.clock().now();
        let Some(since) = self.lapsed_until(session) else {
            return Reached { aal: Aal::Aal1, phishing_resistant: false };
        };
        let lately = session.assurance.reached_since(since.max(now - self.limits.aal3_absolute));
        let reached = session.assurance.reached_since(since);
        Reached { aal: if lately.aal == Aal::Aal3 { Aal::Aal3 } else { reached.aal.min(Aal::Aal2) }, ..reached }
    }

    /// The level of [`reached`](Self::reached).
    #[must_use]
    pub fn level(&self, session: &Session) -> Aal {
        self.reached(session).aal
    }

    /// The moment from which on proofs still count for more than AAL1; none when none does.
    pub(crate) fn lapsed_until(&self, session: &Session) -> Option<Timestamp> {
        let now = self.store.clock().now();
        if now.since(session.last_seen) >= self.limits.aal2_idle {
            return None;
        }
        let too_old = now - self.limits.aal2_absolute;
        Some(session.lapsed.map_or(too_old, |lapsed| lapsed.max(too_old)))
    }

    /// Whether a session is worth what is asked of it now.
    pub(crate) fn meets(&self, session: &Session, need: Need) -> bool {
        let now = self.store.clock().now();
        need.is_met_by(&session.assurance, self.lapsed_until(session).unwrap_or(now), now)
    }

    /// The session with this id if it is this user's and good; what a bearer check does without the bearer.
    ///
    /// # Errors
    /// [`SessionError::Store`].
    pub async fn get(&self, user: UserId, id: SessionId) -> Result<Option<Session>, SessionError> {
        let mut lookup = self.store.lookup();
        let (session, standing) = (lookup.ask::<Session>(id), lookup.ask::<Standing>(user));
        let mut found = lookup.fetch().await?;
        let (Some(mut session), Some(standing)) = (found.take(&session)?, found.take(&standing)?) else {
            return Ok(None);
        };
        self.memory.seen.apply([&mut session]);
        let good = session.user == user && self.limits.allow(&session, &standing, self.store.clock().now());
        Ok(good.then_some(session))
    }

    /// Whether a session is this user's and good, in the caller's unit, which guards it.
    pub(crate) async fn is_good_in(&self, work: &Work, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        let (Some(mut session), Some(standing)) = (work.get::<Session>(id).await?, work.get::<Standing>(user).await?)
        else {
            return Ok(false);
        };
        self.memory.seen.apply([&mut session]);
        Ok(session.user == user && self.limits.allow(&session, &standing, work.now()))
    }
}

impl SessionLimits {
    pub(super) fn allow(&self, session: &Session, standing: &Standing, now: Timestamp) -> bool {
        self.allow_seen(session, session.last_seen, standing, now)
    }

    /// The same for a session that was seen later than it says.
    fn allow_seen(&self, session: &Session, seen: Timestamp, standing: &Standing, now: Timestamp) -> bool {
        standing.status == UserStatus::Active
            && standing.epoch == session.epoch
            && now < session.absolute_end
            && now < seen + self.idle
    }
}
