//! Recovery of what is another's by now, or nobody's any more: names and mailboxes that change hands, revocations,
//! suspended accounts, and guessing.

use std::time::Duration;

use super::recover::{NEW, recovering};
use super::*;
use crate::challenges::Challenge;
use crate::identifiers::{IdentifierPolicy, Proving};
use crate::passwords::PasswordCredential;
use crate::sessions::Session;
use crate::store::MemoryStore;
use crate::testing::Browser;
use crate::throttle::{Rate, ThrottleLimits};

const SECOND: &str = "ada@second.example";
const MALLORY: &str = "mallory@example.com";

async fn shop() -> TestBed {
    let policy = IdentifierPolicy::default().username(Asked::Optional);
    TestBed::with(|builder| builder.store(MemoryStore::new()).identifiers(policy)).await
}

/// Adds an address or a username to the account of a session.
pub(super) async fn add(bed: &TestBed, session: &Session, what: &str) {
    // Later than what the account has: it is by that that one comes first.
    bed.clock.advance(Duration::from_secs(1));
    let browser = bed.browser();
    let journey = browser.start_in(session, JourneyKind::AddIdentifier).await.id;
    let prompt = browser.answer(&journey, Answer::identify(what)).await.unwrap().prompt;
    if matches!(prompt, Prompt::Code { .. }) {
        browser.answer(&journey, code(&bed.code_for(what).await)).await.unwrap();
    }
    // What the owner is told arrives before any later message.
    let _ = bed.mail().await;
}

/// What the newest message to an address holds.
struct Sent {
    code: String,
    ticket: String,
}

impl Sent {
    async fn to(bed: &TestBed, email: &str) -> Self {
        Self { code: bed.code_for(email).await, ticket: bed.ticket_for(email).await }
    }

    /// What is asked after the message was answered, by its code in the browser that asked for it, or by its link in
    /// another one; and the browser and journey with which it goes on.
    async fn answered(
        &self,
        by_link: bool,
        asked: &Browser,
        journey: &str,
        bed: &TestBed,
    ) -> (Prompt, Browser, String) {
        if !by_link {
            let prompt = asked.answer(journey, code(&self.code)).await.unwrap().prompt;
            return (prompt, asked.clone(), journey.to_owned());
        }
        let phone = bed.browser();
        match bed.ciam.journeys().redeem(&self.ticket, &phone.client).await.unwrap() {
            Redeemed::HandedOver(started) => (started.prompt, phone, started.id),
            other => panic!("not handed over: {other:?}"),
        }
    }
}

fn expired() -> Prompt {
    Prompt::Refused { reason: "expired".to_owned() }
}

#[tokio::test]
async fn ot5_a_recovery_by_a_name_reaches_nobody_who_has_the_name_later() {
    for by_link in [false, true] {
        let bed = shop().await;
        let (mallory, ada) = (bed.sign_up(MALLORY, PASSWORD).await, bed.sign_up(ADA, PASSWORD).await);
        add(&bed, &mallory.session, "countess").await;
        let browser = bed.browser();
        let journey = recovering(&bed, &browser, "countess").await;
        let sent = Sent::to(&bed, MALLORY).await;
        add(&bed, &mallory.session, "another-name").await;
        add(&bed, &ada.session, "countess").await;
        let (prompt, ..) = sent.answered(by_link, &browser, &journey, &bed).await;
        assert_eq!(prompt, expired(), "by link: {by_link}");
        assert!(bed.sign_in("countess", PASSWORD).await.is_ok());
    }
}

#[tokio::test]
async fn ot5_a_recovery_by_way_of_a_mailbox_that_was_removed_is_over() {
    for (by_link, typed) in [(false, "countess"), (true, "countess"), (false, ADA), (true, ADA)] {
        let bed = shop().await;
        let ada = bed.sign_up(ADA, PASSWORD).await;
        add(&bed, &ada.session, SECOND).await;
        add(&bed, &ada.session, "countess").await;
        let browser = bed.browser();
        let journey = recovering(&bed, &browser, typed).await;
        let sent = Sent::to(&bed, ADA).await;
        let own = bed.ciam.identifiers().list(ada.session.user).await.unwrap();
        let compromised = own.iter().find(|own| own.value == ADA).unwrap().id;
        bed.ciam.identifiers().remove(&Cause::system(), &ada.session, compromised).await.unwrap();
        let (prompt, ..) = sent.answered(by_link, &browser, &journey, &bed).await;
        assert_eq!(prompt, expired(), "by link: {by_link}, {typed}");
        assert!(bed.sign_in(SECOND, PASSWORD).await.is_ok());
    }
}

#[tokio::test]
async fn ot5_what_a_removed_mailbox_had_proved_sets_no_password() {
    for by_link in [false, true] {
        let bed = shop().await;
        let ada = bed.sign_up(ADA, PASSWORD).await;
        add(&bed, &ada.session, SECOND).await;
        let browser = bed.browser();
        let journey = recovering(&bed, &browser, ADA).await;
        let sent = Sent::to(&bed, ADA).await;
        let (prompt, browser, journey) = sent.answered(by_link, &browser, &journey, &bed).await;
        assert!(matches!(prompt, Prompt::NewPassword { .. }), "{prompt:?}");
        let own = bed.ciam.identifiers().list(ada.session.user).await.unwrap();
        let compromised = own.iter().find(|own| own.value == ADA).unwrap().id;
        bed.ciam.identifiers().remove(&Cause::system(), &ada.session, compromised).await.unwrap();
        let advanced = browser.answer(&journey, new_password(NEW)).await.unwrap();
        assert_eq!(advanced.prompt, Prompt::Refused { reason: "not_allowed".to_owned() }, "by link: {by_link}");
        assert!(bed.sign_in(SECOND, NEW).await.is_err() && bed.sign_in(SECOND, PASSWORD).await.is_ok());
    }
}

#[tokio::test]
async fn se2_a_thief_who_ends_the_other_sessions_keeps_no_owner_from_recovering() {
    for by_link in [false, true] {
        let bed = shop().await;
        let stolen = bed.sign_up(ADA, PASSWORD).await.session;
        let end_others = async || {
            let by = Cause::user(stolen.user, Default::default());
            bed.ciam.sessions().end_others(&by, stolen.user, stolen.id).await
        };
        let owner = bed.browser();
        let journey = recovering(&bed, &owner, ADA).await;
        let sent = Sent::to(&bed, ADA).await;
        end_others().await.unwrap();
        let (prompt, owner, journey) = sent.answered(by_link, &owner, &journey, &bed).await;
        assert!(matches!(prompt, Prompt::NewPassword { .. }), "{prompt:?}");
        end_others().await.unwrap();
        let advanced = owner.answer(&journey, new_password(NEW)).await.unwrap();
        assert_eq!(advanced.prompt == Prompt::Completed {}, by_link, "{:?}", advanced.prompt);
        assert_eq!(advanced.opened.is_some(), !by_link, "{:?}", advanced.prompt);
        assert!(end_others().await.is_err(), "the thief's session is over, and ending the others revives it not");
        assert!(bed.sign_in(ADA, NEW).await.is_ok());
    }
}

#[tokio::test]
async fn se2_a_recovery_that_waits_outlives_no_revocation() {
    for revocation in 0..5 {
        for by_link in [false, true] {
            let bed = shop().await;
            let ada = bed.sign_up(ADA, PASSWORD).await;
            let user = ada.session.user;
            let (stranger, owner) = (bed.browser(), bed.browser());
            let journey = recovering(&bed, &stranger, ADA).await;
            let sent = Sent::to(&bed, ADA).await;
            let (present, new) = (Secret::new(PASSWORD.to_owned()), Secret::new(NEW.to_owned()));
            match revocation {
                0 => drop(bed.ciam.passwords().change(&owner.client, &ada.session, &present, &new).await.unwrap()),
                1 => bed.ciam.passwords().set(&Cause::system(), user, &new).await.unwrap(),
                2 => bed.ciam.sessions().end_all(&Cause::system(), user).await.unwrap(),
                3 => {
                    bed.ciam.users().suspend(&Cause::system(), user).await.unwrap();
                    bed.ciam.users().activate(&Cause::system(), user).await.unwrap();
                }
                _ => {
                    let journey = recovering(&bed, &owner, ADA).await;
                    owner.answer(&journey, code(&bed.code_for(ADA).await)).await.unwrap();
                    opened(owner.answer(&journey, new_password(NEW)).await);
                }
            }
            let (prompt, ..) = sent.answered(by_link, &stranger, &journey, &bed).await;
            assert_eq!(prompt, expired(), "revocation {revocation}, by link: {by_link}");
        }
    }
}

#[tokio::test]
async fn se2_a_suspended_account_gets_no_password_by_recovery() {
    for by_link in [false, true] {
        let bed = shop().await;
        let user = bed.sign_up(ADA, PASSWORD).await.session.user;
        bed.ciam.users().suspend(&Cause::system(), user).await.unwrap();
        let (standing, kept) = (
            bed.ciam.store().get::<Standing>(user).await.unwrap(),
            bed.ciam.store().get::<PasswordCredential>(user).await.unwrap(),
        );
        let browser = bed.browser();
        // A stranger sees what they see of any account; who has its mailbox is told at the end.
        let journey = recovering(&bed, &browser, ADA).await;
        let sent = Sent::to(&bed, ADA).await;
        let (prompt, browser, journey) = sent.answered(by_link, &browser, &journey, &bed).await;
        assert!(matches!(prompt, Prompt::NewPassword { .. }), "{prompt:?}");
        let before = names(&bed).await;
        let advanced = browser.answer(&journey, new_password(NEW)).await.unwrap();
        assert_eq!(advanced.prompt, Prompt::Refused { reason: "not_allowed".to_owned() }, "by link: {by_link}");
        assert!(advanced.opened.is_none());
        assert_eq!(bed.ciam.store().get::<Standing>(user).await.unwrap(), standing);
        assert_eq!(bed.ciam.store().get::<PasswordCredential>(user).await.unwrap(), kept);
        assert_eq!(names(&bed).await, before, "nothing is written, and nobody told");
        bed.ciam.users().activate(&Cause::system(), user).await.unwrap();
        assert!(bed.sign_in(ADA, NEW).await.is_err() && bed.sign_in(ADA, PASSWORD).await.is_ok());
    }
}

#[tokio::test]
async fn pw10_a_recovery_of_which_nobody_is_told_has_no_right_code() {
    let policy = IdentifierPolicy::new().sign_up(IdentifierKind::Email, Proving::Later).username(Asked::Required);
    let bed = TestBed::with(|builder| builder.store(MemoryStore::new()).identifiers(policy)).await;
    let ada = bed.browser();
    let journey = ada.identified(JourneyKind::SignUp, ADA).await;
    let chosen = Answer::NewPassword {
        new_password: Secret::new(PASSWORD.to_owned()),
        name: None,
        username: Some("countess".to_owned()),
    };
    opened(ada.answer(&journey, chosen).await);
    for name in ["countess", "nobody-at-all"] {
        let stranger = bed.browser();
        let journey = recovering(&bed, &stranger, name).await;
        assert!(bed.mail().await.is_empty(), "{name}");
        let sent = bed.ciam.journeys().load(&journey, &stranger.client).await.unwrap().journey.challenge.unwrap().id;
        let challenge = bed.ciam.store().get::<Challenge>(sent).await.unwrap().unwrap();
        assert!(challenge.decoy, "{name}");
        let never_sent = challenge.code(bed.ciam.journeys().vault.as_ref()).await.unwrap().unwrap();
        let answered = stranger.answer(&journey, code(never_sent.expose())).await;
        assert_eq!(mistake(answered).0, Mistake::WrongCode, "{name}");
    }
}

#[tokio::test]
async fn mf3_a_hundred_wrong_codes_of_recoveries_in_a_row_leave_the_link_alone() {
    let bed = shop().await;
    bed.sign_up(ADA, PASSWORD).await;
    let nobody = "nobody@example.com";
    let wrong = async |browser: &Browser, journey: &str| mistake(browser.answer(journey, code("000000")).await).0;
    for round in 0..20 {
        // As often as there are messages, from another address each time.
        bed.clock.advance(Duration::from_secs(5000));
        for email in [ADA, nobody] {
            let browser = bed.browser().at(std::net::Ipv4Addr::new(192, 0, 2, round));
            let journey = recovering(&bed, &browser, email).await;
            for _ in 0..5 {
                assert_eq!(wrong(&browser, &journey).await, Mistake::WrongCode, "{round} {email}");
            }
        }
    }
    bed.clock.advance(Duration::from_secs(5000));
    let browser = bed.browser();
    let unknown = recovering(&bed, &browser, nobody).await;
    assert_eq!(wrong(&browser, &unknown).await, Mistake::CodeUsedUp, "what leads to no account looks alike");
    let journey = recovering(&bed, &browser, ADA).await;
    let sent = Sent::to(&bed, ADA).await;
    let refused = mistake(browser.answer(&journey, code(&sent.code)).await).0;
    assert_eq!(refused, Mistake::CodeUsedUp, "even the right one");
    let (_, phone, journey) = sent.answered(true, &browser, &journey, &bed).await;
    assert_eq!(phone.answer(&journey, new_password(NEW)).await.unwrap().prompt, Prompt::Completed {});
    bed.clock.advance(Duration::from_secs(5000));
    let journey = recovering(&bed, &browser, ADA).await;
    assert_eq!(wrong(&browser, &journey).await, Mistake::WrongCode, "its owner has recovered it: it begins anew");
    assert!(browser.answer(&journey, code(&bed.code_for(ADA).await)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn mf3_parallel_guesses_over_several_recoveries_meet_one_limit() {
    let limits = ThrottleLimits {
        recovery_failures: Rate::new(7, Duration::from_hours(24)),
        client_recovery_failures: Rate::new(100, Duration::from_mins(1)),
        ..ThrottleLimits::default()
    };
    let bed = TestBed::with(|builder| builder.store(MemoryStore::new()).throttle_limits(limits)).await;
    bed.sign_up(ADA, PASSWORD).await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let browser = bed.browser();
        waiting.push((recovering(&bed, &browser, ADA).await, browser));
    }
    let guessed = in_parallel(30, |n| {
        let (journey, browser) = waiting[n % 3].clone();
        async move { mistake(browser.answer(&journey, code("000000")).await).0 }
    })
    .await;
    let of = |wanted: Mistake| guessed.iter().filter(|mistake| **mistake == wanted).count();
    assert_eq!((of(Mistake::WrongCode), of(Mistake::CodeUsedUp)), (7, 23), "{guessed:?}");
    let email = ADA.parse().unwrap();
    let user = bed.ciam.users().by_email(&email).await.unwrap().unwrap();
    bed.ciam.tries().forgive(&Cause::system(), user).await.unwrap();
    bed.clock.advance(Duration::from_secs(5000));
    let browser = bed.browser();
    let journey = recovering(&bed, &browser, ADA).await;
    let again = mistake(browser.answer(&journey, code("000000")).await).0;
    assert_eq!(again, Mistake::WrongCode, "an operator had them forgotten");
}

#[tokio::test]
async fn mf3_wrong_codes_of_one_client_at_many_accounts_are_ten() {
    let bed = shop().await;
    let browser = bed.browser();
    let mut wrong = Vec::new();
    for n in 0..3 {
        let journey = recovering(&bed, &browser, &format!("nobody{n}@example.com")).await;
        for _ in 0..4 {
            wrong.push(matches!(browser.answer(&journey, code("000000")).await, Err(JourneyError::Wrong { .. })));
        }
    }
    assert_eq!((wrong.iter().filter(|wrong| **wrong).count(), &wrong[10..]), (10, &[false, false][..]));
    let journey = recovering(&bed, &browser.clone().at([192, 0, 2, 9]), ADA).await;
    let throttled = browser.answer(&journey, code("000000")).await;
    assert!(matches!(throttled, Err(JourneyError::Throttled { retry_after }) if retry_after == Duration::from_mins(1)));
    bed.clock.advance(Duration::from_mins(1));
    assert_eq!(mistake(browser.answer(&journey, code("000000")).await).0, Mistake::WrongCode);
}

#[tokio::test]
async fn pw8_a_recovery_by_link_forgives_the_failures_from_where_its_owner_is() {
    let bed = shop().await;
    bed.sign_up(ADA, PASSWORD).await;
    let (nat, home) = ([192, 0, 2, 1], [198, 51, 100, 1]);
    for _ in 0..5 {
        assert!(bed.browser().at(nat).sign_in(ADA, "some wrong password").await.is_err());
    }
    let locked = bed.browser().at(nat).sign_in(ADA, PASSWORD).await;
    assert!(matches!(locked, Err(JourneyError::Throttled { .. })), "{locked:?}");
    recovering(&bed, &bed.browser().at(home), ADA).await;
    let ticket = bed.ticket_for(ADA).await;
    let phone = bed.browser().at(nat);
    let Redeemed::HandedOver(started) = bed.ciam.journeys().redeem(&ticket, &phone.client).await.unwrap() else {
        panic!("not handed over");
    };
    assert_eq!(phone.answer(&started.id, new_password(NEW)).await.unwrap().prompt, Prompt::Completed {});
    assert!(phone.sign_in(ADA, NEW).await.is_ok(), "its owner is let in");
}
