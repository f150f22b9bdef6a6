//! Inserting many records in one transaction: one statement for each collection, which leaves out what is taken.
//!
//! A group of which a record was left out is taken back by its ids, and the server is asked what is in its way. What
//! that does not tell (it may have expired, or be gone by now), and groups that are in each other's way again and again,
//! are committed one by one, as any batch.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{CollectionSpec, ColumnType, Load, NewRecord, StoreError, UNITS, Value};
use deadpool_postgres::{Object, Pool, Transaction};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::batch::{Tables, table};
use super::failure::{commit_refusal, unavailable, unknown};
use super::sql::{self, Table};
use super::values::{Moment, Param, Unseen};
use crate::load::apart;

/// How often groups that are in each other's way are tried together, before they are committed one by one.
const ROUNDS: usize = 4;
/// How many times as long as any other statement one of a load may take.
const LONGER: u32 = 10;

/// What became of each group; none: it is to be committed by itself.
pub(super) type Answers = Vec<Option<Result<(), StoreError>>>;

/// Inserts what can be inserted in one transaction.
///
/// # Errors
/// About all groups: none of them was inserted, or ([`StoreError::Unknown`]) that cannot be told.
pub(super) async fn load(
    pool: &Pool,
    patience: Duration,
    tables: &Tables,
    realm: RealmId,
    load: &Load,
) -> Result<Answers, StoreError> {
    load.groups.iter().flatten().try_for_each(|new| table(tables, new.collection).map(drop))?;
    let mut client = pool.get().await.map_err(unavailable)?;
    let limit = patience * LONGER;
    let loading = async {
        let transaction = client.build_transaction().read_only(false).start().await.map_err(unavailable)?;
        let timeout = format!("SET LOCAL statement_timeout = {}", limit.as_millis());
        transaction.batch_execute(&timeout).await.map_err(unavailable)?;
        let take = transaction.prepare_cached(sql::TAKE_UNIT).await.map_err(unavailable)?;
        transaction.execute(&take, &[&Param::Uuid(load.unit), &Param::moment(load.now)]).await.map_err(refusal)?;
        let mut loading = Loading { transaction, tables, realm, load, answers: Vec::new() };
        loading.answers.resize_with(load.groups.len(), || None);
        let mut open: Vec<usize> = (0..load.groups.len()).collect();
        for _ in 0..ROUNDS {
            let groups: Vec<&[NewRecord]> = open.iter().map(|at| load.groups[*at].as_slice()).collect();
            let (first, others) = apart(&groups, |new| &tables[new.collection].spec);
            loading.insert(first.into_iter().map(|at| open[at]).collect()).await?;
            open = others.into_iter().map(|at| open[at]).collect();
            if open.is_empty() {
                break;
            }
        }
        let Loading { transaction, answers, .. } = loading;
        transaction.commit().await.map_err(commit_refusal)?;
        Ok(answers)
    };
    match tokio::time::timeout(limit * 2, loading).await {
        Ok(Err(StoreError::Referenced | StoreError::TooLarge | StoreError::Outdated { .. })) => {
            // One of them is to blame: by themselves they say which.
            Ok(load.groups.iter().map(|_| None).collect())
        }
        Ok(answer) => answer,
        Err(late) => {
            // Whatever it still does, nobody else shall wait behind it.
            drop(Object::take(client));
            Err(unknown(late))
        }
    }
}

struct Loading<'a> {
    transaction: Transaction<'a>,
    tables: &'a Tables,
    realm: RealmId,
    load: &'a Load,
    answers: Answers,
}

impl<'a> Loading<'a> {
    /// Inserts groups that are not in each other's way, and answers for those for which it can.
    async fn insert(&mut self, groups: Vec<usize>) -> Result<(), StoreError> {
        let mut refused: BTreeMap<&'static str, Vec<(usize, &'a NewRecord)>> = BTreeMap::new();
        let (mut dead, mut inserted) = (HashSet::new(), Vec::new());
        for table in self.in_order(&groups) {
            let mut rows = self.of(table, groups.iter().filter(|at| !dead.contains(*at)));
            // The order in which every unit takes unique keys.
            rows.sort_by(|(_, a), (_, b)| a.record.columns.cmp(&b.record.columns));
            let kept = self.insert_rows(table, &rows).await?;
            for (at, new) in rows {
                if !kept.contains(&new.record.id) && dead.insert(at) {
                    refused.entry(table.spec.name).or_default().push((at, new));
                }
            }
            inserted.push((table, kept));
        }
        for at in &groups {
            if !dead.contains(at) {
                self.answers[*at] = Some(Ok(()));
            }
        }
        if dead.is_empty() {
            return Ok(());
        }
        for (table, kept) in inserted {
            // What stands in the way may be of this very load: nothing is taken back but what was just inserted.
            let rows = self.of(table, dead.iter());
            let ids: Vec<Uuid> = rows.iter().map(|(_, new)| new.record.id).filter(|id| kept.contains(id)).collect();
            let statement = self.transaction.prepare_cached(&table.unload).await.map_err(unavailable)?;
            self.transaction.execute(&statement, &[&ids, &self.load.unit]).await.map_err(refusal)?;
        }
        for (name, refused) in refused {
            self.explain(&self.tables[name], refused).await?;
        }
        Ok(())
    }

    /// The collections of these groups: those with unique keys first, as what is refused there need not be inserted
    /// anywhere else.
    fn in_order(&self, groups: &[usize]) -> Vec<&'a Table> {
        let names: HashSet<&str> =
            groups.iter().flat_map(|at| &self.load.groups[*at]).map(|new| new.collection).collect();
        let mut tables: Vec<&Table> = names.into_iter().map(|name| self.tables[name].as_ref()).collect();
        tables.sort_by_key(|table| (!table.spec.indexes.iter().any(|index| index.unique), table.spec.name));
        tables
    }

    fn of<'g>(&self, table: &Table, groups: impl Iterator<Item = &'g usize>) -> Vec<(usize, &'a NewRecord)> {
        let load = self.load;
        let of = |at: &'g usize| load.groups[*at].iter().map(|new| (*at, new));
        groups.flat_map(of).filter(|(_, new)| new.collection == table.spec.name).collect()
    }

    /// The ids of those that were inserted.
    async fn insert_rows(&self, table: &Table, rows: &[(usize, &NewRecord)]) -> Result<HashSet<Uuid>, StoreError> {
        if rows.is_empty() {
            return Ok(HashSet::new());
        }
        let records = || rows.iter().map(|(_, new)| &new.record);
        let mut params: Vec<Box<dyn ToSql + Sync + Send + '_>> = vec![
            Box::new(self.realm.uuid()),
            Box::new(self.load.unit),
            Box::new(Param::moment(self.load.now)),
            Box::new(records().map(|record| record.id).collect::<Vec<Uuid>>()),
            Box::new(records().map(|record| i32::from(record.shape)).collect::<Vec<i32>>()),
            Box::new(Unseen(records().map(|record| record.doc.as_str()).collect::<Vec<&str>>())),
        ];
        if table.spec.expires {
            let expiry = |record: &ciam_core::store::Encoded| record.expires.map_or(Moment::FOREVER, Moment::new);
            params.push(Box::new(records().map(expiry).collect::<Vec<Moment>>()));
        }
        for (at, column) in table.spec.columns.iter().enumerate() {
            params.push(array(column.kind, records().map(|record| &record.columns[at])));
        }
        for at in 0..table.spec.live.len() {
            params.push(Box::new(records().map(|record| record.live[at]).collect::<Vec<i64>>()));
        }
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| &**param as &(dyn ToSql + Sync)).collect();
        let statement = self.transaction.prepare_cached(&table.load).await.map_err(unavailable)?;
        let kept = self.transaction.query(&statement, &params).await.map_err(refusal)?;
        Ok(kept.iter().map(|row| row.get(0)).collect())
    }

    /// Finds what is in the way of records that were refused, where that can be said.
    async fn explain(&mut self, table: &Table, refused: Vec<(usize, &NewRecord)>) -> Result<(), StoreError> {
        if table.spec.expires {
            return Ok(());
        }
        let records = || refused.iter().map(|(_, new)| &new.record);
        let mut params: Vec<Box<dyn ToSql + Sync + Send + '_>> =
            vec![Box::new(self.realm.uuid()), Box::new(records().map(|record| record.id).collect::<Vec<Uuid>>())];
        for at in &table.unique_columns {
            params.push(array(table.spec.columns[*at].kind, records().map(|record| &record.columns[*at])));
        }
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| &**param as &(dyn ToSql + Sync)).collect();
        let statement = self.transaction.prepare_cached(&table.in_the_way).await.map_err(unavailable)?;
        for row in self.transaction.query(&statement, &params).await.map_err(unavailable)? {
            let nth = usize::try_from(row.get::<_, i64>(0) - 1).unwrap_or_default();
            let index = usize::try_from(row.get::<_, i32>(1)).ok().and_then(|at| table.unique_at(at));
            let collection = table.spec.name;
            self.answers[refused[nth].0] = index.map(|index| Err(StoreError::Conflict { collection, index }));
        }
        Ok(())
    }
}

/// The values of a column, of its type.
fn array<'v>(kind: ColumnType, values: impl Iterator<Item = &'v Value>) -> Box<dyn ToSql + Sync + Send + 'v> {
    fn of<'v, T>(values: impl Iterator<Item = &'v Value>, of: fn(&'v Value) -> Option<T>) -> Vec<Option<T>> {
        values.map(of).collect()
    }
    match kind {
        ColumnType::Int => Box::new(Unseen(of(values, |value| match value {
            Value::Int(number) => Some(*number),
            _ => None,
        }))),
        ColumnType::Text => Box::new(Unseen(of(values, |value| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        }))),
        ColumnType::Uuid => Box::new(Unseen(of(values, |value| match value {
            Value::Uuid(uuid) => Some(*uuid),
            _ => None,
        }))),
        ColumnType::Bytes => Box::new(Unseen(of(values, |value| match value {
            Value::Bytes(bytes) => Some(bytes.as_slice()),
            _ => None,
        }))),
    }
}

/// What it means for all groups that the server refuses a statement.
fn refusal(error: tokio_postgres::Error) -> StoreError {
    let Some(said) = error.as_db_error() else { return unavailable(error) };
    let is = |state: &SqlState| said.code() == state;
    if is(&SqlState::UNIQUE_VIOLATION) && said.constraint() == Some(sql::UNITS_KEY) {
        StoreError::Conflict { collection: UNITS, index: "id" }
    } else if is(&SqlState::T_R_DEADLOCK_DETECTED) || is(&SqlState::T_R_SERIALIZATION_FAILURE) {
        StoreError::Stale { collection: UNITS, id: Uuid::nil() }
    } else if is(&SqlState::FOREIGN_KEY_VIOLATION) || is(&SqlState::RESTRICT_VIOLATION) {
        StoreError::Referenced
    } else if is(&SqlState::PROGRAM_LIMIT_EXCEEDED) {
        StoreError::TooLarge
    } else if is(&SqlState::CHECK_VIOLATION) {
        StoreError::Outdated { collection: UNITS }
    } else {
        unavailable(error)
    }
}

/// The statement that inserts rows: `$1` realm, `$2` unit, `$3` now, then arrays: ids, shapes, documents, expiries,
/// columns, tallies and peaks. Answers the ids of those that it has inserted.
pub(super) fn insert(spec: &CollectionSpec, names: &[String], offset: i64, generation: i32, table: &str) -> String {
    let kinds = spec.columns.iter().map(|column| kind(column.kind)).chain(spec.live.iter().map(|_| "bigint"));
    let own = ["uuid", "integer", "text"].into_iter().chain(spec.expires.then_some("timestamptz"));
    let kinds: Vec<&str> = own.chain(kinds).collect();
    let arrays: Vec<String> = kinds.iter().enumerate().map(|(at, kind)| format!("${}::{kind}[]", at + 4)).collect();
    let fields: Vec<String> = (0..kinds.len()).map(|at| format!("c{at}")).collect();
    let mut values = vec!["c0", "$1::uuid", "$2::uuid", "c1", "c2::json", "$3::timestamptz", "$3::timestamptz"];
    values.extend(fields.iter().skip(3).map(String::as_str));
    let major = format!("pg_current_xact_id()::text::bigint + {offset}");
    let generation = generation.to_string();
    let mut names = names.to_vec();
    names.push("layout".to_owned());
    values.push(&generation);
    if spec.stream {
        names.push("major".to_owned());
        values.push(&major);
    }
    format!(
        "INSERT INTO {table} ({}) SELECT {} FROM unnest({}) AS rows ({}) ON CONFLICT DO NOTHING RETURNING id",
        names.join(", "),
        values.join(", "),
        arrays.join(", "),
        fields.join(", ")
    )
}

/// The statement that says what is in the way of records: `$1` realm, then arrays: ids, and the columns of the unique
/// indexes. Answers for each its number, from 1, and which constraint has it already.
pub(super) fn in_the_way(spec: &CollectionSpec, table: &str) -> String {
    let mut arrays = vec!["$2::uuid[]".to_owned()];
    let mut cases = format!("WHEN EXISTS (SELECT 1 FROM {table} AS held WHERE held.id = wanted.c0) THEN 0");
    for (nth, index) in spec.indexes.iter().filter(|index| index.unique).enumerate() {
        let mut same = "held.realm = $1::uuid".to_owned();
        for name in &index.columns {
            let of = spec.columns.iter().find(|column| column.name == *name);
            let at = arrays.len();
            arrays.push(format!("${}::{}[]", at + 2, of.map_or("text", |column| kind(column.kind))));
            same.push_str(&format!(" AND held.\"{name}\" = wanted.c{at}"));
        }
        cases.push_str(&format!(" WHEN EXISTS (SELECT 1 FROM {table} AS held WHERE {same}) THEN {}", nth + 1));
    }
    let fields: Vec<String> = (0..arrays.len()).map(|at| format!("c{at}")).collect();
    format!(
        "SELECT wanted.nth, CASE {cases} ELSE -1 END FROM unnest({}) WITH ORDINALITY AS wanted ({}, nth) \
         WHERE $1::uuid IS NOT NULL",
        arrays.join(", "),
        fields.join(", ")
    )
}

const fn kind(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Int => "bigint",
        ColumnType::Text => "text",
        ColumnType::Uuid => "uuid",
        ColumnType::Bytes => "bytea",
    }
}
