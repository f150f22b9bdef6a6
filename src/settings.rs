//! The configuration of a site: a file, and variables that win over it. `examples/portal.toml` documents every key.
//!
//! The portal and the command line read the same one, so that they mean the same database and the same keys.

mod looks;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ciam_core::brand::Brand;
use ciam_core::config::{InvalidPublicUrl, PublicUrl};
use ciam_core::identifiers::IdentifierPolicy;
use ciam_core::language::Language;
use ciam_core::messages::{ByChannel, Mailbox, Messenger};
use ciam_core::secret::Secret;
use ciam_core::store::{Backend, MemoryStore, StoreError};
use ciam_core::vault::{InvalidMasterKey, MasterKey, key_file};
use ciam_core::{Application, Ciam, CiamBuilder};
use ciam_store::{Migrations, PostgresOptions, SqliteOptions};
use ciam_web::{InvalidProxies, TrustedProxies};
use serde::Deserialize;

pub use self::looks::InvalidLooks;
use self::looks::{ApplicationFile, BrandFile};

use crate::adapters::{HttpSmsMessenger, InvalidRedisUrl, InvalidSmsUrl, InvalidSmtpUrl, Redis, SmtpMessenger};

/// The file in the current folder that keeps the master key of a site in development on PostgreSQL.
pub const KEY_FILE: &str = "ciam.key";

/// What a site runs with.
///
/// ```
/// use std::collections::BTreeMap;
/// use ciam::settings::{Database, Settings};
///
/// let variables = BTreeMap::from([("CIAM_DATABASE_URL".to_owned(), "memory:".to_owned())]);
/// let settings = Settings::read(None, &variables)?;
/// assert!(matches!(settings.database, Database::Memory));
/// assert!(settings.dev, "on loopback, unless it is told otherwise");
/// # Ok::<(), ciam::settings::SettingsError>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The file that it was read from.
    pub file: Option<PathBuf>,
    /// The site's name, as people read it (default: the engine's, "this site").
    pub name: Option<String>,
    /// The address and port to listen on (default `127.0.0.1:8080`).
    pub listen: SocketAddr,
    /// Where people reach the site (default `http://localhost` and the port of `listen`).
    pub public_url: String,
    /// Where records are kept (default `portal.db` in the current folder).
    pub database: Database,
    /// What a start may do to a database that is older than the program (default: in development all of it, otherwise
    /// nothing, so that the start is refused).
    pub migrations: Migrations,
    /// The text of the key that seals secrets in the database.
    pub master_key: Option<Secret<String>>,
    /// Where that text was found.
    pub master_key_from: Option<KeySource>,
    /// The mail server. A password may be in it.
    pub smtp_url: Option<Secret<String>>,
    /// Whom messages come from.
    pub smtp_sender: Option<String>,
    /// The gateway for text messages. A password may be in it.
    pub sms_url: Option<Secret<String>>,
    /// The Redis that nodes share. A password may be in it.
    pub redis_url: Option<Secret<String>>,
    /// The proxies that are believed when they say which address a request comes from.
    pub trusted_proxies: TrustedProxies,
    /// The language for people who ask for none that is spoken here (default: English).
    pub language: Option<Language>,
    /// Languages of the site's own, or other texts for those that are there: tags and texts in Fluent.
    pub languages: Vec<(String, String)>,
    /// By what people are found.
    pub identifiers: IdentifierPolicy,
    /// How the site looks.
    pub brand: Brand,
    /// More applications.
    pub applications: Vec<Application>,
    /// Whether messages are shown to anybody (default: when `listen` and the public URL's host are loopback).
    pub dev: bool,
    /// What was set and has no effect, in words.
    pub without_effect: Vec<String>,
}

/// Where records are kept.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Database {
    /// Nowhere: everything is forgotten at the end.
    Memory,
    /// In an SQLite file.
    Sqlite(PathBuf),
    /// In the PostgreSQL database with this URL. A password may be in it.
    Postgres(Secret<String>),
}

/// Where the text of the master key was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySource {
    /// In `CIAM_MASTER_KEY`.
    Variable,
    /// In the configuration itself.
    Configuration,
    /// In this file.
    File(PathBuf),
}

/// Why there are no settings, or no engine of them. Each says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A file that is named cannot be read.
    #[error("{name}, {}: it cannot be read", path.display())]
    Unreadable {
        /// What names it.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The file is no TOML, or has a key or a kind of value that is not known.
    #[error("{}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, without the line it is in.
        problem: String,
    },
    /// The address to listen on is none.
    #[error("CIAM_LISTEN is an address and a port, such as 127.0.0.1:8080")]
    Listen,
    /// The public URL is none.
    #[error("CIAM_PUBLIC_URL: {0}")]
    PublicUrl(InvalidPublicUrl),
    /// The switch of development is neither on nor off.
    #[error("CIAM_DEV is true or false")]
    Dev,
    /// The database URL is none. It is not repeated: a password may be in it.
    #[error(
        "CIAM_DATABASE_URL is postgres://user:password@host:5432/database, sqlite://file or memory:, and what it is set \
         to cannot be read as that"
    )]
    DatabaseUrl,
    /// The database is of a kind that this version does not know.
    #[error("CIAM_DATABASE_URL: this version keeps records in postgres, sqlite or memory")]
    DatabaseKind,
    /// What a start may do to the database is none of the words for it.
    #[error("CIAM_MIGRATIONS is refuse, apply or complete")]
    Migrations,
    /// The master key is none.
    #[error("CIAM_MASTER_KEY: {0}")]
    MasterKey(InvalidMasterKey),
    /// A public site has no master key.
    #[error(
        "CIAM_MASTER_KEY or CIAM_MASTER_KEY_FILE is missing (make one: openssl rand -base64 32). It is wanted because \
         CIAM_LISTEN or CIAM_PUBLIC_URL is not loopback; CIAM_DEV=true is for development"
    )]
    MasterKeyMissing,
    /// The URL of the mail server is none, or unsafe.
    #[error("CIAM_SMTP_URL: {0}")]
    SmtpUrl(InvalidSmtpUrl),
    /// The URL of the gateway for text messages is none, or unsafe.
    #[error("CIAM_SMS_URL: {0}")]
    SmsUrl(InvalidSmsUrl),
    /// The URL of the Redis is none, or unsafe.
    #[error("CIAM_REDIS_URL: {0}")]
    RedisUrl(InvalidRedisUrl),
    /// The sender is none.
    #[error("CIAM_SMTP_SENDER: {0}")]
    SmtpSender(InvalidSmtpUrl),
    /// The list of proxies is none.
    #[error("CIAM_TRUSTED_PROXIES: {0}")]
    TrustedProxies(InvalidProxies),
    /// A public site has no mail server.
    #[error("CIAM_SMTP_URL is missing: smtp://host:port of a mail server")]
    SmtpMissing,
    /// What is said about languages, looks or applications is wrong.
    #[error("{key}: {source}")]
    Looks {
        /// Which key of the file: `brand`, or `applications` with the application's own key.
        key: String,
        /// What is wrong.
        source: InvalidLooks,
    },
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The file as it is written. What later versions bring is known by name and has no effect yet.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Option<String>,
    listen: Option<String>,
    public_url: Option<String>,
    database_url: Option<String>,
    migrations: Option<String>,
    master_key: Option<String>,
    master_key_file: Option<String>,
    smtp_url: Option<String>,
    smtp_sender: Option<String>,
    sms_url: Option<String>,
    redis_url: Option<String>,
    trusted_proxies: Option<String>,
    language: Option<String>,
    #[serde(default)]
    languages: BTreeMap<String, PathBuf>,
    #[serde(default)]
    identifiers: Vec<String>,
    username: Option<String>,
    brand: Option<BrandFile>,
    #[serde(default)]
    applications: Vec<ApplicationFile>,
    dev: Option<bool>,
    clients: Option<toml::Value>,
    connections: Option<toml::Value>,
    keys: Option<toml::Value>,
    protected: Option<toml::Value>,
}

const LATER: [&str; 2] = ["CIAM_ADMIN_EMAIL", "CIAM_ADMIN_PASSWORD"];

const KNOWN: [&str; 13] = [
    "CIAM_CONFIG",
    "CIAM_LISTEN",
    "CIAM_PUBLIC_URL",
    "CIAM_DATABASE_URL",
    "CIAM_MIGRATIONS",
    "CIAM_MASTER_KEY",
    "CIAM_MASTER_KEY_FILE",
    "CIAM_SMTP_URL",
    "CIAM_SMTP_SENDER",
    "CIAM_SMS_URL",
    "CIAM_REDIS_URL",
    "CIAM_TRUSTED_PROXIES",
    "CIAM_DEV",
];

impl Settings {
    /// Reads the file that `CIAM_CONFIG` names, if any, and the variables of the process.
    ///
    /// # Errors
    /// [`SettingsError`]: what is wrong first.
    pub fn load() -> Result<Self, SettingsError> {
        let variables = Self::variables();
        Self::read(variables.get("CIAM_CONFIG").map(Path::new), &variables)
    }

    /// The variables of the process that begin with `CIAM_`.
    #[must_use]
    pub fn variables() -> BTreeMap<String, String> {
        std::env::vars().filter(|(name, _)| name.starts_with("CIAM_")).collect()
    }

    /// Reads this file, if any, and these variables, which win over it.
    ///
    /// # Errors
    /// [`SettingsError`]: what is wrong first.
    pub fn read(file: Option<&Path>, variables: &BTreeMap<String, String>) -> Result<Self, SettingsError> {
        let parsed = match file {
            Some(path) => {
                let text = read(path, "CIAM_CONFIG")?;
                toml::from_str(&text).map_err(|error| SettingsError::Malformed {
                    path: path.to_owned(),
                    problem: error.message().to_owned(),
                })?
            }
            None => File::default(),
        };
        Ok(Self { file: file.map(Path::to_owned), ..Self::of(parsed, variables)? })
    }

    fn of(file: File, variables: &BTreeMap<String, String>) -> Result<Self, SettingsError> {
        let without_effect = without_effect(&file, variables);
        let pick = |name: &str, from_file: Option<String>| {
            variables.get(name).cloned().or(from_file).filter(|value| !value.is_empty())
        };
        let listen = pick("CIAM_LISTEN", file.listen).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
        let listen: SocketAddr = listen.parse().map_err(|_| SettingsError::Listen)?;
        let public_url =
            pick("CIAM_PUBLIC_URL", file.public_url).unwrap_or_else(|| format!("http://localhost:{}", listen.port()));
        let url = PublicUrl::parse(&public_url).map_err(SettingsError::PublicUrl)?;
        let database =
            database(&pick("CIAM_DATABASE_URL", file.database_url).unwrap_or_else(|| "sqlite://portal.db".to_owned()))?;
        let from_variable = variables.get("CIAM_MASTER_KEY").is_some_and(|value| !value.is_empty());
        let (master_key, master_key_from) = match pick("CIAM_MASTER_KEY", file.master_key) {
            Some(key) if from_variable => (Some(key), Some(KeySource::Variable)),
            Some(key) => (Some(key), Some(KeySource::Configuration)),
            None => match pick("CIAM_MASTER_KEY_FILE", file.master_key_file) {
                Some(path) => {
                    let path = PathBuf::from(path);
                    (Some(read(&path, "CIAM_MASTER_KEY_FILE")?), Some(KeySource::File(path)))
                }
                None => (None, None),
            },
        };
        let trusted_proxies = pick("CIAM_TRUSTED_PROXIES", file.trusted_proxies).unwrap_or_default();
        let trusted_proxies = trusted_proxies.parse().map_err(SettingsError::TrustedProxies)?;
        let dev = match variables.get("CIAM_DEV").map(String::as_str) {
            None | Some("") => file.dev.unwrap_or(listen.ip().is_loopback() && url.is_loopback()),
            Some("1" | "true" | "yes" | "on") => true,
            Some("0" | "false" | "no" | "off") => false,
            Some(_) => return Err(SettingsError::Dev),
        };
        let migrations = match pick("CIAM_MIGRATIONS", file.migrations).as_deref() {
            None if dev => Migrations::Complete,
            None | Some("refuse") => Migrations::Refuse,
            Some("apply") => Migrations::Apply,
            Some("complete") => Migrations::Complete,
            Some(_) => return Err(SettingsError::Migrations),
        };
        let looks = |key: &str| {
            let key = key.to_owned();
            move |source| SettingsError::Looks { key, source }
        };
        let mut languages = Vec::new();
        for (tag, path) in file.languages {
            languages.push((tag, read(&path, "languages")?));
        }
        let mut applications = Vec::new();
        for application in file.applications {
            let key = format!("applications, {}", application.key());
            applications.push(application.read().map_err(looks(&key))?);
        }
        let language = file.language.as_deref().map(str::parse::<Language>).transpose();
        let identifiers = looks::identifiers(&file.identifiers, file.username.as_deref());
        Ok(Self {
            file: None,
            name: file.name,
            listen,
            public_url,
            database,
            migrations,
            master_key: master_key.map(Secret::new),
            master_key_from,
            smtp_url: pick("CIAM_SMTP_URL", file.smtp_url).map(Secret::new),
            smtp_sender: pick("CIAM_SMTP_SENDER", file.smtp_sender),
            sms_url: pick("CIAM_SMS_URL", file.sms_url).map(Secret::new),
            redis_url: pick("CIAM_REDIS_URL", file.redis_url).map(Secret::new),
            trusted_proxies,
            language: language.map_err(|error| looks("language")(error.into()))?,
            languages,
            identifiers: identifiers.map_err(looks("identifiers"))?,
            brand: file.brand.unwrap_or_default().read().map_err(looks("brand"))?,
            applications,
            dev,
            without_effect,
        })
    }

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
            Database::Postgres(url) => {
                Arc::new(PostgresOptions::new(url.expose())?.migrations(migrations).open().await?)
            }
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
                let text = read(&file, "the key of development")?;
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
        let redis = self.redis_url.as_ref().map(|url| Redis::from_url(url.expose()));
        redis.transpose().map_err(SettingsError::RedisUrl)
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
        let builder = self.engine_on(self.backend().await?)?;
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

fn read(path: &Path, name: &'static str) -> Result<String, SettingsError> {
    std::fs::read_to_string(path).map_err(|source| SettingsError::Unreadable { name, path: path.to_owned(), source })
}

fn database(url: &str) -> Result<Database, SettingsError> {
    match url.split_once(':') {
        Some(("memory", _)) => Ok(Database::Memory),
        Some(("sqlite", file)) if !file.trim_start_matches("//").is_empty() => {
            Ok(Database::Sqlite(file.strip_prefix("//").unwrap_or(file).into()))
        }
        Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
            PostgresOptions::new(url).map_err(|_| SettingsError::DatabaseUrl)?;
            Ok(Database::Postgres(Secret::new(url.to_owned())))
        }
        Some((_, rest)) if rest.starts_with("//") && !url.starts_with("sqlite:") => Err(SettingsError::DatabaseKind),
        _ => Err(SettingsError::DatabaseUrl),
    }
}

/// What is set and means nothing to this version, in words.
fn without_effect(file: &File, variables: &BTreeMap<String, String>) -> Vec<String> {
    let unknown = variables.keys().filter(|name| !KNOWN.contains(&name.as_str()) && !LATER.contains(&name.as_str()));
    let mut said: Vec<String> =
        unknown.map(|name| format!("{name} means nothing here: examples/portal.toml has every variable")).collect();
    let later = LATER.iter().filter(|name| variables.contains_key(**name));
    said.extend(later.map(|name| format!("{name} has no effect in this version")));
    let tables = [
        ("clients", &file.clients),
        ("connections", &file.connections),
        ("keys", &file.keys),
        ("protected", &file.protected),
    ];
    let tables = tables.into_iter().filter(|(_, value)| value.is_some());
    said.extend(tables.map(|(name, _)| format!("[{name}] has no effect in this version")));
    said
}

#[cfg(test)]
mod tests;
