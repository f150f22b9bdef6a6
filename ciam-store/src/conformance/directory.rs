//! Searching: every test, nulls, order, pages, totals, walls and bounds. A backend without a directory says so and
//! passes.

use std::time::Duration;

use ciam_core::clock::Timestamp;
use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{
    Field, Filter, InvalidSearch, MAX_FILTER_DEPTH, MAX_FILTER_NODES, MAX_FILTER_TEXT, MAX_OFFSET, MAX_PAGE, MAX_SORTS,
    Op, RawFilter, RawSearch, RawSort, Record as _, Search, SearchCursor, Sort, Start, StoreError, Test, Total, Value,
};
use uuid::Uuid;

use super::fixture::{Account, AccountId, Fixture, Ticket, assert_matches, insert, insert_ticket, replace};

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

/// Accounts whose handle, team and rank repeat, and some have none, in no order.
async fn crowd(f: &Fixture, many: u64) -> Vec<Account> {
    let mut accounts = Vec::new();
    for at in 0..many {
        let mixed = at.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let some = |bits: u64, of: &[&str]| of.get((mixed >> bits) as usize % (of.len() + 1)).map(|&t| t.to_owned());
        let (team, handle) = (some(40, &["x", "y"]), some(50, &["p", "q", "r"]).map(|h| format!("{h}{at}")));
        accounts.push(Account { team, handle, rank: (mixed >> 60) as i64 - 8, ..f.account(&format!("{at}")) });
    }
    for some in accounts.chunks(250) {
        f.commit(some.iter().map(insert).collect()).await.unwrap();
    }
    accounts
}

/// The order in which null is the highest, and descending the exact reverse.
fn compare(a: &Account, b: &Account, sorts: &[RawSort]) -> std::cmp::Ordering {
    let values = |x: &Account, field: &str| match field {
        "rank" => (false, Value::Int(x.rank)),
        "team" => (x.team.is_none(), x.team.clone().map_or(Value::Null, Value::Text)),
        "handle" => (x.handle.is_none(), x.handle.clone().map_or(Value::Null, Value::Text)),
        _ => (false, Value::Uuid(x.id.uuid())),
    };
    for RawSort { field, descending } in
        sorts.iter().chain(&[RawSort { field: "id", descending: sorts.last().is_some_and(|last| last.descending) }])
    {
        let order = values(a, field).cmp(&values(b, field));
        let order = if *descending { order.reverse() } else { order };
        if order.is_ne() {
            return order;
        }
    }
    std::cmp::Ordering::Equal
}

type Sorts = (Vec<Sort<Account>>, Vec<RawSort>);

/// By nothing, by one field, by several, in every direction.
fn ways_to_sort() -> Vec<Sorts> {
    let of = |fields: &[(&'static str, bool)]| {
        let raw: Vec<RawSort> = fields.iter().map(|&(field, descending)| RawSort { field, descending }).collect();
        let both = |up: Sort<Account>, down, descending| if descending { down } else { up };
        let typed = fields.iter().map(|&(field, descending)| match field {
            "rank" => both(Account::RANK.ascending(), Account::RANK.descending(), descending),
            "team" => both(Account::TEAM.ascending(), Account::TEAM.descending(), descending),
            "handle" => both(Account::HANDLE.ascending(), Account::HANDLE.descending(), descending),
            _ => both(
                Field::<Account, AccountId>::ID.ascending(),
                Field::<Account, AccountId>::ID.descending(),
                descending,
            ),
        });
        (typed.collect(), raw)
    };
    let mut ways = vec![of(&[])];
    for down in [false, true] {
        ways.extend([of(&[("rank", down)]), of(&[("team", down)]), of(&[("handle", down)]), of(&[("id", down)])]);
        for then in [false, true] {
            ways.push(of(&[("team", down), ("rank", then)]));
            ways.push(of(&[("rank", down), ("handle", then)]));
            ways.push(of(&[("rank", down), ("team", then), ("handle", down)]));
        }
    }
    ways
}

fn sorted(accounts: &[Account], sorts: &[RawSort]) -> Vec<Account> {
    let mut sorted = accounts.to_vec();
    sorted.sort_by(|a, b| compare(a, b, sorts));
    sorted
}

fn by(sorts: &[Sort<Account>], filter: Filter<Account>) -> Search<Account> {
    sorts.iter().fold(Search::of(filter), |search, sort| search.sort(*sort))
}

/// What has no value comes last ascending and first descending; what is equal comes by id.
pub async fn sorted_both_ways_and_by_several_fields(f: Fixture) {
    if !f.can_search() {
        return;
    }
    let accounts = crowd(&f, 60).await;
    for (sorts, raw) in ways_to_sort() {
        let listing = f.store.search(&by(&sorts, Filter::all())).await.unwrap();
        assert_eq!(listing.items, sorted(&accounts, &raw), "{raw:?}");
        assert!(listing.next.is_none() && listing.total.is_none());
    }
}

/// All pages of a search, each cursor taken through its text.
async fn all(f: &Fixture, search: &Search<Account>, limit: u32) -> Vec<Account> {
    let mut found = Vec::new();
    let mut search = search.clone().limit(limit);
    loop {
        let page = f.store.search(&search).await.unwrap();
        assert!(page.items.len() <= limit as usize);
        found.extend(page.items);
        assert!(found.len() < 1000, "pages without end");
        match page.next {
            Some(next) => search = search.after(SearchCursor::decode(&next.encode()).unwrap()),
            None => return found,
        }
    }
}

/// Pages of any size give each record once and in order, whatever the search is sorted by.
pub async fn pages_by_cursor_have_no_gap_and_no_repetition(f: Fixture) {
    if !f.can_search() {
        return;
    }
    let accounts = crowd(&f, 40).await;
    let some: Vec<Account> = accounts.iter().filter(|a| a.rank < 4).cloned().collect();
    for (sorts, raw) in ways_to_sort() {
        for limit in [1, 3, 7] {
            assert_eq!(all(&f, &by(&sorts, Filter::all()), limit).await, sorted(&accounts, &raw), "{limit} {raw:?}");
            let search = by(&sorts, Account::RANK.lt(&4));
            assert_eq!(all(&f, &search, limit).await, sorted(&some, &raw), "{limit} {raw:?}");
        }
    }
}

/// Whoever pages while others insert and remove sees each of those that stayed once.
pub async fn pages_hold_while_others_write(f: Fixture) {
    if !f.can_search() {
        return;
    }
    let accounts = crowd(&f, 120).await;
    let writing = f.clone();
    let writer = tokio::spawn(async move {
        for at in 0..150 {
            let team = ["x", "y"].get(at % 3).map(|&team| team.to_owned());
            let guest = Account { team, rank: at as i64 % 9, ..writing.account(&format!("guest{at}")) };
            let version = writing.insert(&guest).await;
            if at % 2 == 0 {
                let key = super::fixture::key::<Account>(guest.id);
                writing.commit(vec![Op::Remove { key, expected: version }]).await.unwrap();
            }
        }
    });
    let mut rounds = 0;
    while !writer.is_finished() || rounds == 0 {
        for (sorts, raw) in [&ways_to_sort()[2], &ways_to_sort()[6], &ways_to_sort()[9]] {
            let mut found = all(&f, &by(sorts, Filter::all()), 11).await;
            found.retain(|account| !account.name.starts_with("guest"));
            assert_eq!(found, sorted(&accounts, raw), "{raw:?}");
        }
        rounds += 1;
    }
    writer.await.unwrap();
}

/// An offset passes over so many, in whatever order, and beyond the last there is nothing.
pub async fn pages_by_offset(f: Fixture) {
    if !f.can_search() {
        return;
    }
    let accounts = crowd(&f, 40).await;
    for (sorts, raw) in ways_to_sort() {
        let sorted = sorted(&accounts, &raw);
        for offset in [0, 1, 13, 39, 40, 1000, MAX_OFFSET] {
            let search = by(&sorts, Filter::all()).limit(7).offset(offset);
            let expected: Vec<Account> = sorted.iter().skip(offset as usize).take(7).cloned().collect();
            assert_eq!(f.store.search(&search).await.unwrap().items, expected, "{offset} {raw:?}");
        }
    }
    let nothing = f.store.search(&Search::of(Filter::<Account>::all()).limit(0)).await.unwrap();
    assert!(nothing.items.is_empty() && nothing.next.is_none());
}

/// A total counts everything that passes, up to its bound, wherever the page is; and says whether that is all.
pub async fn totals_are_exact_up_to_a_bound(f: Fixture) {
    if !f.can_search() {
        return;
    }
    label(&f, &["a"; 9]).await;
    label_more(&f).await;
    let search = || Search::of(Account::LABEL.eq("a")).limit(2);
    for (bound, count, is_exact) in
        [(0, 0, false), (1, 1, false), (8, 8, false), (9, 9, true), (10, 9, true), (u32::MAX, 9, true)]
    {
        let total = f.store.search(&search().total_up_to(bound)).await.unwrap().total;
        assert_eq!(total, Some(Total { count, is_exact }), "{bound}");
        let later = f.store.search(&search().offset(4).total_up_to(bound)).await.unwrap().total;
        assert_eq!(later, total);
    }
    let first = f.store.search(&search()).await.unwrap();
    assert_eq!(first.total, None);
    let second = f.store.search(&search().after(first.next.unwrap()).total_up_to(100)).await.unwrap();
    assert_eq!((second.items.len(), second.total), (2, Some(Total { count: 9, is_exact: true })));
    let none = f.store.search(&Search::of(Account::LABEL.eq("z")).total_up_to(0)).await.unwrap();
    assert_eq!(none.total, Some(Total { count: 0, is_exact: true }));
}

async fn label_more(f: &Fixture) {
    f.insert(&Account { label: "b".to_owned(), ..f.account("more") }).await;
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
