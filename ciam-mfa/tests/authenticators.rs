//! Codes of an app and recovery codes in the journeys of an engine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use ciam_core::Application;
use ciam_core::authenticators::{
    Authenticator, AuthenticatorId, Enrolment, Examination, Found, Means, Method, Shown, Used,
};
use ciam_core::entropy::Entropy;
use ciam_core::events::{Cause, Event, Origin};
use ciam_core::evidence::{Aal, Amr, AmrSet, Claim, Factor, Strength};
use ciam_core::journeys::{Advanced, Answer, JourneyError, JourneyKind, Mistake, Prompt};
use ciam_core::secret::Secret;
use ciam_core::sessions::{Opened, Session};
use ciam_core::store::{Backend, MemoryStore, Position, StoreError};
use ciam_core::testing::{Browser, FixedEntropy, TestBed, in_parallel, opened};
use ciam_core::throttle::{Rate, ThrottleLimits};
use ciam_core::vault::{LocalVault, MasterKey};
use ciam_core::{CiamBuilder, UserId};
use ciam_mfa::recovery_codes::{COUNT, RecoveryCodeRecord, RecoveryCodes};
use ciam_mfa::testing::TotpApp;
use ciam_mfa::totp::{Totp, TotpAuthenticator, TotpKey};

#[path = "authenticators/recovery_codes.rs"]
mod recovery_codes;
#[path = "authenticators/totp.rs"]
mod totp;

const ADA: &str = "ada@example.com";
const EVE: &str = "eve@example.com";
const PASSWORD: &str = "vermilion otter quays";
const STEP: Duration = Duration::from_secs(30);

fn with_both(builder: CiamBuilder) -> CiamBuilder {
    builder.authenticator(TotpAuthenticator::new()).authenticator(RecoveryCodes::new())
}

async fn bed() -> TestBed {
    TestBed::with(|builder| with_both(builder.store(MemoryStore::new()))).await
}

/// So many tries that all answers of a race are judged.
fn unlimited() -> ThrottleLimits {
    let many = Rate::new(10_000, Duration::from_mins(1));
    ThrottleLimits {
        account_failures: many,
        pair_failures: many,
        client_failures: many,
        failures_in_a_row: 10_000,
        ..ThrottleLimits::default()
    }
}

/// Another engine over the same database, with the same clock and master key.
async fn node(database: &Arc<dyn Backend>, like: Option<&TestBed>, seed: u64) -> TestBed {
    let key = MasterKey::parse(&"0123456789abcdef".repeat(4)).unwrap();
    let clock = like.map(|bed| bed.clock.clone()).unwrap_or_default();
    let bed = TestBed::with(|builder| {
        let builder = builder.shared_store(Arc::clone(database)).clock(clock.clone());
        with_both(builder.entropy(FixedEntropy::new(seed)).master_key(key).throttle_limits(unlimited()))
    })
    .await;
    TestBed { clock, ..bed }
}

fn code(text: &str) -> Answer {
    Answer::Code { code: Secret::new(text.to_owned()) }
}

fn password() -> Answer {
    Answer::Password { password: Secret::new(PASSWORD.to_owned()) }
}

fn choose(method: Method) -> Answer {
    Answer::Choose { method }
}

/// What was wrong with an answer.
fn mistake(answered: Result<Advanced, JourneyError>) -> Mistake {
    match answered {
        Err(JourneyError::Wrong { mistake, .. }) => mistake,
        other => panic!("no mistake: {other:?}"),
    }
}

/// A journey in which an authenticator of this method is offered, and what is shown of it.
async fn offering(bed: &TestBed, session: &Session, method: Method) -> (Browser, String, Prompt) {
    let browser = bed.browser();
    let started = browser.start_in(session, JourneyKind::Enrol).await;
    let prompt = browser.answer(&started.id, Answer::Enrol { method }).await.unwrap().prompt;
    (browser, started.id, prompt)
}

/// The app that has scanned what is shown.
fn scanned(prompt: &Prompt) -> TotpApp {
    match prompt {
        Prompt::TotpCreate { uri, .. } => TotpApp::from_uri(uri.expose()).unwrap(),
        other => panic!("no key is shown: {other:?}"),
    }
}

/// Adds an app, with the code of this moment, and gives it with the session that the code has opened.
async fn add_app(bed: &TestBed, session: &Session) -> (TotpApp, Session) {
    let (browser, journey, prompt) = offering(bed, session, Method::TOTP).await;
    let app = scanned(&prompt);
    let session = opened(browser.answer(&journey, code(&now(bed, &app))).await).session;
    (app, session)
}

/// Somebody new with an app whose next code is good.
async fn with_app(bed: &TestBed, email: &str) -> (TotpApp, Session) {
    let signed_up = bed.sign_up(email, PASSWORD).await.session;
    let added = add_app(bed, &signed_up).await;
    bed.clock.advance(STEP);
    added
}

/// Has codes handed out to whoever is signed in.
async fn add_codes(bed: &TestBed, session: &Session) -> Vec<String> {
    let (browser, journey, prompt) = offering(bed, session, Method::RECOVERY_CODE).await;
    browser.answer(&journey, Answer::Continue {}).await.unwrap();
    shown_codes(&prompt)
}

fn shown_codes(prompt: &Prompt) -> Vec<String> {
    match prompt {
        Prompt::RecoveryCodes { codes } => codes.iter().map(|code| code.expose().to_owned()).collect(),
        other => panic!("no codes are shown: {other:?}"),
    }
}

/// The code that the app shows now.
fn now(bed: &TestBed, app: &TotpApp) -> String {
    app.code_at(bed.ciam.store().clock().now())
}

/// A browser whose sign-in waits for a code.
async fn waiting(bed: &TestBed, email: &str) -> (Browser, String) {
    let browser = bed.browser();
    let journey = browser.identified(JourneyKind::SignIn, email).await;
    let advanced = browser.answer(&journey, password()).await.unwrap();
    assert!(matches!(advanced.prompt, Prompt::Otp { .. }), "{:?}", advanced.prompt);
    assert!(advanced.opened.is_none());
    (browser, journey)
}

/// A browser whose sign-in waits for a recovery code.
async fn waiting_without_app(bed: &TestBed, email: &str) -> (Browser, String) {
    let (browser, journey) = waiting(bed, email).await;
    let advanced = browser.answer(&journey, choose(Method::RECOVERY_CODE)).await.unwrap();
    assert!(
        matches!(&advanced.prompt, Prompt::Otp { method, .. } if *method == Method::RECOVERY_CODE),
        "{:?}",
        advanced.prompt
    );
    (browser, journey)
}

/// What an examination of this authenticator has found.
fn found(authenticator: AuthenticatorId, state: impl std::any::Any + Send + Sync) -> Found {
    let strength = Strength::of(AmrSet::of(&[Amr::Otp]), Factor::Possession);
    Found { authenticator, claim: Claim::full(strength), state: Box::new(state) }
}

/// What comes of a code in a new sign-in.
async fn sign_in_with(bed: &TestBed, text: &str) -> Result<Advanced, JourneyError> {
    let (browser, journey) = waiting(bed, ADA).await;
    browser.answer(&journey, code(text)).await
}

async fn events(bed: &TestBed) -> Vec<Event> {
    let events = bed.ciam.store().tail::<Event>(Position::START, 1000).await.unwrap();
    events.into_iter().map(|(_, event)| event).collect()
}

async fn enrolled(bed: &TestBed, user: UserId, method: &Method) -> Vec<AuthenticatorId> {
    let own = bed.ciam.authenticators().list(user).await.unwrap();
    own.into_iter().filter(|own| own.method == *method).map(|own| own.id).collect()
}

async fn kept(bed: &TestBed, id: AuthenticatorId) -> Option<Totp> {
    bed.ciam.store().get::<Totp>(id).await.unwrap()
}

async fn codes_left(bed: &TestBed, user: UserId) -> u32 {
    RecoveryCodes::left(bed.ciam.store(), user).await.unwrap()
}
