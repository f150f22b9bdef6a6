use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::*;
use crate::events::Event;
use crate::passwords::PasswordCredential;
use crate::secret::Secret;
use crate::store::{MemoryStore, Position};
use crate::testing::{Fault, FaultyStore, TestBed, in_parallel, opened};

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "vermilion otter quays";

/// What a shop keeps of a customer: points, and an invitation that only one can use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Customer {
    id: UserId,
    points: u32,
    invitation: Option<String>,
}

impl Customer {
    const BY_INVITATION: Index<Customer, Option<String>> =
        Index::new("invitation", |customer: &Customer| customer.invitation.clone()).unique();
}

impl Record for Customer {
    type Id = UserId;
    const COLLECTION: Collection<Self> = Collection::new("shop_customers").index(&Customer::BY_INVITATION);

    fn id(&self) -> UserId {
        self.id
    }
}

fn new(email: &str) -> NewUser {
    NewUser::new(email.parse::<crate::email::Email>().unwrap())
}

async fn events(bed: &TestBed) -> Vec<String> {
    let events = bed.ciam.store().tail::<Event>(Position::START, 1000).await.unwrap();
    events.into_iter().map(|(_, event)| event.name).collect()
}

#[test]
fn names_hold_no_line_breaks_and_have_an_end() {
    assert_eq!(DisplayName::parse("  Ada <b>L</b>  ").unwrap().as_str(), "Ada <b>L</b>");
    for text in
        ["", "   ", "a\r\nBcc: x", "a\u{1b}[2J", "a\u{202E}b", "a\u{200B}b", "a\u{61C}", "\u{E0041}", &"x".repeat(65)]
    {
        assert_eq!(DisplayName::parse(text), Err(InvalidName), "{text:?}");
        let document = serde_json::to_string(text).unwrap();
        assert!(serde_json::from_str::<DisplayName>(&document).is_err(), "nor does a document hold it: {text:?}");
    }
}

#[tokio::test]
async fn a_user_made_without_a_journey_signs_in_like_any_other() {
    let bed = TestBed::new().await;
    let name = DisplayName::parse("Ada").unwrap();
    let with_password = new(EMAIL).name(name.clone()).password(Secret::new(PASSWORD.to_owned()));
    let ada = bed.ciam.users().create(&Cause::system(), with_password).await.unwrap();
    assert_eq!(bed.sign_in(EMAIL, PASSWORD).await.unwrap().session.user, ada.id);
    let profile = bed.ciam.users().profile(ada.id).await.unwrap().unwrap();
    assert_eq!((profile.user.name.as_ref(), profile.status), (Some(&name), UserStatus::Active));
    assert_eq!(profile.email().unwrap().as_str(), EMAIL);
    assert!(bed.mailbox.messages().is_empty());
    let bare = bed.ciam.users().create(&Cause::system(), new("bob@example.com")).await.unwrap();
    assert!(bed.sign_in("bob@example.com", PASSWORD).await.is_err(), "no password is good");
    assert!(bed.ciam.users().get(bare.id).await.unwrap().unwrap().name.is_none());
    assert!(bed.ciam.users().profile(bed.ciam.entropy().id(ada.created)).await.unwrap().is_none());
}

#[test]
fn lg3_no_name_and_no_username_can_forge_a_line_or_steer_a_terminal() {
    let steering = ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}').chain(
        "\u{ad}\u{61c}\u{200b}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{feff}\u{fff9}\u{e0041}"
            .chars(),
    );
    for c in steering {
        // White space around is not part of it; so in the middle.
        assert!(DisplayName::parse(&format!("Ada{c}Lovelace")).is_err(), "{c:?}");
        let username = format!("ada{c}lovelace").parse::<crate::identifiers::Username>();
        assert!(username.is_err(), "{c:?}");
    }
}

#[tokio::test]
async fn a_password_given_by_the_host_is_judged_like_any_other() {
    let bed = TestBed::new().await;
    let create = async |password: &str| {
        bed.ciam.users().create(&Cause::system(), new(EMAIL).password(Secret::new(password.to_owned()))).await
    };
    let named = new(EMAIL).username("ZephyrineMarsouin".parse().unwrap());
    let as_username = named.password(Secret::new("zephyrinemarsouin".to_owned()));
    let refused = bed.ciam.users().create(&Cause::system(), as_username).await;
    assert!(matches!(refused, Err(UserError::Password(_))), "pw5: {refused:?}");
    for password in ["short", "passwordpassword", &"x ".repeat(600)] {
        assert!(matches!(create(password).await, Err(UserError::Password(_))), "{password}");
    }
    bed.hasher.overload(Some(Duration::from_secs(3)));
    assert!(matches!(create(PASSWORD).await, Err(UserError::Overloaded { retry_after }) if retry_after.as_secs() == 3));
    assert!(bed.ciam.users().by_email(&EMAIL.parse().unwrap()).await.unwrap().is_none());
    assert_eq!(events(&bed).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_address_is_one_user_s_however_many_are_made_at_once() {
    let bed = TestBed::new().await;
    let made = in_parallel(16, |nth| {
        let users = bed.ciam.users().clone();
        let email = if nth % 2 == 0 { EMAIL } else { "ADA@example.com" };
        async move { users.create(&Cause::system(), new(email)).await }
    })
    .await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
    assert!(made.iter().all(|made| matches!(made, Ok(_) | Err(UserError::AddressTaken))), "{made:?}");
    assert_eq!(events(&bed).await, ["user.registered"]);
}

#[tokio::test]
async fn users_are_listed_page_by_page_the_latest_first() {
    let bed = TestBed::new().await;
    for nth in 0..5 {
        bed.ciam.users().create(&Cause::system(), new(&format!("u{nth}@example.com"))).await.unwrap();
        bed.clock.advance(Duration::from_secs(1));
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = bed.ciam.users().list(after, 2).await.unwrap();
        assert!(page.items.len() <= 2);
        seen.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|a, b| a.created > b.created), "{seen:?}");
}

#[tokio::test]
async fn what_changes_nothing_writes_nothing() {
    let bed = TestBed::new().await;
    let (users, by) = (bed.ciam.users(), Cause::system());
    let ada = users.create(&by, new(EMAIL)).await.unwrap();
    let name = Some(DisplayName::parse("Ada").unwrap());
    for _ in 0..2 {
        users.rename(&by, ada.id, name.clone()).await.unwrap();
    }
    for _ in 0..2 {
        users.suspend(&by, ada.id).await.unwrap();
    }
    assert_eq!(users.profile(ada.id).await.unwrap().unwrap().status, UserStatus::Suspended);
    users.activate(&by, ada.id).await.unwrap();
    assert_eq!(users.get(ada.id).await.unwrap().unwrap().name, name);
    assert_eq!(events(&bed).await, ["user.registered", "user.renamed", "user.suspended", "user.activated"]);
    let nobody = bed.ciam.entropy().id(ada.created);
    assert!(matches!(users.rename(&by, nobody, None).await, Err(UserError::Unknown)));
    assert!(matches!(users.suspend(&by, nobody).await, Err(UserError::Unknown)));
}

#[tokio::test]
async fn several_changes_of_users_are_one_batch() {
    let bed = TestBed::new().await;
    let (users, by) = (bed.ciam.users(), &Cause::system());
    let ready = &users.prepare(new(EMAIL)).await.unwrap();
    let refused = bed.ciam.store().transact(|work| async move {
        let user = users.create_in(&work, by, ready).await?;
        users.rename_in(&work, by, user.id, Some(DisplayName::parse("Ada").unwrap())).await?;
        users.suspend_in(&work, by, user.id).await?;
        Err::<(), _>(UserError::Unknown)
    });
    assert!(matches!(refused.await, Err(UserError::Unknown)));
    assert_eq!(events(&bed).await, [""; 0]);
}

/// A shop whose customers come to be with their users. The invitation of all of them is one, if there is one.
async fn shop(store: std::sync::Arc<FaultyStore>, invitation: Option<&'static str>) -> TestBed {
    TestBed::with(|builder| {
        builder.shared_store(store).record::<Customer>().on_registered(move |work, user| async move {
            let invitation = invitation.map(str::to_owned);
            work.insert(&Customer { id: user.id, points: 100, invitation })
        })
    })
    .await
}

#[tokio::test]
async fn the_host_s_row_comes_with_the_user_whichever_way_it_comes() {
    let bed = shop(FaultyStore::new(std::sync::Arc::new(MemoryStore::new()), []), None).await;
    let made = bed.ciam.users().create(&Cause::system(), new("bob@example.com")).await.unwrap().id;
    let walked = bed.sign_up(EMAIL, PASSWORD).await.session.user;
    for user in [made, walked] {
        assert_eq!(bed.ciam.store().get::<Customer>(user).await.unwrap().unwrap().points, 100);
    }
}

#[tokio::test]
async fn neither_the_host_s_row_nor_the_user_is_there_without_the_other() {
    for fault in [Fault::LostBefore, Fault::LostAfter, Fault::Late] {
        let store = FaultyStore::new(std::sync::Arc::new(MemoryStore::new()), [fault]);
        let bed = shop(store.clone(), None).await;
        let ada = bed.ciam.users().create(&Cause::system(), new(EMAIL)).await.unwrap().id;
        store.arrive().await;
        let customer = bed.ciam.store().get::<Customer>(ada).await.unwrap();
        assert_eq!(customer.map(|customer| customer.points), Some(100), "{fault:?}");
        assert_eq!(bed.ciam.users().list(None, 10).await.unwrap().items.len(), 1, "{fault:?}");
        assert_eq!(events(&bed).await, ["user.registered"], "{fault:?}");
    }
}

#[tokio::test]
async fn what_the_host_cannot_write_keeps_the_user_from_coming_to_be() {
    let bed = shop(FaultyStore::new(std::sync::Arc::new(MemoryStore::new()), []), Some("only one")).await;
    bed.ciam.users().create(&Cause::system(), new("bob@example.com")).await.unwrap();
    let refused = bed.ciam.users().create(&Cause::system(), new(EMAIL)).await;
    assert!(matches!(refused, Err(UserError::Store(error)) if Customer::BY_INVITATION.taken(&error)));
    let browser = bed.browser();
    let journey = browser.sign_up_until_code(EMAIL, PASSWORD).await;
    let code = crate::journeys::Answer::Code { code: Secret::new(bed.code_for(EMAIL).await) };
    assert!(browser.answer(&journey, code).await.is_err());
    assert!(bed.ciam.users().by_email(&EMAIL.parse().unwrap()).await.unwrap().is_none());
    assert_eq!(bed.ciam.users().list(None, 10).await.unwrap().items.len(), 1);
    let bob = opened_by_password(&bed).await;
    assert!(bob.is_none(), "no credential was left behind either");
}

#[tokio::test]
async fn an_error_of_the_host_s_keeps_the_user_from_coming_to_be() {
    let bed = TestBed::with(|builder| {
        let refuse = |_: Work, _: User| async { Err(StoreError::Misuse("not today")) };
        builder.store(MemoryStore::new()).on_registered(refuse)
    })
    .await;
    let refused = bed.ciam.users().create(&Cause::system(), new(EMAIL)).await;
    assert!(matches!(refused, Err(UserError::Store(StoreError::Misuse("not today")))), "{refused:?}");
    assert_eq!(bed.ciam.users().list(None, 10).await.unwrap().items, []);
}

async fn opened_by_password(bed: &TestBed) -> Option<UserId> {
    let browser = bed.browser();
    let journey = browser.identified(crate::journeys::JourneyKind::SignIn, EMAIL).await;
    let password = crate::journeys::Answer::Password { password: Secret::new(PASSWORD.to_owned()) };
    let answered = browser.answer(&journey, password).await;
    answered.is_ok().then(|| opened(answered).session.user)
}

#[tokio::test]
async fn a_hash_from_elsewhere_is_kept_as_it_is() {
    let bed = TestBed::new().await;
    let hash = crate::passwords::PasswordHash::from_phc("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned());
    let ada = bed.ciam.users().create(&Cause::system(), new(EMAIL).password_hash(hash.clone())).await.unwrap();
    let kept = bed.ciam.store().get::<PasswordCredential>(ada.id).await.unwrap().unwrap();
    assert_eq!((kept.hash, bed.hasher.work()), (hash, 0));
}
