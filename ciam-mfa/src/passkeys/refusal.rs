//! Why a response proves nothing.

use webauthn_rs::prelude::WebauthnError;

/// Why a response proves nothing. Clients are told no more than that it failed; the reason is for the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is no response of a browser: not in its form, too long, or with data that cannot be decoded.
    #[error("not a response of WebAuthn")]
    Unreadable,
    /// It answers another ceremony: a registration where an assertion was asked for, or the reverse.
    #[error("a response of another ceremony")]
    OtherCeremony,
    /// It answers a challenge that was not given for this, or no longer is.
    #[error("a response to another challenge")]
    OtherChallenge,
    /// It was made on a page of another origin: somebody is phishing, or an origin is not listed.
    #[error("a response from another origin")]
    OtherOrigin,
    /// It was made in a page that another site had framed.
    #[error("a response from inside of another site's page")]
    CrossOrigin,
    /// The authenticator signed for another relying party's id.
    #[error("a response for another relying party")]
    OtherRelyingParty,
    /// Nobody touched the authenticator.
    #[error("nobody was present")]
    NobodyPresent,
    /// The authenticator did not verify its user.
    #[error("the user was not verified")]
    NotVerified,
    /// It is not by the credential that it was judged with.
    #[error("a response of another credential")]
    OtherCredential,
    /// The credential is somebody else's than who was asked, or it says that it is another user's.
    #[error("a response of another user")]
    OtherUser,
    /// The authenticator is registered already.
    #[error("the authenticator is known already")]
    Known,
    /// Its key is of a kind that was not asked for, or weak.
    #[error("a key of a kind that is not taken")]
    Key,
    /// Its attestation is wrong, or of a kind that cannot be checked.
    #[error("the attestation does not hold")]
    Attestation,
    /// A key that could not be backed up now can, or the reverse; or it is backed up though it cannot be.
    #[error("what is said of backups contradicts what was said before")]
    Backup,
    /// The signature is not of the credential's key.
    #[error("the signature is wrong")]
    Signature,
    /// The signature is right, but its counter is not above the one that was kept: there may be a copy of the
    /// authenticator (WebAuthn Level 3 §6.1.1). Tell the owner.
    #[error("the counter went back")]
    CounterWentBack {
        /// The counter that was kept.
        kept: u32,
        /// The counter that came.
        sent: u32,
    },
}

impl Refusal {
    /// What events call it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::OtherCeremony => "other_ceremony",
            Self::OtherChallenge => "other_challenge",
            Self::OtherOrigin => "other_origin",
            Self::CrossOrigin => "cross_origin",
            Self::OtherRelyingParty => "other_relying_party",
            Self::NobodyPresent => "nobody_present",
            Self::NotVerified => "not_verified",
            Self::OtherCredential => "other_credential",
            Self::OtherUser => "other_user",
            Self::Known => "known",
            Self::Key => "key",
            Self::Attestation => "attestation",
            Self::Backup => "backup",
            Self::Signature => "signature",
            Self::CounterWentBack { .. } => "counter_went_back",
        }
    }
}

impl From<WebauthnError> for Refusal {
    fn from(error: WebauthnError) -> Self {
        match error {
            WebauthnError::InvalidClientDataType => Self::OtherCeremony,
            WebauthnError::MismatchedChallenge => Self::OtherChallenge,
            WebauthnError::InvalidRPOrigin => Self::OtherOrigin,
            WebauthnError::CredentialCrossOrigin => Self::CrossOrigin,
            WebauthnError::InvalidRPIDHash => Self::OtherRelyingParty,
            WebauthnError::UserNotPresent => Self::NobodyPresent,
            WebauthnError::UserNotVerified => Self::NotVerified,
            WebauthnError::CredentialNotFound => Self::OtherCredential,
            WebauthnError::AuthenticationFailure | WebauthnError::SignatureInvalid => Self::Signature,
            WebauthnError::CredentialBackupEligibilityInconsistent | WebauthnError::CredentialMayNotBeHardwareBound => {
                Self::Backup
            }
            WebauthnError::CredentialAlteredAlgFromRequest
            | WebauthnError::CredentialInsecureCryptography
            | WebauthnError::COSEKeyInvalidCBORValue
            | WebauthnError::COSEKeyInvalidType
            | WebauthnError::COSEKeyEDUnsupported
            | WebauthnError::COSEKeyECDSAXYInvalid
            | WebauthnError::COSEKeyRSANEInvalid
            | WebauthnError::COSEKeyECDSAInvalidCurve
            | WebauthnError::COSEKeyEDDSAXInvalid
            | WebauthnError::COSEKeyEDDSAInvalidCurve
            | WebauthnError::COSEKeyInvalidAlgorithm
            | WebauthnError::EcdsaPointInvalid
            | WebauthnError::RsaParametersInvalid
            | WebauthnError::SshPublicKeyEDUnsupported => Self::Key,
            WebauthnError::ParseBase64Failure(_)
            | WebauthnError::ParseCBORFailure(_)
            | WebauthnError::ParseJSONFailure(_)
            | WebauthnError::ParseNOMFailure
            | WebauthnError::ParseInsufficientBytesAvailable
            | WebauthnError::MissingAttestationCredentialData => Self::Unreadable,
            _ => Self::Attestation,
        }
    }
}
