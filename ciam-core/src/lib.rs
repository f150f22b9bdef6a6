//! The domain of ciam and its rules: knows no SQL, no HTTP, no vendor.
//!
//! # I want to …
//!
//! - **put an engine together**: [`Ciam::builder`].
//! - **take a person through sign-up or sign-in**: [`journeys`].
//! - **know who sends a request**: [`sessions::Sessions::check`].
//! - **keep records of my own beside ciam's**: [`store`], and [`CiamBuilder::record`].
//! - **write a backend**: [`store::Backend`].
//! - **know whether it can serve**: [`Ciam::readiness`].
//! - **know what happened**: [`events`], and [`store::Store::tail`].
//! - **replace how messages go, passwords are hashed, keys are kept, tries are counted**:
//!   [`messages::Messenger`], [`passwords::PasswordHasher`], [`vault::KeyVault`], [`throttle::Throttle`].
//! - **say things in another language, or look like my shop**: [`language`], [`brand`].
//! - **change what messages say while the program runs**: [`messages::Templates`].
//! - **test with a stopped clock**: [`testing`] (feature `testing`).

mod application;
pub mod authenticators;
mod backfilling;
pub mod brand;
mod causes;
pub mod challenges;
mod ciam;
pub mod clock;
pub mod config;
pub mod devices;
pub mod email;
pub mod entropy;
pub mod events;
pub mod evidence;
pub mod followers;
pub mod id;
pub mod identifiers;
pub mod journeys;
pub mod language;
mod leases;
pub mod messages;
mod metrics;
pub mod passwords;
mod path_prefix;
mod readiness;
pub mod secret;
pub mod sessions;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod throttle;
pub mod users;
pub mod vault;
mod workers;

#[doc(hidden)]
pub use {serde, uuid};

pub use application::Application;
pub use causes::with_causes;
pub use ciam::{BuildError, Ciam, CiamBuilder};
pub use id::{ApplicationId, RealmId, UserId};
pub use readiness::{Condition, Readiness};
pub use workers::{Overdue, Workers};
