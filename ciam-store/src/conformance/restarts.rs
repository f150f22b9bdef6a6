//! What a restart must leave as it was. [`restarts!`](crate::restarts!) runs these cases over a store that outlives its
//! process: each closes the store and opens it again where it lies.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ciam_core::events::Event;
use ciam_core::id::RealmId;
use ciam_core::store::{Backend, Batch, Bound, Op, Position, Schema, Settlement, StoreError};

use super::fixture::{Account, Fixture, Ticket, assert_matches, insert, insert_ticket, key, replace};
use super::limits::Impostor;
use super::stream::{follow_until, record};

type Opening = Pin<Box<dyn Future<Output = Arc<dyn Backend>>>>;

/// A place where a store lies, and how it is opened there.
pub struct Place(Box<dyn Fn() -> Opening>);

impl Place {
    pub(super) fn new<P, B, F>(place: P, open: impl Fn(Arc<P>) -> F + 'static) -> Self
    where
        P: 'static,
        B: Backend,
        F: Future<Output = Arc<B>> + 'static,
    {
        let place = Arc::new(place);
        Self(Box::new(move || {
            let opening = open(Arc::clone(&place));
            Box::pin(async move { opening.await as Arc<dyn Backend> })
        }))
    }

    /// Opens the store, which is not open any more when this is called.
    pub async fn backend(&self) -> Arc<dyn Backend> {
        (self.0)().await
    }

    /// Opens the store, and prepares it for the suite's records.
    pub async fn open(&self) -> Fixture {
        Fixture::new(self.backend().await).await
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").finish_non_exhaustive()
    }
}

/// Records, their versions, numbers, keys and expiry are there again; what was removed is not.
pub async fn records_are_there_again(place: Place) {
    let f = place.open().await;
    let in_team = |name: &str, rank| Account { team: Some("t".into()), rank, ..f.account(name) };
    let (mut ann, bob, eve) = (in_team("ann", 2), in_team("bob", 1), in_team("eve", 3));
    let first = f.insert(&ann).await;
    ann.handle = Some("h".into());
    let version = f.commit(vec![replace(&ann, first)]).await.unwrap();
    f.insert(&bob).await;
    let gone = f.insert(&eve).await;
    let (k, ticket) = (key::<Account>(ann.id), f.ticket("a"));
    let ops = vec![
        Op::Add { key: k, tally: "seats", by: 3, bound: Bound::None, create: None },
        Op::Raise { key: k, peak: "seen", to: 9, strictly: false },
        Op::Remove { key: key::<Account>(eve.id), expected: gone },
        insert_ticket(&ticket),
    ];
    f.commit(ops).await.unwrap();
    (ann.seats, ann.seen) = (3, 9);
    let row = f.row::<Account>(ann.id).await;
    drop(f);

    let f = place.open().await;
    assert_eq!(f.row::<Account>(ann.id).await, row);
    assert_eq!(f.row::<Account>(eve.id).await, None);
    let team = Account::BY_RANK.under(&Some("t".into()));
    assert_eq!(f.store.find(&team).await.unwrap().items, [bob, ann.clone()]);
    let elsewhere = f.realm(2);
    assert_eq!(elsewhere.find(&team).await.unwrap().items, []);
    let refused = f.commit(vec![insert(&f.account("ann"))]).await.unwrap_err();
    assert!(Account::BY_NAME.taken(&refused), "{refused:?}");
    let refused = f.backend.commit(elsewhere.realm(), f.batch(vec![insert(&ann)])).await;
    assert_matches!(refused, Err(StoreError::Conflict { index: "id", .. }));
    assert_matches!(f.commit(vec![replace(&ann, first)]).await, Err(StoreError::Stale { .. }));
    f.commit(vec![replace(&ann, version)]).await.unwrap();
    assert_eq!(f.store.get::<Ticket>(ticket.id).await.unwrap(), Some(ticket.clone()));
    f.clock.advance(Duration::from_secs(60));
    assert_eq!(f.store.get::<Ticket>(ticket.id).await.unwrap(), None);
    assert_eq!(f.backend.sweep(f.now(), 9).await.unwrap(), 1);
}

/// What became of a unit is known again, and a settled one can still not be committed.
pub async fn units_are_known_again(place: Place) {
    let f = place.open().await;
    let done = f.insert(&f.account("ann")).await;
    let lost = f.batch(vec![insert(&f.account("bob"))]);
    assert_eq!(f.backend.settle(lost.unit, f.now()).await.unwrap(), Settlement::Never);
    drop(f);

    let f = place.open().await;
    assert_matches!(f.backend.commit(RealmId::DEFAULT, lost.clone()).await, Err(StoreError::Conflict { .. }));
    assert_eq!(f.backend.settle(lost.unit, f.now()).await.unwrap(), Settlement::Never);
    assert_eq!(f.backend.settle(done, f.now()).await.unwrap(), Settlement::Committed);
    let again = Batch { unit: done, ..f.batch(vec![]) };
    assert_matches!(f.backend.commit(RealmId::DEFAULT, again).await, Err(StoreError::Conflict { .. }));
}

/// The places in the stream are what they were, and what is committed now lies behind them.
pub async fn the_stream_goes_on(place: Place) {
    let f = place.open().await;
    for name in ["a.one", "a.two", "a.three"] {
        record(&f.store, name).await;
    }
    let before = follow_until(&f.store, Position::START, 2, 3).await;
    drop(f);

    let f = place.open().await;
    for name in ["a.four", "a.five"] {
        record(&f.store, name).await;
    }
    let all = follow_until(&f.store, Position::START, 2, 5).await;
    let ids = |events: &[(Position, Event)]| events.iter().map(|(at, event)| (*at, event.id)).collect::<Vec<_>>();
    assert_eq!(ids(&all[..3]), ids(&before));
    assert_eq!(ids(&follow_until(&f.store, before[2].0, 2, 2).await), ids(&all[3..]));
}

/// Who declares something else than what lies there is refused, and spoils nothing.
pub async fn another_declaration_is_refused(place: Place) {
    let f = place.open().await;
    let account = f.account("ann");
    f.insert(&account).await;
    drop(f);

    let backend = place.backend().await;
    let refused = backend.prepare(&Schema::new().with::<Impostor>()).await;
    assert_matches!(refused, Err(StoreError::Layout { .. }));
    drop(backend);
    let f = place.open().await;
    assert_eq!(f.store.get::<Account>(account.id).await.unwrap(), Some(account));
}
