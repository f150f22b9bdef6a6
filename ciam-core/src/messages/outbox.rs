//! Messages that wait to be sent: written sealed in the batch that gave rise to them, sent after it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::dead_letters::{DeadLetter, Failure};
use super::letter::TemplateName;
use super::texts::Text;
use super::{Channel, Message, Messenger, SendError};
use crate::clock::Timestamp;
use crate::events::{Cause, NewEvent};
use crate::id::UserId;
use crate::store::{Collection, Index, Record, Store, StoreError, Work};
use crate::vault::{KeyVault, VaultError};
use crate::workers::Stop;

crate::id!(OutgoingId, "msg", "A message in the outbox.");

/// A message that waits to be sent. What it says is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    pub(super) id: OutgoingId,
    pub(super) subject: Option<UserId>,
    pub(super) template: String,
    pub(super) channel: Channel,
    pub(super) sealed: String,
    pub(super) queued: Timestamp,
    /// When it is to be tried next. A worker that takes it on moves this ahead: its lease.
    pub(super) due: Timestamp,
    pub(super) attempts: u32,
    /// When it is of no use any more: its link has expired.
    pub(super) good_until: Timestamp,
}

impl Record for Outgoing {
    type Id = OutgoingId;
    const COLLECTION: Collection<Self> = Collection::new("outbox").index(&Outgoing::BY_DUE);

    fn id(&self) -> OutgoingId {
        self.id
    }
}

impl Outgoing {
    /// What is due, the longest due first.
    pub const BY_DUE: Index<Outgoing, Timestamp> = Index::new("due", |m: &Outgoing| m.due);
}

#[cfg(test)]
impl Outgoing {
    pub(super) fn forge(&mut self) {
        self.sealed.replace_range(2..4, "AA");
    }
}

/// The pauses after the first, second, … failure; after the last the message is given up.
const PAUSES: [Duration; 6] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(2),
];
/// How long a messenger may take.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// For how long a worker that has taken a message on keeps others from it.
const LEASE: Duration = Duration::from_mins(1);
/// How often to look for what is due, besides when woken.
const LOOK: Duration = Duration::from_secs(5);
/// How long to wait when the outbox cannot be read.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How many messages are sent at once.
const AT_ONCE: u32 = 16;

/// A message before it is sealed.
pub(crate) struct Draft {
    pub(crate) to: String,
    pub(crate) channel: Channel,
    pub(crate) text: Text,
    pub(crate) template: TemplateName,
    pub(crate) subject: Option<UserId>,
    pub(crate) good_until: Timestamp,
}

/// A sealed message, to be queued by a unit of work.
#[derive(Debug, Clone)]
pub(crate) struct Sealed(Outgoing);

impl Sealed {
    /// Whom it is about.
    pub(super) const fn subject(&self) -> Option<UserId> {
        self.0.subject
    }

    /// How it goes.
    pub(super) const fn channel(&self) -> Channel {
        self.0.channel
    }
}

/// Seals, queues and sends messages.
#[derive(Debug, Clone)]
pub struct Outbox {
    pub(super) store: Store,
    vault: Arc<dyn KeyVault>,
    messenger: Arc<dyn Messenger>,
    pub(super) wake: Arc<Notify>,
    /// How long dead letters are kept.
    keep: Duration,
}

/// Why messages could not be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// The store does not answer.
    #[error("the outbox cannot be read")]
    Store(#[from] StoreError),
    /// The vault does not seal or open.
    #[error("messages cannot be sealed or opened")]
    Vault(#[from] VaultError),
}

impl Outbox {
    pub(crate) fn new(store: Store, vault: Arc<dyn KeyVault>, messenger: Arc<dyn Messenger>, keep: Duration) -> Self {
        Self { store, vault, messenger, wake: Arc::new(Notify::new()), keep }
    }

    /// Seals a message; slow work that belongs before the unit.
    pub(crate) async fn seal(&self, draft: Draft) -> Result<Sealed, VaultError> {
        let now = self.store.clock().now();
        let id: OutgoingId = self.store.entropy().id(now);
        let Draft { to, channel, text, template, subject, good_until } = draft;
        let message = Message { id, to, channel, subject: text.subject, text: text.text, at: now };
        let plain = serde_json::to_vec(&message).map_err(|_| VaultError::Unavailable)?;
        let sealed = self.vault.seal(&context(id), &plain).await?;
        Ok(Sealed(Outgoing {
            id,
            subject,
            template: template.as_str().to_owned(),
            channel,
            sealed,
            queued: now,
            due: now,
            attempts: 0,
            good_until,
        }))
    }

    /// Queues a sealed message in the caller's unit and wakes the worker once that is committed.
    pub(crate) fn queue_in(&self, work: &Work, message: &Sealed) -> Result<(), StoreError> {
        let Sealed(outgoing) = message;
        work.insert(outgoing)?;
        work.record(
            NewEvent::new("message.queued", &Cause::system())
                .about(outgoing.subject)
                .with("message", outgoing.id.to_string())
                .with("template", outgoing.template.clone()),
        )?;
        let wake = Arc::clone(&self.wake);
        work.on_commit(move || wake.notify_one());
        Ok(())
    }

    /// Sends what is due now, and says how many messages it took on.
    ///
    /// Several workers may do this at once: a message is taken on by a compare-and-swap of its due
    /// time, so that one of them sends it.
    ///
    /// # Errors
    /// [`OutboxError`] when the outbox cannot be read. A message that cannot be sent is no error here;
    /// it is tried again later, or becomes a dead letter.
    pub async fn deliver(&self) -> Result<usize, OutboxError> {
        self.deliver_unless(|| false).await
    }

    /// As [`Outbox::deliver`]; once `stopped`, it takes nothing more on, but ends what it has taken on.
    async fn deliver_unless(&self, stopped: impl Fn() -> bool + Clone + Send + 'static) -> Result<usize, OutboxError> {
        let now = self.store.clock().now();
        let due = self.store.find(&Outgoing::BY_DUE.range(&(), ..=now).limit(AT_ONCE)).await?.items;
        crate::metrics::outbox_lag(due.first().map(|longest| now.since(longest.due)).unwrap_or_default());
        let mut sends = tokio::task::JoinSet::new();
        for outgoing in due {
            let (outbox, stopped) = (self.clone(), stopped.clone());
            sends.spawn(async move { if stopped() { Ok(false) } else { outbox.attempt(outgoing.id).await } });
        }
        let mut taken = 0;
        while let Some(sent) = sends.join_next().await {
            match sent {
                Ok(Ok(true)) => taken += 1,
                Ok(Ok(false)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "a message waits longer"),
                Err(error) => tracing::error!(%error, "a messenger panicked"),
            }
        }
        Ok(taken)
    }

    /// Delivers whenever something is queued, and looks for what is due again every five seconds, until stopped.
    pub(crate) async fn run(self, mut stop: Stop) {
        let wake = Arc::clone(&self.wake);
        while !stop.is_stopped() {
            let stopped = stop.clone();
            let delivered = self.deliver_unless(move || stopped.is_stopped()).await;
            stop.beat();
            match delivered {
                Ok(0) => stop.rest_until(LOOK, wake.notified()).await,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "the outbox pauses");
                    stop.rest(AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Takes one message on and sends it, unless another worker has: then `false`.
    pub(super) async fn attempt(&self, id: OutgoingId) -> Result<bool, OutboxError> {
        let Some(outgoing) = self.lease(id).await? else { return Ok(false) };
        let opened = match self.vault.open(&context(id), &outgoing.sealed).await {
            Ok(plain) => serde_json::from_slice::<Message>(plain.expose()).ok(),
            Err(VaultError::Forged) => None,
            Err(error) => return Err(error.into()),
        };
        let Some(message) = opened else {
            self.finish(&outgoing, Some(Failure::Unreadable)).await?;
            return Ok(true);
        };
        if outgoing.good_until <= self.store.clock().now() {
            self.finish(&outgoing, Some(Failure::TooLate)).await?;
            return Ok(true);
        }
        let begun = std::time::Instant::now();
        let sent = tokio::time::timeout(SEND_TIMEOUT, self.messenger.send(&message)).await;
        let outcome = match &sent {
            Ok(Ok(())) => "sent",
            Ok(Err(SendError::Permanent(_))) => "refused",
            Ok(Err(SendError::Temporary(_))) => "failed",
            Err(_) => "timed_out",
        };
        crate::metrics::message_sent(outcome, begun.elapsed());
        tracing::debug!(message = %id, template = %outgoing.template, attempt = outgoing.attempts, outcome, "a message was handed over");
        let failure = match sent {
            Ok(Ok(())) => {
                self.finish(&outgoing, None).await?;
                return Ok(true);
            }
            Ok(Err(SendError::Permanent(_))) => Some(Failure::Refused),
            Ok(Err(SendError::Temporary(_))) | Err(_) => None,
        };
        let pause = PAUSES.get(usize::try_from(outgoing.attempts).unwrap_or(usize::MAX).saturating_sub(1));
        match (failure, pause) {
            (Some(reason), _) => self.finish(&outgoing, Some(reason)).await?,
            (None, None) => self.finish(&outgoing, Some(Failure::GivenUp)).await?,
            (None, Some(pause)) => self.postpone(id, *pause).await?,
        }
        Ok(true)
    }

    /// Takes a message on, unless another worker has.
    async fn lease(&self, id: OutgoingId) -> Result<Option<Outgoing>, StoreError> {
        self.store
            .transact(|work| async move {
                let Some(mut outgoing) = work.get::<Outgoing>(id).await?.filter(|m| m.due <= work.now()) else {
                    return Ok(None);
                };
                outgoing.due = work.now() + LEASE;
                outgoing.attempts += 1;
                work.replace(&outgoing)?;
                Ok(Some(outgoing))
            })
            .await
    }

    async fn postpone(&self, id: OutgoingId, pause: Duration) -> Result<(), StoreError> {
        self.store
            .transact(|work| async move {
                if let Some(mut outgoing) = work.get::<Outgoing>(id).await? {
                    outgoing.due = work.now() + pause;
                    work.replace(&outgoing)?;
                }
                Ok(())
            })
            .await
    }

    /// Removes a message that was sent; one that never will be becomes a dead letter.
    async fn finish(&self, outgoing: &Outgoing, failed: Option<Failure>) -> Result<(), StoreError> {
        self.store
            .transact(|work| async move {
                if work.take::<Outgoing>(outgoing.id).await?.is_none() {
                    return Ok(());
                }
                let name = if failed.is_some() { "message.failed" } else { "message.sent" };
                let event = NewEvent::new(name, &Cause::system())
                    .about(outgoing.subject)
                    .with("message", outgoing.id.to_string())
                    .with("template", outgoing.template.clone());
                let Some(failure) = failed else { return work.record(event) };
                work.insert(&DeadLetter::of(outgoing, failure, work.now(), self.keep))?;
                work.record(event.with("reason", failure.as_str()))
            })
            .await
    }
}

fn context(id: OutgoingId) -> String {
    format!("outbox {id}")
}
