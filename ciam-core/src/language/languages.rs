//! The languages that there are, and the choice among them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, LazyLock};

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};

use super::source::{self, Fault, Inventory};
use super::wording::Wording;
use super::{InvalidTag, Language, accept};
use crate::messages::TemplateName;

/// The languages that are built in, English first.
const BUILT_IN: [(&str, &str); 2] = [("en", include_str!("locales/en.ftl")), ("nl", include_str!("locales/nl.ftl"))];

static BUILTIN: LazyLock<Languages> = LazyLock::new(|| match Languages::with(&[]) {
    Ok(languages) => languages,
    // INVARIANT: the built-in files are read by the tests.
    Err(_) => Languages(Arc::default()),
});

/// The languages that an engine speaks; cheap to clone. English is always among them.
#[derive(Clone)]
pub struct Languages(Arc<Vec<Spoken>>);

/// One language and its texts.
struct Spoken {
    language: Language,
    bundle: FluentBundle<FluentResource>,
    keys: BTreeSet<String>,
}

/// Why a language cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLanguage {
    /// Its tag is none.
    #[error("{tag:?} is no tag of a language, such as nl or pt-BR")]
    Tag {
        /// What was given.
        tag: String,
    },
    /// Its file is no Fluent.
    #[error("the texts of {language} do not parse: line {line}")]
    Syntax {
        /// The language.
        language: Language,
        /// The line, counted from 1.
        line: usize,
    },
    /// A key is there twice.
    #[error("the texts of {language} have {key} twice")]
    Twice {
        /// The language.
        language: Language,
        /// The key.
        key: String,
    },
    /// A text uses something that is not known where it is said.
    #[error("{key} of {language} uses the variable ${variable}, which it does not get")]
    UnknownVariable {
        /// The language.
        language: Language,
        /// The key.
        key: String,
        /// The variable.
        variable: String,
    },
    /// A message leaves out what it is sent for.
    #[error("{key} of {language} leaves out ${variable}, for which the message is sent")]
    MissingVariable {
        /// The language.
        language: Language,
        /// The key.
        key: String,
        /// The variable.
        variable: &'static str,
    },
}

impl Languages {
    /// English and Dutch, as they come.
    #[must_use]
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// The built-in languages, with texts added to them: a tag and a text in Fluent each. Later ones win.
    ///
    /// # Errors
    /// [`InvalidLanguage`].
    pub fn with(added: &[(String, String)]) -> Result<Self, InvalidLanguage> {
        let mut spoken: Vec<Spoken> = Vec::new();
        let mut english = Inventory::new();
        let built_in = BUILT_IN.iter().map(|(tag, text)| (*tag, *text));
        for (tag, text) in built_in.chain(added.iter().map(|(tag, text)| (tag.as_str(), text.as_str()))) {
            let language: Language =
                tag.parse().map_err(|_: InvalidTag| InvalidLanguage::Tag { tag: tag.to_owned() })?;
            let (resource, keys) = source::read(text).map_err(|fault| match fault {
                Fault::Syntax { line } => InvalidLanguage::Syntax { language: language.clone(), line },
                Fault::Twice { key } => InvalidLanguage::Twice { language: language.clone(), key },
            })?;
            if english.is_empty() {
                english.clone_from(&keys);
            }
            check(&language, &keys, &english)?;
            let at = spoken.iter().position(|spoken| spoken.language == language).unwrap_or_else(|| {
                let mut bundle = FluentBundle::new_concurrent(vec![language.id().clone()]);
                bundle.set_use_isolating(false);
                spoken.push(Spoken { language: language.clone(), bundle, keys: BTreeSet::new() });
                spoken.len() - 1
            });
            spoken[at].bundle.add_resource_overriding(resource);
            spoken[at].keys.extend(keys.into_keys());
        }
        Ok(Self(Arc::new(spoken)))
    }

    /// The languages, English first.
    pub fn iter(&self) -> impl Iterator<Item = &Language> {
        self.0.iter().map(|spoken| &spoken.language)
    }

    /// The texts of a language; of the one it is a variety of, or English, if it is not spoken here.
    #[must_use]
    pub fn wording(&self, language: &Language) -> Wording {
        Wording::new(self.clone(), self.nearest(language).unwrap_or_default())
    }

    /// The texts in English.
    #[must_use]
    pub fn english(&self) -> Wording {
        Wording::new(self.clone(), 0)
    }

    /// The language as it is spoken here: itself, or else the one that it is a variety of.
    #[must_use]
    pub fn spoken(&self, language: &Language) -> Option<Language> {
        Some(self.0.get(self.nearest(language)?)?.language.clone())
    }

    /// The language spoken here that a client wants most, by its header `Accept-Language`; none when it names none
    /// of them. A client that reads `nl-BE` is content with `nl`, and one that reads `pt` with `pt-BR`.
    #[must_use]
    pub fn negotiate(&self, accept_language: &str) -> Option<Language> {
        accept::wanted(accept_language).iter().find_map(|wanted| {
            let variety = || self.iter().find(|own| own.broader().as_ref() == Some(wanted)).cloned();
            self.spoken(wanted).or_else(variety)
        })
    }

    /// The keys of English that a language leaves out, which are said in English then.
    #[must_use]
    pub fn missing(&self, language: &Language) -> Vec<&str> {
        let keys = |spoken: Option<&Spoken>| spoken.map(|spoken| &spoken.keys).cloned().unwrap_or_default();
        let own = keys(self.0.iter().find(|spoken| spoken.language == *language));
        let english = self.0.first().into_iter().flat_map(|english| &english.keys);
        english.filter(|key| !own.contains(*key)).map(String::as_str).collect()
    }

    fn nearest(&self, language: &Language) -> Option<usize> {
        let mut wanted = Some(language.clone());
        while let Some(language) = wanted {
            if let Some(at) = self.0.iter().position(|spoken| spoken.language == language) {
                return Some(at);
            }
            wanted = language.broader();
        }
        None
    }

    pub(super) fn language(&self, at: usize) -> Option<&Language> {
        self.0.get(at).map(|spoken| &spoken.language)
    }

    /// Says a text, or an attribute of one, in the language at this place, in one that it is a variety of, or in
    /// English.
    pub(super) fn say(&self, at: usize, key: &str, attribute: Option<&str>, args: &FluentArgs<'_>) -> Option<String> {
        let mut wanted = self.language(at).cloned();
        let mut places = vec![at];
        while let Some(broader) = wanted.as_ref().and_then(Language::broader) {
            places.extend(self.0.iter().position(|spoken| spoken.language == broader));
            wanted = Some(broader);
        }
        places.push(0);
        places.into_iter().find_map(|place| {
            let bundle = &self.0.get(place)?.bundle;
            let message = bundle.get_message(key)?;
            let pattern = match attribute {
                Some(attribute) => message.get_attribute(attribute)?.value(),
                None => message.value()?,
            };
            let mut errors = Vec::new();
            let text = bundle.format_pattern(pattern, Some(args), &mut errors).into_owned();
            if !errors.is_empty() {
                tracing::error!(key, language = %self.0[place].language, "a text could not be said whole");
            }
            Some(text)
        })
    }
}

impl fmt::Debug for Languages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// A text gets the variables that its English gets, and says what must be said.
fn check(language: &Language, keys: &Inventory, english: &Inventory) -> Result<(), InvalidLanguage> {
    for (key, uses) in keys {
        let Some(own) = english.get(key) else { continue };
        let message = TemplateName::of_key(key).map(|(template, _)| template.variables());
        let known = |variable: &str| match message {
            Some(variables) => variables.contains(&variable),
            None => own.variables.contains(variable),
        };
        if let Some(variable) = uses.variables.iter().find(|variable| !known(variable)) {
            let (language, key, variable) = (language.clone(), key.clone(), variable.clone());
            return Err(InvalidLanguage::UnknownVariable { language, key, variable });
        }
        let wanted = crate::messages::wanted_in(key);
        if let Some(variable) = wanted.iter().find(|wanted| !uses.always.contains(**wanted)) {
            return Err(InvalidLanguage::MissingVariable { language: language.clone(), key: key.clone(), variable });
        }
    }
    Ok(())
}
