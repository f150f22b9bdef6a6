//! How the nodes of one application tell each other what they have revoked.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::memory::{Memory, Source};
use super::{Session, SessionId};
use crate::id::{RecordId, UserId};
use crate::store::{Listener, Record};
use crate::users::Standing;

/// What must not be served from memory any more, because it was ended, raised, suspended, rotated or renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", content = "id", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Revoked {
    /// One session.
    Session(SessionId),
    /// The standing of a user, on which all their sessions depend.
    User(UserId),
}

impl Revoked {
    /// What a record of this collection stands for, if it is one of ours.
    pub(super) fn of(collection: &str, id: Uuid) -> Option<Self> {
        if collection == Session::COLLECTION.name() {
            Some(Self::Session(SessionId::from_uuid(id)))
        } else if collection == Standing::COLLECTION.name() {
            Some(Self::User(UserId::from_uuid(id)))
        } else {
            None
        }
    }
}

/// The channel did not take what was to be told.
#[derive(Debug, thiserror::Error)]
#[error("other nodes cannot be told")]
pub struct InvalidationError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl InvalidationError {
    /// With the driver's own error as its cause.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// A channel between the nodes of one application, on which each tells the others what it has revoked.
///
/// With one or without, an engine listens to what its store [announces](crate::store::Backend::listen), as PostgreSQL does.
/// Without one it takes itself for the only node when its store announces nothing. What the engine does when the channel
/// fails, or the store's announcements: a node that has lost one of them reads every session from the store until it is back, and then begins with an empty cache. What cannot be
/// published is tried again for a minute; meanwhile other nodes may serve what they have for as long as
/// [`SessionCache::max_age`](super::SessionCache::max_age) lets them.
///
/// An implementation must notice within a second that it is cut off, and say [`Node::lost`]; and deliver within a
/// second what was published while it was not.
#[async_trait]
pub trait Invalidation: fmt::Debug + Send + Sync + 'static {
    /// Begins to tell this node what others revoke, and goes on until [`Node::is_gone`].
    ///
    /// The node counts as cut off until the channel says [`Node::connected`], which it does when it is certain to hear
    /// everything from then on: subscribe first. It may be told what it revoked itself, too.
    fn join(&self, node: Node);

    /// Tells the other nodes. Called after the commit; done when the channel has it.
    ///
    /// # Errors
    /// [`InvalidationError`]: it is called again.
    async fn publish(&self, revoked: &[Revoked]) -> Result<(), InvalidationError>;
}

/// A node that listens, as its channel sees it. Keeps no engine alive.
#[derive(Debug, Clone)]
pub struct Node {
    memory: Weak<Memory>,
    /// Who tells it.
    source: Source,
}

impl Node {
    pub(super) const fn new(memory: Weak<Memory>, source: Source) -> Self {
        Self { memory, source }
    }

    /// Another node has revoked this.
    pub fn revoked(&self, revoked: &[Revoked]) {
        if let Some(memory) = self.memory.upgrade() {
            revoked.iter().for_each(|one| memory.evict(*one));
        }
    }

    /// The node hears everything from now on, and begins with an empty cache.
    pub fn connected(&self) {
        if let Some(memory) = self.memory.upgrade() {
            memory.hear(self.source);
        }
    }

    /// The node may miss what others revoke from now on: it serves nothing from memory until it is
    /// [connected](Node::connected).
    pub fn lost(&self) {
        if let Some(memory) = self.memory.upgrade() {
            memory.miss(self.source);
        }
    }

    /// Whether its engine is no more, so that nobody need be told.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.memory.strong_count() == 0
    }
}

/// The backend's own channel.
impl Listener for Node {
    fn changed(&self, collection: &str, id: Uuid) {
        if let Some(one) = Revoked::of(collection, id) {
            self.revoked(&[one]);
        }
    }

    fn connected(&self) {
        Self::connected(self);
    }

    fn lost(&self) {
        Self::lost(self);
    }

    fn is_gone(&self) -> bool {
        Self::is_gone(self)
    }
}

/// Connects the engines of one process that stand on one database: what one revokes is refused by the others at
/// their next check.
///
/// ```
/// # use ciam_core::{Ciam, messages::Mailbox, sessions::InProcess, store::MemoryStore};
/// # use std::sync::Arc;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ciam_core::BuildError> {
/// let (database, nodes) = (Arc::new(MemoryStore::new()), InProcess::new());
/// let engine = || Ciam::builder().shared_store(database.clone()).messenger(Mailbox::new()).invalidation(nodes.clone());
/// let (shop, back_office) = (engine().build().await?, engine().build().await?);
/// # let _ = (shop, back_office);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct InProcess {
    nodes: Arc<Mutex<Vec<Node>>>,
}

impl InProcess {
    /// A channel that nobody has joined yet; its clones are the same channel.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Invalidation for InProcess {
    fn join(&self, node: Node) {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).push(node.clone());
        node.connected();
    }

    async fn publish(&self, revoked: &[Revoked]) -> Result<(), InvalidationError> {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.retain(|node| !node.is_gone());
        nodes.iter().for_each(|node| node.revoked(revoked));
        Ok(())
    }
}
