//! Steps of the host's own, between proof and session.

use std::fmt;

use async_trait::async_trait;

use super::error::{JourneyError, Mistake};
use super::prompt::JourneyKind;
use crate::id::UserId;

/// A step that the host adds to journeys: accept house rules, choose a branch, answer a question.
///
/// It is asked after everything was proved and before the session is opened, once in every sign-up, sign-in and
/// recovery that it takes part in. Journeys that begin signed in (a step-up, an identifier that is added) ask no steps.
/// When it fails, so does the answer; the journey stays where it was and no session is opened.
///
/// Nobody gets past it to a session, but it is no authenticator: it proves nothing, so the session has the
/// [`Assurance`](crate::evidence::Assurance) that it would have without it. In a recovery the new password is set before
/// it is asked. It counts its tries itself, in the batch that judges them, such as by a
/// [`Tally`](crate::store::Tally) of a record of the host's own; the step is built before the engine is, so it is handed
/// the [`Store`](crate::store::Store) afterwards, or opens one on the same backend.
#[async_trait]
pub trait CustomStep: fmt::Debug + Send + Sync + 'static {
    /// The step's name: shown in the prompt, unique among the host's steps.
    fn name(&self) -> &str;

    /// Whether it takes part in journeys of this kind: sign-up, sign-in or recovery. Asked for others it decides nothing.
    fn takes_part(&self, kind: JourneyKind) -> bool;

    /// What the prompt shows.
    ///
    /// # Errors
    /// [`CustomError::Unavailable`].
    async fn prompt(&self, user: UserId) -> Result<serde_json::Value, CustomError>;

    /// Takes the answer; `Ok` means that the step is done. It may be called again for the same user.
    ///
    /// # Errors
    /// [`CustomError::Wrong`] to be asked again; [`CustomError::Unavailable`].
    async fn answer(&self, user: UserId, data: serde_json::Value) -> Result<(), CustomError>;
}

/// Why a step of the host's own is not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CustomError {
    /// The answer will not do; the text is shown to the person.
    #[error("the answer will not do")]
    Wrong(String),
    /// The step cannot be carried out now.
    #[error("the step cannot be carried out now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A [`CustomError`] on its way to the client: a mistake is answered with the prompt, anything else ends the answer.
pub(super) fn split(error: CustomError) -> Result<Mistake, JourneyError> {
    match error {
        CustomError::Wrong(text) => Ok(Mistake::Custom(text)),
        CustomError::Unavailable(source) => Err(JourneyError::Unavailable(source)),
    }
}
