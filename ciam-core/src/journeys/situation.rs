//! All that decides what comes next in a journey, read at one moment.

use super::planner::{self, Step};
use super::state::Journey;
use super::{Halt, JourneyError, Journeys};
use crate::authenticators::{Enrolment, Method};
use crate::clock::Timestamp;
use crate::evidence::{Aal, Assurance, Factor, Need};
use crate::id::UserId;
use crate::sessions::Session;
use crate::store::{Query, Record, Store, StoreError, Work};
use crate::users::Standing;

/// All that decides what comes next, besides the journey itself.
#[derive(Debug, Clone)]
pub(crate) struct Situation {
    /// The names of the host's steps for this kind of journey, in their order.
    pub(crate) custom: Vec<String>,
    pub(crate) now: Timestamp,
    /// The account that the journey works on, once somebody has proved something of it; before, nothing is known.
    pub(crate) account: Option<AccountNow>,
}

/// What an account has, and what is asked of whoever it is.
#[derive(Debug, Clone)]
pub(crate) struct AccountNow {
    /// What the session that is opened has to be worth, or the one in which the journey began.
    pub(crate) need: Need,
    /// The methods by which the account's proofs get stronger, the best first.
    pub(crate) ways: Vec<Method>,
    /// The session in which the journey began, as it is now.
    pub(crate) session: Option<SessionNow>,
}

/// What a session is worth now.
#[derive(Debug, Clone)]
pub(crate) struct SessionNow {
    assurance: Assurance,
    /// Its proofs up to this moment have lapsed.
    lapsed: Timestamp,
}

impl AccountNow {
    /// Whether the session in which the journey began meets what is asked.
    pub(crate) fn is_met(&self, now: Timestamp) -> bool {
        self.session.as_ref().is_some_and(|session| self.need.is_met_by(&session.assurance, session.lapsed, now))
    }

    /// Whether the session in which the journey began has a proof of knowledge as young as is asked.
    pub(crate) fn is_known(&self, now: Timestamp) -> bool {
        let knowledge = Need { aal: Aal::Aal1, phishing_resistant: false, ..self.need };
        self.session.as_ref().is_some_and(|session| {
            let known = session.assurance.only(Factor::Knowledge);
            known.is_some_and(|known| knowledge.is_met_by(&known, session.lapsed, now))
        })
    }
}

/// By what the situation is read: what is shown may be old a moment later, what is decided may not.
#[derive(Clone, Copy)]
enum Reads<'r> {
    ToShow(&'r Store),
    ToDecide(&'r Work),
}

impl Reads<'_> {
    fn now(self) -> Timestamp {
        match self {
            Self::ToShow(store) => store.clock().now(),
            Self::ToDecide(work) => work.now(),
        }
    }

    async fn get<R: Record>(self, id: R::Id) -> Result<Option<R>, StoreError> {
        match self {
            Self::ToShow(store) => store.get(id).await,
            Self::ToDecide(work) => work.get(id).await,
        }
    }

    async fn find<R: Record>(self, query: &Query<R>) -> Result<Vec<R>, StoreError> {
        match self {
            Self::ToShow(store) => Ok(store.find(query).await?.items),
            Self::ToDecide(work) => work.find(query).await,
        }
    }
}

impl Journeys {
    /// What the journey asks for now, to show it.
    pub(super) async fn next(&self, journey: &Journey) -> Result<Step, JourneyError> {
        let situation = self.situation(Reads::ToShow(&self.store), journey, None).await?;
        Ok(planner::next(journey, &situation))
    }

    /// What the journey asks for now, in a unit that is stale if that changes. `renewed` is the session in which the
    /// journey began, where this unit has given it a proof.
    ///
    /// # Errors
    /// [`Halt::Store`].
    pub(super) async fn next_in(
        &self,
        work: &Work,
        journey: &Journey,
        renewed: Option<&Session>,
    ) -> Result<Step, Halt> {
        let situation = self.situation(Reads::ToDecide(work), journey, renewed).await?;
        Ok(planner::next(journey, &situation))
    }

    /// Whether the session in which the journey began is worth what is asked of it.
    pub(super) async fn is_proved_enough_in(&self, work: &Work, journey: &Journey) -> Result<bool, StoreError> {
        let situation = self.situation(Reads::ToDecide(work), journey, None).await?;
        Ok(situation.account.is_some_and(|account| account.is_met(situation.now)))
    }

    async fn situation(
        &self,
        reads: Reads<'_>,
        journey: &Journey,
        renewed: Option<&Session>,
    ) -> Result<Situation, StoreError> {
        let named = self.custom.iter().filter(|step| step.takes_part(journey.kind));
        let custom = named.map(|step| step.name().to_owned()).collect();
        let proved = journey.proved.as_ref().map(|proved| proved.user);
        let account = match proved.or(journey.subject.as_ref().map(|subject| subject.user)) {
            Some(user) if journey.end.is_none() => Some(self.account_now(reads, journey, user, renewed).await?),
            _ => None,
        };
        Ok(Situation { custom, now: reads.now(), account })
    }

    async fn account_now(
        &self,
        reads: Reads<'_>,
        journey: &Journey,
        user: UserId,
        renewed: Option<&Session>,
    ) -> Result<AccountNow, StoreError> {
        let now = reads.now();
        let session = match (&journey.subject, renewed) {
            (None, _) => None,
            (Some(_), Some(renewed)) => Some(renewed.clone()),
            (Some(subject), None) => reads.get::<Session>(subject.session).await?,
        };
        let session = session.filter(|session| session.user == user);
        let session = session.map(|session| SessionNow {
            lapsed: self.sessions.lapsed_until(&session).unwrap_or(now),
            assurance: session.assurance,
        });
        let enrolled = self.enrolled(reads, user).await?;
        let need = self.authenticators.need(&enrolled);
        let need = if session.is_some() { need.within(self.config.fresh) } else { need };
        Ok(AccountNow { need, ways: self.ways(&enrolled), session })
    }

    /// The account's authenticators that make a proof stronger.
    async fn enrolled(&self, reads: Reads<'_>, user: UserId) -> Result<Vec<Enrolment>, StoreError> {
        if self.authenticators.is_empty() {
            return Ok(Vec::new());
        }
        if let Reads::ToDecide(work) = reads {
            // A search guards nothing; whoever changes what an account has touches its standing.
            work.get::<Standing>(user).await?;
        }
        let mut enrolled = reads.find(&Enrolment::of_user(user)).await?;
        enrolled.retain(|one| self.authenticators.of(&one.method).is_some_and(|method| method.uses().second));
        Ok(enrolled)
    }

    /// Their methods, each once: those that resist phishing first, those that stand in for others last.
    fn ways(&self, enrolled: &[Enrolment]) -> Vec<Method> {
        let mut ranked: Vec<(bool, bool, &Enrolment)> = enrolled
            .iter()
            .filter_map(|enrolment| {
                let uses = self.authenticators.of(&enrolment.method)?.uses();
                let strength = self.authenticators.strength(enrolment)?;
                Some((uses.stands_in, !strength.phishing_resistant, enrolment))
            })
            .collect();
        ranked.sort_by_key(|(stands_in, can_be_phished, enrolment)| (*stands_in, *can_be_phished, enrolment.added));
        let mut ways: Vec<Method> = Vec::new();
        for (_, _, enrolment) in ranked {
            if !ways.contains(&enrolment.method) {
                ways.push(enrolment.method.clone());
            }
        }
        ways
    }

    /// The account's authenticators of a method, as they are now.
    pub(super) async fn enrolled_with(&self, user: UserId, method: &Method) -> Result<Vec<Enrolment>, StoreError> {
        let mut enrolled = self.store.find(&Enrolment::of_user(user)).await?.items;
        enrolled.retain(|enrolment| enrolment.method == *method);
        Ok(enrolled)
    }
}
