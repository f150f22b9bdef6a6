//! Recovery of a lost password.

use super::*;
use crate::passwords::PasswordCredential;
use crate::sessions::Session;

pub(super) const NEW: &str = "copper lantern regatta";

pub(super) async fn recovering(bed: &TestBed, browser: &crate::testing::Browser, email: &str) -> String {
    let journey = browser.start(JourneyKind::Recover).await;
    let prompt = browser.answer(&journey, Answer::identify(email)).await.unwrap().prompt;
    assert!(matches!(prompt, Prompt::Code { .. }), "{prompt:?}");
    let _ = bed.mail().await;
    journey
}

#[tokio::test]
async fn a_lost_password_is_set_anew_by_the_code_and_the_other_sessions_end() {
    let bed = TestBed::new().await;
    let before = bed.sign_up(ADA, PASSWORD).await;
    let browser = bed.browser();
    let journey = recovering(&bed, &browser, ADA).await;
    let right = bed.code_for(ADA).await;
    let prompt = browser.answer(&journey, code(&right)).await.unwrap().prompt;
    assert!(matches!(prompt, Prompt::NewPassword { asks_name: false, username: Asked::Never, .. }), "{prompt:?}");
    let (common, _) = mistake(browser.answer(&journey, new_password("passwordpassword")).await);
    assert!(matches!(common, Mistake::Password(_)), "pw5: {common:?}");
    let session = opened(browser.answer(&journey, new_password(NEW)).await);
    assert_eq!(session.session.assurance.reached().aal, Aal::Aal1);
    assert_eq!(bed.ciam.sessions().check(before.bearer.expose()).await.unwrap(), None, "se2");
    assert!(bed.ciam.sessions().check(session.bearer.expose()).await.unwrap().is_some());
    assert!(bed.sign_in(ADA, PASSWORD).await.is_err());
    assert!(bed.sign_in(ADA, NEW).await.is_ok());
    assert!(bed.mail_to(ADA).await[0].subject.contains("set anew"), "the owner is told");
    let names = names(&bed).await;
    assert!(names.iter().any(|name| name == "recovery.asked") && names.iter().any(|name| name == "password.recovered"));
}

#[tokio::test]
async fn a_link_followed_elsewhere_is_gone_on_with_there_and_opens_no_session() {
    let bed = TestBed::new().await;
    bed.sign_up(ADA, PASSWORD).await;
    let (stranger, owner) = (bed.browser(), bed.browser());
    let asked = recovering(&bed, &stranger, ADA).await;
    let ticket = bed.ticket_for(ADA).await;
    for _ in 0..3 {
        let view = bed.ciam.journeys().ticket(&ticket, &owner.client).await.unwrap();
        assert!(!view.same_browser && view.kind == JourneyKind::Recover, "looking consumes nothing");
    }
    let Redeemed::HandedOver(started) = bed.ciam.journeys().redeem(&ticket, &owner.client).await.unwrap() else {
        panic!("not handed over");
    };
    assert!(matches!(started.prompt, Prompt::NewPassword { .. }));
    let prompt = bed.ciam.journeys().prompt(&asked, &stranger.client).await.unwrap();
    assert_eq!(prompt, Prompt::Refused { reason: "continued_elsewhere".to_owned() }, "whoever began it gains nothing");
    assert!(matches!(stranger.answer(&started.id, new_password(NEW)).await, Err(JourneyError::Unknown)));
    let advanced = owner.answer(&started.id, new_password(NEW)).await.unwrap();
    assert!(advanced.opened.is_none() && advanced.prompt == Prompt::Completed {});
    assert!(bed.sign_in(ADA, NEW).await.is_ok());
    assert!(matches!(bed.ciam.journeys().redeem(&ticket, &owner.client).await, Err(JourneyError::Unknown)));
}

#[tokio::test]
async fn a_link_in_the_own_browser_goes_on_there() {
    let bed = TestBed::new().await;
    bed.sign_up(ADA, PASSWORD).await;
    let browser = bed.browser();
    let journey = recovering(&bed, &browser, ADA).await;
    let ticket = bed.ticket_for(ADA).await;
    let Redeemed::Here { id, advanced } = bed.ciam.journeys().redeem(&ticket, &browser.client).await.unwrap() else {
        panic!("elsewhere");
    };
    assert!(matches!(advanced.prompt, Prompt::NewPassword { .. }));
    let late = browser.answer(&journey, code("000000")).await;
    assert!(matches!(late, Err(JourneyError::Stale)), "{late:?}");
    opened(browser.answer(&id, new_password(NEW)).await);
}

#[tokio::test]
async fn pw10_recovery_of_an_unknown_address_answers_and_works_alike() {
    let bed = TestBed::new().await;
    bed.sign_up(ADA, PASSWORD).await;
    let mut seen = Vec::new();
    for email in [ADA, "nobody@example.com"] {
        let (browser, before) = (bed.browser(), bed.mail().await.len());
        let journey = browser.start(JourneyKind::Recover).await;
        let work = bed.hasher.work();
        let prompt = browser.answer(&journey, Answer::identify(email)).await.unwrap().prompt;
        let Prompt::Code { channel, length, .. } = prompt else { panic!("{prompt:?}") };
        let (wrong, _) = mistake(browser.answer(&journey, code("000000")).await);
        seen.push((channel, length, wrong, bed.hasher.work() - work, bed.mail().await.len() - before));
    }
    assert_eq!(seen[0], seen[1]);
    assert!(bed.mail_to("nobody@example.com").await[0].text.contains("no account"));
}

#[tokio::test]
async fn rg3_a_recovery_for_a_look_alike_reaches_nobody_elses_address() {
    let bed = TestBed::new().await;
    bed.sign_up("mike@example.com", PASSWORD).await;
    let letters = bed.mail_to("mike@example.com").await.len();
    let browser = bed.browser();
    recovering(&bed, &browser, "m\u{131}ke@example.com").await;
    assert_eq!(bed.mail_to("mike@example.com").await.len(), letters);
    // Other case is the same account; its message goes to the address as the account has it.
    recovering(&bed, &browser, "MIKE@example.com").await;
    assert_eq!(bed.mail_to("mike@example.com").await.len(), letters + 1);
    assert!(bed.mail_to("MIKE@example.com").await.is_empty());
}

#[tokio::test]
async fn ot1_of_twenty_answers_with_one_code_and_one_password_one_changes_it() {
    let bed = TestBed::new().await;
    bed.sign_up(ADA, PASSWORD).await;
    let browser = bed.browser();
    let journey = recovering(&bed, &browser, ADA).await;
    let right = bed.code_for(ADA).await;
    let outcomes = in_parallel(20, |_| {
        let (browser, journey, right) = (browser.clone(), journey.clone(), right.clone());
        async move { browser.answer(&journey, code(&right)).await.is_ok() }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|taken| **taken).count(), 1);
    let outcomes = in_parallel(20, |n| {
        let (browser, journey) = (browser.clone(), journey.clone());
        async move { browser.answer(&journey, new_password(&format!("{NEW} {n}"))).await.is_ok() }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|set| **set).count(), 1);
    let recovered = names(&bed).await.into_iter().filter(|name| name == "password.recovered").count();
    assert_eq!(recovered, 1);
}

#[tokio::test]
async fn ot1_of_twenty_who_follow_one_link_one_sets_a_password() {
    let bed = TestBed::new().await;
    bed.sign_up(ADA, PASSWORD).await;
    recovering(&bed, &bed.browser(), ADA).await;
    let ticket = bed.ticket_for(ADA).await;
    let taken = in_parallel(20, |_| {
        let (bed, ticket) = (bed.clone(), ticket.clone());
        async move { bed.ciam.journeys().redeem(&ticket, &bed.browser().client).await.is_ok() }
    })
    .await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 1);
}

#[tokio::test]
async fn ot5_a_code_of_a_recovery_answers_no_sign_up_no_addition_and_no_other_recovery() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up(ADA, PASSWORD).await;
    let (first, second) = (bed.browser(), bed.browser());
    let one = recovering(&bed, &first, ADA).await;
    let of_one = bed.code_for(ADA).await;
    let two = recovering(&bed, &second, ADA).await;
    let of_two = bed.code_for(ADA).await;
    assert_ne!(of_one, of_two);
    assert_eq!(mistake(second.answer(&two, code(&of_one)).await).0, Mistake::WrongCode);
    let sign_up = second.sign_up_until_code("eve@example.com", PASSWORD).await;
    let addition = first.start_in(&ada.session, JourneyKind::AddIdentifier).await.id;
    first.answer(&addition, Answer::identify("second@example.com")).await.unwrap();
    let (of_sign_up, of_addition) = (bed.code_for("eve@example.com").await, bed.code_for("second@example.com").await);
    for of_recovery in [&of_one, &of_two] {
        assert_eq!(mistake(second.answer(&sign_up, code(of_recovery)).await).0, Mistake::WrongCode);
        assert_eq!(mistake(first.answer(&addition, code(of_recovery)).await).0, Mistake::WrongCode);
    }
    for other in [&of_sign_up, &of_addition] {
        assert_eq!(mistake(first.answer(&one, code(other)).await).0, Mistake::WrongCode);
    }
    assert!(first.answer(&one, code(&of_one)).await.is_ok(), "its own is good");
}

#[tokio::test]
async fn a_recovery_link_is_good_for_half_an_hour_and_a_revocation_ends_what_waits() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session.user;
    let browser = bed.browser();
    recovering(&bed, &browser, ADA).await;
    let ticket = bed.ticket_for(ADA).await;
    bed.clock.advance(Duration::from_mins(31));
    assert!(matches!(bed.ciam.journeys().ticket(&ticket, &browser.client).await, Err(JourneyError::Unknown)));
    let journey = recovering(&bed, &browser, ADA).await;
    browser.answer(&journey, code(&bed.code_for(ADA).await)).await.unwrap();
    bed.ciam.users().suspend(&Cause::system(), ada).await.unwrap();
    let prompt = browser.answer(&journey, new_password(NEW)).await.unwrap().prompt;
    assert_eq!(prompt, Prompt::Refused { reason: "not_allowed".to_owned() });
    let kept = bed.ciam.store().get::<PasswordCredential>(ada).await.unwrap().unwrap();
    bed.ciam.users().activate(&Cause::system(), ada).await.unwrap();
    assert!(bed.sign_in(ADA, PASSWORD).await.is_ok(), "the old one stands: {kept:?}");
}

#[tokio::test]
async fn somebody_without_a_password_gets_one_by_recovery() {
    let bed = TestBed::new().await;
    let person = bed.user().email(ADA).create().await;
    let browser = bed.browser();
    let journey = recovering(&bed, &browser, ADA).await;
    browser.answer(&journey, code(&bed.code_for(ADA).await)).await.unwrap();
    let session: Session = opened(browser.answer(&journey, new_password(NEW)).await).session;
    assert_eq!(session.user, person.id);
    assert!(bed.sign_in(ADA, NEW).await.is_ok());
}
