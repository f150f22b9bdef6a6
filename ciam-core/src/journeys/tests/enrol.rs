//! Adding authenticators to accounts, and taking them away.

use super::second::{FakeCode, FakeKey, FakeSecret, KEY, choose, enrol, events, waiting};
use super::*;
use crate::authenticators::{AuthenticatorError, Enrolment};
use crate::evidence::Need;
use crate::sessions::Session;
use crate::store::MemoryStore;
use crate::testing::Browser;

async fn bed() -> TestBed {
    let backup = FakeCode::new("fake_backup").standing_in();
    TestBed::with(|b| {
        b.store(MemoryStore::new())
            .authenticator(FakeCode::new("fake_code"))
            .authenticator(backup)
            .authenticator(FakeKey(KEY))
    })
    .await
}

fn wants(method: &str) -> Answer {
    Answer::Enrol { method: method.parse().unwrap() }
}

/// What an authenticator app would take over.
fn offered(prompt: &Prompt) -> String {
    match prompt {
        Prompt::TotpCreate { secret, .. } => secret.expose().to_owned(),
        other => panic!("nothing is offered: {other:?}"),
    }
}

/// A journey in which a code of this method is offered, and the code that confirms it.
async fn offering(bed: &TestBed, session: &Session) -> (Browser, String, String) {
    let browser = bed.browser();
    let started = browser.start_in(session, JourneyKind::Enrol).await;
    let prompt = browser.answer(&started.id, wants("fake_code")).await.unwrap().prompt;
    (browser, started.id, offered(&prompt))
}

async fn add(bed: &TestBed, session: &Session) -> Session {
    let (browser, journey, right) = offering(bed, session).await;
    browser.answer(&journey, code(&right)).await.unwrap().opened.unwrap().session
}

async fn methods(bed: &TestBed, user: UserId) -> Vec<String> {
    let own = bed.ciam.authenticators().list(user).await.unwrap();
    own.into_iter().map(|own| own.method.to_string()).collect()
}

#[tokio::test]
async fn what_is_offered_counts_once_it_was_shown_to_work() {
    let bed = bed().await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session;
    let browser = bed.browser();
    let started = browser.start_in(&ada, JourneyKind::Enrol).await;
    let choices = serde_json::json!({"type": "enrol", "choices": ["fake_code", "fake_backup"]});
    assert_eq!(serde_json::to_value(&started.prompt).unwrap(), choices, "those that people add themselves");
    for not_added in ["fake_key", "password", "nothing"] {
        let (refused, _) = mistake(browser.answer(&started.id, wants(not_added)).await);
        assert_eq!(refused, Mistake::UnavailableMethod);
    }
    let prompt = browser.answer(&started.id, wants("fake_code")).await.unwrap().prompt;
    let right = offered(&prompt);
    assert!(!format!("{prompt:?}").contains(&format!("\"{right}\"")), "lg1");
    assert_eq!(
        bed.ciam.journeys().prompt(&started.id, &browser.client).await.unwrap(),
        prompt,
        "shown again, the same"
    );
    for wrong in ["", "nothing"] {
        assert_eq!(mistake(browser.answer(&started.id, code(wrong)).await).0, Mistake::WrongProof);
    }
    assert_eq!(mistake(browser.answer(&started.id, Answer::Continue {}).await).0, Mistake::WrongProof);
    assert!(methods(&bed, ada.user).await.is_empty());
    assert!(bed.sign_in(ADA, PASSWORD).await.is_ok(), "nothing is asked for what was only offered");
    let advanced = browser.answer(&started.id, code(&right)).await.unwrap();
    let session = advanced.opened.unwrap().session;
    assert_eq!(session.assurance.reached().aal, Aal::Aal2, "the confirmation is a proof");
    assert_eq!(advanced.prompt.name(), "done");
    assert_eq!(methods(&bed, ada.user).await, ["fake_code"]);
    waiting(&bed).await;
    assert_eq!(events(&bed, "authenticator.added").await[0].data["method"], "fake_code");
    assert!(bed.mail_to(ADA).await[0].subject.contains("added"), "the owner is told");
    assert!(matches!(browser.answer(&started.id, code(&right)).await, Err(JourneyError::Stale)), "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_confirmations_one_adds() {
    let bed = bed().await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session;
    let (browser, journey, right) = offering(&bed, &ada).await;
    let added = in_parallel(50, |_| {
        let (browser, journey, right) = (browser.clone(), journey.clone(), right.clone());
        async move { browser.answer(&journey, code(&right)).await.is_ok() }
    });
    assert_eq!(added.await.into_iter().filter(|added| *added).count(), 1);
    assert_eq!(methods(&bed, ada.user).await.len(), 1);
}

#[tokio::test]
async fn who_has_a_factor_shows_it_before_adding_another() {
    let bed = bed().await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session;
    let (late, journey, right) = offering(&bed, &ada).await;
    let elsewhere = bed.signed_in(ada.user).await.session;
    add(&bed, &elsewhere).await;
    let raced = late.answer(&journey, code(&right)).await;
    assert!(raced.is_err(), "an offer from before: {raced:?}");
    let prompt = bed.ciam.journeys().prompt(&journey, &late.client).await.unwrap();
    assert!(matches!(prompt, Prompt::Otp { .. }), "{prompt:?}");
    late.answer(&journey, code("7")).await.unwrap();
    let advanced = late.answer(&journey, code(&right)).await.unwrap();
    assert_eq!(advanced.prompt.name(), "done");
    assert_eq!(methods(&bed, ada.user).await.len(), 2);
}

#[tokio::test]
async fn an_old_session_proves_itself_first() {
    let bed = bed().await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session;
    bed.clock.advance(Duration::from_mins(16));
    let browser = bed.browser();
    let started = browser.start_in(&ada, JourneyKind::Enrol).await;
    assert!(matches!(started.prompt, Prompt::Password { .. }));
    assert!(browser.answer(&started.id, wants("fake_code")).await.is_err());
    let prompt = browser.answer(&started.id, password(PASSWORD)).await.unwrap().prompt;
    assert!(matches!(prompt, Prompt::Enrol { .. }));
}

#[tokio::test]
async fn codes_to_keep_take_the_place_of_those_before() {
    let bed = bed().await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session;
    let browser = bed.browser();
    for _ in 0..2 {
        let started = browser.start_in(&ada, JourneyKind::Enrol).await;
        let prompt = browser.answer(&started.id, wants("fake_backup")).await.unwrap().prompt;
        assert!(matches!(prompt, Prompt::RecoveryCodes { .. }), "{prompt:?}");
        browser.answer(&started.id, Answer::Continue {}).await.unwrap();
        assert_eq!(methods(&bed, ada.user).await, ["fake_backup"]);
    }
    assert_eq!(events(&bed, "authenticator.removed").await.len(), 1);
    assert!(bed.sign_in(ADA, PASSWORD).await.is_ok(), "and ask for nothing by themselves");
}

#[tokio::test]
async fn an_account_has_no_more_than_it_may() {
    let bed = bed().await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session;
    let (browser, journey, right) = offering(&bed, &ada).await;
    for _ in 0..Enrolment::MOST {
        enrol(&bed, ada.user, "fake_key", KEY).await;
    }
    let strong = bed.signed_in_with_two_factors(ada.user).await.session;
    let (late, second, its) = offering(&bed, &strong).await;
    assert!(browser.answer(&journey, code(&right)).await.is_err(), "not proved enough any more");
    let refused = late.answer(&second, code(&its)).await.unwrap().prompt;
    assert_eq!(refused, Prompt::Refused { reason: "too_many".to_owned() });
}

#[tokio::test]
async fn removing_takes_what_the_account_has_and_leaves_nothing_behind() {
    let bed = bed().await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session;
    let strong = add(&bed, &ada).await;
    enrol(
        &bed,
        ada.user,
        "fake_backup",
        crate::evidence::Strength::of(
            crate::evidence::AmrSet::of(&[crate::evidence::Amr::Otp]),
            crate::evidence::Factor::Possession,
        ),
    )
    .await;
    let authenticators = bed.ciam.authenticators();
    let id = authenticators.list(ada.user).await.unwrap()[0].id;
    let by = Cause::user(ada.user, Origin::default());
    let weak = bed.signed_in(ada.user).await.session;
    let refused = authenticators.remove(&by, &weak, id).await;
    let need = Need::of(Aal::Aal2).within(Duration::from_mins(15));
    assert!(matches!(refused, Err(AuthenticatorError::NotEnough(asked)) if asked == need), "{refused:?}");
    let eve = bed.sign_up("eve@example.com", PASSWORD).await.session;
    assert!(matches!(authenticators.remove(&by, &eve, id).await, Err(AuthenticatorError::Unknown)));
    authenticators.remove(&by, &strong, id).await.unwrap();
    assert!(methods(&bed, ada.user).await.is_empty(), "what only stands in for others goes with the last of them");
    assert!(bed.ciam.store().get::<FakeSecret>(id).await.unwrap().is_none());
    assert!(matches!(authenticators.remove(&by, &strong, id).await, Err(AuthenticatorError::Unknown)));
    assert!(bed.sign_in(ADA, PASSWORD).await.is_ok());
    assert_eq!(events(&bed, "authenticator.removed").await.len(), 2);
    assert!(bed.mail_to(ADA).await[0].subject.contains("removed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_against_a_sign_in_with_it_lets_one_of_them_be_first() {
    for _ in 0..20 {
        let bed = bed().await;
        let ada = bed.sign_up(ADA, PASSWORD).await.session;
        let strong = add(&bed, &ada).await;
        let id = bed.ciam.authenticators().list(ada.user).await.unwrap()[0].id;
        let (browser, journey) = waiting(&bed).await;
        let by = Cause::user(ada.user, Origin::default());
        let (answered, removed) =
            tokio::join!(browser.answer(&journey, code("7")), bed.ciam.authenticators().remove(&by, &strong, id));
        removed.unwrap();
        let used = events(&bed, "authenticator.used").await.len();
        assert_eq!(answered.is_ok_and(|advanced| advanced.opened.is_some()), used == 1);
    }
}

#[tokio::test]
async fn another_way_is_chosen_in_a_step_up_as_well() {
    let bed = bed().await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session;
    add(&bed, &ada).await;
    enrol(&bed, ada.user, "fake_key", KEY).await;
    let weak = bed.signed_in(ada.user).await.session;
    let browser = bed.browser();
    let started = browser.start_in(&weak, JourneyKind::StepUp).await;
    let prompt = browser.answer(&started.id, password(PASSWORD)).await.unwrap().prompt;
    assert!(matches!(prompt, Prompt::Authenticate { .. }), "{prompt:?}");
    let prompt = browser.answer(&started.id, choose("fake_code")).await.unwrap().prompt;
    assert!(matches!(prompt, Prompt::Otp { .. }));
    assert_eq!(browser.answer(&started.id, code("7")).await.unwrap().prompt.name(), "done");
}

#[tokio::test]
async fn mf5_an_account_with_a_factor_is_changed_by_who_has_shown_it() {
    let bed = bed().await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session;
    let strong = add(&bed, &ada).await;
    let weak = bed.signed_in(ada.user).await.session;
    let client = bed.browser().client;
    let (present, new) = (Secret::new(PASSWORD.to_owned()), Secret::new("copper lantern regatta".to_owned()));
    let (passwords, identifiers) = (bed.ciam.passwords(), bed.ciam.identifiers());
    let by = Cause::user(ada.user, Origin::default());
    super::takeover::add(&bed, &bed.signed_in_with_two_factors(ada.user).await.session, "ada@second.example").await;
    let first = identifiers.list(ada.user).await.unwrap()[0].id;
    let refused = passwords.change(&client, &weak, &present, &new).await;
    assert!(matches!(refused, Err(crate::passwords::PasswordError::NotEnough(_))), "{refused:?}");
    let refused = identifiers.remove(&by, &weak, first).await;
    assert!(matches!(refused, Err(crate::identifiers::IdentifierError::NotFresh)), "{refused:?}");
    let changed = passwords.change(&client, &strong, &present, &new).await.unwrap();
    assert_eq!(changed.session.assurance.reached().aal, Aal::Aal2);
    identifiers.remove(&by, &changed.session, first).await.unwrap();
}
