//! A shop that was there before: an axum app with routes and tables of its own, to which ciam is added.
//!
//! `cargo run --example existing_app`, then open <http://localhost:8080>. Sign-up, sign-in and accounts are below `/id`;
//! messages are shown at <http://localhost:8080/id/dev/mailbox>. The shop's tables are in the same SQLite file as ciam's.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Form, State};
use axum::response::{Html, Redirect};
use axum::routing::{get, post};
use axum::{Router, serve};
use ciam::id::RecordId;
use ciam::store::StoreError;
use ciam::web::{Mount, Problem, require_sign_in};
use ciam::{Ciam, CiamBuilder, CurrentUser, Fresh, Mailbox, Minutes, SqliteStore, Visitor};
use rusqlite::{Connection, params};

type AnyError = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    tracing_subscriber::fmt().init();
    let (shop, mailbox) = (Shop::open("existing_app.db".as_ref()).await?, Mailbox::new());
    let identity = identity(Ciam::builder().messenger(mailbox.clone()), &shop).build().await?;
    let app = app(&identity, shop, mailbox)?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    println!("http://localhost:8080");
    serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) })
        .await?;
    Ok(identity.shutdown().await?)
}

/// What the shop wants of its engine. A test gives it a builder of its own.
pub(crate) fn identity(builder: CiamBuilder, shop: &Shop) -> CiamBuilder {
    builder.shared_store(shop.store.clone()).app_name("Kettle & Stone").path_prefix("/id")
}

/// The shop's routes with ciam around them.
pub(crate) fn app(identity: &Ciam, shop: Shop, mailbox: Mailbox) -> Result<Router, AnyError> {
    let members = Router::new()
        .route("/orders", get(orders).post(order))
        .route("/orders/forget", get(ask_to_forget).post(forget))
        .route_layer(require_sign_in());
    let shop = Router::new()
        .route("/", get(home))
        .route("/basket", get(basket))
        .route("/basket/add", post(add))
        .merge(members)
        .with_state(shop);
    Ok(Mount::new(identity).danger_show_mailbox(mailbox).around(shop)?)
}

/// For everybody.
async fn home(user: Option<CurrentUser>) -> Result<Html<String>, Problem> {
    let greeting = match &user {
        None => "<a href='/id/sign-in'>Sign in</a>".to_owned(),
        Some(user) => {
            format!("Hello, {}! <a href='/orders'>Orders</a>", escape(&user.name().await?.unwrap_or_default()))
        }
    };
    Ok(Html(format!("<h1>Kettle &amp; Stone</h1><p>{greeting} <a href='/basket'>Basket</a></p>")))
}

/// A basket is a guest's until they sign in, and theirs afterwards.
async fn basket(State(shop): State<Shop>, visitor: Visitor) -> Result<Html<String>, Problem> {
    let items = match &visitor {
        Visitor::Guest(guest) => shop.list("SELECT what FROM baskets WHERE guest = ?1", *guest)?,
        Visitor::User(user) => {
            shop.adopt(user).await?;
            shop.list("SELECT what FROM baskets WHERE buyer = ?1", user.id())?
        }
    };
    let forms = "<form method='post' action='/basket/add'><input name='what'><button>Add</button></form>
        <form method='post' action='/orders'><button>Order</button></form>";
    Ok(Html(format!("<h1>Basket</h1>{}{forms}", list(&items))))
}

#[derive(serde::Deserialize)]
struct Item {
    what: String,
}

async fn add(State(shop): State<Shop>, visitor: Visitor, Form(Item { what }): Form<Item>) -> Result<Redirect, Problem> {
    let (column, owner) = match &visitor {
        Visitor::Guest(guest) => ("guest", guest.uuid()),
        Visitor::User(user) => ("buyer", user.id().uuid()),
    };
    let insert = format!("INSERT INTO baskets ({column}, what) VALUES (?1, ?2)");
    shop.store.write(move |tx| Ok::<_, ShopError>(tx.execute(&insert, params![owner.as_bytes(), what])?)).await?;
    Ok(Redirect::to("/basket"))
}

async fn orders(State(shop): State<Shop>, user: CurrentUser) -> Result<Html<String>, Problem> {
    let items = shop.list("SELECT what FROM orders WHERE buyer = ?1", user.id())?;
    Ok(Html(format!("<h1>Orders</h1>{}<p><a href='/orders/forget'>Forget them</a></p>", list(&items))))
}

/// What is in the basket becomes orders, all of it or nothing.
async fn order(State(shop): State<Shop>, user: CurrentUser) -> Result<Redirect, Problem> {
    shop.adopt(&user).await?;
    let moves = [
        "INSERT INTO orders (buyer, what) SELECT buyer, what FROM baskets WHERE buyer = ?1",
        "DELETE FROM baskets WHERE buyer = ?1",
    ];
    shop.change(moves.to_vec(), user.id()).await?;
    Ok(Redirect::to("/orders"))
}

/// Only for somebody who has just proved who they are; others are asked to, and come back.
async fn ask_to_forget(_: Fresh<Minutes<5>>) -> Html<&'static str> {
    Html("<h1>Forget all orders?</h1><form method='post'><button>Forget</button></form>")
}

async fn forget(State(shop): State<Shop>, user: Fresh<Minutes<5>>) -> Result<Redirect, Problem> {
    shop.change(vec!["DELETE FROM orders WHERE buyer = ?1"], user.id()).await?;
    Ok(Redirect::to("/orders"))
}

/// The shop's own tables. It writes through ciam's store, which has the one writer of the file, and reads by itself.
#[derive(Clone)]
pub(crate) struct Shop {
    store: Arc<SqliteStore>,
    reader: Arc<Mutex<Connection>>,
}

impl Shop {
    pub(crate) async fn open(file: &Path) -> Result<Self, AnyError> {
        let store = Arc::new(SqliteStore::open(file).await?);
        let tables = "CREATE TABLE IF NOT EXISTS orders (
                id INTEGER PRIMARY KEY, buyer BLOB NOT NULL REFERENCES ciam_users(id), what TEXT NOT NULL) STRICT;
            CREATE TABLE IF NOT EXISTS baskets (
                id INTEGER PRIMARY KEY, guest BLOB, buyer BLOB REFERENCES ciam_users(id), what TEXT NOT NULL) STRICT";
        store.write(move |tx| Ok::<_, ShopError>(tx.execute_batch(tables)?)).await?;
        Ok(Self { store, reader: Arc::new(Mutex::new(Connection::open(file)?)) })
    }

    /// Moves the basket of the guest that a user was to the user. Moving it twice does no harm.
    async fn adopt(&self, user: &CurrentUser) -> Result<(), ShopError> {
        let Some(guest) = user.former_guest() else { return Ok(()) };
        let owners = (user.id().uuid(), guest.uuid());
        let moves = "UPDATE baskets SET buyer = ?1, guest = NULL WHERE guest = ?2";
        let adopt = move |tx: &Connection| {
            Ok::<_, ShopError>(tx.execute(moves, params![owners.0.as_bytes(), owners.1.as_bytes()])?)
        };
        self.store.write(adopt).await?;
        user.forget_guest();
        Ok(())
    }

    async fn change(&self, statements: Vec<&'static str>, of: impl RecordId) -> Result<(), ShopError> {
        let id = of.uuid();
        let change = move |tx: &Connection| {
            statements.iter().try_for_each(|sql| tx.execute(sql, [id.as_bytes()]).map(drop)).map_err(ShopError::from)
        };
        self.store.write(change).await
    }

    fn list(&self, sql: &str, of: impl RecordId) -> Result<Vec<String>, ShopError> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = reader.prepare_cached(sql)?;
        let rows = statement.query_map([of.uuid().as_bytes()], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

#[derive(Debug)]
struct ShopError(AnyErrorSend);

type AnyErrorSend = Box<dyn std::error::Error + Send + Sync>;

impl std::fmt::Display for ShopError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ShopError {}

impl From<StoreError> for ShopError {
    fn from(error: StoreError) -> Self {
        Self(error.into())
    }
}

impl From<rusqlite::Error> for ShopError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.into())
    }
}

impl From<ShopError> for Problem {
    fn from(ShopError(error): ShopError) -> Self {
        tracing::error!(%error, "the shop's own tables");
        Self::internal()
    }
}

fn list(items: &[String]) -> String {
    format!("<ul>{}</ul>", items.iter().map(|item| format!("<li>{}</li>", escape(item))).collect::<String>())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
