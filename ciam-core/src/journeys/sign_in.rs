//! From an account to a session: identify, then prove.

use super::answer::Identify;
use super::error::{JourneyError, Mistake};
use super::prompt::JourneyKind;
use super::proved::{Noted, Proved, Until};
use super::state::{End, Journey, SignUpSlot};
use super::{Advanced, Client, Halt, Journeys, Loaded};
use crate::devices::KnownDevice;
use crate::events::{Cause, NewEvent};
use crate::id::UserId;
use crate::identifiers::Handle;
use crate::passwords::{Password, PasswordCredential, PasswordHash};
use crate::secret::{Digest, Secret};
use crate::sessions::Opened;
use crate::store::{StoreError, Work};
use crate::throttle::{self, Limit, Reservation};
use crate::users::{Standing, UserError, UserStatus};

/// What a handle leads to, as read before any slow work.
struct Account {
    user: Option<UserId>,
    standing: Option<Standing>,
    credential: Option<PasswordCredential>,
    device: Option<KnownDevice>,
}

/// A password that was found right, and what is to be done about its hash.
struct Checked {
    credential: PasswordCredential,
    outdated: bool,
    /// The hash made anew, where that was due and done.
    rehash: Option<PasswordHash>,
}

impl Journeys {
    /// Learns who it is, or what is to be added to an account.
    pub(super) async fn identify(&self, at: Loaded, client: &Client, who: &Identify) -> Result<Advanced, JourneyError> {
        let handle = match who.read(&self.accepts(&at.journey)?) {
            Ok(handle) => handle,
            Err(mistake) => return self.wrong(&at.journey, mistake).await,
        };
        match at.journey.kind {
            JourneyKind::Recover => return self.send_recovery(at, client, handle).await,
            JourneyKind::AddIdentifier => return self.add(at, client, handle).await,
            _ => {}
        }
        let (at, handle) = (&at, &handle);
        let advanced = self
            .store
            .transact(|work| async move {
                let mut journey = self.hold(&work, at).await?;
                if journey.kind == JourneyKind::SignUp {
                    let slot = work.peek::<SignUpSlot>(self.slot_id(handle)).await?;
                    journey.slot_seen = slot.map(|slot| slot.journey);
                }
                journey.handle = Some(handle.clone());
                journey.begun_on.clone_from(&client.origin.user_agent);
                self.advance(&work, at, journey, &client.origin).await
            })
            .await
            .map_err(raced)?;
        self.advanced(advanced).await
    }

    /// Checks the password of the account that was identified, or of whoever began signed in; of an account that
    /// does not exist, with the same work.
    ///
    /// A try is reserved for the account and for the client's address before the password is hashed.
    /// Success forgets the account's failures, and of the address's only this very try. A client who
    /// hangs up before the verdict gets no answer, and its reservation gives itself back; what was judged wrong
    /// stays counted.
    pub(super) async fn check_password(
        &self,
        at: Loaded,
        client: &Client,
        typed: &Secret<String>,
    ) -> Result<Advanced, JourneyError> {
        let password = match Password::parse(typed) {
            Ok(password) => password,
            Err(problem) => return self.wrong(&at.journey, problem.into()).await,
        };
        let account = match (&at.journey.subject, &at.journey.handle) {
            (Some(subject), _) => self.account_of(Some(subject.user), client).await?,
            (None, Some(handle)) => {
                self.account_of(self.users.by_handle(handle).await.map_err(unavailable)?, client).await?
            }
            (None, None) => return Err(JourneyError::Stale),
        };
        let typed = at.journey.handle.as_ref().map_or_else(|| Digest::of(b""), Handle::digest);
        let whose = throttle::Account::of(account.user, typed);
        let limits = self.sign_in_limits(whose, account.device.as_ref(), client);
        let reservation = self.throttle.reserve(limits).await?;
        let hash = account.credential.as_ref().map(|credential| &credential.hash);
        let verdict = match self.hasher.verify(&password, hash).await {
            Ok(verdict) => verdict,
            Err(error) => {
                self.throttle.cancelled(reservation).await?;
                return Err(error.into());
            }
        };
        let active = account.standing.as_ref().is_some_and(|standing| standing.status == UserStatus::Active);
        let (Some(user), Some(credential), true, true) = (account.user, account.credential, verdict.matches, active)
        else {
            let reason = match (account.user, verdict.matches) {
                (None, _) => "unknown_account",
                (Some(_), false) => "wrong_password",
                (Some(_), true) => "suspended",
            };
            self.throttle.failed(reservation, failure(client, account.user, reason)).await?;
            let mistake = if at.journey.subject.is_some() { Mistake::WrongPassword } else { Mistake::WrongCredentials };
            return self.wrong(&at.journey, mistake).await;
        };
        let outdated = verdict.outdated;
        let rehash = if outdated { self.hasher.rehash(&password).await.ok() } else { None };
        let checked = Checked { credential, outdated, rehash };
        let accepted = self.accept_password(&at, client, user, &checked, &reservation).await;
        if let Err(error) = self.throttle.succeeded(reservation).await {
            // The session is open: that its try stays counted is no reason to lose it.
            tracing::warn!(%error, "a try that succeeded stays counted");
        }
        self.advanced(accepted?).await
    }

    async fn accept_password(
        &self,
        at: &Loaded,
        client: &Client,
        user: UserId,
        checked: &Checked,
        reservation: &Reservation,
    ) -> Result<(Journey, Option<Opened>), JourneyError> {
        self.store
            .transact(|work| async move {
                let mut journey = self.hold(&work, at).await?;
                self.throttle.succeeded_in(&work, reservation).await?;
                let credential = work.get::<PasswordCredential>(user).await?;
                let is_still = |now: &PasswordCredential| now.is_still(&checked.credential, checked.outdated);
                let mut credential = credential.filter(is_still).ok_or(JourneyError::Stale)?;
                if let Some(hash) = checked.rehash.as_ref().filter(|_| credential.hash == checked.credential.hash) {
                    credential.hash = hash.clone();
                    work.replace(&credential)?;
                    work.record(NewEvent::new("password.rehashed", &Cause::system()).about(user))?;
                }
                let standing = work.get::<Standing>(user).await?.ok_or(JourneyError::Stale)?;
                let password = Noted::password(user, work.now());
                journey.proved = Some(Proved::by(user, Until::Epoch(standing.epoch), password));
                if journey.subject.is_some() {
                    return self.renew(&work, at, journey, client).await;
                }
                self.advance(&work, at, journey, &client.origin).await
            })
            .await
            .map_err(|halt: Halt| raced(halt))
    }

    /// Gives the session in which the journey began its new proof: it goes on under another id and secret.
    pub(super) async fn renew(
        &self,
        work: &Work,
        at: &Loaded,
        mut journey: Journey,
        client: &Client,
    ) -> Result<(Journey, Option<Opened>), Halt> {
        let (Some(subject), Some(proved)) = (&mut journey.subject, &journey.proved) else {
            return Err(JourneyError::Stale.into());
        };
        let evidence = proved.evidence(journey.id);
        let opened = match self.sessions.elevate_in(work, subject.session, &evidence, &client.origin).await {
            Ok(opened) => opened,
            Err(crate::sessions::SessionError::Store(error)) => return Err(error.into()),
            Err(_) => {
                journey.end = Some(End::Refused("session_ended".to_owned()));
                return self.advance(work, at, journey, &client.origin).await;
            }
        };
        subject.session = opened.session.id;
        let renewed = Some(&opened.session);
        let (journey, _) = self.advance_in(work, at, journey, &client.origin, renewed).await?;
        Ok((journey, Some(opened)))
    }

    async fn account_of(&self, user: Option<UserId>, client: &Client) -> Result<Account, JourneyError> {
        // An unknown account reads three records as well: ones that are never there.
        let id = user.unwrap_or_else(|| Digest::of(b"nobody").id());
        let (realm, secret) = (self.store.realm(), client.device.as_ref());
        let mut lookup = self.store.lookup();
        let (standing, credential) = (lookup.ask::<Standing>(id), lookup.ask::<PasswordCredential>(id));
        let device = lookup.ask::<KnownDevice>(KnownDevice::id_of(realm, id, secret));
        let mut found = lookup.fetch().await?;
        let standing = found.take(&standing)?;
        let device = found.take(&device)?.filter(|device| device.is_known(standing.as_ref(), secret, realm));
        Ok(Account { user, credential: found.take(&credential)?, standing, device })
    }

    fn sign_in_limits(&self, whose: throttle::Account, device: Option<&KnownDevice>, client: &Client) -> Vec<Limit> {
        throttle::proof_limits(&self.config.throttle, &throttle::SIGN_IN, whose, &client.origin, device)
    }

    /// The limits of a try of the present password of somebody who is signed in, and the password.
    pub(crate) async fn own_password(
        &self,
        user: UserId,
        client: &Client,
    ) -> Result<(Vec<Limit>, Option<PasswordCredential>), JourneyError> {
        let account = self.account_of(Some(user), client).await?;
        let limits = self.sign_in_limits(throttle::Account::Known(user), account.device.as_ref(), client);
        Ok((limits, account.credential))
    }
}

/// A try of a password that opened nothing.
pub(crate) fn failure(client: &Client, user: Option<UserId>, reason: &'static str) -> NewEvent {
    NewEvent::new("sign_in.failed", &Cause::anonymous(client.origin.clone())).about(user).with("reason", reason)
}

/// Many answers to one journey at once: the losers are stale.
pub(super) fn raced(halt: Halt) -> JourneyError {
    match halt {
        Halt::Store(StoreError::Contended) => JourneyError::Stale,
        other => other.into(),
    }
}

pub(super) fn unavailable(error: UserError) -> JourneyError {
    JourneyError::Unavailable(error.into())
}
