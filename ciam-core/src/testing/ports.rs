//! A clock that stands, entropy that repeats, a hasher that counts.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::clock::{Clock, Timestamp};
use crate::entropy::Entropy;
use crate::passwords::{HashError, Password, PasswordHash, PasswordHasher, Verdict};
use crate::secret::Digest;

/// A clock that stands still until it is moved. Begins at 2026-01-01T00:00:00Z.
#[derive(Debug, Clone)]
pub struct StoppedClock {
    micros: Arc<AtomicI64>,
}

impl StoppedClock {
    /// A clock at the beginning of 2026.
    #[must_use]
    pub fn new() -> Self {
        Self { micros: Arc::new(AtomicI64::new(1_767_225_600_000_000)) }
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.micros.fetch_add(by, Ordering::SeqCst);
    }
}

impl Default for StoppedClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::SeqCst))
    }
}

/// Bytes that look random and are the same in every run: SHA-256 of a seed and a counter.
#[derive(Debug)]
pub struct FixedEntropy {
    seed: u64,
    counter: AtomicU64,
}

impl FixedEntropy {
    /// The sequence of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, counter: AtomicU64::new(0) }
    }
}

impl Entropy for FixedEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(32) {
            let n = self.counter.fetch_add(1, Ordering::SeqCst);
            let block = Digest::of_all(&[&self.seed.to_be_bytes(), &n.to_be_bytes()]);
            chunk.copy_from_slice(&block.bytes()[..chunk.len()]);
        }
    }
}

/// A hasher that costs nothing and counts what it is asked: one unit for every hash and every check.
///
/// Its hashes protect nothing; it exists only behind the feature `testing`.
#[derive(Debug, Clone, Default)]
pub struct CountingHasher {
    work: Arc<AtomicU64>,
    overloaded: Arc<Mutex<Option<Duration>>>,
    generation: Arc<AtomicU64>,
}

impl CountingHasher {
    /// How much was asked of it so far.
    #[must_use]
    pub fn work(&self) -> u64 {
        self.work.load(Ordering::SeqCst)
    }

    /// From now on it is overloaded, or (with `None`) not any more.
    pub fn overload(&self, retry_after: Option<Duration>) {
        *self.overloaded.lock().unwrap_or_else(PoisonError::into_inner) = retry_after;
    }

    /// Makes every hash made so far outdated.
    pub fn strengthen(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    fn begin(&self) -> Result<u64, HashError> {
        if let Some(retry_after) = *self.overloaded.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(HashError::Overloaded { retry_after });
        }
        self.work.fetch_add(1, Ordering::SeqCst);
        Ok(self.generation.load(Ordering::SeqCst))
    }
}

fn cheap_hash(generation: &str, password: &Password) -> String {
    let digest = Digest::of(password.expose().as_bytes());
    format!("$test${generation}${}", digest.id::<crate::UserId>())
}

#[async_trait]
impl PasswordHasher for CountingHasher {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let generation = self.begin()?;
        Ok(PasswordHash::from_phc(cheap_hash(&generation.to_string(), password)))
    }

    async fn verify(&self, password: &Password, against: Option<&PasswordHash>) -> Result<Verdict, HashError> {
        let generation = self.begin()?.to_string();
        let phc = against.map(PasswordHash::expose_phc).unwrap_or_default();
        let made = phc.split('$').nth(2).unwrap_or_default();
        let matches = phc == cheap_hash(made, password);
        Ok(Verdict { matches, outdated: matches && made != generation })
    }
}
