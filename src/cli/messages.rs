//! `messages`: those that could not be sent.

use ciam_core::events::Cause;
use ciam_core::messages::{DeadLetterError, DeadLetterView, OutgoingId};

use super::answer::{Answer, Failure, columns};
use super::context::Context;

/// The most that are listed, and sent again, at once.
const MOST: u32 = 1000;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the messages that could not be sent, the latest first
    Dead,
    /// Send a message again that could not be sent; the site's own workers do it
    Retry {
        /// Its id (msg_…)
        #[arg(value_name = "MESSAGE", required_unless_present = "all", conflicts_with = "all")]
        id: Option<String>,
        /// All that are still of use
        #[arg(long)]
        all: bool,
    },
    /// Forget a message that could not be sent
    Discard {
        /// Its id (msg_…)
        #[arg(value_name = "MESSAGE")]
        id: String,
    },
}

pub(super) async fn run(context: &Context, command: Command) -> Result<Answer, Failure> {
    let ciam = context.engine().await?;
    let (outbox, by) = (ciam.outbox(), Cause::system());
    let parse = |id: String| id.parse::<OutgoingId>().map_err(|_| Failure::not_found("message"));
    match command {
        Command::Dead => {
            let dead = outbox.dead_letters(None, MOST).await.map_err(refusal)?.items;
            let document = serde_json::to_value(&dead).map_err(|error| Failure::unavailable(&error))?;
            Ok(Answer::new(list(&dead)).with("messages", document))
        }
        Command::Retry { id: Some(id), .. } => {
            outbox.retry(&by, parse(id)?).await.map_err(refusal)?;
            Ok(Answer::new("Queued again: 1.").with("retried", 1))
        }
        Command::Retry { .. } => {
            let mut retried = 0;
            for letter in outbox.dead_letters(None, MOST).await.map_err(refusal)?.items {
                match outbox.retry(&by, letter.id).await {
                    Ok(()) => retried += 1,
                    Err(DeadLetterError::Expired | DeadLetterError::Unknown) => {}
                    Err(error) => return Err(refusal(error)),
                }
            }
            Ok(Answer::new(format!("Queued again: {retried}.")).with("retried", retried))
        }
        Command::Discard { id } => {
            outbox.discard(&by, parse(id)?).await.map_err(refusal)?;
            Ok(Answer::new("Forgotten: 1.").with("discarded", 1))
        }
    }
}

fn list(dead: &[DeadLetterView]) -> String {
    if dead.is_empty() {
        return "No message has failed.".to_owned();
    }
    let heads = ["message", "failed", "why", "tries", "of use until", "by", "template"].map(str::to_owned).to_vec();
    let row = |letter: &DeadLetterView| {
        vec![
            letter.id.to_string(),
            letter.failed_at.rfc3339(),
            letter.failure.to_string(),
            letter.attempts.to_string(),
            letter.good_until.rfc3339(),
            letter.channel.to_string(),
            letter.template.clone(),
        ]
    };
    columns(&std::iter::once(heads).chain(dead.iter().map(row)).collect::<Vec<_>>())
}

fn refusal(error: DeadLetterError) -> Failure {
    match error {
        DeadLetterError::Unknown => Failure::not_found("message"),
        DeadLetterError::Expired => Failure::refused("expired", error),
        error => Failure::unavailable(&error),
    }
}
