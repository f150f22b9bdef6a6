//! Typed ids: a `SessionId` will not fit where a `UserId` belongs.

use std::fmt;

use uuid::Uuid;

/// What every typed id can do; implemented by [`id!`](crate::id!), never by hand.
pub trait RecordId: Copy + Eq + std::hash::Hash + fmt::Debug + fmt::Display + Send + Sync + 'static {
    /// The prefix that the id is shown with, without the underscore.
    const PREFIX: &'static str;

    /// The id as it is kept in a store.
    fn uuid(self) -> Uuid;

    /// The typed form of a stored id.
    fn from_uuid(uuid: Uuid) -> Self;
}

/// The text was not an id of the kind that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id that starts with {prefix}_ and goes on with 32 hexadecimal digits")]
pub struct ParseIdError {
    prefix: &'static str,
}

impl ParseIdError {
    #[doc(hidden)]
    pub const fn new(prefix: &'static str) -> Self {
        Self { prefix }
    }
}

/// Reads `prefix_` and exactly 32 lower-case hexadecimal digits; nothing else is an id.
#[doc(hidden)]
pub fn parse(prefix: &'static str, text: &str) -> Result<Uuid, ParseIdError> {
    let digits = text
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .filter(|digits| digits.len() == 32)
        .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
        .ok_or(ParseIdError { prefix })?;
    Uuid::try_parse(digits).map_err(|_| ParseIdError { prefix })
}

/// Declares a typed id over a UUID: `id!(UserId, "usr", "A user.")` prints `usr_…`.
///
/// Ids that the engine draws are UUIDs of version 7, ordered by creation to the millisecond; a record that is
/// found by what it is about derives its id instead (version 8). The type is `Copy`, and reads and writes its
/// prefixed text in serde, `Display` and `FromStr`. Text with another prefix does not parse.
///
/// ```
/// ciam_core::id!(OrderId, "ord", "An order of the shop.");
/// let id: OrderId = "ord_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c".parse()?;
/// assert_eq!(id.to_string(), "ord_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c");
/// assert!("usr_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c".parse::<OrderId>().is_err());
/// # Ok::<(), ciam_core::id::ParseIdError>(())
/// ```
#[macro_export]
macro_rules! id {
    ($name:ident, $prefix:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($crate::uuid::Uuid);

        impl $crate::id::RecordId for $name {
            const PREFIX: &'static str = $prefix;

            fn uuid(self) -> $crate::uuid::Uuid {
                self.0
            }

            fn from_uuid(uuid: $crate::uuid::Uuid) -> Self {
                Self(uuid)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(self, f)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::id::ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::id::parse($prefix, text).map(Self)
            }
        }

        impl $crate::serde::Serialize for $name {
            fn serialize<S: $crate::serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> $crate::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <::std::borrow::Cow<'de, str> as $crate::serde::Deserialize>::deserialize(d)?;
                text.parse().map_err($crate::serde::de::Error::custom)
            }
        }

        impl $crate::store::Column for $name {
            const TYPE: $crate::store::ColumnType = $crate::store::ColumnType::Uuid;

            fn value(&self) -> $crate::store::Value {
                $crate::store::Value::Uuid(self.0)
            }
        }
    };
}

id!(RealmId, "rlm", "The wall between environments or tenants: a store handle sees one realm only.");
id!(UserId, "usr", "A person who has an account.");
id!(ApplicationId, "app", "One of the host's applications: its brand, policy and public address.");

impl RealmId {
    /// The realm of a host that needs no other.
    pub const DEFAULT: Self = Self(Uuid::nil());
}

impl ApplicationId {
    /// The application of a host that has only one.
    pub const DEFAULT: Self = Self(Uuid::nil());
}
