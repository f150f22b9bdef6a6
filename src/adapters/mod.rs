//! Ports met by a vendor's protocol.

#[cfg(feature = "smtp")]
mod smtp;

#[cfg(feature = "smtp")]
pub use smtp::{InvalidSmtpUrl, SmtpMessenger};
