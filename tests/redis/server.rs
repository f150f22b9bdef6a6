//! Redis servers of a test's own, which end with it.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take to do what it was told.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server on a loopback port, in a folder that goes with it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    process: Child,
    _folder: TempDir,
}

impl Server {
    /// None where the tests do without a Redis.
    pub(crate) fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let (server, _) = Self::with(folder, |port| format!("--port {port}"))?;
        let started = Instant::now();
        while server.says(&["PING"]).is_err() {
            assert!(started.elapsed() < PATIENCE, "the server does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(server)
    }

    /// A server with these settings, which runs in this folder, and the port that it was given. It may not answer yet.
    pub(crate) fn with(folder: TempDir, settings: impl FnOnce(u16) -> String) -> Option<(Self, u16)> {
        std::env::var_os("CIAM_TEST_REDIS")?;
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let process = Command::new("redis-server")
            .args("--bind 127.0.0.1 --appendonly no --repl-diskless-sync-delay 0".split(' '))
            .args(settings(address.port()).split(' '))
            .args(["--save", ""])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some((Self { address, process, _folder: folder }, address.port()))
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// What it answers to a command.
    pub(crate) fn says(&self, words: &[&str]) -> Result<redis::Value, redis::RedisError> {
        let mut connection = redis::Client::open(self.url())?.get_connection_with_timeout(Duration::from_secs(1))?;
        redis::cmd(words[0]).arg(&words[1..]).query(&mut connection)
    }

    /// From now on it is a replica of another; done when it has what that one has.
    pub(crate) fn follows(&self, other: &Self) {
        let (host, port) = (other.address.ip().to_string(), other.address.port().to_string());
        self.says(&["REPLICAOF", &host, &port]).unwrap();
        let told = Instant::now();
        while !format!("{:?}", self.says(&["INFO", "replication"])).contains("master_link_status:up") {
            assert!(told.elapsed() < PATIENCE, "the server does not follow");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn leads(&self) {
        self.says(&["REPLICAOF", "NO", "ONE"]).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
