//! What may be a new password.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::{MAX_CODE_POINTS, Password};

/// What a new password must be. There is no rule about kinds of characters, no expiry and no hint
/// (NIST SP 800-63B-4 §3.1.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordRules {
    /// The fewest code points (default 15, for a password that is the only factor; never below 8).
    pub min_length: usize,
}

impl Default for PasswordRules {
    fn default() -> Self {
        Self { min_length: 15 }
    }
}

/// Why a password cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordProblem {
    /// It is too short.
    #[error("use at least {min_length} characters: a few unrelated words make a good password")]
    TooShort {
        /// The fewest code points.
        min_length: usize,
    },
    /// It is too long.
    #[error("use at most {MAX_CODE_POINTS} characters")]
    TooLong,
    /// Many people use it, so it is the first that an attacker tries.
    #[error("this is one of the most common passwords; choose another")]
    Common,
    /// It is easily guessed, also from what is known about the person.
    #[error("this is easily guessed; add unrelated words, and leave out your name, your address and repetitions")]
    Weak,
}

/// The most common passwords: lower case, at least eight characters. Source and licence: `common.LICENSE`.
static COMMON: LazyLock<HashSet<&'static str>> = LazyLock::new(|| include_str!("common.txt").lines().collect());

/// How much of a password is scored. The estimator's work grows faster than its input, and with every
/// character that can stand for a letter (`@` for `a`) it tries one more way to read all of it.
const SCORED: usize = 40;
/// How many different characters that can stand for letters are left in what is scored.
const STAND_INS: usize = 3;

/// The part of a password that is scored: short enough, and with few stand-ins. Leaving characters out makes a
/// password look weaker, never stronger.
fn scored(text: &str) -> String {
    let mut kept: Vec<char> = Vec::new();
    let few = text.chars().filter(|c| {
        let stands_in = "4@8({[<3691!|0$5+7%2".contains(*c);
        if stands_in && !kept.contains(c) && kept.len() < STAND_INS {
            kept.push(*c);
        }
        !stands_in || kept.contains(c)
    });
    few.take(SCORED).collect()
}

/// Loads the lists, so that the first person who chooses a password does not wait for it.
pub(crate) fn warm_up() {
    LazyLock::force(&COMMON);
    let _ = zxcvbn::zxcvbn("warm", &[]);
}

impl PasswordRules {
    /// Checks a new password. `context` is what an attacker knows of the person: address, name, the shop's name.
    ///
    /// It takes milliseconds: do it where that stops nobody.
    ///
    /// # Errors
    /// The first [`PasswordProblem`].
    pub fn check(&self, password: &Password, context: &[&str]) -> Result<(), PasswordProblem> {
        let text = password.expose();
        let min_length = self.min_length.max(8);
        if text.chars().count() < min_length {
            return Err(PasswordProblem::TooShort { min_length });
        }
        if COMMON.contains(text.to_lowercase().as_str()) {
            return Err(PasswordProblem::Common);
        }
        let words: Vec<&str> = context
            .iter()
            .flat_map(|text| std::iter::once(*text).chain(text.split(|c: char| !c.is_alphanumeric())))
            .filter(|word| word.chars().count() >= 3)
            .collect();
        if zxcvbn::zxcvbn(&scored(text), &words).score() < zxcvbn::Score::Three {
            return Err(PasswordProblem::Weak);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn check(text: &str) -> Result<(), PasswordProblem> {
        let password = Password::parse(&Secret::new(text.to_owned()))?;
        PasswordRules { min_length: 8 }.check(&password, &["ada.lovelace@engines.example", "Analytical Shop"])
    }

    #[test]
    fn length_is_counted_in_code_points_after_nfc() {
        assert_eq!(check("1234567"), Err(PasswordProblem::TooShort { min_length: 8 }));
        assert_eq!(check(&"e\u{301}".repeat(7)), Err(PasswordProblem::TooShort { min_length: 8 }));
        let strict = PasswordRules { min_length: 1 };
        let short = Password::parse(&Secret::new("x".to_owned())).unwrap();
        assert_eq!(strict.check(&short, &[]), Err(PasswordProblem::TooShort { min_length: 8 }));
    }

    #[test]
    fn pw1_too_long_is_refused_before_any_work() {
        assert_eq!(check(&"x".repeat(1 << 20)), Err(PasswordProblem::TooLong));
        assert_eq!(check(&"x".repeat(257)), Err(PasswordProblem::TooLong));
        assert_eq!(check(&"\u{1F600}".repeat(257)), Err(PasswordProblem::TooLong));
        assert!(check(&"correct horse battery staple ".repeat(8)).is_ok());
    }

    #[test]
    fn common_and_guessable_passwords_are_refused() {
        assert_eq!(check("password"), Err(PasswordProblem::Common));
        assert_eq!(check("PassWord1"), Err(PasswordProblem::Common));
        assert_eq!(check("aaaaaaaaaaaaaaaaaaaa"), Err(PasswordProblem::Weak));
        assert_eq!(check("lovelaceengines"), Err(PasswordProblem::Weak));
        assert_eq!(check("analyticalshop"), Err(PasswordProblem::Weak));
        assert_eq!(check("correct horse battery staple"), Ok(()));
        assert_eq!(check("vermilion-otter-quays"), Ok(()));
    }

    #[test]
    fn rl8_what_is_scored_is_bounded_and_strong_passwords_stay_strong() {
        let worst = format!("{}a", "4@8({[<3691!|0$57+%2\"".repeat(11));
        let left = scored(&worst);
        let stand_ins: HashSet<char> = left.chars().filter(|c| !c.is_alphabetic() && *c != '"').collect();
        assert!(left.chars().count() <= SCORED && stand_ins.len() <= STAND_INS, "{left}");
        assert_eq!(scored("vermilion-otter-quays"), "vermilion-otter-quays");
        for strong in ["kT9$wq!Zr4#mX2vB7", "Tr0ub4dor&3 and 7 more", "J2!xq-81-Fm@pz-6%L"] {
            assert_eq!(check(strong), Ok(()), "{strong}");
        }
    }

    #[test]
    fn the_list_is_there() {
        assert!(COMMON.len() > 10_000);
        assert!(COMMON.iter().all(|entry| entry.chars().count() >= 8 && entry.to_lowercase() == **entry));
    }

    #[test]
    fn the_same_letters_are_the_same_password() {
        let (a, b) = ("caf\u{e9} noir", "cafe\u{301} noir");
        let parse = |text: &str| Password::parse(&Secret::new(text.to_owned())).unwrap();
        assert_eq!(parse(a).expose(), parse(b).expose());
    }
}
