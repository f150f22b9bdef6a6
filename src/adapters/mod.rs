//! Ports met by a vendor's protocol.

#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sms")]
mod sms;
#[cfg(feature = "smtp")]
mod smtp;

#[cfg(feature = "redis")]
pub use redis::{InvalidRedisUrl, Redis, RedisCounters, RedisInvalidation};
#[cfg(feature = "sms")]
pub use sms::{HttpSmsMessenger, InvalidSmsUrl};

#[cfg(feature = "smtp")]
pub use smtp::{InvalidSmtpUrl, SmtpMessenger};
