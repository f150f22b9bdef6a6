//! Running the program.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;

/// A folder with the database and the key of a site.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    folder: Arc<TempDir>,
    variables: BTreeMap<String, String>,
}

/// What the program said.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) json: Value,
}

impl Site {
    /// A public site with all that it needs, whose mail server does not answer.
    pub(crate) fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        std::fs::create_dir(folder.path().join("secrets")).unwrap();
        let site = Self { folder, variables: BTreeMap::new() };
        site.write_key("key", &key(&site.run(&["keys", "generate"]).expect(0)));
        let (database, key) = (format!("sqlite://{}", site.database().display()), site.key_file("key"));
        site.with(&[
            ("CIAM_DATABASE_URL", &database),
            ("CIAM_MASTER_KEY_FILE", key.to_str().unwrap()),
            ("CIAM_PUBLIC_URL", "https://shop.example"),
            ("CIAM_TRUSTED_PROXIES", "127.0.0.1"),
            ("CIAM_SMTP_URL", "smtp://127.0.0.1:1"),
            ("CIAM_SMTP_SENDER", "Shop <no-reply@shop.example>"),
        ])
    }

    /// The same with other variables.
    pub(crate) fn with(&self, variables: &[(&str, &str)]) -> Self {
        let mut site = self.clone();
        site.variables.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        site
    }

    /// The same without a variable.
    pub(crate) fn without(&self, variable: &str) -> Self {
        let mut site = self.clone();
        site.variables.remove(variable);
        site
    }

    pub(crate) fn variable(&self, name: &str) -> &str {
        &self.variables[name]
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder().join("app.db")
    }

    pub(crate) fn key_file(&self, name: &str) -> PathBuf {
        self.folder().join("secrets").join(name)
    }

    /// Writes a key that only its owner reads.
    pub(crate) fn write_key(&self, name: &str, text: &str) {
        let file = self.key_file(name);
        std::fs::write(&file, text).unwrap();
        set_mode(&file, 0o600);
    }

    /// Runs statements on the database, as another program.
    pub(crate) fn sql(&self, text: &str) {
        rusqlite::Connection::open(self.database()).unwrap().execute_batch(text).unwrap();
    }

    /// Makes the database of a layout that was kept, with the key that it was made with.
    pub(crate) fn restore(&self, text: &str) {
        self.write_key("key", "c3RvcmVkLW9sZGVyLWxheW91dHMtb2YtdGhlLXRlc3Q=");
        self.sql(text);
        set_mode(&self.database(), 0o600);
    }

    /// A number from the database.
    pub(crate) fn count(&self, text: &str) -> i64 {
        rusqlite::Connection::open(self.database()).unwrap().query_row(text, (), |row| row.get(0)).unwrap()
    }

    /// The site itself, without workers.
    pub(crate) async fn engine(&self, messenger: impl ciam::messages::Messenger) -> ciam::Ciam {
        self.engine_with(messenger, |builder| builder).await
    }

    pub(crate) async fn engine_with(
        &self,
        messenger: impl ciam::messages::Messenger,
        more: impl FnOnce(ciam::CiamBuilder) -> ciam::CiamBuilder,
    ) -> ciam::Ciam {
        let key = std::fs::read_to_string(self.key_file("key")).unwrap();
        let store = ciam::SqliteStore::open(self.database()).await.unwrap();
        let builder = ciam::Ciam::builder().store(store).messenger(messenger).without_workers();
        let builder = builder.master_key(ciam::vault::MasterKey::parse(&key).unwrap());
        more(builder).build().await.unwrap()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Reply {
        self.run_with_input(arguments, "")
    }

    /// With `--json`: one document and nothing else.
    pub(crate) fn json(&self, arguments: &[&str]) -> Reply {
        self.json_with_input(arguments, "")
    }

    pub(crate) fn json_with_input(&self, arguments: &[&str], input: &str) -> Reply {
        let mut reply = self.run_with_input(&[arguments, &["--json"]].concat(), input);
        assert_eq!(reply.out.lines().count(), 1, "{reply:?}");
        assert_eq!(reply.err, "");
        reply.json = serde_json::from_str(&reply.out).unwrap();
        assert_eq!(reply.json["ok"].as_bool(), Some(reply.code == 0), "{reply:?}");
        reply
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Reply {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ciam"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CIAM_")) {
            command.env_remove(name);
        }
        command.args(arguments).envs(&self.variables).current_dir(self.folder());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A program that ends before it has read everything is no failure of the test's.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap(); // none when it was killed
        Reply { code, out: text(output.stdout), err: text(output.stderr), json: Value::Null }
    }
}

/// What `keys generate` printed.
pub(crate) fn key(reply: &Reply) -> String {
    reply.out.trim().to_owned()
}

pub(crate) fn set_mode(file: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
}

impl Reply {
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{} {}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.out.contains(words) || self.err.contains(words), "{words}? {} {}", self.out, self.err);
        self
    }

    pub(crate) fn error(&self) -> &str {
        self.json["error"]["code"].as_str().unwrap_or_default()
    }
}
