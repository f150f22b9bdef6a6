//! Records kept in memory, in front of the store: never older than the last change that this node committed.
//!
//! INVARIANT: a value is served only if no change of its record has been committed through this node since it was
//! read. Three things hold it. A record is *blocked* before its unit may be committed, so that it is neither served
//! nor filled until it is certain what became of the unit. A reader takes a [`Ticket`] *before* it reads, and the
//! ticket is void once its record was blocked or evicted. Filling and blocking exclude each other by a lock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;
use uuid::Uuid;

use crate::clock::Timestamp;

/// Into how many parts records fall, each with a lock: while one is blocked, the others of its part are not filled.
const PARTS: usize = 1024;

/// A bounded cache of what was read of one collection, by id.
#[derive(Debug)]
pub(super) struct Recent<V> {
    kept: Cache<Uuid, Kept<V>>,
    parts: Box<[Mutex<Part>]>,
    max_age: Duration,
}

#[derive(Debug, Clone)]
struct Kept<V> {
    value: V,
    read: Timestamp,
}

#[derive(Debug, Default)]
struct Part {
    /// Raised whenever a record of this part may have changed.
    generation: u64,
    /// How many units are under way that may change one.
    under_way: u64,
}

/// Leave to fill the cache with what is read after it was given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket {
    id: Uuid,
    generation: u64,
}

impl<V: Clone> Recent<V> {
    /// Keeps so many values, each for so long at most.
    pub(super) fn new(capacity: usize, max_age: Duration) -> Self {
        let parts = (0..PARTS).map(|_| Mutex::default()).collect();
        Self { kept: Cache::new(capacity), parts, max_age }
    }

    /// What is kept of a record, unless it was read too long ago.
    pub(super) fn get(&self, id: Uuid, now: Timestamp) -> Option<V> {
        let Kept { value, read } = self.kept.get(&id)?;
        (now.since(read) < self.max_age).then_some(value)
    }

    /// To be taken before the read that is to fill the cache; none while the record may be changing.
    pub(super) fn ticket(&self, id: Uuid) -> Option<Ticket> {
        let part = self.part(id);
        (part.under_way == 0).then_some(Ticket { id, generation: part.generation })
    }

    /// Keeps what was read at `read`, unless the record may have changed since the ticket was given.
    pub(super) fn fill(&self, ticket: Option<Ticket>, value: V, read: Timestamp) {
        let Some(Ticket { id, generation }) = ticket else { return };
        let part = self.part(id);
        if part.under_way == 0 && part.generation == generation {
            self.kept.insert(id, Kept { value, read });
        }
    }

    /// Forgets a record and keeps it out until [`Recent::unblock`], which must follow.
    pub(super) fn block(&self, id: Uuid) {
        let mut part = self.part(id);
        part.generation += 1;
        part.under_way += 1;
        self.kept.remove(&id);
    }

    /// Lets a record in again that is read from now on.
    pub(super) fn unblock(&self, id: Uuid) {
        let mut part = self.part(id);
        part.generation += 1;
        part.under_way = part.under_way.saturating_sub(1);
    }

    /// Forgets a record, and voids what is being read of it.
    pub(super) fn evict(&self, id: Uuid) {
        let mut part = self.part(id);
        part.generation += 1;
        self.kept.remove(&id);
    }

    /// Forgets everything, and voids all that is being read.
    pub(super) fn clear(&self) {
        for part in &self.parts {
            part.lock().unwrap_or_else(PoisonError::into_inner).generation += 1;
        }
        // Whoever had a good ticket filled before its part's turn came, and is cleared too.
        self.kept.clear();
    }

    /// The part of a record, by bits of its id that are random whatever its version.
    fn part(&self, id: Uuid) -> MutexGuard<'_, Part> {
        let at = usize::from(u16::from_be_bytes([id.as_bytes()[14], id.as_bytes()[15]])) % PARTS;
        self.parts[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    fn recent() -> (Recent<u32>, Uuid) {
        (Recent::new(10, Duration::from_secs(10)), Uuid::from_u128(7))
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let (recent, id) = recent();
        let early = recent.ticket(id);
        recent.block(id);
        assert!(recent.ticket(id).is_none(), "nothing is filled while a unit is under way");
        recent.fill(early, 1, NOW);
        assert_eq!(recent.get(id, NOW), None);
        recent.unblock(id);
        recent.fill(early, 1, NOW);
        assert_eq!(recent.get(id, NOW), None, "the ticket is from before the change");
        recent.fill(recent.ticket(id), 2, NOW);
        assert_eq!(recent.get(id, NOW), Some(2));
    }

    #[test]
    fn a_record_is_let_in_when_the_last_of_its_units_is_over() {
        let (recent, id) = recent();
        recent.block(id);
        recent.block(id);
        recent.unblock(id);
        assert!(recent.ticket(id).is_none());
        recent.unblock(id);
        assert!(recent.ticket(id).is_some());
    }

    #[test]
    fn evicting_and_clearing_void_what_is_being_read() {
        for forget in [Recent::evict as fn(&Recent<u32>, Uuid), |recent: &Recent<u32>, _| recent.clear()] {
            let (recent, id) = recent();
            recent.fill(recent.ticket(id), 1, NOW);
            let early = recent.ticket(id);
            forget(&recent, id);
            recent.fill(early, 1, NOW);
            assert_eq!(recent.get(id, NOW), None);
        }
    }

    #[test]
    fn nothing_is_served_past_its_age_nor_kept_past_the_capacity() {
        let (recent, id) = recent();
        recent.fill(recent.ticket(id), 1, NOW);
        assert_eq!(recent.get(id, NOW + Duration::from_millis(9_999)), Some(1));
        assert_eq!(recent.get(id, NOW + Duration::from_secs(10)), None);
        for id in (0..1000).map(Uuid::from_u128) {
            recent.fill(recent.ticket(id), 1, NOW);
        }
        assert!(recent.kept.len() <= 10);
    }
}
