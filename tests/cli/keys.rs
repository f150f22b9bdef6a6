//! `ciam keys`.

use crate::program::{Site, key};

#[test]
fn keys_differ_and_the_key_of_a_database_is_checked() {
    let site = Site::new();
    let one = key(&site.run(&["keys", "generate"]).expect(0));
    let other = site.json(&["keys", "generate"]).expect(0);
    assert!(one.len() == 44 && other.json["master_key"] != one.as_str());

    assert_eq!(site.json(&["keys", "check"]).expect(1).error(), "no_database");
    site.run(&["migrate", "--apply"]).expect(0);
    let checked = site.json(&["keys", "check"]).expect(0);
    assert_eq!(checked.json["state"], "opens");
    let listed = site.json(&["keys", "list"]).expect(0);
    assert_eq!((&listed.json["since"], &listed.json["pepper"]), (&checked.json["since"], &serde_json::Value::Null));
    assert_eq!(listed.json["from"], site.key_file("key").to_str().unwrap());

    site.write_key("other", &one);
    let wrong = site.with(&[("CIAM_MASTER_KEY_FILE", site.key_file("other").to_str().unwrap())]);
    assert_eq!(wrong.json(&["keys", "check"]).expect(1).error(), "other_key");
    assert_eq!(wrong.json(&["user", "create", "--email", "a@b.example"]).expect(1).error(), "other_key");
    assert_eq!(wrong.json(&["keys", "adopt"]).expect(2).error(), "usage");
    assert_eq!(site.json(&["keys", "check"]).expect(0).json["state"], "opens", "nothing was changed");

    assert_eq!(wrong.json(&["keys", "adopt", "--yes"]).expect(0).json["adopted"], true);
    assert_eq!(wrong.json(&["keys", "adopt", "--yes"]).expect(0).json["adopted"], false);
    wrong.run(&["user", "create", "--email", "a@b.example"]).expect(0);
    assert_eq!(site.json(&["keys", "check"]).expect(1).error(), "other_key");
    assert_eq!(wrong.count("SELECT count(*) FROM ciam_events WHERE doc LIKE '%\"key.adopted\"%'"), 1);
}
