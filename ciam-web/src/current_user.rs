//! Who is signed in, for handlers to ask for in their arguments.

use std::marker::PhantomData;
use std::ops::Deref;
use std::time::Duration;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Redirect, Response};
use ciam_core::clock::Timestamp;
use ciam_core::email::Email;
use ciam_core::events::{Cause, Origin};
use ciam_core::evidence::{Aal, Amr, Level};
use ciam_core::sessions::Session;
use ciam_core::users::Profile;
use ciam_core::{ApplicationId, Ciam, UserId};

use crate::client;
use crate::error::Problem;
use crate::middleware::{Requested, accepts_html};
use crate::reader::Asking;
use crate::return_to::with_way_back;
use crate::visitor::{GuestDoor, GuestId};
use crate::web::Web;
use ciam_core::journeys::LocalPath;

/// The person who is signed in, by a session cookie or an `Authorization: Bearer` header.
///
/// When nobody is, a browser that opens a page is sent to sign-in, and comes back afterwards; every
/// other client gets the problem `no_session` (401). When the store does not answer it is `unavailable`
/// (503): nobody is taken for signed in or signed out by mistake. Take `Option<CurrentUser>` where
/// either is fine.
///
/// ```
/// use axum::{Router, response::Html, routing::get};
/// use ciam_web::{CurrentUser, Problem};
///
/// async fn orders(user: CurrentUser) -> Result<Html<String>, Problem> {
///     let email = user.email().await?;
///     Ok(Html(format!("the orders of {}", user.id())))
/// }
///
/// let app: Router = Router::new().route("/orders", get(orders));
/// ```
#[derive(Debug, Clone)]
pub struct CurrentUser {
    session: Session,
    origin: Origin,
    web: Web,
    guest: Option<GuestDoor>,
}

impl CurrentUser {
    /// Who it is.
    #[must_use]
    pub const fn id(&self) -> UserId {
        self.session.user
    }

    /// The session of this request.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// The level of assurance that the session has now.
    #[must_use]
    pub fn assurance(&self) -> Aal {
        self.web.identity().sessions().level(&self.session)
    }

    /// The person and where the request came from: what ciam's services and your own events ask for.
    #[must_use]
    pub fn cause(&self) -> Cause {
        Cause::user(self.id(), self.origin.clone())
    }

    /// When they last proved who they are, by a factor of its own.
    #[must_use]
    pub fn auth_time(&self) -> Timestamp {
        self.session.assurance.newest().unwrap_or(self.session.created)
    }

    /// How they did, each way once.
    #[must_use]
    pub fn amr(&self) -> Vec<Amr> {
        self.session.assurance.amr()
    }

    /// Whether they last proved who they are not longer ago than `age`. As a type: [`Fresh`](crate::Fresh).
    #[must_use]
    pub fn is_fresh(&self, age: Duration) -> bool {
        self.identity().clock().now().since(self.auth_time()) <= age
    }

    /// The application of the host's that the request was made to.
    #[must_use]
    pub const fn application(&self) -> ApplicationId {
        self.origin.application
    }

    /// The engine, for what else is to be asked.
    #[must_use]
    pub fn identity(&self) -> &Ciam {
        self.web.identity()
    }

    /// The guest whom they were in this browser before they signed in, until [`CurrentUser::forget_guest`]: the
    /// moment to move a cart. Nobody else gets this id.
    #[must_use]
    pub fn former_guest(&self) -> Option<GuestId> {
        self.guest.as_ref()?.former(self.id())
    }

    /// Takes the guest's id from the browser with this response: everything of theirs has been moved.
    pub fn forget_guest(&self) {
        if let Some(guest) = &self.guest {
            guest.forget();
        }
    }

    /// All that is told of them, read from the store at once: name, addresses, since when. Escape it for HTML.
    ///
    /// # Errors
    /// [`Problem::unavailable`]; [`Problem::no_session`] when the account is gone.
    pub async fn profile(&self) -> Result<Profile, Problem> {
        self.identity().users().profile(self.id()).await?.ok_or_else(Problem::no_session)
    }

    /// The person's verified address, read from the store. Escape it for HTML.
    ///
    /// # Errors
    /// [`Problem::unavailable`].
    pub async fn email(&self) -> Result<Option<Email>, Problem> {
        Ok(self.web.identity().users().primary_email(self.id()).await?)
    }

    /// How the person wants to be called, if they said, read from the store. Escape it for HTML.
    ///
    /// # Errors
    /// [`Problem::unavailable`].
    pub async fn name(&self) -> Result<Option<String>, Problem> {
        let user = self.web.identity().users().get(self.id()).await?;
        Ok(user.and_then(|user| user.name).map(|name| name.as_str().to_owned()))
    }
}

/// The person who is signed in, on a session of at least the level `L`: `Assured<Aal2>`.
///
/// Without a session as [`CurrentUser`]; with one of a lower level the problem `assurance_required` (403).
#[derive(Debug, Clone)]
pub struct Assured<L: Level> {
    user: CurrentUser,
    level: PhantomData<L>,
}

impl<L: Level> Deref for Assured<L> {
    type Target = CurrentUser;

    fn deref(&self) -> &CurrentUser {
        &self.user
    }
}

/// Why a handler that needs a person was not called.
#[derive(Debug)]
pub enum Refusal {
    /// The browser is sent to sign in, or to prove again who it is.
    SignIn(Redirect),
    /// Any other client is told what is missing.
    Problem(Problem),
}

impl Refusal {
    /// Nobody is signed in.
    fn unknown(parts: &Parts) -> Self {
        Self::sending(parts, "/sign-in", Problem::no_session)
    }

    /// Whoever is signed in has not proved it for too long.
    pub(crate) fn stale(parts: &Parts, max_age: Duration) -> Self {
        Self::sending(parts, "/step-up", || Problem::fresh_sign_in_required().of_age(max_age))
    }

    /// A browser that opens a page is sent to one of ciam's own, with the way back.
    fn sending(parts: &Parts, page: &str, problem: impl FnOnce() -> Problem) -> Self {
        let target = parts.extensions.get::<Requested>().map_or("/", |Requested(target)| target.as_str());
        let browser = parts.method == Method::GET && accepts_html(&parts.headers);
        match parts.extensions.get::<Web>() {
            Some(web) if browser && !web.is_api(target) => {
                let page = web.path(page);
                let page = LocalPath::parse(target).map(|path| with_way_back(&page, &path)).unwrap_or(page);
                Self::SignIn(Redirect::to(&page))
            }
            _ => Self::Problem(problem()),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn(redirect) => ([(axum::http::header::CACHE_CONTROL, "no-store")], redirect).into_response(),
            Self::Problem(problem) => problem.into_response(),
        }
    }
}

/// The session of a request, looked up once however many extractors ask.
#[derive(Debug, Clone)]
struct Known(Option<CurrentUser>);

pub(crate) async fn current(parts: &mut Parts) -> Result<Option<CurrentUser>, Problem> {
    if let Some(Known(user)) = parts.extensions.get::<Known>() {
        return Ok(user.clone());
    }
    let Some(web) = parts.extensions.get::<Web>().cloned() else {
        tracing::error!("a handler asks for the current user, but its router is not mounted with ciam_web::mount");
        return Err(Problem::internal());
    };
    let user = match presented(&web, &parts.headers) {
        Some(bearer) => web.identity().sessions().check(bearer).await?,
        None => None,
    };
    let origin = client::origin(&web, &parts.headers, &parts.extensions);
    let guest = parts.extensions.get::<GuestDoor>().cloned();
    let user = user.map(|session| CurrentUser { session, origin, web, guest });
    if let (Some(asking), Some(user)) = (parts.extensions.get::<Asking>(), &user) {
        asking.is(user.id());
    }
    parts.extensions.insert(Known(user.clone()));
    Ok(user)
}

/// What the client shows: a bearer header goes before the cookie, even when it is good for nothing.
fn presented<'h>(web: &Web, headers: &'h HeaderMap) -> Option<&'h str> {
    client::bearer(headers).or_else(|| web.cookies().session(headers))
}

impl<S: Send + Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        match current(parts).await {
            Ok(Some(user)) => Ok(user),
            Ok(None) => Err(Refusal::unknown(parts)),
            Err(problem) => Err(Refusal::Problem(problem)),
        }
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for CurrentUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        current(parts).await
    }
}

impl<S: Send + Sync, L: Level> FromRequestParts<S> for Assured<L> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let user = <CurrentUser as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        if user.assurance() < L::AAL {
            return Err(Refusal::Problem(Problem::assurance_required()));
        }
        Ok(Self { user, level: PhantomData })
    }
}
