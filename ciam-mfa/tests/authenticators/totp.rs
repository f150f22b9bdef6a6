//! Codes of an authenticator app.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::*;

#[tokio::test]
async fn an_app_counts_once_its_first_code_was_right_and_is_asked_for_then() {
    let bed = bed().await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session;
    let (browser, journey, prompt) = offering(&bed, &ada, Method::TOTP).await;
    let app = scanned(&prompt);
    let Prompt::TotpCreate { uri, svg, .. } = &prompt else { panic!("{prompt:?}") };
    assert!(uri.expose().contains("Test%20Shop") && uri.expose().contains("ada"), "{}", uri.expose());
    assert!(svg.expose().starts_with("<svg"));
    assert_eq!(
        bed.ciam.journeys().prompt(&journey, &browser.client).await.unwrap(),
        prompt,
        "the same as long as asked"
    );
    let late = app.code_at(bed.ciam.store().clock().now() + Duration::from_secs(90));
    for wrong in [code(""), code("12345"), code(&late), Answer::Continue {}] {
        assert_eq!(mistake(browser.answer(&journey, wrong).await), Mistake::WrongProof);
    }
    assert!(enrolled(&bed, ada.user, &Method::TOTP).await.is_empty());
    assert!(bed.sign_in(ADA, PASSWORD).await.is_ok(), "what was only offered is not asked for");
    let confirmed = opened(browser.answer(&journey, code(&now(&bed, &app))).await).session;
    assert_eq!(confirmed.assurance.reached().aal, Aal::Aal2);
    bed.clock.advance(STEP);
    let session = opened(sign_in_with(&bed, &now(&bed, &app)).await).session;
    assert_eq!(session.assurance.reached().aal, Aal::Aal2);
    assert_eq!(session.assurance.amr(), [Amr::Pwd, Amr::Otp, Amr::Mfa]);
}

#[tokio::test]
async fn an_account_whose_name_is_nothing_to_show_has_one_in_the_app() {
    let bed = bed().await;
    let (store, origin, application) = (bed.ciam.store(), Origin::default(), Application::new("", "Test Shop"));
    let entropy: Arc<dyn Entropy> = Arc::new(FixedEntropy::new(5));
    let vault = LocalVault::new(MasterKey::generate(entropy.as_ref()), Arc::clone(&entropy));
    let means = Means { store, vault: &vault, application: &application, origin: &origin };
    let at = store.clock().now();
    let (journey, user) = (entropy.id(at), entropy.id(at));
    for (shown_name, shown) in [("", "account"), (" : ", "account"), ("ada", "ada")] {
        let examination = Examination { journey, user, shown_name, enrolled: &[], at, challenges: [[0; 32]; 2] };
        let presented = TotpAuthenticator::new().present(&means, &examination, &[7; 20]).await.unwrap();
        let Shown::Totp { uri, .. } = &presented else { panic!("{presented:?}") };
        assert!(uri.expose().starts_with(&format!("otpauth://totp/Test%20Shop:{shown}?")), "{}", uri.expose());
    }
}

#[tokio::test]
async fn mf1_a_unit_that_another_one_overtakes_has_used_no_step() {
    let bed = bed().await;
    let (_, session) = with_app(&bed, ADA).await;
    let authenticator = enrolled(&bed, session.user, &Method::TOTP).await[0];
    let (store, one) = (bed.ciam.store(), TotpAuthenticator::new());
    let step = TotpKey::draw(&FixedEntropy::new(5)).step_at(store.clock().now()).unwrap();
    let found = &found(authenticator, step);
    let overtaken = store.transact(|work| async move {
        assert_eq!(one.settle_in(&work, found).await?, Used::Now);
        store.transact(|work| async move { one.settle_in(&work, found).await }).await
    });
    let refusal = overtaken.await.unwrap_err();
    assert!(one.was_used_up(&refusal), "{refusal:?}");
    let again = store.transact(|work| async move { one.settle_in(&work, found).await });
    assert_eq!(again.await.unwrap(), Used::Before);
}

#[tokio::test]
async fn mf1_the_code_that_confirmed_is_used() {
    let bed = bed().await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session;
    let (app, _) = add_app(&bed, &ada).await;
    let same = now(&bed, &app);
    assert_eq!(mistake(sign_in_with(&bed, &same).await), Mistake::WrongProof);
    bed.clock.advance(STEP);
    assert_eq!(mistake(sign_in_with(&bed, &same).await), Mistake::WrongProof, "nor a step later");
    opened(sign_in_with(&bed, &now(&bed, &app)).await);
}

#[tokio::test]
async fn mf1_a_used_step_and_an_earlier_adjacent_one_are_refused() {
    let bed = bed().await;
    let (app, _) = with_app(&bed, ADA).await;
    let at = |bed: &TestBed| bed.ciam.store().clock().now();
    bed.clock.advance(STEP);
    let (earlier, present) = (app.code_at(at(&bed) - STEP), now(&bed, &app));
    opened(sign_in_with(&bed, &earlier).await);
    opened(sign_in_with(&bed, &present).await);
    bed.clock.advance(STEP * 2);
    let (earlier, present) = (app.code_at(at(&bed) - STEP), now(&bed, &app));
    opened(sign_in_with(&bed, &present).await);
    for used in [&present, &earlier] {
        assert_eq!(mistake(sign_in_with(&bed, used).await), Mistake::WrongProof);
    }
    let failed = events(&bed)
        .await
        .into_iter()
        .filter(|event| event.data.get("reason").is_some_and(|reason| reason == "used_before"))
        .count();
    assert_eq!(failed, 2);
    opened(sign_in_with(&bed, &app.code_at(at(&bed) + STEP)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn mf1_a_used_step_is_refused_on_another_node() {
    let database: Arc<dyn Backend> = Arc::new(MemoryStore::new());
    let one = node(&database, None, 1).await;
    let other = node(&database, Some(&one), 2).await;
    let (app, _) = with_app(&one, ADA).await;
    opened(sign_in_with(&one, &now(&one, &app)).await);
    assert_eq!(mistake(sign_in_with(&other, &now(&one, &app)).await), Mistake::WrongProof);
    one.clock.advance(STEP);
    let mut all = Vec::new();
    for nth in 0..10 {
        all.push(waiting(if nth % 2 == 0 { &one } else { &other }, ADA).await);
    }
    let (all, right) = (Arc::new(all), now(&one, &app));
    let answers = in_parallel(10, |nth| {
        let (all, right) = (Arc::clone(&all), right.clone());
        async move { all[nth].0.answer(&all[nth].1, code(&right)).await.is_ok_and(|advanced| advanced.opened.is_some()) }
    });
    assert_eq!(answers.await.into_iter().filter(|opened| *opened).count(), 1);
}

#[tokio::test]
async fn each_of_two_apps_is_recognised_and_used_up_by_itself() {
    let bed = bed().await;
    let (first, session) = with_app(&bed, ADA).await;
    let (second, _) = add_app(&bed, &session).await;
    let own = enrolled(&bed, session.user, &Method::TOTP).await;
    assert_eq!(own.len(), 2);
    opened(sign_in_with(&bed, &now(&bed, &first)).await);
    bed.clock.advance(STEP);
    for app in [&second, &first] {
        opened(sign_in_with(&bed, &now(&bed, app)).await);
    }
    let used = events(&bed).await.into_iter().filter(|event| event.name == "authenticator.used");
    let used: Vec<_> = used.map(|event| event.data["authenticator"].as_str().unwrap().to_owned()).collect();
    assert_eq!(used, [&own[0], &own[1], &own[0]].map(ToString::to_string));
}

/// Puts the seed of one record into another, as somebody could who writes to the database and has no key.
async fn copy_seed(bed: &TestBed, from: AuthenticatorId, to: AuthenticatorId) {
    let copied = bed.ciam.store().transact(|work| async move {
        let (from, to) = (work.get::<Totp>(from).await?.unwrap(), work.get::<Totp>(to).await?.unwrap());
        let mut changed = to;
        changed.seed = from.seed;
        work.replace(&changed)?;
        Ok::<_, StoreError>(())
    });
    copied.await.unwrap();
}

#[tokio::test]
async fn a_seed_of_another_account_does_not_open_and_gives_no_free_guesses() {
    let bed = bed().await;
    let (of_eve, eve) = with_app(&bed, EVE).await;
    let (_, ada) = with_app(&bed, ADA).await;
    let (from, to) = (enrolled(&bed, eve.user, &Method::TOTP).await, enrolled(&bed, ada.user, &Method::TOTP).await);
    copy_seed(&bed, from[0], to[0]).await;
    let refused = sign_in_with(&bed, &now(&bed, &of_eve)).await;
    assert!(matches!(refused, Err(JourneyError::Unavailable(_))), "{refused:?}");
    let (second, _) = add_app(&bed, &bed.signed_in_with_two_factors(ada.user).await.session).await;
    bed.clock.advance(STEP);
    assert_eq!(mistake(sign_in_with(&bed, &now(&bed, &of_eve)).await), Mistake::WrongProof, "counted");
    opened(sign_in_with(&bed, &now(&bed, &second)).await);
}

#[tokio::test]
async fn removing_the_app_leaves_no_record_behind() {
    let bed = bed().await;
    let (app, session) = with_app(&bed, ADA).await;
    add_codes(&bed, &session).await;
    let id = enrolled(&bed, session.user, &Method::TOTP).await[0];
    assert!(kept(&bed, id).await.is_some());
    assert_eq!(codes_left(&bed, session.user).await, 10);
    let (browser, journey) = waiting(&bed, ADA).await;
    let by = Cause::user(session.user, Origin::default());
    bed.ciam.authenticators().remove(&by, &session, id).await.unwrap();
    assert!(kept(&bed, id).await.is_none());
    assert_eq!(codes_left(&bed, session.user).await, 0, "what stands in for it goes with it");
    assert!(bed.ciam.store().get::<Enrolment>(id).await.unwrap().is_none());
    assert!(browser.answer(&journey, code(&now(&bed, &app))).await.is_err());
    assert!(bed.sign_in(ADA, PASSWORD).await.is_ok());
}

#[tokio::test]
async fn lg1_no_seed_in_events_records_or_debug() {
    let bed = bed().await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session;
    let (browser, journey, prompt) = offering(&bed, &ada, Method::TOTP).await;
    let Prompt::TotpCreate { secret, .. } = &prompt else { panic!("{prompt:?}") };
    let (app, seed) = (scanned(&prompt), secret.expose().replace(' ', ""));
    assert!(seed.len() >= 32 && !format!("{prompt:?}").replace(' ', "").contains(&seed));
    let right = now(&bed, &app);
    assert!(mistake(browser.answer(&journey, code("000000")).await) == Mistake::WrongProof);
    opened(browser.answer(&journey, code(&right)).await);
    let totp = kept(&bed, enrolled(&bed, ada.user, &Method::TOTP).await[0]).await.unwrap();
    let document = serde_json::to_string(&totp).unwrap();
    let bytes = seed_bytes(&seed);
    assert_eq!(bytes.len(), 20);
    let spellings = [seed.clone(), URL_SAFE_NO_PAD.encode(&bytes), STANDARD.encode(&bytes), hex(&bytes)];
    for text in [document, format!("{totp:?}"), format!("{:?}", events(&bed).await)] {
        for spelling in &spellings {
            assert!(!text.contains(spelling.as_str()), "{text}");
        }
        assert!(!text.contains(&format!("\"{right}\"")), "{text}");
    }
    assert!(!URL_SAFE_NO_PAD.decode(&totp.seed).unwrap().windows(20).any(|window| window == bytes));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a text in base32 (RFC 4648 §6).
fn seed_bytes(text: &str) -> Vec<u8> {
    let bit = |letter: u8, at: u8| match letter {
        b'A'..=b'Z' => (letter - b'A') >> (4 - at) & 1,
        _ => (letter - b'2' + 26) >> (4 - at) & 1,
    };
    let bits: Vec<u8> = text.bytes().flat_map(|letter| (0..5).map(move |at| bit(letter, at))).collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | bit)).collect()
}
