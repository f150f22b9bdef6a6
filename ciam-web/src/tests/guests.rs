use ciam_core::testing::TestBed;

use super::*;
use crate::testing::TestClient;
use crate::{GuestId, Visitor as Whoever};

/// Says who visits, and whom a user was.
fn shop() -> Router {
    async fn cart(visitor: Whoever) -> String {
        match visitor {
            Whoever::Guest(guest) => guest.to_string(),
            Whoever::User(user) => format!("{:?}", user.former_guest()),
        }
    }
    async fn moved(visitor: Whoever) -> &'static str {
        if let Whoever::User(user) = visitor {
            user.forget_guest();
        }
        "moved"
    }
    Router::new().route("/cart", get(cart)).route("/moved", get(moved))
}

async fn visit(bed: &TestBed) -> (TestClient, String) {
    let mut ada = TestClient::new(around(bed, shop()));
    let guest = ada.get("/cart").await.text();
    (ada, guest)
}

#[tokio::test]
async fn a_guest_stays_the_same_in_one_browser() {
    let bed = TestBed::new().await;
    let (mut ada, guest) = visit(&bed).await;
    assert!(guest.parse::<GuestId>().is_ok());
    let again = ada.get("/cart").await;
    assert_eq!((again.text(), again.headers.get(SET_COOKIE)), (guest.clone(), None));
    assert_ne!(ada.stranger().get("/cart").await.text(), guest);
    assert!(!ada.cookie("ciam_guest").unwrap().contains(guest.strip_prefix("gst_").unwrap()), "the id is no key");
    let first = ada.stranger().get("/cart").await;
    let cookie = first.headers[SET_COOKIE].to_str().unwrap();
    assert!(cookie.ends_with("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"), "{cookie}");
    assert_eq!(first.headers["cache-control"], "private");
    for forged in ["", "x", "gst_0", &format!("{}.usr_0", ada.cookie("ciam_guest").unwrap())] {
        let mut mallory = ada.stranger();
        mallory.set_cookie("ciam_guest", forged);
        assert_ne!(mallory.get("/cart").await.text(), guest, "{forged}");
    }
    assert!(ada.stranger().get("/sign-in").await.headers.get_all(SET_COOKIE).iter().count() == 1, "nobody asked");
}

#[tokio::test]
async fn what_a_guest_left_goes_to_whoever_signs_in_and_to_nobody_else() {
    let bed = TestBed::new().await;
    let app = around(&bed, shop());
    let (_, bob) = (bed.sign_up(EMAIL, PASSWORD).await, bed.user().create().await);
    let mut ada = Visitor::browser(&app);
    let guest = ada.get("/cart").await.body;
    assert_eq!(ada.sign_in(EMAIL, PASSWORD).await.status, StatusCode::SEE_OTHER);
    for _ in 0..2 {
        assert_eq!(ada.get("/cart").await.body, format!("Some({guest})"), "until it is moved");
    }
    let bearer = bed.signed_in(bob.id).await.bearer;
    let mut next = ada.clone();
    next.jar.insert("ciam_session".to_owned(), bearer.expose().clone());
    assert_eq!(next.get("/cart").await.body, "None", "another person in the same browser");
    next.jar.remove("ciam_session");
    let other = next.get("/cart").await.body;
    assert_ne!(other, guest, "a guest in the same browser, after the session has ended");
    ada.get("/moved").await;
    assert!(!ada.jar.contains_key("ciam_guest"));
    assert_eq!(ada.get("/cart").await.body, "None");
}

#[tokio::test]
async fn whoever_comes_after_a_sign_out_is_another_guest() {
    let bed = TestBed::new().await;
    let app = around(&bed, shop());
    let mut ada = Visitor::browser(&app);
    let before = ada.get("/cart").await.body;
    ada.sign_up(&bed, EMAIL).await;
    ada.post("/sign-out", &[]).await;
    assert_eq!(ada.jar.keys().collect::<Vec<_>>(), ["ciam_device"]);
    assert_ne!(ada.get("/cart").await.body, before);
}

#[tokio::test]
async fn a_guest_of_the_api_is_handed_over_too_and_a_store_that_is_away_makes_nobody_a_guest() {
    let (bed, _, store) = on_a_faulty_store().await;
    let app = around(&bed, shop());
    let mut ada = Visitor::program(&app);
    let guest = ada.get("/cart").await.body;
    bed.sign_up(EMAIL, PASSWORD).await;
    let journey = ada.begin("sign_in").await;
    ada.tell(&journey, json!({"type": "identify", "email": EMAIL})).await;
    ada.tell(&journey, json!({"type": "password", "password": PASSWORD})).await;
    assert_eq!(ada.get("/cart").await.body, format!("Some({guest})"));
    store.go_away(Some("gone"));
    assert_eq!(ada.get("/cart").await.problem(), "unavailable");
}
