//! Messages by SMTP.

use std::fmt;

use async_trait::async_trait;
use ciam_core::config::PublicUrl;
use ciam_core::messages::{Channel, Message, Messenger, SendError};
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MessageBuilder};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use url::Url;

/// Hands email over to an SMTP server (RFC 5321), over connections that are kept and used again.
///
/// A message that the server refuses for good is not tried again; whatever else fails is.
pub struct SmtpMessenger {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    server: String,
    sender: Mailbox,
}

/// The text is not an SMTP URL, or asks for something unsafe. Each says what to do, in `Debug` too.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSmtpUrl {
    /// It is not `smtp://` or `smtps://` with a host.
    #[error(
        "an SMTP URL is smtp://host:port or smtps://user:password@host, with tls=required or tls=opportunistic behind a ? if wanted"
    )]
    Malformed,
    /// A password would travel in the clear.
    #[error("a password goes to another machine over TLS only: use smtps://, or add ?tls=required")]
    Insecure,
    /// The sender is not an address.
    #[error("the sender is an address, or a name and an address: Shop <no-reply@shop.example>")]
    Sender,
}

impl fmt::Debug for InvalidSmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl SmtpMessenger {
    /// A messenger for `smtp://host:port` or `smtps://user:password@host:port`.
    ///
    /// Over plain `smtp`, TLS is used when the server offers it, and required when there is a password;
    /// a server on the own machine is spoken to as it is. `?tls=required` and `?tls=opportunistic` say
    /// otherwise. Opens no connection yet. The sender is `no-reply@` and the server's host, until
    /// [`SmtpMessenger::sender`] says another.
    ///
    /// # Errors
    /// [`InvalidSmtpUrl`].
    pub fn from_url(url: &str) -> Result<Self, InvalidSmtpUrl> {
        let mut url = Url::parse(url).map_err(|_| InvalidSmtpUrl::Malformed)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(InvalidSmtpUrl::Malformed)?.to_owned();
        let local = PublicUrl::is_loopback_host(&host);
        let secret = url.password().is_some();
        let asked = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value.into_owned());
        match (url.scheme(), asked.as_deref()) {
            ("smtps", None) | ("smtp", Some("required")) => {}
            ("smtp", Some("opportunistic")) if secret && !local => return Err(InvalidSmtpUrl::Insecure),
            ("smtp", Some("opportunistic")) => {}
            ("smtp", None) if local => {}
            ("smtp", None) => {
                let port = url.port();
                let tls = if secret { "required" } else { "opportunistic" };
                url.query_pairs_mut().append_pair("tls", tls);
                if port.is_none() {
                    // The port of a plain server, not the one of submission that the library would take.
                    let _ = url.set_port(Some(25));
                }
            }
            _ => return Err(InvalidSmtpUrl::Malformed),
        }
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.as_str())
            .map_err(|_| InvalidSmtpUrl::Malformed)?
            .timeout(Some(std::time::Duration::from_secs(20)))
            .build();
        let domain = if host.contains('.') && !local { host.as_str() } else { "localhost" };
        let address = Address::new("no-reply", domain).map_err(|_| InvalidSmtpUrl::Malformed)?;
        Ok(Self { transport, server: host, sender: Mailbox::new(None, address) })
    }

    /// Sends from this address: `no-reply@shop.example` or `Shop <no-reply@shop.example>`.
    ///
    /// # Errors
    /// [`InvalidSmtpUrl::Sender`].
    pub fn sender(mut self, sender: &str) -> Result<Self, InvalidSmtpUrl> {
        self.sender = sender.parse().map_err(|_| InvalidSmtpUrl::Sender)?;
        Ok(self)
    }

    /// Whether the server can be talked to now: a connection is opened and closed, and nothing is sent.
    ///
    /// # Errors
    /// [`SendError`] with what was in the way.
    pub async fn reach(&self) -> Result<(), SendError> {
        match self.transport.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(SendError::Temporary("the mail server does not answer NOOP".into())),
            Err(error) if error.is_permanent() => Err(SendError::Permanent(Box::new(error))),
            Err(error) => Err(SendError::Temporary(Box::new(error))),
        }
    }

    fn email(&self, message: &Message) -> Result<lettre::Message, SendError> {
        let permanent = |error: Box<dyn std::error::Error + Send + Sync>| SendError::Permanent(error);
        let to: Address = message.to.parse().map_err(|error| permanent(Box::new(error)))?;
        MessageBuilder::new()
            .from(self.sender.clone())
            .to(Mailbox::new(None, to))
            .subject(one_line(&message.subject))
            .message_id(Some(format!("<{}@{}>", message.id, self.sender.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            .body(message.text.clone())
            .map_err(|error| permanent(Box::new(error)))
    }
}

/// Whatever is in a subject, it is one header.
fn one_line(subject: &str) -> String {
    subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[async_trait]
impl Messenger for SmtpMessenger {
    async fn send(&self, message: &Message) -> Result<(), SendError> {
        if message.channel != Channel::Email {
            return Err(SendError::Permanent("SMTP carries email only".into()));
        }
        let email = self.email(message)?;
        match self.transport.send(email).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(SendError::Permanent(Box::new(error))),
            Err(error) => Err(SendError::Temporary(Box::new(error))),
        }
    }

    fn carries(&self, channel: Channel) -> bool {
        channel == Channel::Email
    }
}

impl fmt::Debug for SmtpMessenger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpMessenger").field("server", &self.server).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked_before_any_connection() {
        for url in [
            "smtp://localhost:1025",
            "smtp://mail.example",
            "smtp://user:secret@mail.example:587",
            "smtps://user:secret@mail.example",
            "smtp://user:secret@mail.example?tls=required",
        ] {
            let messenger = SmtpMessenger::from_url(url).unwrap();
            assert!(!format!("{messenger:?}").contains("secret"), "{url}");
        }
        for url in ["", "mail.example", "http://mail.example", "smtp://", "smtp://mail.example?tls=none"] {
            assert_eq!(SmtpMessenger::from_url(url).err(), Some(InvalidSmtpUrl::Malformed), "{url}");
        }
        let open = SmtpMessenger::from_url("smtp://user:secret@mail.example?tls=opportunistic");
        assert_eq!(open.err(), Some(InvalidSmtpUrl::Insecure));
    }

    #[test]
    fn a_sender_is_an_address() {
        let messenger = || SmtpMessenger::from_url("smtp://localhost").unwrap();
        assert!(messenger().sender("Shop <no-reply@shop.example>").is_ok());
        assert_eq!(messenger().sender("Shop").err(), Some(InvalidSmtpUrl::Sender));
        assert!(messenger().sender("a@b.example\r\nBcc: c@d.example").is_err());
    }
}
