//! From nothing to an account: identify, choose a password, prove the address.
//!
//! The account comes to be when the address is proved, in the batch that opens the session. Until
//! then there is a [`Registration`], which reserves nothing: who proves an address gets the account,
//! with the password of their own journey, and whatever others chose for it is dropped.

use super::error::{JourneyError, Mistake};
use super::sign_in::{raced, unavailable};
use super::state::{Journey, Registration, Sent, SignUpSlot, SignUpSlotId};
use super::{Advanced, Client, Halt, Journeys, Loaded};
use crate::challenges::{self, Challenge, Issued};
use crate::email::Email;
use crate::events::{Cause, NewEvent};
use crate::id::UserId;
use crate::messages::texts::{self, Text};
use crate::messages::{Channel, Draft, Sealed};
use crate::passwords::{Password, PasswordHash, PasswordProblem};
use crate::secret::{Digest, Secret};
use crate::store::StoreError;
use crate::throttle::{Counter, Limit};
use crate::users::DisplayName;

/// A challenge and its message, made before the unit that keeps and queues them.
struct Prepared {
    challenge: Challenge,
    message: Sealed,
}

impl Journeys {
    /// Takes the password that the account shall have, and sends the message that proves the address.
    ///
    /// An address that has an account is treated alike, with a challenge that nothing answers and a
    /// message that says so to the account's owner: the same work, the same prompt.
    pub(super) async fn take_password(
        &self,
        at: Loaded,
        client: &Client,
        typed: &Secret<String>,
        name: Option<&str>,
    ) -> Result<Advanced, JourneyError> {
        let email = at.journey.identifier.clone().ok_or(JourneyError::Stale)?;
        let name = match name.map(str::trim).filter(|name| !name.is_empty()).map(DisplayName::parse).transpose() {
            Ok(name) => name,
            Err(error) => return self.wrong(&at.journey, error.into()).await,
        };
        let flood = Limit::of_client("sign_up.client", client.origin.ip, self.config.throttle.client_sign_ups);
        flood.spend(&self.store).await?;
        let password = match self.judge(typed, &email, name.as_ref()).await? {
            Ok(password) => password,
            Err(problem) => return self.wrong(&at.journey, Mistake::from(problem)).await,
        };
        let hash = self.hasher.hash(&password).await?;
        let prepared = self.prepare(&at.journey, &email).await?;
        let (at, email, name, hash, prepared) = (&at, &email, &name, &hash, &prepared);
        let limit = self.message_limit(email);
        let advanced = self
            .store
            .transact(|work| {
                let limit = &limit;
                async move {
                    let mut journey = self.hold(&work, at).await?;
                    let registration = self.registration(&work, email, name.as_ref(), hash);
                    work.insert(&registration)?;
                    let slot = work.get::<SignUpSlot>(self.slot_id(email)).await?;
                    // Whoever was overtaken since they said who they are sends no second message; they can ask for
                    // one. Until then no code is right: one that nobody was sent would only be there to be guessed.
                    let overtaken = slot.as_ref().map(|slot| slot.journey) != journey.slot_seen;
                    let mut challenge = prepared.challenge.clone();
                    challenge.decoy |= overtaken;
                    work.insert(&challenge)?;
                    if !overtaken {
                        self.take_slot(&work, slot.is_some(), email, &journey)?;
                        limit.count_in(&self.store, &work)?;
                        self.outbox.queue_in(&work, &prepared.message)?;
                    }
                    work.record(
                        NewEvent::new("sign_up.asked", &Cause::anonymous(client.origin.clone()))
                            .with("journey", journey.id.to_string()),
                    )?;
                    let resend_at = if overtaken { work.now() } else { work.now() + self.config.challenges.resend };
                    self.await_proof(&mut journey, &prepared.challenge, resend_at);
                    journey.registration = Some(registration.id);
                    self.advance(&work, at, journey, &client.origin).await
                }
            })
            .await;
        match advanced {
            Err(halt) => Err(self.limited(halt, &limit).await),
            Ok(advanced) => self.advanced(advanced).await,
        }
    }

    /// Sends another message, with another code and link; the earlier ones are dead.
    pub(super) async fn resend(&self, at: Loaded, client: &Client) -> Result<Advanced, JourneyError> {
        let email = at.journey.identifier.clone().ok_or(JourneyError::Stale)?;
        let sent = at.journey.challenge.clone().ok_or(JourneyError::Stale)?;
        let wait = sent.resend_at.since(self.store.clock().now());
        if !wait.is_zero() {
            return Err(JourneyError::Throttled { retry_after: wait });
        }
        let limit = self.message_limit(&email);
        if let Some(retry_after) = limit.wait(&self.store).await? {
            return Err(JourneyError::Throttled { retry_after });
        }
        let prepared = self.prepare(&at.journey, &email).await?;
        let (at, prepared, sent) = (&at, &prepared, &sent);
        let advanced = self
            .store
            .transact(|work| {
                let limit = &limit;
                async move {
                    let mut journey = self.hold(&work, at).await?;
                    work.take::<Challenge>(sent.id).await?;
                    work.insert(&prepared.challenge)?;
                    if let Some(id) = journey.registration
                        && let Some(mut registration) = work.get::<Registration>(id).await?
                    {
                        registration.until = prepared.challenge.link_until;
                        work.replace(&registration)?;
                    }
                    limit.count_in(&self.store, &work)?;
                    self.outbox.queue_in(&work, &prepared.message)?;
                    let resend_at = work.now() + self.config.challenges.resend;
                    self.await_proof(&mut journey, &prepared.challenge, resend_at);
                    self.advance(&work, at, journey, &client.origin).await
                }
            })
            .await;
        match advanced {
            Err(halt) => Err(self.limited(halt, &limit).await),
            Ok(advanced) => self.advanced(advanced).await,
        }
    }

    async fn judge(
        &self,
        typed: &Secret<String>,
        email: &Email,
        name: Option<&DisplayName>,
    ) -> Result<Result<Password, PasswordProblem>, JourneyError> {
        let password = match Password::parse(typed) {
            Ok(password) => password,
            Err(problem) => return Ok(Err(problem)),
        };
        let context = vec![
            email.as_str().to_owned(),
            name.map(|name| name.as_str().to_owned()).unwrap_or_default(),
            self.config.app_name.clone(),
        ];
        Ok(self.judges.judge(password, context).await?)
    }

    async fn prepare(&self, journey: &Journey, email: &Email) -> Result<Prepared, JourneyError> {
        let owner = self.users.by_email(email).await.map_err(unavailable)?;
        let issued = challenges::issue(
            &self.store,
            self.vault.as_ref(),
            &self.config.challenges,
            journey.id,
            email,
            owner.is_some(),
        )
        .await?;
        let text = self.text(owner, &issued).await?;
        let Issued { challenge, .. } = issued;
        let message = self
            .outbox
            .seal(Draft {
                to: email.as_str().to_owned(),
                channel: Channel::Email,
                text,
                template: if owner.is_some() { "address_known" } else { "confirm_address" },
                subject: owner,
                good_until: challenge.link_until,
            })
            .await?;
        Ok(Prepared { challenge, message })
    }

    async fn text(&self, owner: Option<UserId>, issued: &Issued) -> Result<Text, JourneyError> {
        let (app, origin) = (&self.config.app_name, self.config.public_url.origin());
        // Nobody has no name; reading it is the same work as reading an owner's.
        let id = owner.unwrap_or_else(|| Digest::of(b"nobody").id());
        let name = self.users.get(id).await.map_err(unavailable)?.and_then(|user| user.name);
        let Some(_) = owner else {
            let link = format!("{origin}/verify?ticket={}", issued.ticket.expose());
            return Ok(texts::confirm_address(app, issued.code.expose(), &link, &self.config.challenges));
        };
        Ok(texts::address_known(app, name.as_ref(), &format!("{origin}/sign-in")))
    }

    fn registration(
        &self,
        work: &crate::store::Work,
        email: &Email,
        name: Option<&DisplayName>,
        hash: &PasswordHash,
    ) -> Registration {
        Registration {
            id: work.new_id(),
            email: email.clone(),
            name: name.cloned(),
            password: hash.clone(),
            set: work.now(),
            until: work.now() + self.config.challenges.link,
        }
    }

    fn take_slot(
        &self,
        work: &crate::store::Work,
        held: bool,
        email: &Email,
        journey: &Journey,
    ) -> Result<(), StoreError> {
        let slot = SignUpSlot {
            id: self.slot_id(email),
            journey: journey.id,
            until: work.now() + self.config.challenges.link,
        };
        if held { work.replace(&slot) } else { work.insert(&slot) }
    }

    fn await_proof(&self, journey: &mut Journey, challenge: &Challenge, resend_at: crate::clock::Timestamp) {
        journey.challenge = Some(Sent { id: challenge.id, code_until: challenge.code_until, resend_at });
        journey.until = journey.until.max(challenge.link_until);
    }

    pub(super) fn slot_id(&self, email: &Email) -> SignUpSlotId {
        let realm = self.store.realm().to_string();
        Digest::of_all(&[b"sign_up_slot", realm.as_bytes(), email.digest().bytes()]).id()
    }

    fn message_limit(&self, email: &Email) -> Limit {
        Limit::new("messages.address", &[email.digest().bytes()], self.config.throttle.messages)
    }

    /// A refused counter is a throttled client; everything else is what it is.
    async fn limited(&self, halt: Halt, limit: &Limit) -> JourneyError {
        if !matches!(&halt, Halt::Store(error) if Counter::TRIES.exceeded(error)) {
            return raced(halt);
        }
        match limit.wait(&self.store).await {
            Ok(wait) => JourneyError::Throttled { retry_after: wait.unwrap_or(std::time::Duration::from_secs(1)) },
            Err(error) => error.into(),
        }
    }
}
