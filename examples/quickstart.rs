//! Journeys in a terminal: the same engine that the pages use, on a store in memory.
//!
//! `cargo run --example quickstart`, then type what it asks for.

use std::io::{BufRead, Write};

use ciam::events::Origin;
use ciam::journeys::{Answer, Client, JourneyError, JourneyKind, Prompt, Start};
use ciam::secret::Secret;
use ciam::{Ciam, Mailbox, MemoryStore};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mailbox = Mailbox::new();
    let identity = Ciam::builder()
        .store(MemoryStore::new())
        .messenger(mailbox.clone())
        .app_name("Quickstart")
        .without_workers()
        .build()
        .await?;
    for kind in [JourneyKind::SignUp, JourneyKind::SignIn] {
        println!("\n== {kind:?}");
        walk(&identity, &mailbox, kind).await?;
    }
    Ok(())
}

/// Takes the person at the terminal through one journey.
async fn walk(identity: &Ciam, mailbox: &Mailbox, kind: JourneyKind) -> Result<(), Box<dyn std::error::Error>> {
    let secret = identity.entropy().verifier(); // a browser would keep it in a cookie
    let started = identity.journeys().start(Start::new(kind, &secret)).await?;
    let client = Client { binding: Some(secret), origin: Origin::new(None, Some("a terminal")), ..Client::default() };
    let mut prompt = started.prompt;
    loop {
        let answer = match &prompt {
            Prompt::Identify { .. } => Answer::identify(ask("Your email address")?),
            Prompt::Password { .. } => Answer::Password { password: Secret::new(ask("Your password")?) },
            Prompt::NewPassword { min_length, .. } => {
                let password = ask(&format!("Choose a password of at least {min_length} characters"))?;
                Answer::new_password(password)
            }
            Prompt::Code { to, .. } => {
                while identity.outbox().deliver().await? > 0 {}
                println!("-- the message to {to}:\n{}", mailbox.messages()[0].text);
                Answer::Code { code: Secret::new(ask("The code")?) }
            }
            Prompt::Done { session, .. } => {
                println!("Signed in: {} at {}, by {}", session.user, session.assurance, session.amr.join(" and "));
                return Ok(());
            }
            other => return Err(format!("this terminal cannot answer {}", other.name()).into()),
        };
        prompt = match identity.journeys().answer(&started.id, &client, answer).await {
            Ok(advanced) => advanced.prompt,
            Err(JourneyError::Wrong { mistake, prompt }) => {
                println!("{mistake}");
                *prompt
            }
            Err(other) => return Err(other.into()),
        };
    }
}

fn ask(what: &str) -> std::io::Result<String> {
    print!("{what}: ");
    std::io::stdout().flush()?;
    let line = std::io::stdin().lock().lines().next();
    line.unwrap_or_else(|| Err(std::io::ErrorKind::UnexpectedEof.into())).map(|line| line.trim().to_owned())
}
