//! The configuration and the engine that commands work with.

use ciam_core::with_causes;
use std::path::PathBuf;

use async_trait::async_trait;
use ciam_core::messages::{Channel, Message, Messenger, SendError};
use ciam_core::store::StoreError;
use ciam_core::{BuildError, Ciam, CiamBuilder};
use ciam_store::Migrations;

use super::answer::Failure;
use super::layout::Layout;
use crate::settings::{Settings, SettingsError};

/// What the host adds to its engine.
pub(super) type Configure = Box<dyn Fn(CiamBuilder) -> CiamBuilder>;

/// The configuration and what the host adds to it.
pub(super) struct Context {
    config: Option<PathBuf>,
    configure: Configure,
}

/// Messages are left in the outbox for the site to send.
#[derive(Debug)]
struct Elsewhere;

#[async_trait]
impl Messenger for Elsewhere {
    fn carries(&self, _: Channel) -> bool {
        true
    }

    async fn send(&self, _: &Message) -> Result<(), SendError> {
        Err(SendError::Temporary("the command line sends nothing".into()))
    }
}

impl Context {
    pub(super) fn new(config: Option<PathBuf>, configure: Configure) -> Self {
        Self { config, configure }
    }

    /// The file that is read, if any.
    pub(super) fn file(&self) -> Option<PathBuf> {
        self.config.clone().or_else(|| Settings::variables().remove("CIAM_CONFIG").map(PathBuf::from))
    }

    pub(super) fn settings(&self) -> Result<Settings, SettingsError> {
        Settings::read(self.file().as_deref(), &Settings::variables())
    }

    /// The engine to be, without its store: what the host adds is in it.
    pub(super) fn blueprint(&self) -> CiamBuilder {
        (self.configure)(Ciam::builder())
    }

    /// The settings, as a command needs them.
    pub(super) fn read_settings(&self) -> Result<Settings, Failure> {
        self.settings().map_err(|error| Failure::refused("configuration", with_causes(&error)))
    }

    /// The engine on the database as it is: without workers, and not if anything is missing in it.
    pub(super) async fn engine(&self) -> Result<Ciam, Failure> {
        let settings = self.with_ready_database().await?;
        self.build(&settings, |builder| builder).await
    }

    /// The settings, if their database is there and nothing is missing in it; it is only read.
    pub(super) async fn with_ready_database(&self) -> Result<Settings, Failure> {
        let settings = self.read_settings()?;
        Layout::of(&settings.database, &self.blueprint().schema()).await?.check_ready(&settings.database)?;
        Ok(settings)
    }

    /// The engine on the database, to which nothing is done that an operator has not asked for.
    pub(super) async fn build(
        &self,
        settings: &Settings,
        also: impl FnOnce(CiamBuilder) -> CiamBuilder,
    ) -> Result<Ciam, Failure> {
        self.build_migrating(settings, Migrations::Refuse, also).await
    }

    /// The same, with what may be done to the database.
    pub(super) async fn build_migrating(
        &self,
        settings: &Settings,
        migrations: Migrations,
        also: impl FnOnce(CiamBuilder) -> CiamBuilder,
    ) -> Result<Ciam, Failure> {
        let backend = settings.backend_for(migrations).await.map_err(|error| Failure::unavailable(&error))?;
        let builder = settings.engine_on(backend);
        let builder = builder.map_err(|error| Failure::refused("configuration", with_causes(&error)))?;
        let builder = also((self.configure)(builder)).messenger(Elsewhere).without_workers();
        builder.build().await.map_err(|error| match error {
            BuildError::Store(error @ StoreError::Unavailable(_)) => Failure::unavailable(&error),
            BuildError::Store(error @ StoreError::Shared { .. }) => Failure::refused("keys_shared", error),
            BuildError::Store(error @ StoreError::Pending { .. }) => Failure::refused("layout_pending", error),
            error @ BuildError::OtherKey => Failure::refused("other_key", error),
            error => Failure::refused("configuration", with_causes(&error)),
        })
    }
}
