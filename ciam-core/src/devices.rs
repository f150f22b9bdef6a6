//! Browsers that have signed in to an account before: its owner's, most likely.
//!
//! Strangers who guess at an account fill its limits, and whoever has never signed in from their browser waits with
//! them. A browser that the account knows has a limit of its own instead, so that nobody shuts the owner out. It knows
//! itself by a secret, which opens nothing: with it one only guesses under another, equally small limit.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{RealmId, UserId};
use crate::secret::{Digest, Verifier};
use crate::store::{Collection, Index, Record, Store, StoreError, Work};
use crate::users::Standing;

crate::id!(KnownDeviceId, "dev", "A device that an account knows; made from both.");

/// How long an account knows a device after the last sign-in on it: the longest that browsers keep a cookie
/// (RFC 6265bis §5.6).
pub const KNOWN_FOR: Duration = Duration::from_hours(400 * 24);
/// How many devices an account knows; another one takes the place of the one that was seen longest ago.
const MOST_KNOWN: usize = 20;
/// How old it may be that a device was seen before that is written again.
const SEEN_STEP: Duration = Duration::from_hours(24);

/// A browser or app that has signed in to an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownDevice {
    id: KnownDeviceId,
    user: UserId,
    /// Of the user and the device's secret: two accounts of one device cannot be told to have it in common.
    digest: Digest,
    /// The user's epoch: what ends all sessions makes all devices strange.
    epoch: u64,
    seen: Timestamp,
}

impl Record for KnownDevice {
    type Id = KnownDeviceId;
    const COLLECTION: Collection<Self> =
        Collection::new("known_devices").index(&KnownDevice::BY_USER).expires(|device| device.seen + KNOWN_FOR);

    fn id(&self) -> KnownDeviceId {
        self.id
    }
}

impl KnownDevice {
    /// The devices of a user, the one seen longest ago first.
    pub const BY_USER: Index<KnownDevice, (UserId, Timestamp)> =
        Index::over(&["user_id", "seen_at"], |device: &KnownDevice| (device.user, device.seen));

    /// The id under which an account knows the device with this secret. A client without a secret has an id too,
    /// which is nobody's: looking for it is the same work.
    pub(crate) fn id_of(realm: RealmId, user: UserId, secret: Option<&Verifier>) -> KnownDeviceId {
        digest(realm, user, secret).id()
    }

    /// Whether the account knows it: not any more when all its sessions were ended since.
    pub(crate) fn is_known(&self, standing: Option<&Standing>, secret: Option<&Verifier>, realm: RealmId) -> bool {
        secret.is_some()
            && self.digest == digest(realm, self.user, secret)
            && standing.is_some_and(|standing| standing.id == self.user && standing.epoch == self.epoch)
    }

    /// Whose tries its own limit counts: after all sessions were ended, those of a device anew.
    pub(crate) fn key(&self) -> Digest {
        Digest::of_all(&[self.digest.bytes(), &self.epoch.to_be_bytes()])
    }
}

fn digest(realm: RealmId, user: UserId, secret: Option<&Verifier>) -> Digest {
    let secret = secret.map(Verifier::digest);
    let secret: &[u8] = secret.as_ref().map_or(&[], |digest| digest.bytes());
    Digest::of_all(&[b"device", realm.to_string().as_bytes(), user.to_string().as_bytes(), secret])
}

/// Remembers the device of somebody who has just signed in, in the unit that opens the session. Gives back the secret
/// for the device to keep.
pub(crate) async fn remember_in(
    store: &Store,
    work: &Work,
    user: UserId,
    epoch: u64,
    secret: Option<&Verifier>,
) -> Result<Option<Verifier>, StoreError> {
    let Some(secret) = secret else { return Ok(None) };
    let digest = digest(store.realm(), user, Some(secret));
    let known = work.get::<KnownDevice>(digest.id()).await?;
    let device = KnownDevice { id: digest.id(), user, digest, epoch, seen: work.now() };
    match known {
        Some(known) if known.epoch == epoch && work.now().since(known.seen) < SEEN_STEP => {}
        Some(_) => work.replace(&device)?,
        None => {
            let known = work.find(&KnownDevice::BY_USER.under(&user).limit(crate::store::MAX_PAGE)).await?;
            for oldest in known.iter().take((known.len() + 1).saturating_sub(MOST_KNOWN)) {
                work.remove::<KnownDevice>(oldest.id)?;
            }
            work.insert(&device)?;
        }
    }
    Ok(Some(secret.clone()))
}
