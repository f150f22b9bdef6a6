use std::sync::{Arc, Mutex, OnceLock};

use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// What a driver says that is nobody's business.
pub(super) const DRIVER_TEXT: &str = "FATAL: password authentication failed for user canary-db at 10.0.0.5";

#[tokio::test]
async fn lg2_what_a_store_says_goes_to_nobody() {
    let (bed, app, store) = on_a_faulty_store().await;
    let (mut browser, mut program) = (Visitor::browser(&app), Visitor::program(&app));
    browser.sign_up(&bed, EMAIL).await;
    program.jar = browser.jar.clone();
    let mut stranger = Visitor::browser(&app);
    let page = stranger.get("/sign-in").await;
    let id = program.begin("sign_in").await;
    let ticket = "A".repeat(64);

    store.go_away(Some(DRIVER_TEXT));
    let identify = json!({"type": "identify", "email": EMAIL});
    let replies = [
        stranger.submit(&page, &[("email", EMAIL)]).await,
        stranger.get(&format!("/verify?ticket={ticket}")).await,
        stranger.post("/verify", &[("ticket", &ticket)]).await,
        browser.get("/sign-in").await,
        browser.get("/account").await,
        browser.get("/account/sessions").await,
        browser.get("/account/profile").await,
        browser.get("/account/security").await,
        browser.post("/account/profile", &[("name", "x")]).await,
        browser.post("/account/security", &[("password", "x"), ("new_password", "y")]).await,
        program.get("/api/v1/account/identifiers").await,
        program.get("/api/v1/account/events").await,
        browser.post("/account/sessions/end-all", &[]).await,
        browser.post("/account/sessions/end-others", &[]).await,
        browser.post("/sign-out", &[]).await,
        program.get("/readyz").await,
        program.get(&format!("/api/v1/journeys/{id}")).await,
        program.tell(&id, identify).await,
        program.get("/api/v1/session").await,
        program.get("/api/v1/account").await,
        program.get("/api/v1/account/sessions").await,
        program.call(Method::DELETE, "/api/v1/account/sessions", Value::Null).await,
        program.call(Method::DELETE, "/api/v1/session", Value::Null).await,
    ];
    for reply in replies {
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{}", reply.body);
        for word in ["canary", "FATAL", "10.0.0.5", "store", "authentication"] {
            assert!(!reply.body.contains(word), "{word}: {}", reply.body);
        }
        assert!(!reply.headers.contains_key(SET_COOKIE), "nobody is signed out by a store that is away");
    }
    assert_eq!(program.get("/healthz").await.status, StatusCode::OK);

    store.go_away(None);
    assert_eq!(program.get("/readyz").await.status, StatusCode::OK);
    assert_eq!(browser.get("/account").await.status, StatusCode::OK);
    assert_eq!(stranger.submit(&page, &[("email", EMAIL)]).await.status, StatusCode::SEE_OTHER);
}

/// What all tests of this program write to the log.
pub(super) fn log() -> &'static Written {
    static LOG: OnceLock<Written> = OnceLock::new();
    LOG.get_or_init(|| {
        let written = Written::default();
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).without_time();
        let _ = tracing::subscriber::set_global_default(subscriber.with_writer(written.clone()).finish());
        written
    })
}

/// Where logs are written.
#[derive(Debug, Clone, Default)]
pub(super) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Written {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// An application that knows its guests.
fn guests() -> Router {
    let cart = async |visitor: crate::Visitor| format!("{:?}", matches!(visitor, crate::Visitor::Guest(_)));
    Router::new().route("/cart", axum::routing::get(cart))
}

/// A client that keeps the secret of its journey and its bearer itself.
struct Native {
    client: Visitor,
    path: String,
    secret: String,
    token: String,
}

impl Native {
    async fn new(app: &Router) -> Self {
        let mut client = Visitor::program(app);
        let start = json!({"kind": "sign_in", "transport": "bearer"});
        let begun = client.call(Method::POST, "/api/v1/journeys", start).await.json();
        let text = |member: &str| begun[member].as_str().unwrap().to_owned();
        Self { path: format!("/api/v1/journeys/{}", text("id")), secret: text("secret"), token: String::new(), client }
    }

    async fn tell(&mut self, answer: Value) -> Reply {
        let request = self.client.request(Method::POST, &self.path).header(CONTENT_TYPE, JSON);
        let request = request.header(AUTHORIZATION, format!("Bearer {}", self.secret));
        self.client.send(request.body(Body::from(json!({ "answer": answer }).to_string())).unwrap()).await
    }

    async fn turned_away(&mut self) -> Vec<String> {
        let identified = self.tell(json!({"type": "identify", "email": EMAIL})).await.body;
        vec![identified, self.tell(json!({"type": "password", "password": "canary turned away"})).await.body]
    }

    /// Gets a token, and shows it where it is good and where it is not any more. The answers after the one that has it.
    async fn sign_in(&mut self) -> Vec<String> {
        let done = self.tell(json!({"type": "password", "password": PASSWORD})).await.json();
        self.token = done["prompt"]["session"]["token"].as_str().unwrap().to_owned();
        let mut bodies = Vec::new();
        for method in [Method::GET, Method::DELETE, Method::GET] {
            let request = self.client.request(method, "/api/v1/session");
            let request = request.header(AUTHORIZATION, format!("Bearer {}", self.token));
            bodies.push(self.client.send(request.body(Body::empty()).unwrap()).await.body);
        }
        bodies
    }
}

/// The key of the engine, in hexadecimal.
const MASTER_KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

#[tokio::test]
async fn lg1_secrets_are_in_no_log_and_come_back_in_no_answer() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()), []);
    let cache = SessionCache { capacity: 0, ..SessionCache::default() };
    let key = ciam_core::vault::MasterKey::parse(MASTER_KEY).unwrap();
    let bed = TestBed::with(|builder| builder.shared_store(store.clone()).session_cache(cache).master_key(key)).await;
    let app = around(&bed, Router::new());
    let wrong = "canary wrong kettle stone";
    let mut ada = Visitor::browser(&app);
    let mut bodies = Vec::new();
    let mut native = Native::new(&app).await;
    bodies.extend(native.turned_away().await);
    let page = ada.sign_up_until_code(EMAIL).await;
    let (code, ticket) = (bed.code_for(EMAIL).await, bed.ticket_for(EMAIL).await);
    bodies.push(page.body.clone());
    bodies.push(ada.answer(&page, &[("code", "12345")]).await.body);
    bodies.push(ada.submit(&page, &[("code", &code)]).await.body);
    let session = ada.jar["ciam_session"].clone();
    bodies.extend(native.sign_in().await);
    let mut guest = Visitor::browser(&around(&bed, guests()));
    bodies.push(guest.get("/cart").await.body);
    let (guest, device) = (guest.jar["ciam_guest"].clone(), ada.jar["ciam_device"].clone());
    let guest = guest.split('.').next().unwrap();
    let device = device.rsplit('.').next().unwrap();
    bodies.push(ada.get("/account").await.body);
    bodies.push(ada.get("/account/sessions").await.body);
    bodies.push(ada.get("/api/v1/session").await.body);
    bodies.push(ada.get("/api/v1/account/sessions").await.body);
    let mut eve = Visitor::browser(&app);
    bodies.push(eve.sign_in(EMAIL, wrong).await.body);
    let id = eve.begin("sign_in").await;
    eve.tell(&id, json!({"type": "identify", "email": EMAIL})).await;
    bodies.push(eve.tell(&id, json!({"type": "password", "password": wrong})).await.body);
    let request = eve.request(Method::POST, &format!("/api/v1/journeys/{id}")).header(CONTENT_TYPE, JSON);
    let broken = format!(r#"{{"answer":{{"type":"password","password":"{wrong}"#);
    bodies.push(eve.send(request.body(Body::from(broken)).unwrap()).await.body);
    let fresh = "canary fresh teapot meadow";
    bodies.push(ada.post("/account/security", &[("password", wrong), ("new_password", fresh)]).await.body);
    let change = json!({"password": PASSWORD, "new_password": fresh});
    let changed = ada.call(Method::POST, "/api/v1/account/password", change).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);
    bodies.push(changed.body);
    let changed_session = ada.jar["ciam_session"].clone();
    let step_up = ada.get("/step-up").await;
    bodies.push(ada.answer(&step_up, &[("password", wrong)]).await.body);
    bed.clock.advance(std::time::Duration::from_secs(61));
    let recovery = eve.recover_until_code(EMAIL).await;
    let (reset_code, reset_ticket) = (bed.code_for(EMAIL).await, bed.ticket_for(EMAIL).await);
    bodies.push(eve.answer(&recovery, &[("code", "12345")]).await.body);
    let reset = eve.answer(&recovery, &[("code", &reset_code)]).await;
    bodies.push(reset.body.clone());
    bodies.push(eve.answer(&reset, &[("new_password", "canary")]).await.body);
    bodies.push(ada.get("/account/security").await.body);
    bodies.push(ada.get("/api/v1/account/events").await.body);
    store.go_away(Some(DRIVER_TEXT));
    bodies.push(ada.get("/account").await.body);
    bodies.push(ada.post("/account/security", &[("password", fresh), ("new_password", wrong)]).await.body);
    bodies.push(eve.tell(&id, json!({"type": "password", "password": wrong})).await.body);

    let written = log().text();
    assert!(written.contains("canary-db"), "the cause is in the log: {written}");
    let binding = ada.jar["ciam_browser"].clone();
    let debug = format!("{:?} {:?}", bed.ciam, Mount::new(&bed.ciam).danger_show_mailbox(bed.mailbox.clone()));
    for (name, secret) in [
        ("password", PASSWORD),
        ("wrong", wrong),
        ("code", &code),
        ("ticket", &ticket),
        ("session", &session),
        ("changed password", fresh),
        ("changed session", &changed_session),
        ("reset code", &reset_code),
        ("reset ticket", &reset_ticket),
        ("binding", &binding),
        ("guest", guest),
        ("device", device),
        ("secret of a native client", &native.secret),
        ("token of a native client", &native.token),
        ("master key", MASTER_KEY),
        ("master key in base64", "ABEiM0RVZneImaq7zN3u/wARIj"),
    ] {
        assert!(secret.len() >= 6, "{name} is one");
        assert!(!written.contains(secret), "{name} in the log");
        assert!(!debug.contains(secret), "{name} in Debug");
        for body in &bodies {
            assert!(!body.contains(secret), "{name} in {body}");
        }
    }
}
