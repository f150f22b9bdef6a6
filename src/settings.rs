//! The configuration of a site: a file, and variables that win over it. `examples/portal.toml` documents every key.
//!
//! The portal and the command line read the same one, so that they mean the same database and the same keys.

mod engine;
mod failure;
mod file;
mod looks;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ciam_core::Application;
use ciam_core::brand::Brand;
use ciam_core::identifiers::IdentifierPolicy;
use ciam_core::language::Language;
use ciam_core::secret::Secret;
use ciam_store::Migrations;
use ciam_web::TrustedProxies;

pub use self::engine::KEY_FILE;
pub use self::failure::SettingsError;
use self::file::File;
pub use self::looks::InvalidLooks;

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
    /// The most connections to a PostgreSQL (default 16).
    pub database_connections: Option<usize>,
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
    /// What keys and channels in Redis begin with (default: that of [`Redis::prefix`](crate::adapters::Redis::prefix)).
    pub redis_prefix: Option<String>,
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
                let text = file::read(path, "CIAM_CONFIG")?;
                toml::from_str(&text).map_err(|error| SettingsError::Malformed {
                    path: path.to_owned(),
                    problem: error.message().to_owned(),
                })?
            }
            None => File::default(),
        };
        Ok(Self { file: file.map(Path::to_owned), ..Self::of(parsed, variables)? })
    }
}

#[cfg(test)]
mod tests;
