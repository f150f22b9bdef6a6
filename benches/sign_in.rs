//! A storm of sign-ins with passwords hashed on their own threads, beside one that hashes where requests
//! are served; and a sign-in journey without its hash.
//!
//! `cargo bench --bench sign_in` prints criterion's times, and a table of what else a storm does.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use argon2::Argon2;
use async_trait::async_trait;
use ciam::entropy::{Entropy, SystemEntropy};
use ciam::events::Origin;
use ciam::journeys::{Answer, Client, JourneyKind, Start};
use ciam::passwords::{Argon2Options, Argon2Pool, HashError, Password, PasswordHash, PasswordHasher, Verdict};
use ciam::secret::Secret;
use ciam::testing::CountingHasher;
use ciam::{Ciam, Mailbox, SqliteStore};
use criterion::{Criterion, criterion_group, criterion_main};
use tokio::runtime::Runtime;

const STORM: u32 = 200;
const PASSWORD: &str = "vermilion otter quays";

/// Hashes on the thread that asks, into memory allocated for it: what an app does that thinks of nothing.
#[derive(Debug)]
struct Inline(Argon2Pool);

#[async_trait]
impl PasswordHasher for Inline {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.0.hash(password).await
    }

    async fn verify(&self, password: &Password, against: Option<&PasswordHash>) -> Result<Verdict, HashError> {
        let mut out = [0; 32];
        Argon2::default().hash_password_into(password.expose().as_bytes(), b"sixteen bytes of", &mut out).unwrap();
        std::hint::black_box(out);
        Ok(Verdict { matches: against.is_some(), outdated: false })
    }
}

struct Bed {
    ciam: Ciam,
    _folder: tempfile::TempDir,
}

async fn bed(hasher: impl PasswordHasher, people: u32) -> Bed {
    let folder = tempfile::tempdir().unwrap();
    let mailbox = Mailbox::new();
    let store = SqliteStore::open(folder.path().join("app.db")).await.unwrap();
    let builder = Ciam::builder().store(store).messenger(mailbox.clone()).hasher(hasher).without_workers();
    let ciam = builder.build().await.unwrap();
    for person in 0..people {
        let answers = [Answer::identify(email(person)), Answer::new_password(PASSWORD)];
        let (id, client) = walk(&ciam, JourneyKind::SignUp, person, answers).await;
        while ciam.outbox().deliver().await.unwrap() > 0 {}
        let code = mailbox.messages()[0].subject.split(' ').next().unwrap().to_owned();
        ciam.journeys().answer(&id, &client, Answer::Code { code: Secret::new(code) }).await.unwrap();
    }
    Bed { ciam, _folder: folder }
}

fn email(person: u32) -> String {
    format!("person{person}@example.com")
}

async fn walk(ciam: &Ciam, kind: JourneyKind, person: u32, answers: [Answer; 2]) -> (String, Client) {
    let secret = ciam.entropy().verifier();
    let id = ciam.journeys().start(Start::new(kind, &secret)).await.unwrap().id;
    let address = IpAddr::V4(Ipv4Addr::from_bits(0x0A00_0000 + person));
    let client =
        Client { binding: Some(secret), origin: Origin::new(Some(address), Some("bench")), ..Client::default() };
    for answer in answers {
        ciam.journeys().answer(&id, &client, answer).await.unwrap();
    }
    (id, client)
}

async fn sign_in(ciam: &Ciam, person: u32) {
    let answers = [Answer::identify(email(person)), Answer::Password { password: Secret::new(PASSWORD.to_owned()) }];
    walk(ciam, JourneyKind::SignIn, person, answers).await;
}

async fn storm(ciam: &Ciam) {
    let tasks: Vec<_> = (0..STORM)
        .map(|person| {
            let ciam = ciam.clone();
            tokio::spawn(async move { sign_in(&ciam, person).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// A storm, with how late timers of the same runtime are meanwhile, and the memory at its peak.
async fn watched_storm(name: &str, ciam: &Ciam) -> Duration {
    let over = Arc::new(AtomicBool::new(false));
    let watch = tokio::spawn({
        let over = Arc::clone(&over);
        async move {
            let (mut late, step) = (Vec::new(), Duration::from_millis(2));
            while !over.load(Ordering::Relaxed) {
                let begun = Instant::now();
                tokio::time::sleep(step).await;
                late.push(begun.elapsed().saturating_sub(step));
            }
            late.sort_unstable();
            late[late.len() * 99 / 100]
        }
    });
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let begun = Instant::now();
    storm(ciam).await;
    let took = begun.elapsed();
    over.store(true, Ordering::Relaxed);
    let late = watch.await.unwrap();
    println!(
        "{name:28} {STORM} sign-ins {took:>9.1?}   timers late, p99 {late:>9.2?}   peak memory {} MiB",
        peak_mib()
    );
    took
}

fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1024
}

/// CPU time of the process so far, user and system.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

fn pool(entropy: &Arc<dyn Entropy>) -> Argon2Pool {
    let options = Argon2Options { threads: Some(2), queue: Some(256), ..Argon2Options::default() };
    Argon2Pool::new(options, Arc::clone(entropy)).unwrap()
}

fn storms(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
    let pooled = runtime.block_on(bed(pool(&entropy), STORM));
    let inline = runtime.block_on(bed(Inline(pool(&entropy)), STORM));
    runtime.block_on(async {
        let mut ratios = Vec::new();
        for _ in 0..5 {
            let own = watched_storm("on threads of its own", &pooled.ciam).await;
            let there = watched_storm("where requests are served", &inline.ciam).await;
            ratios.push(own.as_secs_f64() / there.as_secs_f64());
        }
        ratios.sort_by(f64::total_cmp);
        println!("ratio of the totals, median of five: {:.2}", ratios[2]);
    });
    let mut group = c.benchmark_group("storm of 200 sign-ins");
    group.sample_size(10);
    group.bench_function("on threads of its own", |b| b.iter(|| runtime.block_on(storm(&pooled.ciam))));
    group.bench_function("where requests are served", |b| b.iter(|| runtime.block_on(storm(&inline.ciam))));
    group.finish();
}

/// The journey without its hash: one person after another, and sixty-four at once, who share their commits.
fn journey(c: &mut Criterion) {
    const AT_ONCE: u32 = 64;
    let runtime = Runtime::new().unwrap();
    let bed = runtime.block_on(bed(CountingHasher::default(), AT_ONCE));
    let journeys = 2048_u32;
    let before = cpu();
    runtime.block_on(async {
        for at in 0..journeys {
            sign_in(&bed.ciam, at % AT_ONCE).await;
        }
    });
    println!("a sign-in journey without its hash, one after another: {:?} of CPU", (cpu() - before) / journeys);
    let before = cpu();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..AT_ONCE)
            .map(|person| {
                let ciam = bed.ciam.clone();
                tokio::spawn(async move {
                    for _ in 0..journeys / AT_ONCE {
                        sign_in(&ciam, person).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    println!("the same, {AT_ONCE} at once: {:?} of CPU", (cpu() - before) / journeys);
    c.bench_function("sign-in journey without its hash", |b| b.iter(|| runtime.block_on(sign_in(&bed.ciam, 0))));
}

criterion_group!(benches, storms, journey);
criterion_main!(benches);
