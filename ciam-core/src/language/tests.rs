use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::clock::Timestamp;
use crate::journeys::Mistake;
use crate::passwords::PasswordProblem;

const ENGLISH: &str = include_str!("locales/en.ftl");

/// `qaa` is a language that no file is of: a tag for private use (ISO 639-2).
fn language(tag: &str) -> Language {
    tag.parse().unwrap()
}

#[test]
fn every_language_has_exactly_the_keys_and_variables_of_english() {
    let (_, english) = source::read(ENGLISH).unwrap();
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/language/locales")).unwrap() {
        let path = file.unwrap().path();
        let tag = language(path.file_stem().unwrap().to_str().unwrap());
        assert!(Languages::builtin().iter().any(|built_in| *built_in == tag), "{tag} is not built in");
        let (_, own) = source::read(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let keys = |inventory: &source::Inventory| inventory.keys().cloned().collect::<BTreeSet<_>>();
        let difference: Vec<String> = keys(&english).symmetric_difference(&keys(&own)).cloned().collect();
        assert!(difference.is_empty(), "{tag} and English differ in {difference:?}");
        for (key, uses) in &own {
            assert_eq!(uses.variables, english[key].variables, "{key} of {tag}");
            assert!(!uses.refers, "{key} of {tag}");
        }
    }
}

#[test]
fn english_says_of_mistakes_what_their_display_says() {
    let english = Languages::builtin().english();
    let plain = [
        Mistake::InvalidEmail,
        Mistake::InvalidPhone,
        Mistake::InvalidUsername,
        Mistake::MissingUsername,
        Mistake::UsernameTaken,
        Mistake::UnacceptedKind,
        Mistake::TooMany,
        Mistake::WrongPassword,
        Mistake::AlreadyYours,
        Mistake::InvalidName,
        Mistake::WrongCredentials,
        Mistake::Password(PasswordProblem::TooShort { min_length: 15 }),
        Mistake::Password(PasswordProblem::TooLong),
        Mistake::Password(PasswordProblem::Common),
        Mistake::Password(PasswordProblem::Weak),
        Mistake::WrongCode,
        Mistake::WrongProof,
        Mistake::UnavailableMethod,
        Mistake::CodeUsedUp,
        Mistake::UnexpectedAnswer,
        Mistake::Custom("Accept the rules first.".to_owned()),
    ];
    let dutch = Languages::builtin().wording(&language("nl"));
    for mistake in &plain {
        assert_eq!(english.mistake(mistake), mistake.to_string());
        let is_own = matches!(mistake, Mistake::Custom(_));
        assert_eq!(dutch.mistake(mistake) == mistake.to_string(), is_own, "{mistake}");
    }
    // A mistake that comes to be needs a line above and a text in every language.
    let source = include_str!("../journeys/error.rs");
    let named = source.split("fn code(").nth(1).and_then(|rest| rest.split("fn field(").next()).unwrap();
    let codes: BTreeSet<&str> = named.split('"').skip(1).step_by(2).collect();
    let above: BTreeSet<&str> = plain.iter().map(Mistake::code).collect();
    assert_eq!(codes, above);
    let texts = ENGLISH.lines().filter_map(|line| line.strip_prefix("mistake-")?.split_once(" ="));
    let said: BTreeSet<String> = texts.map(|(key, _)| key.replace('-', "_")).chain(["custom".to_owned()]).collect();
    assert_eq!(codes, said.iter().map(String::as_str).collect());
}

#[test]
fn the_client_s_most_wanted_language_is_chosen() {
    let languages = Languages::with(&[("pt-BR".to_owned(), "sign-in = Entrar".to_owned())]).unwrap();
    let chosen = |header: &str| languages.negotiate(header).map(|language| language.to_string());
    for (header, language) in [
        ("nl", "nl"),
        ("nl-BE, fr;q=0.9", "nl"),
        ("qaa, en;q=0.3, nl;q=0.7", "nl"),
        ("NL;Q=0.5, en;q=0.501", "en"),
        ("en-GB;q=1.0,nl;q=0.999", "en"),
        ("pt", "pt-BR"),
        ("pt-BR-u-x, pt-BR", "pt-BR"),
        ("*;q=0.1, nl ;  q=0.2", "nl"),
        ("qaa, \u{fffd}\u{fffd}, nl", "nl"),
    ] {
        assert_eq!(chosen(header).as_deref(), Some(language), "{header}");
    }
    let (many, long) = (format!("{}nl", "qaa,".repeat(16)), format!("{}nl", " ".repeat(512)));
    for header in ["", "*", "qaa", "nl;q=0", "nl;q=0.000", "nl;q=2", "nl;q=0.0001", "nl;q=x", "n l", "x", &many, &long]
    {
        assert_eq!(chosen(header), None, "{header}");
    }
    assert_eq!(chosen(&format!("{}nl", "qaa,".repeat(15))).as_deref(), Some("nl"));
    assert_eq!(chosen(&"\u{e9}".repeat(300)), None, "cut between two characters");
}

#[test]
fn what_a_language_leaves_out_is_said_in_the_broader_one_and_in_english() {
    let added = [
        ("nl-BE".to_owned(), "sign-in = Aanmelden".to_owned()),
        ("en".to_owned(), "sign-up = Join\nshop-hello = Hello from { $shop }".to_owned()),
    ];
    let languages = Languages::with(&added).unwrap();
    let flemish = languages.wording(&language("nl-BE"));
    assert_eq!(flemish.language().as_str(), "nl-BE");
    assert_eq!(flemish.say("sign-in", &[]), "Aanmelden");
    assert_eq!(flemish.say("sign-out", &[]), "Uitloggen");
    assert_eq!(flemish.say("shop-hello", &[("shop", "Fernweh".into())]), "Hello from Fernweh");
    assert_eq!(flemish.say("sign-up", &[]), "Account aanmaken");
    assert_eq!(languages.english().say("sign-up", &[]), "Join");
    assert_eq!(languages.wording(&language("nl-NL")).language().as_str(), "nl");
    assert_eq!(languages.wording(&language("qaa")).language().as_str(), "en");
    assert!(languages.missing(&language("nl-BE")).contains(&"sign-out"));
    assert!(Languages::builtin().missing(&language("nl")).is_empty());
    assert_eq!(flemish.say("no-such-key", &[]), "no-such-key");
}

#[test]
fn a_file_that_cannot_be_used_is_refused_by_name_and_line() {
    let add = |tag: &str, text: &str| Languages::with(&[(tag.to_owned(), text.to_owned())]).unwrap_err();
    let own = || language("qaa");
    assert_eq!(add("not a tag", "a = b"), InvalidLanguage::Tag { tag: "not a tag".to_owned() });
    assert_eq!(add("qaa", "a = b\n\nc = { $d\n"), InvalidLanguage::Syntax { language: own(), line: 3 });
    assert_eq!(add("qaa", "a = b\na = c"), InvalidLanguage::Twice { language: own(), key: "a".to_owned() });
    let unknown = add("qaa", "code-good-for = Noch { $zeit }");
    let (key, variable) = ("code-good-for".to_owned(), "zeit".to_owned());
    assert_eq!(unknown, InvalidLanguage::UnknownVariable { language: own(), key, variable });
    let without_link = "message-recover = { $greeting } { $code }";
    let key = "message-recover".to_owned();
    assert_eq!(add("qaa", without_link), InvalidLanguage::MissingVariable { language: own(), key, variable: "link" });
    let in_a_branch =
        "message-recover =\n    { $code } { $name ->\n        [Ada] { $link }\n       *[other] Hello\n    }";
    assert!(matches!(add("qaa", in_a_branch), InvalidLanguage::MissingVariable { .. }));
    let sound = "message-recover = Hallo { $name }: { $code } { $link }\n    .short = { $code }";
    assert!(Languages::with(&[("qaa".to_owned(), sound.to_owned())]).is_ok());
}

#[test]
fn times_are_told_as_people_do() {
    let now = Timestamp::from_micros(1_795_296_597_000_000);
    let english = Languages::builtin().english();
    let dutch = Languages::builtin().wording(&language("nl"));
    let told = |wording: &Wording, seconds| wording.ago(now - Duration::from_secs(seconds), now);
    let times = [3, 60, 7_300, 200_000, 30 * 86_400];
    let ago = ["just now", "one minute ago", "2 hours ago", "2 days ago", "on 22 October 2026"];
    assert_eq!(times.map(|seconds| told(&english, seconds)), ago);
    let ago = ["zojuist", "een minuut geleden", "2 uur geleden", "2 dagen geleden", "op 22 oktober 2026"];
    assert_eq!(times.map(|seconds| told(&dutch, seconds)), ago);
    assert_eq!(english.ago(now + Duration::from_secs(9), now), "just now");
    assert_eq!(english.moment(now), "21 November 2026, 21:29 UTC");
    let spans = [600, 86_400, 3600, 90, 60, 0, 172_800].map(Duration::from_secs);
    let said = ["10 minutes", "24 hours", "one hour", "90 seconds", "one minute", "0 seconds", "2 days"];
    assert_eq!(spans.map(|span| english.span(span)), said);
    let said = ["10 minuten", "24 uur", "één uur", "90 seconden", "één minuut", "0 seconden", "2 dagen"];
    assert_eq!(spans.map(|span| dutch.span(span)), said);
    let about = [1_000, 89_001, 600_000, 5_400_000].map(|millis| english.about(Duration::from_millis(millis)));
    assert_eq!(about, ["one second", "2 minutes", "10 minutes", "2 hours"]);
}

#[test]
fn tags_are_bounded_and_keep_their_meaning() {
    assert_eq!(language("NL-be").as_str(), "nl-BE");
    assert_eq!(language("zh-hant-TW").broader(), Some(language("zh-Hant")));
    for text in ["", "und", "*", "x", "nl_", "nl\n", "nl; DROP", &"a-".repeat(40)] {
        assert_eq!(text.parse::<Language>(), Err(InvalidTag), "{text:?}");
    }
    assert!(language("ar").is_right_to_left() && language("he-IL").is_right_to_left());
    assert!(!language("nl").is_right_to_left());
    let kept = serde_json::to_string(&language("pt-BR")).unwrap();
    assert_eq!(kept, "\"pt-BR\"");
    assert_eq!(serde_json::from_str::<Language>(&kept).unwrap(), language("pt-BR"));
}
