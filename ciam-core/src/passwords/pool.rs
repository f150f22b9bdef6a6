//! Argon2id on threads of its own, with bounded queues and bounded memory.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use argon2::{Params, Version};
use async_trait::async_trait;
use subtle::ConstantTimeEq;
use tokio::sync::oneshot;

use super::Password;
use super::arena::Recipe;
use super::hasher::{HashError, PasswordHash, PasswordHasher, Verdict};
use super::options::{Argon2Options, Argon2Parameters, InvalidArgon2Options, Plan};
use super::peppers::{PepperError, Peppers};
use super::queue::{Computed, Job, Lane, Queue};
use super::stored::{Peppered, Stored, key_id, write};
use crate::entropy::Entropy;
use crate::secret::Secret;
use crate::vault::KeyVault;

const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// Argon2id (RFC 9106) on dedicated threads, which on Linux run at a lower priority (nice +10), so that requests
/// do not wait for hashes. On a machine with nothing to spare a hash thread still gets about a tenth of a core.
///
/// Memory is kept and used again; all hashes together never take more than the budget of [`Argon2Options`].
/// Checks and new passwords wait in queues of their own, checks go first, and what finds its queue full is told
/// when to come back, at once. Work whose caller has gone is skipped.
pub struct Argon2Pool {
    shared: Arc<Shared>,
    params: Params,
    options: Argon2Options,
    entropy: Arc<dyn Entropy>,
    peppers: Peppers,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    queue: Queue,
    threads: usize,
    done: AtomicU64,
    /// A decaying mean of what one hash takes, in microseconds.
    micros: AtomicU64,
}

impl Argon2Pool {
    /// A pool whose hashes have no pepper.
    ///
    /// # Errors
    /// [`InvalidArgon2Options`] says which option to change.
    pub fn new(options: Argon2Options, entropy: Arc<dyn Entropy>) -> Result<Self, InvalidArgon2Options> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let plan = options.plan(cores)?;
        let Plan { threads, .. } = plan;
        let shared = Arc::new(Shared {
            queue: Queue::new(plan),
            threads,
            done: AtomicU64::new(0),
            micros: AtomicU64::new(30_000),
        });
        let params = options.parameters.for_argon2(HASH_BYTES, &[])?;
        let mut pool = Self { shared, params, options, entropy, peppers: Peppers::default(), workers: Vec::new() };
        for n in 0..threads {
            let shared = Arc::clone(&pool.shared);
            let worker = std::thread::Builder::new().name(format!("ciam-hash-{n}")).spawn(move || shared.work());
            pool.workers.push(worker.map_err(|_| InvalidArgon2Options::NoThread)?);
        }
        Ok(pool)
    }

    /// Lets hashes have the peppers of a vault: all that a stored hash names, and in new hashes that of version
    /// `current`, or none. **A hash with a pepper is lost with the pepper**: see [`KeyVault::pepper`].
    ///
    /// # Errors
    /// [`PepperError`] when the vault has no such version, or does not answer, or no hash can name it.
    pub async fn with_peppers(mut self, vault: Arc<dyn KeyVault>, current: Option<u32>) -> Result<Self, PepperError> {
        self.peppers = Peppers::of(vault, current).await?;
        let id = current.map(key_id);
        let id = id.as_ref().map_or(&[][..], |id| id);
        self.params = self.options.parameters.for_argon2(HASH_BYTES, id).map_err(|_| PepperError::Unnamed)?;
        Ok(self)
    }

    /// How many hashes were computed so far.
    #[must_use]
    pub fn hashes(&self) -> u64 {
        self.shared.done.load(Ordering::Relaxed)
    }

    /// How many passwords wait now, to be checked or to be set.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.queue.waiting()
    }

    async fn run(&self, lane: Lane, password: &Password, recipe: Recipe) -> Result<Option<Secret<Vec<u8>>>, HashError> {
        let (reply, receiver) = oneshot::channel();
        let job = Job { password: password.clone(), recipe, reply };
        self.shared
            .queue
            .push(lane, job)
            .map_err(|waiting| HashError::Overloaded { retry_after: self.shared.time_for(waiting) })?;
        let asked = Instant::now();
        let Computed { raw, took } = receiver.await.map_err(|_| HashError::Stopped)?;
        crate::metrics::hash_waited(asked.elapsed().saturating_sub(took));
        Ok(raw)
    }

    async fn make(&self, lane: Lane, password: &Password) -> Result<PasswordHash, HashError> {
        let mut salt = [0; SALT_BYTES];
        self.entropy.fill(&mut salt);
        let raw = self.run(lane, password, self.recipe(&salt)).await?;
        raw.and_then(|raw| write(&self.params, &salt, raw.expose())).ok_or(HashError::Stopped)
    }

    /// That of new hashes.
    fn recipe(&self, salt: &[u8]) -> Recipe {
        Recipe {
            version: Version::V0x13,
            params: self.params.clone(),
            salt: salt.to_vec(),
            length: HASH_BYTES,
            pepper: self.peppers.current(),
        }
    }

    /// What a failed check of a cheaper hash leaves to be done, so that it takes about as long as one of a new hash, or
    /// of none. The time of a hash is its memory times its passes.
    fn remainder(&self, stored: &Params) -> Option<Recipe> {
        let cost = |params: &Params| u64::from(params.m_cost()) * u64::from(params.t_cost());
        let missing = cost(&self.params).checked_sub(cost(stored))? / u64::from(self.params.t_cost());
        let memory_kib = u32::try_from(missing).ok()?;
        let parameters = Argon2Parameters { memory_kib, passes: self.params.t_cost(), lanes: 1 };
        let params = parameters.for_argon2(HASH_BYTES, &[]).ok()?;
        Some(Recipe { params, ..self.recipe(&[0; SALT_BYTES]) })
    }

    /// What a stored hash was made from, if it can be made again here.
    async fn recipe_of(&self, stored: &Stored) -> Result<Option<Recipe>, HashError> {
        if !self.shared.queue.has_room_for(stored.params.block_count()) {
            let kib = stored.params.block_count();
            tracing::warn!(kib, "a stored hash asks for more than the memory budget: it matches no password");
            return Ok(None);
        }
        let pepper = match stored.peppered() {
            Peppered::Not => None,
            Peppered::With(version) => match self.peppers.find(version).await {
                Ok(Some(pepper)) => Some(pepper),
                Ok(None) => {
                    tracing::warn!(version, "a stored hash names a pepper that there is not: it matches no password");
                    return Ok(None);
                }
                Err(error) => {
                    tracing::error!(version, %error, "the pepper of a stored hash cannot be fetched");
                    return Err(HashError::VaultUnavailable);
                }
            },
            Peppered::Strangely => {
                tracing::warn!("a stored hash names a key that is no pepper of ours: it matches no password");
                return Ok(None);
            }
        };
        Ok(Some(Recipe {
            version: stored.version,
            params: stored.params.clone(),
            salt: stored.salt.clone(),
            length: stored.hash.len(),
            pepper,
        }))
    }
}

#[async_trait]
impl PasswordHasher for Argon2Pool {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.make(Lane::New, password).await
    }

    async fn rehash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.make(Lane::Checks, password).await
    }

    async fn verify(&self, password: &Password, against: Option<&PasswordHash>) -> Result<Verdict, HashError> {
        let stored = against.and_then(Stored::read);
        let recipe = match &stored {
            Some(stored) => self.recipe_of(stored).await?,
            None => None,
        };
        let (Some(stored), Some(recipe)) = (stored, recipe) else {
            self.run(Lane::Checks, password, self.recipe(&[0; SALT_BYTES])).await?;
            return Ok(Verdict { matches: false, outdated: false });
        };
        let raw = self.run(Lane::Checks, password, recipe).await?;
        let matches = raw.is_some_and(|raw| raw.expose().ct_eq(&stored.hash).into());
        if !matches && let Some(remainder) = self.remainder(&stored.params) {
            // It is wrong whatever becomes of this: where the queue is full, time tells nothing anyway.
            let _ = self.run(Lane::Checks, password, remainder).await;
        }
        let outdated = matches && stored.is_outdated(&self.params, SALT_BYTES, self.peppers.version());
        Ok(Verdict { matches, outdated })
    }

    fn can_check(&self, hash: &PasswordHash) -> bool {
        Stored::read(hash).is_some_and(|stored| self.shared.queue.has_room_for(stored.params.block_count()))
    }

    fn is_running(&self) -> bool {
        self.workers.iter().any(|worker| !worker.is_finished())
    }
}

impl Shared {
    /// How long so many passwords take, in whole seconds, at least one.
    fn time_for(&self, waiting: usize) -> Duration {
        let micros = self.micros.load(Ordering::Relaxed).saturating_mul(waiting as u64) / self.threads as u64;
        Duration::from_secs(micros.div_ceil(1_000_000).max(1))
    }

    fn work(&self) {
        yield_to_requests();
        while let Some(taken) = self.queue.next() {
            let (Job { password, recipe, reply }, mut arena, claimed) = taken.split();
            let begun = Instant::now();
            // A hash that panics costs its own answer, not the thread and the memory of all that come after it.
            let raw = catch_unwind(AssertUnwindSafe(|| arena.compute(&password, &recipe))).ok().flatten();
            let took = begun.elapsed();
            self.note(took);
            let _ = reply.send(Computed { raw, took });
            self.queue.give_back(arena, claimed);
        }
    }

    fn note(&self, took: Duration) {
        self.done.fetch_add(1, Ordering::Relaxed);
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mean = self.micros.load(Ordering::Relaxed);
        self.micros.store((mean * 7).saturating_add(took) / 8, Ordering::Relaxed);
    }
}

/// Lowers the priority of the calling thread. On Linux a nice value is a thread's; elsewhere it is the whole
/// process's, and is left alone.
fn yield_to_requests() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        let lowered = getpriority_process(None).and_then(|own| setpriority_process(None, (own + 10).min(19)));
        if let Err(error) = lowered {
            tracing::debug!(%error, "hash threads keep the priority of the process");
        }
    }
}

impl Drop for Argon2Pool {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

impl fmt::Debug for Argon2Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Argon2Pool")
            .field("options", &self.options)
            .field("threads", &self.shared.threads)
            .field("peppers", &self.peppers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
