//! Order, pages and totals.

use ciam_core::id::RecordId as _;
use ciam_core::store::{Field, Filter, MAX_OFFSET, Op, RawSort, Search, SearchCursor, Sort, Total, Value};

use super::super::fixture::{Account, AccountId, Fixture, insert, key};
use super::label;

/// Accounts whose handle, team and rank repeat, and some have none, in no order.
pub(super) async fn crowd(f: &Fixture, many: u64) -> Vec<Account> {
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
                let key = key::<Account>(guest.id);
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
