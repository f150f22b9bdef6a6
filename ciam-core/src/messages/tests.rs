use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::events::{Cause, Event};
use crate::store::{MemoryStore, Position, Record};
use crate::testing::{TestBed, in_parallel};

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

/// An engine whose only message has become a dead letter, for a reason that is gone since.
async fn with_a_dead_letter(messenger: &Moody) -> (TestBed, DeadLetterView) {
    let bed = with_a_message(messenger).await;
    bed.ciam.outbox().deliver().await.unwrap();
    let mut letters = bed.ciam.outbox().dead_letters(None, 10).await.unwrap().items;
    assert_eq!(letters.len(), 1);
    (bed, letters.remove(0))
}

#[tokio::test]
async fn a_message_that_failed_is_shown_without_its_text_and_sent_when_an_operator_asks() {
    let messenger = Moody::failing(&[true]);
    let (bed, letter) = with_a_dead_letter(&messenger).await;
    assert_eq!(
        (letter.template.as_str(), letter.channel, letter.failure),
        ("confirm_address", Channel::Email, Failure::Refused)
    );
    assert_eq!(
        (letter.attempts, letter.queued_at, letter.failed_at),
        (1, bed.ciam.clock().now(), bed.ciam.clock().now())
    );
    let kept: Vec<DeadLetter> = bed.ciam.store().find(&DeadLetter::BY_FAILED.under(&())).await.unwrap().items;
    for shown in [serde_json::to_string(&letter).unwrap(), format!("{letter:?}"), serde_json::to_string(&kept).unwrap()]
    {
        assert!(!shown.contains(ADA) && !shown.contains("ticket"), "{shown}");
    }
    assert!(!serde_json::to_string(&letter).unwrap().contains("sealed"));
    let by = Cause::system();
    bed.ciam.outbox().retry(&by, letter.id).await.unwrap();
    assert!(matches!(bed.ciam.outbox().retry(&by, letter.id).await, Err(DeadLetterError::Unknown)));
    assert_eq!(bed.ciam.outbox().deliver().await.unwrap(), 1);
    assert_eq!((messenger.sent(), waiting(&bed).await), (1, 0));
    assert!(bed.ciam.outbox().dead_letters(None, 10).await.unwrap().items.is_empty());
    let names: Vec<String> = outcomes(&bed).await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["message.queued", "message.failed", "message.retried", "message.sent"]);
}

#[tokio::test]
async fn a_dead_letter_whose_link_has_expired_is_not_sent_again() {
    let (bed, letter) = with_a_dead_letter(&Moody::failing(&[true])).await;
    bed.clock.advance(Duration::from_hours(24));
    let refused = bed.ciam.outbox().retry(&Cause::system(), letter.id).await;
    assert!(matches!(refused, Err(DeadLetterError::Expired)));
    assert_eq!(bed.ciam.outbox().dead_letters(None, 10).await.unwrap().items, std::slice::from_ref(&letter));
    bed.ciam.outbox().discard(&Cause::system(), letter.id).await.unwrap();
    assert!(bed.ciam.outbox().dead_letters(None, 10).await.unwrap().items.is_empty());
    assert!(matches!(bed.ciam.outbox().discard(&Cause::system(), letter.id).await, Err(DeadLetterError::Unknown)));
    assert_eq!(outcomes(&bed).await.last().unwrap().0, "message.discarded");
}

#[tokio::test]
async fn dead_letters_are_kept_for_two_weeks() {
    let (bed, letter) = with_a_dead_letter(&Moody::failing(&[true])).await;
    let sweep = || async { bed.ciam.store().backend().sweep(bed.ciam.clock().now(), 500).await.unwrap() };
    bed.clock.advance(Duration::from_hours(14 * 24) - Duration::from_secs(1));
    sweep().await;
    assert_eq!(bed.ciam.outbox().dead_letters(None, 10).await.unwrap().items, std::slice::from_ref(&letter));
    bed.clock.advance(Duration::from_secs(1));
    sweep().await;
    assert!(bed.ciam.outbox().dead_letters(None, 10).await.unwrap().items.is_empty());
    assert_eq!(letter.kept_until, bed.ciam.clock().now());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_operators_one_has_a_dead_letter_sent_again() {
    let messenger = Moody::failing(&[true]);
    let (bed, letter) = with_a_dead_letter(&messenger).await;
    let retried = in_parallel(20, |nth| {
        let (outbox, id) = (bed.ciam.outbox().clone(), letter.id);
        async move {
            let by = Cause::system();
            if nth % 2 == 0 { outbox.retry(&by, id).await.is_ok() } else { outbox.discard(&by, id).await.is_ok() }
        }
    })
    .await;
    assert_eq!(retried.iter().filter(|done| **done).count(), 1);
    bed.ciam.outbox().deliver().await.unwrap();
    let resent = retried.iter().step_by(2).any(|done| *done);
    assert_eq!(messenger.sent(), usize::from(resent));
}
