use super::*;
use crate::id::RecordId;

const PASSKEY: Strength =
    Strength::of(AmrSet::of(&[Amr::Hwk, Amr::User]), Factor::PossessionVerified).resisting_phishing();

fn user(n: u128) -> UserId {
    UserId::from_uuid(uuid::Uuid::from_u128(n))
}

fn evidence(of: u128, strength: Strength, claim: &Claim) -> Evidence {
    evidence_of(1, of, strength, claim)
}

fn evidence_of(journey: u128, of: u128, strength: Strength, claim: &Claim) -> Evidence {
    let journey = JourneyId::from_uuid(Uuid::from_u128(journey));
    Evidence::mint(Ceremony::open(journey, user(of), Uuid::nil(), Timestamp::EPOCH, strength), claim)
}

#[test]
fn a_claim_never_counts_for_more_than_the_registration() {
    let boast = Claim::full(PASSKEY);
    let password = evidence(1, Strength::PASSWORD, &boast);
    assert!(!password.proof.phishing_resistant);
    assert_eq!(Assurance::of(user(1), &[password]).unwrap().reached().aal, Aal::Aal1);
    let modest = evidence(1, PASSKEY, &Claim::possession(true));
    assert_eq!(Assurance::of(user(1), &[modest]).unwrap().reached().aal, Aal::Aal1);
    let full = evidence(1, PASSKEY, &Claim::full(PASSKEY));
    assert_eq!(Assurance::of(user(1), &[full]).unwrap().reached().aal, Aal::Aal2);
}

#[test]
fn proofs_given_again_and_again_stay_one_for_each_authenticator_and_way() {
    let proof = |at: i64, authenticator: u128, claim: &Claim| {
        let (journey, authenticator) = (JourneyId::from_uuid(Uuid::nil()), Uuid::from_u128(authenticator));
        let at = Timestamp::from_micros(at);
        Evidence::mint(Ceremony::open(journey, user(1), authenticator, at, PASSKEY), claim)
    };
    let full = Claim::full(PASSKEY);
    let mut assurance = Assurance::of(user(1), &[proof(0, 1, &full), proof(0, 2, &full)]).unwrap();
    for at in 1..100 {
        assurance = assurance.with(user(1), &[proof(at, 1, &full)]).unwrap();
    }
    assert_eq!(assurance.proofs().len(), 2);
    assert_eq!(assurance.newest(), Some(Timestamp::from_micros(99)));
    let weaker = assurance.with(user(1), &[proof(100, 1, &Claim::possession(true))]).unwrap();
    assert_eq!(weaker.proofs().len(), 3, "a weaker proof takes the place of no stronger one");
    assert_eq!(weaker.reached().aal, Aal::Aal2);
    let earlier = assurance.with(user(1), &[proof(50, 1, &full)]).unwrap();
    assert_eq!(earlier.newest(), Some(Timestamp::from_micros(99)));
}

#[test]
fn factors_of_one_kind_are_one_factor_and_an_address_is_none() {
    let password = evidence(1, Strength::PASSWORD, &Claim::full(Strength::PASSWORD));
    let mail = evidence(1, Strength::EMAIL, &Claim::full(Strength::EMAIL));
    let key = evidence(1, PASSKEY, &Claim::possession(true));
    let level = |proofs: &[Evidence]| Assurance::of(user(1), proofs).map(|assurance| assurance.reached().aal);
    assert_eq!(level(&[password.clone(), password.clone()]), Ok(Aal::Aal1));
    assert_eq!(level(&[password.clone(), mail.clone()]), Ok(Aal::Aal1));
    assert_eq!(level(&[password.clone(), key.clone()]), Ok(Aal::Aal2));
    assert_eq!(level(&[mail]), Err(Insufficient));
    assert_eq!(level(&[]), Err(Insufficient));
    assert_eq!(Assurance::of(user(2), &[password.clone(), key]), Err(Insufficient));
    let elsewhere = evidence_of(2, 1, PASSKEY, &Claim::full(PASSKEY));
    assert_eq!(level(&[password, elsewhere]), Err(Insufficient), "from two journeys");
}

#[test]
fn mf7_what_proofs_reach_together() {
    let app = Strength::of(AmrSet::of(&[Amr::Otp]), Factor::Possession);
    let key = Strength::of(AmrSet::of(&[Amr::Hwk]), Factor::Possession).resisting_phishing();
    let (bound, hard_key) = (PASSKEY.in_hardware(), key.in_hardware());
    let (password, mail) = (Strength::PASSWORD, Strength::EMAIL);
    let verified = Strength { phishing_resistant: false, ..PASSKEY };
    for (strengths, aal, phishing_resistant, amr) in [
        (&[password] as &[Strength], Aal::Aal1, false, "pwd"),
        (&[password, mail], Aal::Aal1, false, "pwd mail"),
        (&[app], Aal::Aal1, false, "otp"),
        (&[app, key], Aal::Aal1, true, "otp hwk"),
        (&[key, mail], Aal::Aal1, true, "hwk mail"),
        (&[password, app], Aal::Aal2, false, "pwd otp mfa"),
        (&[password, key], Aal::Aal2, true, "pwd hwk mfa"),
        (&[PASSKEY], Aal::Aal2, true, "hwk user mfa"),
        (&[PASSKEY, mail], Aal::Aal2, true, "hwk user mail mfa"),
        (&[PASSKEY, password], Aal::Aal2, true, "pwd hwk user mfa"),
        (&[verified, key], Aal::Aal2, false, "hwk user mfa"),
        (&[verified, key, password], Aal::Aal2, true, "pwd hwk user mfa"),
        (&[bound], Aal::Aal3, true, "hwk user mfa"),
        (&[hard_key], Aal::Aal1, true, "hwk"),
        (&[hard_key, password], Aal::Aal3, true, "pwd hwk mfa"),
        (&[hard_key, PASSKEY], Aal::Aal2, true, "hwk user mfa"),
        (&[verified.in_hardware(), key], Aal::Aal2, false, "hwk user mfa"),
    ] {
        let evidence: Vec<Evidence> =
            strengths.iter().map(|strength| evidence(1, *strength, &Claim::full(*strength))).collect();
        let assurance = Assurance::of(user(1), &evidence).unwrap();
        assert_eq!(assurance.reached(), Reached { aal, phishing_resistant }, "{strengths:?}");
        let words: Vec<&str> = assurance.amr().into_iter().map(Amr::as_str).collect();
        assert_eq!(words.join(" "), amr);
    }
}

#[test]
fn a_set_of_ways_is_kept_as_its_words() {
    let set = AmrSet::of(&[Amr::User, Amr::Hwk, Amr::User]);
    assert_eq!(serde_json::to_string(&set).unwrap(), "[\"hwk\",\"user\"]");
    assert_eq!(serde_json::from_str::<AmrSet>("[\"user\",\"hwk\"]").unwrap(), set);
    assert!(serde_json::from_str::<AmrSet>("[\"fax\"]").is_err());
    assert_eq!(AmrSet::of(&Amr::ALL).iter().count(), Amr::ALL.len());
}

#[test]
fn the_context_class_names_all_that_is_met() {
    let acr = |aal, phishing_resistant| Reached { aal, phishing_resistant }.acr().join(" ");
    assert_eq!(acr(Aal::Aal1, false), "urn:ciam:aal1");
    assert_eq!(acr(Aal::Aal2, false), "urn:ciam:aal2 urn:ciam:aal1");
    assert_eq!(acr(Aal::Aal2, true), "phr urn:ciam:aal2 urn:ciam:aal1");
    assert_eq!(acr(Aal::Aal3, true), "phrh phr urn:ciam:aal3 urn:ciam:aal2 urn:ciam:aal1");
}

#[test]
fn a_need_is_met_by_what_was_proved_lately() {
    let at = |minutes: u64| Timestamp::EPOCH + std::time::Duration::from_mins(minutes);
    let proof = |minutes, authenticator, strength| {
        let (journey, authenticator) = (JourneyId::from_uuid(Uuid::nil()), Uuid::from_u128(authenticator));
        Evidence::mint(Ceremony::open(journey, user(1), authenticator, at(minutes), strength), &Claim::full(strength))
    };
    let assurance = Assurance::of(user(1), &[proof(60, 1, Strength::PASSWORD), proof(100, 2, PASSKEY)]).unwrap();
    let quarter = std::time::Duration::from_mins(15);
    let meets = |need: Need, now| need.is_met_by(&assurance, Timestamp::EPOCH, at(now));
    assert!(meets(Need::of(Aal::Aal2), 1000));
    assert!(!Need::of(Aal::Aal2).is_met_by(&assurance, at(100), at(101)), "lapsed");
    assert!(!Need::of(Aal::Aal1).is_met_by(&assurance, at(100), at(101)), "nothing was proved since");
    assert!(meets(Need::of(Aal::Aal2).within(quarter), 115));
    assert!(!meets(Need::of(Aal::Aal1).within(quarter), 116));
    assert!(!meets(Need::of(Aal::Aal3), 100));
    let resistant = Need { phishing_resistant: true, ..Need::of(Aal::Aal2) };
    assert!(meets(resistant, 100));
    let weaker = Assurance::of(user(1), &[proof(60, 1, Strength::PASSWORD)]).unwrap();
    assert!(!resistant.is_met_by(&weaker, Timestamp::EPOCH, at(60)));
    let both = Need::of(Aal::Aal1).within(quarter).and(resistant);
    assert_eq!(both, resistant.within(quarter));
    let kept: Need = serde_json::from_str(&serde_json::to_string(&both).unwrap()).unwrap();
    assert_eq!(kept, both);
}
