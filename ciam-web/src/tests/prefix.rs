use std::collections::{BTreeSet, VecDeque};

use ciam_core::store::MemoryStore;
use ciam_core::testing::TestBed;

use super::*;
use crate::testing::{Reply, TestClient};
use crate::{CurrentUser, Mount, MountError};

/// An app with a start page and a page for members, and ciam below `/auth`.
async fn below() -> (TestBed, TestClient) {
    leaks::log();
    let bed = TestBed::with(|builder| builder.store(MemoryStore::new()).path_prefix("/auth")).await;
    let app = Router::new()
        .route("/", get(async || "the start page"))
        .route("/orders", get(async |user: CurrentUser| user.id().to_string()));
    let client = TestClient::new(around(&bed, app));
    (bed, client)
}

/// Whatever a page leads to, sends to, or is made of: with its method.
fn leads(reply: &Reply) -> Vec<(Method, String)> {
    let text = reply.text();
    let values = |name: &str| {
        let start = format!(" {name}=\"");
        let parts = text.split(&start).skip(1).filter_map(|rest| rest.split('"').next());
        parts.map(|value| value.replace("&amp;", "&")).collect::<Vec<_>>()
    };
    let gets = ["href", "src", "data-watch"].into_iter().flat_map(values).map(|path| (Method::GET, path));
    let posts = values("action").into_iter().map(|path| (Method::POST, path));
    let redirect = reply.location().map(|path| (Method::GET, path.to_owned()));
    gets.chain(posts).chain(redirect).filter(|(_, path)| !path.starts_with(['#', 'h'])).collect()
}

/// Follows all that can be followed from these pages, and answers the pages that were met.
async fn crawl(client: &mut TestClient, from: Vec<Reply>) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut met = VecDeque::from(from);
    while let Some(reply) = met.pop_front() {
        for (method, path) in leads(&reply) {
            let bare = path.split(['?', '#']).next().unwrap_or_default().to_owned();
            assert!(bare == "/" || bare == "/orders" || bare.starts_with("/auth/"), "{path} is not below the prefix");
            if !seen.insert(format!("{method} {bare}")) {
                continue;
            }
            // JSON is no form, and nobody is signed in: an address that takes posts refuses it, and nothing changes.
            let reply = match method {
                Method::POST => client.stranger().json(Method::POST, &path, &()).await,
                _ => client.get(&path).await,
            };
            let gone = matches!(reply.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
            assert!(!gone, "{method} {path} is {}", reply.status);
            if reply.status.is_success() || reply.status.is_redirection() {
                met.push_back(reply);
            }
        }
    }
    seen
}

#[tokio::test]
async fn whatever_a_page_leads_to_is_below_the_prefix_and_there() {
    let (bed, mut stranger) = below().await;
    let mut ada = stranger.stranger();
    let sign_up = ada.open("/auth/sign-up?return_to=%2Forders").await;
    let password = ada.submit(&sign_up, &[("email", EMAIL)]).await;
    let password = ada.follow(password).await;
    let code = ada.submit(&password, &[("new_password", PASSWORD), ("name", "Ada")]).await;
    let code = ada.follow(code).await;
    let link = bed.link_for(EMAIL).await;
    let verify = link.strip_prefix("http://localhost:8080").unwrap().to_owned();
    assert!(verify.starts_with("/auth/verify?ticket="), "{verify}");
    let confirm = stranger.get(&verify).await;
    assert_eq!(confirm.status, StatusCode::OK);
    let pages = vec![sign_up, password, code.clone(), confirm, stranger.get("/auth/nothing").await];
    crawl(&mut ada, pages).await;

    let signed_in = ada.submit(&code, &[("code", &bed.code_for(EMAIL).await)]).await;
    assert_eq!(signed_in.location(), Some("/orders"));
    assert_eq!(signed_in.status, StatusCode::SEE_OTHER);
    let mut pages = vec![ada.open("/auth/account").await, stranger.get("/auth/recover").await];
    pages.push(ada.open("/auth/step-up?return_to=%2Forders").await);
    let seen = crawl(&mut ada, pages).await;
    for path in ["/auth/account", "/auth/account/sessions", "/"] {
        assert!(seen.contains(&format!("GET {path}")), "{seen:?}");
    }
    assert!(seen.contains("POST /auth/sign-out") && seen.contains("POST /auth/step-up"), "{seen:?}");
    // What changes something is there, too, and leads on below the prefix.
    for (path, to) in [
        ("/auth/account/sessions/end-others", "/auth/account/sessions?ended=others"),
        ("/auth/account/sessions/end-all", "/"),
    ] {
        assert_eq!(ada.post(path, &[]).await.location(), Some(to));
    }
    let refused = stranger.get("/orders").await;
    assert_eq!(refused.location(), Some("/auth/sign-in?return_to=%2Forders"));
    let problem = stranger.post("/orders", &[]).await;
    assert_eq!(problem.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn without_a_way_back_one_goes_on_below_the_prefix_and_messages_link_there() {
    let (bed, mut ada) = below().await;
    bed.user().email(EMAIL).password(PASSWORD).create().await;
    let page = ada.get("/auth/sign-in").await;
    let page = ada.submit(&page, &[("email", EMAIL)]).await;
    let page = ada.follow(page).await;
    assert_eq!(ada.submit(&page, &[("password", PASSWORD)]).await.location(), Some("/auth/account"));
    bed.browser().sign_up_until_code(EMAIL, PASSWORD).await;
    assert_eq!(bed.link_for(EMAIL).await, "http://localhost:8080/auth/sign-in");
    let cookies = ada.stranger().get("/auth/sign-in").await;
    assert!(cookies.headers[SET_COOKIE].to_str().unwrap().contains("; Path=/;"), "cookies are the whole site's");
}

#[tokio::test]
async fn the_api_and_its_description_are_below_the_prefix() {
    let (_, browser) = below().await;
    let mut program = TestClient::program(around(&below().await.0, Router::new()));
    let document: Value = program.get("/auth/openapi.json").await.json();
    assert_eq!(document["servers"], json!([{ "url": "/auth" }]));
    let base = document["servers"][0]["url"].as_str().unwrap();
    for path in document["paths"].as_object().unwrap().keys() {
        let reply = program.json(Method::PUT, &format!("{base}{}", path.replace("{id}", "x")), &()).await;
        assert_eq!(reply.problem().as_deref(), Some("method_not_allowed"), "{path}");
        let bare = program.json(Method::PUT, &path.replace("{id}", "x"), &()).await;
        assert_eq!(bare.problem().as_deref(), Some("not_found"), "{path}");
    }
    let begun = program.json(Method::POST, "/auth/api/v1/journeys", &json!({"kind": "sign_in"})).await;
    let place = begun.location().unwrap();
    assert!(place.starts_with("/auth/api/v1/journeys/jny_"), "{place}");
    assert_eq!(program.get(place).await.status, StatusCode::OK);
    let mut html = browser.stranger();
    assert_eq!(html.get("/auth/api/v1/session").await.problem().as_deref(), Some("no_session"), "no page of the API");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(html.get(path).await.status, StatusCode::OK, "at the root");
    }
    assert_eq!(html.get("/sign-in").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_route_that_is_taken_is_a_startup_error_and_a_prefix_or_the_host_s_own_health_are_ways_out() {
    let bed = TestBed::new().await;
    let own = |path: &str| Router::<()>::new().route(path, get(async || "the host's own"));
    let taken = Mount::new(&bed.ciam).around(own("/sign-in"));
    assert!(matches!(&taken, Err(MountError::RouteTaken(what)) if what.contains("/sign-in")), "{taken:?}");
    let text = format!("{:?}", taken.unwrap_err()); // what a `main` that returns it prints
    assert!(
        text.starts_with("a route of the application is at one of ciam's paths: ") && text.ends_with("a path_prefix")
    );
    let below = TestBed::with(|builder| builder.store(MemoryStore::new()).path_prefix("/auth")).await;
    let mut client = TestClient::new(Mount::new(&below.ciam).around(own("/sign-in")).unwrap());
    assert_eq!(client.get("/sign-in").await.text(), "the host's own");
    assert!(Mount::new(&bed.ciam).around(own("/healthz")).is_err());
    let mut client = TestClient::new(Mount::new(&bed.ciam).without_health().around(own("/healthz")).unwrap());
    assert_eq!(client.get("/healthz").await.text(), "the host's own");
}
