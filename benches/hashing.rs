//! The pool's hash beside `argon2`'s own call, which allocates its memory each time; and a storm of checks.
//!
//! Both take turns in one run. What is compared is CPU time of the whole process, so that other work on the machine
//! does not count, and wiping does.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, Version};
use ciam::entropy::SystemEntropy;
use ciam::passwords::{Argon2Options, Argon2Parameters, Argon2Pool, Password, PasswordHasher};
use ciam::secret::Secret;
use cpu_time::ProcessTime;
use criterion::{Criterion, criterion_group, criterion_main};
use tokio::runtime::Runtime;

const SETTINGS: [Argon2Parameters; 2] = [
    Argon2Parameters { memory_kib: 19_456, passes: 2, lanes: 1 },
    Argon2Parameters { memory_kib: 47_104, passes: 1, lanes: 1 },
];
/// How often both take their turn, and how many hashes a turn has.
const TURNS: usize = 15;
const HASHES: u32 = 4;
const STORM: usize = 200;

fn password() -> Password {
    Password::parse(&Secret::new("vermilion otter quays".to_owned())).unwrap()
}

fn pool(parameters: Argon2Parameters, threads: usize) -> Argon2Pool {
    let options = Argon2Options { parameters, threads: Some(threads), queue: Some(STORM + 1), memory_budget_kib: None };
    Argon2Pool::new(options, Arc::new(SystemEntropy::new())).unwrap()
}

fn argon2(parameters: Argon2Parameters) -> Argon2<'static> {
    let Argon2Parameters { memory_kib, passes, lanes } = parameters;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(memory_kib, passes, lanes, Some(32)).unwrap())
}

fn allocating(argon2: &Argon2<'_>) {
    let mut out = [0; 32];
    argon2.hash_password_into(password().expose().as_bytes(), b"sixteen bytes of", &mut out).unwrap();
    black_box(out);
}

fn name(parameters: Argon2Parameters) -> String {
    format!("{} MiB, t={}", parameters.memory_kib / 1024, parameters.passes)
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all[all.len() / 2]
}

/// CPU time of one hash, of a turn of several.
fn turn(mut hash: impl FnMut()) -> Duration {
    let begun = ProcessTime::now();
    (0..HASHES).for_each(|_| hash());
    begun.elapsed() / HASHES
}

fn hashes(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    for parameters in SETTINGS {
        let (pool, argon2, password) = (pool(parameters, 1), argon2(parameters), password());
        let mut pooled = || drop(black_box(runtime.block_on(pool.hash(&password)).unwrap()));
        let (mut own, mut theirs) = (Vec::new(), Vec::new());
        pooled();
        for _ in 0..TURNS {
            theirs.push(turn(|| allocating(&argon2)));
            own.push(turn(&mut pooled));
        }
        let (own, theirs) = (median(own), median(theirs));
        let ratio = own.as_secs_f64() / theirs.as_secs_f64();
        println!("{:14} pool {own:>9.2?}   argon2, allocating {theirs:>9.2?}   ratio {ratio:.2}", name(parameters));

        let mut group = c.benchmark_group(format!("a hash of {}", name(parameters)));
        group.sample_size(10);
        group.bench_function("pool", |b| b.iter(&mut pooled));
        group.bench_function("argon2, allocating", |b| b.iter(|| allocating(&argon2)));
        group.finish();
    }
}

/// Two hundred checks at once on two threads, with how late timers of the same runtime are meanwhile.
async fn storm(pool: &Arc<Argon2Pool>) -> (Duration, Duration) {
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
    let begun = Instant::now();
    let checks: Vec<_> = (0..STORM)
        .map(|_| {
            let pool = Arc::clone(pool);
            tokio::spawn(async move { pool.verify(&password(), None).await.unwrap() })
        })
        .collect();
    for check in checks {
        check.await.unwrap();
    }
    let took = begun.elapsed();
    over.store(true, Ordering::Relaxed);
    (took, watch.await.unwrap())
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1024
}

/// First of all, so that the peak of memory is its own.
fn storms(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let before = resident_mib();
    let pool = Arc::new(pool(Argon2Parameters::default(), 2));
    for _ in 0..5 {
        let (took, late) = runtime.block_on(storm(&pool));
        println!(
            "{STORM} checks at once {took:>9.1?}   timers late, p99 {late:>9.2?}   peak memory {} MiB, {before} before",
            resident_mib()
        );
    }
    let mut group = c.benchmark_group("200 checks at once");
    group.sample_size(10);
    group.bench_function("two threads", |b| b.iter(|| runtime.block_on(storm(&pool))));
    group.finish();
}

criterion_group!(benches, storms, hashes);
criterion_main!(benches);
