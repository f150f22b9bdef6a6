//! Values that must not print, and the bearers made of them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroize;

use crate::id::RecordId;

/// A value that does not print, compare or serialize, and is wiped when dropped.
///
/// ```
/// let password = ciam_core::secret::Secret::new("correct horse".to_owned());
/// assert_eq!(format!("{password:?}"), "Secret(..)");
/// ```
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes a value into custody.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    pub(crate) const fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }

    /// The value itself; every use of this method is a place to look at in a review.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<'de> Deserialize<'de> for Secret<String> {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d).map(Self)
    }
}

/// A secret that its owner is to see: it is written into what is sent to them, and still does not print.
#[derive(Clone)]
pub struct Revealed(Secret<String>);

impl From<Secret<String>> for Revealed {
    fn from(secret: Secret<String>) -> Self {
        Self(secret)
    }
}

impl Revealed {
    /// The value itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl Serialize for Revealed {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.expose())
    }
}

impl PartialEq for Revealed {
    fn eq(&self, other: &Self) -> bool {
        self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
    }
}

impl Eq for Revealed {}

impl fmt::Debug for Revealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Revealed(..)")
    }
}

/// The SHA-256 of something secret: all that a store keeps of it.
#[derive(Clone, Copy, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_parts(&[bytes])
    }

    /// The digest of several parts, each preceded by its length, so that no two lists of parts
    /// share a digest by sharing their concatenation.
    #[must_use]
    pub fn of_all(parts: &[&[u8]]) -> Self {
        let lengths: Vec<[u8; 8]> = parts.iter().map(|part| (part.len() as u64).to_be_bytes()).collect();
        let framed: Vec<&[u8]> =
            lengths.iter().zip(parts).flat_map(|(length, part)| [length.as_slice(), part]).collect();
        Self::of_parts(&framed)
    }

    fn of_parts(parts: &[&[u8]]) -> Self {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        for part in parts {
            context.update(part);
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.finish().as_ref());
        Self(bytes)
    }

    /// An id that is the same for the same parts: a UUIDv8 of the digest's first 122 bits.
    ///
    /// For records that are found by what they are about (a counter of one address), where a
    /// random id would need an index and a look before every write.
    #[must_use]
    pub fn id<I: RecordId>(&self) -> I {
        let mut half = [0; 16];
        half.copy_from_slice(&self.0[..16]);
        I::from_uuid(uuid::Builder::from_custom_bytes(half).into_uuid())
    }

    /// The digest's bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for Digest {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        let mut bytes = [0; 32];
        match URL_SAFE_NO_PAD.decode_slice(text.as_bytes(), &mut bytes) {
            Ok(32) => Ok(Self(bytes)),
            _ => Err(serde::de::Error::custom("not a digest of 32 bytes in base64url")),
        }
    }
}

/// The secret half of a bearer: 256 random bits.
#[derive(Clone)]
pub struct Verifier(Secret<[u8; 32]>);

impl Verifier {
    pub(crate) const fn new(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }

    /// What the store keeps.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.expose())
    }

    /// Reads the text that [`Verifier::expose`] wrote.
    ///
    /// # Errors
    /// [`MalformedBearer`] for anything else.
    pub fn parse(text: &str) -> Result<Self, MalformedBearer> {
        decode_exactly(text).map(Self::new)
    }

    /// The secret in base64url (43 characters), to be handed out once.
    #[must_use]
    pub fn expose(&self) -> Secret<String> {
        Secret::new(URL_SAFE_NO_PAD.encode(self.0.expose()))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(..)")
    }
}

/// The text cannot be a bearer of ours. Says nothing about what was wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a bearer of this kind")]
pub struct MalformedBearer;

/// What a client shows to be let in: the id of a record (the selector) and a secret (the verifier).
///
/// The record is found by its primary key and the digest of the secret compared in constant time,
/// so neither the database nor the time tells how much of a guess was right. Its text is 64
/// characters of base64url: 16 bytes of id, 32 bytes of secret.
#[derive(Clone)]
pub struct Bearer<I> {
    id: I,
    verifier: Verifier,
}

impl<I: RecordId> Bearer<I> {
    /// The bearer of the record `id` whose secret is `verifier`.
    pub const fn new(id: I, verifier: Verifier) -> Self {
        Self { id, verifier }
    }

    /// Reads a bearer from what a client sent.
    ///
    /// # Errors
    /// [`MalformedBearer`] for empty, shorter, longer or otherwise foreign text, before any look at the store.
    pub fn parse(text: &str) -> Result<Self, MalformedBearer> {
        let bytes: [u8; 48] = decode_exactly(text)?;
        let mut id = [0; 16];
        let mut secret = [0; 32];
        id.copy_from_slice(&bytes[..16]);
        secret.copy_from_slice(&bytes[16..]);
        Ok(Self { id: I::from_uuid(Uuid::from_bytes(id)), verifier: Verifier::new(secret) })
    }

    /// The record that the bearer speaks of.
    pub const fn id(&self) -> I {
        self.id
    }

    /// What the record must hold for the bearer to be good.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.verifier.digest()
    }

    /// The text to hand to the client, once.
    #[must_use]
    pub fn expose(&self) -> Secret<String> {
        let mut bytes = [0; 48];
        bytes[..16].copy_from_slice(self.id.uuid().as_bytes());
        bytes[16..].copy_from_slice(self.verifier.0.expose());
        let text = URL_SAFE_NO_PAD.encode(bytes);
        bytes.zeroize();
        Secret::new(text)
    }
}

impl<I: fmt::Debug> fmt::Debug for Bearer<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer").field("id", &self.id).finish_non_exhaustive()
    }
}

fn decode_exactly<const N: usize>(text: &str) -> Result<[u8; N], MalformedBearer> {
    if text.len() != (N * 4).div_ceil(3) {
        return Err(MalformedBearer);
    }
    let mut bytes = [0; N];
    match URL_SAFE_NO_PAD.decode_slice(text.as_bytes(), &mut bytes) {
        Ok(length) if length == N => Ok(bytes),
        _ => Err(MalformedBearer),
    }
}

/// A six-digit code that a person types from a message.
#[derive(Clone)]
pub struct Code(Secret<[u8; 6]>);

impl Code {
    pub(crate) fn from_number(number: u32) -> Self {
        let mut digits = [b'0'; 6];
        let mut rest = number;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        Self(Secret::new(digits))
    }

    /// Reads what a person typed: six digits, with spaces or hyphens between them or around.
    ///
    /// # Errors
    /// [`MalformedBearer`] for anything else, the empty text too.
    pub fn parse(text: &str) -> Result<Self, MalformedBearer> {
        let mut digits = [0; 6];
        let mut found = 0;
        if text.len() > 32 {
            return Err(MalformedBearer);
        }
        for byte in text.bytes() {
            match byte {
                b'0'..=b'9' if found < 6 => {
                    digits[found] = byte;
                    found += 1;
                }
                b' ' | b'-' => {}
                _ => return Err(MalformedBearer),
            }
        }
        if found == 6 { Ok(Self(Secret::new(digits))) } else { Err(MalformedBearer) }
    }

    /// The six digits.
    #[must_use]
    pub fn expose(&self) -> &str {
        std::str::from_utf8(self.0.expose()).unwrap_or("")
    }

    /// Whether both are the same code, in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.expose().ct_eq(other.0.expose()).into()
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::UserId;
    use proptest::prelude::*;

    #[test]
    fn digests_of_parts_do_not_run_together() {
        assert_ne!(Digest::of_all(&[b"ab", b"c"]), Digest::of_all(&[b"a", b"bc"]));
    }

    #[test]
    fn codes_keep_their_leading_zeros() {
        assert_eq!(Code::from_number(42).expose(), "000042");
        assert!(Code::from_number(42).matches(&Code::parse(" 000-042 ").unwrap()));
        for wrong in ["", "00042", "0000042", "00004x", "０００４２１"] {
            assert!(Code::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nothing_secret_prints() {
        let verifier = Verifier::new([7; 32]);
        let bearer = Bearer::new(UserId::from_uuid(Uuid::nil()), verifier.clone());
        let printed = format!("{verifier:?} {bearer:?} {:?} {:?}", verifier.digest(), Code::from_number(123_456));
        assert!(!printed.contains(verifier.expose().expose()));
        assert!(!printed.contains("123456"));
    }

    proptest! {
        #[test]
        fn only_the_own_text_is_a_bearer(text in ".{0,80}", secret in any::<[u8; 32]>(), id in any::<[u8; 16]>()) {
            if let Ok(bearer) = Bearer::<UserId>::parse(&text) {
                let shown = bearer.expose();
                prop_assert_eq!(shown.expose(), &text);
            }
            let bearer = Bearer::new(UserId::from_uuid(Uuid::from_bytes(id)), Verifier::new(secret));
            let read = Bearer::<UserId>::parse(bearer.expose().expose()).unwrap();
            prop_assert_eq!(read.id(), bearer.id());
            prop_assert_eq!(read.digest(), bearer.digest());
        }
    }
}
