//! A segment of the path, as it is.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::error::Problem;

/// The only parameter of a route; what cannot be one names nothing.
#[derive(Debug)]
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(segment)) => Ok(Self(segment)),
            Err(_) => Err(Problem::not_found()),
        }
    }
}
