use std::time::Duration;

use ciam_core::secret::Secret;

use super::*;

/// What a load balancer or a collector asks.
async fn asked(app: &Router, path: &str, peer: [u8; 4], headers: &[(&str, &str)]) -> (StatusCode, String) {
    let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from((peer, 40_000))));
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn readiness(app: &Router) -> (StatusCode, Value) {
    let (status, body) = asked(app, "/readyz", [192, 0, 2, 1], &[("accept", "application/json")]).await;
    (status, serde_json::from_str(&body).unwrap())
}

#[tokio::test(start_paused = true)]
async fn readyz_tells_the_truth_and_no_causes() {
    let (bed, app, store) = on_a_faulty_store().await;
    assert_eq!(asked(&app, "/readyz", [192, 0, 2, 1], &[]).await, (StatusCode::OK, "ready\n".to_owned()));
    let (status, answer) = readiness(&app).await;
    assert_eq!((status, &answer["ready"], &answer["parts"]["writer"]), (StatusCode::OK, &true.into(), &"up".into()));

    store.refuse_writes(true);
    tokio::time::advance(Duration::from_secs(6)).await;
    let (status, answer) = readiness(&app).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((&answer["parts"]["store"], &answer["parts"]["writer"]), (&"up".into(), &"down".into()));
    store.refuse_writes(false);
    store.go_away(Some(leaks::DRIVER_TEXT));
    let (status, body) = asked(&app, "/readyz", [192, 0, 2, 1], &[]).await;
    assert_eq!((status, body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"));
    assert!(!readiness(&app).await.1.to_string().contains("canary"));
    store.go_away(None);
    assert_eq!(readiness(&app).await.0, StatusCode::OK);

    store.hang(true);
    let begun = tokio::time::Instant::now();
    assert_eq!(readiness(&app).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(begun.elapsed(), Duration::from_secs(1), "it does not wait for longer");
    assert_eq!(asked(&app, "/healthz", [192, 0, 2, 1], &[]).await.0, StatusCode::OK);
    store.hang(false);

    bed.ciam.announce_shutdown();
    let (status, answer) = readiness(&app).await;
    assert_eq!((status, &answer["parts"]["staying"]), (StatusCode::SERVICE_UNAVAILABLE, &"down".into()));
    assert_eq!(asked(&app, "/sign-in", [192, 0, 2, 1], &[]).await.0, StatusCode::OK, "it is served all the same");
}

#[tokio::test]
async fn a_worker_that_was_ended_is_told() {
    let (bed, app, _) = on_a_faulty_store().await;
    assert_eq!(readiness(&app).await.1["parts"]["outbox"], "elsewhere");
    let working = tokio::spawn(bed.ciam.workers().run_until(std::future::pending()));
    while readiness(&app).await.1["parts"]["outbox"] != "up" {
        tokio::task::yield_now().await;
    }
    working.abort();
    drop(working.await);
    let (status, answer) = readiness(&app).await;
    assert_eq!((status, &answer["parts"]["outbox"]), (StatusCode::SERVICE_UNAVAILABLE, &"down".into()));
}

const HERE: [u8; 4] = [127, 0, 0, 1];
const ELSEWHERE: [u8; 4] = [192, 0, 2, 1];

#[tokio::test]
async fn figures_are_for_this_machine_or_for_who_has_the_token() {
    let bed = TestBed::new().await;
    let mount = |mount: Mount| mount.around(Router::<()>::new()).unwrap();
    let status = async |app: &Router, peer, headers: &[(&str, &str)]| {
        let (status, body) = asked(app, "/metrics", peer, headers).await;
        assert_eq!(status == StatusCode::OK, body == "figure 1\n", "{body}");
        status
    };
    let local = ("host", "localhost:8080");
    let none = mount(Mount::new(&bed.ciam));
    assert_eq!(status(&none, HERE, &[local]).await, StatusCode::NOT_FOUND);

    let open = mount(Mount::new(&bed.ciam).metrics(|| "figure 1\n".to_owned()));
    for host in ["localhost:8080", "127.0.0.1:9000", "[::1]:8080", "localhost"] {
        assert_eq!(status(&open, HERE, &[("host", host)]).await, StatusCode::OK, "{host}");
    }
    assert_eq!(status(&open, ELSEWHERE, &[local]).await, StatusCode::NOT_FOUND);
    for header in ["x-forwarded-for", "forwarded", "x-real-ip", "via", "x-forwarded-host", "x-forwarded-proto"] {
        let forged = [local, (header, "127.0.0.1")];
        assert_eq!(status(&open, ELSEWHERE, &forged).await, StatusCode::NOT_FOUND, "{header} is not believed");
        assert_eq!(status(&open, HERE, &forged).await, StatusCode::NOT_FOUND, "{header}: a proxy speaks for somebody");
    }
    assert_eq!(status(&open, HERE, &[("host", "shop.example")]).await, StatusCode::NOT_FOUND);
    assert_eq!(status(&open, HERE, &[]).await, StatusCode::NOT_FOUND);

    let guarded = |token: &str| {
        let token = Secret::new(token.to_owned());
        mount(Mount::new(&bed.ciam).metrics_with_token(&token, || "figure 1\n".to_owned()))
    };
    let app = guarded("canary-token");
    assert_eq!(status(&app, ELSEWHERE, &[("authorization", "Bearer canary-token")]).await, StatusCode::OK);
    for wrong in ["Bearer canary-toke", "Bearer canary-tokenn", "Bearer ", "Basic canary-token", "canary-token"] {
        assert_eq!(status(&app, ELSEWHERE, &[("authorization", wrong)]).await, StatusCode::NOT_FOUND, "{wrong}");
    }
    assert_eq!(status(&app, HERE, &[local]).await, StatusCode::NOT_FOUND, "a token is asked of everybody");
    let nobody = guarded("");
    assert_eq!(status(&nobody, HERE, &[local, ("authorization", "Bearer ")]).await, StatusCode::NOT_FOUND);
}
