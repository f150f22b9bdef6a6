//! Reading the stream of events in order, once, however many nodes do so.
//!
//! A follower keeps its place in the store and moves it in the batch that holds what the events led to. So an effect
//! in the store happens once for each event, whatever crashes. An effect elsewhere happens at least once: between it
//! and the batch the process may end.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::events::Event;
use crate::id::RecordId as _;
use crate::secret::Digest;
use crate::store::{Collection, Position, Record, Store, StoreError, Work};

crate::id!(LeaseId, "lease", "A right to do some work alone for a while, derived from what it is for.");
crate::id!(FollowerId, "foll", "A follower of the stream, derived from its name and part.");

/// How long one node has the stream to itself after it has last shown itself (default 30 seconds).
const LEASE: Duration = Duration::from_secs(30);
/// How long [`Follower::run_until`] rests when there is nothing new, or somebody else is at it (default half a second).
const REST: Duration = Duration::from_millis(500);
/// How many events it takes at once (default 100): with what they lead to they must fit into one batch.
const AT_ONCE: u32 = 100;

/// How far a follower has come, and on which node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Following {
    id: FollowerId,
    name: String,
    after: Position,
    holder: Uuid,
    until: Timestamp,
}

impl Record for Following {
    type Id = FollowerId;
    const COLLECTION: Collection<Self> = Collection::new("followers");

    fn id(&self) -> FollowerId {
        self.id
    }
}

/// Reads the events in commit order, and remembers how far. Several nodes may follow under one name: one of them works,
/// and another goes on where it ended.
///
/// ```
/// use ciam_core::events::Event;
/// use ciam_core::store::{StoreError, Work};
/// # use ciam_core::{Ciam, messages::Mailbox, store::MemoryStore};
/// # async fn follow(identity: &Ciam, terminated: impl Future<Output = ()>) {
/// let newsletter = identity.follower("newsletter");
/// newsletter
///     .run_until(terminated, |work: Work, events: Vec<Event>| async move {
///         for event in events.iter().filter(|event| event.name == "user.registered") {
///             // work.insert(&Subscriber { … })? : kept in the same batch as the place in the stream
///             let _ = (&work, event.subject);
///         }
///         Ok::<_, StoreError>(())
///     })
///     .await;
/// # }
/// # fn main() {}
/// ```
#[derive(Debug, Clone)]
pub struct Follower {
    store: Store,
    name: String,
    part: u32,
    parts: u32,
    holder: Uuid,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// So many events were read, and what they led to is kept.
    Forward(usize),
    /// There is nothing new.
    Nothing,
    /// Another node is at it.
    Elsewhere,
}

impl Follower {
    pub(crate) fn new(store: Store, name: impl Into<String>) -> Self {
        let holder = store.entropy().uuid(store.clock().now());
        Self { store, name: name.into(), part: 0, parts: 1, holder }
    }

    /// Follows one part of so many, for nodes that share the work: the events about one user are all in one part, in
    /// their order. Each part keeps a place of its own; a follower whose number of parts changes begins anew.
    ///
    /// # Panics
    /// When there is no such part.
    #[must_use]
    pub fn part(mut self, part: u32, of: u32) -> Self {
        assert!(part < of, "a follower has part {part} of {of}");
        (self.part, self.parts) = (part, of);
        self
    }

    /// Reads at most so many events and does what they lead to, in one unit of work together with the new place.
    ///
    /// `effect` may run several times for the same events, as the body of a unit may
    /// ([`Store::transact`](crate::store::Store::transact)); what it writes is kept once. An `Err` leaves the place.
    ///
    /// # Errors
    /// What `effect` says; [`StoreError`].
    pub async fn step<E, F, Fut>(&self, limit: u32, effect: F) -> Result<Step, E>
    where
        F: Fn(Work, Vec<Event>) -> Fut + Send + Sync,
        Fut: Future<Output = Result<(), E>> + Send,
        E: From<StoreError> + Send,
    {
        let Some(after) = self.claim().await? else { return Ok(Step::Elsewhere) };
        let read = self.store.tail::<Event>(after, limit).await?;
        let Some((last, _)) = read.last() else { return Ok(Step::Nothing) };
        let (last, length) = (*last, read.len());
        let events: Vec<Event> = read.into_iter().map(|(_, event)| event).filter(|event| self.has(event)).collect();
        let (events, effect) = (&events, &effect);
        self.store
            .transact(|work| async move {
                let mut following = match work.get::<Following>(self.id()).await? {
                    Some(following) if following.holder == self.holder && following.after == after => following,
                    // Another node has taken over, and done this perhaps.
                    _ => return Ok(Step::Elsewhere),
                };
                following.after = last;
                following.until = work.now() + LEASE;
                work.replace(&following)?;
                if !events.is_empty() {
                    effect(work.clone(), events.clone()).await?;
                }
                Ok(Step::Forward(length))
            })
            .await
    }

    /// Steps until `stop` is done, and rests where there is nothing to do. An error is logged, and the same events are
    /// tried again after a rest.
    pub async fn run_until<E, F, Fut>(&self, stop: impl Future<Output = ()>, effect: F)
    where
        F: Fn(Work, Vec<Event>) -> Fut + Send + Sync,
        Fut: Future<Output = Result<(), E>> + Send,
        E: From<StoreError> + std::fmt::Display + Send,
    {
        let steps = async {
            loop {
                match self.step(AT_ONCE, &effect).await {
                    Ok(Step::Forward(_)) => {}
                    Ok(Step::Nothing | Step::Elsewhere) => tokio::time::sleep(REST).await,
                    Err(error) => {
                        tracing::warn!(follower = self.name, %error, "a follower of the events pauses");
                        tokio::time::sleep(REST).await;
                    }
                }
            }
        };
        let (mut steps, mut stop) = (std::pin::pin!(steps), std::pin::pin!(stop));
        std::future::poll_fn(|context| {
            if stop.as_mut().poll(context).is_ready() {
                return std::task::Poll::Ready(());
            }
            let never: std::task::Poll<std::convert::Infallible> = steps.as_mut().poll(context);
            never.map(|never| match never {})
        })
        .await;
    }

    /// Takes the stream for this node, unless another has it; says from where to go on.
    async fn claim(&self) -> Result<Option<Position>, StoreError> {
        let now = self.store.clock().now();
        match self.store.get::<Following>(self.id()).await? {
            Some(own) if own.holder == self.holder && now + LEASE / 2 < own.until => return Ok(Some(own.after)),
            Some(other) if other.holder != self.holder && now < other.until => return Ok(None),
            _ => {}
        }
        self.store
            .transact(|work| async move {
                let (holder, until) = (self.holder, work.now() + LEASE);
                match work.get::<Following>(self.id()).await? {
                    None => {
                        let (id, name, after) = (self.id(), self.name.clone(), Position::START);
                        work.insert(&Following { id, name, after, holder, until })?;
                        Ok(Some(after))
                    }
                    Some(other) if other.holder != holder && work.now() < other.until => Ok(None),
                    Some(left) => {
                        work.replace(&Following { holder, until, ..left.clone() })?;
                        Ok(Some(left.after))
                    }
                }
            })
            .await
    }

    /// Whether an event is of this part: by whom it is about, or else by itself.
    fn has(&self, event: &Event) -> bool {
        let of = event.subject.map_or(event.id.uuid(), |subject| subject.uuid());
        let random = u32::from_be_bytes([12, 13, 14, 15].map(|at: usize| of.as_bytes()[at]));
        random % self.parts == self.part
    }

    fn id(&self) -> FollowerId {
        let (part, parts) = (self.part.to_be_bytes(), self.parts.to_be_bytes());
        Digest::of_all(&[b"follower", self.store.realm().uuid().as_bytes(), self.name.as_bytes(), &part, &parts]).id()
    }
}

#[cfg(test)]
mod tests;
