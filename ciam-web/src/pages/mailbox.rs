//! What was sent, for development.

use axum::extract::{FromRequestParts, State};
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use ciam_core::clock::Timestamp;
use ciam_core::messages::Message;
use minijinja::context;
use minijinja::value::{Serde, Value};
use serde::Serialize;

use crate::error::Problem;
use crate::proxies::is_forwarded;
use crate::reader::Reader;
use crate::web::Web;

pub(super) fn routes() -> Router<Web> {
    Router::new().route("/dev/mailbox", get(page)).route("/dev/mailbox.json", get(list))
}

/// The request was made for the public URL's host, and by no proxy for somebody else. To a request under any other name
/// there is no mailbox: its sender may be a page of that name's owner, who made the name lead here (DNS rebinding). A
/// proxy or a tunnel on this machine may ask under the host's name for whoever is at its other end.
#[derive(Debug)]
struct OwnHost;

impl FromRequestParts<Web> for OwnHost {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Problem> {
        if is_forwarded(&parts.headers) {
            return Err(Problem::not_found());
        }
        let scheme = if web.site().is_secure() { "https" } else { "http" };
        let is_own = |host: &str| web.site().is_own_origin(&format!("{scheme}://{host}"));
        let target = parts.uri.authority().map(|authority| Some(authority.as_str()));
        let mut hosts = target.into_iter().chain(parts.headers.get_all(HOST).iter().map(|host| host.to_str().ok()));
        let first = hosts.next().ok_or_else(Problem::not_found)?;
        let all_own = std::iter::once(first).chain(hosts).all(|host| host.is_some_and(is_own));
        if all_own {
            return Ok(Self);
        }
        web.once_without_mailbox(|| {
            tracing::warn!(
                host = parts.headers.get(HOST).map(tracing::field::debug),
                public_url = web.site().origin(),
                "the mailbox is shown under the public URL's host and port only; if this is them, tell the builder \
                 with .public_url(…)"
            );
        });
        Err(Problem::not_found())
    }
}

#[derive(Debug, Serialize)]
struct Letter {
    to: String,
    channel: String,
    subject: String,
    text: String,
    at: String,
    #[serde(skip)]
    parts: Vec<Part>,
}

/// A piece of a text: a link or what is between links.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Part {
    text: String,
    link: bool,
}

fn letters(web: &Web) -> Vec<Letter> {
    let messages = web.mailbox().map(|mailbox| mailbox.messages()).unwrap_or_default();
    let letter = |Message { to, channel, subject, text, at, .. }| Letter {
        to,
        channel: format!("{channel}"),
        subject,
        parts: parts(&text),
        text,
        at: Timestamp::rfc3339(at),
    };
    messages.into_iter().map(letter).collect()
}

async fn list(State(web): State<Web>, _: OwnHost) -> Json<Vec<Letter>> {
    Json(letters(&web))
}

async fn page(State(web): State<Web>, reader: Reader, _: OwnHost) -> Response {
    let letters: Vec<Value> = letters(&web)
        .into_iter()
        .map(|letter| {
            context! {
                parts => Serde(&letter.parts),
                ..Value::from(Serde(&letter))
            }
        })
        .collect();
    reader.page("mailbox.html", context! { messages => letters })
}

fn parts(text: &str) -> Vec<Part> {
    let link_at = |text: &str| ["https://", "http://"].iter().filter_map(|scheme| text.find(scheme)).min();
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = link_at(rest) {
        let (before, from) = rest.split_at(at);
        let (link, after) = from.split_at(from.find(char::is_whitespace).unwrap_or(from.len()));
        parts.push(Part { text: before.to_owned(), link: false });
        parts.push(Part { text: link.to_owned(), link: true });
        rest = after;
    }
    parts.push(Part { text: rest.to_owned(), link: false });
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found() {
        let found = parts("Go to http://localhost:8080/verify?ticket=x\nor not.");
        let texts: Vec<(&str, bool)> = found.iter().map(|part| (part.text.as_str(), part.link)).collect();
        assert_eq!(texts, [("Go to ", false), ("http://localhost:8080/verify?ticket=x", true), ("\nor not.", false)]);
    }
}
