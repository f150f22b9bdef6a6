//! People who sign up, in and out and recover, round after round, on SQLite, and on PostgreSQL unless there is none:
//! nothing fails, nothing is left over, and memory does not grow without an end. One round in every run;
//! `CIAM_SOAK_SECONDS` says for how long otherwise.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../ciam-store/tests/support/schema.rs"]
mod schema;

use std::time::{Duration, Instant};

use ciam::events::Cause;
use ciam::journeys::{Answer, JourneyKind, Prompt};
use ciam::testing::{TestBed, in_parallel, opened};
use ciam::{PostgresStore, SqliteStore};

const PASSWORD: &str = "vermilion otter quays";
const NEW: &str = "copper lantern regatta";
/// How many people there are in a round, all at once.
const PEOPLE: usize = 20;
/// How much more memory the process may have after the soak than after its first rounds.
const MOST_GROWTH: u64 = 64 << 20;

/// Everything that one person does.
async fn live(bed: &TestBed, email: &str) {
    let browser = bed.browser();
    let journey = browser.sign_up_until_code(email, PASSWORD).await;
    let proof = code(bed, email, 1).await;
    let first = opened(browser.answer(&journey, Answer::code(proof)).await);
    let second = bed.sign_in(email, PASSWORD).await.unwrap();
    let sessions = bed.ciam.sessions();
    for session in [&first, &second] {
        assert!(sessions.check(session.bearer.expose()).await.unwrap().is_some());
    }
    sessions.end(&Cause::system(), second.session.user, second.session.id).await.unwrap();
    let journey = browser.identified(JourneyKind::Recover, email).await;
    let code = code(bed, email, 2).await;
    let prompt = browser.answer(&journey, Answer::code(code)).await.unwrap().prompt;
    assert!(matches!(prompt, Prompt::NewPassword { .. }));
    let last = opened(browser.answer(&journey, Answer::new_password(NEW)).await);
    assert!(sessions.check(first.bearer.expose()).await.unwrap().is_none());
    assert!(sessions.check(last.bearer.expose()).await.unwrap().is_some());
}

/// The code of the nth message to somebody, once whoever delivers it has delivered it.
async fn code(bed: &TestBed, email: &str, nth: usize) -> String {
    for _ in 0..100_000 {
        if bed.mail_to(email).await.len() >= nth {
            return bed.code_for(email).await;
        }
        tokio::task::yield_now().await;
    }
    panic!("message {nth} to {email} was not delivered");
}

/// What the process has in memory; none where the system does not say.
fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    text.split(' ').nth(1)?.parse::<u64>().ok().map(|pages| pages * 4096)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rounds_of_whole_lives_leave_nothing_over() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("app.db")).await.unwrap();
    rounds(TestBed::with(|builder| builder.store(store)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rounds_of_whole_lives_leave_nothing_over_on_postgres() {
    let Some(url) = schema::empty_schema().await else { return };
    let store = PostgresStore::open(&url).await.unwrap();
    rounds(TestBed::with(|builder| builder.store(store)).await).await;
}

async fn rounds(bed: TestBed) {
    let seconds = std::env::var("CIAM_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let (began, mut rounds, mut settled) = (Instant::now(), 0_usize, None);
    loop {
        let round = rounds;
        in_parallel(PEOPLE, |person| {
            let bed = bed.clone();
            async move { live(&bed, &format!("p{person}-{round}@example.com")).await }
        })
        .await;
        rounds += 1;
        while bed.ciam.outbox().deliver().await.unwrap() > 0 {}
        // Everything that expires has expired, and is swept.
        bed.clock.advance(Duration::from_hours(24 * 40));
        let backend = bed.ciam.store().backend();
        while backend.sweep(bed.ciam.clock().now(), 500).await.unwrap() > 0 {}
        if rounds == 5 {
            settled = resident();
        }
        if began.elapsed() >= Duration::from_secs(seconds) {
            break;
        }
    }
    println!("{rounds} rounds of {PEOPLE} people");
    assert_eq!(bed.ciam.outbox().deliver().await.unwrap(), 0, "nothing waits to be sent");
    if let (Some(settled), Some(now)) = (settled, resident()) {
        assert!(now < settled + MOST_GROWTH, "grown from {settled} to {now} bytes");
    }
}
