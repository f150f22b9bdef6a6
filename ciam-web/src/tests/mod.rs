//! The whole surface over the memory store: pages as a browser uses them, the API as programs do.

mod api;
mod attacks;
mod brands;
mod clients;
mod exhaustion;
mod guests;
mod host;
mod language;
mod leaks;
mod operating;
mod pages;
mod prefix;
mod profile;
mod recover;
mod require;
mod second_factors;
mod security;
mod sessions;
mod surface;
mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::{ACCEPT, CONTENT_TYPE, COOKIE, HOST, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::routing::get;
use ciam_core::sessions::SessionCache;
use ciam_core::store::MemoryStore;
use ciam_core::testing::{FaultyStore, TestBed};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::Mount;

pub(crate) const EMAIL: &str = "ada@example.com";
pub(crate) const PASSWORD: &str = "vermilion otter quays";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
pub(crate) const JSON: &str = "application/json";

/// The test bed with ciam around an app of no routes.
pub(crate) async fn shop() -> (TestBed, Router) {
    leaks::log();
    let bed = TestBed::new().await;
    let app = around(&bed, Router::new());
    (bed, app)
}

/// The same on a store that can go away, and counts what is written to it. Nothing of it is kept in memory.
pub(crate) async fn on_a_faulty_store() -> (TestBed, Router, Arc<FaultyStore>) {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()), []);
    let cache = SessionCache { capacity: 0, ..SessionCache::default() };
    let bed = TestBed::with(|builder| builder.shared_store(store.clone()).session_cache(cache)).await;
    let app = around(&bed, Router::new());
    (bed, app, store)
}

pub(crate) fn around(bed: &TestBed, app: Router) -> Router {
    leaks::log();
    Mount::new(&bed.ciam).danger_show_mailbox(bed.mailbox.clone()).around(app).unwrap()
}

/// The description of the API.
pub(crate) fn description() -> &'static Value {
    static DESCRIPTION: OnceLock<Value> = OnceLock::new();
    DESCRIPTION.get_or_init(|| serde_json::to_value(crate::api::routes().1).unwrap())
}

/// The problems that an operation is described with, with their status codes: `404 unknown_journey`.
pub(crate) fn described_problems(method: &str, path: &str) -> BTreeSet<String> {
    let responses = description()["paths"][path][method]["responses"].as_object().unwrap();
    let names = |(status, response): (&String, &Value)| {
        let lines = response["description"].as_str().unwrap().split("\n\n").map(str::to_owned).collect::<Vec<_>>();
        let named = lines.into_iter().filter_map(|line| Some(line.strip_prefix('`')?.split('`').next()?.to_owned()));
        named.map(|name| format!("{status} {name}")).collect::<Vec<_>>()
    };
    responses.iter().flat_map(names).collect()
}

/// Whatever a test of the API is refused with is in the description.
fn is_described(method: &str, path: &str, reply: &Reply) {
    const OF_ANY_REQUEST: [&str; 4] = ["too_large", "target_too_long", "headers_too_large", "internal"];
    let template = match path.rsplit_once('/') {
        Some((parent @ ("/api/v1/journeys" | "/api/v1/account/sessions" | "/api/v1/account/identifiers"), _)) => {
            format!("{parent}/{{id}}")
        }
        _ => path.to_owned(),
    };
    let is_problem = reply.headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json");
    if !is_problem || !description()["paths"][&template][method].is_object() {
        return;
    }
    let problem = reply.problem();
    let named = format!("{} {problem}", reply.status.as_u16());
    let described =
        OF_ANY_REQUEST.contains(&problem.as_str()) || described_problems(method, &template).contains(&named);
    assert!(described, "{method} {template} gives {named}");
}

/// A browser with a cookie jar, or a program that keeps one.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    app: Router,
    pub(crate) jar: BTreeMap<String, String>,
    accept: &'static str,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Visitor {
    pub(crate) fn browser(app: &Router) -> Self {
        Self { app: app.clone(), jar: BTreeMap::new(), accept: "text/html,application/xhtml+xml,*/*;q=0.8" }
    }

    pub(crate) fn program(app: &Router) -> Self {
        Self { accept: "*/*", ..Self::browser(app) }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, FORM).body(Body::from(body));
        self.send(request.unwrap()).await
    }

    pub(crate) async fn call(&mut self, method: Method, path: &str, body: Value) -> Reply {
        let request = self.request(method, path).header(CONTENT_TYPE, JSON).body(Body::from(body.to_string()));
        self.send(request.unwrap()).await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let cookies: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request =
            Request::builder().method(method).uri(path).header(HOST, "localhost:8080").header(ACCEPT, self.accept);
        if cookies.is_empty() { request } else { request.header(COOKIE, cookies.join("; ")) }
    }

    pub(crate) async fn send(&mut self, mut request: Request<Body>) -> Reply {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 40_000))));
        let asked = (request.method().to_string().to_lowercase(), request.uri().path().to_owned());
        let response = self.app.clone().oneshot(request).await.unwrap();
        for cookie in response.headers().get_all(SET_COOKIE) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            match rest.split(';').next().unwrap() {
                "" => self.jar.remove(name),
                value => self.jar.insert(name.to_owned(), value.to_owned()),
            };
        }
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let reply =
            Reply { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() };
        is_described(&asked.0, &asked.1, &reply);
        reply
    }

    /// Answers the form of a journey's page, and opens the page that it leads to.
    pub(crate) async fn answer(&mut self, page: &Reply, fields: &[(&str, &str)]) -> Reply {
        let reply = self.submit(page, fields).await;
        if reply.status != StatusCode::SEE_OTHER {
            return reply;
        }
        self.get(&reply.location()).await
    }

    /// Answers the form of a journey's page.
    pub(crate) async fn submit(&mut self, page: &Reply, fields: &[(&str, &str)]) -> Reply {
        let (journey, answer) = (page.field("journey"), page.field("answer"));
        let mut all = vec![("journey", journey.as_str()), ("answer", answer.as_str())];
        all.retain(|(name, _)| fields.iter().all(|(own, _)| own != name));
        all.extend(fields);
        self.post(&page.action(), &all).await
    }

    /// Signs up by pages as far as the code.
    pub(crate) async fn sign_up_until_code(&mut self, email: &str) -> Reply {
        let page = self.get("/sign-up").await;
        let page = self.answer(&page, &[("email", email)]).await;
        self.answer(&page, &[("new_password", PASSWORD), ("name", "")]).await
    }

    /// Signs up by pages, the whole way.
    pub(crate) async fn sign_up(&mut self, bed: &TestBed, email: &str) {
        let page = self.sign_up_until_code(email).await;
        let code = bed.code_for(email).await;
        let reply = self.submit(&page, &[("code", &code)]).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.body);
        assert!(self.jar.contains_key("ciam_session"));
    }

    /// Signs in by pages.
    pub(crate) async fn sign_in(&mut self, email: &str, password: &str) -> Reply {
        let page = self.get("/sign-in").await;
        let page = self.answer(&page, &[("email", email)]).await;
        self.submit(&page, &[("password", password)]).await
    }

    /// Begins a journey of the API and gives its id.
    pub(crate) async fn begin(&mut self, kind: &str) -> String {
        let reply = self.call(Method::POST, "/api/v1/journeys", json!({ "kind": kind })).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
        reply.json()["id"].as_str().unwrap().to_owned()
    }

    /// Answers a journey of the API.
    pub(crate) async fn tell(&mut self, journey: &str, answer: Value) -> Reply {
        self.call(Method::POST, &format!("/api/v1/journeys/{journey}"), json!({ "answer": answer })).await
    }
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn location(&self) -> String {
        self.headers[LOCATION].to_str().unwrap().to_owned()
    }

    /// The value of the first input of this name, still escaped.
    pub(crate) fn field(&self, name: &str) -> String {
        let from = self.body.find(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("no {name}: {}", self.body));
        let rest = &self.body[from..];
        rest.split("value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned()
    }

    /// Where the first form that posts goes.
    pub(crate) fn action(&self) -> String {
        self.body.split("method=\"post\" action=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned()
    }

    /// The name of a problem document, which has all that one has and nothing more than it may.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.headers[CONTENT_TYPE], "application/problem+json", "{} {}", self.status, self.body);
        let document = self.json();
        assert_eq!(document["status"], self.status.as_u16());
        for member in ["title", "detail"] {
            assert!(document[member].as_str().is_some_and(|text| !text.is_empty()), "{}", self.body);
        }
        document["type"].as_str().unwrap().strip_prefix("urn:ciam:problem:").unwrap().to_owned()
    }

    /// What a screen reader would announce.
    pub(crate) fn alert(&self) -> Option<&str> {
        let text = self.body.split("role=\"alert\">").nth(1)?;
        text.split("</p>").next()
    }

    pub(crate) fn heading(&self) -> &str {
        assert_eq!(self.body.matches("<h1>").count(), 1, "{}", self.body);
        self.body.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next()).unwrap()
    }
}
