//! What else goes into a stylesheet, in a form in which it cannot leave its place.

use super::{InvalidBrand, palette};

/// The letters: names of fonts, the first that a reader's device has, and what to fall back on.
///
/// Pages load no fonts, so these are fonts that people have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Font {
    names: Vec<String>,
    generic: &'static str,
}

impl Font {
    /// Letters without serifs, in one of these fonts.
    ///
    /// # Errors
    /// [`InvalidBrand::Font`] when a name is not one, or there are more than ten.
    pub fn sans(names: &[&str]) -> Result<Self, InvalidBrand> {
        Self::new(names, "system-ui, sans-serif")
    }

    /// Letters with serifs, in one of these fonts.
    ///
    /// # Errors
    /// As [`Font::sans`].
    pub fn serif(names: &[&str]) -> Result<Self, InvalidBrand> {
        Self::new(names, "ui-serif, Georgia, serif")
    }

    fn new(names: &[&str], generic: &'static str) -> Result<Self, InvalidBrand> {
        let sound = |name: &&str| {
            let of_letters = name.chars().all(|c| c.is_ascii_alphanumeric() || c == ' ' || c == '-');
            (1..=64).contains(&name.len()) && of_letters
        };
        if names.len() > 10 || !names.iter().all(sound) {
            return Err(InvalidBrand::Font);
        }
        Ok(Self { names: names.iter().map(|name| (*name).to_owned()).collect(), generic })
    }

    /// As a stylesheet has it.
    #[must_use]
    pub fn css(&self) -> String {
        let quoted = self.names.iter().map(|name| format!("\"{name}\", "));
        quoted.chain([self.generic.to_owned()]).collect()
    }
}

/// A variable of a stylesheet: `--shop-banner: #14532d`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CssVariable {
    name: String,
    value: String,
}

/// The functions that a value may call. `url` is none of them: a stylesheet loads nothing.
const FUNCTIONS: [&str; 12] =
    ["rgb", "rgba", "hsl", "hsla", "oklch", "oklab", "color-mix", "var", "calc", "min", "max", "clamp"];

impl CssVariable {
    /// A variable: its name without the `--` in front, and its value.
    ///
    /// # Errors
    /// [`InvalidBrand::VariableName`], also for the names of the palette, which are checked for contrast;
    /// [`InvalidBrand::VariableValue`] for a value that could end its declaration or load something.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Result<Self, InvalidBrand> {
        let (name, value) = (name.into(), value.into());
        let of_letters = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let begins = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        if name.len() > 64 || !begins || !of_letters || palette::is_own(&name) {
            return Err(InvalidBrand::VariableName);
        }
        if !is_value(&value) {
            return Err(InvalidBrand::VariableValue { name });
        }
        Ok(Self { name, value })
    }

    /// Its name, without the `--` in front.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// Whether a text is one value of plain letters, and calls no other functions than it may.
fn is_value(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || " #%.,+-()".contains(c);
    if text.trim().is_empty() || text.len() > 200 || !text.chars().all(plain) {
        return false;
    }
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => {
                let before = &text[..at];
                let begin = before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '-').map_or(0, |end| end + 1);
                // A bare parenthesis belongs into a calculation.
                let name = &before[begin..];
                if !(FUNCTIONS.contains(&name) || name.is_empty() && depth > 0) {
                    return false;
                }
                depth += 1;
            }
            ')' => match depth.checked_sub(1) {
                Some(outer) => depth = outer,
                None => return false,
            },
            _ => {}
        }
    }
    depth == 0
}
