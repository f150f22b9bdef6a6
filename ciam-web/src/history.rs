//! What happened to a person's account, as its owner is shown it.

use ciam_core::UserId;
use ciam_core::events::{Actor, Event};
use ciam_core::id::RecordId;
use ciam_core::store::{Column, Cursor};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Problem;
use crate::web::Web;

/// The events that an owner is shown; what they say is in the files of the languages. The others are of no use to
/// them: messages on their way, hashes renewed, and what the host's own records write.
const SHOWN: [&str; 18] = [
    "authenticator.added",
    "authenticator.removed",
    "identifier.added",
    "identifier.removed",
    "password.changed",
    "password.disabled",
    "password.recovered",
    "password.set",
    "session.all_ended",
    "session.ended",
    "session.rotated",
    "session.started",
    "sign_in.failed",
    "user.activated",
    "user.language_changed",
    "user.registered",
    "user.renamed",
    "user.suspended",
];

/// How many events are read at once, and how often at most for one page of what is shown.
const READ: u32 = 100;
const READS: usize = 10;

/// A part of the history, the latest first, and where the next begins if there is one.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) events: Vec<Event>,
    pub(crate) next: Option<Cursor>,
}

/// Reads a cursor that a client sent.
pub(crate) fn cursor(text: &str) -> Result<Cursor, Problem> {
    let cursor = Cursor::decode(text).map_err(|_| Problem::bad_cursor())?;
    let of_this_list = cursor.fits(Some(<ciam_core::clock::Timestamp as Column>::TYPE));
    if of_this_list { Ok(cursor) } else { Err(Problem::bad_cursor()) }
}

/// What happened to a user's account behind `after`, at most `limit` of it.
pub(crate) async fn of(web: &Web, user: UserId, after: Option<Cursor>, limit: usize) -> Result<History, Problem> {
    let mut history = History { events: Vec::new(), next: after };
    for _ in 0..READS {
        let query = Event::BY_SUBJECT.under(&Some(user)).descending().limit(READ);
        let query = match history.next.take() {
            Some(after) => query.after(after),
            None => query,
        };
        let page = web.identity().store().find(&query).await?;
        history.next = page.next;
        for event in page.items.into_iter().filter(|event| key(event).is_some()) {
            if history.events.len() == limit {
                history.next = history.events.last().map(place);
                return Ok(history);
            }
            history.events.push(event);
        }
        if history.next.is_none() {
            break;
        }
    }
    Ok(history)
}

/// The key of what an event says to the owner, if anything.
pub(crate) fn key(event: &Event) -> Option<String> {
    // Also when the owner mistyped it to change it: nobody tried to sign in then.
    if event.name == "sign_in.failed" && event.data.get("reason").is_some_and(|reason| reason == "wrong_password") {
        return Some("event-wrong-password".to_owned());
    }
    SHOWN.contains(&event.name.as_str()).then(|| format!("event-{}", event.name.replace(['.', '_'], "-")))
}

/// Who did something, as the owner is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum By {
    /// The owner.
    You,
    /// Someone who had not proved who they are.
    Somebody,
    /// Another person, who may do that.
    Operator,
    /// The site's own program.
    System,
}

impl By {
    pub(crate) fn of(event: &Event) -> Self {
        match event.actor {
            Actor::User(user) if event.subject == Some(user) => Self::You,
            Actor::User(_) => Self::Operator,
            Actor::Anonymous => Self::Somebody,
            _ => Self::System,
        }
    }
}

fn place(event: &Event) -> Cursor {
    Cursor { value: Some(event.at.value()), id: event.id.uuid() }
}
