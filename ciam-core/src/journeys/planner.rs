//! What comes next: the one place that knows the order of things.

use super::prompt::JourneyKind;
use super::state::{End, Journey};

/// The next step of a journey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Learn who it is.
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
    /// Nothing is missing: open the session. No answer is waited for.
    Open,
    /// It is over.
    Ended(End),
}

impl Step {
    /// How far on the way it stands; an answer to an earlier stage comes late.
    pub(crate) const fn stage(&self) -> u8 {
        match self {
            Self::Identify => 0,
            Self::Password | Self::NewPassword => 1,
            Self::ProveAddress => 2,
            Self::GoOn => 3,
            Self::Custom(_) => 4,
            Self::Open | Self::Ended(_) => 5,
        }
    }
}

/// The next step, from what the journey has learned so far. `custom` are the names of the host's
/// steps for this kind, in their order.
///
/// Every path to [`Step::Open`] leads past a proof: `journey.proved` is set by the check of a password,
/// or by the proof of an address that a password was chosen for, and by nothing else.
pub(crate) fn next(journey: &Journey, custom: &[String]) -> Step {
    if let Some(end) = &journey.end {
        return Step::Ended(end.clone());
    }
    if journey.identifier.is_none() {
        return Step::Identify;
    }
    match (&journey.proved, journey.kind) {
        (None, JourneyKind::SignIn) => Step::Password,
        (None, JourneyKind::SignUp) if journey.challenge.is_none() => Step::NewPassword,
        (None, JourneyKind::SignUp) => Step::ProveAddress,
        (Some(proved), _) if proved.elsewhere => Step::GoOn,
        (Some(_), _) => {
            let missing = custom.iter().find(|name| !journey.custom_done.contains(name));
            missing.map_or(Step::Open, |name| Step::Custom(name.clone()))
        }
    }
}
