//! A store of your own: records in ordered maps, and in a file the journal that they are made from.
//!
//! `cargo run --example custom_store`, twice: the second start finds who was created by the first. It was written from
//! the guide "Bring your own store", and `tests/custom_store.rs` proves it by the suite and by kills.
//!
//! **One line at a time.** What a call changes is decided upon what there is (`decision.rs`), becomes a line of the
//! journal, is on the disk, and only then changes what readers see (`state.rs`). A start reads the same lines again. So
//! a batch is there as a whole or not at all, nobody reads what a crash could take back, and a race is won by who comes
//! first.
//!
//! It is kept short: everything has to fit into memory, every unit waits for an fsync of its own, the journal only
//! grows, and one process at a time has it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use ciam::clock::Timestamp;
use ciam::email::Email;
use ciam::events::Cause;
use ciam::store::{
    Backend, Batch, CollectionSpec, Cursor, Position, RawQuery, RecordKey, Row, Schema, Settlement, StoreError,
};
use ciam::users::NewUser;
use ciam::{Ciam, Mailbox, RealmId};
use state::{Line, State, Unit};
use uuid::Uuid;

#[path = "custom_store/decision.rs"]
mod decision;
#[path = "custom_store/state.rs"]
mod state;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let file = std::env::args().nth(1).map_or_else(|| PathBuf::from("customers.journal"), PathBuf::from);
    println!("{}", visit(&file).await?);
    println!("The journal is {}. Start again, and it is read.", file.display());
    Ok(())
}

/// What one start of the program does.
pub(crate) async fn visit(file: &Path) -> Result<String, AnyError> {
    let identity = Ciam::builder().store(JournalStore::open(file)?).messenger(Mailbox::new()).build().await?;
    let email: Email = "ada@example.com".parse()?;
    let said = match identity.users().by_email(&email).await? {
        Some(id) => format!("{email} is {id}, known from before."),
        None => {
            let ada = identity.users().create(&Cause::system(), NewUser::new(email.clone())).await?;
            format!("{email} is {}, created just now.", ada.id)
        }
    };
    identity.shutdown().await?;
    Ok(said)
}

/// Keeps records in memory, and every change of them in a journal.
#[derive(Debug, Clone)]
pub(crate) struct JournalStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// Whoever has it writes the next line.
    journal: Mutex<File>,
    /// Writing has failed. Nobody knows what is on the disk until the next start reads it.
    broken: AtomicBool,
    state: RwLock<State>,
}

impl JournalStore {
    /// The store in this file: made when it is missing, and nobody else's as long as it is open.
    ///
    /// # Errors
    /// [`StoreError::Unopened`] when the file cannot be had, or holds something else.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let (file, state) =
            read_journal(path).map_err(|error| StoreError::Unopened(format!("{}: {error}", path.display())))?;
        let (journal, state) = (Mutex::new(file), RwLock::new(state));
        Ok(Self(Arc::new(Inner { path: path.to_owned(), journal, broken: AtomicBool::new(false), state })))
    }

    fn look<T>(&self, look: impl FnOnce(&State) -> Result<T, StoreError>) -> Result<T, StoreError> {
        look(&*self.0.state.read().map_err(|_| broken())?)
    }

    /// Decides upon a line, writes it, and takes it over: on a thread that sees this through when the caller has gone.
    /// `lost` is the error for when nobody knows whether the line is on the disk.
    async fn write<T: Send + 'static>(
        &self,
        lost: fn(AnyError) -> StoreError,
        decide: impl FnOnce(&State) -> Result<(Option<Line>, T), StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.clone();
        let written = tokio::task::spawn_blocking(move || {
            let mut journal = store.0.journal.lock().map_err(|_| broken())?;
            store.is_whole()?;
            let (line, answer) = store.look(decide)?;
            if let Some(line) = line {
                append(&mut journal, &line).map_err(|error| {
                    store.0.broken.store(true, Ordering::Release);
                    lost(error.into())
                })?;
                store.0.state.write().map_err(|_| lost(broken().into()))?.apply(line);
            }
            Ok(answer)
        });
        written.await.map_err(|error| lost(error.into()))?
    }

    fn is_whole(&self) -> Result<(), StoreError> {
        if self.0.broken.load(Ordering::Acquire) { Err(broken()) } else { Ok(()) }
    }
}

#[async_trait]
impl Backend for JournalStore {
    async fn prepare(&self, schema: &Schema) -> Result<(), StoreError> {
        let specs = schema.collections().to_vec();
        let prepared = self.write(StoreError::Unavailable, move |state| {
            let mut line = Line::default();
            for spec in &specs {
                let there = state.tables.get(spec.name).map(|table| &table.layout);
                match there.or(line.layouts.get(spec.name)) {
                    None => drop(line.layouts.insert(spec.name.to_owned(), layout(spec))),
                    Some(there) if *there == layout(spec) => {}
                    Some(there) => {
                        let problem = format!("it was declared as {there}, and is now {}", layout(spec));
                        return Err(StoreError::Layout { table: spec.name.to_owned(), problem });
                    }
                }
            }
            Ok((Some(line).filter(|line| !line.layouts.is_empty()), specs))
        });
        let specs = prepared.await?;
        let mut state = self.0.state.write().map_err(|_| broken())?;
        specs.into_iter().for_each(|spec| state.tables.entry(spec.name.to_owned()).or_default().declare(spec));
        Ok(())
    }

    async fn read(&self, realm: RealmId, now: Timestamp, keys: &[RecordKey]) -> Result<Vec<Option<Row>>, StoreError> {
        self.look(|state| keys.iter().map(|key| state.read(realm, now, key)).collect())
    }

    async fn find(&self, realm: RealmId, now: Timestamp, query: &RawQuery) -> Result<Vec<(Cursor, Row)>, StoreError> {
        self.look(|state| state.find(realm, now, query))
    }

    async fn count(&self, realm: RealmId, now: Timestamp, query: &RawQuery) -> Result<u32, StoreError> {
        let query = RawQuery { after: None, ..query.clone() };
        Ok(self.look(|state| state.find(realm, now, &query))?.len() as u32)
    }

    async fn commit(&self, realm: RealmId, batch: Batch) -> Result<(), StoreError> {
        batch.check_size()?;
        self.write(StoreError::Unknown, move |state| Ok((Some(decision::decide(state, realm, &batch)?), ()))).await
    }

    async fn settle(&self, unit: Uuid, now: Timestamp) -> Result<Settlement, StoreError> {
        self.write(StoreError::Unavailable, move |state| match state.units.get(&unit) {
            Some(Unit { committed: true, .. }) => Ok((None, Settlement::Committed)),
            Some(Unit { committed: false, .. }) => Ok((None, Settlement::Never)),
            None => {
                let unit = Some((unit, Unit { at: now, committed: false }));
                Ok((Some(Line { unit, ..Line::default() }), Settlement::Never))
            }
        })
        .await
    }

    async fn tail(&self, realm: RealmId, after: Position, limit: u32) -> Result<Vec<(Position, Row)>, StoreError> {
        self.look(|state| Ok(state.tail(realm, after, limit)))
    }

    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<u32, StoreError> {
        self.write(StoreError::Unavailable, move |state| {
            let (mut line, mut left) = (Line::default(), limit as usize);
            for (name, table) in &state.tables {
                let expired = table.records.iter().filter(|(_, kept)| !kept.is_alive(now)).take(left);
                let gone: BTreeMap<_, _> = expired.map(|(id, _)| (*id, None)).collect();
                left -= gone.len();
                line.records.insert(name.clone(), gone);
            }
            let old = state.units.iter().filter(|(_, unit)| unit.at + DAY <= now).map(|(id, _)| *id);
            line.forgotten = old.take(left).collect();
            let swept = limit as usize - left + line.forgotten.len();
            Ok((Some(line).filter(|_| swept > 0), swept as u32))
        })
        .await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.is_whole()
    }

    async fn commits_of_others(&self) -> Result<Option<u64>, StoreError> {
        Ok(Some(0)) // the file is locked: there are no others
    }

    fn file(&self) -> Option<PathBuf> {
        Some(self.0.path.clone())
    }
}

/// All that must be the same at every start, in the order in which records keep it. Documents may change their shape.
fn layout(spec: &CollectionSpec) -> String {
    let columns: Vec<_> = spec.columns.iter().map(|column| format!("{} {:?}", column.name, column.kind)).collect();
    let unique: Vec<_> =
        spec.indexes.iter().filter(|index| index.unique).map(|index| index.columns.join("+")).collect();
    format!("columns {columns:?}, unique {unique:?}, live {:?}, stream {}", spec.live, spec.stream)
}

/// The file, locked and whole, and what it says. A last line that a crash has cut short was never acknowledged.
fn read_journal(path: &Path) -> io::Result<(File, State)> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)] // it holds digests of passwords
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    file.try_lock()?;
    let (mut reader, mut state) = (BufReader::new(&file), State::default());
    let (mut text, mut whole) = (Vec::new(), 0);
    while reader.read_until(b'\n', &mut text)? > 0 {
        match serde_json::from_slice(&text) {
            Ok(line) if text.ends_with(b"\n") => state.apply(line),
            Err(error) if whole == 0 && !text.starts_with(b"{\"unit\":") => return Err(error.into()), // not ours to cut
            _ if reader.fill_buf()?.is_empty() => break,
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        whole += text.len() as u64;
        text.clear();
    }
    file.set_len(whole)?;
    file.sync_all()?; // what is told from now on stays, and so does the file's name
    path.canonicalize()?.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())?;
    Ok((file, state))
}

fn append(journal: &mut File, line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    journal.write_all(&text)?;
    journal.sync_data()
}

/// Nothing was written: neither now nor, before the next start, ever.
fn broken() -> StoreError {
    StoreError::Unavailable("the journal could not be written".into())
}
