//! Ending sessions: one, all but one, all.

use super::{Session, SessionError, SessionId, Sessions};
use crate::events::{Cause, NewEvent};
use crate::id::UserId;
use crate::store::Work;
use crate::users::Standing;

impl Sessions {
    /// Ends one session of the user: refused at the next request on this node, and on others as soon as they
    /// [hear](super::Invalidation) of it.
    ///
    /// # Errors
    /// [`SessionError::Unknown`] when the user has no such session (any more), also when somebody else
    /// has; [`SessionError::Store`]: it may be alive.
    pub async fn end(&self, by: &Cause, user: UserId, id: SessionId) -> Result<(), SessionError> {
        self.store.transact(|work| async move { self.end_in(&work, by, user, id).await }).await
    }

    /// As [`Sessions::end`], in the caller's unit.
    ///
    /// # Errors
    /// As [`Sessions::end`].
    pub async fn end_in(&self, work: &Work, by: &Cause, user: UserId, id: SessionId) -> Result<(), SessionError> {
        let session = work.take::<Session>(id).await?.filter(|session| session.user == user);
        let session = session.ok_or(SessionError::Unknown)?;
        work.record(NewEvent::new("session.ended", by).about(user).with("session", session.id.to_string()))?;
        Ok(())
    }

    /// Ends the session that a client had before, as it gets a new one: nobody who knew its bearer shares in the new
    /// one or goes on with the old. That it has ended already is as good.
    ///
    /// To be called once the new one is open; the client gets that one in any case. Its bearer can be had only now, and
    /// without it there would be one session more that its person can neither use nor sign out of. So an error is
    /// for the log.
    ///
    /// # Errors
    /// [`SessionError::Store`]: the former session may go on.
    pub async fn supersede(&self, by: &Cause, former: &Session) -> Result<(), SessionError> {
        match self.end(by, former.user, former.id).await {
            Err(SessionError::Unknown) => Ok(()),
            ended => ended,
        }
    }

    /// Ends all sessions of the user but one, in one write. Recoveries that wait go on.
    ///
    /// # Errors
    /// [`SessionError::Unknown`] when the one to keep has ended; [`SessionError::Store`].
    pub async fn end_others(&self, by: &Cause, user: UserId, keep: SessionId) -> Result<(), SessionError> {
        self.store.transact(|work| async move { self.end_others_in(&work, by, user, keep).await }).await
    }

    /// As [`Sessions::end_others`], in the caller's unit.
    ///
    /// # Errors
    /// As [`Sessions::end_others`].
    pub async fn end_others_in(
        &self,
        work: &Work,
        by: &Cause,
        user: UserId,
        keep: SessionId,
    ) -> Result<(), SessionError> {
        self.raise_epoch_in(work, by, user, Some(keep), Standing::revoke_sessions).await.map(drop)
    }

    /// Ends all sessions of the user, and the recoveries that wait, in one write.
    ///
    /// # Errors
    /// [`SessionError::Unknown`] when there is no such user; [`SessionError::Store`].
    pub async fn end_all(&self, by: &Cause, user: UserId) -> Result<(), SessionError> {
        self.store.transact(|work| async move { self.end_all_in(&work, by, user).await }).await
    }

    /// As [`Sessions::end_all`], in the caller's unit.
    ///
    /// # Errors
    /// As [`Sessions::end_all`].
    pub async fn end_all_in(&self, work: &Work, by: &Cause, user: UserId) -> Result<(), SessionError> {
        self.raise_epoch_in(work, by, user, None, Standing::revoke_all).await.map(drop)
    }

    /// Says which epoch it is now, in which only the kept session lives on.
    pub(super) async fn raise_epoch_in(
        &self,
        work: &Work,
        by: &Cause,
        user: UserId,
        keep: Option<SessionId>,
        revoke: impl FnOnce(&mut Standing),
    ) -> Result<u64, SessionError> {
        let mut standing = work.get::<Standing>(user).await?.ok_or(SessionError::Unknown)?;
        revoke(&mut standing);
        let mut event = NewEvent::new("session.all_ended", by).about(user);
        if let Some(keep) = keep {
            // Only a good one: keeping one that was revoked meanwhile would bring it back to life.
            if !self.is_good_in(work, user, keep).await? {
                return Err(SessionError::Unknown);
            }
            let mut session = work.get::<Session>(keep).await?.ok_or(SessionError::Unknown)?;
            session.epoch = standing.epoch;
            work.replace(&session)?;
            event = event.with("kept", keep.to_string());
        }
        work.replace(&standing)?;
        work.record(event)?;
        Ok(standing.epoch)
    }
}
