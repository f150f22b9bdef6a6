//! The file as it is written, and the variables that win over it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ciam_core::config::PublicUrl;
use ciam_core::language::Language;
use ciam_core::secret::Secret;
use ciam_store::{Migrations, PostgresOptions};
use serde::Deserialize;

use super::looks::{self, ApplicationFile, BrandFile};
use super::{Database, KeySource, Settings, SettingsError};

/// The file as it is written. What later versions bring is known by name and has no effect yet.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    name: Option<String>,
    listen: Option<String>,
    public_url: Option<String>,
    database_url: Option<String>,
    database_connections: Option<usize>,
    migrations: Option<String>,
    master_key: Option<String>,
    master_key_file: Option<String>,
    smtp_url: Option<String>,
    smtp_sender: Option<String>,
    sms_url: Option<String>,
    redis_url: Option<String>,
    redis_prefix: Option<String>,
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

/// More than any server takes.
const MOST_CONNECTIONS: usize = 10_000;

const LATER: [&str; 2] = ["CIAM_ADMIN_EMAIL", "CIAM_ADMIN_PASSWORD"];

const KNOWN: [&str; 15] = [
    "CIAM_CONFIG",
    "CIAM_LISTEN",
    "CIAM_PUBLIC_URL",
    "CIAM_DATABASE_URL",
    "CIAM_DATABASE_CONNECTIONS",
    "CIAM_MIGRATIONS",
    "CIAM_MASTER_KEY",
    "CIAM_MASTER_KEY_FILE",
    "CIAM_SMTP_URL",
    "CIAM_SMTP_SENDER",
    "CIAM_SMS_URL",
    "CIAM_REDIS_URL",
    "CIAM_REDIS_PREFIX",
    "CIAM_TRUSTED_PROXIES",
    "CIAM_DEV",
];

impl Settings {
    pub(super) fn of(file: File, variables: &BTreeMap<String, String>) -> Result<Self, SettingsError> {
        let without_effect = without_effect(&file, variables);
        let pick = |name: &str, from_file: Option<String>| pick(variables, name, from_file);
        let listen = pick("CIAM_LISTEN", file.listen).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
        let listen: SocketAddr = listen.parse().map_err(|_| SettingsError::Listen)?;
        let public_url =
            pick("CIAM_PUBLIC_URL", file.public_url).unwrap_or_else(|| format!("http://localhost:{}", listen.port()));
        let url = PublicUrl::parse(&public_url).map_err(SettingsError::PublicUrl)?;
        let database =
            database(&pick("CIAM_DATABASE_URL", file.database_url).unwrap_or_else(|| "sqlite://portal.db".to_owned()))?;
        let (master_key, master_key_from) = master_key(variables, file.master_key, file.master_key_file)?;
        let redis_prefix = pick("CIAM_REDIS_PREFIX", file.redis_prefix);
        if redis_prefix.as_ref().is_some_and(|prefix| !is_prefix(prefix)) {
            return Err(SettingsError::RedisPrefix);
        }
        let trusted_proxies = pick("CIAM_TRUSTED_PROXIES", file.trusted_proxies).unwrap_or_default();
        let trusted_proxies = trusted_proxies.parse().map_err(SettingsError::TrustedProxies)?;
        let dev = match variables.get("CIAM_DEV").map(String::as_str) {
            None | Some("") => file.dev.unwrap_or(listen.ip().is_loopback() && url.is_loopback()),
            Some("1" | "true" | "yes" | "on") => true,
            Some("0" | "false" | "no" | "off") => false,
            Some(_) => return Err(SettingsError::Dev),
        };
        let database_connections = match pick("CIAM_DATABASE_CONNECTIONS", None) {
            Some(number) => Some(number.parse().map_err(|_| SettingsError::DatabaseConnections)?),
            None => file.database_connections,
        };
        if database_connections.is_some_and(|number| !(1..=MOST_CONNECTIONS).contains(&number)) {
            return Err(SettingsError::DatabaseConnections);
        }
        let migrations = migrations(pick("CIAM_MIGRATIONS", file.migrations).as_deref(), dev)?;
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
            database_connections,
            migrations,
            master_key: master_key.map(Secret::new),
            master_key_from,
            smtp_url: pick("CIAM_SMTP_URL", file.smtp_url).map(Secret::new),
            smtp_sender: pick("CIAM_SMTP_SENDER", file.smtp_sender),
            sms_url: pick("CIAM_SMS_URL", file.sms_url).map(Secret::new),
            redis_url: pick("CIAM_REDIS_URL", file.redis_url).map(Secret::new),
            redis_prefix,
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
}

pub(super) fn read(path: &Path, name: &'static str) -> Result<String, SettingsError> {
    std::fs::read_to_string(path).map_err(|source| SettingsError::Unreadable { name, path: path.to_owned(), source })
}

/// What is set: a variable wins over the file, and an empty one means that there is none.
fn pick(variables: &BTreeMap<String, String>, name: &str, from_file: Option<String>) -> Option<String> {
    variables.get(name).cloned().or(from_file).filter(|value| !value.is_empty())
}

/// The text of the master key, and where it was found: a key wins over the name of a file with one.
fn master_key(
    variables: &BTreeMap<String, String>,
    key: Option<String>,
    file: Option<String>,
) -> Result<(Option<String>, Option<KeySource>), SettingsError> {
    let from_variable = variables.get("CIAM_MASTER_KEY").is_some_and(|value| !value.is_empty());
    if let Some(key) = pick(variables, "CIAM_MASTER_KEY", key) {
        let from = if from_variable { KeySource::Variable } else { KeySource::Configuration };
        return Ok((Some(key), Some(from)));
    }
    let Some(path) = pick(variables, "CIAM_MASTER_KEY_FILE", file).map(PathBuf::from) else {
        return Ok((None, None));
    };
    Ok((Some(read(&path, "CIAM_MASTER_KEY_FILE")?), Some(KeySource::File(path))))
}

fn is_prefix(text: &str) -> bool {
    text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

fn migrations(word: Option<&str>, dev: bool) -> Result<Migrations, SettingsError> {
    match word {
        None if dev => Ok(Migrations::Complete),
        None | Some("refuse") => Ok(Migrations::Refuse),
        Some("apply") => Ok(Migrations::Apply),
        Some("complete") => Ok(Migrations::Complete),
        Some(_) => Err(SettingsError::Migrations),
    }
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
