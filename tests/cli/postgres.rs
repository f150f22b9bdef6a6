//! The program on a PostgreSQL database; left out where there is none.

use tokio_postgres::{Client, NoTls};

use crate::doctor::{finds, found};
use crate::program::Site;
use crate::schema::empty_schema;

/// A site on an empty schema of its own, and a connection to that.
async fn site() -> Option<(Site, Client)> {
    let url = empty_schema().await?;
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    Some((Site::new().with(&[("CIAM_DATABASE_URL", &url)]), client))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_planned_made_and_worked_with() {
    let Some((site, client)) = site().await else { return };
    let plan = site.json(&["migrate", "--plan"]).expect(0);
    assert!(plan.out.contains("CREATE TABLE"));
    let there = "SELECT to_regclass('ciam_users') IS NOT NULL";
    assert!(!client.query_one(there, &[]).await.unwrap().get::<_, bool>(0), "a plan makes nothing");
    assert_eq!(site.json(&["user", "show", "ada@example.com"]).expect(1).error(), "layout_pending");

    let done = site.json(&["migrate", "--apply"]).expect(0);
    assert_eq!((&done.json["statements"], &done.json["applied"]), (&plan.json["statements"], &true.into()));
    site.run(&["migrate", "--apply"]).expect(0).says("up to date");
    assert_eq!(site.json(&["keys", "check"]).expect(0).json["state"], "opens");
    site.run_with_input(&["user", "create", "--email", "ada@example.com", "--password-stdin"], "vermilion otter quays")
        .expect(0);
    assert_eq!(site.json(&["user", "suspend", "ada@example.com"]).expect(0).json["user"]["status"], "suspended");
    site.run(&["user", "sessions", "ada@example.com"]).expect(0).says("No sessions.");

    client.batch_execute("ALTER TABLE ciam_users RENAME COLUMN doc TO docs").await.unwrap();
    let refused = site.json(&["migrate", "--apply"]).expect(1);
    assert_eq!(refused.error(), "layout_misfit");
    assert!(refused.out.contains("the column doc is missing"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_doctor_finds_in_a_database() {
    let Some((site, client)) = site().await else { return };
    let sql = async |text: &str| client.batch_execute(text).await.unwrap();
    finds(&site, 0, &["warning layout.pending"]);
    site.run(&["migrate", "--apply"]).expect(0);
    finds(&site, 0, &[]);

    sql("DROP INDEX ciam_users__registered_at__idx").await;
    finds(&site, 3, &["error layout.pending"]);
    site.run(&["migrate", "--apply"]).expect(0);
    sql("ALTER TABLE ciam_users RENAME COLUMN doc TO docs").await;
    finds(&site, 3, &["error layout.misfit"]);
    sql("ALTER TABLE ciam_users RENAME COLUMN docs TO doc").await;

    let row = "'0191f0c0-4c3e-7b7a-8f3c-2d1e0f9a8b7c', gen_random_uuid(), gen_random_uuid(), 1, now(), now()";
    sql(&format!(
        "INSERT INTO ciam_sessions (id, realm, version, shape, created_at, updated_at, expires_at, user_id, last_seen, doc)
         VALUES ({row}, now() - interval '2 hours', gen_random_uuid(), 0, '{{}}')"
    ))
    .await;
    finds(&site, 0, &["warning sweeper.behind"]);
    sql("DELETE FROM ciam_sessions").await;

    let role = format!("shop_{}", std::process::id());
    sql(&format!("CREATE ROLE {role} LOGIN")).await;
    let schema: String = client.query_one("SELECT current_schema()::text", &[]).await.unwrap().get(0);
    sql(&format!("GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}"))
        .await;
    let url = site.variable("CIAM_DATABASE_URL");
    let as_role = site.with(&[("CIAM_DATABASE_URL", &url.replace("ciam@", &format!("{role}@")))]);
    let reply = as_role.json(&["doctor", "--offline"]).expect(3);
    assert_eq!(found(&reply), ["error database.read_only"]);
    assert!(reply.out.contains("ciam_users cannot be read and written"), "{}", reply.out);
    sql(&format!("ALTER ROLE {role} CONNECTION LIMIT 20; GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role}")).await;
    finds(&as_role, 0, &["warning database.connections"]);
    sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

#[test]
fn a_server_that_does_not_answer_and_one_that_is_spoken_to_in_the_clear() {
    let site = Site::new();
    let on = |url: &str| site.with(&[("CIAM_DATABASE_URL", url)]);
    let silent = on("postgres://shop:canary@127.0.0.1:1/shop");
    finds(&silent, 3, &["error database.unreadable"]);
    let refused = silent.json(&["migrate", "--apply"]).expect(5);
    assert_eq!(refused.error(), "unavailable");
    assert!(!format!("{refused:?}").contains("canary"));
    finds(&on("postgres://shop@db.invalid/shop?sslmode=prefer"), 0, &["warning database.cleartext"]);
    finds(&on("postgres://shop@db.invalid/shop"), 0, &[]);
    for wrong in ["postgres://shop:canary@db:port/shop", "oracle://shop:canary@db/shop"] {
        let reply = on(wrong).json(&["doctor", "--offline"]).expect(3);
        assert_eq!(found(&reply), ["error database.invalid"]);
        assert!(!reply.out.contains("canary"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_development_is_made_in_the_folder_of_the_site() {
    let Some((site, _)) = site().await else { return };
    let home = [("CIAM_PUBLIC_URL", "http://localhost:8080"), ("CIAM_MASTER_KEY_FILE", "")];
    let site = site.with(&home);
    site.run(&["migrate", "--apply"]).expect(0);
    assert!(site.folder().join("ciam.key").exists());
    let listed = site.json(&["keys", "list"]).expect(0);
    assert_eq!((listed.json["state"].as_str(), listed.json["from"].as_str()), (Some("opens"), Some("ciam.key")));
}
