//! Another password for an account: by its owner, who knows the present one, or by the host's own program.

use std::time::Duration;

use uuid::Uuid;

use super::{HashError, Password, PasswordCredential, PasswordProblem};
use crate::devices;
use crate::events::{Cause, NewEvent, Origin};
use crate::evidence::{Ceremony, Claim, Evidence, Need, Strength};
use crate::id::{RecordId, UserId};
use crate::journeys::{Client, JourneyError, Journeys, Known, failure};
use crate::messages::letter::Change;
use crate::messages::notices::NoticeError;
use crate::secret::Secret;
use crate::sessions::{Opened, Session, SessionError};
use crate::store::{StoreError, Work};
use crate::throttle::ThrottleError;
use crate::users::Standing;

/// Changes and sets passwords.
///
/// A password that is lost is recovered by a journey of the kind
/// [`Recover`](crate::journeys::JourneyKind::Recover).
#[derive(Debug, Clone)]
pub struct Passwords {
    pub(crate) journeys: Journeys,
}

/// Why a password was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// The present password is not that one.
    #[error("the present password is wrong")]
    Wrong,
    /// The password was changed meanwhile: what was shown was the present one until then.
    #[error("the password was changed meanwhile")]
    Stale,
    /// The new password may not be one.
    #[error("the password cannot be set")]
    Problem(#[source] PasswordProblem),
    /// The present password is right, and the account has more: have the person prove this first, by a step-up.
    #[error("prove who you are again, by all that the account has")]
    NotEnough(Need),
    /// There is no such user, or the session has ended.
    #[error("there is no such account or session")]
    Unknown,
    /// There were too many tries of the present password.
    #[error("too many tries")]
    Throttled {
        /// When to come back.
        retry_after: Duration,
    },
    /// Too many passwords wait to be judged and hashed; nothing was tried.
    #[error("too many passwords are waiting to be hashed")]
    Overloaded {
        /// When to come back.
        retry_after: Duration,
    },
    /// The store, the vault or the hasher does not answer; the password is as it was.
    #[error("the password was not changed")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Passwords {
    /// Changes the password of whoever is signed in, who shows that they know the present one.
    ///
    /// All other sessions of the account end, and this one goes on under a new id and secret, with the proof of the
    /// present password. The owner is told. Tries count as those of sign-in do.
    ///
    /// # Errors
    /// [`PasswordError::Wrong`], and the reason goes to the event `sign_in.failed`; [`PasswordError::Stale`], which is
    /// no failed try; [`PasswordError::Problem`]; [`PasswordError::NotEnough`] where the account has a second factor that
    /// was not shown in this session in the last quarter of an hour;
    /// [`PasswordError::Unknown`]; [`PasswordError::Throttled`]; [`PasswordError::Overloaded`];
    /// [`PasswordError::Unavailable`].
    pub async fn change(
        &self,
        client: &Client,
        session: &Session,
        present: &Secret<String>,
        new: &Secret<String>,
    ) -> Result<Opened, PasswordError> {
        let journeys = &self.journeys;
        let user = session.user;
        let present = Password::parse(present).map_err(|_| PasswordError::Wrong)?;
        let (limits, credential) = journeys.own_password(user, client).await.map_err(unavailable)?;
        let reservation = journeys.throttle.reserve(limits).await?;
        let hash = credential.as_ref().map(|credential| &credential.hash);
        let verdict = match journeys.hasher.verify(&present, hash).await {
            Ok(verdict) => verdict,
            Err(error) => {
                journeys.throttle.cancelled(reservation).await?;
                return Err(error.into());
            }
        };
        let Some(credential) = credential.filter(|_| verdict.matches) else {
            journeys.throttle.failed(reservation, failure(client, Some(user), "wrong_password")).await?;
            return Err(PasswordError::Wrong);
        };
        // The present password was right, whatever becomes of the new one.
        if let Err(error) = journeys.throttle.succeeded(reservation).await {
            tracing::warn!(%error, "a try that succeeded stays counted");
        }
        let password = self.judge(user, &client.origin, new).await?;
        let hash = &journeys.hasher.hash(&password).await?;
        let notices = &journeys.notices.write(user, Change::Password, &client.origin).await?;
        let (by, proved, credential) = (&Cause::user(user, client.origin.clone()), self.proof(user), &credential);
        journeys
            .store
            .transact(|work| {
                let evidence = [self.evidence(user, &proved)];
                async move {
                    let now = work.get::<PasswordCredential>(user).await?;
                    now.filter(|now| now.is_still(credential, verdict.outdated)).ok_or(PasswordError::Stale)?;
                    work.replace(&PasswordCredential { id: user, hash: hash.clone(), set: work.now() })?;
                    let need = journeys.authenticators.need_in(&work, user, &journeys.config).await?;
                    let mut opened = journeys.sessions.renew_in(&work, session.id, &evidence, &client.origin).await?;
                    // The present password is a proof, and may not be all that the account has.
                    if !journeys.sessions.meets(&opened.session, need) {
                        return Err(PasswordError::NotEnough(need));
                    }
                    let (epoch, secret) = (opened.session.epoch(), client.device.as_ref());
                    opened.device = devices::remember_in(&journeys.store, &work, user, epoch, secret).await?;
                    work.record(NewEvent::new("password.changed", by).about(user))?;
                    journeys.notices.queue_in(&work, notices, &client.origin).await?;
                    Ok(opened)
                }
            })
            .await
    }

    /// Sets the password of a user, for operators and imports: all sessions of the account end, and the owner is
    /// told.
    ///
    /// # Errors
    /// [`PasswordError::Unknown`]; [`PasswordError::Problem`]; [`PasswordError::Overloaded`];
    /// [`PasswordError::Unavailable`].
    pub async fn set(&self, by: &Cause, user: UserId, new: &Secret<String>) -> Result<(), PasswordError> {
        let journeys = &self.journeys;
        let password = self.judge(user, &by.origin, new).await?;
        let hash = &journeys.hasher.hash(&password).await?;
        let notices = &journeys.notices.write(user, Change::Password, &by.origin).await?;
        journeys
            .store
            .transact(|work| async move {
                let mut standing = work.get::<Standing>(user).await?.ok_or(PasswordError::Unknown)?;
                standing.revoke_all();
                work.replace(&standing)?;
                let credential = PasswordCredential { id: user, hash: hash.clone(), set: work.now() };
                put(&work, &credential).await?;
                journeys.throttle.forgive_in(&work, user).await?;
                work.record(NewEvent::new("password.set", by).about(user))?;
                journeys.notices.queue_in(&work, notices, &by.origin).await?;
                Ok(())
            })
            .await
    }

    async fn judge(&self, user: UserId, origin: &Origin, typed: &Secret<String>) -> Result<Password, PasswordError> {
        let password = Password::parse(typed).map_err(PasswordError::Problem)?;
        let Known(known) = self.journeys.known_of(user, origin).await?;
        self.journeys.judges.judge(password, known).await?.map_err(PasswordError::Problem)
    }

    /// What the proof of the present password stands for: no journey's, so one of its own.
    fn proof(&self, user: UserId) -> (crate::journeys::JourneyId, crate::clock::Timestamp, Uuid) {
        let now = self.journeys.store.clock().now();
        (self.journeys.store.entropy().id(now), now, user.uuid())
    }

    fn evidence(
        &self,
        user: UserId,
        (journey, at, authenticator): &(crate::journeys::JourneyId, crate::clock::Timestamp, Uuid),
    ) -> Evidence {
        let ceremony = Ceremony::open(*journey, user, *authenticator, *at, Strength::PASSWORD);
        Evidence::mint(ceremony, &Claim::full(Strength::PASSWORD))
    }
}

fn unavailable(error: JourneyError) -> PasswordError {
    PasswordError::Unavailable(error.into())
}

/// Keeps a credential, whether or not there was one.
pub(crate) async fn put(work: &Work, credential: &PasswordCredential) -> Result<(), StoreError> {
    match work.get::<PasswordCredential>(credential.id).await? {
        Some(_) => work.replace(credential),
        None => work.insert(credential),
    }
}

impl From<StoreError> for PasswordError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<NoticeError> for PasswordError {
    fn from(error: NoticeError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<SessionError> for PasswordError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Store(error) => Self::Unavailable(error.into()),
            _ => Self::Unknown,
        }
    }
}

impl From<HashError> for PasswordError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Overloaded { retry_after } => Self::Overloaded { retry_after },
            error => Self::Unavailable(error.into()),
        }
    }
}

impl From<ThrottleError> for PasswordError {
    fn from(error: ThrottleError) -> Self {
        match error {
            ThrottleError::Throttled { retry_after, .. } => Self::Throttled { retry_after },
            error @ ThrottleError::Store(_) => Self::Unavailable(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
