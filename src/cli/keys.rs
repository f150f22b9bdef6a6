//! `keys`: the master key, and whether it is the one of the database.

use ciam_core::entropy::SystemEntropy;
use ciam_core::vault::{KeyCheck, KeyState, LocalVault, MasterKey};
use ciam_core::with_causes;

use super::answer::{Answer, Failure};
use super::context::Context;
use crate::settings::KeySource;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print a new master key
    Generate,
    /// Say whether the configured key opens what the database holds
    Check,
    /// Say which keys are in use
    List,
    /// Give up what was sealed under a key that is lost, and go on with the configured one
    Adopt {
        /// Yes: codes, links and messages that wait are lost, and passwords with a pepper of the lost key
        #[arg(long, required = true)]
        yes: bool,
    },
}

pub(super) async fn run(context: &Context, command: &Command) -> Result<Answer, Failure> {
    match command {
        Command::Generate => Ok(generate()),
        Command::Check => check(context).await,
        Command::List => list(context).await,
        Command::Adopt { .. } => adopt(context).await,
    }
}

fn generate() -> Answer {
    let key = MasterKey::generate(&SystemEntropy::new()).expose();
    Answer::new(key.expose().clone()).with("master_key", key.expose().clone())
}

async fn check(context: &Context) -> Result<Answer, Failure> {
    match state(context).await? {
        KeyState::Opens { since } => {
            let text = format!("The key is the one of this database, since {since}.");
            Ok(Answer::new(text).with("state", "opens").with("since", since.rfc3339()))
        }
        KeyState::New => {
            let text = "The database was not started with a key yet: the next start makes this one its own.";
            Ok(Answer::new(text).with("state", "new"))
        }
        _ => Err(Failure::refused(
            "other_key",
            "the key is not the one of this database: find that one, or, if it is lost, see `ciam keys adopt --help`",
        )),
    }
}

async fn list(context: &Context) -> Result<Answer, Failure> {
    let settings = context.read_settings()?;
    let state = state(context).await?;
    let from = match &settings.master_key_from {
        Some(KeySource::Variable) => "CIAM_MASTER_KEY".to_owned(),
        Some(KeySource::Configuration) => "the configuration".to_owned(),
        Some(KeySource::File(file)) => file.display().to_string(),
        None => match settings.development_key_file() {
            Some(file) => file.display().to_string(),
            None => "nowhere".to_owned(),
        },
    };
    let (state, since) = match state {
        KeyState::Opens { since } => ("opens", Some(since.rfc3339())),
        KeyState::New => ("new", None),
        _ => ("other", None),
    };
    let pepper = context.blueprint().config().pepper;
    let lines = [
        ("master key", state.to_owned()),
        ("since", since.clone().unwrap_or_else(|| "-".to_owned())),
        ("from", from.clone()),
        ("pepper", pepper.map_or_else(|| "none".to_owned(), |version| format!("version {version}"))),
    ];
    Ok(Answer::table(lines).with("state", state).with("since", since).with("from", from).with("pepper", pepper))
}

async fn adopt(context: &Context) -> Result<Answer, Failure> {
    let settings = context.read_settings()?;
    match state(context).await? {
        KeyState::Opens { .. } => Ok(Answer::new("The key is the one of this database.").with("adopted", false)),
        _ => {
            context.build(&settings, ciam_core::CiamBuilder::danger_adopt_key).await?;
            Ok(Answer::new("The key is the one of this database from now on.").with("adopted", true))
        }
    }
}

/// What the configured key is to the database, which is only read.
async fn state(context: &Context) -> Result<KeyState, Failure> {
    let settings = context.with_ready_database().await?;
    let refused = |error| Failure::refused("configuration", with_causes(&error));
    let Some(key) = settings.effective_key().map_err(refused)? else {
        return Err(Failure::refused("no_key", "no master key is set, and none was made in development"));
    };
    let store = super::doctor::store_of(&settings, context).await.map_err(|error| Failure::unavailable(&error))?;
    let vault = LocalVault::new(key, std::sync::Arc::new(SystemEntropy::new()));
    KeyCheck::state(&store, &vault).await.map_err(|error| Failure::unavailable(&error))
}
