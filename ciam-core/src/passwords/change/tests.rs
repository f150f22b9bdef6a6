//! A change of the password, or a sign-in, that meets another one in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::*;
use crate::passwords::{PasswordHash, PasswordHasher, Verdict};
use crate::store::MemoryStore;
use crate::testing::{CountingHasher, TestBed};

const ADA: &str = "ada@example.com";
const PASSWORD: &str = "vermilion otter quays";
const NEW: &str = "copper lantern regatta";

/// A hasher that stops once before it hashes a new password, or makes an old hash anew and then fails.
#[derive(Debug, Default)]
struct Stopping {
    inner: CountingHasher,
    before_new: AtomicBool,
    before_failing_anew: AtomicBool,
    reached: Notify,
    go: Notify,
}

impl Stopping {
    async fn stop(&self) {
        self.reached.notify_one();
        self.go.notified().await;
    }
}

#[derive(Debug, Clone)]
struct Shared(Arc<Stopping>);

#[async_trait]
impl PasswordHasher for Shared {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        if self.0.before_new.swap(false, Ordering::SeqCst) {
            self.0.stop().await;
        }
        self.0.inner.hash(password).await
    }

    async fn rehash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        if self.0.before_failing_anew.swap(false, Ordering::SeqCst) {
            self.0.stop().await;
            return Err(HashError::Overloaded { retry_after: Duration::from_secs(1) });
        }
        self.0.inner.hash(password).await
    }

    async fn verify(&self, password: &Password, against: Option<&PasswordHash>) -> Result<Verdict, HashError> {
        self.0.inner.verify(password, against).await
    }
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

/// Ada, whose hash is outdated.
async fn outdated() -> (TestBed, Arc<Stopping>, Opened) {
    let hasher = Arc::new(Stopping::default());
    let bed = TestBed::with(|builder| builder.store(MemoryStore::new()).hasher(Shared(Arc::clone(&hasher)))).await;
    let ada = bed.sign_up(ADA, PASSWORD).await;
    bed.clock.advance(Duration::from_mins(1));
    hasher.inner.strengthen();
    (bed, hasher, ada)
}

/// A change that has checked the present password, and waits.
async fn half_changed(
    bed: &TestBed,
    hasher: &Stopping,
    ada: &Opened,
) -> tokio::task::JoinHandle<Result<Opened, PasswordError>> {
    hasher.before_new.store(true, Ordering::SeqCst);
    let (passwords, client, session) = (bed.ciam.passwords().clone(), bed.browser().client, ada.session.clone());
    let change =
        tokio::spawn(async move { passwords.change(&client, &session, &secret(PASSWORD), &secret(NEW)).await });
    reached(hasher).await;
    change
}

async fn reached(hasher: &Stopping) {
    tokio::time::timeout(Duration::from_secs(20), hasher.reached.notified()).await.unwrap();
}

async fn hash_of(bed: &TestBed, user: UserId) -> PasswordHash {
    bed.ciam.store().get::<PasswordCredential>(user).await.unwrap().unwrap().hash
}

#[tokio::test]
async fn pw3_a_change_that_meets_a_sign_in_which_renews_the_hash_is_kept() {
    let (bed, hasher, ada) = outdated().await;
    let before = hash_of(&bed, ada.session.user).await;
    let change = half_changed(&bed, &hasher, &ada).await;
    bed.sign_in(ADA, PASSWORD).await.unwrap();
    assert_ne!(hash_of(&bed, ada.session.user).await, before);
    hasher.go.notify_one();
    change.await.unwrap().unwrap();
    assert!(bed.sign_in(ADA, PASSWORD).await.is_err() && bed.sign_in(ADA, NEW).await.is_ok());
}

#[tokio::test]
async fn a_change_that_meets_another_password_is_stale_and_no_failed_try() {
    let (bed, hasher, ada) = outdated().await;
    let change = half_changed(&bed, &hasher, &ada).await;
    bed.ciam.passwords().set(&Cause::system(), ada.session.user, &secret("harbour mosaic ginger")).await.unwrap();
    hasher.go.notify_one();
    assert!(matches!(change.await.unwrap(), Err(PasswordError::Stale)));
    assert!(bed.sign_in(ADA, "harbour mosaic ginger").await.is_ok());
    let events = bed.ciam.store().tail::<crate::events::Event>(crate::store::Position::START, 100).await.unwrap();
    assert!(!events.iter().any(|(_, event)| event.name == "sign_in.failed"));
}

#[tokio::test]
async fn pw3_whose_own_rehash_fails_beside_one_that_succeeds_is_let_in() {
    let (bed, hasher, ada) = outdated().await;
    hasher.before_failing_anew.store(true, Ordering::SeqCst);
    let unlucky = bed.clone();
    let unlucky = tokio::spawn(async move { unlucky.sign_in(ADA, PASSWORD).await.map(|opened| opened.session.user) });
    reached(&hasher).await;
    bed.sign_in(ADA, PASSWORD).await.unwrap();
    hasher.go.notify_one();
    assert_eq!(unlucky.await.unwrap().unwrap(), ada.session.user);
}

#[tokio::test]
async fn pw3_a_sign_in_that_meets_another_password_is_stale() {
    let (bed, hasher, ada) = outdated().await;
    hasher.before_failing_anew.store(true, Ordering::SeqCst);
    let late = bed.clone();
    let late = tokio::spawn(async move { late.sign_in(ADA, PASSWORD).await.map(|opened| opened.session.user) });
    reached(&hasher).await;
    bed.ciam.passwords().set(&Cause::system(), ada.session.user, &secret(NEW)).await.unwrap();
    hasher.go.notify_one();
    assert!(matches!(late.await.unwrap(), Err(JourneyError::Stale)));
}
