use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::events::Event;
use crate::store::{MemoryStore, Position, Record};
use crate::testing::TestBed;

const ADA: &str = "ada@example.com";
const PASSWORD: &str = "vermilion otter quays";

/// A messenger that fails as it is told, then delivers.
#[derive(Debug, Clone, Default)]
struct Moody {
    fail: Arc<Mutex<VecDeque<bool>>>,
    sent: Arc<Mutex<Vec<Message>>>,
}

impl Moody {
    /// Fails so often for now (`false`) or for good (`true`).
    fn failing(moods: &[bool]) -> Self {
        Self { fail: Arc::new(Mutex::new(moods.iter().copied().collect())), sent: Arc::default() }
    }

    fn sent(&self) -> usize {
        self.sent.lock().unwrap().len()
    }
}

#[async_trait]
impl Messenger for Moody {
    async fn send(&self, message: &Message) -> Result<(), SendError> {
        match self.fail.lock().unwrap().pop_front() {
            Some(true) => Err(SendError::Permanent("no such mailbox".into())),
            Some(false) => Err(SendError::Temporary("busy".into())),
            None => {
                self.sent.lock().unwrap().push(message.clone());
                Ok(())
            }
        }
    }
}

/// An engine with one message in its outbox.
async fn with_a_message(messenger: &Moody) -> TestBed {
    let messenger = messenger.clone();
    let bed = TestBed::with(|builder| builder.store(MemoryStore::new()).messenger(messenger)).await;
    bed.browser().sign_up_until_code(ADA, PASSWORD).await;
    bed
}

async fn outcomes(bed: &TestBed) -> Vec<(String, Option<String>)> {
    let events = bed.ciam.store().tail::<Event>(Position::START, 100).await.unwrap();
    let messages = events.into_iter().map(|(_, event)| event).filter(|event| event.name.starts_with("message."));
    messages
        .map(|event| (event.name, event.data.get("reason").map(|reason| reason.as_str().unwrap().to_owned())))
        .collect()
}

async fn waiting(bed: &TestBed) -> usize {
    bed.ciam.store().find(&Outgoing::BY_DUE.under(&())).await.unwrap().items.len()
}

#[tokio::test]
async fn a_message_is_sent_once_and_gone() {
    let messenger = Moody::default();
    let bed = with_a_message(&messenger).await;
    assert_eq!(waiting(&bed).await, 1);
    assert_eq!(bed.ciam.outbox().deliver().await.unwrap(), 1);
    assert_eq!(bed.ciam.outbox().deliver().await.unwrap(), 0);
    assert_eq!((messenger.sent(), waiting(&bed).await), (1, 0));
    assert_eq!(outcomes(&bed).await, [("message.queued".to_owned(), None), ("message.sent".to_owned(), None)]);
}

#[tokio::test]
async fn a_failure_is_tried_again_after_growing_pauses_and_given_up_in_the_end() {
    let messenger = Moody::failing(&[false; 7]);
    let bed = with_a_message(&messenger).await;
    for pause in [5, 30, 120, 600, 1800, 7200] {
        assert_eq!(bed.ciam.outbox().deliver().await.unwrap(), 1);
        bed.clock.advance(Duration::from_secs(pause - 1));
        assert_eq!(bed.ciam.outbox().deliver().await.unwrap(), 0);
        bed.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(bed.ciam.outbox().deliver().await.unwrap(), 1);
    assert_eq!((messenger.sent(), waiting(&bed).await), (0, 0));
    assert_eq!(outcomes(&bed).await[1], ("message.failed".to_owned(), Some("given_up".to_owned())));
}

#[tokio::test]
async fn a_message_whose_link_has_expired_is_not_sent_any_more() {
    let messenger = Moody::failing(&[false]);
    let bed = with_a_message(&messenger).await;
    assert_eq!(bed.ciam.outbox().deliver().await.unwrap(), 1);
    bed.clock.advance(Duration::from_hours(24));
    assert_eq!(bed.ciam.outbox().deliver().await.unwrap(), 1);
    assert_eq!((messenger.sent(), waiting(&bed).await), (0, 0));
    assert_eq!(outcomes(&bed).await[1], ("message.failed".to_owned(), Some("too_late".to_owned())));
}

#[tokio::test]
async fn a_refusal_for_good_is_not_tried_again() {
    let messenger = Moody::failing(&[true]);
    let bed = with_a_message(&messenger).await;
    assert_eq!(bed.ciam.outbox().deliver().await.unwrap(), 1);
    assert_eq!((messenger.sent(), waiting(&bed).await), (0, 0));
    assert_eq!(outcomes(&bed).await[1], ("message.failed".to_owned(), Some("refused".to_owned())));
}

#[tokio::test]
async fn a_worker_that_saw_a_message_too_late_leaves_it() {
    let messenger = Moody::failing(&[false]);
    let bed = with_a_message(&messenger).await;
    let id = bed.ciam.store().find(&Outgoing::BY_DUE.under(&())).await.unwrap().items[0].id();
    assert!(bed.ciam.outbox().attempt(id).await.unwrap(), "one takes it on, and fails for now");
    assert!(!bed.ciam.outbox().attempt(id).await.unwrap(), "another had seen it as due");
    assert_eq!(messenger.sent(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_workers_one_sends_a_message() {
    let messenger = Moody::default();
    let bed = with_a_message(&messenger).await;
    let workers: Vec<_> = (0..50)
        .map(|_| {
            let outbox = bed.ciam.outbox().clone();
            tokio::spawn(async move { outbox.deliver().await.unwrap() })
        })
        .collect();
    let mut taken = 0;
    for worker in workers {
        taken += worker.await.unwrap();
    }
    assert_eq!((taken, messenger.sent()), (1, 1));
}

#[tokio::test]
async fn what_waits_is_sealed_and_what_was_changed_is_not_sent() {
    let messenger = Moody::default();
    let bed = with_a_message(&messenger).await;
    let store = bed.ciam.store();
    let outgoing = store.find(&Outgoing::BY_DUE.under(&())).await.unwrap().items.remove(0);
    let kept = serde_json::to_string(&outgoing).unwrap();
    assert!(!kept.contains(ADA) && !kept.contains("ticket"), "{kept}");
    store
        .transact(|work| {
            let id = outgoing.id();
            async move {
                let mut outgoing = work.get::<Outgoing>(id).await?.unwrap();
                outgoing.forge();
                work.replace(&outgoing)
            }
        })
        .await
        .unwrap();
    bed.ciam.outbox().deliver().await.unwrap();
    assert_eq!(messenger.sent(), 0);
    assert_eq!(outcomes(&bed).await[1], ("message.failed".to_owned(), Some("unreadable".to_owned())));
}

#[tokio::test]
async fn a_mailbox_shows_a_message_that_was_sent_twice_once() {
    let messenger = Moody::default();
    let bed = with_a_message(&messenger).await;
    bed.ciam.outbox().deliver().await.unwrap();
    let message = messenger.sent.lock().unwrap()[0].clone();
    let mailbox = Mailbox::before(Arc::new(messenger.clone()));
    mailbox.send(&message).await.unwrap();
    mailbox.send(&message).await.unwrap();
    assert_eq!((mailbox.messages().len(), messenger.sent()), (1, 3));
}
