//! The example of an app that was there before, driven as a browser would.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../examples/existing_app.rs"]
#[expect(dead_code, reason = "its main is not called")]
mod existing_app;

use std::time::Duration;

use axum::http::StatusCode;
use ciam::testing::{TestBed, TestClient};
use existing_app::{Shop, app, identity};

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "vermilion otter quays";

async fn shop() -> (tempfile::TempDir, TestBed, TestClient) {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(&folder.path().join("shop.db")).await.unwrap();
    let bed = TestBed::with(|builder| identity(builder, &shop)).await;
    let client = TestClient::new(app(&bed.ciam, shop, bed.mailbox.clone()).unwrap());
    (folder, bed, client)
}

#[tokio::test]
async fn a_guest_s_basket_becomes_the_user_s_and_their_order() {
    let (_folder, bed, mut ada) = shop().await;
    ada.post("/basket/add", &[("what", "a <kettle>")]).await;
    assert!(ada.get("/basket").await.text().contains("<li>a &lt;kettle&gt;</li>"));
    assert!(!ada.stranger().get("/basket").await.text().contains("kettle"));

    let refused = ada.get("/orders").await;
    assert_eq!(refused.location(), Some("/id/sign-in?return_to=%2Forders"));
    let page = ada.open("/id/sign-up?return_to=%2Fbasket").await;
    let next = ada.submit(&page, &[("email", EMAIL)]).await;
    let page = ada.follow(next).await;
    let next = ada.submit(&page, &[("new_password", PASSWORD), ("name", "Ada")]).await;
    let page = ada.follow(next).await;
    let next = ada.submit(&page, &[("code", &bed.code_for(EMAIL).await)]).await;
    let basket = ada.follow(next).await;
    assert!(basket.text().contains("kettle"), "{}", basket.text());
    assert!(ada.get("/").await.text().contains("Hello, Ada!"));

    let placed = ada.post("/orders", &[]).await;
    assert!(ada.follow(placed).await.text().contains("kettle"));
    assert!(!ada.get("/basket").await.text().contains("kettle"));
}

#[tokio::test]
async fn whoever_orders_at_once_orders_what_they_had_as_a_guest() {
    let (_folder, bed, mut ada) = shop().await;
    bed.user().email(EMAIL).password(PASSWORD).create().await;
    ada.post("/basket/add", &[("what", "a stone")]).await;
    let page = ada.open("/id/sign-in").await;
    let next = ada.submit(&page, &[("email", EMAIL)]).await;
    let page = ada.follow(next).await;
    ada.submit(&page, &[("password", PASSWORD)]).await;
    let placed = ada.post("/orders", &[]).await;
    assert!(ada.follow(placed).await.text().contains("a stone"));
}

#[tokio::test]
async fn what_is_grave_asks_for_a_new_proof() {
    let (_folder, bed, mut ada) = shop().await;
    let person = bed.user().password("a password").create().await;
    assert_eq!(ada.post("/orders/forget", &[]).await.status, StatusCode::UNAUTHORIZED);
    ada.sign_in(&bed, person.id).await;
    ada.post("/basket/add", &[("what", "a kettle")]).await;
    ada.post("/orders", &[]).await;
    bed.clock.advance(Duration::from_secs(600));
    assert_eq!(ada.get("/orders/forget").await.location(), Some("/id/step-up?return_to=%2Forders%2Fforget"));
    assert_eq!(ada.post("/orders/forget", &[]).await.status, StatusCode::FORBIDDEN);
    assert!(ada.get("/orders").await.text().contains("kettle"));
    let asked = ada.open("/orders/forget").await; // the page that asks for the password again
    let proved = ada.submit(&asked, &[("password", "a password")]).await;
    assert_eq!(proved.location(), Some("/orders/forget"));
    assert!(ada.follow(proved).await.text().contains("Forget all orders?"));
    ada.post("/orders/forget", &[]).await;
    assert!(!ada.get("/orders").await.text().contains("kettle"));
}

#[tokio::test]
async fn no_order_without_its_user() {
    let (folder, _bed, _) = shop().await;
    let other = rusqlite::Connection::open(folder.path().join("shop.db")).unwrap();
    other.pragma_update(None, "foreign_keys", true).unwrap();
    let orphan = other.execute("INSERT INTO orders (buyer, what) VALUES (?1, 'x')", [&[7_u8; 16][..]]);
    assert!(orphan.is_err());
}
