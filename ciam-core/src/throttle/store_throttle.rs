//! The throttle whose counters are records of a store.

use std::time::Duration;

use async_trait::async_trait;

use super::counter::{Counter, CounterId, Held, Outcome, Room};
use super::limits::Limit;
use super::{Reservation, Throttle, ThrottleError};
use crate::events::NewEvent;
use crate::store::{Store, StoreError, Work};

/// The throttle whose counters are records of a store: of the engine's own, or of one apart from it.
#[derive(Debug, Clone)]
pub struct StoreThrottle {
    store: Store,
    /// The engine's store, where it is another one: its units cannot hold the counters, and events go there.
    events: Option<Store>,
}

/// How often a reservation looks again for tries under way to end, and how long it pauses between:
/// five seconds in all.
const LOOKS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(25);

/// What a look at the counters found.
enum Look {
    Reserved(Reservation),
    Busy(&'static str),
    Full { limit: &'static str, retry_after: Duration },
}

impl StoreThrottle {
    /// A throttle over the engine's own store: a try is settled in the unit that it belongs to.
    #[must_use]
    pub const fn new(store: Store) -> Self {
        Self { store, events: None }
    }

    /// A throttle over a store of its own: a try is settled after the unit that it belongs to, in a commit of its own.
    /// What is told of it is written to the engine's store, `events`, after that: a process that ends between the two
    /// leaves it out. [`CiamBuilder::throttle_store`](crate::CiamBuilder::throttle_store) makes one.
    #[must_use]
    pub const fn apart(store: Store, events: Store) -> Self {
        Self { store, events: Some(events) }
    }

    /// Counts a try under every limit, if there is room, to its end whoever still waits for it: a reservation
    /// that nobody takes gives itself back.
    async fn look(&self, limits: Vec<Limit>) -> Result<Look, StoreError> {
        let throttle = self.clone();
        let looking = tokio::spawn(async move {
            let limits = &limits;
            let looked = throttle.store.transact(|work| throttle.look_in(work, limits)).await;
            match looked {
                Ok(Look::Reserved(reservation)) => Ok(Look::Reserved(throttle.give_back_when_dropped(reservation))),
                // Others came first, as many as there was room for.
                Err(error) if Counter::refused(&error) => Ok(Look::Busy(limits.first().map_or("", Limit::name))),
                Err(StoreError::Contended) => Ok(Look::Busy(limits.first().map_or("", Limit::name))),
                other => other,
            }
        });
        looking.await.map_err(|error| StoreError::Unavailable(error.into()))?
    }

    /// Reads the counters, which guards them, and counts where there is room under all limits.
    async fn look_in(&self, work: Work, limits: &[Limit]) -> Result<Look, StoreError> {
        let counters = self.counters(&work, limits).await?;
        let all = || limits.iter().zip(&counters).map(|(limit, counter)| (limit, counter.as_ref()));
        let shared = !all().any(|(limit, counter)| limit.share_is_used_up(counter));
        let (mut full, mut busy, mut would_refuse) = (None, None, None);
        for (limit, counter) in all().filter(|(limit, _)| !limit.passing) {
            match limit.room(counter, work.now(), false) {
                Room::Full(_) if limit.monitored => would_refuse = would_refuse.or(Some(limit.name)),
                Room::Full(wait) => full = full.max(Some((wait, limit.name))),
                Room::Busy if !limit.monitored && (shared || !limit.shielded) => busy = busy.or(Some(limit.name)),
                Room::Busy | Room::Free => {}
            }
        }
        if let Some((retry_after, limit)) = full {
            return Ok(Look::Full { limit, retry_after });
        }
        if let Some(limit) = busy {
            return Ok(Look::Busy(limit));
        }
        let held = all()
            .map(|(limit, counter)| {
                let counted = !limit.passing && (shared || !limit.shielded);
                limit.reserve_in(&self.store, &work, counter, counted, shared)
            })
            .collect::<Result<_, _>>()?;
        let is_attacked = |(limit, counter): (&Limit, Option<&Counter>)| {
            counter.is_some_and(|counter| counter.is_under_attack(limit, work.now()))
        };
        let is_under_attack = all().any(is_attacked);
        let mut reservation = Reservation::holding(held);
        reservation.would_refuse = would_refuse;
        reservation.is_under_attack = is_under_attack;
        Ok(Look::Reserved(reservation))
    }

    async fn counters(&self, work: &Work, limits: &[Limit]) -> Result<Vec<Option<Counter>>, StoreError> {
        let ids: Vec<CounterId> = limits.iter().map(|limit| limit.counter_id(&self.store)).collect();
        work.get_many::<Counter>(&ids).await
    }

    async fn forget_in(&self, work: &Work, limits: &[Limit]) -> Result<(), StoreError> {
        for counter in self.counters(work, limits).await?.into_iter().flatten() {
            work.remove::<Counter>(crate::store::Record::id(&counter))?;
        }
        Ok(())
    }

    fn give_back_when_dropped(&self, reservation: Reservation) -> Reservation {
        let throttle = self.clone();
        reservation.or_else(move |reservation| {
            tokio::spawn(async move {
                if let Err(error) = throttle.settle(reservation, Outcome::Cancelled).await {
                    tracing::warn!(%error, "an abandoned try stays counted");
                }
            });
        })
    }

    /// Settles a try in a unit of the counters' store. Answers what is to be told of it.
    async fn settle_held(&self, work: &Work, held: &[Held], outcome: Outcome) -> Result<Vec<NewEvent>, StoreError> {
        let ids: Vec<CounterId> = held.iter().map(|held| held.limit.counter_id(&self.store)).collect();
        let counters = work.get_many::<Counter>(&ids).await?;
        let mut told = Vec::new();
        for (held, counter) in held.iter().zip(counters) {
            if let Some(counter) = counter {
                told.extend(held.settle_in(work, &counter, outcome)?);
            }
        }
        Ok(told)
    }
}

#[async_trait]
impl Throttle for StoreThrottle {
    async fn reserve(&self, limits: Vec<Limit>) -> Result<Reservation, ThrottleError> {
        let mut filled = "";
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            match self.look(limits.clone()).await? {
                Look::Reserved(reservation) => return Ok(reservation),
                Look::Full { limit, retry_after } => return Err(ThrottleError::Throttled { limit, retry_after }),
                Look::Busy(limit) => filled = limit,
            }
        }
        Err(ThrottleError::Throttled { limit: filled, retry_after: Duration::from_secs(1) })
    }

    async fn settle(&self, mut reservation: Reservation, outcome: Outcome) -> Result<(), ThrottleError> {
        let held = &reservation.take();
        let settled = self.store.transact(|work| async move {
            let told = self.settle_held(&work, held, outcome).await?;
            if self.events.is_none() {
                told.iter().try_for_each(|event| work.record(event.clone()))?;
            }
            Ok::<_, StoreError>(told)
        });
        let told = &settled.await?;
        if let (Some(events), false) = (&self.events, told.is_empty()) {
            let write = |work: Work| async move { told.iter().try_for_each(|event| work.record(event.clone())) };
            events.transact(write).await?;
        }
        Ok(())
    }

    async fn settle_in(&self, work: &Work, reservation: &Reservation, outcome: Outcome) -> Result<bool, StoreError> {
        if self.events.is_some() {
            return Ok(false);
        }
        let told = self.settle_held(work, &reservation.held, outcome).await?;
        told.into_iter().try_for_each(|event| work.record(event))?;
        Ok(true)
    }

    async fn forgive_in(&self, work: &Work, limits: &[Limit]) -> Result<(), StoreError> {
        if self.events.is_none() {
            return self.forget_in(work, limits).await;
        }
        let (throttle, limits) = (self.clone(), limits.to_vec());
        work.on_commit(move || {
            tokio::spawn(async move {
                let (throttle, limits) = (&throttle, &limits);
                let forgotten =
                    throttle.store.transact(|work| async move { throttle.forget_in(&work, limits).await }).await;
                if let Err(error) = forgotten {
                    tracing::warn!(%error, "tries that were to be forgotten stay counted");
                }
            });
        });
        Ok(())
    }
}
