//! An authenticator and an authenticator app in software: real signatures and real codes, without a browser.
//!
//! A test hands the options that a page would give to the browser to [`SoftAuthenticator::create`] or
//! [`SoftAuthenticator::get`], and posts what comes back. The authenticator also tells lies when it is asked to
//! ([`Deviations`]), as a page of somebody else or a broken device would.

mod cbor;
mod soft_authenticator;
mod totp_app;

pub use soft_authenticator::{Deviations, SoftAuthenticator, UserHandle};
pub use totp_app::TotpApp;

/// Why the software made nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SoftError {
    /// The options exclude a key that is here: a browser says `InvalidStateError`.
    #[error("a key of this authenticator is excluded")]
    Excluded,
    /// There is no key for this site, or none of those that are allowed: a browser says `NotAllowedError`.
    #[error("no key of this authenticator is asked for")]
    NoKey,
    /// The site takes no ES256: a browser says `NotSupportedError`.
    #[error("the site takes no algorithm of this authenticator")]
    Unsupported,
    /// The options or the link are not in their form.
    #[error("not in the form of WebAuthn options, or of an otpauth link")]
    Malformed,
}
