//! Ports met by a vendor's protocol.

#[cfg(feature = "sms")]
mod sms;
#[cfg(feature = "smtp")]
mod smtp;

#[cfg(feature = "sms")]
pub use sms::{HttpSmsMessenger, InvalidSmsUrl};

#[cfg(feature = "smtp")]
pub use smtp::{InvalidSmtpUrl, SmtpMessenger};
