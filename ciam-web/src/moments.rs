//! Moments as pages tell them.

use ciam_core::clock::Timestamp;
use ciam_core::language::Wording;
use serde::Serialize;

/// A moment for a page: for programs, as a day, and how long ago.
#[derive(Debug, Serialize)]
pub(crate) struct Moment {
    at: String,
    day: String,
    ago: String,
}

impl Moment {
    pub(crate) fn new(at: Timestamp, now: Timestamp, wording: &Wording) -> Self {
        Self { at: at.rfc3339(), day: wording.day(at), ago: wording.ago(at, now) }
    }
}

/// How long until then: `10 minutes`; none when it is past.
pub(crate) fn remaining(until: Timestamp, now: Timestamp, wording: &Wording) -> Option<String> {
    Some(until.since(now)).filter(|left| !left.is_zero()).map(|left| wording.about(left))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ciam_core::language::Languages;

    use super::*;

    #[test]
    fn what_remains_is_told_as_long_as_something_does() {
        let now = Timestamp::from_micros(1_795_296_597_000_000);
        let english = Languages::builtin().english();
        assert_eq!(remaining(now + Duration::from_secs(600), now, &english).as_deref(), Some("10 minutes"));
        assert_eq!(remaining(now + Duration::from_secs(1), now, &english).as_deref(), Some("one second"));
        assert_eq!(remaining(now, now, &english), None);
    }
}
