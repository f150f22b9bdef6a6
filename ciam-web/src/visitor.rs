//! Visitors who are not signed in, and what becomes of their things when they sign in.

use std::sync::{Mutex, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::header::{CACHE_CONTROL, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use ciam_core::UserId;
use ciam_core::secret::{Digest, Verifier};

use crate::attendance::Attendance;
use crate::cookies::SetCookie;
use crate::current_user::CurrentUser;
use crate::error::Problem;
use crate::web::Web;

ciam_core::id!(
    GuestId,
    "gst",
    "A visitor who is not signed in, the same for one browser until it signs in or out; a digest of the secret in its \
    cookie, so that whoever reads an id cannot pass for the guest."
);

/// Whoever sends the request: a person who is signed in, or a guest.
///
/// A guest has an id that stays the same in one browser, for 30 days at most, for what a host keeps of strangers: a
/// cart, a draft. It is a random secret in a cookie that scripts cannot read; nothing is stored by ciam, and it allows
/// nothing. When the guest signs in, their id goes to them alone ([`CurrentUser::former_guest`]); whoever uses the
/// browser as a guest afterwards is another one, and so is whoever uses it after a sign-out. Clients without cookies
/// are another guest with every request.
///
/// ```
/// use ciam_web::{Problem, Visitor};
///
/// async fn cart(visitor: Visitor) -> String {
///     match visitor {
///         Visitor::Guest(guest) => format!("the cart of {guest}"),
///         Visitor::User(user) => {
///             if let Some(guest) = user.former_guest() {
///                 // Move the guest's cart to the user; it may be asked for more than once, until:
///                 user.forget_guest();
///             }
///             format!("the cart of {}", user.id())
///         }
///     }
/// }
/// # let app: axum::Router = axum::Router::new().route("/cart", axum::routing::get(cart));
/// ```
#[derive(Debug, Clone)]
pub enum Visitor {
    /// Somebody who is signed in.
    User(Box<CurrentUser>),
    /// Somebody who is not.
    Guest(GuestId),
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if let Some(user) = crate::current_user::current(parts).await? {
            return Ok(Self::User(Box::new(user)));
        }
        let attendance = Attendance::of(&parts.extensions).ok_or_else(Problem::internal)?;
        Ok(Self::Guest(attendance.guest.guest(&attendance.web)))
    }
}

/// A guest's secret as their cookie holds it: free, or handed over to somebody who has signed in.
#[derive(Debug, Clone)]
struct Ticket {
    secret: Verifier,
    of: Option<UserId>,
}

impl Ticket {
    fn read(text: &str) -> Option<Self> {
        let (secret, of) = match text.split_once('.') {
            Some((secret, user)) => (secret, Some(user.parse().ok()?)),
            None => (text, None),
        };
        Some(Self { secret: Verifier::parse(secret).ok()?, of })
    }

    fn text(&self) -> String {
        let secret = self.secret.expose();
        match self.of {
            Some(user) => format!("{}.{user}", secret.expose()),
            None => secret.expose().clone(),
        }
    }

    fn guest(&self) -> GuestId {
        Digest::of_all(&[b"guest", self.secret.expose().expose().as_bytes()]).id()
    }
}

/// Who signed in with this response: set beside the cookie of the session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HasSignedIn(pub(crate) UserId);

/// What a request brought of a guest, and what its response is to leave of one.
#[derive(Debug)]
pub(crate) struct GuestDoor(Mutex<Passage>);

#[derive(Debug, Default)]
struct Passage {
    brought: Option<Ticket>,
    issued: bool,
    forgotten: bool,
}

impl GuestDoor {
    pub(crate) fn open(web: &Web, headers: &HeaderMap) -> Self {
        let brought = web.cookies().guest(headers).and_then(Ticket::read);
        Self(Mutex::new(Passage { brought, ..Passage::default() }))
    }

    /// The guest of this request, who gets an id if they had none.
    fn guest(&self, web: &Web) -> GuestId {
        let mut passage = self.passage();
        match &passage.brought {
            Some(ticket) if ticket.of.is_none() => ticket.guest(),
            _ => {
                let ticket = Ticket { secret: web.identity().entropy().verifier(), of: None };
                let guest = ticket.guest();
                *passage = Passage { brought: Some(ticket), issued: true, forgotten: false };
                guest
            }
        }
    }

    /// The guest whom this user was before they signed in in this browser.
    pub(crate) fn former(&self, user: UserId) -> Option<GuestId> {
        let passage = self.passage();
        let ticket = passage.brought.as_ref().filter(|ticket| ticket.of == Some(user) && !passage.forgotten)?;
        Some(ticket.guest())
    }

    pub(crate) fn forget(&self) {
        self.passage().forgotten = true;
    }

    /// Sets the guest's cookie as it is to be after this response.
    pub(crate) fn close(&self, web: &Web, signed_in: Option<HasSignedIn>, headers: &mut HeaderMap) {
        let passage = self.passage();
        let cookie = match (&passage.brought, signed_in) {
            (Some(Ticket { secret, of: None }), Some(HasSignedIn(user))) => {
                Some(web.cookies().set_guest(&Ticket { secret: secret.clone(), of: Some(user) }.text()))
            }
            (Some(ticket), None) if passage.issued => Some(web.cookies().set_guest(&ticket.text())),
            (Some(_), None) if passage.forgotten => Some(web.cookies().clear_guest()),
            _ => None,
        };
        if let Some(cookie) = cookie.and_then(SetCookie::header) {
            headers.append(SET_COOKIE, cookie);
            // No cache that is shared keeps an answer that names its guest.
            headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private"));
        }
    }

    fn passage(&self) -> std::sync::MutexGuard<'_, Passage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
