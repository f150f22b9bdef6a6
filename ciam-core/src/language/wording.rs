//! How things are said in one language.

use std::borrow::Cow;
use std::time::Duration;

use fluent_bundle::{FluentArgs, FluentValue};

use super::{Language, Languages};
use crate::clock::Timestamp;
use crate::journeys::Mistake;
use crate::passwords::{MAX_CODE_POINTS, PasswordProblem};

/// The texts of one language; cheap to clone.
#[derive(Debug, Clone)]
pub struct Wording {
    languages: Languages,
    at: usize,
}

/// What a text is said about: text, which stays what it is whatever it holds, or a number, by which a language
/// chooses between singular and plural.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Argument<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// A number of things.
    Number(u64),
}

impl<'a> From<&'a str> for Argument<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Argument<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<u64> for Argument<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Argument<'_> {
    fn from(number: usize) -> Self {
        Self::Number(u64::try_from(number).unwrap_or(u64::MAX))
    }
}

impl Wording {
    pub(super) const fn new(languages: Languages, at: usize) -> Self {
        Self { languages, at }
    }

    /// The language in which things are said.
    #[must_use]
    pub fn language(&self) -> Language {
        // INVARIANT: `at` is a place in `languages`; an engine without any language says its keys.
        self.languages
            .language(self.at)
            .cloned()
            .unwrap_or_else(|| Language { tag: "en".to_owned(), id: <_>::default() })
    }

    /// Says a text. One that no language has is its own key, and an error in the log.
    #[must_use]
    pub fn say(&self, key: &str, about: &[(&str, Argument<'_>)]) -> String {
        self.find(key, about).unwrap_or_else(|| {
            tracing::error!(key, "no language has this text");
            key.to_owned()
        })
    }

    /// Says a text, if there is one under this key.
    #[must_use]
    pub fn find(&self, key: &str, about: &[(&str, Argument<'_>)]) -> Option<String> {
        self.languages.say(self.at, key, None, &arguments(about))
    }

    /// Says an attribute of a text, if there is one.
    pub(crate) fn find_attribute(&self, key: &str, name: &str, about: &[(&str, Argument<'_>)]) -> Option<String> {
        self.languages.say(self.at, key, Some(name), &arguments(about))
    }

    /// A span of time in the largest unit that divides it: `10 minutes`, `90 seconds`, `one hour`.
    #[must_use]
    pub fn span(&self, time: Duration) -> String {
        let seconds = time.as_secs();
        match seconds {
            _ if seconds.is_multiple_of(86_400) && seconds > 86_400 => self.count("span-days", seconds / 86_400),
            _ if seconds.is_multiple_of(3600) && seconds > 0 => self.count("span-hours", seconds / 3600),
            _ if seconds.is_multiple_of(60) && seconds > 0 => self.count("span-minutes", seconds / 60),
            _ => self.count("span-seconds", seconds),
        }
    }

    /// About how long it is, in one unit and rounded up: `45 seconds`, `10 minutes`, `2 hours`.
    #[must_use]
    pub fn about(&self, time: Duration) -> String {
        let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
        match seconds {
            0..90 => self.count("span-seconds", seconds),
            90..5400 => self.count("span-minutes", seconds.div_ceil(60)),
            _ => self.count("span-hours", seconds.div_ceil(3600)),
        }
    }

    /// How long ago it was: `just now`, `5 minutes ago`, `3 days ago`, and the day when it is longer ago.
    #[must_use]
    pub fn ago(&self, at: Timestamp, now: Timestamp) -> String {
        match now.since(at).as_secs() {
            0..60 => self.say("ago-now", &[]),
            seconds @ 60..3600 => self.count("ago-minutes", seconds / 60),
            seconds @ 3600..86_400 => self.count("ago-hours", seconds / 3600),
            seconds @ 86_400..1_209_600 => self.count("ago-days", seconds / 86_400),
            _ => self.say("ago-on", &[("day", self.day(at).into())]),
        }
    }

    /// A day: `21 November 2026`, by UTC.
    #[must_use]
    pub fn day(&self, at: Timestamp) -> String {
        let text = at.rfc3339();
        let mut parts = text.split(['-', 'T']);
        let year = parts.next().unwrap_or_default();
        let month = parts.next().unwrap_or_default().trim_start_matches('0');
        let day = parts.next().unwrap_or_default().trim_start_matches('0');
        let month = self.say(&format!("month-{month}"), &[]);
        self.say("day", &[("day", day.into()), ("month", month.into()), ("year", year.into())])
    }

    /// A moment: `21 November 2026, 21:29 UTC`.
    #[must_use]
    pub fn moment(&self, at: Timestamp) -> String {
        let text = at.rfc3339();
        let time = text.split('T').nth(1).and_then(|time| time.get(..5)).unwrap_or_default();
        self.say("moment", &[("day", self.day(at).into()), ("time", time.into())])
    }

    /// What was wrong with an answer, for the person who gave it.
    #[must_use]
    pub fn mistake(&self, mistake: &Mistake) -> String {
        let key = format!("mistake-{}", mistake.code().replace('_', "-"));
        match mistake {
            Mistake::Custom(text) => text.clone(),
            Mistake::Password(PasswordProblem::TooShort { min_length }) => {
                self.say(&key, &[("least", (*min_length).into())])
            }
            Mistake::Password(PasswordProblem::TooLong) => self.say(&key, &[("most", MAX_CODE_POINTS.into())]),
            mistake => self.find(&key, &[]).unwrap_or_else(|| mistake.to_string()),
        }
    }

    /// Why a journey has ended, for the person: by the word of [`Prompt::Refused`](crate::journeys::Prompt::Refused).
    #[must_use]
    pub fn refusal(&self, reason: &str) -> String {
        let key = format!("refused-{}", reason.replace('_', "-"));
        self.find(&key, &[]).unwrap_or_else(|| self.say("refused-otherwise", &[]))
    }

    /// A way to prove who one is, as an offer: by the word of its
    /// [`Method`](crate::authenticators::Method). One that there is no text for is named as the host names it.
    #[must_use]
    pub fn way(&self, method: &str) -> String {
        let key = format!("way-{}", method.replace('_', "-"));
        self.find(&key, &[]).unwrap_or_else(|| method.replace('_', " "))
    }

    /// The same, as something to add to an account.
    #[must_use]
    pub fn adding(&self, method: &str) -> String {
        let key = format!("add-{}", method.replace('_', "-"));
        self.find(&key, &[]).unwrap_or_else(|| method.replace('_', " "))
    }

    /// What somebody has, by the word of its [`Method`](crate::authenticators::Method).
    #[must_use]
    pub fn method(&self, method: &str) -> String {
        let key = format!("method-{}", method.replace('_', "-"));
        self.find(&key, &[]).unwrap_or_else(|| method.replace('_', " "))
    }

    /// What to do when a code of this method is asked for.
    #[must_use]
    pub fn asking(&self, method: &str) -> String {
        let key = format!("otp-lead-{}", method.replace('_', "-"));
        self.find(&key, &[]).unwrap_or_else(|| self.say("otp-lead-otherwise", &[]))
    }

    fn count(&self, key: &str, count: u64) -> String {
        self.say(key, &[("count", count.into())])
    }
}

pub(crate) fn arguments<'a>(about: &'a [(&'a str, Argument<'a>)]) -> FluentArgs<'a> {
    let mut args = FluentArgs::with_capacity(about.len());
    for (name, argument) in about {
        args.set(
            *name,
            match argument {
                Argument::Text(text) => FluentValue::from(text.as_ref()),
                Argument::Number(number) => FluentValue::from(*number),
            },
        );
    }
    args
}
