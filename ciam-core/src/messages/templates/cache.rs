//! What was read of the templates, for ten seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::TemplateId;
use super::source::Compiled;
use crate::clock::Timestamp;

/// For how long what was read is believed: so late other nodes notice a change.
const BELIEVED: Duration = Duration::from_secs(10);
/// How many answers are kept. There are as many as applications, messages, languages and channels make together.
const MOST: usize = 4096;

/// What was read of the templates; that there is none is an answer, too.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Raised by every change on this node: what was read before it is not kept after it.
    generation: u64,
    answers: HashMap<TemplateId, (Timestamp, Option<Arc<Compiled>>)>,
}

impl Cache {
    /// What is known, or else the generation in which it is to be read.
    pub(super) fn get(&self, id: TemplateId, now: Timestamp) -> Result<Option<Arc<Compiled>>, u64> {
        let kept = self.lock();
        match kept.answers.get(&id) {
            Some((read, answer)) if now.since(*read) < BELIEVED => Ok(answer.clone()),
            _ => Err(kept.generation),
        }
    }

    /// Keeps what was read, unless something was changed since the reading began.
    pub(super) fn keep(&self, generation: u64, id: TemplateId, answer: Option<Arc<Compiled>>, read: Timestamp) {
        let mut kept = self.lock();
        if kept.generation == generation {
            if kept.answers.len() >= MOST {
                kept.answers.clear();
            }
            kept.answers.insert(id, (read, answer));
        }
    }

    /// Forgets what was known: it was changed, or may have been.
    pub(super) fn forget(&self, id: TemplateId) {
        let mut kept = self.lock();
        kept.generation += 1;
        kept.answers.remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
