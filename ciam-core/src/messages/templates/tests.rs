use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::events::Event;
use crate::store::{MemoryStore, Position};
use crate::testing::{FixedEntropy, TestBed};

const ADA: &str = "ada@example.com";
const PASSWORD: &str = "vermilion otter quays";

fn key(name: TemplateName, channel: Channel) -> TemplateKey {
    let language = "en".parse().unwrap();
    TemplateKey { application: ApplicationId::DEFAULT, name, language, channel }
}

fn confirm() -> TemplateKey {
    key(TemplateName::ConfirmAddress, Channel::Email)
}

/// The newest message, to somebody who wants to sign up.
async fn message(bed: &TestBed, email: &str) -> (String, String) {
    bed.browser().sign_up_until_code(email, PASSWORD).await;
    let message = bed.mail().await.remove(0);
    (message.subject, message.text)
}

#[tokio::test]
async fn a_change_at_run_time_changes_the_next_message() {
    let bed = TestBed::new().await;
    let templates = bed.ciam.templates();
    assert!(message(&bed, "a@example.com").await.1.starts_with("Welcome to Test Shop."));
    let text = "Hi!\n\n    { $code }\n\nor { $link }\n.good for { $link_for }\n* { $app } [2026]";
    templates.set(&Cause::system(), &confirm(), Some("{ $app }: { $code }"), text).await.unwrap();
    let (subject, said) = message(&bed, "b@example.com").await;
    let code = bed.code_for("b@example.com").await;
    assert_eq!(subject, format!("Test Shop: {code}"));
    assert!(said.starts_with(&format!("Hi!\n\n    {code}\n\nor http://localhost:8080/verify?ticket=")), "{said}");
    assert!(said.ends_with("\n.good for 24 hours\n* Test Shop [2026]\n"), "{said}");

    templates.set(&Cause::system(), &confirm(), Some("Again"), "{ $link } { $code }").await.unwrap();
    assert_eq!(message(&bed, "c@example.com").await.0, "Again");
    assert_eq!(templates.list(ApplicationId::DEFAULT).await.unwrap().len(), 1);
    templates.remove(&Cause::system(), &confirm()).await.unwrap();
    assert!(message(&bed, "d@example.com").await.1.starts_with("Welcome to Test Shop."));
    assert!(matches!(templates.remove(&Cause::system(), &confirm()).await, Err(TemplateError::Unknown)));
    let events = bed.ciam.store().tail::<Event>(Position::START, 200).await.unwrap();
    let changes = events.iter().filter(|(_, event)| event.name == "template.changed");
    let changes: Vec<&str> = changes.map(|(_, event)| event.data["change"].as_str().unwrap()).collect();
    assert_eq!(changes, ["set", "set", "removed"]);
}

#[tokio::test]
async fn another_node_notices_within_ten_seconds() {
    let store = Arc::new(MemoryStore::new());
    let (own, other) = (shared(&store, 1).await, shared(&store, 2).await);
    assert!(message(&other, "a@example.com").await.0.contains("is your code"));
    own.ciam.templates().set(&Cause::system(), &confirm(), Some("New"), "{ $link } { $code }").await.unwrap();
    assert_eq!(message(&own, "b@example.com").await.0, "New");
    assert!(message(&other, "c@example.com").await.0.contains("is your code"), "what was read is believed");
    other.clock.advance(Duration::from_secs(10));
    assert_eq!(message(&other, "d@example.com").await.0, "New");
}

/// A node on this store, whose random numbers are its own.
async fn shared(store: &Arc<MemoryStore>, seed: u64) -> TestBed {
    TestBed::with(|builder| builder.shared_store(store.clone()).entropy(FixedEntropy::new(seed))).await
}

#[test]
fn what_was_read_before_a_change_is_not_kept_after_it() {
    let (cache, id, now) = (Cache::default(), confirm().id(), Timestamp::from_micros(0));
    let generation = cache.get(id, now).unwrap_err();
    cache.forget(id);
    cache.keep(generation, id, None, now);
    let generation = cache.get(id, now).unwrap_err();
    cache.keep(generation, id, None, now);
    assert!(cache.get(id, now + Duration::from_millis(9_999)).unwrap().is_none());
    assert!(cache.get(id, now + Duration::from_secs(10)).is_err());
}

#[tokio::test]
async fn a_template_is_for_one_language_and_its_varieties() {
    let bed = TestBed::with(|builder| {
        builder
            .store(MemoryStore::new())
            .language("nl-BE", "sign-in = Aanmelden")
            .default_language("nl-BE".parse().unwrap())
    })
    .await;
    let dutch = TemplateKey { language: "nl".parse().unwrap(), ..confirm() };
    let text = "Beste klant: { $code } of { $link }, { $code_for } geldig";
    bed.ciam.templates().set(&Cause::system(), &confirm(), Some("English"), "{ $code } { $link }").await.unwrap();
    assert!(message(&bed, "a@example.com").await.0.contains("is je code"), "English is not for Dutch readers");
    bed.ciam.templates().set(&Cause::system(), &dutch, Some("Code"), text).await.unwrap();
    bed.clock.advance(Duration::from_secs(10));
    let (subject, said) = message(&bed, "b@example.com").await;
    assert_eq!(subject, "Code");
    assert!(said.ends_with(", 10 minuten geldig\n"), "{said}");
}

#[tokio::test]
async fn a_template_that_is_not_sound_is_refused_and_changes_nothing() {
    let bed = TestBed::new().await;
    let set = |key: TemplateKey, subject: Option<&'static str>, text: &'static str| {
        let templates = bed.ciam.templates().clone();
        async move { templates.set(&Cause::system(), &key, subject, text).await.unwrap_err() }
    };
    let sound = "{ $code } { $link }";
    use TemplatePart::{Subject, Text};
    let elsewhere = TemplateKey { application: Application::id_of("other"), ..confirm() };
    assert!(matches!(set(elsewhere, Some("x"), sound).await, TemplateError::UnknownApplication));
    let unspoken = TemplateKey { language: "qaa".parse().unwrap(), ..confirm() };
    assert!(matches!(set(unspoken, Some("x"), sound).await, TemplateError::UnknownLanguage));
    assert!(matches!(set(confirm(), None, sound).await, TemplateError::NoSubject));
    let sms = key(TemplateName::ConfirmAddress, Channel::Sms);
    assert!(matches!(set(sms.clone(), Some("x"), "{ $code }").await, TemplateError::Subject));
    assert!(matches!(set(sms.clone(), None, "{ $link }").await, TemplateError::MissingVariable { variable: "code" }));
    for text in ["{ $code }", "{ $code } { $app ->\n [x] { $link }\n *[y] none\n}", "{ $code } { \"$link\" }"] {
        assert!(matches!(set(confirm(), Some("x"), text).await, TemplateError::MissingVariable { variable: "link" }));
    }
    let unknown = set(confirm(), Some("{ $name }"), sound).await;
    assert!(matches!(unknown, TemplateError::UnknownVariable { part: Subject, ref variable } if variable == "name"));
    for text in
        ["{ sign-in } { $code } { $link }", "{ NUMBER($code) } { $code } { $link }", "{ -brand } { $code } { $link }"]
    {
        assert!(matches!(set(confirm(), Some("x"), text).await, TemplateError::Refers { part: Text }), "{text}");
    }
    for (text, line) in [("{ $code", 1), ("a\nb } c\n{ $code } { $link }", 1), ("{ $code } { $link }\n{ $x ->\n}", 1)] {
        let error = set(confirm(), Some("x"), text).await;
        assert!(
            matches!(error, TemplateError::Syntax { part: Text, line: found } if found == line),
            "{error:?}: {text}"
        );
    }
    for subject in ["", " ", "a\nBcc: b", "a\rb", "a\u{1b}[2Jb", "a\u{202e}b"] {
        assert!(matches!(set(confirm(), Some(subject), sound).await, TemplateError::Characters { part: Subject }));
    }
    let long: &'static str = Box::leak("x".repeat(201).into_boxed_str());
    assert!(matches!(set(confirm(), Some(long), sound).await, TemplateError::TooLong { part: Subject, most: 200 }));
    let long: &'static str = Box::leak("x".repeat(10_001).into_boxed_str());
    assert!(matches!(set(confirm(), Some("x"), long).await, TemplateError::TooLong { part: Text, most: 10_000 }));
    let many: &'static str = Box::leak(format!("{}{sound}", " x\n".repeat(100)).into_boxed_str());
    assert!(matches!(set(confirm(), Some("x"), many).await, TemplateError::TooComplex { part: Text, most: 100 }));
    assert!(bed.ciam.templates().list(ApplicationId::DEFAULT).await.unwrap().is_empty());
    bed.ciam.templates().set(&Cause::system(), &sms, None, "{ $code }").await.unwrap();
}

#[tokio::test]
async fn nothing_in_a_template_becomes_another_text_of_the_file() {
    let bed = TestBed::new().await;
    let text = "{ $code } { $link }\n.subject = forged\n[one] x\n*[two] y\ntext = z\n# no comment\n-term = t";
    let said = bed.ciam.templates().preview(&confirm(), Some("Hello"), text).unwrap();
    assert_eq!(said.subject, "Hello");
    let rest = "\n.subject = forged\n[one] x\n*[two] y\ntext = z\n# no comment\n-term = t\n";
    assert_eq!(said.text, format!("123456 http://localhost:8080/example{rest}"));
}

#[tokio::test]
async fn every_message_can_be_looked_at_in_every_language_and_channel() {
    let bed = TestBed::new().await;
    for language in ["en", "nl"] {
        for name in TemplateName::ALL {
            for channel in [Channel::Email, Channel::Sms, Channel::Voice] {
                let key = TemplateKey { language: language.parse().unwrap(), ..key(name, channel) };
                let text = bed.ciam.templates().sample(&key).await.unwrap();
                assert!(!text.subject.is_empty() && !text.subject.contains('\n'), "{text:?}");
                for wanted in name.wanted(channel) {
                    let shown = if *wanted == "code" { "123456" } else { "http://localhost:8080/example" };
                    assert!(text.text.contains(shown), "{text:?}");
                }
                for left in ["{", "}", "message-", "$"] {
                    assert!(!text.text.contains(left) && !text.subject.contains(left), "{text:?}");
                }
                assert_eq!(TemplateName::parse(name.as_str()), Some(name));
            }
        }
    }
}

#[tokio::test]
async fn rg12_what_a_stranger_typed_is_text_in_a_template_of_an_operator() {
    let bed = TestBed::new().await;
    let ada = bed.user().email(ADA).name("{ $link } <b> .subject = x").password(PASSWORD).create().await;
    let known = key(TemplateName::AddressKnown, Channel::Email);
    bed.ciam.templates().set(&Cause::system(), &known, Some("For { $name }"), "{ $name }: { $link }").await.unwrap();
    let (subject, text) = message(&bed, ADA).await;
    assert_eq!(subject, "For { $link } <b> .subject = x");
    assert_eq!(text, "{ $link } <b> .subject = x: http://localhost:8080/sign-in\n");
    assert!(bed.ciam.users().get(ada.id).await.unwrap().is_some());
}
