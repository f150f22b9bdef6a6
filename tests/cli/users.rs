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
