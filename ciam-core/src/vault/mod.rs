//! Keys that seal what must not be read from the database alone.

pub(crate) mod development;
mod key_check;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};

pub use development::key_file;
pub use key_check::{KeyCheck, KeyCheckError, KeyCheckId, KeyState};

use crate::entropy::Entropy;
use crate::secret::Secret;

/// Seals and opens small secrets: codes waiting to be typed, messages waiting to be sent, journeys.
///
/// What was sealed for one context does not open in another. When the vault cannot be reached the
/// engine refuses what needs it and changes nothing.
#[async_trait]
pub trait KeyVault: fmt::Debug + Send + Sync + 'static {
    /// Seals the bytes for a context. The text is base64url without padding.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    async fn seal(&self, context: &str, plain: &[u8]) -> Result<String, VaultError>;

    /// Opens what [`KeyVault::seal`] sealed for the same context.
    ///
    /// # Errors
    /// [`VaultError::Forged`] for anything else; [`VaultError::Unavailable`].
    async fn open(&self, context: &str, sealed: &str) -> Result<Secret<Vec<u8>>, VaultError>;

    /// The pepper of this version: 32 secret bytes that are mixed into the hashes of passwords, so that a copy of
    /// the database alone is worth no guess. Nothing when there is no such version, as in a vault that has none
    /// at all (the default).
    ///
    /// It is asked for once a version and process, and every time a hash names one that there is not.
    ///
    /// **What was hashed with a pepper can never be checked without it.** A vault keeps every version for as long
    /// as a stored hash names it; when one is lost, its people set new passwords by way of recovery.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`]: sign-in answers that it is unavailable, not that the password is wrong.
    async fn pepper(&self, version: u32) -> Result<Option<Secret<[u8; 32]>>, VaultError> {
        let _ = version;
        Ok(None)
    }
}

/// Why a vault did not seal or open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The text was not sealed by this vault for this context, or was changed.
    #[error("not sealed here for this purpose")]
    Forged,
    /// The vault does not answer.
    #[error("the key vault is unavailable")]
    Unavailable,
}

/// The 256-bit key under which everything else is sealed.
#[derive(Debug, Clone)]
pub struct MasterKey(Secret<[u8; 32]>);

/// The text is not a master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a master key is 32 random bytes in base64 (44 characters) or 64 hexadecimal digits")]
pub struct InvalidMasterKey;

impl MasterKey {
    /// Reads 32 bytes in base64 (either alphabet, with or without padding) or in 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`InvalidMasterKey`] for anything else, and for a key of 32 equal bytes.
    pub fn parse(text: &str) -> Result<Self, InvalidMasterKey> {
        let text = text.trim();
        let bytes = STANDARD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')));
        let bytes = bytes.ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).or_else(|| from_hex(text));
        let bytes = bytes.ok_or(InvalidMasterKey)?;
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            return Err(InvalidMasterKey);
        }
        Ok(Self(Secret::new(bytes)))
    }

    /// A fresh key.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes);
        Self(Secret::new(bytes))
    }

    /// The key's text, to be kept where the database is not.
    #[must_use]
    pub fn expose(&self) -> Secret<String> {
        Secret::new(STANDARD.encode(self.0.expose()))
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

/// A vault in the process: AES-256-GCM under keys derived from the master key.
///
/// Every seal draws 24 random bytes and derives a key and a nonce of its own from them
/// (HKDF-SHA-256), so that no number of seals comes near a repeated nonce. The text holds a version
/// byte, those 24 bytes, and the sealed bytes with their tag.
#[derive(Clone)]
pub struct LocalVault {
    master: MasterKey,
    entropy: Arc<dyn Entropy>,
}

const VERSION: u8 = 1;
const SALT: usize = 24;

impl LocalVault {
    /// A vault under this key.
    #[must_use]
    pub fn new(master: MasterKey, entropy: Arc<dyn Entropy>) -> Self {
        Self { master, entropy }
    }

    fn key(&self, context: &str, salt: &[u8]) -> Result<(LessSafeKey, Nonce), VaultError> {
        let mut okm = [0; 44];
        Salt::new(HKDF_SHA256, salt)
            .extract(self.master.0.expose())
            .expand(&[b"ciam seal 1\0", context.as_bytes()], Bytes(44))
            .and_then(|okm_of| okm_of.fill(&mut okm))
            .map_err(|_| VaultError::Unavailable)?;
        let (key, nonce) = okm.split_at(32);
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| VaultError::Unavailable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::Unavailable)?;
        Ok((LessSafeKey::new(key), nonce))
    }
}

/// How many bytes are to be derived.
struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

#[async_trait]
impl KeyVault for LocalVault {
    async fn seal(&self, context: &str, plain: &[u8]) -> Result<String, VaultError> {
        let mut salt = [0; SALT];
        self.entropy.fill(&mut salt);
        let (key, nonce) = self.key(context, &salt)?;
        let mut sealed = plain.to_vec();
        key.seal_in_place_append_tag(nonce, Aad::from(context), &mut sealed).map_err(|_| VaultError::Unavailable)?;
        let mut bytes = Vec::with_capacity(1 + SALT + sealed.len());
        bytes.push(VERSION);
        bytes.extend(salt);
        bytes.extend(sealed);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    async fn open(&self, context: &str, sealed: &str) -> Result<Secret<Vec<u8>>, VaultError> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| VaultError::Forged)?;
        let rest = bytes.strip_prefix(&[VERSION]).ok_or(VaultError::Forged)?;
        let (salt, sealed) = rest.split_at_checked(SALT).ok_or(VaultError::Forged)?;
        let (key, nonce) = self.key(context, salt)?;
        let mut plain = Secret::new(sealed.to_vec());
        let length =
            key.open_in_place(nonce, Aad::from(context), plain.expose_mut()).map_err(|_| VaultError::Forged)?.len();
        plain.expose_mut().truncate(length);
        Ok(plain)
    }

    /// Every version has a pepper, derived from the master key (HKDF-SHA-256), so there is nothing more to keep
    /// safe, and all of them are lost with that key.
    async fn pepper(&self, version: u32) -> Result<Option<Secret<[u8; 32]>>, VaultError> {
        let mut pepper = Secret::new([0; 32]);
        Salt::new(HKDF_SHA256, b"ciam pepper")
            .extract(self.master.0.expose())
            .expand(&[format!("ciam pepper {version}").as_bytes()], Bytes(32))
            .and_then(|okm| okm.fill(pepper.expose_mut()))
            .map_err(|_| VaultError::Unavailable)?;
        Ok(Some(pepper))
    }
}

impl fmt::Debug for LocalVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalVault(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    fn vault() -> LocalVault {
        let entropy = SystemEntropy::new();
        LocalVault::new(MasterKey::generate(&entropy), Arc::new(entropy))
    }

    #[tokio::test]
    async fn what_was_sealed_opens_in_its_own_context_and_vault_only() {
        let vault = vault();
        let sealed = vault.seal("a", b"secret").await.unwrap();
        assert_eq!(vault.open("a", &sealed).await.unwrap().expose(), b"secret");
        assert!(matches!(vault.open("b", &sealed).await, Err(VaultError::Forged)));
        assert!(matches!(super::tests::vault().open("a", &sealed).await, Err(VaultError::Forged)));
        assert_ne!(sealed, vault.seal("a", b"secret").await.unwrap());
        assert!(!format!("{vault:?}").contains(vault.master.expose().expose()));
    }

    #[tokio::test]
    async fn a_changed_bit_anywhere_is_forged() {
        let vault = vault();
        let sealed = vault.seal("a", b"secret").await.unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            let changed = URL_SAFE_NO_PAD.encode(&bytes);
            assert!(matches!(vault.open("a", &changed).await, Err(VaultError::Forged)), "byte {at}");
        }
        for text in ["", "AQ", "not base64!"] {
            assert!(matches!(vault.open("a", text).await, Err(VaultError::Forged)));
        }
    }

    #[tokio::test]
    async fn every_version_and_every_master_key_has_a_pepper_of_its_own() {
        let key = MasterKey::parse(&"00112233445566778899aabbccddeeff".repeat(2)).unwrap();
        let vault = LocalVault::new(key.clone(), Arc::new(SystemEntropy::new()));
        let pepper = async |vault: &LocalVault, version| *vault.pepper(version).await.unwrap().unwrap().expose();
        let one = pepper(&vault, 1).await;
        // HKDF-SHA-256 with salt "ciam pepper" and info "ciam pepper 1", by an independent implementation: whatever
        // changes it locks everybody out.
        assert_eq!(URL_SAFE_NO_PAD.encode(one), "avfcY0yPfQiHUZcBZy01HIvI3QXXGE8m_mGlZngcnQM");
        assert_eq!(one, pepper(&LocalVault::new(key, Arc::new(SystemEntropy::new())), 1).await);
        assert_ne!(one, pepper(&vault, 2).await);
        assert_ne!(one, pepper(&super::tests::vault(), 1).await);
    }

    #[test]
    fn a_master_key_is_32_bytes_and_no_joke() {
        let key = MasterKey::generate(&SystemEntropy::new());
        assert!(MasterKey::parse(key.expose().expose()).is_ok());
        let hex = "00112233445566778899aabbccddeeff".repeat(2);
        assert!(MasterKey::parse(&hex).unwrap().expose().expose().starts_with("ABEiM0RV"));
        for text in ["", "AAAA", &hex[1..], &"é".repeat(32), &STANDARD.encode([0; 32]), &STANDARD.encode([7; 31])] {
            assert!(MasterKey::parse(text).is_err());
        }
    }
}
