//! Cases that a race, a restart or a small machine decides, through the facade, on every store. Those on PostgreSQL and with
//! Redis are left out where there is none.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ciam::events::{Cause, Origin};
use ciam::identifiers::{Handle, Identifier, MOST_IDENTIFIERS};
use ciam::journeys::{Advanced, Answer, JourneyError, JourneyKind, Mistake, Redeemed};
use ciam::secret::Secret;
use ciam::store::{PostgresOptions, SqliteOptions, StoreError};
use ciam::testing::{Browser, FixedEntropy, TestBed, in_parallel};
use ciam::throttle::{Rate, ThrottleLimits};
use ciam::{MemoryStore, Redis, SqliteStore};

#[path = "support/events.rs"]
mod events;
#[path = "../ciam-store/tests/support/schema.rs"]
mod schema;

const ADA: &str = "ada@example.com";
const PASSWORD: &str = "vermilion otter quays";
/// How long a statement may take, on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(60);

/// A test bed, and what its store needs to live.
struct Bed {
    bed: TestBed,
    _folder: Option<tempfile::TempDir>,
}

async fn memory() -> Bed {
    Bed { bed: TestBed::with(|builder| builder.store(MemoryStore::new())).await, _folder: None }
}

async fn sqlite() -> Bed {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("app.db")).await.unwrap();
    Bed { bed: TestBed::with(|builder| builder.store(store)).await, _folder: Some(folder) }
}

async fn postgres(connections: usize) -> Option<Bed> {
    let url = schema::empty_schema().await?;
    let store =
        PostgresOptions::new(&url).unwrap().connections(connections).statement_timeout(PATIENCE).open().await.unwrap();
    Some(Bed { bed: TestBed::with(|builder| builder.store(store)).await, _folder: None })
}

/// In memory, with the counters of tries in Redis, under keys of its own.
async fn redis() -> Option<Bed> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let url = std::env::var("CIAM_TEST_REDIS").ok()?;
    let prefix = format!("attacks_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let counters = Arc::new(Redis::from_url(&url).unwrap().prefix(&prefix).counters());
    let bed = TestBed::with(|builder| builder.store(MemoryStore::new()).throttle_store(counters)).await;
    Some(Bed { bed, _folder: None })
}

/// Each case once on every store.
macro_rules! on_every_store {
    ($($case:ident)*) => {
        mod on_memory {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case(&super::memory().await.bed).await;
            })*
        }

        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case(&super::sqlite().await.bed).await;
            })*
        }

        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                let Some(bed) = super::postgres(16).await else { return };
                super::$case(&bed.bed).await;
            })*
        }
    };
}

on_every_store! {
    pw6_exactly_the_limit_of_parallel_wrong_passwords_is_evaluated
    pw6_of_fifty_addresses_five_tries_of_one_account_are_evaluated_in_every_window
    pw6_a_known_device_has_five_tries
    mf3_the_hundredth_failure_in_a_row_is_the_last_and_told_once
    tries_of_one_client_at_many_accounts_are_ten
    new_passwords_of_one_client_are_as_many_as_the_limit
    messages_to_one_mailbox_are_as_many_as_the_burst
    messages_for_one_client_are_as_many_as_the_limit
    right_passwords_from_one_address_wait_for_each_other_and_all_get_in
    pw6_the_limit_is_one_over_all_spellings_and_survives_a_restart_of_the_engine
    rg1_parallel_sign_ups_are_one_message_and_one_account
    rg1_parallel_proofs_of_one_address_make_one_account
    ot2_a_code_in_parallel_opens_one_session
    ot2_parallel_guesses_get_five_tries
    ot2_parallel_guesses_at_a_recovery_get_five_tries
    ot2_parallel_guesses_at_an_addition_get_five_tries
    of_twenty_additions_in_parallel_one_fits_into_an_account_that_is_nearly_full
    ot1_an_addition_s_code_in_parallel_adds_once
    ot1_an_addition_s_link_in_parallel_adds_once
    ot1_a_recovery_s_code_in_parallel_changes_the_password_once
    ot1_a_recovery_s_link_in_parallel_is_gone_on_with_once
    ot1_a_new_password_in_parallel_is_set_once
    rg6_of_two_additions_in_parallel_each_code_adds_its_own_address
    a_link_in_parallel_makes_one_account
    parallel_first_answers_keep_one_journey
    se2_ended_sessions_are_dead_at_the_next_request
    a_session_opened_while_all_are_ended_is_either_ended_or_new
}

/// Each case with its counters in Redis.
macro_rules! with_counters_in_redis {
    ($($case:ident)*) => {
        mod with_counters_in_redis {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                let Some(bed) = super::redis().await else { return };
                super::$case(&bed.bed).await;
            })*
        }
    };
}

with_counters_in_redis! {
    pw6_exactly_the_limit_of_parallel_wrong_passwords_is_evaluated
    pw6_of_fifty_addresses_five_tries_of_one_account_are_evaluated_in_every_window
    pw6_a_known_device_has_five_tries
    mf3_the_hundredth_failure_in_a_row_is_the_last_and_told_once
    tries_of_one_client_at_many_accounts_are_ten
    right_passwords_from_one_address_wait_for_each_other_and_all_get_in
    ot2_parallel_guesses_at_a_recovery_get_five_tries
}

fn code(text: &str) -> Answer {
    Answer::Code { code: Secret::new(text.to_owned()) }
}

fn new_password() -> Answer {
    Answer::new_password(PASSWORD)
}

fn sessions_in(results: &[Result<Advanced, JourneyError>]) -> usize {
    results.iter().filter(|result| result.as_ref().is_ok_and(|advanced| advanced.opened.is_some())).count()
}

/// How many events of this name there are.
async fn events_named(bed: &TestBed, name: &str) -> usize {
    events::all(&bed.ciam).await.iter().filter(|event| event.name == name).count()
}

async fn registered(bed: &TestBed) -> usize {
    events_named(bed, "user.registered").await
}

async fn pw6_exactly_the_limit_of_parallel_wrong_passwords_is_evaluated(bed: &TestBed) {
    bed.sign_up(ADA, PASSWORD).await;
    let before = bed.hasher.work();
    let results = in_parallel(50, |n| {
        let bed = bed.clone();
        async move { bed.sign_in(ADA, &format!("wrong password number {n}")).await }
    })
    .await;
    let wrong = results.iter().filter(|result| matches!(result, Err(JourneyError::Wrong { .. }))).count();
    let throttled = results.iter().filter(|result| matches!(result, Err(JourneyError::Throttled { .. }))).count();
    assert_eq!((wrong, throttled, bed.hasher.work() - before), (5, 45, 5));
}

/// How many of fifty parallel tries were evaluated, by what the hasher did.
async fn evaluated(bed: &TestBed, of: impl Fn(usize) -> (Browser, String)) -> u64 {
    let before = bed.hasher.work();
    let results = in_parallel(50, |n| {
        let (browser, email) = of(n);
        async move { browser.sign_in(&email, &format!("wrong password number {n}")).await }
    })
    .await;
    let evaluated = bed.hasher.work() - before;
    let wrong = results.iter().filter(|result| matches!(result, Err(JourneyError::Wrong { .. }))).count();
    let throttled = results.iter().filter(|result| matches!(result, Err(JourneyError::Throttled { .. }))).count();
    assert_eq!((wrong as u64, throttled), (evaluated, 50 - wrong), "{results:?}");
    evaluated
}

fn address(n: usize) -> std::net::Ipv4Addr {
    std::net::Ipv4Addr::from_bits(0xC612_0000 + u32::try_from(n).unwrap())
}

/// The same store under other limits.
async fn limited(bed: &TestBed, limits: ThrottleLimits) -> TestBed {
    let backend = bed.ciam.store().backend().clone();
    let clock = bed.clock.clone();
    let entropy = FixedEntropy::new(3);
    TestBed::with(|b| b.shared_store(backend).clock(clock).entropy(entropy).throttle_limits(limits)).await
}

async fn pw6_of_fifty_addresses_five_tries_of_one_account_are_evaluated_in_every_window(bed: &TestBed) {
    bed.sign_up(ADA, PASSWORD).await;
    for wait in [30, 60, 120] {
        assert_eq!(evaluated(bed, |n| (bed.browser().at(address(n)), ADA.to_owned())).await, 5);
        bed.clock.advance(Duration::from_secs(wait));
    }
    assert!(bed.browser().at(address(100)).sign_in(ADA, PASSWORD).await.is_ok());
    assert_eq!(evaluated(bed, |n| (bed.browser().at(address(n)), "nobody@example.com".to_owned())).await, 5);
}

async fn pw6_a_known_device_has_five_tries(bed: &TestBed) {
    bed.sign_up(ADA, PASSWORD).await;
    let home = bed.browser().with_device();
    home.sign_in(ADA, PASSWORD).await.unwrap();
    assert_eq!(evaluated(bed, |n| (home.clone().at(address(n)), ADA.to_owned())).await, 5);
    assert!(bed.sign_in(ADA, PASSWORD).await.is_ok());
}

async fn mf3_the_hundredth_failure_in_a_row_is_the_last_and_told_once(bed: &TestBed) {
    bed.sign_up(ADA, PASSWORD).await;
    let mut all = 0;
    for round in 0..22 {
        all += evaluated(bed, |n| (bed.browser().at(address(50 * round + n)), ADA.to_owned())).await;
        bed.clock.advance(Duration::from_hours(1));
    }
    assert_eq!(all, 100);
    assert_eq!(events_named(bed, "password.disabled").await, 1);
}

async fn tries_of_one_client_at_many_accounts_are_ten(bed: &TestBed) {
    for _ in 0..2 {
        let of = |n| (bed.browser().at(address(0)), format!("person{n}@example.com"));
        assert_eq!(evaluated(bed, of).await, 10);
        bed.clock.advance(Duration::from_mins(1));
    }
}

async fn new_passwords_of_one_client_are_as_many_as_the_limit(bed: &TestBed) {
    let rate = Rate::new(10, Duration::from_mins(1));
    let bed = &limited(bed, ThrottleLimits { client_sign_ups: rate, ..Default::default() }).await;
    let results = in_parallel(50, |n| {
        let browser = bed.browser();
        async move {
            let journey = browser.identified(JourneyKind::SignUp, &format!("person{n}@example.com")).await;
            browser.answer(&journey, new_password()).await
        }
    })
    .await;
    assert_eq!((results.iter().filter(|result| result.is_ok()).count(), bed.hasher.work()), (10, 10), "{results:?}");
    assert_eq!(bed.mail().await.len(), 10);
}

async fn messages_to_one_mailbox_are_as_many_as_the_burst(bed: &TestBed) {
    for _ in 0..2 {
        let before = bed.mail().await.len();
        let results = in_parallel(50, |n| {
            let browser = bed.browser();
            async move {
                let journey = browser.identified(JourneyKind::SignUp, &format!("ada+{n}@example.com")).await;
                browser.answer(&journey, new_password()).await
            }
        })
        .await;
        let sent = results.iter().filter(|result| result.is_ok()).count();
        let throttled = results.iter().filter(|result| matches!(result, Err(JourneyError::Throttled { .. }))).count();
        assert_eq!((sent, throttled, bed.mail().await.len() - before), (5, 45, 5), "{results:?}");
        bed.clock.advance(Duration::from_secs(25_000));
    }
}

async fn messages_for_one_client_are_as_many_as_the_limit(bed: &TestBed) {
    let rate = Rate::new(10, Duration::from_hours(1));
    let bed = &limited(bed, ThrottleLimits { client_messages: rate, ..Default::default() }).await;
    let results = in_parallel(50, |n| {
        let browser = bed.browser();
        async move {
            let journey = browser.identified(JourneyKind::SignUp, &format!("person{n}@example.com")).await;
            browser.answer(&journey, new_password()).await
        }
    })
    .await;
    assert_eq!(
        (results.iter().filter(|result| result.is_ok()).count(), bed.mail().await.len()),
        (10, 10),
        "{results:?}"
    );
}

async fn right_passwords_from_one_address_wait_for_each_other_and_all_get_in(bed: &TestBed) {
    for n in 0..8 {
        bed.sign_up(&format!("person{n}@example.com"), PASSWORD).await;
    }
    let results = in_parallel(64, |n| {
        let bed = bed.clone();
        async move { bed.sign_in(&format!("person{}@example.com", n % 8), PASSWORD).await }
    })
    .await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

async fn pw6_the_limit_is_one_over_all_spellings_and_survives_a_restart_of_the_engine(bed: &TestBed) {
    bed.sign_up(ADA, PASSWORD).await;
    for spelling in [ADA, "ADA@example.com", "ada@EXAMPLE.com", " Ada@Example.Com ", "aDa@example.com"] {
        assert!(matches!(bed.sign_in(spelling, "a wrong password").await, Err(JourneyError::Wrong { .. })));
    }
    let backend = bed.ciam.store().backend().clone();
    let restarted =
        TestBed::with(|builder| builder.shared_store(backend).clock(bed.clock.clone()).entropy(FixedEntropy::new(2)))
            .await;
    assert!(matches!(restarted.sign_in(ADA, PASSWORD).await, Err(JourneyError::Throttled { .. })));
    bed.clock.advance(Duration::from_mins(5));
    assert!(restarted.sign_in(ADA, PASSWORD).await.is_ok());
}

async fn rg1_parallel_sign_ups_are_one_message_and_one_account(bed: &TestBed) {
    let mut waiting: Vec<(Browser, String)> = Vec::new();
    for n in 0..50 {
        let browser = bed.browser();
        let spelling = if n % 2 == 0 { ADA } else { "ADA@example.com" };
        let journey = browser.identified(JourneyKind::SignUp, spelling).await;
        waiting.push((browser, journey));
    }
    let asked = in_parallel(50, |n| {
        let (browser, journey) = waiting[n].clone();
        async move { browser.answer(&journey, new_password()).await.map(|advanced| advanced.prompt.name()) }
    })
    .await;
    assert!(asked.iter().all(|asked| matches!(asked, Ok("code"))), "{asked:?}");
    let mail = bed.mail().await;
    assert_eq!(mail.len(), 1);
    let typed = bed.code_for(&mail[0].to).await;
    let proved = in_parallel(50, |n| {
        let ((browser, journey), typed) = (waiting[n].clone(), typed.clone());
        async move { browser.answer(&journey, code(&typed)).await }
    })
    .await;
    assert_eq!(sessions_in(&proved), 1);
    assert_eq!(registered(bed).await, 1);
}

async fn rg1_parallel_proofs_of_one_address_make_one_account(bed: &TestBed) {
    let mut waiting = Vec::new();
    for _ in 0..5 {
        let browser = bed.browser();
        let journey = browser.sign_up_until_code(ADA, PASSWORD).await;
        waiting.push((browser, journey, bed.code_for(ADA).await));
    }
    let proved = in_parallel(5, |n| {
        let (browser, journey, typed) = waiting[n].clone();
        async move { browser.answer(&journey, code(&typed)).await }
    })
    .await;
    assert!(proved.iter().all(Result::is_ok), "{proved:?}");
    assert_eq!(sessions_in(&proved), 1);
    assert_eq!(registered(bed).await, 1);
}

async fn ot2_a_code_in_parallel_opens_one_session(bed: &TestBed) {
    let browser = bed.browser();
    let journey = browser.sign_up_until_code(ADA, PASSWORD).await;
    let typed = bed.code_for(ADA).await;
    let results = in_parallel(20, |_| {
        let (browser, journey, typed) = (browser.clone(), journey.clone(), typed.clone());
        async move { browser.answer(&journey, code(&typed)).await }
    })
    .await;
    assert_eq!(sessions_in(&results), 1);
    assert_eq!(registered(bed).await, 1);
}

async fn ot2_parallel_guesses_get_five_tries(bed: &TestBed) {
    let browser = bed.browser();
    let journey = browser.sign_up_until_code(ADA, PASSWORD).await;
    five_guesses_are_judged(bed, &browser, &journey, ADA).await;
}

async fn ot2_parallel_guesses_at_a_recovery_get_five_tries(bed: &TestBed) {
    bed.sign_up(ADA, PASSWORD).await;
    let browser = bed.browser();
    let journey = browser.identified(JourneyKind::Recover, ADA).await;
    five_guesses_are_judged(bed, &browser, &journey, ADA).await;
}

async fn ot2_parallel_guesses_at_an_addition_get_five_tries(bed: &TestBed) {
    let session = bed.sign_up(ADA, PASSWORD).await.session;
    let browser = bed.browser();
    let journey = browser.start_in(&session, JourneyKind::AddIdentifier).await.id;
    browser.answer(&journey, Answer::identify("second@example.com")).await.unwrap();
    five_guesses_are_judged(bed, &browser, &journey, "second@example.com").await;
    assert_eq!(bed.ciam.identifiers().list(session.user).await.unwrap().len(), 1);
}

/// Of twenty wrong codes at once five are judged, and the right one comes too late.
async fn five_guesses_are_judged(bed: &TestBed, browser: &Browser, journey: &str, to: &str) {
    let right = bed.code_for(to).await;
    let wrong = if right == "000000" { "000001" } else { "000000" };
    let results = in_parallel(20, |_| {
        let (browser, journey) = (browser.clone(), journey.to_owned());
        async move { browser.answer(&journey, code(wrong)).await }
    })
    .await;
    let of = |wanted: Mistake| {
        let is = |result: &&Result<Advanced, JourneyError>| matches!(result, Err(JourneyError::Wrong { mistake, .. }) if *mistake == wanted);
        results.iter().filter(is).count()
    };
    assert_eq!((of(Mistake::WrongCode), of(Mistake::CodeUsedUp)), (5, 15));
    let late = browser.answer(journey, code(&right)).await;
    assert!(matches!(late, Err(JourneyError::Wrong { mistake: Mistake::CodeUsedUp, .. })), "{late:?}");
}

/// How many identifiers were added to accounts.
async fn added(bed: &TestBed) -> usize {
    events_named(bed, "identifier.added").await
}

async fn ot1_an_addition_s_code_in_parallel_adds_once(bed: &TestBed) {
    let session = bed.sign_up(ADA, PASSWORD).await.session;
    let browser = bed.browser();
    let journey = browser.start_in(&session, JourneyKind::AddIdentifier).await.id;
    browser.answer(&journey, Answer::identify("second@example.com")).await.unwrap();
    let typed = bed.code_for("second@example.com").await;
    let results = in_parallel(20, |_| {
        let (browser, journey, typed) = (browser.clone(), journey.clone(), typed.clone());
        async move { browser.answer(&journey, code(&typed)).await.is_ok() }
    })
    .await;
    assert_eq!((results.iter().filter(|added| **added).count(), added(bed).await), (1, 1));
    assert_eq!(bed.ciam.identifiers().list(session.user).await.unwrap().len(), 2);
}

async fn of_twenty_additions_in_parallel_one_fits_into_an_account_that_is_nearly_full(bed: &TestBed) {
    let session = bed.sign_up(ADA, PASSWORD).await.session;
    let user = session.user;
    let filled = bed.ciam.store().transact(|work| async move {
        for n in 0..MOST_IDENTIFIERS - 2 {
            let (id, now) = (work.new_id(), work.now());
            let handle = Handle::Email(format!("full{n}@example.com").parse().unwrap());
            work.insert(&Identifier { id, user, handle, added: now, verified: Some(now) })?;
        }
        Ok::<_, StoreError>(())
    });
    filled.await.unwrap();
    let mut waiting = Vec::new();
    for n in 0..20 {
        let (browser, address) = (bed.browser(), format!("new{n}@example.com"));
        let journey = browser.start_in(&session, JourneyKind::AddIdentifier).await.id;
        browser.answer(&journey, Answer::identify(&address)).await.unwrap();
        waiting.push((browser, journey, bed.code_for(&address).await));
    }
    let results = in_parallel(20, |n| {
        let (browser, journey, typed) = waiting[n].clone();
        async move { browser.answer(&journey, code(&typed)).await.map(|advanced| advanced.prompt.name()) }
    })
    .await;
    let done = results.iter().filter(|result| matches!(result, Ok("done"))).count();
    assert_eq!((done, added(bed).await), (1, 1), "{results:?}");
    assert_eq!(bed.ciam.identifiers().list(user).await.unwrap().len(), MOST_IDENTIFIERS);
}

async fn ot1_an_addition_s_link_in_parallel_adds_once(bed: &TestBed) {
    let session = bed.sign_up(ADA, PASSWORD).await.session;
    let browser = bed.browser();
    let journey = browser.start_in(&session, JourneyKind::AddIdentifier).await.id;
    browser.answer(&journey, Answer::identify("second@example.com")).await.unwrap();
    let ticket = bed.ticket_for("second@example.com").await;
    let results = in_parallel(20, |_| {
        let (bed, browser, ticket) = (bed.clone(), browser.clone(), ticket.clone());
        async move { bed.ciam.journeys().redeem(&ticket, &browser.client).await.is_ok() }
    })
    .await;
    assert_eq!((results.iter().filter(|added| **added).count(), added(bed).await), (1, 1));
    assert_eq!(bed.ciam.identifiers().list(session.user).await.unwrap().len(), 2);
}

/// How often the account's password was set anew.
async fn recovered(bed: &TestBed) -> usize {
    events_named(bed, "password.recovered").await
}

/// Answers with one code at once, and all who got on with a password each.
async fn ot1_a_recovery_s_code_in_parallel_changes_the_password_once(bed: &TestBed) {
    bed.sign_up(ADA, PASSWORD).await;
    let browser = bed.browser();
    let journey = browser.identified(JourneyKind::Recover, ADA).await;
    let typed = bed.code_for(ADA).await;
    let results = in_parallel(20, |n| {
        let (browser, journey, typed) = (browser.clone(), journey.clone(), typed.clone());
        async move {
            let proved = browser.answer(&journey, code(&typed)).await.is_ok();
            let new = Answer::new_password(format!("umber lantern fjords {n}"));
            (proved, browser.answer(&journey, new).await)
        }
    })
    .await;
    assert_eq!(results.iter().filter(|(proved, _)| *proved).count(), 1, "the code is used once");
    let changed: Vec<Result<Advanced, JourneyError>> = results.into_iter().map(|(_, changed)| changed).collect();
    assert_eq!((sessions_in(&changed), recovered(bed).await), (1, 1));
    assert!(bed.sign_in(ADA, PASSWORD).await.is_err());
}

async fn ot1_a_recovery_s_link_in_parallel_is_gone_on_with_once(bed: &TestBed) {
    bed.sign_up(ADA, PASSWORD).await;
    bed.browser().identified(JourneyKind::Recover, ADA).await;
    let ticket = bed.ticket_for(ADA).await;
    let results = in_parallel(20, |n| {
        let (bed, device, ticket) = (bed.clone(), bed.browser(), ticket.clone());
        async move {
            let Ok(Redeemed::HandedOver(started)) = bed.ciam.journeys().redeem(&ticket, &device.client).await else {
                return None;
            };
            let new = Answer::new_password(format!("umber lantern fjords {n}"));
            Some(device.answer(&started.id, new).await.map(|advanced| advanced.prompt.name()))
        }
    })
    .await;
    let went_on: Vec<_> = results.into_iter().flatten().collect();
    assert!(matches!(went_on[..], [Ok("completed")]), "{went_on:?}");
    assert_eq!(recovered(bed).await, 1);
}

async fn ot1_a_new_password_in_parallel_is_set_once(bed: &TestBed) {
    bed.sign_up(ADA, PASSWORD).await;
    let browser = bed.browser();
    let journey = browser.identified(JourneyKind::Recover, ADA).await;
    browser.answer(&journey, code(&bed.code_for(ADA).await)).await.unwrap();
    let results = in_parallel(20, |n| {
        let (browser, journey) = (browser.clone(), journey.clone());
        async move { browser.answer(&journey, Answer::new_password(format!("umber lantern fjords {n}"))).await }
    })
    .await;
    assert_eq!((sessions_in(&results), recovered(bed).await), (1, 1));
    assert!(results.iter().all(|result| matches!(result, Ok(_) | Err(JourneyError::Stale))), "{results:?}");
}

async fn rg6_of_two_additions_in_parallel_each_code_adds_its_own_address(bed: &TestBed) {
    let session = bed.sign_up(ADA, PASSWORD).await.session;
    let browser = bed.browser();
    let mut waiting = Vec::new();
    for address in ["one@example.com", "two@example.com"] {
        let journey = browser.start_in(&session, JourneyKind::AddIdentifier).await.id;
        browser.answer(&journey, Answer::identify(address)).await.unwrap();
        waiting.push((journey, bed.code_for(address).await));
    }
    let crossed = in_parallel(2, |n| {
        let (browser, journey, typed) = (browser.clone(), waiting[n].0.clone(), waiting[1 - n].1.clone());
        async move { browser.answer(&journey, code(&typed)).await.is_ok() }
    })
    .await;
    assert_eq!(crossed, [false, false], "a code of the other message proves nothing");
    let proved = in_parallel(2, |n| {
        let (browser, (journey, typed)) = (browser.clone(), waiting[n].clone());
        async move { browser.answer(&journey, code(&typed)).await.map(|advanced| advanced.prompt.name()) }
    })
    .await;
    assert!(matches!(proved[..], [Ok("done"), Ok("done")]), "{proved:?}");
    let own = bed.ciam.identifiers().list(session.user).await.unwrap();
    let mut values: Vec<&str> = own.iter().map(|own| own.value.as_str()).collect();
    values.sort_unstable();
    assert_eq!(values, [ADA, "one@example.com", "two@example.com"]);
}

async fn a_link_in_parallel_makes_one_account(bed: &TestBed) {
    let browser = bed.browser();
    browser.sign_up_until_code(ADA, PASSWORD).await;
    let ticket = bed.ticket_for(ADA).await;
    let strangers: Vec<Browser> = (0..20).map(|_| bed.browser()).collect();
    let results = in_parallel(20, |n| {
        let (bed, stranger, ticket) = (bed.clone(), strangers[n].clone(), ticket.clone());
        async move { bed.ciam.journeys().redeem(&ticket, &stranger.client).await.is_ok() }
    })
    .await;
    assert_eq!(results.into_iter().filter(|redeemed| *redeemed).count(), 1);
    assert_eq!(registered(bed).await, 1);
}

async fn parallel_first_answers_keep_one_journey(bed: &TestBed) {
    let browser = bed.browser();
    let journey = browser.start(JourneyKind::SignIn).await;
    let results = in_parallel(50, |n| {
        let (browser, journey) = (browser.clone(), journey.clone());
        let answer = Answer::identify(format!("person{n}@example.com"));
        async move { browser.answer(&journey, answer).await.is_ok() }
    })
    .await;
    assert_eq!(results.into_iter().filter(|answered| *answered).count(), 1);
}

async fn se2_ended_sessions_are_dead_at_the_next_request(bed: &TestBed) {
    let first = bed.sign_up(ADA, PASSWORD).await;
    let (user, actor) = (first.session.user, Cause::user(first.session.user, Origin::default()));
    let alive = async |bearer: &Secret<String>| bed.ciam.sessions().check(bearer.expose()).await.unwrap().is_some();
    let second = bed.sign_in(ADA, PASSWORD).await.unwrap();
    bed.ciam.sessions().end(&actor, user, second.session.id).await.unwrap();
    assert!(!alive(&second.bearer).await && alive(&first.bearer).await);
    let third = bed.sign_in(ADA, PASSWORD).await.unwrap();
    bed.ciam.sessions().end_others(&actor, user, third.session.id).await.unwrap();
    assert!(!alive(&first.bearer).await && alive(&third.bearer).await);
    bed.ciam.users().suspend(&Cause::system(), user).await.unwrap();
    assert!(!alive(&third.bearer).await);
    bed.ciam.users().activate(&Cause::system(), user).await.unwrap();
    let last = bed.sign_in(ADA, PASSWORD).await.unwrap();
    bed.ciam.sessions().end_all(&actor, user).await.unwrap();
    assert!(!alive(&last.bearer).await && !alive(&third.bearer).await);
}

async fn a_session_opened_while_all_are_ended_is_either_ended_or_new(bed: &TestBed) {
    let user = bed.sign_up(ADA, PASSWORD).await.session.user;
    for _ in 0..10 {
        let (signing_in, ending) = (
            tokio::spawn({
                let bed = bed.clone();
                async move { bed.sign_in(ADA, PASSWORD).await.unwrap() }
            }),
            tokio::spawn({
                let bed = bed.clone();
                async move { bed.ciam.sessions().end_all(&Cause::user(user, Origin::default()), user).await.unwrap() }
            }),
        );
        let opened = signing_in.await.unwrap();
        ending.await.unwrap();
        let alive = bed.ciam.sessions().check(opened.bearer.expose()).await.unwrap().is_some();
        let listed = bed.ciam.sessions().list(user, None).await.unwrap();
        assert_eq!(listed.iter().any(|session| session.id == opened.session.id), alive);
        assert_eq!(listed.len(), usize::from(alive));
    }
}

#[tokio::test]
async fn rl7_with_one_connection_and_one_thread_nothing_waits_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteOptions::new().readers(1).open(folder.path().join("app.db")).await.unwrap();
    nothing_waits_for_itself(TestBed::with(|builder| builder.store(store)).await).await;
}

#[tokio::test]
async fn rl7_with_one_connection_to_postgres_and_one_thread_nothing_waits_for_itself() {
    let Some(bed) = postgres(1).await else { return };
    nothing_waits_for_itself(bed.bed).await;
}

async fn nothing_waits_for_itself(bed: TestBed) {
    bed.sign_up(ADA, PASSWORD).await;
    let all = in_parallel(20, |_| {
        let bed = bed.clone();
        async move { bed.sign_in(ADA, PASSWORD).await }
    });
    let results = tokio::time::timeout(Duration::from_secs(60), all).await.unwrap();
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

#[tokio::test]
async fn a_restart_in_development_opens_what_was_sealed_and_others_read_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let clock = ciam::testing::StoppedClock::new();
    let open = async |seed| {
        let store = SqliteStore::open(&file).await.unwrap();
        TestBed::with(|b| b.store(store).clock(clock.clone()).entropy(FixedEntropy::new(seed))).await
    };
    let before = open(1).await;
    let browser = before.browser();
    let journey = browser.sign_up_until_code(ADA, PASSWORD).await;
    let after = open(2).await;
    let typed = after.code_for(ADA).await;
    let advanced = after.ciam.journeys().answer(&journey, &browser.client, code(&typed)).await.unwrap();
    assert!(advanced.opened.is_some());
    #[cfg(unix)]
    for kept in std::fs::read_dir(folder.path()).unwrap() {
        use std::os::unix::fs::PermissionsExt;
        let kept = kept.unwrap();
        assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", kept.file_name());
    }
}

#[tokio::test]
async fn lg1_the_database_file_holds_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let bed = {
        let store = SqliteStore::open(&file).await.unwrap();
        let key = ciam::vault::MasterKey::parse(&"00112233445566778899aabbccddeeff".repeat(2)).unwrap();
        TestBed::with(|builder| builder.store(store).master_key(key)).await
    };
    let browser = bed.browser().with_device();
    let journey = browser.sign_up_until_code(ADA, PASSWORD).await;
    let waiting = std::fs::read(folder.path().join("app.db-wal")).unwrap();
    let (typed, ticket) = (bed.code_for(ADA).await, bed.ticket_for(ADA).await);
    let bearer = browser.answer(&journey, code(&typed)).await.unwrap().opened.unwrap().bearer;
    let binding = browser.binding().expose();
    let device = browser.client.device.as_ref().unwrap().expose();
    bed.clock.advance(Duration::from_mins(1));
    let recovery = browser.identified(JourneyKind::Recover, ADA).await;
    let (recovery_code, recovery_ticket) = (bed.code_for(ADA).await, bed.ticket_for(ADA).await);
    let in_recovery = std::fs::read(folder.path().join("app.db-wal")).unwrap();
    browser.answer(&recovery, code(&recovery_code)).await.unwrap();
    let new = "copper lantern regatta";
    browser.answer(&recovery, Answer::new_password(new)).await.unwrap();
    let now = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    for part in [now("app.db"), now("app.db-wal"), waiting, in_recovery] {
        let holds = |secret: &[u8]| part.windows(secret.len()).any(|window| window == secret);
        let bearer = &bearer.expose()[22..];
        let secrets = [PASSWORD, new, &ticket[22..], &recovery_ticket[22..], bearer, binding.expose(), device.expose()];
        for secret in secrets.into_iter().chain(["00112233445566778899aabbccddeeff", "ABEiM0RVZneImaq7"]) {
            assert!(!holds(secret.as_bytes()), "a secret is in the file");
        }
        assert!(
            !holds(b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"),
            "the master key is in the file"
        );
        for typed in [&typed, &recovery_code] {
            for shown in [format!("\"{typed}"), format!("    {typed}\\n"), format!("{typed} is your code")] {
                assert!(!holds(shown.as_bytes()), "a code is in the file");
            }
        }
    }
}
