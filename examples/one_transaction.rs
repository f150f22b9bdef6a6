//! An order and its customer in one transaction: the shop's tables and ciam's are committed together, or not at all.
//!
//! `cargo run --example one_transaction`. It works on a file of its own, says what happened, and leaves nothing behind.
//! With PostgreSQL, or with sqlx, it is the same: see the guide "Stores and migrations".

use std::path::Path;
use std::sync::Arc;

use ciam::email::Email;
use ciam::events::Cause;
use ciam::id::RecordId as _;
use ciam::store::{Applied, MAX_RUNS, Staged, StoreError};
use ciam::users::{NewUser, UserError};
use ciam::{Ciam, Mailbox, SqliteStore, UserId};
use rusqlite::{Connection, TransactionBehavior};

type AnyError = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let folder = tempfile::tempdir()?;
    for line in story(&folder.path().join("shop.db")).await? {
        println!("{line}");
    }
    Ok(())
}

/// What the shop lives through. A test reads it, too.
pub(crate) async fn story(file: &Path) -> Result<Vec<String>, AnyError> {
    let mut shop = Shop::open(file).await?;
    let mut said = Vec::new();
    for (email, card) in
        [("ada@example.com", Card::Good), ("bob@example.com", Card::Declined), ("Ada@Example.com", Card::Good)]
    {
        let outcome = match shop.first_order(email, "a kettle", card).await {
            Ok(_) => "is a customer and has ordered".to_owned(),
            Err(error) => format!("is no new customer: {error}"),
        };
        said.push(format!("{email} {outcome}"));
        said.push(format!("  customers: {}, orders: {}", shop.customers().await?, shop.orders()?));
    }
    Ok(said)
}

struct Shop {
    identity: Ciam,
    store: Arc<SqliteStore>,
    tables: Connection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Card {
    Good,
    Declined,
}

impl Shop {
    async fn open(file: &Path) -> Result<Self, AnyError> {
        let store = Arc::new(SqliteStore::open(file).await?);
        let identity = Ciam::builder().shared_store(store.clone()).messenger(Mailbox::new()).build().await?;
        let tables = Connection::open(file)?;
        tables.pragma_update(None, "foreign_keys", true)?; // each connection has to ask for it
        tables.execute_batch(
            "CREATE TABLE orders (
                id INTEGER PRIMARY KEY, buyer BLOB NOT NULL REFERENCES ciam_users(id), what TEXT NOT NULL) STRICT",
        )?;
        Ok(Self { identity, store, tables })
    }

    /// The order of somebody who becomes a customer with it.
    async fn first_order(&mut self, email: &str, what: &str, card: Card) -> Result<UserId, ShopError> {
        let email: Email = email.parse().map_err(|_| ShopError::Address)?;
        let users = self.identity.users().clone();
        let ready = users.prepare(NewUser::new(email)).await.map_err(ShopError::Customer)?; // slow work comes first
        for _ in 0..MAX_RUNS {
            let staged = self.identity.staged();
            let customer = users.create_in(&staged, &Cause::system(), &ready).await.map_err(refused)?;
            match self.transaction(&staged, customer.id, what, card) {
                // Something that the unit relied on has changed meanwhile: the whole transaction, once more.
                Err(ShopError::Stale) => {}
                Err(error) => return Err(error),
                Ok(applied) => {
                    applied.committed().await;
                    return Ok(customer.id);
                }
            }
        }
        Err(ShopError::Stale)
    }

    fn transaction(&mut self, staged: &Staged, buyer: UserId, what: &str, card: Card) -> Result<Applied, ShopError> {
        let tx = self.tables.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let applied = self.store.apply(&tx, staged).map_err(refused)?;
        tx.execute("INSERT INTO orders (buyer, what) VALUES (?1, ?2)", (buyer.uuid().as_bytes(), what))?;
        if card == Card::Declined {
            tx.rollback()?;
            applied.rolled_back();
            return Err(ShopError::Declined);
        }
        // When this fails, `applied` is dropped, and finds out by itself what became of it.
        tx.commit()?;
        Ok(applied)
    }

    async fn customers(&self) -> Result<usize, UserError> {
        Ok(self.identity.users().list(None, 100).await?.items.len())
    }

    fn orders(&self) -> rusqlite::Result<i64> {
        self.tables.query_row("SELECT count(*) FROM orders", (), |row| row.get(0))
    }
}

#[derive(Debug, thiserror::Error)]
enum ShopError {
    #[error("the card was declined")]
    Declined,
    #[error("that is no address")]
    Address,
    #[error("{0}")]
    Customer(UserError),
    #[error("somebody else changed the same, again and again")]
    Stale,
    #[error("the shop's own tables: {0}")]
    Tables(#[from] rusqlite::Error),
}

/// What ciam refused, in the words of its users.
fn refused(error: StoreError) -> ShopError {
    match error {
        StoreError::Stale { .. } => ShopError::Stale,
        error => ShopError::Customer(error.into()),
    }
}
