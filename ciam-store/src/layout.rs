//! The tables of the SQL engines: what they hold, and whether those that are there fit.
//!
//! Every collection is a table `ciam_<name>` with the record's id, realm, version, shape, times and document, one
//! typed column for every indexed value, and one number for every tally and peak. What the engines call these types
//! is their [`Dialect`]; what is there they tell as [`ColumnLayout`]s and [`FoundIndex`]es.

use std::fmt::Write as _;

use ciam_core::store::{CollectionSpec, ColumnType, FieldSpec, IndexSpec, StoreError};

/// The columns that a table may have of ciam's own; a collection cannot declare one of these names.
const RESERVED: [&str; 10] =
    ["id", "realm", "version", "shape", "doc", "created_at", "updated_at", "expires_at", "major", "seq"];

/// The types of the columns as an engine's catalogue names them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    pub(crate) uuid: &'static str,
    pub(crate) int: &'static str,
    pub(crate) small: &'static str,
    pub(crate) text: &'static str,
    pub(crate) bytes: &'static str,
    pub(crate) moment: &'static str,
    pub(crate) doc: &'static str,
    /// The columns that the stream of events is ordered by, first to last.
    pub(crate) order: &'static [&'static str],
    /// The most bytes of an index's name.
    pub(crate) name_limit: usize,
}

impl Dialect {
    const fn kind(&self, kind: ColumnType) -> &'static str {
        match kind {
            ColumnType::Int => self.int,
            ColumnType::Text => self.text,
            ColumnType::Uuid => self.uuid,
            ColumnType::Bytes => self.bytes,
        }
    }
}

/// A name as SQL wants it. The names are checked when the store is prepared.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

/// The table's name, without quotes.
pub(crate) fn bare_table_name(spec: &CollectionSpec) -> String {
    format!("ciam_{}", spec.name)
}

/// The table's name, quoted.
pub(crate) fn table_name(spec: &CollectionSpec) -> String {
    quoted(&bare_table_name(spec))
}

/// Refuses names that are not what a collection may use, before any of them gets into a statement.
pub(crate) fn check_names(spec: &CollectionSpec) -> Result<(), StoreError> {
    let plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && name.len() <= 48
    };
    let columns = spec.columns.iter().map(|column| column.name).chain(spec.live.iter().copied());
    let mut seen = Vec::new();
    for name in columns {
        if !plain(name) || RESERVED.contains(&name) || seen.contains(&name) {
            return Err(StoreError::Misuse(
                "a column's name is reserved, used twice, or not lower-case, plain and short",
            ));
        }
        seen.push(name);
    }
    if !plain(spec.name) || ["units", "stream"].contains(&spec.name) {
        return Err(StoreError::Misuse("a collection's name is reserved, or not lower-case, plain and short"));
    }
    Ok(())
}

/// Refuses a collection that was declared before, differently.
pub(crate) fn check_declared(known: Option<&CollectionSpec>, spec: &CollectionSpec) -> Result<(), StoreError> {
    if known.is_none_or(|known| known == spec) {
        return Ok(());
    }
    Err(StoreError::Layout { table: bare_table_name(spec), problem: "declared twice, differently".to_owned() })
}

/// A column as declared or as found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnLayout {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) required: bool,
    pub(crate) primary: bool,
}

impl ColumnLayout {
    pub(crate) fn new(name: &str, kind: &str) -> Self {
        Self { name: name.to_owned(), kind: kind.to_owned(), required: true, primary: false }
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("{} {}", quoted(&self.name), self.kind);
        if self.required {
            text.push_str(" NOT NULL");
        }
        text
    }
}

/// The columns that a collection's table has, in order, without those of the stream's order.
pub(crate) fn columns(dialect: &Dialect, spec: &CollectionSpec) -> Vec<ColumnLayout> {
    let mut columns = vec![ColumnLayout::new("id", dialect.uuid)];
    for (name, kind) in [("realm", dialect.uuid), ("version", dialect.uuid), ("shape", dialect.small)] {
        columns.push(ColumnLayout::new(name, kind));
    }
    columns.push(ColumnLayout::new("created_at", dialect.moment));
    columns.push(ColumnLayout::new("updated_at", dialect.moment));
    if spec.expires {
        columns.push(ColumnLayout::new("expires_at", dialect.moment));
    }
    for column in &spec.columns {
        columns.push(ColumnLayout { required: false, ..ColumnLayout::new(column.name, dialect.kind(column.kind)) });
    }
    for name in &spec.live {
        columns.push(ColumnLayout::new(name, dialect.int));
    }
    columns.push(ColumnLayout::new("doc", dialect.doc));
    columns
}

/// Refuses columns that are not as declared.
pub(crate) fn compare_columns(
    spec: &CollectionSpec,
    declared: &[ColumnLayout],
    there: &[ColumnLayout],
) -> Result<(), StoreError> {
    let wrong = |problem: String| Err(StoreError::Layout { table: bare_table_name(spec), problem });
    for column in declared {
        match there.iter().find(|found| found.name == column.name) {
            None => return wrong(format!("the column {} is missing", column.name)),
            Some(found) if found == column => {}
            Some(found) => return wrong(format!("the column is {}, but should be {}", found.text(), column.text())),
        }
    }
    match there.iter().find(|found| !declared.iter().any(|column| column.name == found.name)) {
        Some(extra) => wrong(format!("the column {} is not declared", extra.name)),
        None => Ok(()),
    }
}

/// An index as it is created: its name, whether it is unique, its columns, whether it leaves out nulls.
#[derive(Debug)]
pub(crate) struct IndexLayout {
    pub(crate) name: String,
    pub(crate) unique: bool,
    pub(crate) columns: Vec<String>,
    pub(crate) partial: bool,
}

/// What an engine's catalogue says of an index.
#[derive(Debug)]
pub(crate) struct FoundIndex {
    pub(crate) name: String,
    pub(crate) unique: bool,
    pub(crate) partial: bool,
    /// Separated by commas.
    pub(crate) columns: String,
}

impl IndexLayout {
    /// A declared index: every one begins with the realm, so that a query never leaves it, and holds
    /// only rows without nulls. What is not unique ends with the id, which is the order of a page.
    pub(crate) fn declared(dialect: &Dialect, spec: &CollectionSpec, index: &IndexSpec) -> Self {
        let columns = ["realm"].into_iter().chain(index.columns.iter().copied());
        let suffix = if index.unique { "key" } else { "idx" };
        Self {
            name: index_name(dialect, spec, &index.columns.join("__"), suffix),
            unique: index.unique,
            columns: columns.chain((!index.unique).then_some("id")).map(str::to_owned).collect(),
            partial: true,
        }
    }

    /// An index over a searchable field: in the order of a page, with the records that have no value.
    fn searched(dialect: &Dialect, spec: &CollectionSpec, field: &FieldSpec) -> Self {
        let columns = ["realm", field.column, "id"].map(str::to_owned).into();
        Self { name: index_name(dialect, spec, field.column, "search"), unique: false, columns, partial: false }
    }

    fn own(dialect: &Dialect, spec: &CollectionSpec, columns: &[&str]) -> Self {
        let name = index_name(dialect, spec, &columns.join("__"), "idx");
        Self { name, unique: false, columns: columns.iter().map(|&name| name.to_owned()).collect(), partial: false }
    }

    /// The statement that makes it.
    pub(crate) fn text(&self, table: &str) -> String {
        let columns: Vec<String> = self.columns.iter().map(|name| quoted(name)).collect();
        let unique = if self.unique { "UNIQUE " } else { "" };
        let mut text = format!("CREATE {unique}INDEX {} ON {table} ({})", quoted(&self.name), columns.join(", "));
        if self.partial {
            let some = columns.iter().filter(|name| !["\"realm\"", "\"id\""].contains(&name.as_str()));
            let some: Vec<String> = some.map(|name| format!("{name} IS NOT NULL")).collect();
            let _ = write!(text, " WHERE {}", some.join(" AND "));
        }
        text
    }
}

/// A name that the engine keeps whole: a longer one is cut, and told apart by a digest of what was lost.
fn index_name(dialect: &Dialect, spec: &CollectionSpec, columns: &str, suffix: &str) -> String {
    let whole = format!("ciam_{}__{columns}__{suffix}", spec.name);
    if whole.len() <= dialect.name_limit {
        return whole;
    }
    // FNV-1a: short, and the same for ever.
    let digest = whole.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let end = format!("__{digest:08x}__{suffix}");
    format!("{}{end}", &whole[..dialect.name_limit - end.len()])
}

/// The searchable fields that need an index of their own: one that always has a value is served by a declared index
/// over its column alone.
fn searched(spec: &CollectionSpec) -> impl Iterator<Item = &FieldSpec> {
    let has_one = |field: &FieldSpec| spec.indexes.iter().any(|index| index.columns == [field.column]);
    spec.searchable.iter().filter(move |field| field.nullable || !has_one(field))
}

/// The indexes that a collection's table has.
pub(crate) fn indexes(dialect: &Dialect, spec: &CollectionSpec) -> Vec<IndexLayout> {
    let declared = spec.indexes.iter().map(|index| IndexLayout::declared(dialect, spec, index));
    let mut indexes: Vec<IndexLayout> = declared.collect();
    indexes.extend(searched(spec).map(|field| IndexLayout::searched(dialect, spec, field)));
    if spec.expires {
        indexes.push(IndexLayout::own(dialect, spec, &["expires_at"]));
    }
    if spec.stream {
        let columns: Vec<&str> = ["realm"].into_iter().chain(dialect.order.iter().copied()).collect();
        indexes.push(IndexLayout::own(dialect, spec, &columns));
    }
    indexes
}

/// The declared indexes that are not there yet. Refuses those that are there and not as declared.
pub(crate) fn missing_indexes(
    spec: &CollectionSpec,
    declared: Vec<IndexLayout>,
    there: &[FoundIndex],
) -> Result<Vec<IndexLayout>, StoreError> {
    let table = bare_table_name(spec);
    let wrong = |problem: String| Err(StoreError::Layout { table: table.clone(), problem });
    let ours = format!("{table}__");
    let is_declared = |found: &FoundIndex| declared.iter().any(|index| index.name == found.name);
    if let Some(found) = there.iter().find(|found| found.name.starts_with(&ours) && !is_declared(found)) {
        return wrong(format!("the index {} is not declared (any more)", found.name));
    }
    let mut missing = Vec::new();
    for index in declared {
        match there.iter().find(|found| found.name == index.name) {
            None => missing.push(index),
            Some(found) => {
                let columns = &found.columns;
                if found.unique != index.unique || found.partial != index.partial || *columns != index.columns.join(",")
                {
                    return wrong(format!(
                        "the index {} is over ({columns}), or otherwise not as declared",
                        index.name
                    ));
                }
            }
        }
    }
    Ok(missing)
}
