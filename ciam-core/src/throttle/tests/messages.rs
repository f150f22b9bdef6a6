//! Messages that cost money, and those that tell of changes.

use super::*;
use crate::identifiers::{IdentifierKind, IdentifierPolicy, Phone, Proving};
use crate::journeys::Prompt;
use crate::messages::Channel;
use crate::users::NewUser;

const NUMBER: &str = "+31612345678";

async fn with_phones(limits: ThrottleLimits) -> TestBed {
    let policy = IdentifierPolicy::default().sign_up(IdentifierKind::Phone, Proving::AtSignUp);
    TestBed::with(|builder| builder.store(MemoryStore::new()).identifiers(policy).throttle_limits(limits)).await
}

fn number(n: usize) -> String {
    format!("+3161234{n:04}")
}

/// Asks for a proof of a number, or for a recovery by it.
async fn ask(browser: &Browser, kind: JourneyKind, number: &str) -> Result<(), JourneyError> {
    let journey = browser.start(kind).await;
    let identified = browser.answer(&journey, Answer::identify(number)).await?;
    match identified.prompt {
        Prompt::Code { .. } => Ok(()),
        _ => browser.answer(&journey, Answer::new_password(PASSWORD)).await.map(drop),
    }
}

async fn texts(bed: &TestBed) -> usize {
    bed.mail().await.iter().filter(|message| message.channel == Channel::Sms).count()
}

#[tokio::test]
async fn rl8_one_client_has_few_text_messages_and_they_are_counted_apart_from_its_mail() {
    let bed =
        with_phones(ThrottleLimits { client_texts: Rate::new(3, Duration::from_hours(1)), ..Default::default() }).await;
    for n in 0..3 {
        ask(&stranger(&bed, 1), JourneyKind::SignUp, &number(n)).await.unwrap();
    }
    for kind in [JourneyKind::SignUp, JourneyKind::Recover] {
        let refused = ask(&stranger(&bed, 1), kind, &number(9)).await;
        let hour = Duration::from_hours(1);
        assert!(matches!(refused, Err(JourneyError::Throttled { retry_after }) if retry_after == hour), "{refused:?}");
    }
    stranger(&bed, 1).sign_up_until_code(ADA, PASSWORD).await;
    ask(&stranger(&bed, 2), JourneyKind::SignUp, &number(9)).await.unwrap();
    assert_eq!(texts(&bed).await, 4);
    let told = events(&bed, "throttle.refused").await;
    assert!(told.iter().all(|event| event.data["limit"] == "messages.client_texts") && !told.is_empty());
    assert_eq!(ThrottleLimits::default().client_texts, Rate::new(20, Duration::from_hours(1)));
}

#[tokio::test]
async fn rl8_of_fifty_clients_at_once_an_application_sends_no_more_texts_than_its_cap() {
    let bed = with_phones(ThrottleLimits { texts: Rate::new(7, Duration::from_hours(1)), ..Default::default() }).await;
    let sent = in_parallel(50, |n| {
        let bed = bed.clone();
        async move { ask(&stranger(&bed, n as u32), JourneyKind::SignUp, &number(n)).await.is_ok() }
    })
    .await;
    assert_eq!(sent.into_iter().filter(|sent| *sent).count(), 7);
    assert_eq!(texts(&bed).await, 7);
    stranger(&bed, 1).sign_up_until_code(ADA, PASSWORD).await;
    bed.clock.advance(Duration::from_hours(1));
    ask(&stranger(&bed, 60), JourneyKind::SignUp, &number(60)).await.unwrap();
}

#[tokio::test]
async fn pw10_a_number_without_an_account_gets_no_text_and_looks_the_same() {
    let mut seen = Vec::new();
    for asked in [NUMBER, "+31687654321"] {
        let store = FaultyStore::new(Arc::new(MemoryStore::new()), []);
        let policy = IdentifierPolicy::default().sign_up(IdentifierKind::Phone, Proving::AtSignUp);
        let bed = TestBed::with(|builder| builder.shared_store(store.clone()).identifiers(policy)).await;
        let phone: Phone = NUMBER.parse().unwrap();
        bed.ciam.users().create(&Cause::system(), NewUser::new(phone)).await.unwrap();
        let browser = stranger(&bed, 1);
        let before = store.commits();
        let journey = browser.start(JourneyKind::Recover).await;
        let prompt = browser.answer(&journey, Answer::identify(asked)).await.unwrap().prompt;
        let shown = serde_json::to_string(&prompt).unwrap().replace(asked, "…");
        bed.clock.advance(Duration::from_mins(1));
        let again = browser.answer(&journey, Answer::Resend {}).await.is_ok();
        let commits = store.commits() - before;
        assert_eq!(texts(&bed).await, if asked == NUMBER { 2 } else { 0 }, "{asked}");
        let code = Answer::Code { code: Secret::new("000000".to_owned()) };
        let wrong = matches!(browser.answer(&journey, code).await, Err(JourneyError::Wrong { .. }));
        let mut asks = 0;
        while ask(&browser, JourneyKind::Recover, asked).await.is_ok() {
            asks += 1;
        }
        seen.push((shown, again, commits, wrong, asks));
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn rl8_a_recovery_by_a_username_counts_as_a_text_where_people_have_numbers() {
    let rates = ThrottleLimits { client_texts: Rate::new(1, Duration::from_hours(1)), ..Default::default() };
    let phones = IdentifierPolicy::default().sign_up(IdentifierKind::Phone, Proving::AtSignUp);
    for (policy, asked) in [(phones, 1), (IdentifierPolicy::default(), 3)] {
        let policy = policy.username(crate::identifiers::Asked::Optional);
        let bed = TestBed::with(|b| b.store(MemoryStore::new()).identifiers(policy).throttle_limits(rates)).await;
        let mut asks = 0;
        while asks < 3 && ask(&stranger(&bed, 1), JourneyKind::Recover, "lovelace").await.is_ok() {
            asks += 1;
        }
        assert_eq!(asks, asked);
    }
}

async fn rename_account(bed: &TestBed, browser: &Browser, session: &crate::sessions::Session, name: &str) {
    let journey = browser.start_in(session, JourneyKind::AddIdentifier).await.id;
    browser.answer(&journey, Answer::identify(name)).await.unwrap();
    let list = bed.ciam.identifiers().list(session.user).await.unwrap();
    assert!(list.iter().any(|own| own.value == name), "the change is made");
}

#[tokio::test]
async fn rl8_who_changes_an_account_again_and_again_has_no_more_notices_sent_than_its_bucket_holds() {
    let policy = IdentifierPolicy::default().username(crate::identifiers::Asked::Optional);
    let bed = TestBed::with(|builder| builder.store(MemoryStore::new()).identifiers(policy)).await;
    let ada = bed.sign_up(ADA, PASSWORD).await;
    let before = bed.mail_to(ADA).await.len();
    for n in 0..14 {
        // Every time from elsewhere: it is the account that is counted.
        rename_account(&bed, &stranger(&bed, n), &ada.session, &format!("lovelace{n}")).await;
    }
    assert_eq!(bed.mail_to(ADA).await.len() - before, 10);
    assert_eq!(events(&bed, "identifier.added").await.len(), 14, "every change has its event");
    let told = events(&bed, "throttle.refused").await;
    assert!(told.iter().all(|event| event.data["limit"] == "messages.notices") && !told.is_empty());
    assert!(told.iter().all(|event| event.subject == Some(ada.session.user)), "in the history of its owner");
    bed.clock.advance(Duration::from_secs(5000));
    let ada = bed.sign_in(ADA, PASSWORD).await.unwrap();
    rename_account(&bed, &bed.browser(), &ada.session, "lovelace").await;
    rename_account(&bed, &bed.browser(), &ada.session, "countess").await;
    assert_eq!(bed.mail_to(ADA).await.len() - before, 11, "one more");
}

#[tokio::test]
async fn rl8_what_a_client_had_sent_before_silences_nobodys_notices_and_they_count_for_it() {
    let limits = ThrottleLimits { client_messages: Rate::new(3, Duration::from_hours(1)), ..Default::default() };
    let bed = with_limits(limits).await;
    let client = stranger(&bed, 1).client;
    for n in 0..5 {
        let email = format!("person{n}@example.com");
        let person = bed.user().email(&email).password(PASSWORD).create().await;
        let session = bed.signed_in(person.id).await.session;
        let new = Secret::new(format!("copper lantern regatta {n}"));
        bed.ciam.passwords().change(&client, &session, &Secret::new(PASSWORD.to_owned()), &new).await.unwrap();
        assert!(bed.sign_in(&email, new.expose()).await.is_ok());
    }
    assert_eq!(bed.mail().await.len(), 5, "every owner is told");
    let asked = ask(&stranger(&bed, 1), JourneyKind::Recover, "person0@example.com").await;
    assert!(matches!(asked, Err(JourneyError::Throttled { .. })), "they count for the client");
}
