//! A migration that ends in the middle, wherever that is, and is begun again.

use std::pin::Pin;
use std::process::{Command, Stdio};
use std::task::{Context, Poll};

use ciam_core::store::{Bound, StoreError};
use ciam_store::Migrations::{Apply, Complete, Refuse};

use crate::place::{PLACE, Place};
use crate::versions::{First, Third};
use crate::{found, people};

/// How many records a process finds that is killed while it brings them up to date.
const MANY: usize = 3_000;
/// How often a process is begun, and killed unless it is through.
const KILLS: i64 = 4;

/// Goes on for so many steps, and is then dropped where it is.
struct Until<F> {
    future: Pin<Box<F>>,
    steps: u32,
}

impl<F: Future> Future for Until<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.steps == 0 {
            return Poll::Ready(None);
        }
        self.steps -= 1;
        self.future.as_mut().poll(context).map(Some)
    }
}

/// Whatever was done of it: older versions write, or are told that they are too old; newer ones read all there is; and
/// another try comes to the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_is_interrupted_anywhere_harms_nobody_and_is_begun_again() {
    for place in Place::all().await {
        let old = place.open::<First>(Refuse).await.unwrap();
        let names: Vec<String> = (0..40).map(|nth| format!("Person No{nth}")).collect();
        let mut all = people(&old, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let (mut steps, mut interrupted) = (1, 0);
        loop {
            let migration = place.open::<Third>(Complete);
            match (Until { future: Box::pin(migration), steps }).await {
                Some(done) => {
                    done.unwrap();
                    break;
                }
                None => interrupted += 1,
            }
            steps += 1;
            let late = First::new(old.store.entropy().id(old.store.clock().now()), "Late Comer");
            match old.insert(&late).await {
                Ok(()) => all.push(late),
                Err(StoreError::Outdated { .. }) => {}
                Err(error) => panic!("after {steps} steps: {error:?}"),
            }
            let id = all[0].id;
            let add = |work: ciam_core::store::Work| async move { work.add(&First::VISITS, id, 1, Bound::None) };
            old.store.transact(add).await.unwrap();
            all[0].visits += 1;
        }
        assert!(interrupted > 0, "it came through at once");
        let new = place.open::<Third>(Refuse).await.unwrap();
        assert_eq!(found(&new, Third::BY_FAMILY.under(&"Comer".to_owned())).await.unwrap().len(), all.len() - 40);
        assert_eq!(place.number("SELECT count(*) FROM ciam_evo_people WHERE layout < 2 OR shape < 3").await, 0);
        for person in all {
            let kept = new.store.get::<Third>(person.id).await.unwrap().unwrap();
            assert_eq!((kept.name, kept.visits), (person.name, person.visits));
        }
    }
}

/// Two processes: the newer version is killed while it brings records up to date, again and again; the older one writes
/// all the while. In the end nothing is lost, and nothing is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_while_it_migrates_harms_nobody() {
    for place in Place::all().await {
        let old = place.open::<First>(Refuse).await.unwrap();
        let now = old.store.clock().now();
        let mut all: Vec<First> = Vec::new();
        for _ in 0..MANY / 200 {
            let some: Vec<First> = (0..200).map(|_| First::new(old.store.entropy().id(now), "One Ofmany")).collect();
            let these = &some;
            let insert =
                |work: ciam_core::store::Work| async move { these.iter().try_for_each(|one| work.insert(one)) };
            old.store.transact(insert).await.unwrap();
            all.extend(some);
        }
        place.open::<Third>(Apply).await.unwrap();
        let done = "SELECT count(*) FROM ciam_evo_people WHERE layout = 2";
        let mut in_the_middle = 0;
        for kill in 1..=KILLS {
            let before = place.number(done).await;
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "interrupted::child", "--ignored", "--test-threads=1"])
                .env(PLACE, place.told())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            while child.try_wait().unwrap().is_none() && place.number(done).await == before {
                let late = First::new(old.store.entropy().id(old.store.clock().now()), "Late Comer");
                match old.insert(&late).await {
                    Ok(()) => all.push(late),
                    // It came through before anybody looked.
                    Err(StoreError::Outdated { .. }) => break,
                    Err(error) => panic!("{error:?}"),
                }
            }
            child.kill().unwrap();
            child.wait().unwrap();
            let after = place.number(done).await;
            in_the_middle += i64::from(after > before && after < i64::try_from(MANY).unwrap());
            let id = all[usize::try_from(kill).unwrap()].id;
            old.store.transact(|work| async move { work.add(&First::VISITS, id, kill, Bound::None) }).await.unwrap();
        }
        assert!(in_the_middle > 0, "none was killed in the middle");
        let new = place.open::<Third>(Complete).await.unwrap();
        assert_eq!(found(&new, Third::BY_FAMILY.under(&"Ofmany".to_owned()).limit(1000)).await.unwrap().len(), MANY);
        let comers = found(&new, Third::BY_FAMILY.under(&"Comer".to_owned()).limit(1000)).await.unwrap();
        assert_eq!(comers.len(), all.len() - MANY);
        for kill in 1..=KILLS {
            let counted = new.store.get::<Third>(all[usize::try_from(kill).unwrap()].id).await.unwrap().unwrap();
            assert_eq!(counted.visits, kill);
        }
    }
}

/// The process of the newer version.
#[tokio::test]
#[ignore = "it is run by the test that kills it"]
async fn child() {
    let place = Place::of_this_process();
    assert!(place.open::<Third>(Apply).await.unwrap().finish().await.unwrap().refreshed > 0);
}
