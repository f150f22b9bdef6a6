//! Events of which an attack would make too many: the first is written at once, what follows as one with a count.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::events::NewEvent;
use crate::secret::Digest;

/// How long events of one kind about one thing are gathered before their summary is written.
const GATHERED: Duration = Duration::from_mins(1);
/// How many kinds are told apart; what is beyond is gathered together.
const KINDS: usize = 10_000;

/// What is gathered, in the memory of this process. What it holds when the process ends is lost; the counters of the
/// limits are not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Summaries {
    kinds: Arc<Mutex<HashMap<[u8; 32], Gathered>>>,
}

#[derive(Debug)]
struct Gathered {
    event: NewEvent,
    count: u64,
    since: Timestamp,
}

impl Summaries {
    /// Takes note of an event, and gives what is to be written now: the event itself if it is the first of its kind for
    /// a while, a summary if one is due, otherwise nothing. `about` tells apart what is gathered.
    pub(crate) fn note(&self, about: &[&[u8]], event: NewEvent, now: Timestamp) -> Option<NewEvent> {
        let mut kinds = self.lock();
        let mut kind = *Digest::of_all(about).bytes();
        if kinds.len() >= KINDS && !kinds.contains_key(&kind) {
            kind = *Digest::of_all(&about[..1]).bytes();
        }
        let Some(gathered) = kinds.get_mut(&kind) else {
            kinds.insert(kind, Gathered { event: event.clone(), count: 0, since: now });
            return Some(event.with("count", 1));
        };
        gathered.count += 1;
        gathered.event = event;
        if now.since(gathered.since) < GATHERED {
            return None;
        }
        gathered.take(now)
    }

    /// The summaries that are due. Kinds of which nothing was gathered since the last one are forgotten.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<NewEvent> {
        let mut due = Vec::new();
        self.lock().retain(|_, gathered| {
            if now.since(gathered.since) < GATHERED {
                return true;
            }
            let summary = gathered.take(now);
            let goes_on = summary.is_some();
            due.extend(summary);
            goes_on
        });
        due
    }

    /// All that was gathered, due or not.
    pub(crate) fn all(&self) -> Vec<NewEvent> {
        self.lock().drain().filter_map(|(_, mut gathered)| gathered.take(Timestamp::EPOCH)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Gathered>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gathered {
    fn take(&mut self, now: Timestamp) -> Option<NewEvent> {
        let count = std::mem::take(&mut self.count);
        self.since = now;
        (count > 0).then(|| self.event.clone().with("count", count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock as _;
    use crate::events::Cause;
    use crate::testing::StoppedClock;

    fn counts(events: impl IntoIterator<Item = NewEvent>) -> Vec<u64> {
        events.into_iter().map(|event| event.datum("count").and_then(serde_json::Value::as_u64).unwrap()).collect()
    }

    #[test]
    fn the_first_is_written_and_the_rest_counted() {
        let (clock, summaries) = (StoppedClock::new(), Summaries::default());
        let note = |about: &[u8]| {
            summaries.note(&[b"refused", about], NewEvent::new("throttle.refused", &Cause::system()), clock.now())
        };
        assert_eq!(counts(note(b"ada")), [1]);
        assert_eq!(counts((0..100).filter_map(|_| note(b"ada"))), [0_u64; 0]);
        assert_eq!(counts(note(b"bob")), [1]);
        clock.advance(GATHERED);
        assert_eq!(counts(note(b"ada")), [101]);
        assert_eq!(counts(note(b"ada")), [0_u64; 0]);
        assert_eq!(counts(summaries.due(clock.now())), [0_u64; 0], "nothing more of bob, and ada is not due");
        clock.advance(GATHERED);
        assert_eq!(counts(summaries.due(clock.now())), [1]);
        clock.advance(GATHERED);
        assert_eq!(counts(summaries.due(clock.now())), [0_u64; 0]);
        assert!(summaries.lock().is_empty());
        assert_eq!(counts((0..10).filter_map(|_| note(b"eve"))), [1]);
        assert_eq!((counts(summaries.all()), counts(summaries.all())), (vec![9], vec![]), "at the end");
    }

    #[test]
    fn there_is_no_end_of_memory() {
        let (clock, summaries) = (StoppedClock::new(), Summaries::default());
        let note = |n: usize| {
            let event = NewEvent::new("throttle.refused", &Cause::system());
            summaries.note(&[b"refused", &n.to_be_bytes()], event, clock.now())
        };
        assert_eq!((0..2 * KINDS).filter_map(note).count(), KINDS + 1);
        assert_eq!(summaries.lock().len(), KINDS + 1);
        clock.advance(GATHERED);
        assert_eq!(counts(summaries.due(clock.now())), [KINDS as u64 - 1]);
    }
}
