//! The portal's configuration: a file, and variables that win over it. `portal.toml` documents every key.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use ciam::config::PublicUrl;
use ciam::web::TrustedProxies;
use serde::Deserialize;

/// What the portal runs with.
pub(crate) struct Config {
    pub(crate) name: String,
    pub(crate) listen: SocketAddr,
    pub(crate) public_url: String,
    pub(crate) database: Database,
    pub(crate) master_key: Option<String>,
    pub(crate) smtp_url: Option<String>,
    pub(crate) smtp_sender: Option<String>,
    pub(crate) sms_url: Option<String>,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) dev: bool,
}

/// Where records are kept.
pub(crate) enum Database {
    Memory,
    Sqlite(PathBuf),
}

/// The file as it is written. What later versions bring is known by name and has no effect yet.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Option<String>,
    listen: Option<String>,
    public_url: Option<String>,
    database_url: Option<String>,
    master_key: Option<String>,
    master_key_file: Option<String>,
    smtp_url: Option<String>,
    smtp_sender: Option<String>,
    sms_url: Option<String>,
    trusted_proxies: Option<String>,
    dev: Option<bool>,
    clients: Option<toml::Value>,
    connections: Option<toml::Value>,
    keys: Option<toml::Value>,
    protected: Option<toml::Value>,
}

const LATER: [&str; 3] = ["CIAM_REDIS_URL", "CIAM_ADMIN_EMAIL", "CIAM_ADMIN_PASSWORD"];

const KNOWN: [&str; 11] = [
    "CIAM_CONFIG",
    "CIAM_LISTEN",
    "CIAM_PUBLIC_URL",
    "CIAM_DATABASE_URL",
    "CIAM_MASTER_KEY",
    "CIAM_MASTER_KEY_FILE",
    "CIAM_SMTP_URL",
    "CIAM_SMTP_SENDER",
    "CIAM_SMS_URL",
    "CIAM_TRUSTED_PROXIES",
    "CIAM_DEV",
];

impl Config {
    /// Reads the file that `CIAM_CONFIG` names, if any, and the variables of the process.
    pub(crate) fn load() -> Result<Self, Box<dyn std::error::Error>> {
        let variables: BTreeMap<String, String> =
            std::env::vars().filter(|(name, _)| name.starts_with("CIAM_")).collect();
        let file = match variables.get("CIAM_CONFIG") {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| format!("CIAM_CONFIG, {path}: {error}"))?;
                toml::from_str(&text).map_err(|error| format!("{path}: {}", error.message()))?
            }
            None => File::default(),
        };
        Self::from(file, &variables)
    }

    fn from(file: File, variables: &BTreeMap<String, String>) -> Result<Self, Box<dyn std::error::Error>> {
        for name in variables.keys().filter(|name| !KNOWN.contains(&name.as_str()) && !LATER.contains(&name.as_str())) {
            tracing::warn!("{name} is no variable of the portal's: examples/portal.toml has them all");
        }
        for name in LATER.iter().filter(|name| variables.contains_key(**name)) {
            tracing::warn!("{name} has no effect in this version");
        }
        for (name, value) in [
            ("clients", &file.clients),
            ("connections", &file.connections),
            ("keys", &file.keys),
            ("protected", &file.protected),
        ] {
            if value.is_some() {
                tracing::warn!("[{name}] has no effect in this version");
            }
        }
        let pick = |name: &str, from_file: Option<String>| {
            variables.get(name).cloned().or(from_file).filter(|value| !value.is_empty())
        };
        let listen = pick("CIAM_LISTEN", file.listen).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
        let listen: SocketAddr =
            listen.parse().map_err(|_| "CIAM_LISTEN is an address and a port, such as 127.0.0.1:8080")?;
        let public_url =
            pick("CIAM_PUBLIC_URL", file.public_url).unwrap_or_else(|| format!("http://localhost:{}", listen.port()));
        let database =
            database(&pick("CIAM_DATABASE_URL", file.database_url).unwrap_or_else(|| "sqlite://portal.db".to_owned()))?;
        let master_key = match pick("CIAM_MASTER_KEY", file.master_key) {
            Some(key) => Some(key),
            None => match pick("CIAM_MASTER_KEY_FILE", file.master_key_file) {
                Some(path) => Some(
                    std::fs::read_to_string(&path).map_err(|error| format!("CIAM_MASTER_KEY_FILE, {path}: {error}"))?,
                ),
                None => None,
            },
        };
        let trusted_proxies = pick("CIAM_TRUSTED_PROXIES", file.trusted_proxies).unwrap_or_default();
        let trusted_proxies = trusted_proxies.parse().map_err(|error| format!("CIAM_TRUSTED_PROXIES: {error}"))?;
        let loopback = listen.ip().is_loopback()
            && PublicUrl::parse(&public_url).map_err(|error| format!("CIAM_PUBLIC_URL: {error}"))?.is_loopback();
        let dev = match variables.get("CIAM_DEV").map(String::as_str) {
            None | Some("") => file.dev.unwrap_or(loopback),
            Some("1" | "true" | "yes" | "on") => true,
            Some("0" | "false" | "no" | "off") => false,
            Some(_) => return Err("CIAM_DEV is true or false".into()),
        };
        Ok(Self {
            name: file.name.unwrap_or_else(|| "Fernweh Outfitters".to_owned()),
            listen,
            public_url,
            database,
            master_key,
            smtp_url: pick("CIAM_SMTP_URL", file.smtp_url),
            smtp_sender: pick("CIAM_SMTP_SENDER", file.smtp_sender),
            sms_url: pick("CIAM_SMS_URL", file.sms_url),
            trusted_proxies,
            dev,
        })
    }
}

fn database(url: &str) -> Result<Database, Box<dyn std::error::Error>> {
    match url.split_once(':') {
        Some(("memory", _)) => Ok(Database::Memory),
        Some(("sqlite", file)) if !file.trim_start_matches("//").is_empty() => {
            Ok(Database::Sqlite(file.strip_prefix("//").unwrap_or(file).into()))
        }
        Some(("postgres" | "postgresql", _)) => {
            Err("CIAM_DATABASE_URL: this version keeps records in sqlite or memory".into())
        }
        _ => Err("CIAM_DATABASE_URL is sqlite://file or memory:".into()),
    }
}
