//! That a session was seen is noted in memory and written behind the request, and what depends on it is exact.

use std::sync::Arc;

use super::*;
use crate::store::MemoryStore;
use crate::testing::FaultyStore;

async fn stored(bed: &TestBed, id: SessionId) -> Session {
    bed.ciam.store().get::<Session>(id).await.unwrap().unwrap()
}

async fn elevated(bed: &TestBed, opened: &Opened, strength: Strength) -> Opened {
    let (user, id) = (opened.session.user, opened.session.id);
    let sessions = bed.ciam.sessions();
    let elevated = bed.ciam.store().transact(|work| async move {
        let ceremony = Ceremony::open(work.new_id(), user, uuid::Uuid::nil(), work.now(), strength);
        let evidence = Evidence::mint(ceremony, &Claim::full(strength));
        sessions.elevate_in(&work, id, &[evidence], &Origin::default()).await
    });
    elevated.await.unwrap()
}

async fn level(bed: &TestBed, opened: &Opened) -> Aal {
    let session = bed.ciam.sessions().check(opened.bearer.expose()).await.unwrap().unwrap();
    bed.ciam.sessions().level(&session)
}

#[tokio::test]
async fn last_seen_is_noted_once_a_minute_and_written_by_a_flush() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up("ada@example.com", PASSWORD).await;
    let sessions = bed.ciam.sessions();
    let opened = ada.session.last_seen;
    bed.clock.advance(Duration::from_secs(59));
    check(&bed, &ada).await;
    assert_eq!(sessions.flush_seen().await.unwrap(), 0);
    bed.clock.advance(Duration::from_secs(1));
    check(&bed, &ada).await;
    check(&bed, &ada).await;
    assert_eq!(stored(&bed, ada.session.id).await.last_seen, opened, "not on the request");
    let views = sessions.list(ada.session.user, None).await.unwrap();
    assert_eq!(views[0].last_seen_at.since(opened), Duration::from_mins(1), "but everybody is told");
    let got = sessions.get(ada.session.user, ada.session.id).await.unwrap().unwrap();
    assert_eq!(got.last_seen.since(opened), Duration::from_mins(1));
    assert_eq!(sessions.flush_seen().await.unwrap(), 1);
    assert_eq!(stored(&bed, ada.session.id).await.last_seen.since(opened), Duration::from_mins(1));
    assert_eq!(sessions.flush_seen().await.unwrap(), 0, "once");
}

#[tokio::test]
async fn a_check_writes_nothing_and_many_sessions_are_one_unit() {
    for cache in [SessionCache::default(), SessionCache { capacity: 0, ..SessionCache::default() }] {
        let store = FaultyStore::new(Arc::new(MemoryStore::new()), []);
        let bed = TestBed::with(|builder| builder.shared_store(store.clone()).session_cache(cache)).await;
        let mut opened = vec![bed.sign_up("ada@example.com", PASSWORD).await];
        let by = Cause::system();
        for _ in 0..300 {
            // A new session for each of many devices, without the password's five tries.
            let next: Result<Opened, SessionError> = bed
                .ciam
                .store()
                .transact(|work| {
                    let (sessions, user) = (bed.ciam.sessions(), opened[0].session.user);
                    async move {
                        let ceremony =
                            Ceremony::open(work.new_id(), user, uuid::Uuid::nil(), work.now(), Strength::PASSWORD);
                        let evidence = Evidence::mint(ceremony, &Claim::full(Strength::PASSWORD));
                        sessions.open_in(&work, &[evidence], &Origin::default()).await
                    }
                })
                .await;
            opened.push(next.unwrap());
        }
        bed.clock.advance(Duration::from_mins(5));
        let before = store.commits();
        for one in &opened {
            assert!(check(&bed, one).await && check(&bed, one).await);
        }
        assert_eq!(store.commits(), before);
        // One that has ended meanwhile does not keep the others back.
        bed.ciam.sessions().end(&by, opened[7].session.user, opened[7].session.id).await.unwrap();
        let before = store.commits();
        assert_eq!(bed.ciam.sessions().flush_seen().await.unwrap(), 301);
        assert_eq!(store.commits() - before, 2, "256 and the rest");
        for one in opened.iter().filter(|one| one.session.id != opened[7].session.id) {
            assert_eq!(stored(&bed, one.session.id).await.last_seen, bed.ciam.clock().now());
        }
        assert_eq!(bed.ciam.sessions().flush_seen().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_flush_drives_nobody_out_of_memory_and_a_failed_one_forgets_nothing() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()), []);
    let bed = TestBed::with(|builder| builder.shared_store(store.clone())).await;
    let ada = bed.sign_up("ada@example.com", PASSWORD).await;
    bed.clock.advance(Duration::from_mins(2));
    assert!(check(&bed, &ada).await);
    store.go_away(Some("for a while"));
    assert!(bed.ciam.sessions().flush_seen().await.is_err());
    assert!(check(&bed, &ada).await, "what is in memory is served while the store is away");
    store.go_away(None);
    assert_eq!(bed.ciam.sessions().flush_seen().await.unwrap(), 1);
    assert_eq!(stored(&bed, ada.session.id).await.last_seen, bed.ciam.clock().now());
    let before = store.reads();
    assert!(check(&bed, &ada).await);
    assert_eq!(store.reads(), before);
}

/// The pause is judged by what is in memory, flushed or not, and being seen does not mend one that was too long:
/// neither before the flush nor after it, nor by another engine that reads what was written, nor by a new bearer.
#[tokio::test]
async fn the_pause_that_ends_aal2_is_exact() {
    for capacity in [0, 100] {
        for flushed in [false, true] {
            let cache = SessionCache { capacity, ..SessionCache::default() };
            let bed = TestBed::with(|builder| builder.store(MemoryStore::new()).session_cache(cache)).await;
            let flush = async || {
                if flushed {
                    bed.ciam.sessions().flush_seen().await.unwrap();
                }
            };
            let ada = bed.sign_up("ada@example.com", PASSWORD).await;
            let ada = elevated(&bed, &ada, PASSKEY).await;
            for _ in 0..3 {
                bed.clock.advance(Duration::from_mins(59));
                assert_eq!(level(&bed, &ada).await, Aal::Aal2, "used within the hour");
                flush().await;
            }
            bed.clock.advance(Duration::from_hours(1));
            assert_eq!(level(&bed, &ada).await, Aal::Aal1);
            flush().await;
            for _ in 0..3 {
                assert_eq!(level(&bed, &ada).await, Aal::Aal1, "{capacity} {flushed}");
                bed.clock.advance(Duration::from_mins(1));
                flush().await;
            }
            let got = bed.ciam.sessions().get(ada.session.user, ada.session.id).await.unwrap().unwrap();
            assert_eq!(bed.ciam.sessions().level(&got), Aal::Aal1);
            let again = elevated(&bed, &ada, Strength::PASSWORD).await;
            assert_eq!(level(&bed, &again).await, Aal::Aal1, "an old passkey does not come back with a password");
            let again = elevated(&bed, &again, PASSKEY).await;
            assert_eq!(level(&bed, &again).await, Aal::Aal2, "a new one does");
        }
    }
}

/// AAL3 ends a quarter of an hour after its proof, however much the session is used, and what is left is AAL2.
#[tokio::test]
async fn aal3_holds_for_a_quarter_of_an_hour() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up("ada@example.com", PASSWORD).await;
    let ada = elevated(&bed, &ada, PASSKEY.in_hardware()).await;
    bed.clock.advance(Duration::from_mins(15) - Duration::from_micros(1));
    assert_eq!(level(&bed, &ada).await, Aal::Aal3);
    bed.clock.advance(Duration::from_micros(1));
    assert_eq!(level(&bed, &ada).await, Aal::Aal2);
    let session = stored(&bed, ada.session.id).await;
    assert_eq!(bed.ciam.sessions().reached(&session).acr(), ["phr", "urn:ciam:aal2", "urn:ciam:aal1"]);
    let again = elevated(&bed, &ada, PASSKEY.in_hardware()).await;
    assert_eq!(level(&bed, &again).await, Aal::Aal3);
}

#[tokio::test]
async fn a_new_bearer_after_the_pause_does_not_mend_it_either() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up("ada@example.com", PASSWORD).await;
    let ada = elevated(&bed, &ada, PASSKEY).await;
    bed.clock.advance(Duration::from_hours(2));
    // Nobody has checked the session since: the pause is noticed here first.
    let again = elevated(&bed, &ada, Strength::PASSWORD).await;
    assert_eq!(level(&bed, &again).await, Aal::Aal1);
}

#[tokio::test]
async fn what_was_not_flushed_when_the_process_died_makes_a_session_look_less_used() {
    let store: Arc<MemoryStore> = Arc::new(MemoryStore::new());
    let bed = TestBed::with(|builder| builder.shared_store(store.clone())).await;
    let ada = bed.sign_up("ada@example.com", PASSWORD).await;
    let ada = elevated(&bed, &ada, PASSKEY).await;
    bed.clock.advance(Duration::from_mins(50));
    assert_eq!(level(&bed, &ada).await, Aal::Aal2);
    let clock = bed.clock.clone();
    let after = TestBed::with(|builder| builder.shared_store(store).clock(clock)).await;
    bed.clock.advance(Duration::from_mins(50));
    assert_eq!(level(&bed, &ada).await, Aal::Aal2, "the one that saw it knows better");
    assert_eq!(level(&after, &ada).await, Aal::Aal1);
    after.ciam.sessions().flush_seen().await.unwrap();
    bed.clock.advance(Duration::from_secs(10));
    assert_eq!(level(&bed, &ada).await, Aal::Aal1, "and what is written of a pause stays");
}

#[tokio::test]
async fn what_is_noted_during_a_flush_is_not_forgotten_by_it() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()), []);
    let bed = TestBed::with(|builder| builder.shared_store(store.clone())).await;
    let ada = bed.sign_up("ada@example.com", PASSWORD).await;
    bed.clock.advance(Duration::from_mins(2));
    assert!(check(&bed, &ada).await);
    store.hold(crate::testing::Held::Commits, 0);
    let sessions = bed.ciam.sessions().clone();
    let flush = tokio::spawn(async move { sessions.flush_seen().await.unwrap() });
    store.holds().await;
    bed.clock.advance(Duration::from_mins(2));
    assert!(check(&bed, &ada).await);
    store.release();
    assert_eq!(flush.await.unwrap(), 1);
    assert_eq!(bed.ciam.sessions().flush_seen().await.unwrap(), 1);
    assert_eq!(stored(&bed, ada.session.id).await.last_seen, bed.ciam.clock().now());
}

#[tokio::test]
async fn a_new_bearer_takes_along_what_is_not_flushed_yet() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up("ada@example.com", PASSWORD).await;
    let ada = elevated(&bed, &ada, PASSKEY).await;
    for _ in 0..3 {
        bed.clock.advance(Duration::from_mins(50));
        assert_eq!(level(&bed, &ada).await, Aal::Aal2);
    }
    let again = elevated(&bed, &ada, Strength::PASSWORD).await;
    assert_eq!(level(&bed, &again).await, Aal::Aal2, "it was used all the time");
}

/// Two checks meet at the end of the pause. The one that finds it too long could not keep what it read; the other comes
/// from a moment before, and has what is in memory from before.
#[tokio::test]
async fn a_check_that_meets_one_that_found_the_pause_too_long_forgets_what_it_had() {
    let cache = SessionCache { max_age: Duration::from_hours(1_000), ..SessionCache::default() };
    let bed = TestBed::with(|builder| builder.store(MemoryStore::new()).session_cache(cache)).await;
    let ada = bed.sign_up("ada@example.com", PASSWORD).await;
    let ada = elevated(&bed, &ada, PASSKEY).await;
    assert_eq!(level(&bed, &ada).await, Aal::Aal2);
    bed.clock.advance(Duration::from_mins(59));
    let sessions = bed.ciam.sessions();
    let now = bed.ciam.clock().now() + Duration::from_mins(1);
    sessions.memory.seen.note(&mut ada.session.clone(), now, &sessions.limits);
    assert_eq!(level(&bed, &ada).await, Aal::Aal1);
    bed.clock.advance(Duration::from_mins(1));
    assert_eq!(level(&bed, &ada).await, Aal::Aal1);
}
