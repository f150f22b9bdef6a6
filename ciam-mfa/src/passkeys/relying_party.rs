//! The site that passkeys are for.

use serde_json::{Value, json};
use url::{Host, Url};
use webauthn_rs::WebauthnBuilder;

use super::ceremonies::Ceremonies;

/// Why there is no such relying party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelyingPartyError {
    /// The id is not the name of a host: `shop.example`, in lower case, without port, path or a dot at its end. IP
    /// addresses have no passkeys (WebAuthn Level 3 §5.1.3); of names without a dot only `localhost` has.
    #[error("the id of a relying party is a host name such as shop.example, or localhost")]
    Id,
    /// An origin is not `https://host` with an optional port, or `http://localhost` with one.
    #[error("an origin is https:// and a host name, or http://localhost")]
    Origin,
    /// No origin is on the id's host or below it: browsers would ask a file of a host that serves no site.
    #[error("no origin is on the host of the relying party or below it")]
    Foreign,
    /// The library under it behaves otherwise than it is known to: an update has changed it.
    #[error("webauthn-rs keeps its state in another form than expected")]
    Library,
}

/// The site that passkeys are for: its id, its name, and the origins whose pages may ask for them.
///
/// **The id can never change** without losing every passkey: authenticators keep their keys under it.
#[derive(Debug, Clone)]
pub struct RelyingParty {
    id: String,
    name: String,
    origins: Vec<String>,
    pub(super) ceremonies: Ceremonies,
}

impl RelyingParty {
    /// The relying party of a host name and of the origins of its pages, such as `https://shop.example`.
    ///
    /// Every origin is taken as it stands: neither subdomains nor other ports are with it. Origins that are not on
    /// the host or below it are related origins (WebAuthn Level 3 §5.11): browsers take them when the host serves
    /// [`RelyingParty::well_known`].
    ///
    /// # Errors
    /// [`RelyingPartyError::Id`], [`RelyingPartyError::Origin`], [`RelyingPartyError::Foreign`] for what no browser
    /// would take; [`RelyingPartyError::Library`].
    pub fn new(id: &str, name: &str, origins: &[&str]) -> Result<Self, RelyingPartyError> {
        let named = id == "localhost" || (id.contains('.') && !id.ends_with('.'));
        if !named || Host::parse(id) != Ok(Host::Domain(id.to_owned())) {
            return Err(RelyingPartyError::Id);
        }
        let parsed = origins.iter().map(|origin| origin_of(origin)).collect::<Option<Vec<_>>>();
        let parsed = parsed.ok_or(RelyingPartyError::Origin)?;
        let own = parsed.iter().find(|origin| is_of(origin, id)).ok_or(RelyingPartyError::Foreign)?;
        let builder = WebauthnBuilder::new(id, own).map_err(|_| RelyingPartyError::Foreign)?;
        let builder =
            parsed.iter().fold(builder.rp_name(name), |builder, origin| builder.append_allowed_origin(origin));
        let library = builder.build().map_err(|_| RelyingPartyError::Library)?;
        let ceremonies = Ceremonies::new(library).ok_or(RelyingPartyError::Library)?;
        let mut texts: Vec<String> = parsed.iter().map(|origin| origin.origin().ascii_serialization()).collect();
        texts.sort_unstable();
        texts.dedup();
        Ok(Self { id: id.to_owned(), name: name.to_owned(), origins: texts, ceremonies })
    }

    /// The id: the host name that authenticators keep their keys under.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name, as authenticators may show it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The origins whose pages may ask, sorted.
    #[must_use]
    pub fn origins(&self) -> &[String] {
        &self.origins
    }

    /// Whether a page of this origin can ask for a passkey. Others should not show the button: a site that is opened
    /// as `http://127.0.0.1` has none though `http://localhost` has.
    #[must_use]
    pub fn takes(&self, origin: &str) -> bool {
        self.origins.iter().any(|known| known == origin)
    }

    /// What the host serves as `/.well-known/webauthn`, in JSON, so that browsers take related origins. Nothing when
    /// there are none.
    #[must_use]
    pub fn well_known(&self) -> Option<Value> {
        let related =
            self.origins.iter().any(|origin| Url::parse(origin).is_ok_and(|origin| !is_of(&origin, &self.id)));
        related.then(|| json!({ "origins": self.origins }))
    }
}

/// The origin that a text names, if a page with passkeys can have it.
fn origin_of(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let Some(Host::Domain(host)) = url.host() else { return None };
    let local = host == "localhost" || host.ends_with(".localhost");
    let secure = url.scheme() == "https" || (url.scheme() == "http" && local);
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    (secure && bare && anonymous && !host.ends_with('.')).then_some(url)
}

/// Whether an origin is on the host or below it.
fn is_of(origin: &Url, id: &str) -> bool {
    origin.domain().is_some_and(|host| host == id || host.strip_suffix(id).is_some_and(|rest| rest.ends_with('.')))
}
