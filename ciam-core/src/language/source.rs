//! What a text in Fluent is made of: which keys it has, and which variables they use.

use std::collections::{BTreeMap, BTreeSet};

use fluent_bundle::FluentResource;
use fluent_syntax::ast;
use fluent_syntax::parser::ParserError;

/// What a pattern uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Uses {
    /// All its variables.
    pub(crate) variables: BTreeSet<String>,
    /// Those of them that are said whatever the others are: they stand in no branch.
    pub(crate) always: BTreeSet<String>,
    /// How many placeables it has, in all branches.
    pub(crate) placeables: usize,
    /// Whether it refers to other texts or calls functions.
    pub(crate) refers: bool,
}

/// The texts of a file, by key; an attribute's key is `key.attribute`.
pub(crate) type Inventory = BTreeMap<String, Uses>;

/// What is wrong with a text in Fluent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not parse: the text that begins at this line.
    Syntax { line: usize },
    /// A key is there twice.
    Twice { key: String },
}

/// Reads a text in Fluent.
pub(crate) fn read(text: &str) -> Result<(FluentResource, Inventory), Fault> {
    let resource = match FluentResource::try_new(text.to_owned()) {
        Ok(resource) => resource,
        Err((_, errors)) => {
            let at = errors.iter().map(begins_at).min().unwrap_or_default();
            let before = text.as_bytes().get(..at).unwrap_or_default();
            return Err(Fault::Syntax { line: 1 + before.iter().filter(|byte| **byte == b'\n').count() });
        }
    };
    let mut inventory = Inventory::new();
    for entry in resource.entries() {
        let ast::Entry::Message(message) = entry else { continue };
        let own = message.value.iter().map(|value| (message.id.name.to_owned(), value));
        let attributes = message.attributes.iter().map(|a| (format!("{}.{}", message.id.name, a.id.name), &a.value));
        for (key, pattern) in own.chain(attributes) {
            let mut uses = Uses::default();
            of_pattern(pattern, true, &mut uses);
            if inventory.insert(key.clone(), uses).is_some() {
                return Err(Fault::Twice { key });
            }
        }
    }
    Ok((resource, inventory))
}

/// Where the text begins that does not parse: its parser may notice at the end of it only.
fn begins_at(error: &ParserError) -> usize {
    error.slice.as_ref().map_or(error.pos.start, |slice| slice.start)
}

fn of_pattern(pattern: &ast::Pattern<&str>, always: bool, uses: &mut Uses) {
    for element in &pattern.elements {
        if let ast::PatternElement::Placeable { expression } = element {
            uses.placeables += 1;
            of_expression(expression, always, uses);
        }
    }
}

fn of_expression(expression: &ast::Expression<&str>, always: bool, uses: &mut Uses) {
    match expression {
        ast::Expression::Inline(inline) => of_inline(inline, always, uses),
        ast::Expression::Select { selector, variants } => {
            of_inline(selector, false, uses);
            for variant in variants {
                of_pattern(&variant.value, false, uses);
            }
        }
    }
}

fn of_inline(expression: &ast::InlineExpression<&str>, always: bool, uses: &mut Uses) {
    use ast::InlineExpression as Inline;
    match expression {
        Inline::StringLiteral { .. } | Inline::NumberLiteral { .. } => {}
        Inline::VariableReference { id } => {
            uses.variables.insert(id.name.to_owned());
            if always {
                uses.always.insert(id.name.to_owned());
            }
        }
        Inline::Placeable { expression } => of_expression(expression, always, uses),
        Inline::FunctionReference { .. } | Inline::MessageReference { .. } | Inline::TermReference { .. } => {
            uses.refers = true;
        }
    }
}
