//! What somebody asks of a session before it may do something.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Aal, Assurance};
use crate::clock::Timestamp;

/// What a handler, a policy or a client asks for: how much is to be proved, and how lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// The level.
    pub aal: Aal,
    /// Whether what makes the level has to resist phishing.
    #[serde(default)]
    pub phishing_resistant: bool,
    /// The oldest that the proofs may be; none asks for no more than that the level has not lapsed.
    #[serde(default)]
    pub within: Option<Duration>,
}

impl Need {
    /// A level, however lately proved.
    #[must_use]
    pub const fn of(aal: Aal) -> Self {
        Self { aal, phishing_resistant: false, within: None }
    }

    /// The same, proved no longer ago than this.
    #[must_use]
    pub const fn within(mut self, span: Duration) -> Self {
        self.within = Some(span);
        self
    }

    /// What meets both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            aal: self.aal.max(other.aal),
            phishing_resistant: self.phishing_resistant || other.phishing_resistant,
            within: [self.within, other.within].into_iter().flatten().min(),
        }
    }

    /// Whether the proofs given after `since`, the moment up to which they have lapsed, meet it on their own at `now`.
    #[must_use]
    pub fn is_met_by(&self, assurance: &Assurance, since: Timestamp, now: Timestamp) -> bool {
        // A proof exactly as old as allowed is fresh enough.
        let oldest = self.within.map(|span| now - span - Duration::from_micros(1));
        let since = oldest.map_or(since, |oldest| oldest.max(since));
        let reached = assurance.reached_since(since);
        assurance.has_any_since(since)
            && reached.aal >= self.aal
            && (reached.phishing_resistant || !self.phishing_resistant)
    }
}
