//! The SQL of a search, for both engines: parameters are `?1`, `?2`, … in order.
//!
//! Every test is written so that it is true or not true in a `WHERE`, and what is negated so that it is never unknown: a
//! negation is pushed down to the tests, where `OR … IS NULL` answers for records without a value.
//!
//! What has no value comes last, or first when descending, which is the order of no index of SQLite's. So when the
//! first field to sort by may have none, records with a value and records without are two questions, each answered in
//! the order of an index, one behind the other.

use std::fmt::Write as _;

use ciam_core::clock::Timestamp;
use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{
    CollectionSpec, FieldSpec, RawFilter, RawSearch, RawSort, SearchCursor, Start, Test, Value, after_prefix,
};
use uuid::Uuid;

use crate::layout::{quoted, table_name};

/// What the engines say differently.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words {
    /// Whether a column ends with a parameter's text, which is not empty.
    pub(crate) ends_with: fn(column: &str, text: &str) -> String,
    /// Whether a column holds a parameter's text.
    pub(crate) contains: fn(column: &str, text: &str) -> String,
    /// A moment in microseconds since 1970.
    pub(crate) micros: fn(column: &str) -> String,
}

/// A value of a search's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Param<'s> {
    Uuid(Uuid),
    Int(i64),
    Text(&'s str),
    /// The end of a range of texts.
    End(String),
    Bytes(&'s [u8]),
    Moment(Timestamp),
}

/// A text and its values.
#[derive(Debug)]
pub(crate) struct Question<'s> {
    pub(crate) text: String,
    pub(crate) params: Vec<Param<'s>>,
}

/// What a search filters and sorts by.
pub(crate) fn fields(search: &RawSearch) -> Vec<&'static str> {
    fn filtered(filter: &RawFilter, fields: &mut Vec<&'static str>) {
        match filter {
            RawFilter::All(parts) | RawFilter::Any(parts) => parts.iter().for_each(|part| filtered(part, fields)),
            RawFilter::Not(part) => filtered(part, fields),
            RawFilter::Test { field, .. } => fields.push(field),
        }
    }
    let mut fields = search.sort.iter().map(|sort| sort.field).collect();
    filtered(&search.filter, &mut fields);
    fields
}

/// The text of a page: it answers a number, then the columns of a row, then the values that it is sorted by.
pub(crate) fn page<'s>(
    words: &Words,
    spec: &'s CollectionSpec,
    row: &str,
    realm: RealmId,
    now: Timestamp,
    search: &'s RawSearch,
) -> Question<'s> {
    let mut writer = Writer::new(words, spec, realm, now, search);
    let (offset, after) = match &search.start {
        Start::Offset(offset) => (*offset, None),
        Start::After(cursor) => (0, Some(cursor)),
    };
    let parts = parts(spec, search, after);
    let limit = i64::from(search.limit);
    if let [(part, after)] = parts[..] {
        writer.part(0, part, row, after);
        writer.order_by();
        let places = [limit, offset.into()].map(|number| writer.place(Param::Int(number)));
        let _ = write!(writer.text, " LIMIT {} OFFSET {}", places[0], places[1]);
        return writer.done();
    }
    writer.text.push_str("SELECT * FROM (");
    for (nth, (part, after)) in parts.into_iter().enumerate() {
        writer.text.push_str(if nth == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" });
        writer.part(nth, part, row, after);
        writer.order_by();
        let most = writer.place(Param::Int(limit + i64::from(offset)));
        let _ = write!(writer.text, " LIMIT {most}) AS part{nth}");
    }
    writer.text.push_str(") AS parts ORDER BY part");
    for (nth, RawSort { descending, .. }) in search.sort.iter().enumerate() {
        let direction = direction(*descending);
        let _ = write!(writer.text, ", (key{nth} IS NULL) {direction}, key{nth} {direction}");
    }
    let _ = write!(writer.text, ", id {}", direction(search.ids_descend()));
    let places = [limit, offset.into()].map(|number| writer.place(Param::Int(number)));
    let _ = write!(writer.text, " LIMIT {} OFFSET {}", places[0], places[1]);
    writer.done()
}

/// The text that counts what passes the filter, up to one more than the bound.
pub(crate) fn count<'s>(
    words: &Words,
    spec: &'s CollectionSpec,
    realm: RealmId,
    now: Timestamp,
    search: &'s RawSearch,
    bound: u32,
) -> Question<'s> {
    let mut writer = Writer::new(words, spec, realm, now, search);
    writer.text.push_str("SELECT count(*) FROM (SELECT 1");
    writer.filtered();
    let most = writer.place(Param::Int(i64::from(bound) + 1));
    let _ = write!(writer.text, " LIMIT {most}) AS counted");
    writer.done()
}

/// Which records by the field that is sorted by first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Those with a value, of a field that some may not have.
    Valued,
    /// Those without.
    Null,
    /// It always has one; or nothing is sorted by.
    Whole,
}

/// The parts that a page may have records of, in order, and the place behind which each begins.
fn parts<'s>(
    spec: &CollectionSpec,
    search: &RawSearch,
    after: Option<&'s SearchCursor>,
) -> Vec<(Part, Option<&'s SearchCursor>)> {
    let first = search.sort.first().and_then(|sort| Some((sort, spec.field(sort.field)?)));
    let Some((sort, _)) = first.filter(|(_, field)| field.nullable) else { return vec![(Part::Whole, after)] };
    let mut parts = [Part::Valued, Part::Null];
    if sort.descending {
        parts.reverse();
    }
    let begins = after.map(|after| if after.values[0].is_null() { Part::Null } else { Part::Valued });
    match begins {
        None => parts.map(|part| (part, None)).into(),
        Some(begins) if begins == parts[0] => vec![(parts[0], after), (parts[1], None)],
        Some(_) => vec![(parts[1], after)],
    }
}

struct Writer<'s> {
    words: Words,
    spec: &'s CollectionSpec,
    search: &'s RawSearch,
    realm: RealmId,
    now: Timestamp,
    text: String,
    params: Vec<Param<'s>>,
}

impl<'s> Writer<'s> {
    fn new(words: &Words, spec: &'s CollectionSpec, realm: RealmId, now: Timestamp, search: &'s RawSearch) -> Self {
        Self { words: *words, spec, search, realm, now, text: String::with_capacity(1024), params: Vec::new() }
    }

    fn done(self) -> Question<'s> {
        Question { text: self.text, params: self.params }
    }

    /// The place of a parameter.
    fn place(&mut self, param: Param<'s>) -> String {
        self.params.push(param);
        format!("?{}", self.params.len())
    }

    /// The place of a value that a column is compared with.
    fn value(&mut self, field: &str, value: &'s Value) -> String {
        self.place(match value {
            Value::Int(micros) if is_moment(field) => Param::Moment(Timestamp::from_micros(*micros)),
            Value::Int(number) => Param::Int(*number),
            Value::Text(text) => Param::Text(text),
            Value::Uuid(uuid) => Param::Uuid(*uuid),
            Value::Bytes(bytes) => Param::Bytes(bytes),
            // Asked for by `IS NULL`, never as a parameter.
            Value::Null => Param::Int(0),
        })
    }

    /// The records of a part behind a place, without their order.
    fn part(&mut self, nth: usize, part: Part, row: &str, after: Option<&'s SearchCursor>) {
        let search = self.search;
        let _ = write!(self.text, "SELECT {nth} AS part, {row}");
        for (nth, RawSort { field, .. }) in search.sort.iter().enumerate() {
            let column = quoted(field);
            let value = if is_moment(field) { (self.words.micros)(&column) } else { column };
            let _ = write!(self.text, ", {value} AS key{nth}");
        }
        self.filtered();
        let first = search.sort.first();
        match (part, first) {
            (Part::Valued, Some(first)) => _ = write!(self.text, " AND {} IS NOT NULL", quoted(first.field)),
            (Part::Null, Some(first)) => _ = write!(self.text, " AND {} IS NULL", quoted(first.field)),
            // An index that was declared for more than searching holds no nulls, and serves who says that it wants none.
            (Part::Whole, Some(first)) if self.spec.columns.iter().any(|column| column.name == first.field) => {
                let _ = write!(self.text, " AND {} IS NOT NULL", quoted(first.field));
            }
            _ => {}
        }
        let Some(after) = after else { return };
        let behind = match (part, first, &after.values[..]) {
            (Part::Null, ..) => self.behind(1, after),
            // One comparison of rows, which an index answers.
            (_, Some(first), [value]) => {
                let sign = if first.descending { '<' } else { '>' };
                let (value, id) = (self.value(first.field, value), self.place(Param::Uuid(after.id)));
                format!("({}, id) {sign} ({value}, {id})", quoted(first.field))
            }
            (_, Some(first), [value, ..]) => {
                let sign = if first.descending { "<=" } else { ">=" };
                let begin = self.value(first.field, value);
                format!("{} {sign} {begin} AND {}", quoted(first.field), self.behind(0, after))
            }
            _ => self.behind(0, after),
        };
        let _ = write!(self.text, " AND {behind}");
    }

    fn filtered(&mut self) {
        let realm = self.place(Param::Uuid(self.realm.uuid()));
        let _ = write!(self.text, " FROM {} WHERE realm = {realm}", table_name(self.spec));
        if self.spec.expires {
            let now = self.place(Param::Moment(self.now));
            let _ = write!(self.text, " AND expires_at > {now}");
        }
        let search = self.search;
        let filter = self.filter(&search.filter, false);
        if filter != TRUE {
            let _ = write!(self.text, " AND {filter}");
        }
    }

    /// The order of a part, in the words of an index: so by the first field also where it has no value.
    fn order_by(&mut self) {
        let mut order = Vec::new();
        for (nth, RawSort { field, descending }) in self.search.sort.iter().enumerate() {
            let (column, direction) = (quoted(field), direction(*descending));
            if nth > 0 && self.spec.field(field).is_some_and(|field| field.nullable) {
                order.push(format!("({column} IS NULL) {direction}"));
            }
            order.push(format!("{column} {direction}"));
        }
        order.push(format!("id {}", direction(self.search.ids_descend())));
        let _ = write!(self.text, " ORDER BY {}", order.join(", "));
    }

    /// What comes behind a place, where all fields before this one are equal.
    fn behind(&mut self, nth: usize, after: &'s SearchCursor) -> String {
        let (Some(sort), Some(value)) = (self.search.sort.get(nth), after.values.get(nth)) else {
            let sign = if self.search.ids_descend() { '<' } else { '>' };
            return format!("id {sign} {}", self.place(Param::Uuid(after.id)));
        };
        let column = quoted(sort.field);
        match (value.is_null(), sort.descending) {
            (true, false) => format!("({column} IS NULL AND {})", self.behind(nth + 1, after)),
            (true, true) => format!("({column} IS NOT NULL OR {})", self.behind(nth + 1, after)),
            (false, descending) => {
                let place = self.value(sort.field, value);
                let rest = self.behind(nth + 1, after);
                let (sign, nulls) =
                    if descending { ('<', String::new()) } else { ('>', format!(" OR {column} IS NULL")) };
                format!("({column} {sign} {place}{nulls} OR ({column} = {place} AND {rest}))")
            }
        }
    }

    fn filter(&mut self, filter: &'s RawFilter, negated: bool) -> String {
        let (parts, word, none) = match (filter, negated) {
            (RawFilter::Test { field, test }, _) => return self.test(field, test, negated),
            (RawFilter::Not(one), _) => return self.filter(one, !negated),
            (RawFilter::All(all), false) => (all, " AND ", TRUE),
            (RawFilter::All(all), true) => (all, " OR ", FALSE),
            (RawFilter::Any(any), false) => (any, " OR ", FALSE),
            (RawFilter::Any(any), true) => (any, " AND ", TRUE),
        };
        match &parts[..] {
            [] => none.to_owned(),
            [one] => self.filter(one, negated),
            many => {
                let texts: Vec<String> = many.iter().map(|one| self.filter(one, negated)).collect();
                format!("({})", texts.join(word))
            }
        }
    }

    fn test(&mut self, field: &str, test: &'s Test, negated: bool) -> String {
        let column = quoted(field);
        let or_null = |text: String| if negated { format!("({column} IS NULL OR {text})") } else { text };
        match test {
            Test::Present => format!("{column} IS {}NULL", if negated { "" } else { "NOT " }),
            Test::Eq(Value::Null) => self.test(field, &Test::Present, !negated),
            Test::Ne(Value::Null) => self.test(field, &Test::Present, negated),
            Test::Lt(Value::Null) | Test::Le(Value::Null) | Test::Gt(Value::Null) | Test::Ge(Value::Null) => {
                truth(negated).to_owned()
            }
            Test::Eq(value) => self.compare(field, if negated { "<>" } else { "=" }, value, negated),
            Test::Ne(value) => self.compare(field, if negated { "=" } else { "<>" }, value, !negated),
            Test::Lt(value) => self.compare(field, if negated { ">=" } else { "<" }, value, negated),
            Test::Le(value) => self.compare(field, if negated { ">" } else { "<=" }, value, negated),
            Test::Gt(value) => self.compare(field, if negated { "<=" } else { ">" }, value, negated),
            Test::Ge(value) => self.compare(field, if negated { "<" } else { ">=" }, value, negated),
            Test::StartsWith(text) | Test::EndsWith(text) | Test::Contains(text) if text.is_empty() => {
                self.test(field, &Test::Present, negated)
            }
            Test::StartsWith(text) => {
                let from = self.place(Param::Text(text));
                let end = after_prefix(text).map(|end| self.place(Param::End(end)));
                or_null(match (end, negated) {
                    (Some(end), false) => format!("({column} >= {from} AND {column} < {end})"),
                    (Some(end), true) => format!("{column} < {from} OR {column} >= {end}"),
                    (None, false) => format!("{column} >= {from}"),
                    (None, true) => format!("{column} < {from}"),
                })
            }
            Test::EndsWith(text) => {
                let place = self.place(Param::Text(text));
                or_null(not((self.words.ends_with)(&column, &place), negated))
            }
            Test::Contains(text) => {
                let place = self.place(Param::Text(text));
                or_null(not((self.words.contains)(&column, &place), negated))
            }
            Test::In(values) => {
                let wants_null = values.iter().any(Value::is_null);
                let values: Vec<&Value> = values.iter().filter(|value| !value.is_null()).collect();
                if values.is_empty() {
                    return if wants_null {
                        self.test(field, &Test::Present, !negated)
                    } else {
                        truth(negated).to_owned()
                    };
                }
                let places: Vec<String> = values.into_iter().map(|value| self.value(field, value)).collect();
                let list = places.join(", ");
                match (negated, wants_null) {
                    (false, false) => format!("{column} IN ({list})"),
                    (false, true) => format!("({column} IS NULL OR {column} IN ({list}))"),
                    (true, false) => format!("({column} IS NULL OR {column} NOT IN ({list}))"),
                    (true, true) => format!("({column} IS NOT NULL AND {column} NOT IN ({list}))"),
                }
            }
        }
    }

    /// A comparison, which records without a value pass, or not.
    fn compare(&mut self, field: &str, sign: &str, value: &'s Value, or_null: bool) -> String {
        let (column, place) = (quoted(field), self.value(field, value));
        if or_null {
            format!("({column} IS NULL OR {column} {sign} {place})")
        } else {
            format!("{column} {sign} {place}")
        }
    }
}

const TRUE: &str = "1 = 1";
const FALSE: &str = "1 = 0";

const fn truth(of: bool) -> &'static str {
    if of { TRUE } else { FALSE }
}

fn not(text: String, negated: bool) -> String {
    if negated { format!("NOT ({text})") } else { text }
}

const fn direction(descending: bool) -> &'static str {
    if descending { "DESC" } else { "ASC" }
}

/// Whether a field is kept as a moment, and no number.
fn is_moment(field: &str) -> bool {
    [FieldSpec::CREATED_AT.column, FieldSpec::UPDATED_AT.column].contains(&field)
}
