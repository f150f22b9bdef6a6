#![doc = include_str!("../README.md")]
//!
//! # I want to …
//!
//! - **put an engine together**: [`Ciam::builder`].
//! - **add pages, a JSON API and sessions to my axum app**: [`web::mount`].
//! - **know who is signed in**: [`CurrentUser`] and `Option<CurrentUser>` in a handler; [`Visitor`] for guests, too.
//! - **protect a whole router**: [`web::require_sign_in`]; **ask for a new proof**: [`Fresh`].
//! - **create, list or suspend users from my own program**: [`Ciam::users`].
//! - **run workers elsewhere, and end them**: [`Ciam::workers`], [`Ciam::shutdown`].
//! - **drive sign-up and sign-in from somewhere else than a browser**: [`journeys`].
//! - **keep records of my own beside ciam's**: [`store`].
//! - **keep everything in a file, or in the PostgreSQL that several nodes share**: [`SqliteStore`], or `PostgresStore`
//!   (feature `postgres`).
//! - **let nodes share their limits, and what they revoke, through Redis**: `Redis` (feature `redis`).
//! - **commit a customer and a row of my own in one transaction**: [`Ciam::staged`], and the `apply` of the store.
//! - **send messages**: [`SmtpMessenger`], and `HttpSmsMessenger` (feature `sms`) behind a
//!   [`ByChannel`](messages::ByChannel); while developing, [`Mailbox`].
//! - **configure a site with a file and variables**: [`settings`] (feature `settings`).
//! - **operate a site from the command line**: [`cli`] (feature `cli`), also with my own records.
//! - **make it look and speak like my shop**: [`brand`], [`language`], [`web::Mount::template`].
//! - **ask for more than a password**: [`CiamBuilder::authenticator`] with an authenticator of `mfa` (feature `mfa`): codes
//!   of an app, recovery codes.
//! - **test my app**: [`testing`] (feature `testing`).

mod adapters;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "settings")]
pub mod settings;

pub use ciam_core::{
    Application, ApplicationId, BuildError, Ciam, CiamBuilder, Condition, Overdue, Readiness, RealmId, UserId, Workers,
    authenticators, brand, challenges, clock, config, devices, email, entropy, events, evidence, followers, id,
    identifiers, journeys, language, messages, passwords, secret, sessions, throttle, users, vault, with_causes,
};

#[cfg(feature = "sms")]
pub use adapters::{HttpSmsMessenger, InvalidSmsUrl};
#[cfg(feature = "redis")]
pub use adapters::{InvalidRedisUrl, Redis, RedisCounters, RedisInvalidation};
#[cfg(feature = "smtp")]
pub use adapters::{InvalidSmtpUrl, SmtpMessenger};
pub use ciam_core::messages::Mailbox;
/// A stopped clock, fixed entropy, captured messages, people, and a client: for the tests of an application.
#[cfg(feature = "testing")]
pub mod testing {
    pub use ciam_core::testing::*;
    #[cfg(feature = "mfa")]
    pub use ciam_mfa::testing::*;
    #[cfg(feature = "web")]
    pub use ciam_web::testing::*;
}
#[cfg(feature = "mfa")]
pub use ciam_mfa as mfa;
#[cfg(feature = "web")]
pub use ciam_web as web;
#[cfg(feature = "web")]
pub use ciam_web::{Assured, CurrentUser, Fresh, Hours, Minutes, Visitor};

/// Where records are kept: the port, and the backends.
pub mod store {
    pub use ciam_core::store::*;
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub use ciam_store::{LayoutState, Migrations, Unfinished};
    #[cfg(feature = "postgres")]
    pub use ciam_store::{PostgresInspection, PostgresOptions, PostgresStore};
    #[cfg(feature = "sqlite")]
    pub use ciam_store::{SqliteInspection, SqliteOptions, SqliteStore, SqliteWriting};
}

pub use ciam_core::store::MemoryStore;
#[cfg(feature = "postgres")]
pub use ciam_store::PostgresStore;
#[cfg(feature = "sqlite")]
pub use ciam_store::SqliteStore;

/// The guides, so that what they show compiles.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../docs/getting-started.md")]
    mod getting_started {}
    #[doc = include_str!("../docs/api.md")]
    mod api {}
    #[cfg(feature = "sqlx-sqlite")]
    #[doc = include_str!("../docs/stores-and-migrations.md")]
    mod stores_and_migrations {}
    #[doc = include_str!("../docs/testing-your-app.md")]
    mod testing_your_app {}
    #[doc = include_str!("../docs/branding-and-language.md")]
    mod branding_and_language {}
    #[doc = include_str!("../docs/bring-your-own-store.md")]
    mod bring_your_own_store {}
    #[doc = include_str!("../docs/events.md")]
    mod events {}
    #[doc = include_str!("../docs/metrics.md")]
    mod metrics {}
    #[cfg(feature = "cli")]
    #[doc = include_str!("../docs/operating.md")]
    mod operating {}
}
