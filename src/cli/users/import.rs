//! `user import`: many users from a file of JSON lines, a piece at a time.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::path::PathBuf;

use ciam_core::email::Email;
use ciam_core::events::Cause;
use ciam_core::identifiers::{Handle, Phone, Username};
use ciam_core::passwords::PasswordHash;
use ciam_core::users::{DisplayName, NewUser, ReadyUser, UserError};
use ciam_core::{Ciam, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::answer::{Answer, Failure};
use super::super::context::Context;

/// The most bytes of a line.
const LONGEST_LINE: usize = 64 * 1024;
/// How many users are in memory at once.
const PIECE: usize = 10_000;
/// How many refused lines the JSON document lists; the others are counted.
const MOST_LISTED: usize = 1_000;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Import {
    /// A file with a JSON object on every line; `-` is the standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// A line of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: Option<String>,
    email: Option<String>,
    email_verified: Option<bool>,
    phone: Option<String>,
    phone_verified: Option<bool>,
    username: Option<String>,
    name: Option<String>,
    password_hash: Option<String>,
}

/// Why a line was refused: a word that does not change.
type Reason = &'static str;

impl Line {
    /// The user to be. Nothing of what the line says is repeated.
    fn user(self) -> Result<NewUser, Reason> {
        let id = self.id.map(|id| id.parse::<UserId>().map_err(|_| "invalid_id")).transpose()?;
        let email = self.email.map(|text| text.parse::<Email>().map_err(|_| "invalid_email")).transpose()?;
        let phone = self.phone.map(|text| text.parse::<Phone>().map_err(|_| "invalid_phone")).transpose()?;
        let mut username =
            self.username.map(|text| text.parse::<Username>().map_err(|_| "invalid_username")).transpose()?;
        let email = verified(email, self.email_verified, "email_verified_missing")?;
        let phone = verified(phone, self.phone_verified, "phone_verified_missing")?;
        let mut handles: Vec<(Handle, bool)> = email.into_iter().chain(phone).collect();
        let is_found = handles.iter().any(|(_, verified)| *verified) || username.is_some();
        if handles.is_empty() {
            handles.extend(username.take().map(|username| (Handle::from(username), true)));
        }
        let mut handles = handles.into_iter();
        let (first, proved) = handles.next().ok_or("no_identifier")?;
        if !is_found && id.is_none() {
            return Err("id_missing");
        }
        let mut new = if proved { NewUser::new(first) } else { NewUser::new(first).unproved() };
        new = handles.fold(new, |new, (handle, proved)| new.also(handle, proved));
        if let Some(id) = id {
            new = new.id(id);
        }
        if let Some(username) = username {
            new = new.username(username);
        }
        if let Some(name) = self.name {
            new = new.name(DisplayName::parse(&name).map_err(|_| "invalid_name")?);
        }
        if let Some(hash) = self.password_hash {
            new = new.password_hash(PasswordHash::from_phc(hash));
        }
        Ok(new)
    }
}

/// An address with what the file says of it. A file that says nothing is not believed to mean that it is theirs: whoever
/// typed somebody else's address into the former system would have the account of that address.
fn verified(
    address: Option<impl Into<Handle>>,
    verified: Option<bool>,
    missing: Reason,
) -> Result<Option<(Handle, bool)>, Reason> {
    let Some(address) = address else { return Ok(None) };
    Ok(Some((address.into(), verified.ok_or(missing)?)))
}

/// What became of the lines so far.
#[derive(Default)]
struct Tally {
    imported: u64,
    refused: u64,
    listed: Vec<Value>,
}

impl Tally {
    fn refuse(&mut self, line: u64, reason: Reason, json: bool) {
        self.refused += 1;
        if !json {
            // A reader that has gone, such as `head`, is no failure.
            let _ = writeln!(std::io::stdout(), "line {line}: {reason}");
        } else if self.listed.len() < MOST_LISTED {
            self.listed.push(json!({ "line": line, "code": reason }));
        }
    }
}

pub(super) async fn run(context: &Context, import: &Import, json: bool) -> Result<Answer, Failure> {
    let input: Box<dyn BufRead> = if import.file.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(&import.file).map_err(|_| Failure::usage("the file cannot be read"))?))
    };
    let ciam = context.engine().await?;
    let (mut lines, mut tally, mut piece) = (Lines { input, number: 0 }, Tally::default(), Vec::new());
    while let Some((number, line)) = lines.next()? {
        let line = line.and_then(|line| serde_json::from_slice::<Line>(&line).map_err(|_| "invalid_line"));
        match line.and_then(Line::user) {
            // There is no password to be hashed: this only takes it apart.
            Ok(user) => piece.push((number, ciam.users().prepare(user).await.map_err(super::refusal)?)),
            Err(reason) => tally.refuse(number, reason, json),
        }
        if piece.len() == PIECE {
            write(&ciam, std::mem::take(&mut piece), &mut tally, json).await?;
        }
    }
    write(&ciam, piece, &mut tally, json).await?;
    let Tally { imported, refused, listed } = tally;
    let answer = Answer::new(format!("Imported: {imported}. Refused: {refused}."))
        .with("imported", imported)
        .with("refused", refused)
        .with("lines", listed);
    if refused == 0 {
        return Ok(answer);
    }
    let error = json!({ "code": "lines_refused", "message": "some lines were refused; the others were imported" });
    Ok(answer.with("error", error).ending(1))
}

async fn write(ciam: &Ciam, piece: Vec<(u64, ReadyUser)>, tally: &mut Tally, json: bool) -> Result<(), Failure> {
    let (numbers, users): (Vec<u64>, Vec<ReadyUser>) = piece.into_iter().unzip();
    let answers = ciam.users().import(&Cause::system(), &users).await;
    for (number, answer) in numbers.into_iter().zip(answers) {
        match answer {
            Ok(_) => tally.imported += 1,
            Err(UserError::AddressTaken) => tally.refuse(number, "taken", json),
            Err(UserError::Exists) => tally.refuse(number, "exists", json),
            Err(UserError::PasswordHash) => tally.refuse(number, "invalid_password_hash", json),
            Err(error) => return Err(super::refusal(error)),
        }
    }
    Ok(())
}

/// A line with its number, or why it is none.
type Numbered = (u64, Result<Vec<u8>, Reason>);

/// The lines of the file that are not blank, with their numbers, none of them in memory but the present one.
struct Lines {
    input: Box<dyn BufRead>,
    number: u64,
}

impl Lines {
    fn next(&mut self) -> Result<Option<Numbered>, Failure> {
        let unreadable = |_| Failure::usage("the file cannot be read to its end");
        loop {
            self.number += 1;
            let mut line = Vec::new();
            let most = LONGEST_LINE as u64 + 1;
            let read = (&mut self.input).take(most).read_until(b'\n', &mut line).map_err(unreadable)?;
            if read == 0 {
                return Ok(None);
            }
            if line.len() > LONGEST_LINE && !line.ends_with(b"\n") {
                self.skip_line().map_err(unreadable)?;
                return Ok(Some((self.number, Err("line_too_long"))));
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some((self.number, Ok(line))));
            }
        }
    }

    fn skip_line(&mut self) -> std::io::Result<()> {
        loop {
            let buffer = self.input.fill_buf()?;
            let (read, ended) = match buffer.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (buffer.len(), buffer.is_empty()),
            };
            self.input.consume(read);
            if ended {
                return Ok(());
            }
        }
    }
}
