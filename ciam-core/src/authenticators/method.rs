//! Ways to prove who one is, by name.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A way to prove who one is, by the word that policies, answers and events have for it.
///
/// ciam's own are constants. A host's own is 1 to 32 lower-case letters and underscores, and begins with a letter.
///
/// ```
/// use ciam_core::authenticators::Method;
/// let badge: Method = "staff_badge".parse()?;
/// assert_eq!(badge.as_str(), "staff_badge");
/// assert_eq!("totp".parse(), Ok(Method::TOTP));
/// assert!("Staff-Badge".parse::<Method>().is_err());
/// # Ok::<(), ciam_core::authenticators::InvalidMethod>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Method(Cow<'static, str>);

/// The text is no name of a method. Echoes nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a method is 1 to 32 lower-case letters and underscores, beginning with a letter")]
pub struct InvalidMethod;

/// The longest name.
const MAX: usize = 32;

impl Method {
    /// A password.
    pub const PASSWORD: Self = Self(Cow::Borrowed("password"));
    /// A passkey (WebAuthn).
    pub const PASSKEY: Self = Self(Cow::Borrowed("passkey"));
    /// A code of an authenticator app (RFC 6238).
    pub const TOTP: Self = Self(Cow::Borrowed("totp"));
    /// A code or a link by email.
    pub const EMAIL_CODE: Self = Self(Cow::Borrowed("email_code"));
    /// A code by text message.
    pub const SMS_CODE: Self = Self(Cow::Borrowed("sms_code"));
    /// A code that a call speaks.
    pub const VOICE_CODE: Self = Self(Cow::Borrowed("voice_code"));
    /// One of the codes that are kept for the day when everything else is lost.
    pub const RECOVERY_CODE: Self = Self(Cow::Borrowed("recovery_code"));

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Method {
    type Err = InvalidMethod;

    /// Takes the name as it is: nothing is trimmed or folded.
    ///
    /// # Errors
    /// [`InvalidMethod`] for everything else.
    fn from_str(text: &str) -> Result<Self, InvalidMethod> {
        let begins = text.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
        let goes_on = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if !begins || !goes_on || text.len() > MAX {
            return Err(InvalidMethod);
        }
        Ok(Self(Cow::Owned(text.to_owned())))
    }
}

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
