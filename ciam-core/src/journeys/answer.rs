//! What a client answers to a prompt.

use serde::Deserialize;

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
    /// To `identify`.
    Identify {
        /// The email address.
        email: String,
    },
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
    },
    /// To `code`.
    Code {
        /// The six digits; spaces and hyphens between them do not matter.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        code: Secret<String>,
    },
    /// To `code`: send another message.
    Resend {},
    /// To `confirmed`: go on here.
    Continue {},
    /// To `custom`: what the host's step wants to know.
    Custom {
        /// The answer.
        #[cfg_attr(feature = "openapi", schema(value_type = Object))]
        data: serde_json::Value,
    },
}

impl Answer {
    /// The stage of the way that it belongs to, as a [`Step`](super::planner::Step) counts them.
    pub(super) const fn stage(&self) -> u8 {
        match self {
            Self::Identify { .. } => 0,
            Self::Password { .. } | Self::NewPassword { .. } => 1,
            Self::Code { .. } | Self::Resend {} => 2,
            Self::Continue {} => 3,
            Self::Custom { .. } => 4,
        }
    }
}
