use std::time::Duration;

use super::*;
use crate::evidence::{Aal, Amr, AmrSet, Assurance, Ceremony, Claim, Evidence, Factor, Strength};
use crate::store::Work;
use crate::testing::TestBed;
use crate::users::DisplayName;
use crate::{ApplicationId, UserId};

const KEY: Strength =
    Strength::of(AmrSet::of(&[Amr::Hwk, Amr::User]), Factor::PossessionVerified).resisting_phishing().in_hardware();

#[test]
fn a_method_is_a_short_word() {
    let own = [
        (Method::PASSWORD, "password"),
        (Method::PASSKEY, "passkey"),
        (Method::TOTP, "totp"),
        (Method::EMAIL_CODE, "email_code"),
        (Method::SMS_CODE, "sms_code"),
        (Method::VOICE_CODE, "voice_code"),
        (Method::RECOVERY_CODE, "recovery_code"),
    ];
    for (method, word) in own {
        assert_eq!((word.parse(), method.to_string().as_str()), (Ok(method.clone()), word));
        assert_eq!(serde_json::to_value(&method).unwrap(), word);
    }
    for word in ["a", "a_", "staff_badge", &"a".repeat(32)] {
        let method: Method = word.parse().unwrap();
        assert_eq!(serde_json::from_str::<Method>(&serde_json::to_string(&method).unwrap()).unwrap(), method);
    }
    let none = ["", "_a", "A", "pässkey", "a b", " a", "a\n", "a1", "totp-2", "a\0", &"a".repeat(33)];
    for word in none {
        assert_eq!(word.parse::<Method>(), Err(InvalidMethod), "{word:?}");
        let document = serde_json::to_string(word).unwrap();
        assert!(serde_json::from_str::<Method>(&document).is_err(), "nor does a document hold it: {word:?}");
    }
}

async fn add(bed: &TestBed, user: UserId, shown: &str, ago: Duration) -> Enrolment {
    let add = |work: Work| async move {
        let key = Enrolment::new(work.new_id(), user, Method::PASSKEY, KEY, shown, work.now() - ago)
            .label(DisplayName::parse("my key").ok())
            .application(ApplicationId::DEFAULT);
        work.insert(&key)?;
        Ok::<_, crate::store::StoreError>(key)
    };
    bed.ciam.store().transact(add).await.unwrap()
}

#[tokio::test]
async fn what_an_account_has_is_found_by_its_user_in_the_order_it_was_added() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up("ada@example.com", "vermilion otter quays").await.session.user;
    let bob = bed.sign_up("bob@example.com", "vermilion otter quays").await.session.user;
    let mut of_ada = Vec::new();
    for (shown, ago) in [("third", 1), ("first", 3), ("second", 2)] {
        of_ada.push(add(&bed, ada, shown, Duration::from_secs(ago)).await);
    }
    of_ada.rotate_left(1);
    add(&bed, bob, "another's", Duration::ZERO).await;
    let found = bed.ciam.store().find(&Enrolment::BY_USER.under(&ada)).await.unwrap();
    assert_eq!(found.items, of_ada, "all that was written, in order of time, and nothing of anybody else");
}

#[tokio::test]
async fn when_it_was_last_used_only_moves_on_and_a_new_name_leaves_it_alone() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up("ada@example.com", "vermilion otter quays").await.session.user;
    let key = add(&bed, ada, "key", Duration::ZERO).await;
    let store = bed.ciam.store();
    for later in [120, 60] {
        let raise = |work: Work| async move {
            work.raise(&Enrolment::LAST_USED, key.id, key.added + Duration::from_secs(later))?;
            Ok::<_, crate::store::StoreError>(())
        };
        store.transact(raise).await.unwrap();
    }
    let rename = |work: Work| async move {
        if let Some(kept) = work.get::<Enrolment>(key.id).await? {
            work.replace(&kept.label(None))?;
        }
        Ok::<_, crate::store::StoreError>(())
    };
    store.transact(rename).await.unwrap();
    let kept = store.get::<Enrolment>(key.id).await.unwrap().unwrap();
    assert_eq!((kept.last_used, kept.label), (key.added + Duration::from_secs(120), None));
}

#[tokio::test]
async fn the_strength_that_was_kept_is_the_one_that_its_proofs_count_for() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up("ada@example.com", "vermilion otter quays").await.session.user;
    let id = add(&bed, ada, "key", Duration::ZERO).await.id;
    let kept = bed.ciam.store().get::<Enrolment>(id).await.unwrap().unwrap();
    let journey = crate::id::RecordId::from_uuid(uuid::Uuid::nil());
    let ceremony = Ceremony::open(journey, ada, crate::id::RecordId::uuid(id), kept.added, kept.strength);
    let evidence = Evidence::mint(ceremony, &Claim::full(KEY));
    let reached = Assurance::of(ada, &[evidence]).unwrap().reached();
    assert!(reached.aal == Aal::Aal3 && reached.phishing_resistant);
}
