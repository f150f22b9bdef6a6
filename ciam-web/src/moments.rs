//! Moments and durations in words that people read.

use std::time::Duration;

use ciam_core::clock::Timestamp;
use serde::Serialize;

/// A moment for a page: for programs, as a day, and how long ago.
#[derive(Debug, Serialize)]
pub(crate) struct Moment {
    at: String,
    day: String,
    ago: String,
}

impl Moment {
    pub(crate) fn new(at: Timestamp, now: Timestamp) -> Self {
        Self { at: at.rfc3339(), day: day(at), ago: ago(at, now) }
    }
}

/// `21 November 2026`.
fn day(at: Timestamp) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let text = at.rfc3339();
    let mut parts = text.split(['-', 'T']);
    let year = parts.next().unwrap_or_default();
    let month = parts.next().and_then(|month| month.parse::<usize>().ok());
    let day = parts.next().unwrap_or_default().trim_start_matches('0');
    let month = month.and_then(|month| MONTHS.get(month.wrapping_sub(1))).copied().unwrap_or_default();
    format!("{day} {month} {year}")
}

/// `just now`, `5 minutes ago`, `3 days ago`, and the day when it is longer ago.
fn ago(at: Timestamp, now: Timestamp) -> String {
    let count = |count: u64, unit: &str| format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" });
    match now.since(at).as_secs() {
        0..60 => "just now".to_owned(),
        seconds @ 60..3600 => count(seconds / 60, "minute"),
        seconds @ 3600..86_400 => count(seconds / 3600, "hour"),
        seconds @ 86_400..1_209_600 => count(seconds / 86_400, "day"),
        _ => format!("on {}", day(at)),
    }
}

/// How long until then: `10 minutes`; none when it is past.
pub(crate) fn remaining(until: Timestamp, now: Timestamp) -> Option<String> {
    Some(until.since(now)).filter(|left| !left.is_zero()).map(duration)
}

/// A duration in its largest fitting unit, rounded up: `45 seconds`, `10 minutes`, `2 hours`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    let (count, unit) = match seconds {
        0..90 => (seconds, "second"),
        90..5400 => (seconds.div_ceil(60), "minute"),
        _ => (seconds.div_ceil(3600), "hour"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_as_people_do() {
        let now = Timestamp::from_micros(1_795_296_597_000_000);
        let told = |seconds| ago(now - Duration::from_secs(seconds), now);
        assert_eq!(told(3), "just now");
        assert_eq!(told(60), "1 minute ago");
        assert_eq!(told(7_300), "2 hours ago");
        assert_eq!(told(200_000), "2 days ago");
        assert_eq!(told(30 * 86_400), "on 22 October 2026");
        assert_eq!(ago(now + Duration::from_secs(9), now), "just now");
        assert_eq!(day(now), "21 November 2026");
        assert_eq!(remaining(now + Duration::from_secs(600), now).as_deref(), Some("10 minutes"));
        assert_eq!(remaining(now + Duration::from_secs(1), now).as_deref(), Some("1 second"));
        assert_eq!(remaining(now, now), None);
    }
}
