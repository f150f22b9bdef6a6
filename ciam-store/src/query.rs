//! The SQL that both engines understand: parameters are `?1`, `?2`, … in order.

use std::fmt::Write as _;
use std::ops::Bound;

use ciam_core::clock::Timestamp;
use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{CollectionSpec, RawQuery, StoreError, Value, Wanted};
use uuid::Uuid;

use crate::generations::Standing;
use crate::layout::{quoted, table_name};

/// How many records are looked at in one step when those are sought that lack something.
const WINDOW: u32 = 1000;

/// What is written of a new record, in order.
pub(crate) fn inserted(spec: &CollectionSpec) -> Vec<String> {
    let mut names: Vec<String> =
        ["id", "realm", "version", "shape", "doc", "created_at", "updated_at"].map(str::to_owned).into();
    names.extend(changing(spec));
    names.extend(spec.live.iter().map(|name| quoted(name)));
    names
}

/// What a replacement sets: `?3` now, `?5` version, `?6` shape, `?7` doc, then expiry, then columns. Behind it goes the
/// generation, which is not a value but a part of the text.
pub(crate) fn replaced(spec: &CollectionSpec, generation: i32) -> String {
    let mut text = "version = ?5, shape = ?6, doc = ?7, updated_at = ?3".to_owned();
    for (at, column) in changing(spec).enumerate() {
        let _ = write!(text, ", {column} = ?{}", at + 8);
    }
    let _ = write!(text, ", layout = {generation}");
    text
}

/// What brings a record of an older generation up to date, if it is still at the version that was read: `?1` id,
/// `?2` realm, `?3` version, `?4` shape, `?5` doc, then expiry, then columns.
pub(crate) fn refreshed(spec: &CollectionSpec, standing: &Standing) -> String {
    let mut text = format!("UPDATE {} SET shape = ?4, doc = ?5", table_name(spec));
    for (at, column) in changing(spec).enumerate() {
        let _ = write!(text, ", {column} = ?{}", at + 6);
    }
    let Standing { generation, floor, .. } = standing;
    let older = older(spec, *floor, Wanted::Documents);
    let _ = write!(text, ", layout = {generation} WHERE id = ?1 AND realm = ?2 AND version = ?3 AND {older}");
    text
}

/// Which records are to be brought up to date.
pub(crate) fn older(spec: &CollectionSpec, floor: i32, wanted: Wanted) -> String {
    match wanted {
        Wanted::Columns => format!("layout < {floor}"),
        Wanted::Documents => format!("(layout < {floor} OR shape < {})", spec.shape),
    }
}

/// The id at the end of the next few hundred records, by id: with `?1`, after that id.
pub(crate) fn end_of_window(spec: &CollectionSpec, after: bool) -> String {
    let after = if after { " WHERE id > ?1" } else { "" };
    format!("SELECT id FROM {}{after} ORDER BY id LIMIT 1 OFFSET {}", table_name(spec), WINDOW - 1)
}

/// Those of these records that are older: the realm and then a row; `?1` after which and `?2` up to which id,
/// where there are any.
pub(crate) fn lacking(spec: &CollectionSpec, older: &str, row: &str, after: bool, end: bool) -> String {
    let after_text = if after { " AND id > ?1" } else { "" };
    let end_text = match (end, after) {
        (false, _) => "",
        (true, false) => " AND id <= ?1",
        (true, true) => " AND id <= ?2",
    };
    format!("SELECT realm, {row} FROM {} WHERE {older}{after_text}{end_text} ORDER BY id", table_name(spec))
}

/// The expiry and the columns.
fn changing(spec: &CollectionSpec) -> impl Iterator<Item = String> {
    let expiry = spec.expires.then(|| "expires_at".to_owned());
    expiry.into_iter().chain(spec.columns.iter().map(|column| quoted(column.name)))
}

/// A value of a question's text.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Param<'q> {
    Uuid(Uuid),
    Value(&'q Value),
    Moment(Timestamp),
    Limit(u32),
}

/// Writes the places of parameters, one after another.
#[derive(Default)]
struct Places(u32);

impl Places {
    fn next(&mut self) -> String {
        self.0 += 1;
        format!("?{}", self.0)
    }
}

/// The text that answers a query with these columns of a row (and the open column, if there is one), or that counts
/// its answer. Its values are those of [`params`].
///
/// # Errors
/// `Misuse` for an index that is not declared, or a cursor of another list.
pub(crate) fn text(spec: &CollectionSpec, query: &RawQuery, counting: bool, row: &str) -> Result<String, StoreError> {
    if !spec.indexes.iter().any(|index| index.columns == query.columns) {
        return Err(StoreError::Misuse("an index that the collection does not declare"));
    }
    let open = query.open_column();
    let kind = open.and_then(|name| spec.columns.iter().find(|column| column.name == name)).map(|c| c.kind);
    if query.after.as_ref().is_some_and(|after| !after.fits(kind)) {
        return Err(StoreError::Misuse("a cursor of another list"));
    }
    let mut places = Places::default();
    let mut text = String::with_capacity(512);
    text.push_str("SELECT ");
    if counting {
        text.push_str("count(*) FROM (SELECT 1");
    } else {
        text.push_str(row);
        if let Some(open) = open {
            let _ = write!(text, ", \"{open}\"");
        }
    }
    let _ = write!(text, " FROM {} WHERE realm = {}", table_name(spec), places.next());
    for column in query.columns.iter().take(query.equal.len()) {
        let _ = write!(text, " AND \"{column}\" = {}", places.next());
    }
    if let Some(open) = open {
        let _ = write!(text, " AND \"{open}\" IS NOT NULL");
        for (bound, sign) in [(&query.lower, '>'), (&query.upper, '<')] {
            match bound {
                Bound::Unbounded => {}
                Bound::Included(_) => {
                    let _ = write!(text, " AND \"{open}\" {sign}= {}", places.next());
                }
                Bound::Excluded(_) => {
                    let _ = write!(text, " AND \"{open}\" {sign} {}", places.next());
                }
            }
        }
    }
    if spec.expires {
        let _ = write!(text, " AND expires_at > {}", places.next());
    }
    let (sign, order) = if query.descending { ('<', "DESC") } else { ('>', "ASC") };
    let _ = match (&query.after, open) {
        (None, _) => Ok(()),
        (Some(_), None) => write!(text, " AND id {sign} {}", places.next()),
        (Some(_), Some(open)) => write!(text, " AND (\"{open}\", id) {sign} ({}, {})", places.next(), places.next()),
    };
    let limit = places.next();
    let _ = match (counting, open) {
        (true, _) => write!(text, " LIMIT {limit}) AS counted"),
        (false, None) => write!(text, " ORDER BY id {order} LIMIT {limit}"),
        (false, Some(open)) => write!(text, " ORDER BY \"{open}\" {order}, id {order} LIMIT {limit}"),
    };
    Ok(text)
}

/// The values of the text of a query, in order.
pub(crate) fn params<'q>(
    spec: &CollectionSpec,
    realm: RealmId,
    now: Timestamp,
    query: &'q RawQuery,
) -> impl Iterator<Item = Param<'q>> {
    let bounds = [&query.lower, &query.upper].into_iter().filter(|_| query.open_column().is_some());
    let bounds = bounds.filter_map(|bound| match bound {
        Bound::Included(value) | Bound::Excluded(value) => Some(Param::Value(value)),
        Bound::Unbounded => None,
    });
    let after =
        query.after.iter().flat_map(|after| after.value.iter().map(Param::Value).chain([Param::Uuid(after.id)]));
    [Param::Uuid(realm.uuid())]
        .into_iter()
        .chain(query.equal.iter().map(Param::Value))
        .chain(bounds)
        .chain(spec.expires.then_some(Param::Moment(now)))
        .chain(after)
        .chain([Param::Limit(query.limit)])
}
