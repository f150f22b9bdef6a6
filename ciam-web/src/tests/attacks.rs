use axum::http::StatusCode;
use axum::http::header::{ORIGIN, REFERER};
use serde_json::json;

use super::*;

const FOREIGN: [(&str, &str); 5] = [
    ("origin", "https://evil.example"),
    ("origin", "null"),
    ("origin", "http://localhost:8081"),
    ("sec-fetch-site", "cross-site"),
    ("sec-fetch-site", "same-site"),
];

#[tokio::test]
async fn se5_another_site_changes_nothing() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    let id = ada.get("/api/v1/session").await.json()["id"].as_str().unwrap().to_owned();
    let end = format!("/account/sessions/{id}/end");
    let end_by_api = format!("/api/v1/account/sessions/{id}");
    for (header, value) in FOREIGN {
        for (method, path, kind) in [
            (Method::POST, "/sign-out", FORM),
            (Method::POST, "/sign-in", FORM),
            (Method::POST, "/sign-up", FORM),
            (Method::POST, "/verify", FORM),
            (Method::POST, end.as_str(), FORM),
            (Method::POST, "/account/sessions/end-all", FORM),
            (Method::POST, "/account/sessions/end-others", FORM),
            (Method::POST, "/recover", FORM),
            (Method::POST, "/step-up", FORM),
            (Method::POST, "/account/add", FORM),
            (Method::POST, "/account/security", FORM),
            (Method::POST, "/account/profile", FORM),
            (Method::POST, "/account/identifiers/x/remove", FORM),
            (Method::POST, "/api/v1/account/password", JSON),
            (Method::POST, "/api/v1/account/password", "text/plain"),
            (Method::PATCH, "/api/v1/account/profile", JSON),
            (Method::DELETE, "/api/v1/account/identifiers/x", JSON),
            (Method::POST, "/api/v1/journeys", JSON),
            (Method::POST, "/api/v1/journeys", "text/plain"),
            (Method::POST, "/api/v1/journeys/jny_x", JSON),
            (Method::DELETE, "/api/v1/session", JSON),
            (Method::DELETE, "/api/v1/account/sessions", JSON),
            (Method::DELETE, end_by_api.as_str(), JSON),
            (Method::POST, "/nothing", FORM),
        ] {
            let request = ada.request(method.clone(), path).header(header, value).header(CONTENT_TYPE, kind);
            let reply = ada.send(request.body(Body::from(r#"{"kind":"sign_in"}"#)).unwrap()).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{method} {path} {header}: {value}");
            assert!(!reply.headers.contains_key(SET_COOKIE));
            if path.starts_with("/api/") {
                assert_eq!(reply.problem(), "cross_site");
            } else {
                assert_eq!(reply.heading(), "Refused");
            }
        }
    }
    assert_eq!(ada.get("/account").await.status, StatusCode::OK);
}

#[tokio::test]
async fn se5_sign_in_by_another_site_is_refused() {
    let (bed, app) = shop().await;
    bed.sign_up("eve@example.com", PASSWORD).await;
    let mut ada = Visitor::browser(&app);
    let page = ada.get("/sign-in").await;
    let page = ada.answer(&page, &[("email", "eve@example.com")]).await;
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("journey", page.field("journey")),
            ("answer", "password".into()),
            ("password", PASSWORD.into()),
        ])
        .finish();
    let request =
        ada.request(Method::POST, "/sign-in").header(CONTENT_TYPE, FORM).header(ORIGIN, "https://evil.example");
    let reply = ada.send(request.body(Body::from(body)).unwrap()).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    assert!(!ada.jar.contains_key("ciam_session"));
}

#[tokio::test]
async fn se5_the_own_pages_and_programs_go_through() {
    let (_, app) = shop().await;
    for headers in [
        &[][..],
        &[("origin", "http://localhost:8080"), ("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
    ] {
        let mut ada = Visitor::program(&app);
        let request = ada.request(Method::POST, "/api/v1/journeys").header(CONTENT_TYPE, JSON);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let reply = ada.send(request.body(Body::from(r#"{"kind":"sign_in"}"#)).unwrap()).await;
        assert_eq!(reply.status, StatusCode::CREATED);
    }
    let request = Visitor::browser(&app).request(Method::GET, "/sign-in").header("sec-fetch-site", "cross-site");
    let reply = Visitor::browser(&app).send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(reply.status, StatusCode::OK, "a link on another site leads here");
}

#[tokio::test]
async fn se6_nobody_is_sent_to_another_site() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    for evil in [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "https:evil.example",
        "/\t/evil.example",
        "ada@evil.example",
        "javascript:alert(1)",
        "\\\\evil.example",
        "/%0d%0aset-cookie:x",
        " //evil.example",
    ] {
        let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", evil).finish();
        let mut ada = Visitor::browser(&app);
        let page = ada.get(&format!("/sign-in?{query}")).await;
        assert_eq!(page.status, StatusCode::OK, "{evil}");
        let page = ada.answer(&page, &[("email", EMAIL), ("return_to", evil)]).await;
        let reply = ada.submit(&page, &[("password", PASSWORD), ("return_to", evil)]).await;
        let expected = if evil.starts_with("/%0d") { evil } else { "/account" };
        assert_eq!(reply.location(), expected, "{evil}");
        assert!(reply.headers.get_all(SET_COOKIE).iter().all(|cookie| {
            ["ciam_session=", "ciam_device="].iter().any(|own| cookie.to_str().unwrap().starts_with(own))
        }));
        let signed_in = ada.get(&format!("/sign-in?{query}")).await;
        assert_eq!(signed_in.location(), expected, "{evil}");
        let out = ada.post(&format!("/sign-out?{query}"), &[]).await;
        assert_eq!(out.location(), if expected == evil { evil } else { "/" });
    }
    let mut ada = Visitor::browser(&app);
    let request = ada.request(Method::GET, "/sign-in").header(REFERER, "https://evil.example/");
    let page = ada.send(request.body(Body::empty()).unwrap()).await;
    let page = ada.answer(&page, &[("email", EMAIL)]).await;
    assert_eq!(ada.submit(&page, &[("password", PASSWORD)]).await.location(), "/account");
    ada.jar.clear();
    let reply = ada.get("//evil.example/account").await;
    assert!(!reply.headers.contains_key(LOCATION));
}

#[tokio::test]
async fn ot10_another_site_sends_no_message() {
    let (bed, app) = shop().await;
    for (header, value) in FOREIGN {
        // The attacker's own server drives the journey so far; the victim's browser, without cookies, is to send.
        let mut eve = Visitor::browser(&app);
        let page = eve.get("/sign-up").await;
        let page = eve.answer(&page, &[("email", "victim@example.com")]).await;
        let (journey, body) =
            (page.field("journey"), json!({"answer": {"type": "new_password", "new_password": PASSWORD}}));
        let form = format!("journey={journey}&answer=new_password&new_password={}", PASSWORD.replace(' ', "+"));
        for (path, kind, body) in [
            ("/sign-up".to_owned(), FORM, form),
            (format!("/api/v1/journeys/{journey}"), JSON, body.to_string()),
            (format!("/api/v1/journeys/{journey}"), "text/plain", body.to_string()),
        ] {
            let request =
                Request::builder().method(Method::POST).uri(path).header(CONTENT_TYPE, kind).header(header, value);
            let reply = Visitor::browser(&app).send(request.body(Body::from(body)).unwrap()).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN);
        }
    }
    assert!(bed.mail().await.is_empty());
}

#[tokio::test]
async fn pw10_known_and_unknown_addresses_look_the_same() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    let unknown = "bob@example.com";
    let mut seen = Vec::new();
    for email in [EMAIL, unknown] {
        let (mut page, mut api) = (Visitor::browser(&app), Visitor::program(&app));
        let mut replies = Vec::new();
        for (path, field, secret) in [("/sign-in", "password", "wrong"), ("/sign-up", "new_password", PASSWORD)] {
            let form = page.get(path).await;
            let form = page.answer(&form, &[("email", email)]).await;
            let reply = page.submit(&form, &[(field, secret)]).await;
            let shown = if reply.status == StatusCode::SEE_OTHER { page.get(&reply.location()).await } else { reply };
            replies.extend([(form.field("journey"), form), (String::new(), shown)]);
            let id = api.begin(if path == "/sign-in" { "sign_in" } else { "sign_up" }).await;
            replies.push((id.clone(), api.tell(&id, json!({"type": "identify", "email": email})).await));
            let reply = api.tell(&id, json!({"type": field, (field): secret})).await;
            replies.push((id, reply));
        }
        let work = bed.hasher.work();
        let plain = |(journey, reply): (String, Reply)| {
            let id = if journey.is_empty() {
                reply.body.split("jny_").nth(1).unwrap_or("").split('"').next().unwrap().to_owned()
            } else {
                journey
            };
            let body = reply.body.replace(email, "ADDRESS");
            let body = if id.is_empty() { body } else { body.replace(&id, "ID") };
            let names: Vec<String> = reply.headers.keys().map(ToString::to_string).collect();
            (reply.status, names, body)
        };
        seen.push((replies.into_iter().map(plain).collect::<Vec<_>>(), work));
    }
    let (unknown, known) = (seen.pop().unwrap(), seen.pop().unwrap());
    assert_eq!(known.0, unknown.0);
    assert_eq!(bed.mail().await.len(), 5, "a first confirmation, two notices, two codes");
}

/// The same step of many browsers at once.
async fn at_once(
    browsers: Vec<(Visitor, Reply)>,
    fields: &'static [(&'static str, &'static str)],
) -> Vec<(Visitor, Reply)> {
    let mut steps = tokio::task::JoinSet::new();
    for (mut browser, page) in browsers {
        steps.spawn(async move {
            let page = browser.answer(&page, fields).await;
            (browser, page)
        });
    }
    steps.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rg1_fifty_sign_ups_make_one_account_and_no_failure() {
    let (bed, app) = shop().await;
    let mut browsers = Vec::new();
    for _ in 0..50 {
        let mut browser = Visitor::browser(&app);
        let page = browser.get("/sign-up").await;
        browsers.push((browser, page));
    }
    let browsers = at_once(browsers, &[("email", EMAIL)]).await;
    let browsers = at_once(browsers, &[("new_password", PASSWORD)]).await;
    assert!(browsers.iter().all(|(_, page)| page.status == StatusCode::OK && page.heading() == "Check your messages"));
    assert_eq!(bed.mail().await.len(), 1);
    let code: &'static str = bed.code_for(EMAIL).await.leak();
    let browsers = at_once(browsers, vec![("code", code)].leak()).await;
    assert!(browsers.iter().all(|(_, page)| !page.status.is_server_error()));
    assert_eq!(browsers.iter().filter(|(browser, _)| browser.jar.contains_key("ciam_session")).count(), 1);
}

#[tokio::test]
async fn rg5_only_one_plain_address_is_an_address() {
    let (bed, app) = shop().await;
    for email in [
        "a@evil.example,b@victim.example",
        "a@b@victim.example",
        "a@evil.example b@victim.example",
        "a@victim.example\r\nbcc: b@evil.example",
        "a\u{ff20}victim.example",
        "a\u{fe6b}victim.example",
        "a@victim.example\u{0}",
        "\"a@evil.example\"@victim.example",
        "<a@victim.example>",
        "a@[127.0.0.1]",
        "a@localhost",
        "@victim.example",
        "a@",
        "",
    ] {
        let mut eve = Visitor::browser(&app);
        let page = eve.get("/sign-up").await;
        let page = eve.answer(&page, &[("email", email)]).await;
        assert_eq!(
            (page.status, page.heading()),
            (StatusCode::UNPROCESSABLE_ENTITY, "Create your account"),
            "{email:?}"
        );
        let id = eve.begin("sign_up").await;
        let reply = eve.tell(&id, json!({"type": "identify", "email": email})).await;
        assert_eq!(
            (reply.status, &reply.json()["mistake"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("invalid_email"))
        );
        assert!(email.len() < 5 || !reply.body.contains(email), "{}", reply.body);
    }
    assert!(bed.mail().await.is_empty());
}

#[tokio::test]
async fn ot5_a_code_is_good_for_its_own_journey_only() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up_until_code(EMAIL).await;
    let code = bed.code_for(EMAIL).await;
    let mut eve = Visitor::browser(&app);
    let page = eve.sign_up_until_code("eve@example.com").await;
    let page = eve.answer(&page, &[("code", &code)]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!eve.jar.contains_key("ciam_session"));
}

#[tokio::test]
async fn az1_who_names_a_user_without_a_session_of_theirs_gets_and_changes_nothing() {
    let (bed, app) = shop().await;
    let ada = bed.sign_up(EMAIL, PASSWORD).await.session;
    let mut eve = Visitor::program(&app);
    let claim = json!({
        "user": ada.user.to_string(), "user_id": ada.user.to_string(), "id": ada.user.to_string(), "subject": ada.user.to_string(),
        "name": "Eve", "language": "nl", "password": PASSWORD, "new_password": "another otter quays", "label": "mine",
    });
    let mut tried = 0;
    for (path, operations) in description()["paths"].as_object().unwrap() {
        if !path.starts_with("/api/v1/account") {
            continue;
        }
        let path = format!("{}?user={}&user_id={1}", path.replace("{id}", &ada.id.to_string()), ada.user);
        for method in operations.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let reply = eve.call(method.clone(), &path, claim.clone()).await;
            assert_eq!(
                (reply.status, reply.problem().as_str()),
                (StatusCode::UNAUTHORIZED, "no_session"),
                "{method} {path}"
            );
            assert!(!reply.body.contains(EMAIL));
            tried += 1;
        }
    }
    assert!(tried >= 10, "{tried}");
    assert!(bed.sign_in(EMAIL, PASSWORD).await.is_ok());
    assert_eq!(bed.ciam.users().get(ada.user).await.unwrap().unwrap().name, None);
    assert_eq!(bed.ciam.sessions().list(ada.user, None).await.unwrap().len(), 2);
}

#[tokio::test]
async fn mf5_an_empty_answer_or_one_to_another_stage_skips_no_stage() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    let mut eve = Visitor::browser(&app);
    let page = eve.get("/sign-in").await;
    let page = eve.answer(&page, &[("email", EMAIL)]).await;
    let id = page.field("journey");
    let work = bed.hasher.work();
    for answer in ["", "password", "continue", "resend", "custom", "code", "done"] {
        let reply = eve.post("/sign-in", &[("journey", &id), ("answer", answer)]).await;
        assert!(reply.status.is_client_error(), "{answer}: {}", reply.body);
    }
    for answer in [
        json!({"type": "continue"}),
        json!({"type": "resend"}),
        json!({"type": "custom", "data": {}}),
        json!({"type": "code", "code": ""}),
        json!({"type": "password", "password": ""}),
        json!({"type": "done"}),
        json!({}),
        json!(null),
    ] {
        let reply = eve.tell(&id, answer.clone()).await;
        assert!(reply.status.is_client_error(), "{answer}: {}", reply.body);
    }
    for body in ["{}", "", "null", "[]"] {
        let path = format!("/api/v1/journeys/{id}");
        let request = eve.request(Method::POST, &path).header(CONTENT_TYPE, JSON).body(Body::from(body)).unwrap();
        assert!(eve.send(request).await.status.is_client_error(), "{body}");
    }
    assert!(bed.hasher.work() - work <= 2, "the two empty passwords, at most");
    assert_eq!(eve.get(&format!("/api/v1/journeys/{id}")).await.json()["prompt"]["type"], "password");
    assert!(!eve.jar.contains_key("ciam_session"));
    assert_eq!(
        eve.post("/sign-in", &[("journey", &id), ("answer", "password"), ("password", PASSWORD)]).await.location(),
        "/account"
    );
}
