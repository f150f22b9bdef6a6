//! Whoever keeps records in memory is told of every unit that may change them, before it can.

use std::fmt;

use async_trait::async_trait;

use super::backend::Batch;

/// Is told of every unit that writes through a [`Store`](super::Store) and its clones.
///
/// It stands where units are committed and not in the services, so that no service, and no host that writes through
/// the same handle, can forget it.
pub(crate) trait Watch: fmt::Debug + Send + Sync + 'static {
    /// Called before the batch may be committed; none when it changes nothing that is watched.
    fn begin(&self, batch: &Batch) -> Option<Box<dyn Pending>>;
}

/// A unit under way that changes something watched. Dropped without an outcome it counts as under way for ever.
#[async_trait]
pub(crate) trait Pending: Send + Sync {
    /// Called once it is certain that the unit was committed, and before its caller hears of it.
    async fn committed(self: Box<Self>);

    /// Called once it is certain that the unit was not committed, and never will be.
    fn never(self: Box<Self>);

    /// Whether nobody wants to know any more.
    fn is_moot(&self) -> bool;
}
