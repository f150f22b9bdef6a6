//! What the settings open: the database, the key, whoever carries messages, and an engine of all of them.

use std::path::PathBuf;
use std::sync::Arc;

use ciam_core::messages::{ByChannel, Mailbox, Messenger};
use ciam_core::secret::Secret;
use ciam_core::store::{Backend, MemoryStore, StoreError};
use ciam_core::vault::{MasterKey, key_file};
use ciam_core::{Ciam, CiamBuilder};
use ciam_mfa::recovery_codes::RecoveryCodes;
use ciam_mfa::totp::TotpAuthenticator;
use ciam_store::{Migrations, PostgresOptions, SqliteOptions};

use super::{Database, Settings, SettingsError};
use crate::adapters::{HttpSmsMessenger, Redis, SmtpMessenger};

/// The file in the current folder that keeps the master key of a site in development on PostgreSQL.
pub const KEY_FILE: &str = "ciam.key";

impl Settings {
    /// The database, opened, with what a start may do to it.
    ///
    /// # Errors
    /// As [`SqliteOptions::open`] and [`PostgresOptions::open`].
    pub async fn backend(&self) -> Result<Arc<dyn Backend>, StoreError> {
        self.backend_for(self.migrations).await
    }

    /// The same, with what this may be done to it.
    pub(crate) async fn backend_for(&self, migrations: Migrations) -> Result<Arc<dyn Backend>, StoreError> {
        Ok(match &self.database {
            Database::Memory => Arc::new(MemoryStore::new()),
            Database::Sqlite(file) => Arc::new(SqliteOptions::new().migrations(migrations).open(file).await?),
            Database::Postgres(url) => Arc::new(self.postgres(url)?.migrations(migrations).open().await?),
        })
    }

    pub(super) fn postgres(&self, url: &Secret<String>) -> Result<PostgresOptions, StoreError> {
        let options = PostgresOptions::new(url.expose())?;
        Ok(match self.database_connections {
            Some(connections) => options.connections(connections),
            None => options,
        })
    }

    /// The file of the key that is made in development: beside the database, or [`KEY_FILE`] in the current folder
    /// where the database is no file. None when nothing outlives the process.
    pub(crate) fn development_key_file(&self) -> Option<PathBuf> {
        match &self.database {
            Database::Memory => None,
            Database::Sqlite(file) => Some(key_file(file)),
            Database::Postgres(_) => Some(KEY_FILE.into()),
        }
    }

    /// The master key, if one is set.
    ///
    /// # Errors
    /// [`SettingsError::MasterKey`].
    pub fn key(&self) -> Result<Option<MasterKey>, SettingsError> {
        let key = self.master_key.as_ref().map(|key| MasterKey::parse(key.expose()));
        key.transpose().map_err(SettingsError::MasterKey)
    }

    /// The master key that an engine on this database gets: in development, perhaps the one that was made for it.
    #[cfg(feature = "cli")]
    pub(crate) fn effective_key(&self) -> Result<Option<MasterKey>, SettingsError> {
        match (self.key()?, self.development_key_file()) {
            (None, Some(file)) if self.dev && file.exists() => {
                let text = super::file::read(&file, "the key of development")?;
                MasterKey::parse(&text).map(Some).map_err(SettingsError::MasterKey)
            }
            (key, _) => Ok(key),
        }
    }

    /// The Redis that nodes share, if one is set. No connection is opened yet.
    ///
    /// # Errors
    /// [`SettingsError::RedisUrl`].
    pub fn redis(&self) -> Result<Option<Redis>, SettingsError> {
        let Some(url) = &self.redis_url else { return Ok(None) };
        let redis = Redis::from_url(url.expose()).map_err(SettingsError::RedisUrl)?;
        Ok(Some(match &self.redis_prefix {
            Some(prefix) => redis.prefix(prefix),
            None => redis,
        }))
    }

    /// The mail server, if one is set.
    ///
    /// # Errors
    /// [`SettingsError::SmtpUrl`], [`SettingsError::SmtpSender`].
    pub fn smtp(&self) -> Result<Option<SmtpMessenger>, SettingsError> {
        let Some(url) = &self.smtp_url else { return Ok(None) };
        let messenger = SmtpMessenger::from_url(url.expose()).map_err(SettingsError::SmtpUrl)?;
        Ok(Some(match &self.smtp_sender {
            Some(sender) => messenger.sender(sender).map_err(SettingsError::SmtpSender)?,
            None => messenger,
        }))
    }

    /// Whoever carries messages: email by the mail server, text messages by the gateway; those of the two that are set.
    ///
    /// # Errors
    /// As [`Settings::smtp`]; [`SettingsError::SmsUrl`].
    pub fn messengers(&self) -> Result<ByChannel, SettingsError> {
        let messengers = ByChannel::new();
        let messengers = match self.smtp()? {
            Some(smtp) => messengers.with(smtp),
            None => messengers,
        };
        Ok(match &self.sms_url {
            Some(url) => messengers.with(HttpSmsMessenger::from_url(url.expose()).map_err(SettingsError::SmsUrl)?),
            None => messengers,
        })
    }

    /// In development, a mailbox that shows messages, and hands them on where there is a mail server or a gateway.
    ///
    /// # Errors
    /// As [`Settings::messengers`].
    pub fn mailbox(&self) -> Result<Option<Mailbox>, SettingsError> {
        if !self.dev {
            return Ok(None);
        }
        Ok(Some(Mailbox::before(Arc::new(self.messengers()?) as Arc<dyn Messenger>)))
    }

    /// An engine to be, with the database, the name, the address and the key that are set, and with this mailbox
    /// or else the mail server.
    ///
    /// # Errors
    /// [`SettingsError`]: outside of development, also for what is missing.
    pub async fn engine(&self, mailbox: Option<Mailbox>) -> Result<CiamBuilder, SettingsError> {
        self.engine_over(self.backend().await?, mailbox)
    }

    /// The same over a backend that the host has opened by itself, as it must whose own transactions are to carry what
    /// ciam writes: match [`Settings::database`], and open it with [`Settings::migrations`].
    ///
    /// # Errors
    /// As [`Settings::engine`].
    pub fn engine_over(
        &self,
        backend: Arc<dyn Backend>,
        mailbox: Option<Mailbox>,
    ) -> Result<CiamBuilder, SettingsError> {
        let builder = self.engine_on(backend)?;
        Ok(match (mailbox, &self.smtp_url) {
            (Some(mailbox), _) => builder.messenger(mailbox),
            (None, Some(_)) => builder.messenger(self.messengers()?),
            (None, None) => return Err(SettingsError::SmtpMissing),
        })
    }

    /// The same on a backend that is open already, and without a messenger.
    pub(crate) fn engine_on(&self, backend: Arc<dyn Backend>) -> Result<CiamBuilder, SettingsError> {
        let builder = Ciam::builder().shared_store(backend);
        let builder = match &self.name {
            Some(name) => builder.app_name(name),
            None => builder,
        };
        let builder =
            builder.public_url(&self.public_url).identifiers(self.identifiers.clone()).brand(self.brand.clone());
        let builder = self.languages.iter().fold(builder, |builder, (tag, texts)| builder.language(tag, texts));
        let builder = self.applications.iter().cloned().fold(builder, CiamBuilder::application);
        let builder = match self.redis()? {
            Some(redis) => {
                let builder = builder.throttle_store(Arc::new(redis.counters()));
                // PostgreSQL tells what was revoked in the transaction that revokes, which leaves no gap.
                let tells_itself = matches!(self.database, Database::Postgres(_));
                if tells_itself { builder } else { builder.invalidation(redis.invalidation()) }
            }
            None => builder,
        };
        let builder = match self.language.clone() {
            Some(language) => builder.default_language(language),
            None => builder,
        };
        let builder = builder.authenticator(TotpAuthenticator::new()).authenticator(RecoveryCodes::new());
        match (self.key()?, self.dev) {
            (Some(key), _) => Ok(builder.master_key(key)),
            (None, true) => Ok(match self.development_key_file() {
                Some(file) => builder.development_key_file(file),
                None => builder,
            }),
            (None, false) => Err(SettingsError::MasterKeyMissing),
        }
    }
}
