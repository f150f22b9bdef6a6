//! What is missing in the database that the configuration names, and what does not fit; only looked at.

use ciam_core::clock::{Clock as _, SystemClock};
use ciam_core::store::{Schema, StoreError};
use ciam_store::{LayoutState, PostgresInspection, PostgresOptions, SqliteInspection};

use super::answer::Failure;
use crate::settings::Database;

/// The layout of a database.
#[derive(Debug)]
pub(super) struct Layout {
    /// Whether there is a database at all.
    there: bool,
    /// How it stands.
    pub(super) state: LayoutState,
}

impl Layout {
    /// Looks.
    pub(super) async fn of(database: &Database, schema: &Schema) -> Result<Self, Failure> {
        let looked = match database {
            Database::Memory => {
                let text = "the database is in the memory of the site: nothing can be done here";
                return Err(Failure::refused("no_database", text));
            }
            Database::Sqlite(file) => match SqliteInspection::of(file, schema, SystemClock.now()).await {
                Ok(Some(found)) => Ok(Self { there: true, state: found.layout }),
                Ok(None) => SqliteInspection::of_nothing(schema).map(|state| Self { there: false, state }),
                Err(error) => Err(error),
            },
            Database::Postgres(url) => postgres(url.expose(), schema).await,
        };
        looked.map_err(|error| Failure::unavailable(&error))
    }

    /// Whether there is nothing left to do but to drop what is not used.
    pub(super) fn is_up_to_date(&self) -> bool {
        self.state.missing.is_empty() && self.state.unfinished.is_empty()
    }

    /// Refuses a database that does not fit at all.
    pub(super) fn check_fits(&self) -> Result<(), Failure> {
        match &self.state.misfit {
            Some(misfit) => Err(Failure::refused("layout_misfit", misfit)),
            None => Ok(()),
        }
    }

    /// Refuses a database that a command cannot work with.
    pub(super) fn check_ready(&self, database: &Database) -> Result<(), Failure> {
        if let (false, Database::Sqlite(file)) = (self.there, database) {
            let text = format!("there is no database at {}: `ciam migrate --apply` makes one", file.display());
            return Err(Failure::refused("no_database", text));
        }
        if let Some(table) = &self.state.outdated {
            return Err(Failure::refused("layout_outdated", outdated(table)));
        }
        if self.state.is_whole() {
            return Ok(());
        }
        Err(Failure::refused("layout_pending", "the database is not up to date: see `ciam migrate`"))
    }
}

/// What is said of a version that is kept out of a table.
pub(super) fn outdated(table: &str) -> String {
    format!(
        "this program leaves out what newer versions of the site rely on, and these keep it out of {table}. Use a newer \
         one; or, to go on with this one for good, end all that rely on it, and run `ciam migrate --apply \
         --all-nodes-updated`"
    )
}

async fn postgres(url: &str, schema: &Schema) -> Result<Layout, StoreError> {
    let found = PostgresInspection::of(&PostgresOptions::new(url)?, schema, SystemClock.now()).await?;
    Ok(Layout { there: true, state: found.layout })
}
