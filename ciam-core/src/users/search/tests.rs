use std::time::Duration;

use crate::email::Email;
use crate::events::Cause;
use crate::store::{Filter, InvalidSearch, Search, Sort};
use crate::testing::TestBed;
use crate::users::{DisplayName, NewUser, User, UserError};

async fn people(bed: &TestBed) -> Vec<User> {
    let mut people = Vec::new();
    for (email, name) in
        [("Ada@example.com", Some("Ada Lovelace")), ("bob@shop.example", None), ("eve@example.com", Some("Éve"))]
    {
        let new = NewUser::new(email.parse::<Email>().unwrap());
        let new = match name {
            Some(name) => new.name(DisplayName::parse(name).unwrap()),
            None => new,
        };
        people.push(bed.ciam.users().create(&Cause::system(), new).await.unwrap());
        bed.clock.advance(Duration::from_secs(60));
    }
    people
}

async fn found(bed: &TestBed, filter: Filter<User>, sort: Sort<User>) -> Vec<String> {
    let listing = bed.ciam.users().search(&Search::of(filter).sort(sort)).await.unwrap();
    listing.items.iter().map(|user| user.listed.as_ref().unwrap().email.as_ref().unwrap().to_string()).collect()
}

#[tokio::test]
async fn users_are_found_by_address_name_status_and_time() {
    let bed = TestBed::new().await;
    let people = people(&bed).await;
    bed.ciam.users().suspend(&Cause::system(), people[0].id).await.unwrap();
    let (ada, bob, eve) = ("Ada@example.com", "bob@shop.example", "eve@example.com");
    let newest = User::REGISTERED.descending();
    assert_eq!(found(&bed, Filter::all(), newest).await, [eve, bob, ada]);
    assert_eq!(found(&bed, User::EMAIL.eq("ada@example.com"), newest).await, [ada]);
    assert_eq!(found(&bed, User::EMAIL.ends_with("@example.com"), User::EMAIL.ascending()).await, [ada, eve]);
    assert_eq!(found(&bed, User::NAME.contains("éve"), newest).await, [eve]);
    assert_eq!(found(&bed, !User::NAME.is_present(), newest).await, [bob]);
    assert_eq!(found(&bed, User::STATUS.eq("suspended"), newest).await, [ada]);
    assert_eq!(found(&bed, User::STATUS.ne("suspended"), newest).await, [eve, bob]);
    assert_eq!(found(&bed, User::REGISTERED.gt(&people[0].created), newest).await, [eve, bob]);
    bed.ciam.users().activate(&Cause::system(), people[0].id).await.unwrap();
    bed.ciam.users().rename(&Cause::system(), people[1].id, Some(DisplayName::parse("Bob").unwrap())).await.unwrap();
    assert!(found(&bed, User::STATUS.eq("suspended"), newest).await.is_empty());
    assert_eq!(found(&bed, User::NAME.eq("bob"), newest).await, [bob]);
}

#[tokio::test]
async fn what_cannot_be_searched_is_told() {
    let bed = TestBed::new().await;
    let search = Search::of(User::EMAIL.contains(&"x".repeat(5000)));
    let refused = bed.ciam.users().search(&search).await.unwrap_err();
    assert!(matches!(refused, UserError::Search(InvalidSearch::Text)), "{refused:?}");
}
