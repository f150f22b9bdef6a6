//! Bringing in many records at once: whole groups, an answer for each, whatever stands in the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ciam_core::events::{Cause, Event, NewEvent};
use ciam_core::id::RealmId;
use ciam_core::store::{
    Bound, Load, MAX_LOAD_BYTES, MAX_LOAD_ROWS, NewRecord, Position, Record, Settlement, StoreError, Work,
    load_one_by_one,
};
use ciam_core::testing::{Fault, FaultyStore, Held};

use super::fixture::{Account, Fixture, Ticket, assert_matches, insert, insert_ticket, replace};

fn new<R: Record>(record: &R, encoded: impl Fn(&R) -> ciam_core::store::Encoded) -> NewRecord {
    NewRecord { collection: R::COLLECTION.name(), record: encoded(record) }
}

fn account(account: &Account) -> NewRecord {
    new(account, Account::encoded)
}

fn ticket(ticket: &Ticket) -> NewRecord {
    new(ticket, Ticket::encoded)
}

fn a_load(f: &Fixture, groups: Vec<Vec<NewRecord>>) -> Load {
    Load { unit: f.store.entropy().uuid(f.now()), now: f.now(), groups: Arc::new(groups) }
}

async fn load(f: &Fixture, groups: Vec<Vec<NewRecord>>) -> Vec<Result<(), StoreError>> {
    f.backend.load(RealmId::DEFAULT, a_load(f, groups)).await.unwrap()
}

/// Which index refused each of the groups; none: it was kept.
fn refusals(answers: &[Result<(), StoreError>]) -> Vec<Option<&'static str>> {
    let refusal = |answer: &Result<(), StoreError>| match answer {
        Ok(()) => None,
        Err(StoreError::Conflict { index, .. }) => Some(*index),
        Err(error) => panic!("{error:?}"),
    };
    answers.iter().map(refusal).collect()
}

async fn is_there<R: Record>(f: &Fixture, id: R::Id) -> bool {
    f.row::<R>(id).await.is_some()
}

/// Every record is read as it was, found by its indexes, searched, and counted on; and belongs to its realm.
pub async fn what_was_loaded_is_there(f: Fixture) {
    let (team, owner) = (Some("t".to_owned()), f.id());
    let mut groups = Vec::new();
    let mut accounts = Vec::new();
    for at in 0..20_i64 {
        let handle = (at % 2 == 0).then(|| format!("h{at}"));
        let one = Account { team: team.clone(), handle, rank: at, seats: at, seen: 3, ..f.account(&format!("n{at}")) };
        let two = Ticket { owner, tries: 2, ..f.ticket(&format!("c{at}")) };
        groups.push(vec![account(&one), ticket(&two)]);
        accounts.push((one, two));
    }
    assert!(load(&f, groups).await.iter().all(Result::is_ok));
    for (one, two) in &accounts {
        assert_eq!(f.store.get::<Account>(one.id).await.unwrap().as_ref(), Some(one));
        assert_eq!(f.store.get::<Ticket>(two.id).await.unwrap().as_ref(), Some(two));
        assert_eq!(f.row::<Account>(one.id).await.unwrap().shape, 1);
    }
    let found = f.store.find(&Account::BY_RANK.under(&team)).await.unwrap().items;
    assert_eq!(found, accounts.iter().map(|(one, _)| one.clone()).collect::<Vec<_>>());
    assert_eq!(f.store.count(&Ticket::BY_OWNER.eq(&owner), 100).await.unwrap(), 20);
    let first = accounts[0].0.id;
    f.store.transact(|work| async move { work.add(&Account::SEATS, first, 5, Bound::AtMost(5)) }).await.unwrap();
    assert!(f.realm(5).get::<Account>(first).await.unwrap().is_none());
    f.clock.advance(Duration::from_secs(60));
    assert!(f.store.get::<Ticket>(accounts[0].1.id).await.unwrap().is_none(), "expires as any");
}

/// A group is refused whole, by name of what is taken, and disturbs no other: by id, by one key and another, also where
/// another realm has the id.
pub async fn a_refused_group_leaves_nothing_and_disturbs_nobody(f: Fixture) {
    let there = Account { handle: Some("h".to_owned()), ..f.account("there") };
    f.insert(&there).await;
    let elsewhere = f.account("elsewhere");
    let record = elsewhere.clone();
    let store = f.realm(3);
    store
        .transact(|work| {
            let record = record.clone();
            async move { work.insert(&record) }
        })
        .await
        .unwrap();
    let fresh = |name: &str| f.account(name);
    let tickets: Vec<Ticket> = (0..6).map(|at| f.ticket(&format!("c{at}"))).collect();
    let groups = vec![
        vec![ticket(&tickets[0]), account(&fresh("one"))],
        vec![ticket(&tickets[1]), account(&Account { id: there.id, ..fresh("two") })],
        vec![account(&fresh("there")), ticket(&tickets[2])],
        vec![ticket(&tickets[3]), account(&Account { handle: Some("h".to_owned()), ..fresh("elsewhere") })],
        vec![ticket(&tickets[4]), account(&Account { id: elsewhere.id, ..fresh("four") })],
        vec![account(&Account { rank: 1, handle: Some("h".to_owned()), ..fresh("five") }), ticket(&tickets[5])],
    ];
    let answers = load(&f, groups).await;
    assert_eq!(refusals(&answers), [None, Some("id"), Some("name"), Some("handle"), Some("id"), None]);
    for (ticket, answer) in tickets.iter().zip(&answers) {
        assert_eq!(is_there::<Ticket>(&f, ticket.id).await, answer.is_ok(), "{}", ticket.code);
    }
    for (name, kept) in [("one", 1), ("two", 0), ("elsewhere", 0), ("four", 0), ("five", 1), ("there", 1)] {
        assert_eq!(f.store.count(&Account::BY_NAME.eq(&name.to_owned()), 9).await.unwrap(), kept, "{name}");
    }
    assert_eq!(f.store.get::<Account>(there.id).await.unwrap(), Some(there));
    assert!(store.get::<Account>(elsewhere.id).await.unwrap().is_some());
}

/// Of groups that are in each other's way the first is kept; one that was only in the way of a refused one is kept too.
pub async fn of_two_in_one_load_the_first_is_kept(f: Fixture) {
    f.insert(&f.account("taken")).await;
    let with = |name: &str, handle: &str| Account { handle: Some(handle.to_owned()), ..f.account(name) };
    let one = with("a", "1");
    let groups = vec![
        vec![account(&one)],
        vec![account(&with("a", "2"))],
        vec![account(&with("b", "2"))],
        vec![account(&with("taken", "3"))],
        vec![account(&with("c", "3"))],
        vec![account(&Account { id: one.id, ..with("d", "4") })],
        vec![account(&with("e", "5")), account(&with("e", "6"))],
        vec![account(&with("f", "6"))],
        vec![account(&with("a", "7"))],
        vec![account(&with("a", "8"))],
        vec![account(&with("a", "9"))],
        vec![account(&with("z", "9"))],
    ];
    let no = Some("name");
    let expected = [None, no, None, no, None, Some("id"), no, None, no, no, no, None];
    assert_eq!(refusals(&load(&f, groups).await), expected);
    let names = ["a", "b", "c", "f", "taken", "z"];
    let found = f.store.find(&Account::BY_NAME.under(&())).await.unwrap().items;
    assert_eq!(found.iter().map(|account| account.name.as_str()).collect::<Vec<_>>(), names);
}

/// What has expired gives its id and key away.
pub async fn what_has_expired_makes_room(f: Fixture) {
    let (old, living) = (f.ticket("old"), Ticket { until: f.now() + Duration::from_secs(600), ..f.ticket("living") });
    f.commit(vec![insert_ticket(&old), insert_ticket(&living)]).await.unwrap();
    f.clock.advance(Duration::from_secs(60));
    let groups = vec![
        vec![account(&f.account("one")), ticket(&f.ticket("old"))],
        vec![account(&f.account("two")), ticket(&f.ticket("living"))],
        vec![ticket(&Ticket { id: living.id, ..f.ticket("new") })],
    ];
    assert_eq!(refusals(&load(&f, groups).await), [None, Some("code"), Some("id")]);
    assert!(!is_there::<Ticket>(&f, old.id).await);
    assert_eq!(f.store.count(&Account::BY_NAME.under(&()), 9).await.unwrap(), 1);
}

/// Running an import again answers a conflict for everything that is there, and inserts the rest.
pub async fn loading_again_inserts_what_is_missing(f: Fixture) {
    let accounts: Vec<Account> = (0..50).map(|at| f.account(&format!("{at:02}"))).collect();
    let groups = |some: &[Account]| some.iter().map(|one| vec![account(one)]).collect::<Vec<_>>();
    assert!(load(&f, groups(&accounts[..30])).await.iter().all(Result::is_ok));
    let again = refusals(&load(&f, groups(&accounts)).await);
    assert!(again[..30].iter().all(|refusal| *refusal == Some("id")) && again[30..].iter().all(Option::is_none));
    // With other ids, as who imports a file anew.
    let renewed: Vec<Account> = accounts.iter().map(|one| Account { id: f.id(), ..one.clone() }).collect();
    assert!(refusals(&load(&f, groups(&renewed)).await).iter().all(|refusal| *refusal == Some("name")));
    assert_eq!(f.store.count(&Account::BY_NAME.under(&()), 99).await.unwrap(), 50);
}

/// More than a load may hold, and a collection that is not there, are refused whole; so is a unit whose id is taken.
pub async fn a_load_that_makes_no_sense_is_refused_whole(f: Fixture) {
    let many: Vec<_> = (0..=MAX_LOAD_ROWS).map(|at| vec![account(&f.account(&format!("{at}")))]).collect();
    assert_matches!(f.backend.load(RealmId::DEFAULT, a_load(&f, many)).await, Err(StoreError::TooLarge));
    let mut big = account(&f.account("big"));
    big.record.doc = format!("\"{}\"", "x".repeat(MAX_LOAD_BYTES));
    assert_matches!(f.backend.load(RealmId::DEFAULT, a_load(&f, vec![vec![big]])).await, Err(StoreError::TooLarge));
    let nowhere = NewRecord { collection: "nowhere", ..account(&f.account("nowhere")) };
    let groups = vec![vec![account(&f.account("beside"))], vec![nowhere]];
    let one_by_one = loads_one_by_one(&f).await;
    let refused = match f.backend.load(RealmId::DEFAULT, a_load(&f, groups)).await {
        // Who commits one by one has begun.
        Ok(mut answers) if one_by_one => answers.remove(1),
        whole => whole.map(drop),
    };
    assert_matches!(refused, Err(StoreError::Misuse(_)));
    assert!(load(&f, Vec::new()).await.is_empty());
    assert!(load(&f, vec![Vec::new()]).await[0].is_ok());
    let left = f.store.count(&Account::BY_NAME.under(&()), 9).await.unwrap();
    assert!(left <= 1, "what is committed one by one may have begun");
}

/// The store's own answers: of the body, of each record, of those that do more than insert, in their order.
pub async fn units_are_loaded_as_they_would_be_committed(f: Fixture) {
    let there = f.account("there");
    f.insert(&there).await;
    let counted = there.id;
    let items: Vec<(usize, Account)> = (0..3000).map(|at| (at, f.account(&format!("{at}")))).collect();
    let effects = Arc::new(AtomicUsize::new(0));
    let loaded = |work: Work, item: &'_ (usize, Account)| {
        let (at, account) = item.clone();
        let effects = Arc::clone(&effects);
        async move {
            let done = Arc::clone(&effects);
            work.on_commit(move || _ = done.fetch_add(1, Ordering::SeqCst));
            match at % 1000 {
                // Writes nothing.
                0 => return Ok(at),
                // Says no.
                1 => return Err(StoreError::Misuse("the body's own")),
                // Taken.
                2 => work.insert(&Account { name: "there".to_owned(), ..account.clone() })?,
                // Reads and counts.
                3 => {
                    assert!(work.get::<Account>(counted).await?.is_some());
                    work.add(&Account::SEATS, counted, 1, Bound::None)?;
                    work.insert(&account)?;
                }
                // Sees that there is none.
                4 => {
                    assert!(work.get::<Account>(account.id).await?.is_none());
                    work.insert(&account)?;
                }
                _ => work.insert(&account)?,
            }
            work.record(NewEvent::new("suite.loaded", &Cause::system()))?;
            Ok(at)
        }
    };
    let answers = f.store.load(&items, loaded).await;
    assert_eq!(answers.len(), items.len());
    for (at, (answer, (_, account))) in answers.into_iter().zip(&items).enumerate() {
        let kept = match (at % 1000, &answer) {
            (1, Err(StoreError::Misuse("the body's own"))) => false,
            (2, Err(StoreError::Conflict { index: "name", .. })) => false,
            (0, Ok(of)) => {
                assert_eq!(*of, at);
                false
            }
            (_, Ok(of)) => {
                assert_eq!(*of, at);
                true
            }
            _ => panic!("{at} {answer:?}"),
        };
        assert_eq!(is_there::<Account>(&f, account.id).await, kept, "{at}");
    }
    let kept = 3000 - 3 * 3;
    assert_eq!(effects.load(Ordering::SeqCst), kept + 3, "also of those that write nothing");
    assert_eq!(f.store.get::<Account>(counted).await.unwrap().unwrap().seats, 3);
    let (mut events, mut after) = (0, Position::START);
    loop {
        let page = f.store.tail::<Event>(after, 1000).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        after = *last;
        events += page.len();
    }
    assert_eq!(events, kept, "an event exists if its records do");
}

/// Items that saw that something is not there see it when the one before them has made it, as one after the other would.
pub async fn whoever_saw_nothing_there_looks_again(f: Fixture) {
    let (one, effects) = (f.account("one"), Arc::new(AtomicUsize::new(0)));
    let items = [one.clone(), Account { name: "another".to_owned(), ..one.clone() }];
    let made = |work: Work, account: &'_ Account| {
        let (account, effects) = (account.clone(), Arc::clone(&effects));
        async move {
            if work.get::<Account>(account.id).await?.is_some() {
                return Ok(false);
            }
            work.on_commit(move || _ = effects.fetch_add(1, Ordering::SeqCst));
            work.insert(&account)?;
            Ok::<_, StoreError>(true)
        }
    };
    let answers = f.store.load(&items, made).await;
    assert_matches!(&answers[..], [Ok(true), Ok(false)]);
    assert_eq!(effects.load(Ordering::SeqCst), 1, "what was refused has no effect");
    assert_eq!(f.store.get::<Account>(one.id).await.unwrap(), Some(one));
}

/// Items of more bytes than one load may hold are all kept, in several.
pub async fn more_bytes_than_one_load_holds_go_in_several(f: Fixture) {
    let filler = "x".repeat(1_000_000);
    let accounts: Vec<Account> = (0..MAX_LOAD_BYTES / filler.len() + 2).map(|at| f.account(&format!("{at}"))).collect();
    let insert = |work: Work, account: &'_ Account| {
        let (account, filler) = (account.clone(), filler.clone());
        async move {
            work.insert(&account)?;
            work.record(NewEvent::new("suite.filled", &Cause::system()).with("filler", filler))
        }
    };
    let answers = f.store.load(&accounts, insert).await;
    assert!(answers.iter().all(Result::is_ok), "{:?}", answers.iter().find(|answer| answer.is_err()));
}

/// Groups that are committed one by one are settled one by one: of each that was not answered it is known what it did.
pub async fn of_groups_one_by_one_each_lost_answer_is_settled(f: Fixture) {
    let faulty = FaultyStore::new(Arc::clone(&f.backend), [Fault::LostBefore, Fault::LostAfter]);
    let accounts: Vec<Account> = (0..3).map(|at| f.account(&format!("{at}"))).collect();
    let groups = accounts.iter().map(|one| vec![account(one)]).collect();
    let answers = load_one_by_one(&*faulty, RealmId::DEFAULT, a_load(&f, groups)).await.unwrap();
    assert_matches!(&answers[..], [Err(StoreError::Unavailable(_)), Ok(()), Ok(())]);
    for (account, answer) in accounts.iter().zip(&answers) {
        assert_eq!(is_there::<Account>(&f, account.id).await, answer.is_ok());
    }
}

/// Whether every group is committed by itself, and its answer settled there: then no answer of a whole load is lost.
async fn loads_one_by_one(f: &Fixture) -> bool {
    let nothing = a_load(f, vec![Vec::new()]);
    f.backend.settle(nothing.unit, f.now()).await.unwrap();
    f.backend.load(RealmId::DEFAULT, nothing).await.is_ok()
}

/// A load whose answer is lost is settled: what it wrote is not written twice, and every group has its answer.
pub async fn a_lost_answer_is_settled(f: Fixture) {
    if loads_one_by_one(&f).await {
        return;
    }
    let taken = f.account("taken");
    f.insert(&taken).await;
    for (nth, fault) in [Fault::LostBefore, Fault::LostAfter].into_iter().enumerate() {
        let faulty = FaultyStore::new(Arc::clone(&f.backend), [fault]);
        let over = f.over(faulty);
        let mut accounts: Vec<Account> = (0..5).map(|at| f.account(&format!("{nth}-{at}"))).collect();
        accounts[2].name = "taken".to_owned();
        // There, but written by somebody else.
        accounts[3].id = taken.id;
        let answers = over.store.load(&accounts, |work, account| async move { work.insert(account) }).await;
        assert_eq!(refusals(&answers), [None, None, Some("name"), Some("id"), None], "{fault:?}");
        for (at, account) in accounts.iter().enumerate() {
            assert_eq!(is_there::<Account>(&f, account.id).await, at != 2);
        }
    }
    assert_eq!(f.store.count(&Account::BY_NAME.under(&()), 99).await.unwrap(), 7);
}

/// The answer of a load is lost, and meanwhile others change what it wrote: a group is known by any of its records.
pub async fn what_a_lost_load_wrote_is_known_though_others_have_changed_it(f: Fixture) {
    if loads_one_by_one(&f).await {
        return;
    }
    let faulty = FaultyStore::new(Arc::clone(&f.backend), [Fault::LostAfter]);
    faulty.hold(Held::Commits, 0);
    let over = f.over(Arc::<FaultyStore>::clone(&faulty));
    let items: Vec<(Account, Ticket)> =
        (0..3).map(|at| (f.account(&format!("n{at}")), f.ticket(&format!("c{at}")))).collect();
    let loading = tokio::spawn({
        let items = items.clone();
        async move {
            let insert = |work: Work, (one, two): &(Account, Ticket)| {
                let (one, two) = (one.clone(), two.clone());
                async move {
                    work.insert(&one)?;
                    work.insert(&two)
                }
            };
            over.store.load(&items, insert).await
        }
    });
    faulty.holds().await;
    let changed = Account { label: "changed".to_owned(), ..items[0].0.clone() };
    let version = f.row::<Account>(changed.id).await.expect("it was loaded").version;
    f.commit(vec![replace(&changed, version)]).await.unwrap();
    let gone = items[1].1.id;
    let removed: Result<_, StoreError> = f.store.transact(|work| async move { work.take::<Ticket>(gone).await }).await;
    removed.unwrap();
    faulty.release();
    let answers: Vec<Result<(), StoreError>> = loading.await.unwrap();
    assert_eq!(refusals(&answers), [None, None, None]);
    assert_eq!(f.store.get::<Account>(changed.id).await.unwrap().unwrap(), changed);
    assert!(!is_there::<Ticket>(&f, gone).await, "what was removed does not come back");
}

/// A load whose unit was settled as lost can never be committed any more.
pub async fn a_settled_load_never_comes(f: Fixture) {
    let late = a_load(&f, vec![vec![account(&f.account("late"))]]);
    assert_eq!(f.backend.settle(late.unit, f.now()).await.unwrap(), Settlement::Never);
    // Who commits one by one takes an id for each.
    if let Err(error) = f.backend.load(RealmId::DEFAULT, late).await {
        assert_matches!(error, StoreError::Conflict { collection: "units", .. });
        assert_eq!(f.store.count(&Account::BY_NAME.under(&()), 9).await.unwrap(), 0);
    }
}

/// The backend goes away: who was not answered yet is told so, and nothing is tried for ever.
pub async fn a_backend_that_is_gone_is_told_of_at_once(f: Fixture) {
    let faulty = FaultyStore::new(Arc::clone(&f.backend), []);
    faulty.go_away(Some("gone"));
    let over = f.over(faulty.clone());
    let accounts: Vec<Account> = (0..3 * MAX_LOAD_ROWS + 1).map(|at| f.account(&format!("{at}"))).collect();
    let begun = AtomicUsize::new(0);
    let insert = |work: Work, account: &'_ Account| {
        begun.fetch_add(1, Ordering::SeqCst);
        let inserted = work.insert(account);
        async move { inserted }
    };
    let answers = over.store.load(&accounts, insert).await;
    assert_eq!(answers.len(), accounts.len());
    let begun = begun.into_inner();
    assert!(begun <= 2 * MAX_LOAD_ROWS + 1, "{begun} were begun, though the first are told that nobody answers");
    assert!(answers.iter().all(|answer| matches!(answer, Err(StoreError::Unavailable(_)))));
    assert_eq!(f.store.count(&Account::BY_NAME.under(&()), 9).await.unwrap(), 0);
}

/// Two loads and ordinary units want the same names at once: each name goes to one of them, and nothing is half there.
pub async fn loads_and_units_race_for_the_same_keys(f: Fixture) {
    const NAMES: usize = 300;
    let loader = |f: Fixture| async move {
        let items: Vec<(Account, Ticket)> = (0..NAMES)
            .map(|at| {
                let one = f.account(&format!("name{at}"));
                let two = Ticket { code: one.id.to_string(), ..f.ticket("") };
                (one, two)
            })
            .collect();
        let insert = |work: Work, (one, two): &'_ (Account, Ticket)| {
            let (one, two) = (one.clone(), two.clone());
            async move {
                work.insert(&one)?;
                work.insert(&two)
            }
        };
        let answers = f.store.load(&items, insert).await;
        let mut kept = 0;
        for ((one, two), refusal) in items.iter().zip(refusals(&answers)) {
            assert!(refusal.is_none() || refusal == Some("name"));
            assert_eq!(is_there::<Account>(&f, one.id).await, refusal.is_none());
            assert_eq!(is_there::<Ticket>(&f, two.id).await, refusal.is_none());
            kept += usize::from(refusal.is_none());
        }
        kept
    };
    let loaders = [tokio::spawn(loader(f.clone())), tokio::spawn(loader(f.clone()))];
    let writing = f.clone();
    let writer = tokio::spawn(async move {
        let mut kept = 0;
        for at in (0..NAMES).rev() {
            let one = writing.account(&format!("name{at}"));
            match writing.commit(vec![insert(&one)]).await {
                Ok(_) => kept += 1,
                Err(StoreError::Conflict { index: "name", .. } | StoreError::Stale { .. }) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        kept
    });
    let mut kept = writer.await.unwrap();
    for loader in loaders {
        kept += loader.await.unwrap();
    }
    assert_eq!(kept, NAMES);
    assert_eq!(f.store.count(&Account::BY_NAME.under(&()), 9999).await.unwrap() as usize, NAMES);
}
