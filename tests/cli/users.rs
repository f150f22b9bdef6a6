//! `ciam user`.

use crate::program::Site;

const PASSWORD: &str = "vermilion otter quays";

fn site() -> Site {
    let site = Site::new();
    site.run(&["migrate", "--apply"]).expect(0);
    site
}

#[test]
fn a_user_is_created_found_by_every_handle_suspended_and_activated_with_events() {
    let site = site();
    let new =
        ["user", "create", "--email", "Ada@example.com", "--name", "Ada", "--username", "ada_l", "--password-stdin"];
    let made = site.json_with_input(&new, &format!("{PASSWORD}\nanother line\n")).expect(0);
    let id = made.json["user"]["id"].as_str().unwrap().to_owned();
    assert_eq!(made.json["user"]["identifiers"].as_array().unwrap().len(), 2);
    for who in [id.as_str(), "ada@EXAMPLE.com", "ada_l", "ADA_L"] {
        let shown = site.json(&["user", "show", who]).expect(0);
        assert_eq!(shown.json["user"], made.json["user"], "{who}");
    }
    site.run(&["user", "show", &id]).expect(0).says("status    active").says("Ada@example.com");

    let suspended = site.json(&["user", "suspend", "ada_l"]).expect(0);
    assert_eq!(suspended.json["user"]["status"], "suspended");
    site.run(&["user", "suspend", "ada_l"]).expect(0).says("suspended");
    site.run(&["user", "activate", &id]).expect(0).says("active");
    for name in ["user.registered", "user.suspended", "user.activated"] {
        let event =
            format!("SELECT count(*) FROM ciam_events WHERE doc LIKE '%\"{name}\"%' AND doc LIKE '%\"system\"%'");
        assert_eq!(site.count(&event), 1, "{name}");
    }
}

#[test]
fn pw1_a_megabyte_on_the_standard_input_is_refused() {
    let site = site();
    let create = &["user", "create", "--email", "ada@example.com", "--password-stdin"];
    for long in ["x".repeat(1 << 20), "x y z ".repeat(2_000), "\u{1F511}".repeat(300)] {
        let refused = site.json_with_input(create, &long).expect(1);
        assert_eq!(refused.error(), "password_refused");
        assert!(!refused.out.contains(&long[..28]));
    }
    assert_eq!(site.json(&["user", "show", "ada@example.com"]).expect(4).error(), "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn lg3_nothing_that_people_typed_steers_the_terminal_of_whoever_runs_the_program() {
    use ciam::journeys::{Answer, Client, Identify, JourneyKind, Start};
    let site = site();
    let steering = ["\u{1b}[2J", "\u{9b}2J", "a\r\nforged line", "\u{202e}gnp", "\u{200b}"];
    for text in steering {
        for option in ["--name", "--username", "--email"] {
            let email = if option == "--email" { text } else { "ada@example.com" };
            let mut arguments = vec!["user", "create", "--email", email];
            if option != "--email" {
                arguments.extend([option, text]);
            }
            for arguments in [&arguments[..], &["user", "show", text]] {
                let reply = site.run(arguments);
                assert!(reply.code == 2 || reply.code == 4, "{reply:?}");
                let said = format!("{}{}", reply.out, reply.err);
                assert!(!said.contains(text) && !said.contains('\u{1b}'), "{said:?}");
            }
        }
    }
    let create = &["user", "create", "--email", "ada@example.com", "--password-stdin"];
    site.json_with_input(create, PASSWORD).expect(0);
    let ciam = site.engine(ciam::Mailbox::new()).await;
    for text in steering {
        let binding = ciam.entropy().verifier();
        let started = ciam.journeys().start(Start::new(JourneyKind::SignIn, &binding)).await.unwrap();
        let origin = ciam::events::Origin::new(None, Some(&format!("Browser {text}")));
        let client = Client { binding: Some(binding), origin, ..Client::default() };
        let identify = Answer::Identify(Identify::any("ada@example.com"));
        ciam.journeys().answer(&started.id, &client, identify).await.unwrap();
        let password = Answer::Password { password: ciam::secret::Secret::new(PASSWORD.to_owned()) };
        ciam.journeys().answer(&started.id, &client, password).await.unwrap();
    }
    for json in [&[][..], &["--json"]] {
        let shown = site.run(&[&["user", "sessions", "ada@example.com"], json].concat()).expect(0);
        assert_eq!(shown.out.matches("Browser").count(), steering.len());
        assert!(steering.iter().all(|text| !shown.out.contains(text)), "{shown:?}");
    }
}

#[test]
fn what_may_not_be_is_refused_by_name() {
    let site = site();
    site.run(&["user", "create", "--email", "ada@example.com"]).expect(0);
    let create = |rest: &[&str], input: &str| site.json_with_input(&[&["user", "create"], rest].concat(), input);
    assert_eq!(create(&["--email", "ADA@example.com"], "").expect(1).error(), "address_taken");
    let common = create(&["--email", "eve@example.com", "--password-stdin"], "password1234567\n").expect(1);
    assert_eq!(common.error(), "password_refused");
    for wrong in
        [&["--email", "no address"][..], &["--phone", "123"], &["--email", "a@b.example", "--name", "\u{1b}[2J"]]
    {
        assert_eq!(create(wrong, "").expect(2).error(), "usage", "{wrong:?}");
    }
    assert_eq!(create(&[], "").expect(2).error(), "usage");
    for who in
        ["eve@example.com", "usr_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c", "usr_nonsense", "+31612345678", "nobody", "@"]
    {
        assert_eq!(site.json(&["user", "show", who]).expect(4).error(), "not_found", "{who}");
    }
    assert_eq!(site.json(&["user", "suspend", "nobody"]).expect(4).error(), "not_found");
}

#[test]
fn users_are_imported_from_a_file_and_what_is_refused_is_named_by_its_line() {
    let site = site();
    site.run(&["user", "create", "--email", "there@example.com"]).expect(0);
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IGhlcmU$c29tZSBoYXNoIHRoYXQgbm9ib2R5IGtub3dzIQ";
    let heavy = hash.replace("m=19456", "m=4194304");
    let id = "usr_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c";
    let long = format!("{{\"email\":\"long@example.com\",\"name\":\"{}\"}}", "x".repeat(100_000));
    let lines = [
        format!(
            "{{\"email\":\"Ada@example.com\",\"email_verified\":true,\"name\":\"Ada\",\"username\":\"ada_l\",\"password_hash\":\"{hash}\"}}"
        ),
        String::new(),
        "{\"email\":\"there@example.com\",\"email_verified\":true}".to_owned(),
        "{\"phone\":\"+31612345678\",\"phone_verified\":true,\"email\":\"bob@example.com\",\"email_verified\":false}"
            .to_owned(),
        "{\"email\":\"no address\"}".to_owned(),
        "{\"email\":\"eve@example.com\",\"shoe\":44}".to_owned(),
        "not json at all \u{1b}[2J".to_owned(),
        "{\"name\":\"Nobody\"}".to_owned(),
        "{\"email\":\"eve@example.com\",\"email_verified\":false}".to_owned(),
        format!("{{\"email\":\"eve@example.com\",\"email_verified\":false,\"id\":\"{id}\"}}"),
        format!("{{\"email\":\"heavy@example.com\",\"email_verified\":true,\"password_hash\":\"{heavy}\"}}"),
        long,
        "{\"username\":\"only_a_name\"}".to_owned(),
        "{\"email\":\"ADA@EXAMPLE.COM\",\"email_verified\":true}".to_owned(),
        "{\"email\":\"last@example.com\",\"email_verified\":true}".to_owned(),
        "{\"email\":\"mallory@example.com\"}".to_owned(),
        "{\"phone\":\"+31687654321\"}".to_owned(),
    ];
    let file = site.folder().join("users.jsonl");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let reply = site.json(&["user", "import", file.to_str().unwrap()]).expect(1);
    assert_eq!(reply.error(), "lines_refused");
    assert_eq!((&reply.json["imported"], &reply.json["refused"]), (&5.into(), &11.into()), "{reply:?}");
    let mut refused: Vec<(i64, String)> = reply.json["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["line"].as_i64().unwrap(), line["code"].as_str().unwrap().to_owned()))
        .collect();
    refused.sort();
    let expected = [
        (3, "taken"),
        (5, "invalid_email"),
        (6, "invalid_line"),
        (7, "invalid_line"),
        (8, "no_identifier"),
        (9, "id_missing"),
        (11, "invalid_password_hash"),
        (12, "line_too_long"),
        (14, "taken"),
        (16, "email_verified_missing"),
        (17, "phone_verified_missing"),
    ];
    assert_eq!(refused, expected.map(|(line, code)| (line, code.to_owned())));
    assert!(!reply.out.contains("argon2id") && !reply.out.contains("no address"), "{reply:?}");
    let ada = site.json(&["user", "show", "ada_l"]).expect(0);
    assert_eq!(ada.json["user"]["identifiers"].as_array().unwrap().len(), 2);
    assert_eq!(site.json(&["user", "show", "bob@example.com"]).expect(4).error(), "not_found");
    site.run(&["user", "show", "+31612345678"]).expect(0);
    assert_eq!(site.count("SELECT count(*) FROM ciam_passwords"), 1);
    assert_eq!(site.count("SELECT count(*) FROM ciam_events WHERE json_extract(doc, '$.name') = 'user.imported'"), 5);

    let again = site.run_with_input(&["user", "import", "-"], &lines.join("\n")).expect(1);
    again.says("line 1: taken").says("line 10: exists").says("line 15: taken").says("Imported: 0. Refused: 16.");
    site.run_with_input(&["user", "import", "-"], "{\"email\":\"new@example.com\",\"email_verified\":true}\n\n")
        .expect(0)
        .says("Imported: 1.");
    assert_eq!(site.json(&["user", "import", "/nowhere/users.jsonl"]).expect(2).error(), "usage");
}

#[test]
fn users_are_listed_filtered_sorted_and_paged() {
    let site = site();
    let lines: Vec<String> = (0..7)
        .map(|at| {
            format!(
                "{{\"email\":\"user{at}@{}.example\",\"email_verified\":true,\"name\":\"User {}\"}}",
                at % 2,
                9 - at
            )
        })
        .collect();
    site.run_with_input(&["user", "import", "-"], &lines.join("\n")).expect(0);
    site.run(&["user", "suspend", "user3@1.example"]).expect(0);
    let emails = |arguments: &[&str]| {
        let reply = site.json(&[&["user", "list"], arguments].concat()).expect(0);
        let users = reply.json["users"].as_array().unwrap().iter();
        let emails: Vec<String> = users.map(|user| user["email"].as_str().unwrap().to_owned()).collect();
        (emails, reply.json)
    };
    let (all, document) = emails(&["--sort", "email"]);
    assert_eq!(all, (0..7).map(|at| format!("user{at}@{}.example", at % 2)).collect::<Vec<_>>());
    assert_eq!(document["total"], serde_json::json!({ "count": 7, "exact": true }));
    assert!(document["next"].is_null());
    assert_eq!(emails(&["--email-contains", "@1.", "--sort", "-email"]).0.len(), 3);
    assert_eq!(emails(&["--email-starts-with", "USER6"]).0, ["user6@0.example"]);
    assert_eq!(emails(&["--email-contains", "%"]).0.len(), 0);
    assert_eq!(emails(&["--name-contains", "ser 9"]).0, ["user0@0.example"]);
    assert_eq!(emails(&["--status", "suspended"]).0, ["user3@1.example"]);
    assert_eq!(emails(&["--status", "active", "--created-after", "2000-01-01T00:00:00Z"]).0.len(), 6);
    assert_eq!(emails(&["--created-before", "2000-01-01T00:00:00+02:00"]).0.len(), 0);
    let (mut paged, mut page) = (Vec::new(), None::<String>);
    loop {
        let mut arguments = vec!["--sort", "name", "--limit", "2"];
        arguments.extend(page.iter().flat_map(|page| ["--page", page.as_str()]));
        let (emails, document) = emails(&arguments);
        paged.extend(emails);
        match document["next"].as_str() {
            Some(next) => page = Some(next.to_owned()),
            None => break,
        }
    }
    let mut by_name = all.clone();
    by_name.reverse();
    assert_eq!(paged, by_name);
    site.run(&["user", "list", "--status", "suspended"]).expect(0).says("user3@1.example").says("In all: 1.");
    site.run(&["user", "list", "--email-contains", "nobody"]).expect(0).says("No users.");
    for wrong in [
        &["--sort", "password"][..],
        &["--status", "dead"],
        &["--created-after", "yesterday"],
        &["--page", "nonsense"],
        &["--limit", "0"],
        &["--limit", "1001"],
        &["--email-contains", &"x".repeat(2000)],
    ] {
        assert_eq!(site.json(&[&["user", "list"], wrong].concat()).expect(2).error(), "usage", "{wrong:?}");
    }
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_or_all() {
    let site = site();
    let made = site.json_with_input(&["user", "create", "--email", "ada@example.com", "--password-stdin"], PASSWORD);
    let user: ciam::UserId = made.expect(0).json["user"]["id"].as_str().unwrap().parse().unwrap();
    let bearers = sign_in(&site, 3).await;

    let listed = site.json(&["user", "sessions", "ada@example.com"]).expect(0);
    let sessions = listed.json["sessions"].as_array().unwrap().clone();
    assert_eq!(sessions.len(), 3);
    assert!(sessions.iter().all(|session| session["user"] == user.to_string()));
    site.run(&["user", "sessions", "ada@example.com"]).expect(0).says("last seen").says("aal1");

    let first = sessions[0]["id"].as_str().unwrap();
    let ended = site.json(&["user", "sessions", "ada@example.com", "--end", first]).expect(0);
    assert_eq!(ended.json["ended"], 1);
    let again = site.json(&["user", "sessions", "ada@example.com", "--end", first]).expect(4);
    assert_eq!(again.error(), "not_found");
    site.run(&["user", "sessions", "ada@example.com", "--end-all"]).expect(0).says("Ended: 2.");
    site.run(&["user", "sessions", "ada@example.com"]).expect(0).says("No sessions.");
    let ciam = site.engine(ciam::Mailbox::new()).await;
    for bearer in bearers {
        assert!(ciam.sessions().check(&bearer).await.unwrap().is_none(), "dead");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn se2_what_the_program_revokes_a_site_that_runs_refuses_within_half_a_second() {
    for revoke in [&["user", "suspend", "ada@example.com"][..], &["user", "sessions", "ada@example.com", "--end-all"]] {
        let site = site();
        let create = &["user", "create", "--email", "ada@example.com", "--password-stdin"];
        site.json_with_input(create, PASSWORD).expect(0);
        let bearer = sign_in(&site, 1).await.remove(0);
        let clock = Ahead::default();
        let hour = std::time::Duration::from_hours(1);
        let ciam = site
            .engine_with(ciam::Mailbox::new(), |builder| {
                let cache = ciam::sessions::SessionCache { max_age: hour, ..Default::default() };
                builder.clock(clock.clone()).session_cache(cache)
            })
            .await;
        for _ in 0..3 {
            assert!(ciam.sessions().check(&bearer).await.unwrap().is_some());
        }
        site.run(revoke).expect(0);
        clock.0.fetch_add(500_000, std::sync::atomic::Ordering::SeqCst);
        assert!(ciam.sessions().check(&bearer).await.unwrap().is_none(), "{revoke:?}");
    }
}

/// The system's clock, so many microseconds ahead.
#[derive(Debug, Clone, Default)]
struct Ahead(std::sync::Arc<std::sync::atomic::AtomicI64>);

impl ciam::clock::Clock for Ahead {
    fn now(&self) -> ciam::clock::Timestamp {
        let now = ciam::clock::SystemClock.now().micros();
        ciam::clock::Timestamp::from_micros(now + self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

/// Signs in with the password that was given to the program.
async fn sign_in(site: &Site, times: usize) -> Vec<String> {
    use ciam::journeys::{Answer, Client, Identify, JourneyKind, Start};
    let ciam = site.engine(ciam::Mailbox::new()).await;
    let mut bearers = Vec::new();
    for _ in 0..times {
        let binding = ciam.entropy().verifier();
        let started = ciam.journeys().start(Start::new(JourneyKind::SignIn, &binding)).await.unwrap();
        let client = Client { binding: Some(binding), ..Client::default() };
        let identify = Answer::Identify(Identify::any("ada@example.com"));
        ciam.journeys().answer(&started.id, &client, identify).await.unwrap();
        let password = Answer::Password { password: ciam::secret::Secret::new(PASSWORD.to_owned()) };
        let advanced = ciam.journeys().answer(&started.id, &client, password).await.unwrap();
        bearers.push(advanced.opened.unwrap().bearer.expose().clone());
    }
    bearers
}

#[test]
fn lg1_no_password_and_no_key_is_in_what_the_program_says() {
    let site = site();
    let canary = "canary in the coal mine";
    let key = std::fs::read_to_string(site.key_file("key")).unwrap();
    let smtp = "smtps://user:canary-smtp@127.0.0.1:1";
    let site = site.with(&[("CIAM_SMTP_URL", smtp)]);
    let mut said = String::new();
    site.run_with_input(&["user", "create", "--email", "eve@example.com", "--password-stdin"], canary).expect(0);
    let create = ["user", "create", "--email", "ada@example.com", "--password-stdin"];
    for (arguments, input) in [
        (&create[..], canary),
        (&create[..], canary),
        (&["user", "show", "ada@example.com"], ""),
        (&["user", "sessions", "ada@example.com"], ""),
        (&["keys", "check"], ""),
        (&["keys", "list"], ""),
        (&["migrate"], ""),
        (&["doctor"], ""),
    ] {
        for json in [&[][..], &["--json"]] {
            let reply = site.run_with_input(&[arguments, json].concat(), input);
            said.push_str(&reply.out);
            said.push_str(&reply.err);
        }
    }
    let wrong = site.with(&[("CIAM_MASTER_KEY", "canary-key"), ("CIAM_DEV", "canary-dev")]);
    for arguments in [["doctor"], ["migrate"]] {
        let reply = wrong.run(&arguments);
        said.push_str(&reply.out);
        said.push_str(&reply.err);
    }
    for secret in [canary, key.trim(), "canary-smtp", "canary-key", "canary-dev", "argon2id"] {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
}
