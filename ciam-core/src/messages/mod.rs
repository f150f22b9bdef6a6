//! Messages to people: what is said, and the port that carries it.

mod by_channel;
mod dead_letters;
pub(crate) mod letter;
mod mailbox;
pub(crate) mod notices;
mod outbox;
mod templates;
pub(crate) mod texts;

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use by_channel::ByChannel;
pub use dead_letters::{DeadLetter, DeadLetterError, DeadLetterView, Failure};
pub use letter::TemplateName;
pub use mailbox::Mailbox;
pub(crate) use outbox::{Draft, Sealed};
pub use outbox::{Outbox, OutboxError, Outgoing, OutgoingId};
pub use templates::{MessageTemplate, TemplateError, TemplateId, TemplateKey, TemplatePart, Templates};
pub use texts::Text;

use crate::clock::Timestamp;

/// By what a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Channel {
    /// To an email address.
    Email,
    /// To a phone, as text.
    Sms,
    /// To a phone, spoken.
    Voice,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Voice => "voice",
        })
    }
}

/// The variables that must be said by the text under a key of a language's file.
pub(crate) fn wanted_in(key: &str) -> &'static [&'static str] {
    match TemplateName::of_key(key) {
        Some((template, None)) => template.wanted(Channel::Email),
        Some((template, Some(texts::SHORT))) => template.wanted(Channel::Sms),
        _ => &[],
    }
}

/// A message on its way: plain text, so that nothing in it can be markup.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The id of the message in the outbox: the same when it is sent again.
    pub id: OutgoingId,
    /// The address or number, already normalised.
    pub to: String,
    /// By what it goes.
    pub channel: Channel,
    /// One line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// When it was written.
    pub at: Timestamp,
}

impl fmt::Debug for Message {
    /// Neither the address nor the text, which holds codes and links.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("id", &self.id).field("channel", &self.channel).finish_non_exhaustive()
    }
}

/// Why a message was not taken over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Not now: the outbox tries again.
    #[error("the message could not be sent now")]
    Temporary(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Never: the address does not exist, or the message was refused for good.
    #[error("the message was refused")]
    Permanent(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Carries messages to people.
///
/// It is called after the commit that gave rise to the message, by the outbox, which gives it 30
/// seconds and tries again later when it fails. It can be called twice for one message, when the
/// process ended between sending and noting it.
#[async_trait]
pub trait Messenger: fmt::Debug + Send + Sync + 'static {
    /// Hands a message over to whoever carries it.
    ///
    /// # Errors
    /// [`SendError`].
    async fn send(&self, message: &Message) -> Result<(), SendError>;

    /// Whether it carries messages of this channel (default: of every one). An engine is not built whose people are
    /// asked for phone numbers, and whose messenger carries no text messages.
    fn carries(&self, channel: Channel) -> bool {
        let _ = channel;
        true
    }
}

#[cfg(test)]
mod tests;
