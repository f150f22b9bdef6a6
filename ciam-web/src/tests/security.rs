use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use ciam_core::store::{Cursor, Value as Column};
use serde_json::json;

use super::*;

const NEW: &str = "umber lantern fjords";

#[tokio::test]
async fn se1_and_se2_at_a_change_of_the_password() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    let mut phone = Visitor::browser(&app);
    phone.sign_in(EMAIL, PASSWORD).await;
    let page = ada.get("/account/security").await;
    assert_eq!(page.heading(), "Security");
    for hint in ["autocomplete=\"current-password\"", "autocomplete=\"new-password\"", "autocomplete=\"username\""] {
        assert!(page.body.contains(hint), "{hint}");
    }
    let page = ada.post("/account/security", &[("password", "wrong"), ("new_password", NEW)]).await;
    assert_eq!((page.status, page.alert()), (StatusCode::UNPROCESSABLE_ENTITY, Some("The password is wrong.")));
    assert!(page.body.contains("autofocus aria-invalid=\"true\" aria-describedby=\"error\""));
    assert!(!page.body.contains(NEW));

    let before = ada.jar["ciam_session"].clone();
    let reply = ada.post("/account/security", &[("password", PASSWORD), ("new_password", NEW)]).await;
    assert_eq!(reply.location(), "/account/security?done=password");
    assert_ne!(ada.jar["ciam_session"], before, "SE1: rotated");
    assert!(bed.ciam.sessions().check(&before).await.unwrap().is_none());
    let page = ada.get(&reply.location()).await;
    assert!(page.body.contains("role=\"status\">Your password is changed"));
    assert_eq!(phone.get("/account").await.status, StatusCode::SEE_OTHER);
    assert!(bed.sign_in(EMAIL, PASSWORD).await.is_err() && bed.sign_in(EMAIL, NEW).await.is_ok());
    assert!(bed.mail().await[0].subject.starts_with("Your password at Test Shop was changed"));
}

#[tokio::test]
async fn a_password_is_changed_by_json() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::program(&app);
    ada.sign_up(&bed, EMAIL).await;
    let path = "/api/v1/account/password";
    let wrong = ada.call(Method::POST, path, json!({"password": "wrong", "new_password": NEW})).await;
    assert_eq!((wrong.problem().as_str(), &wrong.json()["mistake"]), ("wrong_input", &json!("wrong_password")));
    assert_eq!(wrong.json().get("prompt"), None);
    for body in
        [json!({}), json!({"password": PASSWORD}), json!({"password": PASSWORD, "new_password": null}), json!([])]
    {
        assert_eq!(ada.call(Method::POST, path, body).await.problem(), "unexpected_members");
    }
    let before = ada.jar["ciam_session"].clone();
    let reply = ada.call(Method::POST, path, json!({"password": PASSWORD, "new_password": NEW})).await;
    assert_eq!((reply.status, reply.json()["session"].get("token")), (StatusCode::OK, None));
    assert_eq!(reply.json()["session"]["current"], true);
    assert_ne!(ada.jar["ciam_session"], before);
    assert_eq!(ada.get("/api/v1/session").await.json()["id"], reply.json()["session"]["id"]);

    let opened = bed.sign_in(EMAIL, NEW).await.unwrap();
    let mut device = Visitor::program(&app);
    let request = device.request(Method::POST, path).header(CONTENT_TYPE, JSON);
    let request = request.header(AUTHORIZATION, format!("Bearer {}", opened.bearer.expose()));
    let body = json!({"password": NEW, "new_password": PASSWORD}).to_string();
    let reply = device.send(request.body(Body::from(body)).unwrap()).await;
    let token = reply.json()["session"]["token"].as_str().unwrap().to_owned();
    assert!(device.jar.is_empty());
    assert!(bed.ciam.sessions().check(opened.bearer.expose()).await.unwrap().is_none());
    assert!(bed.ciam.sessions().check(&token).await.unwrap().is_some());
    assert_eq!(ada.get("/api/v1/session").await.problem(), "no_session", "the other client is out");
}

#[tokio::test]
async fn pw6_tries_of_the_present_password_have_their_limit_on_every_path() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::program(&app);
    ada.sign_up(&bed, EMAIL).await;
    let step_up = ada.begin("step_up").await;
    for n in 0..5 {
        let reply = match n % 2 {
            0 => {
                let body = json!({"password": "wrong", "new_password": NEW});
                ada.call(Method::POST, "/api/v1/account/password", body).await
            }
            _ => ada.tell(&step_up, json!({"type": "password", "password": "wrong"})).await,
        };
        assert_eq!(reply.problem(), "wrong_input", "{n}");
    }
    let body = json!({"password": PASSWORD, "new_password": NEW});
    let reply = ada.call(Method::POST, "/api/v1/account/password", body).await;
    assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::TOO_MANY_REQUESTS, "throttled"));
    assert!(reply.headers.contains_key("retry-after"));
    let reply = ada.tell(&step_up, json!({"type": "password", "password": PASSWORD})).await;
    assert_eq!(reply.problem(), "throttled");
    let page = ada.post("/account/security", &[("password", PASSWORD), ("new_password", NEW)]).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(page.alert().unwrap().starts_with("There were too many tries."));
}

#[tokio::test]
async fn password_managers_find_the_form() {
    let (_, app) = shop().await;
    let reply = Visitor::browser(&app).get("/.well-known/change-password").await;
    assert_eq!((reply.status, reply.location()), (StatusCode::SEE_OTHER, "/account/security".to_owned()));
}

#[tokio::test]
async fn se1_a_step_up_gives_the_session_a_new_bearer_and_leads_back() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    let before = ada.jar["ciam_session"].clone();
    let page = ada.get("/step-up?return_to=%2Forders").await;
    assert_eq!(page.heading(), "Confirm that it is you");
    assert!(page.body.contains(EMAIL));
    let page = ada.answer(&page, &[("password", "wrong"), ("return_to", "/orders")]).await;
    assert_eq!(page.alert(), Some("The password is wrong."));
    let reply = ada.submit(&page, &[("password", PASSWORD)]).await;
    assert_eq!(reply.location(), "/orders");
    assert_ne!(ada.jar["ciam_session"], before);
    assert!(bed.ciam.sessions().check(&before).await.unwrap().is_none());
    assert_eq!(ada.get("/account").await.status, StatusCode::OK);

    for evil in ["%2F%2Fevil.example", "https:%2F%2Fevil.example"] {
        let page = ada.get(&format!("/step-up?return_to={evil}")).await;
        assert_eq!(ada.submit(&page, &[("password", PASSWORD)]).await.location(), "/account", "SE6: {evil}");
    }
    let mut stranger = Visitor::browser(&app);
    let reply = stranger.get("/step-up?return_to=%2Forders").await;
    assert_eq!(reply.location(), "/sign-in?return_to=%2Forders", "signing in is a fresh proof");
    let mut program = Visitor::program(&app);
    for kind in ["step_up", "add_identifier"] {
        let reply = program.call(Method::POST, "/api/v1/journeys", json!({ "kind": kind })).await;
        assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::UNAUTHORIZED, "no_session"));
    }
}

#[tokio::test]
async fn a_step_up_ends_with_the_session_in_which_it_was_begun() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    let page = ada.get("/step-up").await;
    let binding = ada.jar["ciam_browser"].clone();
    ada.post("/sign-out", &[]).await;
    ada.jar.insert("ciam_browser".to_owned(), binding);
    let reply = ada.submit(&page, &[("password", PASSWORD)]).await;
    assert!(!ada.jar.contains_key("ciam_session"), "{}", reply.body);
}

#[tokio::test]
async fn a_person_reads_what_happened_to_their_account_page_by_page() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    for _ in 0..13 {
        bed.clock.advance(Duration::from_secs(60));
        assert!(bed.sign_in(EMAIL, PASSWORD).await.is_ok());
    }
    bed.clock.advance(Duration::from_secs(1));
    assert!(bed.sign_in(EMAIL, "wrong").await.is_err());
    bed.sign_up("eve@example.com", PASSWORD).await;
    let page = ada.get("/account/security").await;
    assert_eq!(page.body.matches("class=\"row\"").count(), 10);
    assert!(page.body.contains("A wrong password was entered"));
    let second = ada.get(&page.link("Earlier")).await;
    assert_eq!(second.body.matches("class=\"row\"").count(), 6, "{}", second.body);
    assert!(second.body.contains("The account was created"));
    assert!(!second.body.contains(">Earlier</a>"));
    assert!(!page.body.contains("message.") && !second.body.contains("message."), "no messages among it");

    let events = ada.get("/api/v1/account/events").await.json();
    let listed = events["events"].as_array().unwrap();
    assert_eq!((listed.len(), &events["next"]), (16, &Value::Null));
    assert_eq!((&listed[0]["name"], &listed[0]["by"]), (&json!("sign_in.failed"), &json!("somebody")));
    assert_eq!((&listed[1]["name"], &listed[1]["by"]), (&json!("session.started"), &json!("you")));
    assert!(listed.iter().all(|event| event["id"].as_str().unwrap().starts_with("evt_")));
}

#[tokio::test]
async fn az4_a_forged_cursor_is_refused_and_shows_nobody_elses_history() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::program(&app);
    ada.sign_up(&bed, EMAIL).await;
    bed.clock.advance(Duration::from_secs(60));
    bed.sign_up("eve@example.com", PASSWORD).await;
    let id = ciam_core::uuid::Uuid::from_u128(u128::MAX);
    let of_text = Cursor { value: Some(Column::Text("x".to_owned())), id }.encode();
    let of_none = Cursor { value: None, id }.encode();
    for forged in ["x", "", "%00", &"A".repeat(3000), &of_text, &of_none] {
        for path in ["/api/v1/account/events", "/account/security"] {
            let reply = ada.get(&format!("{path}?after={forged}")).await;
            assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::BAD_REQUEST, "bad_cursor"), "{forged}");
        }
    }
    let far = Cursor { value: Some(Column::Int(i64::MAX)), id }.encode();
    let all = ada.get(&format!("/api/v1/account/events?after={far}")).await.json();
    assert_eq!(all, ada.get("/api/v1/account/events").await.json(), "a well-made one begins elsewhere in one's own");
}
