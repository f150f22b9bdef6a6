//! The domain of ciam.

pub mod clock;
pub mod entropy;
pub mod events;
pub mod id;
pub mod secret;
pub mod store;

#[doc(hidden)]
pub use {serde, uuid};

pub use id::{ApplicationId, RealmId, UserId};
