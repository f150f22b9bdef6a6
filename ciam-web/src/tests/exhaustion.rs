use std::time::Duration;

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use serde_json::json;

use super::*;
use crate::limits::MAX_BODY;

/// A body of so many bytes whose length is not announced, and how often it was read from.
fn endless(bytes: usize) -> (Body, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let read = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&read);
    let chunk = Bytes::from(vec![b' '; 16 * 1024]);
    let chunks = (0..bytes.div_ceil(chunk.len())).map(move |_| {
        count.fetch_add(chunk.len(), std::sync::atomic::Ordering::SeqCst);
        Ok::<_, std::io::Error>(chunk.clone())
    });
    (Body::from_stream(futures_util::stream::iter(chunks)), read)
}

#[tokio::test]
async fn rl8_a_hundred_megabytes_are_refused_early() {
    let (_, app) = shop().await;
    let mut eve = Visitor::program(&app);
    for (path, kind) in
        [("/api/v1/journeys", JSON), ("/api/v1/journeys/jny_x", JSON), ("/sign-in", FORM), ("/verify", FORM)]
    {
        let (body, read) = endless(100 << 20);
        let request = eve.request(Method::POST, path).header(CONTENT_TYPE, kind).body(body).unwrap();
        let reply = eve.send(request).await;
        assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"), "{path}");
        assert!(read.load(std::sync::atomic::Ordering::SeqCst) <= 2 * MAX_BODY);

        let (body, read) = endless(100 << 20);
        let request = eve.request(Method::POST, path).header(CONTENT_TYPE, kind).header(CONTENT_LENGTH, 100 << 20);
        let reply = eve.send(request.body(body).unwrap()).await;
        assert_eq!(reply.problem(), "too_large", "{path}");
        assert_eq!(read.load(std::sync::atomic::Ordering::SeqCst), 0, "an announced length is believed");
    }
    let (body, read) = endless(100 << 20);
    let request = eve.request(Method::POST, "/sign-out").header(CONTENT_LENGTH, 100 << 20).body(body).unwrap();
    assert_eq!(eve.send(request).await.problem(), "too_large");
    assert_eq!(read.load(std::sync::atomic::Ordering::SeqCst), 0);
}

/// A body of which a byte comes after each `pause`, and never the last.
fn dripping(pause: Duration) -> Body {
    Body::from_stream(futures_util::stream::unfold((), move |()| async move {
        tokio::time::sleep(pause).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
    }))
}

#[tokio::test(start_paused = true)]
async fn rl8_a_body_that_does_not_arrive_is_not_waited_for() {
    let (_, app) = shop().await;
    let mut eve = Visitor::program(&app);
    for (path, kind) in
        [("/api/v1/journeys", JSON), ("/api/v1/journeys/jny_x", JSON), ("/sign-in", FORM), ("/verify", FORM)]
    {
        for pause in [Duration::from_secs(1), Duration::from_secs(3600)] {
            let request = eve.request(Method::POST, path).header(CONTENT_TYPE, kind).body(dripping(pause)).unwrap();
            let started = tokio::time::Instant::now();
            let reply = eve.send(request).await;
            assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::REQUEST_TIMEOUT, "timeout"), "{path}");
            assert_eq!(started.elapsed().as_secs(), 10);
        }
    }
    let slow = Body::from_stream(futures_util::stream::once(async {
        tokio::time::sleep(Duration::from_secs(9)).await;
        Ok::<_, std::io::Error>(Bytes::from_static(br#"{"kind":"sign_in"}"#))
    }));
    let request = eve.request(Method::POST, "/api/v1/journeys").header(CONTENT_TYPE, JSON).body(slow).unwrap();
    assert_eq!(eve.send(request).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn rl8_deep_json_is_refused_without_parsing() {
    let (_, app) = shop().await;
    let mut eve = Visitor::program(&app);
    let id = eve.begin("sign_up").await;
    for path in ["/api/v1/journeys".to_owned(), format!("/api/v1/journeys/{id}")] {
        for (depth, name) in [(100_000, "too_large"), (30_000, "too_deep"), (65, "too_deep")] {
            let body = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
            let request = eve.request(Method::POST, &path).header(CONTENT_TYPE, JSON).body(Body::from(body)).unwrap();
            assert_eq!(eve.send(request).await.problem(), name, "{depth}");
        }
    }
}

#[tokio::test]
async fn rl8_headers_and_targets_are_bounded() {
    let (_, app) = shop().await;
    let mut eve = Visitor::program(&app);
    let long = "x".repeat(1 << 20);
    let request = eve.request(Method::GET, "/sign-in").header("x-long", &long).body(Body::empty()).unwrap();
    assert_eq!(eve.send(request).await.problem(), "headers_too_large");
    let request = eve.request(Method::GET, "/api/v1/session").header(COOKIE, format!("ciam_session={long}"));
    assert_eq!(eve.send(request.body(Body::empty()).unwrap()).await.problem(), "headers_too_large");
    let many = (0..200).fold(eve.request(Method::GET, "/sign-in"), |request, n| request.header(format!("x-{n}"), "1"));
    assert_eq!(eve.send(many.body(Body::empty()).unwrap()).await.problem(), "headers_too_large");
    let path = format!("/sign-in?return_to=/{}", "x".repeat(20_000));
    assert_eq!(eve.get(&path).await.problem(), "target_too_long");
    let path = format!("/sign-in?return_to=/{}", "x".repeat(2_000));
    assert_eq!(eve.get(&path).await.status, StatusCode::OK);
    let path = format!("/api/v1/journeys/{}", "x".repeat(7_000));
    assert_eq!(eve.get(&path).await.problem(), "unknown_journey");
    let fields: Vec<String> = (0..1000).map(|n| format!("f{n}=1")).collect();
    let request = eve.request(Method::POST, "/sign-in").header(CONTENT_TYPE, FORM).body(Body::from(fields.join("&")));
    assert_eq!(eve.send(request.unwrap()).await.problem(), "malformed");
}

#[tokio::test]
async fn pw1_a_megabyte_of_password_is_refused_before_hashing() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    let work = bed.hasher.work();
    let mut eve = Visitor::browser(&app);
    for (path, kind, field) in [("/sign-in", "sign_in", "password"), ("/sign-up", "sign_up", "new_password")] {
        for (length, status) in [(1 << 20, StatusCode::PAYLOAD_TOO_LARGE), (60_000, StatusCode::UNPROCESSABLE_ENTITY)] {
            let secret = "p".repeat(length);
            let page = eve.get(path).await;
            let page = eve.answer(&page, &[("email", EMAIL)]).await;
            let reply = eve.submit(&page, &[(field, &secret)]).await;
            assert_eq!(reply.status, status, "{path} {length}");
            let id = eve.begin(kind).await;
            eve.tell(&id, json!({"type": "identify", "email": EMAIL})).await;
            let reply = eve.tell(&id, json!({"type": field, (field): secret})).await;
            assert_eq!(reply.status, status, "{path} {length}");
            assert!(!reply.body.contains("pppp"));
        }
    }
    assert_eq!(bed.hasher.work(), work);
}
