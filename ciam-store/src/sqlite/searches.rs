//! The connection that searches, apart from those that read: whoever signs in never waits for whoever searches.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ciam_core::store::StoreError;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::failure::unavailable;
use super::writer::release;

/// After how many of its steps SQLite looks whether a search has taken too long: about a tenth of a millisecond.
const STEPS: i32 = 5000;

/// Searches one after another, on a thread that may wait, each for so long at most.
#[derive(Debug)]
pub(super) struct Searches {
    connection: Arc<Mutex<Connection>>,
    turn: Arc<Semaphore>,
    patience: Duration,
}

impl Searches {
    pub(super) fn new(connection: Connection, patience: Duration) -> Self {
        Self { connection: Arc::new(Mutex::new(connection)), turn: Arc::new(Semaphore::new(1)), patience }
    }

    /// What the search finds. One that nobody waits for any more ends by its time, too.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        search: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let until = Instant::now() + self.patience;
        let turn = tokio::time::timeout(self.patience, Arc::clone(&self.turn).acquire_owned()).await;
        let turn = turn.map_err(|_| StoreError::Unavailable("others search, and take too long".into()))?;
        let turn = turn.map_err(|closed| StoreError::Unavailable(closed.into()))?;
        let connection = Arc::clone(&self.connection);
        let searching = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            connection.progress_handler(STEPS, Some(move || Instant::now() >= until))?;
            let found = search(&connection);
            // Whoever reads everything has everybody's pages in the end.
            release(&connection);
            found
        });
        searching.await.map_err(|ended| StoreError::Unavailable(ended.into()))?.map_err(unavailable)
    }
}
