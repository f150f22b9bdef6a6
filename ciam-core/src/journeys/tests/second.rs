//! Proofs by authenticators: whatever they are, and whatever the journey is for.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::recover::{NEW, recovering};
use super::takeover::add;
use super::*;
use crate::authenticators::{
    Authenticator, AuthenticatorId, Confirmation, Enrolment, Examination, Found, Means, Method, Ready, Shown,
    Unavailable, Used, Uses, Verdict,
};
use crate::evidence::{Amr, AmrSet, Claim, Factor, Strength};
use crate::identifiers::IdentifierPolicy;
use crate::store::{Collection, MemoryStore, Peak, Record, Schema};

const CODE: Strength = Strength::of(AmrSet::of(&[Amr::Otp]), Factor::Possession);
pub(super) const KEY: Strength =
    Strength::of(AmrSet::of(&[Amr::Hwk, Amr::User]), Factor::PossessionVerified).resisting_phishing();

/// What a [`FakeCode`] keeps: which codes were used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FakeSecret {
    id: AuthenticatorId,
    used: i64,
}

impl FakeSecret {
    const USED: Peak<FakeSecret, i64> = Peak::new("used", |secret| &mut secret.used);
}

impl Record for FakeSecret {
    type Id = AuthenticatorId;
    const COLLECTION: Collection<Self> = Collection::new("fake_secrets").live(&FakeSecret::USED);

    fn id(&self) -> AuthenticatorId {
        self.id
    }
}

/// Takes every multiple of seven once, in rising order.
#[derive(Debug, Clone)]
pub(super) struct FakeCode {
    method: &'static str,
    stands_in: bool,
    examined: Arc<AtomicU32>,
    is_away: Arc<AtomicBool>,
}

impl FakeCode {
    pub(super) fn new(method: &'static str) -> Self {
        Self { method, stands_in: false, examined: Arc::default(), is_away: Arc::default() }
    }

    pub(super) fn standing_in(mut self) -> Self {
        self.stands_in = true;
        self
    }
}

#[async_trait]
impl Authenticator for FakeCode {
    fn method(&self) -> Method {
        self.method.parse().unwrap()
    }

    fn ceiling(&self) -> Strength {
        CODE
    }

    fn uses(&self) -> Uses {
        Uses { second: true, stands_in: self.stands_in, enrols: true, sole: self.stands_in }
    }

    fn records(&self, schema: Schema) -> Schema {
        schema.with::<FakeSecret>()
    }

    async fn ask(&self, _: &Means<'_>, _: &Examination<'_>) -> Result<Shown, Unavailable> {
        Ok(Shown::Code)
    }

    async fn examine(&self, _: &Means<'_>, e: &Examination<'_>, given: &Given) -> Result<Verdict, Unavailable> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(Unavailable("away".into()));
        }
        self.examined.fetch_add(1, Ordering::SeqCst);
        let Given::Code(typed) = given else { return Ok(Verdict::Wrong("wrong_kind")) };
        match (typed.expose().parse::<i64>(), e.enrolled) {
            (Ok(step), [one, ..]) if step % 7 == 0 => {
                Ok(Verdict::Right(Found { authenticator: one.id, claim: Claim::full(CODE), state: Box::new(step) }))
            }
            _ => Ok(Verdict::Wrong("wrong_otp")),
        }
    }

    async fn settle_in(&self, work: &Work, found: &Found) -> Result<Used, StoreError> {
        let step = *found.state.downcast_ref::<i64>().unwrap();
        if work.get::<FakeSecret>(found.authenticator).await?.is_none_or(|secret| secret.used >= step) {
            return Ok(Used::Before);
        }
        work.raise_strictly(&FakeSecret::USED, found.authenticator, step)?;
        Ok(Used::Now)
    }

    fn was_used_up(&self, refusal: &StoreError) -> bool {
        FakeSecret::USED.exceeded(refusal)
    }

    async fn offer(&self, means: &Means<'_>, _: &Examination<'_>) -> Result<Secret<Vec<u8>>, Unavailable> {
        let mut drawn = vec![0];
        means.store.entropy().fill(&mut drawn);
        Ok(Secret::new(drawn))
    }

    async fn present(&self, _: &Means<'_>, _: &Examination<'_>, offered: &[u8]) -> Result<Shown, Unavailable> {
        let text = |text: String| Secret::new(text);
        Ok(match self.stands_in {
            true => Shown::Codes(vec![text(offered[0].to_string())]),
            false => Shown::Totp {
                secret: text(offered[0].to_string()),
                uri: text("otpauth://".to_owned()),
                svg: text("<svg/>".to_owned()),
            },
        })
    }

    async fn confirm(
        &self,
        _: &Means<'_>,
        _: &Examination<'_>,
        offered: &[u8],
        given: &Given,
    ) -> Result<Confirmation, Unavailable> {
        let (works, claim) = match given {
            Given::Code(typed) => (*typed.expose() == offered[0].to_string(), Some(Claim::full(CODE))),
            Given::Kept => (self.stands_in, None),
            _ => (false, None),
        };
        let ready = Ready { strength: CODE, shown: "Fake".to_owned(), claim, state: Box::new(()) };
        Ok(if works { Confirmation::Ready(ready) } else { Confirmation::Wrong })
    }

    async fn enrol_in(&self, work: &Work, id: AuthenticatorId, _: UserId, _: &Ready) -> Result<(), StoreError> {
        work.insert(&FakeSecret { id, used: 0 })
    }

    async fn remove_in(&self, work: &Work, enrolment: &Enrolment) -> Result<(), StoreError> {
        work.take::<FakeSecret>(enrolment.id).await.map(drop)
    }
}

/// Takes the challenge that it showed, and boasts of being a passkey. It keeps nothing.
#[derive(Debug)]
pub(super) struct FakeKey(pub(super) Strength);

#[async_trait]
impl Authenticator for FakeKey {
    fn method(&self) -> Method {
        "fake_key".parse().unwrap()
    }

    fn ceiling(&self) -> Strength {
        self.0
    }

    fn uses(&self) -> Uses {
        Uses { second: true, stands_in: false, enrols: false, sole: false }
    }

    async fn ask(&self, _: &Means<'_>, e: &Examination<'_>) -> Result<Shown, Unavailable> {
        Ok(Shown::Data(serde_json::json!(e.challenges[0])))
    }

    async fn examine(&self, _: &Means<'_>, e: &Examination<'_>, given: &Given) -> Result<Verdict, Unavailable> {
        let Given::Data(data) = given else { return Ok(Verdict::Wrong("wrong_kind")) };
        if !e.challenges.iter().any(|challenge| serde_json::json!(challenge) == data["challenge"]) {
            return Ok(Verdict::Wrong("wrong_challenge"));
        }
        let named = data["of"].as_str().map(|id| id.parse().unwrap());
        let authenticator = named.unwrap_or(e.enrolled[0].id);
        Ok(Verdict::Right(Found { authenticator, claim: Claim::full(KEY), state: Box::new(()) }))
    }

    async fn settle_in(&self, _: &Work, _: &Found) -> Result<Used, StoreError> {
        Ok(Used::Now)
    }
}

async fn bed_with(fake: FakeCode) -> TestBed {
    let policy = IdentifierPolicy::default().username(Asked::Optional);
    TestBed::with(|b| b.store(MemoryStore::new()).identifiers(policy).authenticator(fake).authenticator(FakeKey(KEY)))
        .await
}

async fn bed() -> TestBed {
    bed_with(FakeCode::new("fake_code")).await
}

/// Gives an account an authenticator, as an enrolment does.
pub(super) async fn enrol(bed: &TestBed, user: UserId, method: &str, strength: Strength) -> AuthenticatorId {
    let method: Method = method.parse().unwrap();
    let enrolled = bed.ciam.store().transact(|work| {
        let method = method.clone();
        async move {
            work.get::<Standing>(user).await?;
            work.touch::<Standing>(user)?;
            let id = work.new_id();
            if method.as_str() != "fake_key" {
                work.insert(&FakeSecret { id, used: 0 })?;
            }
            work.insert(&Enrolment::new(id, user, method, strength, "fake", work.now()))?;
            Ok::<_, StoreError>(id)
        }
    });
    enrolled.await.unwrap()
}

fn data(value: serde_json::Value) -> Answer {
    Answer::Authenticate { data: value }
}

pub(super) fn choose(method: &str) -> Answer {
    Answer::Choose { method: method.parse().unwrap() }
}

/// A browser whose sign-in waits for a second factor.
pub(super) async fn waiting(bed: &TestBed) -> (crate::testing::Browser, String) {
    let browser = bed.browser();
    let journey = browser.identified(JourneyKind::SignIn, ADA).await;
    let advanced = browser.answer(&journey, password(PASSWORD)).await.unwrap();
    assert!(matches!(advanced.prompt, Prompt::Otp { .. } | Prompt::Authenticate { .. }), "{:?}", advanced.prompt);
    assert!(advanced.opened.is_none());
    (browser, journey)
}

fn shown(prompt: &Prompt) -> serde_json::Value {
    match prompt {
        Prompt::Authenticate { data, .. } => data.clone(),
        other => panic!("nothing is shown: {other:?}"),
    }
}

pub(super) async fn events(bed: &TestBed, name: &str) -> Vec<Event> {
    let events = bed.ciam.store().tail::<Event>(Position::START, 1000).await.unwrap();
    events.into_iter().map(|(_, event)| event).filter(|event| event.name == name).collect()
}

#[tokio::test]
async fn an_account_with_a_second_factor_is_asked_for_it() {
    let bed = bed().await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session.user;
    let id = enrol(&bed, ada, "fake_code", CODE).await;
    let (browser, journey) = waiting(&bed).await;
    let prompt = bed.ciam.journeys().prompt(&journey, &browser.client).await.unwrap();
    assert_eq!(
        serde_json::to_value(prompt).unwrap(),
        serde_json::json!({"type": "otp", "method": "fake_code", "others": []})
    );
    let session = opened(browser.answer(&journey, code("7")).await).session;
    assert_eq!(session.assurance.reached().aal, Aal::Aal2);
    assert_eq!(session.assurance.amr(), [Amr::Pwd, Amr::Otp, Amr::Mfa]);
    let used = events(&bed, "authenticator.used").await;
    assert_eq!((used.len(), used[0].subject, &used[0].data["authenticator"]), (1, Some(ada), &id.to_string().into()));
    let eve = "eve@example.com";
    bed.sign_up(eve, PASSWORD).await;
    assert!(bed.sign_in(eve, PASSWORD).await.is_ok(), "whoever has none is asked for none");
}

#[tokio::test]
async fn what_stands_in_for_others_asks_for_nothing_by_itself() {
    let bed = bed_with(FakeCode::new("fake_backup").standing_in()).await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session.user;
    enrol(&bed, ada, "fake_backup", CODE).await;
    assert!(bed.sign_in(ADA, PASSWORD).await.is_ok());
    enrol(&bed, ada, "fake_key", KEY).await;
    let (browser, journey) = waiting(&bed).await;
    let prompt = bed.ciam.journeys().prompt(&journey, &browser.client).await.unwrap();
    let Prompt::Authenticate { method, others, .. } = prompt else { panic!("{prompt:?}") };
    assert_eq!((method.as_str(), others[0].as_str()), ("fake_key", "fake_backup"), "the better way first");
    let (unknown, _) = mistake(browser.answer(&journey, choose("fake_code")).await);
    assert_eq!(unknown, Mistake::UnavailableMethod);
    let chosen = browser.answer(&journey, choose("fake_backup")).await.unwrap().prompt;
    assert!(matches!(chosen, Prompt::Otp { .. }));
    let back = browser.answer(&journey, choose("fake_key")).await.unwrap().prompt;
    assert!(matches!(back, Prompt::Authenticate { .. }));
    browser.answer(&journey, choose("fake_backup")).await.unwrap();
    assert_eq!(opened(browser.answer(&journey, code("7")).await).session.assurance.reached().aal, Aal::Aal2);
}

#[tokio::test(flavor = "multi_thread")]
async fn mf1_one_code_in_a_hundred_parallel_answers_opens_one_session() {
    let bed = bed().await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session.user;
    enrol(&bed, ada, "fake_code", CODE).await;
    let mut waiting_ones = Vec::new();
    for _ in 0..100 {
        waiting_ones.push(waiting(&bed).await);
    }
    let waiting_ones = Arc::new(waiting_ones);
    let answers = in_parallel(100, |nth| {
        let waiting_ones = Arc::clone(&waiting_ones);
        async move {
            let (browser, journey) = &waiting_ones[nth];
            browser.answer(journey, code("7")).await.is_ok_and(|advanced| advanced.opened.is_some())
        }
    });
    assert_eq!(answers.await.into_iter().filter(|opened| *opened).count(), 1);
    let (browser, journey) = &waiting_ones[0];
    for used in ["7", "0"] {
        assert!(browser.answer(journey, code(used)).await.is_err(), "{used} was used, or an earlier one was");
    }
}

#[tokio::test]
async fn mf3_guesses_over_fresh_journeys_meet_one_limit_that_the_password_does_not_forgive() {
    let fake = FakeCode::new("fake_code");
    let bed = bed_with(fake.clone()).await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session.user;
    enrol(&bed, ada, "fake_code", CODE).await;
    enrol(&bed, ada, "fake_key", KEY).await;
    let mut refused = 0;
    for nth in 0..12 {
        let (browser, journey) = waiting(&bed).await;
        let other = nth % 2 == 0;
        if other {
            browser.answer(&journey, choose("fake_code")).await.unwrap();
        }
        let guess = if other { code("8") } else { data(serde_json::json!({"challenge": "guessed"})) };
        refused += u32::from(matches!(browser.answer(&journey, guess).await, Err(JourneyError::Throttled { .. })));
    }
    assert_eq!(refused, 7, "five are judged, of all methods together");
    let (browser, journey) = waiting(&bed).await;
    browser.answer(&journey, choose("fake_code")).await.unwrap();
    assert!(matches!(browser.answer(&journey, code("7")).await, Err(JourneyError::Throttled { .. })));
    assert_eq!(fake.examined.load(Ordering::SeqCst), 3, "a refused one is not even looked at");
    // One address alone does not keep the owner out: of what fills the account's window, one is another's.
    let elsewhere = async |last: u8, typed: &str| {
        let browser = bed.browser().at([192, 0, 2, last]);
        let journey = browser.identified(JourneyKind::SignIn, ADA).await;
        browser.answer(&journey, password(PASSWORD)).await.unwrap();
        browser.answer(&journey, choose("fake_code")).await.unwrap();
        browser.answer(&journey, code(typed)).await
    };
    assert_eq!(mistake(elsewhere(1, "8").await).0, Mistake::WrongProof);
    assert!(matches!(elsewhere(2, "7").await, Err(JourneyError::Throttled { .. })));
    bed.ciam.tries().forgive(&Cause::system(), ada).await.unwrap();
    opened(elsewhere(2, "7").await);
}

#[tokio::test]
async fn an_authenticator_that_is_away_costs_no_try_and_opens_nothing() {
    let fake = FakeCode::new("fake_code");
    let bed = bed_with(fake.clone()).await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session.user;
    enrol(&bed, ada, "fake_code", CODE).await;
    let (browser, journey) = waiting(&bed).await;
    fake.is_away.store(true, Ordering::SeqCst);
    for _ in 0..20 {
        let away = browser.answer(&journey, code("7")).await;
        assert!(matches!(away, Err(JourneyError::Unavailable(_))), "{away:?}");
    }
    fake.is_away.store(false, Ordering::SeqCst);
    opened(browser.answer(&journey, code("7")).await);
}

/// Every answer that there is, except the right one.
fn beside_the_point() -> Vec<Answer> {
    vec![
        Answer::identify(ADA),
        password(PASSWORD),
        password(""),
        new_password(NEW),
        code(""),
        code(" "),
        code("8"),
        Answer::Resend {},
        Answer::Continue {},
        choose("password"),
        choose("nothing"),
        data(serde_json::json!({})),
        data(serde_json::Value::Null),
        Answer::Custom { data: serde_json::json!({}) },
    ]
}

#[tokio::test]
async fn mf5_no_other_answer_skips_the_second_factor() {
    for (nth, answer) in beside_the_point().into_iter().enumerate() {
        let bed = bed().await;
        let ada = bed.sign_up(ADA, PASSWORD).await.session.user;
        enrol(&bed, ada, "fake_code", CODE).await;
        let (browser, journey) = waiting(&bed).await;
        let answered = browser.answer(&journey, answer).await;
        assert!(answered.is_err(), "{nth}: {answered:?}");
        let prompt = bed.ciam.journeys().prompt(&journey, &browser.client).await.unwrap();
        assert!(matches!(prompt, Prompt::Otp { .. }), "{nth}: {prompt:?}");
        assert_eq!(events(&bed, "session.started").await.len(), 1, "{nth}: that of the sign-up");
    }
}

#[tokio::test]
async fn mf5_no_new_password_before_the_second_factor() {
    for by_link in [false, true] {
        let bed = bed().await;
        let ada = bed.sign_up(ADA, PASSWORD).await.session.user;
        enrol(&bed, ada, "fake_code", CODE).await;
        let browser = bed.browser();
        let journey = recovering(&bed, &browser, ADA).await;
        let (browser, journey, prompt) = if by_link {
            let (ticket, phone) = (bed.ticket_for(ADA).await, bed.browser());
            let Redeemed::HandedOver(started) = bed.ciam.journeys().redeem(&ticket, &phone.client).await.unwrap()
            else {
                panic!("not handed over");
            };
            (phone, started.id, started.prompt)
        } else {
            let right = bed.code_for(ADA).await;
            let prompt = browser.answer(&journey, code(&right)).await.unwrap().prompt;
            (browser, journey, prompt)
        };
        assert!(matches!(prompt, Prompt::Otp { .. }), "{prompt:?}");
        assert!(browser.answer(&journey, new_password(NEW)).await.is_err());
        assert!(waiting(&bed).await.1.starts_with("jny_"), "the old password is in force");
        let prompt = browser.answer(&journey, code("7")).await.unwrap().prompt;
        assert!(matches!(prompt, Prompt::NewPassword { .. }), "{prompt:?}");
        let advanced = browser.answer(&journey, new_password(NEW)).await.unwrap();
        let reached = advanced.opened.map(|opened| opened.session.assurance.reached().aal);
        assert_eq!(reached, (!by_link).then_some(Aal::Aal2), "mf7: what was proved, and no session elsewhere");
    }
}

#[tokio::test]
async fn mf5_a_factor_that_comes_meanwhile_is_asked_in_the_journey_under_way() {
    let bed = bed().await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session.user;
    let (signing_in, recovers) = (bed.browser(), bed.browser());
    let sign_in = signing_in.identified(JourneyKind::SignIn, ADA).await;
    let recovery = recovering(&bed, &recovers, ADA).await;
    let right = bed.code_for(ADA).await;
    let prompt = recovers.answer(&recovery, code(&right)).await.unwrap().prompt;
    assert!(matches!(prompt, Prompt::NewPassword { .. }));
    enrol(&bed, ada, "fake_code", CODE).await;
    let advanced = signing_in.answer(&sign_in, password(PASSWORD)).await.unwrap();
    assert!(matches!(advanced.prompt, Prompt::Otp { .. }) && advanced.opened.is_none());
    assert!(recovers.answer(&recovery, new_password(NEW)).await.is_err());
    let prompt = bed.ciam.journeys().prompt(&recovery, &recovers.client).await.unwrap();
    assert!(matches!(prompt, Prompt::Otp { .. }), "{prompt:?}");
}

/// Hashes once somebody says so, after it was told to wait.
#[derive(Debug, Clone, Default)]
struct Held {
    hasher: crate::testing::CountingHasher,
    waits: Arc<AtomicBool>,
    reached: Arc<tokio::sync::Notify>,
    go_on: Arc<tokio::sync::Notify>,
}

#[async_trait]
impl PasswordHasher for Held {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        if self.waits.load(Ordering::SeqCst) {
            self.reached.notify_one();
            self.go_on.notified().await;
        }
        self.hasher.hash(password).await
    }

    async fn verify(
        &self,
        password: &Password,
        against: Option<&PasswordHash>,
    ) -> Result<crate::passwords::Verdict, HashError> {
        self.hasher.verify(password, against).await
    }
}

#[tokio::test]
async fn mf5_a_factor_that_comes_while_the_new_password_is_hashed_is_asked_before_it_is_set() {
    let held = Held::default();
    let bed =
        TestBed::with(|b| b.store(MemoryStore::new()).hasher(held.clone()).authenticator(FakeCode::new("fake_code")))
            .await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session.user;
    let browser = bed.browser();
    let journey = recovering(&bed, &browser, ADA).await;
    let right = bed.code_for(ADA).await;
    browser.answer(&journey, code(&right)).await.unwrap();
    held.waits.store(true, Ordering::SeqCst);
    let (answered, ()) = tokio::join!(browser.answer(&journey, new_password(NEW)), async {
        held.reached.notified().await;
        enrol(&bed, ada, "fake_code", CODE).await;
        held.go_on.notify_one();
    });
    assert!(matches!(answered, Err(JourneyError::Stale)), "{answered:?}");
    held.waits.store(false, Ordering::SeqCst);
    assert!(bed.sign_in(ADA, NEW).await.is_err(), "the old password is in force");
    let prompt = bed.ciam.journeys().prompt(&journey, &browser.client).await.unwrap();
    assert!(matches!(prompt, Prompt::Otp { .. }), "{prompt:?}");
}

/// Of a sign-in and an enrolment at once, either the session is from before, or the factor was asked.
#[tokio::test(flavor = "multi_thread")]
async fn mf5_a_sign_in_that_races_with_an_enrolment_opens_nothing_after_it() {
    for round in 0..30_u32 {
        let bed = bed().await;
        let ada = bed.sign_up(ADA, PASSWORD).await.session.user;
        let browser = bed.browser();
        let journey = browser.identified(JourneyKind::SignIn, ADA).await;
        let (answered, id) =
            tokio::join!(browser.answer(&journey, password(PASSWORD)), enrol(&bed, ada, "fake_code", CODE));
        let stream = bed.ciam.store().tail::<Event>(Position::START, 1000).await.unwrap();
        let sessions = stream.iter().filter(|(_, event)| event.name == "session.started").count();
        let advanced = answered.unwrap();
        assert_eq!(sessions, 1 + usize::from(advanced.opened.is_some()), "round {round}");
        if advanced.opened.is_none() {
            assert!(matches!(advanced.prompt, Prompt::Otp { .. }), "round {round}: {:?} {id}", advanced.prompt);
        }
        let (again, _) = waiting(&bed).await;
        drop(again);
    }
}

#[tokio::test]
async fn mf5_an_additions_fresh_proof_is_of_the_accounts_level() {
    let bed = bed().await;
    let ada = bed.sign_up(ADA, PASSWORD).await;
    let before = ada.session.clone();
    enrol(&bed, before.user, "fake_code", CODE).await;
    let browser = bed.browser();
    for kind in [JourneyKind::AddIdentifier, JourneyKind::StepUp] {
        let session = bed.signed_in(before.user).await.session;
        let started = browser.start_in(&session, kind).await;
        let first = match kind {
            JourneyKind::StepUp => {
                assert!(matches!(started.prompt, Prompt::Password { .. }));
                browser.answer(&started.id, password(PASSWORD)).await.unwrap()
            }
            _ => Advanced { prompt: started.prompt, opened: None },
        };
        assert!(matches!(first.prompt, Prompt::Otp { .. }), "{kind:?}: {:?}", first.prompt);
        let step = if kind == JourneyKind::StepUp { "14" } else { "7" };
        let raised = browser.answer(&started.id, code(step)).await.unwrap();
        let opened = raised.opened.unwrap();
        assert_eq!(opened.session.assurance.reached().aal, Aal::Aal2);
        assert_eq!(raised.prompt.name(), if kind == JourneyKind::StepUp { "done" } else { "identify" });
        if kind == JourneyKind::AddIdentifier {
            add(&bed, &opened.session, "countess").await;
            let own = bed.ciam.identifiers().list(before.user).await.unwrap();
            assert!(own.iter().any(|own| own.value == "countess"));
        }
    }
}

#[tokio::test]
async fn a_proof_is_of_its_owners_own_authenticator_while_they_have_it() {
    let bed = bed().await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session.user;
    let eve = bed.sign_up("eve@example.com", PASSWORD).await.session.user;
    let own = enrol(&bed, ada, "fake_key", KEY).await;
    let others = enrol(&bed, eve, "fake_key", KEY).await;
    let (browser, journey) = waiting(&bed).await;
    let challenge = shown(&bed.ciam.journeys().prompt(&journey, &browser.client).await.unwrap());
    let foreign = data(serde_json::json!({"challenge": challenge, "of": others}));
    let answered = browser.answer(&journey, foreign).await;
    assert!(matches!(answered, Err(JourneyError::Stale)), "{answered:?}");
    let removed = bed.ciam.store().transact(|work| async move {
        work.get::<Standing>(ada).await?;
        work.touch::<Standing>(ada)?;
        work.get::<Enrolment>(own).await?;
        work.remove::<Enrolment>(own)?;
        Ok::<_, StoreError>(())
    });
    removed.await.unwrap();
    let late = data(serde_json::json!({"challenge": challenge, "of": own}));
    assert!(browser.answer(&journey, late).await.is_err());
    assert_eq!(events(&bed, "authenticator.used").await.len(), 0);
}

#[tokio::test]
async fn no_claim_and_no_enrolment_lifts_a_proof_above_its_method() {
    let bed = TestBed::with(|b| b.store(MemoryStore::new()).authenticator(FakeKey(CODE))).await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session.user;
    enrol(&bed, ada, "fake_key", KEY.in_hardware()).await;
    let (browser, journey) = waiting(&bed).await;
    let challenge = shown(&bed.ciam.journeys().prompt(&journey, &browser.client).await.unwrap());
    let session = opened(browser.answer(&journey, data(serde_json::json!({"challenge": challenge}))).await).session;
    let reached = session.assurance.reached();
    assert_eq!((reached.aal, reached.phishing_resistant), (Aal::Aal2, false));
}

#[tokio::test]
async fn wa1_a_challenge_is_good_for_one_turn_of_one_journey_and_ten_minutes_at_most() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()), []);
    let shared = Arc::clone(&store) as Arc<dyn Backend>;
    let bed = TestBed::with(|b| b.shared_store(shared).authenticator(FakeKey(KEY))).await;
    let ada = bed.sign_up(ADA, PASSWORD).await.session.user;
    enrol(&bed, ada, "fake_key", KEY).await;
    let (browser, journey) = waiting(&bed).await;
    let (other_browser, other) = waiting(&bed).await;
    let ask = async |browser: &crate::testing::Browser, journey: &str| {
        shown(&bed.ciam.journeys().prompt(journey, &browser.client).await.unwrap())
    };
    let before = store.commits();
    let challenge = ask(&browser, &journey).await;
    assert_eq!(ask(&browser, &journey).await, challenge, "the same page shows the same");
    assert_eq!(store.commits(), before, "and writes nothing");
    let give = |challenge: &serde_json::Value| data(serde_json::json!({"challenge": challenge}));
    let (wrong, _) = mistake(other_browser.answer(&other, give(&challenge)).await);
    assert_eq!(wrong, Mistake::WrongProof, "another journey's");
    let (_, prompt) = mistake(browser.answer(&journey, give(&serde_json::json!([0]))).await);
    let next = shown(&prompt);
    assert_ne!(next, challenge, "a wrong answer uses the challenge up");
    assert_eq!(mistake(browser.answer(&journey, give(&challenge)).await).0, Mistake::WrongProof);
    let challenge = ask(&browser, &journey).await;
    bed.clock.advance(Duration::from_mins(10));
    assert_eq!(mistake(browser.answer(&journey, give(&challenge)).await).0, Mistake::WrongProof, "too old");
    let challenge = ask(&browser, &journey).await;
    bed.clock.advance(Duration::from_mins(5));
    opened(browser.answer(&journey, give(&challenge)).await);
    assert!(browser.answer(&journey, give(&challenge)).await.is_err(), "once");
}

#[tokio::test]
async fn two_authenticators_of_one_method_are_refused() {
    let build = async |methods: [&'static str; 2]| {
        let builder = crate::ciam::Ciam::builder().store(MemoryStore::new()).messenger(crate::messages::Mailbox::new());
        let [one, two] = methods.map(FakeCode::new);
        builder.without_workers().authenticator(one).authenticator(two).build().await
    };
    for methods in [["fake_code", "fake_code"], ["fake_code", "password"]] {
        let refused = build(methods).await.unwrap_err();
        assert!(matches!(&refused, crate::ciam::BuildError::DuplicateAuthenticator(_)), "{refused:?}");
    }
    assert!(build(["fake_code", "fake_backup"]).await.is_ok());
}
