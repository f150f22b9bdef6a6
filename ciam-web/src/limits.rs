//! Bounds on what strangers send, checked before any work is done with it.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::Problem;

/// The most bytes of a body.
pub(crate) const MAX_BODY: usize = 64 * 1024;
/// The deepest nesting of JSON.
pub(crate) const MAX_DEPTH: usize = 64;
/// The most fields of a form.
pub(crate) const MAX_FIELDS: usize = 32;
/// The longest that a body may take to arrive.
const MAX_WAIT: Duration = Duration::from_secs(10);
const MAX_TARGET: usize = 8 * 1024;
const MAX_HEADERS: usize = 32 * 1024;
const MAX_HEADER_COUNT: usize = 100;

/// Refuses a request that is larger than any of ours needs to be. A layer over ciam's own routes.
pub(crate) async fn enforce(request: Request, next: Next) -> Response {
    match check(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check(uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target > MAX_TARGET {
        return Err(Problem::target_too_long());
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() > MAX_HEADER_COUNT || bytes > MAX_HEADERS {
        return Err(Problem::headers_too_large());
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if announced.is_some_and(|length| length.parse().is_ok_and(|length: u64| length > MAX_BODY as u64)) {
        return Err(Problem::too_large());
    }
    Ok(())
}

/// Reads a whole body, as long as it keeps within [`MAX_BODY`] and [`MAX_WAIT`].
pub(crate) async fn read(body: Body) -> Result<Bytes, Problem> {
    use std::error::Error;

    let whole = axum::body::to_bytes(body, MAX_BODY);
    let read = tokio::time::timeout(MAX_WAIT, whole).await.map_err(|_| Problem::timeout())?;
    read.map_err(|error| {
        let too_large = error.source().is_some_and(|source| source.is::<http_body_util::LengthLimitError>());
        if too_large { Problem::too_large() } else { Problem::malformed() }
    })
}

/// Whether JSON nests deeper than [`MAX_DEPTH`], told in one pass without parsing it.
pub(crate) fn too_deep(json: &[u8]) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rl8_depth_is_counted_outside_of_text_only() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(!too_deep(nested(MAX_DEPTH).as_bytes()));
        assert!(too_deep(nested(MAX_DEPTH + 1).as_bytes()));
        assert!(too_deep("[".repeat(100_000).as_bytes()));
        assert!(!too_deep(format!(r#"{{"a":"{}\"{}"}}"#, "[".repeat(1000), "{".repeat(1000)).as_bytes()));
        assert!(!too_deep("[]".repeat(1000).as_bytes()));
    }
}
