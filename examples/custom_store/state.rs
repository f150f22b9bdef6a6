//! What there is: records in ordered maps, and the lines of the journal that lead to them.

use std::collections::{BTreeMap, BTreeSet};

use ciam::RealmId;
use ciam::clock::Timestamp;
use ciam::store::{CollectionSpec, Cursor, IndexSpec, Position, RawQuery, RecordKey, Row, StoreError, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One step from one state to the next: what the journal consists of.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) unit: Option<(Uuid, Unit)>,
    /// The records that are other ones from now on; none for one that is gone.
    pub(crate) records: BTreeMap<String, BTreeMap<Uuid, Option<Kept>>>,
    /// Units whose ids need not be known any more.
    pub(crate) forgotten: Vec<Uuid>,
    pub(crate) layouts: BTreeMap<String, String>,
}

/// Who has taken a unit's id, and when: its commit, or else a settlement.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Unit {
    pub(crate) at: Timestamp,
    pub(crate) committed: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) realm: RealmId,
    pub(crate) version: Uuid,
    pub(crate) shape: u16,
    pub(crate) doc: String,
    pub(crate) columns: Vec<Cell>,
    pub(crate) live: Vec<i64>,
    pub(crate) expires: Option<Timestamp>,
    /// The place in the stream; zero outside of it.
    pub(crate) place: u64,
}

/// A value that serde can write.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Cell(#[serde(with = "ValueInJson")] pub(crate) Value);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Value")]
enum ValueInJson {
    Null,
    Int(i64),
    Text(String),
    Uuid(Uuid),
    Bytes(Vec<u8>),
}

/// The number of an index, the realm, the values of the columns, the id.
type Place = (usize, RealmId, Vec<Value>, Uuid);

impl Kept {
    pub(crate) fn is_alive(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    /// The values of an index: none where one of them is null.
    pub(crate) fn key(&self, spec: &CollectionSpec, index: &IndexSpec) -> Option<Vec<Value>> {
        let cell = |name| spec.columns.iter().zip(&self.columns).find(|(column, _)| column.name == name);
        let value = |name: &&'static str| cell(*name).map(|(_, cell)| cell.0.clone()).filter(|value| !value.is_null());
        index.columns.iter().map(value).collect()
    }

    pub(crate) fn row(&self, id: Uuid) -> Row {
        Row { id, version: self.version, shape: self.shape, doc: self.doc.clone(), live: self.live.clone() }
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) tables: BTreeMap<String, Table>,
    pub(crate) units: BTreeMap<Uuid, Unit>,
    /// The events, in the order of their commits.
    pub(crate) stream: BTreeMap<(RealmId, u64), (String, Uuid)>,
    /// The last place in the stream that was ever given.
    pub(crate) last_place: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Table {
    /// What was declared when the first record came.
    pub(crate) layout: String,
    /// What this program declares; none until it has.
    spec: Option<CollectionSpec>,
    pub(crate) records: BTreeMap<Uuid, Kept>,
    index: BTreeSet<Place>,
}

impl State {
    /// # Errors
    /// [`StoreError::Misuse`] for a collection that the program has not declared.
    pub(crate) fn table(&self, name: &str) -> Result<(&Table, &CollectionSpec), StoreError> {
        let table = self.tables.get(name).and_then(|table| Some((table, table.spec.as_ref()?)));
        table.ok_or(StoreError::Misuse("the store was not prepared for this collection"))
    }

    pub(crate) fn read(&self, realm: RealmId, now: Timestamp, key: &RecordKey) -> Result<Option<Row>, StoreError> {
        let kept = self.table(key.collection)?.0.records.get(&key.id);
        Ok(kept.filter(|kept| kept.realm == realm && kept.is_alive(now)).map(|kept| kept.row(key.id)))
    }

    /// Walks through all that have the fixed columns: quick for one user's sessions, slow for a page of all users.
    pub(crate) fn find(
        &self,
        realm: RealmId,
        now: Timestamp,
        query: &RawQuery,
    ) -> Result<Vec<(Cursor, Row)>, StoreError> {
        let (table, spec) = self.table(query.collection)?;
        let index = spec.indexes.iter().position(|index| index.columns == query.columns);
        let index = index.ok_or(StoreError::Misuse("the collection has no such index"))?;
        let open = spec.columns.iter().find(|column| Some(column.name) == query.open_column());
        if query.after.as_ref().is_some_and(|after| !after.fits(open.map(|column| column.kind))) {
            return Err(StoreError::Misuse("the cursor is of another list"));
        }
        let first = (index, realm, query.equal.clone(), Uuid::nil());
        let within = |place: &&Place| (place.0, place.1) == (index, realm) && place.2.starts_with(&query.equal);
        let found = table.index.range(first..).take_while(within).filter_map(|(_, _, values, id)| {
            let cursor = Cursor { value: values.get(query.equal.len()).cloned(), id: *id };
            let kept = table.records.get(id).filter(|kept| kept.is_alive(now) && query.reaches(&cursor))?;
            Some((cursor, kept))
        });
        let mut found: Vec<_> = found.collect();
        if query.descending {
            found.reverse();
        }
        Ok(found.into_iter().take(query.limit as usize).map(|(at, kept)| (at.clone(), kept.row(at.id))).collect())
    }

    pub(crate) fn tail(&self, realm: RealmId, after: Position, limit: u32) -> Vec<(Position, Row)> {
        let behind = self.stream.range((realm, after.minor.saturating_add(1))..=(realm, u64::MAX));
        let events = behind.filter_map(|((_, place), (name, id))| {
            let kept = self.tables.get(name)?.records.get(id)?;
            Some((Position { major: 0, minor: *place }, kept.row(*id)))
        });
        events.take(limit as usize).collect()
    }

    /// Takes over what a line of the journal says.
    pub(crate) fn apply(&mut self, line: Line) {
        for (name, layout) in line.layouts {
            self.tables.entry(name).or_default().layout = layout;
        }
        for (name, records) in line.records {
            let table = self.tables.entry(name.clone()).or_default();
            for (id, kept) in records {
                for place in table.places(id) {
                    table.index.remove(&place);
                }
                if let Some(before) = table.records.remove(&id) {
                    self.stream.remove(&(before.realm, before.place));
                }
                let Some(kept) = kept else { continue };
                if kept.place > 0 {
                    self.last_place = self.last_place.max(kept.place);
                    self.stream.insert((kept.realm, kept.place), (name.clone(), id));
                }
                table.records.insert(id, kept);
                table.index.extend(table.places(id));
            }
        }
        self.units.extend(line.unit);
        for unit in line.forgotten {
            self.units.remove(&unit);
        }
    }
}

impl Table {
    /// Begins to serve the collection as the program declares it.
    pub(crate) fn declare(&mut self, spec: CollectionSpec) {
        self.spec = Some(spec);
        self.index = self.records.keys().flat_map(|id| self.places(*id)).collect();
    }

    /// Who has a key of an index, expired or not.
    pub(crate) fn holders(&self, index: usize, realm: RealmId, key: &[Value]) -> impl Iterator<Item = Uuid> {
        let places = (index, realm, key.to_vec(), Uuid::nil())..=(index, realm, key.to_vec(), Uuid::max());
        self.index.range(places).map(|(_, _, _, id)| *id)
    }

    /// Where the record stands in the indexes.
    fn places(&self, id: Uuid) -> Vec<Place> {
        let Some((spec, kept)) = self.spec.as_ref().zip(self.records.get(&id)) else { return Vec::new() };
        let numbered = spec.indexes.iter().enumerate();
        numbered.filter_map(|(number, index)| Some((number, kept.realm, kept.key(spec, index)?, id))).collect()
    }
}
