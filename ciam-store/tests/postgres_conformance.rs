//! The suite of all backends over PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "what these tests need of it is little")]
mod support;

ciam_store::conformance!(postgres, || async { Some((support::empty_store().await?, ())) });
