//! What may be added to an account and removed from it, and when: fresh proofs, foreign links, bounds, the last way in.

use super::takeover::add;
use super::*;
use crate::identifiers::{Handle, IdentifierError, IdentifierPolicy, MOST_IDENTIFIERS, Proving};
use crate::sessions::Session;
use crate::store::{MemoryStore, StoreError};

const SECOND: &str = "ada@second.example";

async fn shop() -> TestBed {
    let policy = IdentifierPolicy::default().username(Asked::Optional);
    TestBed::with(|builder| builder.store(MemoryStore::new()).identifiers(policy)).await
}

async fn values(bed: &TestBed, user: UserId) -> Vec<String> {
    bed.ciam.identifiers().list(user).await.unwrap().into_iter().map(|own| own.value).collect()
}

/// Gives an account so many addresses beside what it has.
async fn fill(bed: &TestBed, session: &Session, addresses: usize) {
    let user = session.user;
    let handles: Vec<Handle> =
        (0..addresses).map(|n| Handle::Email(format!("full{n}@example.com").parse().unwrap())).collect();
    let handles = &handles;
    let filled = bed.ciam.store().transact(|work| async move {
        for handle in handles {
            let (id, now) = (work.new_id(), work.now());
            work.insert(&Identifier { id, user, handle: handle.clone(), added: now, verified: Some(now) })?;
        }
        Ok::<_, StoreError>(())
    });
    filled.await.unwrap();
}

/// The address that lists show of an account.
async fn listed(bed: &TestBed, user: UserId) -> Option<String> {
    let user = bed.ciam.users().get(user).await.unwrap().unwrap();
    user.listed.unwrap().email.map(|email| email.to_string())
}

#[tokio::test]
async fn what_lists_show_follows_what_is_added_and_removed() {
    let bed = shop().await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session;
    assert_eq!(listed(&bed, ada.user).await.as_deref(), Some(ADA));
    add(&bed, &ada, SECOND).await;
    assert_eq!(listed(&bed, ada.user).await.as_deref(), Some(ADA), "the one that was proved first");
    let own = bed.ciam.identifiers().list(ada.user).await.unwrap();
    let first = own.iter().find(|own| own.value == ADA).unwrap().id;
    bed.ciam.identifiers().remove(&Cause::user(ada.user, Origin::default()), &ada, first).await.unwrap();
    assert_eq!(listed(&bed, ada.user).await.as_deref(), Some(SECOND));
}

#[tokio::test]
async fn mf5_an_addition_asks_for_a_fresh_proof_whenever_it_comes_to_it() {
    let bed = shop().await;
    let ada = bed.sign_up(ADA, PASSWORD).await;
    let browser = bed.browser();
    let asks_password = |answered| match mistake(answered) {
        (Mistake::UnexpectedAnswer, Prompt::Password { identifier }) => assert_eq!(identifier, ADA),
        other => panic!("not asked for the password: {other:?}"),
    };
    // Fresh when it began, and no more when something is to be added.
    let first = browser.start_in(&ada.session, JourneyKind::AddIdentifier).await;
    assert!(matches!(first.prompt, Prompt::Identify { .. }));
    bed.clock.advance(Duration::from_mins(16));
    for what in [SECOND, "countess"] {
        asks_password(browser.answer(&first.id, Answer::identify(what)).await);
    }
    let ada = opened(browser.answer(&first.id, password(PASSWORD)).await);
    // Fresh when the message was sent, and no more when it is answered.
    bed.clock.advance(Duration::from_mins(8));
    let second = browser.start_in(&ada.session, JourneyKind::AddIdentifier).await.id;
    browser.answer(&second, Answer::identify(SECOND)).await.unwrap();
    let (typed, ticket) = (bed.code_for(SECOND).await, bed.ticket_for(SECOND).await);
    bed.clock.advance(Duration::from_mins(8));
    asks_password(browser.answer(&second, code(&typed)).await);
    let Redeemed::Here { id, advanced } = bed.ciam.journeys().redeem(&ticket, &browser.client).await.unwrap() else {
        panic!("it is the same browser");
    };
    assert_eq!(advanced.prompt, Prompt::Password { identifier: ADA.to_owned() });
    assert_eq!(values(&bed, ada.session.user).await, [ADA]);
    let advanced = browser.answer(&id, password(PASSWORD)).await.unwrap();
    assert!(advanced.opened.is_some() && matches!(advanced.prompt, Prompt::Code { .. }), "{advanced:?}");
    assert!(matches!(browser.answer(&second, code(&typed)).await.unwrap().prompt, Prompt::Done { .. }));
    assert_eq!(values(&bed, ada.session.user).await, [ADA, SECOND]);
}

#[tokio::test]
async fn ot5_a_foreign_click_ties_no_address_to_somebody_elses_account() {
    let bed = shop().await;
    let mallory = bed.sign_up("mallory@example.com", PASSWORD).await;
    let (browser, victim) = (bed.browser(), bed.browser());
    let journey = browser.start_in(&mallory.session, JourneyKind::AddIdentifier).await.id;
    browser.answer(&journey, Answer::identify(ADA)).await.unwrap();
    let (typed, ticket) = (bed.code_for(ADA).await, bed.ticket_for(ADA).await);
    let view = bed.ciam.journeys().ticket(&ticket, &victim.client).await.unwrap();
    assert!(view.by_code_only && !view.same_browser);
    assert!(!bed.ciam.journeys().ticket(&ticket, &browser.client).await.unwrap().by_code_only);
    for client in [&victim.client, &Client::default()] {
        let redeemed = bed.ciam.journeys().redeem(&ticket, client).await.unwrap();
        assert!(matches!(redeemed, Redeemed::ByCodeOnly), "{redeemed:?}");
    }
    assert_eq!(values(&bed, mallory.session.user).await, ["mallory@example.com"]);
    assert!(matches!(browser.answer(&journey, Answer::Continue {}).await, Err(JourneyError::Wrong { .. })));
    // Nothing was taken: the code is good where it was begun.
    assert!(matches!(browser.answer(&journey, code(&typed)).await.unwrap().prompt, Prompt::Done { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_additions_to_an_account_that_is_nearly_full_one_is_made() {
    let bed = shop().await;
    let ada = bed.sign_up(ADA, PASSWORD).await;
    fill(&bed, &ada.session, MOST_IDENTIFIERS - 2).await;
    let mut waiting = Vec::new();
    for n in 0..30 {
        let (browser, email) = (bed.browser(), format!("new{n}@example.com"));
        let journey = browser.start_in(&ada.session, JourneyKind::AddIdentifier).await.id;
        if n % 2 == 0 {
            browser.answer(&journey, Answer::identify(&email)).await.unwrap();
            waiting.push((browser, journey, code(&bed.code_for(&email).await)));
        } else {
            waiting.push((browser, journey, Answer::identify(format!("name-{n}"))));
        }
    }
    let added = in_parallel(30, |n| {
        let (browser, journey, answer) = waiting[n].clone();
        async move { browser.answer(&journey, answer).await }
    })
    .await;
    assert_eq!(values(&bed, ada.session.user).await.len(), MOST_IDENTIFIERS);
    let full = Prompt::Refused { reason: "too_many".to_owned() };
    let done = added.iter().filter(|added| matches!(added, Ok(Advanced { prompt: Prompt::Done { .. }, .. }))).count();
    let refused = |added: &&Result<Advanced, JourneyError>| match added {
        Ok(advanced) => advanced.prompt == full,
        Err(error) => matches!(error, JourneyError::Wrong { mistake: Mistake::TooMany, .. } | JourneyError::Stale),
    };
    // A username that takes the place of another one needs no room.
    assert!(done >= 1 && done + added.iter().filter(refused).count() == 30, "{added:?}");
    let events = names(&bed).await;
    let count = |name: &str| events.iter().filter(|event| *event == name).count();
    assert_eq!(count("identifier.added") - count("identifier.removed"), 1);
    assert_eq!(count("identifier.added"), done);
}

#[tokio::test]
async fn a_full_account_gets_another_username_and_nothing_else() {
    let bed = shop().await;
    let ada = bed.sign_up(ADA, PASSWORD).await;
    add(&bed, &ada.session, "countess").await;
    fill(&bed, &ada.session, MOST_IDENTIFIERS - 2).await;
    let browser = bed.browser();
    let journey = browser.start_in(&ada.session, JourneyKind::AddIdentifier).await.id;
    assert_eq!(mistake(browser.answer(&journey, Answer::identify(SECOND)).await).0, Mistake::TooMany);
    let prompt = browser.answer(&journey, Answer::identify("lovelace")).await.unwrap().prompt;
    assert!(matches!(prompt, Prompt::Done { .. }), "{prompt:?}");
    let own = values(&bed, ada.session.user).await;
    assert!(own.len() == MOST_IDENTIFIERS && !own.contains(&"countess".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn rg1_of_many_usernames_chosen_at_once_an_account_has_one() {
    let bed = shop().await;
    let ada = bed.sign_up(ADA, PASSWORD).await;
    let chosen = in_parallel(20, |n| {
        let (bed, session) = (bed.clone(), ada.session.clone());
        async move {
            let browser = bed.browser();
            let journey = browser.start_in(&session, JourneyKind::AddIdentifier).await.id;
            browser.answer(&journey, Answer::identify(format!("name-{n}"))).await.is_ok()
        }
    })
    .await;
    assert_eq!(values(&bed, ada.session.user).await.len(), 2, "an address and a username");
    let events = names(&bed).await;
    let count = |name: &str| events.iter().filter(|event| *event == name).count();
    let chosen = chosen.iter().filter(|chosen| **chosen).count();
    assert_eq!((count("identifier.added"), count("identifier.removed")), (chosen, chosen - 1), "each is told of");
}

#[tokio::test]
async fn se2_an_ended_session_adds_and_removes_nothing_and_nobody_is_told() {
    let bed = shop().await;
    let ada = bed.sign_up(ADA, PASSWORD).await;
    add(&bed, &ada.session, "countess").await;
    let browser = bed.browser();
    let (by_name, by_code, by_link) = (
        browser.start_in(&ada.session, JourneyKind::AddIdentifier).await.id,
        browser.start_in(&ada.session, JourneyKind::AddIdentifier).await.id,
        browser.start_in(&ada.session, JourneyKind::AddIdentifier).await.id,
    );
    browser.answer(&by_code, Answer::identify(SECOND)).await.unwrap();
    browser.answer(&by_link, Answer::identify("third@example.com")).await.unwrap();
    let (typed, ticket) = (bed.code_for(SECOND).await, bed.ticket_for("third@example.com").await);
    bed.ciam.sessions().end_all(&Cause::system(), ada.session.user).await.unwrap();
    let (own, told) = (values(&bed, ada.session.user).await, bed.mail().await.len());
    let events = names(&bed).await;
    let ended = Prompt::Refused { reason: "session_ended".to_owned() };
    assert_eq!(browser.answer(&by_name, Answer::identify("mallory")).await.unwrap().prompt, ended);
    assert_eq!(browser.answer(&by_code, code(&typed)).await.unwrap().prompt, ended);
    let Redeemed::Here { advanced, .. } = bed.ciam.journeys().redeem(&ticket, &browser.client).await.unwrap() else {
        panic!("it is the same browser");
    };
    assert_eq!(advanced.prompt, ended);
    assert_eq!((values(&bed, ada.session.user).await, bed.mail().await.len()), (own, told));
    assert_eq!(names(&bed).await, events);
}

#[tokio::test]
async fn an_account_without_a_proved_address_keeps_its_username() {
    let policy = IdentifierPolicy::new().sign_up(IdentifierKind::Email, Proving::Later).username(Asked::Required);
    let bed = TestBed::with(|builder| builder.store(MemoryStore::new()).identifiers(policy)).await;
    let browser = bed.browser();
    let journey = browser.identified(JourneyKind::SignUp, ADA).await;
    let chosen = Answer::NewPassword {
        new_password: Secret::new(PASSWORD.to_owned()),
        name: None,
        username: Some("countess".to_owned()),
    };
    let ada = opened(browser.answer(&journey, chosen).await);
    let identifiers = bed.ciam.identifiers();
    let of = async |value: &str| {
        let own = identifiers.list(ada.session.user).await.unwrap();
        own.into_iter().find(|own| own.value == value).unwrap().id
    };
    let by = Cause::user(ada.session.user, Origin::default());
    let last = identifiers.remove(&by, &ada.session, of("countess").await).await;
    assert!(matches!(last, Err(IdentifierError::Last)), "{last:?}");
    assert!(bed.sign_in("countess", PASSWORD).await.is_ok());
    add(&bed, &ada.session, ADA).await;
    identifiers.remove(&by, &ada.session, of("countess").await).await.unwrap();
    assert!(matches!(identifiers.remove(&by, &ada.session, of(ADA).await).await, Err(IdentifierError::Last)));
    assert!(bed.sign_in(ADA, PASSWORD).await.is_ok());
}
