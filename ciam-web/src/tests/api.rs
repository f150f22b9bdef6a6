use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use serde_json::json;

use super::*;

#[tokio::test]
async fn a_person_signs_up_and_in_by_json_with_cookies() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::program(&app);
    let reply = ada.call(Method::POST, "/api/v1/journeys", json!({"kind": "sign_up", "return_to": "/orders"})).await;
    assert_eq!(reply.status, StatusCode::CREATED);
    let begun = reply.json();
    let id = begun["id"].as_str().unwrap().to_owned();
    assert_eq!(begun, json!({"id": id, "prompt": {"type": "identify", "accepts": ["email"]}}));
    assert_eq!(reply.location(), format!("/api/v1/journeys/{id}"));
    assert!(ada.jar.contains_key("ciam_browser"));

    let reply = ada.tell(&id, json!({"type": "identify", "email": EMAIL})).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.json()["prompt"]["type"], "new_password");
    assert_eq!(reply.json()["id"], id.as_str());
    assert_eq!(ada.get(&format!("/api/v1/journeys/{id}")).await.json(), reply.json());
    let reply = ada.tell(&id, json!({"type": "new_password", "new_password": PASSWORD, "name": "Ada"})).await;
    assert_eq!(
        (reply.json()["prompt"]["type"].as_str(), reply.json()["prompt"]["to"].as_str()),
        (Some("code"), Some(EMAIL))
    );
    let reply = ada.tell(&id, json!({"type": "code", "code": bed.code_for(EMAIL).await})).await;
    let done = reply.json()["prompt"].clone();
    assert_eq!((done["type"].as_str(), done["return_to"].as_str()), (Some("done"), Some("/orders")));
    assert_eq!(
        (done["session"]["assurance"].as_str(), done["session"]["current"].as_bool()),
        (Some("aal1"), Some(true))
    );
    assert!(done["session"]["amr"].as_array().unwrap().contains(&json!("pwd")));
    assert!(done["session"].get("token").is_none(), "a browser's scripts never see the bearer");

    let session = ada.get("/api/v1/session").await.json();
    assert_eq!(session["user"], done["session"]["user"]);
    let account = ada.get("/api/v1/account").await.json();
    assert_eq!((account["email"].as_str(), account["name"].as_str()), (Some(EMAIL), Some("Ada")));
    assert_eq!(account["id"], session["user"]);

    let reply = ada.call(Method::DELETE, "/api/v1/session", Value::Null).await;
    assert_eq!((reply.status, reply.body.as_str()), (StatusCode::NO_CONTENT, ""));
    assert!(!ada.jar.contains_key("ciam_session"));
    assert_eq!(ada.get("/api/v1/session").await.problem(), "no_session");

    let id = ada.begin("sign_in").await;
    ada.tell(&id, json!({"type": "identify", "email": EMAIL})).await;
    let reply = ada.tell(&id, json!({"type": "password", "password": PASSWORD})).await;
    assert_eq!(reply.json()["prompt"]["type"], "done");
    assert_eq!(ada.get("/api/v1/session").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_native_client_keeps_its_secrets_itself() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    let mut device = Visitor::program(&app);
    let reply = device.call(Method::POST, "/api/v1/journeys", json!({"kind": "sign_in", "transport": "bearer"})).await;
    let (id, secret) = (reply.json()["id"].clone(), reply.json()["secret"].clone());
    let path = format!("/api/v1/journeys/{}", id.as_str().unwrap());
    let tell = async |device: &mut Visitor, bearer: Option<&str>, answer: Value| {
        let mut request = device.request(Method::POST, &path).header(CONTENT_TYPE, JSON);
        if let Some(bearer) = bearer {
            request = request.header(AUTHORIZATION, format!("Bearer {bearer}"));
        }
        device.send(request.body(Body::from(json!({ "answer": answer }).to_string())).unwrap()).await
    };
    let secret = secret.as_str().unwrap();
    let identify = json!({"type": "identify", "email": EMAIL});
    assert_eq!(tell(&mut device, None, identify.clone()).await.problem(), "unknown_journey");
    assert_eq!(tell(&mut device, Some("x"), identify.clone()).await.problem(), "unknown_journey");
    let reply = tell(&mut device, Some(secret), identify).await;
    assert_eq!(reply.json()["prompt"]["type"], "password");
    let reply = tell(&mut device, Some(secret), json!({"type": "password", "password": PASSWORD})).await;
    assert_eq!((&reply.json()["prompt"]["type"], &reply.json()["prompt"]["return_to"]), (&json!("done"), &Value::Null));
    let session = reply.json()["prompt"]["session"].clone();
    let token = session["token"].as_str().unwrap();
    assert!(device.jar.is_empty(), "no cookie is set on a client that wants none");

    let request = |method, path: &str| device.request(method, path).header(AUTHORIZATION, format!("Bearer {token}"));
    let show = request(Method::GET, "/api/v1/session").body(Body::empty()).unwrap();
    let end = request(Method::DELETE, "/api/v1/session").body(Body::empty()).unwrap();
    let again = request(Method::GET, "/api/v1/session").body(Body::empty()).unwrap();
    let shown = device.clone().send(show).await.json();
    assert_eq!((&shown["id"], shown.get("token")), (&session["id"], None));
    assert_eq!(device.clone().send(end).await.status, StatusCode::NO_CONTENT);
    assert_eq!(device.clone().send(again).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_browser_s_binding_and_a_native_client_s_secret_are_two_things() {
    let (_, app) = shop().await;
    let mut ada = Visitor::program(&app);
    let id = ada.begin("sign_in").await;
    let reply = ada.call(Method::POST, "/api/v1/journeys", json!({"kind": "sign_in", "transport": "bearer"})).await;
    assert_ne!(reply.json()["secret"], ada.jar["ciam_browser"], "scripts never see what binds the browser");
    let request = ada.request(Method::GET, &format!("/api/v1/journeys/{id}")).header(AUTHORIZATION, "Bearer x");
    let reply = ada.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(reply.problem(), "unknown_journey", "a bad header does not fall back to the cookie");
    assert_eq!(ada.get(&format!("/api/v1/journeys/{id}")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_json() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::program(&app);
    ada.sign_up(&bed, EMAIL).await;
    let mut phone = Visitor::program(&app);
    phone.sign_in(EMAIL, PASSWORD).await;
    let list = ada.get("/api/v1/account/sessions").await.json();
    let sessions = list["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let other = sessions.iter().find(|session| session["current"] == false).unwrap();
    let path = format!("/api/v1/account/sessions/{}", other["id"].as_str().unwrap());
    assert_eq!(ada.call(Method::DELETE, &path, Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(ada.call(Method::DELETE, &path, Value::Null).await.problem(), "not_found");
    assert_eq!(phone.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    for nonsense in ["x", "usr_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c", "%00", "%ff"] {
        let reply = ada.call(Method::DELETE, &format!("/api/v1/account/sessions/{nonsense}"), Value::Null).await;
        assert_eq!(reply.problem(), "not_found", "{nonsense}");
    }
    phone.sign_in(EMAIL, PASSWORD).await;
    let reply = ada.call(Method::DELETE, "/api/v1/account/sessions", Value::Null).await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT);
    assert_eq!(phone.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ada.get("/api/v1/session").await.status, StatusCode::OK);
}

#[tokio::test]
async fn wrong_input_comes_with_the_prompt_to_answer_again() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    let mut ada = Visitor::program(&app);
    let id = ada.begin("sign_in").await;
    let wrong = async |ada: &mut Visitor, answer: Value, mistake: &str, prompt: &str| {
        let reply = ada.tell(&id, answer).await;
        assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "wrong_input"));
        assert_eq!((&reply.json()["mistake"], &reply.json()["prompt"]["type"]), (&json!(mistake), &json!(prompt)));
    };
    wrong(&mut ada, json!({"type": "identify", "email": "nobody"}), "invalid_email", "identify").await;
    wrong(&mut ada, json!({"type": "password", "password": PASSWORD}), "unexpected_answer", "identify").await;
    for strange in [
        json!({"type": "identify"}),
        json!({"type": "identify", "email": null}),
        json!({"type": "nonsense"}),
        json!({"email": EMAIL}),
        json!(null),
        json!([]),
        json!("identify"),
    ] {
        wrong(&mut ada, strange, "unexpected_answer", "identify").await;
    }
    ada.tell(&id, json!({"type": "identify", "email": EMAIL})).await;
    wrong(&mut ada, json!({"type": "password", "password": "wrong"}), "wrong_credentials", "password").await;
    wrong(&mut ada, json!({"type": "password", "password": null}), "unexpected_answer", "password").await;
    let reply = ada.tell(&id, json!({"type": "password", "password": PASSWORD})).await;
    assert_eq!(reply.json()["prompt"]["type"], "done");
    assert_eq!(ada.tell(&id, json!({"type": "password", "password": PASSWORD})).await.problem(), "stale_journey");
}

#[tokio::test]
async fn ot6_a_blank_code_is_never_right() {
    let (_, app) = shop().await;
    let mut ada = Visitor::program(&app);
    let page = ada.sign_up_until_code(EMAIL).await;
    let id = page.field("journey");
    for code in [json!(""), json!("      "), json!(null), json!(0), json!([]), json!("null"), json!("00000")] {
        let reply = ada.tell(&id, json!({"type": "code", "code": code})).await;
        assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "wrong_input"));
    }
}

#[tokio::test]
async fn every_problem_is_a_document() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::program(&app);
    let journeys = "/api/v1/journeys";
    let raw = async |ada: &mut Visitor, kind: Option<&str>, body: &str| {
        let mut request = ada.request(Method::POST, journeys);
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        ada.send(request.body(Body::from(body.to_owned())).unwrap()).await
    };
    let good = r#"{"kind":"sign_in"}"#;
    for (kind, body, status, name) in [
        (Some(JSON), "{", 400, "malformed"),
        (Some(JSON), "", 400, "malformed"),
        (Some(JSON), "\u{0}", 400, "malformed"),
        (Some(JSON), r#"{"kind":"sign_in"} x"#, 400, "malformed"),
        (Some(JSON), "{}", 422, "unexpected_shape"),
        (Some(JSON), r#"{"kind":"canary-kind"}"#, 422, "unexpected_shape"),
        (Some(JSON), r#"{"kind":"sign_in","transport":"pigeon"}"#, 422, "unexpected_shape"),
        (Some(JSON), r#"{"kind":"sign_in","return_to":"//evil.example"}"#, 422, "bad_return_to"),
        (None, good, 415, "unsupported_media_type"),
        (Some("text/plain"), good, 415, "unsupported_media_type"),
        (Some(FORM), good, 415, "unsupported_media_type"),
        (Some("application/json, text/plain"), good, 415, "unsupported_media_type"),
    ] {
        let reply = raw(&mut ada, kind, body).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (status, name), "{kind:?} {body}");
        assert!(!reply.body.contains("canary") && !reply.body.contains("pigeon"), "{}", reply.body);
    }
    assert_eq!(raw(&mut ada, Some("application/json; charset=utf-8"), good).await.status, StatusCode::CREATED);

    assert_eq!(ada.get("/api/v1/nothing").await.problem(), "not_found");
    assert_eq!(Visitor::browser(&app).get("/api/v1/nothing").await.problem(), "not_found");
    assert_eq!(ada.get("/api/v1/journeys/jny_x").await.problem(), "unknown_journey");
    let reply = ada.call(Method::PUT, "/api/v1/session", Value::Null).await;
    assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"));
    assert_eq!(reply.headers["allow"], "GET,HEAD,DELETE");
    let reply = ada.get("/api/v1/account").await;
    assert_eq!(
        (reply.problem().as_str(), reply.headers["www-authenticate"].to_str().unwrap()),
        ("no_session", "Bearer")
    );

    bed.hasher.overload(Some(Duration::from_secs(3)));
    let id = ada.begin("sign_in").await;
    ada.tell(&id, json!({"type": "identify", "email": EMAIL})).await;
    let reply = ada.tell(&id, json!({"type": "password", "password": PASSWORD})).await;
    assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "overloaded"));
    assert_eq!((reply.headers["retry-after"].to_str().unwrap(), &reply.json()["retry_after"]), ("3", &json!(3)));
}

#[tokio::test]
async fn too_many_tries_are_told_when_to_come_back() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    let mut eve = Visitor::program(&app);
    let id = eve.begin("sign_in").await;
    eve.tell(&id, json!({"type": "identify", "email": EMAIL})).await;
    let mut refused = None;
    for _ in 0..20 {
        let reply = eve.tell(&id, json!({"type": "password", "password": "wrong"})).await;
        if reply.status != StatusCode::UNPROCESSABLE_ENTITY {
            refused = Some(reply);
            break;
        }
    }
    let reply = refused.unwrap();
    assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::TOO_MANY_REQUESTS, "throttled"));
    assert!(reply.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
}
