//! RL1: the process is killed in the middle of sign-ups. No account is half there, and none that was
//! acknowledged is lost; on SQLite, and on PostgreSQL unless there is none. `CIAM_KILL_ROUNDS` says how often (20 when it
//! does not).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../ciam-store/tests/support/killed.rs"]
mod killed;

use std::time::Duration;

use ciam::email::Email;
use ciam::entropy::{Entropy, SystemEntropy};
use ciam::journeys::{Answer, Client, JourneyKind, Start};
use ciam::secret::Secret;
use ciam::testing::CountingHasher;
use ciam::throttle::{Rate, ThrottleLimits};
use ciam::vault::MasterKey;
use ciam::{Ciam, Mailbox};
use killed::Place;

const PASSWORD: &str = "vermilion otter quays";

async fn engine(place: &Place) -> (Ciam, Mailbox) {
    let mailbox = Mailbox::new();
    let builder = Ciam::builder()
        .shared_store(place.open().await)
        .master_key(MasterKey::parse(&"0123456789abcdef".repeat(4)).unwrap())
        .messenger(mailbox.clone())
        .hasher(CountingHasher::default())
        .throttle_limits(ThrottleLimits {
            client_sign_ups: Rate::new(u32::MAX, Duration::from_mins(1)),
            client_messages: Rate::new(u32::MAX, Duration::from_mins(1)),
            ..Default::default()
        })
        .without_workers();
    (builder.build().await.unwrap(), mailbox)
}

async fn walk(ciam: &Ciam, kind: JourneyKind, answers: Vec<Answer>, code: impl AsyncFnOnce() -> String) {
    let secret = ciam.entropy().verifier();
    let id = ciam.journeys().start(Start::new(kind, &secret)).await.unwrap().id;
    let client = Client { binding: Some(secret), ..Client::default() };
    let mut opened = None;
    for answer in answers {
        opened = ciam.journeys().answer(&id, &client, answer).await.unwrap().opened;
    }
    if kind == JourneyKind::SignUp {
        let code = Answer::Code { code: Secret::new(code().await) };
        opened = ciam.journeys().answer(&id, &client, code).await.unwrap().opened;
    }
    assert!(opened.is_some());
}

async fn sign_up(ciam: &Ciam, mailbox: &Mailbox, email: &str) {
    let answers = vec![Answer::identify(email.to_owned()), Answer::new_password(PASSWORD)];
    walk(ciam, JourneyKind::SignUp, answers, async || {
        loop {
            ciam.outbox().deliver().await.unwrap();
            let mine = mailbox.messages().into_iter().find(|message| message.to == email);
            if let Some(message) = mine {
                return message.subject.split(' ').next().unwrap().to_owned();
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// What the child process does: it signs people up until it is killed, and says whom.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the other tests run it, in a process that they kill"]
async fn child() {
    let (ciam, mailbox) = engine(&Place::of_this_process()).await;
    let round = ciam.clock().now().micros();
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let (ciam, mailbox) = (ciam.clone(), mailbox.clone());
            tokio::spawn(async move {
                for n in 0.. {
                    let email = format!("person-{round}-{task}-{n}@example.com");
                    sign_up(&ciam, &mailbox, &email).await;
                    println!("\nacknowledged {email}");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rl1_a_kill_leaves_no_half_account_and_loses_no_acknowledged_one() {
    let folder = tempfile::tempdir().unwrap();
    a_kill_loses_nobody(&Place::Sqlite(folder.path().join("app.db"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rl1_a_kill_of_a_site_on_postgres_leaves_no_half_account_and_loses_no_acknowledged_one() {
    let Some(place) = Place::postgres().await else { return };
    a_kill_loses_nobody(&place).await;
}

async fn a_kill_loses_nobody(place: &Place) {
    let rounds: u32 = std::env::var("CIAM_KILL_ROUNDS").ok().map_or(20, |rounds| rounds.parse().unwrap());
    let entropy = SystemEntropy::new();
    for _ in 0..rounds {
        let mut byte = [0];
        entropy.fill(&mut byte);
        // A line that the kill has cut short ends nowhere near a domain.
        let whole = |email: &str| email.ends_with("@example.com").then(|| email.to_owned());
        let acknowledged = place.run_and_kill(1 + usize::from(byte[0] % 24), whole).await;
        let (ciam, _) = engine(place).await;
        for email in &acknowledged {
            let email: Email = email.parse().unwrap();
            assert!(ciam.users().by_email(&email).await.unwrap().is_some(), "an acknowledged account is lost");
        }
        let last = acknowledged.last().unwrap().clone();
        let answers = vec![Answer::identify(last), Answer::Password { password: Secret::new(PASSWORD.to_owned()) }];
        walk(&ciam, JourneyKind::SignIn, answers, async || unreachable!()).await;
        let users = place.number("SELECT count(*) FROM ciam_users").await;
        let whole = "SELECT count(*) FROM ciam_users u
            JOIN ciam_user_standings s ON s.id = u.id
            JOIN ciam_passwords p ON p.id = u.id
            JOIN ciam_identifiers i ON i.user_id = u.id AND i.verified_handle IS NOT NULL
            JOIN ciam_events e ON e.subject = u.id AND CAST(e.doc AS text) LIKE '%\"user.registered\"%'";
        assert_eq!(users, place.number(whole).await, "an account is half there");
        for table in ["ciam_user_standings", "ciam_passwords", "ciam_identifiers"] {
            assert_eq!(users, place.number(&format!("SELECT count(*) FROM {table}")).await, "{table}");
        }
    }
}
