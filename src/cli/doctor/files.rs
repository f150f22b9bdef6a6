//! Who can read the files.

use std::path::{Path, PathBuf};

use ciam_core::secret::Secret;

use super::Findings;
use crate::settings::{Database, KeySource, Settings};

pub(super) fn examine(settings: &Settings, findings: &mut Findings) {
    let with_credentials = |url: &Option<Secret<String>>| url.as_ref().is_some_and(|url| url.expose().contains('@'));
    // The name of a role stands before the `@`, too.
    let with_password = |url: &str| {
        url.contains("password=") || url.split_once('@').is_some_and(|(who, _)| who.matches(':').count() > 1)
    };
    let secrets_in_file = settings.master_key_from == Some(KeySource::Configuration)
        || matches!(&settings.database, Database::Postgres(url) if with_password(url.expose()))
        || with_credentials(&settings.smtp_url)
        || with_credentials(&settings.sms_url)
        || with_credentials(&settings.redis_url);
    if let Some(file) = settings.file.as_deref().filter(|_| secrets_in_file) {
        readable(file, "the configuration, which holds a secret", findings);
    }
    let key = match &settings.master_key_from {
        Some(KeySource::File(file)) => Some(file.clone()),
        Some(KeySource::Configuration) => settings.file.clone(),
        _ => None,
    };
    if let Some(KeySource::File(file)) = &settings.master_key_from {
        readable(file, "the master key", findings);
    }
    if let Some(made) = settings.development_key_file().filter(|made| made.exists()) {
        readable(&made, "the master key", findings);
    }
    let Database::Sqlite(database) = &settings.database else { return };
    for (ending, what) in [("", "the database"), ("-wal", "the database's log"), ("-shm", "the database's index")] {
        readable(&with_ending(database, ending), what, findings);
    }
    if key.is_some_and(|key| folder(&key).is_some_and(|of_key| folder(database) == Some(of_key))) && !settings.dev {
        findings.warning(
            "key.beside_database",
            "the master key is in the folder of the database: a copy of the folder opens what is sealed in it",
            "move the key elsewhere, such as /run/secrets, and keep its backup apart from the database's",
        );
    }
}

fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn folder(file: &Path) -> Option<PathBuf> {
    file.canonicalize().ok()?.parent().map(Path::to_owned)
}

#[cfg(unix)]
fn readable(file: &Path, what: &str, findings: &mut Findings) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(found) = std::fs::metadata(file) else { return };
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o007 != 0 {
        findings.error(
            "file.open_to_all",
            format!("{what}, {}, is open to every user of this machine (mode {mode:03o})", file.display()),
            "chmod 600, and let nobody own it but the user whom the site runs as",
        );
    }
}

#[cfg(not(unix))]
fn readable(_: &Path, _: &str, _: &mut Findings) {}
