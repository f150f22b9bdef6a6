mod apart;
mod hang_ups;
mod messages;

use std::net::Ipv4Addr;
use std::sync::Mutex;

use super::*;
use crate::events::{Cause, Event, Origin};
use crate::journeys::{Answer, JourneyError, JourneyKind};
use crate::secret::Secret;
use crate::store::{Backend, MemoryStore, Position, Store};
use crate::testing::{Browser, FaultyStore, FixedEntropy, TestBed, in_parallel};

const ADA: &str = "ada@example.com";
const NOBODY: &str = "nobody@example.com";
const PASSWORD: &str = "vermilion otter quays";
const WRONG: &str = "a wrong password";

/// The browser of a stranger at the n-th address.
fn stranger(bed: &TestBed, n: u32) -> Browser {
    bed.browser().at(Ipv4Addr::from_bits(0xC633_6400 + n))
}

async fn with_limits(limits: ThrottleLimits) -> TestBed {
    TestBed::with(|builder| builder.store(MemoryStore::new()).throttle_limits(limits)).await
}

/// The same engine after a restart.
async fn restarted(bed: &TestBed) -> TestBed {
    let backend = bed.ciam.store().backend().clone();
    TestBed::with(|builder| builder.shared_store(backend).clock(bed.clock.clone()).entropy(FixedEntropy::new(2))).await
}

async fn events(bed: &TestBed, name: &str) -> Vec<Event> {
    let events = bed.ciam.store().tail::<Event>(Position::START, 5000).await.unwrap();
    events.into_iter().map(|(_, event)| event).filter(|event| event.name == name).collect()
}

fn counts(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.data.get("count").map_or(1, |count| count.as_u64().unwrap())).collect()
}

/// `true` when the password was evaluated and wrong; else how long to wait.
async fn guess(browser: &Browser, email: &str) -> Result<(), Duration> {
    match browser.sign_in(email, WRONG).await {
        Err(JourneyError::Wrong { .. }) => Ok(()),
        Err(JourneyError::Throttled { retry_after }) => Err(retry_after),
        other => panic!("{other:?}"),
    }
}

/// Guesses until the limit refuses: how many were evaluated, and how long to wait.
async fn guesses(browser: &Browser, email: &str) -> (u32, Duration) {
    for n in 0.. {
        if let Err(wait) = guess(browser, email).await {
            return (n, wait);
        }
        assert!(n < 50, "no limit");
    }
    unreachable!()
}

#[tokio::test]
async fn waits_grow_with_every_full_window_over_restarts_and_are_forgotten_after_a_quiet_day() {
    let mut bed = TestBed::new().await;
    let clock = bed.clock.clone();
    bed.sign_up(ADA, PASSWORD).await;
    for seconds in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600] {
        let wait = Duration::from_secs(seconds);
        assert_eq!(guesses(&stranger(&bed, 1), ADA).await, (5, wait));
        clock.advance(wait - Duration::from_secs(1));
        assert_eq!(guess(&stranger(&bed, 1), ADA).await, Err(Duration::from_secs(1)));
        let backend = bed.ciam.store().backend().clone();
        let entropy = FixedEntropy::new(seconds);
        bed = TestBed::with(|builder| builder.shared_store(backend).clock(clock.clone()).entropy(entropy)).await;
        clock.advance(Duration::from_secs(1));
    }
    clock.advance(Duration::from_hours(24));
    assert_eq!(guesses(&stranger(&bed, 1), ADA).await, (5, Duration::from_secs(30)));
    clock.advance(Duration::from_secs(30));
    assert!(stranger(&bed, 1).sign_in(ADA, PASSWORD).await.is_ok());
    assert_eq!(guesses(&stranger(&bed, 1), ADA).await, (5, Duration::from_secs(30)), "a success forgets");
}

#[tokio::test]
async fn a_window_that_was_not_filled_makes_no_wait_longer() {
    let bed = TestBed::new().await;
    bed.sign_up(ADA, PASSWORD).await;
    for _ in 0..6 {
        for _ in 0..4 {
            assert_eq!(guess(&stranger(&bed, 1), ADA).await, Ok(()));
        }
        bed.clock.advance(Duration::from_mins(5));
    }
    assert_eq!(guesses(&stranger(&bed, 1), ADA).await, (5, Duration::from_secs(30)));
}

#[tokio::test]
async fn one_address_alone_does_not_shut_an_account_and_two_together_do() {
    let bed = TestBed::new().await;
    bed.sign_up(ADA, PASSWORD).await;
    for wait in [30, 60, 120, 240] {
        let wait = Duration::from_secs(wait);
        assert_eq!(guesses(&stranger(&bed, 1), ADA).await, (5, wait));
        bed.clock.advance(wait);
    }
    assert_eq!(guesses(&stranger(&bed, 1), ADA).await.0, 5);
    assert!(stranger(&bed, 2).sign_in(ADA, PASSWORD).await.is_ok(), "the owner, from elsewhere");

    // The success has forgotten the account's failures, and those of the owner's address, but no one else's.
    assert!(guess(&stranger(&bed, 1), ADA).await.is_err());
    assert_eq!(guesses(&stranger(&bed, 3), ADA).await, (5, Duration::from_secs(30)));
    assert_eq!(guesses(&stranger(&bed, 4), ADA).await, (1, Duration::from_secs(30)), "four and one fill the account");
    assert!(matches!(stranger(&bed, 5).sign_in(ADA, PASSWORD).await, Err(JourneyError::Throttled { .. })));
    bed.clock.advance(Duration::from_secs(30));
    assert!(stranger(&bed, 5).sign_in(ADA, PASSWORD).await.is_ok());
}

#[tokio::test]
async fn pw10_an_unknown_account_is_limited_like_a_known_one_with_the_same_work() {
    let mut seen = Vec::new();
    for email in [ADA, NOBODY] {
        let store = FaultyStore::new(Arc::new(MemoryStore::new()), []);
        let bed = TestBed::with(|builder| builder.shared_store(store.clone())).await;
        bed.sign_up(ADA, PASSWORD).await;
        let mut steps = Vec::new();
        for round in 0..26_u32 {
            for n in 0..7 {
                let (hashes, commits) = (bed.hasher.work(), store.commits());
                let browser = stranger(&bed, round * 4 + n / 4).with_device();
                steps.push((guess(&browser, email).await, bed.hasher.work() - hashes, store.commits() - commits));
            }
            bed.clock.advance(Duration::from_hours(1));
        }
        let named = |name: &'static str| {
            let bed = &bed;
            async move { events(bed, name).await.len() }
        };
        let written =
            (named("sign_in.failed").await, named("throttle.refused").await, named("password.disabled").await);
        assert_eq!(written.2, 1, "so long that it is disabled");
        seen.push((steps, written));
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn mf3_a_hundred_failures_in_a_row_shut_strangers_out_until_the_owner_shows_up() {
    let bed = TestBed::new().await;
    let home = stranger(&bed, 10_000).with_device();
    let user = bed.sign_up(ADA, PASSWORD).await.session.user;
    for way_back in 0..2 {
        home.sign_in(ADA, PASSWORD).await.unwrap();
        let mut evaluated = 0;
        for n in 0..40 {
            evaluated += guesses(&stranger(&bed, 100 * way_back + n), ADA).await.0;
            bed.clock.advance(Duration::from_hours(1));
        }
        assert_eq!(evaluated, 100);
        bed.clock.advance(Duration::from_hours(30 * 24));
        let shut = restarted(&bed).await;
        let refused = stranger(&shut, 5000).sign_in(ADA, PASSWORD).await;
        assert!(matches!(refused, Err(JourneyError::Throttled { retry_after }) if retry_after.as_secs() == 3600));
        assert_eq!(guess(&home, ADA).await, Ok(()), "a slip of the owner's");
        let told = events(&bed, "password.disabled").await;
        assert_eq!(told.len(), way_back as usize + 1);
        assert!(told.iter().all(|event| event.subject == Some(user) && event.data["failures"] == 100));
        if way_back == 0 {
            assert!(home.sign_in(ADA, PASSWORD).await.is_ok(), "a device that the account knows");
        } else {
            bed.ciam.tries().forgive(&Cause::system(), user).await.unwrap();
            assert_eq!(events(&bed, "throttle.forgiven").await.len(), 1);
        }
        assert!(stranger(&bed, 5000).sign_in(ADA, PASSWORD).await.is_ok());
    }
}

#[tokio::test]
async fn the_owner_on_a_known_device_signs_in_while_strangers_have_shut_the_account() {
    let bed = TestBed::new().await;
    bed.sign_up(ADA, PASSWORD).await;
    let home = stranger(&bed, 1).with_device();
    let opened = home.sign_in(ADA, PASSWORD).await.unwrap();
    assert_eq!(opened.device.unwrap().digest(), home.client.device.as_ref().unwrap().digest());
    for n in 2..4 {
        guesses(&stranger(&bed, n), ADA).await;
    }
    assert!(matches!(stranger(&bed, 1).sign_in(ADA, PASSWORD).await, Err(JourneyError::Throttled { .. })));
    let travelling = home.clone().at([203, 0, 113, 7]);
    assert!(travelling.sign_in(ADA, PASSWORD).await.is_ok(), "a device, wherever it is");
    assert!(stranger(&bed, 1).sign_in(ADA, PASSWORD).await.is_ok(), "its success has forgotten the failures");
}

#[tokio::test]
async fn recovery_passes_what_shuts_strangers_out_and_forgives_and_knows_the_device() {
    let bed = TestBed::new().await;
    bed.sign_up(ADA, PASSWORD).await;
    for n in 0..40 {
        guesses(&stranger(&bed, n), ADA).await;
        bed.clock.advance(Duration::from_hours(1));
    }
    let phone = stranger(&bed, 1).with_device();
    assert!(matches!(phone.sign_in(ADA, PASSWORD).await, Err(JourneyError::Throttled { .. })), "disabled");
    let journey = phone.identified(JourneyKind::Recover, ADA).await;
    phone.answer(&journey, Answer::Code { code: Secret::new(bed.code_for(ADA).await) }).await.unwrap();
    let opened = phone.answer(&journey, Answer::new_password("indigo heron wharves")).await.unwrap().opened.unwrap();
    assert!(opened.device.is_some());
    assert!(stranger(&bed, 5000).sign_in(ADA, "indigo heron wharves").await.is_ok(), "strangers may try again");
    for n in 100..102 {
        guesses(&stranger(&bed, n), ADA).await;
    }
    assert!(guess(&stranger(&bed, 5000), ADA).await.is_err());
    assert!(phone.sign_in(ADA, "indigo heron wharves").await.is_ok());
}

#[tokio::test]
async fn a_changed_password_makes_all_devices_strange_but_the_own() {
    let bed = TestBed::new().await;
    bed.sign_up(ADA, PASSWORD).await;
    let (home, lost) = (stranger(&bed, 1).with_device(), stranger(&bed, 2).with_device());
    lost.sign_in(ADA, PASSWORD).await.unwrap();
    let session = home.sign_in(ADA, PASSWORD).await.unwrap().session;
    let (old, new) = (Secret::new(PASSWORD.to_owned()), "indigo heron wharves");
    let passwords = bed.ciam.passwords();
    let opened = passwords.change(&home.client, &session, &old, &Secret::new(new.to_owned())).await.unwrap();
    assert!(opened.device.is_some());
    for n in 100..102 {
        guesses(&stranger(&bed, n), ADA).await;
    }
    assert!(matches!(lost.sign_in(ADA, new).await, Err(JourneyError::Throttled { .. })));
    assert!(home.sign_in(ADA, new).await.is_ok());
}

#[tokio::test]
async fn a_stolen_device_gives_its_own_small_limit_for_its_own_account_until_all_sessions_are_ended() {
    let bed = TestBed::new().await;
    let user = bed.sign_up(ADA, PASSWORD).await.session.user;
    bed.sign_up("bob@example.com", PASSWORD).await;
    let home = stranger(&bed, 1).with_device();
    home.sign_in(ADA, PASSWORD).await.unwrap();
    let thief = |n| {
        let mut browser = stranger(&bed, n);
        browser.client.device.clone_from(&home.client.device);
        browser
    };
    assert_eq!(guesses(&thief(2), ADA).await, (5, Duration::from_secs(30)));
    assert_eq!(guesses(&thief(3), ADA).await.0, 0, "it is the device's limit, from every address");
    assert!(stranger(&bed, 1).sign_in(ADA, PASSWORD).await.is_ok(), "and not the account's");
    for n in 4..6 {
        guesses(&stranger(&bed, n), "bob@example.com").await;
    }
    assert!(guess(&thief(6), "bob@example.com").await.is_err(), "another account does not know it");
    bed.clock.advance(Duration::from_secs(30));
    for n in 7..9 {
        guesses(&stranger(&bed, n), ADA).await;
    }
    bed.ciam.sessions().end_all(&Cause::user(user, Origin::default()), user).await.unwrap();
    assert!(guess(&thief(9), ADA).await.is_err(), "nobody knows it any more");
    bed.clock.advance(Duration::from_hours(1));
    home.sign_in(ADA, PASSWORD).await.unwrap();
    guesses(&stranger(&bed, 10), ADA).await;
    assert_eq!(guesses(&thief(11), ADA).await, (5, Duration::from_secs(30)), "known again, it begins anew");
}

#[tokio::test]
async fn an_account_knows_a_bounded_number_of_devices_and_each_for_400_days() {
    let bed = TestBed::new().await;
    let user = bed.sign_up(ADA, PASSWORD).await.session.user;
    let query = crate::devices::KnownDevice::BY_USER.under(&user);
    let known = async || bed.ciam.store().count(&query, 1000).await.unwrap();
    assert_eq!(known().await, 0, "a client that wants none is not remembered");
    let first = stranger(&bed, 1).with_device();
    for n in 0..30 {
        bed.clock.advance(Duration::from_hours(1));
        let browser = if n == 0 { first.clone() } else { stranger(&bed, n).with_device() };
        browser.sign_in(ADA, PASSWORD).await.unwrap();
        browser.sign_in(ADA, PASSWORD).await.unwrap();
    }
    assert_eq!(known().await, 20);
    for n in 100..102 {
        guesses(&stranger(&bed, n), ADA).await;
    }
    assert!(first.sign_in(ADA, PASSWORD).await.is_err(), "the one seen longest ago has made room");
    bed.clock.advance(crate::devices::KNOWN_FOR);
    assert_eq!(known().await, 0);
}

#[tokio::test]
async fn addresses_of_one_ipv6_network_are_one_client() {
    let bed = TestBed::new().await;
    bed.sign_up(ADA, PASSWORD).await;
    let at = |network: u16, host: u16| bed.browser().at([0x2001, 0xdb8, 0, network, 0, 0, 0, host]);
    let mut evaluated = 0;
    for host in 0..50 {
        evaluated += u32::from(guess(&at(1, host), ADA).await.is_ok());
    }
    assert_eq!(evaluated, 5, "of one account");
    for host in 50..100 {
        evaluated += u32::from(guess(&at(1, host), &format!("person{host}@example.com")).await.is_ok());
    }
    assert_eq!(evaluated, 10, "of all accounts");
    assert_eq!(guess(&at(2, 1), "person@example.com").await, Ok(()), "another network is another client");
}

#[tokio::test]
async fn watching_refuses_nothing_but_counts_and_tells_and_a_code_stays_limited() {
    let limits = ThrottleLimits {
        client_sign_ups: Rate::new(8, Duration::from_mins(1)),
        client_messages: Rate::new(8, Duration::from_mins(1)),
        monitoring: Monitoring::ALL,
        ..ThrottleLimits::default()
    };
    let bed = with_limits(limits).await;
    bed.sign_up(ADA, PASSWORD).await;
    for _ in 0..150 {
        assert_eq!(guess(&stranger(&bed, 1), ADA).await, Ok(()));
    }
    assert!(stranger(&bed, 1).sign_in(ADA, PASSWORD).await.is_ok());
    let browser = bed.browser();
    let journey = browser.sign_up_until_code("bob@example.com", PASSWORD).await;
    for _ in 0..20 {
        bed.clock.advance(Duration::from_secs(60));
        assert!(browser.answer(&journey, Answer::Resend {}).await.is_ok());
    }
    for n in 0..10 {
        browser.sign_up_until_code(&format!("person{n}@example.com"), PASSWORD).await;
    }
    assert_eq!(bed.mail().await.len(), 32);
    bed.clock.advance(Duration::from_mins(1));
    bed.ciam.tries().summarise().await.unwrap();
    let would = events(&bed, "throttle.would_refuse").await;
    let of = |limit: &str| {
        let of: Vec<Event> = would.iter().filter(|event| event.data["limit"] == limit).cloned().collect();
        counts(&of).into_iter().sum::<u64>()
    };
    assert_eq!(of("sign_in.account") + of("sign_in.pair") + of("sign_in.client"), 146, "from the sixth on");
    assert_eq!((of("sign_up.client"), of("messages.address")), (2, 16));
    assert!(of("messages.client") > 0);
    assert!(events(&bed, "throttle.refused").await.is_empty() && events(&bed, "password.disabled").await.is_empty());
    assert!(would.len() < 40, "one a minute and limit");
    for _ in 0..5 {
        let code = Answer::Code { code: Secret::new("00000".to_owned() + "0") };
        assert!(matches!(browser.answer(&journey, code).await, Err(JourneyError::Wrong { .. })));
    }
    let right = Answer::Code { code: Secret::new(bed.code_for("bob@example.com").await) };
    assert!(browser.answer(&journey, right).await.is_err(), "five tries of a code, watched or not");
}

#[tokio::test]
async fn an_attack_writes_summaries_and_not_an_event_for_every_try() {
    let bed = TestBed::new().await;
    let user = bed.sign_up(ADA, PASSWORD).await.session.user;
    assert_eq!(guesses(&stranger(&bed, 1), ADA).await.0, 5);
    for _ in 0..200 {
        assert!(guess(&stranger(&bed, 1), ADA).await.is_err());
    }
    assert_eq!(events(&bed, "sign_in.failed").await.len(), 5);
    let refused = events(&bed, "throttle.refused").await;
    assert_eq!(counts(&refused), [1]);
    assert_eq!(refused[0].subject, Some(user));
    assert_eq!(refused[0].data["limit"], "sign_in.pair");
    assert_eq!(refused[0].origin.ip, Some(Ipv4Addr::new(198, 51, 100, 1).into()));
    bed.clock.advance(Duration::from_mins(1));
    bed.ciam.tries().summarise().await.unwrap();
    assert_eq!(counts(&events(&bed, "throttle.refused").await), [1, 200]);

    // Failures after a full window are gathered too.
    assert_eq!(guesses(&stranger(&bed, 1), ADA).await.0, 5);
    assert_eq!(counts(&events(&bed, "sign_in.failed").await), [1; 6]);
    bed.clock.advance(Duration::from_mins(1));
    bed.ciam.tries().summarise().await.unwrap();
    let failed = events(&bed, "sign_in.failed").await;
    assert_eq!(counts(&failed), [1, 1, 1, 1, 1, 1, 4]);
    assert_eq!((failed[6].subject, &failed[6].data["reason"]), (Some(user), &"wrong_password".into()));
    bed.clock.advance(Duration::from_hours(1));
    bed.ciam.tries().summarise().await.unwrap();
    assert_eq!(counts(&events(&bed, "throttle.refused").await), [1, 200, 1], "and then it is quiet");
}

#[tokio::test]
async fn messages_come_in_a_burst_and_then_one_at_a_time_for_all_tags_of_a_mailbox() {
    let bed = TestBed::new().await;
    let ask = async |email: &str| {
        let browser = bed.browser();
        let journey = browser.identified(JourneyKind::SignUp, email).await;
        let answer = Answer::new_password(PASSWORD);
        match browser.answer(&journey, answer).await {
            Ok(_) => None,
            Err(JourneyError::Throttled { retry_after }) => Some(retry_after.as_secs()),
            other => panic!("{other:?}"),
        }
    };
    for n in 0..5 {
        assert_eq!(ask(&format!("ada+{n}@example.com")).await, None);
    }
    assert_eq!(ask(ADA).await, Some(5000));
    assert_eq!(ask("Ada+again@example.com").await, Some(5000));
    assert_eq!(ask("bob@example.com").await, None);
    bed.clock.advance(Duration::from_secs(4999));
    assert_eq!(ask(ADA).await, Some(1));
    bed.clock.advance(Duration::from_secs(1));
    assert_eq!((ask(ADA).await, ask("ada+x@example.com").await), (None, Some(5000)));
    bed.clock.advance(Duration::from_secs(10_000));
    assert_eq!((ask(ADA).await, ask(ADA).await, ask(ADA).await), (None, None, Some(5000)));
    bed.clock.advance(Duration::from_hours(24 * 365));
    for _ in 0..5 {
        assert_eq!(ask(ADA).await, None);
    }
    assert_eq!(ask(ADA).await, Some(5000), "what was not used does not add up");
    let refused = events(&bed, "throttle.refused").await;
    assert!(refused.iter().all(|event| event.data["limit"] == "messages.address" && event.subject.is_none()));
}

#[tokio::test]
async fn one_client_asks_for_a_limited_number_of_messages() {
    let limits = ThrottleLimits { client_messages: Rate::new(3, Duration::from_hours(1)), ..Default::default() };
    let bed = with_limits(limits).await;
    for n in 0..3 {
        stranger(&bed, 1).sign_up_until_code(&format!("person{n}@example.com"), PASSWORD).await;
    }
    let browser = stranger(&bed, 1);
    let journey = browser.identified(JourneyKind::SignUp, ADA).await;
    let answer = Answer::new_password(PASSWORD);
    let refused = browser.answer(&journey, answer).await;
    assert!(matches!(refused, Err(JourneyError::Throttled { retry_after }) if retry_after == Duration::from_hours(1)));
    stranger(&bed, 2).sign_up_until_code(ADA, PASSWORD).await;
    assert_eq!(bed.mail().await.len(), 4);
}

#[tokio::test]
async fn recovery_and_proof_have_buckets_of_their_own() {
    let bed = TestBed::new().await;
    let (tries, store) = (bed.ciam.tries(), bed.ciam.store());
    let limits = ThrottleLimits::default();
    let ada = crate::identifiers::Handle::from(ADA.parse::<crate::email::Email>().unwrap());
    let application = crate::id::ApplicationId::DEFAULT;
    let of = |purpose| postage(&limits, purpose, &ada, false, application, &Origin::default());
    for (purpose, most) in [(Purpose::Recovery, 3), (Purpose::Proof, 5)] {
        let postage = &of(purpose);
        for n in 0..7 {
            let sent = store.transact(|work| async move { tries.post_in(&work, postage).await }).await;
            assert_eq!((sent.is_ok(), tries.look_at_postage(postage).await.is_ok()), (n < most, n + 1 < most), "{n}");
        }
    }
}

#[tokio::test]
async fn a_sign_in_takes_three_commits_right_or_wrong() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()), []);
    let bed = TestBed::with(|builder| builder.shared_store(store.clone())).await;
    bed.sign_up(ADA, PASSWORD).await;
    let home = bed.browser().with_device();
    for password in [PASSWORD, WRONG, PASSWORD, PASSWORD] {
        let before = store.commits();
        assert_eq!(home.sign_in(ADA, password).await.is_ok(), password == PASSWORD);
        assert_eq!(store.commits() - before, 3);
    }
}

#[tokio::test]
async fn what_nobody_needs_any_more_is_swept() {
    let bed = TestBed::new().await;
    bed.sign_up(ADA, PASSWORD).await;
    for n in 0..4 {
        guesses(&stranger(&bed, n), &format!("nobody{n}@example.com")).await;
        stranger(&bed, n).sign_up_until_code(&format!("person{n}@example.com"), PASSWORD).await;
    }
    let kept = async |bed: &TestBed| {
        let limits = ThrottleLimits::default();
        let mut kept = 0;
        for n in 0..4 {
            let origin = Origin::new(Some(Ipv4Addr::from_bits(0xC633_6400 + n).into()), None);
            for limit in proof_limits(&limits, &SIGN_IN, Account::Unknown(Digest::of(b"nobody")), &origin, None) {
                kept += u32::from(
                    bed.ciam.store().get::<Counter>(limit.counter_id(bed.ciam.store())).await.unwrap().is_some(),
                );
            }
        }
        kept
    };
    assert_eq!(kept(&bed).await, 4, "the clients'");
    bed.clock.advance(Duration::from_hours(48));
    assert_eq!(kept(&bed).await, 0);
    let backend: &Arc<dyn Backend> = bed.ciam.store().backend();
    assert!(backend.sweep(bed.ciam.clock().now(), 1000).await.unwrap() > 12);
    assert_eq!(backend.sweep(bed.ciam.clock().now(), 1000).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_in_parallel_with_failures_begins_anew_and_counts_nothing_twice() {
    for _ in 0..20 {
        let bed = TestBed::new().await;
        bed.sign_up(ADA, PASSWORD).await;
        guess(&stranger(&bed, 9), ADA).await.unwrap();
        let results = in_parallel(8, |n| {
            let bed = bed.clone();
            async move { stranger(&bed, 1).sign_in(ADA, if n < 3 { WRONG } else { PASSWORD }).await.is_ok() }
        })
        .await;
        let right = results.iter().filter(|ok| **ok).count();
        assert_eq!(right, 5, "four failures fill no window");
        bed.clock.advance(Duration::from_hours(48));
        assert_eq!(guesses(&stranger(&bed, 1), ADA).await, (5, Duration::from_secs(30)));
    }
}

/// A host's own throttle, which knows nothing of the store and remembers what it was told.
#[derive(Debug, Default)]
struct Elsewhere(Arc<Mutex<Vec<Outcome>>>);

#[async_trait]
impl Throttle for Elsewhere {
    async fn reserve(&self, limits: Vec<Limit>) -> Result<Reservation, ThrottleError> {
        Ok(Reservation::new(limits))
    }

    async fn settle(&self, reservation: Reservation, outcome: Outcome) -> Result<(), ThrottleError> {
        assert!(!reservation.settled().is_empty());
        self.0.lock().unwrap().push(outcome);
        Ok(())
    }
}

#[tokio::test]
async fn a_throttle_of_the_hosts_own_is_told_each_outcome_once() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let throttle = Elsewhere(Arc::clone(&told));
    let bed = TestBed::with(|builder| builder.store(MemoryStore::new()).throttle(throttle)).await;
    bed.sign_up(ADA, PASSWORD).await;
    bed.sign_in(ADA, PASSWORD).await.unwrap();
    assert!(bed.sign_in(ADA, WRONG).await.is_err());
    bed.hasher.overload(Some(Duration::from_secs(1)));
    assert!(bed.sign_in(ADA, PASSWORD).await.is_err());
    assert_eq!(*told.lock().unwrap(), [Outcome::Succeeded, Outcome::Failed, Outcome::Cancelled]);
}
