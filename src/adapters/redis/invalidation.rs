//! What nodes revoke, told by publish and subscribe.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ciam_core::sessions::{Invalidation, InvalidationError, Node, Revoked};
use futures_util::StreamExt as _;
use redis::RedisError;
use tokio::sync::Notify;

use super::Redis;

/// How long a node rests between two words to itself.
const BEAT: Duration = Duration::from_millis(300);
/// How long it waits to hear one: with the rest before it, less than a second.
const PATIENCE: Duration = Duration::from_millis(600);
/// How long to rest before the next try to listen: a node without its channel works, only slower.
const REST: Duration = Duration::from_millis(500);

/// The channel of a Redis on which nodes tell each other what they have revoked. Made by [`Redis::invalidation`].
///
/// A node says a word to itself three times a second, and takes itself for cut off when it does not hear it: then it
/// reads every session from the store.
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

    fn channel(&self) -> String {
        format!("{}:revoked", self.redis.prefix)
    }

    /// Listens until the connection dies, or says nothing any more, or the engine is gone. Says by `has_heard` whether
    /// it came as far as to hear.
    async fn listen(&self, node: &Node, has_heard: &mut bool) -> Result<(), Lost> {
        let line = &self.redis.line;
        let number: u64 = line.ask(redis::cmd("INCR").arg(format!("{}:nodes", self.redis.prefix))).await?;
        let (revoked, own) = (self.channel(), format!("{}:beat:{number}", self.redis.prefix));
        let (mut sink, mut stream) = line.listen().await?.split();
        let channels = [&revoked, &own];
        tokio::time::timeout(PATIENCE, sink.subscribe(&channels)).await.map_err(|_| Lost::Unheard)??;
        node.connected();
        *has_heard = true;
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
                    Err(_) => node.connected(),
                }
            }
            Err(Lost::Unheard)
        };
        let beating = async {
            while !node.is_gone() {
                let beat = async {
                    line.ask::<()>(redis::cmd("PUBLISH").arg(&own).arg("")).await?;
                    heard.notified().await;
                    Ok::<_, RedisError>(())
                };
                tokio::time::timeout(PATIENCE, beat).await.map_err(|_| Lost::Unheard)??;
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
                let mut has_heard = false;
                let ended = channel.listen(&node, &mut has_heard).await;
                node.lost();
                match ended {
                    // Once for each time that it is lost, however often it cannot be had back.
                    Err(error) if has_heard || is_first => tracing::warn!(
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
        let mut command = redis::cmd("PUBLISH");
        self.redis.line.ask(command.arg(self.channel()).arg(said)).await.map_err(InvalidationError::new)
    }
}
