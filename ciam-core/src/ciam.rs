//! The engine: everything behind one handle. What it is given: `builder.rs`; how that becomes one: `build.rs`.

mod build;
mod builder;
mod error;

use std::sync::Arc;

use crate::authenticators::Authenticators;
use crate::clock::Clock;
use crate::config::Config;
use crate::entropy::Entropy;
use crate::followers::Follower;
use crate::identifiers::Identifiers;
use crate::journeys::Journeys;
use crate::messages::{Outbox, Templates};
use crate::passwords::{PasswordHasher, Passwords};
use crate::readiness::Vitals;
use crate::sessions::Sessions;
use crate::store::{Staged, Store};
use crate::throttle::Tries;
use crate::users::Users;
use crate::workers::{Background, Overdue, Workers};

pub use builder::CiamBuilder;
pub use error::BuildError;

/// The engine. Cheap to clone; all clones are one engine, whose workers end with the last of them.
#[derive(Debug, Clone)]
pub struct Ciam {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    config: Arc<Config>,
    users: Users,
    sessions: Sessions,
    journeys: Journeys,
    passwords: Passwords,
    identifiers: Identifiers,
    authenticators: Authenticators,
    outbox: Outbox,
    tries: Tries,
    templates: Templates,
    workers: Workers,
    background: Background,
    hasher: Arc<dyn PasswordHasher>,
    vitals: Arc<Vitals>,
}

impl Ciam {
    /// Begins to put an engine together.
    pub fn builder() -> CiamBuilder {
        CiamBuilder::default()
    }

    /// Users: create, find, list, rename, suspend, activate.
    #[must_use]
    pub fn users(&self) -> &Users {
        &self.inner.users
    }

    /// Sessions: check, list, end.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.inner.sessions
    }

    /// Passwords: change, set.
    #[must_use]
    pub fn passwords(&self) -> &Passwords {
        &self.inner.passwords
    }

    /// What accounts are found by: list, remove.
    #[must_use]
    pub fn identifiers(&self) -> &Identifiers {
        &self.inner.identifiers
    }

    /// With what people prove who they are beside their passwords: lists, and removals.
    #[must_use]
    pub fn authenticators(&self) -> &Authenticators {
        &self.inner.authenticators
    }

    /// Journeys: sign-up, sign-in, recovery, a fresh proof, one more identifier; and the links of their messages.
    #[must_use]
    pub fn journeys(&self) -> &Journeys {
        &self.inner.journeys
    }

    /// The messages that wait to be sent.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.inner.outbox
    }

    /// The limits on tries: forgive an account, write summaries.
    #[must_use]
    pub fn tries(&self) -> &Tries {
        &self.inner.tries
    }

    /// What the engine does beside requests, to be run by the host: for an engine that was built
    /// [`without_workers`](CiamBuilder::without_workers).
    #[must_use]
    pub fn workers(&self) -> Workers {
        self.inner.workers.clone()
    }

    /// Reads the events in order and remembers how far, under this name: for what an application does about them.
    #[must_use]
    pub fn follower(&self, name: impl Into<String>) -> Follower {
        Follower::new(self.inner.store.clone(), name)
    }

    /// Ends the engine's own workers: no more work is begun, when sessions were last seen is written, and a message that
    /// is just being sent is waited for, as long as [`CiamBuilder::shutdown_grace`] says.
    ///
    /// Call it after the server has ended, before the runtime does. Requests that are served all the same work as
    /// before; what they leave in the outbox waits for the next start. A second call finds nothing to do.
    ///
    /// ```no_run
    /// # async fn serve() {}
    /// # async fn main_of(identity: ciam_core::Ciam) -> Result<(), Box<dyn std::error::Error>> {
    /// serve().await; // axum::serve(…).with_graceful_shutdown(…)
    /// identity.shutdown().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Overdue`]: a messenger or the store took too long. A message is sent again after the next start.
    pub async fn shutdown(&self) -> Result<(), Overdue> {
        self.announce_shutdown();
        let ended = self.inner.background.shutdown().await;
        // Also what was noted since the worker's last time, or where there is none: no other process knows of it.
        let flush = self.inner.sessions.flush_seen();
        match tokio::time::timeout(self.inner.config.shutdown_grace, flush).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "when sessions were last seen is not written"),
            Err(_) => return Err(Overdue),
        }
        ended
    }

    /// The texts of messages, to be changed while the program runs.
    #[must_use]
    pub fn templates(&self) -> &Templates {
        &self.inner.templates
    }

    /// The store, for the host's own records. What is written through this handle and its clones is in force at once;
    /// what is written to sessions past it, through another handle or by another program, only as
    /// [`SessionCache::max_age`](crate::sessions::SessionCache::max_age) says.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Begins a unit of work that the host commits within a transaction of its own, on the same database: an order and
    /// its customer are there together, or not at all. See [`Staged`].
    pub fn staged(&self) -> Staged {
        self.inner.store.staged()
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        self.inner.store.clock()
    }

    /// The source of randomness.
    #[must_use]
    pub fn entropy(&self) -> &Arc<dyn Entropy> {
        self.inner.store.entropy()
    }

    pub(crate) fn vitals(&self) -> &Vitals {
        &self.inner.vitals
    }

    pub(crate) fn hasher(&self) -> &dyn PasswordHasher {
        self.inner.hasher.as_ref()
    }

    /// What the engine was built with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }
}
