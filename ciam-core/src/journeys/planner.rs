//! What comes next: the one place that knows the order of things.

use super::enrol::Offered;
use super::prompt::JourneyKind;
use super::proved::Proved;
use super::situation::{AccountNow, Situation};
use super::state::{End, Journey};
use crate::authenticators::Method;

/// The next step of a journey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Learn who it is, or what is to be added.
    Identify,
    /// Check the password of an account.
    Password,
    /// Have a password chosen.
    NewPassword,
    /// Have the address proved.
    ProveAddress,
    /// Another device has proved it; ask this one to go on.
    GoOn,
    /// Have something else proved, by one of the account's ways.
    Prove {
        /// The way that is asked for.
        method: Method,
        /// All of them.
        ways: Vec<Method>,
    },
    /// Have an authenticator chosen that is to be added.
    Enrol,
    /// Have it shown that what was offered works.
    Confirm(Offered),
    /// A step of the host's own, by its name.
    Custom(String),
    /// Nothing is missing: open the session, or give the one that there is its proof. No answer is waited for.
    Open,
    /// It is over.
    Ended(End),
}

/// A stage of the way: what a step waits for, and what an answer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Identify,
    Password,
    NewPassword,
    Prove,
    GoOn,
    Second,
    Enrol,
    Custom,
    End,
}

impl Stage {
    /// Its place on the way of this kind of journey; an answer to an earlier stage comes late.
    pub(crate) fn place(self, kind: JourneyKind) -> usize {
        use Stage::{Custom, End, Enrol, GoOn, Identify, NewPassword, Password, Prove, Second};
        let way: [Self; 9] = match kind {
            JourneyKind::SignUp | JourneyKind::SignIn => {
                [Identify, Password, NewPassword, Prove, GoOn, Second, Enrol, Custom, End]
            }
            JourneyKind::Recover => [Identify, Prove, GoOn, Second, NewPassword, Password, Enrol, Custom, End],
            JourneyKind::StepUp | JourneyKind::AddIdentifier | JourneyKind::Enrol => {
                [Password, Second, Identify, NewPassword, Prove, GoOn, Enrol, Custom, End]
            }
        };
        way.iter().position(|stage| *stage == self).unwrap_or(way.len())
    }
}

impl Step {
    /// The stage at which it stands.
    pub(crate) const fn stage(&self) -> Stage {
        match self {
            Self::Identify => Stage::Identify,
            Self::Password => Stage::Password,
            Self::NewPassword => Stage::NewPassword,
            Self::ProveAddress => Stage::Prove,
            Self::GoOn => Stage::GoOn,
            Self::Prove { .. } => Stage::Second,
            Self::Enrol | Self::Confirm(_) => Stage::Enrol,
            Self::Custom(_) => Stage::Custom,
            Self::Open | Self::Ended(_) => Stage::End,
        }
    }
}

/// The next step, from what the journey has learned so far and how things stand.
///
/// Every path to [`Step::Open`] leads past a proof: `journey.proved` is set by the check of a password, by the proof of an
/// address or by an authenticator, and by nothing else; and, once it is known whose account it is, past all that is
/// asked of that account. A new password is set only behind that, too.
pub(crate) fn next(journey: &Journey, situation: &Situation) -> Step {
    if let Some(end) = &journey.end {
        return Step::Ended(end.clone());
    }
    let sent = journey.challenge.is_some();
    let missing = match (journey.kind, &journey.proved) {
        (JourneyKind::StepUp, None) => Some(Step::Password),
        (JourneyKind::StepUp, Some(_)) => match situation.missing_in_session(journey) {
            None => return Step::Open,
            missing => missing,
        },
        (JourneyKind::AddIdentifier, _) => {
            situation.missing_in_session(journey).or(Some(if sent { Step::ProveAddress } else { Step::Identify }))
        }
        (JourneyKind::Enrol, _) if journey.enrolled => return Step::Open,
        (JourneyKind::Enrol, _) => situation
            .missing_in_session(journey)
            .or_else(|| Some(journey.offered.clone().map_or(Step::Enrol, Step::Confirm))),
        (_, None) if journey.handle.is_none() => Some(Step::Identify),
        (JourneyKind::SignIn, None) => Some(Step::Password),
        (JourneyKind::SignUp, None) => Some(if sent { Step::ProveAddress } else { Step::NewPassword }),
        (JourneyKind::Recover, None) => Some(Step::ProveAddress),
        (_, Some(proved)) if proved.elsewhere => Some(Step::GoOn),
        (_, Some(proved)) => {
            situation.missing_beside(journey, proved).or_else(|| (!proved.has_password()).then_some(Step::NewPassword))
        }
    };
    missing.unwrap_or_else(|| {
        let undone = situation.custom.iter().find(|name| !journey.custom_done.contains(name));
        undone.map_or(Step::Open, |name| Step::Custom(name.clone()))
    })
}

impl Situation {
    /// What the session in which the journey began still lacks.
    fn missing_in_session(&self, journey: &Journey) -> Option<Step> {
        let Some(account) = &self.account else { return Some(Step::Password) };
        if account.is_met(self.now) {
            return None;
        }
        let way = account.way(journey).filter(|_| account.is_known(self.now));
        Some(way.unwrap_or(Step::Password))
    }

    /// What the proofs of a journey that began signed out still lack.
    fn missing_beside(&self, journey: &Journey, proved: &Proved) -> Option<Step> {
        let account = self.account.as_ref()?;
        if proved.meets(account.need, journey.kind, self.now) {
            return None;
        }
        // Where there is no way to what is asked for, there is none past it either.
        Some(account.way(journey).unwrap_or_else(|| Step::Ended(End::Refused("factor_missing".to_owned()))))
    }
}

impl AccountNow {
    /// One of the account's ways: the one that was chosen, or else the best.
    fn way(&self, journey: &Journey) -> Option<Step> {
        let chosen = journey.chosen.as_ref().filter(|chosen| self.ways.contains(chosen));
        let method = chosen.or(self.ways.first())?.clone();
        Some(Step::Prove { method, ways: self.ways.clone() })
    }
}
