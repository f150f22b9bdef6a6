//! Argon2id on threads of its own, with a bounded queue.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use async_trait::async_trait;
use subtle::ConstantTimeEq;
use tokio::sync::oneshot;

use super::Password;
use super::hasher::{HashError, PasswordHash, PasswordHasher, Verdict};
use crate::entropy::Entropy;

/// How much work a hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Parameters {
    /// KiB of memory (default 19456: OWASP Password Storage Cheat Sheet).
    pub memory_kib: u32,
    /// Passes over it (default 2).
    pub passes: u32,
    /// Lanes (default 1).
    pub lanes: u32,
}

impl Default for Argon2Parameters {
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1 }
    }
}

/// The most that a stored hash may ask for, so that an imported one cannot exhaust the machine.
const MOST: Argon2Parameters = Argon2Parameters { memory_kib: 262_144, passes: 16, lanes: 16 };
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// Argon2id (RFC 9106) on dedicated threads.
///
/// Each thread keeps one arena of memory and reuses it, so that the memory in use is
/// `threads × memory_kib`, whatever arrives. What finds the queue full is told when to come back,
/// at once. Work whose caller has gone is skipped.
pub struct Argon2Pool {
    queue: SyncSender<Job>,
    shared: Arc<Shared>,
    entropy: Arc<dyn Entropy>,
}

struct Shared {
    params: Params,
    threads: usize,
    waiting: AtomicUsize,
    done: AtomicU64,
    /// A decaying mean of what one hash takes, in microseconds.
    micros: AtomicU64,
}

struct Job {
    password: Password,
    task: Task,
}

enum Task {
    Hash([u8; SALT_BYTES], oneshot::Sender<PasswordHash>),
    Verify(Option<PasswordHash>, oneshot::Sender<Verdict>),
}

/// The parameters make no sense together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("argon2 does not take these parameters, or the pool has no thread or no queue")]
pub struct InvalidParameters;

impl Argon2Pool {
    /// A pool of `threads` threads (usually one for every core) with room for `queue` waiting passwords.
    ///
    /// # Errors
    /// [`InvalidParameters`] for parameters that Argon2 refuses or that pass 256 MiB, 16 passes or 16
    /// lanes, and for no threads or no queue.
    pub fn new(
        parameters: Argon2Parameters,
        threads: usize,
        queue: usize,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, InvalidParameters> {
        let Argon2Parameters { memory_kib, passes, lanes } = parameters;
        if threads == 0 || queue == 0 || exceeds(parameters) {
            return Err(InvalidParameters);
        }
        let params = Params::new(memory_kib, passes, lanes, Some(HASH_BYTES)).map_err(|_| InvalidParameters)?;
        let (sender, receiver) = sync_channel(queue);
        let receiver = Arc::new(Mutex::new(receiver));
        let shared = Arc::new(Shared {
            params,
            threads,
            waiting: AtomicUsize::new(0),
            done: AtomicU64::new(0),
            micros: AtomicU64::new(30_000),
        });
        for n in 0..threads {
            let (receiver, shared) = (Arc::clone(&receiver), Arc::clone(&shared));
            std::thread::Builder::new()
                .name(format!("ciam-hash-{n}"))
                .spawn(move || shared.work(&receiver))
                .map_err(|_| InvalidParameters)?;
        }
        Ok(Self { queue: sender, shared, entropy })
    }

    /// A pool with the default parameters, a thread for every core, and room for 50 passwords a thread.
    ///
    /// # Errors
    /// [`InvalidParameters`] when the operating system gives no thread.
    pub fn with_defaults(entropy: Arc<dyn Entropy>) -> Result<Self, InvalidParameters> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::new(Argon2Parameters::default(), threads, threads * 50, entropy)
    }

    /// How many hashes were computed so far.
    #[must_use]
    pub fn hashes(&self) -> u64 {
        self.shared.done.load(Ordering::Relaxed)
    }

    async fn run<T>(&self, password: &Password, task: impl FnOnce(oneshot::Sender<T>) -> Task) -> Result<T, HashError> {
        let (sender, receiver) = oneshot::channel();
        let job = Job { password: password.clone(), task: task(sender) };
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        if let Err(refused) = self.queue.try_send(job) {
            let waiting = self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(match refused {
                TrySendError::Full(_) => HashError::Overloaded { retry_after: self.shared.time_for(waiting) },
                TrySendError::Disconnected(_) => HashError::Stopped,
            });
        }
        receiver.await.map_err(|_| HashError::Stopped)
    }
}

fn exceeds(asked: Argon2Parameters) -> bool {
    asked.memory_kib > MOST.memory_kib || asked.passes > MOST.passes || asked.lanes > MOST.lanes
}

impl Shared {
    /// How long so many passwords take, in whole seconds, at least one.
    fn time_for(&self, waiting: usize) -> Duration {
        let micros = self.micros.load(Ordering::Relaxed).saturating_mul(waiting as u64) / self.threads as u64;
        Duration::from_secs(micros.div_ceil(1_000_000).max(1))
    }

    fn work(&self, receiver: &Mutex<Receiver<Job>>) {
        let mut arena: Vec<Block> = Vec::new();
        loop {
            let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(Job { password, task }) = next else { return };
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            match task {
                Task::Hash(salt, reply) if !reply.is_closed() => {
                    if let Some(hash) = self.timed(|| self.hash(&mut arena, &password, &salt)) {
                        let _ = reply.send(hash);
                    }
                }
                Task::Verify(against, reply) if !reply.is_closed() => {
                    let verdict = self.timed(|| self.verify(&mut arena, &password, against.as_ref()));
                    let _ = reply.send(verdict);
                }
                _ => {}
            }
        }
    }

    fn timed<T>(&self, hash: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let made = hash();
        self.done.fetch_add(1, Ordering::Relaxed);
        let took = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mean = self.micros.load(Ordering::Relaxed);
        self.micros.store((mean * 7).saturating_add(took) / 8, Ordering::Relaxed);
        made
    }

    fn hash(&self, arena: &mut Vec<Block>, password: &Password, salt: &[u8]) -> Option<PasswordHash> {
        let raw = compute(arena, password, salt, Version::V0x13, &self.params, HASH_BYTES)?;
        let phc = Phc {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&self.params).ok()?,
            salt: Some(Salt::new(salt).ok()?),
            hash: Some(Output::new(&raw).ok()?),
        };
        Some(PasswordHash::from_phc(phc.to_string()))
    }

    fn verify(&self, arena: &mut Vec<Block>, password: &Password, against: Option<&PasswordHash>) -> Verdict {
        let no = Verdict { matches: false, outdated: false };
        let Some(stored) = against.and_then(|hash| Stored::read(hash.expose_phc())) else {
            let _ = compute(arena, password, &[0; SALT_BYTES], Version::V0x13, &self.params, HASH_BYTES);
            return no;
        };
        let Some(raw) = compute(arena, password, &stored.salt, stored.version, &stored.params, stored.hash.len())
        else {
            return no;
        };
        let matches = bool::from(raw.as_slice().ct_eq(&stored.hash));
        let same = |of: fn(&Params) -> u32| of(&stored.params) == of(&self.params);
        let current = stored.version == Version::V0x13
            && stored.hash.len() == HASH_BYTES
            && stored.salt.len() >= SALT_BYTES
            && same(Params::m_cost)
            && same(Params::t_cost)
            && same(Params::p_cost);
        Verdict { matches, outdated: matches && !current }
    }
}

/// A stored Argon2id hash that is within bounds.
struct Stored {
    version: Version,
    params: Params,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Stored {
    fn read(phc: &str) -> Option<Self> {
        let phc = Phc::new(phc).ok()?;
        let params = Params::try_from(&phc).ok()?;
        let asked = Argon2Parameters { memory_kib: params.m_cost(), passes: params.t_cost(), lanes: params.p_cost() };
        if phc.algorithm != Algorithm::Argon2id.ident() || exceeds(asked) {
            return None;
        }
        let version = phc.version.map_or(Ok(Version::V0x10), Version::try_from).ok()?;
        Some(Self { version, params, salt: phc.salt?.to_vec(), hash: phc.hash?.as_bytes().to_vec() })
    }
}

fn compute(
    arena: &mut Vec<Block>,
    password: &Password,
    salt: &[u8],
    version: Version,
    params: &Params,
    length: usize,
) -> Option<Vec<u8>> {
    let blocks = params.block_count();
    if arena.len() < blocks {
        arena.resize(blocks, Block::new());
    }
    let mut out = vec![0; length];
    Argon2::new(Algorithm::Argon2id, version, params.clone())
        .hash_password_into_with_memory(password.expose().as_bytes(), salt, &mut out, &mut arena[..blocks])
        .ok()?;
    Some(out)
}

#[async_trait]
impl PasswordHasher for Argon2Pool {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let mut salt = [0; SALT_BYTES];
        self.entropy.fill(&mut salt);
        self.run(password, |reply| Task::Hash(salt, reply)).await
    }

    async fn verify(&self, password: &Password, against: Option<&PasswordHash>) -> Result<Verdict, HashError> {
        self.run(password, |reply| Task::Verify(against.cloned(), reply)).await
    }
}

impl fmt::Debug for Argon2Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Argon2Pool").field("threads", &self.shared.threads).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;
    use crate::secret::Secret;

    fn pool(memory_kib: u32, threads: usize, queue: usize) -> Argon2Pool {
        let parameters = Argon2Parameters { memory_kib, passes: 1, lanes: 1 };
        Argon2Pool::new(parameters, threads, queue, Arc::new(SystemEntropy::new())).unwrap()
    }

    fn password(text: &str) -> Password {
        Password::parse(&Secret::new(text.to_owned())).unwrap()
    }

    #[tokio::test]
    async fn a_password_matches_its_own_hash_and_an_outdated_hash_says_so() {
        let (old, new) = (pool(64, 1, 10), pool(128, 1, 10));
        let hash = old.hash(&password("correct horse")).await.unwrap();
        assert!(hash.expose_phc().starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        let yes = Verdict { matches: true, outdated: false };
        let no = Verdict { matches: false, outdated: false };
        assert_eq!(old.verify(&password("correct horse"), Some(&hash)).await, Ok(yes));
        assert_eq!(old.verify(&password("Correct horse"), Some(&hash)).await, Ok(no));
        assert_eq!(old.verify(&password("correct horse"), None).await, Ok(no));
        assert_eq!(
            new.verify(&password("correct horse"), Some(&hash)).await,
            Ok(Verdict { matches: true, outdated: true })
        );
        assert_ne!(hash, old.hash(&password("correct horse")).await.unwrap());
        assert!(!format!("{hash:?}").contains("argon2"));
    }

    #[tokio::test]
    async fn the_reference_vector_verifies() {
        // argon2 -id, password "password", salt "somesalt", t=2, m=65536 KiB, p=1: from the tests of the reference
        // implementation (phc-winner-argon2, test.c).
        let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let hash = PasswordHash::from_phc(phc.to_owned());
        assert!(pool(64, 1, 1).verify(&password("password"), Some(&hash)).await.unwrap().matches);
    }

    #[tokio::test]
    async fn a_hash_that_asks_for_too_much_or_is_none_matches_nothing() {
        let pool = pool(64, 1, 10);
        for phc in [
            "",
            "password",
            "$argon2id$v=19$m=1048576,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=64,t=4294967295,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2i$v=19$m=64,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ",
        ] {
            let verdict = pool.verify(&password("password"), Some(&PasswordHash::from_phc(phc.to_owned()))).await;
            assert_eq!(verdict, Ok(Verdict { matches: false, outdated: false }), "{phc}");
        }
        assert_eq!(pool.hashes(), 6, "each cost one hash all the same");
    }

    #[tokio::test]
    async fn a_full_queue_says_when_to_come_back() {
        let pool = Arc::new(pool(64 * 1024, 1, 2));
        let tries: Vec<_> = (0..20)
            .map(|_| {
                let pool = Arc::clone(&pool);
                tokio::spawn(async move { pool.verify(&password("x"), None).await })
            })
            .collect();
        let mut refused = 0;
        for outcome in tries {
            match outcome.await.unwrap() {
                Ok(_) => {}
                Err(HashError::Overloaded { retry_after }) => {
                    assert!(retry_after >= Duration::from_secs(1));
                    refused += 1;
                }
                Err(HashError::Stopped) => panic!("stopped"),
            }
        }
        assert_eq!(refused + pool.hashes(), 20);
        assert!(refused >= 15, "one at work, two in the queue: {refused}");
    }

    #[test]
    fn senseless_parameters_are_refused() {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
        for (memory_kib, passes, lanes, threads, queue) in
            [(1, 1, 1, 1, 1), (64, 0, 1, 1, 1), (64, 1, 1, 0, 1), (64, 1, 1, 1, 0), (1 << 20, 1, 1, 1, 1)]
        {
            let parameters = Argon2Parameters { memory_kib, passes, lanes };
            assert!(Argon2Pool::new(parameters, threads, queue, Arc::clone(&entropy)).is_err());
        }
    }
}
