//! Two portal processes over one PostgreSQL, or over one file and a Redis: one account, one mailbox, one limit; what one
//! revokes, the other refuses.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../ciam-store/tests/support/schema.rs"]
mod schema;

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

const PASSWORD: &str = "violet harbour kettle stone";
/// Within which other nodes refuse what was revoked on one.
const HEARD: Duration = Duration::from_secs(1);
/// How long a portal may take to start, or a message to be sent.
const PATIENCE: Duration = Duration::from_secs(60);

/// A portal of its own process and port.
struct Portal {
    url: String,
    process: Child,
    _folder: TempDir,
}

impl Drop for Portal {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Portal {
    fn start(database: &str, redis: Option<&str>) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (url, folder) = (format!("http://localhost:{port}"), tempfile::tempdir().unwrap());
        let mut command = Command::new(program());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CIAM_")) {
            command.env_remove(name);
        }
        let process = command
            .current_dir(folder.path())
            .env("CIAM_LISTEN", format!("127.0.0.1:{port}"))
            .env("CIAM_DATABASE_URL", database)
            .env("CIAM_MASTER_KEY", "0123456789abcdef".repeat(4))
            .env("CIAM_REDIS_URL", redis.unwrap_or_default())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let portal = Self { url, process, _folder: folder };
        eventually("the portal is ready", || portal.get("/readyz", "").0 == 200);
        portal
    }

    fn get(&self, path: &str, bearer: &str) -> (u16, Value) {
        self.curl(path, bearer, &[])
    }

    fn post(&self, path: &str, bearer: &str, body: &Value) -> (u16, Value) {
        self.curl(path, bearer, &["--header", "content-type: application/json", "--data", &body.to_string()])
    }

    fn curl(&self, path: &str, bearer: &str, more: &[&str]) -> (u16, Value) {
        let mut command = Command::new("curl");
        command.args(["--silent", "--max-time", "20", "--write-out", "\n%{http_code}"]).args(more);
        if !bearer.is_empty() {
            command.args(["--header", &format!("authorization: Bearer {bearer}")]);
        }
        let said = command.arg(format!("{}{path}", self.url)).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        let (body, status) = said.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
    }

    /// Begins a journey of a native client; answers its path and secret.
    fn begin(&self, kind: &str) -> (String, String) {
        let (status, begun) = self.post("/api/v1/journeys", "", &json!({"kind": kind, "transport": "bearer"}));
        assert_eq!(status, 201, "{begun}");
        let secret = begun["secret"].as_str().unwrap().to_owned();
        (format!("/api/v1/journeys/{}", begun["id"].as_str().unwrap()), secret)
    }

    fn sign_in(&self, email: &str, password: &str) -> (u16, Value) {
        let (journey, secret) = self.begin("sign_in");
        self.post(&journey, &secret, &json!({"answer": {"type": "identify", "email": email}}));
        self.post(&journey, &secret, &json!({"answer": {"type": "password", "password": password}}))
    }

    /// How often a message to this address was sent by this portal, and the newest code.
    fn mail_to(&self, email: &str) -> (usize, Option<String>) {
        let (_, mail) = self.get("/dev/mailbox.json", "");
        let to: Vec<&Value> = mail.as_array().unwrap().iter().filter(|message| message["to"] == email).collect();
        let code = to.first().map(|message| {
            let text = message["text"].as_str().unwrap();
            let digits = text.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6);
            digits.unwrap().to_owned()
        });
        (to.len(), code)
    }
}

/// The example beside this test's own program.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.parent().unwrap().parent().unwrap().join("examples").join("portal")
}

fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let patience = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < patience, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn se2_two_portals_over_one_database_are_one_site() {
    let Some(database) = schema::empty_schema().await else { return };
    tokio::task::spawn_blocking(move || two_portals(&database, None)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn se2_two_portals_that_share_a_redis_are_one_site() {
    let Ok(redis) = std::env::var("CIAM_TEST_REDIS") else { return };
    // Of the numbered databases of the server, one that other runs are not likely to have.
    let redis = format!("{redis}/{}", 1 + std::process::id() % 15);
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", folder.path().join("shop.db").display());
    tokio::task::spawn_blocking(move || two_portals(&database, Some(&redis))).await.unwrap();
}

fn two_portals(database: &str, redis: Option<&str>) {
    let (one, other) = (Portal::start(database, redis), Portal::start(database, redis));

    // A sign-up that begins on one node and ends on the other, and whose message one of them sends.
    let email = "ada@example.com";
    let (journey, secret) = one.begin("sign_up");
    one.post(&journey, &secret, &json!({"answer": {"type": "identify", "email": email}}));
    let chosen = json!({"answer": {"type": "new_password", "new_password": PASSWORD, "name": "Ada"}});
    let (status, asked) = other.post(&journey, &secret, &chosen);
    assert_eq!((status, &asked["prompt"]["type"]), (200, &json!("code")), "{asked}");
    let sent = || [&one, &other].map(|portal| portal.mail_to(email));
    eventually("the message is sent", || sent().iter().any(|(times, _)| *times > 0));
    let [(by_one, code), (by_other, other_code)] = sent();
    assert_eq!(by_one + by_other, 1, "a message is sent once");
    let code = json!({"answer": {"type": "code", "code": code.or(other_code).unwrap()}});
    let (status, done) = one.post(&journey, &secret, &code);
    assert_eq!((status, &done["prompt"]["type"]), (200, &json!("done")), "{done}");

    // A session that both let in, until one of them ends it.
    for way in ["/api/v1/session", "/api/v1/account/sessions"] {
        let (_, mine) = one.sign_in(email, PASSWORD);
        let (_, keeper) = one.sign_in(email, PASSWORD);
        let [mine, keeper] = [mine, keeper].map(|done| done["prompt"]["session"]["token"].as_str().unwrap().to_owned());
        for _ in 0..3 {
            assert_eq!(other.get("/api/v1/session", &mine).0, 200);
        }
        let ends = if way.ends_with("sessions") { &keeper } else { &mine };
        assert_eq!(one.curl(way, ends, &["--request", "DELETE"]).0, 204);
        let revoked = Instant::now();
        while other.get("/api/v1/session", &mine).0 != 401 {
            assert!(revoked.elapsed() < HEARD, "{way}");
        }
    }

    // A limit that counts over both.
    let judged = (0..40).map(|turn| [&one, &other][turn % 2].sign_in(email, "quite another phrase").0);
    let judged = judged.filter(|status| *status == 422).count();
    assert!((1..=10).contains(&judged), "{judged} wrong passwords were judged");
}
