//! A Redis that several nodes share.
//!
//! It holds what lives for minutes and is wanted by every node: the counters of tries, and the word of what was
//! revoked. What must not be lost stays in the store.

mod counters;
mod invalidation;
mod line;

use std::fmt;
use std::sync::Arc;

use ciam_core::config::PublicUrl;
use ciam_core::store::StoreError;
use redis::{Client, ConnectionAddr, IntoConnectionInfo as _, RedisError};

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
///     .invalidation(redis.invalidation())
/// #   .messenger(Mailbox::new())
///     .build()
///     .await?;
/// # Ok(identity)
/// # }
/// ```
///
/// Give it `maxmemory-policy noeviction`: a Redis that forgets counters to make room lets an attacker make it forget
/// theirs. With `appendonly yes` a restart forgives at most the last second's tries.
#[derive(Clone)]
pub struct Redis {
    line: Arc<Line>,
    prefix: Arc<str>,
    database: i64,
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
}

impl fmt::Debug for InvalidRedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Redis {
    /// The Redis at this URL: `redis://host:port/database`, or `rediss://` over TLS, with `user:password@` before the
    /// host if it wants them. Opens no connection yet.
    ///
    /// # Errors
    /// [`InvalidRedisUrl`].
    pub fn from_url(url: &str) -> Result<Self, InvalidRedisUrl> {
        let info = url.into_connection_info().map_err(|_| InvalidRedisUrl::Malformed)?;
        match info.addr() {
            ConnectionAddr::Tcp(host, _) => {
                let has_password = info.redis_settings().password().is_some();
                if has_password && !PublicUrl::is_loopback_host(host) {
                    return Err(InvalidRedisUrl::Insecure);
                }
            }
            ConnectionAddr::TcpTls { insecure: false, .. } => {}
            ConnectionAddr::TcpTls { .. } => return Err(InvalidRedisUrl::Insecure),
            _ => return Err(InvalidRedisUrl::Malformed),
        }
        let database = info.redis_settings().db();
        let client = Client::open(info).map_err(|_| InvalidRedisUrl::Malformed)?;
        Ok(Self { line: Arc::new(Line::new(client)), prefix: "ciam".into(), database })
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
    #[must_use]
    pub fn invalidation(&self) -> RedisInvalidation {
        RedisInvalidation::new(self.clone())
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

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

fn unavailable(error: RedisError) -> StoreError {
    StoreError::Unavailable(error.into())
}
