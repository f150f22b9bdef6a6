//! Which groups of a load are in each other's way.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use ciam_core::store::{CollectionSpec, NewRecord, Value};

/// The groups that share no id and no unique key with one before them, and the others, each in their order.
///
/// The first may be inserted in any order, and then the others in theirs: what comes of it is the same as if all had
/// been inserted in their order. Keys are told apart by a hash: two that it takes for one only cost time.
pub(crate) fn apart<'g>(
    groups: &[&'g [NewRecord]],
    spec: impl Fn(&'g NewRecord) -> &'g CollectionSpec,
) -> (Vec<usize>, Vec<usize>) {
    let (state, mut seen) = (RandomState::new(), HashSet::new());
    let mut is_free = |key: (&str, usize, &[&Value])| seen.insert(state.hash_one(key));
    let (mut first, mut others) = (Vec::new(), Vec::new());
    for (at, group) in groups.iter().enumerate() {
        let mut all_free = true;
        for new in *group {
            let id = Value::Uuid(new.record.id);
            all_free &= is_free((new.collection, usize::MAX, &[&id]));
            for (nth, values) in unique_keys(spec(new), new) {
                all_free &= is_free((new.collection, nth, &values));
            }
        }
        if all_free { first.push(at) } else { others.push(at) }
    }
    (first, others)
}

/// The unique keys of a record, each with the number of its index; none of them holds a null.
pub(crate) fn unique_keys<'r>(
    spec: &'r CollectionSpec,
    new: &'r NewRecord,
) -> impl Iterator<Item = (usize, Vec<&'r Value>)> {
    let value = |name: &&str| {
        let at = spec.columns.iter().position(|column| column.name == *name)?;
        new.record.columns.get(at).filter(|value| !value.is_null())
    };
    let indexes = spec.indexes.iter().enumerate().filter(|(_, index)| index.unique);
    indexes.filter_map(move |(nth, index)| Some((nth, index.columns.iter().map(value).collect::<Option<_>>()?)))
}

#[cfg(test)]
mod tests {
    use ciam_core::store::{ColumnSpec, ColumnType, Encoded, IndexSpec};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn whoever_shares_a_key_with_one_before_comes_later() {
        let spec = CollectionSpec {
            name: "things",
            columns: vec![ColumnSpec { name: "name", kind: ColumnType::Text }],
            indexes: vec![IndexSpec { columns: vec!["name"], unique: true }],
            searchable: Vec::new(),
            live: Vec::new(),
            shape: 1,
            expires: false,
            stream: false,
            announced: false,
        };
        let new = |id: u128, name: Option<&str>| NewRecord {
            collection: "things",
            record: Encoded {
                id: Uuid::from_u128(id),
                doc: String::new(),
                shape: 1,
                columns: vec![name.map_or(Value::Null, |name| Value::Text(name.to_owned()))],
                live: Vec::new(),
                expires: None,
            },
        };
        let groups = [
            vec![new(1, Some("a"))],
            vec![new(2, Some("b")), new(3, None)],
            vec![new(4, Some("a")), new(5, Some("c"))],
            vec![new(6, Some("c"))],
            vec![new(3, Some("d"))],
            vec![new(7, None)],
            vec![new(8, Some("e")), new(9, Some("e"))],
        ];
        let groups: Vec<&[NewRecord]> = groups.iter().map(Vec::as_slice).collect();
        assert_eq!(apart(&groups, |_| &spec), (vec![0, 1, 5], vec![2, 3, 4, 6]));
    }
}
