use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::email::Email;
use crate::entropy::SystemEntropy;
use crate::events::{Cause, Event};
use crate::id::{RecordId as _, UserId};
use crate::identifiers::{Identifier, Phone, Username};
use crate::passwords::{Argon2Options, Argon2Parameters, Argon2Pool, PasswordCredential, PasswordHash};
use crate::store::{Collection, MemoryStore, Position, Record};
use crate::testing::TestBed;
use crate::users::{NewUser, ReadyUser, Standing, User, UserError};

/// What a shop keeps of a customer.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Customer {
    id: UserId,
}

impl Record for Customer {
    type Id = UserId;
    const COLLECTION: Collection<Self> = Collection::new("shop_customers");

    fn id(&self) -> UserId {
        self.id
    }
}

fn email(name: &str) -> Email {
    format!("{name}@example.com").parse().unwrap()
}

fn pool(options: Argon2Options) -> Argon2Pool {
    Argon2Pool::new(options, Arc::new(SystemEntropy::new())).unwrap()
}

async fn ready(bed: &TestBed, new: NewUser) -> ReadyUser {
    bed.ciam.users().prepare(new).await.unwrap()
}

async fn events(bed: &TestBed) -> Vec<Event> {
    bed.ciam.store().tail::<Event>(Position::START, 1000).await.unwrap().into_iter().map(|(_, event)| event).collect()
}

#[tokio::test]
async fn who_is_imported_signs_in_with_the_password_they_had() {
    let parameters = Argon2Parameters { memory_kib: 64, passes: 1, lanes: 1 };
    let pool = pool(Argon2Options { parameters, ..Argon2Options::default() });
    let bed = TestBed::with(|builder| builder.store(MemoryStore::new()).hasher(pool)).await;
    let password = "vermilion otter quays";
    let old = NewUser::new(email("old")).password(crate::secret::Secret::new(password.to_owned()));
    let old = ready(&bed, old).await.password.unwrap();
    let new = NewUser::new(email("ada")).password_hash(old).username("ada_l".parse::<Username>().unwrap());
    let users = [ready(&bed, new).await];
    let ada = bed.ciam.users().import(&Cause::system(), &users).await.remove(0).unwrap();
    assert_eq!(bed.sign_in("ada@example.com", password).await.unwrap().session.user, ada.id);
    assert!(bed.mailbox.messages().is_empty(), "nobody gets a message");
    assert_eq!(bed.ciam.users().by_handle(&"ada_l".parse::<Username>().unwrap().into()).await.unwrap(), Some(ada.id));
}

#[tokio::test]
async fn each_is_imported_whole_or_refused_by_name_and_a_second_time_nobody() {
    let bed = TestBed::with(|builder| {
        builder
            .store(MemoryStore::new())
            .record::<Customer>()
            .on_registered(|work, user| async move { work.insert(&Customer { id: user.id }) })
    })
    .await;
    let users = bed.ciam.users();
    users.create(&Cause::system(), NewUser::new(email("there"))).await.unwrap();
    let id = UserId::from_uuid(uuid::Uuid::from_u128(7));
    let phone: Phone = "+31612345678".parse().unwrap();
    let all = [
        NewUser::new(email("one")).id(id).also(phone.clone(), true).also(email("second"), false),
        NewUser::new(email("there")),
        NewUser::new(email("two")),
        NewUser::new(email("ONE")),
        NewUser::new(email("three")).id(id),
        NewUser::new(email("four")).also(phone, true),
        NewUser::new(email("there")).id(UserId::from_uuid(uuid::Uuid::from_u128(8))).unproved(),
    ];
    let mut list = Vec::new();
    for new in all {
        list.push(ready(&bed, new).await);
    }
    let answers = users.import(&Cause::system(), &list).await;
    let told = |answers: &[Result<User, UserError>]| {
        let of = |answer: &Result<User, UserError>| match answer {
            Ok(_) => "imported",
            Err(UserError::AddressTaken) => "taken",
            Err(UserError::Exists) => "exists",
            Err(error) => panic!("{error:?}"),
        };
        answers.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(told(&answers), ["imported", "taken", "imported", "taken", "exists", "taken", "imported"]);
    let store = bed.ciam.store();
    let imported: Vec<UserId> = answers.iter().flatten().map(|user| user.id).collect();
    assert_eq!(imported[0], id);
    for user in &imported {
        assert!(store.get::<Standing>(*user).await.unwrap().is_some());
        assert!(store.get::<Customer>(*user).await.unwrap().is_some(), "what the host writes with each");
    }
    let own = store.find(&Identifier::all_of(id)).await.unwrap().items;
    let own: Vec<(&str, bool)> = own.iter().map(|own| (own.handle.as_str(), own.verified.is_some())).collect();
    assert_eq!(own.len(), 3);
    assert!(own.contains(&("one@example.com", true)) && own.contains(&("+31612345678", true)));
    assert!(own.contains(&("second@example.com", false)));
    let unproved = users.profile(imported[2]).await.unwrap().unwrap();
    assert!(unproved.identifiers.is_empty(), "what nobody proved identifies nobody");
    assert_ne!(users.by_email(&email("there")).await.unwrap(), Some(imported[2]));
    let of_them: Vec<Event> = events(&bed).await.into_iter().filter(|event| event.name == "user.imported").collect();
    let subjects: Vec<UserId> = of_them.iter().filter_map(|event| event.subject).collect();
    assert_eq!(subjects, imported, "no event without its user, no user without its event");

    let again = users.import(&Cause::system(), &list).await;
    assert!(again.iter().all(Result::is_err), "{again:?}");
    assert_eq!(users.list(None, 100).await.unwrap().items.len(), 4);
}

#[tokio::test]
async fn a_hash_that_cannot_be_checked_here_is_not_imported() {
    let pool = pool(Argon2Options::default());
    let bed = TestBed::with(|builder| builder.store(MemoryStore::new()).hasher(pool)).await;
    let (salt, hash) = ("c29tZSBzYWx0IGhlcmU", "c29tZSBoYXNoIHRoYXQgbm9ib2R5IGtub3dzIQ");
    let mut list = Vec::new();
    let hashes = [
        format!("$argon2id$v=19$m=19456,t=2,p=1${salt}${hash}"),
        format!("$argon2id$v=19$m=4194304,t=2,p=1${salt}${hash}"),
        format!("$argon2id$v=19$m=19456,t=1000000,p=1${salt}${hash}"),
        format!("$argon2i$v=19$m=19456,t=2,p=1${salt}${hash}"),
        "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".to_owned(),
        "vermilion otter quays".to_owned(),
        String::new(),
    ];
    for (at, hash) in hashes.into_iter().enumerate() {
        let new = NewUser::new(email(&format!("user{at}"))).password_hash(PasswordHash::from_phc(hash));
        list.push(ready(&bed, new).await);
    }
    let answers = bed.ciam.users().import(&Cause::system(), &list).await;
    let kept = answers[0].as_ref().unwrap().id;
    assert!(answers[1..].iter().all(|answer| matches!(answer, Err(UserError::PasswordHash))), "{answers:?}");
    assert!(bed.ciam.store().get::<PasswordCredential>(kept).await.unwrap().is_some());
    assert_eq!(bed.ciam.users().list(None, 100).await.unwrap().items.len(), 1);
}
