use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use super::super::{Argon2Parameters, PasswordCredential};
use super::*;
use crate::entropy::SystemEntropy;
use crate::events::Event;
use crate::store::{Backend, MemoryStore, Position};
use crate::testing::{CountingHasher, TestBed};
use crate::vault::{LocalVault, MasterKey, VaultError};
use crate::{BuildError, CiamBuilder, UserId};

const TEXT: &str = "vermilion otter quays";

fn options(memory_kib: u32, threads: usize, queue: usize) -> Argon2Options {
    let parameters = Argon2Parameters { memory_kib, passes: 1, lanes: 1 };
    Argon2Options { parameters, threads: Some(threads), queue: Some(queue), memory_budget_kib: None }
}

fn pool(memory_kib: u32, threads: usize, queue: usize) -> Argon2Pool {
    Argon2Pool::new(options(memory_kib, threads, queue), Arc::new(SystemEntropy::new())).unwrap()
}

async fn peppered(vault: &Arc<Peppery>, current: Option<u32>) -> Argon2Pool {
    pool(64, 1, 10).with_peppers(Arc::clone(vault) as Arc<dyn KeyVault>, current).await.unwrap()
}

fn password(text: &str) -> Password {
    Password::parse(&Secret::new(text.to_owned())).unwrap()
}

const YES: Verdict = Verdict { matches: true, outdated: false };
const OUTDATED: Verdict = Verdict { matches: true, outdated: true };
const NO: Verdict = Verdict { matches: false, outdated: false };

/// A vault with nothing but peppers.
#[derive(Debug, Default)]
struct Peppery {
    peppers: Mutex<HashMap<u32, [u8; 32]>>,
    down: AtomicBool,
    asked: AtomicU64,
}

impl Peppery {
    fn with(versions: &[u32]) -> Arc<Self> {
        let peppers = versions.iter().map(|version| (*version, [*version as u8; 32])).collect();
        Arc::new(Self { peppers: Mutex::new(peppers), ..Self::default() })
    }
}

#[async_trait]
impl KeyVault for Peppery {
    async fn seal(&self, _: &str, _: &[u8]) -> Result<String, VaultError> {
        Err(VaultError::Unavailable)
    }

    async fn open(&self, _: &str, _: &str) -> Result<Secret<Vec<u8>>, VaultError> {
        Err(VaultError::Unavailable)
    }

    async fn pepper(&self, version: u32) -> Result<Option<Secret<[u8; 32]>>, VaultError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.down.load(Ordering::Relaxed) {
            return Err(VaultError::Unavailable);
        }
        Ok(self.peppers.lock().unwrap().get(&version).copied().map(Secret::new))
    }
}

#[tokio::test]
async fn a_password_matches_its_own_hash_and_an_outdated_hash_says_so() {
    let (old, new) = (pool(64, 1, 10), pool(128, 1, 10));
    let hash = old.hash(&password("correct horse")).await.unwrap();
    assert!(hash.expose_phc().starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
    assert_eq!(old.verify(&password("correct horse"), Some(&hash)).await, Ok(YES));
    assert_eq!(old.verify(&password("Correct horse"), Some(&hash)).await, Ok(NO));
    assert_eq!(old.verify(&password("correct horse"), None).await, Ok(NO));
    assert_eq!(new.verify(&password("correct horse"), Some(&hash)).await, Ok(OUTDATED));
    assert_ne!(hash, old.hash(&password("correct horse")).await.unwrap());
    assert!(!format!("{hash:?}").contains("argon2"));
}

#[tokio::test]
async fn pw10_a_wrong_password_costs_the_same_whatever_an_older_hash_costs() {
    let costs = |memory_kib, passes| Argon2Parameters { memory_kib, passes, lanes: 1 };
    let new = Argon2Options { parameters: costs(512, 2), ..options(0, 1, 10) };
    let new = Argon2Pool::new(new, Arc::new(SystemEntropy::new())).unwrap();
    for (old, missing_kib) in [((64, 1), Some(480)), ((256, 2), Some(256)), ((500, 2), Some(12))] {
        let old = Argon2Options { parameters: costs(old.0, old.1), ..options(0, 1, 10) };
        let hash = Argon2Pool::new(old, Arc::new(SystemEntropy::new())).unwrap().hash(&password(TEXT)).await.unwrap();
        let remainder = new.remainder(&Stored::read(&hash).unwrap().params).unwrap().params;
        assert_eq!((Some(remainder.m_cost()), remainder.t_cost()), (missing_kib, 2));
        let before = new.hashes();
        assert_eq!(new.verify(&password("another"), Some(&hash)).await, Ok(NO));
        assert_eq!(new.hashes() - before, 2, "its own, and what it leaves to be done");
        assert_eq!(new.verify(&password(TEXT), Some(&hash)).await, Ok(OUTDATED));
        assert_eq!(new.hashes() - before, 3, "a rehash follows a right one");
    }
    for as_dear in [(512, 2), (1024, 1), (1024, 2)] {
        let params = costs(as_dear.0, as_dear.1).for_argon2(32, &[]).unwrap();
        assert!(new.remainder(&params).is_none(), "nothing is left");
    }
}

#[tokio::test]
async fn the_reference_vector_verifies() {
    // argon2 -id, password "password", salt "somesalt", t=2, m=65536 KiB, p=1: from the tests of the reference
    // implementation (phc-winner-argon2, test.c).
    let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let hash = PasswordHash::from_phc(phc.to_owned());
    let pool = pool(64, 1, 1);
    assert!(pool.verify(&password("password"), Some(&hash)).await.unwrap().matches);
    let small = pool.hash(&password("password")).await.unwrap();
    assert_eq!(pool.verify(&password("password"), Some(&small)).await, Ok(YES), "after a hash of another size");
}

#[tokio::test]
async fn a_hash_that_asks_for_too_much_or_is_none_matches_nothing() {
    let pool = pool(64, 1, 10);
    for phc in [
        "",
        "password",
        "$argon2id$v=19$m=1048576,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=64,t=4294967295,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2i$v=19$m=64,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ",
    ] {
        let verdict = pool.verify(&password("password"), Some(&PasswordHash::from_phc(phc.to_owned()))).await;
        assert_eq!(verdict, Ok(NO), "{phc}");
    }
    assert_eq!(pool.hashes(), 6, "each cost one hash all the same");
}

#[tokio::test]
async fn a_hash_that_the_memory_budget_does_not_hold_matches_nothing() {
    let hash = pool(256, 1, 1).hash(&password(TEXT)).await.unwrap();
    let within = |budget| {
        let options = Argon2Options { memory_budget_kib: Some(budget), ..options(64, 2, 10) };
        Argon2Pool::new(options, Arc::new(SystemEntropy::new())).unwrap()
    };
    assert_eq!(within(256).verify(&password(TEXT), Some(&hash)).await, Ok(OUTDATED));
    let small = within(255);
    assert_eq!(small.verify(&password(TEXT), Some(&hash)).await, Ok(NO));
    assert_eq!(small.hashes(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_hashes_and_small_ones_in_parallel_all_get_their_answer() {
    let large = pool(512, 1, 1).hash(&password(TEXT)).await.unwrap();
    let tight = Argon2Options { memory_budget_kib: Some(512), ..options(64, 4, 200) };
    let pool = Arc::new(Argon2Pool::new(tight, Arc::new(SystemEntropy::new())).unwrap());
    let small = pool.hash(&password(TEXT)).await.unwrap();
    let verdicts = crate::testing::in_parallel(100, |n| {
        let (pool, hash) = (Arc::clone(&pool), if n % 3 == 0 { large.clone() } else { small.clone() });
        async move { pool.verify(&password(TEXT), Some(&hash)).await.unwrap().matches }
    })
    .await;
    assert!(verdicts.into_iter().all(|matches| matches));
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back() {
    let pool = Arc::new(pool(64 * 1024, 1, 2));
    let tries: Vec<_> = (0..20)
        .map(|_| {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.verify(&password("x"), None).await })
        })
        .collect();
    let mut refused = 0;
    for outcome in tries {
        match outcome.await.unwrap() {
            Ok(_) => {}
            Err(HashError::Overloaded { retry_after }) => {
                assert!(retry_after >= Duration::from_secs(1));
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(refused + pool.hashes(), 20);
    assert!(refused >= 15, "one at work, two in the queue: {refused}");
}

#[tokio::test]
async fn rl8_a_flood_of_sign_ups_locks_nobody_out() {
    let pool = Arc::new(pool(64 * 1024, 1, 2));
    let flood: Vec<_> = (0..20)
        .map(|_| {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.hash(&password("x")).await })
        })
        .collect();
    tokio::task::yield_now().await; // each of them has been at the queue
    assert_eq!(pool.verify(&password("x"), None).await, Ok(NO));
    assert!(pool.rehash(&password("x")).await.is_ok());
    let refused = all(flood).await.into_iter().filter(Result::is_err).count();
    assert!(refused >= 15, "the flood was past its own queue: {refused}");
}

async fn all<T: 'static>(tasks: Vec<tokio::task::JoinHandle<T>>) -> Vec<T> {
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

#[tokio::test]
async fn a_peppered_hash_names_its_version_and_is_worth_nothing_without_it() {
    let vault = Peppery::with(&[1]);
    let pool = peppered(&vault, Some(1)).await;
    let hash = pool.hash(&password(TEXT)).await.unwrap();
    assert!(hash.expose_phc().starts_with("$argon2id$v=19$m=64,t=1,p=1,keyid=AAAAAQ$"), "{}", hash.expose_phc());
    assert_eq!(pool.verify(&password(TEXT), Some(&hash)).await, Ok(YES));
    assert_eq!(pool.verify(&password("another"), Some(&hash)).await, Ok(NO));
    let without_name = PasswordHash::from_phc(hash.expose_phc().replace(",keyid=AAAAAQ", ""));
    assert_eq!(pool.verify(&password(TEXT), Some(&without_name)).await, Ok(NO), "the pepper is in the hash");
    let other_secret = Arc::new(Peppery { peppers: Mutex::new([(1, [9; 32])].into()), ..Peppery::default() });
    assert_eq!(peppered(&other_secret, Some(1)).await.verify(&password(TEXT), Some(&hash)).await, Ok(NO));
    assert_eq!(vault.asked.load(Ordering::Relaxed), 1, "a version is fetched once");
}

#[tokio::test]
async fn argon2_takes_the_pepper_as_its_secret() {
    // RFC 9106 §5.3 has associated data too, so this is the crate's own way with the secret, byte by byte.
    let pool = peppered(&Peppery::with(&[3]), Some(3)).await;
    let hash = pool.hash(&password(TEXT)).await.unwrap();
    let stored = Stored::read(&hash).unwrap();
    let params = options(64, 1, 1).parameters.for_argon2(32, &[]).unwrap();
    let argon2 =
        argon2::Argon2::new_with_secret(&[3; 32], argon2::Algorithm::Argon2id, Version::V0x13, params).unwrap();
    let mut out = [0; 32];
    argon2.hash_password_into(TEXT.as_bytes(), &stored.salt, &mut out).unwrap();
    assert_eq!(stored.hash, out);
}

#[tokio::test]
async fn older_peppers_and_none_are_read_and_outdated_and_newer_ones_are_not() {
    let vault = Peppery::with(&[1, 2]);
    let (none, one, two) =
        (peppered(&vault, None).await, peppered(&vault, Some(1)).await, peppered(&vault, Some(2)).await);
    let mut verdicts = Vec::new();
    for maker in [&none, &one, &two] {
        let hash = maker.hash(&password(TEXT)).await.unwrap();
        for judge in [&none, &one, &two] {
            verdicts.push(judge.verify(&password(TEXT), Some(&hash)).await.unwrap());
        }
    }
    assert_eq!(verdicts, [YES, OUTDATED, OUTDATED, OUTDATED, YES, OUTDATED, OUTDATED, YES, YES]);
}

#[tokio::test]
async fn an_unknown_pepper_matches_nothing_and_an_unreachable_vault_is_no_wrong_password() {
    let vault = Peppery::with(&[1, 2]);
    let hash = peppered(&vault, Some(2)).await.hash(&password(TEXT)).await.unwrap();
    vault.peppers.lock().unwrap().remove(&2);
    let pool = peppered(&vault, Some(1)).await;
    assert_eq!(pool.verify(&password(TEXT), Some(&hash)).await, Ok(NO));
    let strange = PasswordHash::from_phc(hash.expose_phc().replace("AAAAAg", "AgI"));
    assert_eq!(pool.verify(&password(TEXT), Some(&strange)).await, Ok(NO));
    assert_eq!(pool.hashes(), 2, "each cost one hash all the same");
    assert_eq!(self::pool(64, 1, 1).verify(&password(TEXT), Some(&hash)).await, Ok(NO), "no vault at all");

    vault.down.store(true, Ordering::Relaxed);
    assert_eq!(pool.verify(&password(TEXT), Some(&hash)).await, Err(HashError::VaultUnavailable));
    let own = pool.hash(&password(TEXT)).await.unwrap();
    assert_eq!(pool.verify(&password(TEXT), Some(&own)).await, Ok(YES), "what was fetched is there");
    let asked = self::pool(64, 1, 1).with_peppers(vault, Some(1)).await;
    assert_eq!(asked.unwrap_err(), PepperError::Unavailable);
}

fn key(digits: &str) -> MasterKey {
    MasterKey::parse(&digits.repeat(2)).unwrap()
}

async fn engine(store: &Arc<dyn Backend>, more: impl FnOnce(CiamBuilder) -> CiamBuilder) -> TestBed {
    let store = Arc::clone(store);
    TestBed::with(|builder| {
        let builder = builder.shared_store(store).entropy(SystemEntropy::new()).argon2(options(64, 1, 10));
        more(builder.master_key(key("00112233445566778899aabbccddeeff")))
    })
    .await
}

async fn stored_hash(bed: &TestBed, user: UserId) -> String {
    let credential = bed.ciam.store().get::<PasswordCredential>(user).await.unwrap().unwrap();
    credential.hash.expose_phc().to_owned()
}

#[tokio::test]
async fn raising_the_version_renews_every_hash_at_the_next_sign_in() {
    let store: Arc<dyn Backend> = Arc::new(MemoryStore::new());
    let plain = engine(&store, |builder| builder).await;
    let user = plain.sign_up("ada@example.com", TEXT).await.session.user;
    assert!(!stored_hash(&plain, user).await.contains("keyid"), "no pepper unless it is asked for");
    for (version, key_id) in [(1, "keyid=AAAAAQ$"), (2, "keyid=AAAAAg$")] {
        let bed = engine(&store, |builder| builder.pepper(version)).await;
        bed.sign_in("ada@example.com", TEXT).await.unwrap();
        let renewed = stored_hash(&bed, user).await;
        assert!(renewed.contains(key_id), "{renewed}");
        bed.sign_in("ada@example.com", TEXT).await.unwrap();
        assert_eq!(stored_hash(&bed, user).await, renewed);
        assert!(bed.sign_in("ada@example.com", "another wrong password").await.is_err());
    }
    let other = key("ffeeddccbbaa99887766554433221100");
    let other_key = engine(&store, |builder| builder.pepper(2).master_key(other).danger_adopt_key()).await;
    assert!(other_key.sign_in("ada@example.com", TEXT).await.is_err(), "without the master key no password is good");
    let given_up = engine(&store, CiamBuilder::danger_adopt_key).await;
    given_up.sign_in("ada@example.com", TEXT).await.unwrap();
    assert!(!stored_hash(&given_up, user).await.contains("keyid"));
}

/// A pool whose old hashes are found outdated, and whose new ones fail.
#[derive(Debug)]
struct CannotRehash(Argon2Pool, HashError);

#[async_trait]
impl PasswordHasher for CannotRehash {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.0.hash(password).await
    }

    async fn rehash(&self, _: &Password) -> Result<PasswordHash, HashError> {
        Err(self.1.clone())
    }

    async fn verify(&self, password: &Password, against: Option<&PasswordHash>) -> Result<Verdict, HashError> {
        Ok(Verdict { outdated: true, ..self.0.verify(password, against).await? })
    }
}

#[tokio::test]
async fn pw3_a_failed_rehash_never_blocks_login() {
    let overloaded = HashError::Overloaded { retry_after: Duration::from_secs(9) };
    for failure in [overloaded, HashError::Stopped, HashError::VaultUnavailable] {
        let hasher = CannotRehash(pool(64, 1, 10), failure);
        let bed = TestBed::with(|builder| builder.store(MemoryStore::new()).hasher(hasher)).await;
        let user = bed.sign_up("ada@example.com", TEXT).await.session.user;
        let before = stored_hash(&bed, user).await;
        assert_eq!(bed.sign_in("ada@example.com", TEXT).await.unwrap().session.user, user);
        assert_eq!(stored_hash(&bed, user).await, before);
    }
}

/// A hasher at which four checks wait for each other, so that all have read the same hash.
#[derive(Debug)]
struct Together(CountingHasher, tokio::sync::Barrier);

#[async_trait]
impl PasswordHasher for Together {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.0.hash(password).await
    }

    async fn verify(&self, password: &Password, against: Option<&PasswordHash>) -> Result<Verdict, HashError> {
        self.1.wait().await;
        self.0.verify(password, against).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_sign_ins_one_renews_the_hash_and_all_are_let_in() {
    let counting = CountingHasher::default();
    let hasher = Together(counting.clone(), tokio::sync::Barrier::new(4));
    let bed = TestBed::with(|builder| builder.store(MemoryStore::new()).hasher(hasher)).await;
    let user = bed.sign_up("ada@example.com", TEXT).await.session.user;
    let before = stored_hash(&bed, user).await;
    counting.strengthen();
    let opened = crate::testing::in_parallel(4, |_| {
        let bed = bed.clone();
        async move { bed.sign_in("ada@example.com", TEXT).await.map(|opened| opened.session.user) }
    })
    .await;
    assert!(opened.iter().all(|opened| matches!(opened, Ok(found) if *found == user)), "{opened:?}");
    assert_ne!(stored_hash(&bed, user).await, before);
    let events = bed.ciam.store().tail::<Event>(Position::START, 100).await.unwrap();
    assert_eq!(events.iter().filter(|(_, event)| event.name == "password.rehashed").count(), 1);
}

#[tokio::test]
async fn an_engine_without_the_pepper_that_was_asked_for_is_not_built() {
    let builder = || crate::Ciam::builder().store(MemoryStore::new()).messenger(crate::messages::Mailbox::new());
    let vault = Peppery { peppers: Mutex::new([(1, [1; 32])].into()), ..Peppery::default() };
    let missing = builder().vault(vault).pepper(2).build().await;
    assert!(matches!(missing, Err(BuildError::Pepper(PepperError::Missing(2)))));
    let own = builder().hasher(CountingHasher::default()).pepper(1).build().await;
    assert!(matches!(own, Err(BuildError::PepperOfOwnHasher)));
    let tiny = Argon2Options { memory_budget_kib: Some(1024), ..Argon2Options::default() };
    let tiny = builder().argon2(tiny).build().await;
    assert!(matches!(tiny, Err(BuildError::Hasher(InvalidArgon2Options::BudgetTooSmall { .. }))));
}

#[tokio::test]
async fn a_vault_says_pepper_of_one_version_the_same_every_time() {
    let vault: Arc<dyn KeyVault> =
        Arc::new(LocalVault::new(key("00112233445566778899aabbccddeeff"), Arc::new(SystemEntropy::new())));
    let (a, b) = (
        pool(64, 1, 1).with_peppers(Arc::clone(&vault), Some(1)).await.unwrap(),
        pool(64, 1, 1).with_peppers(vault, Some(1)).await.unwrap(),
    );
    let hash = a.hash(&password(TEXT)).await.unwrap();
    assert_eq!(b.verify(&password(TEXT), Some(&hash)).await, Ok(YES));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn hash_threads_are_nicer_than_the_rest() {
    let pool = pool(64, 1, 1);
    pool.hash(&password(TEXT)).await.unwrap();
    let nice =
        |stat: &str| stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().parse::<i32>().unwrap();
    let own = nice(&std::fs::read_to_string("/proc/thread-self/stat").unwrap());
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let stats = threads.filter_map(|thread| std::fs::read_to_string(thread.unwrap().path().join("stat")).ok());
    let hashing: Vec<i32> = stats.filter(|stat| stat.contains("(ciam-hash-")).map(|stat| nice(&stat)).collect();
    assert!(!hashing.is_empty() && hashing.iter().all(|nice| *nice == (own + 10).min(19)), "{hashing:?} beside {own}");
}
