//! The customer portal of a made-up shop: an axum app with a page of its own, and ciam around it.
//!
//! `cargo run --example portal`, then open the address that it prints. `portal.toml` beside this file
//! documents how it is configured.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::header::HOST;
use axum::routing::get;
use ciam::settings::Settings;
use ciam::{Ciam, Mailbox};
use metrics_exporter_prometheus::PrometheusHandle;
use tower::ServiceExt;

#[path = "portal/shop.rs"]
mod shop;

/// Upper bounds of the metrics' histograms, in seconds.
const BUCKETS: [f64; 11] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// How long load balancers have to see that the portal leaves, outside of development.
const DRAIN: Duration = Duration::from_secs(5);

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
    let mut settings = Settings::load()?;
    settings.name.get_or_insert_with(|| "Fernweh Outfitters".to_owned());
    for without_effect in &settings.without_effect {
        tracing::warn!("{without_effect}");
    }
    let listener = tokio::net::TcpListener::bind(settings.listen)
        .await
        .map_err(|error| format!("CIAM_LISTEN, {}: {error}", settings.listen))?;
    let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()?;
    tokio::spawn(upkeep(metrics.clone()));
    let mailbox = settings.mailbox()?;
    let identity = settings.engine(mailbox.clone()).await?.build().await?;
    let dev = settings.dev;
    let app = app(&identity, settings, mailbox, metrics)?;

    println!("The portal is at {}", identity.config().application.public_url.origin());
    if dev {
        println!(
            "Development is on: messages are shown at {}/dev/mailbox",
            identity.config().application.public_url.origin()
        );
    }
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(leaving(identity.clone(), dev))
        .await?;
    Ok(identity.shutdown().await?)
}

/// The shop's own routes with ciam around them, once for every application.
fn app(
    identity: &Ciam,
    settings: Settings,
    mailbox: Option<Mailbox>,
    metrics: PrometheusHandle,
) -> Result<Router, AnyError> {
    let mounted = |name: &str, key: Option<&str>| -> Result<Router, AnyError> {
        let shop = Router::new().route("/", get(shop::home)).with_state(shop::Name(name.to_owned()));
        let mount = ciam::web::Mount::new(identity).trusted_proxies(settings.trusted_proxies.clone());
        let mount = match mailbox.clone() {
            Some(mailbox) => mount.danger_show_mailbox(mailbox),
            None => mount,
        };
        let metrics = metrics.clone();
        let mount = match key {
            Some(key) => mount.application(key),
            None => mount.metrics(move || metrics.render()),
        };
        Ok(mount.around(shop)?)
    };
    let mut others = Vec::new();
    for application in &identity.config().others {
        let host = application.public_url.origin().split("://").nth(1).unwrap_or_default().to_owned();
        others.push((host, mounted(&application.name, Some(&application.key))?));
    }
    Ok(by_host(mounted(&identity.config().application.name, None)?, others))
}

/// The application whose public URL has the host that a request names; the default one for any other.
fn by_host(default: Router, others: Vec<(String, Router)>) -> Router {
    if others.is_empty() {
        return default;
    }
    Router::new().fallback(move |request: Request| {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let named = host.and_then(|host| others.iter().find(|(own, _)| own.eq_ignore_ascii_case(host)));
        let app = named.map_or(&default, |(_, app)| app).clone();
        async move { app.oneshot(request).await }
    })
}

/// Gathers what the histograms were given, which would otherwise be kept until somebody asks for it.
async fn upkeep(metrics: PrometheusHandle) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        metrics.run_upkeep();
    }
}

/// Waits to be told to end, and lets load balancers see it before the server takes no more connections.
async fn leaving(identity: Ciam, dev: bool) {
    stopped().await;
    identity.announce_shutdown();
    if !dev {
        tokio::time::sleep(DRAIN).await;
    }
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
