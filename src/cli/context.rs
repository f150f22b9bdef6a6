//! The configuration and the engine that commands work with.

use ciam_core::with_causes;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use ciam_core::clock::{Clock as _, SystemClock};
use ciam_core::messages::{Channel, Message, Messenger, SendError};
use ciam_core::store::StoreError;
use ciam_core::{BuildError, Ciam, CiamBuilder};
use ciam_store::{Inspection, SqliteStore};

use super::answer::Failure;
use crate::settings::{Database, Settings, SettingsError};

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

    /// The database's file and the settings.
    pub(super) fn database(&self) -> Result<(PathBuf, Settings), Failure> {
        let settings = self.settings().map_err(|error| Failure::refused("configuration", with_causes(&error)))?;
        match &settings.database {
            Database::Sqlite(file) => Ok((file.clone(), settings)),
            Database::Memory => Err(Failure::refused(
                "no_database",
                "the database is in the memory of the site: nothing can be done here",
            )),
        }
    }

    /// The engine on the database as it is: without workers, and not if anything is missing in it.
    pub(super) async fn engine(&self) -> Result<Ciam, Failure> {
        let (file, settings) = self.ready_database().await?;
        self.build(&file, &settings, |builder| builder).await
    }

    /// The database's file and the configuration, if that file is there and nothing is missing in it; it is only read.
    pub(super) async fn ready_database(&self) -> Result<(PathBuf, Settings), Failure> {
        let (file, settings) = self.database()?;
        let found = Inspection::of(&file, &self.blueprint().schema(), SystemClock.now()).await;
        match found.map_err(|error| Failure::unavailable(&error))? {
            None => Err(no_database(&file)),
            Some(found) if !found.missing.is_empty() || found.misfit.is_some() => {
                Err(Failure::refused("layout_pending", "the database is not up to date: run `ciam migrate`"))
            }
            Some(_) => Ok((file, settings)),
        }
    }

    /// The engine on the database, which is made or completed if need be.
    pub(super) async fn build(
        &self,
        file: &Path,
        settings: &Settings,
        also: impl FnOnce(CiamBuilder) -> CiamBuilder,
    ) -> Result<Ciam, Failure> {
        let store = SqliteStore::open(file).await.map_err(|error| Failure::unavailable(&error))?;
        let builder = settings.engine_on(std::sync::Arc::new(store));
        let builder = builder.map_err(|error| Failure::refused("configuration", with_causes(&error)))?;
        let builder = also((self.configure)(builder)).messenger(Elsewhere).without_workers();
        builder.build().await.map_err(|error| match error {
            BuildError::Store(error @ StoreError::Unavailable(_)) => Failure::unavailable(&error),
            error @ BuildError::OtherKey => Failure::refused("other_key", error),
            error => Failure::refused("configuration", with_causes(&error)),
        })
    }
}

pub(super) fn no_database(file: &Path) -> Failure {
    let text = format!("there is no database at {}: `ciam migrate` makes one", file.display());
    Failure::refused("no_database", text)
}
