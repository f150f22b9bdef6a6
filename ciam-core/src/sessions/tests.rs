mod fresh;
mod nodes;
mod owned;
mod seen;

use std::time::Duration;

use super::*;
use crate::evidence::{Aal, Amr, AmrSet, Ceremony, Claim, Factor, Strength};
use crate::testing::TestBed;

const PASSWORD: &str = "vermilion otter quays";
const PASSKEY: Strength =
    Strength::of(AmrSet::of(&[Amr::Hwk, Amr::User]), Factor::PossessionVerified).resisting_phishing();

async fn check(bed: &TestBed, opened: &Opened) -> bool {
    bed.ciam.sessions().check(opened.bearer.expose()).await.unwrap().is_some()
}

#[tokio::test]
async fn a_session_ends_when_idle_or_old_and_use_keeps_it() {
    let bed = TestBed::new().await;
    let used = bed.sign_up("ada@example.com", PASSWORD).await;
    let idle = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    for _ in 0..4 {
        bed.clock.advance(Duration::from_hours(6 * 24));
        assert!(check(&bed, &used).await);
    }
    assert!(!check(&bed, &idle).await);
    assert_eq!(bed.ciam.sessions().list(used.session.user, None).await.unwrap().len(), 1);
    bed.clock.advance(Duration::from_hours(6 * 24));
    assert!(!check(&bed, &used).await, "30 days are the end however much it is used");
}

#[tokio::test]
async fn se1_every_session_has_a_new_bearer_and_a_change_of_assurance_rotates_it() {
    let bed = TestBed::new().await;
    let first = bed.sign_up("ada@example.com", PASSWORD).await;
    let second = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    assert_ne!(first.session.id, second.session.id);
    assert_ne!(first.bearer.expose(), second.bearer.expose());
    let user = first.session.user;
    bed.clock.advance(Duration::from_hours(1));
    let origin = Origin::default();
    let elevated = bed
        .ciam
        .store()
        .transact(|work| {
            let (sessions, origin) = (bed.ciam.sessions(), &origin);
            let evidence = Evidence::mint(
                Ceremony::open(work.new_id(), user, uuid::Uuid::nil(), work.now(), PASSKEY),
                &Claim::full(PASSKEY),
            );
            async move { sessions.elevate_in(&work, first.session.id, &[evidence], origin).await }
        })
        .await
        .unwrap();
    assert!(!check(&bed, &first).await, "the old bearer is dead");
    assert!(check(&bed, &elevated).await && check(&bed, &second).await);
    assert_eq!(elevated.session.assurance.reached().aal, Aal::Aal2);
    assert_eq!(elevated.session.absolute_end, first.session.absolute_end);
    assert_eq!(bed.ciam.sessions().level(&elevated.session), Aal::Aal2);
    bed.clock.advance(Duration::from_hours(1));
    assert_eq!(bed.ciam.sessions().level(&elevated.session), Aal::Aal1, "AAL2 lapses, the session lives on");
    for _ in 0..3 {
        let session = bed.ciam.sessions().check(elevated.bearer.expose()).await.unwrap().unwrap();
        assert_eq!(bed.ciam.sessions().level(&session), Aal::Aal1, "and being seen does not bring it back");
        bed.clock.advance(Duration::from_mins(1));
    }
    bed.ciam.sessions().flush_seen().await.unwrap();
    let seen = bed.ciam.store().get::<Session>(elevated.session.id).await.unwrap().unwrap().last_seen;
    assert_eq!(bed.ciam.clock().now().since(seen), Duration::from_mins(1));
}

#[tokio::test]
async fn old_proofs_count_for_one_factor_and_a_new_password_does_not_renew_an_old_passkey() {
    let bed = TestBed::new().await;
    let opened = bed.sign_up("ada@example.com", PASSWORD).await;
    let user = opened.session.user;
    let raise = async |id, strength: Strength, claim: Claim| {
        let (sessions, claim) = (bed.ciam.sessions(), &claim);
        let raised = bed.ciam.store().transact(|work| async move {
            let ceremony = Ceremony::open(work.new_id(), user, uuid::Uuid::nil(), work.now(), strength);
            sessions.elevate_in(&work, id, &[Evidence::mint(ceremony, claim)], &Origin::default()).await
        });
        raised.await.unwrap()
    };
    let level = |opened: &Opened| bed.ciam.sessions().level(&opened.session);
    let elevated = raise(opened.session.id, PASSKEY, Claim::possession(true)).await;
    assert_eq!(level(&elevated), Aal::Aal2, "what is known and what is owned");
    for _ in 0..24 {
        bed.clock.advance(Duration::from_mins(59));
        assert!(check(&bed, &elevated).await);
    }
    bed.clock.advance(Duration::from_mins(24));
    let renewed = raise(elevated.session.id, Strength::PASSWORD, Claim::full(Strength::PASSWORD)).await;
    assert_eq!(level(&renewed), Aal::Aal1, "the possession was proved more than a day ago");
    let again = raise(renewed.session.id, PASSKEY, Claim::possession(true)).await;
    assert_eq!(level(&again), Aal::Aal2);
}

#[tokio::test]
async fn evidence_about_someone_else_opens_and_raises_nothing() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up("ada@example.com", PASSWORD).await;
    let eve = bed.sign_up("eve@example.com", PASSWORD).await.session.user;
    let raised = bed
        .ciam
        .store()
        .transact(|work| {
            let sessions = bed.ciam.sessions();
            let evidence = Evidence::mint(
                Ceremony::open(work.new_id(), eve, uuid::Uuid::nil(), work.now(), PASSKEY),
                &Claim::full(PASSKEY),
            );
            async move { sessions.elevate_in(&work, ada.session.id, &[evidence], &Origin::default()).await }
        })
        .await;
    assert!(matches!(raised, Err(SessionError::Refused)));
    assert!(check(&bed, &ada).await, "nothing was rotated");
}

#[tokio::test]
async fn se2_ended_sessions_and_those_of_suspended_users_are_dead_at_once() {
    let bed = TestBed::new().await;
    let sessions = bed.ciam.sessions();
    let first = bed.sign_up("ada@example.com", PASSWORD).await;
    let user = first.session.user;
    let actor = Cause::user(user, Origin::default());
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(bed.sign_in("ada@example.com", PASSWORD).await.unwrap());
    }
    sessions.end(&actor, user, others[0].session.id).await.unwrap();
    assert!(!check(&bed, &others[0]).await && check(&bed, &others[1]).await);
    assert!(matches!(sessions.end(&actor, user, others[0].session.id).await, Err(SessionError::Unknown)));
    sessions.end_others(&actor, user, first.session.id).await.unwrap();
    assert!(check(&bed, &first).await);
    for other in &others {
        assert!(!check(&bed, other).await);
    }
    assert_eq!(sessions.list(user, Some(first.session.id)).await.unwrap().len(), 1);
    let next = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    assert!(check(&bed, &next).await);
    bed.ciam.users().suspend(&Cause::system(), user).await.unwrap();
    assert!(!check(&bed, &first).await && !check(&bed, &next).await);
    bed.ciam.users().activate(&Cause::system(), user).await.unwrap();
    assert!(!check(&bed, &first).await, "what was revoked stays dead");
    let last = bed.sign_in("ada@example.com", PASSWORD).await.unwrap();
    sessions.end_all(&actor, user).await.unwrap();
    assert!(!check(&bed, &last).await);
    let revived = sessions.end_others(&actor, user, last.session.id).await;
    assert!(matches!(revived, Err(SessionError::Unknown)), "{revived:?}");
    assert!(!check(&bed, &last).await, "no session comes back by ending the others");
}

#[tokio::test]
async fn sessions_of_others_cannot_be_seen_or_ended() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up("ada@example.com", PASSWORD).await;
    let eve = bed.sign_up("eve@example.com", PASSWORD).await.session.user;
    let ended = bed.ciam.sessions().end(&Cause::user(eve, Origin::default()), eve, ada.session.id).await;
    assert!(matches!(ended, Err(SessionError::Unknown)));
    assert!(bed.ciam.sessions().get(eve, ada.session.id).await.unwrap().is_none());
    assert!(bed.ciam.sessions().end_others(&Cause::user(eve, Origin::default()), eve, ada.session.id).await.is_err());
    assert!(check(&bed, &ada).await);
}

#[tokio::test]
async fn a_bearer_is_its_id_and_its_secret() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up("ada@example.com", PASSWORD).await;
    let eve = bed.sign_up("eve@example.com", PASSWORD).await;
    let mixed = format!("{}{}", &ada.bearer.expose()[..22], &eve.bearer.expose()[22..]);
    for text in ["", " ", "null", &mixed, &ada.bearer.expose()[1..], &format!("{}A", ada.bearer.expose())] {
        assert!(bed.ciam.sessions().check(text).await.unwrap().is_none());
    }
}
