//! What is in the database, whichever it is, looked at and not changed.

use std::sync::Arc;
use std::time::Duration;

use ciam_core::clock::Timestamp;
use ciam_core::entropy::SystemEntropy;
use ciam_core::messages::{DeadLetter, Outgoing};
use ciam_core::store::{Store, StoreError};
use ciam_core::users::User;
use ciam_core::vault::{KeyCheck, KeyState, LocalVault};
use ciam_core::with_causes;
use ciam_store::{LayoutState, Migrations};

use super::super::context::Context;
use super::Findings;
use crate::settings::Settings;

/// How long a record may be expired, and a message be due, before somebody should look.
pub(super) const SWEEP_LATE: Duration = Duration::from_hours(1);
const MESSAGE_LATE: Duration = Duration::from_mins(5);
/// How far the clock may be behind what was written by it.
const CLOCK_BEHIND: Duration = Duration::from_mins(1);
/// The most messages that are counted.
const COUNTED: u32 = 10_000;

/// What is missing, what does not fit, and what is not as it will be when a migration is through.
pub(super) fn layout(settings: &Settings, layout: &LayoutState, findings: &mut Findings) {
    if let Some(misfit) = &layout.misfit {
        findings.error("layout.misfit", misfit, "use the program that made this database, or a newer one");
    }
    let what = format!("{} statements are pending", layout.missing.len());
    if let Some(table) = &layout.outdated {
        findings.error(
            "layout.outdated",
            format!("newer versions of the site keep this program out of {table}"),
            "use a newer version of this program; `ciam migrate` says how to go back for good",
        );
    } else if layout.pending && !layout.empty && settings.migrations == Migrations::Refuse {
        findings.error(
            "layout.pending",
            format!("{what}, without which the site is not started"),
            "`ciam migrate --plan` shows them, `ciam migrate --apply` runs them",
        );
    } else if !layout.missing.is_empty() {
        findings.warning(
            "layout.pending",
            what,
            "`ciam migrate --plan` shows them, `ciam migrate --apply` runs them; so does a start of the site",
        );
    }
    let tables: Vec<&str> = layout.unfinished.iter().map(|unfinished| unfinished.table.as_str()).collect();
    if !tables.is_empty() {
        findings.warning(
            "layout.unfinished",
            format!("records of older versions may lack something in {}", tables.join(", ")),
            "`ciam migrate` says what is left to do; new indexes over them do not serve before",
        );
    }
    if !layout.left_over.is_empty() {
        findings.note(
            "layout.left_over",
            "there are columns or indexes that this version does not use",
            "when no version that runs uses them, `ciam migrate --contract` drops them; `--plan` shows which",
        );
    }
}

/// What should have been swept.
pub(super) fn overdue(records: u32, findings: &mut Findings) {
    if records > 0 {
        findings.warning(
            "sweeper.behind",
            format!("{records} records have expired more than an hour ago and are still there"),
            "see that a process with workers runs: the site itself, unless it was built without",
        );
    }
}

/// What the records say, in a database whose layout is complete.
pub(super) async fn contents(
    context: &Context,
    settings: &Settings,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let store = super::store_of(settings, context).await?;
    key(settings, &store, findings).await;
    let late = served(store.count(&Outgoing::BY_DUE.range(&(), ..=now - MESSAGE_LATE), COUNTED).await)?.unwrap_or(0);
    if late > 0 {
        findings.warning(
            "outbox.late",
            format!("{late} messages should have been sent more than five minutes ago"),
            "see that a process with workers runs, and what its log says of the mail server",
        );
    }
    let dead = served(store.count(&DeadLetter::BY_FAILED.under(&()), COUNTED).await)?.unwrap_or(0);
    if dead > 0 {
        findings.warning(
            "outbox.dead",
            format!("{dead} messages could not be sent"),
            "`ciam messages dead` lists them, `ciam messages retry --all` sends again what is still of use",
        );
    }
    let newest = served(store.find(&User::BY_CREATED.under(&()).descending().limit(1)).await)?;
    if newest.and_then(|mut page| page.items.pop()).is_some_and(|user| user.created.since(now) > CLOCK_BEHIND) {
        findings.error(
            "clock.behind",
            "an account was created at a time that this machine's clock has not reached",
            "set the clock (NTP): codes, links and sessions live too long meanwhile",
        );
    }
    Ok(())
}

/// None while the index that was asked is not complete, which is a finding of its own.
fn served<T>(answer: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match answer {
        Err(StoreError::NotServing { .. }) => Ok(None),
        answer => answer.map(Some),
    }
}

async fn key(settings: &Settings, store: &Store, findings: &mut Findings) {
    let Ok(Some(key)) = settings.effective_key() else { return };
    let vault = LocalVault::new(key, Arc::new(SystemEntropy::new()));
    match KeyCheck::state(store, &vault).await {
        Ok(KeyState::Other) => findings.error(
            "key.other",
            "the master key is not the one of this database: the site is not started with it",
            "set the right one; only if it is lost, see `ciam keys adopt --help`",
        ),
        Ok(_) => {}
        Err(error) => findings.error("database.unreadable", with_causes(&error), "see whether the disk is sound"),
    }
}
