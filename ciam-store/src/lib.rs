//! Where ciam keeps its records.
//!
//! I want to …
//!
//! * … keep everything in one file beside my application: [`SqliteStore`] (feature `sqlite`);
//! * … keep everything in my PostgreSQL, which several nodes share: [`PostgresStore`] (feature `postgres`);
//! * … try something out, or test: [`MemoryStore`];
//! * … keep records somewhere else: implement [`Backend`](ciam_core::store::Backend) and let
//!   `conformance!` (feature `conformance`) prove it.

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod generations;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod layout;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod load;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod migrations;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod plan;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod query;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod search;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use ciam_core::store::MemoryStore;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use migrations::Migrations;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use plan::{LayoutState, Unfinished};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresInspection, PostgresOptions, PostgresStore};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteInspection, SqliteOptions, SqliteStore, SqliteWriting};
