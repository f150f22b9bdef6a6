//! What has to be done so that a database fits the declared collections, and what could be left out of it.

use ciam_core::store::{CollectionSpec, FieldSpec, StoreError};

use crate::generations::{Generation, Generations, Registered, Standing};
use crate::layout::{
    self, ColumnLayout, Dialect, FoundIndex, IndexLayout, IndexWork, Making, bare_table_name, quoted, table_name,
};
use crate::migrations::Migrations;

/// A statement of a plan.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) table: String,
    pub(crate) text: String,
    /// The index that it makes.
    pub(crate) index: Option<IndexLayout>,
}

/// What an engine's catalogue says of a collection's table.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) columns: Vec<ColumnLayout>,
    pub(crate) indexes: Vec<FoundIndex>,
    pub(crate) generations: Generations,
}

/// What is pending for some collections.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Whether there is nothing of ciam's at all: then it is made without asking.
    pub(crate) fresh: bool,
    /// In one transaction, beside older versions of the app.
    pub(crate) expand: Vec<Statement>,
    /// After that, one by one, each by itself.
    pub(crate) indexes: Vec<Statement>,
    /// Whether the app can go without all that.
    pub(crate) optional: bool,
    /// A collection that was fenced against this version.
    pub(crate) outdated: Option<&'static str>,
    /// How each collection stands, or will when the plan is carried out.
    pub(crate) standings: Vec<(CollectionSpec, Standing)>,
    /// What drops what no version declares (any more).
    pub(crate) left_over: Vec<Statement>,
}

impl Plan {
    pub(crate) fn new(fresh: bool) -> Self {
        Self { fresh, optional: true, ..Self::default() }
    }

    /// What is missing, in order.
    pub(crate) fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.expand.iter().chain(&self.indexes)
    }

    /// Whether the plan is to be carried out by a start that may do that much.
    ///
    /// # Errors
    /// That the start is refused. A version that the database was fenced against goes back to work only where no other
    /// one runs: the indexes of newer ones would miss what it writes.
    pub(crate) fn is_allowed(&self, migrations: Migrations) -> Result<bool, StoreError> {
        match (self.outdated, migrations) {
            (_, Migrations::Complete) => Ok(true),
            (Some(collection), _) => Err(StoreError::Outdated { collection }),
            (None, Migrations::Refuse) if !self.fresh && !self.optional => {
                Err(StoreError::Pending { statements: self.statements().count() })
            }
            (None, migrations) => Ok(self.fresh || migrations == Migrations::Apply),
        }
    }

    fn expand(&mut self, table: &str, text: String) {
        self.optional = false;
        self.expand.push(Statement { table: table.to_owned(), text, index: None });
    }

    /// A table that holds no collection.
    pub(crate) fn make_own(&mut self, table: &str, text: &str) {
        self.expand(table, text.to_owned());
    }

    /// What is pending for one collection.
    pub(crate) fn add(
        &mut self,
        dialect: &Dialect,
        spec: &CollectionSpec,
        declared: &[ColumnLayout],
        create: impl FnOnce() -> String,
        mut found: Found,
    ) -> Result<(), StoreError> {
        let table = bare_table_name(spec);
        let new = found.columns.is_empty();
        let work = layout::compare_indexes(spec, layout::indexes(dialect, spec), &found.indexes)?;
        if new {
            self.expand(&table, create());
        } else {
            for column in layout::missing_columns(spec, declared, &found.columns)? {
                self.expand(&table, format!("ALTER TABLE {} ADD COLUMN {}", table_name(spec), column.text()));
            }
            if let Some(first) = first_generation(dialect, spec, &found) {
                self.expand(&table, found.generations.register(first).insert(spec.name));
            }
        }
        self.register(spec, &mut found.generations);
        self.make_indexes(dialect, spec, new, &work);
        let standing = found.generations.standing(spec);
        if standing.generation == standing.newest {
            self.leave_over(dialect, spec, declared, &found, &work);
        }
        self.standings.push((spec.clone(), standing));
        Ok(())
    }

    /// Registers what is declared, unless it is.
    fn register(&mut self, spec: &CollectionSpec, generations: &mut Generations) {
        let (table, wanted) = (bare_table_name(spec), Generation::declared(spec));
        match generations.registered(&wanted) {
            Registered::Yes(_) => {}
            Registered::InVain(_) => {
                let text = generations.register(wanted).insert(spec.name);
                // Not by `expand`: the app can go without it, as it went before somebody left something out.
                self.expand.push(Statement { table, text, index: None });
            }
            registered @ (Registered::No | Registered::Outdated) => {
                if registered == Registered::Outdated {
                    self.outdated = Some(spec.name);
                }
                self.expand(&table, generations.register(wanted).insert(spec.name));
            }
        }
    }

    /// Makes indexes, with a new table or beside those who use it.
    fn make_indexes(&mut self, dialect: &Dialect, spec: &CollectionSpec, new: bool, work: &IndexWork) {
        let table = bare_table_name(spec);
        for name in &work.broken {
            self.optional = false;
            self.indexes.push(Statement { table: table.clone(), text: drop_index(dialect, name), index: None });
        }
        for index in &work.missing {
            self.optional = false;
            let making = if new { Making::AtOnce } else { Making::Beside };
            let text = index.text(dialect, &table_name(spec), making);
            let statement = Statement { table: table.clone(), text, index: Some(index.clone()) };
            if new { self.expand.push(statement) } else { self.indexes.push(statement) }
        }
    }

    /// What could be dropped: indexes and columns of ours that are not declared, and what is known of them.
    fn leave_over(
        &mut self,
        dialect: &Dialect,
        spec: &CollectionSpec,
        declared: &[ColumnLayout],
        found: &Found,
        work: &IndexWork,
    ) {
        let Found { columns, generations, .. } = found;
        let table = bare_table_name(spec);
        let mut leave = |text| self.left_over.push(Statement { table: table.clone(), text, index: None });
        work.left_over.iter().map(|name| drop_index(dialect, name)).for_each(&mut leave);
        let ours = |name: &str| generations.0.iter().any(|generation| generation.has_column(name));
        let extra = columns.iter().map(|column| column.name.as_str());
        let gone: Vec<&str> =
            extra.filter(|name| ours(name) && !declared.iter().any(|column| column.name == *name)).collect();
        for name in &gone {
            leave(format!("ALTER TABLE {} DROP COLUMN {}", table_name(spec), quoted(name)));
        }
        for generation in &generations.0 {
            if gone.iter().any(|name| generation.has_column(name)) {
                leave(generation.without(spec.name, &gone));
            }
        }
    }
}

/// The generation of a table from before there were any: what is there was written by versions that knew what is there.
fn first_generation(dialect: &Dialect, spec: &CollectionSpec, found: &Found) -> Option<Generation> {
    let counted = found.columns.iter().any(|column| column.name == "layout");
    if counted || !found.generations.0.is_empty() {
        return None;
    }
    let has = |index: IndexLayout| found.indexes.iter().any(|found| found.name == index.name);
    let has_index = |at: usize| has(IndexLayout::declared(dialect, spec, &spec.indexes[at]));
    let has_field = |field: &FieldSpec| has(IndexLayout::searched(dialect, spec, field));
    let has_column = |name: &str| found.columns.iter().any(|column| column.name == name);
    Some(Generation::of(spec, 1, has_column, has_index, has_field))
}

fn drop_index(dialect: &Dialect, name: &str) -> String {
    format!("DROP INDEX {}{}", dialect.concurrently, quoted(name))
}

/// How the layout of a database stands for some collections: what there is to do, and what does not fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LayoutState {
    /// What is missing for the collections, as SQL: what `ciam migrate --apply` would run, or a start that may.
    pub missing: Vec<String>,
    /// Whether the collections cannot be used without it.
    pub pending: bool,
    /// Whether nothing of ciam's is there, so that a start makes all of it. Otherwise a start with something pending is
    /// refused, unless it may migrate.
    pub empty: bool,
    /// A table that was fenced against this version: others rely on what this one leaves out.
    pub outdated: Option<String>,
    /// The collections some of whose records lack something, or will when what is missing is made.
    pub unfinished: Vec<Unfinished>,
    /// What drops columns and indexes that no version declares any more, as SQL.
    pub left_over: Vec<String>,
    /// What is there and does not fit the collections.
    pub misfit: Option<String>,
}

impl LayoutState {
    /// As planned.
    pub(crate) fn planned(plan: &Plan) -> Self {
        let texts = |statement: &Statement| statement.text.clone();
        Self {
            missing: plan.statements().map(texts).collect(),
            pending: !plan.optional,
            empty: plan.fresh,
            outdated: plan.outdated.map(|collection| format!("ciam_{collection}")),
            left_over: plan.left_over.iter().map(texts).collect(),
            ..Self::default()
        }
    }

    /// Whether the collections are there, and can be used.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        !self.pending && self.misfit.is_none()
    }
}

/// The plan for a database, and how its layout stands by that. What does not fit has no plan.
pub(crate) fn judged(planned: Result<Plan, StoreError>) -> Result<(Plan, LayoutState), StoreError> {
    match planned {
        Ok(plan) => {
            let state = LayoutState::planned(&plan);
            Ok((plan, state))
        }
        Err(misfit @ StoreError::Layout { .. }) => {
            let state = LayoutState { misfit: Some(misfit.to_string()), ..LayoutState::default() };
            Ok((Plan::new(false), state))
        }
        Err(error) => Err(error),
    }
}

/// A collection whose records are not all as this version of the app writes them, or will not be when what is missing is
/// made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfinished {
    /// The table.
    pub table: String,
    /// How many records lack something or are of an older shape, up to 10,000.
    pub records: u32,
    /// The indexed columns that are not complete, so that indexes over them do not serve; none when only documents are
    /// of an older shape.
    pub columns: Vec<String>,
    /// What shuts versions out that would leave something out, and proves that no record lacks anything, as SQL.
    pub fence: Vec<String>,
}
