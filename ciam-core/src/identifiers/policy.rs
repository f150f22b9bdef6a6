//! By what people are found in an application, and what of that is proved when.

use serde::Serialize;

use super::IdentifierKind;

/// When an address or a number that was given at sign-up must be proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proving {
    /// Before there is an account (the default). Until then it reserves nothing.
    AtSignUp,
    /// Whenever the person likes, from their account. Until then it identifies nobody, so that a username must be
    /// asked for.
    Later,
}

/// Whether something is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Asked {
    /// It is not.
    Never,
    /// It is, and may be left out.
    Optional,
    /// It is, and may not be left out.
    Required,
}

/// By what people sign in to an application, and what sign-up asks.
///
/// ```
/// use ciam_core::identifiers::{Asked, IdentifierKind, IdentifierPolicy, Proving};
/// // An email address or a phone number, proved at sign-up, and a username for those who like one:
/// let policy = IdentifierPolicy::new()
///     .sign_up(IdentifierKind::Email, Proving::AtSignUp)
///     .sign_up(IdentifierKind::Phone, Proving::AtSignUp)
///     .username(Asked::Optional);
/// assert!(policy.check().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentifierPolicy {
    sign_up: Vec<(IdentifierKind, Proving)>,
    username: Asked,
}

/// The policy contradicts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPolicy {
    /// Nothing is asked for at sign-up.
    #[error("sign-up must ask for an email address or a phone number")]
    Nothing,
    /// An account could come to be that nobody can sign in to.
    #[error("who may prove an address later needs a username to sign in with: require one")]
    NobodyFound,
    /// A kind is there twice.
    #[error("a kind of identifier is named twice")]
    Twice,
}

impl Default for IdentifierPolicy {
    /// An email address, proved at sign-up.
    fn default() -> Self {
        Self::new().sign_up(IdentifierKind::Email, Proving::AtSignUp)
    }
}

impl IdentifierPolicy {
    /// A policy that asks for nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { sign_up: Vec::new(), username: Asked::Never }
    }

    /// Sign-up takes an address or number of this kind (one of those that are named), proved then or later.
    #[must_use]
    pub fn sign_up(mut self, kind: IdentifierKind, proving: Proving) -> Self {
        self.sign_up.push((kind, proving));
        self
    }

    /// Whether sign-up asks for a username beside it.
    #[must_use]
    pub const fn username(mut self, asked: Asked) -> Self {
        self.username = asked;
        self
    }

    /// Refuses a policy with which nobody could sign in.
    ///
    /// # Errors
    /// [`InvalidPolicy`].
    pub fn check(&self) -> Result<(), InvalidPolicy> {
        let kinds: Vec<IdentifierKind> = self.sign_up.iter().map(|(kind, _)| *kind).collect();
        if kinds.is_empty() || kinds.contains(&IdentifierKind::Username) {
            return Err(InvalidPolicy::Nothing);
        }
        if kinds.iter().enumerate().any(|(at, kind)| kinds[..at].contains(kind)) {
            return Err(InvalidPolicy::Twice);
        }
        let later = self.sign_up.iter().any(|(_, proving)| *proving == Proving::Later);
        if later && self.username != Asked::Required {
            return Err(InvalidPolicy::NobodyFound);
        }
        Ok(())
    }

    /// The kinds that may be given to sign in, in the order they are shown.
    #[must_use]
    pub fn signs_in_by(&self) -> Vec<IdentifierKind> {
        let username = (self.username != Asked::Never).then_some(IdentifierKind::Username);
        self.signs_up_by().into_iter().chain(username).collect()
    }

    /// The kinds of which one is given to sign up, in the order they are shown.
    #[must_use]
    pub fn signs_up_by(&self) -> Vec<IdentifierKind> {
        self.sign_up.iter().map(|(kind, _)| *kind).collect()
    }

    /// When an address or number of this kind is proved, if sign-up takes one.
    #[must_use]
    pub fn proving(&self, kind: IdentifierKind) -> Option<Proving> {
        self.sign_up.iter().find(|(asked, _)| *asked == kind).map(|(_, proving)| *proving)
    }

    /// Whether sign-up asks for a username.
    #[must_use]
    pub const fn asks_username(&self) -> Asked {
        self.username
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use IdentifierKind::{Email, Phone, Username};

    #[test]
    fn a_policy_lets_everybody_in_who_signed_up() {
        assert_eq!(IdentifierPolicy::default().check(), Ok(()));
        assert_eq!(IdentifierPolicy::default().signs_in_by(), [Email]);
        let later = IdentifierPolicy::new().sign_up(Email, Proving::Later);
        assert_eq!(later.check(), Err(InvalidPolicy::NobodyFound));
        assert_eq!(later.clone().username(Asked::Optional).check(), Err(InvalidPolicy::NobodyFound));
        let with_name = later.username(Asked::Required);
        assert_eq!(with_name.check(), Ok(()));
        assert_eq!(with_name.signs_in_by(), [Email, Username]);
        assert_eq!(IdentifierPolicy::new().check(), Err(InvalidPolicy::Nothing));
        let twice = IdentifierPolicy::default().sign_up(Email, Proving::Later);
        assert_eq!(twice.check(), Err(InvalidPolicy::Twice));
        assert_eq!(IdentifierPolicy::new().sign_up(Phone, Proving::AtSignUp).signs_in_by(), [Phone]);
    }
}
