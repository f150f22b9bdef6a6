//! Records that an older version of the app wrote, and how they are brought up to date while everybody goes on.
//!
//! A record carries the generation of columns that its writer knew. One of an older generation lacks the values of newer
//! columns, or holds stale ones, and its document may be of an older shape. Nobody but the typed layer can work them out,
//! so that reads such records from the backend and hands them back as they are written now: a [`Backfill`].

use std::fmt;

use async_trait::async_trait;
use uuid::Uuid;

use super::backend::{Backend, Schema};
use super::error::StoreError;
use super::record::Record;
use super::spec::{Encoded, Row};
use crate::id::RealmId;

/// How many records are written in one step, so that nobody waits for long behind it.
const STEP: usize = 200;
/// How often all records are gone through, as long as there are some that an older version writes meanwhile.
const PASSES: u32 = 8;
/// How many of the records that were left are told by their ids.
const TOLD: usize = 100;

/// How a record is written as its collection is declared now.
#[derive(Clone, Copy)]
pub(crate) struct Recode(fn(&Row) -> Result<Encoded, StoreError>);

impl Recode {
    pub(crate) const fn of<R: Record>() -> Self {
        Self(recode::<R>)
    }
}

impl fmt::Debug for Recode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recode")
    }
}

fn recode<R: Record>(row: &Row) -> Result<Encoded, StoreError> {
    let record = R::COLLECTION.decode(row)?;
    let (encoded, _) = R::COLLECTION.encode(&record)?;
    if encoded.id == row.id {
        return Ok(encoded);
    }
    Err(StoreError::Corrupt { collection: R::COLLECTION.name(), source: "the document has the id of another".into() })
}

/// What a backend does so that records of older versions are brought up to date. `docs/stores-and-migrations.md` says how
/// the parts come together.
#[async_trait]
pub trait Evolution: fmt::Debug + Send + Sync {
    /// The collections of which some record may lack something.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn lagging(&self) -> Result<Vec<Lagging>, StoreError>;

    /// Looks at the next few hundred records of all realms, by id, and answers those that lack something; where all of
    /// an older shape are wanted, those, too.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn lacking(
        &self,
        collection: &'static str,
        after: Option<Uuid>,
        wanted: Wanted,
    ) -> Result<Lacking, StoreError>;

    /// Writes document, shape and columns of records that are still at the version that was read, and that they lack
    /// nothing any more. Version and times, tallies and peaks stay as they are, and nobody is told. An answer for each.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: some may be written, which does no harm.
    async fn refresh(
        &self,
        collection: &'static str,
        records: Vec<Recoded>,
    ) -> Result<Vec<Result<(), Why>>, StoreError>;

    /// From now on the collection takes no record from a version that leaves something out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn fence(&self, collection: &'static str) -> Result<(), StoreError>;

    /// Whether no record lacks anything, and none ever will. If some does, the fence is taken away.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn prove(&self, collection: &'static str) -> Result<bool, StoreError>;

    /// Drops columns and indexes that no version declares any more, and says with which statements. Does nothing for a
    /// collection of which a newer version than this one has been there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn contract(&self) -> Result<Vec<String>, StoreError>;

    /// Whether the workers of an engine are to bring records up to date without being asked.
    fn unasked(&self) -> bool;
}

/// Which records are to be brought up to date, and how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// What is indexed of those that lack something. Their documents stay as they are: older versions, which may run, could
    /// not replace them otherwise.
    Columns,
    /// Those, and all of an older shape, whose documents are written anew.
    Documents,
}

/// A collection of which some record may lack something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lagging {
    /// The collection.
    pub collection: &'static str,
    /// The indexed columns that are not complete; none when the documents alone are older.
    pub columns: Vec<&'static str>,
}

/// Records that lack something; an answer of [`Evolution::lacking`].
#[derive(Debug, Clone, Default)]
pub struct Lacking {
    /// The records, with the realm of each.
    pub rows: Vec<(RealmId, Row)>,
    /// After which to look next; none at the end.
    pub next: Option<Uuid>,
}

/// A record as it is written now.
#[derive(Debug, Clone)]
pub struct Recoded {
    /// Its realm.
    pub realm: RealmId,
    /// The version that was read.
    pub version: Uuid,
    /// The record.
    pub record: Encoded,
}

/// Why a record was not brought up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// Somebody wrote or removed it meanwhile; another look shows what it is now.
    Changed,
    /// Its document cannot be read, or what an index is given of it cannot be kept.
    Unreadable,
    /// A version of the app that is newer than this one wrote it.
    Newer,
    /// Another record has the key that it would have in a unique index, which begins with this column.
    Shared(&'static str),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => f.write_str("it changes all the time"),
            Self::Unreadable => f.write_str("its document cannot be read"),
            Self::Newer => f.write_str("a newer version of the program wrote it"),
            Self::Shared(index) => write!(f, "another record has its {index}"),
        }
    }
}

/// A record that was left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Its collection.
    pub collection: &'static str,
    /// The record.
    pub id: Uuid,
    /// Why.
    pub why: Why,
}

/// What a [`Backfill`] has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backfilled {
    /// How many records were brought up to date.
    pub refreshed: u64,
    /// How many were left as they are.
    pub left: u64,
    /// The first hundred of those.
    pub examples: Vec<Left>,
    /// Whether older versions went on writing for as long as it looked.
    pub still_written: bool,
    /// Whether no record lacks anything, and none ever will: all indexes serve.
    pub finished: bool,
}

/// Brings the records of older versions up to date, in small steps, while others read and write.
///
/// It may be dropped at any time, and begun anew: what is done is done.
#[derive(Debug, Clone, Copy)]
pub struct Backfill<'b> {
    evolution: &'b dyn Evolution,
    schema: &'b Schema,
    wanted: Wanted,
}

/// A walk through all records that may lack something.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    /// The collections that are still to be looked at, the next one last.
    collections: Vec<&'static str>,
    after: Option<Uuid>,
    changed: u64,
    pub(crate) done: Backfilled,
}

impl<'b> Backfill<'b> {
    /// Over a backend that is [prepared](Backend::prepare) for this schema; none where there is nothing to bring up to
    /// date.
    #[must_use]
    pub fn over(backend: &'b dyn Backend, schema: &'b Schema) -> Option<Self> {
        Some(Self { evolution: backend.evolution()?, schema, wanted: Wanted::Columns })
    }

    /// Brings up to date what is indexed. Documents stay in the shape that they have: older versions of the app may go on
    /// beside it. What they write afterwards lacks something again.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: what is done is done.
    pub async fn run(&self) -> Result<Backfilled, StoreError> {
        let mut all = Backfilled::default();
        for _ in 0..PASSES {
            let mut pass = self.begin().await?;
            all.finished = pass.collections.is_empty();
            while self.step(&mut pass).await? {}
            let Backfilled { refreshed, left, examples, .. } = pass.done;
            all = Backfilled { refreshed: all.refreshed + refreshed, left, examples, ..all };
            all.still_written = refreshed + pass.changed > 0;
            if !all.still_written {
                break;
            }
        }
        Ok(all)
    }

    /// As [`Backfill::run`], with documents of older shapes as well, so call it when no older version runs any more; then
    /// shuts out versions that would leave something out, and lets the indexes serve. If some record cannot be brought up
    /// to date, or older versions go on writing, nobody is shut out, and the answer is not `finished`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: call it again. Until then, records that lack something may be refused to writers.
    pub async fn finish(&self) -> Result<Backfilled, StoreError> {
        let all = Self { wanted: Wanted::Documents, ..*self };
        let before = all.run().await?;
        if before.finished || before.left > 0 || before.still_written {
            return Ok(before);
        }
        let lagging = self.evolution.lagging().await?;
        for Lagging { collection, .. } in &lagging {
            self.evolution.fence(collection).await?;
        }
        let behind = all.run().await;
        let mut proved = true;
        for Lagging { collection, .. } in &lagging {
            proved &= self.evolution.prove(collection).await?;
        }
        let behind = behind?;
        let refreshed = before.refreshed + behind.refreshed;
        Ok(Backfilled { refreshed, still_written: !proved && behind.left == 0, finished: proved, ..behind })
    }

    /// Looks which collections there is something to do for.
    pub(crate) async fn begin(&self) -> Result<Pass, StoreError> {
        let lagging = self.evolution.lagging().await?;
        let collections = lagging.into_iter().rev().map(|lagging| lagging.collection).collect();
        Ok(Pass { collections, ..Pass::default() })
    }

    /// Goes through the next few hundred records; false at the end.
    pub(crate) async fn step(&self, pass: &mut Pass) -> Result<bool, StoreError> {
        let Some(collection) = pass.collections.last().copied() else { return Ok(false) };
        let Lacking { rows, next } = self.evolution.lacking(collection, pass.after, self.wanted).await?;
        for some in rows.chunks(STEP) {
            let mut records = Vec::with_capacity(some.len());
            for (realm, row) in some {
                match self.recoded(collection, row) {
                    Ok(record) => records.push(Recoded { realm: *realm, version: row.version, record }),
                    Err(why) => pass.leave(Left { collection, id: row.id, why }),
                }
            }
            let ids: Vec<Uuid> = records.iter().map(|recoded| recoded.record.id).collect();
            for (id, answer) in ids.into_iter().zip(self.evolution.refresh(collection, records).await?) {
                match answer {
                    Ok(()) => pass.done.refreshed += 1,
                    Err(Why::Changed) => pass.changed += 1,
                    Err(why) => pass.leave(Left { collection, id, why }),
                }
            }
        }
        pass.after = next;
        if next.is_none() {
            pass.collections.pop();
        }
        Ok(!pass.collections.is_empty())
    }

    fn recoded(&self, collection: &str, row: &Row) -> Result<Encoded, Why> {
        let spec = self.schema.collections().iter().find(|spec| spec.name == collection);
        if spec.is_some_and(|spec| row.shape > spec.shape) {
            return Err(Why::Newer);
        }
        let Recode(recode) = self.schema.recode(collection).ok_or(Why::Unreadable)?;
        let mut record = recode(row).map_err(|error| {
            tracing::warn!(collection, id = %row.id, %error, "a record cannot be brought up to date, and is left as it is");
            Why::Unreadable
        })?;
        if self.wanted == Wanted::Columns {
            (record.doc, record.shape) = (row.doc.clone(), row.shape);
        }
        Ok(record)
    }
}

impl Pass {
    /// Whether nothing is left to be looked at.
    pub(crate) fn is_over(&self) -> bool {
        self.collections.is_empty()
    }

    fn leave(&mut self, left: Left) {
        self.done.left += 1;
        if self.done.examples.len() < TOLD {
            self.done.examples.push(left);
        }
    }
}
