//! Which columns the versions of an app have written: the generations of a collection.
//!
//! Every row says in `layout` which generation its writer was of. A generation is a set of columns and indexes and a
//! shape, in `ciam_layouts`; each version of the app finds its own by what it declares, and registers a new one if
//! there is none. So a row that an older version has inserted, or replaced, tells that it lacks what newer ones keep.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use ciam_core::store::{CollectionSpec, ColumnType, FieldSpec, Lagging, StoreError};

use crate::layout;

/// What is known of all generations of all collections.
pub(crate) const TABLE: &str = "ciam_layouts";
/// What is read of a generation, in order.
pub(crate) const COLUMNS: &str = "collection, generation, columns, indexes, shape, fenced";

/// What some version of the app keeps of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Generation {
    pub(crate) number: i32,
    /// `name:kind`, in the order of names.
    pub(crate) columns: Vec<String>,
    /// The columns of each, separated by commas; a unique one ends with `!`, that of a searchable field with `~`.
    pub(crate) indexes: Vec<String>,
    pub(crate) shape: i32,
    /// Whether no row is of an older generation, and none ever will be.
    pub(crate) fenced: bool,
}

/// A tally or a peak, which begins at zero wherever it was not written: no row lacks it.
const LIVE: &str = "live";

impl Generation {
    /// What a collection is declared with, not registered yet.
    pub(crate) fn declared(spec: &CollectionSpec) -> Self {
        Self::of(spec, i32::from(spec.shape), |_| true, |_| true, |_| true)
    }

    /// Those of the declared columns and indexes that are there.
    pub(crate) fn of(
        spec: &CollectionSpec,
        shape: i32,
        has_column: impl Fn(&str) -> bool,
        has_index: impl Fn(usize) -> bool,
        has_field: impl Fn(&FieldSpec) -> bool,
    ) -> Self {
        let kind = |kind| match kind {
            ColumnType::Int => "int",
            ColumnType::Text => "text",
            ColumnType::Uuid => "uuid",
            ColumnType::Bytes => "bytes",
        };
        let columns = spec.columns.iter().map(|column| (column.name, kind(column.kind)));
        let columns = columns.chain(spec.live.iter().map(|name| (*name, LIVE)));
        let mut columns: Vec<String> =
            columns.filter(|(name, _)| has_column(name)).map(|(name, kind)| format!("{name}:{kind}")).collect();
        let indexes = spec.indexes.iter().enumerate().filter(|(at, _)| has_index(*at));
        let mut indexes: Vec<String> = indexes
            .map(|(_, index)| format!("{}{}", index.columns.join(","), if index.unique { "!" } else { "" }))
            .collect();
        let fields = layout::searched(spec).filter(|field| has_field(field));
        indexes.extend(fields.map(|field| format!("{}~", field.column)));
        columns.sort();
        indexes.sort();
        Self { number: 0, columns, indexes, shape, fenced: false }
    }

    /// From a row of the table.
    pub(crate) fn kept(number: i32, columns: &str, indexes: &str, shape: i32, fenced: bool) -> Self {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        Self { number, columns: words(columns), indexes: words(indexes), shape, fenced }
    }

    fn is_like(&self, other: &Self) -> bool {
        (&self.columns, &self.indexes, self.shape) == (&other.columns, &other.indexes, other.shape)
    }

    /// Whether a row of this generation has all that one of the other has.
    fn covers(&self, other: &Self) -> bool {
        let mut searched = other.columns.iter().filter(|column| !column.ends_with(":live"));
        self.shape >= other.shape && searched.all(|column| self.columns.contains(column))
    }

    pub(crate) fn has_column(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.split(':').next() == Some(name))
    }

    /// The statement that registers it.
    pub(crate) fn insert(&self, collection: &str) -> String {
        format!(
            "INSERT INTO {TABLE} ({COLUMNS}) VALUES ('{collection}', {}, '{}', '{}', {}, {})",
            self.number,
            self.columns.join(" "),
            self.indexes.join(" "),
            self.shape,
            i32::from(self.fenced)
        )
    }

    /// The statement after which it is known without some columns.
    pub(crate) fn without(&self, collection: &str, gone: &[&str]) -> String {
        let kept = self.columns.iter().filter(|column| !gone.contains(&column.split(':').next().unwrap_or_default()));
        let kept: Vec<&str> = kept.map(String::as_str).collect();
        format!(
            "UPDATE {TABLE} SET columns = '{}' WHERE collection = '{collection}' AND generation = {}",
            kept.join(" "),
            self.number
        )
    }
}

/// The generations of one collection, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Generations(pub(crate) Vec<Generation>);

/// Whether a version has a generation to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Registered {
    /// And all newer ones have what it has.
    Yes(i32),
    /// But a newer one leaves out something, so that what it writes can never be complete.
    InVain(i32),
    /// No, and there is a fence against it: others rely on what it leaves out.
    Outdated,
    No,
}

impl Generations {
    pub(crate) fn newest(&self) -> i32 {
        self.0.last().map_or(0, |generation| generation.number)
    }

    /// The oldest generation of which there can be a row.
    pub(crate) fn fenced(&self) -> i32 {
        self.0.iter().rev().find(|generation| generation.fenced).map_or(1, |generation| generation.number)
    }

    /// Those of which there can be a row.
    fn recent(&self) -> impl DoubleEndedIterator<Item = &Generation> + Clone {
        let fenced = self.fenced();
        self.0.iter().filter(move |generation| generation.number >= fenced)
    }

    pub(crate) fn registered(&self, wanted: &Generation) -> Registered {
        let own = self.recent().rev().find(|generation| generation.is_like(wanted)).map(|generation| generation.number);
        match own {
            None if self.is_fenced_against(wanted) => Registered::Outdated,
            None => Registered::No,
            Some(own) if self.floor(wanted) > own => Registered::InVain(own),
            Some(own) => Registered::Yes(own),
        }
    }

    /// Whether rows of the wanted generation would lack something behind the fence that no row lacks so far. What an
    /// operator has let in since may be left out by others as well; and a newer shape than any is of no older version,
    /// so that it leaves out what it does on purpose.
    fn is_fenced_against(&self, wanted: &Generation) -> bool {
        let has_fence = self.0.iter().any(|generation| generation.fenced);
        let newer = self.recent().all(|generation| wanted.shape > generation.shape);
        has_fence && !newer && !self.recent().any(|generation| wanted.covers(generation))
    }

    /// Registers the wanted generation as the newest.
    pub(crate) fn register(&mut self, wanted: Generation) -> &Generation {
        let at = self.0.len();
        self.0.push(Generation { number: self.newest() + 1, ..wanted });
        &self.0[at]
    }

    /// From which generation on all have what the wanted one has: an older row lacks something.
    fn floor(&self, wanted: &Generation) -> i32 {
        let short = self.0.iter().rev().find(|generation| !generation.covers(wanted));
        short.map_or(1, |generation| generation.number + 1)
    }

    /// How a collection stands for a version that declares it so.
    pub(crate) fn standing(&self, spec: &CollectionSpec) -> Standing {
        let wanted = Generation::declared(spec);
        let (own, floor) = match self.registered(&wanted) {
            Registered::Yes(own) => (own, self.floor(&wanted)),
            Registered::InVain(own) => (own, 1),
            Registered::No | Registered::Outdated => (self.newest(), 1),
        };
        let fenced = self.fenced();
        let mut recent = self.recent();
        let lacked =
            |column: &str| recent.clone().any(|generation| !generation.columns.iter().any(|has| has == column));
        let incomplete = wanted.columns.iter().filter(|column| !column.ends_with(":live") && lacked(column));
        let names: Vec<&str> = incomplete.filter_map(|column| column.split(':').next()).collect();
        let incomplete = spec.columns.iter().map(|column| column.name).filter(|name| names.contains(name)).collect();
        let newest = recent.next_back().map_or(0, |generation| generation.number);
        Standing { generation: own, floor, fenced, newest, incomplete }
    }
}

/// How a collection stands for this version of the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// What its rows say that this version writes.
    pub(crate) generation: i32,
    /// Rows of an older generation lack something.
    pub(crate) floor: i32,
    /// There are no rows of an older generation.
    pub(crate) fenced: i32,
    /// The newest that any version has registered.
    pub(crate) newest: i32,
    /// The columns that some row may lack.
    pub(crate) incomplete: Vec<&'static str>,
}

impl Standing {
    /// Whether some row may lack something.
    pub(crate) const fn lags(&self) -> bool {
        self.floor > self.fenced
    }
}

/// The collections that lag, in the order of their names.
pub(crate) fn lagging(standings: impl IntoIterator<Item = (&'static str, Standing)>) -> Vec<Lagging> {
    let lagging = standings.into_iter().filter(|(_, standing)| standing.lags());
    let mut lagging: Vec<Lagging> =
        lagging.map(|(collection, standing)| Lagging { collection, columns: standing.incomplete }).collect();
    lagging.sort_by_key(|lagging| lagging.collection);
    lagging
}

/// For how long it is believed that columns are complete: an operator may let a version in that leaves one out.
const BELIEVED: Duration = Duration::from_mins(1);

/// Which columns of a collection are complete, as far as this handle knows.
#[derive(Debug)]
pub(crate) struct Filled {
    /// Whether all of them are: all that is looked at as a rule.
    all: AtomicBool,
    standing: RwLock<Standing>,
    since: Instant,
    /// How long after that somebody was last told to look again, in milliseconds.
    looked: AtomicU64,
}

impl Filled {
    pub(crate) fn new(standing: Standing) -> Self {
        let all = AtomicBool::new(standing.incomplete.is_empty());
        Self { all, standing: RwLock::new(standing), since: Instant::now(), looked: AtomicU64::new(0) }
    }

    /// Whether the one who asks is to look again: once a minute, one of all.
    pub(crate) fn is_to_be_renewed(&self) -> bool {
        self.is_to_be_renewed_after(self.since.elapsed())
    }

    fn is_to_be_renewed_after(&self, elapsed: Duration) -> bool {
        let now = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let looked = self.looked.load(Ordering::Relaxed);
        let is_old = u128::from(now.saturating_sub(looked)) >= BELIEVED.as_millis();
        is_old && self.looked.compare_exchange(looked, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// The first of the columns that is not complete.
    pub(crate) fn lacked<'c>(&self, columns: &[&'c str]) -> Option<&'c str> {
        if self.all.load(Ordering::Relaxed) {
            return None;
        }
        let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner);
        columns.iter().copied().find(|column| standing.incomplete.contains(column))
    }

    /// What was found when somebody looked again.
    pub(crate) fn renew(&self, standing: Standing) {
        let all = standing.incomplete.is_empty();
        *self.standing.write().unwrap_or_else(PoisonError::into_inner) = standing;
        self.all.store(all, Ordering::Relaxed);
    }

    pub(crate) fn standing(&self) -> Standing {
        self.standing.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What a question by an incomplete index is answered.
pub(crate) fn not_serving(spec: &CollectionSpec, columns: &[&'static str]) -> StoreError {
    StoreError::NotServing { collection: spec.name, index: columns.first().copied().unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use ciam_core::store::{ColumnSpec, IndexSpec};

    use super::*;

    fn spec(columns: &[&'static str], shape: u16) -> CollectionSpec {
        let columns: Vec<ColumnSpec> =
            columns.iter().map(|&name| ColumnSpec { name, kind: ColumnType::Text }).collect();
        let indexes = columns.iter().map(|column| IndexSpec { columns: vec![column.name], unique: false }).collect();
        CollectionSpec {
            name: "things",
            columns,
            indexes,
            searchable: Vec::new(),
            live: vec!["tries"],
            shape,
            expires: false,
            stream: false,
            announced: false,
        }
    }

    fn versions(specs: &[CollectionSpec]) -> Generations {
        let mut all = Generations::default();
        for spec in specs {
            all.register(Generation::declared(spec));
        }
        all
    }

    #[test]
    fn an_added_column_is_incomplete_for_the_new_version_until_it_is_fenced() {
        let (old, new) = (spec(&["a"], 1), spec(&["a", "b"], 1));
        let mut all = versions(&[old.clone(), new.clone()]);
        let of_new = all.standing(&new);
        assert_eq!((of_new.generation, of_new.floor, of_new.lags()), (2, 2, true));
        assert_eq!(of_new.incomplete, ["b"]);
        let of_old = all.standing(&old);
        assert_eq!((of_old.generation, of_old.floor, of_old.lags()), (1, 1, false));
        assert!(of_old.incomplete.is_empty());
        all.0[1].fenced = true;
        assert!(!all.standing(&new).lags() && all.standing(&new).incomplete.is_empty());
        assert_eq!(all.registered(&Generation::declared(&old)), Registered::Outdated, "its rows would be refused");
        // It goes back, and what the new one relied on is incomplete again.
        all.register(Generation::declared(&old));
        assert_eq!(all.registered(&Generation::declared(&old)), Registered::Yes(3));
        assert_eq!(all.standing(&new).incomplete, ["b"]);
    }

    #[test]
    fn a_version_that_leaves_out_what_is_fenced_is_outdated_whether_or_not_it_ever_ran() {
        let (old, new) = (spec(&["a"], 1), spec(&["a", "b"], 1));
        let hotfix = CollectionSpec { live: vec!["tries", "wins"], ..old.clone() };
        let registered = |all: &Generations, spec: &CollectionSpec| all.registered(&Generation::declared(spec));
        let mut all = versions(&[old.clone(), new.clone()]);
        assert_eq!(registered(&all, &hotfix), Registered::No, "as long as there is no fence");
        all.0[1].fenced = true;
        assert_eq!(registered(&all, &hotfix), Registered::Outdated);
        assert_eq!(registered(&all, &spec(&["b", "c"], 1)), Registered::Outdated);
        assert_eq!(registered(&all, &spec(&["a", "b", "c"], 1)), Registered::No);
        assert_eq!(registered(&all, &spec(&["a", "c"], 2)), Registered::No, "its shape says that it is newer");
        // Where an operator has let one in that leaves it out, others that keep as much harm nobody further.
        all.register(Generation::declared(&old));
        assert_eq!(registered(&all, &hotfix), Registered::No);
        assert_eq!(registered(&all, &spec(&["b"], 1)), Registered::Outdated);
    }

    #[test]
    fn an_older_shape_is_outdated_behind_the_fence_of_a_newer_one() {
        let mut all = versions(&[spec(&["a"], 1), spec(&["a"], 2)]);
        all.0[1].fenced = true;
        assert_eq!(all.registered(&Generation::declared(&spec(&["a", "c"], 1))), Registered::Outdated);
        assert_eq!(all.registered(&Generation::declared(&spec(&["a", "c"], 2))), Registered::No);
    }

    #[test]
    fn one_of_all_looks_again_once_a_minute() {
        let new = spec(&["a"], 1);
        let filled = Filled::new(versions(std::slice::from_ref(&new)).standing(&new));
        let to_be_renewed = |secs| filled.is_to_be_renewed_after(Duration::from_secs(secs));
        let asked = [0, 59, 60, 60, 119, 120, 500, 501].map(to_be_renewed);
        assert_eq!(asked, [false, false, true, false, false, true, true, false]);
    }

    #[test]
    fn a_newer_shape_lags_and_leaves_indexes_alone() {
        let new = spec(&["a"], 2);
        let all = versions(&[spec(&["a"], 1), new.clone()]);
        let standing = all.standing(&new);
        assert!(standing.lags() && standing.incomplete.is_empty());
    }

    #[test]
    fn a_column_that_a_newer_version_left_out_is_incomplete_until_it_is_registered_again() {
        let (with, without) = (spec(&["a", "b"], 1), spec(&["a"], 1));
        let mut all = versions(&[with.clone(), without.clone()]);
        assert_eq!(all.registered(&Generation::declared(&with)), Registered::InVain(1));
        assert_eq!(all.standing(&with).incomplete, ["b"]);
        assert!(!all.standing(&without).lags());
        all.register(Generation::declared(&with));
        let standing = all.standing(&with);
        assert_eq!((standing.generation, standing.floor, standing.lags()), (3, 3, true));
        assert_eq!(all.registered(&Generation::declared(&without)), Registered::Yes(2));
    }

    #[test]
    fn a_tally_is_lacked_by_nobody() {
        let new = CollectionSpec { live: vec!["tries", "wins"], ..spec(&["a"], 1) };
        let all = versions(&[spec(&["a"], 1), new.clone()]);
        assert!(!all.standing(&new).lags());
        assert_eq!(all.standing(&new).generation, 2);
    }
}
