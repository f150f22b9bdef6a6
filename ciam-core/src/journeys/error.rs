//! What can go wrong on a journey.

use std::time::Duration;

use super::prompt::Prompt;
use crate::email::InvalidEmail;
use crate::identifiers::{InvalidHandle, InvalidPhone, InvalidUsername};
use crate::messages::notices::NoticeError;
use crate::passwords::{HashError, PasswordProblem};
use crate::sessions::SessionError;
use crate::store::StoreError;
use crate::throttle::ThrottleError;
use crate::users::InvalidName;
use crate::vault::VaultError;

/// Why a journey did not advance.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JourneyError {
    /// There is no such journey for this client: never begun, begun elsewhere, expired, or a forged id.
    #[error("there is no such journey")]
    Unknown,
    /// Only somebody who is signed in can begin this journey.
    #[error("this journey begins signed in")]
    SignInFirst,
    /// Another answer came first. Ask for the prompt again.
    #[error("the journey has gone on meanwhile")]
    Stale,
    /// The answer was wrong; the journey is where it was.
    #[error("{mistake}")]
    Wrong {
        /// What was wrong.
        mistake: Mistake,
        /// The prompt to answer again.
        prompt: Box<Prompt>,
    },
    /// There were too many tries.
    #[error("too many tries")]
    Throttled {
        /// When to come back.
        retry_after: Duration,
    },
    /// Too much is going on; nothing was tried.
    #[error("too much is going on now")]
    Overloaded {
        /// When to come back.
        retry_after: Duration,
    },
    /// The store, the vault or the hasher does not answer; the journey is where it was.
    #[error("the service is unavailable now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What was wrong with an answer. Its text is for the person who gave it, and repeats nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mistake {
    /// Not an email address.
    #[error("Enter an email address, such as ada@example.com.")]
    InvalidEmail,
    /// Not a phone number.
    #[error("Enter a phone number with its country's code, such as +31 6 12345678.")]
    InvalidPhone,
    /// Not a username.
    #[error("Use a username of 3 to 32 letters, digits, dots, hyphens or underscores.")]
    InvalidUsername,
    /// A username must be chosen.
    #[error("Choose a username.")]
    MissingUsername,
    /// Somebody else has the username.
    #[error("This username is taken. Choose another.")]
    UsernameTaken,
    /// An identifier of a kind that is not asked for here.
    #[error("This kind of address is not used here.")]
    UnacceptedKind,
    /// The account has as many identifiers as it may.
    #[error("Your account has too many addresses. Remove one first.")]
    TooMany,
    /// The password is not the account's.
    #[error("The password is wrong.")]
    WrongPassword,
    /// The account has the identifier already.
    #[error("Your account has this already.")]
    AlreadyYours,
    /// Not a name.
    #[error("Use a name of 1 to 64 letters.")]
    InvalidName,
    /// The identifier and the password do not belong together, or there is no such account.
    #[error("The address or the password is wrong.")]
    WrongCredentials,
    /// The password cannot be set.
    #[error("{}", sentence(.0))]
    Password(PasswordProblem),
    /// Not the code that was sent.
    #[error("This is not the code from the latest message.")]
    WrongCode,
    /// The code was tried too often, or is too old.
    #[error("This code cannot be used any more. Ask for a new one.")]
    CodeUsedUp,
    /// The proof of an authenticator is wrong, or was used before.
    #[error("This did not work. Try again, or in another way.")]
    WrongProof,
    /// A way to prove something that the account does not have, or that is not asked for.
    #[error("This way cannot be used here.")]
    UnavailableMethod,
    /// The prompt asked for something else.
    #[error("This is not what was asked for.")]
    UnexpectedAnswer,
    /// A step of the host's own was not content.
    #[error("{0}")]
    Custom(String),
}

fn sentence(problem: &PasswordProblem) -> String {
    let text = problem.to_string();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}

impl Mistake {
    /// A stable word for it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidEmail => "invalid_email",
            Self::InvalidPhone => "invalid_phone",
            Self::InvalidUsername => "invalid_username",
            Self::MissingUsername => "missing_username",
            Self::UsernameTaken => "username_taken",
            Self::UnacceptedKind => "unaccepted_kind",
            Self::AlreadyYours => "already_yours",
            Self::TooMany => "too_many",
            Self::WrongPassword => "wrong_password",
            Self::InvalidName => "invalid_name",
            Self::WrongCredentials => "wrong_credentials",
            Self::Password(PasswordProblem::TooShort { .. }) => "password_too_short",
            Self::Password(PasswordProblem::TooLong) => "password_too_long",
            Self::Password(PasswordProblem::Common) => "password_common",
            Self::Password(PasswordProblem::Weak) => "password_weak",
            Self::WrongCode => "wrong_code",
            Self::CodeUsedUp => "code_used_up",
            Self::WrongProof => "wrong_proof",
            Self::UnavailableMethod => "unavailable_method",
            Self::UnexpectedAnswer => "unexpected_answer",
            Self::Custom(_) => "custom",
        }
    }

    /// The member of the answer that it is about.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::InvalidEmail => Some("email"),
            Self::InvalidPhone => Some("phone"),
            Self::InvalidUsername | Self::MissingUsername | Self::UsernameTaken => Some("username"),
            Self::WrongPassword => Some("password"),
            Self::UnacceptedKind | Self::AlreadyYours | Self::TooMany => Some("identifier"),
            Self::InvalidName => Some("name"),
            Self::WrongCredentials => Some("password"),
            Self::Password(_) => Some("new_password"),
            Self::WrongCode | Self::CodeUsedUp | Self::WrongProof => Some("code"),
            Self::UnavailableMethod => Some("method"),
            Self::UnexpectedAnswer | Self::Custom(_) => None,
        }
    }
}

impl From<InvalidEmail> for Mistake {
    fn from(_: InvalidEmail) -> Self {
        Self::InvalidEmail
    }
}

impl From<InvalidPhone> for Mistake {
    fn from(_: InvalidPhone) -> Self {
        Self::InvalidPhone
    }
}

impl From<InvalidUsername> for Mistake {
    fn from(_: InvalidUsername) -> Self {
        Self::InvalidUsername
    }
}

impl From<InvalidHandle> for Mistake {
    fn from(invalid: InvalidHandle) -> Self {
        match invalid {
            InvalidHandle::Email(invalid) => invalid.into(),
            InvalidHandle::Phone(invalid) => invalid.into(),
            InvalidHandle::Username(invalid) => invalid.into(),
        }
    }
}

impl From<InvalidName> for Mistake {
    fn from(_: InvalidName) -> Self {
        Self::InvalidName
    }
}

impl From<PasswordProblem> for Mistake {
    fn from(problem: PasswordProblem) -> Self {
        Self::Password(problem)
    }
}

impl From<StoreError> for JourneyError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<NoticeError> for JourneyError {
    fn from(error: NoticeError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<VaultError> for JourneyError {
    fn from(error: VaultError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<SessionError> for JourneyError {
    fn from(error: SessionError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<HashError> for JourneyError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Overloaded { retry_after } => Self::Overloaded { retry_after },
            error @ (HashError::Stopped | HashError::VaultUnavailable) => Self::Unavailable(error.into()),
        }
    }
}

impl From<ThrottleError> for JourneyError {
    fn from(error: ThrottleError) -> Self {
        match error {
            ThrottleError::Throttled { retry_after, .. } => Self::Throttled { retry_after },
            error @ ThrottleError::Store(_) => Self::Unavailable(error.into()),
        }
    }
}
