//! What is in the database, looked at and not changed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ciam_core::clock::{Clock as _, SystemClock, Timestamp};
use ciam_core::entropy::SystemEntropy;
use ciam_core::messages::{DeadLetter, Outgoing};
use ciam_core::store::{Store, StoreError};
use ciam_core::users::User;
use ciam_core::vault::{KeyCheck, KeyState, LocalVault};
use ciam_store::{Inspection, Writing};

use super::super::context::Context;
use super::Findings;
use crate::settings::Settings;
use ciam_core::with_causes;

/// How long a message may be due, and a record expired, before somebody should look.
const MESSAGE_LATE: Duration = Duration::from_mins(5);
const SWEEP_LATE: Duration = Duration::from_hours(1);
/// How far the clock may be behind what was written by it.
const CLOCK_BEHIND: Duration = Duration::from_mins(1);
/// The most messages that are counted.
const COUNTED: u32 = 10_000;

pub(super) async fn examine(context: &Context, settings: &Settings, file: &Path, findings: &mut Findings) {
    let now = SystemClock.now();
    let found = match Inspection::of(file, &context.blueprint().schema(), now - SWEEP_LATE).await {
        Ok(Some(found)) => found,
        Ok(None) => return missing(file, findings),
        Err(error) => {
            return findings.error(
                "database.unreadable",
                format!("{}: {}", file.display(), with_causes(&error)),
                "give the user whom the site runs as this file, or restore it from a backup",
            );
        }
    };
    if !found.damage.is_empty() {
        findings.error(
            "database.damaged",
            found.damage.join("; "),
            "stop the site, keep a copy of the file, and restore the newest backup that has no damage",
        );
    }
    match found.writing {
        Writing::Possible => {}
        Writing::Locked => findings.warning(
            "database.locked",
            "another program has been writing to the database for two seconds without an end",
            "end what holds it, such as a backup in a transaction of its own; the site waits for it meanwhile",
        ),
        _ => findings.error(
            "database.read_only",
            format!("{} cannot be written", file.display()),
            "give the user whom the site runs as the file and its folder, and see that the disk is not full",
        ),
    }
    if let Some(misfit) = &found.misfit {
        findings.error("layout.misfit", misfit, "use the program that made this database, or a newer one");
    }
    if !found.missing.is_empty() {
        findings.warning(
            "layout.pending",
            format!("{} tables and indexes are missing", found.missing.len()),
            "`ciam migrate --plan` shows them, `ciam migrate` makes them; so does a start of the site",
        );
    }
    if found.overdue > 0 {
        findings.warning(
            "sweeper.behind",
            format!("{} records have expired more than an hour ago and are still there", found.overdue),
            "see that a process with workers runs: the site itself, unless it was built without",
        );
    }
    let whole = found.damage.is_empty() && found.missing.is_empty() && found.misfit.is_none();
    if whole
        && found.writing == Writing::Possible
        && let Err(error) = contents(context, settings, file, now, findings).await
    {
        findings.error("database.unreadable", with_causes(&error), "see whether the disk is sound");
    }
}

fn missing(file: &Path, findings: &mut Findings) {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.is_dir() {
        let what = format!("there is no database at {} yet", file.display());
        findings.note("database.missing", what, "`ciam migrate` makes it; so does a start of the site");
    } else {
        let what = format!("the folder of {} is missing", file.display());
        findings.error("database.missing", what, "make the folder, for the user whom the site runs as");
    }
}

async fn contents(
    context: &Context,
    settings: &Settings,
    file: &Path,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let store = super::store_of(file, context).await?;
    key(settings, &store, file, findings).await;
    let late = store.count(&Outgoing::BY_DUE.range(&(), ..=now - MESSAGE_LATE), COUNTED).await?;
    if late > 0 {
        findings.warning(
            "outbox.late",
            format!("{late} messages should have been sent more than five minutes ago"),
            "see that a process with workers runs, and what its log says of the mail server",
        );
    }
    let dead = store.count(&DeadLetter::BY_FAILED.under(&()), COUNTED).await?;
    if dead > 0 {
        findings.warning(
            "outbox.dead",
            format!("{dead} messages could not be sent"),
            "`ciam messages dead` lists them, `ciam messages retry --all` sends again what is still of use",
        );
    }
    let newest = store.find(&User::BY_CREATED.under(&()).descending().limit(1)).await?.items.pop();
    if newest.is_some_and(|user| user.created.since(now) > CLOCK_BEHIND) {
        findings.error(
            "clock.behind",
            "an account was created at a time that this machine's clock has not reached",
            "set the clock (NTP): codes, links and sessions live too long meanwhile",
        );
    }
    Ok(())
}

async fn key(settings: &Settings, store: &Store, file: &Path, findings: &mut Findings) {
    let Ok(Some(key)) = settings.effective_key(file) else { return };
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
