//! How somebody proves who they are, and what that counts for at most.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How someone was authenticated, in the words of RFC 8176 §2; `mail` is ours, for which it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Amr {
    /// A password.
    Pwd,
    /// A one-time code.
    Otp,
    /// A code to a phone number, by text message.
    Sms,
    /// A code to a phone number, by voice.
    Tel,
    /// A key in hardware.
    Hwk,
    /// A key in software.
    Swk,
    /// Presence or a biometric, tested by the authenticator.
    User,
    /// A PIN, tested by the authenticator.
    Pin,
    /// A fallback that proves an address: what an email code is.
    Mail,
    /// More than one kind of factor.
    Mfa,
}

impl Amr {
    pub(super) const ALL: [Self; 10] = [
        Self::Pwd,
        Self::Otp,
        Self::Sms,
        Self::Tel,
        Self::Hwk,
        Self::Swk,
        Self::User,
        Self::Pin,
        Self::Mail,
        Self::Mfa,
    ];

    const fn bit(self) -> u16 {
        1 << self as u16
    }

    /// The value as it stands in `amr`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pwd => "pwd",
            Self::Otp => "otp",
            Self::Sms => "sms",
            Self::Tel => "tel",
            Self::Hwk => "hwk",
            Self::Swk => "swk",
            Self::User => "user",
            Self::Pin => "pin",
            Self::Mail => "mail",
            Self::Mfa => "mfa",
        }
    }
}

/// A set of ways to authenticate. In a document it is a list of their words.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<Amr>", from = "Vec<Amr>")]
pub struct AmrSet(u16);

impl AmrSet {
    /// Of these.
    #[must_use]
    pub const fn of(all: &[Amr]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < all.len() {
            bits |= all[at].bit();
            at += 1;
        }
        Self(bits)
    }

    /// What is in it, each once.
    pub fn iter(self) -> impl Iterator<Item = Amr> {
        Amr::ALL.into_iter().filter(move |amr| self.0 & amr.bit() != 0)
    }
}

impl From<Vec<Amr>> for AmrSet {
    fn from(all: Vec<Amr>) -> Self {
        Self::of(&all)
    }
}

impl From<AmrSet> for Vec<Amr> {
    fn from(set: AmrSet) -> Self {
        set.iter().collect()
    }
}

impl fmt::Debug for AmrSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// What kind of thing a factor is: two factors of one kind are one factor (NIST SP 800-63B-4 §2.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// Something known.
    Knowledge,
    /// Something possessed.
    Possession,
    /// Something that proves an address and is no factor of its own: a code by email.
    Address,
    /// Something possessed that tests something known or inherent itself: a passkey with user verification.
    PossessionVerified,
}

/// The authenticator assurance levels of NIST SP 800-63B-4 §2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aal {
    /// One factor.
    Aal1,
    /// Two different factors, or one that tests two.
    Aal2,
    /// As AAL2, resistant to phishing, with a key that cannot leave its hardware.
    Aal3,
}

impl Aal {
    /// `aal1`, `aal2` or `aal3`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
            Self::Aal3 => "aal3",
        }
    }
}

impl fmt::Display for Aal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A level as a type, for handlers that ask in types: `Assured<Aal2>`.
pub trait Level: fmt::Debug + Send + Sync + 'static {
    /// The level.
    const AAL: Aal;
}

macro_rules! level {
    ($($name:ident)*) => {$(
        #[doc = concat!("[`Aal::", stringify!($name), "`] as a type.")]
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl Level for $name {
            const AAL: Aal = Aal::$name;
        }
    )*};
}

level!(Aal1 Aal2 Aal3);

/// What an authenticator is registered for: no claim of it counts for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strength {
    /// How it authenticates.
    pub amr: AmrSet,
    /// What kind of factor it is at most.
    pub factor: Factor,
    /// Whether it resists phishing (its proof is bound to the origin).
    pub phishing_resistant: bool,
    /// Whether its key cannot leave its hardware, which somebody other than its owner vouched for.
    pub hardware: bool,
}

impl Strength {
    /// A password.
    pub const PASSWORD: Self = Self::of(AmrSet::of(&[Amr::Pwd]), Factor::Knowledge);
    /// A code or link to a phone number, where it proves the number and is no factor of its own.
    pub const PHONE: Self = Self::of(AmrSet::of(&[Amr::Sms]), Factor::Address);
    /// A code or link to an email address.
    pub const EMAIL: Self = Self::of(AmrSet::of(&[Amr::Mail]), Factor::Address);

    /// Of this kind: neither resistant to phishing nor bound to hardware.
    #[must_use]
    pub const fn of(amr: AmrSet, factor: Factor) -> Self {
        Self { amr, factor, phishing_resistant: false, hardware: false }
    }

    /// The same, resistant to phishing.
    #[must_use]
    pub const fn resisting_phishing(mut self) -> Self {
        self.phishing_resistant = true;
        self
    }

    /// The same, with a key that cannot leave its hardware, which somebody other than its owner vouched for.
    #[must_use]
    pub const fn in_hardware(mut self) -> Self {
        self.hardware = true;
        self
    }
}
