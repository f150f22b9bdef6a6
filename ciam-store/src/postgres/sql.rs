//! The statements of one table, written once when the store is prepared.
//!
//! All statements of a batch leave in one flight, the COMMIT among them, before any answer is known. So a condition
//! that does not hold must *raise*: after an error PostgreSQL takes back the transaction, whatever follows. A statement
//! raises [`ABSENT`] when it finds no record to act upon, and [`REFUSED`] when a bound refuses; both by arithmetic that
//! has no answer, so that nothing has to be installed in the database.

use std::fmt::Write as _;

use ciam_core::store::{CollectionSpec, IndexSpec};
use tokio_postgres::error::SqlState;

use crate::generations::{Filled, Standing};
use crate::layout::{IndexLayout, bare_table_name, quoted, table_name};

use super::load;
use super::schema::{DIALECT, FENCE};
use crate::query;

/// Division by zero: there was no row.
pub(super) const ABSENT: &SqlState = &SqlState::DIVISION_BY_ZERO;
/// The square root of a negative number: a bound refuses.
pub(super) const REFUSED: &SqlState = &SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION;

/// Takes the id of a unit: `$1` id, `$2` moment.
pub(super) const TAKE_UNIT: &str = "INSERT INTO ciam_units (id, at, committed) VALUES ($1, $2, true)";
/// The constraint that refuses a unit's id.
pub(super) const UNITS_KEY: &str = "ciam_units_pkey";
/// Takes the id of a unit unless it is taken; waits for a commit that is taking it: `$1` id, `$2` moment.
pub(super) const SETTLE_UNIT: &str =
    "INSERT INTO ciam_units (id, at, committed) VALUES ($1, $2, false) ON CONFLICT DO NOTHING";
/// Whether the id was taken by the unit's commit, or by settling it: `$1` id.
pub(super) const UNIT_COMMITTED: &str = "SELECT committed FROM ciam_units WHERE id = $1";
/// Forgets old units: `$1` moment, `$2` limit. Their ids are UUIDv7, so the oldest come first.
pub(super) const SWEEP_UNITS: &str = "DELETE FROM ciam_units WHERE id IN \
    (SELECT id FROM (SELECT id, at FROM ciam_units ORDER BY id LIMIT $2) AS oldest WHERE at <= $1)";
/// Whether the server can be written to: whether it is no standby.
pub(super) const PING: &str = "SELECT NOT pg_is_in_recovery()";

/// A collection and its statements. `$1` is the id, `$2` the realm, `$3` now, unless they say otherwise.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) spec: CollectionSpec,
    pub(super) filled: Filled,
    /// What rows say that this handle writes.
    pub(super) generation: i32,
    /// One record.
    pub(super) read: String,
    /// `$1` realm, `$2` and `$3` place, `$4` limit; of the stream only.
    pub(super) tail: String,
    /// When the first event was written that [`tail`](Self::tail) holds back: `$1` realm; of the stream only.
    pub(super) held_back: String,
    /// In the order of [`query::inserted`]; the stream's order is the database's to give.
    pub(super) insert: String,
    /// `$4` expected version, `$5` version, `$6` shape, `$7` doc, then expiry, then columns.
    pub(super) replace: String,
    /// `$4` expected version.
    pub(super) remove: String,
    /// `$4` expected version; shares the record with other guards.
    pub(super) guard: String,
    /// As `guard`, for who will change the record in the same batch: two that share it would wait for each other.
    pub(super) guard_alone: String,
    /// Three statements that keep a key free until the end of the transaction, `$4` version in each: takes it, unless
    /// there is a row; requires that the row is this one, or one that counts as absent; gives the key back.
    pub(super) keep_free: [String; 3],
    /// `$4` expected version, `$5` version.
    pub(super) touch: String,
    pub(super) live: Vec<Live>,
    /// Removes expired records that hold the id or a unique key: `$4` and on, the values of the unique indexes.
    pub(super) make_room: String,
    /// Where these values stand among the record's columns.
    pub(super) unique_columns: Vec<usize>,
    /// The name of each unique index (of the primary key first), and what a refusal calls it.
    unique_names: Vec<(String, &'static str)>,
    /// Many records; see `load.rs`.
    pub(super) load: String,
    /// Takes them back: `$1` ids, `$2` version.
    pub(super) unload: String,
    /// What refuses them; see `load.rs`.
    pub(super) in_the_way: String,
    /// `$1` now, `$2` limit; of collections that expire only.
    pub(super) sweep: Option<String>,
    /// As [`query::refreshed`] says.
    pub(super) refresh: String,
}

/// A tally or a peak.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) name: &'static str,
    /// `$4` how much, `$5` the least and `$6` the most that the sum may be.
    pub(super) add: String,
    /// Inserts, or adds to what lives: the parameters of [`Table::insert`], then how much, the least, the most.
    pub(super) add_or_insert: String,
    /// `$4` the value.
    pub(super) raise: String,
    /// `$4` the value.
    pub(super) raise_strictly: String,
}

/// A text with its parameters as PostgreSQL writes them.
pub(super) fn numbered(text: &str) -> String {
    text.replace('?', "$")
}

/// A statement that raises [`ABSENT`] unless another changes a row.
fn required(change: &str) -> String {
    format!("WITH done AS ({change} RETURNING 1) SELECT 1 / count(*) FROM done")
}

impl Table {
    /// The statements; `offset` is what the stream adds to the ids of transactions.
    pub(super) fn new(spec: CollectionSpec, offset: i64, standing: Standing) -> Self {
        let generation = standing.generation;
        let table = table_name(&spec);
        // `$3` is bound in every statement, so it stands in the text also where nothing expires.
        let live = if spec.expires { "expires_at > $3" } else { "$3::timestamptz IS NOT NULL" };
        let mine = format!("id = $1 AND realm = $2 AND {live}");
        let row = row_columns(&spec);
        let insert = insert(&spec, offset, generation);
        let replaced = numbered(&query::replaced(&spec, generation));
        let guard = |lock: &str| {
            format!("SELECT 1 / count(*) FROM (SELECT 1 FROM {table} WHERE {mine} AND version = $4 {lock}) AS held")
        };
        let (make_room, unique_columns) = make_room(&spec);
        let key = (format!("{}_pkey", bare_table_name(&spec)), "id");
        let unique = spec.indexes.iter().filter(|index| index.unique);
        let named = |index: &IndexSpec| (IndexLayout::declared(&DIALECT, &spec, index).name, index.columns[0]);
        let load = load::insert(&spec, &query::inserted(&spec), offset, generation, &table);
        let offset = if offset == 0 { String::new() } else { format!(" + {offset}") };
        Self {
            read: format!("SELECT {row} FROM {table} WHERE {mine}"),
            held_back: format!(
                "SELECT (extract(epoch FROM created_at) * 1000000)::bigint FROM {table} WHERE realm = $1 \
                 AND major >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint{offset} \
                 ORDER BY major, seq LIMIT 1"
            ),
            tail: format!(
                "SELECT {row}, major, seq FROM {table} WHERE realm = $1 AND (major, seq) > ($2, $3) \
                 AND major < pg_snapshot_xmin(pg_current_snapshot())::text::bigint{offset} \
                 ORDER BY major, seq LIMIT $4"
            ),
            replace: required(&format!("UPDATE {table} SET {replaced} WHERE {mine} AND version = $4")),
            remove: required(&format!("DELETE FROM {table} WHERE {mine} AND version = $4")),
            guard: guard("FOR SHARE"),
            guard_alone: guard("FOR NO KEY UPDATE"),
            keep_free: keep_free(&spec, generation),
            touch: required(&format!("UPDATE {table} SET version = $5, updated_at = $3 WHERE {mine} AND version = $4")),
            live: spec.live.iter().map(|name| Live::new(&spec, name, &mine, &insert)).collect(),
            make_room,
            unique_columns,
            unique_names: [key].into_iter().chain(unique.map(named)).collect(),
            load,
            unload: format!("DELETE FROM {table} WHERE id = ANY($1::uuid[]) AND version = $2"),
            in_the_way: load::in_the_way(&spec, &table),
            sweep: spec.expires.then(|| {
                format!(
                    "WITH gone AS (SELECT id FROM {table} WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 \
                     FOR UPDATE SKIP LOCKED) DELETE FROM {table} AS swept USING gone WHERE swept.id = gone.id"
                )
            }),
            insert,
            refresh: numbered(&query::refreshed(&spec, &standing)),
            filled: Filled::new(standing),
            generation,
            spec,
        }
    }

    /// What a refusal calls the constraint: `id`, or the first column of a unique index.
    pub(super) fn unique(&self, constraint: &str) -> Option<&'static str> {
        self.unique_names.iter().find(|(name, _)| name == constraint).map(|(_, first)| *first)
    }

    /// What a refusal calls the constraint with this number: `id` is 0.
    pub(super) fn unique_at(&self, nth: usize) -> Option<&'static str> {
        self.unique_names.get(nth).map(|(_, first)| *first)
    }

    /// Rows of which generation the constraint wants at least, if it is a fence of this table.
    pub(super) fn fence(&self, constraint: &str) -> Option<i32> {
        constraint.strip_prefix(&bare_table_name(&self.spec))?.strip_prefix(FENCE)?.parse().ok()
    }

    /// One statement for records of several tables, seen at one moment: `$1` realm, `$2` now, then for each table the
    /// ids as an array. The number of the table comes first.
    pub(super) fn read_many(tables: &[&Self]) -> String {
        let mut text = String::with_capacity(256 * tables.len());
        for (at, table) in tables.iter().enumerate() {
            let live = if table.spec.expires { "expires_at > $2" } else { "$2::timestamptz IS NOT NULL" };
            let _ = write!(
                text,
                "{}SELECT {at}, {} FROM {} WHERE id = ANY(${}::uuid[]) AND realm = $1 AND {live}",
                if at == 0 { "" } else { " UNION ALL " },
                row_columns(&table.spec),
                table_name(&table.spec),
                at + 3,
            );
        }
        text
    }
}

impl Live {
    fn new(spec: &CollectionSpec, name: &'static str, mine: &str, insert: &str) -> Self {
        let (table, column) = (table_name(spec), quoted(name));
        let refusal = |of: &str| format!("sqrt(-1 - abs(sign({of}::float8)))::bigint");
        let sum = |of: &str, by: usize| {
            let sum = format!("{of}::numeric + ${by}::bigint");
            format!("least(greatest({sum}, {}), {})::bigint", i64::MIN, i64::MAX)
        };
        let bounded = |of: &str, by: usize| {
            let sum = sum(of, by);
            format!(
                "CASE WHEN {sum} BETWEEN ${}::bigint AND ${}::bigint THEN {sum} ELSE {} END",
                by + 1,
                by + 2,
                refusal(of)
            )
        };
        let change = |value: &str, only: &str| format!("UPDATE {table} SET {column} = {value} WHERE {mine}{only}");
        Self {
            name,
            add: required(&change(&bounded(&column, 4), "")),
            add_or_insert: add_or_insert(spec, name, insert, &|of| bounded(of, query::inserted(spec).len() + 1)),
            raise: format!(
                "WITH done AS ({} RETURNING 1) SELECT 1 / count(*) FROM \
                 (SELECT 1 FROM done UNION ALL SELECT 1 FROM {table} WHERE {mine}) AS there",
                change("$4", &format!(" AND {column} < $4"))
            ),
            raise_strictly: required(&change(
                &format!("CASE WHEN {column} < $4 THEN $4 ELSE {} END", refusal(&column)),
                "",
            )),
        }
    }
}

/// What is read of a record, before anything that a statement adds.
pub(super) fn row_columns(spec: &CollectionSpec) -> String {
    let live: Vec<String> = spec.live.iter().map(|name| quoted(name)).collect();
    format!("id, version, shape, doc, ARRAY[{}]::bigint[]", live.join(", "))
}

fn insert(spec: &CollectionSpec, offset: i64, generation: i32) -> String {
    let mut names = query::inserted(spec);
    let mut values: Vec<String> = (1..=names.len()).map(|at| format!("${at}")).collect();
    names.push("layout".to_owned());
    values.push(generation.to_string());
    if spec.stream {
        names.push("major".to_owned());
        values.push(format!("pg_current_xact_id()::text::bigint + {offset}"));
    }
    format!("INSERT INTO {} AS kept ({}) VALUES ({})", table_name(spec), names.join(", "), values.join(", "))
}

fn add_or_insert(spec: &CollectionSpec, tally: &str, insert: &str, bounded: &dyn Fn(&str) -> String) -> String {
    let tally = quoted(tally);
    let added = bounded(&format!("kept.{tally}"));
    let mut changes = Vec::new();
    if spec.expires {
        // `$7` is now: an expired record is replaced whole.
        for column in query::inserted(spec).iter().skip(2).map(String::as_str).chain(["layout"]) {
            let lives = if column == tally { added.clone() } else { format!("kept.{column}") };
            changes.push(format!("{column} = CASE WHEN kept.expires_at > $7 THEN {lives} ELSE excluded.{column} END"));
        }
    } else {
        changes.push(format!("{tally} = {added}"));
    }
    required(&format!("{insert} ON CONFLICT (id) DO UPDATE SET {} WHERE kept.realm = $2", changes.join(", ")))
}

fn keep_free(spec: &CollectionSpec, generation: i32) -> [String; 3] {
    let generation = generation.to_string();
    let mut names = vec!["id", "realm", "version", "shape", "doc", "created_at", "updated_at", "layout"];
    let mut values = vec!["$1", "$2", "$4", "0", "'null'", "$3", "$3", &generation];
    if spec.expires {
        names.push("expires_at");
        values.push("'infinity'");
    }
    if spec.stream {
        names.push("major");
        values.push("0");
    }
    for name in &spec.live {
        names.push(name);
        values.push("0");
    }
    let names: Vec<String> = names.into_iter().map(quoted).collect();
    let (table, names, values) = (table_name(spec), names.join(", "), values.join(", "));
    let absent =
        if spec.expires { "version = $4 OR realm <> $2 OR expires_at <= $3" } else { "version = $4 OR realm <> $2" };
    [
        format!("INSERT INTO {table} ({names}) VALUES ({values}) ON CONFLICT (id) DO NOTHING"),
        format!(
            "SELECT 1 / count(*) FROM (SELECT 1 FROM {table} WHERE id = $1 AND ({absent}) \
             AND $3::timestamptz IS NOT NULL FOR SHARE) AS held"
        ),
        format!("DELETE FROM {table} WHERE id = $1 AND realm = $2 AND version = $4 AND $3::timestamptz IS NOT NULL"),
    ]
}

fn make_room(spec: &CollectionSpec) -> (String, Vec<usize>) {
    let mut text = format!("DELETE FROM {} WHERE realm = $2 AND ", table_name(spec));
    text.push_str(if spec.expires { "expires_at <= $3" } else { "$3::timestamptz IS NULL" });
    text.push_str(" AND (id = $1");
    let mut places = Vec::new();
    for index in spec.indexes.iter().filter(|index| index.unique) {
        let columns = index.columns.iter().filter_map(|name| spec.columns.iter().position(|c| c.name == *name));
        text.push_str(" OR (");
        for (nth, at) in columns.enumerate() {
            places.push(at);
            let and = if nth == 0 { "" } else { " AND " };
            let _ = write!(text, "{and}{} = ${}", quoted(spec.columns[at].name), places.len() + 3);
        }
        text.push(')');
    }
    text.push(')');
    (text, places)
}
