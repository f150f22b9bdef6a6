//! What every handler of ciam works with.

use std::sync::{Arc, Once};

use axum::response::Redirect;
use ciam_core::config::PublicUrl;
use ciam_core::messages::Mailbox;
use ciam_core::{Application, Ciam};

use crate::cookies::Cookies;
use crate::proxies::TrustedProxies;
use crate::templates::Templates;

/// The engine and what its front end needs; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Web(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    identity: Ciam,
    application: Application,
    cookies: Cookies,
    templates: Templates,
    mailbox: Option<Mailbox>,
    mailbox_refused: Once,
    proxies: TrustedProxies,
}

impl Web {
    pub(crate) fn new(
        identity: Ciam,
        application: Application,
        templates: Templates,
        mailbox: Option<Mailbox>,
        proxies: TrustedProxies,
    ) -> Self {
        let cookies = Cookies::new(identity.config(), &application.public_url);
        let mailbox_refused = Once::new();
        Self(Arc::new(Parts { identity, application, cookies, templates, mailbox, mailbox_refused, proxies }))
    }

    pub(crate) fn identity(&self) -> &Ciam {
        &self.0.identity
    }

    /// The application that is served.
    pub(crate) fn application(&self) -> &Application {
        &self.0.application
    }

    /// The application's public address.
    pub(crate) fn site(&self) -> &PublicUrl {
        &self.0.application.public_url
    }

    /// One of ciam's own paths, where it is: below the prefix.
    pub(crate) fn path(&self, path: &str) -> String {
        self.0.identity.config().path_prefix.join(path)
    }

    /// To one of ciam's own paths.
    pub(crate) fn redirect(&self, path: &str) -> Redirect {
        Redirect::to(&self.path(path))
    }

    /// Whether a path is for programs: the JSON API's, or what the host has under `/api/`.
    pub(crate) fn is_api(&self, path: &str) -> bool {
        let prefix = self.0.identity.config().path_prefix.as_str();
        let below = path.strip_prefix(prefix).unwrap_or(path);
        path.starts_with("/api/") || below.starts_with("/api/")
    }

    pub(crate) fn cookies(&self) -> Cookies {
        self.0.cookies
    }

    pub(crate) fn templates(&self) -> &Templates {
        &self.0.templates
    }

    /// Who is believed about a client's address.
    pub(crate) fn proxies(&self) -> &TrustedProxies {
        &self.0.proxies
    }

    pub(crate) fn mailbox(&self) -> Option<&Mailbox> {
        self.0.mailbox.as_ref()
    }

    /// Says, to the first who asks for the mailbox under another name, why it is not there.
    pub(crate) fn once_without_mailbox(&self, say: impl FnOnce()) {
        self.0.mailbox_refused.call_once(say);
    }
}
