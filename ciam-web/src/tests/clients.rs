//! Where a request comes from, and by what an account knows the device.

use axum::extract::Request as AnyRequest;
use axum::middleware::map_request;
use serde_json::json;

use super::*;

/// The app as it is reached through whatever writes this header.
fn through(app: &Router, name: &'static str, value: String) -> Router {
    app.clone().layer(map_request(move |mut request: AnyRequest| {
        let value = value.clone();
        async move {
            request.headers_mut().append(name, value.parse().unwrap());
            request
        }
    }))
}

/// The status of a wrong sign-in.
async fn guess(app: &Router, email: &str) -> StatusCode {
    let mut program = Visitor::program(app);
    let id = program.begin("sign_in").await;
    program.tell(&id, json!({"type": "identify", "email": email})).await;
    program.tell(&id, json!({"type": "password", "password": "a wrong password"})).await.status
}

/// How many of fifty wrong sign-ins, each at an account of its own, were evaluated.
async fn evaluated(of: impl Fn(usize) -> Router) -> usize {
    let mut evaluated = 0;
    for n in 0..50 {
        match guess(&of(n), &format!("person{n}@example.com")).await {
            StatusCode::UNPROCESSABLE_ENTITY => evaluated += 1,
            status => assert_eq!(status, StatusCode::TOO_MANY_REQUESTS),
        }
    }
    evaluated
}

#[tokio::test]
async fn pw12_limits_hold_whatever_clients_write_into_forwarding_headers() {
    for name in ["x-forwarded-for", "forwarded", "x-real-ip"] {
        let (_, app) = shop().await;
        let value = |n| if name == "forwarded" { format!("for=203.0.113.{n}") } else { format!("203.0.113.{n}") };
        assert_eq!(evaluated(|n| through(&app, name, value(n))).await, 10, "{name}: no proxy is trusted");
    }
    let behind = async |value: fn(usize) -> String| {
        let bed = TestBed::new().await;
        let proxies = "192.0.2.0/24".parse().unwrap();
        let app = Mount::new(&bed.ciam).trusted_proxies(proxies).around(Router::new()).unwrap();
        evaluated(|n| through(&app, "x-forwarded-for", value(n))).await
    };
    assert_eq!(behind(|n| format!("203.0.113.{n}")).await, 50, "as many clients as the proxy says");
    assert_eq!(behind(|n| format!("203.0.113.{n}, 198.51.100.7")).await, 10, "one client who writes many");
    assert_eq!(behind(|n| format!("unknown, {n}, 198.51.100.7")).await, 10);
    assert_eq!(behind(|n| format!("203.0.113.{n}, what")).await, 10, "what cannot be read is the proxy's");
    assert_eq!(behind(|n| format!("2001:db8::{n}")).await, 10, "one network");
}

#[tokio::test]
async fn pw12_the_address_of_a_session_is_the_clients_and_https_is_not_claimed_by_a_header() {
    let bed = TestBed::new().await;
    let mount = Mount::new(&bed.ciam).trusted_proxies("192.0.2.1".parse().unwrap());
    let app = mount.danger_show_mailbox(bed.mailbox.clone()).around(Router::new()).unwrap();
    let app = through(&app, "x-forwarded-for", "198.51.100.7, 203.0.113.9:4711".to_owned());
    let app = through(&through(&app, "x-forwarded-proto", "https".to_owned()), "x-forwarded-host", "evil".to_owned());
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    assert_eq!(ada.get("/api/v1/session").await.json()["ip"], "203.0.113.9");
    let page = ada.get("/account").await;
    assert!(!page.headers.contains_key("strict-transport-security") && !page.body.contains("evil"));
    assert!(!bed.mail().await[0].text.contains("evil"));
}

#[tokio::test]
async fn a_browser_keeps_what_its_account_knows_it_by_and_its_owner_passes_strangers() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    let page = ada.sign_up_until_code(EMAIL).await;
    assert!(!ada.jar.contains_key("ciam_device"), "not before somebody has signed in");
    let code = bed.code_for(EMAIL).await;
    let reply = ada.submit(&page, &[("code", &code)]).await;
    let cookies: Vec<&str> = reply.headers.get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap()).collect();
    let device = cookies.iter().find(|cookie| cookie.starts_with("ciam_device=")).unwrap();
    assert!(device.ends_with("; Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax"), "{device}");
    let first = ada.jar["ciam_device"].clone();
    ada.post("/sign-out", &[]).await;
    assert_eq!(ada.jar["ciam_device"], first, "it opens nothing, and stays");

    for _ in 0..5 {
        assert_eq!(guess(&app, EMAIL).await, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(guess(&app, EMAIL).await, StatusCode::TOO_MANY_REQUESTS);
    let mut eve = Visitor::browser(&app);
    assert_eq!(eve.sign_in(EMAIL, PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(ada.sign_in(EMAIL, PASSWORD).await.status, StatusCode::SEE_OTHER, "from the very same address");
    assert_eq!(ada.jar["ciam_device"], first);
}

#[tokio::test]
async fn a_client_that_keeps_its_secrets_itself_gets_no_device() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    let mut program = Visitor::program(&app);
    let begun =
        program.call(Method::POST, "/api/v1/journeys", json!({"kind": "sign_in", "transport": "bearer"})).await.json();
    let path = format!("/api/v1/journeys/{}", begun["id"].as_str().unwrap());
    let secret = format!("Bearer {}", begun["secret"].as_str().unwrap());
    for answer in [json!({"type": "identify", "email": EMAIL}), json!({"type": "password", "password": PASSWORD})] {
        let request = program.request(Method::POST, &path).header(CONTENT_TYPE, JSON).header("authorization", &secret);
        let reply = program.send(request.body(Body::from(json!({ "answer": answer }).to_string())).unwrap()).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert!(!reply.headers.contains_key(SET_COOKIE));
    }
}
