//! A PostgreSQL server of one test's own, which it may stop, start and kill. Left out where the binaries are missing.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A server that ends with the test.
pub(crate) struct Server {
    bin: PathBuf,
    room: TempDir,
    port: u16,
    running: Option<Child>,
}

impl Server {
    /// Starts an empty one on a loopback port of its own.
    pub(crate) fn start() -> Option<Self> {
        let mut server = Self::nowhere_yet()?;
        let own = ["--username=ciam", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"];
        server.make_data("initdb", &own);
        server.run();
        Some(server)
    }

    /// A standby of this server, on a port of its own.
    pub(crate) fn standby(&self) -> Self {
        let mut standby = Self::nowhere_yet().unwrap();
        let port = format!("--port={}", self.port);
        let of =
            ["--host=127.0.0.1", &port, "--username=ciam", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"];
        standby.make_data("pg_basebackup", &of);
        standby.run();
        standby
    }

    /// Lets a standby take over.
    pub(crate) fn promote(&self) {
        let promoted = self.command("pg_ctl").args(["promote", "--wait", "--pgdata"]).arg(self.data()).output();
        assert!(promoted.is_ok_and(|promoted| promoted.status.success()));
    }

    /// Crashes, and comes back as a standby that hears nothing more.
    pub(crate) fn restart_as_standby(&mut self) {
        self.stop();
        std::fs::write(self.data().join("standby.signal"), "").unwrap();
        self.run();
    }

    fn nowhere_yet() -> Option<Self> {
        let bin = installed()?;
        let room = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { bin, room, port, running: None };
        if let Some((user, group)) = unprivileged() {
            std::os::unix::fs::chown(server.room.path(), Some(user), Some(group)).unwrap();
        }
        Some(server)
    }

    fn make_data(&self, program: &str, arguments: &[&str]) {
        let made = self.command(program).args(arguments).arg("--pgdata").arg(self.data()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("postgres://ciam@127.0.0.1:{}/postgres", self.port)
    }

    /// Where it is, for a URL that names several.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Stops it at once, as a crash of the machine would, and starts it again.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.run();
    }

    fn run(&mut self) {
        let running = self
            .command("postgres")
            .arg("-D")
            .arg(self.data())
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200"])
            .args(["-c", &format!("port={}", self.port)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.running = Some(running);
        let patience = Instant::now() + Duration::from_secs(60);
        while !self.is_ready() {
            assert!(Instant::now() < patience, "the server does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the process and all of its children without a last word to anybody.
    fn stop(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        let stopped = self.command("pg_ctl").args(["stop", "--mode=immediate", "--pgdata"]).arg(self.data()).output();
        assert!(stopped.is_ok_and(|stopped| stopped.status.success()));
        running.wait().unwrap();
    }

    fn is_ready(&self) -> bool {
        let port = format!("--port={}", self.port);
        self.command("pg_isready").args(["--quiet", "--host=127.0.0.1", &port]).status().is_ok_and(|it| it.success())
    }

    fn data(&self) -> PathBuf {
        self.room.path().join("data")
    }

    /// One of its programs; the server refuses to be root.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.current_dir("/");
        if let Some((user, group)) = unprivileged() {
            command.gid(group).uid(user);
        }
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn installed() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    versions.sort();
    versions.pop()
}

/// The user and group `postgres`, when this process is root.
fn unprivileged() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt as _;

    if Path::new("/proc/self").metadata().ok()?.uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let of = users.lines().find(|line| line.starts_with("postgres:"))?;
    let mut ids = of.split(':').skip(2).filter_map(|id| id.parse().ok());
    Some((ids.next()?, ids.next()?))
}
