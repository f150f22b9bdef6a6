//! The statements of one table, written once when the store is prepared.

use std::fmt::Write as _;

use ciam_core::clock::Timestamp;
use ciam_core::id::RealmId;
use ciam_core::store::{CollectionSpec, IndexSpec, RawQuery, StoreError};
use rusqlite::Statement;

use super::executor::Bind;
use crate::generations::{Filled, Standing};
use crate::layout::{quoted, table_name};
use crate::query::{self, Param};

/// Takes the id of a unit; changes nothing when it is taken already.
pub(super) const TAKE_UNIT: &str =
    "INSERT INTO ciam_units (id, at, committed) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";

/// Whether the id was taken by the unit's commit, or by settling it.
pub(super) const UNIT_COMMITTED: &str = "SELECT committed FROM ciam_units WHERE id = ?1";

/// Forgets old units. Their ids are UUIDv7, so the oldest come first and few have to be looked at.
pub(super) const SWEEP_UNITS: &str = "DELETE FROM ciam_units WHERE id IN \
    (SELECT id FROM (SELECT id, at FROM ciam_units ORDER BY id LIMIT ?2) WHERE at <= ?1)";

/// A collection and its statements.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) spec: CollectionSpec,
    pub(super) filled: Filled,
    /// `?1` id, `?2` realm, `?3` now.
    pub(super) read: String,
    /// `?1` realm, `?2` place, `?3` limit; of the stream only.
    pub(super) tail: String,
    /// In the order of [`query::inserted`].
    pub(super) insert: String,
    /// `?1` id, `?2` realm, `?3` now, `?4` expected version, `?5` version, `?6` shape, `?7` doc, then expiry, then columns.
    pub(super) replace: String,
    /// `?1` id, `?2` realm, `?3` now, `?4` expected version.
    pub(super) remove: String,
    /// `?1` id, `?2` realm, `?3` now.
    pub(super) version: String,
    /// `?1` id, `?2` realm, `?3` now, `?4` expected version, `?5` version.
    pub(super) touch: String,
    /// How to read and write each tally and peak.
    pub(super) live: Vec<Live>,
    /// Whether an id stands in the way of an insert: `?1` id, `?2` realm, `?3` now.
    pub(super) taken: String,
    /// `?1` id.
    pub(super) drop: String,
    pub(super) unique: Vec<Unique>,
    /// `?1` now, `?2` limit; of collections that expire only.
    pub(super) sweep: Option<String>,
    /// As [`query::refreshed`] says.
    pub(super) refresh: String,
}

/// A tally or a peak.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) name: &'static str,
    /// `?1` id, `?2` realm, `?3` now.
    pub(super) get: String,
    /// `?1` id, `?2` value.
    pub(super) set: String,
}

/// A unique index.
#[derive(Debug)]
pub(super) struct Unique {
    pub(super) first: &'static str,
    /// Where its values stand among the record's columns.
    pub(super) columns: Vec<usize>,
    /// Who holds the key: `?1` id of who asks, `?2` realm, `?3` now, then the values. Answers id and whether it lives.
    pub(super) holder: String,
}

impl Table {
    pub(super) fn new(spec: CollectionSpec, standing: Standing) -> Self {
        let table = table_name(&spec);
        // `?3` is bound in every statement, so it stands in the text also where nothing expires.
        let live = if spec.expires { "expires_at > ?3" } else { "?3 IS NOT NULL" };
        let mine = format!("id = ?1 AND realm = ?2 AND {live}");
        let row = row_columns(&spec);
        let columns = query::inserted(&spec);
        let places: Vec<String> = (1..=columns.len()).map(|at| format!("?{at}")).collect();
        let Standing { generation, .. } = standing;
        let replaced = query::replaced(&spec, generation);
        let unique = spec.indexes.iter().filter(|index| index.unique).map(|index| unique(&spec, index)).collect();
        let lives = spec.live.iter().map(|name| Live {
            name,
            get: format!("SELECT {} FROM {table} WHERE {mine}", quoted(name)),
            set: format!("UPDATE {table} SET {} = ?2 WHERE id = ?1", quoted(name)),
        });
        Self {
            read: format!("SELECT {row} FROM {table} WHERE {mine}"),
            tail: format!("SELECT {row}, seq FROM {table} WHERE realm = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"),
            insert: format!(
                "INSERT INTO {table} ({}, layout) VALUES ({}, {generation})",
                columns.join(", "),
                places.join(", ")
            ),
            replace: format!("UPDATE {table} SET {replaced} WHERE {mine} AND version = ?4"),
            remove: format!("DELETE FROM {table} WHERE {mine} AND version = ?4"),
            version: format!("SELECT version FROM {table} WHERE {mine}"),
            touch: format!("UPDATE {table} SET version = ?5, updated_at = ?3 WHERE {mine} AND version = ?4"),
            live: lives.collect(),
            taken: format!("SELECT realm <> ?2 OR {live} FROM {table} WHERE id = ?1"),
            drop: format!("DELETE FROM {table} WHERE id = ?1"),
            unique,
            sweep: spec.expires.then(|| {
                format!(
                    "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE expires_at <= ?1 \
                     ORDER BY expires_at LIMIT ?2)"
                )
            }),
            refresh: query::refreshed(&spec, &standing),
            filled: Filled::new(standing),
            spec,
        }
    }

    /// The text that answers a query, or that counts its answer.
    ///
    /// # Errors
    /// `Misuse` for an index that is not declared, or a cursor of another list.
    pub(super) fn query(&self, query: &RawQuery, counting: bool) -> Result<String, StoreError> {
        query::text(&self.spec, query, counting, &row_columns(&self.spec))
    }

    /// Gives the statement of [`Table::query`] its values.
    pub(super) fn bind_query(
        &self,
        statement: &mut Statement<'_>,
        realm: RealmId,
        now: Timestamp,
        query: &RawQuery,
    ) -> rusqlite::Result<()> {
        let mut params = query::params(&self.spec, realm, now, query).enumerate();
        params.try_for_each(|(at, param)| {
            let bind = match param {
                Param::Uuid(uuid) => Bind::Uuid(uuid),
                Param::Value(value) => Bind::Value(value),
                Param::Moment(moment) => Bind::Int(moment.micros()),
                Param::Limit(limit) => Bind::Int(limit.into()),
            };
            statement.raw_bind_parameter(at + 1, bind)
        })
    }
}

/// What is read of a record, before anything that a statement adds.
pub(super) fn row_columns(spec: &CollectionSpec) -> String {
    let mut text = "id, version, shape, doc".to_owned();
    for name in &spec.live {
        let _ = write!(text, ", \"{name}\"");
    }
    text
}

fn unique(spec: &CollectionSpec, index: &IndexSpec) -> Unique {
    let live = if spec.expires { "expires_at > ?3" } else { "?3 IS NOT NULL" };
    let mut holder = format!("SELECT id, {live} FROM {} WHERE realm = ?2 AND id <> ?1", table_name(spec));
    for (at, column) in index.columns.iter().enumerate() {
        let _ = write!(holder, " AND \"{column}\" = ?{}", at + 4);
    }
    let of = |name: &&str| spec.columns.iter().position(|column| column.name == *name);
    Unique { first: index.columns[0], columns: index.columns.iter().filter_map(of).collect(), holder }
}
