//! A record past its expiry is absent: to reads, to conditions, to unique indexes.

use std::time::Duration;

use ciam_core::id::RealmId;
use ciam_core::store::{Bound, Op, Record as _, Settlement, StoreError};

use super::fixture::{Account, Fixture, Ticket, assert_matches, insert, insert_ticket, key};

const MINUTE: Duration = Duration::from_secs(60);

/// `get`, `get_many`, `find` and `count` miss it from the very moment on.
pub async fn an_expired_record_is_absent_to_reads(f: Fixture) {
    let ticket = f.ticket("a");
    f.commit(vec![insert_ticket(&ticket)]).await.unwrap();
    let look = async || {
        let by_code = Ticket::BY_CODE.eq(&"a".to_owned());
        let mut lookup = f.store.lookup();
        let (asked, _other) = (lookup.ask::<Ticket>(ticket.id), lookup.ask::<Account>(f.id()));
        let many = lookup.fetch().await.unwrap().take(&asked).unwrap().is_some();
        [
            f.store.get::<Ticket>(ticket.id).await.unwrap().is_some(),
            many,
            f.store.find(&by_code).await.unwrap().items.len() == 1,
            f.store.find(&Ticket::BY_OWNER.under(&())).await.unwrap().items.len() == 1,
            f.store.count(&Ticket::BY_OWNER.eq(&ticket.owner), 5).await.unwrap() == 1,
        ]
    };
    f.clock.advance(MINUTE - Duration::from_micros(1));
    assert_eq!(look().await, [true; 5]);
    f.clock.advance(Duration::from_micros(1));
    assert_eq!(look().await, [false; 5]);
}

/// Every condition sees no record; guarding its absence succeeds.
pub async fn an_expired_record_is_absent_to_conditions(f: Fixture) {
    let ticket = f.ticket("a");
    let expected = f.commit(vec![insert_ticket(&ticket)]).await.unwrap();
    f.clock.advance(MINUTE);
    let k = key::<Ticket>(ticket.id);
    let ops = [
        Op::Replace { collection: Ticket::COLLECTION.name(), record: ticket.encoded(), expected },
        Op::Remove { key: k, expected },
        Op::Guard { key: k, expected: Some(expected) },
        Op::Touch { key: k, expected },
        Op::Add { key: k, tally: "tries", by: 1, bound: Bound::None, create: None },
    ];
    for op in ops {
        assert_matches!(f.commit(vec![op.clone()]).await, Err(StoreError::Stale { .. }), "{op:?}");
    }
    f.commit(vec![Op::Guard { key: k, expected: None }]).await.unwrap();
}

/// Its id and its unique key are free again.
pub async fn an_expired_record_frees_its_id_and_key(f: Fixture) {
    let old = f.ticket("a");
    f.commit(vec![insert_ticket(&old)]).await.unwrap();
    let (mut same_key, mut same_id) = (f.ticket("a"), Ticket { id: old.id, ..f.ticket("b") });
    assert_matches!(f.commit(vec![insert_ticket(&same_key)]).await, Err(StoreError::Conflict { index: "code", .. }));
    assert_matches!(f.commit(vec![insert_ticket(&same_id)]).await, Err(StoreError::Conflict { index: "id", .. }));
    f.clock.advance(MINUTE);
    same_key.until = f.now() + MINUTE;
    same_id.until = f.now() + MINUTE;
    f.commit(vec![insert_ticket(&same_key), insert_ticket(&same_id)]).await.unwrap();
    assert_eq!(f.store.find(&Ticket::BY_CODE.eq(&"a".to_owned())).await.unwrap().items, [same_key]);
    assert_eq!(f.store.get::<Ticket>(old.id).await.unwrap(), Some(same_id));
    // Both at once: one record holds the id, another the key, and both have expired.
    f.clock.advance(MINUTE);
    let both = Ticket { id: old.id, until: f.now() + MINUTE, ..f.ticket("a") };
    f.commit(vec![insert_ticket(&both)]).await.unwrap();
    assert_eq!(f.store.find(&Ticket::BY_OWNER.eq(&both.owner)).await.unwrap().items, [both]);
    // A refused batch leaves the expired ones as they were: absent, and free.
    f.clock.advance(MINUTE);
    f.insert(&f.account("x")).await;
    let next = Ticket { until: f.now() + MINUTE, ..f.ticket("a") };
    assert_matches!(
        f.commit(vec![insert_ticket(&next), insert(&f.account("x"))]).await,
        Err(StoreError::Conflict { .. })
    );
    f.commit(vec![insert_ticket(&next)]).await.unwrap();
}

/// An expired record whose key another has taken does not come back: not to a node either whose clock is behind.
pub async fn whoever_loses_the_key_to_another_is_gone(f: Fixture) {
    let (before, old) = (f.now(), f.ticket("a"));
    f.commit(vec![insert_ticket(&old)]).await.unwrap();
    f.clock.advance(MINUTE);
    let new = f.ticket("a");
    f.commit(vec![insert_ticket(&new)]).await.unwrap();
    let keys = [key::<Ticket>(old.id), key::<Ticket>(new.id)];
    let rows = f.backend.read(RealmId::DEFAULT, before, &keys).await.unwrap();
    assert_eq!(rows.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
}

/// A replacement may take the key of an expired record, too.
pub async fn replace_takes_the_key_of_an_expired_record(f: Fixture) {
    f.commit(vec![insert_ticket(&f.ticket("a"))]).await.unwrap();
    let other = Ticket { until: f.now() + 10 * MINUTE, ..f.ticket("b") };
    let expected = f.commit(vec![insert_ticket(&other)]).await.unwrap();
    let renamed = Ticket { code: "a".into(), ..other };
    let op = || Op::Replace { collection: Ticket::COLLECTION.name(), record: renamed.encoded(), expected };
    assert_matches!(f.commit(vec![op()]).await, Err(StoreError::Conflict { .. }));
    f.clock.advance(MINUTE);
    f.commit(vec![op()]).await.unwrap();
    assert_eq!(f.store.find(&Ticket::BY_CODE.eq(&"a".to_owned())).await.unwrap().items, [renamed]);
}

/// `replace` gives the record its new expiry, be it later or earlier.
pub async fn replace_moves_the_expiry(f: Fixture) {
    let (begun, mut earlier, mut later) = (f.now(), f.ticket("earlier"), f.ticket("later"));
    for (ticket, until) in [(&mut earlier, begun + MINUTE / 2), (&mut later, begun + 2 * MINUTE)] {
        let expected = f.commit(vec![insert_ticket(ticket)]).await.unwrap();
        ticket.until = until;
        let op = Op::Replace { collection: Ticket::COLLECTION.name(), record: ticket.encoded(), expected };
        f.commit(vec![op]).await.unwrap();
    }
    f.clock.advance(MINUTE / 2);
    assert_eq!(f.store.get::<Ticket>(earlier.id).await.unwrap(), None);
    assert_eq!(f.backend.sweep(f.now(), 9).await.unwrap(), 1);
    f.clock.advance(MINUTE / 2);
    assert_eq!(f.backend.sweep(f.now(), 9).await.unwrap(), 0);
    assert_eq!(f.store.get::<Ticket>(later.id).await.unwrap(), Some(later.clone()));
    f.clock.advance(MINUTE);
    assert_eq!(f.store.get::<Ticket>(later.id).await.unwrap(), None);
}

/// A counter that has expired is created anew, with its expiry.
pub async fn add_starts_anew_after_expiry(f: Fixture) {
    let mut ticket = f.ticket("a");
    let op = |ticket: &Ticket| Op::Add {
        key: key::<Ticket>(ticket.id),
        tally: "tries",
        by: 1,
        bound: Bound::AtMost(2),
        create: Some(ticket.encoded()),
    };
    for _ in 0..2 {
        f.commit(vec![op(&ticket)]).await.unwrap();
    }
    assert_matches!(f.commit(vec![op(&ticket)]).await, Err(StoreError::Exceeded { .. }));
    f.clock.advance(MINUTE);
    // One that would be created expired is not created.
    ticket.until = f.now();
    assert_matches!(f.commit(vec![op(&ticket)]).await, Err(StoreError::Stale { .. }));
    ticket.until = f.now() + MINUTE;
    f.commit(vec![op(&ticket)]).await.unwrap();
    assert_eq!(f.store.get::<Ticket>(ticket.id).await.unwrap().unwrap().tries, 1);
    f.clock.advance(MINUTE);
    assert_eq!(f.store.get::<Ticket>(ticket.id).await.unwrap(), None);
}

/// The `now` that decides is the one that comes with the call, not the backend's own clock.
pub async fn the_moment_of_the_call_decides(f: Fixture) {
    let ticket = f.ticket("a");
    let expected = f.commit(vec![insert_ticket(&ticket)]).await.unwrap();
    let keys = [key::<Ticket>(ticket.id)];
    let before = f.now();
    f.clock.advance(MINUTE);
    let at = |now| f.backend.read(RealmId::DEFAULT, now, &keys);
    assert!(at(before).await.unwrap()[0].is_some());
    assert!(at(f.now()).await.unwrap()[0].is_none());
    let mut batch = f.batch(vec![Op::Guard { key: keys[0], expected: Some(expected) }]);
    assert_matches!(f.backend.commit(RealmId::DEFAULT, batch.clone()).await, Err(StoreError::Stale { .. }));
    batch.now = before;
    f.backend.commit(RealmId::DEFAULT, batch).await.unwrap();
}

/// `sweep` removes at most its limit a call, in all realms, and only what has expired.
pub async fn sweep_is_bounded_and_spares_the_living(f: Fixture) {
    for at in 0..25 {
        let realm = f.realm(at % 3).realm();
        let batch = f.batch(vec![insert_ticket(&f.ticket(&at.to_string()))]);
        f.backend.commit(realm, batch).await.unwrap();
    }
    let living = Ticket { until: f.now() + 2 * MINUTE, ..f.ticket("living") };
    f.commit(vec![insert_ticket(&living)]).await.unwrap();
    let account = f.account("ann");
    f.insert(&account).await;
    assert_eq!(f.backend.sweep(f.now(), 100).await.unwrap(), 0);
    f.clock.advance(MINUTE);
    let mut steps = Vec::new();
    for _ in 0..4 {
        steps.push(f.backend.sweep(f.now(), 10).await.unwrap());
    }
    assert_eq!(steps, [10, 10, 5, 0]);
    assert_eq!(f.backend.sweep(f.now(), 0).await.unwrap(), 0);
    assert_eq!(f.store.get::<Ticket>(living.id).await.unwrap(), Some(living));
    assert_eq!(f.store.get::<Account>(account.id).await.unwrap(), Some(account));
}

/// `sweep` also forgets the ids of units, a day after they committed and not before.
pub async fn sweep_forgets_old_units(f: Fixture) {
    let unit = f.insert(&f.account("ann")).await;
    f.clock.advance(Duration::from_hours(24) - MINUTE);
    sweep_all(&f).await;
    assert_eq!(f.backend.settle(unit, f.now()).await.unwrap(), Settlement::Committed);
    f.clock.advance(MINUTE);
    sweep_all(&f).await;
    assert_eq!(f.backend.settle(unit, f.now()).await.unwrap(), Settlement::Never);
}

async fn sweep_all(f: &Fixture) {
    for _ in 0..100 {
        if f.backend.sweep(f.now(), 10).await.unwrap() == 0 {
            return;
        }
    }
    panic!("sweep says for ever that it has removed something");
}
