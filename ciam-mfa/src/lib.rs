//! Passkeys, codes of an authenticator app and recovery codes: the ceremonies, without a store.
//!
//! Everything here is a pure function of what it is given: the moment comes from the caller's clock, challenges and
//! seeds from its entropy, credentials from its store. Nothing is kept, so nothing can be counted, used up or
//! forgotten here: that a step, a code or a challenge is good once is the caller's to see to, and each type says how.
//!
//! # I want to …
//!
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
