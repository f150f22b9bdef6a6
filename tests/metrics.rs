//! Every figure that `docs/metrics.md` names is there, with the labels that it names, and no other.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use ciam::clock::{Clock, Timestamp};
use ciam::entropy::SystemEntropy;
use ciam::events::Cause;
use ciam::journeys::{Answer, JourneyKind};
use ciam::messages::Mailbox;
use ciam::passwords::{Argon2Options, Argon2Pool};
use ciam::store::StoreError;
use ciam::testing::{CountingHasher, StoppedClock, TestBed};
use ciam::users::{DisplayName, User};
use ciam::web::testing::TestClient;
use ciam::{Ciam, MemoryStore, UserId};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "vermilion otter quays";

/// A clock that panics when it is told to, as a defect in a worker would.
#[derive(Debug, Clone)]
struct Fragile {
    clock: StoppedClock,
    breaks: Arc<AtomicBool>,
}

impl Clock for Fragile {
    fn now(&self) -> Timestamp {
        assert!(!self.breaks.load(Ordering::SeqCst), "a defect, as the test wants it");
        self.clock.now()
    }
}

/// What the document says of a figure.
#[derive(Debug)]
struct Row {
    kind: String,
    rest: String,
}

fn documented() -> BTreeMap<String, Row> {
    let rows = include_str!("../docs/metrics.md").lines().filter(|line| line.starts_with("| `ciam_"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let row = Row { kind: cells[2].to_owned(), rest: cells[3..].join("|") };
        (cells[1].trim_matches('`').to_owned(), row)
    };
    rows.map(row).collect()
}

/// Name, kind, and labels of all that was emitted.
/// A figure's name, a label of it, and a value of that label.
type Labelled = BTreeSet<(String, String, String)>;

fn emitted(text: &str) -> (BTreeMap<String, String>, Labelled) {
    let (mut kinds, mut labels) = (BTreeMap::new(), BTreeSet::new());
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            kinds.insert(name.to_owned(), kind.to_owned());
        } else if let Some((name, rest)) = line.split_once('{').filter(|_| !line.starts_with('#')) {
            let name = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            for label in rest.split_once('}').unwrap().0.split("\",") {
                let (label, value) = label.split_once("=\"").unwrap();
                labels.insert((name.to_owned(), label.to_owned(), value.trim_end_matches('"').to_owned()));
            }
        }
    }
    (kinds, labels)
}

#[test]
fn every_documented_figure_is_emitted_and_every_emitted_one_is_documented() {
    let recorder = PrometheusBuilder::new().set_buckets(&[0.01, 1.0]).unwrap().build_recorder();
    let handle = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(everything(&handle)));
    let (kinds, labels) = emitted(&handle.render());
    let documented = documented();
    let names = |names: Vec<&String>| names.into_iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(kinds.keys().collect()), names(documented.keys().collect()));
    for (name, row) in &documented {
        assert_eq!(kinds[name], row.kind, "{name}");
    }
    for (name, label, value) in labels.iter().filter(|(_, label, _)| label != "le") {
        let row = &documented[name].rest;
        assert!(row.contains(&format!("`{label}`")), "the label {label} of {name}");
        if !["event", "route", "status", "method", "limit"].contains(&label.as_str()) {
            assert!(row.contains(&format!("`{value}`")), "{label}=\"{value}\" of {name}");
        }
        for somebody in ["ada", "192.0.2", "jny_", "usr_", "ses_"] {
            assert!(!value.contains(somebody), "{label}=\"{value}\" of {name} is about somebody");
        }
    }
    let has = |name: &str, label: &str, value: &str| {
        assert!(labels.contains(&(name.to_owned(), label.to_owned(), value.to_owned())), "{name} {label}={value}");
    };
    for reason in ["unknown_account", "wrong_password", "throttled", "none"] {
        has("ciam_sign_ins_total", "reason", reason);
    }
    for outcome in ["remembered", "read", "none"] {
        has("ciam_session_checks_total", "outcome", outcome);
    }
    has("ciam_journeys_ended_total", "kind", "add_identifier");
    has("ciam_events_total", "event", "user.registered");
    has("ciam_http_request_seconds", "route", "/healthz");
}

async fn everything(handle: &PrometheusHandle) {
    let (clock, breaks) = (StoppedClock::new(), Arc::new(AtomicBool::new(false)));
    let fragile = Fragile { clock: clock.clone(), breaks: Arc::clone(&breaks) };
    let mailbox = Mailbox::new();
    let hasher = Argon2Pool::new(Argon2Options::default(), Arc::new(SystemEntropy::new())).unwrap();
    let builder = Ciam::builder().store(MemoryStore::new()).messenger(mailbox.clone()).clock(fragile);
    let ciam = builder.hasher(hasher).without_workers().build().await.unwrap();
    let bed = TestBed { ciam: ciam.clone(), clock: clock.clone(), hasher: CountingHasher::default(), mailbox };

    let opened = bed.sign_up(EMAIL, PASSWORD).await;
    bed.sign_in(EMAIL, PASSWORD).await.unwrap();
    // A journey that ends by the link of its message, and by nothing else.
    let browser = bed.browser();
    let adding = browser.start_in(&opened.session, JourneyKind::AddIdentifier).await.id;
    browser.answer(&adding, Answer::identify("ada@example.org")).await.unwrap();
    let ticket = bed.ticket_for("ada@example.org").await;
    ciam.journeys().redeem(&ticket, &browser.client).await.unwrap();
    bed.sign_in("eve@example.com", PASSWORD).await.unwrap_err();
    for _ in 0..6 {
        bed.sign_in(EMAIL, "a wrong one altogether").await.unwrap_err();
    }
    for _ in 0..2 {
        assert!(ciam.sessions().check(opened.bearer.expose()).await.unwrap().is_some());
    }
    assert!(ciam.sessions().check("nonsense").await.unwrap().is_none());
    let app = ciam::web::mount(Router::<()>::new(), &ciam);
    assert_eq!(TestClient::new(app).get("/healthz").await.status, 200);
    assert!(ciam.readiness().await.is_ready());
    ciam.store().tail::<ciam::events::Event>(ciam::store::Position::START, 1).await.unwrap();
    contend(&ciam, opened.session.user).await;

    // What expires is swept, and a worker that panics is counted.
    clock.advance(Duration::from_hours(24 * 365));
    work_until(&ciam, handle, "ciam_swept_total").await;
    breaks.store(true, Ordering::SeqCst);
    work_until(&ciam, handle, "ciam_worker_panics_total").await;
    breaks.store(false, Ordering::SeqCst);
}

/// A unit that another overtakes every time.
async fn contend(ciam: &Ciam, user: UserId) {
    let nth = &AtomicU32::new(0);
    let overtaken: Result<(), StoreError> = ciam
        .store()
        .transact(|work| async move {
            let mut found = work.get::<User>(user).await?.unwrap();
            let name = DisplayName::parse(&format!("Ada {}", nth.fetch_add(1, Ordering::SeqCst))).unwrap();
            ciam.users().rename(&Cause::system(), user, Some(name)).await.unwrap();
            found.name = None;
            work.replace(&found)
        })
        .await;
    assert!(matches!(overtaken, Err(StoreError::Contended)));
}

async fn work_until(ciam: &Ciam, handle: &PrometheusHandle, figure: &str) {
    let emitted = async {
        while !handle.render().contains(figure) {
            tokio::task::yield_now().await;
        }
    };
    let worked = tokio::time::timeout(Duration::from_secs(30), ciam.workers().run_until(emitted));
    worked.await.unwrap().unwrap(); // within half a minute
}
