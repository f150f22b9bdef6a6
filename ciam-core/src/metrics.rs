//! What operators see of the engine in figures, by the `metrics` facade; `docs/metrics.md` lists and explains them.
//!
//! Labels are words of this program, never what somebody sent: no id, no address. Without a recorder all of it does
//! nothing.

use std::time::{Duration, Instant};

use metrics::{Key, Label, Level, Metadata};
use serde_json::Value;

use crate::journeys::{Advanced, JourneyError, JourneyKind, Prompt};
use crate::passwords::HashError;
use crate::store::{Pressure, Store, StoreError, Work};

/// What the store is asked to do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verb {
    Read,
    Find,
    Count,
    Commit,
    Settle,
    Tail,
    Sweep,
    Ping,
    Search,
    Load,
}

/// The keys of one verb, by outcome: made by the compiler, so that counting allocates nothing.
macro_rules! store_keys {
    ($($verb:literal),*) => {
        [$([
            store_keys!(@ $verb, "ok"),
            store_keys!(@ $verb, "refused"),
            store_keys!(@ $verb, "failed"),
        ]),*]
    };
    (@ $verb:literal, $outcome:literal) => {
        Key::from_static_parts("ciam_store_operation_seconds", const {
            &[Label::from_static_parts("verb", $verb), Label::from_static_parts("outcome", $outcome)]
        })
    };
}

static STORE: [[Key; 3]; 10] =
    store_keys!("read", "find", "count", "commit", "settle", "tail", "sweep", "ping", "search", "load");
static METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

impl Store {
    /// Does it, and notes how long that took and what came of it.
    pub(crate) async fn timed<T>(
        &self,
        verb: Verb,
        operation: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let begun = Instant::now();
        let done = operation.await;
        let outcome = match &done {
            Ok(_) => 0,
            Err(StoreError::Unavailable(_) | StoreError::Unknown(_)) => 2,
            Err(_) => 1,
        };
        let key = &STORE[verb as usize][outcome];
        let took = begun.elapsed().as_secs_f64();
        metrics::with_recorder(|recorder| recorder.register_histogram(key, &METADATA).record(took));
        done
    }
}

/// A unit of work runs again, because another was quicker.
pub(crate) fn unit_retried() {
    metrics::counter!("ciam_store_retries_total").increment(1);
}

/// A unit of work was stale every time.
pub(crate) fn unit_given_up() {
    metrics::counter!("ciam_store_contended_total").increment(1);
}

/// How busy the store is.
pub(crate) fn store_pressure(Pressure { busy, idle, waiting, stream_lag }: Pressure) {
    metrics::gauge!("ciam_store_connections", "state" => "busy").set(busy);
    metrics::gauge!("ciam_store_connections", "state" => "idle").set(idle);
    metrics::gauge!("ciam_store_waiting").set(waiting);
    metrics::gauge!("ciam_stream_lag_seconds").set(stream_lag.as_secs_f64());
}

/// Counts an event once its unit is committed.
pub(crate) fn event(work: &Work, name: &'static str, data: &serde_json::Map<String, Value>) {
    // Under attack, failures come together as one event.
    let count = data.get("count").and_then(Value::as_u64).unwrap_or(1);
    let reason = data.get("reason").and_then(Value::as_str);
    let sign_in = (name == "sign_in.failed").then(|| sign_in_reason(reason));
    let message = match name {
        "message.queued" => Some(("queued", "none")),
        "message.sent" => Some(("sent", "none")),
        "message.failed" => Some(("failed", message_reason(reason))),
        _ => None,
    };
    work.on_commit(move || {
        metrics::counter!("ciam_events_total", "event" => name).increment(1);
        if let Some(reason) = sign_in {
            signed_in("failed", reason, count);
        }
        if let Some((state, reason)) = message {
            metrics::counter!("ciam_messages_total", "state" => state, "reason" => reason).increment(1);
        }
    });
}

fn signed_in(outcome: &'static str, reason: &'static str, count: u64) {
    metrics::counter!("ciam_sign_ins_total", "outcome" => outcome, "reason" => reason).increment(count);
}

fn sign_in_reason(reason: Option<&str>) -> &'static str {
    match reason {
        Some("unknown_account") => "unknown_account",
        Some("wrong_password") => "wrong_password",
        Some("suspended") => "suspended",
        Some("revoked_meanwhile") => "revoked_meanwhile",
        _ => "other",
    }
}

fn message_reason(reason: Option<&str>) -> &'static str {
    match reason {
        Some("refused") => "refused",
        Some("given_up") => "given_up",
        Some("too_late") => "too_late",
        Some("unreadable") => "unreadable",
        _ => "other",
    }
}

const fn kind_name(kind: JourneyKind) -> &'static str {
    match kind {
        JourneyKind::SignUp => "sign_up",
        JourneyKind::SignIn => "sign_in",
        JourneyKind::Recover => "recover",
        JourneyKind::StepUp => "step_up",
        JourneyKind::AddIdentifier => "add_identifier",
        JourneyKind::Enrol => "enrol",
    }
}

/// A journey has begun.
pub(crate) fn journey_begun(kind: JourneyKind) {
    metrics::counter!("ciam_journeys_begun_total", "kind" => kind_name(kind)).increment(1);
}

/// A journey was answered: counts its end, if that was it, and a sign-in that could not be tried.
pub(crate) fn journey_answered(kind: JourneyKind, answered: &Result<Advanced, JourneyError>) {
    match answered {
        Ok(advanced) => journey_shows(kind, &advanced.prompt),
        Err(error) if kind == JourneyKind::SignIn => sign_in_blocked(error),
        Err(_) => {}
    }
}

/// A journey has come to this prompt by an answer or by a link: counts its end, if that is it.
pub(crate) fn journey_shows(kind: JourneyKind, prompt: &Prompt) {
    let end = match prompt {
        Prompt::Done { .. } => "session",
        Prompt::Completed { .. } => "completed",
        Prompt::Refused { .. } => "refused",
        _ => return,
    };
    metrics::counter!("ciam_journeys_ended_total", "kind" => kind_name(kind), "end" => end).increment(1);
    if kind == JourneyKind::SignIn && end == "session" {
        signed_in("succeeded", "none", 1);
    }
}

fn sign_in_blocked(error: &JourneyError) {
    match error {
        JourneyError::Throttled { .. } => signed_in("blocked", "throttled", 1),
        JourneyError::Overloaded { .. } => signed_in("blocked", "overloaded", 1),
        JourneyError::Unavailable(_) => signed_in("blocked", "unavailable", 1),
        _ => {}
    }
}

/// What a password is worked on for, from being handed to the hasher until its answer.
#[derive(Debug)]
pub(crate) struct Hashing {
    work: &'static str,
    begun: Instant,
}

impl Hashing {
    pub(crate) fn begin(work: &'static str) -> Self {
        metrics::gauge!("ciam_password_hashes_in_hand").increment(1.0);
        Self { work, begun: Instant::now() }
    }

    pub(crate) fn end<T>(self, answer: &Result<T, HashError>) {
        let outcome = match answer {
            Ok(_) => "done",
            Err(HashError::Overloaded { .. }) => "overloaded",
            Err(_) => "failed",
        };
        let took = self.begun.elapsed().as_secs_f64();
        metrics::histogram!("ciam_password_hash_seconds", "work" => self.work, "outcome" => outcome).record(took);
    }
}

/// A password has waited for a thread and memory.
pub(crate) fn hash_waited(waited: Duration) {
    metrics::histogram!("ciam_password_hash_wait_seconds").record(waited.as_secs_f64());
}

impl Drop for Hashing {
    /// Also when whoever asked has hung up.
    fn drop(&mut self) {
        metrics::gauge!("ciam_password_hashes_in_hand").decrement(1.0);
    }
}

/// A message was handed to its messenger.
pub(crate) fn message_sent(outcome: &'static str, took: Duration) {
    metrics::histogram!("ciam_message_send_seconds", "outcome" => outcome).record(took.as_secs_f64());
}

/// For how long the message that is due the longest has waited.
pub(crate) fn outbox_lag(lag: Duration) {
    metrics::gauge!("ciam_outbox_lag_seconds").set(lag.as_secs_f64());
}

/// What the sweeper has removed.
pub(crate) fn swept(removed: u32) {
    metrics::counter!("ciam_swept_total").increment(u64::from(removed));
}

/// A worker panicked and begins anew.
pub(crate) fn worker_panicked(worker: &'static str) {
    metrics::counter!("ciam_worker_panics_total", "worker" => worker).increment(1);
}

/// What a check of a session came to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Checked {
    /// It was found in memory.
    Remembered,
    /// It was read from the store.
    Read,
    /// There is none.
    Nothing,
    /// The store does not answer.
    Failed,
}

/// A session was checked. Each key is made by the compiler, so that this allocates nothing.
pub(crate) fn session_checked(checked: Checked) {
    let counter = match checked {
        Checked::Remembered => metrics::counter!("ciam_session_checks_total", "outcome" => "remembered"),
        Checked::Read => metrics::counter!("ciam_session_checks_total", "outcome" => "read"),
        Checked::Nothing => metrics::counter!("ciam_session_checks_total", "outcome" => "none"),
        Checked::Failed => metrics::counter!("ciam_session_checks_total", "outcome" => "failed"),
    };
    counter.increment(1);
}

/// A limit has turned somebody away.
pub(crate) fn throttled(limit: &'static str) {
    metrics::counter!("ciam_throttle_refusals_total", "limit" => limit).increment(1);
}
