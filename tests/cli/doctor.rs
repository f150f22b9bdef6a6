//! `ciam doctor`, finding by finding.

use std::net::TcpListener;

use crate::program::{Reply, Site, set_mode};

/// The findings as `severity code`, in their order.
pub(crate) fn found(reply: &Reply) -> Vec<String> {
    let findings = reply.json["findings"].as_array().unwrap().iter();
    let text = |member: &serde_json::Value| member.as_str().unwrap().to_owned();
    findings
        .map(|finding| {
            assert!(["message", "advice"].iter().all(|member| !finding[member].as_str().unwrap().is_empty()));
            format!("{} {}", text(&finding["severity"]), text(&finding["code"]))
        })
        .collect()
}

/// A site that nothing is wrong with.
fn sound() -> Site {
    let site = Site::new();
    site.run(&["migrate", "--apply"]).expect(0);
    site
}

#[track_caller]
pub(crate) fn finds(site: &Site, code: i32, expected: &[&str]) {
    assert_eq!(found(&site.json(&["doctor", "--offline"]).expect(code)), expected);
}

#[test]
fn a_sound_site_has_no_findings() {
    let site = sound();
    finds(&site, 0, &[]);
    site.run(&["doctor", "--offline"]).expect(0).says("errors: 0, warnings: 0, notes: 0");
    let listening = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", listening.local_addr().unwrap());
    drop(listening);
    let reply = site.with(&[("CIAM_SMTP_URL", &url)]).json(&["doctor"]).expect(3);
    assert_eq!(found(&reply), ["error smtp.unreachable"]);
}

#[test]
fn a_mail_server_that_greets_is_reached() {
    use std::io::{BufRead as _, BufReader, Write as _};
    let site = sound();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"220 mail.example\r\n").unwrap();
        for line in BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok) {
            let answer = if line.starts_with("QUIT") { "221 bye\r\n" } else { "250 ok\r\n" };
            if stream.write_all(answer.as_bytes()).is_err() {
                break;
            }
        }
    });
    assert_eq!(found(&site.with(&[("CIAM_SMTP_URL", &url)]).json(&["doctor"]).expect(0)), [""; 0]);
    server.join().unwrap();
}

#[test]
fn what_the_configuration_says_by_itself() {
    let site = sound();
    let with = |variables: &[(&str, &str)]| site.with(variables);
    finds(&with(&[("CIAM_PUBLIC_URL", "http://shop.example")]), 3, &["error public_url.invalid"]);
    finds(&with(&[("CIAM_LISTEN", "here")]), 3, &["error configuration.invalid"]);
    finds(&with(&[("CIAM_DATABASE_URL", "mysql://x")]), 3, &["error database.invalid"]);
    finds(&with(&[("CIAM_MASTER_KEY_FILE", "/nowhere/key")]), 3, &["error key.unreadable"]);
    finds(&with(&[("CIAM_TYPO", "x")]), 0, &["note configuration.without_effect"]);
    finds(&with(&[("CIAM_LISTEN", "0.0.0.0:8080")]), 0, &["warning listen.public"]);
    site.with(&[("CIAM_LISTEN", "0.0.0.0:8080")]).json(&["doctor", "--offline", "--strict"]).expect(3);
    let loopback = [("CIAM_LISTEN", "0.0.0.0:8080"), ("CIAM_PUBLIC_URL", "http://localhost:8080")];
    finds(&with(&loopback), 0, &["warning public_url.loopback"]);
    finds(&with(&[("CIAM_TRUSTED_PROXIES", "")]), 0, &["warning proxies.missing"]);
    for wide in ["0.0.0.0/0", "::/0", "127.0.0.1, 8.0.0.0/7"] {
        finds(&with(&[("CIAM_TRUSTED_PROXIES", wide)]), 3, &["error proxies.wide"]);
    }
    finds(&with(&[("CIAM_TRUSTED_PROXIES", "10.0.0.0/8, fc00::/7")]), 0, &[]);
    finds(&with(&[("CIAM_DEV", "true")]), 3, &["error dev.public"]);
    let home = [("CIAM_PUBLIC_URL", "http://localhost:8080"), ("CIAM_SMTP_URL", ""), ("CIAM_MASTER_KEY_FILE", "")];
    finds(&with(&home), 0, &["note dev.on", "note key.missing", "note smtp.missing"]);
    finds(&with(&[("CIAM_DATABASE_URL", "memory:")]), 3, &["error database.memory"]);
}

#[test]
fn what_is_wrong_with_the_key() {
    let site = sound();
    let with = |name: &str, value: &str| site.with(&[(name, value)]);
    finds(&with("CIAM_MASTER_KEY_FILE", ""), 3, &["error key.missing"]);
    finds(&with("CIAM_MASTER_KEY", "short"), 3, &["error key.invalid"]);
    let key = std::fs::read_to_string(site.key_file("key")).unwrap();
    finds(&with("CIAM_MASTER_KEY", &key), 0, &["note key.in_environment"]);
    let other = crate::program::key(&site.run(&["keys", "generate"]));
    finds(&with("CIAM_MASTER_KEY", &other), 3, &["error key.other", "note key.in_environment"]);

    let beside = site.folder().join("key");
    std::fs::write(&beside, key).unwrap();
    set_mode(&beside, 0o600);
    finds(&with("CIAM_MASTER_KEY_FILE", beside.to_str().unwrap()), 0, &["warning key.beside_database"]);
}

#[test]
fn files_that_everybody_on_the_machine_can_open() {
    let site = sound();
    set_mode(&site.key_file("key"), 0o644);
    finds(&site, 3, &["error file.open_to_all"]);
    set_mode(&site.key_file("key"), 0o640);
    finds(&site, 0, &[]);
    set_mode(&site.database(), 0o644);
    finds(&site, 3, &["error file.open_to_all"]);
    set_mode(&site.database(), 0o600);
    let open = rusqlite::Connection::open(site.database()).unwrap();
    open.execute_batch("CREATE TABLE host (x)").unwrap();
    set_mode(&site.folder().join("app.db-shm"), 0o600);
    set_mode(&site.folder().join("app.db-wal"), 0o606);
    finds(&site, 3, &["error file.open_to_all"]);
    drop(open);

    let file = site.folder().join("ciam.toml");
    std::fs::write(&file, "smtp_url = \"smtps://user:password@mail.example\"\n").unwrap();
    let site = site.with(&[("CIAM_CONFIG", file.to_str().unwrap())]).without("CIAM_SMTP_URL");
    set_mode(&file, 0o644);
    finds(&site, 3, &["error file.open_to_all"]);
    set_mode(&file, 0o600);
    finds(&site, 0, &[]);
}

#[test]
fn what_is_wrong_with_the_redis() {
    let site = sound();
    let with = |url: &str| site.with(&[("CIAM_REDIS_URL", url)]);
    for malformed in ["redis.example", "redis://:password@redis.example"] {
        finds(&with(malformed), 3, &["error redis.invalid"]);
    }
    finds(&with("rediss://:password@redis.example"), 0, &[]);
    finds(&with("rediss://redis.example?sslrootcert=/nowhere.pem"), 3, &["error redis.invalid"]);
    finds(&with("redis://redis.example:6379/1"), 0, &["warning redis.cleartext"]);
    assert_eq!(found(&with("redis://127.0.0.1:1").json(&["doctor"]).expect(3))[0], "error redis.unreachable");
    let file = site.folder().join("ciam.toml");
    std::fs::write(&file, "redis_url = \"rediss://:password@redis.example\"\n").unwrap();
    set_mode(&file, 0o644);
    finds(&site.with(&[("CIAM_CONFIG", file.to_str().unwrap())]), 3, &["error file.open_to_all"]);

    for (policy, expected) in [("noeviction", &[][..]), ("allkeys-lru", &["warning redis.evicts"])] {
        let (url, server) = redis_with(policy);
        let reply = with(&url).without("CIAM_SMTP_URL").with(&[("CIAM_DEV", "true")]).json(&["doctor"]).expect(3);
        let found = found(&reply).into_iter().filter(|found| found.contains("redis")).collect::<Vec<_>>();
        assert_eq!(found, expected);
        server.join().unwrap();
    }
}

/// A Redis, as far as the doctor asks it, for one connection.
fn redis_with(policy: &'static str) -> (String, std::thread::JoinHandle<()>) {
    use std::io::{Read as _, Write as _};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut said = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut said) {
            // One answer to every command that was said at once.
            for command in String::from_utf8_lossy(&said[..length]).split('*').skip(1) {
                let info = format!("# Memory\r\nmaxmemory_policy:{policy}\r\n");
                let answer = if command.contains("INFO\r\n$6\r\nmemory") {
                    format!("${}\r\n{info}\r\n", info.len())
                } else {
                    "+OK\r\n".to_owned()
                };
                stream.write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    (url, server)
}

#[test]
fn what_is_wrong_with_the_gateway_of_text_messages() {
    let site = sound();
    let file = site.folder().join("ciam.toml");
    let with = |text: &str, mode: u32| {
        std::fs::write(&file, text).unwrap();
        set_mode(&file, mode);
        site.with(&[("CIAM_CONFIG", file.to_str().unwrap())])
    };
    let gateway = "sms_url = \"https://user:password@sms.example/send\"\n";
    finds(&with(gateway, 0o644), 3, &["error file.open_to_all"]);
    finds(&with("sms_url = \"https://sms.example/send\"\n", 0o644), 0, &[]);
    for malformed in ["sms.example", "ftp://sms.example", "http://sms.example/send"] {
        finds(&with(&format!("sms_url = \"{malformed}\"\n"), 0o600), 3, &["error sms.invalid"]);
    }
    let phones = "identifiers = [\"email\", \"phone\"]\n";
    finds(&with(phones, 0o600), 3, &["error sms.missing"]);
    finds(&with(&format!("{phones}{gateway}"), 0o600), 0, &[]);
    let other = "[[applications]]\nkey = \"partner\"\nname = \"Partner\"\npublic_url = \"https://partner.example\"\n";
    finds(&with(&format!("{other}{phones}"), 0o600), 3, &["error sms.missing"]);
}

#[test]
fn what_is_wrong_with_the_database() {
    let site = Site::new();
    finds(&site, 0, &["note database.missing"]);
    finds(&site.with(&[("CIAM_DATABASE_URL", "sqlite:///nowhere/app.db")]), 3, &["error database.missing"]);
    assert!(!site.database().exists(), "the doctor makes nothing");
    site.run(&["migrate", "--apply"]).expect(0);

    site.sql("DROP INDEX \"ciam_users__registered_at__idx\"");
    finds(&site, 3, &["error layout.pending"]);
    finds(&site.with(&[("CIAM_MIGRATIONS", "apply")]), 0, &["warning layout.pending"]);
    site.run(&["migrate", "--apply"]).expect(0);
    site.sql("ALTER TABLE ciam_users RENAME COLUMN doc TO docs");
    finds(&site, 3, &["error layout.misfit"]);
    site.sql("ALTER TABLE ciam_users RENAME COLUMN docs TO doc");

    let writer = rusqlite::Connection::open(site.database()).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    finds(&site, 0, &["warning database.locked"]);
    writer.execute_batch("ROLLBACK").unwrap();

    let row = "x'0191f0c04c3e7b7a8f3c2d1e0f9a8b7c', zeroblob(16), zeroblob(16), 1, 0, 0";
    site.sql(&format!(
        "INSERT INTO ciam_sessions (id, realm, version, shape, created_at, updated_at, expires_at, user_id, last_seen, doc)
         VALUES ({row}, 5, zeroblob(16), 0, '{{}}')"
    ));
    finds(&site, 0, &["warning sweeper.behind"]);
    site.sql("DELETE FROM ciam_sessions");

    let whole = std::fs::read(site.database()).unwrap();
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2 / 4096 * 4096;
    damaged[middle..middle + 4096].fill(0xA5);
    std::fs::write(site.database(), &damaged).unwrap();
    let reply = site.json(&["doctor", "--offline"]).expect(3);
    assert!(
        found(&reply).iter().any(|found| found == "error database.damaged" || found == "error database.unreadable")
    );
    std::fs::write(site.database(), "this is no database, however long one looks at it").unwrap();
    finds(&site, 3, &["error database.unreadable"]);
}

#[test]
fn messages_that_wait_and_clocks_that_are_behind() {
    let site = sound();
    let realm = site.count("SELECT count(DISTINCT realm) FROM ciam_events");
    assert_eq!(realm, 0);
    site.run(&["user", "create", "--email", "ada@example.com"]).expect(0);
    site.sql(
        "INSERT INTO ciam_outbox (id, realm, version, shape, created_at, updated_at, due, doc)
         SELECT randomblob(16), realm, version, 1, 0, 0, 0, '{}' FROM ciam_users",
    );
    finds(&site, 0, &["warning outbox.late"]);
    site.sql("DELETE FROM ciam_outbox");
    let user = "UPDATE ciam_users SET registered_at = registered_at + 86400000000,
        doc = json_set(doc, '$.created', json_extract(doc, '$.created') + 86400000000)";
    site.sql(user);
    finds(&site, 3, &["error clock.behind"]);
}

#[test]
fn mail_that_goes_in_the_clear_or_from_nobody() {
    let site = sound();
    let with = |name: &str, value: &str| site.with(&[(name, value)]);
    finds(&with("CIAM_SMTP_URL", ""), 3, &["error smtp.missing"]);
    finds(&with("CIAM_SMTP_URL", "mail.example"), 3, &["error smtp.invalid"]);
    finds(&with("CIAM_SMTP_URL", "smtp://mail.example"), 0, &["warning smtp.cleartext"]);
    finds(&with("CIAM_SMTP_URL", "smtp://mail.example?tls=required"), 0, &[]);
    finds(&with("CIAM_SMTP_SENDER", ""), 0, &["warning smtp.sender"]);
}

#[test]
fn parameters_for_this_machine_are_never_below_the_floor() {
    let site = Site::new();
    let tuned = site.json(&["doctor", "--tune"]).expect(0);
    let parameters = &tuned.json["tuned"]["parameters"];
    let (memory, passes) = (parameters["memory_kib"].as_u64().unwrap(), parameters["passes"].as_u64().unwrap());
    assert!((memory >= 19_456 && passes >= 2) || memory >= 47_104, "{parameters}");
}
