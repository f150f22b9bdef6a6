use axum::http::StatusCode;
use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_person_signs_up_signs_out_and_signs_in() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    let page = ada.get("/sign-up").await;
    assert_eq!((page.status, page.heading()), (StatusCode::OK, "Create your account"));
    let page = ada.answer(&page, &[("email", " Ada@Example.com ")]).await;
    assert_eq!(page.heading(), "Choose a password");
    assert!(page.body.contains("autocomplete=\"new-password\""));
    let page = ada.answer(&page, &[("new_password", PASSWORD), ("name", "Ada <b>")]).await;
    assert_eq!(page.heading(), "Check your messages");
    assert!(page.body.contains("inputmode=\"numeric\" autocomplete=\"one-time-code\""));
    assert!(!ada.jar.contains_key("ciam_session"));

    let message = bed.mail().await.remove(0);
    let code = bed.code_for(&message.to).await;
    let reply = ada.submit(&page, &[("code", &code)]).await;
    assert_eq!((reply.status, reply.location()), (StatusCode::SEE_OTHER, "/account".to_owned()));
    let page = ada.get("/account").await;
    assert_eq!(page.heading(), "Hello, Ada &lt;b&gt;");
    assert!(page.body.contains(&message.to));

    let reply = ada.post("/sign-out", &[]).await;
    assert_eq!((reply.status, reply.location()), (StatusCode::SEE_OTHER, "/".to_owned()));
    assert!(!ada.jar.contains_key("ciam_session"));
    let reply = ada.get("/account").await;
    assert_eq!(reply.location(), "/sign-in?return_to=%2Faccount");

    let page = ada.get(&reply.location()).await;
    let page = ada.answer(&page, &[("email", EMAIL)]).await;
    assert_eq!(page.heading(), "Enter your password");
    assert!(page.body.contains("autocomplete=\"username\" value=\""), "password managers need the address");
    let reply = ada.submit(&page, &[("password", PASSWORD)]).await;
    assert_eq!((reply.status, reply.location()), (StatusCode::SEE_OTHER, "/account".to_owned()));
    assert_eq!(ada.get("/account").await.status, StatusCode::OK);
}

#[tokio::test]
async fn wrong_input_is_said_beside_what_was_typed() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    let page = ada.get("/sign-up").await;
    let page = ada.answer(&page, &[("email", "no \"address\"")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(page.alert(), Some("Enter an email address, such as ada@example.com."));
    assert!(page.body.contains("value=\"no &quot;address&quot;\" aria-invalid=\"true\" aria-describedby=\"error\""));
    assert!(page.body.contains("<title>Error: Create your account"));

    let page = ada.answer(&page, &[("email", EMAIL)]).await;
    let page = ada.answer(&page, &[("new_password", "short"), ("name", "Ada")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.alert().unwrap().starts_with("Use at least 15 characters"));
    assert!(page.body.contains("aria-invalid=\"true\" aria-describedby=\"error rules\""));
    assert_eq!(page.field("name"), "Ada");
    assert!(!page.body.contains("short"), "a password is never echoed");

    let page = ada.answer(&page, &[("new_password", PASSWORD), ("name", "Ada")]).await;
    let wrong = if bed.code_for(EMAIL).await == "000000" { "000001" } else { "000000" };
    let page = ada.answer(&page, &[("code", wrong)]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(page.alert(), Some("This is not the code from the latest message."));
    let page = ada.answer(&page, &[("answer", "continue")]).await;
    assert_eq!(page.alert(), Some("The link was not followed yet. Follow it first, or enter the code."));
}

#[tokio::test]
async fn a_page_can_be_reloaded_and_answers_nothing_by_it() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    let page = ada.get("/sign-up").await;
    let reply = ada.submit(&page, &[("email", EMAIL)]).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER);
    for _ in 0..2 {
        assert_eq!(ada.get(&reply.location()).await.heading(), "Choose a password");
    }
    assert!(bed.mail().await.is_empty());
}

#[tokio::test]
async fn showing_a_page_writes_nothing() {
    let (_, app, store) = on_a_faulty_store().await;
    for path in ["/sign-in", "/sign-up", "/sign-in?return_to=%2Forders"] {
        assert_eq!(Visitor::browser(&app).get(path).await.status, StatusCode::OK);
    }
    Visitor::program(&app).begin("sign_up").await;
    assert_eq!(store.commits(), 0);
    let mut ada = Visitor::browser(&app);
    let page = ada.get("/sign-in").await;
    ada.submit(&page, &[("email", EMAIL)]).await;
    assert_ne!(store.commits(), 0, "the first answer does");
}

#[tokio::test]
async fn a_second_message_is_sent_when_it_is_time() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    let page = ada.sign_up_until_code(EMAIL).await;
    let early = ada.submit(&page, &[("answer", "resend")]).await;
    assert_eq!(early.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(early.headers.contains_key("retry-after"));
    assert!(early.alert().unwrap().starts_with("There were too many tries. Please try again in "));
    assert_eq!(early.heading(), "Check your messages");

    bed.clock.advance(Duration::from_secs(120));
    let first = bed.code_for(EMAIL).await;
    let page = ada.answer(&page, &[("answer", "resend")]).await;
    assert!(page.body.contains("Another message is on its way."));
    let second = bed.code_for(EMAIL).await;
    assert_ne!(first, second);
    let reply = ada.submit(&page, &[("code", &second)]).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_journey_that_is_not_known_here_begins_again() {
    let (_, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    let page = ada.get("/sign-in").await;
    let reply = ada.submit(&page, &[("email", EMAIL)]).await;
    for mut stranger in [Visitor::browser(&app), {
        let mut other = Visitor::browser(&app);
        other.get("/sign-in").await;
        other
    }] {
        let page = stranger.get(&reply.location()).await;
        assert_eq!((page.status, page.heading()), (StatusCode::NOT_FOUND, "This has expired"));
        assert!(page.body.contains("<a class=\"button\" href=\"/sign-in\">Start again</a>"));
        let page = stranger.post("/sign-in", &[("journey", "jny_x"), ("answer", "identify"), ("email", EMAIL)]).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn an_answer_to_a_journey_that_is_done_goes_on_to_the_account() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    let mut ada = Visitor::browser(&app);
    let page = ada.get("/sign-in").await;
    let page = ada.answer(&page, &[("email", EMAIL)]).await;
    assert_eq!(ada.submit(&page, &[("password", PASSWORD)]).await.status, StatusCode::SEE_OTHER);
    let again = ada.submit(&page, &[("password", PASSWORD)]).await;
    assert_eq!((again.status, again.location()), (StatusCode::SEE_OTHER, "/account".to_owned()));
}

#[tokio::test]
async fn an_answer_to_an_earlier_prompt_gets_the_present_one() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    let mut ada = Visitor::browser(&app);
    let first = ada.get("/sign-in").await;
    ada.submit(&first, &[("email", EMAIL)]).await;
    let page = ada.submit(&first, &[("email", EMAIL)]).await;
    assert!(page.status.is_client_error());
    assert_eq!(page.heading(), "Enter your password");
    assert_eq!(ada.submit(&page, &[("password", PASSWORD)]).await.location(), "/account");
}

#[tokio::test]
async fn sign_out_takes_what_binds_journeys_to_the_browser_too() {
    let (bed, app) = shop().await;
    for by_page in [true, false] {
        let mut ada = Visitor::browser(&app);
        ada.sign_up(&bed, &format!("{by_page}@example.com")).await;
        assert_eq!(ada.jar.len(), 3);
        let reply = if by_page {
            ada.post("/sign-out", &[]).await
        } else {
            ada.call(Method::DELETE, "/api/v1/session", Value::Null).await
        };
        assert_eq!(ada.jar.keys().collect::<Vec<_>>(), ["ciam_device"], "{:?}", reply.headers);
    }
}

#[tokio::test]
async fn se6_an_unusable_way_back_is_ignored() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    for bad in ["%2Fa%22b", "%2Fa%3Cb", "%2Fa%60b", "`", "%ff", ""] {
        let path = format!("/sign-in?return_to={bad}");
        let mut ada = Visitor::browser(&app);
        let page = ada.get(&path).await;
        assert_eq!((page.status, page.heading()), (StatusCode::OK, "Sign in"), "{bad}");
        let page = ada.answer(&page, &[("email", EMAIL), ("return_to", "/a\"b")]).await;
        assert_eq!(ada.submit(&page, &[("password", PASSWORD)]).await.location(), "/account", "{bad}");
        assert_eq!(ada.get(&path).await.location(), "/account", "{bad}");
        assert_eq!(ada.post(&format!("/sign-out?return_to={bad}"), &[]).await.location(), "/", "{bad}");
    }
}

#[tokio::test]
async fn a_new_password_comes_before_the_optional_name() {
    let (_, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    let page = ada.get("/sign-up").await;
    let page = ada.answer(&page, &[("email", EMAIL)]).await;
    let input = |page: &Reply, name: &str| {
        let at = page.body.find(&format!("<input id=\"{name}\"")).unwrap();
        (at, page.body[at..].split('>').next().unwrap().contains(" autofocus"))
    };
    let (password, name) = (input(&page, "new_password"), input(&page, "name"));
    assert!(password.0 < name.0);
    assert_eq!((password.1, name.1), (true, false));
    let page = ada.answer(&page, &[("new_password", PASSWORD), ("name", &"x".repeat(65))]).await;
    assert_eq!(page.alert(), Some("Use a name of 1 to 64 letters."));
    assert_eq!((input(&page, "new_password").1, input(&page, "name").1), (false, true), "to what is to be mended");
}

#[tokio::test]
async fn whoever_is_signed_in_is_not_asked_again() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    assert_eq!(ada.get("/sign-in?return_to=%2Forders").await.location(), "/orders");
    assert_eq!(ada.get("/sign-up").await.location(), "/account");
}

#[tokio::test]
async fn the_way_back_is_kept_through_the_journey() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    let mut ada = Visitor::browser(&app);
    let page = ada.get("/sign-in?return_to=%2Forders%3Fid%3D1").await;
    assert!(page.body.contains("href=\"/sign-up?return_to=%2Forders%3Fid%3D1\""));
    let page = ada.answer(&page, &[("email", EMAIL), ("return_to", "/orders?id=1")]).await;
    assert!(page.body.contains("href=\"/sign-in?return_to=%2Forders%3Fid%3D1\""), "to start again");
    assert_eq!(ada.submit(&page, &[("password", PASSWORD)]).await.location(), "/orders?id=1");
}

#[tokio::test]
async fn an_overloaded_hasher_is_told_on_the_page() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    let mut ada = Visitor::browser(&app);
    bed.hasher.overload(Some(Duration::from_millis(1500)));
    let page = ada.sign_in(EMAIL, PASSWORD).await;
    assert_eq!((page.status, page.headers["retry-after"].to_str().unwrap()), (StatusCode::SERVICE_UNAVAILABLE, "2"));
    assert_eq!(page.heading(), "Enter your password");
    bed.hasher.overload(None);
    assert_eq!(ada.submit(&page, &[("password", PASSWORD)]).await.status, StatusCode::SEE_OTHER);
}
