//! Stored hashes, also imported ones: whatever they say, a check ends, and does no more work than the pool allows.
#![no_main]

use std::sync::{Arc, LazyLock};

use ciam_core::entropy::SystemEntropy;
use ciam_core::passwords::{Argon2Options, Argon2Parameters, Argon2Pool, Password, PasswordHash, PasswordHasher};
use ciam_core::secret::Secret;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().build().unwrap());
static POOL: LazyLock<Argon2Pool> = LazyLock::new(|| {
    let parameters = Argon2Parameters { memory_kib: 64, passes: 1, lanes: 1 };
    let options = Argon2Options { parameters, threads: Some(1), queue: Some(1), memory_budget_kib: None };
    Argon2Pool::new(options, Arc::new(SystemEntropy::new())).unwrap()
});

fuzz_target!(|phc: &str| {
    // What is within the pool's bounds is computed, which would take most of the time here.
    let asks_much = phc.split(['$', ',']).any(|part| {
        let number = part.strip_prefix("m=").or_else(|| part.strip_prefix("t=")).and_then(|n| n.parse::<u64>().ok());
        number.is_some_and(|n| (1024..=262_144).contains(&n))
    });
    if asks_much {
        return;
    }
    let password = Password::parse(&Secret::new("vermilion otter quays".to_owned())).unwrap();
    let hash = PasswordHash::from_phc(phc.to_owned());
    let verdict = RUNTIME.block_on(POOL.verify(&password, Some(&hash))).unwrap();
    assert!(!verdict.outdated || verdict.matches);
});
