//! The command line as an operator runs it: the real program on a database of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "cli/program.rs"]
mod program;

#[path = "cli/doctor.rs"]
mod doctor;
#[path = "cli/keys.rs"]
mod keys;
#[path = "cli/messages.rs"]
mod messages;
#[path = "cli/postgres.rs"]
mod postgres;
#[path = "../ciam-store/tests/support/schema.rs"]
mod schema;
#[path = "cli/users.rs"]
mod users;

use program::Site;

#[test]
fn usage_is_code_2_and_help_is_code_0() {
    let site = Site::new();
    site.run(&["--help"]).expect(0).says("doctor");
    site.run(&[]).expect(2);
    site.run(&["frobnicate"]).expect(2);
    let reply = site.json(&["user", "show"]).expect(2);
    assert_eq!((reply.json["ok"].as_bool(), reply.error()), (Some(false), "usage"));
    let typed = site.json(&["user", "create", "--password", "canary secret"]).expect(2);
    assert!(!typed.out.contains("canary"), "what was typed by mistake is not repeated: {}", typed.out);
}

#[test]
fn migrate_says_what_it_would_do_does_it_once_and_makes_nothing_before() {
    let site = Site::new();
    let plan = site.json(&["migrate", "--plan"]).expect(0);
    let statements = plan.json["statements"].as_array().unwrap().clone();
    assert!(
        statements.iter().any(|text| text.as_str().unwrap().starts_with("CREATE TABLE \"ciam_users\"")),
        "{statements:?}"
    );
    assert!(!site.database().exists(), "a plan makes no file");
    site.run(&["user", "show", "ada@example.com"]).expect(1).says("ciam migrate");
    assert!(!site.database().exists(), "a mistyped path makes no file");

    let done = site.json(&["migrate", "--apply"]).expect(0);
    assert_eq!((&done.json["statements"], &done.json["applied"]), (&plan.json["statements"], &true.into()));
    let again = site.json(&["migrate", "--apply"]).expect(0);
    assert_eq!(again.json["statements"].as_array().unwrap().len(), 0);
    site.run(&["migrate", "--apply"]).expect(0).says("up to date");
}

#[test]
fn migrate_alone_says_what_to_do_and_does_nothing() {
    let site = Site::new();
    site.run(&["migrate"]).expect(0).says("CREATE TABLE \"ciam_users\"").says("Next: `ciam migrate --apply`");
    assert!(!site.database().exists());
    for wrong in [["--plan", "--apply"], ["--plan", "--all-nodes-updated"], ["--apply", "--contract"]] {
        site.run(&["migrate", wrong[0], wrong[1]]).expect(2);
    }
    site.run(&["migrate", "--all-nodes-updated"]).expect(2);
}

#[test]
fn a_layout_that_does_not_fit_is_refused_and_named() {
    let site = Site::new();
    site.run(&["migrate", "--apply"]).expect(0);
    site.sql("ALTER TABLE ciam_users RENAME COLUMN doc TO docs");
    for arguments in [["migrate", "--plan"], ["migrate", "--apply"], ["migrate", "--contract"]] {
        let refused = site.json(&arguments).expect(1);
        assert_eq!(refused.error(), "layout_misfit");
        assert!(refused.out.contains("the column doc is missing"));
    }
    assert_eq!(site.json(&["user", "show", "ada@example.com"]).expect(1).error(), "layout_pending");
}

/// The database of a site from before rows told their generation, as it was kept.
#[test]
fn the_database_of_an_older_version_is_migrated_and_worked_with() {
    let site = Site::new();
    site.restore(include_str!("../ciam-store/tests/layouts/before_generations.sqlite.sql"));
    doctor::finds(&site, 3, &["error layout.pending", "warning layout.unfinished"]);
    assert_eq!(site.json(&["user", "show", "ada@example.com"]).expect(1).error(), "layout_pending");
    site.run(&["migrate", "--plan"]).expect(0).says("ALTER TABLE \"ciam_users\" ADD COLUMN \"layout\"");
    site.run(&["migrate", "--apply"]).expect(0).says("Next, when every process of the site runs this version");
    doctor::finds(&site, 0, &["warning layout.unfinished"]);
    site.run(&["migrate", "--apply", "--all-nodes-updated"]).expect(0).says("The layout is up to date.");
    let suspended = site.json(&["user", "list", "--status", "suspended"]).expect(0);
    assert_eq!(suspended.json["users"][0]["email"], "bob@example.com", "lists know what older documents do not say");
    let shown = site.json(&["user", "show", "ada@example.com"]).expect(0);
    assert_eq!(shown.json["user"]["status"], "active");
    assert_eq!(site.json(&["user", "show", "bob@example.com"]).expect(0).json["user"]["status"], "suspended");
    site.run(&["user", "activate", "bob@example.com"]).expect(0);
    doctor::finds(&site, 0, &[]);
}

/// A database that a newer version has been at: an index more, and records that lack nothing of it.
#[test]
fn an_index_of_another_version_is_left_over_and_dropped_when_asked() {
    let site = Site::new();
    site.run(&["migrate", "--apply"]).expect(0);
    site.sql("CREATE INDEX ciam_users__shoe_size__idx ON ciam_users (realm, id)");
    doctor::finds(&site, 0, &["note layout.left_over"]);
    assert!(site.json(&["migrate"]).expect(0).json["left_over"][0].as_str().unwrap().contains("shoe_size"));
    site.run(&["migrate", "--apply"]).expect(0).says("up to date");
    doctor::finds(&site, 0, &["note layout.left_over"]);
    let dropped = site.json(&["migrate", "--contract"]).expect(0);
    assert_eq!(dropped.json["dropped"].as_array().unwrap().len(), 1);
    doctor::finds(&site, 0, &[]);
    site.run(&["migrate", "--contract"]).expect(0).says("Nothing is left over");
}

/// The accounts of an older version lack what this one looks for: written again, and then served.
#[test]
fn records_of_an_older_version_are_brought_up_to_date_in_two_steps() {
    let site = Site::new();
    site.restore(include_str!("../ciam-store/tests/layouts/before_generations.sqlite.sql"));
    // A version that did not yet list accounts by when they registered.
    site.sql("DROP INDEX ciam_users__registered_at__idx; ALTER TABLE ciam_users DROP COLUMN registered_at");
    let plan = site.json(&["migrate", "--plan"]).expect(0);
    assert_eq!(
        (&plan.json["unfinished"][0]["table"], &plan.json["unfinished"][0]["records"]),
        (&"ciam_users".into(), &2.into())
    );

    let applied = site.json(&["migrate", "--apply"]).expect(0);
    assert_eq!(
        (&applied.json["backfill"]["refreshed"], &applied.json["backfill"]["finished"]),
        (&2.into(), &false.into())
    );
    doctor::finds(&site, 0, &["warning layout.unfinished"]);
    site.run(&["migrate"]).expect(0).says("CREATE TRIGGER").says("Next, when every process");
    assert_eq!(site.json(&["user", "show", "ada@example.com"]).expect(0).json["user"]["status"], "active");

    site.sql("UPDATE ciam_users SET doc = '{}', layout = 1 WHERE id IN (SELECT id FROM ciam_users LIMIT 1)");
    let left = site.json(&["migrate", "--apply", "--all-nodes-updated"]).expect(1);
    assert_eq!((left.error(), left.json["backfill"]["left"].as_i64()), ("records_left", Some(1)));
    site.sql("DELETE FROM ciam_users WHERE doc = '{}'");
    site.run(&["migrate", "--apply", "--all-nodes-updated"]).expect(0).says("The layout is up to date.");
    doctor::finds(&site, 0, &[]);
}

#[test]
fn a_configuration_that_cannot_be_is_refused() {
    let site = Site::new();
    let refused = site.with(&[("CIAM_LISTEN", "here")]).json(&["user", "show", "x"]).expect(1);
    assert_eq!(refused.error(), "configuration");
    let memory = site.with(&[("CIAM_DATABASE_URL", "memory:")]).json(&["migrate", "--apply"]).expect(1);
    assert_eq!(memory.error(), "no_database");
    std::fs::write(site.database(), "this is no database, however long one looks at it").unwrap();
    assert_eq!(site.json(&["user", "show", "x"]).expect(5).error(), "unavailable");
}

#[test]
fn the_file_that_is_named_wins_over_that_of_the_environment() {
    let site = Site::new();
    let (one, other) = (site.folder().join("one.toml"), site.folder().join("other.toml"));
    std::fs::write(&one, "database_url = \"sqlite:///nowhere/at/all.db\"\n").unwrap();
    std::fs::write(&other, format!("database_url = \"sqlite://{}\"\n", site.database().display())).unwrap();
    let site = site.with(&[("CIAM_CONFIG", one.to_str().unwrap())]).without("CIAM_DATABASE_URL");
    site.run(&["--config", other.to_str().unwrap(), "migrate", "--apply"]).expect(0);
    site.run(&["migrate", "--apply"]).expect(5);
}
