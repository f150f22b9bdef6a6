//! Texts of messages that an operator changes while the program runs.
//!
//! A template takes the place of the built-in text of one message, in one application, language and channel. It is
//! written in [Fluent](https://projectfluent.org), as the files of languages are, without its key: `Your code is
//! { $code }.` It can say what [`TemplateName::variables`] names and nothing else, and must say what
//! [`TemplateName::wanted`] names. What is put into it is text, whatever it holds.

mod cache;
mod source;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::cache::Cache;
use self::source::Compiled;
use super::Channel;
use super::letter::{Change, Letter, Proof, TemplateName};
use super::texts::{self, Text};
use crate::application::Application;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::events::{Cause, NewEvent};
use crate::id::ApplicationId;
use crate::identifiers::IdentifierKind;
use crate::language::{Language, Wording};
use crate::secret::Digest;
use crate::store::{Collection, Index, Record, Store, StoreError};
use crate::users::DisplayName;

crate::id!(TemplateId, "tpl", "The template of a message; made from what it is for.");

/// What a template is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TemplateKey {
    /// In which application.
    pub application: ApplicationId,
    /// Which message.
    pub name: TemplateName,
    /// In which language.
    pub language: Language,
    /// By what it goes.
    pub channel: Channel,
}

/// A text of a message, as an operator has set it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageTemplate {
    id: TemplateId,
    /// What it is for.
    #[serde(flatten)]
    pub key: TemplateKey,
    /// The subject, in Fluent; an email has one.
    pub subject: Option<String>,
    /// The text, in Fluent.
    pub text: String,
    /// When it was set.
    pub changed: Timestamp,
}

impl Record for MessageTemplate {
    type Id = TemplateId;
    const COLLECTION: Collection<Self> = Collection::new("message_templates").index(&MessageTemplate::BY_APPLICATION);

    fn id(&self) -> TemplateId {
        self.id
    }
}

impl MessageTemplate {
    /// Those of an application.
    pub const BY_APPLICATION: Index<MessageTemplate, ApplicationId> =
        Index::new("application", |template: &MessageTemplate| template.key.application);
}

impl TemplateKey {
    fn id(&self) -> TemplateId {
        let channel = self.channel.to_string();
        let parts = [self.name.as_str(), self.language.as_str(), &channel];
        let application = self.application.to_string();
        let [name, language, channel] = parts.map(str::as_bytes);
        Digest::of_all(&[b"message template", application.as_bytes(), name, language, channel]).id()
    }
}

/// A part of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TemplatePart {
    /// The subject.
    Subject,
    /// The text.
    Text,
}

impl std::fmt::Display for TemplatePart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Subject => "subject",
            Self::Text => "text",
        })
    }
}

/// Why a template cannot be set or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The host has no such application.
    #[error("there is no such application")]
    UnknownApplication,
    /// The language is not spoken here: the template would never be used.
    #[error("the language is not spoken here")]
    UnknownLanguage,
    /// There is no such template.
    #[error("there is no such template")]
    Unknown,
    /// An email has a subject.
    #[error("an email has a subject")]
    NoSubject,
    /// Only an email has a subject.
    #[error("only an email has a subject")]
    Subject,
    /// A part is too long.
    #[error("the {part} has more than {most} characters")]
    TooLong {
        /// Which part.
        part: TemplatePart,
        /// The most characters.
        most: usize,
    },
    /// A part has too many variables, branches and indented lines.
    #[error("the {part} has more than {most} variables, branches and indented lines")]
    TooComplex {
        /// Which part.
        part: TemplatePart,
        /// The most of them.
        most: usize,
    },
    /// A part is empty, holds control characters, or is a subject of several lines.
    #[error("the {part} is empty, or holds characters that it cannot")]
    Characters {
        /// Which part.
        part: TemplatePart,
    },
    /// A part is no Fluent.
    #[error("the {part} does not parse: line {line}")]
    Syntax {
        /// Which part.
        part: TemplatePart,
        /// The line, counted from 1.
        line: usize,
    },
    /// A part refers to other texts, or calls a function.
    #[error("the {part} refers to something else than variables")]
    Refers {
        /// Which part.
        part: TemplatePart,
    },
    /// A part uses a variable that its message does not have.
    #[error("the {part} uses ${variable}, which this message does not have")]
    UnknownVariable {
        /// Which part.
        part: TemplatePart,
        /// The variable.
        variable: String,
    },
    /// The text does not always say what the message is sent for.
    #[error("the text leaves out ${variable}, for which the message is sent")]
    MissingVariable {
        /// The variable.
        variable: &'static str,
    },
    /// The store refused or does not answer; nothing was changed.
    #[error("the change was not kept")]
    Store(#[from] StoreError),
}

/// Sets, removes and shows texts of messages.
///
/// A change is in force on its own node with the next message, and on other nodes within ten seconds: so long they
/// may go on with what they have read.
#[derive(Debug, Clone)]
pub struct Templates {
    store: Store,
    config: Arc<Config>,
    cache: Arc<Cache>,
}

impl Templates {
    pub(crate) fn new(store: Store, config: Arc<Config>) -> Self {
        Self { store, config, cache: Arc::default() }
    }

    /// The templates that are set for an application.
    ///
    /// # Errors
    /// [`TemplateError::Store`].
    pub async fn list(&self, application: ApplicationId) -> Result<Vec<MessageTemplate>, TemplateError> {
        Ok(self.store.find(&MessageTemplate::BY_APPLICATION.eq(&application).limit(1000)).await?.items)
    }

    /// Sets a template, in place of the one before or of the built-in text. `subject` is for emails.
    ///
    /// # Errors
    /// [`TemplateError`], by what is wrong with it; nothing is changed then.
    pub async fn set(
        &self,
        by: &Cause,
        key: &TemplateKey,
        subject: Option<&str>,
        text: &str,
    ) -> Result<(), TemplateError> {
        self.compile(key, subject, text)?;
        let changed = self
            .store
            .transact(|work| async move {
                let (subject, text) = (subject.map(str::to_owned), text.to_owned());
                let template = MessageTemplate { id: key.id(), key: key.clone(), subject, text, changed: work.now() };
                match work.get::<MessageTemplate>(template.id).await? {
                    Some(_) => work.replace(&template)?,
                    None => work.insert(&template)?,
                }
                Ok(work.record(event(by, key, "set"))?)
            })
            .await;
        self.cache.forget(key.id());
        changed
    }

    /// Removes a template: what is built in is said again.
    ///
    /// # Errors
    /// [`TemplateError::Unknown`]; [`TemplateError::Store`]: still there.
    pub async fn remove(&self, by: &Cause, key: &TemplateKey) -> Result<(), TemplateError> {
        let removed = self
            .store
            .transact(|work| async move {
                work.take::<MessageTemplate>(key.id()).await?.ok_or(TemplateError::Unknown)?;
                Ok(work.record(event(by, key, "removed"))?)
            })
            .await;
        self.cache.forget(key.id());
        removed
    }

    /// What a template would say, with made-up values, before it is set.
    ///
    /// # Errors
    /// As [`Templates::set`].
    pub fn preview(&self, key: &TemplateKey, subject: Option<&str>, text: &str) -> Result<Text, TemplateError> {
        let compiled = self.compile(key, subject, text)?;
        let application = self.application(key)?;
        let wording = self.config.languages.wording(&key.language);
        let sample = Sample::new(application);
        let letter = sample.letter(key.name, &self.config, self.store.clock().now());
        Ok(compiled.say(application, key.channel, &texts::arguments(application, &wording, &letter)))
    }

    /// What a message says now, with made-up values: by its template, or as it is built in.
    ///
    /// # Errors
    /// [`TemplateError::UnknownApplication`]; [`TemplateError::Store`].
    pub async fn sample(&self, key: &TemplateKey) -> Result<Text, TemplateError> {
        let application = self.application(key)?;
        let wording = self.config.languages.wording(&key.language);
        let sample = Sample::new(application);
        let letter = sample.letter(key.name, &self.config, self.store.clock().now());
        Ok(self.write(application, &wording, key.channel, &letter).await?)
    }

    /// Says a letter: by the template of its language or of the one this is a variety of, or as it is built in.
    pub(crate) async fn write(
        &self,
        application: &Application,
        wording: &Wording,
        channel: Channel,
        letter: &Letter<'_>,
    ) -> Result<Text, StoreError> {
        let mut wanted = Some(wording.language());
        while let Some(language) = wanted {
            let broader = language.broader();
            let key = TemplateKey { application: application.id, name: letter.template(), language, channel };
            if let Some(template) = self.find(&key).await? {
                return Ok(template.say(application, channel, &texts::arguments(application, wording, letter)));
            }
            wanted = broader;
        }
        Ok(texts::write(application, wording, channel, letter))
    }

    /// The template that is set, if there is one. A stored one that is not sound any more, because what its message
    /// says has changed with a version of ciam, is passed over.
    async fn find(&self, key: &TemplateKey) -> Result<Option<Arc<Compiled>>, StoreError> {
        let (id, now) = (key.id(), self.store.clock().now());
        let generation = match self.cache.get(id, now) {
            Ok(found) => return Ok(found),
            Err(generation) => generation,
        };
        let stored = self.store.get::<MessageTemplate>(id).await?;
        let compiled = stored.and_then(|template| {
            let compiled = self.compile(key, template.subject.as_deref(), &template.text);
            compiled.map_err(|error| tracing::error!(%error, template = %id, "a template is passed over")).ok()
        });
        let compiled = compiled.map(Arc::new);
        self.cache.keep(generation, id, compiled.clone(), now);
        Ok(compiled)
    }

    fn application(&self, key: &TemplateKey) -> Result<&Application, TemplateError> {
        self.config.application(key.application).ok_or(TemplateError::UnknownApplication)
    }

    fn compile(&self, key: &TemplateKey, subject: Option<&str>, text: &str) -> Result<Compiled, TemplateError> {
        self.application(key)?;
        if !self.config.languages.iter().any(|language| *language == key.language) {
            return Err(TemplateError::UnknownLanguage);
        }
        Compiled::new(key, subject, text)
    }
}

fn event(by: &Cause, key: &TemplateKey, change: &'static str) -> NewEvent {
    NewEvent::new("template.changed", by)
        .with("application", key.application.to_string())
        .with("template", key.name.as_str())
        .with("language", key.language.as_str())
        .with("channel", key.channel.to_string())
        .with("change", change)
}

/// Made-up values for a preview.
struct Sample {
    name: Option<DisplayName>,
    link: String,
}

impl Sample {
    fn new(application: &Application) -> Self {
        let link = format!("{}/example", application.public_url.origin());
        Self { name: DisplayName::parse("Ada").ok(), link }
    }

    fn letter(&self, template: TemplateName, config: &Config, at: Timestamp) -> Letter<'_> {
        let (name, link) = (self.name.as_ref(), self.link.as_str());
        let (code_for, link_for) = (config.challenges.code, config.challenges.link);
        let proof = Proof { code: "123456", link, code_for, link_for };
        let change = match template {
            TemplateName::ConfirmAddress => return Letter::Confirm(proof),
            TemplateName::AddIdentifier => return Letter::Add(proof),
            TemplateName::AddressKnown => return Letter::Known { name, sign_in: link },
            TemplateName::Recover => return Letter::Recover { name, proof },
            TemplateName::NoAccount => return Letter::NoAccount { sign_up: link },
            TemplateName::PasswordChanged => Change::Password,
            TemplateName::PasswordRecovered => Change::Recovered,
            TemplateName::IdentifierAdded => Change::Added(IdentifierKind::Email),
            TemplateName::IdentifierRemoved => Change::Removed(IdentifierKind::Email),
            TemplateName::AuthenticatorAdded => Change::AuthenticatorAdded,
            TemplateName::AuthenticatorRemoved => Change::AuthenticatorRemoved,
        };
        Letter::Changed { name, change, at, device: Some("Firefox/130.0 Linux"), recover: link }
    }
}

#[cfg(test)]
mod tests;
