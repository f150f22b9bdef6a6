//! What a client answers to a prompt.

use serde::Deserialize;

use super::error::Mistake;
use super::planner::Stage;
use crate::authenticators::Method;
use crate::identifiers::{Handle, IdentifierKind};
use crate::secret::Secret;

/// An answer to a [`Prompt`](super::Prompt).
///
/// Its JSON names the type: `{"type": "identify", "email": "ada@example.com"}`. Members that are
/// not named here are ignored: they cannot set anything.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Answer {
    /// To `identify`: one of the members, of a kind that the prompt accepts.
    Identify(Identify),
    /// To `password`.
    Password {
        /// The password.
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = Password))]
        password: Secret<String>,
    },
    /// To `new_password`.
    NewPassword {
        /// The password to set; `password` is accepted as its name too.
        #[serde(alias = "password")]
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = Password))]
        new_password: Secret<String>,
        /// How the person wants to be called; not required.
        #[serde(default)]
        name: Option<String>,
        /// A username; whether one is asked for says the prompt.
        #[serde(default)]
        username: Option<String>,
    },
    /// To `code`, `otp` and `totp_create`.
    Code {
        /// The code; spaces and hyphens in it do not matter.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        code: Secret<String>,
    },
    /// To `code`: send another message.
    Resend {},
    /// To `enrol`, and to what is offered then: what is to be added.
    Enrol {
        /// One of the `choices`.
        #[cfg_attr(feature = "openapi", schema(value_type = String, example = "totp"))]
        method: Method,
    },
    /// To `authenticate`: what the host's authenticator wants.
    Authenticate {
        /// The answer.
        #[cfg_attr(feature = "openapi", schema(value_type = Object))]
        data: serde_json::Value,
    },
    /// To a prompt with `others`: to prove it in another way.
    Choose {
        /// One of `others`.
        #[cfg_attr(feature = "openapi", schema(value_type = String, example = "recovery_code"))]
        method: Method,
    },
    /// To `confirmed`: go on here. To `recovery_codes`: they are kept.
    Continue {},
    /// To `custom`: what the host's step wants to know.
    Custom {
        /// The answer.
        #[cfg_attr(feature = "openapi", schema(value_type = Object))]
        data: serde_json::Value,
    },
}

/// Who somebody is. The first member that is there counts.
#[derive(Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Identify {
    /// An email address.
    #[serde(default)]
    pub email: Option<String>,
    /// A phone number that begins with `+` and a country's code.
    #[serde(default)]
    pub phone: Option<String>,
    /// A username.
    #[serde(default)]
    pub username: Option<String>,
    /// Any of them: what it is shows in itself.
    #[serde(default)]
    pub identifier: Option<String>,
}

impl Identify {
    /// By an email address.
    #[must_use]
    pub fn email(email: impl Into<String>) -> Self {
        Self { email: Some(email.into()), ..Self::default() }
    }

    /// By whatever it is.
    #[must_use]
    pub fn any(identifier: impl Into<String>) -> Self {
        Self { identifier: Some(identifier.into()), ..Self::default() }
    }

    /// The handle that was meant, if it is of one of these kinds.
    pub(super) fn read(&self, accepts: &[IdentifierKind]) -> Result<Handle, Mistake> {
        let given = [
            (IdentifierKind::Email, &self.email),
            (IdentifierKind::Phone, &self.phone),
            (IdentifierKind::Username, &self.username),
        ];
        let named = given.into_iter().find_map(|(kind, text)| text.as_deref().map(|text| (kind, text)));
        let (kind, text) = match (named, self.identifier.as_deref()) {
            (Some(named), _) => named,
            (None, Some(text)) => (IdentifierKind::guess(text, accepts), text),
            (None, None) => return Err(Mistake::UnexpectedAnswer),
        };
        if !accepts.contains(&kind) {
            return Err(Mistake::UnacceptedKind);
        }
        Ok(Handle::parse(kind, text)?)
    }
}

impl std::fmt::Debug for Identify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identify(..)")
    }
}

impl Answer {
    /// Who it is, by an address, a number or a username.
    #[must_use]
    pub fn identify(identifier: impl Into<String>) -> Self {
        Self::Identify(Identify::any(identifier))
    }

    /// The account's password.
    #[must_use]
    pub fn password(password: impl Into<String>) -> Self {
        Self::Password { password: Secret::new(password.into()) }
    }

    /// A password to set, and nothing with it.
    #[must_use]
    pub fn new_password(password: impl Into<String>) -> Self {
        Self::NewPassword { new_password: Secret::new(password.into()), name: None, username: None }
    }

    /// The code of a message.
    #[must_use]
    pub fn code(code: impl Into<String>) -> Self {
        Self::Code { code: Secret::new(code.into()) }
    }

    /// The stage of the way that it belongs to.
    pub(super) const fn stage(&self) -> Stage {
        match self {
            Self::Identify(_) => Stage::Identify,
            Self::Password { .. } => Stage::Password,
            Self::NewPassword { .. } => Stage::NewPassword,
            Self::Code { .. } | Self::Resend {} => Stage::Prove,
            Self::Continue {} => Stage::GoOn,
            Self::Authenticate { .. } | Self::Choose { .. } => Stage::Second,
            Self::Enrol { .. } => Stage::Enrol,
            Self::Custom { .. } => Stage::Custom,
        }
    }
}
