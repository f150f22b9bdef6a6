//! Why there are no settings, or no engine of them.

use std::path::PathBuf;

use ciam_core::config::InvalidPublicUrl;
use ciam_core::store::StoreError;
use ciam_core::vault::InvalidMasterKey;
use ciam_web::InvalidProxies;

use super::looks::InvalidLooks;
use crate::adapters::{InvalidRedisUrl, InvalidSmsUrl, InvalidSmtpUrl};

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
    /// The number of connections is none.
    #[error("CIAM_DATABASE_CONNECTIONS is a number from 1 to 10000")]
    DatabaseConnections,
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
    /// What keys in Redis begin with is too long, or more than a word.
    #[error("CIAM_REDIS_PREFIX is at most 32 letters, digits, _ and -")]
    RedisPrefix,
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
