//! The worker that brings records of older versions up to date, where the store may do so unasked.

use std::time::Duration;

use crate::leases::Holder;
use crate::store::{Backfill, Schema, Store, StoreError};
use crate::workers::Stop;

/// What its lease is for.
const WORK: &str = "backfill";
/// How long a node goes on before it must renew its lease; one that has died is followed after that.
const LEASE: Duration = Duration::from_mins(4);
/// How long it rests while another node does it, or when the store does not answer.
const REST: Duration = Duration::from_mins(1);
/// How long it rests when nothing was left to do: older versions may go on writing until they are shut out.
const LONG_REST: Duration = Duration::from_mins(10);

/// Goes through all records until none can lack anything any more, on one node at a time.
pub(crate) async fn run(store: Store, schema: Schema, mut stop: Stop) {
    let backend = store.backend().as_ref();
    let Some(backfill) = Backfill::over(backend, &schema) else { return };
    let holder = Holder::new(store.clone());
    while !stop.is_stopped() {
        let rest = match pass(&store, &holder, backfill, &stop).await {
            Ok(Passed::NothingLags) => break,
            Ok(Passed::Elsewhere) => REST,
            Ok(Passed::Done { refreshed: 0 }) => LONG_REST,
            Ok(Passed::Done { .. }) => Duration::ZERO,
            Err(error) => {
                tracing::warn!(%error, "records of older versions wait to be brought up to date");
                REST
            }
        };
        stop.beat();
        stop.rest(rest).await;
    }
    if let Err(error) = holder.release(WORK).await {
        tracing::debug!(%error, "the next one waits for the lease to end");
    }
}

enum Passed {
    NothingLags,
    Elsewhere,
    Done { refreshed: u64 },
}

async fn pass(store: &Store, holder: &Holder, backfill: Backfill<'_>, stop: &Stop) -> Result<Passed, StoreError> {
    let mut pass = backfill.begin().await?;
    if pass.is_over() {
        return Ok(Passed::NothingLags);
    }
    let mut renew = store.clock().now();
    loop {
        let now = store.clock().now();
        if renew <= now {
            if !holder.hold(WORK, LEASE).await? {
                return Ok(Passed::Elsewhere);
            }
            renew = now + LEASE / 2;
        }
        let more = backfill.step(&mut pass).await?;
        stop.beat();
        if !more || stop.is_stopped() {
            break;
        }
        tokio::task::yield_now().await;
    }
    let (refreshed, left) = (pass.done.refreshed, pass.done.left);
    if refreshed > 0 {
        tracing::info!(records = refreshed, "records of older versions were brought up to date");
    }
    if left > 0 {
        tracing::warn!(left, "some records cannot be brought up to date: `ciam migrate` says which, and why");
    }
    Ok(Passed::Done { refreshed })
}
