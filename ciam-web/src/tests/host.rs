use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use axum::response::{Html, IntoResponse};
use axum::routing::post;
use ciam_core::evidence::{Aal1, Aal2};
use ciam_core::testing::TestBed;

use super::*;
use crate::{Assured, CurrentUser, Problem};

/// An application of its own: pages, an API, a state, a fallback.
fn host() -> Router {
    async fn home(user: Option<CurrentUser>) -> String {
        user.map_or("a stranger".to_owned(), |user| user.id().to_string())
    }
    async fn orders(user: CurrentUser, State(shop): State<&'static str>) -> Result<Html<String>, Problem> {
        let (email, name) = (user.email().await?, user.name().await?);
        Ok(Html(format!("{shop}: {} {}", email.unwrap(), name.unwrap_or_default())))
    }
    let app = Router::new()
        .route("/", get(home))
        .route("/orders", get(orders).post(async |_: CurrentUser| "ordered"))
        .route("/low", get(async |_: Assured<Aal1>| "low"))
        .route("/high", get(async |_: Assured<Aal2>| "high"))
        .route("/twice", get(async |one: CurrentUser, two: CurrentUser| (one.id() == two.id()).to_string()))
        .route("/gone", get(async || StatusCode::NOT_FOUND))
        .route(
            "/panic",
            get(async || {
                if true {
                    panic!("canary in a panic")
                }
            }),
        )
        .route("/hook", post(async || "hooked"));
    Router::new().nest("/shop", app).with_state("Shop")
}

#[tokio::test]
async fn a_page_of_the_host_asks_for_sign_in_and_is_returned_to() {
    let bed = TestBed::new().await;
    let app = around(&bed, host());
    bed.sign_up(EMAIL, PASSWORD).await;
    let mut ada = Visitor::browser(&app);
    assert_eq!(ada.get("/shop").await.body, "a stranger");
    let reply = ada.get("/shop/orders?id=1").await;
    assert_eq!(reply.location(), "/sign-in?return_to=%2Fshop%2Forders%3Fid%3D1");
    assert_eq!(reply.headers[CACHE_CONTROL], "no-store");
    let page = ada.get(&reply.location()).await;
    let page = ada.answer(&page, &[("email", EMAIL), ("return_to", &page.field("return_to"))]).await;
    assert_eq!(ada.submit(&page, &[("password", PASSWORD)]).await.location(), "/shop/orders?id=1");
    let page = ada.get("/shop/orders?id=1").await;
    assert_eq!(page.body, "Shop: ada@example.com ");
    assert!(!page.headers.contains_key(CONTENT_SECURITY_POLICY), "the host's pages have the host's policy");
    assert!(ada.get("/shop").await.body.starts_with("usr_"));
    assert_eq!(ada.get("/shop/twice").await.body, "true");
}

#[tokio::test]
async fn programs_get_a_problem_instead_of_a_page() {
    let bed = TestBed::new().await;
    let app = around(&bed, host());
    let reply = Visitor::program(&app).get("/shop/orders").await;
    assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::UNAUTHORIZED, "no_session"));
    let page = Visitor::browser(&app).post("/shop/orders", &[]).await;
    assert_eq!((page.status, page.heading()), (StatusCode::UNAUTHORIZED, "Please sign in"), "a form is not sent twice");
    assert!(page.headers.contains_key(CONTENT_SECURITY_POLICY));
}

#[tokio::test]
async fn assurance_is_asked_for_in_types() {
    let bed = TestBed::new().await;
    let app = around(&bed, host());
    let mut ada = Visitor::program(&app);
    assert_eq!(ada.get("/shop/high").await.problem(), "no_session");
    ada.sign_up(&bed, EMAIL).await;
    assert_eq!(ada.get("/shop/low").await.body, "low");
    let reply = ada.get("/shop/high").await;
    assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::FORBIDDEN, "assurance_required"));
}

#[tokio::test]
async fn se5_the_host_s_routes_are_under_the_same_rule() {
    let bed = TestBed::new().await;
    let app = around(&bed, host());
    let mut ada = Visitor::program(&app);
    ada.sign_up(&bed, EMAIL).await;
    let request = ada.request(Method::POST, "/shop/orders").header("sec-fetch-site", "cross-site");
    assert_eq!(ada.send(request.body(Body::empty()).unwrap()).await.problem(), "cross_site");
    assert_eq!(ada.post("/shop/orders", &[]).await.body, "ordered");
    assert_eq!(ada.post("/shop/hook", &[]).await.body, "hooked");
}

#[tokio::test]
async fn what_the_host_says_itself_stays_as_it_is() {
    let bed = TestBed::new().await;
    let app = around(&bed, host());
    let mut ada = Visitor::program(&app);
    let reply = ada.get("/shop/gone").await;
    assert_eq!((reply.status, reply.body.as_str()), (StatusCode::NOT_FOUND, ""));
    assert_eq!(ada.get("/nothing").await.problem(), "not_found");
    let app = around(&bed, host().fallback(async || StatusCode::NOT_FOUND));
    assert_eq!(Visitor::program(&app).get("/nothing").await.problem(), "not_found", "an answer that says nothing");
    let with_fallback = host().fallback(async || (StatusCode::NOT_FOUND, "the host's own").into_response());
    let app = around(&bed, with_fallback);
    assert_eq!(Visitor::program(&app).get("/nothing").await.body, "the host's own");
}

#[tokio::test]
async fn a_panic_ends_its_request_and_says_nothing() {
    let bed = TestBed::new().await;
    let app = around(&bed, host());
    let reply = Visitor::program(&app).get("/shop/panic").await;
    assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "internal"));
    assert!(!reply.body.contains("canary"));
    assert_eq!(Visitor::browser(&app).get("/shop/panic").await.heading(), "Something went wrong");
}

#[tokio::test]
async fn an_extractor_without_a_mount_is_a_defect_and_no_way_in() {
    let app: Router = host();
    let mut ada = Visitor::program(&app);
    assert_eq!(ada.get("/shop/orders").await.problem(), "internal");
    assert_eq!(ada.get("/shop").await.problem(), "internal");
}

mod steps {
    use async_trait::async_trait;
    use ciam_core::UserId;
    use ciam_core::journeys::{CustomError, CustomStep, JourneyKind};
    use serde_json::json;

    use super::*;
    use crate::Mount;

    #[derive(Debug)]
    struct HouseRules;

    #[async_trait]
    impl CustomStep for HouseRules {
        fn name(&self) -> &str {
            "house_rules"
        }

        fn takes_part(&self, kind: JourneyKind) -> bool {
            kind == JourneyKind::SignIn
        }

        async fn prompt(&self, _: UserId) -> Result<Value, CustomError> {
            Ok(json!({"text": "No <running>."}))
        }

        async fn answer(&self, _: UserId, data: Value) -> Result<(), CustomError> {
            if data == json!({"accepted": "yes"}) { Ok(()) } else { Err(CustomError::Wrong("Accept them.".to_owned())) }
        }
    }

    const PAGE: &str = r#"{% extends "journey.html" %}
        {% block main %}<form method="post" action="{{ action }}"><h1>House rules</h1>
        {% set answer = "custom" %}{% include "hidden.html" %}{% include "alert.html" %}
        <p>{{ prompt.data.text }}</p><button id="main" name="accepted" value="yes" type="submit">Accept</button></form>
        {% endblock %}"#;

    #[tokio::test]
    async fn a_step_of_the_host_s_own_has_a_page() {
        let bed = TestBed::with(|builder| builder.store(MemoryStore::new()).step(HouseRules)).await;
        let app = Mount::new(&bed.ciam).step_page("house_rules", PAGE).around::<()>(Router::new()).unwrap();
        bed.sign_up(EMAIL, PASSWORD).await;
        let mut ada = Visitor::browser(&app);
        let page = ada.get("/sign-in").await;
        let page = ada.answer(&page, &[("email", EMAIL)]).await;
        let page = ada.answer(&page, &[("password", PASSWORD)]).await;
        assert_eq!(page.heading(), "House rules");
        assert!(page.body.contains("No &lt;running&gt;."));
        assert!(!ada.jar.contains_key("ciam_session"));
        let page = ada.answer(&page, &[]).await;
        assert_eq!((page.status, page.alert()), (StatusCode::UNPROCESSABLE_ENTITY, Some("Accept them.")));
        assert_eq!(ada.submit(&page, &[("accepted", "yes")]).await.location(), "/account");
    }

    #[tokio::test]
    async fn a_step_gets_its_own_fields_and_none_that_the_journey_carries() {
        let bed = TestBed::with(|builder| builder.store(MemoryStore::new()).step(HouseRules)).await;
        let app = Mount::new(&bed.ciam).step_page("house_rules", PAGE).around::<()>(Router::new()).unwrap();
        bed.sign_up(EMAIL, PASSWORD).await;
        let mut ada = Visitor::browser(&app);
        let about = "idf_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c";
        let carried = [("only", "email"), ("about", about), ("return_to", "/orders")];
        let with = |own| [carried.as_slice(), &[own]].concat();
        let page = ada.get(&format!("/sign-in?only=email&about={about}&return_to=/orders")).await;
        let page = ada.answer(&page, &with(("email", EMAIL))).await;
        let page = ada.answer(&page, &with(("password", PASSWORD))).await;
        for (name, value) in carried {
            assert_eq!(page.field(name), value, "the page carries it on");
        }
        assert_eq!(ada.submit(&page, &with(("accepted", "yes"))).await.location(), "/orders");
    }

    /// Takes any answer; one may wait for another to come at the same time.
    #[derive(Debug)]
    struct Question(&'static str, Option<tokio::sync::Barrier>);

    #[async_trait]
    impl CustomStep for Question {
        fn name(&self) -> &str {
            self.0
        }

        fn takes_part(&self, kind: JourneyKind) -> bool {
            kind == JourneyKind::SignIn
        }

        async fn prompt(&self, _: UserId) -> Result<Value, CustomError> {
            Ok(json!({ "text": self.0 }))
        }

        async fn answer(&self, _: UserId, _: Value) -> Result<(), CustomError> {
            if let Some(barrier) = &self.1 {
                barrier.wait().await;
            }
            Ok(())
        }
    }

    #[tokio::test]
    async fn of_two_answers_at_once_the_second_is_told_so_on_the_page_that_came_next() {
        let (first, second) = (Question("first", Some(tokio::sync::Barrier::new(2))), Question("second", None));
        let bed = TestBed::with(|builder| builder.store(MemoryStore::new()).step(first).step(second)).await;
        let mount = Mount::new(&bed.ciam).step_page("first", PAGE).step_page("second", PAGE);
        let app = mount.around::<()>(Router::new()).unwrap();
        bed.sign_up(EMAIL, PASSWORD).await;
        let mut ada = Visitor::browser(&app);
        let page = ada.get("/sign-in").await;
        let page = ada.answer(&page, &[("email", EMAIL)]).await;
        let page = ada.answer(&page, &[("password", PASSWORD)]).await;
        assert!(page.body.contains("<p>first</p>"));
        let mut other_tab = ada.clone();
        let (one, other) = tokio::join!(ada.submit(&page, &[]), other_tab.submit(&page, &[]));
        let (taken, late) = if one.status == StatusCode::SEE_OTHER { (one, other) } else { (other, one) };
        assert_eq!((taken.status, late.status), (StatusCode::SEE_OTHER, StatusCode::CONFLICT));
        assert_eq!(late.alert(), Some("This was answered elsewhere meanwhile. Please go on from here."));
        assert!(late.body.contains("<p>second</p>"));
        assert_eq!(ada.submit(&late, &[]).await.location(), "/account");
    }

    #[tokio::test]
    async fn a_page_that_does_not_parse_is_a_startup_error() {
        let bed = TestBed::new().await;
        assert!(Mount::new(&bed.ciam).step_page("x", "{% if").around::<()>(Router::new()).is_err());
    }
}
