//! RL1: the process is killed in the middle of sign-ups. No account is half there, and none that was
//! acknowledged is lost. `CIAM_KILL_ROUNDS` says how often (20 when it does not).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use ciam::email::Email;
use ciam::entropy::{Entropy, SystemEntropy};
use ciam::journeys::{Answer, Client, JourneyKind, Start};
use ciam::secret::Secret;
use ciam::testing::CountingHasher;
use ciam::throttle::{Rate, ThrottleLimits};
use ciam::{Ciam, Mailbox, SqliteStore};

const FILE: &str = "CIAM_SIGN_UP_CRASH_FILE";
const PASSWORD: &str = "vermilion otter quays";

async fn engine(file: &Path) -> (Ciam, Mailbox) {
    let mailbox = Mailbox::new();
    let builder = Ciam::builder()
        .store(SqliteStore::open(file).await.unwrap())
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
#[ignore = "the other test runs it, in a process that it kills"]
async fn child() {
    let file = std::env::var_os(FILE).unwrap();
    let (ciam, mailbox) = engine(Path::new(&file)).await;
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

/// Runs a child, kills it after so many acknowledgements, and gives all that it had said.
fn run_and_kill(file: &Path, after: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FILE, file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let Ok(line) = line else { break };
        // A line that the kill has cut short ends nowhere near a domain.
        let Some(email) = line.strip_prefix("acknowledged ").filter(|email| email.ends_with("@example.com")) else {
            continue;
        };
        acknowledged.push(email.to_owned());
        if acknowledged.len() == after {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(acknowledged.len() >= after, "the child ended by itself");
    acknowledged
}

fn count(file: &Path, sql: &str) -> i64 {
    let connection = rusqlite::Connection::open(file).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rl1_a_kill_leaves_no_half_account_and_loses_no_acknowledged_one() {
    let rounds: u32 = std::env::var("CIAM_KILL_ROUNDS").ok().map_or(20, |rounds| rounds.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let entropy = SystemEntropy::new();
    for _ in 0..rounds {
        let mut byte = [0];
        entropy.fill(&mut byte);
        let acknowledged = run_and_kill(&file, 1 + usize::from(byte[0] % 24));
        let (ciam, _) = engine(&file).await;
        for email in &acknowledged {
            let email: Email = email.parse().unwrap();
            assert!(ciam.users().by_email(&email).await.unwrap().is_some(), "an acknowledged account is lost");
        }
        let last = acknowledged.last().unwrap().clone();
        let answers = vec![Answer::identify(last), Answer::Password { password: Secret::new(PASSWORD.to_owned()) }];
        walk(&ciam, JourneyKind::SignIn, answers, async || unreachable!()).await;
        let users = count(&file, "SELECT count(*) FROM ciam_users");
        let whole = "SELECT count(*) FROM ciam_users u
            JOIN ciam_user_standings s ON s.id = u.id
            JOIN ciam_passwords p ON p.id = u.id
            JOIN ciam_identifiers i ON i.user_id = u.id AND i.verified_handle IS NOT NULL
            JOIN ciam_events e ON e.subject = u.id AND e.doc LIKE '%\"user.registered\"%'";
        assert_eq!(users, count(&file, whole), "an account is half there");
        for table in ["ciam_user_standings", "ciam_passwords", "ciam_identifiers"] {
            assert_eq!(users, count(&file, &format!("SELECT count(*) FROM {table}")), "{table}");
        }
        assert_eq!(count(&file, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
    }
}
