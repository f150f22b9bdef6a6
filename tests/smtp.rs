//! The SMTP messenger against a server that speaks just enough of RFC 5321.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use ciam::SmtpMessenger;
use ciam::clock::Timestamp;
use ciam::id::RecordId;
use ciam::messages::{Channel, Message, Messenger, OutgoingId, SendError};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// Takes one connection, answers `rcpt` to the recipient, and gives what it was told.
async fn server(rcpt: &'static str) -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.split();
        let mut lines = BufReader::new(read).lines();
        let (mut heard, mut in_data) = (String::new(), false);
        write.write_all(b"220 test\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            heard.push_str(&line);
            heard.push('\n');
            let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
            let answer = match (in_data, verb.as_str()) {
                (true, ".") => {
                    in_data = false;
                    "250 ok"
                }
                (true, _) => continue,
                (false, "DATA") => {
                    in_data = true;
                    "354 go on"
                }
                (false, "RCPT") => rcpt,
                (false, "QUIT") => "221 bye",
                (false, _) => "250 ok",
            };
            if write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() || verb == "QUIT" {
                break;
            }
            if !in_data && verb == "." {
                break;
            }
        }
        heard
    });
    (port, heard)
}

fn message(subject: &str) -> Message {
    Message {
        id: OutgoingId::from_uuid(Default::default()),
        to: "ada@example.com".to_owned(),
        channel: Channel::Email,
        subject: subject.to_owned(),
        text: "Hello <b>Ada</b>,\n\n.a line that begins with a dot\n".to_owned(),
        at: Timestamp::EPOCH,
    }
}

#[tokio::test]
async fn a_message_arrives_as_plain_text_with_one_line_of_subject() {
    let (port, heard) = server("250 ok").await;
    let messenger = SmtpMessenger::from_url(&format!("smtp://127.0.0.1:{port}")).unwrap();
    let messenger = messenger.sender("Shop <no-reply@shop.example>").unwrap();
    messenger.send(&message("Welcome\r\nBcc: eve@example.com")).await.unwrap();
    let heard = heard.await.unwrap();
    assert!(heard.contains("RCPT TO:<ada@example.com>"), "{heard}");
    assert!(heard.contains("Content-Type: text/plain"), "{heard}");
    assert!(heard.contains("Subject: Welcome  Bcc: eve@example.com"), "{heard}");
    assert!(!heard.lines().any(|line| line.starts_with("Bcc:")), "RG12: {heard}");
    assert!(heard.contains("Hello <b>Ada</b>,"), "{heard}");
}

#[tokio::test]
async fn a_refusal_for_good_is_permanent_and_another_is_not() {
    for (answer, permanent) in [("550 no such mailbox", true), ("451 try later", false)] {
        let (port, _heard) = server(answer).await;
        let messenger = SmtpMessenger::from_url(&format!("smtp://127.0.0.1:{port}")).unwrap();
        let failed = messenger.send(&message("Welcome")).await.unwrap_err();
        assert_eq!(matches!(failed, SendError::Permanent(_)), permanent, "{answer}");
    }
    let messenger = SmtpMessenger::from_url("smtp://127.0.0.1:1").unwrap();
    assert!(matches!(messenger.send(&message("Welcome")).await, Err(SendError::Temporary(_))));
}
