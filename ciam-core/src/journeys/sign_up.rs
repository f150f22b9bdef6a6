//! From nothing to an account: identify, choose a password, prove the address.
//!
//! The account comes to be when the address is proved, in the batch that opens the session. Until
//! then there is a [`Registration`], which reserves nothing: who proves an address gets the account,
//! with the password of their own journey, and whatever others chose for it is dropped.
//!
//! Where the application lets people prove their address later, the account comes to be at once, and
//! its address identifies nobody until it is proved: its owner signs in by the username.

use super::error::{JourneyError, Mistake};
use super::new_password::Known;
use super::proved::{Noted, Proved, Until};
use super::sign_in::raced;
use super::state::{Journey, Registration, SignUpSlot, SignUpSlotId};
use super::{Advanced, Client, Halt, Journeys, Loaded};
use crate::clock::Timestamp;
use crate::events::{Cause, NewEvent};
use crate::identifiers::{Asked, Handle, Identifier, Proving, Username};
use crate::passwords::PasswordHash;
use crate::secret::{Digest, Secret};
use crate::store::{StoreError, Work};
use crate::users::{DisplayName, ReadyUser};

/// What somebody chose for their account, as they typed it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chosen<'a> {
    pub(super) password: &'a Secret<String>,
    pub(super) name: Option<&'a str>,
    pub(super) username: Option<&'a str>,
}

/// What somebody chose for their account.
struct Wanted {
    handle: Handle,
    username: Option<Username>,
    name: Option<DisplayName>,
    password: PasswordHash,
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
        chosen: Chosen<'_>,
    ) -> Result<Advanced, JourneyError> {
        let handle = at.journey.handle.clone().ok_or(JourneyError::Stale)?;
        let (name, username) = match self.read_names(&at.journey, chosen).await? {
            Ok(names) => names,
            Err(mistake) => return self.wrong(&at.journey, mistake).await,
        };
        let known = Known(vec![
            handle.as_str().to_owned(),
            name.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default(),
            username.as_ref().map(|username| username.as_str().to_owned()).unwrap_or_default(),
            self.application(&at.journey)?.name.clone(),
        ]);
        let password = match self.judge(client, chosen.password, known).await? {
            Ok(password) => password,
            Err(problem) => return self.wrong(&at.journey, Mistake::from(problem)).await,
        };
        let password = self.hasher.hash(&password).await?;
        let wanted = Wanted { handle, username, name, password };
        match self.application(&at.journey)?.identifiers.proving(wanted.handle.kind()) {
            Some(Proving::Later) => self.register_unproved(&at, client, wanted).await,
            _ => self.register_after_proof(&at, client, &wanted).await,
        }
    }

    /// The name and the username, if they can be had.
    async fn read_names(
        &self,
        journey: &Journey,
        chosen: Chosen<'_>,
    ) -> Result<Result<(Option<DisplayName>, Option<Username>), Mistake>, JourneyError> {
        let given = |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let name = match given(chosen.name).map(|name| DisplayName::parse(&name)).transpose() {
            Ok(name) => name,
            Err(error) => return Ok(Err(error.into())),
        };
        let username = match (self.application(journey)?.identifiers.asks_username(), given(chosen.username)) {
            (Asked::Never, _) | (Asked::Optional, None) => None,
            (Asked::Required, None) => return Ok(Err(Mistake::MissingUsername)),
            (_, Some(text)) => match text.parse::<Username>() {
                Ok(username) => Some(username),
                Err(error) => return Ok(Err(error.into())),
            },
        };
        if let Some(username) = &username
            && self.users.by_handle(&username.clone().into()).await.map_err(super::sign_in::unavailable)?.is_some()
        {
            return Ok(Err(Mistake::UsernameTaken));
        }
        Ok(Ok((name, username)))
    }

    async fn register_after_proof(
        &self,
        at: &Loaded,
        client: &Client,
        wanted: &Wanted,
    ) -> Result<Advanced, JourneyError> {
        let handle = &wanted.handle;
        let prepared = &self.prepare(&at.journey, handle, client).await?;
        let advanced = self
            .store
            .transact(|work| async move {
                let mut journey = self.hold(&work, at).await?;
                let registration = self.registration(&work, wanted);
                work.insert(&registration)?;
                let slot = work.get::<SignUpSlot>(self.slot_id(handle)).await?;
                // Whoever was overtaken since they said who they are sends no second message; they can ask for
                // one. Until then no code is right: one that nobody was sent would only be there to be guessed.
                let overtaken = slot.as_ref().map(|slot| slot.journey) != journey.slot_seen;
                if overtaken {
                    let mut challenge = prepared.challenge.clone();
                    challenge.decoy = true;
                    work.insert(&challenge)?;
                    self.await_proof(&mut journey, prepared, work.now());
                } else {
                    self.take_slot(&work, slot.is_some(), handle, &journey)?;
                    self.send_in(&work, &mut journey, prepared).await?;
                }
                work.record(
                    NewEvent::new("sign_up.asked", &Cause::anonymous(client.origin.clone()))
                        .with("journey", journey.id.to_string()),
                )?;
                journey.registration = Some(registration.id);
                self.advance(&work, at, journey, &client.origin).await
            })
            .await;
        match advanced {
            Err(halt) => Err(self.limited(halt, prepared).await),
            Ok(advanced) => self.advanced(advanced).await,
        }
    }

    async fn register_unproved(&self, at: &Loaded, client: &Client, wanted: Wanted) -> Result<Advanced, JourneyError> {
        let Wanted { handle, username, name, password } = wanted;
        let new =
            &ReadyUser { id: None, handle, proved: false, also: Vec::new(), username, name, password: Some(password) };
        let registered = self
            .store
            .transact(|work| async move {
                let mut journey = self.hold(&work, at).await?;
                let user = self.users.create_in(&work, &Cause::anonymous(client.origin.clone()), new).await?.id;
                journey.proved = Some(Proved::by(user, Until::Epoch(0), Noted::password(user, work.now())));
                self.advance(&work, at, journey, &client.origin).await
            })
            .await;
        match registered {
            Ok(advanced) => self.advanced(advanced).await,
            Err(Halt::Store(error)) if Identifier::BY_VERIFIED.taken(&error) => {
                self.wrong(&at.journey, Mistake::UsernameTaken).await
            }
            Err(halt) => Err(raced(halt)),
        }
    }

    fn registration(&self, work: &Work, wanted: &Wanted) -> Registration {
        Registration {
            id: work.new_id(),
            handle: wanted.handle.clone(),
            username: wanted.username.clone(),
            name: wanted.name.clone(),
            password: wanted.password.clone(),
            set: work.now(),
            until: work.now() + self.config.challenges.link,
        }
    }

    /// A registration lives as long as the link that completes it.
    pub(super) async fn prolong_registration(
        &self,
        work: &Work,
        journey: &Journey,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(id) = journey.registration
            && let Some(mut registration) = work.get::<Registration>(id).await?
        {
            registration.until = until;
            work.replace(&registration)?;
        }
        Ok(())
    }

    fn take_slot(&self, work: &Work, held: bool, handle: &Handle, journey: &Journey) -> Result<(), StoreError> {
        let slot = SignUpSlot {
            id: self.slot_id(handle),
            journey: journey.id,
            until: work.now() + self.config.challenges.link,
        };
        if held { work.replace(&slot) } else { work.insert(&slot) }
    }

    pub(super) fn slot_id(&self, handle: &Handle) -> SignUpSlotId {
        let realm = self.store.realm().to_string();
        Digest::of_all(&[b"sign_up_slot", realm.as_bytes(), handle.digest().bytes()]).id()
    }
}
