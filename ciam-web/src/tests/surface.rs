use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use ciam_core::challenges::ChallengeLimits;
use ciam_core::vault::MasterKey;

use super::*;
use crate::Mount;

/// The paths that `docs/api.md` names.
const API: [(&str, &str); 18] = [
    ("post", "/api/v1/journeys"),
    ("get", "/api/v1/journeys/{id}"),
    ("post", "/api/v1/journeys/{id}"),
    ("get", "/api/v1/session"),
    ("delete", "/api/v1/session"),
    ("get", "/api/v1/account"),
    ("get", "/api/v1/account/sessions"),
    ("delete", "/api/v1/account/sessions"),
    ("delete", "/api/v1/account/sessions/{id}"),
    ("patch", "/api/v1/account/sessions/{id}"),
    ("post", "/api/v1/account/password"),
    ("get", "/api/v1/account/profile"),
    ("patch", "/api/v1/account/profile"),
    ("get", "/api/v1/account/identifiers"),
    ("delete", "/api/v1/account/identifiers/{id}"),
    ("get", "/api/v1/account/authenticators"),
    ("delete", "/api/v1/account/authenticators/{id}"),
    ("get", "/api/v1/account/events"),
];

#[tokio::test]
async fn the_description_names_every_route_and_no_other() {
    let rows = include_str!("../../../docs/api.md").lines().filter(|line| line.contains("| `/api/v1/"));
    let written: BTreeSet<(String, &str)> = rows
        .flat_map(|row| {
            let (methods, path) = (row.split('|').nth(1).unwrap(), row.split('`').nth(1).unwrap());
            methods.split(',').map(move |method| (method.trim().to_lowercase(), path)).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(written, API.map(|(method, path)| (method.to_owned(), path)).into_iter().collect());
    let (_, app) = shop().await;
    let mut program = Visitor::program(&app);
    let document = program.get("/openapi.json").await.json();
    let described: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| (method.clone(), path.clone())))
        .collect();
    let named = API.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(described, named);
    for (method, path) in &described {
        let method: Method = method.to_uppercase().parse().unwrap();
        let reply = program.call(method.clone(), &path.replace("{id}", "x"), Value::Null).await;
        assert!(!matches!(reply.problem().as_str(), "not_found" | "method_not_allowed"), "{method} {path}");
    }
    // Whatever is not described is not there either.
    for path in described.iter().map(|(_, path)| path) {
        for method in ["get", "post", "put", "patch", "delete"] {
            if described.contains(&(method.to_owned(), path.clone())) {
                continue;
            }
            let method: Method = method.to_uppercase().parse().unwrap();
            let reply = program.call(method, &path.replace("{id}", "x"), Value::Null).await;
            assert_eq!(reply.problem(), "method_not_allowed");
        }
    }
}

#[tokio::test]
async fn the_description_resolves_and_says_what_may_go_wrong() {
    let (_, app) = shop().await;
    let document = Visitor::program(&app).get("/openapi.json").await.json();
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#/").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(document.pointer(&format!("/{reference}")).is_some(), "{reference}");
    }
    for (method, path) in API {
        let operation = &document["paths"][path][method];
        let responses = operation["responses"].as_object().unwrap();
        for (status, response) in responses.iter().filter(|(status, _)| status.starts_with(['4', '5'])) {
            assert!(response["content"]["application/problem+json"]["schema"].is_object(), "{method} {path} {status}");
        }
        assert!(operation["summary"].is_string());
    }
}

/// A prompt that comes to be needs a page (`pages/journeys/view.rs`), the answer of its form (`read` in
/// `pages/journeys.rs`) and a test of both; then its name here. Without them it is "not found" in a browser.
#[test]
fn every_prompt_and_answer_is_one_that_pages_know() {
    let known = [
        "identify",
        "password",
        "new_password",
        "code",
        "otp",
        "enrol",
        "totp_create",
        "recovery_codes",
        "authenticate",
        "confirmed",
        "custom",
        "refused",
        "completed",
        "done",
    ];
    assert_eq!(types_of("Prompt"), known.map(str::to_owned).into());
    let known = [
        "identify",
        "password",
        "new_password",
        "code",
        "resend",
        "enrol",
        "authenticate",
        "choose",
        "continue",
        "custom",
    ];
    assert_eq!(types_of("Answer"), known.map(str::to_owned).into());
}

/// The values that the member `type` of a schema may have.
fn types_of(schema: &str) -> BTreeSet<String> {
    fn collect(schema: &Value, found: &mut BTreeSet<String>) {
        if let Some([Value::String(name)]) = schema["properties"]["type"]["enum"].as_array().map(Vec::as_slice) {
            found.insert(name.clone());
        }
        let parts = ["oneOf", "allOf"].into_iter().filter_map(|kind| schema[kind].as_array());
        parts.flatten().for_each(|part| collect(part, found));
    }
    let mut found = BTreeSet::new();
    collect(&description()["components"]["schemas"][schema], &mut found);
    found
}

#[tokio::test]
async fn each_route_is_described_with_the_problems_that_it_can_give() {
    let change = ["401 no_session", "403 cross_site", "503 unavailable"];
    let one = ["401 no_session", "403 cross_site", "404 not_found", "503 unavailable"];
    let read = ["401 no_session", "503 unavailable"];
    let begin = [
        "400 malformed",
        "400 too_deep",
        "401 no_session",
        "403 cross_site",
        "408 timeout",
        "413 too_large",
        "415 unsupported_media_type",
        "422 unexpected_shape",
        "422 bad_return_to",
        "503 unavailable",
    ];
    let answer = [
        "400 malformed",
        "400 too_deep",
        "403 cross_site",
        "404 unknown_journey",
        "408 timeout",
        "409 stale_journey",
        "413 too_large",
        "415 unsupported_media_type",
        "422 wrong_input",
        "429 throttled",
        "503 overloaded",
        "503 unavailable",
    ];
    let rename = [
        "400 malformed",
        "400 too_deep",
        "401 no_session",
        "403 cross_site",
        "404 not_found",
        "408 timeout",
        "413 too_large",
        "415 unsupported_media_type",
        "422 unexpected_shape",
        "422 bad_label",
        "503 unavailable",
    ];
    let look = ["404 unknown_journey", "503 unavailable"];
    let edit = [
        "400 malformed",
        "400 too_deep",
        "401 no_session",
        "403 cross_site",
        "408 timeout",
        "413 too_large",
        "415 unsupported_media_type",
        "422 unexpected_members",
        "422 wrong_input",
        "503 unavailable",
    ];
    let password =
        [&edit[..], &["403 fresh_sign_in_required", "409 password_changed", "429 throttled", "503 overloaded"]]
            .concat();
    let identifier = [&one[..], &["403 fresh_sign_in_required", "409 last_identifier"]].concat();
    let page = ["400 bad_cursor", "401 no_session", "503 unavailable"];
    let authenticator = [&one[..], &["403 fresh_sign_in_required"]].concat();
    let expected: [&[&str]; 18] = [
        &begin,
        &look,
        &answer,
        &read,
        &change,
        &read,
        &read,
        &change,
        &one,
        &rename,
        &password,
        &read,
        &edit,
        &read,
        &identifier,
        &read,
        &authenticator,
        &page,
    ];
    for ((method, path), expected) in API.into_iter().zip(expected) {
        let expected: BTreeSet<String> = expected.iter().map(|&problem| problem.to_owned()).collect();
        assert_eq!(described_problems(method, path), expected, "{method} {path}");
    }
}

#[tokio::test]
async fn what_clients_read_of_a_problem_and_a_token_is_in_the_description() {
    let document = description();
    let schemas = &document["components"]["schemas"];
    // The members that a schema has, of its own or of what it extends.
    let members = |name: &str| {
        let parts = schemas[name]["allOf"].as_array().cloned().unwrap_or_else(|| vec![schemas[name].clone()]);
        let own = |part: &Value| part["properties"].as_object().map(|own| own.keys().cloned().collect::<Vec<_>>());
        let extended = parts.iter().filter_map(|part| part["$ref"].as_str()).map(str::to_owned).collect::<Vec<_>>();
        (parts.iter().filter_map(own).flatten().collect::<BTreeSet<_>>(), extended)
    };
    let (own, extended) = members("WrongInput");
    assert_eq!(own.into_iter().collect::<Vec<_>>(), ["mistake", "prompt"]);
    assert_eq!(extended, ["#/components/schemas/Problem"]);
    let (own, extended) = members("SessionWithToken");
    assert_eq!(own.into_iter().collect::<Vec<_>>(), ["token"]);
    assert_eq!(extended, ["#/components/schemas/SessionView"]);
    let done = &schemas["DoneWithToken"]["properties"];
    assert_eq!(done["session"]["$ref"].as_str(), Some("#/components/schemas/SessionWithToken"), "{done}");
    let wrong = &document["paths"]["/api/v1/journeys/{id}"]["post"]["responses"]["422"];
    assert!(wrong.to_string().contains("#/components/schemas/WrongInput"), "{wrong}");
    let begun = &document["paths"]["/api/v1/journeys"]["post"]["responses"]["422"];
    assert!(begun.to_string().contains("#/components/schemas/Problem"), "{begun}");
    assert!(schemas["AnyPrompt"].to_string().contains("DoneWithToken"), "{}", schemas["AnyPrompt"]);
}

#[tokio::test]
async fn every_response_of_ours_is_strict() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    ada.sign_up(&bed, EMAIL).await;
    let mut stranger = Visitor::browser(&app);
    let signing_in = stranger.get("/sign-in").await;
    let replies = [
        stranger.get("/sign-up").await,
        stranger.get("/sign-in").await,
        stranger.submit(&signing_in, &[("email", "nobody")]).await,
        stranger.submit(&signing_in, &[("email", EMAIL)]).await,
        stranger.get("/verify?ticket=x").await,
        stranger.get("/account").await,
        stranger.get("/nothing").await,
        stranger.get("/account/security").await,
        stranger.get("/recover").await,
        stranger.get("/.well-known/change-password").await,
        stranger.get("/step-up").await,
        stranger.get("/api/v1/session").await,
        stranger.post("/account/sessions/end-all", &[]).await,
        stranger.call(Method::PUT, "/sign-in", Value::Null).await,
        ada.get("/sign-in").await,
        ada.get("/account").await,
        ada.get("/account/sessions").await,
        ada.get("/account/profile").await,
        ada.get("/account/security").await,
        ada.get("/account/add").await,
        ada.get("/step-up").await,
        ada.get("/api/v1/account/events").await,
        ada.get("/dev/mailbox").await,
        ada.get("/dev/mailbox.json").await,
        ada.get("/openapi.json").await,
        ada.get("/healthz").await,
        ada.get("/readyz").await,
        ada.get("/api/v1/account").await,
        ada.post("/sign-out", &[]).await,
    ];
    for reply in replies {
        let headers = &reply.headers;
        let policy = headers["content-security-policy"].to_str().unwrap();
        for rule in ["default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(rule), "{rule}");
        }
        assert!(!policy.contains("unsafe"));
        assert_eq!(headers["x-content-type-options"], "nosniff");
        // The second one on the page of a link, whose address has a ticket in it.
        assert!(["same-origin", "strict-origin"].contains(&headers["referrer-policy"].to_str().unwrap()));
        assert_eq!(headers[CACHE_CONTROL], "no-store");
        assert!(!headers.contains_key("strict-transport-security"), "not over plain http");
        assert!(!reply.body.contains("<style") && !reply.body.contains(" style=") && !reply.body.contains(" onclick="));
        for script in reply.body.split("<script").skip(1) {
            assert!(script.starts_with(" src=\"/_ciam/"), "no inline script");
        }
    }
}

#[tokio::test]
async fn what_pages_are_made_of_is_kept_for_long() {
    let (_, app) = shop().await;
    let mut ada = Visitor::browser(&app);
    let page = ada.get("/sign-in").await;
    let assets: Vec<&str> = page.body.split('"').filter(|text| text.starts_with("/_ciam/")).collect();
    assert_eq!(assets.len(), 3);
    for asset in assets {
        let reply = ada.get(asset).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(reply.headers[CACHE_CONTROL], "public, max-age=31536000, immutable");
        assert_eq!(reply.headers["x-content-type-options"], "nosniff");
    }
    assert_eq!(ada.get("/_ciam/ciam-0000000000000000.css").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn over_https_cookies_are_bound_to_the_host() {
    let bed = TestBed::with(|builder| {
        let key = MasterKey::generate(&ciam_core::testing::FixedEntropy::new(2));
        builder.store(MemoryStore::new()).public_url("https://shop.example").master_key(key)
    })
    .await;
    let app = crate::mount(Router::new(), &bed.ciam);
    let opened = bed.sign_up(EMAIL, PASSWORD).await;
    let mut ada = Visitor::browser(&app);
    let page = ada.get("/sign-in").await;
    assert_eq!(page.headers["strict-transport-security"], "max-age=31536000");
    let page = ada.answer(&page, &[("email", EMAIL)]).await;
    let reply = ada.submit(&page, &[("password", PASSWORD)]).await;
    let cookie = reply.headers[SET_COOKIE].to_str().unwrap();
    let (name, attributes) = (cookie.split('=').next().unwrap(), cookie.split_once(';').unwrap().1);
    assert_eq!(name, "__Host-ciam_session");
    assert_eq!(attributes, " Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure");
    assert_eq!(
        ada.jar.keys().collect::<Vec<_>>(),
        ["__Host-ciam_browser", "__Host-ciam_device", "__Host-ciam_session"]
    );
    assert_eq!(ada.get("/account").await.status, StatusCode::OK);
    let mut plain = Visitor::browser(&app);
    plain.jar.insert("ciam_session".to_owned(), opened.bearer.expose().clone());
    assert_eq!(plain.get("/account").await.status, StatusCode::SEE_OTHER, "the name without the prefix is not read");
}

const MAILBOX: [&str; 2] = ["/dev/mailbox", "/dev/mailbox.json"];

#[tokio::test]
async fn the_mailbox_is_for_the_own_host_only() {
    let (_, app) = shop().await;
    let mut ada = Visitor::program(&app);
    let request = |target: &str, hosts: &[&str]| {
        let request = Request::builder().uri(target);
        hosts.iter().fold(request, |request, host| request.header(HOST, *host)).body(Body::empty()).unwrap()
    };
    for path in MAILBOX {
        for own in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080"] {
            assert_eq!(ada.send(request(path, &[own])).await.status, StatusCode::OK, "{own}");
            let absolute = format!("http://{own}{path}");
            assert_eq!(ada.send(request(&absolute, &[])).await.status, StatusCode::OK, "{absolute}");
        }
        // A name of an attacker's that now leads to 127.0.0.1 makes the page one of the attacker's own.
        for foreign in [
            &["evil.example"][..],
            &["evil.example:8080"],
            &["localhost"],
            &["localhost:8081"],
            &["localhost.evil.example:8080"],
            &["evil.example@localhost:8080"],
            &["localhost:8080", "evil.example"],
            &["localhost:8080/"],
            &[""],
            &[],
        ] {
            assert_eq!(ada.send(request(path, foreign)).await.problem(), "not_found", "{foreign:?}");
        }
        // A proxy or a tunnel on this machine, for whoever is at its other end.
        for (name, value) in [
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-host", "localhost:8080"),
            ("x-forwarded-proto", "https"),
            ("x-real-ip", "203.0.113.9"),
            ("forwarded", "for=203.0.113.9"),
            ("via", "1.1 tunnel"),
        ] {
            let mut proxied = request(path, &["localhost:8080"]);
            proxied.headers_mut().insert(name, value.parse().unwrap());
            assert_eq!(ada.send(proxied).await.problem(), "not_found", "{name}");
        }
        let absolute = format!("http://evil.example:8080{path}");
        assert_eq!(ada.send(request(&absolute, &["localhost:8080"])).await.problem(), "not_found");
    }
    let bed = TestBed::with(|builder| {
        let key = MasterKey::generate(&ciam_core::testing::FixedEntropy::new(2));
        builder.store(MemoryStore::new()).public_url("https://shop.example").master_key(key)
    })
    .await;
    let app = around(&bed, Router::new());
    for (host, status) in [("shop.example", StatusCode::OK), ("localhost", StatusCode::NOT_FOUND)] {
        assert_eq!(Visitor::program(&app).send(request("/dev/mailbox", &[host])).await.status, status, "{host}");
    }
}

#[tokio::test]
async fn a_server_that_was_moved_to_another_port_says_what_mends_it() {
    let (_, app) = shop().await;
    let written = leaks::Written::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(written.clone()).finish();
    let _log = tracing::subscriber::set_default(subscriber);
    let form = |ada: &Visitor, origin: &str| {
        let form = ada.request(Method::POST, "/sign-in").header("sec-fetch-site", "same-origin");
        form.header("origin", origin).body(Body::empty()).unwrap()
    };
    let mut ada = Visitor::program(&app);
    assert_eq!(ada.send(form(&ada, "http://localhost:8123")).await.problem(), "cross_site");
    let said = written.text();
    for part in ["WARN", r#"origin="http://localhost:8123""#, r#"public_url="http://localhost:8080""#, ".public_url(…)"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    for _ in 0..2 {
        let asked = Request::builder().uri(MAILBOX[0]).header(HOST, "localhost:8123").body(Body::empty()).unwrap();
        assert_eq!(ada.send(asked).await.problem(), "not_found");
    }
    let said = written.text().split_off(said.len());
    assert_eq!(said.matches("the mailbox is shown under").count(), 1, "once: {said}");
    assert!(said.contains(r#"host="localhost:8123""#) && said.contains(".public_url(…)"), "{said}");

    let bed = TestBed::with(|builder| {
        let key = MasterKey::generate(&ciam_core::testing::FixedEntropy::new(2));
        builder.store(MemoryStore::new()).public_url("https://shop.example").master_key(key)
    })
    .await;
    let before = written.text().len();
    let mut eve = Visitor::program(&around(&bed, Router::new()));
    assert_eq!(eve.send(form(&eve, "https://evil.example")).await.problem(), "cross_site");
    assert_eq!(written.text().split_off(before), "", "in public nobody fills the log with it");
}

#[tokio::test]
async fn what_binds_a_browser_lives_as_long_as_its_journeys() {
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    for (link, journey, age) in [(24, 1, 48), (72, 1, 96), (1, 100, 100)] {
        let bed = TestBed::with(|builder| {
            let challenges = ChallengeLimits { link: hours(link), ..ChallengeLimits::default() };
            builder.store(MemoryStore::new()).challenge_limits(challenges).journey_limit(hours(journey))
        })
        .await;
        let reply = Visitor::browser(&around(&bed, Router::new())).get("/sign-in").await;
        let cookie = reply.headers[SET_COOKIE].to_str().unwrap();
        assert!(cookie.contains(&format!("Max-Age={};", age * 3600)), "{cookie}");
    }
}

#[tokio::test]
async fn the_mailbox_is_shown_only_when_it_was_handed_over() {
    let (bed, app) = shop().await;
    bed.sign_up(EMAIL, PASSWORD).await;
    let mut ada = Visitor::browser(&app);
    let letters = ada.get("/dev/mailbox.json").await.json();
    let letter = &letters.as_array().unwrap()[0];
    let members: Vec<&String> = letter.as_object().unwrap().keys().collect();
    assert_eq!(members, ["at", "channel", "subject", "text", "to"]);
    assert_eq!((&letter["to"], &letter["channel"]), (&EMAIL.into(), &"email".into()));
    assert_eq!(letter["at"], "2026-01-01T00:00:00Z");
    assert!(ada.get("/dev/mailbox").await.body.contains("<a href=\"http://localhost:8080/verify?ticket="));
    let app = Mount::new(&bed.ciam).around::<()>(Router::new()).unwrap();
    for path in MAILBOX {
        assert_eq!(Visitor::program(&app).get(path).await.problem(), "not_found");
    }
}

#[tokio::test]
async fn what_does_not_exist_yet_is_not_found() {
    let (bed, app) = shop().await;
    let mut ada = Visitor::program(&app);
    ada.sign_up(&bed, EMAIL).await;
    for path in ["/admin", "/metrics", "/oauth2/authorize", "/scim/v2/Users", "/api/v1/admin/users"] {
        assert_eq!(ada.get(path).await.problem(), "not_found", "{path}");
    }
}
