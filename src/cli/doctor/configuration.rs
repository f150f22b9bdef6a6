//! What the configuration says by itself.

use ciam_core::config::{Config, PublicUrl};

use super::Findings;
use crate::settings::{Database, KeySource, Settings};

pub(super) fn examine(settings: &Settings, config: &Config, findings: &mut Findings) {
    for without_effect in &settings.without_effect {
        findings.note("configuration.without_effect", without_effect, "take it out, or mend its name");
    }
    let loopback = PublicUrl::parse(&settings.public_url).is_ok_and(|url| url.is_loopback());
    let listens_publicly = !settings.listen.ip().is_loopback();
    if loopback && listens_publicly {
        findings.warning(
            "public_url.loopback",
            format!("the site listens on {}, but calls itself {}", settings.listen, settings.public_url),
            "set CIAM_PUBLIC_URL to the address that people use: other addresses are refused as foreign sites",
        );
    }
    if settings.dev && (listens_publicly || !loopback) {
        findings.error(
            "dev.public",
            "development is on: /dev/mailbox shows everybody's codes and links to anybody who can reach the site",
            "set CIAM_DEV=false, and CIAM_SMTP_URL",
        );
    } else if settings.dev {
        findings.note("dev.on", "development is on, for this machine", "set CIAM_DEV=false before others may reach it");
    }
    if listens_publicly && !loopback {
        findings.warning(
            "listen.public",
            format!("the site speaks plain HTTP on {}, also to who passes the proxy by", settings.listen),
            "listen on 127.0.0.1 behind a proxy on this machine, or let nobody but the proxy reach this port",
        );
    }
    if settings.trusted_proxies.hold_strangers() {
        findings.error(
            "proxies.wide",
            "CIAM_TRUSTED_PROXIES holds strangers, each of whom may claim any address",
            "list the addresses of your own proxies and nothing else",
        );
    }
    if settings.trusted_proxies.is_empty() && !loopback {
        findings.warning(
            "proxies.missing",
            "no proxy is trusted: to the site everybody behind the proxy that speaks TLS has one address, and one limit",
            "set CIAM_TRUSTED_PROXIES to that proxy's address",
        );
    }
    master_key(settings, findings);
    if matches!(settings.database, Database::Memory) {
        let what = "the database is in memory: accounts and sessions end with the process";
        findings.unless_developing(
            settings.dev,
            "database.memory",
            what,
            "set CIAM_DATABASE_URL=sqlite:///path/to/file.db, or postgres://…",
        );
    }
    if !config.argon2.parameters.meet_owasp() {
        findings.error(
            "hashing.weak",
            "passwords are hashed with less than OWASP recommends",
            "take the default parameters, or those that `ciam doctor --tune` proposes",
        );
    }
}

fn master_key(settings: &Settings, findings: &mut Findings) {
    match settings.key() {
        Err(error) => findings.error("key.invalid", error.to_string(), "make one with `ciam keys generate`"),
        Ok(None) if !settings.dev => findings.error(
            "key.missing",
            "there is no master key, and the site is not started without one",
            "make one with `ciam keys generate`, and name its file in CIAM_MASTER_KEY_FILE",
        ),
        Ok(None) => findings.note(
            "key.missing",
            "there is no master key: in development one is made in a file",
            "set CIAM_MASTER_KEY_FILE before others may reach the site",
        ),
        Ok(Some(_)) if settings.master_key_from == Some(KeySource::Variable) => findings.note(
            "key.in_environment",
            "the master key is in the environment, which other programs of the same user can read",
            "CIAM_MASTER_KEY_FILE names a file instead",
        ),
        Ok(Some(_)) => {}
    }
}
