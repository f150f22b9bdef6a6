//! Who is signed in, for handlers to ask for in their arguments.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::{IntoResponse, Redirect, Response};
use ciam_core::clock::Timestamp;
use ciam_core::email::Email;
use ciam_core::events::{Cause, Origin};
use ciam_core::evidence::{Aal, Amr, Level};
use ciam_core::journeys::LocalPath;
use ciam_core::sessions::Session;
use ciam_core::users::Profile;
use ciam_core::{ApplicationId, Ciam, UserId};

use crate::attendance::Attendance;
use crate::client;
use crate::error::Problem;
use crate::middleware::accepts_html;
use crate::return_to::with_way_back;
use crate::visitor::GuestId;
use crate::web::Web;

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
pub struct CurrentUser(Arc<Present>);

#[derive(Debug)]
struct Present {
    session: Session,
    request: Attendance,
    address: Option<IpAddr>,
    agent: Option<HeaderValue>,
    origin: OnceLock<Origin>,
}

impl CurrentUser {
    /// Who it is.
    #[must_use]
    pub fn id(&self) -> UserId {
        self.0.session.user
    }

    /// The session of this request.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.0.session
    }

    /// The level of assurance that the session has now.
    #[must_use]
    pub fn assurance(&self) -> Aal {
        self.identity().sessions().level(self.session())
    }

    /// The person and where the request came from: what ciam's services and your own events ask for.
    #[must_use]
    pub fn cause(&self) -> Cause {
        Cause::user(self.id(), self.origin().clone())
    }

    /// When they last proved who they are, by a factor of its own.
    #[must_use]
    pub fn auth_time(&self) -> Timestamp {
        self.session().assurance.newest().unwrap_or(self.session().created)
    }

    /// How they did, each way once.
    #[must_use]
    pub fn amr(&self) -> Vec<Amr> {
        self.session().assurance.amr()
    }

    /// Every `acr` of OpenID Connect that their session meets now, the strongest first ([`Reached::acr`](ciam_core::evidence::Reached::acr)).
    #[must_use]
    pub fn acr(&self) -> Vec<&'static str> {
        self.identity().sessions().reached(self.session()).acr()
    }

    /// Whether they last proved who they are not longer ago than `age`. As a type: [`Fresh`](crate::Fresh).
    #[must_use]
    pub fn is_fresh(&self, age: Duration) -> bool {
        self.session().assurance.is_fresh(self.identity().clock().now(), age)
    }

    /// The application of the host's that the request was made to.
    #[must_use]
    pub fn application(&self) -> ApplicationId {
        self.0.request.web.application().id
    }

    /// The engine, for what else is to be asked.
    #[must_use]
    pub fn identity(&self) -> &Ciam {
        self.0.request.web.identity()
    }

    /// Where the request came from. Few requests ask.
    fn origin(&self) -> &Origin {
        let Present { request, address, agent, .. } = &*self.0;
        let described = || client::described(&request.web, *address, agent.as_ref(), Some(&request.asking));
        self.0.origin.get_or_init(described)
    }

    /// The guest whom they were in this browser before they signed in, until [`CurrentUser::forget_guest`]: the
    /// moment to move a cart. Nobody else gets this id.
    #[must_use]
    pub fn former_guest(&self) -> Option<GuestId> {
        self.0.request.guest.former(self.id())
    }

    /// Takes the guest's id from the browser with this response: everything of theirs has been moved.
    pub fn forget_guest(&self) {
        self.0.request.guest.forget();
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
        Ok(self.identity().users().primary_email(self.id()).await?)
    }

    /// How the person wants to be called, if they said, read from the store. Escape it for HTML.
    ///
    /// # Errors
    /// [`Problem::unavailable`].
    pub async fn name(&self) -> Result<Option<String>, Problem> {
        let user = self.identity().users().get(self.id()).await?;
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
        let request = Attendance::of(&parts.extensions);
        let browser = parts.method == Method::GET && accepts_html(&parts.headers);
        match request {
            Some(request) if browser && !request.web.is_api(request.target()) => {
                let page = request.web.path(page);
                let page = LocalPath::parse(request.target()).map(|path| with_way_back(&page, &path)).unwrap_or(page);
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
    let Some(request) = Attendance::of(&parts.extensions) else {
        tracing::error!(
            "a handler asks for the current user, but ciam is not around its router: ciam::web::mount or Mount::around"
        );
        return Err(Problem::internal());
    };
    let session = match presented(&request.web, &parts.headers) {
        Some(bearer) => request.web.identity().sessions().check(bearer).await?,
        None => None,
    };
    let user = session.map(|session| {
        request.asking.is(session.user);
        let address = client::address(&request.web, &parts.headers, &parts.extensions);
        let agent = parts.headers.get(USER_AGENT).cloned();
        CurrentUser(Arc::new(Present { session, request: request.clone(), address, agent, origin: OnceLock::new() }))
    });
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
