//! Second factors by pages and by the API.

use async_trait::async_trait;
use ciam_core::authenticators::{
    Authenticator, AuthenticatorId, Confirmation, Examination, Found, Given, Means, Method as Proof, Ready, Shown,
    Unavailable, Used, Uses, Verdict,
};
use ciam_core::evidence::{Amr, AmrSet, Claim, Factor, Strength};
use ciam_core::secret::Secret;
use ciam_core::store::{StoreError, Work};

use super::*;

const CODE: Strength = Strength::of(AmrSet::of(&[Amr::Otp]), Factor::Possession);
const RIGHT: &str = "123456";

/// An app whose code is always the same, or codes to keep.
#[derive(Debug)]
pub(super) struct FakeFactor {
    method: Proof,
    keeps: bool,
}

impl FakeFactor {
    pub(super) fn app() -> Self {
        Self { method: Proof::TOTP, keeps: false }
    }

    pub(super) fn codes() -> Self {
        Self { method: Proof::RECOVERY_CODE, keeps: true }
    }
}

#[async_trait]
impl Authenticator for FakeFactor {
    fn method(&self) -> Proof {
        self.method.clone()
    }

    fn ceiling(&self) -> Strength {
        CODE
    }

    fn uses(&self) -> Uses {
        Uses { second: true, stands_in: self.keeps, enrols: true, sole: self.keeps }
    }

    async fn ask(&self, _: &Means<'_>, _: &Examination<'_>) -> Result<Shown, Unavailable> {
        Ok(Shown::Code)
    }

    async fn examine(&self, _: &Means<'_>, e: &Examination<'_>, given: &Given) -> Result<Verdict, Unavailable> {
        Ok(match (given, e.enrolled) {
            (Given::Code(typed), [one, ..]) if typed.expose() == RIGHT => {
                Verdict::Right(Found { authenticator: one.id, claim: Claim::full(CODE), state: Box::new(()) })
            }
            _ => Verdict::Wrong("wrong_otp"),
        })
    }

    async fn settle_in(&self, _: &Work, _: &Found) -> Result<Used, StoreError> {
        Ok(Used::Now)
    }

    async fn present(&self, _: &Means<'_>, _: &Examination<'_>, _: &[u8]) -> Result<Shown, Unavailable> {
        let text = |text: &str| Secret::new(text.to_owned());
        Ok(match self.keeps {
            true => Shown::Codes(vec![text("7K2M-9QXA")]),
            false => Shown::Totp {
                secret: text("GEZDGNBV"),
                uri: text("otpauth://totp/Test%20Shop:ada?secret=GEZDGNBV"),
                svg: text("<svg viewBox=\"0 0 1 1\"></svg>"),
            },
        })
    }

    async fn confirm(
        &self,
        _: &Means<'_>,
        _: &Examination<'_>,
        _: &[u8],
        given: &Given,
    ) -> Result<Confirmation, Unavailable> {
        let (works, claim) = match given {
            Given::Code(typed) => (typed.expose() == RIGHT, Some(Claim::full(CODE))),
            Given::Kept => (self.keeps, None),
            _ => (false, None),
        };
        let ready = Ready { strength: CODE, shown: String::new(), claim, state: Box::new(()) };
        Ok(if works { Confirmation::Ready(ready) } else { Confirmation::Wrong })
    }
}

async fn shop() -> (TestBed, Router) {
    let bed = TestBed::with(|builder| {
        builder.store(MemoryStore::new()).authenticator(FakeFactor::app()).authenticator(FakeFactor::codes())
    })
    .await;
    let app = around(&bed, Router::new());
    (bed, app)
}

/// Adds the app by pages.
async fn add_app(ada: &mut Visitor) {
    let page = ada.get("/account/authenticators/add").await;
    let page = ada.answer(&page, &[("method", "totp")]).await;
    let added = ada.answer(&page, &[("code", RIGHT)]).await;
    assert!(added.body.contains("another proof now"), "{}", added.body);
}

#[tokio::test]
async fn a_person_adds_an_app_signs_in_with_it_and_removes_it() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    assert!(ada.get("/account/security").await.body.contains("Your password alone"));
    let page = ada.get("/account/authenticators/add").await;
    assert_eq!(page.heading(), "Make your account safer");
    assert!(page.body.contains("An authenticator app") && page.body.contains("Recovery codes"));
    let page = ada.answer(&page, &[("method", "totp")]).await;
    assert_eq!(page.heading(), "Connect your app");
    assert!(page.body.contains("<svg viewBox") && page.body.contains("GEZDGNBV"));
    assert!(page.body.contains("href=\"otpauth://totp/"), "{}", page.body);
    let wrong = ada.answer(&page, &[("code", "000000")]).await;
    assert_eq!(wrong.alert(), Some("This did not work. Try again, or in another way."));
    let added = ada.answer(&page, &[("code", RIGHT)]).await;
    assert!(added.body.contains("Authenticator app") && added.body.contains("another proof now"), "{}", added.body);

    let mut phone = Visitor::browser(&app);
    let page = phone.get("/sign-in").await;
    let page = phone.answer(&page, &[("email", EMAIL)]).await;
    let page = phone.answer(&page, &[("password", PASSWORD)]).await;
    assert_eq!(page.heading(), "One more step");
    assert!(page.body.contains("authenticator app"));
    assert_ne!(phone.get("/account").await.status, StatusCode::OK);
    assert!(phone.answer(&page, &[("code", "000000")]).await.alert().is_some());
    let page = phone.answer(&page, &[("code", RIGHT)]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(phone.get("/account").await.status, StatusCode::OK);

    let security = phone.get("/account/security").await.body;
    let removal = security.split("href=\"").find_map(|rest| rest.split('"').next().filter(|p| p.ends_with("/remove")));
    let page = phone.get(removal.unwrap()).await;
    assert_eq!(page.heading(), "Remove this?");
    let removed = phone.post(removal.unwrap(), &[]).await;
    assert_eq!(removed.location(), "/account/security?done=removed");
    assert_eq!(phone.post(removal.unwrap(), &[]).await.status, StatusCode::NOT_FOUND);
    Visitor::browser(&app).sign_in(EMAIL, PASSWORD).await;
}

#[tokio::test]
async fn codes_are_shown_until_they_are_kept_and_another_way_is_tried() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    add_app(&mut ada).await;
    let page = ada.get("/account/authenticators/add").await;
    let page = ada.answer(&page, &[("method", "recovery_code")]).await;
    assert_eq!(page.heading(), "Keep these codes");
    assert!(page.body.contains("7K2M-9QXA"));
    ada.answer(&page, &[]).await;
    let mut phone = Visitor::browser(&app);
    let page = phone.get("/sign-in").await;
    let page = phone.answer(&page, &[("email", EMAIL)]).await;
    let page = phone.answer(&page, &[("password", PASSWORD)]).await;
    assert!(page.body.contains("Use a recovery code"));
    let page = phone.answer(&page, &[("answer", "choose"), ("method", "recovery_code")]).await;
    assert!(page.body.contains("Enter one of the recovery codes"), "{}", page.body);
    assert!(page.body.contains("Use your authenticator app"));
    let page = phone.answer(&page, &[("code", RIGHT)]).await;
    assert_eq!(page.status, StatusCode::OK);
}

#[tokio::test]
async fn a_removal_takes_all_that_the_account_has() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    add_app(&mut ada).await;
    bed.clock.advance(std::time::Duration::from_mins(16));
    let security = ada.get("/account/security").await.body;
    let removal = security.split("href=\"").find_map(|rest| rest.split('"').next().filter(|p| p.ends_with("/remove")));
    let removal = removal.unwrap().to_owned();
    let change = [("password", PASSWORD), ("new_password", "copper lantern regatta")];
    let step_up = ada.post("/account/security", &change).await.location();
    assert_eq!(step_up, "/step-up?return_to=%2Faccount%2Fsecurity", "nor is the password changed by it alone");
    let step_up = ada.post(&removal, &[]).await.location();
    assert!(step_up.starts_with("/step-up?return_to="), "{step_up}");
    let page = ada.get(&step_up).await;
    let page = ada.answer(&page, &[("password", PASSWORD)]).await;
    assert_eq!(page.heading(), "One more step");
    let back = ada.submit(&page, &[("code", RIGHT)]).await;
    assert_eq!(back.location(), removal);
    assert_eq!(ada.post(&removal, &[]).await.location(), "/account/security?done=removed");
}

#[tokio::test]
async fn programs_list_add_and_remove() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    let empty = ada.call(Method::GET, "/api/v1/account/authenticators", Value::Null).await.json();
    assert_eq!(empty, json!({"authenticators": [], "choices": ["totp", "recovery_code"]}));
    let journey = ada.begin("enrol").await;
    let offered = ada.tell(&journey, json!({"type": "enrol", "method": "totp"})).await.json();
    assert_eq!(offered["prompt"]["type"], "totp_create");
    assert_eq!(offered["prompt"]["secret"], "GEZDGNBV");
    let wrong = ada.tell(&journey, json!({"type": "code", "code": "1"})).await;
    assert_eq!((wrong.problem().as_str(), &wrong.json()["mistake"]), ("wrong_input", &json!("wrong_proof")));
    let done = ada.tell(&journey, json!({"type": "code", "code": RIGHT})).await.json();
    assert_eq!(done["prompt"]["session"]["assurance"], "aal2");
    let listed = ada.call(Method::GET, "/api/v1/account/authenticators", Value::Null).await.json();
    let id = listed["authenticators"][0]["id"].as_str().unwrap().to_owned();
    assert!(id.parse::<AuthenticatorId>().is_ok());
    bed.clock.advance(std::time::Duration::from_mins(16));
    let path = format!("/api/v1/account/authenticators/{id}");
    let refused = ada.call(Method::DELETE, &path, Value::Null).await;
    assert_eq!((refused.problem().as_str(), &refused.json()["max_age"]), ("fresh_sign_in_required", &json!(900)));
    let journey = ada.begin("step_up").await;
    ada.tell(&journey, json!({"type": "password", "password": PASSWORD})).await;
    ada.tell(&journey, json!({"type": "code", "code": RIGHT})).await;
    assert_eq!(ada.call(Method::DELETE, &path, Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(ada.call(Method::DELETE, &path, Value::Null).await.problem(), "not_found");
}
