//! Second factors through the facade, on every store: good once, and guessed at under one limit. Those on PostgreSQL are
//! left out where there is none.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use ciam::authenticators::Method;
use ciam::journeys::{Advanced, Answer, JourneyError, JourneyKind, Prompt};
use ciam::mfa::recovery_codes::RecoveryCodes;
use ciam::mfa::totp::TotpAuthenticator;
use ciam::secret::Secret;
use ciam::sessions::Session;
use ciam::store::PostgresOptions;
use ciam::testing::{Browser, FixedEntropy, TestBed, TotpApp, in_parallel, opened};
use ciam::throttle::{Rate, ThrottleLimits};
use ciam::vault::MasterKey;
use ciam::{CiamBuilder, MemoryStore, SqliteStore, UserId};

#[path = "support/events.rs"]
mod events;
#[path = "../ciam-store/tests/support/schema.rs"]
mod schema;

const ADA: &str = "ada@example.com";
const PASSWORD: &str = "vermilion otter quays";
const STEP: Duration = Duration::from_secs(30);
/// How long a statement may take, on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(60);

/// Each case once on every store.
macro_rules! on_every_store {
    ($($case:ident)*) => {
        mod on_memory {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case(&super::bed(|builder| builder.store(super::MemoryStore::new())).await).await;
            })*
        }

        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                let folder = tempfile::tempdir().unwrap();
                let store = super::SqliteStore::open(folder.path().join("app.db")).await.unwrap();
                super::$case(&super::bed(|builder| builder.store(store)).await).await;
            })*
        }

        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                let Some(url) = super::schema::empty_schema().await else { return };
                let options = super::PostgresOptions::new(&url).unwrap().connections(16);
                let store = options.statement_timeout(super::PATIENCE).open().await.unwrap();
                super::$case(&super::bed(|builder| builder.store(store)).await).await;
            })*
        }
    };
}

on_every_store! {
    mf1_a_code_of_an_app_in_a_hundred_parallel_answers_opens_one_session
    mf1_a_code_of_an_app_is_good_on_one_of_two_nodes
    mf1_a_recovery_code_in_a_hundred_parallel_answers_opens_one_session
    mf3_parallel_guesses_at_both_factors_get_five_tries
}

fn with_both(builder: CiamBuilder) -> CiamBuilder {
    let key = MasterKey::parse(&"0123456789abcdef".repeat(4)).unwrap();
    builder.master_key(key).authenticator(TotpAuthenticator::new()).authenticator(RecoveryCodes::new())
}

async fn bed(configure: impl FnOnce(CiamBuilder) -> CiamBuilder) -> TestBed {
    TestBed::with(|builder| with_both(configure(builder))).await
}

/// Another engine over the same store, with so many tries that all answers of a race are judged.
async fn unlimited(bed: &TestBed, seed: u64) -> TestBed {
    let many = Rate::new(10_000, Duration::from_mins(1));
    let limits = ThrottleLimits {
        account_failures: many,
        pair_failures: many,
        client_failures: many,
        failures_in_a_row: 10_000,
        ..ThrottleLimits::default()
    };
    let (backend, clock) = (bed.ciam.store().backend().clone(), bed.clock.clone());
    let other = self::bed(|builder| {
        builder.shared_store(backend).clock(clock.clone()).entropy(FixedEntropy::new(seed)).throttle_limits(limits)
    });
    TestBed { clock: bed.clock.clone(), ..other.await }
}

fn code(text: &str) -> Answer {
    Answer::Code { code: Secret::new(text.to_owned()) }
}

fn sessions_in(results: &[Result<Advanced, JourneyError>]) -> usize {
    results.iter().filter(|result| result.as_ref().is_ok_and(|advanced| advanced.opened.is_some())).count()
}

/// A person with an app, whose next code is good, and with recovery codes.
async fn person(bed: &TestBed) -> (UserId, TotpApp, Vec<String>) {
    let signed_up = bed.sign_up(ADA, PASSWORD).await.session;
    let (browser, journey, prompt) = offered(bed, &signed_up, Method::TOTP).await;
    let Prompt::TotpCreate { uri, .. } = &prompt else { panic!("no key is shown: {prompt:?}") };
    let app = TotpApp::from_uri(uri.expose()).unwrap();
    let session = opened(browser.answer(&journey, code(&now(bed, &app))).await).session;
    let (browser, journey, prompt) = offered(bed, &session, Method::RECOVERY_CODE).await;
    let Prompt::RecoveryCodes { codes } = &prompt else { panic!("no codes are shown: {prompt:?}") };
    browser.answer(&journey, Answer::Continue {}).await.unwrap();
    bed.clock.advance(STEP);
    (session.user, app, codes.iter().map(|code| code.expose().to_owned()).collect())
}

async fn offered(bed: &TestBed, session: &Session, method: Method) -> (Browser, String, Prompt) {
    let browser = bed.browser();
    let started = browser.start_in(session, JourneyKind::Enrol).await;
    let prompt = browser.answer(&started.id, Answer::Enrol { method }).await.unwrap().prompt;
    (browser, started.id, prompt)
}

fn now(bed: &TestBed, app: &TotpApp) -> String {
    app.code_at(bed.ciam.store().clock().now())
}

/// A sign-in that waits for a code of this method.
async fn waiting(bed: &TestBed, method: Method) -> (Browser, String) {
    let browser = bed.browser();
    let journey = browser.identified(JourneyKind::SignIn, ADA).await;
    let typed = Answer::Password { password: Secret::new(PASSWORD.to_owned()) };
    let prompt = browser.answer(&journey, typed).await.unwrap().prompt;
    if !matches!(&prompt, Prompt::Otp { method: asked, .. } if *asked == method) {
        browser.answer(&journey, Answer::Choose { method }).await.unwrap();
    }
    (browser, journey)
}

/// What comes of as many answers at once as there are sign-ins that wait.
async fn all_answer(all: Vec<(Browser, String)>, typed: &str) -> Vec<Result<Advanced, JourneyError>> {
    let (times, all) = (all.len(), Arc::new(all));
    in_parallel(times, |nth| {
        let (all, typed) = (Arc::clone(&all), typed.to_owned());
        async move {
            let (browser, journey) = &all[nth];
            browser.answer(journey, code(&typed)).await
        }
    })
    .await
}

async fn mf1_a_code_of_an_app_in_a_hundred_parallel_answers_opens_one_session(bed: &TestBed) {
    let bed = &unlimited(bed, 3).await;
    let (_, app, _) = person(bed).await;
    let mut all = Vec::new();
    for _ in 0..100 {
        all.push(waiting(bed, Method::TOTP).await);
    }
    let results = all_answer(all, &now(bed, &app)).await;
    assert_eq!(sessions_in(&results), 1);
    assert_eq!(uses(bed).await, 1);
}

async fn mf1_a_code_of_an_app_is_good_on_one_of_two_nodes(bed: &TestBed) {
    let (one, other) = (&unlimited(bed, 3).await, &unlimited(bed, 4).await);
    let (_, app, _) = person(one).await;
    let mut all = Vec::new();
    for nth in 0..20 {
        all.push(waiting(if nth % 2 == 0 { one } else { other }, Method::TOTP).await);
    }
    let used = now(one, &app);
    assert_eq!(sessions_in(&all_answer(all, &used).await), 1);
    for node in [one, other] {
        let (browser, journey) = waiting(node, Method::TOTP).await;
        assert!(matches!(browser.answer(&journey, code(&used)).await, Err(JourneyError::Wrong { .. })));
    }
}

async fn mf1_a_recovery_code_in_a_hundred_parallel_answers_opens_one_session(bed: &TestBed) {
    let bed = &unlimited(bed, 3).await;
    let (user, _, codes) = person(bed).await;
    let mut all = Vec::new();
    for _ in 0..100 {
        all.push(waiting(bed, Method::RECOVERY_CODE).await);
    }
    let results = all_answer(all, &codes[0]).await;
    assert_eq!(sessions_in(&results), 1);
    assert_eq!(uses(bed).await, 1);
    assert_eq!(RecoveryCodes::left(bed.ciam.store(), user).await.unwrap(), 9);
}

/// How many proofs were taken.
async fn uses(bed: &TestBed) -> usize {
    events::all(&bed.ciam).await.iter().filter(|event| event.name == "authenticator.used").count()
}

async fn mf3_parallel_guesses_at_both_factors_get_five_tries(bed: &TestBed) {
    let (_, app, codes) = person(bed).await;
    let mut all = Vec::new();
    for nth in 0..50 {
        all.push(waiting(bed, if nth % 2 == 0 { Method::TOTP } else { Method::RECOVERY_CODE }).await);
    }
    let results = all_answer(all, "0000-0000-0000-0000-0000-0000").await;
    let wrong = results.iter().filter(|result| matches!(result, Err(JourneyError::Wrong { .. }))).count();
    let throttled = results.iter().filter(|result| matches!(result, Err(JourneyError::Throttled { .. }))).count();
    assert_eq!((wrong, throttled), (5, 45));
    for (method, right) in [(Method::TOTP, &now(bed, &app)), (Method::RECOVERY_CODE, &codes[0])] {
        let (browser, journey) = waiting(bed, method).await;
        let refused = browser.answer(&journey, code(right)).await;
        assert!(matches!(refused, Err(JourneyError::Throttled { .. })), "{refused:?}");
    }
    bed.clock.advance(Duration::from_mins(16));
    let (browser, journey) = waiting(bed, Method::TOTP).await;
    opened(browser.answer(&journey, code(&now(bed, &app))).await);
}
