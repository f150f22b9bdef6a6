use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;

use super::*;
use crate::CurrentUser;
use crate::TrustedProxies;
use crate::assets::Assets;
use crate::attendance::Attendance;
use crate::signed_in;
use crate::templates::Templates;
use crate::web::Web;

#[tokio::test]
async fn other_sessions_are_listed_and_ended() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    let mut phone = Visitor::browser(&app);
    phone.sign_in(EMAIL, PASSWORD).await;

    let page = ada.get("/account/sessions").await;
    assert_eq!(page.body.matches("class=\"row\"").count(), 2);
    assert_eq!(page.body.matches("This browser").count(), 1);
    assert!(page.body.contains("192.0.2.1"));
    let end = page.action_ending_in("/end");
    let reply = ada.post(&end, &[]).await;
    assert_eq!(reply.location(), "/account/sessions?ended=one");
    assert!(ada.get(&reply.location()).await.body.contains("That session is signed out."));
    assert_eq!(phone.get("/account").await.status, StatusCode::SEE_OTHER);
    assert_eq!(ada.post(&end, &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(ada.post("/account/sessions/ses_x/end", &[]).await.status, StatusCode::NOT_FOUND);

    phone.sign_in(EMAIL, PASSWORD).await;
    assert_eq!(ada.post("/account/sessions/end-others", &[]).await.location(), "/account/sessions?ended=others");
    assert_eq!(phone.get("/account").await.status, StatusCode::SEE_OTHER);
    assert_eq!(ada.get("/account").await.status, StatusCode::OK);

    phone.sign_in(EMAIL, PASSWORD).await;
    assert_eq!(ada.post("/account/sessions/end-all", &[]).await.location(), "/");
    assert_eq!(phone.get("/account").await.status, StatusCode::SEE_OTHER);
    assert_eq!(ada.get("/account").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn nobody_ends_the_session_of_somebody_else() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    let mut eve = Visitor::browser(&app);
    eve.sign_up(&bed, "eve@example.com").await;
    let id = ada.get("/api/v1/session").await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(eve.post(&format!("/account/sessions/{id}/end"), &[]).await.status, StatusCode::NOT_FOUND);
    let reply = eve.call(Method::DELETE, &format!("/api/v1/account/sessions/{id}"), Value::Null).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert_eq!(ada.get("/account").await.status, StatusCode::OK);
}

#[tokio::test]
async fn se1_a_planted_session_does_not_survive_sign_in() {
    let (bed, app) = shop().await;
    let eve = bed.sign_up("eve@example.com", PASSWORD).await;
    bed.sign_up(EMAIL, PASSWORD).await;
    let mut planted = Visitor::browser(&app);
    planted.jar.insert("ciam_session".to_owned(), "A".repeat(64));
    planted.sign_in(EMAIL, PASSWORD).await;
    assert_ne!(planted.jar["ciam_session"], "A".repeat(64));

    // An attacker plants the bearer of a session of their own; the person signs in over it.
    let mut ada = Visitor::browser(&app);
    let page = ada.get("/sign-in").await;
    let page = ada.answer(&page, &[("email", EMAIL)]).await;
    let attackers = eve.bearer.expose().clone();
    ada.jar.insert("ciam_session".to_owned(), attackers.clone());
    assert_eq!(ada.submit(&page, &[("password", PASSWORD)]).await.status, StatusCode::SEE_OTHER);
    assert_ne!(ada.jar["ciam_session"], attackers);
    assert!(bed.ciam.sessions().check(&attackers).await.unwrap().is_none(), "the planted session is dead");
    let now = bed.ciam.sessions().check(&ada.jar["ciam_session"]).await.unwrap().unwrap();
    assert_ne!(now.user, eve.session.user);
}

#[tokio::test]
async fn a_new_bearer_reaches_its_client_though_the_former_session_cannot_be_ended() {
    use axum::extract::FromRequestParts;
    use axum::response::IntoResponse;

    let (bed, _, store) = on_a_faulty_store().await;
    let (former, opened) = (bed.sign_up(EMAIL, PASSWORD).await, bed.sign_in(EMAIL, PASSWORD).await.unwrap());
    let application = bed.ciam.config().application.clone();
    let templates = Templates::new("Shop", &Default::default(), &Assets::new(&application.brand)).unwrap();
    let web = Web::new(bed.ciam.clone(), application, templates, None, TrustedProxies::default());
    let request = Request::builder().header(AUTHORIZATION, format!("Bearer {}", former.bearer.expose()));
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    parts.extensions.insert(Attendance::new(&web, &parts.uri, &parts.headers));
    let user = <CurrentUser as FromRequestParts<()>>::from_request_parts(&mut parts, &()).await.unwrap();
    assert_eq!(user.session().id, former.session.id);

    store.go_away(Some(leaks::DRIVER_TEXT));
    let response = (signed_in::cookie(&web, Some(&user), &opened).await, "").into_response();
    let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with(&format!("ciam_session={}; ", opened.bearer.expose())));
    let log = leaks::log().text();
    let warning = log.lines().find(|line| line.contains(&former.session.id.to_string())).unwrap();
    assert!(warning.contains("WARN") && warning.contains("canary-db"), "{warning}");

    store.go_away(None);
    signed_in::cookie(&web, Some(&user), &opened).await;
    assert!(bed.ciam.sessions().check(former.bearer.expose()).await.unwrap().is_none());
}

#[tokio::test]
async fn se2_sign_out_is_in_force_at_the_next_request() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    let thief = ada.clone();
    ada.post("/sign-out", &[]).await;
    for path in ["/account", "/account/sessions"] {
        assert_eq!(thief.clone().get(path).await.status, StatusCode::SEE_OTHER, "{path}");
    }
    for path in ["/api/v1/session", "/api/v1/account", "/api/v1/account/sessions"] {
        assert_eq!(thief.clone().get(path).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(ada.post("/sign-out", &[]).await.status, StatusCode::SEE_OTHER, "once more does no harm");
}

#[tokio::test]
async fn se2_a_suspended_user_is_out_at_the_next_request() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    let user = bed.ciam.sessions().check(&ada.jar["ciam_session"]).await.unwrap().unwrap().user;
    bed.ciam.users().suspend(&ciam_core::events::Cause::system(), user).await.unwrap();
    assert_eq!(ada.get("/account").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_session_is_shown_by_cookie_or_by_header() {
    let (bed, app) = shop().await;
    let opened = bed.sign_up(EMAIL, PASSWORD).await;
    let bearer = opened.bearer.expose();
    let mut program = Visitor::program(&app);
    for (value, status) in [
        (format!("Bearer {bearer}"), StatusCode::OK),
        (format!("bearer {bearer}"), StatusCode::OK),
        (format!("Basic {bearer}"), StatusCode::UNAUTHORIZED),
        ("Bearer".to_owned(), StatusCode::UNAUTHORIZED),
        ("Bearer ".to_owned(), StatusCode::UNAUTHORIZED),
        (format!("Bearer\t{bearer}"), StatusCode::OK),
        (format!("Bearer{bearer}"), StatusCode::UNAUTHORIZED),
        (format!("Bearer {}", &bearer[1..]), StatusCode::UNAUTHORIZED),
        (format!("Bearer {bearer}{bearer}"), StatusCode::UNAUTHORIZED),
    ] {
        let request = program.request(Method::GET, "/api/v1/account").header(AUTHORIZATION, &value);
        assert_eq!(program.send(request.body(Body::empty()).unwrap()).await.status, status, "{value}");
    }
    program.jar.insert("ciam_session".to_owned(), bearer.clone());
    assert_eq!(program.get("/api/v1/account").await.status, StatusCode::OK);
    let bad = [&["Bearer x"][..], &["Bearer"], &["bearer "], &["Bearer \u{e9}"], &["Basic x", "Bearer x"]];
    let good = format!("Bearer {bearer}");
    for values in bad.into_iter().chain([&[good.as_str(), "Bearer x"][..], &[&good, &good]]) {
        let request = program.request(Method::GET, "/api/v1/account");
        let request = values.iter().fold(request, |request, value| request.header(AUTHORIZATION, value.as_bytes()));
        let reply = program.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(reply.problem(), "no_session", "{values:?} does not fall back to the cookie");
    }
    let staging = program.request(Method::GET, "/api/v1/account").header(AUTHORIZATION, "Basic c3RhZ2luZzp4");
    assert_eq!(program.send(staging.body(Body::empty()).unwrap()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_person_names_their_sessions_on_the_page() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    let page = ada.get("/account/sessions").await;
    assert!(page.body.contains("<span class=\"strong\">An unknown browser or app</span>"));
    let rename = page.action_ending_in("/label");
    let reply = ada.post(&rename, &[("label", " <b>Ada's</b> phone ")]).await;
    assert_eq!(reply.location(), "/account/sessions?renamed");
    let page = ada.get(&reply.location()).await;
    assert!(page.body.contains("The name is kept."));
    assert!(page.body.contains("&lt;b&gt;Ada&#39;s&lt;/b&gt; phone</span>"), "{}", page.body);
    assert!(!page.body.contains("<b>"));

    let long = "x".repeat(65);
    for wrong in ["a\u{1b}[2J", "a\u{202e}b", &long] {
        let page = ada.post(&rename, &[("label", wrong)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(page.alert(), Some("A name has 1 to 64 characters and no control characters."));
        assert!(page.body.contains("<details class=\"rename\" open>") && page.body.contains("aria-invalid=\"true\""));
    }
    for steering in ["my\u{1b}[2Jphone", "my\r\nphone", "my\u{202e}phone", "my\u{200b}phone", "my\u{2028}phone"] {
        let lg3 = ada.post(&rename, &[("label", steering)]).await;
        assert_eq!(lg3.status, StatusCode::UNPROCESSABLE_ENTITY, "{steering:?}");
    }
    assert_eq!(ada.post(&rename, &[("label", "  ")]).await.status, StatusCode::SEE_OTHER);
    assert!(ada.get("/account/sessions").await.body.contains("An unknown browser or app</span>"), "no name any more");

    let mut eve = Visitor::browser(&app);
    eve.sign_up(&bed, "eve@example.com").await;
    assert_eq!(eve.post(&rename, &[("label", "mine")]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(eve.post("/account/sessions/x/label", &[("label", "mine")]).await.status, StatusCode::NOT_FOUND);
    let mut nobody = Visitor::browser(&app);
    assert_eq!(nobody.post(&rename, &[("label", "mine")]).await.status, StatusCode::UNAUTHORIZED);
}

/// A client that keeps its secrets itself: everything by `Authorization`, nothing by cookies.
struct App {
    device: Visitor,
    token: String,
}

impl App {
    /// Signs up, or in when the account is there, the whole way.
    async fn begins(app: &Router, bed: &TestBed, kind: &str) -> Self {
        let mut app = Self { device: Visitor::program(app), token: String::new() };
        let begun = json!({ "kind": kind, "transport": "bearer" });
        let reply = app.ask(Method::POST, "/api/v1/journeys", &begun).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
        let path = format!("/api/v1/journeys/{}", reply.json()["id"].as_str().unwrap());
        reply.json()["secret"].as_str().unwrap().clone_into(&mut app.token);
        app.answer(&path, json!({ "type": "identify", "email": EMAIL })).await;
        let done = if kind == "sign_up" {
            app.answer(&path, json!({ "type": "new_password", "new_password": PASSWORD })).await;
            let code = bed.code_for(EMAIL).await;
            app.answer(&path, json!({ "type": "code", "code": code })).await
        } else {
            app.answer(&path, json!({ "type": "password", "password": PASSWORD })).await
        };
        done.json()["prompt"]["session"]["token"].as_str().unwrap().clone_into(&mut app.token);
        app
    }

    async fn answer(&mut self, path: &str, answer: Value) -> Reply {
        let reply = self.ask(Method::POST, path, &json!({ "answer": answer })).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        reply
    }

    async fn ask(&mut self, method: Method, path: &str, body: &Value) -> Reply {
        let mut request = self.device.request(method, path).header(CONTENT_TYPE, JSON);
        if !self.token.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {}", self.token));
        }
        let reply = self.device.send(request.body(Body::from(body.to_string())).unwrap()).await;
        assert!(self.device.jar.is_empty(), "no cookie is set on a client that wants none");
        reply
    }

    async fn get(&mut self, path: &str) -> Reply {
        self.ask(Method::GET, path, &Value::Null).await
    }
}

#[tokio::test]
async fn a_native_client_goes_the_whole_way_without_a_cookie() {
    const SESSIONS: &str = "/api/v1/account/sessions";
    let (bed, app) = shop().await;
    let mut phone = App::begins(&app, &bed, "sign_up").await;
    let mut tablet = App::begins(&app, &bed, "sign_in").await;
    let mut thief = App::begins(&app, &bed, "sign_in").await;
    let id = |reply: Reply| reply.json()["id"].as_str().unwrap().to_owned();
    let (own, tablets) = (id(phone.get("/api/v1/session").await), id(tablet.get("/api/v1/session").await));
    assert_eq!(phone.get("/api/v1/account").await.json()["email"], EMAIL);

    let listed = phone.get(SESSIONS).await.json();
    let listed = listed["sessions"].as_array().unwrap();
    assert_eq!(listed.len(), 3);
    let current: Vec<&Value> = listed.iter().filter(|session| session["current"] == true).collect();
    assert_eq!((current.len(), current[0]["id"].as_str()), (1, Some(own.as_str())));
    assert!(listed.iter().all(|session| session["label"] == "An unknown browser or app"));

    let path = format!("{SESSIONS}/{own}");
    let renamed = phone.ask(Method::PATCH, &path, &json!({ "label": "Ada's phone" })).await;
    assert_eq!(renamed.status, StatusCode::OK, "{}", renamed.body);
    assert_eq!((&renamed.json()["label"], &renamed.json()["current"]), (&json!("Ada's phone"), &json!(true)));
    assert_eq!(phone.get("/api/v1/session").await.json()["label"], "Ada's phone");
    let seen = tablet.get(SESSIONS).await.json();
    assert!(seen["sessions"].as_array().unwrap().iter().any(|session| session["label"] == "Ada's phone"));
    for (wrong, problem) in [
        (json!({ "label": "" }), "bad_label"),
        (json!({ "label": "x".repeat(65) }), "bad_label"),
        (json!({ "label": "a\u{7}" }), "bad_label"),
        (json!({}), "unexpected_shape"),
        (json!({ "label": 1 }), "unexpected_shape"),
        (json!(null), "unexpected_shape"),
    ] {
        assert_eq!(phone.ask(Method::PATCH, &path, &wrong).await.problem(), problem, "{wrong}");
    }
    assert_eq!(phone.get("/api/v1/session").await.json()["label"], "Ada's phone");
    let unnamed = phone.ask(Method::PATCH, &path, &json!({ "label": null })).await;
    assert_eq!(unnamed.json()["label"], "An unknown browser or app");
    assert_eq!(
        phone.ask(Method::PATCH, &format!("{SESSIONS}/x"), &json!({ "label": "x" })).await.problem(),
        "not_found"
    );

    let ended = phone.ask(Method::DELETE, &format!("{SESSIONS}/{tablets}"), &Value::Null).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert_eq!(tablet.get("/api/v1/session").await.problem(), "no_session");
    assert_eq!(thief.get("/api/v1/session").await.status, StatusCode::OK);
    assert_eq!(phone.ask(Method::DELETE, SESSIONS, &Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(thief.get("/api/v1/session").await.problem(), "no_session");

    let out = phone.ask(Method::DELETE, "/api/v1/session", &Value::Null).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    for (method, path) in [(Method::GET, "/api/v1/session"), (Method::GET, SESSIONS), (Method::PATCH, path.as_str())] {
        assert_eq!(phone.ask(method, path, &json!({ "label": "x" })).await.problem(), "no_session", "{path}");
    }
}

#[tokio::test]
async fn a_native_client_that_proves_more_gets_a_new_token_for_the_old() {
    let (bed, app) = shop().await;
    let mut phone = App::begins(&app, &bed, "sign_up").await;
    phone.get("/api/v1/session").await;
    let former = phone.token.clone();
    let begun = phone.ask(Method::POST, "/api/v1/journeys", &json!({"kind": "step_up", "transport": "bearer"})).await;
    assert_eq!(begun.status, StatusCode::CREATED, "{}", begun.body);
    let path = format!("/api/v1/journeys/{}", begun.json()["id"].as_str().unwrap());
    begun.json()["secret"].as_str().unwrap().clone_into(&mut phone.token);
    let done = phone.answer(&path, json!({ "type": "password", "password": PASSWORD })).await;
    assert_eq!(done.json()["prompt"]["type"], "done", "{}", done.body);
    phone.token = former;
    assert_eq!(phone.get("/api/v1/session").await.problem(), "no_session");
    done.json()["prompt"]["session"]["token"].as_str().unwrap().clone_into(&mut phone.token);
    assert_eq!(phone.get("/api/v1/session").await.status, StatusCode::OK);
    assert!(phone.device.jar.is_empty());
}

impl Reply {
    fn action_ending_in(&self, end: &str) -> String {
        let actions = self.body.split("action=\"").skip(1).filter_map(|rest| rest.split('"').next());
        actions.into_iter().find(|action| action.ends_with(end)).unwrap().to_owned()
    }
}
