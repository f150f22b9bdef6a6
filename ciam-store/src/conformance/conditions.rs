//! The conditions of `insert`, `replace`, `remove`, `guard` and `touch`.

use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{Bound, Op, Record as _, RecordKey, Settlement, StoreError};
use uuid::Uuid;

use super::fixture::{Account, Fixture, Ticket, assert_matches, insert, insert_ticket, key, replace};

/// What was inserted is read as it was, at the unit's version.
pub async fn what_was_inserted_is_read(f: Fixture) {
    let account = Account { seats: 3, seen: -4, handle: Some("h".into()), ..f.account("ann") };
    let unit = f.insert(&account).await;
    let row = f.row::<Account>(account.id).await.unwrap();
    assert_eq!((row.id, row.version, row.shape, row.live.clone()), (account.id.uuid(), unit, 1, vec![3, -4]));
    assert_eq!(row.doc, account.encoded().doc);
    assert_eq!(f.store.get::<Account>(account.id).await.unwrap(), Some(account));
    assert_eq!(f.store.get::<Account>(f.id()).await.unwrap(), None);
}

/// `insert` is refused when the id is taken.
pub async fn insert_refuses_a_taken_id(f: Fixture) {
    let account = f.account("ann");
    f.insert(&account).await;
    let other = Account { name: "other".into(), ..account.clone() };
    assert_matches!(f.commit(vec![insert(&other)]).await, Err(StoreError::Conflict { index: "id", .. }));
    assert_matches!(
        f.commit(vec![insert(&f.account("x")), insert(&other)]).await,
        Err(StoreError::Conflict { index: "id", collection: "suite_accounts" })
    );
    assert_eq!(f.store.get::<Account>(account.id).await.unwrap(), Some(account));
}

/// `insert` is refused when a unique key is taken, also within its own batch.
pub async fn insert_refuses_a_taken_key(f: Fixture) {
    f.insert(&f.account("ann")).await;
    let second = f.account("ann");
    let refused = f.commit(vec![insert(&second)]).await.unwrap_err();
    assert!(Account::BY_NAME.taken(&refused) && !Account::BY_HANDLE.taken(&refused), "{refused:?}");
    assert_eq!(f.row::<Account>(second.id).await, None);
    let twins = vec![insert(&f.account("twin")), insert(&f.account("twin"))];
    assert_matches!(f.commit(twins).await, Err(StoreError::Conflict { index: "name", .. }));
    assert_eq!(f.store.count(&Account::BY_NAME.eq(&"twin".to_owned()), 9).await.unwrap(), 0);
}

/// A null in a unique key never collides.
pub async fn a_null_never_collides(f: Fixture) {
    f.insert(&f.account("a")).await;
    f.insert(&f.account("b")).await;
}

/// A key of two columns is taken only as a whole, and named by its first column.
pub async fn a_key_of_two_columns_collides_as_a_whole(f: Fixture) {
    let with = |name: &str, rank| Account { handle: Some("h".into()), rank, ..f.account(name) };
    f.insert(&with("a", 1)).await;
    f.insert(&with("b", 2)).await;
    let refused = f.commit(vec![insert(&with("c", 1))]).await.unwrap_err();
    assert!(Account::BY_HANDLE.taken(&refused), "{refused:?}");
}

/// `replace` needs the version that was read, and gives the record that of its own unit.
pub async fn replace_needs_the_version_that_was_read(f: Fixture) {
    let account = f.account("ann");
    let first = f.insert(&account).await;
    let changed = Account { label: "new".into(), ..account.clone() };
    assert_matches!(f.commit(vec![replace(&changed, Uuid::nil())]).await, Err(StoreError::Stale { .. }));
    let second = f.commit(vec![replace(&changed, first)]).await.unwrap();
    assert_eq!(f.row::<Account>(account.id).await.unwrap().version, second);
    assert_eq!(f.store.get::<Account>(account.id).await.unwrap(), Some(changed.clone()));
    let id = account.id.uuid();
    assert_matches!(
        f.commit(vec![replace(&account, first)]).await,
        Err(StoreError::Stale { collection: "suite_accounts", id: of }) if of == id
    );
    assert_matches!(f.commit(vec![replace(&f.account("none"), first)]).await, Err(StoreError::Stale { .. }));
    assert_eq!(f.store.get::<Account>(account.id).await.unwrap(), Some(changed));
}

/// `replace` writes the document as it was given, and its shape.
pub async fn replace_writes_document_and_shape(f: Fixture) {
    let account = f.account("ann");
    let expected = f.insert(&account).await;
    let mut record = account.encoded();
    (record.doc, record.shape) = (format!(" {}", record.doc), 2);
    let op = Op::Replace { collection: Account::COLLECTION.name(), record: record.clone(), expected };
    f.commit(vec![op]).await.unwrap();
    let row = f.row::<Account>(account.id).await.unwrap();
    assert_eq!((row.doc, row.shape), (record.doc, 2));
}

/// `replace` keeps its own key, may take a free one, frees the old one, and is refused another's.
pub async fn replace_refuses_a_key_that_another_has(f: Fixture) {
    let ann = f.account("ann");
    let version = f.insert(&ann).await;
    f.insert(&f.account("bob")).await;
    let same = f.commit(vec![replace(&ann, version)]).await.unwrap();
    let bob = Account { name: "bob".into(), ..ann.clone() };
    let refused = f.commit(vec![replace(&bob, same)]).await.unwrap_err();
    assert!(Account::BY_NAME.taken(&refused), "{refused:?}");
    f.commit(vec![replace(&Account { name: "eve".into(), ..ann }, same)]).await.unwrap();
    f.insert(&f.account("ann")).await;
    assert_matches!(f.commit(vec![insert(&f.account("eve"))]).await, Err(StoreError::Conflict { .. }));
}

/// `remove` needs the version that was read, and frees id and key.
pub async fn remove_needs_the_version_that_was_read(f: Fixture) {
    let account = f.account("ann");
    let version = f.insert(&account).await;
    let remove = |expected| Op::Remove { key: key::<Account>(account.id), expected };
    assert_matches!(f.commit(vec![remove(Uuid::nil())]).await, Err(StoreError::Stale { .. }));
    f.commit(vec![remove(version)]).await.unwrap();
    assert_eq!(f.row::<Account>(account.id).await, None);
    assert_matches!(f.commit(vec![remove(version)]).await, Err(StoreError::Stale { .. }));
    f.insert(&account).await;
}

/// `guard` is refused when the record has changed or gone; it changes nothing itself.
pub async fn guard_needs_the_version_that_was_read(f: Fixture) {
    let account = f.account("ann");
    let version = f.insert(&account).await;
    let guard = |expected| Op::Guard { key: key::<Account>(account.id), expected: Some(expected) };
    f.commit(vec![guard(version)]).await.unwrap();
    assert_eq!(f.row::<Account>(account.id).await.unwrap().version, version);
    let changed = f.commit(vec![replace(&account, version)]).await.unwrap();
    assert_matches!(f.commit(vec![guard(version)]).await, Err(StoreError::Stale { .. }));
    f.commit(vec![Op::Remove { key: key::<Account>(account.id), expected: changed }]).await.unwrap();
    assert_matches!(f.commit(vec![guard(changed)]).await, Err(StoreError::Stale { .. }));
}

/// `guard` of an absent record is refused when it has appeared, and leaves nothing behind.
pub async fn guard_of_absence(f: Fixture) {
    let account = f.account("ann");
    let absent = || Op::Guard { key: key::<Account>(account.id), expected: None };
    f.commit(vec![absent(), absent()]).await.unwrap();
    assert_eq!(f.row::<Account>(account.id).await, None);
    // It sees what the batch itself has done before.
    assert_matches!(f.commit(vec![insert(&account), absent()]).await, Err(StoreError::Stale { .. }));
    assert_eq!(f.row::<Account>(account.id).await, None);
    f.insert(&account).await;
    assert_matches!(f.commit(vec![absent()]).await, Err(StoreError::Stale { .. }));
}

/// Two guards of one record both succeed; of two touches of one version, one is stale.
pub async fn two_guards_succeed_and_two_touches_do_not(f: Fixture) {
    let account = f.account("ann");
    let version = f.insert(&account).await;
    let key = key::<Account>(account.id);
    for _ in 0..2 {
        f.commit(vec![Op::Guard { key, expected: Some(version) }]).await.unwrap();
    }
    let touched = f.commit(vec![Op::Touch { key, expected: version }]).await.unwrap();
    assert_eq!(f.row::<Account>(account.id).await.unwrap().version, touched);
    assert_matches!(f.commit(vec![Op::Touch { key, expected: version }]).await, Err(StoreError::Stale { .. }));
    assert_matches!(f.commit(vec![Op::Guard { key, expected: Some(version) }]).await, Err(StoreError::Stale { .. }));
    let none = RecordKey { id: Uuid::from_u128(1), ..key };
    assert_matches!(f.commit(vec![Op::Touch { key: none, expected: version }]).await, Err(StoreError::Stale { .. }));
    assert_eq!(f.store.get::<Account>(account.id).await.unwrap(), Some(account));
}

/// The id of a unit is good for one commit.
pub async fn a_unit_has_its_id_once(f: Fixture) {
    let batch = f.batch(vec![insert(&f.account("ann"))]);
    f.backend.commit(RealmId::DEFAULT, batch.clone()).await.unwrap();
    let again = ciam_core::store::Batch { ops: vec![insert(&f.account("bob"))], ..batch };
    assert_matches!(f.backend.commit(RealmId::DEFAULT, again).await, Err(StoreError::Conflict { .. }));
    assert_eq!(f.store.count(&Account::BY_NAME.eq(&"bob".to_owned()), 1).await.unwrap(), 0);
    // Also when it writes nothing else.
    let guards = f.commit(vec![Op::Guard { key: key::<Account>(f.id()), expected: None }]).await.unwrap();
    assert_eq!(f.backend.settle(guards, f.now()).await.unwrap(), Settlement::Committed);
}

/// What is in one realm cannot be read, found, changed or met in another.
pub async fn realms_are_walled_off(f: Fixture) {
    let account = Account { team: Some("t".into()), ..f.account("ann") };
    let version = f.insert(&account).await;
    let other = f.realm(2);
    assert_eq!(other.get::<Account>(account.id).await.unwrap(), None);
    assert!(other.find(&Account::BY_RANK.under(&Some("t".into()))).await.unwrap().items.is_empty());
    assert_eq!(other.count(&Account::BY_NAME.eq(&"ann".to_owned()), 9).await.unwrap(), 0);
    let k = key::<Account>(account.id);
    let add = Op::Add { key: k, tally: "seats", by: 1, bound: Bound::None, create: None };
    let raise = Op::Raise { key: k, peak: "seen", to: 9, strictly: false };
    let guard = Op::Guard { key: k, expected: Some(version) };
    let touch = Op::Touch { key: k, expected: version };
    let remove = Op::Remove { key: k, expected: version };
    for op in [add, raise, guard, touch, remove, replace(&account, version)] {
        let refused = f.backend.commit(other.realm(), f.batch(vec![op])).await;
        assert_matches!(refused, Err(StoreError::Stale { .. }));
    }
    let absent = Op::Guard { key: k, expected: None };
    f.backend.commit(other.realm(), f.batch(vec![absent])).await.unwrap();
    // An id is one for all realms, so that a host's table may refer to it; a unique key is not.
    let refused = f.backend.commit(other.realm(), f.batch(vec![insert(&account)])).await;
    assert_matches!(refused, Err(StoreError::Conflict { index: "id", .. }));
    let theirs = f.account("ann");
    f.backend.commit(other.realm(), f.batch(vec![insert(&theirs)])).await.unwrap();
    for (store, own) in [(&f.store, account), (&other, theirs)] {
        let found = store.find(&Account::BY_NAME.eq(&"ann".to_owned())).await.unwrap();
        assert_eq!(found.items, std::slice::from_ref(&own));
        assert_eq!(store.count(&Account::BY_NAME.under(&()), 9).await.unwrap(), 1);
        assert_eq!(store.get::<Account>(own.id).await.unwrap(), Some(own));
    }
}

/// Wherever in the batch an operation is refused, nothing of the batch is left, its unit's id neither.
pub async fn all_or_nothing_wherever_it_fails(f: Fixture) {
    let (kept, gone) = (f.account("kept"), f.account("gone"));
    let version = f.insert(&kept).await;
    let gone_version = f.insert(&gone).await;
    f.insert(&f.account("taken")).await;
    let ticket = f.ticket("new");
    let k = key::<Account>(kept.id);
    let good = |new: &Account| {
        vec![
            insert(new),
            Op::Add { key: k, tally: "seats", by: 1, bound: Bound::None, create: None },
            Op::Raise { key: k, peak: "seen", to: 5, strictly: true },
            replace(&Account { label: "changed".into(), ..kept.clone() }, version),
            Op::Remove { key: key::<Account>(gone.id), expected: gone_version },
            insert_ticket(&ticket),
        ]
    };
    let bad = || {
        [
            insert(&f.account("taken")),
            replace(&gone, Uuid::nil()),
            Op::Remove { key: key::<Account>(f.id()), expected: version },
            Op::Guard { key: key::<Account>(f.id()), expected: Some(version) },
            Op::Touch { key: key::<Account>(f.id()), expected: version },
            Op::Add { key: k, tally: "seats", by: 9, bound: Bound::AtMost(8), create: None },
            Op::Raise { key: k, peak: "seen", to: 0, strictly: true },
        ]
    };
    for which in 0..bad().len() {
        for at in 0..=6 {
            let new = f.account("new");
            let mut ops = good(&new);
            ops.insert(at, bad()[which].clone());
            f.commit(ops).await.unwrap_err();
            assert_eq!(f.store.get::<Account>(kept.id).await.unwrap().as_ref(), Some(&kept), "{which} at {at}");
            assert_eq!(f.row::<Account>(kept.id).await.unwrap().version, version);
            assert_eq!(f.row::<Account>(gone.id).await.unwrap().version, gone_version);
            assert_eq!((f.row::<Account>(new.id).await, f.row::<Ticket>(ticket.id).await), (None, None));
        }
    }
    let new = f.account("new");
    let mut refused = f.batch(good(&new));
    refused.ops.push(bad()[0].clone());
    f.backend.commit(RealmId::DEFAULT, refused.clone()).await.unwrap_err();
    refused.ops.pop();
    f.backend.commit(RealmId::DEFAULT, refused).await.unwrap();
    assert_eq!(f.store.get::<Account>(new.id).await.unwrap(), Some(new));
}

/// A unique value passes from a removed to an inserted record in one batch.
pub async fn a_key_passes_from_a_removed_to_an_inserted_record(f: Fixture) {
    let old = f.account("ann");
    let version = f.insert(&old).await;
    let new = f.account("ann");
    let remove = Op::Remove { key: key::<Account>(old.id), expected: version };
    f.commit(vec![remove, insert(&new)]).await.unwrap();
    assert_eq!(f.row::<Account>(old.id).await, None);
    assert_eq!(f.store.find(&Account::BY_NAME.eq(&"ann".to_owned())).await.unwrap().items, [new]);
}

/// A collection, tally or peak that nobody declared is a mistake in the program, and is told as one.
pub async fn foreign_names_are_misuse(f: Fixture) {
    let account = f.account("ann");
    f.insert(&account).await;
    let k = key::<Account>(account.id);
    let nowhere = RecordKey { collection: "nowhere", id: k.id };
    assert_matches!(f.commit(vec![Op::Guard { key: nowhere, expected: None }]).await, Err(StoreError::Misuse(_)));
    assert_matches!(f.backend.read(RealmId::DEFAULT, f.now(), &[nowhere]).await, Err(StoreError::Misuse(_)));
    let add = Op::Add { key: k, tally: "chairs", by: 1, bound: Bound::None, create: None };
    assert_matches!(f.commit(vec![add]).await, Err(StoreError::Misuse(_)));
    let raise = Op::Raise { key: k, peak: "chairs", to: 1, strictly: false };
    assert_matches!(f.commit(vec![raise]).await, Err(StoreError::Misuse(_)));
    assert_eq!(Account::COLLECTION.name(), k.collection);
}
