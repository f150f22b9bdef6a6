//! `doctor`: reads a configuration and says what is wrong or unsafe. It starts no site and changes nothing.

mod configuration;
mod database;
mod files;
mod mail;
mod postgres;
mod redis;
mod sqlite;

use std::sync::Arc;

use ciam_core::RealmId;
use ciam_core::clock::SystemClock;
use ciam_core::entropy::SystemEntropy;
use ciam_core::passwords::{Tuning, tune};
use ciam_core::store::{Store, StoreError};
use ciam_core::with_causes;
use serde_json::{Value, json};

use super::answer::{Answer, FINDINGS, Failure};
use super::context::Context;
use crate::settings::{Database, Settings, SettingsError};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// End with code 3 for warnings, too
    #[arg(long)]
    strict: bool,
    /// Leave out what asks other machines
    #[arg(long)]
    offline: bool,
    /// Instead, measure what passwords should cost on this machine; it takes seconds and all cores
    #[arg(long, conflicts_with_all = ["strict", "offline"])]
    tune: bool,
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    /// It does not work, or lets somebody in.
    Error,
    /// It works, and should not stay so.
    Warning,
    /// Good to know.
    Note,
}

impl Severity {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// Something that was found.
#[derive(Debug)]
struct Finding {
    severity: Severity,
    /// A word that does not change.
    code: &'static str,
    what: String,
    /// What to do about it.
    advice: &'static str,
}

/// All that was found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn error(&mut self, code: &'static str, what: impl Into<String>, advice: &'static str) {
        self.0.push(Finding { severity: Severity::Error, code, what: what.into(), advice });
    }

    fn warning(&mut self, code: &'static str, what: impl Into<String>, advice: &'static str) {
        self.0.push(Finding { severity: Severity::Warning, code, what: what.into(), advice });
    }

    fn note(&mut self, code: &'static str, what: impl Into<String>, advice: &'static str) {
        self.0.push(Finding { severity: Severity::Note, code, what: what.into(), advice });
    }

    /// What is an error on a public site and a note while developing.
    fn unless_developing(&mut self, dev: bool, code: &'static str, what: impl Into<String>, advice: &'static str) {
        if dev { self.note(code, what, advice) } else { self.error(code, what, advice) }
    }
}

pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<Answer, Failure> {
    if arguments.tune {
        return tuned();
    }
    let mut findings = Findings::default();
    match context.settings() {
        Err(error) => findings.error(
            configuration_code(&error),
            with_causes(&error),
            "mend this first: nothing else was looked at",
        ),
        Ok(settings) => {
            configuration::examine(&settings, context.blueprint().config(), &mut findings);
            files::examine(&settings, &mut findings);
            match &settings.database {
                Database::Sqlite(file) => sqlite::examine(context, &settings, file, &mut findings).await,
                Database::Postgres(url) => {
                    postgres::examine(context, &settings, url.expose(), !arguments.offline, &mut findings).await;
                }
                Database::Memory => {}
            }
            redis::examine(&settings, !arguments.offline, &mut findings).await;
            mail::texts(&settings, &mut findings);
            mail::examine(&settings, !arguments.offline, &mut findings).await;
        }
    }
    Ok(report(findings, arguments.strict))
}

fn configuration_code(error: &SettingsError) -> &'static str {
    match error {
        SettingsError::PublicUrl(_) => "public_url.invalid",
        SettingsError::DatabaseUrl | SettingsError::DatabaseKind => "database.invalid",
        SettingsError::Unreadable { name: "CIAM_MASTER_KEY_FILE", .. } => "key.unreadable",
        _ => "configuration.invalid",
    }
}

fn report(Findings(mut findings): Findings, strict: bool) -> Answer {
    findings.sort_by_key(|finding| finding.severity);
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let mut lines: Vec<String> = findings
        .iter()
        .map(|Finding { severity, code, what, advice }| {
            format!("{:8} {code}\n         {what}\n         -> {advice}", severity.as_str())
        })
        .collect();
    lines.push(format!("errors: {errors}, warnings: {warnings}, notes: {}", count(Severity::Note)));
    let documents = findings.iter().map(|Finding { severity, code, what, advice }| {
        json!({ "severity": severity.as_str(), "code": code, "message": what, "advice": advice })
    });
    let documents: Vec<Value> = documents.collect();
    let sick = errors > 0 || (strict && warnings > 0);
    Answer::new(lines.join("\n"))
        .with("findings", documents)
        .with("errors", errors)
        .with("warnings", warnings)
        .ending(if sick { FINDINGS } else { 0 })
}

fn tuned() -> Result<Answer, Failure> {
    let tuned = tune(&Tuning::default()).map_err(|error| Failure::refused("tuning", error))?;
    let parameters = tuned.parameters;
    let lines = [
        ("memory", format!("{} KiB", parameters.memory_kib)),
        ("passes", parameters.passes.to_string()),
        ("lanes", parameters.lanes.to_string()),
        ("threads", tuned.threads.to_string()),
        ("budget", format!("{} KiB", tuned.memory_budget_kib)),
        ("one hash takes", format!("{} ms (wished: {} ms)", tuned.took_ms, tuned.target_ms)),
        ("sign-ins", format!("{:.1} a second", tuned.sign_ins_per_second)),
    ];
    let document = serde_json::to_value(tuned).map_err(|error| Failure::unavailable(&error))?;
    Ok(Answer::table(lines).with("tuned", document))
}

/// The records of a database whose layout is complete, so that nothing is made when it is opened.
pub(super) async fn store_of(settings: &Settings, context: &Context) -> Result<Store, StoreError> {
    let backend = settings.backend_for(ciam_store::Migrations::Refuse).await?;
    backend.prepare(&context.blueprint().schema()).await?;
    Ok(Store::new(backend, RealmId::DEFAULT, Arc::new(SystemClock), Arc::new(SystemEntropy::new())))
}
