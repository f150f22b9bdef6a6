//! What a command prints, for people and for programs, and how it ends.

use ciam_core::with_causes;
use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;

use serde_json::{Map, Value, json};

const REFUSED: u8 = 1;
pub(super) const USAGE: u8 = 2;
pub(super) const FINDINGS: u8 = 3;
const NOT_FOUND: u8 = 4;
const UNAVAILABLE: u8 = 5;

/// What a command found or did.
#[derive(Debug)]
pub(super) struct Answer {
    text: String,
    members: Map<String, Value>,
    code: u8,
}

impl Answer {
    /// A text for people.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), members: Map::new(), code: 0 }
    }

    /// Names and values, one a line, the values beneath each other.
    pub(super) fn table<'a>(lines: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        Self::new(columns(&lines.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect::<Vec<_>>()))
    }

    /// One more member of the document.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Ends with this code.
    pub(super) fn ending(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// Ends as what was refused, though something was done before.
    pub(super) fn refused(self, code: &str, message: &str) -> Self {
        self.with("error", json!({ "code": code, "message": message })).ending(REFUSED)
    }

    pub(super) fn print(mut self, json: bool) -> ExitCode {
        if json {
            self.members.insert("ok".to_owned(), Value::Bool(self.code == 0));
            print(&Value::Object(self.members).to_string());
        } else if !self.text.is_empty() {
            print(&self.text);
        }
        ExitCode::from(self.code)
    }
}

/// Cells in columns, as wide as their widest.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let most = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..most).map(|at| width(at).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Why a command did not do it.
#[derive(Debug)]
pub(super) struct Failure {
    exit: u8,
    code: &'static str,
    message: String,
}

impl Failure {
    /// It may not be done, or cannot.
    pub(super) fn refused(code: &'static str, message: impl Display) -> Self {
        Self { exit: REFUSED, code, message: message.to_string() }
    }

    pub(super) fn usage(message: impl Display) -> Self {
        Self { exit: USAGE, code: "usage", message: message.to_string() }
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self { exit: NOT_FOUND, code: "not_found", message: format!("there is no such {what}") }
    }

    /// Something that is needed does not answer, with its causes: an operator reads this, and nobody else.
    pub(super) fn unavailable(error: &(dyn std::error::Error + 'static)) -> Self {
        Self { exit: UNAVAILABLE, code: "unavailable", message: with_causes(error) }
    }

    pub(super) fn print(self, json: bool) -> ExitCode {
        if json {
            let error = json!({ "code": self.code, "message": self.message });
            print(&json!({ "ok": false, "error": error }).to_string());
        } else {
            let _ = writeln!(std::io::stderr(), "{}", self.message);
        }
        ExitCode::from(self.exit)
    }
}

/// A reader that has gone, such as `head`, is no failure.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
