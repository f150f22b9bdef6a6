//! Phone numbers and usernames under the cases that addresses are under: what looks alike, what is forged, many at
//! once, and recoveries of what has no account.

use super::recover::recovering;
use super::takeover::add;
use super::*;
use crate::identifiers::{IdentifierPolicy, Proving};
use crate::store::MemoryStore;

const PHONE: &str = "+31612345678";

fn all_kinds() -> IdentifierPolicy {
    IdentifierPolicy::default().sign_up(IdentifierKind::Phone, Proving::AtSignUp).username(Asked::Optional)
}

async fn shop() -> TestBed {
    TestBed::with(|builder| builder.store(MemoryStore::new()).identifiers(all_kinds())).await
}

#[tokio::test]
async fn pw10_a_recovery_by_any_kind_reads_and_writes_alike_with_and_without_an_account() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()), []);
    let backend = Arc::clone(&store) as Arc<dyn Backend>;
    let bed = TestBed::with(|builder| builder.shared_store(backend).identifiers(all_kinds())).await;
    let ada = bed.sign_up(ADA, PASSWORD).await;
    add(&bed, &ada.session, PHONE).await;
    add(&bed, &ada.session, "countess").await;
    // Whose account has a number alone: that shows no more than what it has else.
    let phone = bed.browser();
    let journey = phone.identified(JourneyKind::SignUp, "+31687654321").await;
    let chosen = Answer::NewPassword {
        new_password: Secret::new(PASSWORD.to_owned()),
        name: None,
        username: Some("only-a-number".to_owned()),
    };
    phone.answer(&journey, chosen).await.unwrap();
    opened(phone.answer(&journey, code(&bed.code_for("+31687654321").await)).await);
    let cases = [
        [ADA, "nobody@example.com"],
        [PHONE, "+31611111111"],
        ["countess", "nobody-at-all"],
        ["only-a-number", "nobody-else"],
    ];
    for pair in cases {
        let mut seen = Vec::new();
        for typed in pair {
            bed.clock.advance(Duration::from_mins(2));
            let browser = bed.browser();
            let journey = browser.start(JourneyKind::Recover).await;
            let work = || [store.reads(), store.finds(), store.commits(), bed.hasher.work() as u64];
            let before = work();
            let prompt = browser.answer(&journey, Answer::identify(typed)).await.unwrap().prompt;
            let asked = work();
            let (wrong, again) = mistake(browser.answer(&journey, code("000000")).await);
            let answered = work();
            let spent =
                |from: [u64; 4], to: [u64; 4]| -> Vec<u64> { from.iter().zip(to).map(|(a, b)| b - a).collect() };
            assert_eq!(prompt, again);
            let Prompt::Code { channel, to, length, .. } = prompt else { panic!("{prompt:?}") };
            assert_eq!(to, typed);
            seen.push((channel, length, wrong, spent(before, asked), spent(asked, answered)));
            let _ = bed.mail().await;
        }
        assert_eq!(seen[0], seen[1], "{pair:?}");
    }
}

#[tokio::test]
async fn rg3_a_recovery_by_a_look_alike_name_reaches_nobody() {
    let bed = shop().await;
    let ada = bed.sign_up(ADA, PASSWORD).await;
    add(&bed, &ada.session, "aca").await;
    let before = bed.mail().await.len();
    let browser = bed.browser();
    for other in ["\u{430}\u{441}\u{430}", "\u{E1}ca", "a.ca", "aca1"] {
        recovering(&bed, &browser, other).await;
        assert_eq!(bed.mail().await.len(), before, "{other}");
    }
    for mixed in ["\u{430}ca", "ac\u{430}", "a\u{200D}ca"] {
        let journey = browser.start(JourneyKind::Recover).await;
        assert_eq!(mistake(browser.answer(&journey, Answer::identify(mixed)).await).0, Mistake::InvalidUsername);
    }
    recovering(&bed, &browser, "ACA").await;
    assert_eq!((bed.mail().await.len(), bed.mail().await[0].to.as_str()), (before + 1, ADA), "the same name");
}

#[tokio::test]
async fn rg5_what_is_no_single_number_or_name_is_refused_wherever_one_is_typed() {
    let bed = shop().await;
    let ada = bed.sign_up(ADA, PASSWORD).await;
    let browser = bed.browser();
    let phone = |text: &str| Answer::Identify(Identify { phone: Some(text.to_owned()), ..Identify::default() });
    let name = |text: &str| Answer::Identify(Identify { username: Some(text.to_owned()), ..Identify::default() });
    for journey in [
        browser.start(JourneyKind::SignIn).await,
        browser.start(JourneyKind::Recover).await,
        browser.start_in(&ada.session, JourneyKind::AddIdentifier).await.id,
    ] {
        for text in
            ["+31612345678,+31687654321", "+31612345678;ext=1", "+31612345678\r\n+31687654321", "0612345678", ""]
        {
            assert_eq!(mistake(browser.answer(&journey, phone(text)).await).0, Mistake::InvalidPhone, "{text:?}");
        }
        for text in ["ada@example.com", "ada,bob", "ada\r\nbob", "\u{430}da", "ada\0", "admin", "+31612345678", ""] {
            assert_eq!(mistake(browser.answer(&journey, name(text)).await).0, Mistake::InvalidUsername, "{text:?}");
        }
    }
    assert_eq!(bed.mail().await.len(), 1, "nothing but the message of the sign-up");
}

#[tokio::test(flavor = "multi_thread")]
async fn rg1_parallel_sign_ups_of_one_number_are_one_message_and_one_account() {
    let bed = shop().await;
    let mut waiting = Vec::new();
    for n in 0..20 {
        let browser = bed.browser();
        let spelling = ["+31612345678", "0031 6 1234 5678", "+31 (0)6-12345678"][n % 3];
        waiting.push((browser.identified(JourneyKind::SignUp, spelling).await, browser));
    }
    let asked = in_parallel(20, |n| {
        let (journey, browser) = waiting[n].clone();
        async move { browser.answer(&journey, new_password(PASSWORD)).await.map(|advanced| advanced.prompt.name()) }
    })
    .await;
    assert!(asked.iter().all(|asked| matches!(asked, Ok("code"))), "{asked:?}");
    assert_eq!(bed.mail().await.len(), 1);
    let typed = bed.code_for(PHONE).await;
    let proved = in_parallel(20, |n| {
        let ((journey, browser), typed) = (waiting[n].clone(), typed.clone());
        async move { browser.answer(&journey, code(&typed)).await.is_ok_and(|advanced| advanced.opened.is_some()) }
    })
    .await;
    assert_eq!((proved.iter().filter(|opened| **opened).count(), users(&bed).await.len()), (1, 1));
}
