//! Codes of an authenticator app as a factor of accounts.

use async_trait::async_trait;
use ciam_core::UserId;
use ciam_core::authenticators::{
    Authenticator, AuthenticatorId, Confirmation, Enrolment, Examination, Found, Given, Means, Method, Ready, Shown,
    Unavailable, Used, Uses, Verdict,
};
use ciam_core::evidence::{Amr, AmrSet, Claim, Factor, Strength};
use ciam_core::secret::Secret;
use ciam_core::store::{Collection, Peak, Record, Schema, StoreError, Work};
use ciam_core::vault::VaultError;
use serde::{Deserialize, Serialize};

use super::{Offer, Parameters, Step, TotpError, TotpKey};

/// Something that is possessed; a page of somebody else can ask for its codes as well as the right one.
const STRENGTH: Strength = Strength::of(AmrSet::of(&[Amr::Otp]), Factor::Possession);

/// What an account without a name is called in the app.
const NAMELESS: &str = "account";

/// An authenticator app that an account has: what its codes are checked with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Totp {
    /// The id, which is that of the [`Enrolment`].
    pub id: AuthenticatorId,
    /// Whose it is.
    pub user: UserId,
    /// The seed, sealed by the key vault for this user and nobody else. Not for the id, which is drawn after the sealing.
    pub seed: String,
    /// How codes are made of the seed.
    pub parameters: Parameters,
    /// The last step of which a code was taken; no code of it or of an earlier one is taken again.
    pub last_step: i64,
}

impl Totp {
    /// The last step of which a code was taken; it only moves on.
    pub const LAST_STEP: Peak<Totp, i64> = Peak::new("last_step", |totp| &mut totp.last_step);
}

impl Record for Totp {
    type Id = AuthenticatorId;
    const COLLECTION: Collection<Self> = Collection::new("totp_keys").live(&Totp::LAST_STEP);

    fn id(&self) -> AuthenticatorId {
        self.id
    }
}

/// Codes of an authenticator app ([`Method::TOTP`]), as a second factor.
///
/// Several apps can be on one account. Each is confirmed by a first code before it counts, and that code is used by then.
/// A code that was taken, and every one of an earlier step, is refused on every node over one store (RFC 6238 §5.2).
///
/// ```
/// use ciam_core::Ciam;
/// use ciam_core::store::MemoryStore;
/// use ciam_mfa::totp::TotpAuthenticator;
///
/// let builder = Ciam::builder().store(MemoryStore::new()).authenticator(TotpAuthenticator::new());
/// # drop(builder);
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct TotpAuthenticator;

impl TotpAuthenticator {
    /// Keys of 160 bits with the parameters that every app knows ([`Parameters::default`]).
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

/// What was confirmed, until it is kept.
struct Confirmed {
    seed: String,
    parameters: Parameters,
    step: Step,
}

#[async_trait]
impl Authenticator for TotpAuthenticator {
    fn method(&self) -> Method {
        Method::TOTP
    }

    fn ceiling(&self) -> Strength {
        STRENGTH
    }

    fn uses(&self) -> Uses {
        Uses { second: true, stands_in: false, enrols: true, sole: false }
    }

    fn records(&self, schema: Schema) -> Schema {
        schema.with::<Totp>()
    }

    async fn ask(&self, _: &Means<'_>, _: &Examination<'_>) -> Result<Shown, Unavailable> {
        Ok(Shown::Code)
    }

    /// Tries all apps of the account.
    async fn examine(
        &self,
        means: &Means<'_>,
        examination: &Examination<'_>,
        given: &Given,
    ) -> Result<Verdict, Unavailable> {
        let Given::Code(typed) = given else { return Ok(Verdict::Wrong("wrong_kind")) };
        for (authenticator, key) in keys(means, examination).await? {
            if let Some(step) = key.check(typed.expose(), examination.at) {
                let claim = Claim::full(STRENGTH);
                return Ok(Verdict::Right(Found { authenticator, claim, state: Box::new(step) }));
            }
        }
        Ok(Verdict::Wrong("wrong_otp"))
    }

    async fn settle_in(&self, work: &Work, found: &Found) -> Result<Used, StoreError> {
        let Some(step) = found.state.downcast_ref::<Step>() else {
            return Err(StoreError::Misuse("a proof of another authenticator"));
        };
        match work.get::<Totp>(found.authenticator).await? {
            Some(totp) if totp.last_step < step.number() => {
                // What others have taken since it was read is refused by the store.
                work.raise_strictly(&Totp::LAST_STEP, totp.id, step.number())?;
                Ok(Used::Now)
            }
            _ => Ok(Used::Before),
        }
    }

    fn was_used_up(&self, refusal: &StoreError) -> bool {
        Totp::LAST_STEP.exceeded(refusal)
    }

    async fn offer(&self, means: &Means<'_>, _: &Examination<'_>) -> Result<Secret<Vec<u8>>, Unavailable> {
        Ok(TotpKey::draw(means.store.entropy().as_ref()).seed().clone())
    }

    async fn present(
        &self,
        means: &Means<'_>,
        examination: &Examination<'_>,
        offered: &[u8],
    ) -> Result<Shown, Unavailable> {
        let (key, issuer) = (key_of(offered)?, &means.application.name);
        let offer = match key.offer(issuer, examination.shown_name) {
            Err(TotpError::Unnamed) => key.offer(issuer, NAMELESS),
            offer => offer,
        };
        let Offer { secret, uri, svg } = offer.map_err(|error| Unavailable(error.into()))?;
        Ok(Shown::Totp { secret, uri, svg })
    }

    async fn confirm(
        &self,
        means: &Means<'_>,
        examination: &Examination<'_>,
        offered: &[u8],
        given: &Given,
    ) -> Result<Confirmation, Unavailable> {
        let Given::Code(typed) = given else { return Ok(Confirmation::Wrong) };
        let key = key_of(offered)?;
        let Some(step) = key.check(typed.expose(), examination.at) else { return Ok(Confirmation::Wrong) };
        let seed = means.vault.seal(&context(examination.user), offered).await?;
        Ok(Confirmation::Ready(Ready {
            strength: STRENGTH,
            shown: "Authenticator app".to_owned(),
            claim: Some(Claim::full(STRENGTH)),
            state: Box::new(Confirmed { seed, parameters: key.parameters(), step }),
        }))
    }

    async fn enrol_in(&self, work: &Work, id: AuthenticatorId, user: UserId, ready: &Ready) -> Result<(), StoreError> {
        let Some(Confirmed { seed, parameters, step }) = ready.state.downcast_ref() else {
            return Err(StoreError::Misuse("a confirmation of another authenticator"));
        };
        work.insert(&Totp { id, user, seed: seed.clone(), parameters: *parameters, last_step: step.number() })
    }

    async fn remove_in(&self, work: &Work, enrolment: &Enrolment) -> Result<(), StoreError> {
        work.take::<Totp>(enrolment.id).await.map(drop)
    }
}

/// The keys of all apps of the account, opened before a code is judged by any: a try that is given back has found nothing
/// out. A key that cannot be opened any more does not stop the others.
async fn keys(
    means: &Means<'_>,
    examination: &Examination<'_>,
) -> Result<Vec<(AuthenticatorId, TotpKey)>, Unavailable> {
    let mut lookup = means.store.lookup();
    let asked: Vec<_> = examination.enrolled.iter().map(|own| lookup.ask::<Totp>(own.id)).collect();
    let mut kept = lookup.fetch().await?;
    let (mut keys, mut forged) = (Vec::new(), None);
    for asked in &asked {
        let Some(totp) = kept.take(asked)? else { continue };
        match means.vault.open(&context(examination.user), &totp.seed).await {
            Ok(seed) => {
                let key = TotpKey::from_parts(seed.expose(), totp.parameters);
                keys.push((totp.id, key.map_err(|error| Unavailable(error.into()))?));
            }
            Err(error @ VaultError::Forged) => forged = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    match forged {
        Some(error) if keys.is_empty() => Err(error.into()),
        _ => Ok(keys),
    }
}

fn key_of(offered: &[u8]) -> Result<TotpKey, Unavailable> {
    TotpKey::from_parts(offered, Parameters::default()).map_err(|error| Unavailable(error.into()))
}

/// A seed that was copied into the record of another account does not open there.
fn context(user: UserId) -> String {
    format!("totp {user}")
}
