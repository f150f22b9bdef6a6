//! What somebody who is signed in does with their own account.

use super::*;
use crate::identifiers::IdentifierError;
use crate::passwords::PasswordError;

const NEW: &str = "copper lantern regatta";
const SECOND: &str = "ada@second.example";

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

#[tokio::test]
async fn a_step_up_renews_the_proof_and_the_bearer() {
    let bed = TestBed::new().await;
    let old = bed.sign_up(ADA, PASSWORD).await;
    bed.clock.advance(Duration::from_hours(2));
    let browser = bed.browser();
    let started = browser.start_in(&old.session, JourneyKind::StepUp).await;
    assert_eq!(started.prompt, Prompt::Password { identifier: ADA.to_owned() });
    assert_eq!(mistake(browser.answer(&started.id, password("no")).await).0, Mistake::WrongPassword);
    let new = opened(browser.answer(&started.id, password(PASSWORD)).await);
    assert_eq!(new.session.assurance.newest(), Some(bed.ciam.clock().now()));
    assert_eq!(bed.ciam.sessions().check(old.bearer.expose()).await.unwrap(), None, "se1");
    assert!(bed.ciam.sessions().check(new.bearer.expose()).await.unwrap().is_some());
    assert_eq!(new.session.absolute_end, old.session.absolute_end);
}

#[tokio::test]
async fn a_step_up_of_a_session_that_has_ended_opens_nothing() {
    let bed = TestBed::new().await;
    let old = bed.sign_up(ADA, PASSWORD).await;
    let browser = bed.browser();
    let started = browser.start_in(&old.session, JourneyKind::StepUp).await;
    bed.ciam.sessions().end_all(&Cause::system(), old.session.user).await.unwrap();
    let advanced = browser.answer(&started.id, password(PASSWORD)).await.unwrap();
    assert!(advanced.opened.is_none());
    assert_eq!(advanced.prompt, Prompt::Refused { reason: "session_ended".to_owned() });
    let start = Start::new(JourneyKind::StepUp, browser.binding());
    assert!(matches!(bed.ciam.journeys().start(start).await, Err(JourneyError::SignInFirst)));
}

#[tokio::test]
async fn an_address_is_added_when_it_has_been_proved_and_after_a_fresh_proof() {
    let bed = TestBed::new().await;
    let mut ada = bed.sign_up(ADA, PASSWORD).await;
    bed.clock.advance(Duration::from_mins(16));
    let browser = bed.browser();
    let started = browser.start_in(&ada.session, JourneyKind::AddIdentifier).await;
    assert!(matches!(started.prompt, Prompt::Password { .. }), "a stale session proves itself first");
    let advanced = browser.answer(&started.id, password(PASSWORD)).await.unwrap();
    assert!(matches!(advanced.prompt, Prompt::Identify { .. }));
    ada = advanced.opened.unwrap();
    assert_eq!(mistake(browser.answer(&started.id, Answer::identify(ADA)).await).0, Mistake::AlreadyYours);
    browser.answer(&started.id, Answer::identify(SECOND)).await.unwrap();
    assert!(bed.sign_in(SECOND, PASSWORD).await.is_err(), "not yet");
    let advanced = browser.answer(&started.id, code(&bed.code_for(SECOND).await)).await.unwrap();
    let Prompt::Done { session, .. } = &advanced.prompt else { panic!("{advanced:?}") };
    assert!(advanced.opened.is_none() && session.id == ada.session.id, "the session is the one that there is");
    assert!(bed.sign_in(SECOND, PASSWORD).await.is_ok());
    let told = bed.mail_to(ADA).await;
    assert!(told[0].subject.contains("was added"), "{:?}", told[0].subject);
}

#[tokio::test]
async fn rg6_of_two_additions_each_code_confirms_only_the_address_that_it_went_to() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up(ADA, PASSWORD).await;
    let browser = bed.browser();
    let (one, two) = (
        browser.start_in(&ada.session, JourneyKind::AddIdentifier).await.id,
        browser.start_in(&ada.session, JourneyKind::AddIdentifier).await.id,
    );
    browser.answer(&one, Answer::identify("mine@example.com")).await.unwrap();
    browser.answer(&two, Answer::identify("victim@example.com")).await.unwrap();
    let mine = bed.code_for("mine@example.com").await;
    assert_eq!(mistake(browser.answer(&two, code(&mine)).await).0, Mistake::WrongCode);
    browser.answer(&one, code(&mine)).await.unwrap();
    let own = bed.ciam.identifiers().list(ada.session.user).await.unwrap();
    let values: Vec<&str> = own.iter().map(|own| own.value.as_str()).collect();
    assert_eq!(values, [ADA, "mine@example.com"]);
}

#[tokio::test]
async fn an_address_of_somebody_else_is_not_added_and_its_owner_is_told() {
    let bed = TestBed::new().await;
    bed.sign_up("eve@example.com", PASSWORD).await;
    let ada = bed.sign_up(ADA, PASSWORD).await;
    let browser = bed.browser();
    let journey = browser.start_in(&ada.session, JourneyKind::AddIdentifier).await.id;
    let prompt = browser.answer(&journey, Answer::identify("eve@example.com")).await.unwrap().prompt;
    assert!(matches!(prompt, Prompt::Code { .. }), "as for any other");
    assert!(bed.mail_to("eve@example.com").await[0].subject.contains("already"));
    for n in 0..5 {
        assert_eq!(mistake(browser.answer(&journey, code(&format!("{n:06}"))).await).0, Mistake::WrongCode);
    }
}

#[tokio::test]
async fn an_identifier_is_removed_freshly_and_never_the_last() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up(ADA, PASSWORD).await;
    let by = Cause::user(ada.session.user, Origin::default());
    let identifiers = bed.ciam.identifiers();
    let first = identifiers.list(ada.session.user).await.unwrap()[0].clone();
    assert!(first.primary && first.verified);
    assert!(matches!(identifiers.remove(&by, &ada.session, first.id).await, Err(IdentifierError::Last)));
    let browser = bed.browser();
    let journey = browser.start_in(&ada.session, JourneyKind::AddIdentifier).await.id;
    browser.answer(&journey, Answer::identify(SECOND)).await.unwrap();
    browser.answer(&journey, code(&bed.code_for(SECOND).await)).await.unwrap();
    bed.clock.advance(Duration::from_mins(16));
    assert!(matches!(identifiers.remove(&by, &ada.session, first.id).await, Err(IdentifierError::NotFresh)));
    let started = browser.start_in(&ada.session, JourneyKind::StepUp).await;
    let fresh = opened(browser.answer(&started.id, password(PASSWORD)).await).session;
    identifiers.remove(&by, &fresh, first.id).await.unwrap();
    assert!(bed.sign_in(ADA, PASSWORD).await.is_err() && bed.sign_in(SECOND, PASSWORD).await.is_ok());
    assert!(bed.mail_to(ADA).await[0].subject.contains("removed"), "the removed address is told too");
    let eve = bed.sign_up("eve@example.com", PASSWORD).await;
    let foreign = identifiers.list(eve.session.user).await.unwrap()[0].id;
    assert!(matches!(identifiers.remove(&by, &fresh, foreign).await, Err(IdentifierError::Unknown)));
}

#[tokio::test]
async fn of_two_addresses_removed_at_once_one_stays() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up(ADA, PASSWORD).await;
    let browser = bed.browser();
    let journey = browser.start_in(&ada.session, JourneyKind::AddIdentifier).await.id;
    browser.answer(&journey, Answer::identify(SECOND)).await.unwrap();
    browser.answer(&journey, code(&bed.code_for(SECOND).await)).await.unwrap();
    let own = bed.ciam.identifiers().list(ada.session.user).await.unwrap();
    let removed = in_parallel(2, |n| {
        let (bed, session, id) = (bed.clone(), ada.session.clone(), own[n].id);
        async move { bed.ciam.identifiers().remove(&Cause::system(), &session, id).await.is_ok() }
    })
    .await;
    assert_eq!(removed.iter().filter(|removed| **removed).count(), 1);
    assert_eq!(bed.ciam.identifiers().list(ada.session.user).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it_and_the_other_sessions_end() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up(ADA, PASSWORD).await;
    let other = bed.sign_in(ADA, PASSWORD).await.unwrap();
    let (client, passwords) = (bed.browser().client, bed.ciam.passwords());
    let wrong = passwords.change(&client, &ada.session, &secret("no such password"), &secret(NEW)).await;
    assert!(matches!(wrong, Err(PasswordError::Wrong)));
    for bad in ["short", "passwordpassword", ADA] {
        let bad = passwords.change(&client, &ada.session, &secret(PASSWORD), &secret(bad)).await;
        assert!(matches!(bad, Err(PasswordError::Problem(_))), "pw5: {bad:?}");
    }
    let renewed = passwords.change(&client, &ada.session, &secret(PASSWORD), &secret(NEW)).await.unwrap();
    for dead in [&ada, &other] {
        assert_eq!(bed.ciam.sessions().check(dead.bearer.expose()).await.unwrap(), None, "se1, se2");
    }
    assert!(bed.ciam.sessions().check(renewed.bearer.expose()).await.unwrap().is_some());
    assert!(bed.sign_in(ADA, PASSWORD).await.is_err() && bed.sign_in(ADA, NEW).await.is_ok());
    assert!(bed.mail_to(ADA).await[0].subject.contains("was changed"));
    let gone = passwords.change(&client, &ada.session, &secret(NEW), &secret(PASSWORD)).await;
    assert!(matches!(gone, Err(PasswordError::Unknown)), "a session that has ended changes nothing");
}

#[tokio::test]
async fn of_many_changes_at_once_one_is_kept() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up(ADA, PASSWORD).await;
    let kept = in_parallel(5, |n| {
        let (bed, session) = (bed.clone(), ada.session.clone());
        async move {
            let new = secret(&format!("{NEW} {n}"));
            bed.ciam.passwords().change(&bed.browser().client, &session, &secret(PASSWORD), &new).await.is_ok()
        }
    })
    .await;
    assert_eq!(kept.iter().filter(|kept| **kept).count(), 1);
}

#[tokio::test]
async fn pw6_tries_of_the_present_password_count_as_those_of_sign_in() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up(ADA, PASSWORD).await;
    let client = bed.browser().client;
    let work = bed.hasher.work();
    for _ in 0..8 {
        let _ = bed.ciam.passwords().change(&client, &ada.session, &secret("wrong password"), &secret(NEW)).await;
    }
    assert_eq!(bed.hasher.work() - work, 5);
    assert!(matches!(bed.sign_in(ADA, PASSWORD).await, Err(JourneyError::Throttled { .. })));
}

#[tokio::test]
async fn an_operator_sets_a_password_and_everybody_is_signed_out() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up(ADA, PASSWORD).await;
    let weak = bed.ciam.passwords().set(&Cause::system(), ada.session.user, &secret("password")).await;
    assert!(matches!(weak, Err(PasswordError::Problem(_))), "pw5");
    bed.ciam.passwords().set(&Cause::system(), ada.session.user, &secret(NEW)).await.unwrap();
    assert_eq!(bed.ciam.sessions().check(ada.bearer.expose()).await.unwrap(), None);
    assert!(bed.sign_in(ADA, NEW).await.is_ok());
    let ended = bed.ciam.sessions().end(&Cause::system(), ada.session.user, ada.session.id).await;
    assert!(ended.is_ok(), "what the epoch has ended can still be cleared away: {ended:?}");
}
