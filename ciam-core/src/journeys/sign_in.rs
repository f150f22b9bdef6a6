//! From an account to a session: identify, then prove.

use super::error::{JourneyError, Mistake};
use super::prompt::JourneyKind;
use super::state::{Proved, SignUpSlot};
use super::{Advanced, Client, Halt, Journeys, Loaded};
use crate::email::Email;
use crate::events::{Cause, NewEvent};
use crate::id::UserId;
use crate::passwords::{Password, PasswordCredential, PasswordHash};
use crate::secret::{Digest, Secret};
use crate::store::StoreError;
use crate::throttle::Limit;
use crate::users::{Standing, UserError, UserStatus};

/// What an address leads to, as read before any slow work.
struct Account {
    user: Option<UserId>,
    standing: Option<Standing>,
    credential: Option<PasswordCredential>,
}

impl Journeys {
    pub(super) async fn identify(&self, at: Loaded, client: &Client, email: &str) -> Result<Advanced, JourneyError> {
        let email: Email = match email.parse() {
            Ok(email) => email,
            Err(error) => return self.wrong(&at.journey, Mistake::from(error)).await,
        };
        let (at, email) = (&at, &email);
        let advanced = self
            .store
            .transact(|work| async move {
                let mut journey = self.hold(&work, at).await?;
                if journey.kind == JourneyKind::SignUp {
                    let slot = work.peek::<SignUpSlot>(self.slot_id(email)).await?;
                    journey.slot_seen = slot.map(|slot| slot.journey);
                }
                journey.identifier = Some(email.clone());
                journey.begun_on.clone_from(&client.origin.user_agent);
                self.advance(&work, at, journey, &client.origin).await
            })
            .await
            .map_err(raced)?;
        self.advanced(advanced).await
    }

    /// Checks the password of the account that was identified; of one that does not exist, with the same work.
    ///
    /// A try is reserved for the account and for the client's address before the password is hashed.
    /// Success forgets the account's failures, and of the address's only this very try. A client who
    /// hangs up meanwhile gets no answer, and its reservation gives itself back.
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
        let email = at.journey.identifier.clone().ok_or(JourneyError::Stale)?;
        let account = self.account(&email).await?;
        let limits = self.sign_in_limits(&email, account.user, client);
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
            self.throttle.failed(reservation).await?;
            self.note_failure(client, account.user, reason).await?;
            return self.wrong(&at.journey, Mistake::WrongCredentials).await;
        };
        let rehashed = if verdict.outdated { self.hasher.hash(&password).await.ok() } else { None };
        let accepted = self.accept_password(&at, client, user, &credential, rehashed.as_ref()).await;
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
        checked: &PasswordCredential,
        rehashed: Option<&PasswordHash>,
    ) -> Result<(super::Journey, Option<crate::sessions::Opened>), JourneyError> {
        self.store
            .transact(|work| async move {
                let mut journey = self.hold(&work, at).await?;
                let credential = work.get::<PasswordCredential>(user).await?;
                let mut credential = credential.filter(|now| now.hash == checked.hash).ok_or(JourneyError::Stale)?;
                if let Some(hash) = rehashed {
                    credential.hash = hash.clone();
                    work.replace(&credential)?;
                    work.record(NewEvent::new("password.rehashed", &Cause::system()).about(user))?;
                }
                let standing = work.get::<Standing>(user).await?.ok_or(JourneyError::Stale)?;
                journey.proved = Some(Proved {
                    user,
                    epoch: standing.epoch,
                    password_at: work.now(),
                    address: None,
                    elsewhere: false,
                });
                self.advance(&work, at, journey, &client.origin).await
            })
            .await
            .map_err(|halt: Halt| raced(halt))
    }

    async fn account(&self, email: &Email) -> Result<Account, JourneyError> {
        let user = self.users.by_email(email).await.map_err(unavailable)?;
        // An unknown address reads two records as well: ones that are never there.
        let id = user.unwrap_or_else(|| Digest::of(b"nobody").id());
        let mut lookup = self.store.lookup();
        let (standing, credential) = (lookup.ask::<Standing>(id), lookup.ask::<PasswordCredential>(id));
        let mut found = lookup.fetch().await?;
        Ok(Account { user, standing: found.take(&standing)?, credential: found.take(&credential)? })
    }

    fn sign_in_limits(&self, email: &Email, user: Option<UserId>, client: &Client) -> Vec<Limit> {
        const ACCOUNT: &str = "sign_in.account";
        let rates = &self.config.throttle;
        let account = match user {
            Some(user) => Limit::of_user(ACCOUNT, user, rates.account_failures),
            None => Limit::new(ACCOUNT, &[email.digest().bytes()], rates.account_failures),
        };
        vec![account.forgiving(), Limit::of_client("sign_in.client", client.origin.ip, rates.client_failures)]
    }

    async fn note_failure(
        &self,
        client: &Client,
        user: Option<UserId>,
        reason: &'static str,
    ) -> Result<(), JourneyError> {
        self.store
            .transact(|work| async move {
                work.record(
                    NewEvent::new("sign_in.failed", &Cause::anonymous(client.origin.clone()))
                        .about(user)
                        .with("reason", reason),
                )?;
                Ok::<_, StoreError>(())
            })
            .await?;
        Ok(())
    }
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
