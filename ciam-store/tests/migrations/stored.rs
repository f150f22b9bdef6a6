//! Databases of older versions, as they were kept in `tests/layouts`.

use ciam_core::Ciam;
use ciam_core::email::Email;
use ciam_core::messages::Mailbox;
use ciam_core::store::{Search, StoreError};
use ciam_core::users::{User, UserError};
use ciam_core::vault::MasterKey;
use ciam_store::Migrations::{Apply, Complete, Refuse};

use crate::found;
use crate::place::Place;
use crate::versions::{First, Named, Third};

/// The key of the databases that are kept.
const KEY: &str = "c3RvcmVkLW9sZGVyLWxheW91dHMtb2YtdGhlLXRlc3Q=";

/// What every site had before rows told their generation: two accounts, one of them suspended.
#[tokio::test(flavor = "multi_thread")]
async fn a_site_from_before_generations_goes_on_with_all_it_had() {
    for place in Place::all().await {
        place.load("before_generations").await;
        let schema = Ciam::builder().schema();
        let before = place.catalogue().await;
        assert!(matches!(place.open_for(schema.clone(), Refuse).await, Err(StoreError::Pending { .. })));
        assert_eq!(place.catalogue().await, before);

        let version = place.open_for(schema.clone(), Apply).await.unwrap();
        let lagging = version.backend.evolution().unwrap().lagging().await.unwrap();
        let lacked: Vec<_> = lagging.iter().map(|lagging| (lagging.collection, &lagging.columns[..])).collect();
        let expected = [("journeys", &[][..]), ("users", &["email", "name", "status"])];
        assert_eq!(lacked, expected, "what lists show, the shape of journeys, and nothing else");
        place.open_for(schema, Refuse).await.unwrap();
        let identity = Ciam::builder()
            .shared_store(place.backend(Refuse).await)
            .messenger(Mailbox::new())
            .master_key(MasterKey::parse(KEY).unwrap())
            .without_workers()
            .build()
            .await
            .unwrap();
        let email = |text: &str| text.parse::<Email>().unwrap();
        let ada = identity.users().by_email(&email("ada@example.com")).await.unwrap().unwrap();
        assert!(identity.users().by_email(&email("bob@example.com")).await.unwrap().is_some());
        assert_eq!(identity.store().tail::<ciam_core::events::Event>(Default::default(), 9).await.unwrap().len(), 3);
        identity.users().suspend(&ciam_core::events::Cause::system(), ada).await.unwrap();
        assert_eq!(place.number("SELECT count(*) FROM ciam_users WHERE layout = 1").await, 1, "the other one");
        assert_eq!(place.number("SELECT count(*) FROM ciam_events").await, 4);

        // Lists of users serve once nobody is missing in them: also what documents of that time do not say.
        let suspended = Search::of(User::STATUS.eq("suspended").and(User::EMAIL.ends_with("@example.com")));
        let refused = identity.users().search(&suspended).await;
        assert!(matches!(refused, Err(UserError::Store(StoreError::NotServing { .. }))), "{refused:?}");
        assert!(version.finish().await.unwrap().finished);
        assert_eq!(identity.users().list_older().await.unwrap(), 1);
        assert_eq!(identity.users().search(&suspended).await.unwrap().items.len(), 2);
        assert_eq!(identity.users().list_older().await.unwrap(), 0);
    }
}

/// From before generations straight to a version with another index, another shape and another tally.
#[tokio::test(flavor = "multi_thread")]
async fn records_from_before_generations_are_brought_up_to_date() {
    for place in Place::all().await {
        place.load("people_before_generations").await;
        assert!(matches!(place.open::<First>(Refuse).await, Err(StoreError::Pending { .. })));
        let new = place.open::<Third>(Complete).await.unwrap();
        assert_eq!(place.number("SELECT count(*) FROM ciam_evo_people WHERE layout = 2 AND shape = 3").await, 3);
        let lees = found(&new, Third::BY_FAMILY.range(&"Lee".to_owned(), ..)).await.unwrap();
        assert_eq!(lees.len(), 2);
        let read = new.store.get::<Third>(lees[0]).await.unwrap().unwrap();
        assert_eq!((read.name.as_str(), read.visits, read.stars), ("Ann Lee", 4, 0));
    }
}

/// What no version has written before generations were counted is lacked by all that is there.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_over_records_from_before_generations_is_filled_first() {
    for place in Place::all().await {
        place.load("people_before_generations").await;
        let new = place.open::<Named>(Apply).await.unwrap();
        let by_name = || Named::BY_NAME.under(&());
        assert!(matches!(found(&new, by_name()).await, Err(StoreError::NotServing { .. })));
        let done = new.finish().await.unwrap();
        assert_eq!((done.refreshed, done.finished), (3, true));
        assert_eq!(found(&new, by_name()).await.unwrap().len(), 3);
    }
}

/// The layout of the first generation, with records of two shapes, one of which a version wrote that is long gone.
#[tokio::test(flavor = "multi_thread")]
async fn records_of_two_older_shapes_are_brought_up_to_date() {
    for place in Place::all().await {
        place.load("people_of_two_shapes").await;
        let new = place.open::<Third>(Apply).await.unwrap();
        let done = new.finish().await.unwrap();
        assert_eq!((done.refreshed, done.finished), (3, true));
        assert_eq!(place.number("SELECT count(*) FROM ciam_evo_people WHERE layout = 3 AND shape = 3").await, 3);
        assert_eq!(found(&new, Third::BY_FAMILY.range(&"Lee".to_owned(), ..)).await.unwrap().len(), 2);
    }
}
