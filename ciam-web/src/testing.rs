//! A client for the tests of an application: no socket, no browser, cookies kept.
//!
//! ```
//! use axum::{Router, routing::get};
//! use ciam_core::testing::TestBed;
//! use ciam_web::{CurrentUser, testing::TestClient};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let bed = TestBed::new().await;
//! let shop = Router::new().route("/orders", get(async |user: CurrentUser| user.id().to_string()));
//! let mut ada = TestClient::new(ciam_web::mount(shop, &bed.ciam));
//!
//! let person = bed.user().create().await;
//! ada.sign_in(&bed, person.id).await;
//! assert_eq!(ada.get("/orders").await.text(), person.id.to_string());
//! # }
//! ```

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::{ACCEPT, CONTENT_TYPE, COOKIE, HOST, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request, StatusCode, request};
use ciam_core::UserId;
use ciam_core::testing::TestBed;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt;

use crate::cookies::Cookies;

/// How many redirects are followed before a test is told that they go in circles.
const MOST_REDIRECTS: usize = 10;

/// A browser, or a program, that sends requests to a router and keeps its cookies.
///
/// Nothing but an assertion of the test's own says whether a response is a good one; methods panic where a test
/// cannot go on.
#[derive(Debug, Clone)]
pub struct TestClient {
    app: Router,
    host: String,
    accept: &'static str,
    cookies: BTreeMap<String, String>,
}

/// A response, read to its end.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Reply {
    /// The status code.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl TestClient {
    /// A browser that reads HTML, on the site `localhost:8080`.
    #[must_use]
    pub fn new(app: Router) -> Self {
        let accept = "text/html,application/xhtml+xml,*/*;q=0.8";
        Self { app, host: "localhost:8080".to_owned(), accept, cookies: BTreeMap::new() }
    }

    /// A program: it is given problems, where a browser is given pages.
    #[must_use]
    pub fn program(app: Router) -> Self {
        Self { accept: "application/json", ..Self::new(app) }
    }

    /// The same on another site: its host, and its port if it has one.
    #[must_use]
    pub fn on(mut self, host: impl Into<String>) -> Self {
        self.host = host.into();
        self
    }

    /// Another client of the same app, that has nothing of this one's.
    #[must_use]
    pub fn stranger(&self) -> Self {
        Self { cookies: BTreeMap::new(), ..self.clone() }
    }

    /// Signs a person in, without the journey, in place of whoever was.
    ///
    /// # Panics
    /// When they may not sign in.
    pub async fn sign_in(&mut self, bed: &TestBed, user: UserId) {
        let opened = bed.signed_in(user).await;
        self.carry(bed, opened.bearer.expose());
    }

    /// Signs a person in at AAL2, without the journey.
    ///
    /// # Panics
    /// As [`TestClient::sign_in`].
    pub async fn sign_in_with_two_factors(&mut self, bed: &TestBed, user: UserId) {
        let opened = bed.signed_in_with_two_factors(user).await;
        self.carry(bed, opened.bearer.expose());
    }

    fn carry(&mut self, bed: &TestBed, bearer: &str) {
        self.set_cookie(
            Cookies::new(bed.ciam.config(), &bed.ciam.config().application.public_url).session_name(),
            bearer,
        );
    }

    /// The value of a cookie.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// Keeps a cookie.
    pub fn set_cookie(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.cookies.insert(name.into(), value.into());
    }

    /// GET.
    ///
    /// # Panics
    /// As [`TestClient::send`].
    pub async fn get(&mut self, path: &str) -> Reply {
        let request = self.request(Method::GET, path);
        self.send_with(request, Body::empty()).await
    }

    /// GET, and on to wherever that leads.
    ///
    /// # Panics
    /// As [`TestClient::follow`].
    pub async fn open(&mut self, path: &str) -> Reply {
        let reply = self.get(path).await;
        self.follow(reply).await
    }

    /// POST of a form.
    ///
    /// # Panics
    /// As [`TestClient::send`].
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send_with(request, Body::from(body)).await
    }

    /// A request with a JSON body.
    ///
    /// # Panics
    /// As [`TestClient::send`], and when the body cannot be JSON.
    pub async fn json(&mut self, method: Method, path: &str, body: &impl Serialize) -> Reply {
        let body = match serde_json::to_vec(body) {
            Ok(body) => body,
            Err(error) => panic!("the body is no JSON: {error}"),
        };
        let request = self.request(method, path).header(CONTENT_TYPE, "application/json");
        self.send_with(request, Body::from(body)).await
    }

    /// Sends the first form of a page that posts: its hidden fields, and these (which go before hidden ones of their
    /// name).
    ///
    /// # Panics
    /// When the page has no such form; as [`TestClient::send`].
    pub async fn submit(&mut self, page: &Reply, fields: &[(&str, &str)]) -> Reply {
        let (action, hidden) = page.form();
        let given = |name: &str| fields.iter().any(|(own, _)| *own == name);
        let hidden =
            hidden.iter().filter(|(name, _)| !given(name)).map(|(name, value)| (name.as_str(), value.as_str()));
        let all: Vec<(&str, &str)> = hidden.chain(fields.iter().copied()).collect();
        self.post(&action, &all).await
    }

    /// Goes where a redirect leads, until it leads no further.
    ///
    /// # Panics
    /// When it leads in circles; as [`TestClient::send`].
    pub async fn follow(&mut self, reply: Reply) -> Reply {
        let mut reply = reply;
        for _ in 0..MOST_REDIRECTS {
            match reply.location() {
                Some(path) if reply.status.is_redirection() => {
                    let path = path.to_owned();
                    reply = self.get(&path).await;
                }
                _ => return reply,
            }
        }
        panic!("{MOST_REDIRECTS} redirects, and no end: {:?}", reply.location());
    }

    /// A request with the client's cookies, to be given more headers; [`TestClient::send`] sends it.
    pub fn request(&self, method: Method, path: &str) -> request::Builder {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::builder().method(method).uri(path).header(HOST, &self.host).header(ACCEPT, self.accept);
        if cookies.is_empty() { request } else { request.header(COOKIE, cookies.join("; ")) }
    }

    async fn send_with(&mut self, request: request::Builder, body: Body) -> Reply {
        match request.body(body) {
            Ok(request) => self.send(request).await,
            Err(error) => panic!("this is no request: {error}"),
        }
    }

    /// Sends a request from the address 192.0.2.1, unless it says another.
    ///
    /// # Panics
    /// When the response's body breaks off.
    pub async fn send(&mut self, mut request: Request<Body>) -> Reply {
        let address = ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 40_000)));
        request.extensions_mut().get_or_insert_with(|| address);
        let Ok(response) = self.app.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok()) {
            let (name, value) = cookie.split(';').next().and_then(|pair| pair.split_once('=')).unwrap_or_default();
            match value {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        match axum::body::to_bytes(body, usize::MAX).await {
            Ok(body) => Reply { status: parts.status, headers: parts.headers, body: body.to_vec() },
            Err(error) => panic!("the response breaks off: {error}"),
        }
    }
}

impl Reply {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, read as JSON.
    ///
    /// # Panics
    /// When it is none of that shape.
    #[must_use]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{error} in {}: {}", self.status, self.text()),
        }
    }

    /// Where a redirect leads.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.headers.get(LOCATION)?.to_str().ok()
    }

    /// The name of a problem document, such as `no_session`; none for anything else.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.headers.get(CONTENT_TYPE).filter(|kind| *kind == "application/problem+json")?;
        let document: Value = self.json();
        Some(document["type"].as_str()?.strip_prefix("urn:ciam:problem:")?.to_owned())
    }

    /// Where the first form that posts goes, and its hidden fields.
    fn form(&self) -> (String, Vec<(String, String)>) {
        let text = self.text();
        let form = text.split("<form").skip(1).map(|form| form.split("</form>").next().unwrap_or(form));
        let Some(form) = form.into_iter().find(|form| form.contains("method=\"post\"")) else {
            panic!("no form posts on this page: {} {text}", self.status);
        };
        let Some(action) = attribute(form, "action") else { panic!("a form goes nowhere: {form}") };
        let inputs = form.split("<input").skip(1).map(|input| input.split('>').next().unwrap_or(input));
        let hidden = inputs.filter(|input| input.contains("type=\"hidden\""));
        let pair = |input: &str| Some((attribute(input, "name")?, attribute(input, "value").unwrap_or_default()));
        (action, hidden.filter_map(pair).collect())
    }
}

/// The value of an attribute in a piece of HTML, as a browser reads it.
fn attribute(html: &str, name: &str) -> Option<String> {
    let value = html.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
    let text = value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    Some(text.replace("&amp;", "&"))
}
