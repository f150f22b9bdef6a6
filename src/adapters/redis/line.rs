//! One connection for all commands, made anew when it has failed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::{MultiplexedConnection, PubSub};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, ScriptInvocation,
    ServerErrorKind,
};

/// How long a connection may take to be made, and a command to be answered.
const PATIENCE: Duration = Duration::from_secs(1);
/// For how long a Redis that could not be reached is not tried again: who comes meanwhile gets the same answer.
const REST: Duration = Duration::from_millis(200);

/// One connection that the commands of all callers share.
pub(super) struct Line {
    client: Client,
    connecting: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: Option<(u64, MultiplexedConnection)>,
    made: u64,
    failed: Option<(Instant, RedisError)>,
}

impl Line {
    pub(super) fn new(client: Client) -> Self {
        Self { client, connecting: tokio::sync::Mutex::new(()), state: Mutex::default() }
    }

    pub(super) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        let (number, mut connection) = self.connection().await?;
        self.judge(number, command.query_async(&mut connection).await)
    }

    pub(super) async fn ask_all<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, RedisError> {
        let (number, mut connection) = self.connection().await?;
        self.judge(number, commands.query_async(&mut connection).await)
    }

    pub(super) async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, RedisError> {
        let (number, mut connection) = self.connection().await?;
        self.judge(number, script.invoke_async(&mut connection).await)
    }

    /// A connection of its own that listens to channels.
    pub(super) async fn listen(&self) -> Result<PubSub, RedisError> {
        provide_tls(&self.client);
        let connecting = tokio::time::timeout(PATIENCE, self.client.get_async_pubsub());
        connecting.await.unwrap_or_else(|_| Err(timed_out()))
    }

    async fn connection(&self) -> Result<(u64, MultiplexedConnection), RedisError> {
        if let Some(known) = self.known() {
            return known;
        }
        let _turn = self.connecting.lock().await;
        if let Some(known) = self.known() {
            return known;
        }
        provide_tls(&self.client);
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(PATIENCE)).set_response_timeout(Some(PATIENCE));
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let made = tokio::time::timeout(2 * PATIENCE, connecting).await.unwrap_or_else(|_| Err(timed_out()));
        let mut state = self.state();
        match made {
            Ok(connection) => {
                state.made += 1;
                state.failed = None;
                let current = (state.made, connection);
                state.current = Some(current.clone());
                Ok(current)
            }
            Err(error) => {
                state.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// The connection that is there, or why there was none a moment ago.
    fn known(&self) -> Option<Result<(u64, MultiplexedConnection), RedisError>> {
        let state = self.state();
        if let Some(current) = &state.current {
            return Some(Ok(current.clone()));
        }
        let failed = state.failed.as_ref().filter(|(at, _)| at.elapsed() < REST);
        failed.map(|(_, error)| Err(error.clone()))
    }

    /// Gives up the connection of this number when the answer is not one of the server's, or of one that is no primary
    /// any more: the address may lead to another by now.
    fn judge<T>(&self, number: u64, answer: Result<T, RedisError>) -> Result<T, RedisError> {
        let Err(error) = &answer else { return answer };
        let is_demoted = is_no_primary(error);
        if is_demoted || !is_answer(error) {
            let mut state = self.state();
            if state.current.as_ref().is_some_and(|(current, _)| *current == number) {
                state.current = None;
                if is_demoted {
                    state.failed = Some((Instant::now(), error.clone()));
                }
            }
        }
        answer
    }

    /// Gives up the connection: the next command makes another.
    pub(super) fn renew(&self) {
        self.state().current = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the server has said it, so that it is certain what it did.
pub(super) fn is_answer(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

/// Whether a server says that it takes no writes, as a replica does, or one that has lost its own.
fn is_no_primary(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, MasterDown, ReadOnly};
    let is_said = matches!(error.kind(), ErrorKind::Server(ReadOnly | MasterDown | BusyLoading));
    // Redis 6 tells of a refusal inside a script in the text of another.
    let is_quoted = || error.detail().is_some_and(|text| text.contains("-READONLY") || text.contains("-NOREPLICAS"));
    is_said || error.code() == Some("NOREPLICAS") || is_quoted()
}

/// TLS needs a provider of cryptography in the process: `ring`, unless the host has chosen one.
fn provide_tls(client: &Client) {
    let is_tls = matches!(client.get_connection_info().addr(), redis::ConnectionAddr::TcpTls { .. });
    if is_tls && rustls::crypto::CryptoProvider::get_default().is_none() {
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

fn timed_out() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}
