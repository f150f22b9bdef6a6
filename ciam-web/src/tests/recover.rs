use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, ORIGIN};
use serde_json::json;

use super::*;

const NEW: &str = "umber lantern fjords";

impl Visitor {
    /// Recovery by pages as far as the code.
    pub(super) async fn recover_until_code(&mut self, email: &str) -> Reply {
        let page = self.get("/recover").await;
        let page = self.answer(&page, &[("email", email)]).await;
        assert_eq!(page.heading(), "Check your messages");
        page
    }
}

impl Reply {
    /// Where the first link with this text leads.
    pub(super) fn link(&self, text: &str) -> String {
        let before = self.body.split(&format!(">{text}</a>")).next().filter(|before| before.len() < self.body.len());
        let before = before.unwrap_or_else(|| panic!("no link {text}: {}", self.body));
        let href = before.rsplit("href=\"").next().and_then(|rest| rest.split('"').next()).unwrap();
        href.replace("&amp;", "&")
    }
}

#[tokio::test]
async fn se2_a_lost_password_is_set_anew_by_the_code_and_other_sessions_are_dead() {
    let (bed, app) = shop().await;
    let mut phone = Visitor::browser(&app);
    phone.sign_up(&bed, EMAIL).await;
    let mut ada = Visitor::browser(&app);
    let page = ada.get("/sign-in?return_to=%2Forders").await;
    assert_eq!(page.link("Forgot your password?"), "/recover?return_to=%2Forders");
    let page = ada.answer(&page, &[("email", EMAIL), ("return_to", "/orders")]).await;
    let forgot = page.link("Forgot your password?");
    assert!(!forgot.contains("ada"), "no address stands in the address line: {forgot}");
    let page = ada.get(&forgot).await;
    assert_eq!((page.heading(), page.field("email")), ("Set a new password", EMAIL.to_owned()));
    assert!(page.body.contains("autocomplete=\"username\""));
    let page = ada.answer(&page, &[("email", EMAIL), ("return_to", "/orders")]).await;
    assert_eq!(page.heading(), "Check your messages");
    let code = bed.code_for(EMAIL).await;
    let page = ada.answer(&page, &[("code", &code), ("return_to", "/orders")]).await;
    assert_eq!(page.heading(), "Choose a new password");
    assert!(page.body.contains("autocomplete=\"username\" value=\"ada@example.com\" hidden"));
    assert!(!ada.jar.contains_key("ciam_session"), "the code alone signs nobody in");
    let reply = ada.submit(&page, &[("new_password", NEW)]).await;
    assert_eq!((reply.status, reply.location()), (StatusCode::SEE_OTHER, "/orders".to_owned()));
    assert_eq!(ada.get("/account").await.status, StatusCode::OK);
    assert_eq!(phone.get("/account").await.status, StatusCode::SEE_OTHER, "signed out");
    assert_eq!(phone.sign_in(EMAIL, PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(phone.sign_in(EMAIL, NEW).await.status, StatusCode::SEE_OTHER);
    assert!(bed.mail().await[0].subject.starts_with("Your password at Test Shop was set anew"));
}

#[tokio::test]
async fn the_link_goes_on_in_the_browser_that_asked() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    let mut ada = Visitor::browser(&app);
    let waiting = ada.recover_until_code(EMAIL).await;
    let ticket = bed.ticket_for(EMAIL).await;
    let page = ada.get(&format!("/verify?ticket={ticket}")).await;
    assert_eq!(page.heading(), "Set a new password");
    assert!(!page.body.contains("Go on only if"));
    let reply = ada.post("/verify", &[("ticket", &ticket)]).await;
    assert!(reply.location().starts_with("/recover?journey=jny_"), "{}", reply.location());
    let page = ada.get(&reply.location()).await;
    assert_eq!(page.heading(), "Choose a new password");
    let state = ada.get(&format!("/api/v1/journeys/{}", waiting.field("journey"))).await;
    assert_eq!(state.json()["prompt"]["type"], "new_password", "the tab that waits goes on, too");
    assert_eq!(ada.submit(&page, &[("new_password", NEW)]).await.location(), "/account");
    assert_eq!(ada.get("/account").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_link_goes_on_in_another_browser_and_signs_in_nobody_there() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    let mut ada = Visitor::browser(&app);
    let waiting = ada.recover_until_code(EMAIL).await;
    let ticket = bed.ticket_for(EMAIL).await;
    let mut phone = Visitor::browser(&app);
    for _ in 0..2 {
        let page = phone.get(&format!("/verify?ticket={ticket}")).await;
        assert!(page.body.contains("<strong>Go on only if that was you.</strong>") && page.body.contains("just now"));
    }
    assert!(phone.jar.is_empty(), "following the link does nothing");
    let reply = phone.post("/verify", &[("ticket", &ticket)]).await;
    assert!(phone.jar.contains_key("ciam_browser"), "a browser without a binding gets one");
    let page = phone.get(&reply.location()).await;
    assert_eq!(page.heading(), "Choose a new password");

    let journey = waiting.field("journey");
    let state = ada.get(&format!("/api/v1/journeys/{journey}")).await.json();
    assert_eq!(state["prompt"], json!({"type": "refused", "reason": "continued_elsewhere"}));
    let page_here = ada.get(&format!("/recover?journey={journey}")).await;
    assert_eq!(page_here.heading(), "Go on where you followed the link");
    let late = ada.answer(&waiting, &[("code", "123456")]).await;
    assert_eq!((late.status, late.heading()), (StatusCode::CONFLICT, "Go on where you followed the link"));

    let page = phone.answer(&page, &[("new_password", NEW)]).await;
    assert_eq!(page.heading(), "Your password is set");
    assert_eq!(page.link("Sign in"), "/sign-in");
    assert!(!phone.jar.contains_key("ciam_session"));
    assert_eq!(ada.get("/account").await.status, StatusCode::SEE_OTHER);
    assert_eq!(ada.sign_in(EMAIL, NEW).await.location(), "/account");
}

#[tokio::test]
async fn a_password_is_recovered_by_json() {
    let (bed, app) = shop().await;
    let old = bed.sign_up(EMAIL, PASSWORD).await;
    let mut ada = Visitor::program(&app);
    let id = ada.begin("recover").await;
    let reply = ada.tell(&id, json!({"type": "identify", "email": EMAIL})).await;
    assert_eq!(reply.json()["prompt"]["type"], "code");
    let code = bed.code_for(EMAIL).await;
    let reply = ada.tell(&id, json!({"type": "code", "code": code})).await;
    assert_eq!(reply.json()["prompt"]["type"], "new_password");
    let reply = ada.tell(&id, json!({"type": "new_password", "new_password": NEW})).await;
    assert_eq!(reply.json()["prompt"]["type"], "done");
    assert_eq!(ada.get("/api/v1/session").await.status, StatusCode::OK);
    assert!(bed.ciam.sessions().check(old.bearer.expose()).await.unwrap().is_none());
    // What the owner is told arrives before the next message.
    let _ = bed.mail().await;

    let mut app = Visitor::program(&app);
    let begun = app.call(Method::POST, "/api/v1/journeys", json!({"kind": "recover", "transport": "bearer"})).await;
    let (id, secret) = (begun.json()["id"].clone(), begun.json()["secret"].clone());
    let path = format!("/api/v1/journeys/{}", id.as_str().unwrap());
    let mut last = Value::Null;
    for step in ["identify", "code", "new_password"] {
        let answer = match step {
            "identify" => json!({"type": step, "identifier": EMAIL}),
            "code" => json!({"type": step, "code": bed.code_for(EMAIL).await}),
            _ => json!({"type": step, "new_password": PASSWORD}),
        };
        let request = app.request(Method::POST, &path).header(CONTENT_TYPE, JSON);
        let request = request.header(AUTHORIZATION, format!("Bearer {}", secret.as_str().unwrap()));
        last = app.send(request.body(Body::from(json!({ "answer": answer }).to_string())).unwrap()).await.json();
    }
    let token = last["prompt"]["session"]["token"].as_str().unwrap();
    assert!(bed.ciam.sessions().check(token).await.unwrap().is_some());
    assert!(app.jar.is_empty());
}

#[tokio::test]
async fn pw10_a_recovery_looks_the_same_with_and_without_an_account() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    let mut seen = Vec::new();
    for email in [EMAIL, "bob@example.com"] {
        let mut visitor = Visitor::browser(&app);
        let page = visitor.recover_until_code(email).await;
        let again = visitor.answer(&page, &[("code", "000000")]).await;
        let journey = page.field("journey");
        let plain = |reply: &Reply| reply.body.replace(email, "ADDRESS").replace(&journey, "ID");
        seen.push((page.status, plain(&page), again.status, plain(&again)));
        let sent = bed.mail().await.into_iter().filter(|message| message.to == email).count();
        assert_eq!(sent, if email == EMAIL { 2 } else { 1 }, "there is a message either way");
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn rg3_a_recovery_for_a_look_alike_reaches_only_the_address_that_was_typed() {
    let (bed, app) = shop().await;
    bed.sign_up("Mike@example.com", PASSWORD).await;
    let before = bed.mail().await.len();
    let mut eve = Visitor::browser(&app);
    let page = eve.recover_until_code("m\u{131}ke@example.com").await;
    let mail = bed.mail().await;
    assert_eq!(mail.len(), before + 1);
    assert_eq!(mail[0].to, "m\u{131}ke@example.com");
    assert!(!mail[0].text.contains("ticket=") && !mail[0].text.contains("Enter this code"), "{}", mail[0].text);
    for n in 0..3 {
        let reply = eve.answer(&page, &[("code", &format!("00000{n}"))]).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let mut mike = Visitor::browser(&app);
    mike.recover_until_code("MIKE@EXAMPLE.com").await;
    assert_eq!(bed.mail().await[0].to, "Mike@example.com", "to the address as the account has it, whatever was typed");
}

#[tokio::test]
async fn ot5_a_code_of_a_recovery_is_good_for_its_own_journey_only() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    let mut ada = Visitor::browser(&app);
    ada.recover_until_code(EMAIL).await;
    let code = bed.code_for(EMAIL).await;
    bed.clock.advance(std::time::Duration::from_secs(61));
    let mut eve = Visitor::browser(&app);
    let sign_up = eve.sign_up_until_code("eve@example.com").await;
    let recovery = eve.recover_until_code("eve@example.com").await;
    let other = eve.recover_until_code(EMAIL).await;
    let other_code = bed.code_for(EMAIL).await;
    assert_ne!(code, other_code);
    for page in [sign_up, recovery, other] {
        assert_eq!(eve.answer(&page, &[("code", &code)]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let ticket = bed.ticket_for(EMAIL).await;
    let reply = eve.tell(&ada.begin("sign_in").await, json!({"type": "code", "code": code})).await;
    assert_eq!(reply.problem(), "unknown_journey");
    assert!(!eve.jar.contains_key("ciam_session") && !ticket.is_empty());
}

#[tokio::test]
async fn ot6_an_empty_code_or_link_recovers_nothing() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    let mut eve = Visitor::program(&app);
    let id = eve.begin("recover").await;
    eve.tell(&id, json!({"type": "identify", "email": EMAIL})).await;
    for code in [json!(""), json!("      "), json!(null), json!(0), json!([]), json!("null"), json!("00000")] {
        let reply = eve.tell(&id, json!({"type": "code", "code": code})).await;
        assert_eq!(reply.problem(), "wrong_input", "{code}");
    }
    for answer in [json!({"type": "continue"}), json!({"type": "new_password", "new_password": NEW})] {
        assert_eq!(eve.tell(&id, answer).await.problem(), "wrong_input", "no step can be left out");
    }
    let mut page = Visitor::browser(&app);
    for ticket in ["", "null", "x", &"A".repeat(64)] {
        assert_eq!(page.post("/verify", &[("ticket", ticket)]).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn ot6_a_recovery_s_link_is_good_once() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    Visitor::browser(&app).recover_until_code(EMAIL).await;
    let ticket = bed.ticket_for(EMAIL).await;
    let (mut phone, mut eve) = (Visitor::browser(&app), Visitor::browser(&app));
    assert_eq!(phone.post("/verify", &[("ticket", &ticket)]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(eve.post("/verify", &[("ticket", &ticket)]).await.heading(), "This link is no longer good");
}

#[tokio::test]
async fn ot10_another_site_sends_no_recovery() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    let before = bed.mail().await.len();
    for (header, value) in [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        let mut eve = Visitor::browser(&app);
        let journey = eve.get("/recover").await.field("journey");
        let body = json!({"answer": {"type": "identify", "email": EMAIL}}).to_string();
        for (path, kind, body) in [
            ("/recover".to_owned(), FORM, format!("journey={journey}&answer=identify&email=ada%40example.com")),
            (format!("/api/v1/journeys/{journey}"), JSON, body.clone()),
            (format!("/api/v1/journeys/{journey}"), "text/plain", body),
        ] {
            let request = eve.request(Method::POST, &path).header(CONTENT_TYPE, kind).header(header, value);
            let reply = eve.send(request.body(Body::from(body)).unwrap()).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path} {header}: {value}");
        }
    }
    assert_eq!(bed.mail().await.len(), before);
}

#[tokio::test]
async fn pw5_a_common_password_is_refused_wherever_one_is_set() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    let page = ada.recover_until_code(EMAIL).await;
    let code = bed.code_for(EMAIL).await;
    let reset = ada.answer(&page, &[("code", &code)]).await;
    let id = reset.field("journey");
    let before = bed.hasher.work();
    // In its list, predictable, made of what is known of the person, and too short.
    for password in ["passwordpassword", "aaaaaaaaaaaaaaaa", "ada@example.com1", "short"] {
        let page = ada.answer(&reset, &[("new_password", password)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{password}");
        assert!(page.alert().is_some() && !page.body.contains(&format!("value=\"{password}\"")));
        let reply = ada.tell(&id, json!({"type": "new_password", "new_password": password})).await;
        assert!(reply.json()["mistake"].as_str().unwrap().starts_with("password_"), "{password}");
    }
    assert_eq!(bed.hasher.work(), before, "refused before it is hashed");
    for password in ["passwordpassword", "short"] {
        let page = ada.post("/account/security", &[("password", PASSWORD), ("new_password", password)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{password}");
        let change = json!({"password": PASSWORD, "new_password": password});
        let reply = ada.call(Method::POST, "/api/v1/account/password", change).await;
        assert!(reply.json()["mistake"].as_str().unwrap().starts_with("password_"), "{password}");
    }
    assert!(bed.sign_in(EMAIL, PASSWORD).await.is_ok(), "it is as it was");
}

#[tokio::test]
async fn pw1_a_megabyte_is_refused_before_hashing_wherever_a_password_goes() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    let page = ada.recover_until_code(EMAIL).await;
    let reset = ada.answer(&page, &[("code", &bed.code_for(EMAIL).await)]).await;
    let step_up = ada.get("/step-up").await;
    let adding = {
        bed.clock.advance(std::time::Duration::from_mins(20));
        ada.begin("add_identifier").await
    };
    let (before, huge, long) = (bed.hasher.work(), "x".repeat(1 << 20), "x y z ".repeat(2_000));
    for (status, text) in [(StatusCode::PAYLOAD_TOO_LARGE, &huge), (StatusCode::UNPROCESSABLE_ENTITY, &long)] {
        let replies = [
            ada.submit(&reset, &[("new_password", text)]).await,
            ada.submit(&step_up, &[("password", text)]).await,
            ada.post("/account/security", &[("password", text), ("new_password", NEW)]).await,
            ada.call(Method::POST, "/api/v1/account/password", json!({"password": text, "new_password": NEW})).await,
            ada.tell(&step_up.field("journey"), json!({"type": "password", "password": text})).await,
            ada.tell(&reset.field("journey"), json!({"type": "new_password", "new_password": text})).await,
            ada.tell(&adding, json!({"type": "password", "password": text})).await,
        ];
        for reply in replies {
            assert_eq!(reply.status, status, "{}", reply.body);
        }
    }
    assert_eq!(bed.hasher.work(), before);
    let reply = ada.post("/account/security", &[("password", PASSWORD), ("new_password", &long)]).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn se6_a_recovery_leads_to_no_other_site() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    for evil in ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"] {
        let mut ada = Visitor::browser(&app);
        let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", evil).finish();
        let page = ada.get(&format!("/recover?{query}")).await;
        assert!(!page.body.contains("evil.example") && !page.body.contains("javascript:"), "{evil}");
        let page = ada.answer(&page, &[("email", EMAIL), ("return_to", evil)]).await;
        let page = ada.answer(&page, &[("code", &bed.code_for(EMAIL).await), ("return_to", evil)]).await;
        let reply = ada.submit(&page, &[("new_password", NEW), ("return_to", evil)]).await;
        assert_eq!(reply.location(), "/account", "{evil}");
        bed.clock.advance(std::time::Duration::from_secs(3601));
    }
}

#[tokio::test]
async fn se5_another_site_sets_no_password() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    let mut ada = Visitor::browser(&app);
    let page = ada.recover_until_code(EMAIL).await;
    let page = ada.answer(&page, &[("code", &bed.code_for(EMAIL).await)]).await;
    let body = format!("journey={}&answer=new_password&new_password={}", page.field("journey"), NEW.replace(' ', "+"));
    let request =
        ada.request(Method::POST, "/recover").header(CONTENT_TYPE, FORM).header(ORIGIN, "https://evil.example");
    assert_eq!(ada.send(request.body(Body::from(body)).unwrap()).await.status, StatusCode::FORBIDDEN);
    assert!(bed.sign_in(EMAIL, PASSWORD).await.is_ok());
}
