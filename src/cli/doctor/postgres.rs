//! What is in a PostgreSQL database and about its server, looked at and not changed.

use std::time::Duration;

use ciam_core::clock::{Clock as _, SystemClock};
use ciam_core::with_causes;
use ciam_store::{PostgresInspection, PostgresOptions};

use super::super::context::Context;
use super::Findings;
use super::database::{SWEEP_LATE, contents, layout, overdue};
use crate::settings::Settings;

/// The oldest server that the store works with.
const OLDEST: u32 = 15;
/// For how long a transaction of anybody may be open before somebody should look.
const OPEN_LATE: Duration = Duration::from_mins(1);

/// `reach`: also when the server is on another machine.
pub(super) async fn examine(context: &Context, settings: &Settings, url: &str, reach: bool, findings: &mut Findings) {
    let Ok(options) = PostgresOptions::new(url) else { return };
    if options.in_the_clear() {
        findings.warning(
            "database.cleartext",
            "the database is on another machine, and addresses, names and hashes may go there without TLS",
            "leave sslmode out of CIAM_DATABASE_URL, or set sslmode=require; sslrootcert names your own authority",
        );
    }
    if options.is_elsewhere() && !reach {
        return;
    }
    let now = SystemClock.now();
    let found = match PostgresInspection::of(&options, &context.blueprint().schema(), now - SWEEP_LATE).await {
        Ok(found) => found,
        Err(error) => {
            return findings.error(
                "database.unreadable",
                with_causes(&error),
                "see that the server runs, and that CIAM_DATABASE_URL has its address, a role that it lets in, and a database",
            );
        }
    };
    server(&found, findings);
    layout(settings, &found.layout, findings);
    overdue(found.overdue, findings);
    let whole = found.layout.is_whole() && found.forbidden.is_empty();
    if whole
        && !found.standby
        && let Err(error) = contents(context, settings, now, findings).await
    {
        findings.error("database.unreadable", with_causes(&error), "see what the server's log says");
    }
}

fn server(found: &PostgresInspection, findings: &mut Findings) {
    if found.version < OLDEST {
        findings.error(
            "database.old",
            format!("the server is PostgreSQL {}", found.version),
            "use PostgreSQL 15 or newer",
        );
    }
    if found.standby {
        findings.error(
            "database.read_only",
            "the server is a standby, which cannot be written to",
            "name the primary in CIAM_DATABASE_URL",
        );
    }
    if !found.forbidden.is_empty() {
        findings.error(
            "database.read_only",
            found.forbidden.join("; "),
            "let the role own the schema and ciam's tables, or grant it what is missing",
        );
    }
    if let Some(open) = found.oldest_open.filter(|open| *open > OPEN_LATE) {
        findings.warning(
            "stream.held_back",
            format!("a transaction that writes has been open for {} seconds, and no later event is read", open.as_secs()),
            "pg_stat_activity and pg_prepared_xacts show whose it is; end it, and set idle_in_transaction_session_timeout",
        );
    }
    // While a new process starts beside the one that it replaces, there are two of them.
    let crowded = found.connections.saturating_mul(10) >= found.most_connections.saturating_mul(9);
    if crowded || found.wanted_connections.saturating_mul(2) > found.most_connections {
        findings.warning(
            "database.connections",
            format!(
                "the server has {} of at most {} connections, and each process of the site may want {}",
                found.connections, found.most_connections, found.wanted_connections
            ),
            "raise max_connections or the role's limit, run fewer processes, or set a lower database_connections",
        );
    }
}
