//! `user`: people and their sessions.

mod import;
mod list;

use std::io::Read as _;

use ciam_core::UserId;
use ciam_core::email::Email;
use ciam_core::events::Cause;
use ciam_core::identifiers::{Handle, IdentifierKind, Phone, Username};
use ciam_core::secret::Secret;
use ciam_core::sessions::{SessionError, SessionId, SessionView};
use ciam_core::users::{DisplayName, NewUser, Profile, UserError};
use serde_json::{Value, json};

use super::answer::{Answer, Failure, columns};
use super::context::Context;
use ciam_core::Ciam;

/// No password is longer; what comes behind is not read.
const LONGEST_LINE: u64 = 8 * 1024;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Create a user whose address or number is known to be theirs
    Create(Create),
    /// Create many users from a file of JSON lines; running it again imports what is missing
    Import(import::Import),
    /// List users, and search them
    List(list::List),
    /// Show a user
    Show(Who),
    /// Keep a user from signing in, and refuse their sessions: a site that runs does within half a second
    Suspend(Who),
    /// Lift a suspension
    Activate(Who),
    /// List a user's sessions, or end them
    Sessions(Sessions),
}

#[derive(Debug, clap::Args)]
pub(super) struct Create {
    /// Their email address
    #[arg(long, required_unless_present = "phone", conflicts_with = "phone")]
    email: Option<String>,
    /// Their phone number, with its country: +31612345678
    #[arg(long)]
    phone: Option<String>,
    /// A name to sign in with, beside the address
    #[arg(long)]
    username: Option<String>,
    /// How they want to be called
    #[arg(long)]
    name: Option<String>,
    /// Read a password from the first line of the standard input
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Who {
    /// An id (usr_…), an email address, a phone number with its country, or a username
    #[arg(value_name = "USER")]
    who: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Sessions {
    #[command(flatten)]
    user: Who,
    /// End the session with this id
    #[arg(long, value_name = "SESSION", conflicts_with = "end_all")]
    end: Option<String>,
    /// End all sessions
    #[arg(long)]
    end_all: bool,
}

pub(super) async fn run(context: &Context, command: Command, json: bool) -> Result<Answer, Failure> {
    match command {
        Command::Create(new) => create(context, new).await,
        Command::Import(import) => import::run(context, &import, json).await,
        Command::List(list) => list::run(context, &list).await,
        Command::Show(Who { who }) => {
            let ciam = context.engine().await?;
            let user = find(&ciam, &who).await?;
            show(&ciam, user).await
        }
        Command::Suspend(Who { who }) => {
            let ciam = context.engine().await?;
            let user = find(&ciam, &who).await?;
            ciam.users().suspend(&Cause::system(), user).await.map_err(refusal)?;
            standing(&ciam, user).await
        }
        Command::Activate(Who { who }) => {
            let ciam = context.engine().await?;
            let user = find(&ciam, &who).await?;
            ciam.users().activate(&Cause::system(), user).await.map_err(refusal)?;
            standing(&ciam, user).await
        }
        Command::Sessions(Sessions { user, end, end_all }) => {
            let ciam = context.engine().await?;
            let user = find(&ciam, &user.who).await?;
            sessions(&ciam, user, end, end_all).await
        }
    }
}

async fn create(context: &Context, new: Create) -> Result<Answer, Failure> {
    let handle: Handle = match (&new.email, &new.phone) {
        (Some(email), _) => email.parse::<Email>().map_err(Failure::usage)?.into(),
        (None, Some(phone)) => phone.parse::<Phone>().map_err(Failure::usage)?.into(),
        (None, None) => return Err(Failure::usage("an address or a number is missing")),
    };
    let mut user = NewUser::new(handle);
    if let Some(username) = &new.username {
        user = user.username(username.parse::<Username>().map_err(Failure::usage)?);
    }
    if let Some(name) = &new.name {
        user = user.name(DisplayName::parse(name).map_err(Failure::usage)?);
    }
    if new.password_stdin {
        user = user.password(password()?);
    }
    let ciam = context.engine().await?;
    let user = ciam.users().create(&Cause::system(), user).await.map_err(refusal)?;
    let profile = profile(&ciam, user.id).await?;
    Ok(Answer::new(user.id.to_string()).with("user", document(&profile)))
}

/// The first line of the standard input: an argument could be read by everybody on the machine.
fn password() -> Result<Secret<String>, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .take(LONGEST_LINE)
        .read_to_string(&mut text)
        .map_err(|_| Failure::usage("the password on the standard input is no text"))?;
    let line = text.lines().next().unwrap_or_default().to_owned();
    drop(Secret::new(text));
    Ok(Secret::new(line))
}

/// The user of an id or a handle.
async fn find(ciam: &Ciam, who: &str) -> Result<UserId, Failure> {
    let unknown = || Failure::not_found("user");
    if who.starts_with("usr_") {
        return who.parse::<UserId>().map_err(|_| unknown());
    }
    let kind = IdentifierKind::guess(who, &IdentifierKind::ALL);
    let handle = Handle::parse(kind, who).map_err(|_| unknown())?;
    ciam.users().by_handle(&handle).await.map_err(refusal)?.ok_or_else(unknown)
}

async fn profile(ciam: &Ciam, user: UserId) -> Result<Profile, Failure> {
    ciam.users().profile(user).await.map_err(refusal)?.ok_or_else(|| Failure::not_found("user"))
}

async fn show(ciam: &Ciam, user: UserId) -> Result<Answer, Failure> {
    let profile = profile(ciam, user).await?;
    let sessions = ciam.sessions().list(user, None).await.map_err(session_refusal)?.len();
    let name = profile.user.name.as_ref().map_or("-", |name| name.as_str());
    let mut lines = vec![
        ("id", profile.user.id.to_string()),
        ("name", name.to_owned()),
        ("status", profile.status.as_str().to_owned()),
        ("created", profile.user.created.rfc3339()),
    ];
    for identifier in &profile.identifiers {
        lines.push((identifier.handle.kind().as_str(), identifier.handle.as_str().to_owned()));
    }
    lines.push(("sessions", sessions.to_string()));
    Ok(Answer::table(lines).with("user", document(&profile)).with("sessions", sessions))
}

async fn standing(ciam: &Ciam, user: UserId) -> Result<Answer, Failure> {
    let profile = profile(ciam, user).await?;
    let text = format!("{user} is {}.", profile.status.as_str());
    Ok(Answer::new(text).with("user", document(&profile)))
}

fn document(profile: &Profile) -> Value {
    let identifiers = profile.identifiers.iter().map(|identifier| {
        json!({
            "id": identifier.id.to_string(),
            "kind": identifier.handle.kind().as_str(),
            "value": identifier.handle.as_str(),
            "verified_at": identifier.verified.map(|at| at.rfc3339()),
        })
    });
    json!({
        "id": profile.user.id.to_string(),
        "name": profile.user.name.as_ref().map(|name| name.as_str()),
        "status": profile.status.as_str(),
        "created_at": profile.user.created.rfc3339(),
        "identifiers": identifiers.collect::<Vec<_>>(),
    })
}

async fn sessions(ciam: &Ciam, user: UserId, end: Option<String>, end_all: bool) -> Result<Answer, Failure> {
    profile(ciam, user).await?;
    let by = Cause::system();
    if end_all {
        let ended = ciam.sessions().list(user, None).await.map_err(session_refusal)?.len();
        ciam.sessions().end_all(&by, user).await.map_err(session_refusal)?;
        return Ok(Answer::new(format!("Ended: {ended}.")).with("ended", ended));
    }
    if let Some(id) = end {
        let id: SessionId = id.parse().map_err(|_| Failure::not_found("session"))?;
        ciam.sessions().end(&by, user, id).await.map_err(session_refusal)?;
        return Ok(Answer::new("Ended: 1.").with("ended", 1));
    }
    let list = ciam.sessions().list(user, None).await.map_err(session_refusal)?;
    let mut rows: Vec<Vec<String>> = list.iter().map(row).collect();
    if !rows.is_empty() {
        let heads = ["session", "last seen", "opened", "level", "address", "client"];
        rows.insert(0, heads.map(str::to_owned).to_vec());
    }
    let text = if rows.is_empty() { "No sessions.".to_owned() } else { columns(&rows) };
    let list = serde_json::to_value(&list).map_err(|error| Failure::unavailable(&error))?;
    Ok(Answer::new(text).with("sessions", list))
}

fn row(session: &SessionView) -> Vec<String> {
    vec![
        session.id.to_string(),
        session.last_seen_at.rfc3339(),
        session.created_at.rfc3339(),
        session.assurance.as_str().to_owned(),
        session.ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string()),
        session.user_agent.clone().unwrap_or_else(|| "-".to_owned()),
    ]
}

fn refusal(error: UserError) -> Failure {
    match error {
        UserError::Unknown => Failure::not_found("user"),
        UserError::AddressTaken => Failure::refused("address_taken", error),
        UserError::Exists => Failure::refused("exists", error),
        UserError::PasswordHash => Failure::refused("password_refused", error),
        UserError::Search(why) => Failure::usage(why),
        UserError::Password(problem) => Failure::refused("password_refused", problem),
        error => Failure::unavailable(&error),
    }
}

fn session_refusal(error: SessionError) -> Failure {
    match error {
        SessionError::Unknown => Failure::not_found("session"),
        error => Failure::unavailable(&error),
    }
}
