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

    let done = site.json(&["migrate"]).expect(0);
    assert_eq!((&done.json["statements"], &done.json["applied"]), (&plan.json["statements"], &true.into()));
    let again = site.json(&["migrate"]).expect(0);
    assert_eq!(again.json["statements"].as_array().unwrap().len(), 0);
    site.run(&["migrate"]).expect(0).says("up to date");
}

#[test]
fn a_layout_that_does_not_fit_is_refused_and_named() {
    let site = Site::new();
    site.run(&["migrate"]).expect(0);
    site.sql("ALTER TABLE ciam_users ADD COLUMN shoe_size INTEGER");
    let refused = site.json(&["migrate"]).expect(1);
    assert_eq!(refused.error(), "layout_misfit");
    assert!(refused.out.contains("shoe_size"));
    assert_eq!(site.json(&["user", "show", "ada@example.com"]).expect(1).error(), "layout_pending");
}

#[test]
fn a_configuration_that_cannot_be_is_refused() {
    let site = Site::new();
    let refused = site.with(&[("CIAM_LISTEN", "here")]).json(&["user", "show", "x"]).expect(1);
    assert_eq!(refused.error(), "configuration");
    let memory = site.with(&[("CIAM_DATABASE_URL", "memory:")]).json(&["migrate"]).expect(1);
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
    site.run(&["--config", other.to_str().unwrap(), "migrate"]).expect(0);
    site.run(&["migrate"]).expect(5);
}
