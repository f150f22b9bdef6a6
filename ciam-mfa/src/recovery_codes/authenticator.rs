//! Recovery codes as a factor of accounts.

use async_trait::async_trait;
use ciam_core::UserId;
use ciam_core::authenticators::{
    Authenticator, AuthenticatorId, Confirmation, Enrolment, Examination, Found, Given, Means, Method, Ready, Shown,
    Unavailable, Used, Uses, Verdict,
};
use ciam_core::evidence::{Amr, AmrSet, Claim, Factor, Strength};
use ciam_core::secret::{Digest, Secret};
use ciam_core::store::{Collection, Index, Record, Schema, Store, StoreError, Work};
use serde::{Deserialize, Serialize};

use super::{BYTES, COUNT, RecoveryCode};

/// A note that is possessed (NIST SP 800-63B-4 §3.1.2, look-up secrets).
const STRENGTH: Strength = Strength::of(AmrSet::of(&[Amr::Otp]), Factor::Possession);

ciam_core::id!(RecoveryCodeId, "rcc", "A recovery code that was not used yet. It follows from the code's digest.");

/// A recovery code that was not used yet: using it removes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecoveryCodeRecord {
    /// The id, under which whoever has the code finds it.
    pub id: RecoveryCodeId,
    /// With which others it was handed out.
    pub enrolment: AuthenticatorId,
    /// Whose it is.
    pub user: UserId,
    /// What the code is recognised by.
    pub digest: Digest,
}

impl RecoveryCodeRecord {
    /// The codes of a user.
    pub const BY_USER: Index<RecoveryCodeRecord, UserId> = Index::new("user_id", |code| code.user);
}

impl Record for RecoveryCodeRecord {
    type Id = RecoveryCodeId;
    const COLLECTION: Collection<Self> = Collection::new("recovery_codes").index(&RecoveryCodeRecord::BY_USER);

    fn id(&self) -> RecoveryCodeId {
        self.id
    }
}

/// Recovery codes ([`Method::RECOVERY_CODE`]): they stand in for the other factors of an account, each once.
///
/// An account has one set of [`COUNT`] codes; another set takes the place of all of them. They are shown while they are
/// offered and never again, and count once their owner has said that they are kept.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct RecoveryCodes;

impl RecoveryCodes {
    /// Sets of [`COUNT`] codes.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }

    /// How many codes a user has left: none if they never had any.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn left(store: &Store, user: UserId) -> Result<u32, StoreError> {
        store.count(&RecoveryCodeRecord::BY_USER.eq(&user), u32::try_from(COUNT).unwrap_or(u32::MAX)).await
    }
}

#[async_trait]
impl Authenticator for RecoveryCodes {
    fn method(&self) -> Method {
        Method::RECOVERY_CODE
    }

    fn ceiling(&self) -> Strength {
        STRENGTH
    }

    fn uses(&self) -> Uses {
        Uses { second: true, stands_in: true, enrols: true, sole: true }
    }

    fn records(&self, schema: Schema) -> Schema {
        schema.with::<RecoveryCodeRecord>()
    }

    async fn ask(&self, _: &Means<'_>, _: &Examination<'_>) -> Result<Shown, Unavailable> {
        Ok(Shown::Code)
    }

    async fn examine(
        &self,
        means: &Means<'_>,
        examination: &Examination<'_>,
        given: &Given,
    ) -> Result<Verdict, Unavailable> {
        let Given::Code(typed) = given else { return Ok(Verdict::Wrong("wrong_kind")) };
        let Ok(code) = RecoveryCode::parse(typed.expose()) else { return Ok(Verdict::Wrong("wrong_recovery_code")) };
        let digest = code.digest(means.store.realm(), examination.user);
        let kept = means.store.get::<RecoveryCodeRecord>(digest.id()).await?;
        let is_own = |kept: &RecoveryCodeRecord| {
            kept.digest == digest && examination.enrolled.iter().any(|own| own.id == kept.enrolment)
        };
        Ok(match kept.filter(is_own) {
            Some(kept) => {
                let claim = Claim::full(STRENGTH);
                Verdict::Right(Found { authenticator: kept.enrolment, claim, state: Box::new(kept.id) })
            }
            None => Verdict::Wrong("wrong_recovery_code"),
        })
    }

    async fn settle_in(&self, work: &Work, found: &Found) -> Result<Used, StoreError> {
        let Some(id) = found.state.downcast_ref::<RecoveryCodeId>() else {
            return Err(StoreError::Misuse("a proof of another authenticator"));
        };
        let taken = work.take::<RecoveryCodeRecord>(*id).await?;
        Ok(if taken.is_some() { Used::Now } else { Used::Before })
    }

    async fn offer(&self, means: &Means<'_>, _: &Examination<'_>) -> Result<Secret<Vec<u8>>, Unavailable> {
        // Grown to its end at once: what a list leaves behind when it grows is not wiped.
        let mut all = Vec::with_capacity(COUNT * BYTES);
        for code in RecoveryCode::draw_all(means.store.entropy().as_ref()) {
            all.extend_from_slice(code.0.expose());
        }
        Ok(Secret::new(all))
    }

    async fn present(&self, _: &Means<'_>, _: &Examination<'_>, offered: &[u8]) -> Result<Shown, Unavailable> {
        Ok(Shown::Codes(codes_of(offered).map(|code| code.expose()).collect()))
    }

    async fn confirm(
        &self,
        means: &Means<'_>,
        examination: &Examination<'_>,
        offered: &[u8],
        given: &Given,
    ) -> Result<Confirmation, Unavailable> {
        let Given::Kept = given else { return Ok(Confirmation::Wrong) };
        let digest = |code: RecoveryCode| code.digest(means.store.realm(), examination.user);
        let digests: Vec<Digest> = codes_of(offered).map(digest).collect();
        Ok(Confirmation::Ready(Ready {
            strength: STRENGTH,
            shown: "Recovery codes".to_owned(),
            // Whoever reads the codes from the page has proved nothing by it.
            claim: None,
            state: Box::new(digests),
        }))
    }

    async fn enrol_in(&self, work: &Work, id: AuthenticatorId, user: UserId, ready: &Ready) -> Result<(), StoreError> {
        let Some(digests) = ready.state.downcast_ref::<Vec<Digest>>() else {
            return Err(StoreError::Misuse("a confirmation of another authenticator"));
        };
        for digest in digests {
            let code = RecoveryCodeRecord { id: digest.id(), enrolment: id, user, digest: *digest };
            work.insert(&code)?;
        }
        Ok(())
    }

    async fn remove_in(&self, work: &Work, enrolment: &Enrolment) -> Result<(), StoreError> {
        let codes = work.find(&RecoveryCodeRecord::BY_USER.eq(&enrolment.user)).await?;
        for code in codes.iter().filter(|code| code.enrolment == enrolment.id) {
            work.remove::<RecoveryCodeRecord>(code.id)?;
        }
        Ok(())
    }
}

/// The codes that were offered, as [`RecoveryCodes::offer`] has put them down.
fn codes_of(offered: &[u8]) -> impl Iterator<Item = RecoveryCode> {
    offered.as_chunks::<BYTES>().0.iter().map(|bytes| RecoveryCode(Secret::new(*bytes)))
}
