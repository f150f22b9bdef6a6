//! A template, read and checked.

use std::fmt;

use fluent_bundle::FluentResource;
use fluent_bundle::concurrent::FluentBundle;

use super::super::Channel;
use super::super::texts::{self, Arguments, Text};
use super::{TemplateError, TemplateKey, TemplatePart};
use crate::application::Application;
use crate::language::arguments;
use crate::language::source::{self, Fault};

/// The most characters of a subject.
const MAX_SUBJECT: usize = 200;
/// The most placeables of a part, with those for indentation: Fluent cuts off what has more.
const MAX_PLACEABLES: usize = 100;
/// The most characters of a text.
const MAX_TEXT: usize = 10_000;

/// A template that is sound.
pub(super) struct Compiled(FluentBundle<FluentResource>);

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compiled")
    }
}

impl Compiled {
    /// Reads a template and checks it against what its message has and wants.
    pub(super) fn new(key: &TemplateKey, subject: Option<&str>, text: &str) -> Result<Self, TemplateError> {
        let mut bundle = FluentBundle::new_concurrent(vec![key.language.id().clone()]);
        bundle.set_use_isolating(false);
        match (subject, key.channel) {
            (None, Channel::Email) => return Err(TemplateError::NoSubject),
            (Some(_), Channel::Sms | Channel::Voice) => return Err(TemplateError::Subject),
            (Some(subject), Channel::Email) => {
                bundle.add_resource_overriding(part(key, TemplatePart::Subject, subject)?);
            }
            (None, Channel::Sms | Channel::Voice) => {}
        }
        bundle.add_resource_overriding(part(key, TemplatePart::Text, text)?);
        Ok(Self(bundle))
    }

    /// What it says this time.
    pub(super) fn say(&self, application: &Application, channel: Channel, about: &Arguments<'_>) -> Text {
        let text = self.part(TemplatePart::Text, about);
        match channel {
            Channel::Email => texts::email(&self.part(TemplatePart::Subject, about), &text),
            Channel::Sms | Channel::Voice => texts::short(application, &text),
        }
    }

    fn part(&self, part: TemplatePart, about: &Arguments<'_>) -> String {
        let pattern = self.0.get_message(name(part)).and_then(|message| message.value());
        // INVARIANT: `new` has put every part there that its channel has.
        pattern.map_or_else(String::new, |pattern| {
            self.0.format_pattern(pattern, Some(&arguments(about)), &mut Vec::new()).into_owned()
        })
    }
}

const fn name(part: TemplatePart) -> &'static str {
    match part {
        TemplatePart::Subject => "subject",
        TemplatePart::Text => "text",
    }
}

fn part(key: &TemplateKey, part: TemplatePart, source: &str) -> Result<FluentResource, TemplateError> {
    let (most, lines) = match part {
        TemplatePart::Subject => (MAX_SUBJECT, 1),
        TemplatePart::Text => (MAX_TEXT, usize::MAX),
    };
    if source.chars().nth(most).is_some() {
        return Err(TemplateError::TooLong { part, most });
    }
    let source = source.replace("\r\n", "\n");
    let source = source.trim_matches('\n').trim_end();
    let steers = |c: char| c != '\n' && crate::events::printable(c) != c;
    if source.trim().is_empty() || source.contains(steers) || source.lines().count() > lines {
        return Err(TemplateError::Characters { part });
    }
    let (resource, inventory) = source::read(&as_message(name(part), source)).map_err(|fault| match fault {
        // The first line is the key's.
        Fault::Syntax { line } => TemplateError::Syntax { part, line: line.saturating_sub(1).max(1) },
        Fault::Twice { .. } => TemplateError::Syntax { part, line: 1 },
    })?;
    let uses = match (inventory.get(name(part)), inventory.len()) {
        (Some(uses), 1) => uses,
        _ => return Err(TemplateError::Syntax { part, line: 1 }),
    };
    if uses.refers {
        return Err(TemplateError::Refers { part });
    }
    if uses.placeables > MAX_PLACEABLES {
        return Err(TemplateError::TooComplex { part, most: MAX_PLACEABLES });
    }
    let known = key.name.variables();
    if let Some(variable) = uses.variables.iter().find(|variable| !known.contains(&variable.as_str())) {
        return Err(TemplateError::UnknownVariable { part, variable: variable.clone() });
    }
    let mut wanted = key.name.wanted(key.channel).iter();
    if part == TemplatePart::Text
        && let Some(variable) = wanted.find(|wanted| !uses.always.contains(**wanted))
    {
        return Err(TemplateError::MissingVariable { variable });
    }
    Ok(resource)
}

/// The source as the value of a message of a file: every line indented, with its own indentation as a text of its
/// own, which Fluent would drop before a variable, and with an empty one where Fluent would take the line for the
/// beginning of something else. Inside of braces nothing is text.
fn as_message(name: &str, source: &str) -> String {
    let mut message = format!("{name} =");
    let (mut depth, mut quoted) = (0_usize, false);
    for line in source.lines() {
        let text = line.trim_start();
        let indent = &line[..line.len() - text.len()];
        message.push_str("\n    ");
        if depth == 0 && (!indent.is_empty() || text.starts_with(['.', '*', '['])) {
            message.extend(["{\"", indent, "\"}"]);
        }
        message.push_str(text);
        for c in text.chars() {
            match c {
                '"' if depth > 0 => quoted = !quoted,
                '{' if !quoted => depth += 1,
                '}' if !quoted => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    message.push('\n');
    message
}
