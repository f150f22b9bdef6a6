use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use ciam_core::identifiers::{Asked, IdentifierKind, IdentifierPolicy, Proving};
use serde_json::json;

use super::*;

const OTHER: &str = "ada@work.example";

/// A shop whose people are found by more than an address.
async fn shop_with(policy: IdentifierPolicy) -> (TestBed, Router) {
    let bed = TestBed::with(|builder| builder.store(MemoryStore::new()).identifiers(policy)).await;
    let app = around(&bed, Router::new());
    (bed, app)
}

fn all_kinds() -> IdentifierPolicy {
    IdentifierPolicy::new()
        .sign_up(IdentifierKind::Email, Proving::AtSignUp)
        .sign_up(IdentifierKind::Phone, Proving::AtSignUp)
        .username(Asked::Optional)
}

/// Adds an address by pages, the whole way.
async fn add(ada: &mut Visitor, bed: &TestBed, field: &str, value: &str) {
    let page = ada.get(&format!("/account/add?only={field}")).await;
    let page = ada.answer(&page, &[(field, value), ("only", field)]).await;
    let code = bed.code_for(value).await;
    let reply = ada.submit(&page, &[("code", &code)]).await;
    assert_eq!(reply.location(), "/account/profile?done=added", "{}", reply.body);
}

async fn identifiers(ada: &mut Visitor) -> Vec<Value> {
    ada.get("/api/v1/account/identifiers").await.json()["identifiers"].as_array().unwrap().clone()
}

async fn id_of(ada: &mut Visitor, value: &str) -> String {
    let all = identifiers(ada).await;
    let own = all.iter().find(|own| own["value"] == value).unwrap_or_else(|| panic!("no {value} in {all:?}"));
    own["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_name_is_given_changed_and_taken_away() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    let reply = ada.post("/account/profile", &[("name", " Ada <b> ")]).await;
    let page = ada.get(&reply.location()).await;
    assert_eq!((page.heading(), page.field("name")), ("Your profile", "Ada &lt;b&gt;".to_owned()));
    assert!(page.body.contains("role=\"status\">Your profile is saved."));
    let page = ada.post("/account/profile", &[("name", &"x".repeat(65))]).await;
    assert_eq!((page.status, page.alert()), (StatusCode::UNPROCESSABLE_ENTITY, Some("Use a name of 1 to 64 letters.")));
    assert_eq!(page.field("name").len(), 65, "what was typed stands there to be mended");
    ada.post("/account/profile", &[("name", "")]).await;
    assert_eq!(ada.get("/api/v1/account/profile").await.json()["name"], json!(null));

    let path = "/api/v1/account/profile";
    let reply = ada.call(Method::PATCH, path, json!({"name": "Ada"})).await;
    assert_eq!((reply.status, &reply.json()["name"]), (StatusCode::OK, &json!("Ada")));
    assert_eq!(ada.call(Method::PATCH, path, json!({})).await.json()["name"], json!("Ada"), "left out: as it was");
    let reply = ada.call(Method::PATCH, path, json!({"name": "a\r\nb"})).await;
    assert_eq!((reply.problem().as_str(), &reply.json()["mistake"]), ("wrong_input", &json!("invalid_name")));
    assert_eq!(ada.call(Method::PATCH, path, json!({"name": null})).await.json()["name"], json!(null));
}

#[tokio::test]
async fn rg8_nobody_gives_themselves_more_than_a_name() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::program(&app);
    ada.sign_up(&bed, EMAIL).await;
    let before = (ada.get("/api/v1/account").await.json(), identifiers(&mut ada).await);
    for privilege in [
        json!({"email_verified": true}),
        json!({"email": "boss@example.com"}),
        json!({"role": "admin"}),
        json!({"status": "active"}),
        json!({"banned": false}),
        json!({"id": "usr_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c"}),
        json!({"epoch": 0}),
        json!({"identifiers": []}),
        json!({"created_at": "1970-01-01T00:00:00Z"}),
        json!({"name": {"first": "Ada"}}),
        json!(["name"]),
    ] {
        let mut with_name = privilege.clone();
        if let Some(members) = with_name.as_object_mut() {
            members.entry("name").or_insert(json!("Eve"));
        }
        for body in [privilege, with_name] {
            let reply = ada.call(Method::PATCH, "/api/v1/account/profile", body.clone()).await;
            assert_eq!(reply.problem(), "unexpected_members", "{body}");
        }
        ada.post("/account/profile", &[("name", ""), ("email_verified", "true"), ("role", "admin")]).await;
    }
    assert_eq!((ada.get("/api/v1/account").await.json(), identifiers(&mut ada).await), before);
    let id = ada.begin("sign_up").await;
    let extra = json!({"type": "identify", "email": "eve@example.com", "verified": true, "role": "admin"});
    assert_eq!(ada.tell(&id, extra).await.json()["prompt"]["type"], "new_password", "ignored");
}

#[tokio::test]
async fn an_address_is_added_by_its_code_and_is_a_way_in() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    let page = ada.get("/account/profile").await;
    assert_eq!(page.link("Add an email address"), "/account/add?only=email");
    let page = ada.get("/account/add?only=email").await;
    assert_eq!(page.heading(), "Add an email address");
    assert!(page.body.contains("type=\"email\" inputmode=\"email\" autocomplete=\"email\""));
    let again = ada.answer(&page, &[("email", EMAIL)]).await;
    assert_eq!(again.alert(), Some("Your account has this already."));
    add(&mut ada, &bed, "email", OTHER).await;
    let page = ada.get("/account/profile?done=added").await;
    assert!(page.body.contains(OTHER) && page.body.contains("role=\"status\">Your account has it now."));
    assert_eq!(page.body.matches(">Main</span>").count(), 1);
    assert!(bed.sign_in(OTHER, PASSWORD).await.is_ok());
    assert!(bed.mail().await[0].subject.starts_with("An email address was added"), "the owner is told");
}

#[tokio::test]
async fn ot5_the_link_of_an_addition_works_where_it_was_begun_and_nowhere_else() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    let page = ada.get("/account/add?only=email").await;
    let waiting = ada.answer(&page, &[("email", OTHER)]).await;
    let ticket = bed.ticket_for(OTHER).await;
    let mut phone = Visitor::browser(&app);
    let page = phone.get(&format!("/verify?ticket={ticket}")).await;
    assert!(page.body.contains("Someone asked to add it to their account"), "{}", page.body);
    assert_eq!((page.heading(), page.body.contains("<button")), ("Enter the code instead", false));
    let page = phone.post("/verify", &[("ticket", &ticket)]).await;
    assert_eq!((page.status, page.heading()), (StatusCode::OK, "Enter the code instead"));
    assert!(!phone.jar.contains_key("ciam_session"));
    assert_eq!(identifiers(&mut ada).await.len(), 1, "nothing happened");
    let code = bed.code_for(OTHER).await;
    assert_eq!(ada.submit(&waiting, &[("code", &code)]).await.location(), "/account/profile?done=added");
    assert_eq!(identifiers(&mut ada).await.len(), 2);

    let page = ada.get("/account/add?only=email").await;
    ada.answer(&page, &[("email", "third@example.com")]).await;
    let ticket = bed.ticket_for("third@example.com").await;
    assert_eq!(ada.post("/verify", &[("ticket", &ticket)]).await.location(), "/account/profile?done=added");
}

#[tokio::test]
async fn rg6_of_two_additions_at_once_each_code_and_link_confirms_the_address_that_it_went_to() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    let (one, two) = ("one@example.com", "two@example.com");
    let first = ada.get("/account/add").await;
    let first = ada.answer(&first, &[("email", one)]).await;
    bed.clock.advance(Duration::from_secs(1));
    let second = ada.get("/account/add").await;
    let second = ada.answer(&second, &[("email", two)]).await;
    let (code, ticket) = (bed.code_for(two).await, bed.ticket_for(one).await);
    let crossed = ada.answer(&first, &[("code", &code)]).await;
    assert_eq!(crossed.status, StatusCode::UNPROCESSABLE_ENTITY, "a code of the other message");
    ada.post("/verify", &[("ticket", &ticket)]).await;
    let values = |all: Vec<Value>| all.iter().map(|own| own["value"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(values(identifiers(&mut ada).await), [EMAIL, one]);
    bed.clock.advance(Duration::from_secs(1));
    ada.submit(&second, &[("code", &code)]).await;
    assert_eq!(values(identifiers(&mut ada).await), [EMAIL, one, two]);
}

#[tokio::test]
async fn an_addition_in_an_old_session_asks_for_the_password_and_keeps_the_browser_signed_in() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    bed.clock.advance(Duration::from_mins(16));
    let before = ada.jar["ciam_session"].clone();
    let page = ada.get("/account/add?only=email").await;
    assert_eq!(page.heading(), "Confirm that it is you");
    let page = ada.answer(&page, &[("password", PASSWORD), ("only", "email")]).await;
    assert_eq!(page.heading(), "Add an email address", "the kind that was meant is not forgotten");
    assert_ne!(ada.jar["ciam_session"], before, "the cookie follows the session before the journey's end");
    assert_eq!(ada.get("/account").await.status, StatusCode::OK);
    let page = ada.answer(&page, &[("email", OTHER), ("only", "email")]).await;
    let code = bed.code_for(OTHER).await;
    assert_eq!(ada.submit(&page, &[("code", &code)]).await.location(), "/account/profile?done=added");

    // The same for a client that keeps its token itself.
    bed.clock.advance(Duration::from_mins(16));
    let opened = bed.sign_in(EMAIL, PASSWORD).await.unwrap();
    bed.clock.advance(Duration::from_mins(16));
    let mut device = Visitor::program(&app);
    let call = async |device: &mut Visitor, path: &str, bearer: &str, body: Value| {
        let request = device.request(Method::POST, path).header(CONTENT_TYPE, JSON);
        let request = request.header(AUTHORIZATION, format!("Bearer {bearer}"));
        device.send(request.body(Body::from(body.to_string())).unwrap()).await
    };
    let begin = json!({"kind": "add_identifier", "transport": "bearer"});
    let begun = call(&mut device, "/api/v1/journeys", opened.bearer.expose(), begin).await.json();
    assert_eq!(begun["prompt"]["type"], "password");
    let (path, secret) =
        (format!("/api/v1/journeys/{}", begun["id"].as_str().unwrap()), begun["secret"].as_str().unwrap());
    let answer = json!({"answer": {"type": "password", "password": PASSWORD}});
    let reply = call(&mut device, &path, secret, answer).await.json();
    assert_eq!(reply["prompt"]["type"], "identify");
    let token = reply["session"]["token"].as_str().unwrap();
    assert!(bed.ciam.sessions().check(opened.bearer.expose()).await.unwrap().is_none());
    assert!(bed.ciam.sessions().check(token).await.unwrap().is_some());
    assert!(device.jar.is_empty());
}

#[tokio::test]
async fn an_address_is_removed_after_a_fresh_proof() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    add(&mut ada, &bed, "email", OTHER).await;
    let id = id_of(&mut ada, OTHER).await;
    let question = format!("/account/identifiers/{id}/remove");
    assert!(ada.get("/account/profile").await.body.contains(&format!("href=\"{question}\"")));
    bed.clock.advance(Duration::from_mins(16));
    let reply = ada.post(&question, &[]).await;
    assert!(reply.location().starts_with("/step-up?return_to=%2Faccount%2Fidentifiers%2Fidf_"), "{}", reply.location());
    let reply = ada.get(&question).await;
    let page = ada.get(&reply.location()).await;
    let page = ada.answer(&page, &[("password", PASSWORD)]).await;
    assert_eq!(page.heading(), "Remove it?");
    assert!(page.body.contains(OTHER));
    assert_eq!(ada.post(&question, &[]).await.location(), "/account/profile?done=removed");
    assert!(bed.sign_in(OTHER, PASSWORD).await.is_err());
    assert_eq!(ada.get(&question).await.status, StatusCode::NOT_FOUND);

    let last = id_of(&mut ada, EMAIL).await;
    let question = format!("/account/identifiers/{last}/remove");
    for page in [ada.get(&question).await, ada.post(&question, &[]).await] {
        assert_eq!((page.status, page.heading()), (StatusCode::CONFLICT, "The last one stays"));
        assert_eq!(page.link("Go to your profile"), "/account/profile");
    }
}

#[tokio::test]
async fn only_what_an_account_can_do_without_is_offered_to_be_removed() {
    let (bed, app) = shop_with(all_kinds()).await;
    let mut ada = Visitor::browser(&app);
    bed.sign_up(EMAIL, PASSWORD).await;
    let page = ada.get("/sign-in").await;
    let page = ada.answer(&page, &[("identifier", EMAIL)]).await;
    ada.submit(&page, &[("password", PASSWORD)]).await;
    let offered = async |ada: &mut Visitor| ada.get("/account/profile").await.body.matches("/remove\"").count();
    let removable = async |ada: &mut Visitor| {
        let of = |own: &Value| own["removable"].as_bool().unwrap();
        identifiers(ada).await.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!((offered(&mut ada).await, removable(&mut ada).await), (0, vec![false]));
    let page = ada.get("/account/add?only=username").await;
    ada.submit(&page, &[("username", "countess")]).await;
    assert_eq!((offered(&mut ada).await, removable(&mut ada).await), (1, vec![false, true]), "no name recovers it");
    let username = id_of(&mut ada, "countess").await;
    assert!(ada.get("/account/profile").await.body.contains(&format!("/account/identifiers/{username}/remove\"")));
    add(&mut ada, &bed, "email", OTHER).await;
    assert_eq!((offered(&mut ada).await, removable(&mut ada).await), (3, vec![true; 3]));
}

#[tokio::test]
async fn an_address_is_removed_by_json_after_a_fresh_proof() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::program(&app);
    ada.sign_up(&bed, EMAIL).await;
    let journey = ada.begin("add_identifier").await;
    let reply = ada.tell(&journey, json!({"type": "identify", "email": OTHER})).await;
    assert_eq!((&reply.json()["prompt"]["type"], &reply.json()["prompt"]["to"]), (&json!("code"), &json!(OTHER)));
    let reply = ada.tell(&journey, json!({"type": "code", "code": bed.code_for(OTHER).await})).await;
    assert_eq!(reply.json()["prompt"]["type"], "done");
    let all = identifiers(&mut ada).await;
    assert_eq!(
        (&all[0]["primary"], &all[1]["primary"], &all[1]["verified"]),
        (&json!(true), &json!(false), &json!(true))
    );
    let path = format!("/api/v1/account/identifiers/{}", all[1]["id"].as_str().unwrap());
    bed.clock.advance(Duration::from_mins(16));
    let reply = ada.call(Method::DELETE, &path, Value::Null).await;
    assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::FORBIDDEN, "fresh_sign_in_required"));
    assert_eq!(reply.json()["max_age"], 900);
    let journey = ada.begin("step_up").await;
    let reply = ada.tell(&journey, json!({"type": "password", "password": PASSWORD})).await;
    assert_eq!(reply.json()["prompt"]["type"], "done");
    assert_eq!(ada.call(Method::DELETE, &path, Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(ada.call(Method::DELETE, &path, Value::Null).await.problem(), "not_found");
    let last = format!("/api/v1/account/identifiers/{}", all[0]["id"].as_str().unwrap());
    assert_eq!(ada.call(Method::DELETE, &last, Value::Null).await.problem(), "last_identifier");

    let mut eve = Visitor::program(&app);
    eve.sign_up(&bed, "eve@example.com").await;
    assert_eq!(eve.call(Method::DELETE, &last, Value::Null).await.problem(), "not_found", "somebody else's");
    for nonsense in ["x", "usr_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c", "%00", "%ff"] {
        let path = format!("/api/v1/account/identifiers/{nonsense}");
        assert_eq!(eve.call(Method::DELETE, &path, Value::Null).await.problem(), "not_found", "{nonsense}");
    }
}

#[tokio::test]
async fn where_several_kinds_are_taken_one_field_takes_them_all() {
    let (bed, app) = shop_with(all_kinds()).await;
    let mut ada = Visitor::browser(&app);
    let page = ada.get("/sign-up").await;
    assert!(page.body.contains("<label for=\"identifier\">Email address or phone number</label>"), "{}", page.body);
    assert!(page.body.contains("name=\"identifier\" type=\"text\" inputmode=\"email\" autocomplete=\"username\""));
    let page = ada.answer(&page, &[("identifier", "+31 6 12345678")]).await;
    assert!(page.body.contains("name=\"username\" type=\"text\" autocomplete=\"username\""), "{}", page.body);
    assert!(page.body.contains("Username <span class=\"muted\">(optional)</span>"));
    let page = ada.answer(&page, &[("new_password", PASSWORD), ("name", ""), ("username", "a b")]).await;
    assert_eq!(page.field("username"), "a b", "{}", page.body);
    assert!(page.alert().unwrap().starts_with("Use a username of 3 to 32"));
    let page = ada.answer(&page, &[("new_password", PASSWORD), ("name", ""), ("username", "Ada.L")]).await;
    assert_eq!(page.heading(), "Check your messages");
    let code = bed.code_for("+31612345678").await;
    assert_eq!(ada.submit(&page, &[("code", &code)]).await.location(), "/account");
    let shown = ada.get("/dev/mailbox.json").await.json();
    assert_eq!((&shown[0]["channel"], &shown[0]["to"]), (&json!("sms"), &json!("+31612345678")));

    for who in ["ada.l", "0031 6 12345678", "+31 (0)6 1234-5678"] {
        let mut phone = Visitor::browser(&app);
        let page = phone.get("/sign-in").await;
        assert!(page.body.contains(">Email address, phone number or username</label>"));
        let page = phone.answer(&page, &[("identifier", who)]).await;
        let reply = phone.submit(&page, &[("password", PASSWORD)]).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{who}");
    }
    let page = ada.get("/account/profile").await;
    assert_eq!(page.link("Change your username"), "/account/add?only=username");
    let page = ada.get("/account/add?only=phone").await;
    assert!(page.body.contains("name=\"phone\" type=\"tel\" inputmode=\"tel\" autocomplete=\"tel\""));
    let page = ada.get("/account/add?only=username").await;
    let reply = ada.submit(&page, &[("username", "countess")]).await;
    assert_eq!(reply.location(), "/account/profile?done=added", "a username needs no message");
    let mut recovering = Visitor::browser(&app);
    let page = recovering.get("/recover").await;
    let page = recovering.answer(&page, &[("identifier", "Countess")]).await;
    assert_eq!(page.heading(), "Check your messages");
    assert!(!page.body.contains("+316"), "to what the account has, and it is not told");
}

#[tokio::test]
async fn an_address_that_was_not_proved_yet_is_confirmed_from_the_profile() {
    let policy = IdentifierPolicy::new().sign_up(IdentifierKind::Email, Proving::Later).username(Asked::Required);
    let (bed, app) = shop_with(policy).await;
    let mut ada = Visitor::browser(&app);
    let page = ada.get("/sign-up").await;
    let page = ada.answer(&page, &[("email", EMAIL)]).await;
    assert!(page.body.contains("name=\"username\" type=\"text\" autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\" required"));
    let missing = ada.answer(&page, &[("new_password", PASSWORD), ("name", ""), ("username", "")]).await;
    assert_eq!(missing.alert(), Some("Choose a username."));
    let reply = ada.submit(&page, &[("new_password", PASSWORD), ("name", ""), ("username", "ada")]).await;
    assert_eq!(reply.location(), "/account");
    let page = ada.get("/account/profile").await;
    assert!(page.body.contains(">Not confirmed</span>"));
    let page = ada.get(&page.link("Confirm")).await;
    assert_eq!((page.heading(), page.field("email")), ("Add an email address", EMAIL.to_owned()));
    let page = ada.answer(&page, &[("email", EMAIL)]).await;
    let code = bed.code_for(EMAIL).await;
    ada.submit(&page, &[("code", &code)]).await;
    let all = identifiers(&mut ada).await;
    assert_eq!(all.iter().filter(|own| own["value"] == EMAIL && own["verified"] == true).count(), 1, "{all:?}");
    assert_eq!(all.len(), 2);
}
