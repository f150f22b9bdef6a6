//! Records in PostgreSQL 15 or newer, beside the application's own tables, for as many nodes as there are.
//!
//! A batch is one transaction that leaves in one flight, its COMMIT included; whoever gives up waiting for it stops
//! nothing half-way. The tables are plain: `ciam_<collection>` with the record's id, realm, version and expiry, one
//! typed column for every indexed value, and the JSON document. A host's tables may refer to `ciam_users(id)`.
//!
//! ```no_run
//! # async fn open() -> Result<(), ciam_core::store::StoreError> {
//! use ciam_core::store::Backend;
//! use ciam_store::PostgresStore;
//!
//! let store = PostgresStore::open("postgres://shop:secret@localhost/shop").await?;
//! store.ping().await?;
//! # Ok(())
//! # }
//! ```

mod batch;
mod directory;
mod evolution;
mod failure;
mod flight;
mod host;
#[cfg(feature = "sqlx-postgres")]
mod host_sqlx;
mod inspection;
mod listening;
mod load;
mod options;
#[cfg(test)]
mod plans;
mod schema;
mod sql;
mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use ciam_core::clock::Timestamp;
use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{
    Backend, Backfill, Batch, Cursor, Directory, Evolution, Listener, Load, Position, Pressure, RawQuery, RecordKey,
    Row, Schema, Settlement, StoreError, UNITS_KEPT, Value, load_one_by_one, repeated,
};
use deadpool_postgres::{Object, Pool};
use tokio::sync::Semaphore;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

pub use inspection::PostgresInspection;
pub use options::PostgresOptions;

use crate::migrations::Migrations;
use crate::{layout, query};
use batch::{Room, Step, Tables, steps, table, unit_step};
use failure::{Failure, unavailable};
use flight::fly;
use listening::Listening;
use sql::{Table, numbered};
use values::{Param, to_row, to_value};

/// Keeps records in a PostgreSQL database.
///
/// Any number of nodes may share one. Every call is answered, or given up as [`StoreError::Unavailable`] or
/// [`StoreError::Unknown`], within a few times the [statement timeout](PostgresOptions::statement_timeout). A pooler
/// between this and the server must keep a session's prepared statements (PgBouncer: session mode).
pub struct PostgresStore {
    pool: Pool,
    patience: Duration,
    tables: RwLock<Arc<Tables>>,
    listening: Arc<Listening>,
    migrations: Migrations,
    /// A quarter of the connections: whoever signs in never waits for so many that search.
    searches: Semaphore,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("statistics", &self.statistics()).finish_non_exhaustive()
    }
}

/// The connections of a [`PostgresStore`], for a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// How many there are.
    pub connections: usize,
    /// How many of them are idle.
    pub idle: usize,
    /// How many callers wait for one.
    pub waiting: usize,
}

impl PostgresStore {
    /// Connects with the default [`PostgresOptions`].
    ///
    /// # Errors
    /// As [`PostgresOptions::new`] and [`PostgresOptions::open`].
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        PostgresOptions::new(url)?.open().await
    }

    /// How many connections there are, and who waits for one.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let status = self.pool.status();
        Statistics { connections: status.size, idle: status.available, waiting: status.waiting }
    }

    fn tables(&self) -> Arc<Tables> {
        Arc::clone(&self.tables.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The answer to a question whose statement is kept.
    async fn ask(&self, text: &str, params: &[Param]) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        self.answered(text, params, Keeping::Always).await
    }

    /// The answer to a question whose statement is not kept: of some there are as many texts as there are filters, and
    /// a connection keeps its statements for ever.
    async fn ask_once(&self, text: &str, params: &[Param]) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        self.answered(text, params, Keeping::Never).await
    }

    /// What a connection answers within its time. One that had died unnoticed is asked once more, over another.
    async fn answered(
        &self,
        text: &str,
        params: &[Param],
        keeping: Keeping,
    ) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        let mut again = true;
        loop {
            let client = self.pool.get().await.map_err(unavailable)?;
            let asked = async {
                match keeping {
                    Keeping::Always => {
                        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param as _).collect();
                        client.query(&client.prepare_cached(text).await?, &params).await
                    }
                    Keeping::Never => {
                        let typed = params.iter().map(|param| (param as &(dyn ToSql + Sync), param.kind()));
                        client.query_typed(text, &typed.collect::<Vec<_>>()).await
                    }
                }
            };
            match tokio::time::timeout(self.patience * 2, asked).await {
                Ok(Err(error)) if error.is_closed() && again => again = false,
                Ok(answer) => return answer.map_err(unavailable),
                Err(late) => {
                    // Whatever it still does, nobody else shall wait behind it.
                    drop(Object::take(client));
                    return Err(unavailable(late));
                }
            }
        }
    }

    /// Sends statements as one transaction.
    async fn commit_steps(&self, steps: &[Step<'_>]) -> Result<Vec<u64>, Failure> {
        commit_steps(&self.pool, self.patience, steps).await
    }
}

/// Whether a connection keeps a statement that it has prepared.
#[derive(Debug, Clone, Copy)]
enum Keeping {
    Always,
    Never,
}

async fn commit_steps(pool: &Pool, patience: Duration, steps: &[Step<'_>]) -> Result<Vec<u64>, Failure> {
    let client = pool.get().await.map_err(|error| Failure::Refused(unavailable(error)))?;
    match tokio::time::timeout(patience * 2, fly(&client, steps)).await {
        Ok(answer) => answer,
        Err(late) => {
            // Whatever it still does, nobody else shall wait behind it.
            drop(Object::take(client));
            Err(Failure::Refused(failure::unknown(late)))
        }
    }
}

/// Commits a batch. What stands in its way but has expired is removed, if there is such.
async fn commit(
    pool: &Pool,
    patience: Duration,
    tables: &Tables,
    realm: RealmId,
    batch: &Batch,
) -> Result<(), StoreError> {
    match commit_steps(pool, patience, &steps(tables, realm, batch, Room::AsItIs)?).await {
        Ok(_) => return Ok(()),
        Err(Failure::Refused(error)) => return Err(error),
        Err(Failure::Taken(_)) => {}
    }
    match commit_steps(pool, patience, &steps(tables, realm, batch, Room::Made)?).await {
        Ok(_) => Ok(()),
        Err(Failure::Refused(error) | Failure::Taken(error)) => Err(error),
    }
}

#[async_trait]
impl Backend for PostgresStore {
    async fn prepare(&self, schema: &Schema) -> Result<(), StoreError> {
        let specs = schema.collections();
        for spec in specs {
            layout::check_names(spec)?;
            layout::check_declared(self.tables().get(spec.name).map(|table| &table.spec), spec)?;
        }
        let mut prepared = self.prepare_once(specs).await?;
        while prepared.lacks_indexes && self.migrations != Migrations::Refuse {
            self.make_indexes(specs).await?;
            prepared = self.prepare_once(specs).await?;
        }
        {
            let mut known = self.tables.write().unwrap_or_else(PoisonError::into_inner);
            let mut tables = Tables::clone(&known);
            for (spec, standing) in specs.iter().zip(prepared.standings) {
                let table = || Arc::new(Table::new(spec.clone(), prepared.shift, standing));
                tables.entry(spec.name).or_insert_with(table);
            }
            *known = Arc::new(tables);
        }
        if self.migrations == Migrations::Complete
            && let Some(backfill) = Backfill::over(self, schema)
        {
            crate::migrations::warn_of(&backfill.finish().await?);
        }
        Ok(())
    }

    async fn read(&self, realm: RealmId, now: Timestamp, keys: &[RecordKey]) -> Result<Vec<Option<Row>>, StoreError> {
        let tables = self.tables();
        if let [key] = keys {
            let params = [Param::Uuid(key.id), Param::Uuid(realm.uuid()), Param::moment(now)];
            let rows = self.ask(&table(&tables, key.collection)?.read, &params).await?;
            return Ok(vec![rows.first().map(|row| to_row(row, 0)).transpose().map_err(unavailable)?]);
        }
        let mut asked: BTreeMap<&str, Vec<Uuid>> = BTreeMap::new();
        for key in keys {
            asked.entry(key.collection).or_default().push(key.id);
        }
        let of_them: Vec<&Table> = asked.keys().map(|name| table(&tables, name)).collect::<Result<_, _>>()?;
        let names: Vec<&'static str> = of_them.iter().map(|table| table.spec.name).collect();
        let mut params = vec![Param::Uuid(realm.uuid()), Param::moment(now)];
        params.extend(asked.into_values().map(Param::Uuids));
        let mut found = std::collections::HashMap::with_capacity(keys.len());
        if !of_them.is_empty() {
            for row in self.ask(&Table::read_many(&of_them), &params).await? {
                let at: i32 = row.try_get(0).map_err(unavailable)?;
                let read = to_row(&row, 1).map_err(unavailable)?;
                let collection = names[usize::try_from(at).unwrap_or_default()];
                found.insert(RecordKey { collection, id: read.id }, read);
            }
        }
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    async fn find(&self, realm: RealmId, now: Timestamp, query: &RawQuery) -> Result<Vec<(Cursor, Row)>, StoreError> {
        let tables = self.tables();
        let table = table(&tables, query.collection)?;
        self.check_serving(table, &query.columns).await?;
        let open = query.open_column();
        let kind = open.and_then(|name| table.spec.columns.iter().find(|c| c.name == name)).map(|column| column.kind);
        let text = numbered(&query::text(&table.spec, query, false, &sql::row_columns(&table.spec))?);
        let Some(query) = without_u0000(query) else { return Ok(Vec::new()) };
        let params: Vec<Param> = query::params(&table.spec, realm, now, &query).map(Param::from).collect();
        let found = |row: &tokio_postgres::Row| -> Result<(Cursor, Row), tokio_postgres::Error> {
            let read = to_row(row, 0)?;
            let value = kind.map(|kind| to_value(row, 5, kind)).transpose()?;
            Ok((Cursor { value, id: read.id }, read))
        };
        let rows = self.ask(&text, &params).await?;
        rows.iter().map(found).collect::<Result<_, _>>().map_err(unavailable)
    }

    async fn count(&self, realm: RealmId, now: Timestamp, query: &RawQuery) -> Result<u32, StoreError> {
        let tables = self.tables();
        let table = table(&tables, query.collection)?;
        self.check_serving(table, &query.columns).await?;
        let query = RawQuery { after: None, ..query.clone() };
        let text = numbered(&query::text(&table.spec, &query, true, "")?);
        let Some(query) = without_u0000(&query) else { return Ok(0) };
        let params: Vec<Param> = query::params(&table.spec, realm, now, &query).map(Param::from).collect();
        let rows = self.ask(&text, &params).await?;
        let counted: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0)).map_err(unavailable)?;
        Ok(u32::try_from(counted).unwrap_or(u32::MAX))
    }

    async fn commit(&self, realm: RealmId, batch: Batch) -> Result<(), StoreError> {
        batch.check_size()?;
        let (pool, patience, tables) = (self.pool.clone(), self.patience, self.tables());
        // Whoever hangs up must not leave half a flight behind, nor its connection to somebody else.
        let through = tokio::spawn(async move { commit(&pool, patience, &tables, realm, &batch).await });
        through.await.unwrap_or_else(|error| Err(failure::unknown(error)))
    }

    async fn load(&self, realm: RealmId, load: Load) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        load.check_size()?;
        let (pool, patience, tables, all) = (self.pool.clone(), self.patience, self.tables(), load.clone());
        let through = tokio::spawn(async move { load::load(&pool, patience, &tables, realm, &all).await });
        let mut answers = through.await.unwrap_or_else(|error| Err(failure::unknown(error)))?;
        let alone: Vec<usize> = (0..answers.len()).filter(|at| answers[*at].is_none()).collect();
        let groups = alone.iter().map(|at| load.groups[*at].clone()).collect();
        let said = load_one_by_one(self, realm, Load { groups: Arc::new(groups), ..load }).await;
        match said {
            Ok(said) => alone.into_iter().zip(said).for_each(|(at, answer)| answers[at] = Some(answer)),
            Err(error) if alone.len() == answers.len() => return Err(error),
            // What was inserted stays; the rest was not.
            Err(error) => alone.into_iter().for_each(|at| answers[at] = Some(Err(repeated(&error)))),
        }
        Ok(answers.into_iter().flatten().collect())
    }

    fn directory(&self) -> Option<&dyn Directory> {
        Some(self)
    }

    async fn settle(&self, unit: Uuid, now: Timestamp) -> Result<Settlement, StoreError> {
        let step = unit_step(sql::SETTLE_UNIT, unit, now);
        match self.commit_steps(&[step]).await {
            Ok(changed) if changed == [1] => return Ok(Settlement::Never),
            Ok(_) => {}
            Err(Failure::Refused(error) | Failure::Taken(error)) => return Err(StoreError::Unavailable(error.into())),
        }
        let rows = self.ask(sql::UNIT_COMMITTED, &[Param::Uuid(unit)]).await?;
        let committed = rows.first().is_some_and(|row| row.get(0));
        Ok(if committed { Settlement::Committed } else { Settlement::Never })
    }

    async fn tail(&self, realm: RealmId, after: Position, limit: u32) -> Result<Vec<(Position, Row)>, StoreError> {
        let tables = self.tables();
        let Some(stream) = tables.values().find(|table| table.spec.stream) else { return Ok(Vec::new()) };
        let [major, minor] = [after.major, after.minor].map(|at| i64::try_from(at).unwrap_or(i64::MAX));
        let params = [Param::Uuid(realm.uuid()), Param::Int(major), Param::Int(minor), Param::Int(limit.into())];
        let found = |row: &tokio_postgres::Row| -> Result<(Position, Row), tokio_postgres::Error> {
            let [major, minor] = [row.try_get::<_, i64>(5)?, row.try_get::<_, i64>(6)?].map(i64::unsigned_abs);
            Ok((Position { major, minor }, to_row(row, 0)?))
        };
        let rows = self.ask(&stream.tail, &params).await?;
        rows.iter().map(found).collect::<Result<_, _>>().map_err(unavailable)
    }

    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let tables = self.tables();
        let expired = tables.values().filter_map(|table| Some((table.sweep.as_deref()?, now)));
        let mut removed: u32 = 0;
        for (text, until) in expired.chain([(sql::SWEEP_UNITS, now - UNITS_KEPT)]) {
            let room = limit - removed;
            if room == 0 {
                break;
            }
            let step = Step::alone(text, vec![Param::moment(until), Param::Int(room.into())]);
            match self.commit_steps(&[step]).await {
                Ok(changed) => removed += changed.first().map_or(0, |rows| u32::try_from(*rows).unwrap_or(room)),
                Err(Failure::Refused(error) | Failure::Taken(error)) => return Err(error),
            }
        }
        Ok(removed)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let rows = self.ask(sql::PING, &[]).await?;
        match rows.first().map(|row| row.get(0)) {
            Some(true) => Ok(()),
            _ => Err(StoreError::Unavailable("the server is a standby, which cannot be written to".into())),
        }
    }

    async fn pressure(&self, realm: RealmId, now: Timestamp) -> Result<Pressure, StoreError> {
        let Statistics { connections, idle, waiting } = self.statistics();
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let tables = self.tables();
        let held_back = match tables.values().find(|table| table.spec.stream) {
            Some(stream) => self.ask(&stream.held_back, &[Param::Uuid(realm.uuid())]).await?,
            None => Vec::new(),
        };
        let since: Option<i64> = held_back.first().map(|row| row.try_get(0)).transpose().map_err(unavailable)?;
        Ok(Pressure {
            busy: number(connections.saturating_sub(idle)),
            idle: number(idle),
            waiting: number(waiting),
            stream_lag: since.map(|micros| now.since(Timestamp::from_micros(micros))).unwrap_or_default(),
        })
    }

    fn evolution(&self) -> Option<&dyn Evolution> {
        Some(self)
    }

    fn listen(&self, listener: Arc<dyn Listener>) -> bool {
        self.listening.add(listener);
        true
    }
}

/// The same question without U+0000, which PostgreSQL takes in no text and no record has. None when nothing can be
/// found. A text that begins as far as a U+0000 is less than one that goes on there, and all others that go on are more.
fn without_u0000(query: &RawQuery) -> Option<RawQuery> {
    use std::ops::Bound;

    let cut = |value: &Value| match value {
        Value::Text(text) => text.find('\0').map(|at| Value::Text(text[..at].to_owned())),
        _ => None,
    };
    if query.equal.iter().any(|value| cut(value).is_some()) {
        return None;
    }
    let mut query = query.clone();
    if let Bound::Included(value) | Bound::Excluded(value) = &query.lower
        && let Some(begin) = cut(value)
    {
        query.lower = Bound::Excluded(begin);
    }
    if let Bound::Included(value) | Bound::Excluded(value) = &query.upper
        && let Some(begin) = cut(value)
    {
        query.upper = Bound::Included(begin);
    }
    Some(query)
}
