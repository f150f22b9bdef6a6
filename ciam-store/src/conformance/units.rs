//! Units of work: what they see, guard, repeat and leave behind.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use ciam_core::store::{Bound, Collection, Op, Record, StoreError};
use serde::{Deserialize, Serialize};

use super::fixture::{Account, AccountId, Fixture, assert_matches, insert, key, replace};
use ciam_core::testing::in_parallel;

type Done = Result<(), StoreError>;

fn team() -> Option<String> {
    Some("t".to_owned())
}

/// `get` sees what the unit has inserted, replaced and removed.
pub async fn a_unit_sees_its_own_writes(f: Fixture) {
    let (old, gone, new) = (&f.account("old"), &f.account("gone"), &f.account("new"));
    f.commit(vec![insert(old), insert(gone)]).await.unwrap();
    let done: Done = f
        .store
        .transact(|work| async move {
            assert_eq!(work.get::<Account>(new.id).await?, None);
            work.insert(new)?;
            assert_eq!(work.get::<Account>(new.id).await?.as_ref(), Some(new));
            let changed = Account { label: "x".into(), ..work.get::<Account>(old.id).await?.unwrap() };
            work.replace(&changed)?;
            assert_eq!(work.peek::<Account>(old.id).await?, Some(changed));
            assert!(work.take::<Account>(gone.id).await?.is_some());
            assert_eq!(work.get::<Account>(gone.id).await?, None);
            work.insert(&f_short(gone.id))?;
            assert_eq!(work.get::<Account>(gone.id).await?.unwrap().name, "short");
            work.remove::<Account>(gone.id)
        })
        .await;
    done.unwrap();
    let found = f.store.find(&Account::BY_NAME.under(&())).await.unwrap().items;
    assert_eq!(
        found.iter().map(|a| (a.name.as_str(), a.label.as_str())).collect::<Vec<_>>(),
        [("new", ""), ("old", "x")]
    );
}

fn f_short(id: AccountId) -> Account {
    Account::new(id, "short")
}

/// `find` sees the set as the unit would leave it, in order and within its limit.
pub async fn find_sees_pending_writes(f: Fixture) {
    let at = |name: &str, rank| Account { team: team(), rank, ..f.account(name) };
    let (a, b, c) = (&at("a", 1), &at("b", 2), &at("c", 3));
    f.commit(vec![insert(a), insert(b), insert(c)]).await.unwrap();
    let (new, elsewhere) = (&at("n", 0), &Account { team: None, ..at("e", 9) });
    let done: Done = f
        .store
        .transact(|work| async move {
            work.insert(new)?;
            work.insert(elsewhere)?;
            work.get::<Account>(b.id).await?;
            work.remove::<Account>(b.id)?;
            work.get::<Account>(a.id).await?;
            work.replace(&Account { rank: 5, ..a.clone() })?;
            let query = Account::BY_RANK.under(&team());
            let ranks = async |query| -> Result<Vec<i64>, StoreError> {
                Ok(work.find(&query).await?.iter().map(|a: &Account| a.rank).collect())
            };
            assert_eq!(ranks(query.clone()).await?, [0, 3, 5]);
            assert_eq!(ranks(query.clone().descending()).await?, [5, 3, 0]);
            assert_eq!(ranks(query.clone().limit(2)).await?, [0, 3]);
            assert_eq!(ranks(Account::BY_RANK.range(&team(), 1..5)).await?, [3]);
            assert_eq!(ranks(Account::BY_RANK.eq(&(team(), 1))).await?, [0; 0]);
            assert_eq!(ranks(Account::BY_RANK.eq(&(team(), 5))).await?, [5]);
            Ok(())
        })
        .await;
    done.unwrap();
    assert_eq!(f.store.count(&Account::BY_RANK.under(&team()), 9).await.unwrap(), 3);
}

/// `get` shows a tally or peak as the unit has counted it.
pub async fn a_unit_sees_its_own_counting(f: Fixture) {
    let (account, first) = (&f.account("ann"), &Account { seats: 5, ..f.account("first") });
    f.insert(account).await;
    let done: Done = f
        .store
        .transact(|work| async move {
            work.add(&Account::SEATS, account.id, 2, Bound::AtMost(2))?;
            work.raise(&Account::SEEN, account.id, 7)?;
            work.raise(&Account::SEEN, account.id, 6)?;
            work.add_or_insert(&Account::SEATS, first, 1, Bound::None)?;
            let seen = work.get::<Account>(account.id).await?.unwrap();
            assert_eq!((seen.seats, seen.seen), (2, 7));
            assert_eq!(work.get::<Account>(first.id).await?.unwrap().seats, 6);
            Ok(())
        })
        .await;
    done.unwrap();
    assert_eq!(f.store.get::<Account>(account.id).await.unwrap().unwrap().seen, 7);
    assert_eq!(f.store.get::<Account>(first.id).await.unwrap().unwrap().seats, 6);
}

/// Changes `meddled` behind the back of a unit's first run, between its read and its commit; answers the runs.
async fn meddle<R>(f: &Fixture, meddle: Op, read: impl Fn(ciam_core::store::Work) -> R + Send + Sync) -> u32
where
    R: Future<Output = Done> + Send,
{
    let runs = AtomicU32::new(0);
    let other = &f.account("other");
    let (read, meddle) = (&read, &meddle);
    let done: Done = f
        .store
        .transact(|work| {
            let first = runs.fetch_add(1, Ordering::SeqCst) == 0;
            async move {
                read(work.clone()).await?;
                if first {
                    f.commit(vec![meddle.clone()]).await?;
                }
                work.insert(other)
            }
        })
        .await;
    done.unwrap();
    assert!(f.row::<Account>(other.id).await.is_some());
    runs.into_inner()
}

/// A record that the unit got by id must be unchanged at its commit, though it is not written.
pub async fn what_was_got_is_guarded(f: Fixture) {
    let account = f.account("ann");
    let version = f.insert(&account).await;
    let id = account.id;
    let runs = meddle(&f, replace(&account, version), |work| async move { work.get::<Account>(id).await.map(drop) });
    assert_eq!(runs.await, 2);
}

/// A record that the unit did not find by id must still be absent.
pub async fn absence_is_guarded(f: Fixture) {
    let account = f.account("ann");
    let id = account.id;
    let runs = meddle(&f, insert(&account), |work| async move { work.get::<Account>(id).await.map(drop) });
    assert_eq!(runs.await, 2);
}

/// What was only peeked at or found may change.
pub async fn what_was_peeked_at_is_not_guarded(f: Fixture) {
    let account = Account { team: team(), ..f.account("ann") };
    let version = f.insert(&account).await;
    let id = account.id;
    let runs = meddle(&f, replace(&account, version), |work| async move {
        work.find(&Account::BY_RANK.under(&team())).await?;
        work.peek::<Account>(id).await.map(drop)
    });
    assert_eq!(runs.await, 1);
}

/// A unit that is stale runs again, and sees what has changed.
pub async fn a_stale_unit_runs_again(f: Fixture) {
    let account = &f.account("ann");
    let version = f.insert(account).await;
    let seen = &Mutex::new(Vec::new());
    let (f, changed) = (&f, &Account { label: "changed".into(), ..account.clone() });
    let done: Done = f
        .store
        .transact(|work| async move {
            let mut found = work.get::<Account>(account.id).await?.unwrap();
            let runs = {
                let mut seen = seen.lock().unwrap();
                seen.push(found.label.clone());
                seen.len()
            };
            if runs == 1 {
                f.commit(vec![replace(changed, version)]).await?;
            }
            found.rank = 1;
            work.replace(&found)
        })
        .await;
    done.unwrap();
    assert_eq!(*seen.lock().unwrap(), ["", "changed"]);
    assert_eq!(f.store.get::<Account>(account.id).await.unwrap(), Some(Account { rank: 1, ..changed.clone() }));
}

/// A unit that is stale every time runs eight times, then says so.
pub async fn a_unit_gives_up_after_eight_runs(f: Fixture) {
    let account = &f.account("ann");
    f.insert(account).await;
    let runs = AtomicU32::new(0);
    let f = &f;
    let done: Done = f
        .store
        .transact(|work| {
            assert!(runs.fetch_add(1, Ordering::SeqCst) < 8, "runs without end");
            async move {
                let found = work.get::<Account>(account.id).await?.unwrap();
                let expected = f.row::<Account>(account.id).await.unwrap().version;
                f.commit(vec![Op::Touch { key: key::<Account>(account.id), expected }]).await?;
                work.replace(&found)
            }
        })
        .await;
    assert_matches!(done, Err(StoreError::Contended));
    assert_eq!(runs.into_inner(), 8);
}

/// An `Err` discards all that the unit wrote and counted, and its effects.
pub async fn an_error_discards_the_unit(f: Fixture) {
    let (account, new) = (&f.account("ann"), &f.account("new"));
    f.insert(account).await;
    let effects = &Arc::new(AtomicU32::new(0));
    let done: Done = f
        .store
        .transact(|work| async move {
            let effects = Arc::clone(effects);
            work.on_commit(move || {
                effects.fetch_add(1, Ordering::SeqCst);
            });
            work.insert(new)?;
            work.add(&Account::SEATS, account.id, 1, Bound::None)?;
            Err(StoreError::Misuse("for a reason of its own"))
        })
        .await;
    assert_matches!(done, Err(StoreError::Misuse("for a reason of its own")));
    assert_eq!(effects.load(Ordering::SeqCst), 0);
    assert_eq!(f.store.get::<Account>(new.id).await.unwrap(), None);
    assert_eq!(f.store.get::<Account>(account.id).await.unwrap().unwrap().seats, 0);
}

/// Effects run once, after the commit, however often the unit ran; not at all when it is refused.
pub async fn effects_run_once_after_the_commit(f: Fixture) {
    let account = &f.account("ann");
    f.insert(account).await;
    let effects = &Arc::new(AtomicU32::new(0));
    let units = in_parallel(20, |_| {
        let (store, id, effects) = (f.store.clone(), account.id, Arc::clone(effects));
        async move {
            let effects = &effects;
            let done: Done = store
                .transact(|work| async move {
                    let effects = Arc::clone(effects);
                    work.on_commit(move || {
                        effects.fetch_add(1, Ordering::SeqCst);
                    });
                    let account = work.get::<Account>(id).await?.unwrap();
                    work.replace(&account)
                })
                .await;
            done.is_ok()
        }
    })
    .await;
    let committed = units.into_iter().filter(|committed| *committed).count();
    assert_eq!(effects.load(Ordering::SeqCst) as usize, committed);
    let twin = &f.account("ann");
    let refused = f
        .store
        .transact(|work| async move {
            let effects = Arc::clone(effects);
            work.on_commit(move || {
                effects.fetch_add(1000, Ordering::SeqCst);
            });
            work.insert(twin)
        })
        .await;
    assert_matches!(refused, Err(StoreError::Conflict { .. }));
    assert!(effects.load(Ordering::SeqCst) < 1000);
}

/// Writing over what the unit has not seen, or counting on what it inserts, is told at once.
pub async fn misuse_is_told(f: Fixture) {
    let (account, new) = (&f.account("ann"), &f.account("new"));
    f.insert(account).await;
    let done: Done = f
        .store
        .transact(|work| async move {
            assert_matches!(work.replace(account), Err(StoreError::Misuse(_)));
            assert_matches!(work.remove::<Account>(account.id), Err(StoreError::Misuse(_)));
            assert_matches!(work.touch::<Account>(account.id), Err(StoreError::Misuse(_)));
            work.get::<Account>(account.id).await?;
            assert_matches!(work.insert(account), Err(StoreError::Misuse(_)));
            work.insert(new)?;
            let add = work.add(&Account::SEATS, new.id, 1, Bound::None);
            assert_matches!(add, Err(StoreError::Misuse(_)));
            let raise = work.raise(&Account::SEEN, new.id, 1);
            assert_matches!(raise, Err(StoreError::Misuse(_)));
            Ok(())
        })
        .await;
    done.unwrap();
}

/// A unit may replace a record and count on it; in whichever order, both happen.
pub async fn a_unit_replaces_and_counts(f: Fixture) {
    let account = &Account { label: "changed".into(), ..f.account("ann") };
    f.insert(&Account { label: String::new(), ..account.clone() }).await;
    for replace_first in [true, false] {
        let done: Done = f
            .store
            .transact(|work| async move {
                work.get::<Account>(account.id).await?;
                if replace_first {
                    work.replace(account)?;
                }
                work.add(&Account::SEATS, account.id, 1, Bound::None)?;
                work.raise(&Account::SEEN, account.id, 9)?;
                if !replace_first {
                    work.replace(account)?;
                }
                Ok(())
            })
            .await;
        done.unwrap();
    }
    let expected = Account { seats: 2, seen: 9, ..account.clone() };
    assert_eq!(f.store.get::<Account>(account.id).await.unwrap(), Some(expected));
}

/// What was counted on a record ends with it, also when the unit that removes it inserts another with its id.
pub async fn a_renewed_record_begins_anew(f: Fixture) {
    let account = &f.account("ann");
    f.insert(account).await;
    let done: Done =
        f.store.transact(|work| async move { work.add(&Account::SEATS, account.id, 3, Bound::None) }).await;
    done.unwrap();
    let done: Done = f
        .store
        .transact(|work| async move {
            assert_eq!(work.take::<Account>(account.id).await?.unwrap().seats, 3);
            work.insert(account)?;
            assert_eq!(work.get::<Account>(account.id).await?.unwrap().seats, 0);
            Ok(())
        })
        .await;
    done.unwrap();
    assert_eq!(f.store.get::<Account>(account.id).await.unwrap().unwrap().seats, 0);
}

/// A handle that outlives its unit writes nothing and says so.
pub async fn a_handle_is_of_no_use_after_its_unit(f: Fixture) {
    let account = &f.account("ann");
    f.insert(account).await;
    let kept = &Mutex::new(None);
    let done: Done = f
        .store
        .transact(|work| async move {
            work.get::<Account>(account.id).await?;
            *kept.lock().unwrap() = Some(work.clone());
            work.touch::<Account>(account.id)
        })
        .await;
    done.unwrap();
    let work = kept.lock().unwrap().take().unwrap();
    assert_matches!(work.get::<Account>(account.id).await, Err(StoreError::Misuse(_)));
    assert_matches!(work.insert(&f.account("late")), Err(StoreError::Misuse(_)));
    assert_matches!(work.add(&Account::SEATS, account.id, 1, Bound::None), Err(StoreError::Misuse(_)));
}

/// The suite's account as a newer version of the program writes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct NewerAccount(Account);

impl Record for NewerAccount {
    type Id = AccountId;
    const COLLECTION: Collection<Self> = Collection::new(Account::COLLECTION.name()).shape(2);

    fn id(&self) -> AccountId {
        self.0.id
    }
}

/// A record of a newer shape is read, may be removed, and is not replaced.
pub async fn a_newer_shape_is_read_but_not_replaced(f: Fixture) {
    let account = &f.account("ann");
    let mut record = account.encoded();
    record.shape = NewerAccount::COLLECTION.spec().shape;
    let version = f.commit(vec![Op::Insert { collection: Account::COLLECTION.name(), record }]).await.unwrap();
    assert_eq!(f.row::<Account>(account.id).await.unwrap().shape, 2);
    let done: Done = f
        .store
        .transact(|work| async move {
            let found = work.get::<Account>(account.id).await?.unwrap();
            assert_eq!(&found, account);
            work.replace(&found)
        })
        .await;
    assert_matches!(done, Err(StoreError::NewerShape { collection: "suite_accounts" }));
    assert_eq!(f.row::<Account>(account.id).await.unwrap().version, version);
    // The newer program replaces it.
    let newer = f.store.transact(|work| async move {
        let found = work.get::<NewerAccount>(account.id).await?;
        assert_eq!(found.map(|found| found.0.id), Some(account.id));
        Ok::<_, StoreError>(())
    });
    newer.await.unwrap();
}

/// A caller that goes away leaves all of its batch or nothing.
pub async fn a_dropped_future_leaves_all_or_nothing(f: Fixture) {
    let pairs: Vec<[Account; 2]> =
        (0..200).map(|at| [f.account(&format!("a{at}")), f.account(&format!("b{at}"))]).collect();
    for (at, pair) in pairs.iter().enumerate() {
        let (store, pair) = (f.store.clone(), pair.clone());
        let task = tokio::spawn(async move {
            let [a, b] = &pair;
            let done: Done = store
                .transact(|work| async move {
                    work.insert(a)?;
                    work.insert(b)
                })
                .await;
            done
        });
        for _ in 0..at % 7 {
            tokio::task::yield_now().await;
        }
        task.abort();
    }
    // A batch that comes after all of them finds them settled one way or the other.
    f.insert(&f.account("last")).await;
    for [a, b] in &pairs {
        assert_eq!(f.row::<Account>(a.id).await.is_some(), f.row::<Account>(b.id).await.is_some());
    }
}
