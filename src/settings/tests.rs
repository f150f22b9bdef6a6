use super::*;

const KEY: &str = "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=";

fn variables(set: &[(&str, &str)]) -> BTreeMap<String, String> {
    set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn from(set: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::read(None, &variables(set))
}

fn is_file(settings: &Settings, name: &str) -> bool {
    matches!(&settings.database, Database::Sqlite(file) if file == Path::new(name))
}

#[test]
fn the_scheme_says_which_database_it_is_and_no_password_is_repeated() {
    let database = |url: &str| from(&[("CIAM_DATABASE_URL", url)]).map(|settings| settings.database);
    assert!(matches!(database("memory:").unwrap(), Database::Memory));
    for url in ["postgres://shop:canary@db.internal/shop", "postgresql://localhost/shop?sslmode=require"] {
        let found = database(url).unwrap();
        assert!(matches!(&found, Database::Postgres(kept) if kept.expose() == url));
        assert!(!format!("{found:?}").contains("canary"));
    }
    for (url, said) in [
        ("mysql://shop:canary@db/shop", "postgres, sqlite or memory"),
        ("postgres://shop:canary@db:port/shop", "postgres://user:password@host:5432/database"),
        ("postgres:shop:canary", "postgres://user:password@host:5432/database"),
        ("sqlite://", "sqlite://file"),
        ("canary.db", "sqlite://file or memory:"),
    ] {
        let error = database(url).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
}

#[test]
fn nothing_set_is_development_on_loopback() {
    let settings = from(&[]).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.public_url, "http://localhost:8080");
    assert!(is_file(&settings, "portal.db"), "{:?}", settings.database);
    assert!(settings.name.is_none(), "the engine has a name for a site that has none");
    assert!(settings.dev && settings.key().unwrap().is_none() && settings.without_effect.is_empty());
}

#[test]
fn a_start_changes_an_older_database_in_development_only_unless_it_is_said() {
    let of = |set: &[(&str, &str)]| from(set).map(|settings| settings.migrations);
    assert_eq!(of(&[]).unwrap(), Migrations::Complete);
    assert_eq!(of(&[("CIAM_DEV", "false")]).unwrap(), Migrations::Refuse);
    assert_eq!(of(&[("CIAM_MIGRATIONS", "refuse")]).unwrap(), Migrations::Refuse);
    assert_eq!(of(&[("CIAM_DEV", "false"), ("CIAM_MIGRATIONS", "apply")]).unwrap(), Migrations::Apply);
    assert!(matches!(of(&[("CIAM_MIGRATIONS", "yes")]), Err(SettingsError::Migrations)));
}

#[test]
fn the_number_of_connections_is_a_number() {
    let of =
        |number: &str| from(&[("CIAM_DATABASE_CONNECTIONS", number)]).map(|settings| settings.database_connections);
    assert_eq!(of("").unwrap(), None);
    assert_eq!(of("32").unwrap(), Some(32));
    for wrong in ["0", "-1", "ten", "10001"] {
        assert!(matches!(of(wrong), Err(SettingsError::DatabaseConnections)), "{wrong}");
    }
    let settings = from(&[("CIAM_DATABASE_CONNECTIONS", "7")]).unwrap();
    let options = settings.postgres(&Secret::new("postgres://localhost/shop".to_owned())).unwrap();
    assert!(format!("{options:?}").contains("connections: 7"), "{options:?}");
}

#[test]
fn the_prefix_in_redis_is_a_word() {
    let of = |prefix: &str| from(&[("CIAM_REDIS_PREFIX", prefix)]).map(|settings| settings.redis_prefix);
    assert_eq!(of("shop-2_eu").unwrap().as_deref(), Some("shop-2_eu"));
    for wrong in ["a b", "a:b", "*", "ü", &"x".repeat(33)] {
        assert!(matches!(of(wrong), Err(SettingsError::RedisPrefix)), "{wrong}");
    }
}

#[test]
fn variables_win_over_the_file_and_an_empty_one_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let (file, key) = (folder.path().join("ciam.toml"), folder.path().join("key"));
    std::fs::write(&key, KEY).unwrap();
    let text = format!(
        "name = \"Shop\"\nlisten = \"0.0.0.0:80\"\npublic_url = \"https://shop.example\"\ndatabase_url = \"memory:\"\n\
         master_key_file = \"{}\"\nsmtp_url = \"smtps://u:canary@mail.example\"\ndatabase_connections = 7\n\
         redis_prefix = \"shop\"\n[clients]\nx = 1\n",
        key.display()
    );
    std::fs::write(&file, text).unwrap();
    let set = variables(&[("CIAM_LISTEN", "127.0.0.1:81"), ("CIAM_DATABASE_URL", ""), ("CIAM_TYPO", "x")]);
    let settings = Settings::read(Some(&file), &set).unwrap();
    assert_eq!((settings.name.as_deref(), settings.listen.port(), settings.dev), (Some("Shop"), 81, false));
    assert!(is_file(&settings, "portal.db"), "an empty variable means the default");
    assert_eq!(settings.master_key_from, Some(KeySource::File(key)));
    assert_eq!((settings.database_connections, settings.redis_prefix.as_deref()), (Some(7), Some("shop")));
    assert_eq!(settings.without_effect.len(), 2, "{:?}", settings.without_effect);
    let shown = format!("{settings:?}");
    assert!(!shown.contains("canary") && !shown.contains(KEY), "{shown}");
}

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    for (set, said) in [
        (("CIAM_LISTEN", "here"), "CIAM_LISTEN is an address"),
        (("CIAM_PUBLIC_URL", "http://shop.example"), "CIAM_PUBLIC_URL: the public URL is https"),
        (("CIAM_DEV", "perhaps"), "CIAM_DEV is true or false"),
        (("CIAM_TRUSTED_PROXIES", "everybody"), "CIAM_TRUSTED_PROXIES: trusted proxies are networks"),
        (("CIAM_MASTER_KEY_FILE", "/nowhere/key"), "CIAM_MASTER_KEY_FILE, /nowhere/key"),
    ] {
        let error = from(&[set]).unwrap_err().to_string();
        assert!(error.contains(said), "{set:?}: {error}");
    }
    let key = from(&[("CIAM_MASTER_KEY", "short")]).unwrap().key().unwrap_err();
    assert!(key.to_string().starts_with("CIAM_MASTER_KEY: a master key is 32 random bytes"));
}

#[tokio::test]
async fn a_public_site_has_a_key_and_a_mail_server() {
    let public = [("CIAM_PUBLIC_URL", "https://shop.example"), ("CIAM_DATABASE_URL", "memory:")];
    let engine = |more: &[(&str, &str)]| from(&[&public[..], more].concat()).unwrap();
    let missing = engine(&[]).engine(None).await.unwrap_err();
    assert!(matches!(missing, SettingsError::MasterKeyMissing));
    let missing = engine(&[("CIAM_MASTER_KEY", KEY)]).engine(None).await.unwrap_err();
    assert!(matches!(missing, SettingsError::SmtpMissing));
    let settings = engine(&[("CIAM_MASTER_KEY", KEY), ("CIAM_SMTP_URL", "smtp://mail.example")]);
    assert!(settings.mailbox().unwrap().is_none());
    settings.engine(None).await.unwrap().build().await.unwrap();
}

#[tokio::test]
async fn languages_looks_and_applications_are_read_and_built() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("de.ftl"), "sign-in = Anmelden").unwrap();
    std::fs::write(path("logo.svg"), "<svg/>").unwrap();
    let text = format!(
        "database_url = \"memory:\"\nlanguage = \"de\"\nidentifiers = [\"email\", \"phone\"]\nusername = \"optional\"\n\
         [languages]\nde = {:?}\n[brand]\nlogo = {:?}\nradius = 4\nfont = [\"Inter\"]\n\
         light = {{ accent = \"#14532d\" }}\nvariables = {{ shop-x = \"1px\" }}\n\
         [[applications]]\nkey = \"outlet\"\nname = \"Outlet\"\npublic_url = \"http://127.0.0.1:8080\"\nlanguage = \"nl\"\n\
         brand.dark = {{ accent = \"#86efac\" }}\n",
        path("de.ftl"),
        path("logo.svg")
    );
    std::fs::write(path("ciam.toml"), text).unwrap();
    let settings = Settings::read(Some(&path("ciam.toml")), &variables(&[])).unwrap();
    let mailbox = settings.mailbox().unwrap();
    let identity = settings.engine(mailbox).await.unwrap().build().await.unwrap();
    let config = identity.config();
    assert_eq!(config.wording(&config.application, [None, None]).say("sign-in", &[]), "Anmelden");
    let outlet = config.others.first().unwrap();
    assert_eq!(config.wording(outlet, [None, None]).say("sign-in", &[]), "Inloggen");
    assert_eq!((outlet.key.as_str(), outlet.public_url.origin()), ("outlet", "http://127.0.0.1:8080"));
    assert!(config.application.brand.logo.is_some() && outlet.brand.dark.is_some());
    assert_eq!(config.application.identifiers.signs_in_by().len(), 3);
}

#[test]
fn what_is_wrong_with_a_look_is_said_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ciam.toml");
    let error = |text: &str| {
        std::fs::write(&file, text).unwrap();
        Settings::read(Some(&file), &variables(&[])).unwrap_err().to_string()
    };
    assert_eq!(error("[brand.light]\naccent = \"green\""), "brand: accent: a colour is written #rrggbb");
    assert_eq!(error("language = \"x y\""), "language: not the tag of a language, such as nl or pt-BR");
    assert_eq!(error("identifiers = [\"fax\"]"), "identifiers: identifiers are email and phone");
    assert!(error("[languages]\nde = \"/nowhere/de.ftl\"").contains("languages, /nowhere/de.ftl"));
    assert!(error("[brand]\nlogo = \"/nowhere/x\"").starts_with("brand: /nowhere/x"));
    let application = "[[applications]]\nkey = \"o\"\nname = \"O\"\npublic_url = \"http://o.example\"";
    assert!(error(application).starts_with("applications, o: the public URL is https"));
    assert!(error(&format!("{application}\ncolour = 1")).contains("unknown field `colour`"));
    assert!(error("[brand]\ncolor = 1").contains("unknown field `color`"));
}
