//! The host's applications: what each is called, where it is, and how people identify themselves in it.
//!
//! One engine serves them all, and an account is good in every one of them. What differs is the brand, the
//! address, and the policy.

use crate::brand::Brand;
use crate::config::PublicUrl;
use crate::id::{ApplicationId, RecordId};
use crate::identifiers::IdentifierPolicy;
use crate::language::Language;
use crate::secret::Digest;

/// One of the host's applications.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Application {
    /// The id, made from its key.
    pub id: ApplicationId,
    /// The host's own short word for it, such as `shop-nl`; empty for the default application.
    pub key: String,
    /// What people call it.
    pub name: String,
    /// Where people reach it: scheme, host, and port if it is not the scheme's; no path.
    pub public_url: PublicUrl,
    /// By what people are found in it, and what of that is proved when.
    pub identifiers: IdentifierPolicy,
    /// The language for people who ask for none that is spoken here; English if there is none.
    pub language: Option<Language>,
    /// How it looks.
    pub brand: Brand,
}

impl Application {
    /// An application with this key and name, and the defaults for everything else.
    ///
    /// The id follows from the key: the same key is the same application on every node and in every version.
    #[must_use]
    pub fn new(key: impl Into<String>, name: impl Into<String>) -> Self {
        let key = key.into();
        let id = if key.is_empty() { ApplicationId::DEFAULT } else { Self::id_of(&key) };
        Self {
            id,
            key,
            name: name.into(),
            public_url: PublicUrl::default(),
            identifiers: IdentifierPolicy::default(),
            language: None,
            brand: Brand::default(),
        }
    }

    /// The id of the application with this key.
    #[must_use]
    pub fn id_of(key: &str) -> ApplicationId {
        let id: ApplicationId = Digest::of_all(&[b"application", key.as_bytes()]).id();
        ApplicationId::from_uuid(id.uuid())
    }

    /// Where people reach it.
    #[must_use]
    pub fn public_url(mut self, url: PublicUrl) -> Self {
        self.public_url = url;
        self
    }

    /// How it looks.
    #[must_use]
    pub fn brand(mut self, brand: Brand) -> Self {
        self.brand = brand;
        self
    }

    /// The language for people who ask for none that is spoken here (default: English).
    #[must_use]
    pub fn language(mut self, language: Language) -> Self {
        self.language = Some(language);
        self
    }

    /// By what people are found in it.
    #[must_use]
    pub fn identifiers(mut self, policy: IdentifierPolicy) -> Self {
        self.identifiers = policy;
        self
    }
}
