//! Messages that could not be sent: kept for an operator, who sends them again or discards them.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Channel;
use super::outbox::{Outbox, Outgoing, OutgoingId};
use crate::clock::{Timestamp, rfc3339};
use crate::events::{Cause, NewEvent};
use crate::id::UserId;
use crate::store::{Collection, Cursor, Index, Page, Record, StoreError, Work};

/// Why a message was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Failure {
    /// The messenger refused it for good.
    Refused,
    /// It was tried as often as messages are.
    GivenUp,
    /// Its link expired before it could be sent.
    TooLate,
    /// Its seal does not open: under another master key, or because somebody changed it.
    Unreadable,
}

impl Failure {
    /// A stable word for it, as in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::GivenUp => "given_up",
            Self::TooLate => "too_late",
            Self::Unreadable => "unreadable",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A message that could not be sent. What it says, and to whom, stays sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    message: Outgoing,
    failure: Failure,
    failed: Timestamp,
    until: Timestamp,
}

impl Record for DeadLetter {
    type Id = OutgoingId;
    const COLLECTION: Collection<Self> =
        Collection::new("dead_letters").index(&DeadLetter::BY_FAILED).expires(|letter| letter.until);

    fn id(&self) -> OutgoingId {
        self.message.id
    }
}

impl DeadLetter {
    /// All of them, by when they failed.
    pub const BY_FAILED: Index<DeadLetter, Timestamp> = Index::new("failed_at", |letter: &DeadLetter| letter.failed);

    pub(super) fn of(message: &Outgoing, failure: Failure, failed: Timestamp, keep: Duration) -> Self {
        Self { message: message.clone(), failure, failed, until: failed + keep }
    }

    fn view(&self) -> DeadLetterView {
        let Outgoing { id, subject, template, channel, queued, attempts, good_until, .. } = self.message.clone();
        let (failure, failed_at, kept_until) = (self.failure, self.failed, self.until);
        let queued_at = queued;
        DeadLetterView {
            id,
            subject,
            template,
            channel,
            failure,
            attempts,
            queued_at,
            failed_at,
            good_until,
            kept_until,
        }
    }
}

/// What an operator sees of a message that could not be sent: never its text, nor where it was to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeadLetterView {
    /// The message's id, as in events.
    pub id: OutgoingId,
    /// The account's user, if it was to one.
    pub subject: Option<UserId>,
    /// By which template it was written.
    pub template: String,
    /// By what it was to go.
    pub channel: Channel,
    /// Why it was not sent.
    pub failure: Failure,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was written.
    #[serde(serialize_with = "rfc3339")]
    pub queued_at: Timestamp,
    /// When it failed.
    #[serde(serialize_with = "rfc3339")]
    pub failed_at: Timestamp,
    /// Until when it is of use, and can be sent again.
    #[serde(serialize_with = "rfc3339")]
    pub good_until: Timestamp,
    /// Until when it is kept.
    #[serde(serialize_with = "rfc3339")]
    pub kept_until: Timestamp,
}

/// Why nothing could be done with a dead letter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeadLetterError {
    /// There is no such letter (any more).
    #[error("there is no such dead letter")]
    Unknown,
    /// Its link has expired: whoever got it could do nothing with it.
    #[error("the message is of no use any more: its link has expired")]
    Expired,
    /// The store refused or does not answer; nothing was changed.
    #[error("the change was not kept")]
    Store(#[from] StoreError),
}

impl Outbox {
    /// A page of the messages that could not be sent, the latest first: at most `limit` (and 1,000), behind the place
    /// where an earlier page ended.
    ///
    /// # Errors
    /// [`DeadLetterError::Store`].
    pub async fn dead_letters(
        &self,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<DeadLetterView>, DeadLetterError> {
        let query = DeadLetter::BY_FAILED.under(&()).descending().limit(limit);
        let query = match after {
            Some(after) => query.after(after),
            None => query,
        };
        let Page { items, next } = self.store.find(&query).await?;
        Ok(Page { items: items.iter().map(DeadLetter::view).collect(), next })
    }

    /// Sends a message again that could not be sent, as if it were new. Of several who ask for it at once, one has it
    /// sent.
    ///
    /// # Errors
    /// [`DeadLetterError::Unknown`]; [`DeadLetterError::Expired`]; [`DeadLetterError::Store`]: not sent.
    pub async fn retry(&self, by: &Cause, id: OutgoingId) -> Result<(), DeadLetterError> {
        self.store.transact(|work| async move { self.retry_in(&work, by, id).await }).await
    }

    /// As [`Outbox::retry`], in the caller's unit.
    ///
    /// # Errors
    /// As [`Outbox::retry`].
    pub async fn retry_in(&self, work: &Work, by: &Cause, id: OutgoingId) -> Result<(), DeadLetterError> {
        let DeadLetter { message, .. } = work.take::<DeadLetter>(id).await?.ok_or(DeadLetterError::Unknown)?;
        if message.good_until <= work.now() {
            return Err(DeadLetterError::Expired);
        }
        work.record(event("message.retried", by, &message))?;
        work.insert(&Outgoing { due: work.now(), attempts: 0, ..message })?;
        let wake = std::sync::Arc::clone(&self.wake);
        work.on_commit(move || wake.notify_one());
        Ok(())
    }

    /// Forgets a message that could not be sent.
    ///
    /// # Errors
    /// [`DeadLetterError::Unknown`]; [`DeadLetterError::Store`]: still there.
    pub async fn discard(&self, by: &Cause, id: OutgoingId) -> Result<(), DeadLetterError> {
        self.store.transact(|work| async move { self.discard_in(&work, by, id).await }).await
    }

    /// As [`Outbox::discard`], in the caller's unit.
    ///
    /// # Errors
    /// As [`Outbox::discard`].
    pub async fn discard_in(&self, work: &Work, by: &Cause, id: OutgoingId) -> Result<(), DeadLetterError> {
        let letter = work.take::<DeadLetter>(id).await?.ok_or(DeadLetterError::Unknown)?;
        Ok(work.record(event("message.discarded", by, &letter.message))?)
    }
}

fn event(name: &'static str, by: &Cause, message: &Outgoing) -> NewEvent {
    NewEvent::new(name, by)
        .about(message.subject)
        .with("message", message.id.to_string())
        .with("template", message.template.clone())
}
