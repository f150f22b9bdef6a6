//! The operator's command line: `ciam [--config FILE] [--json] <command>`.
//!
//! It reads the [configuration](crate::settings) that the site reads. `docs/operating.md` walks through it.
//!
//! A host that keeps records of its own, or sets more than a configuration says, has a program of its own, which
//! knows them too:
//!
//! ```no_run
//! # use ciam::store::{Collection, Record};
//! # #[derive(Clone, serde::Serialize, serde::Deserialize)]
//! # struct Customer { id: ciam::UserId }
//! # impl Record for Customer {
//! #     type Id = ciam::UserId;
//! #     const COLLECTION: Collection<Self> = Collection::new("shop_customers");
//! #     fn id(&self) -> ciam::UserId { self.id }
//! # }
//! fn main() -> std::process::ExitCode {
//!     ciam::cli::main(|builder| builder.record::<Customer>())
//! }
//! ```
//!
//! # Exit codes
//!
//! | code | what |
//! | --- | --- |
//! | 0 | done |
//! | 1 | refused, or failed; nothing was changed, or as much as `user import` and `migrate --apply` say |
//! | 2 | the command line is wrong |
//! | 3 | the doctor has found errors (with `--strict`, also warnings) |
//! | 4 | there is no such user, session or message |
//! | 5 | the database, or another service that is needed, does not answer |
//!
//! # JSON
//!
//! With `--json` every command prints one document to the standard output, also when it fails. It has `ok`, and on
//! failure `error` with a `code` (a word that does not change) and a `message` for people. What else it has is named
//! with each command in the guide; members may be added.

mod answer;
mod context;
mod doctor;
mod keys;
mod layout;
mod messages;
mod migrate;
mod users;

use std::path::PathBuf;
use std::process::ExitCode;

use ciam_core::CiamBuilder;
use clap::{Parser, Subcommand};

use answer::{Answer, Failure};
use context::Context;

/// Operates a site that links ciam.
#[derive(Debug, Parser)]
#[command(name = "ciam", version, about, subcommand_required = true, arg_required_else_help = true)]
struct Arguments {
    /// The configuration (default: the file that CIAM_CONFIG names, if any); CIAM_* variables win over it
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what the database lacks, make it, and bring records of older versions up to date
    Migrate(migrate::Arguments),
    /// Create, import, list, show, suspend and activate users; list and end their sessions
    User {
        #[command(subcommand)]
        command: users::Command,
    },
    /// Make, check and replace the master key
    Keys {
        #[command(subcommand)]
        command: keys::Command,
    },
    /// List messages that could not be sent; send them again, or forget them
    Messages {
        #[command(subcommand)]
        command: messages::Command,
    },
    /// Read the configuration and say what is wrong or unsafe
    Doctor(doctor::Arguments),
}

/// Runs the command line of this process and says how it ended. `configure` adds what the host adds to its
/// engine: records, hooks, a pepper.
pub fn main(configure: impl Fn(CiamBuilder) -> CiamBuilder + 'static) -> ExitCode {
    let wants_json = std::env::args_os().any(|argument| argument == "--json");
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if !error.use_stderr() => {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) if wants_json => return Failure::usage(one_line(&error)).print(true),
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(answer::USAGE);
        }
    };
    let json = arguments.json;
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::unavailable(&error).print(json),
    };
    match runtime.block_on(run(arguments, Box::new(configure))) {
        Ok(answer) => answer.print(json),
        Err(failure) => failure.print(json),
    }
}

/// What clap says first; the rest is how the command is used. What was typed is not repeated: it may be a secret.
fn one_line(error: &clap::Error) -> String {
    use clap::error::ErrorKind;
    match error.kind() {
        ErrorKind::MissingRequiredArgument => "an argument is missing",
        ErrorKind::ArgumentConflict => "two arguments exclude each other",
        ErrorKind::UnknownArgument => "an argument is not known",
        ErrorKind::InvalidSubcommand => "there is no such command",
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "a command is missing",
        _ => "an argument is not what it should be",
    }
    .to_owned()
}

async fn run(arguments: Arguments, configure: context::Configure) -> Result<Answer, Failure> {
    let context = Context::new(arguments.config, configure);
    match arguments.command {
        Command::Migrate(arguments) => migrate::run(&context, &arguments).await,
        Command::User { command } => users::run(&context, command, arguments.json).await,
        Command::Keys { command } => keys::run(&context, &command).await,
        Command::Messages { command } => messages::run(&context, command).await,
        Command::Doctor(arguments) => doctor::run(&context, &arguments).await,
    }
}
