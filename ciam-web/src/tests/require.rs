use std::time::Duration;

use axum::routing::{any, post};
use ciam_core::evidence::{Aal, Aal2, Amr};
use ciam_core::testing::TestBed;

use super::*;
use crate::testing::TestClient;
use crate::{Assured, CurrentUser, Fresh, Hours, Minutes, require, require_sign_in};

fn host() -> Router {
    let members = Router::new()
        .route("/orders", get(async || "orders").post(async || "ordered"))
        .nest("/deep", Router::new().route("/er", any(async |user: CurrentUser| user.id().to_string())))
        .route_layer(require_sign_in());
    let safe = Router::new().route("/", get(async || "safe")).route_layer(require::<Assured<Aal2>>());
    let recent = Router::new().route("/", get(async || "recent")).route_layer(require::<Fresh<Hours<1>>>());
    Router::new()
        .route("/", get(async || "for all"))
        .nest("/members", members)
        .nest("/safe", safe)
        .nest("/recent", recent)
        .route("/payout", get(async |_: Fresh<Minutes<5>>| "form").post(async |_: Fresh<Minutes<5>>| "paid"))
        .route("/api/payout", post(async |_: Fresh<Minutes<5>>| "paid").get(async |_: Fresh<Minutes<5>>| "form"))
        .route(
            "/me",
            get(async |user: CurrentUser| {
                let profile = user.profile().await?;
                let email = profile.email().map(ToString::to_string);
                let when = user.auth_time();
                assert_eq!(user.amr(), [Amr::Pwd]);
                assert_eq!(user.acr(), ["urn:ciam:aal1"]);
                assert_eq!(user.application(), ciam_core::ApplicationId::DEFAULT);
                assert_eq!(user.identity().config().application.name, "Test Shop");
                assert_eq!(user.assurance(), Aal::Aal1);
                Ok::<_, crate::Problem>(format!("{} {} {when}", profile.user.id, email.unwrap_or_default()))
            }),
        )
}

async fn shop() -> (TestBed, TestClient) {
    let bed = TestBed::new().await;
    let app = around(&bed, host());
    (bed, TestClient::new(app))
}

#[tokio::test]
async fn a_whole_router_asks_for_sign_in() {
    let (bed, mut ada) = shop().await;
    let mut program = TestClient::program(around(&bed, host()));
    for (path, back) in [
        ("/members/orders?id=1", "%2Fmembers%2Forders%3Fid%3D1"),
        ("/members/deep/er", "%2Fmembers%2Fdeep%2Fer"),
        ("/recent", "%2Frecent"),
        ("/safe", "%2Fsafe"),
    ] {
        assert_eq!(ada.get(path).await.location(), Some(format!("/sign-in?return_to={back}").as_str()), "{path}");
        let refused = program.get(path).await;
        assert_eq!((refused.status, refused.problem().as_deref()), (StatusCode::UNAUTHORIZED, Some("no_session")));
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        let refused = program.json(method.clone(), "/members/deep/er", &()).await;
        assert_eq!(refused.problem().as_deref(), Some("no_session"), "{method}");
    }
    assert_eq!(ada.post("/members/orders", &[]).await.status, StatusCode::UNAUTHORIZED, "a form is not sent twice");
    assert_eq!(ada.get("/").await.text(), "for all");
    assert_eq!(ada.get("/members/nothing").await.status, StatusCode::NOT_FOUND);

    let person = bed.user().create().await;
    ada.sign_in(&bed, person.id).await;
    assert_eq!(ada.get("/members/orders").await.text(), "orders");
    assert_eq!(ada.post("/members/orders", &[]).await.text(), "ordered");
    assert_eq!(ada.get("/members/deep/er").await.text(), person.id.to_string());
    bed.ciam.users().suspend(&ciam_core::events::Cause::system(), person.id).await.unwrap();
    assert_eq!(ada.get("/members/orders").await.status, StatusCode::SEE_OTHER, "at the next request");
}

#[tokio::test]
async fn a_router_without_a_mount_is_closed() {
    let mut program = TestClient::program(host());
    assert_eq!(program.get("/members/orders").await.problem().as_deref(), Some("internal"));
}

#[tokio::test]
async fn a_router_may_ask_for_two_factors() {
    let (bed, mut ada) = shop().await;
    let person = bed.user().create().await;
    ada.sign_in(&bed, person.id).await;
    assert_eq!(ada.get("/safe").await.status, StatusCode::FORBIDDEN);
    ada.sign_in_with_two_factors(&bed, person.id).await;
    assert_eq!(ada.get("/safe").await.text(), "safe");
}

#[tokio::test]
async fn an_old_proof_is_not_fresh() {
    let (bed, mut ada) = shop().await;
    let person = bed.user().create().await;
    ada.sign_in(&bed, person.id).await;
    bed.clock.advance(Duration::from_secs(300));
    assert_eq!(ada.post("/payout", &[]).await.text(), "paid", "five minutes are not more than five");
    bed.clock.advance(Duration::from_secs(1));
    assert_eq!(ada.get("/payout?to=x").await.location(), Some("/step-up?return_to=%2Fpayout%3Fto%3Dx"));
    assert_eq!(ada.post("/payout", &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(ada.get("/api/payout").await.problem().as_deref(), Some("fresh_sign_in_required"), "a program's path");
    let refused = ada.post("/api/payout", &[]).await;
    assert_eq!((refused.status, &refused.json::<Value>()["max_age"]), (StatusCode::FORBIDDEN, &json!(300)));
    assert_eq!(ada.get("/recent").await.text(), "recent");
    bed.clock.advance(Duration::from_secs(3600));
    assert_eq!(ada.get("/recent").await.location(), Some("/step-up?return_to=%2Frecent"));
    let fresh = bed.signed_in(person.id).await;
    ada.set_cookie("ciam_session", fresh.bearer.expose());
    assert_eq!(ada.post("/payout", &[]).await.text(), "paid");
}

#[tokio::test]
async fn a_handler_knows_who_when_and_how() {
    let (bed, mut ada) = shop().await;
    let person = bed.user().email(EMAIL).name("Ada").create().await;
    ada.sign_in(&bed, person.id).await;
    bed.clock.advance(Duration::from_secs(90));
    let me = ada.get("/me").await;
    assert_eq!(me.text(), format!("{} {EMAIL} 2026-01-01T00:00:00Z", person.id));
}
