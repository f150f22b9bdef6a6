//! `ciam messages`.

use async_trait::async_trait;
use ciam::journeys::{Answer, Client, Identify, JourneyKind, Start};
use ciam::messages::{Message, Messenger, SendError};

use crate::program::Site;

/// A mail server that takes nothing.
#[derive(Debug)]
struct Refuses;

#[async_trait]
impl Messenger for Refuses {
    async fn send(&self, _: &Message) -> Result<(), SendError> {
        Err(SendError::Permanent("canary: no such mailbox".into()))
    }
}

#[tokio::test]
async fn what_could_not_be_sent_is_listed_sent_again_and_forgotten() {
    let site = Site::new();
    site.run(&["migrate", "--apply"]).expect(0);
    site.run(&["messages", "dead"]).expect(0).says("No message has failed.");
    let refusing = site.engine(Refuses).await;
    for email in ["ada@example.com", "bob@example.com"] {
        let binding = refusing.entropy().verifier();
        let started = refusing.journeys().start(Start::new(JourneyKind::SignUp, &binding)).await.unwrap();
        let client = Client { binding: Some(binding), ..Client::default() };
        for answer in [Answer::Identify(Identify::any(email)), Answer::new_password("vermilion otter quays")] {
            refusing.journeys().answer(&started.id, &client, answer).await.unwrap();
        }
    }
    while refusing.outbox().deliver().await.unwrap() > 0 {}

    let listed = site.json(&["messages", "dead"]).expect(0);
    assert!(!listed.out.contains("example.com") && !listed.out.contains("canary"), "{}", listed.out);
    let ids: Vec<&str> =
        listed.json["messages"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    let [one, other] = ids[..] else { panic!("two have failed: {}", listed.out) };
    assert_eq!(listed.json["messages"][0]["failure"], "refused");
    site.run(&["messages", "dead"]).expect(0).says("of use until").says(one);
    let found = site.json(&["doctor", "--offline"]).expect(0);
    assert_eq!(found.json["findings"][0]["code"], "outbox.dead");

    assert_eq!(site.json(&["messages", "discard", one]).expect(0).json["discarded"], 1);
    assert_eq!(site.json(&["messages", "discard", one]).expect(4).error(), "not_found");
    assert_eq!(site.json(&["messages", "retry", one]).expect(4).error(), "not_found");
    assert_eq!(site.json(&["messages", "retry", "nonsense"]).expect(4).error(), "not_found");
    assert_eq!(site.json(&["messages", "retry", other]).expect(0).json["retried"], 1);
    assert_eq!(site.json(&["messages", "retry", "--all"]).expect(0).json["retried"], 0);
    assert_eq!(site.json(&["messages", "retry"]).expect(2).error(), "usage");

    let mailbox = ciam::Mailbox::new();
    let sending = site.engine(mailbox.clone()).await;
    assert_eq!(sending.outbox().deliver().await.unwrap(), 1);
    assert_eq!(mailbox.messages().len(), 1);
}
