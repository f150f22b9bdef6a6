//! What the engine was built with, with the defaults that `docs/defaults.md` lists.

use std::time::Duration;

use crate::application::Application;
use crate::challenges::ChallengeLimits;
use crate::id::ApplicationId;
use crate::language::{Language, Languages, Wording};
use crate::passwords::{Argon2Options, PasswordRules};
pub use crate::path_prefix::{InvalidPathPrefix, PathPrefix};
use crate::sessions::{SessionCache, SessionLimits};
use crate::throttle::ThrottleLimits;

/// What the engine was built with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The application that is meant when none is named.
    pub application: Application,
    /// The host's other applications.
    pub others: Vec<Application>,
    /// The path below which ciam's own pages and API lie, in every application (default: the root).
    pub path_prefix: PathPrefix,
    /// The languages that are spoken here.
    pub languages: Languages,
    /// How long sessions live.
    pub sessions: SessionLimits,
    /// How much of sessions is kept in memory.
    pub session_cache: SessionCache,
    /// What a new password must be.
    pub passwords: PasswordRules,
    /// How passwords are hashed, unless by a hasher of the host's.
    pub argon2: Argon2Options,
    /// The version of the pepper in new hashes (default: none).
    pub pepper: Option<u32>,
    /// How many tries there are.
    pub throttle: ThrottleLimits,
    /// How long codes and links are good.
    pub challenges: ChallengeLimits,
    /// How long a journey may take that waits for no message (default 1 hour).
    pub journey: Duration,
    /// How long messages are kept that could not be sent (default 14 days).
    pub dead_letters: Duration,
    /// How old the newest proof of a session may be when something sensitive is changed with it (default 15 minutes).
    pub fresh: Duration,
    /// How long a shutdown waits for what is under way (default 10 seconds).
    pub shutdown_grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            application: Application::new("", "this site"),
            others: Vec::new(),
            path_prefix: PathPrefix::default(),
            languages: Languages::builtin().clone(),
            sessions: SessionLimits::default(),
            session_cache: SessionCache::default(),
            passwords: PasswordRules::default(),
            argon2: Argon2Options::default(),
            pepper: None,
            throttle: ThrottleLimits::default(),
            challenges: ChallengeLimits::default(),
            journey: Duration::from_hours(1),
            dead_letters: Duration::from_hours(14 * 24),
            fresh: Duration::from_mins(15),
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

impl Config {
    /// The application with this id, if the host has one.
    #[must_use]
    pub fn application(&self, id: ApplicationId) -> Option<&Application> {
        self.applications().find(|application| application.id == id)
    }

    /// The application with this id, or the default one where the host has it no more.
    #[must_use]
    pub fn application_or_default(&self, id: ApplicationId) -> &Application {
        self.application(id).unwrap_or(&self.application)
    }

    /// How things are said in an application to a person of whom this is known, the surest first: the language of
    /// the profile, the one that the client asks for. Otherwise the application's own, otherwise English.
    #[must_use]
    pub fn wording(&self, application: &Application, known: [Option<&Language>; 2]) -> Wording {
        let candidates = known.into_iter().chain([application.language.as_ref()]).flatten();
        match candidates.into_iter().find_map(|language| self.languages.spoken(language)) {
            Some(language) => self.languages.wording(&language),
            None => self.languages.english(),
        }
    }

    /// All applications, the default one first.
    pub fn applications(&self) -> impl Iterator<Item = &Application> {
        std::iter::once(&self.application).chain(&self.others)
    }

    /// The whole address of one of ciam's own paths in an application: for links in messages.
    #[must_use]
    pub fn link(&self, application: &Application, path: &str) -> String {
        format!("{}{}", application.public_url.origin(), self.path_prefix.join(path))
    }
}

/// The origin that people reach the application at, such as `https://shop.example`.
///
/// `https` everywhere; `http` only for `localhost`, `127.0.0.1` and `[::1]`, where browsers treat it as secure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    secure: bool,
    loopback: bool,
}

/// The hosts that are the own machine, as browsers write them.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The text is no public URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPublicUrl {
    /// It is not `scheme://host[:port]`.
    #[error("the public URL is a scheme, a host and perhaps a port, such as https://shop.example")]
    Malformed,
    /// It is plain http on a host that is not the own machine.
    #[error("the public URL is https, except on localhost, 127.0.0.1 and [::1]")]
    Insecure,
}

impl PublicUrl {
    /// Reads a public URL, with or without a slash at its end.
    ///
    /// # Errors
    /// [`InvalidPublicUrl`].
    pub fn parse(text: &str) -> Result<Self, InvalidPublicUrl> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let (scheme, authority) = text.split_once("://").ok_or(InvalidPublicUrl::Malformed)?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(InvalidPublicUrl::Malformed),
        };
        let (host, port) = match authority.rfind(':') {
            Some(colon) if !authority.ends_with(']') => (&authority[..colon], Some(&authority[colon + 1..])),
            _ => (authority, None),
        };
        let host_is_sound = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                !host.is_empty()
                    && host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
            }
        };
        if !host_is_sound || port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err(InvalidPublicUrl::Malformed);
        }
        let loopback = LOOPBACK.contains(&host);
        if !secure && !loopback {
            return Err(InvalidPublicUrl::Insecure);
        }
        let origin = match (secure, port) {
            (true, Some("443")) | (false, Some("80")) => format!("{scheme}://{host}"),
            _ => text.to_owned(),
        };
        Ok(Self { origin, secure, loopback })
    }

    /// The origin as browsers write it, without a slash at its end.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether a host, as browsers write it, is the own machine: `localhost`, `127.0.0.1` or `[::1]`.
    #[must_use]
    pub fn is_loopback_host(host: &str) -> bool {
        LOOPBACK.contains(&host)
    }

    /// Whether a browser's `Origin` is this site's. On the own machine `localhost`, `127.0.0.1` and `[::1]`
    /// are one site, as long as scheme and port are the same; everywhere else the text must be equal.
    #[must_use]
    pub fn is_own_origin(&self, origin: &str) -> bool {
        let elsewhere = |host: &str| {
            let own = LOOPBACK.iter().find_map(|own| self.origin.split_once("://")?.1.strip_prefix(own));
            let scheme = self.origin.split("://").next().unwrap_or_default();
            own.is_some_and(|port| origin == format!("{scheme}://{host}{port}"))
        };
        origin == self.origin || (self.loopback && LOOPBACK.iter().any(|host| elsewhere(host)))
    }

    /// Whether it is https.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether its host is the own machine.
    #[must_use]
    pub const fn is_loopback(&self) -> bool {
        self.loopback
    }
}

impl Default for PublicUrl {
    /// `http://localhost:8080`, for development.
    fn default() -> Self {
        Self { origin: "http://localhost:8080".to_owned(), secure: false, loopback: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_machine_has_three_names_and_any_other_site_one() {
        let local = PublicUrl::parse("http://localhost:8080").unwrap();
        for own in ["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"] {
            assert!(local.is_own_origin(own), "{own}");
        }
        let foreign = ["http://localhost:8081", "https://localhost:8080", "http://localhost", "http://127.0.0.2:8080"];
        for foreign in
            foreign.into_iter().chain(["http://evil.example:8080", "http://localhost.evil.example:8080", "null", ""])
        {
            assert!(!local.is_own_origin(foreign), "{foreign}");
        }
        let public = PublicUrl::parse("https://shop.example").unwrap();
        assert!(public.is_own_origin("https://shop.example"));
        assert!(!public.is_own_origin("https://localhost") && !public.is_own_origin("https://shop.example:443"));
    }

    #[test]
    fn a_public_url_is_an_origin_and_secure() {
        for (text, origin) in [
            ("https://shop.example", "https://shop.example"),
            ("https://shop.example:443/", "https://shop.example"),
            ("https://shop.example:8443", "https://shop.example:8443"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://127.0.0.1", "http://127.0.0.1"),
        ] {
            assert_eq!(PublicUrl::parse(text).unwrap().origin(), origin);
        }
        for text in [
            "",
            "shop.example",
            "ftp://shop.example",
            "https://",
            "https://a@b",
            "https://a/b",
            "https://a:x",
            "https://A.example",
        ] {
            assert_eq!(PublicUrl::parse(text), Err(InvalidPublicUrl::Malformed), "{text}");
        }
        for text in ["http://shop.example", "http://localhost.evil.example", "http://127.0.0.2"] {
            assert_eq!(PublicUrl::parse(text), Err(InvalidPublicUrl::Insecure), "{text}");
        }
    }
}
