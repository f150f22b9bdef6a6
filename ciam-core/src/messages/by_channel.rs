//! Several messengers as one.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Channel, Message, Messenger, SendError};

/// Hands each message to the first messenger that carries its channel: email to one, text messages to another.
///
/// ```
/// use ciam_core::messages::{ByChannel, Channel, Mailbox, Messenger};
/// let messengers = ByChannel::new().with(Mailbox::new());
/// assert!(messengers.carries(Channel::Sms));
/// assert!(!ByChannel::new().carries(Channel::Email));
/// ```
#[derive(Debug, Clone, Default)]
pub struct ByChannel(Vec<Arc<dyn Messenger>>);

impl ByChannel {
    /// None yet, which carries nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more, for what those before it do not carry.
    #[must_use]
    pub fn with(mut self, messenger: impl Messenger) -> Self {
        self.0.push(Arc::new(messenger));
        self
    }
}

#[async_trait]
impl Messenger for ByChannel {
    async fn send(&self, message: &Message) -> Result<(), SendError> {
        match self.0.iter().find(|messenger| messenger.carries(message.channel)) {
            Some(messenger) => messenger.send(message).await,
            None => Err(SendError::Permanent(format!("no messenger carries {}", message.channel).into())),
        }
    }

    fn carries(&self, channel: Channel) -> bool {
        self.0.iter().any(|messenger| messenger.carries(channel))
    }
}
