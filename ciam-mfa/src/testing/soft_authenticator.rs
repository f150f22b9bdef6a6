//! An authenticator with keys of ES256 in memory, and the browser around it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::{SoftError, cbor};

/// COSE's number of ES256 (RFC 9053 §2.1).
const ES256: i64 = -7;

/// An authenticator and the browser that speaks for it, on a page of one origin.
///
/// It signs with real keys (ECDSA over P-256 with SHA-256) and attests nothing (`none`). As it comes, it verifies its
/// user, keeps discoverable keys, makes no backups and counts its signatures. Unlike a browser it never asks whether
/// the site may use the relying party's id: what a page of another origin would get is what it makes. A clone holds
/// the same keys, as a cloned device would.
///
/// ```
/// use ciam_mfa::testing::SoftAuthenticator;
///
/// let mut authenticator = SoftAuthenticator::new("https://shop.example");
/// # let options = serde_json::json!({"publicKey": {
/// #     "challenge": "AAAA", "rp": {"id": "shop.example"}, "user": {"id": "AAAA"},
/// #     "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
/// # }});
/// let response = authenticator.create(&options)?; // to be posted as the answer to the options
/// # Ok::<(), ciam_mfa::testing::SoftError>(())
/// ```
#[derive(Debug, Clone)]
pub struct SoftAuthenticator {
    origin: String,
    aaguid: [u8; 16],
    user_verified: bool,
    backup: (bool, bool),
    discoverable: bool,
    counter: Option<u32>,
    deviations: Deviations,
    keys: Vec<Key>,
    random: SystemRandom,
}

#[derive(Debug, Clone)]
struct Key {
    id: Vec<u8>,
    rp_id: String,
    user: Vec<u8>,
    discoverable: bool,
    pair: Arc<EcdsaKeyPair>,
}

/// Lies of a page or a device, for tests of what is refused. None of them is told by default.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Deviations {
    /// Another `type` in the client data than `webauthn.create` or `webauthn.get`.
    pub kind: Option<String>,
    /// Another challenge than that of the options, as the text that stands in the client data.
    pub challenge: Option<String>,
    /// The client data says that the page was framed by another origin.
    pub cross_origin: bool,
    /// The client data names the origin of the page around.
    pub top_origin: Option<String>,
    /// The authenticator data is about another relying party than that of the options.
    pub rp_id: Option<String>,
    /// Nobody touched the device.
    pub nobody_present: bool,
    /// Which user handle comes with an assertion.
    pub user_handle: UserHandle,
}

/// The user handle that comes with an assertion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum UserHandle {
    /// That of the key.
    #[default]
    Own,
    /// None: as old security keys do.
    Missing,
    /// These bytes.
    Other(Vec<u8>),
}

impl SoftAuthenticator {
    /// An authenticator without keys, in a browser that shows a page of this origin, such as `https://shop.example`.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "ring signs with no other generator, and this is for tests alone")]
    pub fn new(origin: impl Into<String>) -> Self {
        Self {
            origin: origin.into(),
            aaguid: [0; 16],
            user_verified: true,
            backup: (false, false),
            discoverable: true,
            counter: Some(0),
            deviations: Deviations::default(),
            keys: Vec::new(),
            random: SystemRandom::new(),
        }
    }

    /// The page that is shown from now on.
    pub fn visit(&mut self, origin: impl Into<String>) {
        self.origin = origin.into();
    }

    /// Whether its user shows a PIN, a finger or a face from now on. At first they do.
    pub const fn set_user_verified(&mut self, verified: bool) {
        self.user_verified = verified;
    }

    /// Whether keys can leave the device, and whether they have. At first they cannot.
    pub const fn set_backup(&mut self, eligible: bool, backed_up: bool) {
        self.backup = (eligible, backed_up);
    }

    /// Whether keys that are made from now on are found without naming them. At first they are.
    pub const fn set_discoverable(&mut self, discoverable: bool) {
        self.discoverable = discoverable;
    }

    /// The counter of the last signature, or none for an authenticator that does not count, as synced ones do not:
    /// it says zero every time. At first it is zero, so the first signature says 1.
    pub const fn set_counter(&mut self, counter: Option<u32>) {
        self.counter = counter;
    }

    /// The model that it says it is. At first it is none (zeros).
    pub const fn set_aaguid(&mut self, aaguid: [u8; 16]) {
        self.aaguid = aaguid;
    }

    /// The lies that it tells from now on.
    pub const fn deviations(&mut self) -> &mut Deviations {
        &mut self.deviations
    }

    /// The ids of its keys in base64url, the newest last.
    #[must_use]
    pub fn key_ids(&self) -> Vec<String> {
        self.keys.iter().map(|key| URL_SAFE_NO_PAD.encode(&key.id)).collect()
    }

    /// The public key with this id (base64url), as an uncompressed point of P-256.
    #[must_use]
    pub fn public_key(&self, id: &str) -> Option<Vec<u8>> {
        let key = self.keys.iter().find(|key| URL_SAFE_NO_PAD.encode(&key.id) == id)?;
        Some(key.pair.public_key().as_ref().to_vec())
    }

    /// Loses the key with this id (base64url); true if it had it.
    pub fn forget(&mut self, id: &str) -> bool {
        let before = self.keys.len();
        self.keys.retain(|key| URL_SAFE_NO_PAD.encode(&key.id) != id);
        self.keys.len() < before
    }

    /// What `navigator.credentials.create()` gives for these options, as its `toJSON()`.
    ///
    /// # Errors
    /// [`SoftError::Excluded`], [`SoftError::Unsupported`], [`SoftError::Malformed`].
    ///
    /// # Panics
    /// When the operating system gives no random bytes.
    pub fn create(&mut self, options: &Value) -> Result<Value, SoftError> {
        let options = options.get("publicKey").unwrap_or(options);
        let rp_id = text(&options["rp"]["id"])?;
        let user = bytes(&options["user"]["id"])?;
        if !list(&options["pubKeyCredParams"]).any(|parameter| parameter["alg"] == ES256) {
            return Err(SoftError::Unsupported);
        }
        let excluded = ids(&options["excludeCredentials"])?;
        if self.keys.iter().any(|key| key.rp_id == rp_id && excluded.contains(&key.id)) {
            return Err(SoftError::Excluded);
        }
        let key = self.new_key(rp_id, &user);
        let mut data = self.authenticator_data(rp_id, true);
        data.extend_from_slice(&self.aaguid);
        data.extend_from_slice(&u16::try_from(key.id.len()).unwrap_or(u16::MAX).to_be_bytes());
        data.extend_from_slice(&key.id);
        cose(&mut data, key.pair.public_key().as_ref());
        let mut attestation = Vec::new();
        cbor::map(&mut attestation, 3);
        cbor::text(&mut attestation, "fmt");
        cbor::text(&mut attestation, "none");
        cbor::text(&mut attestation, "attStmt");
        cbor::map(&mut attestation, 0);
        cbor::text(&mut attestation, "authData");
        cbor::bytes(&mut attestation, &data);
        let id = URL_SAFE_NO_PAD.encode(&key.id);
        let response = json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": URL_SAFE_NO_PAD.encode(self.client_data("webauthn.create", options)?),
                "attestationObject": URL_SAFE_NO_PAD.encode(attestation),
                "authenticatorData": URL_SAFE_NO_PAD.encode(data),
                "transports": ["internal", "hybrid"],
                "publicKeyAlgorithm": ES256,
            },
            "clientExtensionResults": {"credProps": {"rk": key.discoverable}},
        });
        // A key that can be found takes the place of the one that this user had at this site, as with every device.
        self.keys
            .retain(|old| !(old.discoverable && key.discoverable && old.rp_id == key.rp_id && old.user == key.user));
        self.keys.push(key);
        Ok(response)
    }

    /// What `navigator.credentials.get()` gives for these options, as its `toJSON()`: by the newest key that is
    /// allowed, or by the newest that can be found where the options name none.
    ///
    /// # Errors
    /// [`SoftError::NoKey`], [`SoftError::Malformed`].
    ///
    /// # Panics
    /// When the operating system gives no random bytes.
    pub fn get(&mut self, options: &Value) -> Result<Value, SoftError> {
        let options = options.get("publicKey").unwrap_or(options);
        let rp_id = text(&options["rpId"])?;
        let allowed = ids(&options["allowCredentials"])?;
        let asked = |key: &&Key| if allowed.is_empty() { key.discoverable } else { allowed.contains(&key.id) };
        let key = self.keys.iter().rev().filter(|key| key.rp_id == rp_id).find(asked).ok_or(SoftError::NoKey)?.clone();
        let client_data = self.client_data("webauthn.get", options)?;
        self.counter = self.counter.map(|counter| counter.saturating_add(1));
        let data = self.authenticator_data(rp_id, false);
        let signed = [&data, digest(&SHA256, client_data.as_bytes()).as_ref()].concat();
        let signature = key.pair.sign(&self.random, &signed);
        #[expect(clippy::expect_used, reason = "this is for tests alone")]
        let signature = signature.expect("the operating system gives random bytes");
        let user_handle = match &self.deviations.user_handle {
            UserHandle::Own => Some(&key.user),
            UserHandle::Missing => None,
            UserHandle::Other(handle) => Some(handle),
        };
        let id = URL_SAFE_NO_PAD.encode(&key.id);
        Ok(json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": URL_SAFE_NO_PAD.encode(client_data),
                "authenticatorData": URL_SAFE_NO_PAD.encode(data),
                "signature": URL_SAFE_NO_PAD.encode(signature),
                "userHandle": user_handle.map(|handle| URL_SAFE_NO_PAD.encode(handle)),
            },
            "clientExtensionResults": {},
        }))
    }

    fn new_key(&self, rp_id: &str, user: &[u8]) -> Key {
        let mut id = vec![0; 32];
        let filled = self.random.fill(&mut id);
        let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &self.random).ok().and_then(|bytes| {
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, bytes.as_ref(), &self.random).ok()
        });
        assert!(filled.is_ok(), "the operating system gives random bytes");
        #[expect(clippy::expect_used, reason = "this is for tests alone")]
        let pair = Arc::new(pair.expect("the operating system gives random bytes"));
        Key { id, rp_id: rp_id.to_owned(), user: user.to_vec(), discoverable: self.discoverable, pair }
    }

    /// The client data of a ceremony (WebAuthn Level 3 §5.8.1), in the order of members that browsers write.
    fn client_data(&self, kind: &str, options: &Value) -> Result<String, SoftError> {
        let lies = &self.deviations;
        let challenge = lies.challenge.as_deref().map_or_else(|| text(&options["challenge"]), Ok)?;
        let kind = lies.kind.as_deref().unwrap_or(kind);
        let top = match &lies.top_origin {
            Some(origin) => format!(r#","topOrigin":{}"#, json!(origin)),
            None => String::new(),
        };
        Ok(format!(
            r#"{{"type":{},"challenge":{},"origin":{},"crossOrigin":{}{top}}}"#,
            json!(kind),
            json!(challenge),
            json!(self.origin),
            lies.cross_origin,
        ))
    }

    /// Authenticator data (§6.1) without attested credential data: the relying party, the flags, the counter.
    fn authenticator_data(&self, rp_id: &str, attested: bool) -> Vec<u8> {
        let lies = &self.deviations;
        let rp_id = lies.rp_id.as_deref().unwrap_or(rp_id);
        let mut data = digest(&SHA256, rp_id.as_bytes()).as_ref().to_vec();
        let flags = [!lies.nobody_present, false, self.user_verified, self.backup.0, self.backup.1, false, attested];
        data.push(flags.iter().rev().fold(0, |bits, flag| bits << 1 | u8::from(*flag)));
        data.extend_from_slice(&self.counter.unwrap_or(0).to_be_bytes());
        data
    }
}

/// A public key of P-256 as COSE (RFC 9053 §7.1.1), from its uncompressed point.
fn cose(out: &mut Vec<u8>, point: &[u8]) {
    let (x, y) = point[1..].split_at(32);
    cbor::map(out, 5);
    for (label, value) in [(1, 2), (3, -7), (-1, 1)] {
        cbor::number(out, label);
        cbor::number(out, value);
    }
    for (label, coordinate) in [(-2, x), (-3, y)] {
        cbor::number(out, label);
        cbor::bytes(out, coordinate);
    }
}

fn text(value: &Value) -> Result<&str, SoftError> {
    value.as_str().ok_or(SoftError::Malformed)
}

fn bytes(value: &Value) -> Result<Vec<u8>, SoftError> {
    URL_SAFE_NO_PAD.decode(text(value)?).map_err(|_| SoftError::Malformed)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn ids(value: &Value) -> Result<Vec<Vec<u8>>, SoftError> {
    list(value).map(|descriptor| bytes(&descriptor["id"])).collect()
}
