//! What comes next: the one place that knows the order of things.

use super::prompt::JourneyKind;
use super::state::{End, Journey};

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
    Custom,
    End,
}

impl Stage {
    /// Its place on the way of this kind of journey; an answer to an earlier stage comes late.
    pub(crate) fn place(self, kind: JourneyKind) -> usize {
        use Stage::{Custom, End, GoOn, Identify, NewPassword, Password, Prove};
        let way: [Self; 7] = match kind {
            JourneyKind::SignUp | JourneyKind::SignIn => [Identify, Password, NewPassword, Prove, GoOn, Custom, End],
            JourneyKind::Recover => [Identify, Prove, GoOn, NewPassword, Password, Custom, End],
            JourneyKind::StepUp | JourneyKind::AddIdentifier => {
                [Password, Identify, NewPassword, Prove, GoOn, Custom, End]
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
            Self::Custom(_) => Stage::Custom,
            Self::Open | Self::Ended(_) => Stage::End,
        }
    }
}

/// The next step, from what the journey has learned so far. `custom` are the names of the host's
/// steps for this kind, in their order; `fresh` is whether whoever began it signed in has proved themselves lately.
///
/// Every path to [`Step::Open`] leads past a proof: `journey.proved` is set by the check of a password,
/// or by the proof of an address, and by nothing else; and past a password, typed or set after that proof.
pub(crate) fn next(journey: &Journey, custom: &[String], fresh: bool) -> Step {
    if let Some(end) = &journey.end {
        return Step::Ended(end.clone());
    }
    let sent = journey.challenge.is_some();
    let missing = match (journey.kind, &journey.proved) {
        (JourneyKind::StepUp, None) => Some(Step::Password),
        (JourneyKind::StepUp, Some(_)) => return Step::Open,
        (JourneyKind::AddIdentifier, _) if !fresh => Some(Step::Password),
        (JourneyKind::AddIdentifier, _) => Some(if sent { Step::ProveAddress } else { Step::Identify }),
        (_, None) if journey.handle.is_none() => Some(Step::Identify),
        (JourneyKind::SignIn, None) => Some(Step::Password),
        (JourneyKind::SignUp, None) => Some(if sent { Step::ProveAddress } else { Step::NewPassword }),
        (JourneyKind::Recover, None) => Some(Step::ProveAddress),
        (_, Some(proved)) if proved.elsewhere => Some(Step::GoOn),
        (_, Some(proved)) if !proved.has_password() => Some(Step::NewPassword),
        (_, Some(_)) => None,
    };
    missing.unwrap_or_else(|| {
        let undone = custom.iter().find(|name| !journey.custom_done.contains(name));
        undone.map_or(Step::Open, |name| Step::Custom(name.clone()))
    })
}
