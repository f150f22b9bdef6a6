//! Phone numbers and usernames beside addresses.

use super::*;
use crate::identifiers::{IdentifierPolicy, Proving};
use crate::messages::Channel;
use crate::store::MemoryStore;

const PHONE: &str = "+31 6 12345678";
const E164: &str = "+31612345678";

async fn bed(policy: IdentifierPolicy) -> TestBed {
    TestBed::with(|builder| builder.store(MemoryStore::new()).identifiers(policy)).await
}

fn with_username(username: &str) -> Answer {
    Answer::NewPassword {
        new_password: Secret::new(PASSWORD.to_owned()),
        name: None,
        username: Some(username.to_owned()),
    }
}

#[tokio::test]
async fn a_phone_number_is_proved_by_a_text_message_and_signed_in_with() {
    let bed = bed(IdentifierPolicy::default().sign_up(IdentifierKind::Phone, Proving::AtSignUp)).await;
    let browser = bed.browser();
    let journey = browser.start(JourneyKind::SignUp).await;
    let prompt = bed.ciam.journeys().prompt(&journey, &browser.client).await.unwrap();
    assert_eq!(prompt, Prompt::Identify { accepts: vec![IdentifierKind::Email, IdentifierKind::Phone] });
    assert_eq!(mistake(browser.answer(&journey, Answer::identify("+31 1")).await).0, Mistake::InvalidPhone);
    browser.answer(&journey, Answer::identify(PHONE)).await.unwrap();
    let prompt = browser.answer(&journey, new_password(PASSWORD)).await.unwrap().prompt;
    assert!(matches!(prompt, Prompt::Code { channel: Channel::Sms, .. }), "{prompt:?}");
    let message = bed.mail_to(E164).await.remove(0);
    assert_eq!(message.channel, Channel::Sms);
    let session = opened(browser.answer(&journey, code(&bed.code_for(E164).await)).await).session;
    assert_eq!(session.assurance.reached().aal, Aal::Aal1);
    assert!(bed.sign_in("0031612345678", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn mf7_a_code_to_an_address_or_number_and_a_password_are_one_factor_on_every_way() {
    let bed = bed(IdentifierPolicy::default().sign_up(IdentifierKind::Phone, Proving::AtSignUp)).await;
    for (handle, new) in [(ADA, "another otter quays"), (E164, "yet another otter quays")] {
        let browser = bed.browser();
        let journey = browser.sign_up_until_code(handle, PASSWORD).await;
        let signed_up = opened(browser.answer(&journey, code(&bed.code_for(handle).await)).await).session;
        let signed_in = bed.sign_in(handle, PASSWORD).await.unwrap().session;
        let journey = browser.identified(JourneyKind::Recover, handle).await;
        browser.answer(&journey, code(&bed.code_for(handle).await)).await.unwrap();
        let recovered = opened(browser.answer(&journey, new_password(new)).await).session;
        let step_up = browser.start_in(&recovered, JourneyKind::StepUp).await.id;
        let again = browser.answer(&step_up, Answer::password(new)).await.unwrap().opened.unwrap().session;
        for session in [signed_up, signed_in, recovered, again] {
            assert_eq!(session.assurance.reached().aal, Aal::Aal1, "{:?}", session.assurance.amr());
        }
    }
}

#[tokio::test]
async fn a_username_is_chosen_once_and_is_a_way_in_in_any_case() {
    let bed = bed(IdentifierPolicy::default().username(Asked::Required)).await;
    let browser = bed.browser();
    let journey = browser.identified(JourneyKind::SignUp, ADA).await;
    assert_eq!(mistake(browser.answer(&journey, new_password(PASSWORD)).await).0, Mistake::MissingUsername);
    assert_eq!(mistake(browser.answer(&journey, with_username("a b")).await).0, Mistake::InvalidUsername);
    browser.answer(&journey, with_username("Ada.L")).await.unwrap();
    opened(browser.answer(&journey, code(&bed.code_for(ADA).await)).await);
    assert!(bed.sign_in("ADA.l", PASSWORD).await.is_ok());
    let other = bed.browser();
    let journey = other.identified(JourneyKind::SignUp, "eve@example.com").await;
    assert_eq!(mistake(other.answer(&journey, with_username("ada.l")).await).0, Mistake::UsernameTaken);
}

#[tokio::test]
async fn a_username_taken_while_a_proof_was_on_its_way_is_left_out() {
    let bed = bed(IdentifierPolicy::default().username(Asked::Optional)).await;
    let (first, second) = (bed.browser(), bed.browser());
    let mut journeys = Vec::new();
    for (browser, email) in [(&first, ADA), (&second, "eve@example.com")] {
        let journey = browser.identified(JourneyKind::SignUp, email).await;
        browser.answer(&journey, with_username("lovelace")).await.unwrap();
        journeys.push(journey);
    }
    let ada = opened(first.answer(&journeys[0], code(&bed.code_for(ADA).await)).await).session.user;
    let eve = opened(second.answer(&journeys[1], code(&bed.code_for("eve@example.com").await)).await).session.user;
    let has = async |user, kind| {
        let own = bed.ciam.identifiers().list(user).await.unwrap();
        own.iter().any(|own| own.kind == kind)
    };
    assert!(has(ada, IdentifierKind::Email).await && has(ada, IdentifierKind::Username).await);
    assert!(has(eve, IdentifierKind::Email).await && !has(eve, IdentifierKind::Username).await);
}

#[tokio::test]
async fn rg1_of_twenty_who_want_one_username_at_once_one_has_it() {
    let bed =
        bed(IdentifierPolicy::new().sign_up(IdentifierKind::Email, Proving::Later).username(Asked::Required)).await;
    let outcomes = in_parallel(20, |n| {
        let bed = bed.clone();
        async move {
            let browser = bed.browser();
            let journey = browser.identified(JourneyKind::SignUp, &format!("p{n}@example.com")).await;
            browser.answer(&journey, with_username("lovelace")).await.is_ok()
        }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|took| **took).count(), 1);
}

#[tokio::test]
async fn an_address_that_is_proved_later_identifies_nobody_until_then() {
    let policy = IdentifierPolicy::new().sign_up(IdentifierKind::Email, Proving::Later).username(Asked::Required);
    let bed = bed(policy).await;
    let browser = bed.browser();
    let journey = browser.identified(JourneyKind::SignUp, ADA).await;
    let ada = opened(browser.answer(&journey, with_username("ada-l")).await);
    assert!(bed.sign_in(ADA, PASSWORD).await.is_err(), "an unproved address is no way in");
    assert!(bed.sign_in("ada-l", PASSWORD).await.is_ok());
    let own = bed.ciam.identifiers().list(ada.session.user).await.unwrap();
    assert!(own.iter().any(|own| own.value == ADA && !own.verified && !own.primary), "{own:?}");
    // Somebody else can have it, and whoever proves it first has it alone.
    let journey = browser.start_in(&ada.session, JourneyKind::AddIdentifier).await.id;
    browser.answer(&journey, Answer::identify(ADA)).await.unwrap();
    browser.answer(&journey, code(&bed.code_for(ADA).await)).await.unwrap();
    let own = bed.ciam.identifiers().list(ada.session.user).await.unwrap();
    assert_eq!(own.iter().filter(|own| own.value == ADA).count(), 1, "the unproved one has become the proved one");
    assert!(bed.sign_in(ADA, PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_new_username_takes_the_place_of_the_former_and_a_recovery_by_it_goes_to_the_address() {
    let bed = bed(IdentifierPolicy::default().username(Asked::Optional)).await;
    let ada = bed.sign_up(ADA, PASSWORD).await;
    let browser = bed.browser();
    for name in ["first-name", "second-name"] {
        let journey = browser.start_in(&ada.session, JourneyKind::AddIdentifier).await.id;
        let prompt = browser.answer(&journey, Answer::identify(name)).await.unwrap().prompt;
        assert!(matches!(prompt, Prompt::Done { .. }), "{prompt:?}");
    }
    assert!(bed.sign_in("first-name", PASSWORD).await.is_err() && bed.sign_in("second-name", PASSWORD).await.is_ok());
    let letters = bed.mail_to(ADA).await.len();
    let prompt = {
        let journey = browser.start(JourneyKind::Recover).await;
        browser.answer(&journey, Answer::identify("second-name")).await.unwrap().prompt
    };
    let Prompt::Code { to, .. } = prompt else { panic!("{prompt:?}") };
    assert_eq!(to, "second-name", "the address behind a name is nobody's business");
    assert_eq!(bed.mail_to(ADA).await.len(), letters + 1);
}

#[tokio::test]
async fn a_kind_that_the_application_does_not_use_is_refused() {
    let bed = TestBed::new().await;
    let browser = bed.browser();
    let journey = browser.start(JourneyKind::SignIn).await;
    let phone = Answer::Identify(Identify { phone: Some(PHONE.to_owned()), ..Identify::default() });
    assert_eq!(mistake(browser.answer(&journey, phone).await).0, Mistake::UnacceptedKind);
    let nothing = Answer::Identify(Identify::default());
    assert_eq!(mistake(browser.answer(&journey, nothing).await).0, Mistake::UnexpectedAnswer);
}
