//! What others commit to the same database, past this engine and its channel: another process, or somebody at a prompt.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::memory::Memory;
use crate::clock::Timestamp;
use crate::store::{Backend, Store};

/// How old the backend's last word may be before a check asks for another, beside itself.
const ASK: Duration = Duration::from_millis(250);
/// How old it may be before a check waits for that.
const WAIT: Duration = Duration::from_millis(500);
/// How long it waits. Afterwards what is in memory is forgotten, and read again.
const PATIENCE: Duration = Duration::from_millis(100);

/// What is known of others' commits.
#[derive(Debug)]
pub(super) struct Others {
    /// When the memory was last known to be as the store is, in microseconds.
    asked: AtomicI64,
    asking: AtomicBool,
    /// The backend cannot tell.
    mute: AtomicBool,
    commits: Mutex<Option<u64>>,
}

impl Default for Others {
    fn default() -> Self {
        Self {
            asked: AtomicI64::new(i64::MIN),
            asking: AtomicBool::default(),
            mute: AtomicBool::default(),
            commits: Mutex::default(),
        }
    }
}

impl Memory {
    /// Forgets everything when somebody else has committed. To be called before what is in memory is believed: on a
    /// busy node the backend is asked in the background, and only a check after a pause waits for its answer.
    pub(super) async fn heed_others(self: &Arc<Self>, store: &Store, now: Timestamp) {
        let others = &self.others;
        if self.cached().is_none() || others.mute.load(Ordering::Relaxed) {
            return;
        }
        let asked = Timestamp::from_micros(others.asked.load(Ordering::Acquire));
        // A clock that was set back says nothing about what is known.
        let age = if asked <= now { now.since(asked) } else { WAIT };
        if age < ASK || others.asking.swap(true, Ordering::AcqRel) {
            return;
        }
        let asking = tokio::spawn(Arc::clone(self).ask_of_others(Arc::clone(store.backend()), now));
        if age >= WAIT {
            let _ = asking.await;
        }
    }

    async fn ask_of_others(self: Arc<Self>, backend: Arc<dyn Backend>, now: Timestamp) {
        let others = &self.others;
        let _asking = Asking(others);
        match tokio::time::timeout(PATIENCE, backend.commits_of_others()).await {
            Ok(Ok(None)) => others.mute.store(true, Ordering::Relaxed),
            Ok(Ok(commits)) => {
                let before =
                    std::mem::replace(&mut *others.commits.lock().unwrap_or_else(PoisonError::into_inner), commits);
                if before != commits {
                    self.clear();
                }
            }
            // Nobody knows: then memory says nothing either.
            Ok(Err(_)) | Err(_) => self.clear(),
        }
        others.asked.store(now.micros(), Ordering::Release);
    }
}

/// That the backend is being asked, until it has answered or the asking was ended.
struct Asking<'o>(&'o Others);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.asking.store(false, Ordering::Release);
    }
}
