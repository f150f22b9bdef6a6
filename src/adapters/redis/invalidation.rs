//! What nodes revoke, told by publish and subscribe.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use ciam_core::entropy::{Entropy as _, SystemEntropy};
use ciam_core::sessions::{Invalidation, InvalidationError, Node, Revoked};
use futures_util::StreamExt as _;
use redis::{RedisError, Script};
use tokio::sync::Notify;
use uuid::Uuid;

use super::Redis;

/// How long a node rests between two words to itself.
const BEAT: Duration = Duration::from_millis(300);
/// How long it waits to hear one: with the rest before it, less than a second.
const PATIENCE: Duration = Duration::from_millis(600);
/// How long to rest before the next try to listen: a node without its channel works, only slower.
const REST: Duration = Duration::from_millis(500);

/// Publishes where a write is taken. A replica publishes, too, but to nobody beside its own listeners. The write needs no
/// memory and leaves nothing.
static TELL: LazyLock<Script> =
    LazyLock::new(|| Script::new("redis.call('DEL', KEYS[1])\nreturn redis.call('PUBLISH', KEYS[1], ARGV[1])"));

/// The channel of a Redis on which nodes tell each other what they have revoked. Made by [`Redis::invalidation`].
///
/// A node says a word to itself three times a second, and takes itself for cut off when it does not hear it, or when the
/// server takes no writes (any more): then it reads every session from the store.
///
/// Channels know nothing of databases, so their names hold the number of the URL's.
#[derive(Debug, Clone)]
pub struct RedisInvalidation {
    redis: Redis,
}

/// Why a node has stopped to listen.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error("what is published is not heard")]
    Unheard,
}

impl RedisInvalidation {
    pub(super) const fn new(redis: Redis) -> Self {
        Self { redis }
    }

    fn channel(&self, what: &str) -> String {
        let Redis { prefix, database, .. } = &self.redis;
        format!("{prefix}:{database}:{what}")
    }

    async fn tell(&self, channel: &str, said: &str) -> Result<(), RedisError> {
        self.redis.line.run(TELL.key(channel).arg(said)).await
    }

    /// Listens until the connection dies, or says nothing any more, or the engine is gone. Says by `hears` whether it came
    /// as far as to hear itself: then it hears the others.
    async fn listen(&self, node: &Node, hears: &AtomicBool) -> Result<(), Lost> {
        let line = &self.redis.line;
        let mut number = [0; 16];
        SystemEntropy::new().fill(&mut number);
        let number = Uuid::from_bytes(number).simple();
        let (revoked, own) = (self.channel("revoked"), self.channel(&format!("beat:{number}")));
        // Before it is subscribed to: a server that takes no writes is not listened to at all.
        self.tell(&own, "").await?;
        let (mut sink, mut stream) = line.listen().await?.split();
        let channels = [&revoked, &own];
        tokio::time::timeout(PATIENCE, sink.subscribe(&channels)).await.map_err(|_| Lost::Unheard)??;
        let heard = Arc::new(Notify::new());
        let hearing = async {
            while let Some(said) = stream.next().await {
                if said.get_channel_name() == own {
                    heard.notify_one();
                    continue;
                }
                match serde_json::from_slice::<Vec<Revoked>>(said.get_payload_bytes()) {
                    Ok(revoked) => node.revoked(&revoked),
                    // Said by a newer version, perhaps: whatever it is about is read from the store.
                    Err(_) if hears.load(Ordering::Relaxed) => node.connected(),
                    Err(_) => {}
                }
            }
            Err(Lost::Unheard)
        };
        let beating = async {
            while !node.is_gone() {
                let beat = async {
                    self.tell(&own, "").await?;
                    heard.notified().await;
                    Ok::<_, RedisError>(())
                };
                tokio::time::timeout(PATIENCE, beat).await.map_err(|_| Lost::Unheard)??;
                if !hears.swap(true, Ordering::Relaxed) {
                    node.connected();
                }
                tokio::time::sleep(BEAT).await;
            }
            Ok(())
        };
        tokio::select! {
            ended = hearing => ended,
            ended = beating => ended,
        }
    }
}

#[async_trait]
impl Invalidation for RedisInvalidation {
    fn join(&self, node: Node) {
        let channel = self.clone();
        tokio::spawn(async move {
            let mut is_first = true;
            while !node.is_gone() {
                let hears = AtomicBool::new(false);
                let ended = channel.listen(&node, &hears).await;
                node.lost();
                if matches!(ended, Err(Lost::Unheard)) {
                    // The commands may stand on another server than what is listened to.
                    channel.redis.line.renew();
                }
                match ended {
                    // Once for each time that it is lost, however often it cannot be had back.
                    Err(error) if hears.into_inner() || is_first => tracing::warn!(
                        %error, "what other nodes revoke is not heard; sessions are read from the store meanwhile"
                    ),
                    _ => {}
                }
                is_first = false;
                tokio::time::sleep(REST).await;
            }
        });
    }

    async fn publish(&self, revoked: &[Revoked]) -> Result<(), InvalidationError> {
        let said = serde_json::to_string(revoked).map_err(InvalidationError::new)?;
        self.tell(&self.channel("revoked"), &said).await.map_err(InvalidationError::new)
    }
}
