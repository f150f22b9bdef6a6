//! Pages, problems and messages in the language of whoever reads them.

use axum::body::Body;
use axum::http::Method;
use axum::http::header::{ACCEPT_LANGUAGE, CONTENT_LANGUAGE, VARY};
use ciam_core::events::Cause;
use ciam_core::language::Languages;
use ciam_core::store::MemoryStore;

use super::*;
use crate::Problem;

impl Visitor {
    /// Opens a page with this `Accept-Language`.
    async fn get_in(&mut self, language: &str, path: &str) -> Reply {
        let request = self.request(Method::GET, path).header(ACCEPT_LANGUAGE, language).body(Body::empty());
        self.send(request.unwrap()).await
    }
}

fn is_in(reply: &Reply, language: &str) {
    assert!(
        reply.body.starts_with(&format!("<!doctype html>\n<html lang=\"{language}\" dir=\"ltr\">")),
        "{}",
        reply.body
    );
    assert_eq!(reply.headers[CONTENT_LANGUAGE], language);
    assert_eq!(reply.headers[VARY], "accept-language");
}

#[tokio::test]
async fn a_page_is_in_the_language_that_the_browser_asks_for() {
    let (_, app) = shop().await;
    let mut visitor = Visitor::browser(&app);
    for (header, language, heading) in [
        ("nl-BE,nl;q=0.9,en;q=0.5", "nl", "Inloggen"),
        ("en,nl;q=0.9", "en", "Sign in"),
        ("qaa", "en", "Sign in"),
        ("", "en", "Sign in"),
    ] {
        let page = visitor.get_in(header, "/sign-in").await;
        is_in(&page, language);
        assert_eq!(page.heading(), heading);
    }
}

#[tokio::test]
async fn nothing_on_a_dutch_page_is_said_in_english() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    let mut texts = String::new();
    for path in ["/account", "/account/sessions", "/no/such/page", "/verify?ticket=x"] {
        let page = ada.get_in("nl", path).await;
        is_in(&page, "nl");
        texts.push_str(&page.body);
    }
    let mut stranger = Visitor::browser(&app);
    for path in ["/sign-in", "/sign-up"] {
        texts.push_str(&stranger.get_in("nl", path).await.body);
    }
    assert!(stranger.get_in("nl", "/dev/mailbox").await.body.contains("Wat er is verstuurd"));
    for english in
        ["Sign", "sign in", "Your", "your ", "Skip", "Continue", "address", "There is", "last seen", "Account at"]
    {
        assert!(!texts.contains(english), "{english}: {texts}");
    }
}

#[tokio::test]
async fn the_profile_goes_before_the_browser_and_messages_follow_both() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    let page = ada.get_in("nl", "/sign-up").await;
    let ask = |path: &str, body: String, visitor: &Visitor| {
        let request = visitor.request(Method::POST, path).header(CONTENT_TYPE, FORM).header(ACCEPT_LANGUAGE, "nl");
        request.body(Body::from(body)).unwrap()
    };
    let journey = page.field("journey");
    let form = format!("journey={journey}&answer=identify&email=ada%40example.com");
    ada.send(ask("/sign-up", form, &ada)).await;
    let form = format!("journey={journey}&answer=new_password&new_password=vermilion+otter+quays&name=");
    ada.send(ask("/sign-up", form, &ada)).await;
    let message = bed.mail().await.remove(0);
    assert!(message.subject.ends_with(" is je code voor Test Shop"), "{}", message.subject);
    assert!(message.text.starts_with("Welkom bij Test Shop."), "{}", message.text);
    let code = bed.code_for(EMAIL).await;
    let form = format!("journey={journey}&answer=code&code={code}");
    ada.send(ask("/sign-up", form, &ada)).await;

    is_in(&ada.get_in("nl", "/account").await, "nl");
    let user = bed.ciam.users().by_email(&EMAIL.parse().unwrap()).await.unwrap().unwrap();
    bed.ciam.users().set_language(&Cause::system(), user, Some("en".parse().unwrap())).await.unwrap();
    is_in(&ada.get_in("nl", "/account").await, "en");
    is_in(&ada.get_in("nl", "/account/sessions").await, "en");
    is_in(&ada.get_in("nl", "/no/such/page").await, "nl");
    // A stranger who speaks Dutch wants to sign up with her address: the message to her is in her language.
    let mut stranger = Visitor::browser(&app);
    let journey = stranger.get_in("nl", "/sign-up").await.field("journey");
    let form = format!("journey={journey}&answer=identify&email=ada%40example.com");
    stranger.send(ask("/sign-up", form, &stranger)).await;
    let form = format!("journey={journey}&answer=new_password&new_password=vermilion+otter+quays&name=");
    stranger.send(ask("/sign-up", form, &stranger)).await;
    assert_eq!(bed.mail().await[0].subject, "You already have an account at Test Shop");
}

#[tokio::test]
async fn problems_are_said_in_the_client_s_language_and_keep_their_names() {
    let (_, app) = shop().await;
    let mut program = Visitor::program(&app);
    let reply = program.get_in("nl", "/api/v1/session").await;
    assert_eq!(reply.problem(), "no_session");
    assert_eq!(reply.json()["title"], "Log eerst in");
    assert_eq!(reply.headers[CONTENT_LANGUAGE], "nl");
    assert_eq!(reply.headers["www-authenticate"], "Bearer");
    let journey = program.begin("sign_up").await;
    let answer = json!({ "answer": { "type": "identify", "email": "nobody" } }).to_string();
    let request = program.request(Method::POST, &format!("/api/v1/journeys/{journey}"));
    let request = request.header(CONTENT_TYPE, JSON).header(ACCEPT_LANGUAGE, "nl").body(Body::from(answer)).unwrap();
    let reply = program.send(request).await;
    assert_eq!(reply.problem(), "wrong_input");
    assert_eq!(reply.json()["mistake"], "invalid_email");
    assert_eq!(reply.json()["detail"], "Vul een e-mailadres in, zoals ada@example.com.");
    assert_eq!(reply.json()["prompt"]["type"], "identify");
}

#[tokio::test]
async fn every_problem_has_its_texts() {
    let english = Languages::builtin().english();
    for problem in Problem::all() {
        for text in [problem.title(&english), problem.detail(&english)] {
            assert!(!text.starts_with("problem-"), "{text}");
        }
        assert_eq!(problem.to_string(), problem.title(&english));
    }
}

#[tokio::test]
async fn a_host_adds_a_language_with_one_file_and_a_default() {
    let arabic = "sign-in = تسجيل الدخول";
    let bed = TestBed::with(|builder| {
        let builder = builder.store(MemoryStore::new()).language("ar", arabic).language("en", "sign-in = Log in");
        builder.default_language("nl".parse().unwrap())
    })
    .await;
    let app = around(&bed, Router::new());
    let mut visitor = Visitor::browser(&app);
    let page = visitor.get_in("ar-EG", "/sign-in").await;
    assert!(page.body.contains("<html lang=\"ar\" dir=\"rtl\">"), "{}", page.body);
    assert_eq!(page.heading(), "تسجيل الدخول");
    assert!(page.body.contains("Email address"), "what is left out is English");
    assert_eq!(visitor.get_in("en", "/sign-in").await.heading(), "Log in");
    assert_eq!(visitor.get("/sign-in").await.heading(), "Inloggen");
}
