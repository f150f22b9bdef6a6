//! Recovery codes.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

#[tokio::test]
async fn codes_count_once_they_are_kept() {
    let bed = bed().await;
    let (_, ada) = with_app(&bed, ADA).await;
    let (browser, journey, prompt) = offering(&bed, &ada, Method::RECOVERY_CODE).await;
    let codes = shown_codes(&prompt);
    assert_eq!(codes.len(), COUNT);
    assert_eq!(
        bed.ciam.journeys().prompt(&journey, &browser.client).await.unwrap(),
        prompt,
        "the same as long as asked"
    );
    assert_eq!(mistake(browser.answer(&journey, code(&codes[0])).await), Mistake::WrongProof);
    assert_eq!(
        (codes_left(&bed, ada.user).await, enrolled(&bed, ada.user, &Method::RECOVERY_CODE).await.len()),
        (0, 0)
    );
    browser.answer(&journey, Answer::Continue {}).await.unwrap();
    assert_eq!(
        (codes_left(&bed, ada.user).await, enrolled(&bed, ada.user, &Method::RECOVERY_CODE).await.len()),
        (10, 1)
    );
    let kept = bed.ciam.store().find(&RecoveryCodeRecord::BY_USER.eq(&ada.user)).await.unwrap().items;
    assert_eq!(kept.len(), COUNT);
}

#[tokio::test]
async fn codes_ask_for_nothing_by_themselves() {
    let bed = bed().await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session;
    add_codes(&bed, &ada).await;
    assert!(bed.sign_in(ADA, PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_code_lets_in_when_the_app_is_lost_and_is_one_less_then() {
    let bed = bed().await;
    let (_, ada) = with_app(&bed, ADA).await;
    let codes = add_codes(&bed, &ada).await;
    let (browser, journey) = waiting_without_app(&bed, ADA).await;
    let Opened { session, .. } = opened(browser.answer(&journey, code(&codes[3].to_lowercase())).await);
    assert_eq!((session.assurance.reached().aal, codes_left(&bed, ada.user).await), (Aal::Aal2, 9));
    let (browser, journey) = waiting_without_app(&bed, ADA).await;
    assert_eq!(mistake(browser.answer(&journey, code(&codes[3])).await), Mistake::WrongProof, "each once");
    opened(browser.answer(&journey, code(&codes[4])).await);
    assert_eq!(codes_left(&bed, ada.user).await, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn mf1_one_recovery_code_in_fifty_parallel_answers_opens_one_session() {
    let bed = TestBed::with(|builder| with_both(builder.store(MemoryStore::new()).throttle_limits(unlimited()))).await;
    let (_, ada) = with_app(&bed, ADA).await;
    let codes = add_codes(&bed, &ada).await;
    let mut all = Vec::new();
    for _ in 0..50 {
        all.push(waiting_without_app(&bed, ADA).await);
    }
    let all = Arc::new(all);
    let answers = in_parallel(50, |nth| {
        let (all, right) = (Arc::clone(&all), codes[0].clone());
        async move { all[nth].0.answer(&all[nth].1, code(&right)).await.is_ok_and(|advanced| advanced.opened.is_some()) }
    });
    assert_eq!(answers.await.into_iter().filter(|opened| *opened).count(), 1);
    assert_eq!(codes_left(&bed, ada.user).await, 9);
}

#[tokio::test]
async fn mf1_a_unit_that_another_one_overtakes_has_used_no_code() {
    let bed = bed().await;
    let (_, ada) = with_app(&bed, ADA).await;
    add_codes(&bed, &ada).await;
    let kept = bed.ciam.store().find(&RecoveryCodeRecord::BY_USER.eq(&ada.user)).await.unwrap().items;
    let (store, one) = (bed.ciam.store(), RecoveryCodes::new());
    let (found, runs) = (&found(kept[0].enrolment, kept[0].id), &AtomicU32::new(0));
    let overtaken = store.transact(|work| async move {
        let used = one.settle_in(&work, found).await?;
        if runs.fetch_add(1, Ordering::SeqCst) == 0 {
            let first = store.transact(|work| async move { one.settle_in(&work, found).await }).await?;
            assert_eq!((used, first), (Used::Now, Used::Now));
        }
        Ok::<_, StoreError>(used)
    });
    assert_eq!(overtaken.await.unwrap(), Used::Before);
    assert_eq!(runs.load(Ordering::SeqCst), 2, "the unit ran again");
}

#[tokio::test]
async fn another_set_takes_the_place_of_all_codes_before() {
    let bed = bed().await;
    let (_, ada) = with_app(&bed, ADA).await;
    let old = add_codes(&bed, &ada).await;
    let before = enrolled(&bed, ada.user, &Method::RECOVERY_CODE).await;
    let new = add_codes(&bed, &ada).await;
    let after = enrolled(&bed, ada.user, &Method::RECOVERY_CODE).await;
    assert_eq!((before.len(), after.len(), codes_left(&bed, ada.user).await), (1, 1, 10));
    assert_ne!(before, after);
    let (browser, journey) = waiting_without_app(&bed, ADA).await;
    for gone in &old[..2] {
        assert_eq!(mistake(browser.answer(&journey, code(gone)).await), Mistake::WrongProof);
    }
    opened(browser.answer(&journey, code(&new[0])).await);
}

#[tokio::test]
async fn codes_of_somebody_else_and_what_is_no_code_are_refused() {
    let bed = bed().await;
    let (_, eve) = with_app(&bed, EVE).await;
    let of_eve = add_codes(&bed, &eve).await;
    let (_, ada) = with_app(&bed, ADA).await;
    add_codes(&bed, &ada).await;
    let (browser, journey) = waiting_without_app(&bed, ADA).await;
    for wrong in [of_eve[0].as_str(), "", "0000-0000-0000-0000-0000-0000"] {
        assert_eq!(mistake(browser.answer(&journey, code(wrong)).await), Mistake::WrongProof);
    }
    assert_eq!((codes_left(&bed, eve.user).await, codes_left(&bed, ada.user).await), (10, 10));
}

#[tokio::test]
async fn removing_the_codes_leaves_no_record_behind() {
    let bed = bed().await;
    let (_, ada) = with_app(&bed, ADA).await;
    let codes = add_codes(&bed, &ada).await;
    let (browser, journey) = waiting_without_app(&bed, ADA).await;
    let id = enrolled(&bed, ada.user, &Method::RECOVERY_CODE).await[0];
    let by = Cause::user(ada.user, Origin::default());
    bed.ciam.authenticators().remove(&by, &ada, id).await.unwrap();
    let left = bed.ciam.store().find(&RecoveryCodeRecord::BY_USER.eq(&ada.user)).await.unwrap().items;
    assert!(left.is_empty(), "{left:?}");
    assert!(browser.answer(&journey, code(&codes[0])).await.is_err());
    assert_eq!(enrolled(&bed, ada.user, &Method::TOTP).await.len(), 1);
}

#[tokio::test]
async fn lg1_no_code_in_events_records_or_debug() {
    let bed = bed().await;
    let (_, ada) = with_app(&bed, ADA).await;
    let (browser, journey, prompt) = offering(&bed, &ada, Method::RECOVERY_CODE).await;
    let codes = shown_codes(&prompt);
    browser.answer(&journey, Answer::Continue {}).await.unwrap();
    let records = bed.ciam.store().find(&RecoveryCodeRecord::BY_USER.eq(&ada.user)).await.unwrap().items;
    let documents = serde_json::to_string(&records).unwrap();
    let (browser, journey) = waiting_without_app(&bed, ADA).await;
    opened(browser.answer(&journey, code(&codes[0])).await);
    let texts = [documents, format!("{records:?}"), format!("{prompt:?}"), format!("{:?}", events(&bed).await)];
    for text in texts {
        for code in &codes {
            let plain = code.replace('-', "");
            assert!(!text.contains(code.as_str()) && !text.contains(&plain), "{text}");
        }
    }
}
