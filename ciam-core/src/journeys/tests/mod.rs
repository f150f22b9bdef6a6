mod account;
mod additions;
mod alike;
mod enrol;
mod identifiers;
mod recover;
mod second;
mod takeover;

use std::time::Duration;

use super::*;
use crate::events::{Cause, Event};
use crate::evidence::Aal;
use crate::id::UserId;
use crate::identifiers::Identifier;
use crate::passwords::{HashError, Password, PasswordHash, PasswordProblem, Verdict};
use crate::secret::Secret;
use crate::store::{Backend, Position};
use crate::testing::{FaultyStore, TestBed, in_parallel, opened};
use crate::users::{Standing, User};

const ADA: &str = "ada@example.com";
const PASSWORD: &str = "vermilion otter quays";

fn password(text: &str) -> Answer {
    Answer::Password { password: Secret::new(text.to_owned()) }
}

fn new_password(text: &str) -> Answer {
    Answer::new_password(text)
}

fn code(text: &str) -> Answer {
    Answer::Code { code: Secret::new(text.to_owned()) }
}

fn mistake(result: Result<Advanced, JourneyError>) -> (Mistake, Prompt) {
    match result {
        Err(JourneyError::Wrong { mistake, prompt }) => (mistake, *prompt),
        other => panic!("not a mistake: {other:?}"),
    }
}

async fn users(bed: &TestBed) -> Vec<UserId> {
    let events = bed.ciam.store().tail::<Event>(Position::START, 1000).await.unwrap();
    events
        .into_iter()
        .filter(|(_, event)| event.name == "user.registered")
        .filter_map(|(_, event)| event.subject)
        .collect()
}

async fn names(bed: &TestBed) -> Vec<String> {
    let events = bed.ciam.store().tail::<Event>(Position::START, 1000).await.unwrap();
    events.into_iter().map(|(_, event)| event.name).collect()
}

#[tokio::test]
async fn a_person_signs_up_and_in() {
    let bed = TestBed::new().await;
    let browser = bed.browser();
    let journey = browser.start(JourneyKind::SignUp).await;
    let prompt = browser.answer(&journey, Answer::identify("Ada@Example.COM".to_owned())).await.unwrap().prompt;
    assert_eq!(
        prompt,
        Prompt::NewPassword {
            identifier: "Ada@example.com".to_owned(),
            min_length: 15,
            max_length: 256,
            asks_name: true,
            username: Asked::Never
        }
    );
    let prompt = browser.answer(&journey, new_password(PASSWORD)).await.unwrap().prompt;
    assert_eq!(prompt.name(), "code");
    assert!(users(&bed).await.is_empty(), "there is no account before the address is proved");
    let typed = bed.code_for("Ada@example.com").await;
    let first = opened(browser.answer(&journey, code(&typed)).await);
    assert_eq!(first.session.assurance.reached().aal, Aal::Aal1);
    let amr: Vec<&str> = first.session.assurance.amr().iter().map(|amr| amr.as_str()).collect();
    assert_eq!(amr, ["pwd", "mail"]);
    let second = bed.sign_in("ADA@example.com", PASSWORD).await.unwrap();
    assert_eq!(second.session.user, first.session.user);
    assert_eq!(
        names(&bed).await,
        ["message.queued", "sign_up.asked", "message.sent", "user.registered", "session.started", "session.started"]
    );
    assert_eq!(users(&bed).await, [first.session.user]);
}

#[tokio::test]
async fn showing_a_page_writes_nothing_and_a_journey_is_its_browsers_own() {
    let store = FaultyStore::new(Arc::new(crate::store::MemoryStore::new()), []);
    let bed = TestBed::with(|builder| builder.shared_store(Arc::clone(&store) as Arc<dyn Backend>)).await;
    let browser = bed.browser();
    let journey = browser.start(JourneyKind::SignIn).await;
    assert_eq!(bed.ciam.journeys().prompt(&journey, &browser.client).await.unwrap().name(), "identify");
    for stranger in [bed.browser().client, Client::default()] {
        assert!(matches!(bed.ciam.journeys().prompt(&journey, &stranger).await, Err(JourneyError::Unknown)));
        let answer = Answer::identify(ADA.to_owned());
        assert!(matches!(bed.ciam.journeys().answer(&journey, &stranger, answer).await, Err(JourneyError::Unknown)));
    }
    for forged in ["", "jny_", "jny_AAAA", &journey[..journey.len() - 1], &"jny_A".repeat(10_000)] {
        assert!(matches!(bed.ciam.journeys().prompt(forged, &browser.client).await, Err(JourneyError::Unknown)));
    }
    bed.clock.advance(Duration::from_hours(1));
    assert!(matches!(bed.ciam.journeys().prompt(&journey, &browser.client).await, Err(JourneyError::Unknown)));
    assert_eq!(store.commits(), 0);
}

#[tokio::test]
async fn a_journey_of_one_realm_is_none_in_another() {
    let key = || crate::vault::MasterKey::parse(&"00112233445566778899aabbccddeeff".repeat(2)).unwrap();
    let bed = TestBed::with(|builder| builder.store(crate::store::MemoryStore::new()).master_key(key())).await;
    let backend = Arc::clone(bed.ciam.store().backend());
    let elsewhere: crate::RealmId = "rlm_00000000000000000000000000000001".parse().unwrap();
    let entropy = crate::testing::FixedEntropy::new(2);
    let other = TestBed::with(|b| b.shared_store(backend).realm(elsewhere).master_key(key()).entropy(entropy)).await;
    let browser = bed.browser();
    let journey = browser.start(JourneyKind::SignIn).await;
    assert!(matches!(other.ciam.journeys().prompt(&journey, &browser.client).await, Err(JourneyError::Unknown)));
    bed.sign_up(ADA, PASSWORD).await;
    assert!(matches!(other.sign_in(ADA, PASSWORD).await, Err(JourneyError::Wrong { .. })), "nor is an account");
}

#[tokio::test]
async fn a_second_answer_is_stale_and_a_wrong_kind_is_a_mistake() {
    let bed = TestBed::new().await;
    bed.sign_up(ADA, PASSWORD).await;
    let browser = bed.browser();
    let journey = browser.identified(JourneyKind::SignIn, ADA).await;
    assert_eq!(mistake(browser.answer(&journey, code("123456")).await).0, Mistake::UnexpectedAnswer);
    let again = Answer::identify(ADA.to_owned());
    assert!(matches!(browser.answer(&journey, again).await, Err(JourneyError::Stale)), "a second click");
    opened(browser.answer(&journey, password(PASSWORD)).await);
    assert!(matches!(browser.answer(&journey, password(PASSWORD)).await, Err(JourneyError::Stale)));
    assert_eq!(bed.ciam.journeys().prompt(&journey, &browser.client).await.unwrap().name(), "done");
}

/// A hasher at which answers wait until so many have come, so that all of them were loaded at the same turn.
#[derive(Debug)]
struct Gate(crate::testing::CountingHasher, tokio::sync::Barrier);

#[async_trait::async_trait]
impl PasswordHasher for Gate {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.0.hash(password).await
    }

    async fn verify(&self, password: &Password, against: Option<&PasswordHash>) -> Result<Verdict, HashError> {
        self.1.wait().await;
        self.0.verify(password, against).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_right_answers_to_one_prompt_one_opens_a_session() {
    let gate = Gate(crate::testing::CountingHasher::default(), tokio::sync::Barrier::new(4));
    let bed = TestBed::with(|builder| builder.store(crate::store::MemoryStore::new()).hasher(gate)).await;
    let user = bed.sign_up(ADA, PASSWORD).await.session.user;
    let browser = bed.browser();
    let journey = browser.identified(JourneyKind::SignIn, ADA).await;
    let results = in_parallel(4, |_| {
        let (browser, journey) = (browser.clone(), journey.clone());
        async move { browser.answer(&journey, password(PASSWORD)).await }
    })
    .await;
    assert_eq!(results.iter().filter(|result| result.as_ref().is_ok_and(|a| a.opened.is_some())).count(), 1);
    assert_eq!(results.iter().filter(|result| matches!(result, Err(JourneyError::Stale))).count(), 3);
    assert_eq!(bed.ciam.sessions().list(user, None).await.unwrap().len(), 2);
}

#[tokio::test]
async fn pw8_an_own_success_clears_no_other_accounts_and_not_the_addresss_counter() {
    let bed = TestBed::new().await;
    bed.sign_up("eve@example.com", PASSWORD).await;
    bed.sign_up(ADA, PASSWORD).await;
    for n in 0..4 {
        assert!(bed.sign_in(ADA, &format!("wrong password number {n}")).await.is_err());
        assert!(bed.sign_in("eve@example.com", PASSWORD).await.is_ok());
    }
    assert!(matches!(bed.sign_in(ADA, "another wrong one").await, Err(JourneyError::Wrong { .. })));
    assert!(matches!(bed.sign_in(ADA, "another wrong one").await, Err(JourneyError::Throttled { .. })));
    for n in 0..5 {
        let address = format!("nobody{n}@example.com");
        assert!(matches!(bed.sign_in(&address, "another wrong one").await, Err(JourneyError::Wrong { .. })));
    }
    let blocked = bed.sign_in("eve@example.com", PASSWORD).await;
    assert!(matches!(blocked, Err(JourneyError::Throttled { .. })), "ten failures from one client address");
    bed.clock.advance(Duration::from_mins(1));
    assert!(bed.sign_in("eve@example.com", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn pw10_an_unknown_account_answers_and_works_like_a_known_one() {
    let bed = TestBed::new().await;
    bed.sign_up(ADA, PASSWORD).await;
    let mut seen = Vec::new();
    for email in [ADA, "nobody@example.com"] {
        let (before, events) = (bed.hasher.work(), names(&bed).await.len());
        let browser = bed.browser();
        let journey = browser.identified(JourneyKind::SignIn, email).await;
        let (mistake, prompt) = mistake(browser.answer(&journey, password("wrong password here")).await);
        let written = names(&bed).await.len() - events;
        seen.push((mistake, prompt.name(), bed.hasher.work() - before, written));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], (Mistake::WrongCredentials, "password", 1, 1));
}

#[tokio::test]
async fn sign_up_for_a_known_address_answers_and_works_alike_and_tells_its_owner() {
    let bed = TestBed::new().await;
    bed.sign_up(ADA, PASSWORD).await;
    bed.clock.advance(Duration::from_hours(2));
    let mut seen = Vec::new();
    for email in [ADA, "new@example.com"] {
        let (work, mails, events) = (bed.hasher.work(), bed.mail().await.len(), names(&bed).await.len());
        let browser = bed.browser();
        let journey = browser.identified(JourneyKind::SignUp, email).await;
        let prompt = browser.answer(&journey, new_password(PASSWORD)).await.unwrap().prompt;
        let prompt = match prompt {
            Prompt::Code { channel, length, expires_at, resend_at, .. } => (channel, length, expires_at, resend_at),
            other => panic!("{other:?}"),
        };
        let wrong = mistake(browser.answer(&journey, code("123456")).await).0;
        let mails = bed.mail().await.len() - mails;
        seen.push((prompt, wrong, bed.hasher.work() - work, mails, names(&bed).await.len() - events));
    }
    assert_eq!(seen[0], seen[1]);
    let told = bed.mail().await.into_iter().find(|message| message.to == ADA).unwrap();
    assert_eq!(told.subject, "You already have an account at Test Shop");
    assert!(!told.text.contains("ticket="));
    assert_eq!(users(&bed).await.len(), 1);
}

#[tokio::test]
async fn no_code_answers_for_an_address_that_has_an_account_not_even_the_one_never_sent() {
    let bed = TestBed::new().await;
    bed.sign_up(ADA, PASSWORD).await;
    let browser = bed.browser();
    let journey = browser.sign_up_until_code(ADA, "mallory knows this one").await;
    let loaded = bed.ciam.journeys().load(&journey, &browser.client).await.unwrap();
    let challenge = loaded.journey.challenge.unwrap().id;
    let challenge = bed.ciam.store().get::<crate::challenges::Challenge>(challenge).await.unwrap().unwrap();
    let never_sent = challenge.code(bed.ciam.journeys().vault.as_ref()).await.unwrap().unwrap();
    assert_eq!(mistake(browser.answer(&journey, code(never_sent.expose())).await).0, Mistake::WrongCode);
    assert!(bed.sign_in(ADA, "mallory knows this one").await.is_err());
}

#[tokio::test]
async fn a_sign_up_that_was_overtaken_has_no_code_to_guess_until_it_asks_for_one() {
    let bed = TestBed::new().await;
    let (first, second) = (bed.browser(), bed.browser());
    let leading = first.identified(JourneyKind::SignUp, ADA).await;
    let overtaken = second.identified(JourneyKind::SignUp, ADA).await;
    first.answer(&leading, new_password(PASSWORD)).await.unwrap();
    second.answer(&overtaken, new_password(PASSWORD)).await.unwrap();
    assert_eq!(bed.mail().await.len(), 1);
    let loaded = bed.ciam.journeys().load(&overtaken, &second.client).await.unwrap();
    let challenge = loaded.journey.challenge.unwrap().id;
    let challenge = bed.ciam.store().get::<crate::challenges::Challenge>(challenge).await.unwrap().unwrap();
    let never_sent = challenge.code(bed.ciam.journeys().vault.as_ref()).await.unwrap().unwrap();
    assert_eq!(mistake(second.answer(&overtaken, code(never_sent.expose())).await).0, Mistake::WrongCode);
    second.answer(&overtaken, Answer::Resend {}).await.unwrap();
    assert_eq!(bed.mail().await.len(), 2);
    opened(second.answer(&overtaken, code(&bed.code_for(ADA).await)).await);
}

#[tokio::test]
async fn guesses_at_a_foreign_address_end_with_its_messages() {
    let bed = TestBed::new().await;
    let mut journeys = Vec::new();
    for _ in 0..40 {
        let browser = bed.browser();
        let journey = browser.identified(JourneyKind::SignUp, ADA).await;
        journeys.push((browser, journey));
    }
    for _ in 0..8 {
        let browser = bed.browser();
        let journey = browser.identified(JourneyKind::SignUp, ADA).await;
        if browser.answer(&journey, new_password(PASSWORD)).await.is_ok() {
            journeys.push((browser, journey));
        }
    }
    for (browser, journey) in &journeys {
        let _ = browser.answer(journey, new_password(PASSWORD)).await;
        let _ = browser.answer(journey, Answer::Resend {}).await;
    }
    let mut answerable = 0;
    for (browser, journey) in &journeys {
        let Some(sent) = bed.ciam.journeys().load(journey, &browser.client).await.unwrap().journey.challenge else {
            continue;
        };
        let challenge = bed.ciam.store().get::<crate::challenges::Challenge>(sent.id).await.unwrap().unwrap();
        answerable += usize::from(!challenge.decoy);
    }
    assert_eq!((answerable, bed.mail().await.len()), (5, 5), "as many codes can be guessed as messages were sent");
}

#[tokio::test]
async fn what_a_stranger_chose_for_an_address_is_dropped_when_its_owner_proves_it() {
    let bed = TestBed::new().await;
    let (mallory, ada) = (bed.browser(), bed.browser());
    let planted = mallory.sign_up_until_code(ADA, "mallory knows this one").await;
    let journey = ada.sign_up_until_code(ADA, PASSWORD).await;
    let typed = bed.code_for(ADA).await;
    assert_eq!(mistake(mallory.answer(&planted, code(&typed)).await).0, Mistake::WrongCode);
    opened(ada.answer(&journey, code(&typed)).await);
    assert!(bed.sign_in(ADA, "mallory knows this one").await.is_err());
    assert!(bed.sign_in(ADA, PASSWORD).await.is_ok());
}

#[tokio::test]
async fn ot5_a_code_of_another_journey_or_address_or_an_earlier_message_is_refused() {
    let bed = TestBed::new().await;
    let (one, two) = (bed.browser(), bed.browser());
    let first = one.sign_up_until_code(ADA, PASSWORD).await;
    let code_one = bed.code_for(ADA).await;
    let second = two.sign_up_until_code("bob@example.com", PASSWORD).await;
    let code_two = bed.code_for("bob@example.com").await;
    assert_ne!(code_one, code_two);
    assert_eq!(mistake(one.answer(&first, code(&code_two)).await).0, Mistake::WrongCode);
    assert_eq!(mistake(two.answer(&second, code(&code_one)).await).0, Mistake::WrongCode);
    assert!(matches!(one.answer(&first, Answer::Resend {}).await, Err(JourneyError::Throttled { .. })));
    bed.clock.advance(Duration::from_mins(1));
    let old_ticket = bed.ticket_for(ADA).await;
    one.answer(&first, Answer::Resend {}).await.unwrap();
    let resent = bed.code_for(ADA).await;
    assert_ne!(code_one, resent);
    assert_eq!(mistake(one.answer(&first, code(&code_one)).await).0, Mistake::WrongCode);
    assert!(matches!(bed.ciam.journeys().redeem(&old_ticket, &one.client).await, Err(JourneyError::Unknown)));
    opened(one.answer(&first, code(&resent)).await);
}

#[tokio::test]
async fn ot6_empty_blank_and_foreign_codes_and_tickets_never_match() {
    let bed = TestBed::new().await;
    let browser = bed.browser();
    let journey = browser.sign_up_until_code(ADA, PASSWORD).await;
    for text in ["", " ", "null", "0", "٠٠٠٠٠٠", "123456789012", "\0\0\0\0\0\0"] {
        assert_eq!(mistake(browser.answer(&journey, code(text)).await).0, Mistake::WrongCode, "{text:?}");
    }
    let ticket = bed.ticket_for(ADA).await;
    let flipped = format!("{}{}", &ticket[..ticket.len() - 2], if ticket.ends_with("AA") { "BA" } else { "AA" });
    for text in ["", " ", "null", &ticket[1..], &flipped, &"A".repeat(64)] {
        let found = bed.ciam.journeys().ticket(text, &browser.client).await;
        assert!(matches!(found, Err(JourneyError::Unknown)), "{text:?}");
    }
    opened(browser.answer(&journey, code(&bed.code_for(ADA).await)).await);
}

#[tokio::test]
async fn a_code_is_good_for_ten_minutes_and_its_link_for_a_day() {
    let bed = TestBed::new().await;
    let browser = bed.browser();
    let journey = browser.sign_up_until_code(ADA, PASSWORD).await;
    let (typed, ticket) = (bed.code_for(ADA).await, bed.ticket_for(ADA).await);
    bed.clock.advance(Duration::from_mins(10));
    assert_eq!(mistake(browser.answer(&journey, code(&typed)).await).0, Mistake::CodeUsedUp);
    bed.clock.advance(Duration::from_hours(23));
    assert!(bed.ciam.journeys().ticket(&ticket, &browser.client).await.unwrap().same_browser);
    bed.clock.advance(Duration::from_mins(50));
    assert!(matches!(bed.ciam.journeys().ticket(&ticket, &browser.client).await, Err(JourneyError::Unknown)));
    assert!(matches!(bed.ciam.journeys().redeem(&ticket, &browser.client).await, Err(JourneyError::Unknown)));
    assert!(matches!(bed.ciam.journeys().prompt(&journey, &browser.client).await, Err(JourneyError::Unknown)));
}

#[tokio::test]
async fn a_link_in_the_own_browser_signs_in_once() {
    let bed = TestBed::new().await;
    let browser = bed.browser();
    browser.sign_up_until_code(ADA, PASSWORD).await;
    let ticket = bed.ticket_for(ADA).await;
    for _ in 0..3 {
        let view = bed.ciam.journeys().ticket(&ticket, &browser.client).await.unwrap();
        assert!(view.same_browser && view.to.as_str() == ADA && view.begun_on.as_deref() == Some("Test/1.0"));
    }
    let Redeemed::Here { id, advanced } = bed.ciam.journeys().redeem(&ticket, &browser.client).await.unwrap() else {
        panic!("it is the same browser");
    };
    opened(Ok(*advanced));
    assert_eq!(bed.ciam.journeys().prompt(&id, &browser.client).await.unwrap().name(), "done");
    assert!(matches!(bed.ciam.journeys().prompt(&id, &bed.browser().client).await, Err(JourneyError::Unknown)));
    assert!(matches!(bed.ciam.journeys().redeem(&ticket, &browser.client).await, Err(JourneyError::Unknown)));
}

#[tokio::test]
async fn a_link_on_another_device_gives_that_one_no_session_and_the_first_goes_on() {
    let bed = TestBed::new().await;
    let (desktop, phone) = (bed.browser(), bed.browser());
    let journey = desktop.sign_up_until_code(ADA, PASSWORD).await;
    let ticket = bed.ticket_for(ADA).await;
    assert!(!bed.ciam.journeys().ticket(&ticket, &phone.client).await.unwrap().same_browser);
    assert!(matches!(bed.ciam.journeys().redeem(&ticket, &phone.client).await.unwrap(), Redeemed::Elsewhere));
    let user = users(&bed).await[0];
    assert!(bed.ciam.sessions().list(user, None).await.unwrap().is_empty());
    assert_eq!(bed.ciam.journeys().prompt(&journey, &desktop.client).await.unwrap(), Prompt::Confirmed {});
    assert!(matches!(phone.answer(&journey, Answer::Continue {}).await, Err(JourneyError::Unknown)));
    let session = opened(desktop.answer(&journey, Answer::Continue {}).await).session;
    assert_eq!(session.user, user);
}

#[tokio::test]
async fn passwords_are_judged_before_anything_is_kept_or_hashed() {
    let bed = TestBed::new().await;
    let browser = bed.browser();
    let journey = browser.identified(JourneyKind::SignUp, ADA).await;
    for (text, problem) in [
        ("short", PasswordProblem::TooShort { min_length: 15 }),
        ("adaadaadaadaada", PasswordProblem::Weak),
        ("passwordpassword", PasswordProblem::Common),
        (&"x".repeat(1 << 20), PasswordProblem::TooLong),
    ] {
        let (mistake, prompt) = mistake(browser.answer(&journey, new_password(text)).await);
        assert_eq!((mistake, prompt.name()), (Mistake::Password(problem), "new_password"));
    }
    let named = Answer::NewPassword {
        new_password: Secret::new(PASSWORD.to_owned()),
        name: Some("a\r\nb".to_owned()),
        username: None,
    };
    assert_eq!(mistake(browser.answer(&journey, named).await).0, Mistake::InvalidName);
    assert_eq!(bed.hasher.work(), 0);
    let sign_in = browser.identified(JourneyKind::SignIn, ADA).await;
    let huge = browser.answer(&sign_in, password(&"x".repeat(1 << 20))).await;
    assert_eq!(mistake(huge).0, Mistake::Password(PasswordProblem::TooLong));
    assert_eq!(bed.hasher.work(), 0, "PW1: not hashed");
    assert!(bed.mail().await.is_empty());
}

#[tokio::test]
async fn rg12_a_name_that_someone_typed_reaches_only_its_owner_and_as_plain_text() {
    let bed = TestBed::new().await;
    let browser = bed.browser();
    let journey = browser.identified(JourneyKind::SignUp, ADA).await;
    let name = "<b>Ada</b> http://evil.example";
    let answer = Answer::NewPassword {
        new_password: Secret::new(PASSWORD.to_owned()),
        name: Some(name.to_owned()),
        username: None,
    };
    browser.answer(&journey, answer).await.unwrap();
    let first = bed.mail().await.remove(0);
    assert!(
        !first.text.contains("evil") && !first.subject.contains("Ada"),
        "an unproved address gets no words of others"
    );
    let user = opened(browser.answer(&journey, code(&bed.code_for(ADA).await)).await).session.user;
    assert_eq!(bed.ciam.users().get(user).await.unwrap().unwrap().name.unwrap().as_str(), name);
    bed.clock.advance(Duration::from_hours(2));
    bed.browser().sign_up_until_code(ADA, PASSWORD).await;
    let told = bed.mail().await.remove(0);
    assert!(told.text.starts_with("Hello <b>Ada</b> http://evil.example,\n"));
    assert_eq!(told.subject.lines().count(), 1);
}

#[tokio::test]
async fn an_outdated_hash_is_renewed_on_sign_in_and_a_full_queue_costs_no_try() {
    let bed = TestBed::new().await;
    let user = bed.sign_up(ADA, PASSWORD).await.session.user;
    let hash = async || bed.ciam.store().get::<crate::passwords::PasswordCredential>(user).await.unwrap().unwrap().hash;
    let before = hash().await;
    bed.hasher.strengthen();
    bed.sign_in(ADA, PASSWORD).await.unwrap();
    let after = hash().await;
    assert_ne!(before, after);
    bed.sign_in(ADA, PASSWORD).await.unwrap();
    assert_eq!(after, hash().await);
    assert_eq!(names(&bed).await.iter().filter(|name| *name == "password.rehashed").count(), 1);

    bed.hasher.overload(Some(Duration::from_secs(7)));
    for _ in 0..20 {
        let refused = bed.sign_in(ADA, PASSWORD).await;
        assert!(
            matches!(refused, Err(JourneyError::Overloaded { retry_after }) if retry_after == Duration::from_secs(7))
        );
    }
    bed.hasher.overload(None);
    assert!(bed.sign_in(ADA, PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_suspended_user_is_refused_like_a_wrong_password() {
    let bed = TestBed::new().await;
    let user = bed.sign_up(ADA, PASSWORD).await.session.user;
    bed.ciam.users().suspend(&Cause::system(), user).await.unwrap();
    let Err(JourneyError::Wrong { mistake, .. }) = bed.sign_in(ADA, PASSWORD).await else { panic!("let in") };
    assert_eq!(mistake, Mistake::WrongCredentials);
    bed.ciam.users().activate(&Cause::system(), user).await.unwrap();
    assert!(bed.sign_in(ADA, PASSWORD).await.is_ok());
}

#[tokio::test]
async fn lg1_nothing_secret_is_in_debug_output_events_or_records() {
    let bed = TestBed::new().await;
    let browser = bed.browser();
    let journey = browser.identified(JourneyKind::SignUp, ADA).await;
    let answer = new_password(PASSWORD);
    let mut seen = format!("{answer:?} {browser:?} {:?}", browser.answer(&journey, answer.clone()).await);
    let (typed, ticket) = (bed.code_for(ADA).await, bed.ticket_for(ADA).await);
    let advanced = browser.answer(&journey, code(&typed)).await;
    seen.push_str(&format!("{advanced:?} {bed:?} {:?}", bed.mail().await));
    let bearer = opened(advanced).bearer.expose().clone();
    for (_, event) in bed.ciam.store().tail::<Event>(Position::START, 1000).await.unwrap() {
        seen.push_str(&format!("{event:?}{}", serde_json::to_string(&event).unwrap()));
    }
    let held = serde_json::to_string(&bed.ciam.sessions().list(users(&bed).await[0], None).await.unwrap()).unwrap();
    seen.push_str(&held);
    let binding = browser.binding().expose();
    for secret in [PASSWORD, &typed, &ticket, &bearer, binding.expose()] {
        assert!(!seen.contains(secret), "a secret shows");
    }
}

#[tokio::test]
async fn a_step_of_the_hosts_own_stands_between_proof_and_session() {
    #[derive(Debug)]
    struct HouseRules;

    #[async_trait::async_trait]
    impl CustomStep for HouseRules {
        fn name(&self) -> &str {
            "house_rules"
        }

        fn takes_part(&self, kind: JourneyKind) -> bool {
            kind == JourneyKind::SignIn
        }

        async fn prompt(&self, _user: UserId) -> Result<serde_json::Value, CustomError> {
            Ok(serde_json::json!({ "text": "Be kind." }))
        }

        async fn answer(&self, _user: UserId, data: serde_json::Value) -> Result<(), CustomError> {
            if data == serde_json::json!(true) { Ok(()) } else { Err(CustomError::Wrong("Please agree.".to_owned())) }
        }
    }

    let bed = TestBed::with(|builder| builder.store(crate::store::MemoryStore::new()).step(HouseRules)).await;
    bed.sign_up(ADA, PASSWORD).await;
    let browser = bed.browser();
    let journey = browser.identified(JourneyKind::SignIn, ADA).await;
    let advanced = browser.answer(&journey, password(PASSWORD)).await.unwrap();
    assert!(advanced.opened.is_none());
    assert_eq!(advanced.prompt.name(), "custom");
    let custom = |data| Answer::Custom { data: serde_json::json!(data) };
    assert_eq!(mistake(browser.answer(&journey, custom(false)).await).0, Mistake::Custom("Please agree.".to_owned()));
    assert!(matches!(browser.answer(&journey, password(PASSWORD)).await, Err(JourneyError::Stale)));
    opened(browser.answer(&journey, custom(true)).await);
}

#[tokio::test]
async fn se2_a_proof_that_waits_does_not_outlive_a_revocation() {
    let bed = TestBed::new().await;
    let (desktop, phone) = (bed.browser(), bed.browser());
    let journey = desktop.sign_up_until_code(ADA, PASSWORD).await;
    bed.ciam.journeys().redeem(&bed.ticket_for(ADA).await, &phone.client).await.unwrap();
    let user = users(&bed).await[0];
    bed.ciam.sessions().end_all(&Cause::system(), user).await.unwrap();
    let advanced = desktop.answer(&journey, Answer::Continue {}).await.unwrap();
    assert!(advanced.opened.is_none());
    assert_eq!(advanced.prompt, Prompt::Refused { reason: "not_allowed".to_owned() });
    assert!(bed.ciam.sessions().list(user, None).await.unwrap().is_empty());
    assert!(bed.sign_in(ADA, PASSWORD).await.is_ok(), "a new proof is good");
}

#[tokio::test]
async fn sign_ups_from_one_client_have_a_limit() {
    let bed = TestBed::new().await;
    let browser = bed.browser();
    let journey = browser.identified(JourneyKind::SignUp, ADA).await;
    for _ in 0..120 {
        assert!(matches!(mistake(browser.answer(&journey, new_password("short")).await).0, Mistake::Password(_)));
    }
    let refused = browser.answer(&journey, new_password(PASSWORD)).await;
    assert!(matches!(refused, Err(JourneyError::Throttled { retry_after }) if retry_after == Duration::from_mins(1)));
    assert_eq!(bed.hasher.work(), 0);
    bed.clock.advance(Duration::from_mins(1));
    assert!(browser.answer(&journey, new_password(PASSWORD)).await.is_ok());
}

/// A hasher that never answers.
#[derive(Debug)]
struct Stuck(Arc<tokio::sync::Notify>);

#[async_trait::async_trait]
impl PasswordHasher for Stuck {
    async fn hash(&self, _: &Password) -> Result<PasswordHash, HashError> {
        Ok(PasswordHash::from_phc("$stuck$".to_owned()))
    }

    async fn verify(&self, _: &Password, _: Option<&PasswordHash>) -> Result<Verdict, HashError> {
        self.0.notify_one();
        std::future::pending().await
    }
}

#[tokio::test]
async fn tries_whose_client_hung_up_give_themselves_back() {
    let asked = Arc::new(tokio::sync::Notify::new());
    let hasher = Stuck(Arc::clone(&asked));
    let bed = TestBed::with(|builder| builder.store(crate::store::MemoryStore::new()).hasher(hasher)).await;
    for _ in 0..20 {
        let browser = bed.browser();
        let journey = browser.identified(JourneyKind::SignIn, ADA).await;
        let mut request = tokio::spawn(async move { browser.answer(&journey, password(PASSWORD)).await });
        tokio::select! {
            () = asked.notified() => {}
            refused = &mut request => panic!("earlier tries were not given back: {refused:?}"),
        }
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
        // What the dropped reservation has set going.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn an_account_is_whole() {
    let bed = TestBed::new().await;
    let user = bed.sign_up(ADA, PASSWORD).await.session.user;
    assert!(bed.ciam.store().get::<User>(user).await.unwrap().is_some());
    assert!(bed.ciam.store().get::<Standing>(user).await.unwrap().is_some());
    assert_eq!(bed.ciam.store().find(&Identifier::BY_USER.under(&user)).await.unwrap().items.len(), 1);
    assert_eq!(bed.ciam.users().primary_email(user).await.unwrap().unwrap().as_str(), ADA);
}
