//! Searching: every test, nulls, order, pages, totals, walls and bounds. A backend without a directory says so and
//! passes.

mod bounds;
mod pages;

use std::time::Duration;

use ciam_core::clock::Timestamp;
use ciam_core::id::RecordId as _;
use ciam_core::store::{Field, Filter, Op, RawFilter, Search, SearchCursor, Total, Value};
use uuid::Uuid;

pub use bounds::*;
pub use pages::*;

use super::fixture::{Account, AccountId, Fixture, Ticket, insert, insert_ticket, replace};

const TEXTS: [&str; 16] =
    ["", "a", "A", "ab", "abc", "b", "%", "a%", "_", "a_c", "\\", "'; --", "é", "e\u{301}", "\u{D7FF}x", "\u{10FFFF}z"];

/// Accounts `0`, `1`, … with these labels, whose handles are the same, save for those that would be empty.
async fn label(f: &Fixture, labels: &[&str]) -> Vec<Account> {
    let account = |(at, label): (usize, &&str)| Account {
        label: (*label).to_owned(),
        handle: (!label.is_empty()).then(|| (*label).to_owned()),
        rank: at as i64,
        ..f.account(&format!("{at}"))
    };
    let accounts: Vec<Account> = labels.iter().enumerate().map(account).collect();
    f.commit(accounts.iter().map(insert).collect()).await.unwrap();
    accounts
}

async fn found(f: &Fixture, filter: Filter<Account>) -> Vec<String> {
    let search = Search::of(filter.clone()).sort(Account::RANK.ascending()).total_up_to(1000);
    let listing = f.store.search(&search).await.unwrap();
    let names: Vec<String> = listing.items.into_iter().map(|account| account.name).collect();
    assert_eq!(listing.total, Some(Total { count: names.len() as u32, is_exact: true }), "{filter:?}");
    names
}

fn names<'a>(accounts: impl IntoIterator<Item = &'a Account>) -> Vec<String> {
    accounts.into_iter().map(|account| account.name.clone()).collect()
}

/// Fails unless the filter finds exactly those of the accounts that pass a judgement, and its opposite the others.
async fn finds(f: &Fixture, accounts: &[Account], filter: Filter<Account>, passes: impl Fn(&Account) -> bool) {
    let (those, others): (Vec<&Account>, Vec<&Account>) = accounts.iter().partition(|account| passes(account));
    assert_eq!(found(f, filter.clone()).await, names(those), "{filter:?}");
    assert_eq!(found(f, !filter.clone()).await, names(others), "not {filter:?}");
}

/// Equality, order, beginnings, ends and middles of texts; equality and order of numbers; lists.
pub async fn every_test_finds_what_it_says(f: Fixture) {
    if !f.can_search() {
        return;
    }
    let accounts = label(&f, &TEXTS).await;
    for text in TEXTS {
        let owned = text.to_owned();
        finds(&f, &accounts, Account::LABEL.eq(text), |a| a.label == text).await;
        finds(&f, &accounts, Account::LABEL.ne(text), |a| a.label != text).await;
        finds(&f, &accounts, Account::LABEL.lt(text), |a| *a.label < *text).await;
        finds(&f, &accounts, Account::LABEL.le(text), |a| *a.label <= *text).await;
        finds(&f, &accounts, Account::LABEL.gt(&owned), |a| *a.label > *text).await;
        finds(&f, &accounts, Account::LABEL.ge(&owned), |a| *a.label >= *text).await;
        finds(&f, &accounts, Account::LABEL.starts_with(text), |a| a.label.starts_with(text)).await;
        finds(&f, &accounts, Account::LABEL.ends_with(text), |a| a.label.ends_with(text)).await;
        finds(&f, &accounts, Account::LABEL.contains(text), |a| a.label.contains(text)).await;
    }
    finds(&f, &accounts, Account::LABEL.is_in(["a", "é", "nobody"]), |a| ["a", "é"].contains(&&*a.label)).await;
    finds(&f, &accounts, Account::LABEL.is_in::<str>([]), |_| false).await;
    for rank in [i64::MIN, -1, 0, 3, 15, 16, i64::MAX] {
        finds(&f, &accounts, Account::RANK.eq(&rank), |a| a.rank == rank).await;
        finds(&f, &accounts, Account::RANK.lt(&rank), |a| a.rank < rank).await;
        finds(&f, &accounts, Account::RANK.ge(&rank), |a| a.rank >= rank).await;
    }
}

/// A record without a value passes no comparison, and so every one that is turned around.
pub async fn what_has_no_value_is_told_apart(f: Fixture) {
    if !f.can_search() {
        return;
    }
    let accounts = label(&f, &["", "a", "", "ab", "b"]).await;
    let has = |a: &Account, test: fn(&str) -> bool| a.handle.as_deref().is_some_and(test);
    finds(&f, &accounts, Account::HANDLE.is_present(), |a| a.handle.is_some()).await;
    finds(&f, &accounts, Account::HANDLE.eq("a"), |a| has(a, |h| h == "a")).await;
    finds(&f, &accounts, Account::HANDLE.ne("a"), |a| !has(a, |h| h == "a")).await;
    finds(&f, &accounts, Account::HANDLE.lt("b"), |a| has(a, |h| h < "b")).await;
    finds(&f, &accounts, Account::HANDLE.le("b"), |a| has(a, |h| h <= "b")).await;
    finds(&f, &accounts, Account::HANDLE.gt("a"), |a| has(a, |h| h > "a")).await;
    finds(&f, &accounts, Account::HANDLE.ge("a"), |a| has(a, |h| h >= "a")).await;
    for text in ["", "a", "b"] {
        let of = |a: &Account, test: fn(&str, &str) -> bool| a.handle.as_deref().is_some_and(|h| test(h, text));
        finds(&f, &accounts, Account::HANDLE.starts_with(text), |a| of(a, |h, t| h.starts_with(t))).await;
        finds(&f, &accounts, Account::HANDLE.ends_with(text), |a| of(a, |h, t| h.ends_with(t))).await;
        finds(&f, &accounts, Account::HANDLE.contains(text), |a| of(a, |h, t| h.contains(t))).await;
    }
    let none = None::<String>;
    finds(&f, &accounts, Account::HANDLE.eq(&none), |a| a.handle.is_none()).await;
    finds(&f, &accounts, Account::HANDLE.ne(&none), |a| a.handle.is_some()).await;
    for test in [Account::HANDLE.lt(&none), Account::HANDLE.le(&none), Account::HANDLE.gt(&none)] {
        finds(&f, &accounts, test, |_| false).await;
    }
    finds(&f, &accounts, Account::HANDLE.ge(&none), |_| false).await;
    let some = Some("a".to_owned());
    finds(&f, &accounts, Account::HANDLE.is_in([&none, &some]), |a| a.handle.as_deref().is_none_or(|h| h == "a")).await;
    finds(&f, &accounts, Account::HANDLE.is_in([&none]), |a| a.handle.is_none()).await;
    finds(&f, &accounts, Account::HANDLE.is_in(["a", "b"]), |a| has(a, |h| h == "a" || h == "b")).await;
}

/// And, or, not, one within another, and those of nothing.
pub async fn filters_are_combined_and_turned_around(f: Fixture) {
    if !f.can_search() {
        return;
    }
    let accounts = label(&f, &["", "a", "ab", "abc", "b", "bc", ""]).await;
    let (a, c) = (|| Account::HANDLE.starts_with("a"), || Account::HANDLE.contains("c"));
    let is_a = |x: &Account| x.handle.as_deref().is_some_and(|h| h.starts_with('a'));
    let is_c = |x: &Account| x.handle.as_deref().is_some_and(|h| h.contains('c'));
    finds(&f, &accounts, a().and(c()), |x| is_a(x) && is_c(x)).await;
    finds(&f, &accounts, a().or(c()), |x| is_a(x) || is_c(x)).await;
    finds(&f, &accounts, a().and(!c()), |x| is_a(x) && !is_c(x)).await;
    finds(&f, &accounts, (!a()).or(!c()), |x| !is_a(x) || !is_c(x)).await;
    finds(&f, &accounts, !(a().or(c())), |x| !(is_a(x) || is_c(x))).await;
    finds(&f, &accounts, !!(!a()).and(Account::RANK.gt(&1)), |x| !is_a(x) && x.rank > 1).await;
    let deep = a().and(Account::RANK.lt(&3).or(c().and(!Account::LABEL.eq("bc")))).or(Account::NAME.eq("6"));
    finds(&f, &accounts, deep, |x| (is_a(x) && (x.rank < 3 || (is_c(x) && x.label != "bc"))) || x.name == "6").await;
    finds(&f, &accounts, Filter::all(), |_| true).await;
    finds(&f, &accounts, Filter::from_raw(RawFilter::Any(Vec::new())), |_| false).await;
}

/// No text is a pattern, a statement, or folded in any way.
pub async fn hostile_texts_are_texts(f: Fixture) {
    if !f.can_search() {
        return;
    }
    let labels = [
        "100%",
        "1000",
        "a_b",
        "axb",
        "a\\%b",
        "O'Brien",
        "\"quoted\"",
        "$1",
        "?1",
        "x' OR '1'='1",
        "naïve",
        "NAÏVE",
        "nai\u{308}ve",
        "\u{202E}x",
        "a\nb",
        "*",
        "[a-z]",
        "𝄞 clef",
        "ß",
    ];
    let accounts = label(&f, &labels).await;
    let parts =
        ["%", "_", "\\", "'", "\"", "$1", "?1", "ï", "Ï", "i\u{308}", "\n", "*", "[a-z]", "𝄞", "' OR '", "ss", "SS"];
    for part in labels.into_iter().chain(parts) {
        finds(&f, &accounts, Account::LABEL.eq(part), |a| a.label == part).await;
        finds(&f, &accounts, Account::LABEL.contains(part), |a| a.label.contains(part)).await;
        finds(&f, &accounts, Account::LABEL.starts_with(part), |a| a.label.starts_with(part)).await;
        finds(&f, &accounts, Account::LABEL.ends_with(part), |a| a.label.ends_with(part)).await;
    }
}

/// By id, and by when a record was inserted and last written: counting on it is no writing.
pub async fn times_and_ids_are_searched_by(f: Fixture) {
    if !f.can_search() {
        return;
    }
    let begin = f.now();
    let mut accounts = Vec::new();
    for at in 0..5 {
        let account = f.account(&format!("{at}"));
        let version = f.insert(&account).await;
        accounts.push((account, version));
        f.clock.advance(Duration::from_secs(1));
    }
    let (created, updated) = (Field::<Account, Timestamp>::CREATED_AT, Field::<Account, Timestamp>::UPDATED_AT);
    let at = |seconds| begin + Duration::from_secs(seconds);
    let list = async |search: Search<Account>| names(&f.store.search(&search).await.unwrap().items);
    let newest = list(Search::of(created.lt(&at(4)).and(created.ge(&at(1)))).sort(created.descending())).await;
    assert_eq!(newest, ["3", "2", "1"]);
    assert_eq!(list(Search::of(created.eq(&at(2)))).await, ["2"]);
    for never in [Timestamp::from_micros(i64::MIN), Timestamp::from_micros(-300_000_000_000_000_000)] {
        assert_eq!(list(Search::of(created.lt(&never))).await.len(), 0);
        assert_eq!(list(Search::of(created.gt(&never))).await.len(), 5);
    }
    assert_eq!(list(Search::of(created.lt(&Timestamp::from_micros(i64::MAX)))).await.len(), 5);
    let (second, version) = &accounts[1];
    f.commit(vec![replace(&Account { label: "new".to_owned(), ..second.clone() }, *version)]).await.unwrap();
    f.clock.advance(Duration::from_secs(1));
    let (third, version) = &accounts[2];
    let key = super::fixture::key::<Account>(third.id);
    f.commit(vec![Op::Touch { key, expected: *version }]).await.unwrap();
    f.clock.advance(Duration::from_secs(1));
    let raise = Op::Raise { key, peak: "seen", to: 7, strictly: false };
    f.commit(vec![raise]).await.unwrap();
    assert_eq!(list(Search::of(updated.gt(&at(4))).sort(updated.ascending())).await, ["1", "2"]);
    assert_eq!(list(Search::of(updated.eq(&at(6)))).await, ["2"]);
    assert_eq!(list(Search::of(created.gt(&at(4)))).await.len(), 0);
    let mut pages = Vec::new();
    let mut search = Search::of(Filter::<Account>::all()).sort(created.descending()).limit(2);
    while let Some(next) = {
        let page = f.store.search(&search).await.unwrap();
        pages.extend(names(&page.items));
        assert!(pages.len() <= 5, "pages without end: {pages:?}");
        page.next
    } {
        search = search.after(next);
    }
    assert_eq!(pages, ["4", "3", "2", "1", "0"]);
    let id = Field::<Account, AccountId>::ID;
    assert_eq!(list(Search::of(id.eq(&accounts[3].0.id))).await, ["3"]);
    assert_eq!(list(Search::of(id.is_in([&accounts[3].0.id, &accounts[0].0.id]))).await.len(), 2);
    assert_eq!(list(Search::of(id.gt(&accounts[3].0.id))).await, ["4"]);
    let seen = f.store.search(&Search::of(id.eq(&third.id))).await.unwrap().items;
    assert_eq!(seen[0].seen, 7, "what is counted is there");
}

/// A record that has expired is neither found nor counted.
pub async fn an_expired_record_is_not_found(f: Fixture) {
    if !f.can_search() {
        return;
    }
    let (early, late) = (f.ticket("early"), Ticket { until: f.now() + Duration::from_secs(120), ..f.ticket("late") });
    f.commit(vec![insert_ticket(&early), insert_ticket(&late)]).await.unwrap();
    let owner = AccountId::from_uuid(Uuid::from_u128(7));
    let search = Search::of(Ticket::OWNER.eq(&owner)).sort(Ticket::CODE.descending()).total_up_to(9);
    let codes = async || {
        let listing = f.store.search(&search).await.unwrap();
        let count = listing.total.unwrap().count;
        (listing.items.into_iter().map(|ticket| ticket.code).collect::<Vec<_>>(), count)
    };
    assert_eq!(codes().await, (vec!["late".to_owned(), "early".to_owned()], 2));
    f.clock.advance(Duration::from_secs(60));
    assert_eq!(codes().await, (vec!["late".to_owned()], 1));
    f.clock.advance(Duration::from_secs(60));
    assert_eq!(codes().await, (Vec::new(), 0));
    let by_time = Search::of(!Ticket::OWNER.is_present()).sort(Ticket::CREATED_AT.ascending());
    assert!(f.store.search(&by_time).await.unwrap().items.is_empty());
}

/// Nothing that a filter says, nor a cursor, leads into another realm.
pub async fn a_search_stays_in_its_realm(f: Fixture) {
    if !f.can_search() {
        return;
    }
    let other = f.realm(9);
    let mine = label(&f, &["a", "b"]).await;
    let theirs = Account { label: "a".to_owned(), ..f.account("theirs") };
    let record = theirs.clone();
    other
        .transact(|work| {
            let record = record.clone();
            async move { work.insert(&record) }
        })
        .await
        .unwrap();
    let everything = || Filter::all().or(!Account::LABEL.eq("a")).or(Account::LABEL.eq("a"));
    let search = Search::of(everything()).sort(Account::LABEL.ascending()).total_up_to(9);
    let listing = f.store.search(&search).await.unwrap();
    assert_eq!((names(&listing.items), listing.total.unwrap().count), (names(&mine), 2));
    let listing = other.search(&search).await.unwrap();
    assert_eq!((listing.items, listing.total.unwrap().count), (vec![theirs.clone()], 1));
    let cursor = SearchCursor { values: vec![Value::Text(String::new())], id: Uuid::nil() };
    assert_eq!(names(&f.store.search(&search.clone().after(cursor)).await.unwrap().items), names(&mine));
    let id = Field::<Account, AccountId>::ID;
    assert!(f.store.search(&Search::of(id.eq(&theirs.id))).await.unwrap().items.is_empty());
}
