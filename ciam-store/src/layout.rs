//! The tables of the SQL engines: what they hold, and whether those that are there fit.
//!
//! Every collection is a table `ciam_<name>` with the record's id, realm, version, shape, times and document, one
//! typed column for every indexed value, and one number for every tally and peak. What the engines call these types
//! is their [`Dialect`]; what is there they tell as [`ColumnLayout`]s and [`FoundIndex`]es.

use std::fmt::Write as _;

use ciam_core::store::{CollectionSpec, ColumnType, FieldSpec, IndexSpec, StoreError};

/// The columns that a table may have of ciam's own; a collection cannot declare one of these names.
const RESERVED: [&str; 11] =
    ["id", "realm", "version", "shape", "layout", "doc", "created_at", "updated_at", "expires_at", "major", "seq"];
/// What tables are called that hold no collection.
const TAKEN: [&str; 3] = ["units", "stream", "layouts"];

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
    /// What makes or drops an index of a table that others use says between `INDEX` and its name.
    pub(crate) concurrently: &'static str,
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
    if !plain(spec.name) || TAKEN.contains(&spec.name) {
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
    /// What stands in it where nothing was written.
    pub(crate) default: Option<String>,
}

impl ColumnLayout {
    pub(crate) fn new(name: &str, kind: &str) -> Self {
        Self { name: name.to_owned(), kind: kind.to_owned(), required: true, primary: false, default: None }
    }

    fn with_default(self, default: i32) -> Self {
        Self { default: Some(default.to_string()), ..self }
    }

    /// Whether a column that was found is this one, whatever its default.
    fn is(&self, found: &Self) -> bool {
        (&self.name, &self.kind, self.required, self.primary)
            == (&found.name, &found.kind, found.required, found.primary)
    }

    /// Whether rows may be written, and may have been written, without it.
    fn can_be_left_out(&self) -> bool {
        !self.required || self.default.is_some()
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("{} {}", quoted(&self.name), self.kind);
        if self.required {
            text.push_str(" NOT NULL");
        }
        if let Some(default) = &self.default {
            let _ = write!(text, " DEFAULT {default}");
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
    // What was written before generations were counted is of the first.
    columns.push(ColumnLayout::new("layout", dialect.small).with_default(1));
    columns.push(ColumnLayout::new("created_at", dialect.moment));
    columns.push(ColumnLayout::new("updated_at", dialect.moment));
    if spec.expires {
        columns.push(ColumnLayout::new("expires_at", dialect.moment));
    }
    for column in &spec.columns {
        columns.push(ColumnLayout { required: false, ..ColumnLayout::new(column.name, dialect.kind(column.kind)) });
    }
    for name in &spec.live {
        columns.push(ColumnLayout::new(name, dialect.int).with_default(0));
    }
    columns.push(ColumnLayout::new("doc", dialect.doc));
    columns
}

/// The declared columns that are missing, and could be added. Refuses those that could not, that are there and not as
/// declared, and that are not declared and have to be written.
pub(crate) fn missing_columns(
    spec: &CollectionSpec,
    declared: &[ColumnLayout],
    there: &[ColumnLayout],
) -> Result<Vec<ColumnLayout>, StoreError> {
    let wrong = |problem: String| Err(StoreError::Layout { table: bare_table_name(spec), problem });
    let mut missing = Vec::new();
    for column in declared {
        match there.iter().find(|found| found.name == column.name) {
            None if column.can_be_left_out() && !column.primary => missing.push(column.clone()),
            None => return wrong(format!("the column {} is missing", column.name)),
            Some(found) if column.is(found) => {}
            Some(found) => return wrong(format!("the column is {}, but should be {}", found.text(), column.text())),
        }
    }
    let extra = |found: &&ColumnLayout| !declared.iter().any(|column| column.name == found.name);
    match there.iter().filter(extra).find(|found| !found.can_be_left_out()) {
        Some(extra) => wrong(format!("the column {} is not declared, and cannot be left out", extra.name)),
        None => Ok(missing),
    }
}

/// An index as it is created: its name, whether it is unique, its columns, whether it leaves out nulls.
#[derive(Debug, Clone)]
pub(crate) struct IndexLayout {
    pub(crate) name: String,
    pub(crate) unique: bool,
    pub(crate) columns: Vec<String>,
    pub(crate) partial: bool,
}

/// How an index is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Making {
    /// With its table.
    AtOnce,
    /// While others use the table, where the engine can.
    Beside,
}

/// What an engine's catalogue says of an index.
#[derive(Debug)]
pub(crate) struct FoundIndex {
    pub(crate) name: String,
    pub(crate) unique: bool,
    pub(crate) partial: bool,
    /// Separated by commas.
    pub(crate) columns: String,
    /// Whether it was made to its end.
    pub(crate) valid: bool,
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
    pub(crate) fn searched(dialect: &Dialect, spec: &CollectionSpec, field: &FieldSpec) -> Self {
        let columns = ["realm", field.column, "id"].map(str::to_owned).into();
        Self { name: index_name(dialect, spec, field.column, "search"), unique: false, columns, partial: false }
    }

    fn own(dialect: &Dialect, spec: &CollectionSpec, columns: &[&str]) -> Self {
        let name = index_name(dialect, spec, &columns.join("__"), "idx");
        Self { name, unique: false, columns: columns.iter().map(|&name| name.to_owned()).collect(), partial: false }
    }

    /// The statement that makes it.
    pub(crate) fn text(&self, dialect: &Dialect, table: &str, making: Making) -> String {
        let columns: Vec<String> = self.columns.iter().map(|name| quoted(name)).collect();
        let unique = if self.unique { "UNIQUE " } else { "" };
        let beside = if making == Making::Beside { dialect.concurrently } else { "" };
        let mut text =
            format!("CREATE {unique}INDEX {beside}{} ON {table} ({})", quoted(&self.name), columns.join(", "));
        if self.partial {
            let _ = write!(text, " WHERE {}", self.without_nulls());
        }
        text
    }

    /// Which rows stand in it.
    fn without_nulls(&self) -> String {
        let some: Vec<String> = self.keys().map(|name| format!("{} IS NOT NULL", quoted(name))).collect();
        some.join(" AND ")
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(String::as_str).filter(|name| !["realm", "id"].contains(name))
    }

    /// How many keys several rows share.
    pub(crate) fn shared(&self, table: &str) -> String {
        let columns: Vec<String> = ["realm"].into_iter().chain(self.keys()).map(quoted).collect();
        format!(
            "SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {} GROUP BY {} HAVING count(*) > 1) AS shared",
            self.without_nulls(),
            columns.join(", ")
        )
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
pub(crate) fn searched(spec: &CollectionSpec) -> impl Iterator<Item = &FieldSpec> {
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

/// What of the indexes has to be done.
#[derive(Debug, Default)]
pub(crate) struct IndexWork {
    /// Those that were begun and never came to an end.
    pub(crate) broken: Vec<String>,
    /// Those that are to be made.
    pub(crate) missing: Vec<IndexLayout>,
    /// Ours that are not declared (any more).
    pub(crate) left_over: Vec<String>,
}

/// Compares indexes. Refuses those that are there and not as declared.
pub(crate) fn compare_indexes(
    spec: &CollectionSpec,
    declared: Vec<IndexLayout>,
    there: &[FoundIndex],
) -> Result<IndexWork, StoreError> {
    let ours = format!("{}__", bare_table_name(spec));
    let is_declared = |found: &&FoundIndex| declared.iter().any(|index| index.name == found.name);
    let extra = there.iter().filter(|found| found.name.starts_with(&ours) && !is_declared(found));
    let mut work = IndexWork { left_over: extra.map(|found| found.name.clone()).collect(), ..IndexWork::default() };
    for index in declared {
        match there.iter().find(|found| found.name == index.name) {
            None => work.missing.push(index),
            Some(found) if !found.valid => {
                work.broken.push(found.name.clone());
                work.missing.push(index);
            }
            Some(found) => {
                let columns = &found.columns;
                if found.unique != index.unique || found.partial != index.partial || *columns != index.columns.join(",")
                {
                    let problem = format!("the index {} is over ({columns}), or otherwise not as declared", index.name);
                    return Err(StoreError::Layout { table: bare_table_name(spec), problem });
                }
            }
        }
    }
    Ok(work)
}
