//! What other nodes replace and remove, heard by NOTIFY.
//!
//! A unit that changes a record of an announced collection says so in its own transaction: whoever hears of it hears
//! of a commit, and no commit can be missed for want of a word afterwards. A connection of its own listens. It is
//! asked for a sign of life three times a second, so that a network that swallows everything is noticed.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use ciam_core::store::{CollectionSpec, Listener, Op};
use tokio_postgres::{AsyncMessage, Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

/// Announces records: `$1` the payload.
pub(super) const NOTIFY: &str = "SELECT pg_notify('ciam_changed', $1)";
const LISTEN: &str = "LISTEN ciam_changed";
/// The most bytes of what is announced at once: PostgreSQL takes less than 8,000.
const AT_ONCE: usize = 7_900;
/// How long the connection rests between two signs of life.
const BEAT: Duration = Duration::from_millis(300);
/// How long a sign of life is waited for.
const PATIENCE: Duration = Duration::from_millis(600);
/// How long to rest before the next try to connect: a node without its channel works, only slower.
const REST: Duration = Duration::from_millis(500);

/// What a batch announces: the payloads.
pub(super) fn payloads<'o>(changed: impl Iterator<Item = (&'o CollectionSpec, &'o Op)>) -> Vec<String> {
    let announced = changed.filter(|(spec, op)| spec.announced && matches!(op, Op::Replace { .. } | Op::Remove { .. }));
    let mut payloads: Vec<String> = Vec::new();
    for word in announced.map(|(spec, op)| format!("{} {}", spec.name, op.key().id.simple())) {
        match payloads.last_mut().filter(|last| last.len() + 1 + word.len() <= AT_ONCE) {
            Some(last) => {
                last.push(',');
                last.push_str(&word);
            }
            None => payloads.push(word),
        }
    }
    payloads
}

/// Who listens to a database, and how it is reached.
pub(super) struct Listening {
    config: Config,
    tls: MakeRustlsConnect,
    audience: Mutex<Audience>,
}

#[derive(Default)]
struct Audience {
    listeners: Vec<Arc<dyn Listener>>,
    /// Whether a task keeps a connection for them.
    is_served: bool,
}

impl Listening {
    pub(super) fn new(config: Config, tls: MakeRustlsConnect) -> Arc<Self> {
        Arc::new(Self { config, tls, audience: Mutex::default() })
    }

    /// Tells one more listener; the first begins the connection.
    pub(super) fn add(self: &Arc<Self>, listener: Arc<dyn Listener>) {
        let mut audience = self.audience();
        audience.listeners.push(listener);
        if !std::mem::replace(&mut audience.is_served, true) {
            tokio::spawn(keep_listening(Arc::downgrade(self)));
        }
    }

    /// Tells those that still want to know; says whether there are any.
    fn each(&self, tell: impl Fn(&dyn Listener)) -> bool {
        let mut audience = self.audience();
        audience.listeners.retain(|listener| !listener.is_gone());
        audience.listeners.iter().for_each(|listener| tell(listener.as_ref()));
        !audience.listeners.is_empty()
    }

    /// Tells all that they may miss something. When there are none left, the task is to end: a later one begins anew.
    fn lose(&self) -> bool {
        let is_wanted = self.each(Listener::lost);
        let mut audience = self.audience();
        audience.is_served = is_wanted || !audience.listeners.is_empty();
        audience.is_served
    }

    fn audience(&self) -> MutexGuard<'_, Audience> {
        self.audience.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, payload: &str) {
        for word in payload.split(',') {
            let Some((collection, id)) = word.split_once(' ') else { continue };
            let Ok(id) = Uuid::try_parse(id) else { continue };
            self.each(|listener| listener.changed(collection, id));
        }
    }

    /// Listens until the connection dies, the store is dropped, or nobody wants to know. Says by `has_heard` whether it
    /// came as far as to hear.
    async fn listen(self: Arc<Self>, has_heard: &AtomicBool) -> Result<(), Error> {
        let (client, mut connection) = self.config.connect(self.tls.clone()).await?;
        let heard = Arc::downgrade(&self);
        let telling = async {
            loop {
                match poll_fn(|context| connection.poll_message(context)).await {
                    Some(Ok(AsyncMessage::Notification(said))) => match heard.upgrade() {
                        Some(this) => this.hear(said.payload()),
                        None => return Ok(()),
                    },
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error),
                    None => return Ok(()),
                }
            }
        };
        let of_whom = Arc::downgrade(&self);
        drop(self);
        tokio::select! {
            ended = telling => ended,
            ended = stay_alive(client, of_whom, has_heard) => ended,
        }
    }
}

/// Begins to listen, says so, and asks for signs of life until none comes.
async fn stay_alive(client: Client, listening: Weak<Listening>, has_heard: &AtomicBool) -> Result<(), Error> {
    client.batch_execute(LISTEN).await?;
    has_heard.store(true, Ordering::Relaxed);
    let mut is_wanted = listening.upgrade().is_some_and(|this| this.each(Listener::connected));
    while is_wanted {
        tokio::time::sleep(BEAT).await;
        match tokio::time::timeout(PATIENCE, client.batch_execute("")).await {
            Ok(alive) => alive?,
            Err(_) => return Ok(()),
        }
        is_wanted = listening.upgrade().is_some_and(|this| this.each(|_| {}));
    }
    Ok(())
}

/// Listens again whenever the connection has died. Holds the store no longer than a connection lasts.
async fn keep_listening(listening: Weak<Listening>) {
    let mut is_first = true;
    while let Some(this) = listening.upgrade() {
        let has_heard = AtomicBool::new(false);
        let ended = this.listen(&has_heard).await;
        match ended {
            // Once for each time that it is lost, however often it cannot be had back.
            Err(error) if is_first || has_heard.into_inner() => tracing::warn!(
                %error, "what other nodes revoke is not heard; sessions are read from the store meanwhile"
            ),
            _ => {}
        }
        is_first = false;
        let Some(this) = listening.upgrade() else { return };
        if !this.lose() {
            return;
        }
        drop(this);
        tokio::time::sleep(REST).await;
    }
}
