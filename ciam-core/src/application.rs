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
        Self {
            id: Self::id_of(&key),
            key,
            name: name.into(),
            public_url: PublicUrl::default(),
            identifiers: IdentifierPolicy::default(),
            language: None,
            brand: Brand::default(),
        }
    }

    /// The id of the application with this key; of the empty one [`ApplicationId::DEFAULT`].
    #[must_use]
    pub fn id_of(key: &str) -> ApplicationId {
        if key.is_empty() {
            return ApplicationId::DEFAULT;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_follows_from_the_key_and_the_empty_one_is_the_default_application_s() {
        for key in ["", "shop-nl"] {
            assert_eq!(Application::id_of(key), Application::new(key, "The shop").id);
        }
        assert_eq!(Application::id_of(""), ApplicationId::DEFAULT);
        assert_ne!(Application::id_of("shop-nl"), Application::id_of("shop-be"));
    }
}
