//! What a request brought, for whoever asks for it while it is served.

use std::ops::Deref;
use std::sync::Arc;

use axum::http::{Extensions, HeaderMap, Uri};

use crate::reader::Asking;
use crate::visitor::GuestDoor;
use crate::web::Web;

/// A request of the mounted application, as one extension of it. What it costs to understand a header is paid by
/// whoever wants to know: most requests of a host ask for none of it.
#[derive(Debug, Clone)]
pub(crate) struct Attendance(Arc<Attended>);

#[derive(Debug)]
pub(crate) struct Attended {
    /// The engine and its front end.
    pub(crate) web: Web,
    /// The address as the client sent it, which nested routers shorten.
    uri: Uri,
    /// In which language the answer is.
    pub(crate) asking: Asking,
    /// The guest of this browser.
    pub(crate) guest: GuestDoor,
}

impl Attendance {
    pub(crate) fn new(web: &Web, uri: &Uri, headers: &HeaderMap) -> Self {
        Self(Arc::new(Attended {
            web: web.clone(),
            uri: uri.clone(),
            asking: Asking::new(headers),
            guest: GuestDoor::open(web, headers),
        }))
    }

    /// Of the request with these extensions; none when its router is not mounted.
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }
}

impl Attended {
    /// The path and query as the client sent them.
    pub(crate) fn target(&self) -> &str {
        self.uri.path_and_query().map_or("/", |target| target.as_str())
    }
}

impl Deref for Attendance {
    type Target = Attended;

    fn deref(&self) -> &Attended {
        &self.0
    }
}
