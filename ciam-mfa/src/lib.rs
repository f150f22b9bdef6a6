//! Passkeys, codes of an authenticator app and recovery codes: the ceremonies, and the authenticators that an engine is
//! given.
//!
//! A ceremony is a pure function of what it is given: the moment comes from the caller's clock, challenges and seeds
//! from its entropy, credentials from its store. It keeps nothing, so it can count, use up or forget nothing: that a
//! step, a code or a challenge is good once is the caller's to see to, and each type says how. An
//! [`Authenticator`](ciam_core::authenticators::Authenticator) is such a caller.
//!
//! # I want to …
//!
//! - **ask people for the codes of their app, or for a recovery code**: give an engine `totp::TotpAuthenticator` and
//!   `recovery_codes::RecoveryCodes`.
//! - **offer an authenticator app, and check its codes**: [`totp`] (feature `totp`).
//! - **hand out codes for the day that everything else is lost**: [`recovery_codes`] (feature `recovery-codes`).
//! - **register and recognise passkeys**: [`passkeys`] (feature `passkeys`).
//! - **test a page that asks for them**: [`testing`] (feature `testing`).

#[cfg(feature = "passkeys")]
pub mod passkeys;
#[cfg(feature = "recovery-codes")]
pub mod recovery_codes;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "totp")]
pub mod totp;
#[cfg(any(feature = "recovery-codes", feature = "totp"))]
mod typed;
