//! `add` and `raise`: numbers that change without a look at the version.

use ciam_core::store::{Bound, Op, StoreError};

use super::fixture::{Account, AccountId, Fixture, assert_matches, insert, key, replace};

fn add(id: AccountId, by: i64, bound: Bound) -> Op {
    Op::Add { key: key::<Account>(id), tally: "seats", by, bound, create: None }
}

fn raise(id: AccountId, to: i64, strictly: bool) -> Op {
    Op::Raise { key: key::<Account>(id), peak: "seen", to, strictly }
}

async fn numbers(f: &Fixture, id: AccountId) -> (i64, i64) {
    let account = f.store.get::<Account>(id).await.unwrap().unwrap();
    (account.seats, account.seen)
}

/// `add` changes no version and is stale with nobody.
pub async fn add_changes_no_version_and_is_never_stale(f: Fixture) {
    let account = f.account("ann");
    let version = f.insert(&account).await;
    f.commit(vec![add(account.id, 2, Bound::None), add(account.id, 3, Bound::None)]).await.unwrap();
    assert_eq!(f.row::<Account>(account.id).await.unwrap().version, version);
    f.commit(vec![replace(&account, version)]).await.unwrap();
    f.commit(vec![add(account.id, -1, Bound::None)]).await.unwrap();
    assert_eq!(numbers(&f, account.id).await, (4, 0));
    assert_matches!(f.commit(vec![add(f.id(), 1, Bound::None)]).await, Err(StoreError::Stale { .. }));
}

/// The sum may reach a bound and not pass it, upwards and downwards.
pub async fn add_keeps_its_bounds(f: Fixture) {
    let account = f.account("ann");
    f.insert(&account).await;
    f.commit(vec![add(account.id, 3, Bound::AtMost(3))]).await.unwrap();
    let refused = f.commit(vec![add(account.id, 1, Bound::AtMost(3))]).await;
    assert_matches!(refused, Err(StoreError::Exceeded { collection: "suite_accounts", tally: "seats" }));
    f.commit(vec![add(account.id, -3, Bound::AtLeast(0))]).await.unwrap();
    assert_matches!(f.commit(vec![add(account.id, -1, Bound::AtLeast(0))]).await, Err(StoreError::Exceeded { .. }));
    // One batch cannot slip past its bound by taking two steps.
    let two = vec![add(account.id, 2, Bound::AtMost(3)), add(account.id, 2, Bound::AtMost(3))];
    assert_matches!(f.commit(two).await, Err(StoreError::Exceeded { .. }));
    assert_eq!(numbers(&f, account.id).await, (0, 0));
}

/// A sum past the largest number stays the largest.
pub async fn add_saturates(f: Fixture) {
    let account = Account { seats: i64::MAX - 1, ..f.account("ann") };
    f.insert(&account).await;
    f.commit(vec![add(account.id, 5, Bound::None)]).await.unwrap();
    assert_eq!(numbers(&f, account.id).await, (i64::MAX, 0));
    assert_matches!(f.commit(vec![add(account.id, 5, Bound::AtMost(9))]).await, Err(StoreError::Exceeded { .. }));
}

/// `add` creates an absent record and adds to it; a present one is left as it is.
pub async fn add_creates_what_is_absent(f: Fixture) {
    let first = Account { seats: 10, label: "first".into(), ..f.account("ann") };
    let creating =
        |by, bound| Op::Add { key: key::<Account>(first.id), tally: "seats", by, bound, create: Some(first.encoded()) };
    assert_matches!(f.commit(vec![creating(1, Bound::AtMost(10))]).await, Err(StoreError::Exceeded { .. }));
    assert_eq!(f.row::<Account>(first.id).await, None);
    let unit = f.commit(vec![creating(1, Bound::None)]).await.unwrap();
    f.commit(vec![creating(1, Bound::None)]).await.unwrap();
    let row = f.row::<Account>(first.id).await.unwrap();
    assert_eq!((row.version, row.live), (unit, vec![12, 0]));
    // What it would create obeys the unique indexes.
    let twin = Account { id: f.id(), ..first.clone() };
    let op = Op::Add {
        key: key::<Account>(twin.id),
        tally: "seats",
        by: 1,
        bound: Bound::None,
        create: Some(twin.encoded()),
    };
    assert_matches!(f.commit(vec![op]).await, Err(StoreError::Conflict { index: "name", .. }));
}

/// `raise` moves a peak upwards only and changes no version.
pub async fn raise_goes_only_upwards(f: Fixture) {
    let account = f.account("ann");
    let version = f.insert(&account).await;
    for to in [5, 3, 5] {
        f.commit(vec![raise(account.id, to, false)]).await.unwrap();
        assert_eq!(numbers(&f, account.id).await, (0, 5));
    }
    assert_eq!(f.row::<Account>(account.id).await.unwrap().version, version);
    assert_matches!(f.commit(vec![raise(f.id(), 1, false)]).await, Err(StoreError::Stale { .. }));
}

/// A strict `raise` refuses what is not above the peak: a step that was used.
pub async fn raise_strictly_refuses_what_was_used(f: Fixture) {
    let account = f.account("ann");
    f.insert(&account).await;
    f.commit(vec![raise(account.id, 5, true)]).await.unwrap();
    for used in [5, 4] {
        let refused = f.commit(vec![raise(account.id, used, true)]).await;
        assert_matches!(refused, Err(StoreError::Exceeded { tally: "seen", .. }));
    }
    f.commit(vec![raise(account.id, 6, true)]).await.unwrap();
    assert_eq!(numbers(&f, account.id).await, (0, 6));
    assert_matches!(f.commit(vec![raise(f.id(), 1, true)]).await, Err(StoreError::Stale { .. }));
}

/// Replacing or touching a record leaves its tallies and peaks as they are.
pub async fn replace_leaves_counters_alone(f: Fixture) {
    let account = f.account("ann");
    let version = f.insert(&account).await;
    f.commit(vec![add(account.id, 4, Bound::None), raise(account.id, 8, false)]).await.unwrap();
    let version = f.commit(vec![replace(&account, version)]).await.unwrap();
    f.commit(vec![Op::Touch { key: key::<Account>(account.id), expected: version }]).await.unwrap();
    assert_eq!(numbers(&f, account.id).await, (4, 8));
}

/// What a batch counted is taken back with it.
pub async fn a_refused_count_leaves_nothing(f: Fixture) {
    let account = f.account("ann");
    f.insert(&account).await;
    let ops = vec![add(account.id, 4, Bound::None), raise(account.id, 8, true), insert(&f.account("ann"))];
    assert_matches!(f.commit(ops).await, Err(StoreError::Conflict { .. }));
    assert_eq!(numbers(&f, account.id).await, (0, 0));
}
