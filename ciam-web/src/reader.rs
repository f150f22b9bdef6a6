//! Who reads a page, and in which language.

use std::convert::Infallible;
use std::sync::OnceLock;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::header::{ACCEPT_LANGUAGE, CONTENT_LANGUAGE, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use ciam_core::UserId;
use ciam_core::clock::Timestamp;
use ciam_core::language::{Argument, Language, Wording};
use minijinja::value::Value;
use tokio::sync::OnceCell;

use crate::attendance::Attendance;
use crate::current_user::CurrentUser;
use crate::moments::Moment;
use crate::web::Web;

/// In which language the answer to a request is: of the person's profile, once it is known who they are; otherwise
/// the one that the client asks for.
#[derive(Debug)]
pub(crate) struct Asking {
    header: Option<HeaderValue>,
    wanted: OnceLock<Option<Language>>,
    user: OnceLock<UserId>,
    profile: OnceCell<Option<Language>>,
}

impl Asking {
    pub(crate) fn new(headers: &HeaderMap) -> Self {
        let header = headers.get(ACCEPT_LANGUAGE).cloned();
        Self { header, wanted: OnceLock::new(), user: OnceLock::new(), profile: OnceCell::new() }
    }

    /// The language that the client asks for.
    pub(crate) fn wanted(&self, web: &Web) -> Option<&Language> {
        let negotiated = || {
            let header = self.header.as_ref().and_then(|header| header.to_str().ok()).unwrap_or_default();
            web.identity().config().languages.negotiate(header)
        };
        self.wanted.get_or_init(negotiated).as_ref()
    }

    /// It is this person who asks.
    pub(crate) fn is(&self, user: UserId) {
        // INVARIANT: the session of a request is looked up once.
        let _ = self.user.set(user);
    }

    /// How the answer is said. A profile that cannot be read is one without a language: what there is to say may be
    /// that the store does not answer.
    pub(crate) async fn wording(&self, web: &Web) -> Wording {
        let profile = match self.user.get() {
            Some(user) => self.profile.get_or_init(|| profile(web, *user)).await.as_ref(),
            None => None,
        };
        web.identity().config().wording(web.application(), [profile, self.wanted(web)])
    }
}

async fn profile(web: &Web, user: UserId) -> Option<Language> {
    match web.identity().users().get(user).await {
        Ok(user) => user?.language,
        Err(_) => None,
    }
}

/// Whoever reads the page that a handler answers with.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    web: Web,
    wording: Wording,
}

impl Reader {
    /// The engine and its front end.
    pub(crate) const fn web(&self) -> &Web {
        &self.web
    }

    /// How things are said to them.
    pub(crate) const fn wording(&self) -> &Wording {
        &self.wording
    }

    /// A text in their language.
    pub(crate) fn say(&self, key: &str, about: &[(&str, Argument<'_>)]) -> String {
        self.wording.say(key, about)
    }

    /// A moment for a page.
    pub(crate) fn moment(&self, at: Timestamp) -> Moment {
        Moment::new(at, self.web.identity().clock().now(), &self.wording)
    }

    /// A page in their language.
    pub(crate) fn page(&self, template: &str, context: Value) -> Response {
        let mut response = self.web.templates().page(template, context, &self.wording);
        name_language(response.headers_mut(), &self.wording);
        response
    }
}

/// Says in which language a response is, and that another client may get another one.
pub(crate) fn name_language(headers: &mut HeaderMap, wording: &Wording) {
    if let Ok(language) = HeaderValue::from_str(wording.language().as_str()) {
        headers.insert(CONTENT_LANGUAGE, language);
    }
    headers.append(VARY, HeaderValue::from_name(ACCEPT_LANGUAGE));
}

impl FromRequestParts<Web> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Infallible> {
        // Whether somebody is signed in decides the language here and nothing else.
        let _ = <CurrentUser as OptionalFromRequestParts<Web>>::from_request_parts(parts, web).await;
        let wording = match Attendance::of(&parts.extensions) {
            Some(attendance) => attendance.asking.wording(web).await,
            None => Asking::new(&parts.headers).wording(web).await,
        };
        Ok(Self { web: web.clone(), wording })
    }
}
