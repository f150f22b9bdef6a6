//! Hashes as the store keeps them: PHC strings.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt};
use argon2::{Algorithm, Params, Version};

use super::hasher::PasswordHash;
use super::options::Argon2Parameters;

/// A stored Argon2id hash that is within bounds.
pub(super) struct Stored {
    pub(super) version: Version,
    pub(super) params: Params,
    pub(super) salt: Vec<u8>,
    pub(super) hash: Vec<u8>,
}

/// Which pepper is in a hash: its `keyid`, four bytes, the highest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peppered {
    Not,
    With(u32),
    /// A key id that is none of ours.
    Strangely,
}

impl Stored {
    pub(super) fn read(hash: &PasswordHash) -> Option<Self> {
        let phc = Phc::new(hash.expose_phc()).ok()?;
        let params = Params::try_from(&phc).ok()?;
        let asked = Argon2Parameters { memory_kib: params.m_cost(), passes: params.t_cost(), lanes: params.p_cost() };
        if phc.algorithm != Algorithm::Argon2id.ident() || asked.exceed(&Argon2Parameters::MOST) {
            return None;
        }
        let version = phc.version.map_or(Ok(Version::V0x10), Version::try_from).ok()?;
        Some(Self { version, params, salt: phc.salt?.to_vec(), hash: phc.hash?.as_bytes().to_vec() })
    }

    pub(super) fn peppered(&self) -> Peppered {
        match self.params.keyid() {
            [] => Peppered::Not,
            id => id.try_into().map_or(Peppered::Strangely, |id| Peppered::With(u32::from_be_bytes(id))),
        }
    }

    /// Whether new hashes, made with these parameters, are made otherwise. One with a newer pepper than ours is
    /// not outdated: another node is ahead of this one.
    pub(super) fn is_outdated(&self, new: &Params, salt: usize, pepper: Option<u32>) -> bool {
        let same = |of: fn(&Params) -> u32| of(&self.params) == of(new);
        let as_new = self.version == Version::V0x13
            && Some(self.hash.len()) == new.output_len()
            && self.salt.len() >= salt
            && same(Params::m_cost)
            && same(Params::t_cost)
            && same(Params::p_cost)
            && match (self.peppered(), pepper) {
                (Peppered::Not, None) => true,
                (Peppered::With(version), Some(current)) => version >= current,
                _ => false,
            };
        !as_new
    }
}

/// The key id of a pepper's version.
pub(super) const fn key_id(version: u32) -> [u8; 4] {
    version.to_be_bytes()
}

/// The PHC string of a new hash.
pub(super) fn write(params: &Params, salt: &[u8], raw: &[u8]) -> Option<PasswordHash> {
    let phc = Phc {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).ok()?,
        salt: Some(Salt::new(salt).ok()?),
        hash: Some(Output::new(raw).ok()?),
    };
    Some(PasswordHash::from_phc(phc.to_string()))
}
