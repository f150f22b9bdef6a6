//! The engine: everything behind one handle, and the builder that puts it together.

use std::sync::Arc;
use std::time::Duration;

use crate::application::Application;
use crate::brand::{Brand, InvalidBrand};
use crate::challenges::{Challenge, ChallengeLimits};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, InvalidPathPrefix, InvalidPublicUrl, PathPrefix, PublicUrl};
use crate::devices::KnownDevice;
use crate::entropy::{Entropy, SystemEntropy};
use crate::events::Event;
use crate::id::RealmId;
use crate::identifiers::{Identifier, IdentifierKind, IdentifierPolicy, Identifiers, InvalidPolicy};
use crate::journeys::{CustomStep, Journey, Journeys, Registration, SignUpSlot};
use crate::language::{InvalidLanguage, Language, Languages};
use crate::messages::notices::Notices;
use crate::messages::{Channel, DeadLetter, MessageTemplate, Messenger, Outbox, Outgoing, Templates};
use crate::passwords::metered::Metered;
use crate::passwords::{
    Argon2Options, Argon2Pool, InvalidArgon2Options, Judges, PasswordCredential, PasswordHasher, PasswordRules,
    Passwords, PepperError,
};
use crate::readiness::Vitals;
use crate::sessions::{Invalidation, Session, SessionCache, SessionLimits, Sessions};
use crate::store::{Backend, Record, Schema, Store, StoreError, Work};
use crate::throttle::{Bucket, Counter, StoreThrottle, Throttle, ThrottleLimits, Tries};
use crate::users::{Creation, OnRegistered, Standing, User, Users};
use crate::vault::{self, InvalidMasterKey, KeyCheck, KeyCheckError, KeyState, KeyVault, LocalVault, MasterKey};
use crate::workers::{Background, Overdue, Workers};

/// The engine. Cheap to clone; all clones are one engine, whose workers end with the last of them.
#[derive(Debug, Clone)]
pub struct Ciam {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    config: Arc<Config>,
    users: Users,
    sessions: Sessions,
    journeys: Journeys,
    passwords: Passwords,
    identifiers: Identifiers,
    outbox: Outbox,
    tries: Tries,
    templates: Templates,
    workers: Workers,
    background: Background,
    hasher: Arc<dyn PasswordHasher>,
    vitals: Arc<Vitals>,
}

/// Why the engine could not be built. Each says what to do, in `Debug` too: that is what a `main` that returns
/// it prints.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No store was given.
    #[error("no store was given: call .store(…) with a SqliteStore or a MemoryStore")]
    NoStore,
    /// No messenger was given.
    #[error("no messenger was given: call .messenger(…) with an SmtpMessenger, or with a Mailbox in development")]
    NoMessenger,
    /// Sign-up of an application asks for what no message of ours would reach.
    #[error(
        "{application} has people sign up by what a message of the channel {channel} proves, and the messenger carries \
         none: give .messenger(…) one more with ByChannel, such as an HttpSmsMessenger, or change the identifiers"
    )]
    NoCarrier {
        /// The application's name.
        application: String,
        /// The channel.
        channel: Channel,
    },
    /// The public URL is none.
    #[error(transparent)]
    PublicUrl(#[from] InvalidPublicUrl),
    /// The path prefix is none.
    #[error(transparent)]
    PathPrefix(#[from] InvalidPathPrefix),
    /// A public site has no master key, and one that is made up would be lost or lie beside the database.
    #[error(
        "no master key was given: call .master_key(…) with 32 random bytes in base64 that the database's backup does not hold"
    )]
    NoMasterKey,
    /// The key file beside the database cannot be read or written.
    #[error("the key file beside the database cannot be read or written")]
    KeyFile(#[source] std::io::Error),
    /// The key file beside the database holds no key.
    #[error("the key file beside the database holds no master key")]
    KeyFileContent(#[from] InvalidMasterKey),
    /// Two steps of the host's have one name.
    #[error("two steps are called {0}: a step's name is its own")]
    DuplicateStep(String),
    /// Two applications of the host's have one key.
    #[error("two applications have the key {0:?}: a key is one application's")]
    DuplicateApplication(String),
    /// The policy of an application contradicts itself.
    #[error("the identifiers of {application} cannot be as they are set")]
    Identifiers {
        /// The application's name.
        application: String,
        /// What is wrong.
        source: InvalidPolicy,
    },
    /// The brand of an application cannot be used.
    #[error("the brand of {application} cannot be used")]
    Brand {
        /// The application's name.
        application: String,
        /// What is wrong.
        source: InvalidBrand,
    },
    /// A language cannot be added.
    #[error(transparent)]
    Language(#[from] InvalidLanguage),
    /// The password hasher cannot run.
    #[error(transparent)]
    Hasher(#[from] InvalidArgon2Options),
    /// There is no pepper of the version that was asked for.
    #[error(transparent)]
    Pepper(#[from] PepperError),
    /// A pepper was asked for, and the hasher is the host's own, which would leave it out.
    #[error("a pepper was asked for, and the hasher is your own: leave out .pepper(…) or .hasher(…)")]
    PepperOfOwnHasher,
    /// The store was begun with another master key: what waits in it would be lost.
    #[error(
        "the master key is not the one of this database: start with that one, or, if it is lost, give up what was \
         sealed under it with `ciam keys adopt`"
    )]
    OtherKey,
    /// The store cannot be made ready.
    #[error("the store cannot be made ready")]
    Store(#[from] StoreError),
}

impl std::fmt::Debug for BuildError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        crate::config::with_causes(self, f)
    }
}

impl Ciam {
    /// Begins to put an engine together.
    pub fn builder() -> CiamBuilder {
        CiamBuilder::default()
    }

    /// Users: create, find, list, rename, suspend, activate.
    #[must_use]
    pub fn users(&self) -> &Users {
        &self.inner.users
    }

    /// Sessions: check, list, end.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.inner.sessions
    }

    /// Passwords: change, set.
    #[must_use]
    pub fn passwords(&self) -> &Passwords {
        &self.inner.passwords
    }

    /// What accounts are found by: list, remove.
    #[must_use]
    pub fn identifiers(&self) -> &Identifiers {
        &self.inner.identifiers
    }

    /// Journeys: sign-up, sign-in, verification.
    #[must_use]
    pub fn journeys(&self) -> &Journeys {
        &self.inner.journeys
    }

    /// The messages that wait to be sent.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.inner.outbox
    }

    /// The limits on tries: forgive an account, write summaries.
    #[must_use]
    pub fn tries(&self) -> &Tries {
        &self.inner.tries
    }

    /// What the engine does beside requests, to be run by the host: for an engine that was built
    /// [`without_workers`](CiamBuilder::without_workers).
    #[must_use]
    pub fn workers(&self) -> Workers {
        self.inner.workers.clone()
    }

    /// Ends the engine's own workers: no more work is begun, when sessions were last seen is written, and a message that
    /// is just being sent is waited for, as long as [`CiamBuilder::shutdown_grace`] says.
    ///
    /// Call it after the server has ended, before the runtime does. Requests that are served all the same work as
    /// before; what they leave in the outbox waits for the next start. A second call finds nothing to do.
    ///
    /// ```no_run
    /// # async fn serve() {}
    /// # async fn main_of(identity: ciam_core::Ciam) -> Result<(), Box<dyn std::error::Error>> {
    /// serve().await; // axum::serve(…).with_graceful_shutdown(…)
    /// identity.shutdown().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Overdue`]: a messenger or the store took too long. A message is sent again after the next start.
    pub async fn shutdown(&self) -> Result<(), Overdue> {
        self.announce_shutdown();
        let ended = self.inner.background.shutdown().await;
        // Also what was noted since the worker's last time, or where there is none: no other process knows of it.
        let flush = self.inner.sessions.flush_seen();
        match tokio::time::timeout(self.inner.config.shutdown_grace, flush).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "when sessions were last seen is not written"),
            Err(_) => return Err(Overdue),
        }
        ended
    }

    /// The texts of messages, to be changed while the program runs.
    #[must_use]
    pub fn templates(&self) -> &Templates {
        &self.inner.templates
    }

    /// The store, for the host's own records. What is written through this handle and its clones is in force at once;
    /// what is written to sessions past it, through another handle or by another program, only as
    /// [`SessionCache::max_age`] says.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        self.inner.store.clock()
    }

    /// The source of randomness.
    #[must_use]
    pub fn entropy(&self) -> &Arc<dyn Entropy> {
        self.inner.store.entropy()
    }

    pub(crate) fn vitals(&self) -> &Vitals {
        &self.inner.vitals
    }

    pub(crate) fn hasher(&self) -> &dyn PasswordHasher {
        self.inner.hasher.as_ref()
    }

    /// What the engine was built with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }
}

/// Puts an engine together. A store and a messenger are all it needs; the rest has defaults.
#[derive(Debug, Default)]
#[must_use = "nothing is built before .build().await"]
pub struct CiamBuilder {
    store: Option<Arc<dyn Backend>>,
    messenger: Option<Arc<dyn Messenger>>,
    clock: Option<Arc<dyn Clock>>,
    entropy: Option<Arc<dyn Entropy>>,
    hasher: Option<Arc<dyn PasswordHasher>>,
    throttle: Option<Arc<dyn Throttle>>,
    vault: Option<Arc<dyn KeyVault>>,
    master_key: Option<MasterKey>,
    realm: Option<RealmId>,
    public_url: Option<String>,
    path_prefix: Option<String>,
    config: Config,
    schema: Schema,
    custom: Vec<Arc<dyn CustomStep>>,
    languages: Vec<(String, String)>,
    on_registered: Vec<OnRegistered>,
    invalidation: Option<Arc<dyn Invalidation>>,
    no_workers: bool,
    adopts_key: bool,
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
    /// Without it, a site on loopback gets one in a file beside its database, or a passing one
    /// where there is no file; any other site is not built.
    pub fn master_key(mut self, key: MasterKey) -> Self {
        self.master_key = Some(key);
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

    /// A password hasher of the host's, instead of [`Argon2Pool`]; what was said by [`Self::argon2`] is void.
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

    /// The realm that the engine lives in (default [`RealmId::DEFAULT`]).
    pub const fn realm(mut self, realm: RealmId) -> Self {
        self.realm = Some(realm);
        self
    }

    /// How long sessions live.
    pub const fn session_limits(mut self, limits: SessionLimits) -> Self {
        self.config.sessions = limits;
        self
    }

    /// How much of sessions is kept in memory, in front of the store.
    pub const fn session_cache(mut self, cache: SessionCache) -> Self {
        self.config.session_cache = cache;
        self
    }

    /// The channel to the other nodes of the application. Without one the engine takes itself for the only one that
    /// writes to its database: what another has revoked is then served from memory for up to
    /// [`SessionCache::max_age`].
    pub fn invalidation(mut self, channel: impl Invalidation) -> Self {
        self.invalidation = Some(Arc::new(channel));
        self
    }

    /// What a new password must be.
    pub const fn password_rules(mut self, rules: PasswordRules) -> Self {
        self.config.passwords = rules;
        self
    }

    /// How many tries there are.
    pub const fn throttle_limits(mut self, limits: ThrottleLimits) -> Self {
        self.config.throttle = limits;
        self
    }

    /// How long codes and links are good.
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

    /// Runs with every account that comes to be, by a journey or by [`Users::create`], in the same unit of work: what
    /// it writes exists exactly if the user does.
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

    /// How long [`Ciam::shutdown`] waits for what is under way (default 10 seconds).
    pub const fn shutdown_grace(mut self, grace: Duration) -> Self {
        self.config.shutdown_grace = grace;
        self
    }

    /// What was set so far, and the defaults of the rest; the public URL is read by [`CiamBuilder::build`].
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The collections of the engine to be, the host's own among them: what its backend will be prepared for.
    #[must_use]
    pub fn schema(&self) -> Schema {
        own_records(self.schema.clone())
    }

    /// Starts no workers: the host runs [`Ciam::workers`] itself, in this process or another, or sends messages with
    /// [`Outbox::deliver`], writes when sessions were last seen with [`Sessions::flush_seen`], and sweeps the store when
    /// it likes.
    pub const fn without_workers(mut self) -> Self {
        self.no_workers = true;
        self
    }

    /// Builds the engine, makes the store ready, and starts the workers (on the current tokio runtime).
    ///
    /// # Errors
    /// [`BuildError`]: a missing or impossible setting, or a store that cannot be made ready.
    pub async fn build(self) -> Result<Ciam, BuildError> {
        let backend = self.store.ok_or(BuildError::NoStore)?;
        for (nth, step) in self.custom.iter().enumerate() {
            if self.custom[..nth].iter().any(|earlier| earlier.name() == step.name()) {
                return Err(BuildError::DuplicateStep(step.name().to_owned()));
            }
        }
        let messenger = self.messenger.ok_or(BuildError::NoMessenger)?;
        let mut config = self.config;
        if !self.languages.is_empty() {
            config.languages = Languages::with(&self.languages)?;
        }
        if let Some(url) = &self.public_url {
            config.application.public_url = PublicUrl::parse(url)?;
        }
        for (nth, application) in config.applications().enumerate() {
            if config.applications().take(nth).any(|earlier| earlier.id == application.id) {
                return Err(BuildError::DuplicateApplication(application.key.clone()));
            }
            let name = || application.name.clone();
            application.brand.check().map_err(|source| BuildError::Brand { application: name(), source })?;
            application
                .identifiers
                .check()
                .map_err(|source| BuildError::Identifiers { application: application.name.clone(), source })?;
            for channel in application.identifiers.signs_up_by().into_iter().filter_map(IdentifierKind::channel) {
                if !messenger.carries(channel) {
                    return Err(BuildError::NoCarrier { application: application.name.clone(), channel });
                }
            }
        }
        if let Some(prefix) = &self.path_prefix {
            config.path_prefix = PathPrefix::parse(prefix)?;
        }
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let entropy: Arc<dyn Entropy> = self.entropy.unwrap_or_else(|| Arc::new(SystemEntropy::new()));
        let mut passing = false;
        let vault = match (self.vault, self.master_key) {
            (Some(vault), _) => vault,
            (None, Some(key)) => Arc::new(LocalVault::new(key, Arc::clone(&entropy))) as Arc<dyn KeyVault>,
            (None, None) if config.applications().all(|application| application.public_url.is_loopback()) => {
                passing = backend.file().is_none();
                let key = vault::development::key(backend.file().as_deref(), entropy.as_ref())?;
                Arc::new(LocalVault::new(key, Arc::clone(&entropy)))
            }
            (None, None) => return Err(BuildError::NoMasterKey),
        };
        let hasher = match self.hasher {
            Some(_) if config.pepper.is_some() => return Err(BuildError::PepperOfOwnHasher),
            Some(hasher) => hasher,
            None => {
                let pool = Argon2Pool::new(config.argon2, Arc::clone(&entropy))?;
                Arc::new(pool.with_peppers(Arc::clone(&vault), config.pepper).await?)
            }
        };
        let hasher: Arc<dyn PasswordHasher> = Arc::new(Metered(hasher));
        backend.prepare(&own_records(self.schema)).await?;
        let realm = self.realm.unwrap_or(RealmId::DEFAULT);
        let store = Store::new(backend, realm, clock, entropy);
        if !passing {
            check_key(&store, vault.as_ref(), self.adopts_key).await?;
        }
        let (sessions, store) = Sessions::new(store, config.sessions, config.session_cache, self.invalidation);
        let throttle = self.throttle.unwrap_or_else(|| Arc::new(StoreThrottle::new(store.clone())));
        let config = Arc::new(config);
        let tries = Tries::new(store.clone(), throttle, config.throttle);
        let outbox = Outbox::new(store.clone(), Arc::clone(&vault), messenger, config.dead_letters);
        let judges = Arc::new(Judges::new(config.passwords));
        let creation = Creation {
            judges: Arc::clone(&judges),
            hasher: Arc::clone(&hasher),
            config: Arc::clone(&config),
            on_registered: self.on_registered,
        };
        let users = Users::new(store.clone(), creation);
        let templates = Templates::new(store.clone(), Arc::clone(&config));
        let notices = Notices {
            store: store.clone(),
            outbox: outbox.clone(),
            templates: templates.clone(),
            tries: tries.clone(),
            config: Arc::clone(&config),
        };
        let journeys = Journeys {
            store: store.clone(),
            vault,
            hasher: Arc::clone(&hasher),
            throttle: tries.clone(),
            outbox: outbox.clone(),
            notices: notices.clone(),
            users: users.clone(),
            sessions: sessions.clone(),
            custom: self.custom.into(),
            judges,
            config: Arc::clone(&config),
        };
        let vitals = Arc::new(Vitals::default());
        let workers = Workers {
            store: store.clone(),
            outbox: outbox.clone(),
            sessions: sessions.clone(),
            tries: tries.clone(),
            vitals: Arc::clone(&vitals),
            grace: config.shutdown_grace,
        };
        let background = if self.no_workers {
            Background::none()
        } else {
            drop(tokio::task::spawn_blocking(crate::passwords::warm_up));
            Background::start(workers.clone())
        };
        let passwords = Passwords { journeys: journeys.clone() };
        let identifiers =
            Identifiers { store: store.clone(), notices, sessions: sessions.clone(), config: Arc::clone(&config) };
        let inner = Inner {
            store,
            config,
            users,
            sessions,
            journeys,
            passwords,
            identifiers,
            outbox,
            tries,
            templates,
            workers,
            background,
            hasher,
            vitals,
        };
        Ok(Ciam { inner: Arc::new(inner) })
    }
}

/// Refuses a key that is not the one of the store.
async fn check_key(store: &Store, vault: &dyn KeyVault, adopt: bool) -> Result<(), BuildError> {
    let checked = match KeyCheck::state(store, vault).await {
        Ok(KeyState::Other) if !adopt => return Err(BuildError::OtherKey),
        Ok(KeyState::Opens { .. }) => Ok(()),
        Ok(KeyState::New | KeyState::Other) => KeyCheck::keep(store, vault, adopt).await,
        Err(error) => Err(error),
    };
    match checked {
        Ok(()) => Ok(()),
        Err(KeyCheckError::Store(error)) => Err(error.into()),
        Err(KeyCheckError::Vault(error)) => {
            tracing::warn!(%error, "whether the key is the one of this database was not checked");
            Ok(())
        }
    }
}

/// The host's records and ciam's own.
fn own_records(schema: Schema) -> Schema {
    schema
        .with::<Event>()
        .with::<User>()
        .with::<Standing>()
        .with::<Identifier>()
        .with::<PasswordCredential>()
        .with::<Session>()
        .with::<Journey>()
        .with::<Registration>()
        .with::<SignUpSlot>()
        .with::<Challenge>()
        .with::<Counter>()
        .with::<Bucket>()
        .with::<KnownDevice>()
        .with::<Outgoing>()
        .with::<DeadLetter>()
        .with::<MessageTemplate>()
        .with::<KeyCheck>()
}
