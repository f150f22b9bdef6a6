//! What sessions are called: as their owners say, otherwise by what their clients seem to be.

use super::{Session, SessionError, SessionId, Sessions};
use crate::events::{Cause, NewEvent};
use crate::id::UserId;
use crate::language::Languages;
use crate::store::Work;
use crate::users::{DisplayName, Standing};

impl Session {
    /// What the session is called: as its owner has named it, otherwise what its client seems to be.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.label {
            Some(label) => label.as_str().to_owned(),
            None => device(self.user_agent.as_deref()),
        }
    }
}

impl Sessions {
    /// Names a session of the user, or takes its name away, so that it is called again what its client seems to be.
    /// The name is its owner's own word for a device and decides nothing.
    ///
    /// # Errors
    /// [`SessionError::Unknown`] when the user has no such session (any more), also when somebody else has;
    /// [`SessionError::Store`].
    pub async fn rename(
        &self,
        by: &Cause,
        user: UserId,
        id: SessionId,
        label: Option<DisplayName>,
    ) -> Result<Session, SessionError> {
        let label = &label;
        self.store.transact(|work| async move { self.rename_in(&work, by, user, id, label.clone()).await }).await
    }

    /// As [`Sessions::rename`], in the caller's unit.
    ///
    /// # Errors
    /// As [`Sessions::rename`].
    pub async fn rename_in(
        &self,
        work: &Work,
        by: &Cause,
        user: UserId,
        id: SessionId,
        label: Option<DisplayName>,
    ) -> Result<Session, SessionError> {
        let (session, standing) = (work.get::<Session>(id).await?, work.get::<Standing>(user).await?);
        let (Some(mut session), Some(standing)) = (session, standing) else { return Err(SessionError::Unknown) };
        self.memory.seen.apply([&mut session]);
        if session.user != user || !self.limits.allow(&session, &standing, work.now()) {
            return Err(SessionError::Unknown);
        }
        if session.label != label {
            session.label = label;
            work.replace(&session)?;
            work.record(NewEvent::new("session.renamed", by).about(user).with("session", id.to_string()))?;
        }
        Ok(session)
    }
}

/// `Firefox on Windows`, for someone to recognise their own device by, in English. A guess that decides nothing.
/// [`Wording::device`](crate::language::Wording::device) says it in another language.
fn device(user_agent: Option<&str>) -> String {
    Languages::builtin().english().device(user_agent)
}
