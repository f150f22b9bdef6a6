//! What happened, written in the same batch as the change itself.
//!
//! Audit, notices, webhooks, key figures and a person's own security history all read this one
//! stream with [`Store::tail`](crate::store::Store::tail). An event holds ids, never secrets, and
//! no text that a stranger typed save the cleaned name of their browser.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::id::{ApplicationId, UserId};
use crate::language::Language;
use crate::store::{Collection, Index, Record, StoreError, Work};

crate::id!(EventId, "evt", "An event. Ids order nothing; the stream's positions do.");

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "id", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Actor {
    /// Someone who has not proved who they are.
    Anonymous,
    /// A signed-in person.
    User(UserId),
    /// The host's own program, a worker or the command line.
    System,
}

/// From where something was done, as far as the front end knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The client's IP address, as the front end knows it.
    #[serde(default)]
    pub ip: Option<IpAddr>,
    /// What the client calls itself, cleaned by [`Origin::new`].
    #[serde(default)]
    pub user_agent: Option<String>,
    /// The application in which it was done.
    #[serde(default = "default_application")]
    pub application: ApplicationId,
    /// The language that the client asks for, for messages to somebody of whom no other is known; not kept.
    #[serde(skip)]
    pub language: Option<Language>,
}

const fn default_application() -> ApplicationId {
    ApplicationId::DEFAULT
}

impl Default for Origin {
    /// Nowhere in particular, in the default application.
    fn default() -> Self {
        Self::new(None, None)
    }
}

impl Origin {
    /// An origin whose user agent is cut to 256 characters and holds no control character, so that
    /// neither a log line nor a terminal can be forged with it.
    #[must_use]
    pub fn new(ip: Option<IpAddr>, user_agent: Option<&str>) -> Self {
        let user_agent = user_agent.map(|text| text.chars().map(printable).take(256).collect());
        Self { ip, user_agent, application: ApplicationId::DEFAULT, language: None }
    }
}

/// The character, or U+FFFD for one that steers a terminal or a log, turns the direction of text, or is not
/// seen at all. The joiners U+200C and U+200D stay: Persian and Hindi are spelled with them.
pub(crate) fn printable(c: char) -> char {
    let unseen = matches!(c, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}');
    let steers = c.is_control() || unseen;
    if steers { char::REPLACEMENT_CHARACTER } else { c }
}

/// Who does something, and from where: what every change wants to know for its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Who.
    pub actor: Actor,
    /// From where.
    pub origin: Origin,
}

impl Cause {
    /// A signed-in person.
    #[must_use]
    pub const fn user(user: UserId, origin: Origin) -> Self {
        Self { actor: Actor::User(user), origin }
    }

    /// Someone who has not proved who they are.
    #[must_use]
    pub const fn anonymous(origin: Origin) -> Self {
        Self { actor: Actor::Anonymous, origin }
    }

    /// The host's own program.
    #[must_use]
    pub fn system() -> Self {
        Self { actor: Actor::System, origin: Origin::default() }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The id, for deduplication.
    pub id: EventId,
    /// When, by the clock of the unit that wrote it.
    pub at: Timestamp,
    /// What, as `noun.verb`: `user.registered`, `session.ended`. The list is in `docs/events.md`.
    pub name: String,
    /// Who did it.
    pub actor: Actor,
    /// Whom it is about, if that is known.
    pub subject: Option<UserId>,
    /// From where.
    pub origin: Origin,
    /// The rest, by name; ids, counts and reasons.
    pub data: serde_json::Map<String, Value>,
}

impl Record for Event {
    type Id = EventId;
    const COLLECTION: Collection<Self> = Collection::new("events").index(&Event::BY_SUBJECT).stream();

    fn id(&self) -> EventId {
        self.id
    }
}

impl Event {
    /// What happened to one user, by time.
    pub const BY_SUBJECT: Index<Event, (Option<UserId>, Timestamp)> =
        Index::over(&["subject", "at"], |event: &Event| (event.subject, event.at));
}

/// An event before its unit gives it an id and a time.
#[derive(Debug, Clone)]
#[must_use = "an event is only written by Work::record"]
pub struct NewEvent {
    name: &'static str,
    actor: Actor,
    subject: Option<UserId>,
    origin: Origin,
    data: serde_json::Map<String, Value>,
}

impl NewEvent {
    /// An event of this name; hosts and plugins put their own name in front: `shop.order_placed`.
    pub fn new(name: &'static str, by: &Cause) -> Self {
        let Cause { actor, origin } = by.clone();
        Self { name, actor, subject: None, origin, data: serde_json::Map::new() }
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn datum(&self, name: &str) -> Option<&Value> {
        self.data.get(name)
    }

    /// Whom it is about.
    pub fn about(mut self, subject: impl Into<Option<UserId>>) -> Self {
        self.subject = subject.into();
        self
    }

    /// One more datum: an id, a count, a reason; never a secret.
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.data.insert(name.to_owned(), value.into());
        self
    }
}

impl Work {
    /// Writes an event in this unit's batch: it exists exactly if the change does.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] after the unit is over.
    pub fn record(&self, event: NewEvent) -> Result<(), StoreError> {
        let NewEvent { name, actor, subject, origin, data } = event;
        crate::metrics::event(self, name, &data);
        self.insert(&Event { id: self.new_id(), at: self.now(), name: name.to_owned(), actor, subject, origin, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lg3_a_user_agent_cannot_forge_a_line_or_steer_a_terminal() {
        let origin = Origin::new(None, Some("curl\r\n2026 sign-in ok\u{1b}[2Jx\u{202E}y"));
        assert_eq!(origin.user_agent.as_deref(), Some("curl\u{FFFD}\u{FFFD}2026 sign-in ok\u{FFFD}[2Jx\u{FFFD}y"));
        let long = Origin::new(None, Some(&"x".repeat(10_000)));
        assert_eq!(long.user_agent.map(|text| text.len()), Some(256));
    }
}
