//! Text messages by an HTTP gateway.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ciam_core::config::PublicUrl;
use ciam_core::messages::{Channel, Message, Messenger, SendError};
use ciam_core::secret::Secret;
use reqwest::{Client, StatusCode};
use url::Url;

/// How long the gateway may take for one message.
const PATIENCE: Duration = Duration::from_secs(20);

/// Hands text messages over to an HTTP gateway: a POST of the JSON `{"to": "+31612345678", "text": "…"}`.
///
/// An answer of 2xx means that the gateway has taken the message over. One of 4xx means never, and the message is
/// given up; save for 401, 407, 408 and 429, which say that the settings are wrong or that there was too much, so that
/// it is tried again, as after everything else. Redirects are not followed: a message goes to no other place than the
/// one that was named.
///
/// ```
/// use ciam::HttpSmsMessenger;
/// let messenger = HttpSmsMessenger::from_url("https://sms.example/send")?.bearer("token-of-the-gateway")?;
/// # Ok::<(), ciam::InvalidSmsUrl>(())
/// ```
pub struct HttpSmsMessenger {
    client: Client,
    url: Url,
    credentials: Credentials,
}

/// Who we are to the gateway.
enum Credentials {
    None,
    Basic { user: String, password: Secret<String> },
    Bearer(Secret<String>),
}

/// The text is no address of a gateway, or asks for something unsafe. Each says what to do, in `Debug` too.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSmsUrl {
    /// It is not `https://` or `http://` with a host.
    #[error("a gateway's URL is https://host/path, with user:password@ before the host if it wants them")]
    Malformed,
    /// Codes and numbers would travel in the clear.
    #[error("a gateway on another machine is spoken to over https only")]
    Insecure,
    /// What is to be sent as `Authorization` cannot be in a header.
    #[error("the gateway's credentials are printable ASCII")]
    Credentials,
    /// The TLS of this process cannot be set up.
    #[error("TLS cannot be set up")]
    Tls,
}

impl fmt::Debug for InvalidSmsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl HttpSmsMessenger {
    /// A messenger for the gateway at this URL: `https`, or `http` on the own machine. A user and password in it are
    /// sent as HTTP Basic authentication (RFC 7617). Opens no connection yet.
    ///
    /// # Errors
    /// [`InvalidSmsUrl`].
    pub fn from_url(url: &str) -> Result<Self, InvalidSmsUrl> {
        let mut url = Url::parse(url).map_err(|_| InvalidSmsUrl::Malformed)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(InvalidSmsUrl::Malformed)?;
        let local = PublicUrl::is_loopback_host(host);
        match url.scheme() {
            "https" => {}
            "http" if local => {}
            "http" => return Err(InvalidSmsUrl::Insecure),
            _ => return Err(InvalidSmsUrl::Malformed),
        }
        let credentials = match (url.username(), url.password()) {
            ("", None) => Credentials::None,
            (user, password) => {
                Credentials::Basic { user: plain(user)?, password: Secret::new(plain(password.unwrap_or_default())?) }
            }
        };
        let stripped = url.set_username("").and_then(|()| url.set_password(None));
        stripped.map_err(|()| InvalidSmsUrl::Malformed)?;
        url.set_fragment(None);
        Ok(Self { client: client(local)?, url, credentials })
    }

    /// Shows this token: `Authorization: Bearer …` (RFC 6750).
    ///
    /// # Errors
    /// [`InvalidSmsUrl::Credentials`].
    pub fn bearer(self, token: &str) -> Result<Self, InvalidSmsUrl> {
        let printable = token.bytes().all(|byte| byte.is_ascii_graphic());
        let credentials = Credentials::Bearer(Secret::new(token.to_owned()));
        if printable { Ok(Self { credentials, ..self }) } else { Err(InvalidSmsUrl::Credentials) }
    }
}

/// A client of our own TLS, that follows nobody and waits for a while.
fn client(local: bool) -> Result<Client, InvalidSmsUrl> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| InvalidSmsUrl::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .user_agent("ciam");
    let client = if local { client.no_proxy() } else { client };
    client.build().map_err(|_| InvalidSmsUrl::Tls)
}

/// The text of a part of a URL, in which it stands percent-encoded.
fn plain(part: &str) -> Result<String, InvalidSmsUrl> {
    let escaped = part.replace('+', "%2B").replace('&', "%26");
    let pair = format!("x={escaped}");
    let text = url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned());
    text.filter(|text| !text.contains(char::REPLACEMENT_CHARACTER)).ok_or(InvalidSmsUrl::Credentials)
}

#[async_trait]
impl Messenger for HttpSmsMessenger {
    async fn send(&self, message: &Message) -> Result<(), SendError> {
        if message.channel != Channel::Sms {
            return Err(SendError::Permanent("the gateway carries text messages only".into()));
        }
        let body = BTreeMap::from([("to", &message.to), ("text", &message.text)]);
        let request = self.client.post(self.url.clone()).json(&body);
        let request = match &self.credentials {
            Credentials::None => request,
            Credentials::Basic { user, password } => request.basic_auth(user, Some(password.expose())),
            Credentials::Bearer(token) => request.bearer_auth(token.expose()),
        };
        // An error's text names the URL, in whose query there may be a key.
        let answer = request.send().await.map_err(|error| SendError::Temporary(error.without_url().into()))?;
        let status = answer.status();
        let said = || format!("the gateway answers {}", status.as_u16()).into();
        match status {
            status if status.is_success() => Ok(()),
            StatusCode::UNAUTHORIZED
            | StatusCode::PROXY_AUTHENTICATION_REQUIRED
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS => Err(SendError::Temporary(said())),
            status if status.is_client_error() => Err(SendError::Permanent(said())),
            _ => Err(SendError::Temporary(said())),
        }
    }

    fn carries(&self, channel: Channel) -> bool {
        channel == Channel::Sms
    }
}

impl fmt::Debug for HttpSmsMessenger {
    /// The host alone: paths and queries of gateways hold keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSmsMessenger").field("gateway", &self.url.host_str()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked_before_any_connection() {
        for url in [
            "https://sms.example/send?key=secret",
            "https://user:secret@sms.example",
            "http://localhost:9000/sms",
            "http://127.0.0.1:9000",
            "http://[::1]:9000/",
        ] {
            let messenger = HttpSmsMessenger::from_url(url).unwrap();
            assert!(!format!("{messenger:?}").contains("secret"), "{url}");
            assert!(messenger.carries(Channel::Sms) && !messenger.carries(Channel::Email));
        }
        for url in ["", "sms.example", "ftp://sms.example", "https://", "mailto:a@b.example"] {
            assert_eq!(HttpSmsMessenger::from_url(url).err(), Some(InvalidSmsUrl::Malformed), "{url}");
        }
        for url in ["http://sms.example", "http://127.0.0.2", "http://localhost.evil.example"] {
            assert_eq!(HttpSmsMessenger::from_url(url).err(), Some(InvalidSmsUrl::Insecure), "{url}");
        }
        let messenger = HttpSmsMessenger::from_url("https://sms.example").unwrap();
        assert_eq!(messenger.bearer("a\r\nx: y").err(), Some(InvalidSmsUrl::Credentials));
    }

    #[test]
    fn credentials_are_read_as_they_were_meant() {
        let messenger = HttpSmsMessenger::from_url("https://a%40b:p%2Fx+y%26z@sms.example/").unwrap();
        assert!(matches!(&messenger.credentials,
            Credentials::Basic { user, password } if user == "a@b" && password.expose() == "p/x+y&z"));
        assert_eq!(messenger.url.as_str(), "https://sms.example/");
    }
}
