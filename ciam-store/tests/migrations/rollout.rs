//! Two versions of an app side by side: both write while records are brought up to date, and nothing is lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use ciam_core::Ciam;
use ciam_core::messages::Mailbox;
use ciam_core::store::{Bound, Record, StoreError};
use ciam_store::Migrations::{Apply, Refuse};

use crate::place::{Place, Version};
use crate::versions::{First, FoundTries, Named, PersonId, Tries};
use crate::{found, people};

/// How many records there are before the rollout.
const BEFORE: usize = 1_500;

/// A record of either version: what both keep of it.
trait Person: Record<Id = PersonId> + AsMut<First> {
    fn of(first: First) -> Self;
}

impl AsMut<Self> for First {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}

impl Person for First {
    fn of(first: First) -> Self {
        first
    }
}

impl AsMut<First> for Named {
    fn as_mut(&mut self) -> &mut First {
        &mut self.0
    }
}

impl Person for Named {
    fn of(first: First) -> Self {
        Self(first)
    }
}

/// What all writers share.
struct Shared {
    over: AtomicBool,
    /// How many writes were committed.
    writes: AtomicI64,
    /// A record that everybody counts on and changes.
    everybodys: PersonId,
    visits: AtomicI64,
}

/// Writes records of its own at random, and everybody's, until it is over; answers what its records must be.
async fn write<P: Person>(
    version: Version,
    mut mine: HashMap<PersonId, First>,
    mut dice: u64,
    shared: Arc<Shared>,
) -> HashMap<PersonId, First> {
    let mut roll = |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    while !shared.over.load(Ordering::SeqCst) {
        let name = format!("name{}", roll(400));
        let ids: Vec<PersonId> = mine.keys().copied().collect();
        let id = ids[usize::try_from(roll(ids.len() as u64)).unwrap()];
        match roll(7) {
            0 | 1 => {
                let new = First::new(version.store.entropy().id(version.store.clock().now()), &name);
                version.insert(&P::of(new.clone())).await.unwrap();
                mine.insert(new.id, new);
            }
            2 | 3 => {
                version.change::<P>(id, |person| person.as_mut().name.clone_from(&name)).await.unwrap();
                mine.get_mut(&id).unwrap().name = name;
            }
            4 if ids.len() > 9 => {
                let removed = version.store.transact(|work| async move { work.take::<P>(id).await }).await;
                assert!(removed.unwrap_or_else(|error: StoreError| panic!("{error}")).is_some());
                mine.remove(&id);
            }
            5 => {
                let add = |work: ciam_core::store::Work| async move { work.add(&First::VISITS, id, 1, Bound::None) };
                version.store.transact(add).await.unwrap();
                mine.get_mut(&id).unwrap().visits += 1;
            }
            _ => {
                let id = shared.everybodys;
                match version.change::<P>(id, |person| person.as_mut().name.clone_from(&name)).await {
                    Ok(()) | Err(StoreError::Contended) => {}
                    Err(error) => panic!("{error}"),
                }
                let add = |work: ciam_core::store::Work| async move { work.add(&First::VISITS, id, 1, Bound::None) };
                version.store.transact(add).await.unwrap();
                shared.visits.fetch_add(1, Ordering::SeqCst);
            }
        }
        shared.writes.fetch_add(1, Ordering::SeqCst);
    }
    mine
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_versions_write_side_by_side_while_records_are_brought_up_to_date() {
    for place in Place::all().await {
        let old = place.open::<First>(Refuse).await.unwrap();
        let names: Vec<String> = (0..BEFORE).map(|nth| format!("name{nth}")).collect();
        let mut before = Vec::new();
        for some in names.chunks(100) {
            let now = old.store.clock().now();
            let some: Vec<First> = some.iter().map(|name| First::new(old.store.entropy().id(now), name)).collect();
            let all = &some;
            let insert = |work: ciam_core::store::Work| async move { all.iter().try_for_each(|one| work.insert(one)) };
            old.store.transact(insert).await.unwrap();
            before.extend(some);
        }
        let everybodys = people(&old, &["everybody"]).await[0].id;
        let new = place.open::<Named>(Apply).await.unwrap();
        let (over, writes, visits) = (AtomicBool::new(false), AtomicI64::new(0), AtomicI64::new(0));
        let shared = Arc::new(Shared { over, writes, everybodys, visits });
        let mut writers = Vec::new();
        for (nth, mine) in before.chunks(BEFORE / 6).enumerate() {
            let mine = mine.iter().map(|person| (person.id, person.clone())).collect();
            let (dice, shared) = (nth as u64, Arc::clone(&shared));
            writers.push(match nth % 2 {
                0 => tokio::spawn(write::<First>(place.open::<First>(Refuse).await.unwrap(), mine, dice, shared)),
                _ => tokio::spawn(write::<Named>(place.open::<Named>(Refuse).await.unwrap(), mine, dice, shared)),
            });
        }
        let begun = shared.writes.load(Ordering::SeqCst);
        let mut refreshed = 0;
        for _ in 0..3 {
            let done = new.backfill().await.unwrap();
            assert_eq!(done.left, 0, "{done:?}");
            refreshed += done.refreshed;
        }
        assert!(refreshed > 1_000, "most were not written meanwhile: {refreshed}");
        assert!(shared.writes.load(Ordering::SeqCst) > begun, "others went on");
        shared.over.store(true, Ordering::SeqCst);
        let mut expected = HashMap::new();
        for writer in writers {
            expected.extend(writer.await.unwrap());
        }

        assert!(new.finish().await.unwrap().finished);
        let lacking = "SELECT count(*) FROM ciam_evo_people WHERE layout < 2 OR name IS NULL";
        assert_eq!(place.number(lacking).await, 0);
        let shared_one = new.store.get::<Named>(everybodys).await.unwrap().unwrap().0;
        assert_eq!(shared_one.visits, shared.visits.load(Ordering::SeqCst));
        expected.insert(everybodys, shared_one);
        let mut in_order: Vec<(String, PersonId)> =
            expected.values().map(|person| (person.name.clone(), person.id)).collect();
        in_order.sort();
        let ids: Vec<PersonId> = in_order.into_iter().map(|(_, id)| id).collect();
        assert_eq!(found(&new, Named::BY_NAME.under(&()).limit(1000)).await.unwrap(), ids);
        for (id, person) in expected {
            assert_eq!(new.store.get::<Named>(id).await.unwrap().unwrap().0, person);
        }
    }
}

/// What stood in the place of a record that has expired says nothing of who begins it anew.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_that_begins_an_expired_record_anew_lacks_what_newer_ones_keep() {
    for place in Place::all().await {
        let old = place.open::<Tries>(Refuse).await.unwrap();
        let new = place.open::<FoundTries>(Apply).await.unwrap();
        let now = new.store.clock().now();
        let id = new.store.entropy().id(now);
        let expired = Tries { id, who: "ann".to_owned(), until: now - Duration::from_secs(9), tries: 3 };
        new.insert(&FoundTries(expired.clone())).await.unwrap();
        let first = &Tries { who: "bob".to_owned(), until: now + Duration::from_hours(1), tries: 0, ..expired };
        let begin =
            |work: ciam_core::store::Work| async move { work.add_or_insert(&Tries::TRIES, first, 1, Bound::None) };
        old.store.transact(begin).await.unwrap();
        assert_eq!(new.finish().await.unwrap().refreshed, 1);
        let of = async |who: &str| new.store.find(&FoundTries::BY_WHO.eq(&who.to_owned())).await.unwrap().items;
        assert!(of("ann").await.is_empty());
        assert_eq!(of("bob").await[0].0.tries, 1);
    }
}

/// With workers, nobody has to ask: what older versions write is brought up to date while the engine serves.
#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_may_brings_records_up_to_date_by_itself() {
    for place in Place::all().await {
        let old = place.open::<First>(Refuse).await.unwrap();
        people(&old, &["ann", "bob", "cid"]).await;
        let identity = Ciam::builder()
            .shared_store(place.backend(Apply).await)
            .messenger(Mailbox::new())
            .record::<Named>()
            .build()
            .await
            .unwrap();
        let done = async {
            while place.number("SELECT count(*) FROM ciam_evo_people WHERE layout < 2").await > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), done).await.expect("the worker brings them up to date");
        assert!(identity.readiness().await.is_ready());
        identity.shutdown().await.unwrap();
        people(&old, &["dan"]).await;
    }
}
