//! How a PostgreSQL database is reached.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use ciam_core::store::StoreError;
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::Semaphore;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::PostgresStore;
use super::failure::unavailable;
use super::listening::Listening;
use crate::migrations::Migrations;

/// What every connection is told: it reads only, unless a transaction says otherwise (see `flight`). Said when it is
/// there and not as it starts, since `target_session_attrs=read-write` would refuse every server then.
const READ_ONLY: &str = "SET default_transaction_read_only = on";
/// The same for a connection of the store, and the question whether it may be used, in one round trip.
const READ_ONLY_OF_A_PRIMARY: &str = "SET default_transaction_read_only = on; SELECT pg_is_in_recovery()";

/// How a PostgreSQL database is reached; every number has a default that suits one node among several.
///
/// The URL is libpq's: `postgres://user:password@host:5432/database`, or `host=/run/postgresql dbname=app`. Of its
/// parameters `sslmode` is `disable`, `prefer` or `require`; a server that is neither on this machine nor given an
/// `sslmode` is reached by TLS only, and its certificate must be good for its name. `sslrootcert` names a file of
/// certificates that are trusted instead of the public ones.
///
/// A standby is never read: it may not know yet of a session that was revoked. Of several servers
/// (`postgres://one,other/app`) the one is taken that can be written to, also after another one has taken over. A name
/// that stands for several addresses wants `target_session_attrs=read-write` for that.
///
/// ```no_run
/// # async fn open() -> Result<(), ciam_core::store::StoreError> {
/// let store = ciam_store::PostgresOptions::new("postgres://shop@db.internal/shop")?.connections(32).open().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    config: Config,
    roots: Option<PathBuf>,
    connections: usize,
    statement_timeout: Duration,
    migrations: Migrations,
}

impl PostgresOptions {
    /// Sixteen connections, and five seconds of patience with a statement and with a connection.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] for a URL that PostgreSQL's own tools would not understand. It is not repeated, for it
    /// may hold a password.
    pub fn new(url: &str) -> Result<Self, StoreError> {
        let (url, roots) = without_root_certificates(url);
        let malformed = "a PostgreSQL URL that cannot be read: postgres://user:password@host:5432/database";
        let parsed =
            |url: &str| -> Result<Config, StoreError> { url.parse().map_err(|_| StoreError::Misuse(malformed)) };
        let mut config = parsed(&url)?;
        if is_elsewhere(&config) {
            config = parsed(&by_tls_unless_said(&url))?;
        }
        if servers(&config) > 1 && config.get_target_session_attrs() == TargetSessionAttrs::Any {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if config.get_application_name().is_none() {
            config.application_name("ciam");
        }
        let statement_timeout = Duration::from_secs(5);
        Ok(Self { config, roots, connections: 16, statement_timeout, migrations: Migrations::Refuse })
    }

    /// The most connections (default 16, at least 1). Those that want one wait for it as long as for a statement.
    /// More than twice the server's processors gain nothing, over all nodes. Searches of the
    /// [`Directory`](ciam_core::store::Directory) take a quarter of them at most, and at least one.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// How long a statement may take, a connection be waited for, and a connection take to make (default 5 seconds,
    /// at least one) before [`StoreError::Unavailable`].
    #[must_use]
    pub fn statement_timeout(mut self, patience: Duration) -> Self {
        self.statement_timeout = patience.max(Duration::from_secs(1));
        self
    }

    /// What may be done to a database that holds records of an older version of the app (default
    /// [`Migrations::Refuse`]).
    #[must_use]
    pub const fn migrations(mut self, migrations: Migrations) -> Self {
        self.migrations = migrations;
        self
    }

    /// Connects once, so that a wrong address, name or password is told now.
    ///
    /// # Errors
    /// [`StoreError::Unopened`] when the server cannot be reached, refuses, or is a standby;
    /// [`StoreError::Unavailable`] when the file of certificates cannot be read.
    pub async fn open(self) -> Result<PostgresStore, StoreError> {
        let patience = self.statement_timeout;
        let (config, tls) = (self.configured(), MakeRustlsConnect::new(self.tls()?));
        let mut listens = config.clone();
        listens.application_name(format!("{} (listening)", config.get_application_name().unwrap_or("ciam")));
        let listening = Listening::new(listens, tls.clone());
        let manager = Manager::from_config(config, tls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let pool = Pool::builder(manager)
            .max_size(self.connections)
            .wait_timeout(Some(patience))
            .create_timeout(Some(patience))
            .recycle_timeout(Some(patience))
            .post_create(only_of_a_primary(patience))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(unavailable)?;
        let migrations = self.migrations;
        let searches = Semaphore::new((self.connections / 4).max(1));
        let store = PostgresStore { pool, patience, tables: RwLock::default(), listening, migrations, searches };
        let reached = ciam_core::store::Backend::ping(&store).await;
        reached.map_err(|error| StoreError::Unopened(ciam_core::with_causes(&error)))?;
        Ok(store)
    }

    /// One connection of its own, which ends when it is dropped, and only reads; also to a standby, if that is what the
    /// URL names.
    pub(super) async fn connect(&self) -> Result<Client, StoreError> {
        let (client, connection) =
            self.configured().connect(MakeRustlsConnect::new(self.tls()?)).await.map_err(unavailable)?;
        tokio::spawn(connection);
        client.batch_execute(READ_ONLY).await.map_err(unavailable)?;
        Ok(client)
    }

    pub(super) const fn most_connections(&self) -> usize {
        self.connections
    }

    /// Whether the server, or one of several, is on another machine.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        is_elsewhere(&self.config)
    }

    /// Whether the server is on another machine, and may be talked to without TLS.
    #[must_use]
    pub fn in_the_clear(&self) -> bool {
        self.is_elsewhere() && self.config.get_ssl_mode() != SslMode::Require
    }

    /// The settings of every connection.
    fn configured(&self) -> Config {
        let mut config = self.config.clone();
        let millis = self.statement_timeout.as_millis();
        let own = format!("-c statement_timeout={millis} -c idle_in_transaction_session_timeout={millis}");
        let options = config.get_options().map_or(own.clone(), |theirs| format!("{theirs} {own}"));
        config.options(options);
        // One of several that swallows everything leaves the others their part.
        config.connect_timeout(self.statement_timeout / servers(&config));
        config.tcp_user_timeout(self.statement_timeout * 2);
        config.keepalives_idle(Duration::from_secs(15));
        config
    }

    fn tls(&self) -> Result<ClientConfig, StoreError> {
        let mut roots = RootCertStore::empty();
        match &self.roots {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(file) => {
                for certificate in CertificateDer::pem_file_iter(file).map_err(unavailable)? {
                    roots.add(certificate.map_err(unavailable)?).map_err(unavailable)?;
                }
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        Ok(versions.map_err(unavailable)?.with_root_certificates(roots).with_no_client_auth())
    }
}

/// Whether one of the servers is on another machine, by its name or by the address that is given for it.
fn is_elsewhere(config: &Config) -> bool {
    !config.get_hosts().iter().all(is_on_this_machine) || !config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

fn is_on_this_machine(host: &Host) -> bool {
    match host {
        #[cfg(unix)]
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
    }
}

/// How many servers are named.
fn servers(config: &Config) -> u32 {
    u32::try_from(config.get_hosts().len().max(config.get_hostaddrs().len())).unwrap_or(u32::MAX).max(1)
}

/// What a new connection of the store goes through: it reads only, and not from a standby.
fn only_of_a_primary(patience: Duration) -> Hook {
    Hook::async_fn(move |client, _| {
        Box::pin(async move {
            let asked = tokio::time::timeout(patience, client.simple_query(READ_ONLY_OF_A_PRIMARY)).await;
            let answer = asked.map_err(|_| HookError::message("the server does not answer"))?;
            let in_recovery = |message: &SimpleQueryMessage| match message {
                SimpleQueryMessage::Row(row) => row.get(0) != Some("f"),
                _ => false,
            };
            match answer.map_err(HookError::Backend)?.iter().any(in_recovery) {
                true => Err(HookError::message("the server is a standby, which may know less than its primary")),
                false => Ok(()),
            }
        })
    })
}

/// The URL as far as its parameters, and these. What the driver takes for credentials ends at the first `@`.
fn split_parameters(url: &str) -> Option<(&str, &str)> {
    if !is_url(url) {
        return None;
    }
    let credentials = url.find('@').map_or(0, |at| at + 1);
    let at = credentials + url[credentials..].find('?')?;
    Some((&url[..at], &url[at + 1..]))
}

/// The URL with `sslmode=require` before all that it says itself: what comes later counts, and the driver alone decides
/// what the name of a parameter is.
fn by_tls_unless_said(url: &str) -> String {
    match split_parameters(url) {
        Some((before, parameters)) => format!("{before}?sslmode=require&{parameters}"),
        None if is_url(url) => format!("{url}?sslmode=require"),
        None => format!("sslmode=require {url}"),
    }
}

/// Whether it is a URL, and not keywords with their values.
fn is_url(url: &str) -> bool {
    ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme))
}

/// The URL without `sslrootcert`, which libpq knows and the driver does not, and what that says.
fn without_root_certificates(url: &str) -> (String, Option<PathBuf>) {
    let Some((before, parameters)) = split_parameters(url) else { return (url.to_owned(), None) };
    let (ours, theirs): (Vec<&str>, Vec<&str>) =
        parameters.split('&').partition(|parameter| parameter.starts_with("sslrootcert="));
    let file = ours.first().and_then(|parameter| parameter.split_once('=')).map(|(_, file)| PathBuf::from(file));
    let url = if theirs.is_empty() { before.to_owned() } else { format!("{before}?{}", theirs.join("&")) };
    (url, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_elsewhere_is_reached_by_tls_unless_somebody_says_otherwise() {
        let mode = |url: &str| PostgresOptions::new(url).unwrap().config.get_ssl_mode();
        assert_eq!(mode("postgres://shop@db.internal/shop"), SslMode::Require);
        assert_eq!(mode("postgres://shop@10.0.0.7,127.0.0.1/shop"), SslMode::Require);
        assert_eq!(mode("host=localhost hostaddr=10.0.0.7"), SslMode::Require);
        assert_eq!(mode("postgres://shop@db.internal/shop?sslmode=disable"), SslMode::Disable);
        for near in ["postgres://localhost/shop", "postgres://[::1]/shop", "host=/run/postgresql dbname=shop"] {
            assert_eq!(mode(near), SslMode::Prefer, "{near}");
        }
        // Neither a part of a name nor of a value is the parameter.
        for url in [
            "postgres://u:xsslmodey@db.internal/d",
            "postgres://u:a?b&sslmode=disable@db.internal/d",
            "postgres://u@db.internal/sslmode=disable",
            "postgres://u@db.internal/d?application_name=sslmode%3Ddisable",
            "host=db.internal password='x sslmode=disable'",
            "host=db.internal application_name=sslmode",
        ] {
            assert_eq!(mode(url), SslMode::Require, "{url}");
        }
        for url in [
            "host=db.internal sslmode=disable",
            "host=db.internal sslmode = 'disable'",
            "postgresql://u:p?w@db.internal?connect_timeout=3&sslmode=disable",
        ] {
            assert_eq!(mode(url), SslMode::Disable, "{url}");
        }
        let in_the_clear = |url: &str| PostgresOptions::new(url).unwrap().in_the_clear();
        assert!(in_the_clear("postgres://shop@db.internal/shop?sslmode=prefer"));
        assert!(!in_the_clear("postgres://shop@db.internal/shop") && !in_the_clear("postgres://localhost/shop"));
    }

    #[test]
    fn of_several_servers_the_one_is_taken_that_can_be_written_to() {
        let wanted = |url: &str| PostgresOptions::new(url).unwrap().configured().get_target_session_attrs();
        assert_eq!(wanted("postgres://localhost/shop"), TargetSessionAttrs::Any);
        for several in ["postgres://one,other/shop", "host=one,other", "hostaddr=127.0.0.1,127.0.0.2"] {
            assert_eq!(wanted(several), TargetSessionAttrs::ReadWrite, "{several}");
        }
        assert_eq!(wanted("postgres://db/shop?target_session_attrs=read-write"), TargetSessionAttrs::ReadWrite);
        let patience = |url: &str| *PostgresOptions::new(url).unwrap().configured().get_connect_timeout().unwrap();
        assert_eq!(patience("postgres://one/shop"), Duration::from_secs(5));
        assert_eq!(patience("postgres://one,other/shop"), Duration::from_millis(2_500));
    }

    #[test]
    fn the_file_of_certificates_is_taken_from_the_url() {
        let options = PostgresOptions::new("postgres://db/shop?sslrootcert=/etc/ca.pem&connect_timeout=3").unwrap();
        assert_eq!(options.roots, Some(PathBuf::from("/etc/ca.pem")));
        assert_eq!(options.config.get_ssl_mode(), SslMode::Require);
        assert!(options.tls().is_err(), "the file is not there");
    }

    #[test]
    fn a_malformed_url_is_refused_and_not_repeated() {
        let error = PostgresOptions::new("postgres://shop:s3cret@db:port/shop").unwrap_err();
        assert!(matches!(error, StoreError::Misuse(_)));
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }

    #[test]
    fn the_password_is_not_shown() {
        let options = PostgresOptions::new("postgres://shop:s3cret@localhost/shop").unwrap();
        assert!(!format!("{options:?}").contains("s3cret"));
    }
}
