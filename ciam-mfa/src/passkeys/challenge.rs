//! What an authenticator signs, so that its answer is to this question and no other.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// 32 bytes that nobody could know before the options were shown.
///
/// Draw them, or derive them from a secret of the server and from what the ceremony is about. Nothing that a client
/// sends may enter them. WebAuthn Level 3 §13.4.3 asks for 16 bytes at least.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Challenge([u8; 32]);

impl Challenge {
    /// The challenge of these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The challenge as it stands in options and in client data: base64url without padding.
    pub(super) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Challenge(..)")
    }
}
