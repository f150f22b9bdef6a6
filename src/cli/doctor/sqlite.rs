//! What is in an SQLite file, looked at and not changed.

use std::path::Path;

use ciam_core::clock::{Clock as _, SystemClock};
use ciam_core::with_causes;
use ciam_store::{SqliteInspection, SqliteWriting};

use super::super::context::Context;
use super::Findings;
use super::database::{SWEEP_LATE, contents, layout, overdue};
use crate::settings::Settings;

pub(super) async fn examine(context: &Context, settings: &Settings, file: &Path, findings: &mut Findings) {
    let now = SystemClock.now();
    let found = match SqliteInspection::of(file, &context.blueprint().schema(), now - SWEEP_LATE).await {
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
        SqliteWriting::Possible => {}
        SqliteWriting::Locked => findings.warning(
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
    layout(settings, &found.layout, findings);
    overdue(found.overdue, findings);
    let whole = found.damage.is_empty() && found.layout.is_whole();
    if whole
        && found.writing == SqliteWriting::Possible
        && let Err(error) = contents(context, settings, now, findings).await
    {
        findings.error("database.unreadable", with_causes(&error), "see whether the disk is sound");
    }
}

fn missing(file: &Path, findings: &mut Findings) {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.is_dir() {
        let what = format!("there is no database at {} yet", file.display());
        findings.note("database.missing", what, "`ciam migrate --apply` makes it; so does a start of the site");
    } else {
        let what = format!("the folder of {} is missing", file.display());
        findings.error("database.missing", what, "make the folder, for the user whom the site runs as");
    }
}
