//! The one thread that writes: it takes what waits in its queue into one COMMIT.
//!
//! A COMMIT that reaches the disk costs far more than the statements before it, so those who wait
//! together pay for it together. Every job of a group has a savepoint of its own, so that a refused one
//! takes back nothing but itself, and every answer waits for the COMMIT, a refusal too: what it was
//! refused for may be another job of the same group. One that is alone needs none.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ciam_core::clock::Timestamp;
use ciam_core::id::RealmId;
use ciam_core::store::{Batch, Load, Settlement, StoreError};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::batch::{self, Tables};
use super::failure::{is_busy, is_foreign_key, unavailable};
use super::load::{self, Answers};

/// After how many writes the cache is given back. All connections of a process keep their pages in one pool, where whoever
/// is over its share takes the pages of others and whoever is under it takes none back: left alone, the writer ends up
/// with the whole of it, and every read fetches every page that it needs.
const RELEASE_AFTER: usize = 1000;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// Something to write.
pub(super) enum Job {
    Batch {
        tables: Arc<Tables>,
        realm: RealmId,
        batch: Batch,
        answer: Answer<()>,
    },
    Load {
        tables: Arc<Tables>,
        realm: RealmId,
        load: Load,
        answer: Answer<Answers>,
    },
    Settle {
        unit: Uuid,
        now: Timestamp,
        answer: Answer<Settlement>,
    },
    Sweep {
        tables: Arc<Tables>,
        now: Timestamp,
        limit: u32,
        answer: Answer<u32>,
    },
    Host(Box<dyn HostWrite>),
    /// Writes nothing, and so is answered outside of groups.
    Version {
        answer: Answer<u64>,
    },
}

/// A host's own write, its types forgotten.
pub(super) trait HostWrite: Send {
    /// Runs it; false takes it back.
    fn run(&mut self, conn: &Connection) -> bool;
    /// Answers with what it said, or with what went wrong.
    fn finish(self: Box<Self>, outcome: Result<(), StoreError>);
}

/// What a job came to, before the COMMIT decides whether it counts.
enum Done {
    Batch(Result<(), StoreError>),
    Load(Result<Answers, StoreError>),
    Settle(Result<Settlement, StoreError>),
    Sweep(Result<u32, StoreError>),
    Host(Result<(), StoreError>),
    Version(Result<u64, StoreError>),
}

impl Job {
    /// How many batches it is worth.
    fn writes(&self) -> usize {
        match self {
            Self::Load { load, .. } => load.groups.len(),
            _ => 1,
        }
    }
}

impl Done {
    const fn keep(&self) -> bool {
        match self {
            Self::Batch(result) | Self::Host(result) => result.is_ok(),
            Self::Load(result) => result.is_ok(),
            Self::Settle(result) => result.is_ok(),
            Self::Sweep(result) => result.is_ok(),
            Self::Version(result) => result.is_ok(),
        }
    }
}

/// How often the writer has committed, and how many jobs that were.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) commits: AtomicU64,
    pub(super) jobs: AtomicU64,
}

/// The writer's connection and limits.
pub(super) struct Writer {
    pub(super) conn: Connection,
    pub(super) queue: mpsc::Receiver<Job>,
    pub(super) max_group: usize,
    pub(super) figures: Arc<Figures>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("max_group", &self.max_group).finish_non_exhaustive()
    }
}

/// How a group ended.
enum End {
    /// What was to be kept is on the disk.
    Committed,
    /// The COMMIT was refused for a row of the host's; nothing is on the disk.
    Refused,
    /// Nothing is on the disk.
    Undone(Arc<rusqlite::Error>),
    /// The COMMIT itself failed, and what is on the disk cannot be told.
    Unknown(Arc<rusqlite::Error>),
    /// A host's write ended the transaction that it stood in.
    Broken(usize),
}

/// Gives back what of the file is kept at hand: this connection's pages and, in the pool that all share, everybody's.
pub(super) fn release(conn: &Connection) {
    if let Err(error) = conn.release_memory() {
        tracing::debug!(%error, "SQLite keeps its pages");
    }
}

impl Writer {
    /// Works until the store is dropped and its queue empty.
    pub(super) fn run(mut self) {
        let mut since_release = 0;
        while let Some(first) = self.queue.blocking_recv() {
            let began = Instant::now();
            let mut group: Vec<Job> = self.to_write(first).into_iter().collect();
            while group.len() < self.max_group
                && let Ok(job) = self.queue.try_recv()
            {
                group.extend(self.to_write(job));
            }
            let loads = group.iter().any(|job| matches!(job, Job::Load { .. }));
            since_release += group.iter().map(Job::writes).sum::<usize>();
            if !group.is_empty() {
                self.commit_group(group);
            }
            if since_release >= RELEASE_AFTER {
                since_release = 0;
                release(&self.conn);
            }
            if loads || !self.queue.is_empty() {
                // A host's own connection polls for the write lock: without this gap it would starve. The longer it
                // has had to wait, the less often it looks.
                let longest = Duration::from_millis(if loads { 25 } else { 2 });
                std::thread::sleep((began.elapsed() / 8).clamp(Duration::from_micros(50), longest));
            }
        }
    }

    /// The job, unless it writes nothing and is answered already.
    fn to_write(&self, job: Job) -> Option<Job> {
        match job {
            Job::Version { answer } => {
                drop(answer.send(self.version()));
                None
            }
            job => Some(job),
        }
    }

    /// SQLite's `data_version`: on this connection another one whenever somebody else has committed.
    fn version(&self) -> Result<u64, StoreError> {
        let mut statement = self.conn.prepare_cached("PRAGMA data_version").map_err(unavailable)?;
        statement.query_row((), |row| row.get::<_, i64>(0)).map(i64::unsigned_abs).map_err(unavailable)
    }

    fn commit_group(&self, group: Vec<Job>) {
        let mut group: Vec<(Job, Option<Done>)> = group.into_iter().map(|job| (job, None)).collect();
        match self.try_group(&mut group) {
            End::Committed => finish_all(group),
            End::Refused if group.len() > 1 => {
                for (job, _) in group {
                    self.commit_group(vec![job]);
                }
            }
            End::Refused => finish_as(group, || StoreError::Referenced),
            End::Undone(error) => finish_as(group, || StoreError::Unavailable(Box::new(Arc::clone(&error)))),
            End::Unknown(error) => {
                tracing::error!(error = %error, jobs = group.len(), "a commit failed in a way that leaves its outcome open");
                for (job, done) in group {
                    let source = Box::new(Arc::clone(&error));
                    let error = match &done {
                        Some(done) if done.keep() => StoreError::Unknown(source),
                        _ => StoreError::Unavailable(source),
                    };
                    finish(job, Err(error));
                }
            }
            End::Broken(at) => self.recover(group, at),
        }
    }

    /// A host's write committed or rolled back on its own. What came before it may be on the disk or
    /// not: their callers settle that; what came after it has not run and goes on.
    fn recover(&self, group: Vec<(Job, Option<Done>)>, at: usize) {
        tracing::error!("a write of the host's ended the transaction of its group");
        let mut rest = Vec::new();
        for (index, (job, _)) in group.into_iter().enumerate() {
            match index.cmp(&at) {
                std::cmp::Ordering::Less => finish(job, Err(StoreError::Unknown(BROKEN.into()))),
                std::cmp::Ordering::Equal => finish(job, Err(StoreError::Misuse(BROKEN))),
                std::cmp::Ordering::Greater => rest.push(job),
            }
        }
        if !rest.is_empty() {
            self.commit_group(rest);
        }
    }

    fn try_group(&self, group: &mut [(Job, Option<Done>)]) -> End {
        if let Err(error) = self.statement("BEGIN IMMEDIATE") {
            return End::Undone(Arc::new(error));
        }
        match group {
            [(job, done)] if !matches!(job, Job::Host(_)) => self.try_alone(job, done),
            group => self.try_together(group),
        }
    }

    /// One job of our own: taking it back is taking back the transaction.
    fn try_alone(&self, job: &mut Job, done: &mut Option<Done>) -> End {
        let result = done.insert(self.run_job(job));
        if result.keep() {
            return self.commit(1);
        }
        self.rollback();
        End::Committed
    }

    fn try_together(&self, group: &mut [(Job, Option<Done>)]) -> End {
        for (at, (job, done)) in group.iter_mut().enumerate() {
            match self.run_in_savepoint(job) {
                Ok(result) => *done = Some(result),
                Err(error) => {
                    self.rollback();
                    let host = matches!(job, Job::Host(_));
                    return if host { End::Broken(at) } else { End::Undone(Arc::new(error)) };
                }
            }
        }
        self.commit(group.len())
    }

    fn commit(&self, jobs: usize) -> End {
        match self.statement("COMMIT") {
            Ok(()) => {
                self.figures.commits.fetch_add(1, Ordering::Relaxed);
                self.figures.jobs.fetch_add(jobs as u64, Ordering::Relaxed);
                End::Committed
            }
            Err(error) if is_foreign_key(&error) => {
                self.rollback();
                End::Refused
            }
            Err(error) if is_busy(&error) && !self.conn.is_autocommit() => {
                self.rollback();
                End::Undone(Arc::new(error))
            }
            Err(error) => {
                self.rollback();
                End::Unknown(Arc::new(error))
            }
        }
    }

    /// Runs a job in a savepoint of its own, which is taken back unless the job is to be kept.
    ///
    /// # Errors
    /// When the transaction that it stood in is no more.
    fn run_in_savepoint(&self, job: &mut Job) -> rusqlite::Result<Done> {
        self.statement("SAVEPOINT ciam_job")?;
        let done = self.run_job(job);
        if !done.keep() {
            self.statement("ROLLBACK TO ciam_job")?;
        }
        // Fails if the transaction has ended, be it by an error of the disk.
        self.statement("RELEASE ciam_job")?;
        Ok(done)
    }

    fn run_job(&self, job: &mut Job) -> Done {
        match job {
            Job::Batch { tables, realm, batch, .. } => Done::Batch(batch::apply(&self.conn, tables, *realm, batch)),
            Job::Load { tables, realm, load, .. } => Done::Load(load::apply(&self.conn, tables, *realm, load)),
            Job::Version { .. } => Done::Version(self.version()),
            Job::Settle { unit, now, .. } => Done::Settle(batch::settle(&self.conn, *unit, *now)),
            Job::Sweep { tables, now, limit, .. } => Done::Sweep(batch::sweep(&self.conn, tables, *now, *limit)),
            Job::Host(host) => {
                let kept = catch_unwind(AssertUnwindSafe(|| host.run(&self.conn))).unwrap_or(false);
                Done::Host(if kept { Ok(()) } else { Err(StoreError::Misuse("taken back by the host")) })
            }
        }
    }

    fn statement(&self, text: &'static str) -> rusqlite::Result<()> {
        self.conn.prepare_cached(text)?.execute(()).map(drop)
    }

    fn rollback(&self) {
        if !self.conn.is_autocommit()
            && let Err(error) = self.conn.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }
}

const BROKEN: &str = "a write of the host's ended the writer's transaction";

fn finish_all(group: Vec<(Job, Option<Done>)>) {
    for (job, done) in group {
        match done {
            Some(done) => finish(job, Ok(done)),
            None => finish(job, Err(unavailable(rusqlite::Error::InvalidQuery))),
        }
    }
}

fn finish_as(group: Vec<(Job, Option<Done>)>, error: impl Fn() -> StoreError) {
    for (job, _) in group {
        finish(job, Err(error()));
    }
}

/// Answers a job. Whoever asked may be gone, which changes nothing.
fn finish(job: Job, outcome: Result<Done, StoreError>) {
    match (job, outcome) {
        (Job::Batch { answer, .. }, Ok(Done::Batch(result))) => drop(answer.send(result)),
        (Job::Load { answer, .. }, Ok(Done::Load(result))) => drop(answer.send(result)),
        (Job::Load { answer, .. }, Err(error)) => drop(answer.send(Err(error))),
        (Job::Settle { answer, .. }, Ok(Done::Settle(result))) => drop(answer.send(result)),
        (Job::Sweep { answer, .. }, Ok(Done::Sweep(result))) => drop(answer.send(result)),
        // Whether it was kept or taken back, the host's own answer is the answer.
        (Job::Host(host), Ok(_)) => host.finish(Ok(())),
        (Job::Batch { answer, .. }, outcome) => drop(answer.send(outcome.map(drop))),
        (Job::Settle { answer, .. }, Err(StoreError::Unknown(source))) => {
            drop(answer.send(Err(StoreError::Unavailable(source))));
        }
        (Job::Settle { answer, .. }, Err(error)) => drop(answer.send(Err(error))),
        (Job::Sweep { answer, .. }, Err(error)) => drop(answer.send(Err(error))),
        (Job::Host(host), Err(error)) => host.finish(Err(error)),
        (Job::Version { answer }, Ok(Done::Version(result))) => drop(answer.send(result)),
        (Job::Version { answer }, Err(error)) => drop(answer.send(Err(error))),
        (Job::Load { .. } | Job::Settle { .. } | Job::Sweep { .. } | Job::Version { .. }, Ok(_)) => {}
    }
}
