//! The customer portal of a made-up shop: an axum app with a page of its own, and ciam around it.
//!
//! `cargo run --example portal`, then open the address that it prints. `portal.toml` beside this file
//! documents how it is configured.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use ciam::messages::{ByChannel, Channel, Messenger};
use ciam::store::Backend;
use ciam::vault::MasterKey;
use ciam::{BuildError, Ciam, HttpSmsMessenger, Mailbox, MemoryStore, SmtpMessenger, SqliteStore};

#[path = "portal/config.rs"]
mod config;
#[path = "portal/shop.rs"]
mod shop;

use config::{Config, Database};

type AnyError = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run().await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the portal did not start: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            std::process::ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), AnyError> {
    let config = Config::load()?;
    let listener = tokio::net::TcpListener::bind(config.listen)
        .await
        .map_err(|error| format!("CIAM_LISTEN, {}: {error}", config.listen))?;
    let mailbox = config.dev.then(|| mailbox(&config)).transpose()?;
    let identity = identity(&config, mailbox.clone()).await?;
    let dev = config.dev;
    let app = app(&identity, config, mailbox)?;

    println!("The portal is at {}", identity.config().application.public_url.origin());
    if dev {
        println!(
            "Development is on: messages are shown at {}/dev/mailbox",
            identity.config().application.public_url.origin()
        );
    }
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(stopped())
        .await?;
    Ok(identity.shutdown().await?)
}

/// The shop's own routes with ciam around them.
fn app(identity: &Ciam, config: Config, mailbox: Option<Mailbox>) -> Result<Router, AnyError> {
    let shop = Router::new().route("/", get(shop::home)).with_state(shop::Name(config.name));
    let mount = ciam::web::Mount::new(identity).trusted_proxies(config.trusted_proxies);
    let mount = match mailbox {
        Some(mailbox) => mount.danger_show_mailbox(mailbox),
        None => mount,
    };
    Ok(mount.around(shop)?)
}

async fn identity(config: &Config, mailbox: Option<Mailbox>) -> Result<Ciam, AnyError> {
    let store: std::sync::Arc<dyn Backend> = match &config.database {
        Database::Memory => std::sync::Arc::new(MemoryStore::new()),
        Database::Sqlite(file) => std::sync::Arc::new(SqliteStore::open(file).await?),
    };
    let builder = Ciam::builder().shared_store(store).app_name(&config.name).public_url(&config.public_url);
    let builder = match (&config.master_key, config.dev) {
        (Some(key), _) => {
            builder.master_key(MasterKey::parse(key).map_err(|error| format!("CIAM_MASTER_KEY: {error}"))?)
        }
        (None, true) => builder,
        (None, false) => {
            return Err(
                "CIAM_MASTER_KEY or CIAM_MASTER_KEY_FILE is missing (make one: openssl rand -base64 32). It is wanted \
                        because CIAM_LISTEN or CIAM_PUBLIC_URL is not loopback; CIAM_DEV=true is for development"
                    .into(),
            );
        }
    };
    let builder = match (mailbox, &config.smtp_url) {
        (Some(mailbox), _) => builder.messenger(mailbox),
        (None, Some(_)) => builder.messenger(messengers(config)?),
        (None, None) => return Err("CIAM_SMTP_URL is missing: smtp://host:port of a mail server".into()),
    };
    match builder.build().await {
        Err(BuildError::NoCarrier { channel: Channel::Sms, .. }) => {
            Err("CIAM_SMS_URL is missing, since people sign up by phone numbers: https://… of an SMS gateway".into())
        }
        built => Ok(built?),
    }
}

/// Email by SMTP, text messages by a gateway: those of the two that are set.
fn messengers(config: &Config) -> Result<ByChannel, AnyError> {
    let messengers = ByChannel::new();
    let messengers = match smtp(config)? {
        Some(smtp) => messengers.with(smtp),
        None => messengers,
    };
    Ok(match &config.sms_url {
        Some(url) => {
            messengers.with(HttpSmsMessenger::from_url(url).map_err(|error| format!("CIAM_SMS_URL: {error}"))?)
        }
        None => messengers,
    })
}

fn smtp(config: &Config) -> Result<Option<SmtpMessenger>, AnyError> {
    let Some(url) = &config.smtp_url else { return Ok(None) };
    let messenger = SmtpMessenger::from_url(url).map_err(|error| format!("CIAM_SMTP_URL: {error}"))?;
    Ok(Some(match &config.smtp_sender {
        Some(sender) => messenger.sender(sender).map_err(|error| format!("CIAM_SMTP_SENDER: {error}"))?,
        None => messenger,
    }))
}

/// The mailbox of development, which hands messages on where there is a mail server or a gateway.
fn mailbox(config: &Config) -> Result<Mailbox, AnyError> {
    let next: std::sync::Arc<dyn Messenger> = std::sync::Arc::new(messengers(config)?);
    Ok(Mailbox::before(next))
}

/// Waits for ctrl-c or SIGTERM.
async fn stopped() {
    let ctrl_c = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    #[cfg(unix)]
    let terminated = async {
        if let Ok(mut signal) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            signal.recv().await;
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = ctrl_c => {}
        () = terminated => {}
    }
}
