//! Handlers that want a proof that is not old.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::current_user::{CurrentUser, Refusal};

/// A span of time as a type: [`Minutes`] or [`Hours`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no span of time",
    label = "say how old a proof may be, such as `Fresh<Minutes<5>>`"
)]
pub trait MaxAge: fmt::Debug + Send + Sync + 'static {
    /// The span.
    const SPAN: Duration;
}

/// So many minutes, as a type.
#[derive(Debug, Clone, Copy)]
pub struct Minutes<const N: u64>;

/// So many hours, as a type.
#[derive(Debug, Clone, Copy)]
pub struct Hours<const N: u64>;

impl<const N: u64> MaxAge for Minutes<N> {
    const SPAN: Duration = Duration::from_secs(N * 60);
}

impl<const N: u64> MaxAge for Hours<N> {
    const SPAN: Duration = Duration::from_secs(N * 3600);
}

/// The person who is signed in, and has proved it not longer ago than `D`: `Fresh<Minutes<5>>`.
///
/// What counts is the newest proof of a real factor: a password or a key, not a code to an address. When it is too
/// old, a browser that opens a page is sent to `/step-up` and comes back with a new one; every other client gets the
/// problem `fresh_sign_in_required` (403), whose `max_age` says how many seconds old a proof may be. Without a session
/// it is as with [`CurrentUser`].
///
/// ```
/// use axum::{Router, routing::post};
/// use ciam_web::{Fresh, Minutes};
///
/// async fn payout(user: Fresh<Minutes<5>>) -> String {
///     format!("to the account of {}", user.id())
/// }
///
/// let app: Router = Router::new().route("/payout", post(payout));
/// ```
#[derive(Debug, Clone)]
pub struct Fresh<D: MaxAge> {
    user: CurrentUser,
    span: PhantomData<fn() -> D>,
}

impl<D: MaxAge> Deref for Fresh<D> {
    type Target = CurrentUser;

    fn deref(&self) -> &CurrentUser {
        &self.user
    }
}

impl<S: Send + Sync, D: MaxAge> FromRequestParts<S> for Fresh<D> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let user = <CurrentUser as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        if !user.is_fresh(D::SPAN) {
            return Err(Refusal::stale(parts, D::SPAN));
        }
        Ok(Self { user, span: PhantomData })
    }
}
