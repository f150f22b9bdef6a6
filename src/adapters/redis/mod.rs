//! A Redis that several nodes share.
//!
//! It holds what lives for minutes and is wanted by every node: the counters of tries, and the word of what was
//! revoked. What must not be lost stays in the store.

mod counters;
mod invalidation;
mod line;

use std::fmt;
use std::net::Ipv6Addr;
use std::sync::Arc;

use ciam_core::config::PublicUrl;
use ciam_core::store::StoreError;
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisError, TlsCertificates};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

pub use counters::RedisCounters;
pub use invalidation::RedisInvalidation;
use line::Line;

/// A Redis, version 6 or newer, that several nodes share: one server, or whatever answers at one address as its primary
/// (not a cluster, whose keys live on several).
///
/// ```no_run
/// # async fn build(postgres: ciam::PostgresStore) -> Result<ciam::Ciam, Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use ciam::{Ciam, Mailbox, Redis};
///
/// let redis = Redis::from_url("redis://127.0.0.1:6379")?;
/// let identity = Ciam::builder()
///     .store(postgres)
///     .throttle_store(Arc::new(redis.counters()))
/// #   .messenger(Mailbox::new())
///     .build()
///     .await?;
/// # Ok(identity)
/// # }
/// ```
///
/// Over PostgreSQL give the engine the counters alone, as here: what is revoked is told in the transaction that revokes,
/// which leaves no gap. [`Redis::invalidation`] is for stores that do not tell by themselves.
///
/// Give it `maxmemory-policy noeviction`: a Redis that forgets counters to make room lets an attacker make it forget
/// theirs. With `appendonly yes` a restart forgives at most the last second's tries.
#[derive(Clone)]
pub struct Redis {
    line: Arc<Line>,
    prefix: Arc<str>,
    database: i64,
    in_the_clear: bool,
}

/// The text is no address of a Redis, or asks for something unsafe. Each says what to do, in `Debug` too.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRedisUrl {
    /// It is not `redis://` or `rediss://` with a host.
    #[error("a Redis is at redis://host:port, or rediss://user:password@host:port/database over TLS")]
    Malformed,
    /// The password would travel in the clear.
    #[error("a password of a Redis on another machine is sent over TLS only: rediss://")]
    Insecure,
    /// The file of certificates cannot be read, or holds none; or the URL is not one of TLS.
    #[error("sslrootcert names a file of certificates (PEM) that a rediss:// URL trusts; it must hold one at least")]
    Authority,
}

impl fmt::Debug for InvalidRedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Redis {
    /// The Redis at this URL: `redis://host:port/database`, or `rediss://` over TLS, with `user:password@` before the
    /// host if it wants them. `?sslrootcert=/etc/shop/ca.pem` names a file of certificates that are trusted instead of the
    /// public ones; it is read now. Opens no connection yet.
    ///
    /// # Errors
    /// [`InvalidRedisUrl`].
    pub fn from_url(url: &str) -> Result<Self, InvalidRedisUrl> {
        let (url, authority) = without_authority(url);
        let info = url.into_connection_info().map_err(|_| InvalidRedisUrl::Malformed)?;
        let in_the_clear = match info.addr() {
            ConnectionAddr::Tcp(host, _) => {
                // The driver takes the brackets off an address of version 6.
                let is_here = host.parse().is_ok_and(|address: Ipv6Addr| address.is_loopback());
                let is_elsewhere = !is_here && !PublicUrl::is_loopback_host(host);
                if is_elsewhere && info.redis_settings().password().is_some() {
                    return Err(InvalidRedisUrl::Insecure);
                }
                is_elsewhere
            }
            ConnectionAddr::TcpTls { insecure: false, .. } => false,
            ConnectionAddr::TcpTls { .. } => return Err(InvalidRedisUrl::Insecure),
            _ => return Err(InvalidRedisUrl::Malformed),
        };
        let database = info.redis_settings().db();
        let client = match authority {
            Some(file) => trusting(info, file)?,
            None => Client::open(info).map_err(|_| InvalidRedisUrl::Malformed)?,
        };
        Ok(Self { line: Arc::new(Line::new(client)), prefix: "ciam".into(), database, in_the_clear })
    }

    /// What all keys and channels begin with (default `ciam`), so that several applications can share one Redis. Those with
    /// databases of their own need none: the database's number is in the names of channels, which know no databases.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The place for the counters of tries: for
    /// [`CiamBuilder::throttle_store`](ciam_core::CiamBuilder::throttle_store).
    #[must_use]
    pub fn counters(&self) -> RedisCounters {
        RedisCounters::new(self.clone())
    }

    /// The channel on which nodes tell each other what they have revoked: for
    /// [`CiamBuilder::invalidation`](ciam_core::CiamBuilder::invalidation).
    ///
    /// For stores that do not tell by themselves. Over one SQLite file, where nodes look for each other's commits, it
    /// is a word at once instead of within half a second. Over PostgreSQL leave it out: what is revoked is told there
    /// in the transaction that revokes, and publishing after the commit would leave a gap.
    #[must_use]
    pub fn invalidation(&self) -> RedisInvalidation {
        RedisInvalidation::new(self.clone())
    }

    /// Whether the Redis is on another machine and talked to without TLS: whoever is on the way reads what is counted and
    /// revoked, and can change it.
    #[must_use]
    pub const fn in_the_clear(&self) -> bool {
        self.in_the_clear
    }

    /// What is done with keys when there is no more memory: `noeviction`, or something worse; none when it does not say.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn eviction(&self) -> Result<Option<String>, StoreError> {
        let said: String = self.line.ask(redis::cmd("INFO").arg("memory")).await.map_err(unavailable)?;
        let policy = said.lines().find_map(|line| line.strip_prefix("maxmemory_policy:"));
        Ok(policy.map(|policy| policy.trim().to_owned()))
    }
}

/// The URL without `sslrootcert`, which the driver does not know, and the file that it names.
fn without_authority(url: &str) -> (String, Option<&str>) {
    let (address, fragment) = url.split_once('#').map_or((url, None), |(address, fragment)| (address, Some(fragment)));
    let Some((before, parameters)) = address.split_once('?') else { return (url.to_owned(), None) };
    let (mut file, mut theirs) = (None, Vec::new());
    for parameter in parameters.split('&') {
        match parameter.strip_prefix("sslrootcert=") {
            Some(named) => file = Some(named),
            None => theirs.push(parameter),
        }
    }
    let mut url = before.to_owned();
    if !theirs.is_empty() {
        url = format!("{url}?{}", theirs.join("&"));
    }
    if let Some(fragment) = fragment {
        url = format!("{url}#{fragment}");
    }
    (url, file)
}

/// A client that trusts the certificates in this file and no others.
fn trusting(info: ConnectionInfo, file: &str) -> Result<Client, InvalidRedisUrl> {
    let pem = std::fs::read(file).map_err(|_| InvalidRedisUrl::Authority)?;
    if CertificateDer::pem_slice_iter(&pem).next().is_none() {
        return Err(InvalidRedisUrl::Authority);
    }
    let trusted = TlsCertificates { client_tls: None, root_cert: Some(pem) };
    Client::build_with_tls(info, trusted).map_err(|_| InvalidRedisUrl::Authority)
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

fn unavailable(error: RedisError) -> StoreError {
    StoreError::Unavailable(error.into())
}
