//! A database that is older than the app, on SQLite and on PostgreSQL (unless there is none): what is refused, what is
//! done beside older versions, and what is kept from them in the end.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod evolved;
mod interrupted;
mod place;
mod rollout;
mod stored;
#[allow(dead_code, reason = "other suites need the rest")]
#[path = "../support/mod.rs"]
mod support;
mod versions;

use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{Bound, Left, Query, Record, RecordKey, StoreError, Why};
use ciam_store::Migrations::{Apply, Complete, Refuse};
use place::{Place, Version};
use versions::{Alone, First, Hotfix, Lonely, Named, PersonId, Third};

/// New people of the first version, in the order of their ids.
async fn people(version: &Version, names: &[&str]) -> Vec<First> {
    let now = version.store.clock().now();
    let mut ids: Vec<PersonId> = names.iter().map(|_| version.store.entropy().id(now)).collect();
    ids.sort();
    let mut people = Vec::new();
    for (id, name) in ids.into_iter().zip(names) {
        let person = First::new(id, name);
        version.insert(&person).await.unwrap();
        people.push(person);
    }
    people
}

/// Whom a query finds, all pages of it.
async fn found<R: Record<Id = PersonId>>(version: &Version, query: Query<R>) -> Result<Vec<PersonId>, StoreError> {
    let (mut all, mut next) = (Vec::new(), None);
    loop {
        let page = match next.take() {
            None => version.store.find(&query).await?,
            Some(after) => version.store.find(&query.clone().after(after)).await?,
        };
        all.extend(page.items.iter().map(Record::id));
        match page.next {
            Some(after) => next = Some(after),
            None => return Ok(all),
        }
    }
}

fn ids(people: &[First]) -> Vec<PersonId> {
    people.iter().map(|person| person.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_is_made_and_an_older_one_is_refused_and_left_as_it_is() {
    for place in Place::all().await {
        let first = place.open::<First>(Refuse).await.unwrap();
        people(&first, &["ann"]).await;
        let before = place.catalogue().await;
        match place.open::<Named>(Refuse).await {
            Err(StoreError::Pending { statements }) => assert_eq!(statements, 3, "a column, a generation, an index"),
            other => panic!("{other:?}"),
        }
        assert_eq!(place.catalogue().await, before);
        place.open::<First>(Refuse).await.unwrap();
        // A second kind of record is pending, too.
        let schema = first.schema.clone().with::<ciam_core::events::Event>();
        assert!(matches!(place.open_for(schema, Refuse).await, Err(StoreError::Pending { .. })));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_added_index_serves_from_when_no_record_lacks_it_and_older_versions_are_kept_out() {
    for place in Place::all().await {
        let old = place.open::<First>(Refuse).await.unwrap();
        let mut all = people(&old, &["ann", "bob", "cid"]).await;
        let new = place.open::<Named>(Apply).await.unwrap();
        let other = place.open::<Named>(Refuse).await.unwrap();
        let by_name = || Named::BY_NAME.under(&());
        let refused = |answer: Result<Vec<PersonId>, StoreError>| {
            assert!(
                matches!(answer, Err(StoreError::NotServing { collection: "evo_people", index: "name" })),
                "{answer:?}"
            );
        };
        refused(found(&new, by_name()).await);
        assert!(matches!(new.store.count(&by_name(), 9).await, Err(StoreError::NotServing { .. })));
        assert_eq!(found(&new, Named::BY_TEAM.under(&())).await.unwrap(), ids(&all));

        // Both go on.
        all.extend(people(&old, &["dan"]).await);
        new.change::<Named>(all[0].id, |ann| ann.0.name = "zoe".to_owned()).await.unwrap();
        let done = new.backfill().await.unwrap();
        assert_eq!((done.refreshed, done.left, done.finished, done.still_written), (3, 0, false, false));
        refused(found(&new, by_name()).await);
        // What an older version writes lacks the name again, or has a stale one.
        old.change::<First>(all[1].id, |bob| bob.name = "aaron".to_owned()).await.unwrap();
        all.extend(people(&old, &["eve"]).await);

        let done = new.finish().await.unwrap();
        assert_eq!((done.refreshed, done.finished), (2, true));
        let names = [1, 2, 3, 4, 0].map(|at: usize| all[at].id);
        for version in [&new, &other] {
            assert_eq!(found(version, by_name()).await.unwrap(), names, "without a restart");
        }
        assert_eq!(new.store.count(&by_name(), 9).await.unwrap(), 5);
        let done = new.finish().await.unwrap();
        assert_eq!((done.refreshed, done.finished), (0, true));

        // From now on an older version reads, and writes nothing that others would have to look for.
        let late = First::new(old.store.entropy().id(old.store.clock().now()), "fay");
        assert!(matches!(old.insert(&late).await, Err(StoreError::Outdated { collection: "evo_people" })));
        let refused = old.change::<First>(all[2].id, |cid| cid.name = "x".to_owned()).await;
        assert!(matches!(refused, Err(StoreError::Outdated { .. })), "{refused:?}");
        assert_eq!(old.store.get::<First>(all[2].id).await.unwrap().unwrap().name, "cid");
        let id = all[2].id;
        old.store.transact(|work| async move { work.add(&First::VISITS, id, 1, Bound::None) }).await.unwrap();
        for migrations in [Refuse, Apply] {
            assert!(matches!(place.open::<First>(migrations).await, Err(StoreError::Outdated { .. })));
        }
        place.open::<Named>(Refuse).await.unwrap();

        // Who goes back for good says so; what newer versions relied on is incomplete again, until they come back.
        let back = place.open::<First>(Complete).await.unwrap();
        people(&back, &["gus"]).await;
        let again = place.open::<Named>(Apply).await.unwrap();
        assert!(matches!(found(&again, by_name()).await, Err(StoreError::NotServing { .. })));
        assert!(again.finish().await.unwrap().finished);
        assert_eq!(found(&again, by_name()).await.unwrap().len(), 6);
    }
}

/// It is no generation that was ever registered: what it leaves out decides, and not whether it ran before.
#[tokio::test(flavor = "multi_thread")]
async fn a_version_of_the_old_line_that_never_ran_is_kept_out_by_the_fence() {
    for place in Place::all().await {
        let old = place.open::<First>(Refuse).await.unwrap();
        people(&old, &["ann"]).await;
        let new = place.open::<Alone>(Apply).await.unwrap();
        assert!(new.finish().await.unwrap().finished);
        let before = place.catalogue().await;
        for migrations in [Refuse, Apply] {
            let refused = place.open::<Hotfix>(migrations).await;
            assert!(matches!(refused, Err(StoreError::Outdated { collection: "evo_people" })), "{refused:?}");
        }
        assert_eq!(place.catalogue().await, before);
        assert_eq!(found(&new, Alone::BY_NAME.under(&())).await.unwrap().len(), 1);

        // An operator who says that nobody relies on it any more lets it in, and others that leave out no more.
        place.open::<Hotfix>(Complete).await.unwrap();
        place.open::<First>(Apply).await.unwrap();
        let again = place.open::<Alone>(Refuse).await.unwrap();
        assert!(matches!(found(&again, Alone::BY_NAME.under(&())).await, Err(StoreError::NotServing { .. })));
    }
}

/// Version, times and tallies are those of who wrote it, not of who brought it up to date.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_an_older_shape_is_upgraded_when_read_and_when_brought_up_to_date() {
    for place in Place::all().await {
        let old = place.open::<First>(Refuse).await.unwrap();
        let all = people(&old, &["Ann Lee", "Bob Day", "Cid Lee"]).await;
        let id = all[1].id;
        old.store.transact(|work| async move { work.add(&First::VISITS, id, 7, Bound::None) }).await.unwrap();
        let new = place.open::<Third>(Apply).await.unwrap();
        let read = async |version: &Version, id| version.store.get::<Third>(id).await.unwrap().unwrap();
        let bob = read(&new, id).await;
        assert_eq!((bob.family.as_str(), bob.initial, bob.visits, bob.stars), ("Day", 'D', 7, 0));

        // As long as older versions may run, they can replace what they wrote.
        assert_eq!(new.backfill().await.unwrap().refreshed, 3);
        old.change::<First>(all[2].id, |cid| cid.team = None).await.unwrap();
        assert_eq!(place.number("SELECT count(*) FROM ciam_evo_people WHERE shape = 1").await, 3);

        // A replacement is of the present shape; what older versions read of it, they do not overwrite.
        new.change::<Third>(all[0].id, |ann| ann.team = None).await.unwrap();
        new.store.transact(|work| async move { work.add(&Third::STARS, id, 2, Bound::None) }).await.unwrap();
        assert_eq!(old.store.get::<First>(all[0].id).await.unwrap().unwrap().name, "Ann Lee");
        let refused = old.change::<First>(all[0].id, |ann| ann.team = None).await;
        assert!(matches!(refused, Err(StoreError::NewerShape { collection: "evo_people" })), "{refused:?}");

        let keys: Vec<RecordKey> =
            all.iter().map(|one| RecordKey { collection: "evo_people", id: one.id.uuid() }).collect();
        let versions = async || {
            let rows = new.backend.read(RealmId::DEFAULT, new.store.clock().now(), &keys).await.unwrap();
            rows.into_iter().map(|row| row.unwrap().version).collect::<Vec<_>>()
        };
        let (before, unchanged) =
            (versions().await, "SELECT count(*) FROM ciam_evo_people WHERE updated_at = created_at");
        let untouched = place.number(unchanged).await;
        assert_eq!(new.finish().await.unwrap().refreshed, 2);
        assert_eq!((versions().await, place.number(unchanged).await), (before, untouched));
        assert_eq!(place.number("SELECT count(*) FROM ciam_evo_people WHERE shape = 3 AND layout = 2").await, 3);
        let lees = Third::BY_FAMILY.range(&"Lee".to_owned(), ..);
        assert_eq!(found(&new, lees).await.unwrap(), [all[0].id, all[2].id]);
        let bob = read(&new, id).await;
        assert_eq!((bob.visits, bob.stars), (7, 2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_is_told_and_stops_nobody() {
    for place in Place::all().await {
        let old = place.open::<First>(Refuse).await.unwrap();
        let all = people(&old, &["Ann Lee", "Bob Day", "Cid Lee"]).await;
        let broken = all[1].id;
        place
            .sql(
                "UPDATE ciam_evo_people SET doc = '{}' WHERE layout = 1 AND doc LIKE '%Bob%'"
                    .replace("doc LIKE", like(&place))
                    .as_str(),
            )
            .await;
        let new = place.open::<Third>(Apply).await.unwrap();
        assert!(matches!(new.store.get::<Third>(broken).await, Err(StoreError::Corrupt { .. })));
        let done = new.finish().await.unwrap();
        assert_eq!((done.refreshed, done.left, done.finished), (2, 1, false));
        let uuid = broken.uuid();
        assert_eq!(done.examples, [Left { collection: "evo_people", id: uuid, why: Why::Unreadable }]);
        // Nobody is shut out for it.
        people(&old, &["Dan Fox"]).await;
        place
            .sql(
                "DELETE FROM ciam_evo_people WHERE layout = 1 AND doc LIKE '{}'"
                    .replace("doc LIKE", like(&place))
                    .as_str(),
            )
            .await;
        let done = new.finish().await.unwrap();
        assert_eq!((done.refreshed, done.finished), (1, true));
    }
}

fn like(place: &Place) -> &'static str {
    if matches!(place, Place::Sqlite(_)) { "doc LIKE" } else { "doc::text LIKE" }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unique_index_over_records_that_share_a_key_is_not_made_and_disturbs_nobody() {
    for place in Place::all().await {
        let old = place.open::<First>(Refuse).await.unwrap();
        let all = people(&old, &["ann", "bob", "ann", "cid", "bob"]).await;
        let before = place.catalogue().await;
        match place.open::<Lonely>(Apply).await {
            Err(StoreError::Shared { table, index, keys }) => {
                assert_eq!(
                    (table.as_str(), index.as_str(), keys),
                    ("ciam_evo_people", "ciam_evo_people__team__key", 1)
                );
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(place.catalogue().await, before);
        people(&old, &["dan"]).await;

        // Where the column is new, the index keeps its word from the start, and only those who share a key are left.
        let new = place.open::<Alone>(Apply).await.unwrap();
        let done = new.finish().await.unwrap();
        assert_eq!((done.refreshed, done.left, done.finished), (4, 2, false));
        assert!(done.examples.iter().all(|left| left.why == Why::Shared("name")), "{done:?}");
        let taken = Alone(First::new(new.store.entropy().id(new.store.clock().now()), "ann"));
        assert!(Alone::BY_NAME.taken(&new.insert(&taken).await.unwrap_err()));
        people(&old, &["eve"]).await;
        for at in [2, 4] {
            old.change::<First>(all[at].id, |person| person.name.push('2')).await.unwrap();
        }
        let done = new.finish().await.unwrap();
        assert_eq!((done.refreshed, done.finished), (3, true));
        assert_eq!(found(&new, Alone::BY_NAME.under(&())).await.unwrap().len(), 7);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_version_declares_is_tolerated_and_dropped_when_asked() {
    for place in Place::all().await {
        let with = place.open::<Named>(Refuse).await.unwrap();
        with.insert(&Named(First::new(with.store.entropy().id(with.store.clock().now()), "ann"))).await.unwrap();
        place.sql("ALTER TABLE ciam_evo_people ADD COLUMN remark text").await;
        place.sql("CREATE INDEX hosts_own ON ciam_evo_people (remark)").await;

        let without = place.open::<First>(Apply).await.unwrap();
        let all = people(&without, &["bob"]).await;
        // Whoever still looks for names may miss some: it is told so when it comes next.
        let again = place.open::<Named>(Refuse).await.unwrap();
        assert!(matches!(found(&again, Named::BY_NAME.under(&())).await, Err(StoreError::NotServing { .. })));
        let nothing = again.backend.evolution().unwrap().contract().await.unwrap();
        assert!(nothing.is_empty(), "an older version drops nothing of a newer one: {nothing:?}");

        let dropped = without.backend.evolution().unwrap().contract().await.unwrap();
        assert_eq!(dropped.len(), 3, "an index, a column, what is known of it: {dropped:?}");
        let there = place.catalogue().await;
        assert!(!there.contains("evo_people__name") && there.contains("remark") && there.contains("hosts_own"));
        without.change::<First>(all[0].id, |bob| bob.team = None).await.unwrap();

        // And back again: nothing that was dropped counts as complete.
        assert!(matches!(place.open::<Named>(Refuse).await, Err(StoreError::Pending { .. })));
        let back = place.open::<Named>(Complete).await.unwrap();
        assert_eq!(found(&back, Named::BY_NAME.under(&())).await.unwrap().len(), 2);
    }
}

/// Whoever says too early that no older version runs shuts nobody out for long, and nothing is half done.
#[tokio::test(flavor = "multi_thread")]
async fn a_fence_that_proves_nothing_is_taken_away() {
    for place in Place::all().await {
        let old = place.open::<First>(Refuse).await.unwrap();
        let all = people(&old, &["ann", "bob"]).await;
        let new = place.open::<Named>(Apply).await.unwrap();
        let evolution = new.backend.evolution().unwrap();
        let before = place.catalogue().await;
        evolution.fence("evo_people").await.unwrap();
        evolution.fence("evo_people").await.unwrap();
        let late = First::new(old.store.entropy().id(old.store.clock().now()), "Late Comer");
        assert!(matches!(old.insert(&late).await, Err(StoreError::Outdated { .. })));
        // What a new version writes is complete, and what it leaves where it is lacks nothing more than before.
        new.change::<Named>(all[0].id, |ann| ann.0.team = None).await.unwrap();
        assert_eq!(evolution.lagging().await.unwrap().len(), 1);
        assert!(!evolution.prove("evo_people").await.unwrap(), "bob has no name");
        assert_eq!(place.catalogue().await, before);
        assert!(matches!(found(&new, Named::BY_NAME.under(&())).await, Err(StoreError::NotServing { .. })));
        old.insert(&late).await.unwrap();
        assert!(new.finish().await.unwrap().finished);
        assert_eq!(evolution.lagging().await.unwrap(), []);

        // A later fence takes the place of this one, also when it proves nothing at first.
        let newer = place.open::<Third>(Apply).await.unwrap();
        let evolution = newer.backend.evolution().unwrap();
        let fenced = place.catalogue().await;
        evolution.fence("evo_people").await.unwrap();
        assert!(!evolution.prove("evo_people").await.unwrap());
        assert_eq!(place.catalogue().await, fenced);
        let later = First::new(old.store.entropy().id(old.store.clock().now()), "later");
        assert!(matches!(old.insert(&later).await, Err(StoreError::Outdated { .. })));
        new.change::<Named>(all[1].id, |bob| bob.0.team = None).await.unwrap();
        assert!(newer.finish().await.unwrap().finished);
        assert_eq!(found(&newer, Third::BY_FAMILY.under(&"Comer".to_owned())).await.unwrap(), [late.id]);
        let refused = new.change::<Named>(all[1].id, |bob| bob.0.name = "x".to_owned()).await;
        assert!(matches!(refused, Err(StoreError::NewerShape { .. } | StoreError::Outdated { .. })), "{refused:?}");
    }
}
