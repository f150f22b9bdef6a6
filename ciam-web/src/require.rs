//! Whole routers behind what a handler could ask for in its arguments.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::{FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use tower::{Layer, Service};

use crate::current_user::CurrentUser;

/// A layer that lets a request through to its routes only when somebody is signed in.
///
/// Everybody else gets what the extractor [`CurrentUser`] gives them: a browser that opens a page is sent to sign-in
/// and comes back, every other request is refused with the problem `no_session` (401). It holds for every method, on
/// nested routers too. Use it as a `route_layer`, so that an address that does not exist stays not found.
///
/// ```
/// use axum::{Router, routing::get};
/// use ciam_web::require_sign_in;
///
/// let members = Router::<()>::new().route("/orders", get(async || "yours")).route_layer(require_sign_in());
/// let app: Router = Router::new().route("/", get(async || "everybody's")).nest("/members", members);
/// ```
#[must_use]
pub const fn require_sign_in() -> Require<CurrentUser> {
    require()
}

/// A layer that lets a request through only when this extractor does: `require::<Assured<Aal2>>()`,
/// `require::<Fresh<Hours<1>>>()`, or one of the host's own.
#[must_use]
pub const fn require<E>() -> Require<E> {
    Require(PhantomData)
}

/// The layer of [`require`] and [`require_sign_in`].
pub struct Require<E>(PhantomData<fn() -> E>);

impl<E> Clone for Require<E> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<E> fmt::Debug for Require<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Require")
    }
}

impl<E, S> Layer<S> for Require<E> {
    type Service = Required<E, S>;

    fn layer(&self, inner: S) -> Required<E, S> {
        Required { inner, asked: PhantomData }
    }
}

/// Routes behind a [`Require`] layer.
pub struct Required<E, S> {
    inner: S,
    asked: PhantomData<fn() -> E>,
}

impl<E, S: Clone> Clone for Required<E, S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), asked: PhantomData }
    }
}

impl<E, S> fmt::Debug for Required<E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Required")
    }
}

impl<E, S> Service<Request> for Required<E, S>
where
    E: FromRequestParts<()> + Send + 'static,
    S: Service<Request, Response: IntoResponse, Future: Send> + Clone + Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The one that is ready is called; its clone takes its place.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let refused = E::from_request_parts(&mut parts, &()).await.err().map(IntoResponse::into_response);
            match refused {
                None => inner.call(Request::from_parts(parts, body)).await.map(IntoResponse::into_response),
                Some(refusal) => Ok(refusal),
            }
        })
    }
}
