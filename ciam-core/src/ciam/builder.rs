//! What an engine is given: everything that has a default can be set here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::build::own_records;
use crate::application::Application;
use crate::authenticators::Authenticator;
use crate::brand::Brand;
use crate::challenges::ChallengeLimits;
use crate::clock::Clock;
use crate::config::Config;
use crate::entropy::Entropy;
use crate::id::RealmId;
use crate::identifiers::IdentifierPolicy;
use crate::journeys::CustomStep;
use crate::language::Language;
use crate::messages::Messenger;
use crate::passwords::{Argon2Options, PasswordHasher, PasswordRules};
use crate::sessions::{Invalidation, SessionCache, SessionLimits};
use crate::store::{Backend, Record, Schema, StoreError, Work};
use crate::throttle::{Throttle, ThrottleLimits};
use crate::users::{OnRegistered, User};
use crate::vault::{KeyVault, MasterKey};

/// Puts an engine together. A store and a messenger are all it needs; the rest has defaults.
#[derive(Debug, Default)]
#[must_use = "nothing is built before .build().await"]
pub struct CiamBuilder {
    pub(super) store: Option<Arc<dyn Backend>>,
    pub(super) messenger: Option<Arc<dyn Messenger>>,
    pub(super) clock: Option<Arc<dyn Clock>>,
    pub(super) entropy: Option<Arc<dyn Entropy>>,
    pub(super) hasher: Option<Arc<dyn PasswordHasher>>,
    pub(super) throttle: Option<Arc<dyn Throttle>>,
    pub(super) throttle_store: Option<Arc<dyn Backend>>,
    pub(super) vault: Option<Arc<dyn KeyVault>>,
    pub(super) master_key: Option<MasterKey>,
    pub(super) key_file: Option<PathBuf>,
    pub(super) realm: Option<RealmId>,
    pub(super) public_url: Option<String>,
    pub(super) path_prefix: Option<String>,
    pub(super) config: Config,
    pub(super) schema: Schema,
    pub(super) custom: Vec<Arc<dyn CustomStep>>,
    pub(super) authenticators: Vec<Arc<dyn Authenticator>>,
    pub(super) languages: Vec<(String, String)>,
    pub(super) on_registered: Vec<OnRegistered>,
    pub(super) invalidation: Option<Arc<dyn Invalidation>>,
    pub(super) no_workers: bool,
    pub(super) adopts_key: bool,
}

impl CiamBuilder {
    /// Where records are kept.
    pub fn store(mut self, backend: impl Backend) -> Self {
        self.store = Some(Arc::new(backend));
        self
    }

    /// Where records are kept, for a backend that is shared with others.
    pub fn shared_store(mut self, backend: Arc<dyn Backend>) -> Self {
        self.store = Some(backend);
        self
    }

    /// Who carries messages.
    pub fn messenger(mut self, messenger: impl Messenger) -> Self {
        self.messenger = Some(Arc::new(messenger));
        self
    }

    /// The application's name, as people know it (default: "this site").
    pub fn app_name(mut self, name: impl Into<String>) -> Self {
        self.config.application.name = name.into();
        self
    }

    /// By what people are found in the application (default: an email address, proved at sign-up).
    pub fn identifiers(mut self, policy: IdentifierPolicy) -> Self {
        self.config.application.identifiers = policy;
        self
    }

    /// Adds a language, or changes texts of one that is there: a tag (`de`, `pt-BR`) and a file in Fluent, as
    /// `ciam-core/src/language/locales/en.ftl` is. What it leaves out is said in English.
    ///
    /// Keys that ciam does not have are the host's, for its own templates.
    pub fn language(mut self, tag: impl Into<String>, texts: impl Into<String>) -> Self {
        self.languages.push((tag.into(), texts.into()));
        self
    }

    /// How the application looks.
    pub fn brand(mut self, brand: Brand) -> Self {
        self.config.application.brand = brand;
        self
    }

    /// The language for people who ask for none that is spoken here (default: English).
    pub fn default_language(mut self, language: Language) -> Self {
        self.config.application.language = Some(language);
        self
    }

    /// One more application of the host's, with a name, an address and a policy of its own. Accounts are good in
    /// all of them.
    pub fn application(mut self, application: Application) -> Self {
        self.config.others.push(application);
        self
    }

    /// Where people reach the application (default `http://localhost:8080`).
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// The path below which ciam's own pages and API lie, such as `/auth` (default: the root), in links of messages
    /// too. The host's routes stay where they are, and so do `/healthz` and `/readyz`.
    pub fn path_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.path_prefix = Some(prefix.into());
        self
    }

    /// The key that seals secrets in the store.
    ///
    /// Without it, a site on loopback gets one in a file beside its database, or in the
    /// [file that is named for it](Self::development_key_file), or a passing one where there is neither; any other
    /// site is not built.
    pub fn master_key(mut self, key: MasterKey) -> Self {
        self.master_key = Some(key);
        self
    }

    /// The file for the master key of a site on loopback that was given none; made when it is missing, for its owner
    /// to read alone (default: beside the database, where that is a file).
    ///
    /// For a database that is no file: with a passing key, a restart finds what waits in it forged, and drops it.
    pub fn development_key_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.key_file = Some(file.into());
        self
    }

    /// Makes the key that was given the one of the store, whatever it was begun with, and writes `key.adopted`.
    ///
    /// For a master key that is lost: codes, links and messages that wait are lost with it. Without this, an engine
    /// with another key is not built.
    pub const fn danger_adopt_key(mut self) -> Self {
        self.adopts_key = true;
        self
    }

    /// A key vault of the host's, instead of one in the process under a master key.
    pub fn vault(mut self, vault: impl KeyVault) -> Self {
        self.vault = Some(Arc::new(vault));
        self
    }

    /// The clock (default: the operating system's).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// The source of randomness (default: the operating system's).
    pub fn entropy(mut self, entropy: impl Entropy) -> Self {
        self.entropy = Some(Arc::new(entropy));
        self
    }

    /// A password hasher of the host's, instead of [`Argon2Pool`](crate::passwords::Argon2Pool); what was said by
    /// [`Self::argon2`] is void.
    pub fn hasher(mut self, hasher: impl PasswordHasher) -> Self {
        self.hasher = Some(Arc::new(hasher));
        self
    }

    /// How passwords are hashed, and what that may take of the machine (default: Argon2id with 19 MiB and 2 passes,
    /// on a thread for every core). Replaces an own hasher that was given before.
    ///
    /// ```
    /// # use ciam_core::{Ciam, messages::Mailbox, passwords::Argon2Options, store::MemoryStore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), ciam_core::BuildError> {
    /// let identity = Ciam::builder()
    ///     .store(MemoryStore::new())
    ///     .messenger(Mailbox::new())
    ///     .argon2(Argon2Options { memory_budget_kib: Some(128 * 1024), ..Argon2Options::default() })
    ///     .build()
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn argon2(mut self, options: Argon2Options) -> Self {
        self.config.argon2 = options;
        self.hasher = None;
        self
    }

    /// Mixes the key vault's pepper of this version into the hashes of passwords (default: none), so that a copy
    /// of the database alone is worth no guess. Hashes with an older version, or with none, stay good and are made
    /// anew at the next sign-in: raise the number to rotate. See [`KeyVault::pepper`].
    ///
    /// **Whoever loses the pepper loses every password.** The vault in the process derives it from the master key:
    /// without a backup of that key, kept apart from the database's, nobody signs in with a password any more.
    pub const fn pepper(mut self, version: u32) -> Self {
        self.config.pepper = Some(version);
        self
    }

    /// The throttle of sign-in (default: counters in the store). Sign-ups of a client and messages to an
    /// address are always counted in the store.
    pub fn throttle(mut self, throttle: impl Throttle) -> Self {
        self.throttle = Some(Arc::new(throttle));
        self
    }

    /// Where the throttle of sign-in keeps its counters (default: with the other records), such as in the Redis that
    /// several nodes share. It is swept with the store. A try that ends is then settled by a commit of its own, after
    /// that of the sign-in; and while this backend does not answer, whoever signs in is told to try again. Is not
    /// looked at beside a [throttle](CiamBuilder::throttle) of the host's own.
    pub fn throttle_store(mut self, backend: Arc<dyn Backend>) -> Self {
        self.throttle_store = Some(backend);
        self
    }

    /// The realm that the engine lives in (default [`RealmId::DEFAULT`]).
    pub const fn realm(mut self, realm: RealmId) -> Self {
        self.realm = Some(realm);
        self
    }

    /// How long sessions live (default: 30 days, 7 days unused, AAL2 for an hour after its last use;
    /// [`SessionLimits::default`]).
    pub const fn session_limits(mut self, limits: SessionLimits) -> Self {
        self.config.sessions = limits;
        self
    }

    /// How much of sessions is kept in memory, in front of the store (default: 100,000 sessions, each for 10 seconds;
    /// [`SessionCache::default`]).
    pub const fn session_cache(mut self, cache: SessionCache) -> Self {
        self.config.session_cache = cache;
        self
    }

    /// A channel to the other nodes of the application, beside what the store says by itself: PostgreSQL
    /// [announces](crate::store::Backend::listen) what is revoked, SQLite [counts](crate::store::Backend::commits_of_others)
    /// what others have written. Nodes over a store that does neither need one; without it what another has revoked is
    /// served from memory for up to [`SessionCache::max_age`].
    pub fn invalidation(mut self, channel: impl Invalidation) -> Self {
        self.invalidation = Some(Arc::new(channel));
        self
    }

    /// What a new password must be (default: 15 code points at least; [`PasswordRules::default`]).
    pub const fn password_rules(mut self, rules: PasswordRules) -> Self {
        self.config.passwords = rules;
        self
    }

    /// How many tries there are (default: 5 failures of an account in 5 minutes, and more;
    /// [`ThrottleLimits::default`]).
    pub const fn throttle_limits(mut self, limits: ThrottleLimits) -> Self {
        self.config.throttle = limits;
        self
    }

    /// How long codes and links are good (default: codes 10 minutes, links 24 hours, links of a recovery 30 minutes;
    /// [`ChallengeLimits::default`]).
    pub const fn challenge_limits(mut self, limits: ChallengeLimits) -> Self {
        self.config.challenges = limits;
        self
    }

    /// How old the newest proof of a session may be when something sensitive is changed with it (default 15 minutes).
    pub const fn fresh_for(mut self, age: Duration) -> Self {
        self.config.fresh = age;
        self
    }

    /// How long messages are kept that could not be sent (default 14 days).
    pub const fn keep_dead_letters(mut self, time: Duration) -> Self {
        self.config.dead_letters = time;
        self
    }

    /// How long a journey may take that waits for no message (default 1 hour).
    pub const fn journey_limit(mut self, limit: Duration) -> Self {
        self.config.journey = limit;
        self
    }

    /// Adds a record of the host's own, or of a plugin, to the store.
    pub fn record<R: Record>(mut self) -> Self {
        self.schema = self.schema.with::<R>();
        self
    }

    /// Adds a step to journeys. Steps are asked in the order they were added.
    pub fn step(mut self, step: impl CustomStep) -> Self {
        self.custom.push(Arc::new(step));
        self
    }

    /// Adds a way to prove who one is, for every journey. One authenticator for each method.
    pub fn authenticator(mut self, authenticator: impl Authenticator) -> Self {
        self.authenticators.push(Arc::new(authenticator));
        self
    }

    /// Runs with every account that comes to be, by a journey or by [`Users::create`](crate::users::Users::create), in
    /// the same unit of work: what it writes exists exactly if the user does.
    ///
    /// For the host's own record beside a user. It may run again, when the unit was stale, so it does nothing but
    /// read and write through `work`. An error of it keeps the account from coming to be: a journey answers
    /// "unavailable".
    ///
    /// ```
    /// use ciam_core::store::{Collection, MemoryStore, Record};
    /// use ciam_core::{Ciam, UserId, messages::Mailbox};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Debug, Clone, Serialize, Deserialize)]
    /// struct Customer { id: UserId, points: u32 }
    ///
    /// impl Record for Customer {
    ///     type Id = UserId;
    ///     const COLLECTION: Collection<Self> = Collection::new("shop_customers");
    ///     fn id(&self) -> UserId { self.id }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let identity = Ciam::builder()
    ///     .store(MemoryStore::new())
    ///     .messenger(Mailbox::new())
    ///     .record::<Customer>()
    ///     .on_registered(|work, user| async move { work.insert(&Customer { id: user.id, points: 100 }) })
    ///     .build()
    ///     .await?;
    /// # use ciam_core::{events::Cause, users::NewUser};
    /// # let user = identity.users().create(&Cause::system(), NewUser::new("ada@example.com".parse::<ciam_core::email::Email>()?)).await?;
    /// # assert_eq!(identity.store().get::<Customer>(user.id).await?.unwrap().points, 100);
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_registered<F, Fut>(mut self, write: F) -> Self
    where
        F: Fn(Work, User) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        self.on_registered.push(OnRegistered::new(write));
        self
    }

    /// How long [`Ciam::shutdown`](super::Ciam::shutdown) waits for what is under way (default 10 seconds).
    pub const fn shutdown_grace(mut self, grace: Duration) -> Self {
        self.config.shutdown_grace = grace;
        self
    }

    /// What was set so far, and the defaults of the rest; the public URL is read by [`CiamBuilder::build`].
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The collections of the engine to be, the host's own and those of its authenticators among them: what its backend
    /// will be prepared for.
    #[must_use]
    pub fn schema(&self) -> Schema {
        let schema = self.authenticators.iter().fold(self.schema.clone(), |schema, one| one.records(schema));
        own_records(schema)
    }

    /// Starts no workers: the host runs [`Ciam::workers`](super::Ciam::workers) itself, in this process or another, or
    /// sends messages with [`Outbox::deliver`](crate::messages::Outbox::deliver), writes when sessions were last seen
    /// with [`Sessions::flush_seen`](crate::sessions::Sessions::flush_seen) and the summaries of limits with
    /// [`Tries::summarise`](crate::throttle::Tries::summarise), and sweeps the store when it likes.
    pub const fn without_workers(mut self) -> Self {
        self.no_workers = true;
        self
    }
}
