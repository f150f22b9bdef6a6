//! Two engines over one PostgreSQL, as on two nodes: each has connections of its own, and hears of the other by NOTIFY.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../ciam-store/tests/support/schema.rs"]
mod schema;

#[path = "support/nodes.rs"]
mod nodes;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ciam::journeys::JourneyError;
use ciam::sessions::InProcess;
use ciam::testing::{StoppedClock, TestBed, in_parallel};
use ciam_store::PostgresOptions;

use nodes::{ADA, Node, PASSWORD, WAYS};

/// Within which other nodes refuse what was revoked on one.
const HEARD: Duration = Duration::from_secs(1);

async fn node(url: &str, clock: &StoppedClock, seed: u64) -> Node {
    let url = format!("{url}&application_name={}", name(url, seed));
    let postgres = PostgresOptions::new(&url).unwrap().connections(8).open().await.unwrap();
    Node::over(Arc::new(postgres), clock, seed, |builder| builder).await
}

/// What the server calls the connections of a node: no other test's.
fn name(url: &str, seed: u64) -> String {
    let (_, schema) = url.rsplit_once("%3D").unwrap();
    format!("{schema}_node_{seed}")
}

/// Two nodes, and where their database is.
async fn two() -> Option<(Node, Node, String)> {
    let (url, clock) = (schema::empty_schema().await?, StoppedClock::new());
    let (one, other) = (node(&url, &clock, 1).await, node(&url, &clock, 2).await);
    Some((one, other, url))
}

#[tokio::test(flavor = "multi_thread")]
async fn se2_what_one_node_revokes_the_other_refuses_within_a_second() {
    let Some((one, other, _)) = two().await else { return };
    let user = one.bed.sign_up(ADA, PASSWORD).await.session.user;
    for way in 0..WAYS {
        let ada = one.bed.sign_in(ADA, PASSWORD).await.unwrap();
        let spare = one.bed.sign_in(ADA, PASSWORD).await.unwrap();
        other.warm_up(&ada).await;
        one.revoke(way, user, &ada, &spare).await;
        let revoked = Instant::now();
        while other.lets_in(&ada).await {
            assert!(revoked.elapsed() < HEARD, "{way}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn se2_a_node_that_loses_its_channel_reads_every_session_until_it_is_back() {
    let Some((one, other, url)) = two().await else { return };
    let ada = one.bed.sign_up(ADA, PASSWORD).await;
    other.warm_up(&ada).await;
    let (operator, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1";
    for _ in 0..2 {
        other.warm_up(&ada).await;
        let cut = operator.query_one(cut, &[&format!("{} (listening)", name(&url, 2))]).await.unwrap();
        assert_eq!(cut.get::<_, i64>(0), 1);
        let patience = Instant::now() + HEARD;
        while other.is_warm(&ada).await {
            assert!(Instant::now() < patience, "the node trusts its memory without a channel");
        }
    }
    other.warm_up(&ada).await;
    one.revoke(2, ada.session.user, &ada, &ada).await;
    let revoked = Instant::now();
    while other.lets_in(&ada).await {
        assert!(revoked.elapsed() < HEARD);
    }
}

/// A program with a channel of its own beside one without: each hears of the other by the database.
#[tokio::test(flavor = "multi_thread")]
async fn se2_a_node_with_a_channel_hears_of_the_one_without_by_their_database() {
    let Some(url) = schema::empty_schema().await else { return };
    let (clock, channel) = (StoppedClock::new(), InProcess::new());
    let named = format!("{url}&application_name={}", name(&url, 1));
    let postgres = PostgresOptions::new(&named).unwrap().connections(8).open().await.unwrap();
    let one = Node::over(Arc::new(postgres), &clock, 1, |builder| builder.invalidation(channel)).await;
    let other = node(&url, &clock, 2).await;
    let ada = one.bed.sign_up(ADA, PASSWORD).await;
    one.warm_up(&ada).await;
    // Its channel alone, which is never lost, is not enough.
    let (operator, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1";
    let cut = operator.query_one(cut, &[&format!("{} (listening)", name(&url, 1))]).await.unwrap();
    assert_eq!(cut.get::<_, i64>(0), 1);
    let patience = Instant::now() + HEARD;
    while one.is_warm(&ada).await {
        assert!(Instant::now() < patience, "the node trusts its memory without its database");
    }
    one.warm_up(&ada).await;
    other.revoke(WAYS - 1, ada.session.user, &ada, &ada).await;
    let revoked = Instant::now();
    while one.lets_in(&ada).await {
        assert!(revoked.elapsed() < HEARD);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_count_once_over_all_nodes() {
    let Some((one, other, _)) = two().await else { return };
    one.bed.sign_up(ADA, PASSWORD).await;
    let beds = [one, other].map(|node| Arc::new(node.bed));
    let tried = in_parallel(60, |at| {
        let bed = Arc::clone(&beds[at % 2]);
        async move { bed.sign_in(ADA, "quite another phrase").await.unwrap_err() }
    })
    .await;
    let judged = tried.iter().filter(|error| !matches!(error, JourneyError::Throttled { .. })).count();
    let alone = TestBed::new().await;
    alone.sign_up(ADA, PASSWORD).await;
    let alone = Arc::new(alone);
    let tried = in_parallel(60, |_| {
        let bed = Arc::clone(&alone);
        async move { bed.sign_in(ADA, "quite another phrase").await.unwrap_err() }
    })
    .await;
    let judged_alone = tried.iter().filter(|error| !matches!(error, JourneyError::Throttled { .. })).count();
    assert_eq!(judged, judged_alone, "two nodes judge no more tries than one");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_send_every_message_once() {
    let Some((one, other, _)) = two().await else { return };
    for number in 0..20 {
        one.bed.browser().sign_up_until_code(&format!("user{number}@example.com"), PASSWORD).await;
    }
    let beds = [one, other].map(|node| Arc::new(node.bed));
    let sent = in_parallel(8, |at| {
        let bed = Arc::clone(&beds[at % 2]);
        async move { bed.mail().await }
    })
    .await;
    drop(sent);
    let mut addresses: Vec<String> = Vec::new();
    for bed in &beds {
        addresses.extend(bed.mail().await.into_iter().map(|message| message.to));
    }
    let all = addresses.len();
    addresses.sort();
    addresses.dedup();
    assert_eq!((all, addresses.len()), (20, 20));
}
