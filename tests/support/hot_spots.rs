//! Records that everybody wants at once: what is asked of them, how often the store was written to, how long each waited.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ciam::email::Email;
use ciam::events::Cause;
use ciam::journeys::{Answer, JourneyError, JourneyKind};
use ciam::store::{Backend, Bound, Collection, Index, PostgresOptions, Record, StoreError, Tally};
use ciam::testing::{Browser, FaultyStore, TestBed, in_parallel};
use ciam::users::NewUser;
use ciam::{MemoryStore, SqliteStore};
use serde::{Deserialize, Serialize};

#[path = "../../ciam-store/tests/support/schema.rs"]
mod schema;

const ADA: &str = "ada@example.com";
const PASSWORD: &str = "vermilion otter quays";

ciam::id!(TeamId, "team", "A team.");
ciam::id!(MemberId, "member", "A place in a team.");

/// What an organization with a limited number of seats is like.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Team {
    id: TeamId,
    name: String,
    seats: i64,
}

impl Record for Team {
    type Id = TeamId;
    const COLLECTION: Collection<Self> = Collection::new("teams").live(&Team::SEATS);

    fn id(&self) -> TeamId {
        self.id
    }
}

impl Team {
    const SEATS: Tally<Team> = Tally::new("seats", |team| &mut team.seats);
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Member {
    id: MemberId,
    team: TeamId,
}

impl Record for Member {
    type Id = MemberId;
    const COLLECTION: Collection<Self> = Collection::new("members").index(&Member::BY_TEAM);

    fn id(&self) -> MemberId {
        self.id
    }
}

impl Member {
    const BY_TEAM: Index<Member, TeamId> = Index::new("team", |member| member.team);
}

/// A store, how often it was written to, and what it needs to live.
pub(crate) struct Place {
    store: Arc<FaultyStore>,
    _folder: Option<tempfile::TempDir>,
}

/// What became of all who wanted the same.
#[derive(Debug)]
pub(crate) struct Rush {
    /// Those who got it, or whose try was judged.
    pub(crate) served: usize,
    /// Those who were told that there is no more, or to come back later.
    pub(crate) refused: usize,
    /// What somebody was told who is neither.
    pub(crate) other: Option<String>,
    /// How many batches were to be committed.
    pub(crate) commits: u64,
    /// How long each waited, in order.
    pub(crate) waited: Vec<Duration>,
}

/// How one of them fared.
enum Fared {
    Served,
    Refused,
    Otherwise(String),
}

impl Place {
    fn over(backend: Arc<dyn Backend>, folder: Option<tempfile::TempDir>) -> Self {
        Self { store: FaultyStore::new(backend, []), _folder: folder }
    }

    pub(crate) async fn memory() -> Option<Self> {
        Some(Self::over(Arc::new(MemoryStore::new()), None))
    }

    pub(crate) async fn sqlite() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("app.db")).await.unwrap();
        Some(Self::over(Arc::new(store), Some(folder)))
    }

    pub(crate) async fn postgres() -> Option<Self> {
        let url = schema::empty_schema().await?;
        let store = PostgresOptions::new(&url)
            .unwrap()
            .connections(16)
            .statement_timeout(Duration::from_secs(60))
            .open()
            .await
            .unwrap();
        Some(Self::over(Arc::new(store), None))
    }

    async fn bed(&self) -> TestBed {
        let store = Arc::clone(&self.store);
        TestBed::with(|builder| builder.shared_store(store).record::<Team>().record::<Member>()).await
    }

    async fn rush<F>(&self, people: usize, of: impl Fn(usize) -> F) -> Rush
    where
        F: Future<Output = Fared> + Send + 'static,
    {
        let (commits, began) = (self.store.commits(), Instant::now());
        let fared = in_parallel(people, |nth| {
            let wish = of(nth);
            async move { (wish.await, began.elapsed()) }
        })
        .await;
        let mut rush = Rush {
            served: 0,
            refused: 0,
            other: None,
            commits: self.store.commits() - commits,
            waited: fared.iter().map(|(_, waited)| *waited).collect(),
        };
        rush.waited.sort_unstable();
        for (fared, _) in fared {
            match fared {
                Fared::Served => rush.served += 1,
                Fared::Refused => rush.refused += 1,
                Fared::Otherwise(told) => rush.other = Some(told),
            }
        }
        rush
    }
}

/// Wrong passwords for one account, each from an address of its own; also how many were judged.
pub(crate) async fn wrong_passwords(place: &Place, people: usize) -> (Rush, u64) {
    let bed = place.bed().await;
    bed.sign_up(ADA, PASSWORD).await;
    let judged = bed.hasher.work();
    let rush = place.rush(people, |nth| {
        let browser = at_an_address(&bed, nth);
        async move {
            match browser.sign_in(ADA, "quite another phrase").await {
                Err(JourneyError::Wrong { .. }) => Fared::Served,
                Err(JourneyError::Throttled { .. }) => Fared::Refused,
                other => Fared::Otherwise(format!("{other:?}")),
            }
        }
    });
    let rush = rush.await;
    (rush, bed.hasher.work() - judged)
}

/// Sign-ups whose messages all lead to one mailbox; also how many messages there are.
pub(crate) async fn messages(place: &Place, people: usize) -> (Rush, usize) {
    let bed = place.bed().await;
    let rush = place.rush(people, |nth| {
        let browser = at_an_address(&bed, nth);
        async move {
            let journey = browser.identified(JourneyKind::SignUp, &format!("ada+{nth}@example.com")).await;
            match browser.answer(&journey, Answer::new_password(PASSWORD)).await {
                Ok(_) => Fared::Served,
                // Whoever finds the queue of those whose passwords are judged full is told to come back, too.
                Err(JourneyError::Throttled { .. } | JourneyError::Overloaded { .. }) => Fared::Refused,
                other => Fared::Otherwise(format!("{other:?}")),
            }
        }
    });
    let rush = rush.await;
    (rush, bed.mail().await.len())
}

/// Claims of a seat in a team that has so many, by those who read the team before, or do not; also how many members it
/// has then, and how many it believes to have.
pub(crate) async fn seats(place: &Place, people: usize, seats: i64, reads: bool) -> (Rush, u32, i64) {
    let bed = place.bed().await;
    let store = bed.ciam.store();
    let id = store.transact(|work| async move { Ok::<_, StoreError>(work.new_id()) }).await.unwrap();
    let team = &Team { id, name: "Fernweh".into(), seats: 0 };
    store.transact(|work| async move { work.insert(team) }).await.unwrap();
    let rush = place.rush(people, |_| {
        let store = store.clone();
        async move {
            let claim = store.transact(|work| async move {
                if reads {
                    let team = work.get::<Team>(id).await?;
                    assert_eq!(team.unwrap().name, "Fernweh");
                }
                work.add(&Team::SEATS, id, 1, Bound::AtMost(seats))?;
                work.insert(&Member { id: work.new_id(), team: id })
            });
            match claim.await {
                Ok(()) => Fared::Served,
                Err(error) if Team::SEATS.exceeded(&error) => Fared::Refused,
                other => Fared::Otherwise(format!("{other:?}")),
            }
        }
    });
    let rush = rush.await;
    let members = store.count(&Member::BY_TEAM.eq(&id), 10_000).await.unwrap();
    (rush, members, store.get::<Team>(id).await.unwrap().unwrap().seats)
}

/// People who are registered at once.
pub(crate) async fn registrations(place: &Place, people: usize) -> Rush {
    let bed = place.bed().await;
    let rush = place.rush(people, |nth| {
        let users = bed.ciam.users().clone();
        async move {
            let email: Email = format!("person{nth}@example.com").parse().unwrap();
            match users.create(&Cause::system(), NewUser::new(email)).await {
                Ok(_) => Fared::Served,
                Err(error) => Fared::Otherwise(format!("{error:?}")),
            }
        }
    });
    rush.await
}

fn at_an_address(bed: &TestBed, nth: usize) -> Browser {
    bed.browser().at(Ipv4Addr::from_bits(0xC612_0000 + u32::try_from(nth).unwrap()))
}
