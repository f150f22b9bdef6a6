//! Searching in memory: every record of the realm is looked at.

use async_trait::async_trait;

use super::{Kept, MemoryStore, Table};
use crate::clock::Timestamp;
use crate::id::RealmId;
use crate::store::search::{Directory, RawListing, RawSearch, SearchCursor, Start, Total};
use crate::store::{FieldSpec, StoreError, Value};

#[async_trait]
impl Directory for MemoryStore {
    async fn search(&self, realm: RealmId, now: Timestamp, search: &RawSearch) -> Result<RawListing, StoreError> {
        let state = self.lock();
        let table = state.table(search.collection)?;
        search.check(&table.spec).map_err(StoreError::Search)?;
        let place = |kept: &Kept| SearchCursor {
            values: search.sort.iter().map(|sort| value(table, kept, sort.field)).collect(),
            id: kept.row.id,
        };
        let living = table.rows.values().filter(|kept| kept.realm == realm && kept.is_live(now));
        let mut found: Vec<(SearchCursor, &Kept)> = living
            .filter(|kept| search.filter.matches(&|field| value(table, kept, field)))
            .map(|kept| (place(kept), kept))
            .collect();
        let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let total = search.count_to.map(|bound| Total::counted(count.min(bound.saturating_add(1)), bound));
        found.sort_by(|(a, _), (b, _)| search.order(a, b));
        let passed = match &search.start {
            Start::Offset(offset) => *offset as usize,
            Start::After(cursor) => found.partition_point(|(place, _)| search.order(place, cursor).is_le()),
        };
        let page = found.into_iter().skip(passed).take(search.limit as usize);
        Ok(RawListing { rows: page.map(|(place, kept)| (place, kept.row.clone())).collect(), total })
    }
}

fn value(table: &Table, kept: &Kept, field: &str) -> Value {
    if field == FieldSpec::ID.column {
        return Value::Uuid(kept.row.id);
    }
    if field == FieldSpec::CREATED_AT.column {
        return Value::Int(kept.created.micros());
    }
    if field == FieldSpec::UPDATED_AT.column {
        return Value::Int(kept.updated.micros());
    }
    let at = table.spec.columns.iter().position(|column| column.name == field);
    at.and_then(|at| kept.columns.get(at)).cloned().unwrap_or(Value::Null)
}
