//! Which sites can have passkeys, and from where.

use ciam_mfa::passkeys::{RelyingParty, RelyingPartyError};

fn made(id: &str, origins: &[&str]) -> Result<RelyingParty, RelyingPartyError> {
    RelyingParty::new(id, "Example", origins)
}

#[test]
fn hosts_have_passkeys_and_addresses_and_bare_names_have_none() {
    for id in ["example.com", "shop.example.com", "xn--exmple-cua.com", "localhost"] {
        let origin = if id == "localhost" { "http://localhost:3000".to_owned() } else { format!("https://{id}") };
        assert_eq!(made(id, &[&origin]).map(|party| party.id().to_owned()), Ok(id.to_owned()));
    }
    for id in [
        "",
        "com",
        "127.0.0.1",
        "[::1]",
        "::1",
        "example.com.",
        "EXAMPLE.com",
        "ex\u{e4}mple.com",
        "https://example.com",
        "example.com:443",
        "example.com/",
        " example.com",
    ] {
        assert_eq!(made(id, &["https://example.com"]).map(drop), Err(RelyingPartyError::Id), "{id}");
    }
}

#[test]
fn an_origin_is_https_and_a_host_or_the_own_machine() {
    for origin in [
        "http://example.com",
        "https://127.0.0.1",
        "http://127.0.0.1:3000",
        "https://[::1]",
        "https://example.com/path",
        "https://example.com/?q",
        "https://example.com/#f",
        "https://ada@example.com",
        "https://example.com.",
        "example.com",
        "ftp://example.com",
        "null",
        "",
    ] {
        let made = made("example.com", &["https://example.com", origin]).map(drop);
        assert_eq!(made, Err(RelyingPartyError::Origin), "{origin}");
    }
    assert!(made("localhost", &["http://localhost:3000", "http://shop.localhost"]).is_ok());
}

#[test]
fn one_origin_at_least_is_of_the_host() {
    for origins in [&[][..], &["https://example.nl"], &["https://evil-example.com"], &["https://example.com.evil.test"]]
    {
        assert_eq!(made("example.com", origins).map(drop), Err(RelyingPartyError::Foreign), "{origins:?}");
    }
    assert!(made("example.com", &["https://accounts.example.com"]).is_ok());
}

#[test]
fn origins_are_kept_as_browsers_write_them() {
    let party = made("example.com", &["https://example.com:443/", "https://EXAMPLE.com", "https://a.example.com:8443"]);
    let party = party.unwrap();
    assert_eq!(party.origins(), ["https://a.example.com:8443", "https://example.com"]);
    assert!(
        party.takes("https://example.com") && !party.takes("http://127.0.0.1") && !party.takes("https://b.example.com")
    );
}

#[test]
fn related_origins_are_published_and_own_ones_alone_are_not() {
    assert_eq!(made("example.com", &["https://example.com", "https://a.example.com"]).unwrap().well_known(), None);
    let party = made("example.com", &["https://example.com", "https://example.nl"]).unwrap();
    let expected = serde_json::json!({"origins": ["https://example.com", "https://example.nl"]});
    assert_eq!(party.well_known(), Some(expected));
    let party = made("example.com", &["https://example.com", "https://my-example.com"]).unwrap();
    assert!(party.well_known().is_some(), "a host that ends alike is none below it");
}
