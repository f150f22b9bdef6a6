//! Having an address or number proved: what is sent for it, and how often.

use super::error::JourneyError;
use super::prompt::JourneyKind;
use super::sign_in::{raced, unavailable};
use super::state::{Journey, Sent};
use super::{Advanced, Client, Halt, Journeys, Loaded};
use crate::challenges::{self, Challenge, Issued, Owner};
use crate::clock::Timestamp;
use crate::events::Origin;
use crate::id::UserId;
use crate::identifiers::{self, Handle, Identifier, IdentifierKind};
use crate::language::Language;
use crate::messages::letter::{Letter, Proof};
use crate::messages::{Channel, Draft, Sealed};
use crate::secret::Digest;
use crate::store::Work;
use crate::throttle::{self, Postage, Purpose, Tries};
use crate::users::{DisplayName, Standing, User};

/// A challenge and its message, made before the unit that keeps and queues them.
pub(super) struct Prepared {
    pub(super) challenge: Challenge,
    /// None when nobody is written to: by a username or a number that no account has.
    pub(super) message: Option<Sealed>,
    pub(super) channel: Channel,
    postage: Postage,
}

/// Whom a message is for, and whether what it asks can be answered.
struct Addressee {
    /// The account that is meant, if there is one.
    owner: Option<UserId>,
    /// What its owner wants to be called.
    name: Option<DisplayName>,
    language: Option<Language>,
    /// Where the message goes; to an account it goes to the address that the account has, never to one that was
    /// typed and merely looks alike. None for a username without an account, or of one that has proved no address.
    to: Option<Handle>,
    /// The account as it is now, if this is its recovery.
    recovers: Option<Owner>,
    decoy: bool,
}

impl Journeys {
    /// Makes a challenge and its message. What leads nowhere costs the same: an address with an account that
    /// somebody wants to sign up with, an address without one that somebody wants to recover.
    ///
    /// Where there are no more messages to be had, nothing is made, and the client is told when to come back.
    pub(super) async fn prepare(
        &self,
        journey: &Journey,
        handle: &Handle,
        client: &Client,
    ) -> Result<Prepared, JourneyError> {
        let postage = self.postage(journey, handle, client);
        self.throttle.look_at_postage(&postage).await?;
        let addressee = self.addressee(journey, handle).await?;
        let purpose = challenges::Purpose {
            journey: journey.id,
            handle,
            link_for: self.link_life(journey.kind),
            owner: addressee.recovers,
            decoy: addressee.decoy,
        };
        let issued = challenges::issue(&self.store, self.vault.as_ref(), &self.config.challenges, purpose).await?;
        // Written for nobody too, and thrown away then: the same work.
        let message = self.letter(journey, &addressee, handle, &issued, &client.origin).await?;
        let message = Some(message).filter(|_| addressee.to.is_some());
        // By what was typed, whatever the message goes by: what an account has besides is nobody's business.
        let channel = handle.kind().channel().unwrap_or(Channel::Email);
        // A text message costs money, and a number without an account has nothing to recover: none goes there.
        let is_paid_for_nothing =
            journey.kind == JourneyKind::Recover && addressee.owner.is_none() && channel != Channel::Email;
        let message = message.filter(|_| !is_paid_for_nothing);
        Ok(Prepared { challenge: issued.challenge, message, channel, postage })
    }

    /// Whom a message is for. Nobody is looked for too, among records that are never there: the same work.
    async fn addressee(&self, journey: &Journey, handle: &Handle) -> Result<Addressee, JourneyError> {
        let owner = self.users.by_handle(handle).await.map_err(unavailable)?;
        let id = owner.unwrap_or_else(|| Digest::of(b"nobody").id());
        let mut lookup = self.store.lookup();
        let (user, standing) = (lookup.ask::<User>(id), lookup.ask::<Standing>(id));
        let mut found = lookup.fetch().await?;
        let (name, language) = found.take(&user)?.map_or((None, None), |user| (user.name, user.language));
        let standing = found.take(&standing)?;
        let recovers = journey.kind == JourneyKind::Recover;
        let address = if recovers { self.address_of(id, handle).await? } else { None };
        let to = match (&address, owner) {
            (Some(address), _) => Some(address.handle.clone()),
            (None, Some(_)) if recovers => None,
            (None, _) => Some(handle.clone()).filter(|handle| handle.kind().channel().is_some()),
        };
        let account = address.zip(standing).map(|(address, standing)| Owner {
            user: standing.id,
            identifier: address.id,
            recoveries: standing.recoveries,
        });
        // What nobody was sent is no right answer.
        let decoy = to.is_none() || if recovers { account.is_none() } else { owner.is_some() };
        Ok(Addressee { owner, name, language, to, recovers: account, decoy })
    }

    /// The proved address of an account that a recovery by this handle goes to: the same handle as the account
    /// has it; for a username the account's own address or number.
    async fn address_of(&self, user: UserId, handle: &Handle) -> Result<Option<Identifier>, JourneyError> {
        let own = self.store.find(&Identifier::proved_of(user)).await?.items;
        let same = own.iter().find(|own| own.handle.canonical() == handle.canonical());
        let reachable = same.filter(|own| own.handle.kind().channel().is_some());
        Ok(reachable.or_else(|| identifiers::primary(&own)).cloned())
    }

    async fn letter(
        &self,
        journey: &Journey,
        addressee: &Addressee,
        handle: &Handle,
        issued: &Issued,
        origin: &Origin,
    ) -> Result<Sealed, JourneyError> {
        let Addressee { name, language, .. } = addressee;
        let to = addressee.to.as_ref().unwrap_or(handle);
        let channel = to.kind().channel().unwrap_or(Channel::Email);
        let application = self.application(journey)?;
        let wording = self.config.wording(application, [language.as_ref(), origin.language.as_ref()]);
        let at = |path: &str| self.config.link(application, path);
        let link = at(&format!("/verify?ticket={}", issued.ticket.expose()));
        let (sign_in, sign_up) = (at("/sign-in"), at("/sign-up"));
        let limits = &self.config.challenges;
        let proof = Proof {
            code: issued.code.expose(),
            link: &link,
            code_for: limits.code,
            link_for: self.link_life(journey.kind),
        };
        let letter = match (journey.kind, addressee.owner) {
            (JourneyKind::Recover, Some(_)) => Letter::Recover { name: name.as_ref(), proof },
            (JourneyKind::Recover, None) => Letter::NoAccount { sign_up: &sign_up },
            (_, Some(_)) => Letter::Known { name: name.as_ref(), sign_in: &sign_in },
            (JourneyKind::AddIdentifier, None) => Letter::Add(proof),
            (_, None) => Letter::Confirm(proof),
        };
        let draft = Draft {
            to: to.as_str().to_owned(),
            channel,
            text: self.notices.templates.write(application, &wording, channel, &letter).await?,
            template: letter.template(),
            subject: addressee.owner,
            good_until: issued.challenge.link_until,
        };
        Ok(self.outbox.seal(draft).await?)
    }

    /// For how long a link is good: one that sets a password for less than one that merely proves an address.
    pub(super) fn link_life(&self, kind: JourneyKind) -> std::time::Duration {
        match kind {
            JourneyKind::Recover => self.config.challenges.recovery_link,
            _ => self.config.challenges.link,
        }
    }

    /// Keeps the challenge, queues its message and counts it, in the caller's unit; the journey waits for its proof.
    pub(super) async fn send_in(&self, work: &Work, journey: &mut Journey, prepared: &Prepared) -> Result<(), Halt> {
        work.insert(&prepared.challenge)?;
        self.throttle.post_in(work, &prepared.postage).await?;
        if let Some(message) = &prepared.message {
            self.outbox.queue_in(work, message)?;
        }
        self.await_proof(journey, prepared, work.now() + self.config.challenges.resend);
        Ok(())
    }

    pub(super) fn await_proof(&self, journey: &mut Journey, prepared: &Prepared, resend_at: Timestamp) {
        let Challenge { id, code_until, link_until, .. } = prepared.challenge;
        journey.challenge = Some(Sent { id, channel: prepared.channel, code_until, resend_at });
        journey.until = journey.until.max(link_until);
    }

    /// Sends another message, with another code and link; the earlier ones are dead.
    pub(super) async fn resend(&self, at: Loaded, client: &Client) -> Result<Advanced, JourneyError> {
        let handle = at.journey.handle.clone().ok_or(JourneyError::Stale)?;
        let sent = at.journey.challenge.clone().ok_or(JourneyError::Stale)?;
        let wait = sent.resend_at.since(self.store.clock().now());
        if !wait.is_zero() {
            return Err(JourneyError::Throttled { retry_after: wait });
        }
        let prepared = self.prepare(&at.journey, &handle, client).await?;
        let (at, prepared, sent) = (&at, &prepared, &sent);
        let advanced = self
            .store
            .transact(|work| async move {
                let mut journey = self.hold(&work, at).await?;
                work.take::<Challenge>(sent.id).await?;
                self.prolong_registration(&work, &journey, prepared.challenge.link_until).await?;
                self.send_in(&work, &mut journey, prepared).await?;
                self.advance(&work, at, journey, &client.origin).await
            })
            .await;
        match advanced {
            Err(halt) => Err(self.limited(halt, prepared).await),
            Ok(advanced) => self.advanced(advanced).await,
        }
    }

    /// The limits of a message that a handle asks for. They are about what was typed, not about where the message
    /// goes: or else two handles that share a limit would show that they are one person's.
    fn postage(&self, journey: &Journey, handle: &Handle, client: &Client) -> Postage {
        let purpose = if journey.kind == JourneyKind::Recover { Purpose::Recovery } else { Purpose::Proof };
        let has_numbers = || self.accepts(journey).is_ok_and(|kinds| kinds.contains(&IdentifierKind::Phone));
        let text = match handle.kind() {
            IdentifierKind::Email => false,
            IdentifierKind::Phone => true,
            IdentifierKind::Username => has_numbers(),
        };
        throttle::postage(&self.config.throttle, purpose, handle, text, journey.application, &client.origin)
    }

    /// A message that was refused is a throttled client; everything else is what it is.
    pub(super) async fn limited(&self, halt: Halt, prepared: &Prepared) -> JourneyError {
        match halt {
            Halt::Store(error) if Tries::refused(&error) => self.throttle.refusal(&prepared.postage).await.into(),
            Halt::Journey(JourneyError::Throttled { .. }) => self.throttle.refusal(&prepared.postage).await.into(),
            halt => raced(halt),
        }
    }
}
