//! Journeys: server-side state machines that hand out a [`Prompt`] and take an [`Answer`] until they are done.
//!
//! One engine serves every front end: a page, a JSON API, a terminal, a test. What comes next is
//! decided by the planner, from what the journey has learned; front ends hold no rule.
//!
//! A journey is bound to the browser or client that began it by a secret only that one has, expires,
//! and advances one turn at a time: of two answers to one prompt, one is [`JourneyError::Stale`].
//! Until its first answer it exists only in its own id, sealed, so that showing a page writes nothing.

mod account;
mod answer;
mod custom;
mod enrol;
mod error;
mod local_path;
mod new_password;
mod planner;
mod prompt;
mod proof;
mod proved;
mod recover;
mod second;
mod sign_in;
mod sign_up;
mod situation;
mod state;
mod verify;

use std::sync::Arc;

use tracing::Instrument as _;

pub use answer::{Answer, Identify};
pub use custom::{CustomError, CustomStep};
pub(crate) use enrol::remove_in;
pub use error::{JourneyError, Mistake};
pub use local_path::LocalPath;
pub(crate) use new_password::Known;
pub use prompt::{JourneyKind, Prompt};
pub(crate) use sign_in::failure;
pub use state::{Journey, JourneyId, Registration, RegistrationId, SignUpSlot, SignUpSlotId};
pub use verify::{Redeemed, TicketView};

use crate::application::Application;
use crate::authenticators::{Given, Registry};
use crate::config::Config;
use crate::devices;
use crate::events::{Cause, NewEvent, Origin};
use crate::id::ApplicationId;
use crate::identifiers::{Asked, IdentifierKind};
use crate::messages::Outbox;
use crate::messages::notices::Notices;
use crate::metrics;
use crate::passwords::{Judges, PasswordHasher};
use crate::secret::Verifier;
use crate::sessions::{Opened, Session, SessionError, Sessions};
use crate::store::{Store, StoreError, Work};
use crate::throttle::{ThrottleError, Tries};
use crate::users::{Standing, Users};
use crate::vault::KeyVault;
use planner::Step;
use sign_up::Chosen;
use state::{End, Seed};

/// Who answers: the secret of the browser or client that began the journey, and where it is.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// The secret, as the client sent it; none when it sent none.
    pub binding: Option<Verifier>,
    /// The secret by which its device is known to accounts that have signed in there; for a new device a fresh one,
    /// for a client that is not to be remembered none.
    pub device: Option<Verifier>,
    /// From where.
    pub origin: Origin,
}

/// How a journey begins.
#[derive(Debug)]
pub struct Start<'a> {
    /// What for.
    pub kind: JourneyKind,
    /// In which of the host's applications.
    pub application: ApplicationId,
    /// The session of whoever begins a journey [that begins signed in](JourneyKind::begins_signed_in).
    pub session: Option<&'a Session>,
    /// The secret of the browser or client, which it must send with every answer.
    pub binding: &'a Verifier,
    /// Where to go afterwards: a path of this site.
    pub return_to: Option<&'a LocalPath>,
}

/// A journey that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The journey's id, good for URLs: `jny_` and up to 2 KiB of base64url, the same until its end.
    pub id: String,
    /// The first prompt.
    pub prompt: Prompt,
}

/// A journey that has advanced.
#[derive(Debug)]
pub struct Advanced {
    /// What it asks next.
    pub prompt: Prompt,
    /// The session that this answer opened, or gave a new proof and so a new bearer, which can be had only here. It
    /// may come before the journey is done.
    pub opened: Option<Opened>,
}

/// Starts and advances journeys.
#[derive(Debug, Clone)]
pub struct Journeys {
    pub(crate) store: Store,
    pub(crate) vault: Arc<dyn KeyVault>,
    pub(crate) hasher: Arc<dyn PasswordHasher>,
    pub(crate) throttle: Tries,
    pub(crate) outbox: Outbox,
    pub(crate) notices: Notices,
    pub(crate) users: Users,
    pub(crate) sessions: Sessions,
    pub(crate) custom: Arc<[Arc<dyn CustomStep>]>,
    pub(crate) authenticators: Registry,
    pub(crate) judges: Arc<Judges>,
    pub(crate) config: Arc<Config>,
}

/// A journey as it was when an answer to it arrived.
struct Loaded {
    journey: Journey,
    stored: bool,
    /// The secret of the device on which it goes on.
    device: Option<Verifier>,
}

/// Why a unit of a journey was not committed: for the client, or for the step to look at.
enum Halt {
    Journey(JourneyError),
    Store(StoreError),
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<JourneyError> for Halt {
    fn from(error: JourneyError) -> Self {
        Self::Journey(error)
    }
}

impl From<ThrottleError> for Halt {
    fn from(error: ThrottleError) -> Self {
        Self::Journey(error.into())
    }
}

impl From<Halt> for JourneyError {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Journey(error) => error,
            Halt::Store(error) => error.into(),
        }
    }
}

impl<'a> Start<'a> {
    /// A journey of this kind in the default application, for the client that holds this secret.
    #[must_use]
    pub const fn new(kind: JourneyKind, binding: &'a Verifier) -> Self {
        Self { kind, application: ApplicationId::DEFAULT, session: None, binding, return_to: None }
    }
}

impl Journeys {
    /// Begins a journey. Writes nothing.
    ///
    /// # Errors
    /// [`JourneyError::SignInFirst`] when the kind needs a session and there is none; [`JourneyError::Unknown`] for
    /// an application that the host does not have; [`JourneyError::Unavailable`] when the vault cannot seal.
    pub async fn start(&self, start: Start<'_>) -> Result<Started, JourneyError> {
        let begun = self.store.clock().now();
        if self.config.application(start.application).is_none() {
            return Err(JourneyError::Unknown);
        }
        let subject = match start.session {
            _ if !start.kind.begins_signed_in() => None,
            Some(session) => Some(self.subject(session)),
            None => return Err(JourneyError::SignInFirst),
        };
        let seed = Seed {
            id: self.store.entropy().id(begun),
            kind: start.kind,
            application: start.application,
            subject,
            binding: start.binding.digest(),
            nonce: state::nonce(self.store.entropy().as_ref()),
            begun,
            return_to: start.return_to.cloned(),
        };
        let id = seed.seal(self.vault.as_ref(), self.store.realm()).await?;
        let journey = seed.id;
        let prompt = self.prompt_of(&seed.sprout(begun + self.config.journey)).await?;
        metrics::journey_begun(start.kind);
        tracing::debug!(%journey, kind = ?start.kind, "a journey begins");
        Ok(Started { id, prompt })
    }

    /// What the journey asks now. Changes nothing.
    ///
    /// # Errors
    /// [`JourneyError::Unknown`] also for a journey of another client; [`JourneyError::Unavailable`].
    pub async fn prompt(&self, id: &str, client: &Client) -> Result<Prompt, JourneyError> {
        let at = self.load(id, client).await?;
        self.prompt_of(&at.journey).await
    }

    /// Answers the journey's prompt.
    ///
    /// # Errors
    /// [`JourneyError`], by what the client can do: answer again ([`JourneyError::Wrong`]), ask for the
    /// prompt again ([`JourneyError::Stale`]), come back later, or begin anew ([`JourneyError::Unknown`]).
    pub async fn answer(&self, id: &str, client: &Client, answer: Answer) -> Result<Advanced, JourneyError> {
        let at = self.load(id, client).await?;
        let kind = at.journey.kind;
        let span = span_of(&at.journey);
        let answered = self.take(at, client, answer).instrument(span).await;
        metrics::journey_answered(kind, &answered);
        answered
    }

    /// Hands an answer to the step that asked for it.
    async fn take(&self, at: Loaded, client: &Client, answer: Answer) -> Result<Advanced, JourneyError> {
        match (self.next(&at.journey).await?, answer) {
            (Step::Identify, Answer::Identify(who)) => self.identify(at, client, &who).await,
            (Step::Password, Answer::Password { password }) => self.check_password(at, client, &password).await,
            (Step::NewPassword, Answer::NewPassword { new_password, name, username }) => {
                let chosen = Chosen { password: &new_password, name: name.as_deref(), username: username.as_deref() };
                match at.journey.kind {
                    JourneyKind::Recover => self.recover_password(at, client, &new_password).await,
                    _ => self.take_password(at, client, chosen).await,
                }
            }
            (Step::ProveAddress, Answer::Code { code }) => self.check_code(at, client, &code).await,
            (Step::ProveAddress, Answer::Resend {}) => self.resend(at, client).await,
            (Step::Prove { method, .. }, Answer::Code { code }) => {
                self.prove_with(at, client, &method, Given::Code(code)).await
            }
            (Step::Prove { method, .. }, Answer::Authenticate { data }) => {
                self.prove_with(at, client, &method, Given::Data(data)).await
            }
            (Step::Prove { ways, .. }, Answer::Choose { method }) => self.choose(at, client, &ways, method).await,
            (Step::Enrol | Step::Confirm(_), Answer::Enrol { method }) => self.offer(at, client, &method).await,
            (Step::Confirm(offered), Answer::Code { code }) => {
                self.confirm(at, client, &offered, Given::Code(code)).await
            }
            (Step::Confirm(offered), Answer::Authenticate { data }) => {
                self.confirm(at, client, &offered, Given::Data(data)).await
            }
            (Step::Confirm(offered), Answer::Continue {}) => self.confirm(at, client, &offered, Given::Kept).await,
            (Step::GoOn, Answer::Continue {}) => self.go_on(at, client).await,
            (Step::Custom(name), Answer::Custom { data }) => self.take_custom(at, client, &name, data).await,
            // Sent twice, or from a page that was left open: the journey has gone on.
            (step, answer) if answer.stage().place(at.journey.kind) < step.stage().place(at.journey.kind) => {
                Err(JourneyError::Stale)
            }
            _ => self.wrong(&at.journey, Mistake::UnexpectedAnswer).await,
        }
    }

    async fn load(&self, token: &str, client: &Client) -> Result<Loaded, JourneyError> {
        let seed = Seed::open(self.vault.as_ref(), self.store.realm(), token, client.binding.as_ref()).await?;
        if let Some(journey) = self.store.get::<Journey>(seed.id).await? {
            return Ok(Loaded { journey, stored: true, device: client.device.clone() });
        }
        let until = seed.begun + self.config.journey;
        if self.store.clock().now() >= until {
            return Err(JourneyError::Unknown);
        }
        Ok(Loaded { journey: seed.sprout(until), stored: false, device: client.device.clone() })
    }

    /// The journey for a unit to change, exactly as it was loaded: else the answer is stale.
    async fn hold(&self, work: &Work, at: &Loaded) -> Result<Journey, Halt> {
        match work.get::<Journey>(at.journey.id).await? {
            Some(journey) if at.stored && journey.turn == at.journey.turn => Ok(journey),
            None if !at.stored => Ok(at.journey.clone()),
            Some(_) => Err(JourneyError::Stale.into()),
            None => Err(JourneyError::Unknown.into()),
        }
    }

    /// Keeps the journey one turn further, and opens the session if nothing is missing for it.
    async fn advance(
        &self,
        work: &Work,
        at: &Loaded,
        journey: Journey,
        origin: &Origin,
    ) -> Result<(Journey, Option<Opened>), Halt> {
        self.advance_in(work, at, journey, origin, None).await
    }

    /// As [`Self::advance`]. `renewed` is the session in which the journey began, where this unit has given it a proof.
    async fn advance_in(
        &self,
        work: &Work,
        at: &Loaded,
        mut journey: Journey,
        origin: &Origin,
        renewed: Option<&Session>,
    ) -> Result<(Journey, Option<Opened>), Halt> {
        journey.turn += 1;
        let mut opened = None;
        let opens = matches!(self.next_in(work, &journey, renewed).await?, Step::Open);
        if opens && let Some(subject) = &journey.subject {
            // The session that there is has had its proofs already.
            journey.end = Some(End::Session { user: subject.user, session: subject.session });
        } else if opens && journey.opens_no_session {
            journey.end = Some(End::Completed);
        } else if opens && let Some(proved) = &journey.proved {
            let user = proved.user;
            let standing = work.get::<Standing>(user).await?;
            let revoked = standing.is_none_or(|standing| !proved.until.holds(&standing));
            let session = if revoked {
                Err("revoked_meanwhile")
            } else {
                match self.sessions.open_in(work, &proved.evidence(journey.id), origin).await {
                    Ok(session) => Ok(session),
                    Err(SessionError::Refused) => Err("suspended"),
                    Err(SessionError::Store(error)) => return Err(error.into()),
                    Err(error @ SessionError::Unknown) => return Err(JourneyError::from(error).into()),
                }
            };
            match session {
                Ok(mut session) => {
                    session.device =
                        devices::remember_in(&self.store, work, user, session.session.epoch(), at.device.as_ref())
                            .await?;
                    journey.end = Some(End::Session { user, session: session.session.id });
                    opened = Some(session);
                }
                Err(reason) => {
                    journey.end = Some(End::Refused("not_allowed".to_owned()));
                    let by = Cause::anonymous(origin.clone());
                    work.record(NewEvent::new("sign_in.failed", &by).about(user).with("reason", reason))?;
                }
            }
        }
        self.keep(work, at, &journey)?;
        Ok((journey, opened))
    }

    fn keep(&self, work: &Work, at: &Loaded, journey: &Journey) -> Result<(), StoreError> {
        if at.stored { work.replace(journey) } else { work.insert(journey) }
    }

    async fn advanced(&self, (journey, opened): (Journey, Option<Opened>)) -> Result<Advanced, JourneyError> {
        let prompt = match &opened {
            Some(opened) if journey.end.is_some() => self.done(&journey, &opened.session),
            _ => self.prompt_of(&journey).await?,
        };
        Ok(Advanced { prompt, opened })
    }

    async fn wrong<T>(&self, journey: &Journey, mistake: Mistake) -> Result<T, JourneyError> {
        let prompt = Box::new(self.prompt_of(journey).await?);
        Err(JourneyError::Wrong { mistake, prompt })
    }

    async fn take_custom(
        &self,
        at: Loaded,
        client: &Client,
        name: &str,
        data: serde_json::Value,
    ) -> Result<Advanced, JourneyError> {
        let step = self.custom.iter().find(|step| step.name() == name).ok_or(JourneyError::Stale)?;
        let user = at.journey.proved.as_ref().map(|proved| proved.user).ok_or(JourneyError::Stale)?;
        if let Err(error) = step.answer(user, data).await {
            let mistake = custom::split(error)?;
            return self.wrong(&at.journey, mistake).await;
        }
        let at = &at;
        let advanced = self
            .store
            .transact(|work| async move {
                let mut journey = self.hold(&work, at).await?;
                journey.custom_done.push(name.to_owned());
                self.advance(&work, at, journey, &client.origin).await
            })
            .await?;
        self.advanced(advanced).await
    }

    async fn prompt_of(&self, journey: &Journey) -> Result<Prompt, JourneyError> {
        let step = self.next(journey).await?;
        let identifier = match (&journey.handle, &journey.subject) {
            (_, Some(subject)) if step == Step::Password => self.shown_name(subject.user).await?,
            (Some(handle), _) => handle.as_str().to_owned(),
            (None, Some(subject)) => self.shown_name(subject.user).await?,
            (None, None) => String::new(),
        };
        Ok(match step {
            Step::Identify => Prompt::Identify { accepts: self.accepts(journey)? },
            Step::Password => Prompt::Password { identifier },
            Step::NewPassword => Prompt::NewPassword {
                identifier,
                min_length: self.config.passwords.min_length,
                max_length: crate::passwords::MAX_CODE_POINTS,
                asks_name: journey.kind == JourneyKind::SignUp,
                username: match journey.kind {
                    JourneyKind::SignUp => self.application(journey)?.identifiers.asks_username(),
                    _ => Asked::Never,
                },
            },
            Step::ProveAddress => {
                let sent = journey.challenge.as_ref().ok_or(JourneyError::Unknown)?;
                Prompt::Code {
                    channel: sent.channel,
                    to: identifier,
                    length: 6,
                    expires_at: sent.code_until,
                    resend_at: sent.resend_at,
                }
            }
            Step::GoOn => Prompt::Confirmed {},
            Step::Enrol => self.prompt_of_choices(),
            Step::Confirm(offered) => self.prompt_of_offer(journey, &offered).await?,
            Step::Prove { method, ways } => self.prompt_of_second(journey, method, &ways).await?,
            Step::Custom(name) => {
                let step = self.custom.iter().find(|step| step.name() == name).ok_or(JourneyError::Unknown)?;
                let user = journey.proved.as_ref().map(|proved| proved.user).ok_or(JourneyError::Unknown)?;
                match step.prompt(user).await {
                    Ok(data) => Prompt::Custom { name, data },
                    Err(error) => return Err(JourneyError::Unavailable(Box::new(error))),
                }
            }
            Step::Open => return Err(JourneyError::Stale),
            Step::Ended(End::Refused(reason)) => Prompt::Refused { reason },
            Step::Ended(End::Completed) => Prompt::Completed {},
            Step::Ended(End::Session { user, session }) => match self.sessions.get(user, session).await? {
                Some(session) => self.done(journey, &session),
                None => Prompt::Refused { reason: "session_ended".to_owned() },
            },
        })
    }

    /// The application that the journey is of.
    fn application(&self, journey: &Journey) -> Result<&Application, JourneyError> {
        self.config.application(journey.application).ok_or(JourneyError::Unknown)
    }

    /// The kinds of identifiers that the journey takes.
    fn accepts(&self, journey: &Journey) -> Result<Vec<IdentifierKind>, JourneyError> {
        let policy = &self.application(journey)?.identifiers;
        Ok(match journey.kind {
            JourneyKind::SignUp => policy.signs_up_by(),
            _ => policy.signs_in_by(),
        })
    }

    fn done(&self, journey: &Journey, session: &crate::sessions::Session) -> Prompt {
        let session = self.sessions.view(session, Some(session.id));
        Prompt::Done { session, return_to: journey.return_to.clone() }
    }
}

/// What is done for an answer, or for a link, is traced in this.
fn span_of(journey: &Journey) -> tracing::Span {
    tracing::info_span!("journey", id = %journey.id, kind = ?journey.kind, turn = journey.turn)
}

#[cfg(test)]
mod tests;
