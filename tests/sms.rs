//! The messenger of text messages against a gateway.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use ciam::clock::Timestamp;
use ciam::id::RecordId;
use ciam::identifiers::{IdentifierKind, IdentifierPolicy, Proving};
use ciam::messages::{ByChannel, Channel, Message, Messenger, OutgoingId, SendError};
use ciam::{BuildError, Ciam, HttpSmsMessenger, Mailbox, MemoryStore, SmtpMessenger};
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const TEXT: &str = "Shop: your code is 123456. Canary \"quoted\" \u{1F511}";

fn message(channel: Channel) -> Message {
    Message {
        id: OutgoingId::from_uuid(Default::default()),
        to: "+31612345678".to_owned(),
        channel,
        subject: "Shop".to_owned(),
        text: TEXT.to_owned(),
        at: Timestamp::EPOCH,
    }
}

fn messenger(server: &MockServer, path: &str) -> HttpSmsMessenger {
    HttpSmsMessenger::from_url(&format!("{}{path}", server.uri())).unwrap()
}

async fn answering(status: u16) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(status)).mount(&server).await;
    server
}

#[tokio::test]
async fn the_gateway_gets_number_and_text_as_json() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/send"))
        .and(header("content-type", "application/json"))
        .and(body_json(serde_json::json!({"to": "+31612345678", "text": TEXT})))
        .respond_with(ResponseTemplate::new(202))
        .expect(1)
        .mount(&server)
        .await;
    messenger(&server, "/send").send(&message(Channel::Sms)).await.unwrap();
    for channel in [Channel::Email, Channel::Voice] {
        let refused = messenger(&server, "/send").send(&message(channel)).await;
        assert!(matches!(refused, Err(SendError::Permanent(_))), "{channel}: it goes nowhere else");
    }
}

#[tokio::test]
async fn credentials_go_into_the_header_and_nowhere_else() {
    let server = MockServer::start().await;
    for authorization in ["Basic c2hvcDpzM2NyZXQv", "Bearer t0ken"] {
        Mock::given(header("authorization", authorization))
            .respond_with(ResponseTemplate::new(200))
            .expect(1)
            .mount(&server)
            .await;
    }
    let address = server.address();
    let basic = HttpSmsMessenger::from_url(&format!("http://shop:s3cret%2F@{address}/")).unwrap();
    basic.send(&message(Channel::Sms)).await.unwrap();
    messenger(&server, "/").bearer("t0ken").unwrap().send(&message(Channel::Sms)).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert!(requests.iter().all(|request| !request.url.as_str().contains("s3cret")));
}

#[tokio::test]
async fn what_the_gateway_refuses_for_good_is_given_up_and_the_rest_is_tried_again() {
    for (status, permanent) in [
        (400, true),
        (403, true),
        (404, true),
        (422, true),
        (401, false),
        (407, false),
        (408, false),
        (429, false),
        (500, false),
        (503, false),
        (304, false),
    ] {
        let server = answering(status).await;
        let failed = messenger(&server, "/").send(&message(Channel::Sms)).await.unwrap_err();
        assert_eq!(matches!(failed, SendError::Permanent(_)), permanent, "{status}");
        assert!(!format!("{failed:?}").contains("123456"));
    }
    let closed = HttpSmsMessenger::from_url("http://127.0.0.1:1/?key=canary-key").unwrap();
    let failed = closed.send(&message(Channel::Sms)).await.unwrap_err();
    assert!(matches!(failed, SendError::Temporary(_)));
    let said = format!("{failed:?} {closed:?}");
    assert!(!said.contains("canary") && !said.contains("123456") && !said.contains("+316"), "{said}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = answering(200).await;
    let server = MockServer::start().await;
    for status in [301, 307, 308] {
        let redirect = ResponseTemplate::new(status).insert_header("location", elsewhere.uri().as_str());
        server.reset().await;
        Mock::given(method("POST")).respond_with(redirect).mount(&server).await;
        let failed = messenger(&server, "/").send(&message(Channel::Sms)).await;
        assert!(matches!(failed, Err(SendError::Temporary(_))), "{status}");
    }
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn each_channel_goes_to_its_messenger_and_what_none_carries_is_refused_at_the_start() {
    let server = answering(200).await;
    let mailbox = Mailbox::new();
    let both = ByChannel::new().with(messenger(&server, "/")).with(mailbox.clone());
    both.send(&message(Channel::Sms)).await.unwrap();
    both.send(&message(Channel::Email)).await.unwrap();
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
    assert_eq!(mailbox.messages().len(), 1);
    let smtp = || SmtpMessenger::from_url("smtp://127.0.0.1:1").unwrap();
    let unsent = ByChannel::new().with(smtp()).send(&message(Channel::Sms)).await;
    assert!(matches!(unsent, Err(SendError::Permanent(_))));

    let phones = || IdentifierPolicy::default().sign_up(IdentifierKind::Phone, Proving::AtSignUp);
    let builder = || Ciam::builder().store(MemoryStore::new()).identifiers(phones()).without_workers();
    let failed = builder().messenger(smtp()).build().await.unwrap_err();
    assert!(matches!(failed, BuildError::NoCarrier { channel: Channel::Sms, .. }), "{failed}");
    let both = ByChannel::new().with(smtp()).with(messenger(&server, "/"));
    assert!(builder().messenger(both).build().await.is_ok());
    assert!(Ciam::builder().store(MemoryStore::new()).messenger(smtp()).without_workers().build().await.is_ok());
}
