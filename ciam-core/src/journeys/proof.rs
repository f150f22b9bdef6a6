//! Having an address or number proved: what is sent for it, and how often.

use super::error::JourneyError;
use super::prompt::JourneyKind;
use super::sign_in::{raced, unavailable};
use super::state::{Journey, Sent};
use super::{Advanced, Client, Halt, Journeys, Loaded};
use crate::challenges::{self, Challenge, Issued};
use crate::clock::Timestamp;
use crate::events::Origin;
use crate::id::UserId;
use crate::identifiers::{Handle, Identifier, IdentifierKind};
use crate::messages::letter::{Letter, Proof};
use crate::messages::{Channel, Draft, Sealed};
use crate::secret::Digest;
use crate::store::Work;
use crate::throttle::{self, Postage, Purpose, Tries};
use crate::users::User;

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
    /// Where the message goes; to an account it goes to the address that the account has, never to one that was
    /// typed and merely looks alike.
    to: Option<Handle>,
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
        let shown = addressee.to.as_ref().unwrap_or(handle);
        let channel = shown.kind().channel().unwrap_or(Channel::Email);
        let limits = &self.config.challenges;
        let issued = challenges::issue(
            &self.store,
            self.vault.as_ref(),
            limits,
            self.link_life(journey.kind),
            journey.id,
            handle,
            addressee.decoy,
        )
        .await?;
        let message = match &addressee.to {
            Some(to) => Some(self.letter(journey, &addressee, (to, channel), &issued, &client.origin).await?),
            None => None,
        };
        // A text message costs money, and a number without an account has nothing to recover: none goes there.
        let is_paid_for_nothing =
            journey.kind == JourneyKind::Recover && addressee.owner.is_none() && channel != Channel::Email;
        let message = message.filter(|_| !is_paid_for_nothing);
        Ok(Prepared { challenge: issued.challenge, message, channel, postage })
    }

    async fn addressee(&self, journey: &Journey, handle: &Handle) -> Result<Addressee, JourneyError> {
        let owner = self.users.by_handle(handle).await.map_err(unavailable)?;
        let recovers = journey.kind == JourneyKind::Recover;
        let to = match owner.filter(|_| recovers) {
            Some(user) => self.address_of(user, handle).await?,
            None => Some(handle.clone()).filter(|handle| handle.kind().channel().is_some()),
        };
        Ok(Addressee { owner, to, decoy: owner.is_some() != recovers })
    }

    /// The proved address of an account that a recovery by this handle goes to: the same handle as the account
    /// has it; for a username the first address, or else the first number.
    async fn address_of(&self, user: UserId, handle: &Handle) -> Result<Option<Handle>, JourneyError> {
        let identifiers = self.store.find(&Identifier::BY_USER.under(&user).limit(100)).await?.items;
        let of = |kind| identifiers.iter().map(|i| &i.handle).find(move |own| own.kind() == kind);
        let own = identifiers.iter().map(|i| &i.handle).find(|own| own.canonical() == handle.canonical());
        let reachable = own.filter(|own| own.kind().channel().is_some());
        Ok(reachable.or_else(|| of(IdentifierKind::Email)).or_else(|| of(IdentifierKind::Phone)).cloned())
    }

    async fn letter(
        &self,
        journey: &Journey,
        addressee: &Addressee,
        (to, channel): (&Handle, Channel),
        issued: &Issued,
        origin: &Origin,
    ) -> Result<Sealed, JourneyError> {
        // Nobody has no name; reading it is the same work as reading an owner's.
        let id = addressee.owner.unwrap_or_else(|| Digest::of(b"nobody").id());
        let (name, language) = match self.store.get::<User>(id).await? {
            Some(user) => (user.name, user.language),
            None => (None, None),
        };
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
