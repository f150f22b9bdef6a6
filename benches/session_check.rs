//! The check of a session: from memory, from SQLite, and the bare prepared statements beside it; and a handler that
//! asks for `CurrentUser` beside one that asks for nothing, on a real socket.
//!
//! Everything is CPU time of the thread that does the work, so that other work on the machine does not count; what is
//! compared takes turns within one run. `CIAM_BENCH_ROWS` sets how many sessions "many" are (100,000 by default).

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::routing::get;
use ciam::entropy::{Entropy, SystemEntropy};
use ciam::events::Origin;
use ciam::id::{RealmId, RecordId as _};
use ciam::journeys::{Answer, Client, JourneyKind, Start};
use ciam::secret::{Bearer, Secret};
use ciam::sessions::{Session, SessionCache};
use ciam::store::{Backend, StoreError};
use ciam::testing::CountingHasher;
use ciam::users::{Standing, UserStatus};
use ciam::{Ciam, CurrentUser, Mailbox, SqliteStore, UserId};
use cpu_time::ThreadTime;
use rusqlite::Connection;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;
use uuid::Uuid;

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "vermilion otter quays";
const TIMES: u32 = 10_000;
const ROUNDS: usize = 30;

/// An engine over a database, with so much of it in memory.
async fn engine(database: &Arc<SqliteStore>, mailbox: &Mailbox, capacity: usize) -> Ciam {
    let cache = SessionCache { capacity, max_age: Duration::from_hours(1) };
    let builder = Ciam::builder().shared_store(Arc::clone(database) as Arc<dyn Backend>).messenger(mailbox.clone());
    builder.hasher(CountingHasher::default()).session_cache(cache).without_workers().build().await.unwrap()
}

/// The bearer of a person who has signed up.
async fn sign_up(ciam: &Ciam, mailbox: &Mailbox) -> String {
    let secret = ciam.entropy().verifier();
    let start = Start::new(JourneyKind::SignUp, &secret);
    let id = ciam.journeys().start(start).await.unwrap().id;
    let client = Client { binding: Some(secret.clone()), origin: Origin::new(None, Some(AGENT)), device: None };
    for answer in [Answer::identify(EMAIL), Answer::new_password(PASSWORD)] {
        ciam.journeys().answer(&id, &client, answer).await.unwrap();
    }
    while ciam.outbox().deliver().await.unwrap() > 0 {}
    let code = mailbox.messages()[0].subject.split(' ').next().unwrap().to_owned();
    let done = ciam.journeys().answer(&id, &client, Answer::Code { code: Secret::new(code) }).await.unwrap();
    done.opened.unwrap().bearer.expose().clone()
}

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0";

/// So many more sessions like this one, each of a user of its own; their bearers.
async fn fill(ciam: &Ciam, like: &Session, rows: usize) -> Vec<String> {
    let (template, random) = (serde_json::to_value(like).unwrap(), SystemEntropy::new());
    let random: &dyn Entropy = &random;
    let mut bearers = Vec::new();
    while bearers.len() < rows {
        let now = ciam.clock().now();
        let batch: Vec<(Session, Standing)> = (0..120)
            .map(|_| {
                let (user, verifier) = (random.id::<UserId>(now), random.verifier());
                let bearer = Bearer::new(random.id::<ciam::sessions::SessionId>(now), verifier);
                let mut document = template.clone();
                document["id"] = serde_json::to_value(bearer.id()).unwrap();
                document["user"] = serde_json::to_value(user).unwrap();
                document["digest"] = serde_json::to_value(bearer.digest()).unwrap();
                bearers.push(bearer.expose().expose().clone());
                let standing = Standing { id: user, status: UserStatus::Active, epoch: 0, recoveries: 0 };
                (serde_json::from_value(document).unwrap(), standing)
            })
            .collect();
        let batch = &batch;
        let filled: Result<(), StoreError> = ciam
            .store()
            .transact(|work| async move {
                for (session, standing) in batch {
                    work.insert(session)?;
                    work.insert(standing)?;
                }
                Ok(())
            })
            .await;
        filled.unwrap();
    }
    bearers
}

/// Picks one after another at random, cheaply and the same every time.
struct Picker(u64);

impl Picker {
    fn pick<'f, T>(&mut self, from: &'f [T]) -> &'f T {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        &from[usize::try_from(self.0 % from.len() as u64).unwrap()]
    }
}

/// The statements that a check stands on, and nothing else: no decoding, no judging.
struct Bare(Connection);

impl Bare {
    fn open(path: &Path) -> Self {
        let connection = Connection::open(path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.pragma_update(None, "cache_size", -16 * 1024).unwrap();
        Self(connection)
    }

    fn get(&self, table: &str, id: Uuid, now: i64) -> String {
        let expiry = if table == "ciam_sessions" { "AND expires_at > ?3" } else { "AND ?3 > 0" };
        let text = format!("SELECT version, shape, doc FROM {table} WHERE id = ?1 AND realm = ?2 {expiry}");
        let mut statement = self.0.prepare_cached(&text).unwrap();
        let row =
            |row: &rusqlite::Row<'_>| Ok((row.get::<_, Uuid>(0)?, row.get::<_, u16>(1)?, row.get::<_, String>(2)?));
        statement.query_row((id, RealmId::DEFAULT.uuid(), now), row).unwrap().2
    }
}

fn median(mut times: Vec<Duration>, each: u32) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_nanos() as f64 / f64::from(each) / 1000.0
}

async fn checks(ciam: &Ciam, bearers: &[String], picker: &mut Picker) -> Duration {
    let began = ThreadTime::now();
    for _ in 0..TIMES {
        black_box(ciam.sessions().check(picker.pick(bearers).as_str()).await.unwrap().unwrap());
    }
    began.elapsed()
}

fn check(runtime: &Runtime, path: &Path, [cached, uncached]: [&Ciam; 2], bearers: &[String]) {
    let bare = Bare::open(path);
    let selectors: Vec<(Uuid, Uuid)> = bearers
        .iter()
        .map(|bearer| {
            let session = runtime.block_on(cached.sessions().check(bearer)).unwrap().unwrap();
            (session.id.uuid(), session.user.uuid())
        })
        .collect();
    let (mut hits, mut reads, mut one, mut two) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut pickers = [Picker(1), Picker(2), Picker(3), Picker(4)];
    let now = || cached.clock().now().micros();
    for _ in 0..ROUNDS {
        hits.push(runtime.block_on(checks(cached, bearers, &mut pickers[0])));
        reads.push(runtime.block_on(checks(uncached, bearers, &mut pickers[1])));
        let began = ThreadTime::now();
        for _ in 0..TIMES {
            black_box(bare.get("ciam_sessions", pickers[2].pick(&selectors).0, now()));
        }
        one.push(began.elapsed());
        let began = ThreadTime::now();
        for _ in 0..TIMES {
            let (session, user) = *pickers[3].pick(&selectors);
            black_box(bare.get("ciam_sessions", session, now()));
            black_box(bare.get("ciam_user_standings", user, now()));
        }
        two.push(began.elapsed());
    }
    let [hits, reads, one, two] = [hits, reads, one, two].map(|times| median(times, TIMES));
    println!(
        "{:>7} sessions | from memory {hits:.2} µs | SQLite {reads:.2} µs | bare statement {one:.2} µs | \
        both bare statements {two:.2} µs",
        bearers.len()
    );
    println!(
        "        ratios | memory to SQLite {:.3} | memory to bare statement {:.2} | SQLite to both bare statements {:.2}",
        hits / reads,
        hits / one,
        reads / two
    );
}

async fn hello() -> &'static str {
    "hello"
}

async fn hello_you(user: CurrentUser) -> &'static str {
    black_box(user.id());
    "hello"
}

thread_local! {
    static BEGAN: ThreadTime = ThreadTime::now();
}

/// What the server's thread has spent so far, in nanoseconds.
async fn spent() -> String {
    BEGAN.with(|began| began.elapsed().as_nanos().to_string())
}

/// Serves on a thread of its own.
fn serve(app: Router) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
        });
    });
    told.recv().unwrap()
}

/// One connection that is kept.
struct Browser {
    socket: TcpStream,
    bearer: String,
}

impl Browser {
    fn new(at: SocketAddr, bearer: &str) -> Self {
        let socket = TcpStream::connect(at).unwrap();
        socket.set_nodelay(true).unwrap();
        Self { socket, bearer: bearer.to_owned() }
    }

    fn get(&mut self, path: &str) -> String {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost:8080\r\nuser-agent: {AGENT}\r\naccept: text/html,*/*;q=0.8\r\n\
             accept-language: en\r\nsec-fetch-site: same-origin\r\ncookie: ciam_session={}\r\n\r\n",
            self.bearer
        );
        self.socket.write_all(request.as_bytes()).unwrap();
        let (mut reply, mut part) = (Vec::new(), [0; 4096]);
        loop {
            let read = self.socket.read(&mut part).unwrap();
            assert!(read > 0, "the server hung up");
            reply.extend_from_slice(&part[..read]);
            let text = String::from_utf8_lossy(&reply);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            assert!(head.starts_with("HTTP/1.1 200"), "{text}");
            let length: usize =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
            if body.len() == length {
                return body.to_owned();
            }
        }
    }

    /// What so many requests cost the server.
    fn cost(&mut self, times: u32) -> Duration {
        let before: u64 = self.get("/spent").parse().unwrap();
        for _ in 0..times {
            self.get("/");
        }
        Duration::from_nanos(self.get("/spent").parse::<u64>().unwrap() - before)
    }
}

/// The same without a socket: what the routers alone cost.
async fn oneshot(app: &Router, bearer: &str) -> Duration {
    let began = ThreadTime::now();
    for _ in 0..TIMES {
        let request = Request::builder().uri("/").header("host", "localhost:8080").header("user-agent", AGENT);
        let mut request = request.header("cookie", format!("ciam_session={bearer}")).body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 40_000))));
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(black_box(response).status(), 200);
    }
    began.elapsed()
}

fn layer(runtime: &Runtime, ciam: &Ciam, bearer: &str) {
    const REQUESTS: u32 = 4_000;
    let bare = Router::new().route("/", get(hello)).route("/spent", get(spent));
    let open = Router::new().route("/", get(hello)).route("/spent", get(spent));
    let asks = Router::new().route("/", get(hello_you)).route("/spent", get(spent));
    let (open, asks) = (ciam::web::mount(open, ciam), ciam::web::mount(asks, ciam));
    let names = ["a bare axum handler", "the same, mounted", "the same, asking for CurrentUser"];
    let apps = [bare, open, asks];
    let mut browsers = apps.clone().map(|app| Browser::new(serve(app), bearer));
    let (mut socket, mut alone) = ([const { Vec::new() }; 3], [const { Vec::new() }; 3]);
    for _ in 0..ROUNDS {
        for at in 0..3 {
            socket[at].push(browsers[at].cost(REQUESTS));
            alone[at].push(runtime.block_on(oneshot(&apps[at], bearer)));
        }
    }
    let (socket, alone) = (socket.map(|times| median(times, REQUESTS)), alone.map(|times| median(times, TIMES)));
    for at in 0..3 {
        println!(
            "{:>33} | server {:.2} µs, ratio {:.2} | without a socket {:.2} µs, {:.2} more",
            names[at],
            socket[at],
            socket[at] / socket[0],
            alone[at],
            alone[at] - alone[0]
        );
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let many = std::env::var("CIAM_BENCH_ROWS").map_or(100_000, |rows| rows.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (path, mailbox) = (folder.path().join("app.db"), Mailbox::new());
    let database = Arc::new(runtime.block_on(SqliteStore::open(&path)).unwrap());
    let cached = runtime.block_on(engine(&database, &mailbox, many * 2));
    let uncached = runtime.block_on(engine(&database, &mailbox, 0));
    let bearer = runtime.block_on(sign_up(&cached, &mailbox));
    let session = runtime.block_on(cached.sessions().check(&bearer)).unwrap().unwrap();
    check(&runtime, &path, [&cached, &uncached], std::slice::from_ref(&bearer));
    layer(&runtime, &cached, &bearer);
    let bearers = runtime.block_on(fill(&cached, &session, many));
    let before = resident();
    check(&runtime, &path, [&cached, &uncached], &bearers);
    println!("{:>7} sessions in memory | about {:.0} MiB more than before", bearers.len(), resident() - before);
}

/// What the process has in memory, in MiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}
