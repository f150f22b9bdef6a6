//! Whether messages reach their server, and text messages a gateway.

use std::time::Duration;

use ciam_core::config::PublicUrl;
use ciam_core::identifiers::IdentifierKind;
use url::Url;

use super::Findings;
use crate::adapters::HttpSmsMessenger;
use crate::settings::Settings;
use ciam_core::with_causes;

/// How long a mail server may take to greet.
const PATIENCE: Duration = Duration::from_secs(5);

/// The gateway of text messages, and whether one is needed. It is not spoken to: every request there is a message.
pub(super) fn texts(settings: &Settings, findings: &mut Findings) {
    let others = settings.applications.iter().map(|application| &application.identifiers);
    let mut policies = std::iter::once(&settings.identifiers).chain(others);
    match settings.sms_url.as_ref().map(|url| HttpSmsMessenger::from_url(url.expose())) {
        Some(Err(error)) => findings.error("sms.invalid", error.to_string(), "examples/portal.toml shows its form"),
        None if policies.any(|policy| policy.signs_in_by().contains(&IdentifierKind::Phone)) => findings
            .unless_developing(
                settings.dev,
                "sms.missing",
                "people may have phone numbers, and no text message leaves the site",
                "set CIAM_SMS_URL, or take phone out of identifiers",
            ),
        _ => {}
    }
}

pub(super) async fn examine(settings: &Settings, reach: bool, findings: &mut Findings) {
    let Some(url) = &settings.smtp_url else {
        let what = "there is no mail server, so no message leaves the site";
        return findings.unless_developing(settings.dev, "smtp.missing", what, "set CIAM_SMTP_URL");
    };
    let messenger = match settings.smtp() {
        Ok(Some(messenger)) => messenger,
        Ok(None) => return,
        Err(error) => return findings.error("smtp.invalid", error.to_string(), "examples/portal.toml shows its form"),
    };
    if is_clear(url.expose()) {
        findings.warning(
            "smtp.cleartext",
            "messages go to another machine, encrypted only if nobody on the way objects",
            "use smtps://, or add ?tls=required",
        );
    }
    if settings.smtp_sender.is_none() && !settings.dev {
        findings.warning(
            "smtp.sender",
            "messages come from no-reply@ and the mail server's host",
            "set CIAM_SMTP_SENDER to an address of your own domain, for which SPF and DKIM are set up",
        );
    }
    if !reach {
        return;
    }
    let what = match tokio::time::timeout(PATIENCE, messenger.reach()).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => with_causes(&error),
        Err(_) => "it does not answer within five seconds".to_owned(),
    };
    findings.unless_developing(
        settings.dev,
        "smtp.unreachable",
        format!("the mail server cannot be used: {what}"),
        "see that CIAM_SMTP_URL is right, that the server runs, and that a firewall lets this machine through",
    );
}

/// Whether somebody between here and the server can keep the connection in the clear.
fn is_clear(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default();
    let required = url.query_pairs().any(|(name, value)| name == "tls" && value == "required");
    url.scheme() == "smtp" && !required && url.password().is_none() && !PublicUrl::is_loopback_host(host)
}
