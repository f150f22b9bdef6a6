//! Where ciam keeps its records.
//!
//! I want to …
//!
//! * … keep everything in one file beside my application: [`SqliteStore`] (feature `sqlite`);
//! * … try something out, or test: [`MemoryStore`];
//! * … keep records somewhere else: implement [`Backend`](ciam_core::store::Backend) and let
//!   `conformance!` (feature `conformance`) prove it.

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use ciam_core::store::MemoryStore;
#[cfg(feature = "sqlite")]
pub use sqlite::{Inspection, SqliteOptions, SqliteStore, Writing};
