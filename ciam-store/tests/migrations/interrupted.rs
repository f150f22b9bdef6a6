//! A migration that ends in the middle, wherever that is, and is begun again.

use std::pin::Pin;
use std::task::{Context, Poll};

use ciam_core::store::{Bound, StoreError};
use ciam_store::Migrations::{Complete, Refuse};

use crate::place::Place;
use crate::versions::{First, Third};
use crate::{found, people};

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
        assert!(interrupted > 3, "{interrupted}");
        let new = place.open::<Third>(Refuse).await.unwrap();
        assert_eq!(found(&new, Third::BY_FAMILY.under(&"Comer".to_owned())).await.unwrap().len(), all.len() - 40);
        assert_eq!(place.number("SELECT count(*) FROM ciam_evo_people WHERE layout < 2 OR shape < 3").await, 0);
        for person in all {
            let kept = new.store.get::<Third>(person.id).await.unwrap().unwrap();
            assert_eq!((kept.name, kept.visits), (person.name, person.visits));
        }
    }
}
