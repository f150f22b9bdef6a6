//! With what somebody proves who they are: the methods, and which of them an account has.
//!
//! What an authenticator checks a proof with is a record of its own. That an account has it is an [`Enrolment`], the
//! same for every method, and all that the engine decides by.

mod enrolment;
mod method;
mod port;
mod registry;
mod service;

pub use enrolment::{AuthenticatorId, Enrolment};
pub use method::{InvalidMethod, Method};
pub use port::{
    Authenticator, Confirmation, Examination, Found, Given, Means, Ready, Shown, Unavailable, Used, Uses, Verdict,
};
pub(crate) use registry::{Registry, sole_former};
pub use service::{AuthenticatorError, AuthenticatorView, Authenticators};

#[cfg(test)]
mod tests;
