//! Proving an address: by the code in the browser that began, or by the link in any.

use tracing::Instrument as _;

use super::error::{JourneyError, Mistake};
use super::planner::Step;
use super::prompt::JourneyKind;
use super::proved::{Noted, Proved, Until};
use super::sign_in::{raced, unavailable};
use super::state::{End, Journey, Registration, Seed};
use super::{Advanced, Client, Halt, Journeys, Loaded, Started, span_of};
use crate::challenges::{Challenge, ChallengeId, Owner};
use crate::clock::Timestamp;
use crate::events::{Cause, NewEvent, Origin};
use crate::identifiers::{Handle, Identifier};
use crate::messages::Sealed;
use crate::messages::letter::Change;
use crate::metrics;
use crate::secret::{Bearer, Code, Secret};
use crate::sessions::Opened;
use crate::store::Work;
use crate::throttle::{self, Reservation, ThrottleError};
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
    /// Whether the link does nothing for the client that asks now: the code is to be entered where it was begun.
    pub by_code_only: bool,
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
    /// Another client began it, and only there the code of the message can be entered: nothing was done.
    ByCodeOnly,
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
        let reservation = match self.reserve_guess(&at.journey, &challenge, client).await? {
            // What was judged wrong stays counted, whether or not its client waits for the answer.
            Ok(Some(reservation)) if !right => Some(reservation.or_else(drop)),
            Ok(reservation) => reservation,
            Err(mistake) => return self.wrong(&at.journey, mistake).await,
        };
        let failure = &NewEvent::new("address.proof_failed", &Cause::anonymous(client.origin.clone()))
            .with("journey", at.journey.id.to_string());
        let notices = &self.notices_of_proof(&at.journey, client).await?;
        let (here, challenge, guess) = (&at, &challenge, reservation.as_ref());
        let judged = self
            .store
            .transact(|work| async move {
                let journey = self.hold(&work, here).await?;
                // Counted with the judgement in one batch: a guess past the limit is refused with its answer.
                challenge.try_in(&work, &self.config.challenges)?;
                if !right {
                    if guess.is_none() {
                        work.record(failure.clone())?;
                    }
                    return Ok(Judged::Wrong);
                }
                let advanced = self.prove(&work, here, journey, challenge.id, false, &client.origin, notices).await?;
                if let Some(guess) = guess.filter(|_| advanced.0.proved.is_some()) {
                    self.throttle.succeeded_in(&work, guess).await?;
                }
                Ok(Judged::Right(Box::new(advanced)))
            })
            .await;
        if let Some(reservation) = reservation {
            match &judged {
                Ok(Judged::Wrong) => self.throttle.failed(reservation, failure.clone()).await?,
                Ok(Judged::Right(advanced)) if advanced.0.proved.is_some() => {
                    self.throttle.succeeded(reservation).await?;
                }
                _ => self.throttle.cancelled(reservation).await?,
            }
        }
        match judged {
            Ok(Judged::Right(advanced)) => self.advanced(*advanced).await,
            Ok(Judged::Wrong) => self.wrong(&at.journey, Mistake::WrongCode).await,
            Err(Halt::Store(error)) if Challenge::TRIES.exceeded(&error) => {
                self.wrong(&at.journey, Mistake::CodeUsedUp).await
            }
            Err(halt) => {
                let advanced = self.settle_taken(&at, challenge.id, false, client, notices, halt).await?;
                self.advanced(advanced).await
            }
        }
    }

    /// Reserves a try of a recovery's code: under the limit of the account, or else of what was typed, and that of the
    /// client. The codes of other journeys open no account that there is, and have their own tries alone.
    async fn reserve_guess(
        &self,
        journey: &Journey,
        challenge: &Challenge,
        client: &Client,
    ) -> Result<Result<Option<Reservation>, Mistake>, JourneyError> {
        if journey.kind != JourneyKind::Recover {
            return Ok(Ok(None));
        }
        let account = throttle::Account::of(challenge.owner.map(|owner| owner.user), challenge.handle.digest());
        let limits = throttle::recovery_limits(&self.config.throttle, account, &client.origin);
        match self.throttle.reserve(limits).await {
            Ok(reservation) => Ok(Ok(Some(reservation))),
            Err(ThrottleError::Throttled { limit, .. }) if throttle::is_recovery_of_account(limit) => {
                Ok(Err(Mistake::CodeUsedUp))
            }
            Err(error) => Err(error.into()),
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
        let own = is_own(&at.journey, client);
        Ok(TicketView {
            kind: at.journey.kind,
            to: challenge.handle,
            begun_at: at.journey.begun,
            same_browser: own,
            by_code_only: !own && is_by_code_only(at.journey.kind),
            begun_on: at.journey.begun_on,
        })
    }

    /// Confirms by a link. The client that began the journey goes on at once; any other one has only
    /// answered for it, gets no session, and leaves the rest to the first.
    ///
    /// The link of an addition to an account works where that was begun alone. Or else whoever is talked into
    /// following the link of somebody else's addition would tie their own address to that account.
    ///
    /// # Errors
    /// As [`Journeys::ticket`]; [`JourneyError::Stale`] when another answer came first.
    pub async fn redeem(&self, ticket: &str, client: &Client) -> Result<Redeemed, JourneyError> {
        let (at, challenge) = self.find_ticket(ticket).await?;
        let span = span_of(&at.journey);
        self.follow(at, challenge, client).instrument(span).await
    }

    async fn follow(&self, mut at: Loaded, challenge: Challenge, client: &Client) -> Result<Redeemed, JourneyError> {
        let own = is_own(&at.journey, client);
        at.device = client.device.clone().filter(|_| own);
        if at.journey.kind == JourneyKind::Recover && !own {
            return Ok(Redeemed::HandedOver(self.hand_over(&at, challenge.id, client).await?));
        }
        if !own && is_by_code_only(at.journey.kind) {
            return Ok(Redeemed::ByCodeOnly);
        }
        // Sealed before the unit: what it opens can be had only once.
        let id = match own {
            true => Some(Seed::of(&at.journey).seal(self.vault.as_ref(), self.store.realm()).await?),
            false => None,
        };
        let step = self.next(&at.journey).await?;
        if let Some(id) = id.as_ref().filter(|_| step != Step::ProveAddress) {
            // Something else comes first, a fresh proof of the password: the link is as good afterwards.
            let prompt = self.prompt_of(&at.journey).await?;
            let advanced = Box::new(Advanced { prompt, opened: None });
            return Ok(Redeemed::Here { id: id.clone(), advanced });
        }
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
            Err(halt) => self.settle_taken(&at, challenge.id, !own, client, notices, halt).await?,
        };
        let advanced = self.advanced(advanced).await?;
        metrics::journey_shows(at.journey.kind, &advanced.prompt);
        match id {
            Some(id) => Ok(Redeemed::Here { id, advanced: Box::new(advanced) }),
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
        let taken = work.take::<Challenge>(challenge).await?.ok_or(JourneyError::Stale)?;
        match journey.kind {
            JourneyKind::Recover => {
                journey.proved = self.proved_owner(work, &taken, elsewhere).await?;
                if journey.proved.is_none() {
                    journey.end = Some(End::Refused("expired".to_owned()));
                }
            }
            JourneyKind::AddIdentifier => {
                self.add_in(work, &mut journey, origin, notices).await?;
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
        let address = Noted::address(challenge, handle.kind(), work.now());
        let new =
            ReadyUser { id: None, handle, proved: true, also: Vec::new(), username, name, password: Some(password) };
        let user = self.users.create_in(work, &Cause::anonymous(origin.clone()), &new).await?.id;
        let proofs = vec![Noted::password(user, set), address];
        journey.proved = Some(Proved { user, until: Until::Epoch(0), proofs, elsewhere });
        Ok(())
    }

    /// The account that the message of a recovery went to, if it is still as it was then: it has the handle that was
    /// typed, and the address that the message went to; and its recoveries were not revoked since, be it by another
    /// password, a suspension, or the end of all its sessions. Whoever holds a name or a mailbox at another time proves nothing.
    pub(super) async fn proved_owner(
        &self,
        work: &Work,
        challenge: &Challenge,
        elsewhere: bool,
    ) -> Result<Option<Proved>, Halt> {
        let Some(Owner { user, identifier, recoveries }) = challenge.owner else { return Ok(None) };
        let named = work.find(&Identifier::BY_VERIFIED.eq(&Some(challenge.handle.canonical())).limit(1)).await?;
        // Guarded: what changes hands meanwhile proves nothing.
        let Some(named) = named.first() else { return Ok(None) };
        let named = work.get::<Identifier>(named.id).await?;
        let address = work.get::<Identifier>(identifier).await?;
        let is_own = |found: &Option<Identifier>| {
            found.as_ref().is_some_and(|found| found.user == user && found.verified.is_some())
        };
        let standing = work.get::<Standing>(user).await?;
        let (true, true, Some(address), Some(standing)) = (is_own(&named), is_own(&address), address, standing) else {
            return Ok(None);
        };
        let until = Until::Recoveries(recoveries);
        if !until.holds(&standing) {
            return Ok(None);
        }
        let address = Noted::address(challenge.id, address.handle.kind(), work.now());
        Ok(Some(Proved { elsewhere, ..Proved::by(user, until, address) }))
    }

    /// The address was proved here, but has become another account's meanwhile: ends the journey, and
    /// says so, for whoever proved the address may know. Where it was only the username, goes on without it.
    async fn settle_taken(
        &self,
        at: &Loaded,
        challenge: ChallengeId,
        elsewhere: bool,
        client: &Client,
        notices: &[Sealed],
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
                    return self.prove(&work, at, journey, challenge, elsewhere, &client.origin, notices).await;
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

/// Whether a link of such a journey does nothing but where it was begun.
fn is_by_code_only(kind: JourneyKind) -> bool {
    kind == JourneyKind::AddIdentifier
}

fn is_own(journey: &Journey, client: &Client) -> bool {
    client.binding.as_ref().is_some_and(|binding| binding.digest() == journey.binding)
}
