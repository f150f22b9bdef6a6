//! What is missing in the database that the configuration names, and what does not fit; only looked at.

use ciam_core::clock::{Clock as _, SystemClock};
use ciam_core::store::{Schema, StoreError};
use ciam_store::{Inspection, PostgresInspection, PostgresOptions};

use super::answer::Failure;
use crate::settings::Database;

/// The layout of a database.
#[derive(Debug)]
pub(super) struct Layout {
    /// Whether there is a database at all.
    pub(super) there: bool,
    /// What would be made, as SQL.
    pub(super) missing: Vec<String>,
    /// What is there and does not fit.
    pub(super) misfit: Option<String>,
}

impl Layout {
    /// Looks.
    pub(super) async fn of(database: &Database, schema: &Schema) -> Result<Self, Failure> {
        let looked = match database {
            Database::Memory => {
                let text = "the database is in the memory of the site: nothing can be done here";
                return Err(Failure::refused("no_database", text));
            }
            Database::Sqlite(file) => match Inspection::of(file, schema, SystemClock.now()).await {
                Ok(Some(found)) => Ok(Self { there: true, missing: found.missing, misfit: found.misfit }),
                Ok(None) => Inspection::of_nothing(schema).map(|missing| Self { there: false, missing, misfit: None }),
                Err(error) => Err(error),
            },
            Database::Postgres(url) => postgres(url.expose(), schema).await,
        };
        looked.map_err(|error| Failure::unavailable(&error))
    }

    /// Refuses a database that a command cannot work with.
    pub(super) fn check_ready(&self, database: &Database) -> Result<(), Failure> {
        if let (false, Database::Sqlite(file)) = (self.there, database) {
            let text = format!("there is no database at {}: `ciam migrate` makes one", file.display());
            return Err(Failure::refused("no_database", text));
        }
        if self.missing.is_empty() && self.misfit.is_none() {
            return Ok(());
        }
        Err(Failure::refused("layout_pending", "the database is not up to date: run `ciam migrate`"))
    }
}

async fn postgres(url: &str, schema: &Schema) -> Result<Layout, StoreError> {
    let found = PostgresInspection::of(&PostgresOptions::new(url)?, schema, SystemClock.now()).await?;
    Ok(Layout { there: true, missing: found.missing, misfit: found.misfit })
}
