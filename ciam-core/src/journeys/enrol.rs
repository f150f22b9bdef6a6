//! Adding an authenticator to an account: choose one, have it shown, prove that it works.
//!
//! What is shown is sealed into the journey until then. Nothing counts before it was confirmed.

use serde::{Deserialize, Serialize};

use super::error::{JourneyError, Mistake};
use super::prompt::Prompt;
use super::proved::Noted;
use super::second::patiently;
use super::sign_in::raced;
use super::state::{End, Journey};
use super::{Advanced, Client, Halt, Journeys, Loaded};
use crate::authenticators::{
    Authenticator, AuthenticatorId, Confirmation, Enrolment, Given, Method, Ready, Shown, sole_former,
};
use crate::events::{Cause, Origin};
use crate::id::UserId;
use crate::messages::Sealed;
use crate::messages::letter::Change;
use crate::secret::Secret;
use crate::sessions::Opened;
use crate::store::Work;
use crate::users::Standing;

/// What was offered, and waits to be confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Offered {
    pub(crate) method: Method,
    /// What the authenticator made up for it, sealed.
    sealed: String,
}

impl Journeys {
    /// The methods that can be added by whoever is signed in.
    pub(super) fn prompt_of_choices(&self) -> Prompt {
        Prompt::Enrol { choices: self.authenticators.that_enrol() }
    }

    /// What has been offered, for its owner to take over. The same as long as it is offered.
    pub(super) async fn prompt_of_offer(&self, journey: &Journey, offered: &Offered) -> Result<Prompt, JourneyError> {
        let (one, user) = self.examined(journey, &offered.method)?;
        let secret = self.offered_secret(journey, offered).await?;
        let (enrolled, shown_name) = (self.enrolled_with(user, &offered.method).await?, self.shown_name(user).await?);
        let origin = Origin::default();
        let means = self.means(journey, &origin)?;
        let examination = self.examination(journey, user, &shown_name, &enrolled);
        Ok(match patiently(one.present(&means, &examination, secret.expose())).await? {
            Shown::Totp { secret, uri, svg } => {
                Prompt::TotpCreate { secret: secret.into(), uri: uri.into(), svg: svg.into() }
            }
            Shown::Codes(codes) => Prompt::RecoveryCodes { codes: codes.into_iter().map(Into::into).collect() },
            Shown::Data(data) => Prompt::Authenticate { method: offered.method.clone(), data, others: Vec::new() },
            Shown::Code => Prompt::Otp { method: offered.method.clone(), others: Vec::new() },
        })
    }

    /// Offers an authenticator of this method, in place of what was offered before.
    pub(super) async fn offer(&self, at: Loaded, client: &Client, method: &Method) -> Result<Advanced, JourneyError> {
        if !self.authenticators.that_enrol().contains(method) {
            return self.wrong(&at.journey, Mistake::UnavailableMethod).await;
        }
        let (one, user) = self.examined(&at.journey, method)?;
        let (enrolled, shown_name) = (self.enrolled_with(user, method).await?, self.shown_name(user).await?);
        let means = self.means(&at.journey, &client.origin)?;
        let examination = self.examination(&at.journey, user, &shown_name, &enrolled);
        let secret = patiently(one.offer(&means, &examination)).await?;
        let sealed = self.vault.seal(&context(&at.journey), secret.expose()).await?;
        let (at, offered) = (&at, &Offered { method: method.clone(), sealed });
        let advanced = self
            .store
            .transact(|work| async move {
                let mut journey = self.hold(&work, at).await?;
                journey.offered = Some(offered.clone());
                self.advance(&work, at, journey, &client.origin).await
            })
            .await
            .map_err(raced)?;
        self.advanced(advanced).await
    }

    /// Takes what shows that the authenticator works, and adds it to the account.
    pub(super) async fn confirm(
        &self,
        at: Loaded,
        client: &Client,
        offered: &Offered,
        given: Given,
    ) -> Result<Advanced, JourneyError> {
        let (one, user) = self.examined(&at.journey, &offered.method)?;
        let secret = self.offered_secret(&at.journey, offered).await?;
        let (enrolled, shown_name) = (self.enrolled_with(user, &offered.method).await?, self.shown_name(user).await?);
        let means = self.means(&at.journey, &client.origin)?;
        let examination = self.examination(&at.journey, user, &shown_name, &enrolled);
        let ready = match patiently(one.confirm(&means, &examination, secret.expose(), &given)).await? {
            Confirmation::Ready(ready) => ready,
            Confirmation::Wrong => return self.wrong(&at.journey, Mistake::WrongProof).await,
        };
        let notices = &self.notices.write(user, Change::AuthenticatorAdded, &client.origin).await?;
        let (at, one, ready) = (&at, one.as_ref(), &ready);
        let advanced = self
            .store
            .transact(|work| async move {
                let mut journey = self.hold(&work, at).await?;
                self.enrol_in(&work, at, &mut journey, client, (one, user, ready), notices).await
            })
            .await
            .map_err(raced)?;
        self.advanced(advanced).await
    }

    /// Adds what was confirmed, tells the owner, and counts it as a proof if it is one, in the caller's unit. All that an
    /// enrolment needs is asked here once more.
    async fn enrol_in(
        &self,
        work: &Work,
        at: &Loaded,
        journey: &mut Journey,
        client: &Client,
        (one, user, ready): (&dyn Authenticator, UserId, &Ready),
        notices: &[Sealed],
    ) -> Result<(Journey, Option<Opened>), Halt> {
        let subject = journey.subject.as_ref().ok_or(JourneyError::Unknown)?;
        if !self.sessions.is_good_in(work, user, subject.session).await? {
            journey.end = Some(End::Refused("session_ended".to_owned()));
            return self.advance(work, at, journey.clone(), &client.origin).await;
        }
        if !self.is_proved_enough_in(work, journey).await? {
            return Err(JourneyError::Stale.into());
        }
        // The set of an account's authenticators changes: sign-ins that looked at the former one are stale.
        work.get::<Standing>(user).await?.ok_or(JourneyError::Stale)?;
        work.touch::<Standing>(user)?;
        let own = work.find(&Enrolment::of_user(user)).await?;
        let former = sole_former(one, &own);
        if own.len() - former.len() >= Enrolment::MOST {
            journey.end = Some(End::Refused("too_many".to_owned()));
            return self.advance(work, at, journey.clone(), &client.origin).await;
        }
        let by = &Cause::user(user, client.origin.clone());
        for former in former {
            remove_in(work, one, former, by).await?;
        }
        let id: AuthenticatorId = work.new_id();
        one.enrol_in(work, id, user, ready).await?;
        let enrolment = Enrolment::new(id, user, one.method(), ready.strength, ready.shown.clone(), work.now())
            .application(journey.application);
        work.insert(&enrolment)?;
        work.record(enrolment.event("authenticator.added", by))?;
        self.notices.queue_in(work, notices, &client.origin).await?;
        journey.offered = None;
        journey.enrolled = true;
        let strength = self.authenticators.strength(&enrolment).ok_or(JourneyError::Stale)?;
        let Some(claim) = ready.claim else { return self.advance(work, at, journey.clone(), &client.origin).await };
        self.note(work, journey, user, Noted::authenticator(id, strength, claim, work.now())).await?;
        self.renew(work, at, journey.clone(), client).await
    }

    async fn offered_secret(&self, journey: &Journey, offered: &Offered) -> Result<Secret<Vec<u8>>, JourneyError> {
        Ok(self.vault.open(&context(journey), &offered.sealed).await?)
    }
}

/// Removes an authenticator and what its proofs are checked with, in the caller's unit, which has touched the account.
pub(crate) async fn remove_in(
    work: &Work,
    one: &dyn Authenticator,
    enrolment: &Enrolment,
    by: &Cause,
) -> Result<(), crate::store::StoreError> {
    // Guarded: of two removals one is stale.
    if work.get::<Enrolment>(enrolment.id).await?.is_none() {
        return Ok(());
    }
    one.remove_in(work, enrolment).await?;
    work.remove::<Enrolment>(enrolment.id)?;
    work.record(enrolment.event("authenticator.removed", by))
}

/// What was offered in one journey is not opened in another.
fn context(journey: &Journey) -> String {
    format!("offer {}", journey.id)
}
