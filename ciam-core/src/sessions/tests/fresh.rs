//! What is in memory never outlives a change that was committed on this node.

use std::sync::Arc;

use super::*;
use crate::store::{Backend, MemoryStore};
use crate::testing::{Fault, FaultyStore, Held, in_parallel};

const EMAIL: &str = "ada@example.com";

/// An engine over a store that does as it is told, a session, and what its owner is called in events.
struct Scene {
    bed: TestBed,
    store: Arc<FaultyStore>,
    ada: Opened,
    by: Cause,
}

impl Scene {
    async fn new() -> Self {
        Self::over(Arc::new(MemoryStore::new()), SessionCache::default()).await
    }

    async fn over(backend: Arc<dyn Backend>, cache: SessionCache) -> Self {
        let store = FaultyStore::new(backend, []);
        let bed = TestBed::with(|builder| builder.shared_store(store.clone()).session_cache(cache)).await;
        let ada = bed.sign_up(EMAIL, PASSWORD).await;
        let by = Cause::user(ada.session.user, Origin::default());
        Self { bed, store, ada, by }
    }

    fn sessions(&self) -> &Sessions {
        self.bed.ciam.sessions()
    }

    async fn is_in(&self) -> bool {
        check(&self.bed, &self.ada).await
    }

    async fn reads(&self) -> u64 {
        let before = self.store.reads();
        assert!(self.is_in().await);
        self.store.reads() - before
    }

    /// The same store, from now on with these faults.
    async fn suffers(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.store.suffer(faults);
        assert!(self.is_in().await, "the session is in memory");
        assert_eq!(self.reads().await, 0, "the session is in memory");
    }
}

#[tokio::test]
async fn a_session_checked_a_moment_ago_costs_no_read() {
    let scene = Scene::new().await;
    assert_eq!(scene.reads().await, 2);
    assert_eq!(scene.reads().await, 0);
    scene.bed.clock.advance(Duration::from_secs(10));
    assert_eq!(scene.reads().await, 2, "after ten seconds it is read again");
    let off = SessionCache { capacity: 0, ..SessionCache::default() };
    let scene = Scene::over(Arc::new(MemoryStore::new()), off).await;
    for _ in 0..3 {
        assert_eq!(scene.reads().await, 2, "nothing is kept");
    }
}

#[tokio::test]
async fn a_hit_compares_the_secret_and_the_ends() {
    let scene = Scene::over(
        Arc::new(MemoryStore::new()),
        SessionCache { max_age: Duration::from_hours(1_000), ..SessionCache::default() },
    )
    .await;
    assert!(scene.is_in().await);
    let bearer = scene.ada.bearer.expose();
    let guess = Bearer::new(scene.ada.session.id, scene.bed.ciam.entropy().verifier()).expose();
    assert!(scene.sessions().check(guess.expose()).await.unwrap().is_none());
    assert!(scene.sessions().check(&format!("{}A", &bearer[..63])).await.unwrap().is_none() || bearer.ends_with('A'));
    assert_eq!(scene.reads().await, 0, "a wrong guess drives nobody out of memory");
    scene.bed.clock.advance(Duration::from_hours(7 * 24) - Duration::from_secs(1));
    assert!(scene.is_in().await);
    scene.bed.clock.advance(Duration::from_hours(7 * 24));
    assert!(!scene.is_in().await, "idle for too long, though what is in memory is not too old");
}

#[tokio::test]
async fn a_session_in_memory_ends_when_it_is_old() {
    let cache = SessionCache { max_age: Duration::from_hours(1_000), ..SessionCache::default() };
    let scene = Scene::over(Arc::new(MemoryStore::new()), cache).await;
    for _ in 0..5 {
        scene.bed.clock.advance(Duration::from_hours(6 * 24) - Duration::from_mins(6));
        assert!(scene.is_in().await);
    }
    assert_eq!(scene.reads().await, 0, "half an hour before its end it is in memory");
    scene.bed.clock.advance(Duration::from_mins(30));
    assert!(!scene.is_in().await);
}

/// Every way to revoke, one after another, on a session that is in memory.
#[tokio::test]
async fn se2_nothing_in_memory_outlives_a_revocation() {
    for way in 0..9 {
        let scene = Scene::new().await;
        let (user, id) = (scene.ada.session.user, scene.ada.session.id);
        let other = scene.bed.sign_in(EMAIL, PASSWORD).await.unwrap();
        assert!(scene.is_in().await && check(&scene.bed, &other).await);
        assert_eq!(scene.reads().await, 0);
        let (sessions, users, by) = (scene.sessions(), scene.bed.ciam.users(), &scene.by);
        match way {
            0 => sessions.end(by, user, id).await.unwrap(),
            1 => sessions.end_others(by, user, other.session.id).await.unwrap(),
            2 => sessions.end_all(by, user).await.unwrap(),
            3 => users.suspend(by, user).await.unwrap(),
            4 => {
                users.suspend(by, user).await.unwrap();
                users.activate(by, user).await.unwrap();
            }
            5 => sessions.supersede(by, &scene.ada.session).await.unwrap(),
            6 => drop(elevate(&scene.bed, &scene.ada).await),
            // The host's own writes.
            7 => {
                let store = scene.bed.ciam.store();
                let done: Result<_, StoreError> =
                    store.transact(|work| async move { work.take::<Session>(id).await }).await;
                done.unwrap();
            }
            _ => {
                let done: Result<(), StoreError> = scene
                    .bed
                    .ciam
                    .store()
                    .clone()
                    .transact(|work| async move {
                        let mut session = work.get::<Session>(id).await?.unwrap();
                        session.absolute_end = work.now();
                        work.replace(&session)
                    })
                    .await;
                done.unwrap();
            }
        }
        assert!(!scene.is_in().await, "way {way}");
        assert_eq!(check(&scene.bed, &other).await, matches!(way, 0 | 1 | 5..), "way {way}");
    }
}

pub(super) async fn elevate(bed: &TestBed, opened: &Opened) -> Opened {
    let (user, id) = (opened.session.user, opened.session.id);
    let sessions = bed.ciam.sessions();
    let elevated = bed.ciam.store().transact(|work| async move {
        let ceremony = Ceremony::open(work.new_id(), user, uuid::Uuid::nil(), work.now(), PASSKEY);
        let evidence = Evidence::mint(ceremony, &Claim::full(PASSKEY));
        sessions.elevate_in(&work, id, &[evidence], &Origin::default()).await
    });
    elevated.await.unwrap()
}

#[tokio::test]
async fn what_is_not_revoked_is_not_refused() {
    let scene = Scene::new().await;
    let other = scene.bed.sign_in(EMAIL, PASSWORD).await.unwrap();
    assert!(scene.is_in().await && check(&scene.bed, &other).await);
    scene.sessions().end_others(&scene.by, scene.ada.session.user, scene.ada.session.id).await.unwrap();
    assert!(scene.is_in().await && !check(&scene.bed, &other).await);
    assert_eq!(scene.reads().await, 0);
}

#[tokio::test]
async fn a_session_and_a_standing_from_before_and_after_one_unit_are_read_again() {
    let scene = Scene::new().await;
    scene.store.hold(Held::Reads, 0);
    let (sessions, bearer) = (scene.sessions().clone(), scene.ada.bearer.expose().clone());
    let reader = tokio::spawn(async move { sessions.check(&bearer).await.unwrap() });
    scene.store.holds().await;
    // Everything else ends: what the reader has of the session is too old for the standing that it will read.
    scene.sessions().end_others(&scene.by, scene.ada.session.user, scene.ada.session.id).await.unwrap();
    scene.store.release();
    assert!(reader.await.unwrap().is_some());
}

#[tokio::test]
async fn a_read_from_before_the_revocation_does_not_fill_memory_after_it() {
    // What the reader has, and has not kept yet: the session, or the standing of its user.
    for (after, way) in [(0, 0), (0, 1), (1, 1), (1, 2)] {
        let scene = Scene::new().await;
        scene.store.hold(Held::Reads, after);
        let (sessions, bearer) = (scene.sessions().clone(), scene.ada.bearer.expose().clone());
        let reader = tokio::spawn(async move { sessions.check(&bearer).await.unwrap().is_some() });
        scene.store.holds().await;
        let (sessions, by, session) = (scene.sessions(), &scene.by, &scene.ada.session);
        match way {
            0 => sessions.end(by, session.user, session.id).await.unwrap(),
            1 => sessions.end_all(by, session.user).await.unwrap(),
            _ => scene.bed.ciam.users().suspend(by, session.user).await.unwrap(),
        }
        scene.store.release();
        reader.await.unwrap();
        assert!(!scene.is_in().await, "{after} {way}");
    }
}

#[tokio::test]
async fn who_hangs_up_after_the_commit_does_not_keep_memory_from_hearing_of_it() {
    let scene = Scene::new().await;
    assert!(scene.is_in().await);
    assert_eq!(scene.reads().await, 0);
    scene.store.hold(Held::Commits, 0);
    let (sessions, by, session) = (scene.sessions().clone(), scene.by.clone(), scene.ada.session.clone());
    let caller = tokio::spawn(async move { sessions.end_all(&by, session.user).await });
    scene.store.holds().await;
    assert!(!scene.is_in().await, "it is committed, though its caller does not know yet");
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    assert!(!scene.is_in().await);
    scene.store.release();
    assert!(!scene.is_in().await);
    // What was blocked is let in again: another session of the same user is kept.
    let next = scene.bed.sign_in(EMAIL, PASSWORD).await.unwrap();
    assert!(check(&scene.bed, &next).await);
    let before = scene.store.reads();
    assert!(check(&scene.bed, &next).await);
    assert_eq!(scene.store.reads(), before);
}

#[tokio::test]
async fn a_lost_answer_is_settled_before_memory_is_trusted_again() {
    for (fault, known) in [(Fault::LostAfter, true), (Fault::LostBefore, true), (Fault::Late, true)] {
        let mut scene = Scene::new().await;
        scene.suffers([fault]).await;
        let ended = scene.sessions().end(&scene.by, scene.ada.session.user, scene.ada.session.id).await;
        assert_eq!(ended.is_ok(), known, "{fault:?}");
        assert!(!scene.is_in().await, "{fault:?}");
        scene.store.arrive().await;
        assert!(!scene.is_in().await, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_settled_is_read_from_the_store_until_it_can() {
    // Each of the eight questions is answered with nothing, and so are the first that follow in the background.
    for (fault, committed) in [(Fault::Late, false), (Fault::LostAfter, true)] {
        let mut scene = Scene::new().await;
        scene.suffers([fault]).await;
        scene.store.deafen(true);
        let ended = scene.sessions().end_all(&scene.by, scene.ada.session.user).await;
        assert!(matches!(ended, Err(SessionError::Store(StoreError::Unknown(_)))));
        for _ in 0..3 {
            assert_eq!(scene.sessions().check(scene.ada.bearer.expose()).await.unwrap().is_some(), !committed);
            let before = scene.store.reads();
            scene.sessions().check(scene.ada.bearer.expose()).await.unwrap();
            assert!(scene.store.reads() > before, "nothing is kept while the outcome is open");
        }
        if !committed {
            // The batch arrives now: no check may say yes any more.
            assert!(scene.store.arrive().await.iter().all(Result::is_ok));
            assert!(!scene.is_in().await);
        }
        scene.store.deafen(false);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(!scene.is_in().await);
        let next = scene.bed.sign_in(EMAIL, PASSWORD).await.unwrap();
        assert!(check(&scene.bed, &next).await);
        let before = scene.store.reads();
        assert!(check(&scene.bed, &next).await);
        assert_eq!(scene.store.reads(), before, "and memory is trusted again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn se2_of_many_checks_beside_a_revocation_none_that_begins_after_it_says_yes() {
    for _ in 0..20 {
        let scene = Arc::new(Scene::new().await);
        let ended = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let wrong = in_parallel(8, |at| {
            let (scene, ended) = (Arc::clone(&scene), Arc::clone(&ended));
            async move {
                let order = std::sync::atomic::Ordering::SeqCst;
                if at == 0 {
                    scene.sessions().end_all(&scene.by, scene.ada.session.user).await.unwrap();
                    ended.store(true, order);
                }
                let mut wrong = 0;
                for _ in 0..100 {
                    let over = ended.load(order);
                    wrong += u32::from(scene.is_in().await && over);
                    tokio::task::yield_now().await;
                }
                wrong
            }
        })
        .await;
        assert_eq!(wrong.iter().sum::<u32>(), 0);
    }
}
