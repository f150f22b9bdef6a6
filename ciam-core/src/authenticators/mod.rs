//! With what somebody proves who they are: the methods, and which of them an account has.
//!
//! What an authenticator checks a proof with is a record of its own. That an account has it is an [`Enrolment`], the
//! same for every method, and all that the engine decides by.

mod enrolment;
mod method;

pub use enrolment::{AuthenticatorId, Enrolment};
pub use method::{InvalidMethod, Method};

#[cfg(test)]
mod tests;
