//! What a search cannot be, and what is told of it.

use ciam_core::id::RealmId;
use ciam_core::store::{
    Filter, InvalidSearch, MAX_FILTER_DEPTH, MAX_FILTER_NODES, MAX_FILTER_TEXT, MAX_OFFSET, MAX_PAGE, MAX_SORTS,
    RawFilter, RawSearch, RawSort, Record as _, Search, SearchCursor, Start, StoreError, Test, Value,
};
use uuid::Uuid;

use super::super::fixture::{Account, Fixture, assert_matches};
use super::pages::crowd;

fn refused<T: std::fmt::Debug>(answer: Result<T, StoreError>, expected: InvalidSearch) {
    assert_matches!(answer, Err(StoreError::Search(why)) if why == expected, "{expected:?}");
}

/// Filters have a depth, a size and longest texts; pages a size and an end.
pub async fn what_is_too_much_is_refused(f: Fixture) {
    if !f.can_search() {
        return;
    }
    let search =
        async |filter: Filter<Account>| f.store.search(&Search::of(filter)).await.map(|found| found.items.len());
    let nested = |depth: usize| (1..depth).fold(Account::RANK.eq(&1), |filter, _| !filter);
    assert_eq!(search(nested(MAX_FILTER_DEPTH)).await.unwrap(), 0);
    refused(search(nested(MAX_FILTER_DEPTH + 1)).await, InvalidSearch::TooDeep);
    refused(search(nested(10_000)).await, InvalidSearch::TooDeep);
    let wide = |parts: i64| (0..parts).fold(Filter::all(), |filter, at| filter.or(Account::RANK.eq(&at)));
    assert_eq!(search(wide(MAX_FILTER_NODES as i64 - 2)).await.unwrap(), 0);
    refused(search(wide(MAX_FILTER_NODES as i64)).await, InvalidSearch::TooLarge);
    let list = |many: usize| Account::LABEL.is_in(vec!["a"; many]);
    assert_eq!(search(list(MAX_FILTER_NODES - 1)).await.unwrap(), 0);
    refused(search(list(MAX_FILTER_NODES)).await, InvalidSearch::TooLarge);
    let long = "é".repeat(MAX_FILTER_TEXT / 2);
    assert_eq!(search(Account::LABEL.contains(&long).or(Account::LABEL.eq(&long))).await.unwrap(), 0);
    for text in [format!("{long}a"), "a\0b".to_owned()] {
        refused(search(Account::LABEL.contains(&text)).await, InvalidSearch::Text);
        refused(search(Account::LABEL.eq(&text)).await, InvalidSearch::Text);
        refused(search(Account::LABEL.is_in([&text])).await, InvalidSearch::Text);
    }
    let all = || Search::of(Filter::<Account>::all());
    refused(f.store.search(&all().offset(MAX_OFFSET + 1)).await.map(drop), InvalidSearch::TooFar);
    assert!(f.store.search(&all().limit(u32::MAX)).await.is_ok(), "asks for as many as there may be");
    let many = (0..MAX_SORTS).fold(all(), |search, _| search.sort(Account::RANK.ascending()));
    assert!(f.store.search(&many).await.is_ok());
    refused(f.store.search(&many.sort(Account::RANK.ascending())).await.map(drop), InvalidSearch::TooManySorts);
}

/// A cursor with other values than the search sorts by is refused; one that was made up begins elsewhere.
pub async fn a_cursor_of_another_search_is_refused(f: Fixture) {
    if !f.can_search() {
        return;
    }
    let accounts = crowd(&f, 10).await;
    let (id, text) = (Uuid::nil(), Value::Text("x".into()));
    let by_rank = Search::of(Filter::all()).sort(Account::RANK.ascending());
    for values in
        [vec![], vec![Value::Null], vec![text.clone()], vec![Value::Int(1), Value::Int(1)], vec![Value::Uuid(id)]]
    {
        refused(
            f.store.search(&by_rank.clone().after(SearchCursor { values, id })).await.map(drop),
            InvalidSearch::Cursor,
        );
    }
    let by_team = Search::of(Filter::all()).sort(Account::TEAM.ascending());
    for values in [vec![Value::Int(1)], vec![Value::Text("a\0".into())], vec![Value::Bytes(vec![1])]] {
        refused(
            f.store.search(&by_team.clone().after(SearchCursor { values, id })).await.map(drop),
            InvalidSearch::Cursor,
        );
    }
    let begin = SearchCursor { values: vec![Value::Text(String::new())], id };
    assert_eq!(f.store.search(&by_team.clone().after(begin)).await.unwrap().items.len(), accounts.len());
    let nulls = SearchCursor { values: vec![Value::Null], id };
    let without = accounts.iter().filter(|account| account.team.is_none()).count();
    assert_eq!(f.store.search(&by_team.after(nulls)).await.unwrap().items.len(), without);
    let far = SearchCursor { values: vec![Value::Int(i64::MAX)], id };
    assert!(f.store.search(&by_rank.after(far)).await.unwrap().items.is_empty());
}

/// A field that is not declared, a value of another type, a collection that is not there.
pub async fn what_a_search_cannot_be_asked_is_told(f: Fixture) {
    let Some(directory) = f.backend.directory() else {
        let refused = f.store.search(&Search::of(Filter::<Account>::all())).await;
        return assert_matches!(refused, Err(StoreError::Unsupported(_)));
    };
    let ask = async |collection, filter, sort: &[&'static str]| {
        let sort = sort.iter().map(|&field| RawSort { field, descending: false }).collect();
        let search = RawSearch { collection, filter, sort, start: Start::Offset(0), limit: 5, count_to: Some(5) };
        directory.search(RealmId::DEFAULT, f.now(), &search).await
    };
    let accounts = Account::COLLECTION.name();
    let test = |field, test| RawFilter::Test { field, test };
    for field in ["doc", "realm", "version", "seats", "nothing", "label\" OR 1 = 1 --", ""] {
        refused(ask(accounts, test(field, Test::Present), &[]).await, InvalidSearch::UnknownField);
        refused(ask(accounts, RawFilter::All(Vec::new()), &[field]).await, InvalidSearch::UnknownField);
    }
    for (field, what) in [
        ("rank", Test::Contains("1".into())),
        ("id", Test::StartsWith("1".into())),
        ("rank", Test::Eq(Value::Text("1".into()))),
        ("label", Test::Lt(Value::Int(1))),
        ("label", Test::In(vec![Value::Text("a".into()), Value::Uuid(Uuid::nil())])),
        ("created_at", Test::Ge(Value::Text("2026".into()))),
        ("id", Test::Eq(Value::Bytes(vec![0; 16]))),
    ] {
        refused(ask(accounts, test(field, what), &[]).await, InvalidSearch::WrongType);
    }
    let page = |limit| RawSearch {
        collection: accounts,
        filter: RawFilter::All(Vec::new()),
        sort: Vec::new(),
        start: Start::Offset(0),
        limit,
        count_to: None,
    };
    assert!(directory.search(RealmId::DEFAULT, f.now(), &page(MAX_PAGE)).await.is_ok());
    refused(directory.search(RealmId::DEFAULT, f.now(), &page(MAX_PAGE + 1)).await, InvalidSearch::TooFar);
    let nowhere = ask("nowhere", RawFilter::All(Vec::new()), &[]).await;
    assert_matches!(nowhere, Err(StoreError::Misuse(_)));
}
