//! When sessions were last seen: noted in memory on the request, written in batches behind it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Session, SessionError, SessionId, SessionLimits, Sessions};
use crate::clock::Timestamp;
use crate::store::{MAX_OPS, StoreError};
use crate::workers::Stop;

/// How stale "last seen" may be before a check notes it again.
pub(super) const STEP: Duration = Duration::from_mins(1);
/// How often the worker writes what was noted.
const EVERY: Duration = Duration::from_secs(5);
/// How many sessions are noted at most between two flushes; of more it is not known that they were seen.
const MOST: usize = 100_000;

/// What the store does not know yet.
#[derive(Debug, Default)]
pub(super) struct Seen {
    notes: Mutex<HashMap<SessionId, Note>>,
}

/// That a session was seen, and whether that was after too long a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Note {
    at: Timestamp,
    lapsed: Option<Timestamp>,
}

impl Note {
    /// Makes a session of the store what it is.
    pub(super) fn apply(self, session: &mut Session) {
        session.last_seen = session.last_seen.max(self.at);
        session.lapsed = session.lapsed.max(self.lapsed);
    }

    /// How many operations it takes to write it.
    const fn ops(self) -> usize {
        if self.lapsed.is_some() { 2 } else { 1 }
    }
}

impl Seen {
    pub(super) fn of(&self, id: SessionId) -> Option<Note> {
        self.lock().get(&id).copied()
    }

    /// Makes sessions of the store what they are.
    pub(super) fn apply<'s>(&self, sessions: impl IntoIterator<Item = &'s mut Session>) {
        let notes = self.lock();
        for session in sessions {
            if let Some(note) = notes.get(&session.id) {
                note.apply(session);
            }
        }
    }

    /// Notes that a session is seen now, which may not be in vain: when there is no room, the next check tries again.
    ///
    /// Judges the pause by all that is known. What is written of a pause that was too long does not depend on when or
    /// by which node it is noticed.
    pub(super) fn note(&self, session: &mut Session, now: Timestamp, limits: &SessionLimits) {
        let mut notes = self.lock();
        let noted = notes.get(&session.id).copied();
        if let Some(noted) = noted {
            noted.apply(session);
        }
        let lapsed = lapse(session.last_seen, now, limits);
        session.lapsed = session.lapsed.max(lapsed);
        if noted.is_some() || notes.len() < MOST {
            session.last_seen = session.last_seen.max(now);
            let lapsed = lapsed.max(noted.and_then(|noted| noted.lapsed));
            notes.insert(session.id, Note { at: session.last_seen, lapsed });
        }
    }

    fn all(&self) -> Vec<(SessionId, Note)> {
        self.lock().iter().map(|(id, note)| (*id, *note)).collect()
    }

    /// Forgets what is written, save for what was noted anew meanwhile.
    fn forget(&self, written: &[(SessionId, Note)]) {
        let mut notes = self.lock();
        for (id, note) in written {
            if notes.get(id) == Some(note) {
                notes.remove(id);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Note>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last moment before the pause became too long for AAL2, if it did: proofs up to it count for AAL1 only.
pub(super) fn lapse(last_seen: Timestamp, now: Timestamp, limits: &SessionLimits) -> Option<Timestamp> {
    let over = now.since(last_seen) >= limits.aal2_idle;
    over.then(|| last_seen + limits.aal2_idle - Duration::from_micros(1))
}

impl Sessions {
    /// Writes when sessions were last seen, as far as it was noted when this was called; how many sessions that were.
    ///
    /// A worker does it every five seconds. Call it before the process ends, and in tests without workers. Whatever is
    /// not written when a process dies is lost: its sessions look as if they had not been used in the last seconds.
    ///
    /// # Errors
    /// [`SessionError::Store`]: what is not written yet stays noted.
    pub async fn flush_seen(&self) -> Result<usize, SessionError> {
        let mut notes = self.memory.seen.all();
        let all = notes.len();
        while !notes.is_empty() {
            let mut ops = 0;
            let fits = notes.iter().take_while(|(_, note)| {
                ops += note.ops();
                ops <= MAX_OPS
            });
            let rest = notes.split_off(fits.count());
            self.write_seen(&notes).await?;
            self.memory.seen.forget(&notes);
            notes = rest;
        }
        Ok(all)
    }

    /// One unit for many sessions; those that have ended meanwhile are left out.
    async fn write_seen(&self, notes: &[(SessionId, Note)]) -> Result<(), StoreError> {
        self.store
            .transact(|work| async move {
                let mut lookup = self.store.lookup();
                let asked: Vec<_> = notes.iter().map(|(id, _)| lookup.ask::<Session>(*id)).collect();
                let mut found = lookup.fetch().await?;
                for ((id, note), asked) in notes.iter().zip(&asked) {
                    let Some(session) = found.take(asked)? else { continue };
                    if session.lapsed < note.lapsed {
                        // That the pause was too long is in the same batch: being seen must not mend it.
                        let Some(mut session) = work.peek::<Session>(*id).await? else { continue };
                        session.lapsed = session.lapsed.max(note.lapsed);
                        work.replace(&session)?;
                    }
                    work.raise(&Session::LAST_SEEN, *id, note.at)?;
                }
                Ok(())
            })
            .await
    }

    /// Writes what was noted every few seconds, and once more when work is to stop.
    pub(crate) async fn keep_flushing(self, mut stop: Stop) {
        while !stop.is_stopped() {
            stop.rest(EVERY).await;
            if let Err(error) = self.flush_seen().await {
                tracing::warn!(%error, "when sessions were last seen is not written yet");
            }
            stop.beat();
        }
    }
}
