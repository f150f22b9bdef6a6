//! What a journey asks: plain data that a page, an API, a terminal or a test can show.

use serde::Serialize;

use super::local_path::LocalPath;
use crate::authenticators::Method;
use crate::clock::{Timestamp, rfc3339};
use crate::identifiers::{Asked, IdentifierKind};
use crate::messages::Channel;
use crate::secret::Revealed;
use crate::sessions::SessionView;

/// The kinds of journeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum JourneyKind {
    /// From nothing to an account and a session.
    SignUp,
    /// From an account to a session.
    SignIn,
    /// From an account whose password is lost to a new password and a session.
    Recover,
    /// From a session to one with a fresh proof. Begins signed in.
    StepUp,
    /// One more address, number or username for an account. Begins signed in.
    AddIdentifier,
    /// One more authenticator for an account. Begins signed in.
    Enrol,
}

impl JourneyKind {
    /// Whether only somebody who is signed in can begin it.
    #[must_use]
    pub const fn begins_signed_in(self) -> bool {
        matches!(self, Self::StepUp | Self::AddIdentifier | Self::Enrol)
    }
}

/// What a journey asks next.
///
/// Whether an account exists never shows in it: the same answers lead to the same prompts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Prompt {
    /// Who are you? Answer with [`Answer::Identify`](super::Answer::Identify).
    Identify {
        /// The kinds of identifiers that may be given, one of them: `email`, `phone`, `username`.
        accepts: Vec<IdentifierKind>,
    },
    /// The password of the account. Answer with [`Answer::Password`](super::Answer::Password).
    Password {
        /// The identifier as it was given, for a password manager.
        identifier: String,
    },
    /// A new password. Answer with [`Answer::NewPassword`](super::Answer::NewPassword).
    NewPassword {
        /// The identifier as it was given, for a password manager.
        identifier: String,
        /// The fewest code points.
        min_length: usize,
        /// The most code points.
        max_length: usize,
        /// Whether a name can be given with it.
        asks_name: bool,
        /// Whether a username can be chosen with it: `never`, `optional` or `required`.
        username: Asked,
    },
    /// The code from a message. Answer with [`Answer::Code`](super::Answer::Code), or
    /// [`Answer::Resend`](super::Answer::Resend).
    Code {
        /// How the message went: `email` or `sms`.
        channel: Channel,
        /// Where it went, as given at the beginning of the journey.
        to: String,
        /// How many digits the code has.
        length: usize,
        /// Until when the code is good (RFC 3339).
        #[serde(serialize_with = "rfc3339")]
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
        expires_at: Timestamp,
        /// From when on another message can be asked for (RFC 3339).
        #[serde(serialize_with = "rfc3339")]
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
        resend_at: Timestamp,
    },
    /// A code that the person has or makes, of an authenticator of theirs. Answer with
    /// [`Answer::Code`](super::Answer::Code), or [`Answer::Choose`](super::Answer::Choose).
    Otp {
        /// With which: `totp`, `recovery_code`.
        #[cfg_attr(feature = "openapi", schema(value_type = String, example = "totp"))]
        method: Method,
        /// The other ways that there are.
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
        others: Vec<Method>,
    },
    /// An authenticator of the host's own. Answer with [`Answer::Authenticate`](super::Answer::Authenticate), or
    /// [`Answer::Choose`](super::Answer::Choose).
    Authenticate {
        /// Which.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        method: Method,
        /// What it shows.
        #[cfg_attr(feature = "openapi", schema(value_type = Object))]
        data: serde_json::Value,
        /// The other ways that there are.
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
        others: Vec<Method>,
    },
    /// What is to be added to the account? Answer with [`Answer::Enrol`](super::Answer::Enrol).
    Enrol {
        /// What there is to choose from.
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
        choices: Vec<Method>,
    },
    /// A secret for an authenticator app. Answer with a code that the app makes of it
    /// ([`Answer::Code`](super::Answer::Code)).
    TotpCreate {
        /// The secret in base32, to be typed in.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        secret: Revealed,
        /// The link that an app on the same device opens, `otpauth://…`.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        uri: Revealed,
        /// The link as a QR code, in SVG.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        svg: Revealed,
    },
    /// Codes to be kept. They are shown only here; answer with [`Answer::Continue`](super::Answer::Continue) once they are,
    /// and not before do they count.
    RecoveryCodes {
        /// The codes.
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
        codes: Vec<Revealed>,
    },
    /// The link of the message was followed on another device. Answer with
    /// [`Answer::Continue`](super::Answer::Continue) to go on here.
    Confirmed {},
    /// A step of the host's own. Answer with [`Answer::Custom`](super::Answer::Custom).
    Custom {
        /// The step's name.
        name: String,
        /// What the step shows.
        #[cfg_attr(feature = "openapi", schema(value_type = Object))]
        data: serde_json::Value,
    },
    /// The journey ended without success; begin another.
    Refused {
        /// Why, as a word: `expired` (the registration is too old), `address_taken` (it became another account's
        /// meanwhile), `not_allowed` (the account may not sign in), `session_ended` (what the journey opened has ended,
        /// or that which it began with), `too_many` (the account has as many identifiers, or authenticators, as it may),
        /// `continued_elsewhere` (its link was followed on another device, which goes on), `factor_missing` (the account
        /// has nothing by which it could prove what is asked for).
        reason: String,
    },
    /// The journey has done what it was for and opened no session: sign in.
    Completed {},
    /// The journey is complete.
    Done {
        /// The session that it opened.
        session: SessionView,
        /// Where the client asked to be sent afterwards: a path of this site.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        return_to: Option<LocalPath>,
    },
}

impl Prompt {
    /// The prompt's type, as in its JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Identify { .. } => "identify",
            Self::Password { .. } => "password",
            Self::NewPassword { .. } => "new_password",
            Self::Code { .. } => "code",
            Self::Otp { .. } => "otp",
            Self::Enrol { .. } => "enrol",
            Self::TotpCreate { .. } => "totp_create",
            Self::RecoveryCodes { .. } => "recovery_codes",
            Self::Authenticate { .. } => "authenticate",
            Self::Confirmed {} => "confirmed",
            Self::Custom { .. } => "custom",
            Self::Refused { .. } => "refused",
            Self::Completed {} => "completed",
            Self::Done { .. } => "done",
        }
    }
}
