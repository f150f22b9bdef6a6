//! The port of authenticators: what ciam's own and a host's implement.

use std::any::Any;
use std::error::Error;
use std::fmt;

use async_trait::async_trait;

use super::{AuthenticatorId, Enrolment, Method};
use crate::application::Application;
use crate::clock::Timestamp;
use crate::events::Origin;
use crate::evidence::{Claim, Strength};
use crate::id::UserId;
use crate::journeys::JourneyId;
use crate::secret::Secret;
use crate::store::{Schema, Store, StoreError, Work};
use crate::vault::KeyVault;

/// What the engine lends to an authenticator at every call, so that one can be made before the engine is.
#[derive(Debug, Clone, Copy)]
pub struct Means<'m> {
    /// The store, for reading; writes belong into the unit that an authenticator is handed.
    pub store: &'m Store,
    /// Seals what it keeps secret.
    pub vault: &'m dyn KeyVault,
    /// The application that the journey is of.
    pub application: &'m Application,
    /// From where the answer came.
    pub origin: &'m Origin,
}

/// One examination: of whom, in which journey and at which of its turns, with what they have of this method.
#[derive(Debug, Clone, Copy)]
pub struct Examination<'e> {
    /// The journey.
    pub journey: JourneyId,
    /// Whose proof is asked for.
    pub user: UserId,
    /// What the account is called, for the person and for their device.
    pub shown_name: &'e str,
    /// Their authenticators of this method.
    pub enrolled: &'e [Enrolment],
    /// When.
    pub at: Timestamp,
    /// Challenges that nobody can predict and that are good for this turn of the journey alone: the first is shown, and
    /// an answer to either is taken. Another turn, another five minutes and they are others; nothing has to be kept.
    pub challenges: [[u8; 32]; 2],
}

/// What is shown to have a proof given.
#[derive(Clone)]
#[non_exhaustive]
pub enum Shown {
    /// Nothing but a field for a code.
    Code,
    /// A secret that an authenticator app is to take over: as text, as a link, and as a picture of the link.
    Totp {
        /// The secret in base32.
        secret: Secret<String>,
        /// The link, `otpauth://…`.
        uri: Secret<String>,
        /// The link as a QR code, in SVG.
        svg: Secret<String>,
    },
    /// Codes that their owner is to keep.
    Codes(Vec<Secret<String>>),
    /// What a host's own authenticator shows.
    Data(serde_json::Value),
}

/// What was given as a proof. Its `Debug` shows nothing of it.
#[derive(Clone)]
#[non_exhaustive]
pub enum Given {
    /// A code, as it was typed.
    Code(Secret<String>),
    /// What a host's own authenticator takes.
    Data(serde_json::Value),
    /// That what was shown is kept, and nothing else.
    Kept,
}

/// What an examination came to.
#[derive(Debug)]
pub enum Verdict {
    /// The proof is right, unless it was used before: that is settled in the unit that counts it.
    Right(Found),
    /// It is wrong; the word is for events: `wrong_otp`, `unknown_passkey`. It is counted as a failed try.
    Wrong(&'static str),
}

/// By which authenticator somebody was found to be who they are.
pub struct Found {
    /// The authenticator.
    pub authenticator: AuthenticatorId,
    /// What is claimed of it; the engine takes no more than its enrolment and its method allow.
    pub claim: Claim,
    /// What [`Authenticator::settle_in`] has to know.
    pub state: Box<dyn Any + Send + Sync>,
}

/// Whether a proof is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Used {
    /// It was used now, for the first time.
    Now,
    /// It had been used before: it is counted as a failed try.
    Before,
}

/// What came of the confirmation of something that was offered.
#[derive(Debug)]
pub enum Confirmation {
    /// It works, and can be kept.
    Ready(Ready),
    /// It was not shown to work.
    Wrong,
}

/// An authenticator that was shown to work.
pub struct Ready {
    /// What its proofs count for at most.
    pub strength: Strength,
    /// What its owner knows it by where they give it no name. No secret.
    pub shown: String,
    /// What the confirmation itself claims, if it is a proof.
    pub claim: Option<Claim>,
    /// What [`Authenticator::enrol_in`] has to know.
    pub state: Box<dyn Any + Send + Sync>,
}

/// What a method is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uses {
    /// Whether it makes a sign-in stronger that began with something else.
    pub second: bool,
    /// Whether it only stands in for others that are lost: having it asks for nothing by itself.
    pub stands_in: bool,
    /// Whether people add it to their accounts themselves.
    pub enrols: bool,
    /// Whether an account has one at most, so that another takes its place.
    pub sole: bool,
}

/// It cannot be said now: what it takes to say is away. Nothing was counted.
#[derive(Debug, thiserror::Error)]
#[error("the authenticator cannot examine anything now")]
pub struct Unavailable(#[source] pub Box<dyn Error + Send + Sync>);

impl From<StoreError> for Unavailable {
    fn from(error: StoreError) -> Self {
        Self(error.into())
    }
}

impl From<crate::vault::VaultError> for Unavailable {
    fn from(error: crate::vault::VaultError) -> Self {
        Self(error.into())
    }
}

/// A way to prove who one is, in any journey.
///
/// It examines and nothing more. The engine decides when it is asked, counts every try before it is judged, makes sure
/// that the account still has it in the unit that counts the proof, mints the evidence, never stronger than the
/// [`Enrolment`] and the [ceiling](Self::ceiling) allow, and writes the events. So an authenticator cannot open a session,
/// and no journey can forget one.
///
/// [`CiamBuilder::authenticator`](crate::ciam::CiamBuilder::authenticator) gives one to the engine.
#[async_trait]
pub trait Authenticator: fmt::Debug + Send + Sync + 'static {
    /// What it is: one method, one authenticator.
    fn method(&self) -> Method;

    /// The most that any proof of it counts for.
    fn ceiling(&self) -> Strength;

    /// What it is good for.
    fn uses(&self) -> Uses;

    /// Declares the records that it keeps (default: none). Whatever it checks proofs with is kept under the id of the
    /// [`Enrolment`].
    fn records(&self, schema: Schema) -> Schema {
        schema
    }

    /// What is shown to have it proved. Writes nothing; the same examination shows the same.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn ask(&self, means: &Means<'_>, examination: &Examination<'_>) -> Result<Shown, Unavailable>;

    /// Judges what was given: the slow part, before the unit. Writes nothing.
    ///
    /// # Errors
    /// [`Unavailable`]: the try is given back.
    async fn examine(
        &self,
        means: &Means<'_>,
        examination: &Examination<'_>,
        given: &Given,
    ) -> Result<Verdict, Unavailable>;

    /// Uses the proof up, in the unit that counts it: so that of a hundred answers with one code one is right. It may be
    /// called several times for one proof, when the unit is stale.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn settle_in(&self, work: &Work, found: &Found) -> Result<Used, StoreError>;

    /// Makes up what is offered to somebody who wants to add one; the engine seals it into the journey (default: nothing).
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn offer(&self, means: &Means<'_>, examination: &Examination<'_>) -> Result<Secret<Vec<u8>>, Unavailable> {
        let _ = (means, examination);
        Ok(Secret::new(Vec::new()))
    }

    /// What is shown of what was offered (default: as when it is asked for).
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn present(
        &self,
        means: &Means<'_>,
        examination: &Examination<'_>,
        offered: &[u8],
    ) -> Result<Shown, Unavailable> {
        let _ = offered;
        self.ask(means, examination).await
    }

    /// Judges whether what was offered works for the person (default: never, for one that nobody adds themselves).
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn confirm(
        &self,
        means: &Means<'_>,
        examination: &Examination<'_>,
        offered: &[u8],
        given: &Given,
    ) -> Result<Confirmation, Unavailable> {
        let _ = (means, examination, offered, given);
        Ok(Confirmation::Wrong)
    }

    /// Keeps what was confirmed, under this id, in the unit that enrols it (default: nothing has to be kept). It may be
    /// called several times, when the unit is stale.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn enrol_in(&self, work: &Work, id: AuthenticatorId, user: UserId, ready: &Ready) -> Result<(), StoreError> {
        let _ = (work, id, user, ready);
        Ok(())
    }

    /// Removes what was kept under the id of an enrolment, in the unit that removes that (default: nothing was kept).
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_in(&self, work: &Work, enrolment: &Enrolment) -> Result<(), StoreError> {
        let _ = (work, enrolment);
        Ok(())
    }

    /// Whether a commit was refused because the proof had been used before: what a bound in
    /// [`settle_in`](Self::settle_in) comes to (default: never).
    fn was_used_up(&self, refusal: &StoreError) -> bool {
        let _ = refusal;
        false
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Code => "Code",
            Self::Totp { .. } => "Totp(..)",
            Self::Codes(_) => "Codes(..)",
            Self::Data(_) => "Data(..)",
        })
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Code(_) => "Code(..)",
            Self::Data(_) => "Data(..)",
            Self::Kept => "Kept",
        })
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").field("strength", &self.strength).field("shown", &self.shown).finish_non_exhaustive()
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found").field("authenticator", &self.authenticator).finish_non_exhaustive()
    }
}
