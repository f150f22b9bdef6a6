use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;

use super::*;
use crate::CurrentUser;
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
    let web =
        Web::new(bed.ciam.clone(), Templates::new("Shop", &ciam_core::config::PathPrefix::default()).unwrap(), None);
    let request = Request::builder().header(AUTHORIZATION, format!("Bearer {}", former.bearer.expose()));
    let (mut parts, ()) = request.extension(web.clone()).body(()).unwrap().into_parts();
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
        (format!("Bearer {}", &bearer[1..]), StatusCode::UNAUTHORIZED),
        (format!("Bearer {bearer}{bearer}"), StatusCode::UNAUTHORIZED),
    ] {
        let request = program.request(Method::GET, "/api/v1/account").header(AUTHORIZATION, &value);
        assert_eq!(program.send(request.body(Body::empty()).unwrap()).await.status, status, "{value}");
    }
    program.jar.insert("ciam_session".to_owned(), bearer.clone());
    assert_eq!(program.get("/api/v1/account").await.status, StatusCode::OK);
    let request = program.request(Method::GET, "/api/v1/account").header(AUTHORIZATION, "Bearer x");
    let reply = program.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(reply.problem(), "no_session", "a bad header does not fall back to the cookie");
    let staging = program.request(Method::GET, "/api/v1/account").header(AUTHORIZATION, "Basic c3RhZ2luZzp4");
    assert_eq!(program.send(staging.body(Body::empty()).unwrap()).await.status, StatusCode::OK);
}

impl Reply {
    fn action_ending_in(&self, end: &str) -> String {
        let actions = self.body.split("action=\"").skip(1).filter_map(|rest| rest.split('"').next());
        actions.into_iter().find(|action| action.ends_with(end)).unwrap().to_owned()
    }
}
