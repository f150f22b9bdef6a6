use axum::http::StatusCode;
use serde_json::json;

use super::*;

#[tokio::test]
async fn the_link_signs_in_where_the_journey_was_begun() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up_until_code(EMAIL).await;
    let ticket = bed.ticket_for(EMAIL).await;
    for _ in 0..3 {
        let page = ada.get(&format!("/verify?ticket={ticket}")).await;
        assert_eq!((page.status, page.heading()), (StatusCode::OK, "Confirm your address"));
        assert!(!page.body.contains("Confirm only if"));
        assert!(page.body.contains("<button id=\"main\" class=\"main\" type=\"submit\">"));
    }
    assert!(!ada.jar.contains_key("ciam_session"), "following the link consumes nothing");
    let reply = ada.post("/verify", &[("ticket", &ticket)]).await;
    assert_eq!((reply.status, reply.location()), (StatusCode::SEE_OTHER, "/account".to_owned()));
    assert_eq!(ada.get("/account").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_link_confirms_elsewhere_and_signs_in_nobody_there() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    let waiting = ada.sign_up_until_code(EMAIL).await;
    let ticket = bed.ticket_for(EMAIL).await;
    let mut phone = Visitor::browser(&app);
    let page = phone.get(&format!("/verify?ticket={ticket}")).await;
    assert!(page.body.contains("<strong>Confirm only if that was you.</strong>"));
    assert!(page.body.contains("just now"));
    let page = phone.post("/verify", &[("ticket", &page.field("ticket"))]).await;
    assert_eq!((page.status, page.heading()), (StatusCode::OK, "Your address is confirmed"));
    assert!(!phone.jar.contains_key("ciam_session"));

    let journey = waiting.field("journey");
    let state = ada.get(&format!("/api/v1/journeys/{journey}")).await;
    assert_eq!(state.json()["prompt"], json!({ "type": "confirmed" }), "what the waiting page's script looks at");
    let page = ada.get(&format!("/sign-up?journey={journey}")).await;
    assert_eq!(page.heading(), "Your address is confirmed");
    assert_eq!(ada.submit(&page, &[]).await.location(), "/account");
    assert_eq!(ada.get("/account").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_waiting_page_goes_on_by_its_second_button() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    let waiting = ada.sign_up_until_code(EMAIL).await;
    let ticket = bed.ticket_for(EMAIL).await;
    Visitor::browser(&app).post("/verify", &[("ticket", &ticket)]).await;
    assert_eq!(ada.submit(&waiting, &[("answer", "continue")]).await.location(), "/account");
}

#[tokio::test]
async fn ot6_a_link_is_good_once_and_an_empty_one_never() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up_until_code(EMAIL).await;
    let ticket = bed.ticket_for(EMAIL).await;
    assert_eq!(ada.post("/verify", &[("ticket", &ticket)]).await.status, StatusCode::SEE_OTHER);
    for bad in [ticket.as_str(), "", "null", "x", &"A".repeat(64)] {
        for page in [ada.get(&format!("/verify?ticket={bad}")).await, ada.post("/verify", &[("ticket", bad)]).await] {
            assert_eq!((page.status, page.heading()), (StatusCode::NOT_FOUND, "This link is no longer good"), "{bad}");
        }
    }
    assert_eq!(ada.get("/verify").await.status, StatusCode::NOT_FOUND);
    assert_eq!(ada.post("/verify", &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_ticket_reaches_no_page_of_the_host_s_as_a_referer() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up_until_code(EMAIL).await;
    let ticket = bed.ticket_for(EMAIL).await;
    let asked = ada.get(&format!("/verify?ticket={ticket}")).await;
    let confirmed = ada.post("/verify", &[("ticket", &ticket)]).await;
    let used = ada.get(&format!("/verify?ticket={ticket}")).await;
    assert_eq!((asked.status, confirmed.status), (StatusCode::OK, StatusCode::SEE_OTHER));
    assert_eq!(used.status, StatusCode::NOT_FOUND);
    let told = Visitor::program(&app).get("/verify?ticket=none").await;
    for reply in [asked, confirmed, used, told] {
        assert_eq!(reply.headers.get_all("referrer-policy").iter().collect::<Vec<_>>(), ["strict-origin"]);
    }
    assert_eq!(ada.get("/account").await.headers["referrer-policy"], "same-origin");
}
