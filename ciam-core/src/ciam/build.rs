//! The parts of an engine, checked and put together.

use std::sync::Arc;

use super::{BuildError, Ciam, CiamBuilder, Inner};
use crate::authenticators::{Authenticators, Enrolment, Registry};
use crate::challenges::Challenge;
use crate::clock::SystemClock;
use crate::config::{PathPrefix, PublicUrl};
use crate::devices::KnownDevice;
use crate::entropy::{Entropy, SystemEntropy};
use crate::events::Event;
use crate::followers::Following;
use crate::id::RealmId;
use crate::identifiers::{Identifier, IdentifierKind, Identifiers};
use crate::journeys::{Journey, Journeys, Registration, SignUpSlot};
use crate::language::Languages;
use crate::leases::Lease;
use crate::messages::notices::Notices;
use crate::messages::{DeadLetter, MessageTemplate, Outbox, Outgoing, Templates};
use crate::passwords::metered::Metered;
use crate::passwords::{Argon2Pool, Judges, PasswordCredential, PasswordHasher, Passwords};
use crate::readiness::Vitals;
use crate::sessions::{Session, Sessions};
use crate::store::{Backend, Lagging, Schema, Store, StoreError};
use crate::throttle::{Bucket, Counter, StoreThrottle, Throttle, Tries};
use crate::users::{Creation, Standing, User, Users};
use crate::vault::{self, KeyCheck, KeyCheckError, KeyState, KeyVault, LocalVault};
use crate::workers::{Background, Workers};

impl CiamBuilder {
    /// Builds the engine, makes the store ready, and starts the workers (on the current tokio runtime).
    ///
    /// # Errors
    /// [`BuildError`]: a missing or impossible setting, or a store that cannot be made ready.
    pub async fn build(self) -> Result<Ciam, BuildError> {
        let schema = self.schema();
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
                let file = self.key_file.or_else(|| backend.file().map(|database| vault::key_file(&database)));
                passing = file.is_none();
                let key = vault::development::key(file.as_deref(), entropy.as_ref())?;
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
        let authenticators = Registry::new(self.authenticators).map_err(BuildError::DuplicateAuthenticator)?;
        backend.prepare(&schema).await?;
        tell_what_lags(backend.as_ref()).await?;
        let realm = self.realm.unwrap_or(RealmId::DEFAULT);
        let counters = match self.throttle_store.filter(|_| self.throttle.is_none()) {
            Some(apart) => {
                apart.prepare(&Schema::new().with::<Counter>()).await?;
                Some(Store::new(apart, realm, Arc::clone(&clock), Arc::clone(&entropy)))
            }
            None => None,
        };
        let store = Store::new(backend, realm, clock, entropy);
        if !passing {
            check_key(&store, vault.as_ref(), self.adopts_key).await?;
        }
        let (sessions, store) = Sessions::new(store, config.sessions, config.session_cache, self.invalidation);
        let throttle: Arc<dyn Throttle> = match (self.throttle, &counters) {
            (Some(throttle), _) => throttle,
            (None, Some(counters)) => Arc::new(StoreThrottle::apart(counters.clone(), store.clone())),
            (None, None) => Arc::new(StoreThrottle::new(store.clone())),
        };
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
            authenticators,
            judges,
            config: Arc::clone(&config),
        };
        let vitals = Arc::new(Vitals::default());
        let workers = Workers {
            store: store.clone(),
            schema,
            counters,
            users: users.clone(),
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
        let registry = journeys.authenticators.clone();
        let registered = Authenticators {
            store: store.clone(),
            registry: registry.clone(),
            notices: notices.clone(),
            sessions: sessions.clone(),
            config: Arc::clone(&config),
        };
        let identifiers = Identifiers {
            store: store.clone(),
            notices,
            sessions: sessions.clone(),
            registry,
            config: Arc::clone(&config),
        };
        let inner = Inner {
            authenticators: registered,
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

/// Says which indexes do not serve yet.
async fn tell_what_lags(backend: &dyn Backend) -> Result<(), StoreError> {
    let Some(evolution) = backend.evolution() else { return Ok(()) };
    for Lagging { collection, columns } in evolution.lagging().await? {
        tracing::warn!(
            collection,
            ?columns,
            "records of an older version lack something, and indexes over these columns do not serve: `ciam migrate` \
             says what is left to do"
        );
    }
    Ok(())
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
pub(super) fn own_records(schema: Schema) -> Schema {
    schema
        .with::<Event>()
        .with::<User>()
        .with::<Standing>()
        .with::<Identifier>()
        .with::<PasswordCredential>()
        .with::<Enrolment>()
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
        .with::<Lease>()
        .with::<Following>()
}
