//! Randomness as a port, and what is made from it: ids, secrets, codes.

use std::fmt;

use ring::rand::SecureRandom;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::id::RecordId;
use crate::secret::{Code, Verifier};

/// Gives random bytes that nobody can predict.
///
/// When the source fails the engine must not go on with weak bytes: the implementation panics,
/// which ends the request and nothing else.
pub trait Entropy: fmt::Debug + Send + Sync + 'static {
    /// Fills the whole buffer.
    fn fill(&self, buffer: &mut [u8]);
}

/// What the engine makes from random bytes.
impl dyn Entropy {
    /// A fresh UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, 74 random bits.
    #[must_use]
    pub fn uuid(&self, now: Timestamp) -> Uuid {
        let mut random = [0; 10];
        self.fill(&mut random);
        uuid::Builder::from_unix_timestamp_millis(now.millis(), &random).into_uuid()
    }

    /// A fresh typed id.
    #[must_use]
    pub fn id<I: RecordId>(&self, now: Timestamp) -> I {
        I::from_uuid(self.uuid(now))
    }

    /// A fresh 256-bit secret for a bearer.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        let mut bytes = [0; 32];
        self.fill(&mut bytes);
        Verifier::new(bytes)
    }

    /// A fresh six-digit code, each of the million equally likely (by rejection, not by modulo).
    #[must_use]
    pub fn code(&self) -> Code {
        const CODES: u32 = 1_000_000;
        const USABLE: u32 = u32::MAX - u32::MAX % CODES;
        loop {
            let mut bytes = [0; 4];
            self.fill(&mut bytes);
            let number = u32::from_be_bytes(bytes);
            if number < USABLE {
                return Code::from_number(number % CODES);
            }
        }
    }
}

/// The operating system's generator, through `ring`.
#[derive(Debug, Clone)]
pub struct SystemEntropy(ring::rand::SystemRandom);

impl SystemEntropy {
    /// The generator; opening it costs nothing.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the port behind which the generator stands")]
    pub fn new() -> Self {
        Self(ring::rand::SystemRandom::new())
    }
}

impl Default for SystemEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        assert!(self.0.fill(buffer).is_ok(), "the operating system gives no random bytes");
    }
}
