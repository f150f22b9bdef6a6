//! What journeys ask of the limits, and what is written of those who are refused.

use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument as _;

use super::counter::{Counter, Outcome, Room};
use super::limits::{Limit, ThrottleLimits};
use super::rules::{Account, Postage, SECOND, SIGN_IN, account_limit, recovery_account_limit};
use super::summaries::Summaries;
use super::{Reservation, Throttle, ThrottleError};
use crate::clock::Timestamp;
use crate::events::{Actor, Cause, NewEvent, Origin};
use crate::id::UserId;
use crate::store::{Store, StoreError, Work};
use crate::workers::Stop;

/// How long the worker rests between summaries.
const REST: Duration = Duration::from_mins(1);

/// Counts tries and messages under their limits, and tells in events whom they refuse.
///
/// Tries to sign in are counted by the engine's [`Throttle`]; sign-ups and messages always in the store.
#[derive(Debug, Clone)]
pub struct Tries {
    store: Store,
    throttle: Arc<dyn Throttle>,
    limits: ThrottleLimits,
    summaries: Summaries,
}

impl Tries {
    pub(crate) fn new(store: Store, throttle: Arc<dyn Throttle>, limits: ThrottleLimits) -> Self {
        Self { store, throttle, limits, summaries: Summaries::default() }
    }

    /// Forgets the failures of an account, as its owner's own sign-in does: the waits of strangers begin anew, and
    /// the password opens the account again where too many failures had disabled it. Wrong codes of recoveries are
    /// forgotten, too.
    ///
    /// For an operator, and of second factors, too; recovery and the change of a password forget those of passwords
    /// alone.
    ///
    /// # Errors
    /// [`StoreError`]: nothing is forgotten.
    pub async fn forgive(&self, by: &Cause, user: UserId) -> Result<(), StoreError> {
        self.store
            .transact(|work| async move {
                self.forgive_in(&work, user).await?;
                let second = account_limit(&self.limits, &SECOND, Account::Known(user));
                self.throttle.forgive_in(&work, &[second]).await?;
                work.record(NewEvent::new("throttle.forgiven", by).about(user))
            })
            .await
    }

    /// As [`Tries::forgive`] in the caller's unit, which writes an event of its own.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forgive_in(&self, work: &Work, user: UserId) -> Result<(), StoreError> {
        let account = Account::Known(user);
        let limits = [account_limit(&self.limits, &SIGN_IN, account), recovery_account_limit(&self.limits, account)];
        self.throttle.forgive_in(work, &limits).await
    }

    /// Writes the summaries that are due: how many were refused, and how many failed, since the last. The engine's
    /// worker does it every minute; a host that starts none calls it.
    ///
    /// # Errors
    /// [`StoreError`]: what was to be written is lost.
    pub async fn summarise(&self) -> Result<(), StoreError> {
        let due = self.summaries.due(self.store.clock().now());
        self.write_all(&due).await
    }

    /// Writes summaries as they are due, and all that was gathered when work is to stop.
    pub(crate) async fn run(self, mut stop: Stop) {
        while !stop.is_stopped() {
            stop.rest(REST).await;
            let gathered =
                if stop.is_stopped() { self.summaries.all() } else { self.summaries.due(self.store.clock().now()) };
            if let Err(error) = self.write_all(&gathered).await {
                tracing::warn!(%error, "a summary of refused tries is lost");
            }
            stop.beat();
        }
    }

    async fn write_all(&self, events: &[NewEvent]) -> Result<(), StoreError> {
        for events in events.chunks(100) {
            self.write(events).await?;
        }
        Ok(())
    }

    /// Reserves a try, as [`Throttle::reserve`], and writes who was refused.
    pub(crate) async fn reserve(&self, limits: Vec<Limit>) -> Result<Reservation, ThrottleError> {
        let asked = limits.clone();
        let limit = |name: &str| asked.iter().find(|limit| limit.name == name);
        let reserved = self.throttle.reserve(limits).await;
        match &reserved {
            Ok(Reservation { would_refuse: Some(name), .. }) => {
                if let Some(limit) = limit(name) {
                    self.tell(limit, "throttle.would_refuse").await;
                }
            }
            Err(ThrottleError::Throttled { limit: name, .. }) => {
                if let Some(limit) = limit(name) {
                    self.tell(limit, "throttle.refused").await;
                }
            }
            _ => {}
        }
        reserved
    }

    /// The try failed: it stays counted, and the event is written in the same batch. When the account or its pair
    /// with this address is under attack already, events are gathered.
    ///
    /// That happens whoever still waits for it: a client that hangs up once its try is judged gets nothing back.
    pub(crate) async fn failed(&self, reservation: Reservation, event: NewEvent) -> Result<(), ThrottleError> {
        let (tries, reservation) = (self.clone(), reservation.or_else(drop));
        let settling = async move { tries.settle_failed(reservation, event).await };
        let settled = tokio::spawn(settling.in_current_span()).await;
        settled.map_err(|ended| StoreError::Unavailable(ended.into()))?
    }

    async fn settle_failed(&self, reservation: Reservation, event: NewEvent) -> Result<(), ThrottleError> {
        let event = match reservation.attacked() {
            Some(key) => {
                let kind = event.datum("reason").map(ToString::to_string).unwrap_or_default();
                let about = [event.name().as_bytes(), kind.as_bytes(), key.bytes()];
                self.summaries.note(&about, event.clone(), self.store.clock().now())
            }
            None => Some(event),
        };
        let (held, event) = (&reservation, &event);
        let settled = self
            .store
            .transact(|work| async move {
                let settled = self.throttle.settle_in(&work, held, Outcome::Failed).await?;
                if settled {
                    held.settled_by(&work);
                }
                if let Some(event) = event {
                    work.record(event.clone())?;
                }
                Ok::<_, StoreError>(settled)
            })
            .await?;
        if settled { Ok(()) } else { self.throttle.settle(reservation, Outcome::Failed).await }
    }

    /// The try succeeded: settles it in the caller's unit, where the throttle can.
    pub(crate) async fn succeeded_in(&self, work: &Work, reservation: &Reservation) -> Result<(), StoreError> {
        if self.throttle.settle_in(work, reservation, Outcome::Succeeded).await? {
            reservation.settled_by(work);
        }
        Ok(())
    }

    /// The try succeeded: settles it, unless the unit of [`Tries::succeeded_in`] has.
    pub(crate) async fn succeeded(&self, reservation: Reservation) -> Result<(), ThrottleError> {
        if reservation.is_open() { self.throttle.settle(reservation, Outcome::Succeeded).await } else { Ok(()) }
    }

    /// Nothing was tried after all: it is given back.
    pub(crate) async fn cancelled(&self, reservation: Reservation) -> Result<(), ThrottleError> {
        self.throttle.settle(reservation, Outcome::Cancelled).await
    }

    /// Counts one at once, for what is limited whatever comes of it.
    ///
    /// # Errors
    /// [`ThrottleError::Throttled`] past the limit: then it was not counted.
    pub(crate) async fn spend(&self, limit: &Limit) -> Result<(), ThrottleError> {
        let spent = self.store.transact(|work| async move { self.spend_in(&work, limit).await }).await;
        match spent {
            Err(ThrottleError::Throttled { .. }) => {}
            Err(ThrottleError::Store(error)) if Counter::refused(&error) => {}
            other => return other,
        }
        self.tell(limit, "throttle.refused").await;
        let retry_after = self.wait(limit).await?.unwrap_or(Duration::from_secs(1));
        Err(ThrottleError::Throttled { limit: limit.name, retry_after })
    }

    async fn spend_in(&self, work: &Work, limit: &Limit) -> Result<(), ThrottleError> {
        let counter = work.get::<Counter>(limit.counter_id(&self.store)).await?;
        match limit.room(counter.as_ref(), work.now(), true) {
            Room::Free => {}
            Room::Full(_) | Room::Busy if limit.monitored => self.tell_in(work, limit, "throttle.would_refuse")?,
            Room::Full(retry_after) => return Err(ThrottleError::Throttled { limit: limit.name, retry_after }),
            Room::Busy => {
                return Err(ThrottleError::Throttled { limit: limit.name, retry_after: Duration::from_secs(1) });
            }
        }
        Ok(limit.spend_in(&self.store, work, counter.as_ref())?)
    }

    async fn wait(&self, limit: &Limit) -> Result<Option<Duration>, StoreError> {
        let counter = self.store.get::<Counter>(limit.counter_id(&self.store)).await?;
        match limit.room(counter.as_ref(), self.store.clock().now(), true) {
            Room::Full(wait) if !limit.monitored => Ok(Some(wait)),
            _ => Ok(None),
        }
    }

    /// Whether a message could be sent now: to be asked before it is prepared. Counts nothing.
    ///
    /// # Errors
    /// [`ThrottleError::Throttled`] when it could not.
    pub(crate) async fn look_at_postage(&self, postage: &Postage) -> Result<(), ThrottleError> {
        let target = &postage.target;
        let of_target = target.look(&self.store).await?.filter(|_| !target.monitored);
        let mut longest = of_target.map(|wait| (wait, target.name));
        for limit in postage.beside() {
            longest = longest.max(self.wait(limit).await?.map(|wait| (wait, limit.name)));
        }
        let Some((retry_after, limit)) = longest else { return Ok(()) };
        self.tell(&Self::limit_of(postage, limit), "throttle.refused").await;
        Err(ThrottleError::Throttled { limit, retry_after })
    }

    /// Counts a message in the unit that queues it, so that there are never more messages than were counted.
    ///
    /// # Errors
    /// [`ThrottleError::Throttled`] past a limit. Its commit, too, may be refused: [`Tries::refusal`] says how long
    /// to wait then.
    pub(crate) async fn post_in(&self, work: &Work, postage: &Postage) -> Result<(), ThrottleError> {
        let target = &postage.target;
        match target.take_in(&self.store, work).await? {
            Some(_) if target.monitored => {
                self.tell_in(work, &Self::limit_of(postage, target.name), "throttle.would_refuse")?;
            }
            Some(retry_after) => return Err(ThrottleError::Throttled { limit: target.name, retry_after }),
            None => {}
        }
        for limit in postage.beside() {
            self.spend_in(work, limit).await?;
        }
        Ok(())
    }

    /// Whether messages that tell of one change may go out; if so they are counted, in the unit of the change, which is
    /// never refused for their sake. The account's own bucket decides alone: what a client or others have had sent
    /// before must silence nobody's notices. They count for the client and the application all the same.
    pub(crate) async fn notice_in(&self, work: &Work, postage: &Postage, messages: u32) -> Result<bool, StoreError> {
        let target = &postage.target;
        if target.take_in(&self.store, work).await?.is_some() {
            let name = if target.monitored { "throttle.would_refuse" } else { "throttle.refused" };
            self.tell_in(work, &Self::limit_of(postage, target.name), name)?;
            if !target.monitored {
                return Ok(false);
            }
        }
        for limit in postage.beside() {
            let counter = work.get::<Counter>(limit.counter_id(&self.store)).await?;
            limit.note_in(&self.store, work, counter.as_ref(), messages)?;
        }
        Ok(true)
    }

    /// Whether an error of a commit says that a limit was reached.
    pub(crate) fn refused(error: &StoreError) -> bool {
        Counter::refused(error)
    }

    /// What a client is told whose message was refused by [`Tries::post_in`] or its commit.
    pub(crate) async fn refusal(&self, postage: &Postage) -> ThrottleError {
        match self.look_at_postage(postage).await {
            Err(error) => error,
            Ok(()) => {
                let limit = postage.client.name;
                ThrottleError::Throttled { limit, retry_after: Duration::from_secs(1) }
            }
        }
    }

    /// The limit of a message by its name, as events are told of it.
    fn limit_of(postage: &Postage, name: &'static str) -> Limit {
        if let Some(limit) = postage.beside().find(|limit| limit.name == name) {
            return limit.clone();
        }
        let target = &postage.target;
        Limit { name, key: target.key, subject: target.subject, monitored: target.monitored, ..postage.client.clone() }
    }

    /// Writes that a limit has refused somebody, or would have; of many, the first and then summaries.
    async fn tell(&self, limit: &Limit, name: &'static str) {
        if name == "throttle.refused" {
            crate::metrics::throttled(limit.name);
        }
        let Some(event) = self.told(limit, name, self.store.clock().now()) else { return };
        tracing::info!(limit = limit.name, event = name, "a limit is reached");
        if let Err(error) = self.write(&[event]).await {
            tracing::warn!(%error, limit = limit.name, "an event of a limit that is reached is lost");
        }
    }

    fn tell_in(&self, work: &Work, limit: &Limit, name: &'static str) -> Result<(), StoreError> {
        self.told(limit, name, work.now()).map_or(Ok(()), |event| work.record(event))
    }

    fn told(&self, limit: &Limit, name: &'static str, now: Timestamp) -> Option<NewEvent> {
        let by = Cause { actor: Actor::Anonymous, origin: Origin::new(limit.ip, None) };
        let event = NewEvent::new(name, &by).about(limit.subject).with("limit", limit.name);
        self.summaries.note(&[name.as_bytes(), limit.name.as_bytes(), limit.key.bytes()], event, now)
    }

    async fn write(&self, events: &[NewEvent]) -> Result<(), StoreError> {
        self.store.transact(|work| async move { events.iter().try_for_each(|event| work.record(event.clone())) }).await
    }
}
