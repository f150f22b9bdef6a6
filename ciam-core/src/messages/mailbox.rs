//! A mailbox in memory: the messenger of development and tests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Message, Messenger, SendError};

/// How many messages a mailbox keeps.
const KEPT: usize = 500;

/// Keeps the latest messages in memory, and hands them on to another messenger if there is one.
///
/// Whoever can read it can take over accounts: it belongs into development and tests.
#[derive(Debug, Clone, Default)]
pub struct Mailbox {
    kept: Arc<Mutex<VecDeque<Message>>>,
    next: Option<Arc<dyn Messenger>>,
}

impl Mailbox {
    /// A mailbox where messages end.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A mailbox that also hands messages on.
    #[must_use]
    pub fn before(next: Arc<dyn Messenger>) -> Self {
        Self { kept: Arc::default(), next: Some(next) }
    }

    /// The latest messages, the newest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Message>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Messenger for Mailbox {
    async fn send(&self, message: &Message) -> Result<(), SendError> {
        {
            let mut kept = self.lock();
            if kept.iter().all(|known| known.id != message.id) {
                kept.push_front(message.clone());
                kept.truncate(KEPT);
            }
        }
        match &self.next {
            // What nobody carries on ends here, where it can be read.
            Some(next) if next.carries(message.channel) => next.send(message).await,
            _ => Ok(()),
        }
    }
}
