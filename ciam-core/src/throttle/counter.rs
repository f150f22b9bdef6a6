//! The counter of one limit: its window, its failures, how long one waits.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::limits::Limit;
use crate::clock::Timestamp;
use crate::events::{Cause, NewEvent};
use crate::secret::Digest;
use crate::store::{Bound, Collection, Peak, Record, Store, StoreError, Tally, Work};

crate::id!(CounterId, "cnt", "A counter of tries; made from what it counts.");

/// How many tries there were, in the present window and in a row.
///
/// Tallies only ever count on, whatever the version is, so that tries in parallel are never stale with one another. A
/// window remembers where they stood when it began; the next one replaces it, and a success of a forgiving limit
/// removes all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    id: CounterId,
    /// Which of the counters with this id: a success, or time, makes room for another.
    series: Uuid,
    window: Window,
    /// Whether the failures in a row have reached their limit.
    disabled: bool,
    /// When it may be forgotten.
    until: Timestamp,
    /// Reserved tries: those under way and those that failed.
    tries: i64,
    /// Those that failed.
    failed: i64,
    /// All tries in a row, also those that only this counts: under way and failed.
    in_a_row: i64,
    /// When the last one failed; the epoch when none did.
    last: Timestamp,
}

/// A span of time in which tries are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Window {
    begun: Timestamp,
    /// The tries before it.
    tries: i64,
    /// The failures before it.
    failed: i64,
    /// The full windows before it.
    full: u32,
}

/// Whether there is room for a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// There is.
    Free,
    /// Tries that are under way fill it.
    Busy,
    /// Failures fill it, for so long.
    Full(Duration),
}

/// Under what a try was counted, and what of it is to be given back.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) limit: Limit,
    series: Uuid,
    /// The beginning of the window that it was counted in; none when it was only noted.
    window: Option<Timestamp>,
    in_a_row: bool,
}

/// What became of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It failed: it stays counted.
    Failed,
    /// It succeeded: it is given back, and a [forgiving](Limit::forgiving) limit begins anew.
    Succeeded,
    /// Nothing was tried after all: it is given back.
    Cancelled,
}

/// For how long an account stays disabled that nobody enables.
const DISABLED: Duration = Duration::from_hours(100 * 365 * 24);

impl Record for Counter {
    type Id = CounterId;
    const COLLECTION: Collection<Self> = Collection::new("counters")
        .live(&Counter::TRIES)
        .live(&Counter::FAILED)
        .live(&Counter::IN_A_ROW)
        .live(&Counter::LAST)
        .expires(|c| c.until);

    fn id(&self) -> CounterId {
        self.id
    }
}

impl Counter {
    /// The tries so far, less those given back.
    pub const TRIES: Tally<Counter> = Tally::new("tries", |counter| &mut counter.tries);
    /// The failures so far.
    pub const FAILED: Tally<Counter> = Tally::new("failed", |counter| &mut counter.failed);
    /// The tries in a row, less those given back.
    pub const IN_A_ROW: Tally<Counter> = Tally::new("in_a_row", |counter| &mut counter.in_a_row);
    /// When the last one failed.
    pub const LAST: Peak<Counter, Timestamp> = Peak::new("last_failed", |counter| &mut counter.last);

    /// Whether a commit was refused because a limit is reached.
    pub(super) fn refused(error: &StoreError) -> bool {
        Self::TRIES.exceeded(error) || Self::IN_A_ROW.exceeded(error)
    }

    /// Whether somebody tries again and again: a window was filled before the one of this time.
    pub(super) fn is_under_attack(&self, limit: &Limit, now: Timestamp) -> bool {
        self.window_at(limit, now).0.full > 0
    }

    /// The window that a try at this time is in, and when it ends: the present one, or the next.
    fn window_at(&self, limit: &Limit, now: Timestamp) -> (Window, Timestamp) {
        let window = self.window;
        let is_full = self.failed - window.failed >= most(limit);
        let end = match limit.wait_after(window.full).filter(|_| is_full) {
            Some(wait) => self.last + wait,
            None => window.begun + limit.rate.window,
        };
        if now < end {
            return (window, end);
        }
        let full = window.full.saturating_add(u32::from(is_full));
        (Window { begun: now, tries: self.tries, failed: self.failed, full }, now + limit.rate.window)
    }
}

fn most(limit: &Limit) -> i64 {
    i64::from(limit.rate.most)
}

impl Limit {
    pub(super) fn counter_id(&self, store: &Store) -> CounterId {
        let realm = store.realm().to_string();
        Digest::of_all(&[realm.as_bytes(), self.name.as_bytes(), self.key.bytes()]).id()
    }

    /// Whether a try has room, by this counter. What is `spent` is counted whatever comes of it.
    pub(super) fn room(&self, counter: Option<&Counter>, now: Timestamp, spent: bool) -> Room {
        let Some(counter) = counter else { return Room::Free };
        if counter.disabled {
            return Room::Full(self.waits.map_or(self.rate.window, |waits| waits.longest));
        }
        let (window, end) = counter.window_at(self, now);
        let tries = counter.tries - window.tries;
        let counted = if spent { tries } else { counter.failed - window.failed };
        if counted >= most(self) {
            Room::Full(end.since(now))
        } else if tries >= most(self) || self.in_a_row.is_some_and(|most| counter.in_a_row >= i64::from(most)) {
            Room::Busy
        } else {
            Room::Free
        }
    }

    /// Whether so many of its tries were counted that further ones are its own alone.
    pub(super) fn share_is_used_up(&self, counter: Option<&Counter>) -> bool {
        let tries = counter.map_or(0, |counter| counter.tries);
        self.share.is_some_and(|share| tries >= i64::from(share))
    }

    /// Counts one in the caller's unit, which has read the counter and so guards it: the commit is refused past the
    /// limit. One that is not `counted` is only noted for those in a row; one that is within the `shared` ones of
    /// its limit is refused past those.
    pub(super) fn reserve_in(
        &self,
        store: &Store,
        work: &Work,
        counter: Option<&Counter>,
        counted: bool,
        shared: bool,
    ) -> Result<Held, StoreError> {
        let row = self.in_a_row.filter(|_| !self.monitored);
        let Some(counter) = counter else {
            let first = self.first(store, work, counted, row.is_some());
            work.insert(&first)?;
            return Ok(self.held(&first, counted, row.is_some()));
        };
        let (window, _) = counter.window_at(self, work.now());
        let now = Counter { window, ..counter.clone() };
        if window != counter.window {
            let until = counter.until.max(work.now() + self.rate.window);
            work.replace(&Counter { until, ..now.clone() })?;
        }
        if counted {
            let most = window.tries.saturating_add(most(self));
            let most = self.share.filter(|_| shared).map_or(most, |share| most.min(i64::from(share)));
            let bound = if self.monitored { Bound::None } else { Bound::AtMost(most) };
            work.add(&Counter::TRIES, self.counter_id(store), 1, bound)?;
        }
        if let Some(most) = row {
            let bound = if self.passing { Bound::None } else { Bound::AtMost(i64::from(most)) };
            work.add(&Counter::IN_A_ROW, self.counter_id(store), 1, bound)?;
        }
        Ok(self.held(&now, counted, row.is_some()))
    }

    fn held(&self, counter: &Counter, counted: bool, in_a_row: bool) -> Held {
        Held { limit: self.clone(), series: counter.series, window: counted.then_some(counter.window.begun), in_a_row }
    }

    fn first(&self, store: &Store, work: &Work, counted: bool, in_a_row: bool) -> Counter {
        let now = work.now();
        Counter {
            id: self.counter_id(store),
            series: store.entropy().uuid(now),
            window: Window { begun: now, tries: 0, failed: 0, full: 0 },
            disabled: false,
            until: now + self.rate.window,
            tries: i64::from(counted),
            failed: 0,
            in_a_row: i64::from(in_a_row),
            last: Timestamp::EPOCH,
        }
    }

    /// Counts one in the caller's unit whatever comes of it.
    pub(super) fn spend_in(&self, store: &Store, work: &Work, counter: Option<&Counter>) -> Result<(), StoreError> {
        self.reserve_in(store, work, counter, true, false).map(drop)
    }

    /// Counts so many in the caller's unit, which has read the counter; the commit is not refused for it.
    pub(super) fn note_in(
        &self,
        store: &Store,
        work: &Work,
        counter: Option<&Counter>,
        times: u32,
    ) -> Result<(), StoreError> {
        let Some(counter) = counter else {
            let first = self.first(store, work, false, false);
            return work.insert(&Counter { tries: i64::from(times), ..first });
        };
        let (window, _) = counter.window_at(self, work.now());
        if window != counter.window {
            let until = counter.until.max(work.now() + self.rate.window);
            work.replace(&Counter { window, until, ..counter.clone() })?;
        }
        work.add(&Counter::TRIES, counter.id, i64::from(times), Bound::None)
    }
}

impl Held {
    /// Under a host's own throttle nothing is held in the store.
    pub(super) const fn elsewhere(limit: Limit) -> Self {
        Self { limit, series: Uuid::nil(), window: None, in_a_row: false }
    }

    /// Settles the try in the caller's unit, which has read the counter and so guards it. Answers what is to be told of
    /// it.
    pub(super) fn settle_in(
        &self,
        work: &Work,
        counter: &Counter,
        outcome: Outcome,
    ) -> Result<Option<NewEvent>, StoreError> {
        let is_failure_known = counter.last != Timestamp::EPOCH;
        match outcome {
            Outcome::Succeeded if self.limit.forgiving && is_failure_known => work.remove::<Counter>(counter.id)?,
            Outcome::Succeeded | Outcome::Cancelled => self.give_back_in(work, counter)?,
            Outcome::Failed => return self.fail_in(work, counter),
        }
        Ok(None)
    }

    fn is_of(&self, counter: &Counter) -> bool {
        counter.series == self.series
    }

    fn is_in_window(&self, counter: &Counter) -> bool {
        self.is_of(counter) && self.window == Some(counter.window.begun)
    }

    fn give_back_in(&self, work: &Work, counter: &Counter) -> Result<(), StoreError> {
        if self.is_in_window(counter) && counter.tries > counter.window.tries {
            work.add(&Counter::TRIES, counter.id, -1, Bound::None)?;
        }
        if self.in_a_row && self.is_of(counter) && counter.in_a_row > 0 {
            work.add(&Counter::IN_A_ROW, counter.id, -1, Bound::None)?;
        }
        Ok(())
    }

    fn fail_in(&self, work: &Work, counter: &Counter) -> Result<Option<NewEvent>, StoreError> {
        if !self.is_of(counter) {
            return Ok(None);
        }
        let (limit, now) = (&self.limit, work.now());
        if self.is_in_window(counter) {
            work.add(&Counter::FAILED, counter.id, 1, Bound::None)?;
        }
        work.raise(&Counter::LAST, counter.id, now)?;
        let (mut next, mut told) = (counter.clone(), None);
        if let Some(waits) = limit.waits
            && counter.until + limit.rate.window < now + waits.quiet
        {
            next.until = now + waits.quiet;
        }
        if let Some(most) = limit.in_a_row.filter(|_| self.in_a_row)
            && counter.in_a_row >= i64::from(most)
            && !counter.disabled
        {
            next.disabled = true;
            next.until = now + DISABLED;
            let event = NewEvent::new("password.disabled", &Cause::system()).about(limit.subject);
            told = Some(event.with("limit", limit.name).with("failures", most));
        }
        if next != *counter {
            work.replace(&next)?;
        }
        Ok(told)
    }
}
