//! `docs/events.md` names every event and every limit that the source names, and no other.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Names of files and sites, which have a dot as well.
const ENDINGS: [&str; 4] = [".db", ".example", ".ftl", ".txt"];

/// What is said between quotes in code, comments and tests left out, and looks like `noun.verb`.
fn names_in(source: &str, names: &mut BTreeSet<String>) {
    let code = source.split("#[cfg(test)]").next().unwrap();
    for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
        let quoted = line.split('"').skip(1).step_by(2);
        names.extend(quoted.filter(|text| is_name(text)).map(str::to_owned));
    }
}

fn is_name(text: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    text.split_once('.').is_some_and(|(noun, verb)| is_word(noun) && is_word(verb))
        && !ENDINGS.iter().any(|ending| text.ends_with(ending))
}

fn names_below(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if ["tests", "testing"].contains(&stem.as_str()) {
            continue;
        } else if path.is_dir() {
            names_below(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            names_in(&fs::read_to_string(&path).unwrap(), names);
        }
    }
}

/// The first cell of every row, and what the member `limit` may be.
fn documented() -> BTreeSet<String> {
    let rows = include_str!("../docs/events.md").lines().filter(|line| line.starts_with("| `"));
    let mut names = BTreeSet::new();
    for row in rows {
        let (name, rest) = row.trim_start_matches("| `").split_once('`').unwrap();
        let limits = rest.split_once("`limit`: ").map_or("", |(_, limits)| limits.split(';').next().unwrap());
        let named = std::iter::once(name).chain(limits.split('`')).filter(|name| is_name(name));
        for name in named {
            assert!(names.insert(name.to_owned()), "{name} is explained twice");
        }
    }
    names
}

#[test]
fn every_event_and_limit_of_the_source_is_documented_and_every_documented_one_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = BTreeSet::new();
    names_below(&root.join("ciam-core/src"), &mut names);
    assert!(names.contains("user.registered") && names.contains("sign_in.account"), "{names:?}");
    assert_eq!(names, documented());
}

/// The other crates ask the services of core to write: an event of theirs would be missed above.
#[test]
fn only_the_core_writes_events() {
    // Examples in comments are a host's.
    fn writes(text: &str) -> bool {
        let mut code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        code.any(|line| line.contains("NewEvent::new("))
    }
    fn writers(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !["tests", "testing", "conformance"].iter().any(|name| path.ends_with(name)) {
                writers(&path, found);
            } else if path.is_file() && fs::read_to_string(&path).is_ok_and(|text| writes(&text)) {
                found.push(path.display().to_string());
            }
        }
    }
    let mut found = Vec::new();
    for folder in ["src", "ciam-web/src", "ciam-store/src"] {
        writers(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    }
    assert!(found.is_empty(), "{found:?}");
}
