//! Proofs by authenticators, beside the password and the address: asked for, judged, and used up.
//!
//! There is one unit that takes such a proof, whatever the authenticator and the journey: so all of them are counted
//! before they are judged, good once, and good only while the account has the authenticator.

use std::sync::Arc;
use std::time::Duration;

use super::error::{JourneyError, Mistake};
use super::prompt::Prompt;
use super::proved::{Noted, Proved, Until};
use super::sign_in::{failure, raced};
use super::state::Journey;
use super::{Advanced, Client, Halt, Journeys, Loaded};
use crate::authenticators::{
    Authenticator, Enrolment, Examination, Found, Given, Means, Method, Shown, Unavailable, Used, Verdict,
};
use crate::devices::KnownDevice;
use crate::events::{Cause, Origin};
use crate::id::UserId;
use crate::secret::Digest;
use crate::sessions::Opened;
use crate::store::Work;
use crate::throttle::{self, Reservation};
use crate::users::Standing;

/// How long an authenticator may take; it may ask somebody else over a network.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long one challenge is shown. It is taken for as long again.
const CHALLENGE: i64 = 5 * 60 * 1_000_000;

/// What came of a unit that uses a proof up.
enum Taken {
    UsedBefore,
    Good(Box<(Journey, Option<Opened>)>),
}

impl Journeys {
    /// What the journey asks of an authenticator.
    pub(super) async fn prompt_of_second(
        &self,
        journey: &Journey,
        method: Method,
        ways: &[Method],
    ) -> Result<Prompt, JourneyError> {
        let (one, user) = self.examined(journey, &method)?;
        let (enrolled, shown_name) = (self.enrolled_with(user, &method).await?, self.shown_name(user).await?);
        let origin = Origin::default();
        let examination = self.examination(journey, user, &shown_name, &enrolled);
        let means = self.means(journey, &origin)?;
        let shown = patiently(one.ask(&means, &examination)).await?;
        let others = ways.iter().filter(|other| **other != method).cloned().collect();
        Ok(match shown {
            Shown::Code => Prompt::Otp { method, others },
            Shown::Data(data) => Prompt::Authenticate { method, data, others },
            // These are for those who enrol.
            Shown::Totp { .. } | Shown::Codes(_) => Prompt::Otp { method, others },
        })
    }

    /// Takes another way than the one that is asked for.
    pub(super) async fn choose(
        &self,
        at: Loaded,
        client: &Client,
        ways: &[Method],
        method: Method,
    ) -> Result<Advanced, JourneyError> {
        if !ways.contains(&method) {
            return self.wrong(&at.journey, Mistake::UnavailableMethod).await;
        }
        let (at, method) = (&at, &method);
        let advanced = self
            .store
            .transact(|work| async move {
                let mut journey = self.hold(&work, at).await?;
                journey.chosen = Some(method.clone());
                self.advance(&work, at, journey, &client.origin).await
            })
            .await
            .map_err(raced)?;
        self.advanced(advanced).await
    }

    /// Takes a proof by the authenticator that is asked for.
    ///
    /// A try is reserved for the account and for the client's address before it is judged, the same for all methods and
    /// all journeys. What was judged wrong stays counted, whoever still waits for the answer.
    pub(super) async fn prove_with(
        &self,
        at: Loaded,
        client: &Client,
        method: &Method,
        given: Given,
    ) -> Result<Advanced, JourneyError> {
        let (one, user) = self.examined(&at.journey, method)?;
        let reservation = self.throttle.reserve(self.second_limits(user, client).await?).await?;
        let verdict = match self.examine(&at.journey, one.as_ref(), user, client, &given).await {
            Ok(verdict) => verdict,
            Err(error) => {
                self.throttle.cancelled(reservation).await?;
                return Err(error);
            }
        };
        let found = match verdict {
            Verdict::Right(found) => found,
            Verdict::Wrong(reason) => return self.failed_proof(at, client, user, reservation, reason).await,
        };
        match self.use_up(&at, client, one.as_ref(), user, &found, &reservation).await {
            Ok(Taken::Good(advanced)) => {
                if let Err(error) = self.throttle.succeeded(reservation).await {
                    tracing::warn!(%error, "a try that succeeded stays counted");
                }
                self.advanced(*advanced).await
            }
            Ok(Taken::UsedBefore) => self.failed_proof(at, client, user, reservation, "used_before").await,
            Err(Halt::Store(error)) if one.was_used_up(&error) => {
                self.failed_proof(at, client, user, reservation, "used_before").await
            }
            Err(halt) => {
                self.throttle.cancelled(reservation).await?;
                Err(raced(halt))
            }
        }
    }

    /// Counts the proof: in one batch with all that it depends on, and with what it opens.
    async fn use_up(
        &self,
        at: &Loaded,
        client: &Client,
        one: &dyn Authenticator,
        user: UserId,
        found: &Found,
        reservation: &Reservation,
    ) -> Result<Taken, Halt> {
        self.store
            .transact(|work| async move {
                let mut journey = self.hold(&work, at).await?;
                self.throttle.succeeded_in(&work, reservation).await?;
                // Guarded: an account that loses the authenticator meanwhile is not opened by it.
                let enrolment = work.get::<Enrolment>(found.authenticator).await?;
                let is_own = |own: &Enrolment| own.user == user && own.method == one.method();
                let enrolment = enrolment.filter(is_own).ok_or(JourneyError::Stale)?;
                let strength = self.authenticators.strength(&enrolment).ok_or(JourneyError::Stale)?;
                if one.settle_in(&work, found).await? == Used::Before {
                    return Ok(Taken::UsedBefore);
                }
                work.raise(&Enrolment::LAST_USED, enrolment.id, work.now())?;
                let noted = Noted::authenticator(enrolment.id, strength, found.claim, work.now());
                self.note(&work, &mut journey, user, noted).await?;
                journey.chosen = None;
                let by = Cause::user(user, client.origin.clone());
                let used = enrolment.event("authenticator.used", &by);
                work.record(used.with("journey", journey.id.to_string()))?;
                let advanced = if journey.subject.is_some() {
                    self.renew(&work, at, journey, client).await?
                } else {
                    self.advance(&work, at, journey, &client.origin).await?
                };
                Ok(Taken::Good(Box::new(advanced)))
            })
            .await
    }

    /// The try failed: it stays counted. The journey is one turn further, so that what was shown for it is worth
    /// nothing any more.
    async fn failed_proof(
        &self,
        mut at: Loaded,
        client: &Client,
        user: UserId,
        reservation: Reservation,
        reason: &'static str,
    ) -> Result<Advanced, JourneyError> {
        self.throttle.failed(reservation, failure(client, Some(user), reason)).await?;
        let here = &at;
        let turned = self
            .store
            .transact(|work| async move {
                let mut journey = self.hold(&work, here).await?;
                journey.turn += 1;
                self.keep(&work, here, &journey)?;
                Ok::<Journey, Halt>(journey)
            })
            .await
            .map_err(raced)?;
        at.journey = turned;
        self.wrong(&at.journey, Mistake::WrongProof).await
    }

    async fn examine(
        &self,
        journey: &Journey,
        one: &dyn Authenticator,
        user: UserId,
        client: &Client,
        given: &Given,
    ) -> Result<Verdict, JourneyError> {
        let method = one.method();
        let (enrolled, shown_name) = (self.enrolled_with(user, &method).await?, self.shown_name(user).await?);
        let examination = self.examination(journey, user, &shown_name, &enrolled);
        let means = self.means(journey, &client.origin)?;
        patiently(one.examine(&means, &examination, given)).await
    }

    /// The authenticator of a method, and whose proof is asked for.
    pub(super) fn examined(
        &self,
        journey: &Journey,
        method: &Method,
    ) -> Result<(Arc<dyn Authenticator>, UserId), JourneyError> {
        let one = self.authenticators.of(method).ok_or(JourneyError::Stale)?;
        let proved = journey.proved.as_ref().map(|proved| proved.user);
        let user = proved.or(journey.subject.as_ref().map(|subject| subject.user)).ok_or(JourneyError::Stale)?;
        Ok((Arc::clone(one), user))
    }

    pub(super) fn means<'m>(&'m self, journey: &Journey, origin: &'m Origin) -> Result<Means<'m>, JourneyError> {
        let application = self.application(journey)?;
        Ok(Means { store: &self.store, vault: self.vault.as_ref(), application, origin })
    }

    pub(super) fn examination<'e>(
        &self,
        journey: &Journey,
        user: UserId,
        shown_name: &'e str,
        enrolled: &'e [Enrolment],
    ) -> Examination<'e> {
        let at = self.store.clock().now();
        let window = at.micros().div_euclid(CHALLENGE);
        let challenges = [window, window - 1].map(|window| self.challenge(journey, window));
        Examination { journey: journey.id, user, shown_name, enrolled, at, challenges }
    }

    /// Nothing of it is kept: who knows the journey's nonce, which only its record and its sealed id hold, has it again.
    fn challenge(&self, journey: &Journey, window: i64) -> [u8; 32] {
        let realm = self.store.realm().to_string();
        let (id, turn, window) = (journey.id.to_string(), journey.turn.to_be_bytes(), window.to_be_bytes());
        *Digest::of_all(&[b"challenge", realm.as_bytes(), id.as_bytes(), &journey.nonce, &turn, &window]).bytes()
    }

    async fn second_limits(&self, user: UserId, client: &Client) -> Result<Vec<throttle::Limit>, JourneyError> {
        let (realm, secret) = (self.store.realm(), client.device.as_ref());
        let mut lookup = self.store.lookup();
        let standing = lookup.ask::<Standing>(user);
        let device = lookup.ask::<KnownDevice>(KnownDevice::id_of(realm, user, secret));
        let mut found = lookup.fetch().await?;
        let standing = found.take(&standing)?;
        let device = found.take(&device)?.filter(|device| device.is_known(standing.as_ref(), secret, realm));
        let (rates, account) = (&self.config.throttle, throttle::Account::Known(user));
        Ok(throttle::proof_limits(rates, &throttle::SECOND, account, &client.origin, device.as_ref()))
    }

    /// Notes a proof, of somebody who has given another or who began signed in.
    pub(super) async fn note(
        &self,
        work: &Work,
        journey: &mut Journey,
        user: UserId,
        noted: Noted,
    ) -> Result<(), Halt> {
        match &mut journey.proved {
            Some(proved) if proved.user == user => proved.proofs.push(noted),
            Some(_) => return Err(JourneyError::Stale.into()),
            None => {
                let standing = work.get::<Standing>(user).await?.ok_or(JourneyError::Stale)?;
                journey.proved = Some(Proved::by(user, Until::Epoch(standing.epoch), noted));
            }
        }
        Ok(())
    }
}

/// What an authenticator answers in time.
pub(super) async fn patiently<T>(answer: impl Future<Output = Result<T, Unavailable>>) -> Result<T, JourneyError> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answered) => answered.map_err(|unavailable| JourneyError::Unavailable(unavailable.into())),
        Err(late) => Err(JourneyError::Unavailable(late.into())),
    }
}
