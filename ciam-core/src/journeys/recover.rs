//! From an account whose password is lost to a new one: prove an address of the account, choose a password.
//!
//! The code is for the browser that began. The link is for any device: there the person goes on, chooses the
//! password, and gets no session from it, while the browser that began is told that it is over. So nobody who
//! begins a recovery for somebody else gains by that person following the link.
//!
//! A new password ends all sessions of the account, and forgets the failures that kept its owner waiting. What else
//! protects the account stays in force.
//!
//! A message recovers the account that it went to, as it was then ([`Owner`](crate::challenges::Owner)): not whichever
//! account has the name later, not by way of an address that was removed, and not after another password, a suspension
//! or the end of all sessions. The end of all sessions but one leaves it alone, for the one may be a thief's.

use super::error::{JourneyError, Mistake};
use super::planner::Step;
use super::prompt::JourneyKind;
use super::proved::{Noted, Proved, Until};
use super::sign_in::raced;
use super::state::{End, Journey, Seed, nonce};
use super::{Advanced, Client, Halt, Journeys, Loaded, Started};
use crate::challenges::{Challenge, ChallengeId};
use crate::events::{Cause, NewEvent};
use crate::identifiers::Handle;
use crate::messages::letter::Change;
use crate::passwords::PasswordCredential;
use crate::passwords::change::put;
use crate::secret::Secret;
use crate::throttle;
use crate::users::Standing;

impl Journeys {
    /// Sends the message with which an account is recovered. Without an account there is a message too, which
    /// says so, and a challenge that nothing answers.
    pub(super) async fn send_recovery(
        &self,
        at: Loaded,
        client: &Client,
        handle: Handle,
    ) -> Result<Advanced, JourneyError> {
        let flood = throttle::client_limit(&self.config.throttle, "recover.client", &client.origin);
        self.throttle.spend(&flood).await?;
        let prepared = self.prepare(&at.journey, &handle, client).await?;
        let (at, handle, prepared) = (&at, &handle, &prepared);
        let advanced = self
            .store
            .transact(|work| async move {
                let mut journey = self.hold(&work, at).await?;
                journey.handle = Some(handle.clone());
                journey.begun_on.clone_from(&client.origin.user_agent);
                self.send_in(&work, &mut journey, prepared).await?;
                work.record(
                    NewEvent::new("recovery.asked", &Cause::anonymous(client.origin.clone()))
                        .with("journey", journey.id.to_string()),
                )?;
                self.advance(&work, at, journey, &client.origin).await
            })
            .await;
        match advanced {
            Err(halt) => Err(self.limited(halt, prepared).await),
            Ok(advanced) => self.advanced(advanced).await,
        }
    }

    /// Sets the password that was chosen after the address was proved.
    pub(super) async fn recover_password(
        &self,
        at: Loaded,
        client: &Client,
        typed: &Secret<String>,
    ) -> Result<Advanced, JourneyError> {
        let proved = at.journey.proved.clone().ok_or(JourneyError::Stale)?;
        let known = self.known_of(proved.user, &client.origin).await?;
        let password = match self.judge(client, typed, known).await? {
            Ok(password) => password,
            Err(problem) => return self.wrong(&at.journey, Mistake::from(problem)).await,
        };
        let hash = &self.hasher.hash(&password).await?;
        let notices = &self.notices.write(proved.user, Change::Recovered, &client.origin).await?;
        let pardoned = throttle::pardoned_by_recovery(&self.config.throttle, proved.user, &client.origin);
        let reservation = self.throttle.reserve(pardoned).await?;
        let (at, proved, pardon) = (&at, &proved, &reservation);
        let advanced = self
            .store
            .transact(|work| async move {
                let mut journey = self.hold(&work, at).await?;
                if self.next_in(&work, &journey, None).await? != Step::NewPassword {
                    // Something else has come first since: a factor that the account did not have before.
                    return Err(JourneyError::Stale.into());
                }
                let standing = work.get::<Standing>(proved.user).await?;
                let Some(mut standing) = standing.filter(|standing| proved.still_opens(standing)) else {
                    journey.end = Some(End::Refused("not_allowed".to_owned()));
                    return self.advance(&work, at, journey, &client.origin).await;
                };
                let credential = PasswordCredential { id: proved.user, hash: hash.clone(), set: work.now() };
                put(&work, &credential).await?;
                standing.revoke_all();
                work.replace(&standing)?;
                self.throttle.forgive_in(&work, proved.user).await?;
                self.throttle.succeeded_in(&work, pardon).await?;
                if let Some(proved) = &mut journey.proved {
                    proved.until = Until::Epoch(standing.epoch);
                    proved.proofs.push(Noted::password(proved.user, work.now()));
                }
                let by = Cause::user(proved.user, client.origin.clone());
                work.record(NewEvent::new("password.recovered", &by).about(proved.user))?;
                self.notices.queue_in(&work, notices, &client.origin).await?;
                self.advance(&work, at, journey, &client.origin).await
            })
            .await
            .map_err(|halt: Halt| raced(halt))?;
        let is_recovered = advanced.0.proved.as_ref().is_some_and(Proved::has_password);
        if is_recovered && let Err(error) = self.throttle.succeeded(reservation).await {
            tracing::warn!(%error, "the failures before a recovery stay counted");
        }
        self.advanced(advanced).await
    }

    /// Takes a recovery over to the device that followed its link: a journey of that device's own goes on, and the
    /// one that asked for the link is over.
    pub(super) async fn hand_over(
        &self,
        at: &Loaded,
        challenge: ChallengeId,
        client: &Client,
    ) -> Result<Started, JourneyError> {
        let binding = client.binding.as_ref().ok_or(JourneyError::Unknown)?;
        let begun = self.store.clock().now();
        let seed = Seed {
            id: self.store.entropy().id(begun),
            kind: JourneyKind::Recover,
            application: at.journey.application,
            binding: binding.digest(),
            nonce: nonce(self.store.entropy().as_ref()),
            subject: None,
            begun,
            return_to: None,
        };
        let id = seed.seal(self.vault.as_ref(), self.store.realm()).await?;
        let taken = &Loaded { journey: seed.sprout(begun + self.config.journey), stored: false, device: None };
        let journey = self
            .store
            .transact(|work| async move {
                let mut left = self.hold(&work, at).await?;
                let mut journey = taken.journey.clone();
                let taken_challenge = work.take::<Challenge>(challenge).await?.ok_or(JourneyError::Stale)?;
                journey.handle.clone_from(&left.handle);
                journey.begun_on.clone_from(&client.origin.user_agent);
                journey.opens_no_session = true;
                journey.proved = self.proved_owner(&work, &taken_challenge, false).await?;
                if journey.proved.is_none() {
                    journey.end = Some(End::Refused("expired".to_owned()));
                }
                left.challenge = None;
                left.end = Some(End::Refused("continued_elsewhere".to_owned()));
                self.advance(&work, at, left, &client.origin).await?;
                let (journey, _) = self.advance(&work, taken, journey, &client.origin).await?;
                Ok::<Journey, Halt>(journey)
            })
            .await
            .map_err(raced)?;
        Ok(Started { id, prompt: self.prompt_of(&journey).await? })
    }
}
