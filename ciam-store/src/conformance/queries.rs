//! Finding and counting: order, pages, ranges, prefixes, cursors.

use std::collections::BTreeSet;
use std::ops::Bound;

use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{Cursor, Op, Query, RawQuery, Record as _, Store, StoreError, Value};
use uuid::Uuid;

use super::fixture::{Account, AccountId, Fixture, assert_matches, insert, key, replace};

fn team() -> Option<String> {
    Some("t".to_owned())
}

async fn fill(f: &Fixture, ranks: impl IntoIterator<Item = i64>) -> Vec<Account> {
    let mut accounts = Vec::new();
    for (at, rank) in ranks.into_iter().enumerate() {
        accounts.push(Account { team: team(), rank, ..f.account(&format!("{at}")) });
    }
    f.commit(accounts.iter().map(insert).collect()).await.unwrap();
    // Neighbours in every direction that must not be found.
    let strangers = [(None, "n"), (Some("s".to_owned()), "s"), (Some("t2".to_owned()), "t")];
    for (team, name) in strangers {
        f.insert(&Account { team, ..f.account(name) }).await;
    }
    accounts
}

/// All pages of a query, each cursor taken through its text.
async fn all(store: &Store, query: &Query<Account>, limit: u32) -> Vec<Account> {
    let mut found = Vec::new();
    let mut query = query.clone().limit(limit);
    loop {
        let page = store.find(&query).await.unwrap();
        assert!(page.items.len() <= limit as usize);
        found.extend(page.items);
        assert!(found.len() < 1000, "pages without end");
        match page.next {
            Some(next) => query = query.after(Cursor::decode(&next.encode()).unwrap()),
            None => return found,
        }
    }
}

fn ranks(accounts: &[Account]) -> Vec<i64> {
    accounts.iter().map(|account| account.rank).collect()
}

/// Pages of any size give each record once and in order, both ways.
pub async fn pages_ascend_and_descend_without_gap_or_repetition(f: Fixture) {
    fill(&f, [5, -3, i64::MIN, 0, i64::MAX, 7, 2]).await;
    let mut expected = vec![i64::MIN, -3, 0, 2, 5, 7, i64::MAX];
    for limit in [1, 2, 3, 7, 8, 100] {
        assert_eq!(ranks(&all(&f.store, &Account::BY_RANK.under(&team()), limit).await), expected);
    }
    expected.reverse();
    for limit in [1, 3, 100] {
        assert_eq!(ranks(&all(&f.store, &Account::BY_RANK.under(&team()).descending(), limit).await), expected);
    }
}

/// Records with one value are ordered by id, so that a page may end among them.
pub async fn equal_values_are_told_apart_by_id(f: Fixture) {
    let mut accounts = fill(&f, [1, 2, 2, 2, 2, 2, 3]).await;
    accounts.sort_by_key(|account| (account.rank, account.id));
    for limit in 1..=4 {
        assert_eq!(all(&f.store, &Account::BY_RANK.under(&team()), limit).await, accounts);
    }
    accounts.reverse();
    for limit in 1..=4 {
        assert_eq!(all(&f.store, &Account::BY_RANK.under(&team()).descending(), limit).await, accounts);
    }
}

/// Ranges include or exclude either end, or have none, both ways and page by page.
pub async fn ranges_with_every_kind_of_end(f: Fixture) {
    fill(&f, 0..10).await;
    let ends = |at| [Bound::Unbounded, Bound::Included(at), Bound::Excluded(at)];
    for lower in ends(3) {
        for upper in ends(7) {
            let expected: Vec<i64> =
                (0..10).filter(|at| std::ops::RangeBounds::contains(&(lower, upper), at)).collect();
            let query = Account::BY_RANK.range(&team(), (lower, upper));
            assert_eq!(ranks(&all(&f.store, &query, 2).await), expected, "{lower:?} {upper:?}");
            let back: Vec<i64> = expected.iter().rev().copied().collect();
            assert_eq!(ranks(&all(&f.store, &query.clone().descending(), 2).await), back);
            assert_eq!(f.store.count(&query, 100).await.unwrap() as usize, expected.len());
        }
    }
    assert!(
        all(&f.store, &Account::BY_RANK.range(&team(), (Bound::Included(7), Bound::Excluded(3))), 5).await.is_empty()
    );
}

async fn label(f: &Fixture, labels: &[&str]) {
    for (at, label) in labels.iter().enumerate() {
        f.insert(&Account { team: team(), label: (*label).into(), ..f.account(&format!("l{at}")) }).await;
    }
}

/// A prefix finds what starts with it, wildcards and the ends of Unicode included.
pub async fn prefixes(f: Fixture) {
    let labels = ["", "a", "a%", "a%b", "ab", "aB", "b", "é", "\u{D7FF}x", "\u{E000}", "\u{10FFFF}", "\u{10FFFF}z"];
    label(&f, &labels).await;
    for prefix in ["", "a", "a%", "A", "é", "\u{D7FF}", "\u{10FFFF}", "zz"] {
        let expected: BTreeSet<&str> = labels.iter().copied().filter(|label| label.starts_with(prefix)).collect();
        let found = all(&f.store, &Account::BY_LABEL.starts_with(&team(), prefix), 2).await;
        assert_eq!(found.iter().map(|a| a.label.as_str()).collect::<Vec<_>>(), Vec::from_iter(expected), "{prefix}");
    }
}

/// Text is compared byte by byte: no case, no locale, no trimming, no normal form.
pub async fn text_compares_bytewise(f: Fixture) {
    let mut labels = ["b", "a", "B", "a ", "é", "e\u{301}", "ß", "10", "9", "a\u{1}", "Z"];
    label(&f, &labels).await;
    labels.sort_unstable();
    let found = all(&f.store, &Account::BY_LABEL.under(&team()), 3).await;
    assert_eq!(found.iter().map(|a| a.label.as_str()).collect::<Vec<_>>(), labels);
    for (at, name) in ["Ann", "ann", "ann ", "a\u{301}nn", "ánn"].iter().enumerate() {
        f.insert(&Account { rank: at as i64, ..f.account(name) }).await;
    }
}

/// Numbers are numbers, also where they have different lengths or signs.
pub async fn numbers_compare_as_numbers(f: Fixture) {
    fill(&f, [10, 9, -10, -9, 100]).await;
    assert_eq!(ranks(&all(&f.store, &Account::BY_RANK.under(&team()), 9).await), [-10, -9, 9, 10, 100]);
}

/// A query that fixes every column is ordered by id, and paged by it.
pub async fn an_exact_key_is_paged_by_id(f: Fixture) {
    let mut accounts = fill(&f, [4; 7]).await;
    fill_rest(&f).await;
    accounts.sort_by_key(|account| account.id);
    let query = Account::BY_RANK.eq(&(team(), 4));
    assert_eq!(all(&f.store, &query, 3).await, accounts);
    accounts.reverse();
    assert_eq!(all(&f.store, &query.descending(), 3).await, accounts);
}

async fn fill_rest(f: &Fixture) {
    for rank in [3, 5] {
        f.insert(&Account { team: team(), rank, ..f.account(&format!("rest{rank}")) }).await;
    }
}

/// A record with a null in an index is not found by it, not even by asking for null.
pub async fn a_null_is_not_found(f: Fixture) {
    let account = f.account("ann");
    f.insert(&account).await;
    assert!(f.store.find(&Account::BY_RANK.under(&None)).await.unwrap().items.is_empty());
    assert!(f.store.find(&Account::BY_RANK.eq(&(None, 0))).await.unwrap().items.is_empty());
    assert_eq!(f.store.count(&Account::BY_HANDLE.under(&None), 9).await.unwrap(), 0);
    let version = f.row::<Account>(account.id).await.unwrap().version;
    f.commit(vec![replace(&Account { team: team(), ..account.clone() }, version)]).await.unwrap();
    assert_eq!(f.store.count(&Account::BY_RANK.under(&team()), 9).await.unwrap(), 1);
    let version = f.row::<Account>(account.id).await.unwrap().version;
    f.commit(vec![replace(&account, version)]).await.unwrap();
    assert_eq!(f.store.count(&Account::BY_RANK.under(&team()), 9).await.unwrap(), 0);
}

/// A cursor of another list, or made up, is refused or begins elsewhere in the same list; it never widens it.
pub async fn a_forged_cursor_is_refused(f: Fixture) {
    fill(&f, 0..5).await;
    let query = Account::BY_RANK.range(&team(), 1..=3);
    let id = Uuid::from_u128(0);
    let forged =
        [None, Some(Value::Null), Some(Value::Text("1".into())), Some(Value::Bytes(vec![0])), Some(Value::Uuid(id))];
    for value in forged {
        let refused = f.store.find(&query.clone().after(Cursor { value: value.clone(), id })).await;
        assert_matches!(refused, Err(StoreError::Misuse(_)), "{value:?}");
    }
    let exact = Account::BY_RANK.eq(&(team(), 2)).after(Cursor { value: Some(Value::Int(0)), id });
    assert_matches!(f.store.find(&exact).await, Err(StoreError::Misuse(_)));
    let outside = query.clone().after(Cursor { value: Some(Value::Int(-50)), id });
    assert_eq!(ranks(&f.store.find(&outside).await.unwrap().items), [1, 2, 3]);
    let behind = query.after(Cursor { value: Some(Value::Int(50)), id });
    assert!(f.store.find(&behind).await.unwrap().items.is_empty());
}

/// `count` counts up to its bound, wherever a page may have ended.
pub async fn count_goes_up_to_a_bound(f: Fixture) {
    let accounts = fill(&f, 0..9).await;
    let query = Account::BY_RANK.under(&team());
    for (bound, expected) in [(0, 0), (1, 1), (8, 8), (9, 9), (10, 9), (5000, 9)] {
        assert_eq!(f.store.count(&query, bound).await.unwrap(), expected);
    }
    let cursor = Cursor { value: Some(Value::Int(7)), id: accounts[7].id.uuid() };
    assert_eq!(f.store.count(&query.after(cursor).descending(), 100).await.unwrap(), 9);
    assert_eq!(f.store.count(&Account::BY_RANK.eq(&(team(), 3)), 100).await.unwrap(), 1);
}

/// Records that are asked for together are seen as of one moment, in the order they were asked for.
pub async fn get_many_is_one_moment(f: Fixture) {
    let (one, two) = (f.account("one"), f.account("two"));
    let mut version = f.commit(vec![insert(&one), insert(&two)]).await.unwrap();
    let keys = [one.id, two.id, AccountId::from_uuid(Uuid::nil()), one.id].map(key::<Account>);
    let reading = f.clone();
    let reader = tokio::spawn(async move {
        for _ in 0..300 {
            let rows = reading.backend.read(RealmId::DEFAULT, reading.now(), &keys).await.unwrap();
            let versions: Vec<_> = rows.iter().map(|row| row.as_ref().map(|row| row.version)).collect();
            assert_eq!((rows.len(), versions[0], versions[2]), (4, versions[1], None));
            assert_eq!(rows[0], rows[3]);
            tokio::task::yield_now().await;
        }
    });
    while !reader.is_finished() {
        version = f.commit(vec![replace(&one, version), replace(&two, version)]).await.unwrap();
    }
    reader.await.unwrap();
    assert!(f.backend.read(RealmId::DEFAULT, f.now(), &[]).await.unwrap().is_empty());
}

/// A query over columns that no index has is a mistake in the program.
pub async fn an_undeclared_index_is_misuse(f: Fixture) {
    let query = |columns: &[&'static str], collection| RawQuery {
        collection,
        columns: columns.to_vec(),
        equal: Vec::new(),
        lower: Bound::Unbounded,
        upper: Bound::Unbounded,
        after: None,
        descending: false,
        limit: 9,
    };
    let accounts = Account::COLLECTION.name();
    for query in [query(&["rank"], accounts), query(&["doc\" OR 1 --"], accounts), query(&["name"], "nowhere")] {
        assert_matches!(f.backend.find(RealmId::DEFAULT, f.now(), &query).await, Err(StoreError::Misuse(_)));
        assert_matches!(f.backend.count(RealmId::DEFAULT, f.now(), &query).await, Err(StoreError::Misuse(_)));
    }
    let none: Vec<Op> = Vec::new();
    f.commit(none).await.unwrap();
}
