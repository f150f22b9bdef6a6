//! Proving an address: by the code in the browser that began, or by the link in any.

use super::error::{JourneyError, Mistake};
use super::prompt::JourneyKind;
use super::sign_in::{raced, unavailable};
use super::state::{End, Journey, Proved, ProvedAddress, Registration, Seed};
use super::{Advanced, Client, Halt, Journeys, Loaded, Started};
use crate::challenges::{Challenge, ChallengeId};
use crate::clock::Timestamp;
use crate::events::{Cause, NewEvent, Origin};
use crate::identifiers::{Handle, Identifier, IdentifierKind};
use crate::messages::letter::Change;
use crate::messages::{Channel, Sealed};
use crate::secret::{Bearer, Code, Secret};
use crate::sessions::Opened;
use crate::store::Work;
use crate::users::{ReadyUser, Standing};

/// What a link is about, for the page that asks whether to confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketView {
    /// What for.
    pub kind: JourneyKind,
    /// The address or number that would be confirmed.
    pub to: Handle,
    /// When the journey was begun.
    pub begun_at: Timestamp,
    /// What the client that began it called itself.
    pub begun_on: Option<String>,
    /// Whether it is the client that asks now.
    pub same_browser: bool,
}

/// What came of following a link.
#[derive(Debug)]
pub enum Redeemed {
    /// This client began the journey, which has advanced here.
    Here {
        /// An id of the journey, as good here as the one that it began with.
        id: String,
        /// What it asks next.
        advanced: Box<Advanced>,
    },
    /// Another client began it, and goes on there. This one gets no session.
    Elsewhere,
    /// Another client began it, and is done with it: this one goes on, with a journey of its own.
    HandedOver(Started),
}

/// What came of a unit that judged a code.
enum Judged {
    Wrong,
    Right(Box<(Journey, Option<Opened>)>),
}

impl Journeys {
    pub(super) async fn check_code(
        &self,
        at: Loaded,
        client: &Client,
        typed: &Secret<String>,
    ) -> Result<Advanced, JourneyError> {
        let Ok(typed) = Code::parse(typed.expose()) else { return self.wrong(&at.journey, Mistake::WrongCode).await };
        let sent = at.journey.challenge.clone().ok_or(JourneyError::Stale)?;
        let challenge = self.store.get::<Challenge>(sent.id).await?;
        let Some(challenge) = challenge.filter(|challenge| challenge.code_until > self.store.clock().now()) else {
            return self.wrong(&at.journey, Mistake::CodeUsedUp).await;
        };
        let code = challenge.code(self.vault.as_ref()).await?;
        let right = code.is_some_and(|code| code.matches(&typed)) && !challenge.decoy;
        let notices = &self.notices_of_proof(&at.journey, client).await?;
        let (here, challenge) = (&at, &challenge);
        let judged = self
            .store
            .transact(|work| async move {
                let journey = self.hold(&work, here).await?;
                // Counted with the judgement in one batch: a guess past the limit is refused with its answer.
                challenge.try_in(&work, &self.config.challenges)?;
                if !right {
                    work.record(
                        NewEvent::new("address.proof_failed", &Cause::anonymous(client.origin.clone()))
                            .with("journey", journey.id.to_string()),
                    )?;
                    return Ok(Judged::Wrong);
                }
                let advanced = self.prove(&work, here, journey, challenge.id, false, &client.origin, notices).await?;
                Ok(Judged::Right(Box::new(advanced)))
            })
            .await;
        match judged {
            Ok(Judged::Right(advanced)) => self.advanced(*advanced).await,
            Ok(Judged::Wrong) => self.wrong(&at.journey, Mistake::WrongCode).await,
            Err(Halt::Store(error)) if Challenge::TRIES.exceeded(&error) => {
                self.wrong(&at.journey, Mistake::CodeUsedUp).await
            }
            Err(halt) => {
                let advanced = self.settle_taken(&at, challenge.id, false, client, halt).await?;
                self.advanced(advanced).await
            }
        }
    }

    /// The notices to the owner of the account that the proof changes.
    async fn notices_of_proof(&self, journey: &Journey, client: &Client) -> Result<Vec<Sealed>, JourneyError> {
        let (JourneyKind::AddIdentifier, Some(subject), Some(handle)) =
            (journey.kind, &journey.subject, &journey.handle)
        else {
            return Ok(Vec::new());
        };
        Ok(self.notices.write(subject.user, Change::Added(handle.kind()), &client.origin).await?)
    }

    /// What a link is about. Consumes nothing: link scanners may follow it as often as they like.
    ///
    /// # Errors
    /// [`JourneyError::Unknown`] for a link that was used, replaced by a later one, has expired, or never was.
    pub async fn ticket(&self, ticket: &str, client: &Client) -> Result<TicketView, JourneyError> {
        let (at, challenge) = self.find_ticket(ticket).await?;
        Ok(TicketView {
            kind: at.journey.kind,
            to: challenge.handle,
            begun_at: at.journey.begun,
            same_browser: is_own(&at.journey, client),
            begun_on: at.journey.begun_on,
        })
    }

    /// Confirms by a link. The client that began the journey goes on at once; any other one has only
    /// answered for it, gets no session, and leaves the rest to the first.
    ///
    /// # Errors
    /// As [`Journeys::ticket`]; [`JourneyError::Stale`] when another answer came first.
    pub async fn redeem(&self, ticket: &str, client: &Client) -> Result<Redeemed, JourneyError> {
        let (mut at, challenge) = self.find_ticket(ticket).await?;
        let own = is_own(&at.journey, client);
        at.device = client.device.clone().filter(|_| own);
        if at.journey.kind == JourneyKind::Recover && !own {
            return Ok(Redeemed::HandedOver(self.hand_over(&at, challenge.id, client).await?));
        }
        // Sealed before the unit: what it opens can be had only once.
        let id = match own {
            true => Some(Seed::of(&at.journey).seal(self.vault.as_ref(), self.store.realm()).await?),
            false => None,
        };
        let notices = &self.notices_of_proof(&at.journey, client).await?;
        let here = &at;
        let proved = self
            .store
            .transact(|work| async move {
                let journey = self.hold(&work, here).await?;
                self.prove(&work, here, journey, challenge.id, !own, &client.origin, notices).await
            })
            .await;
        let advanced = match proved {
            Ok(advanced) => advanced,
            Err(halt) => self.settle_taken(&at, challenge.id, !own, client, halt).await?,
        };
        match id {
            Some(id) => Ok(Redeemed::Here { id, advanced: Box::new(self.advanced(advanced).await?) }),
            None => Ok(Redeemed::Elsewhere),
        }
    }

    /// Goes on where the journey was begun, after a link was followed elsewhere.
    pub(super) async fn go_on(&self, at: Loaded, client: &Client) -> Result<Advanced, JourneyError> {
        let at = &at;
        let advanced = self
            .store
            .transact(|work| async move {
                let mut journey = self.hold(&work, at).await?;
                let proved = journey.proved.as_mut().ok_or(JourneyError::Stale)?;
                proved.elsewhere = false;
                self.advance(&work, at, journey, &client.origin).await
            })
            .await
            .map_err(raced)?;
        self.advanced(advanced).await
    }

    async fn find_ticket(&self, ticket: &str) -> Result<(Loaded, Challenge), JourneyError> {
        let ticket = Bearer::<ChallengeId>::parse(ticket).map_err(|_| JourneyError::Unknown)?;
        let challenge = self.store.get::<Challenge>(ticket.id()).await?;
        let challenge = challenge.filter(|challenge| challenge.is_linked_by(&ticket)).ok_or(JourneyError::Unknown)?;
        let journey = self.store.get::<Journey>(challenge.journey).await?.ok_or(JourneyError::Unknown)?;
        let waits = journey.challenge.as_ref().is_some_and(|sent| sent.id == challenge.id);
        if !waits {
            return Err(JourneyError::Unknown);
        }
        Ok((Loaded { journey, stored: true, device: None }, challenge))
    }

    /// The address is proved: takes the challenge, and does what it was proved for.
    #[expect(clippy::too_many_arguments, reason = "one unit's inputs, each of another kind")]
    async fn prove(
        &self,
        work: &Work,
        at: &Loaded,
        mut journey: Journey,
        challenge: ChallengeId,
        elsewhere: bool,
        origin: &Origin,
        notices: &[Sealed],
    ) -> Result<(Journey, Option<Opened>), Halt> {
        work.take::<Challenge>(challenge).await?.ok_or(JourneyError::Stale)?;
        match journey.kind {
            JourneyKind::Recover => {
                journey.proved = self.proved_owner(work, &journey, challenge, elsewhere).await?;
                if journey.proved.is_none() {
                    journey.end = Some(End::Refused("expired".to_owned()));
                }
            }
            JourneyKind::AddIdentifier => {
                self.add_in(work, &mut journey, origin).await?;
                self.notices.queue_in(work, notices, origin).await?;
            }
            _ => self.register(work, &mut journey, challenge, elsewhere, origin).await?,
        }
        journey.challenge = None;
        self.advance(work, at, journey, origin).await
    }

    /// Makes the account out of the registration.
    async fn register(
        &self,
        work: &Work,
        journey: &mut Journey,
        challenge: ChallengeId,
        elsewhere: bool,
        origin: &Origin,
    ) -> Result<(), Halt> {
        let registration = match journey.registration {
            Some(id) => work.take::<Registration>(id).await?,
            None => None,
        };
        let Some(Registration { handle, username, name, password, set, .. }) = registration else {
            journey.end = Some(End::Refused("expired".to_owned()));
            return Ok(());
        };
        // A username that somebody else took while the proof was on its way is left out; another can be chosen
        // from the account.
        let mut username = username;
        if let Some(wanted) = &username {
            let canonical = Handle::from(wanted.clone()).canonical();
            if !work.find(&Identifier::BY_VERIFIED.eq(&Some(canonical)).limit(1)).await?.is_empty() {
                username = None;
            }
        }
        let address = Some(ProvedAddress { challenge, kind: handle.kind(), at: work.now() });
        let new = ReadyUser { handle, proved: true, username, name, password: Some(password) };
        let user = self.users.create_in(work, &Cause::anonymous(origin.clone()), &new).await?.id;
        journey.proved = Some(Proved { user, epoch: 0, password_at: Some(set), address, elsewhere });
        Ok(())
    }

    /// The owner of the handle that was proved, as of now.
    pub(super) async fn proved_owner(
        &self,
        work: &Work,
        journey: &Journey,
        challenge: ChallengeId,
        elsewhere: bool,
    ) -> Result<Option<Proved>, Halt> {
        let Some(handle) = &journey.handle else { return Ok(None) };
        let owner = work.find(&Identifier::BY_VERIFIED.eq(&Some(handle.canonical())).limit(1)).await?;
        let Some(identifier) = owner.into_iter().next() else { return Ok(None) };
        // Guarded: an identifier that changes hands meanwhile proves nothing.
        if work.get::<Identifier>(identifier.id).await?.is_none() {
            return Ok(None);
        }
        let Some(standing) = work.get::<Standing>(identifier.user).await? else { return Ok(None) };
        let kind = journey.challenge.as_ref().map_or(handle.kind(), |sent| match sent.channel {
            Channel::Email => IdentifierKind::Email,
            _ => IdentifierKind::Phone,
        });
        let address = Some(ProvedAddress { challenge, kind, at: work.now() });
        Ok(Some(Proved { user: identifier.user, epoch: standing.epoch, password_at: None, address, elsewhere }))
    }

    /// The address was proved here, but has become another account's meanwhile: ends the journey, and
    /// says so, for whoever proved the address may know. Where it was only the username, goes on without it.
    async fn settle_taken(
        &self,
        at: &Loaded,
        challenge: ChallengeId,
        elsewhere: bool,
        client: &Client,
        halt: Halt,
    ) -> Result<(Journey, Option<Opened>), JourneyError> {
        match halt {
            Halt::Store(error) if Identifier::BY_VERIFIED.taken(&error) => {}
            halt => return Err(raced(halt)),
        }
        let handle = at.journey.handle.as_ref().ok_or(JourneyError::Stale)?;
        let taken = self.users.by_handle(handle).await.map_err(unavailable)?.is_some();
        self.store
            .transact(|work| async move {
                let mut journey = self.hold(&work, at).await?;
                if !taken {
                    return self.prove(&work, at, journey, challenge, elsewhere, &client.origin, &[]).await;
                }
                if let Some(sent) = journey.challenge.take() {
                    work.take::<Challenge>(sent.id).await?;
                }
                journey.end = Some(End::Refused("address_taken".to_owned()));
                self.advance(&work, at, journey, &Origin::default()).await
            })
            .await
            .map_err(raced)
    }
}

fn is_own(journey: &Journey, client: &Client) -> bool {
    client.binding.as_ref().is_some_and(|binding| binding.digest() == journey.binding)
}
