use axum::http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn proxies() -> TrustedProxies {
    "10.0.0.0/8, ::1, fd00::/8".parse().unwrap()
}

fn headers(name: &'static str, lines: &[&str]) -> HeaderMap {
    let name = HeaderName::from_static(name);
    lines.iter().map(|line| (name.clone(), HeaderValue::from_bytes(line.as_bytes()).unwrap())).collect()
}

fn client(socket: &str, lines: &[&str]) -> IpAddr {
    proxies().client(ip(socket), &headers("x-forwarded-for", lines))
}

#[test]
fn a_list_is_networks_and_addresses_or_an_error() {
    for text in ["", "  ", "10.0.0.1", "10.0.0.0/8, ::1", "10.1.2.3/8,2001:db8::/32"] {
        assert!(text.parse::<TrustedProxies>().is_ok(), "{text}");
    }
    for text in ["10.0.0.0/33", "proxy.example", "10.0.0.1,", ",", "10.0.0.1 ::1", "10.0.0.0-10.0.0.9", "*", "10.0.0"] {
        assert_eq!(text.parse::<TrustedProxies>().unwrap_err(), InvalidProxies, "{text}");
    }
}

#[test]
fn pw12_nobody_but_a_trusted_proxy_is_believed() {
    for lines in [&["203.0.113.9"][..], &["10.0.0.1"], &["::1, 203.0.113.9"], &["garbage"]] {
        assert_eq!(client("192.0.2.1", lines), ip("192.0.2.1"));
        let nobody = TrustedProxies::default();
        assert_eq!(nobody.client(ip("10.0.0.1"), &headers("x-forwarded-for", lines)), ip("10.0.0.1"));
    }
    let socket = ip("10.0.0.1");
    for name in ["forwarded", "x-real-ip", "x-client-ip", "true-client-ip", "x-forwarded-host", "x-forwarded"] {
        assert_eq!(proxies().client(socket, &headers(name, &["for=203.0.113.9", "203.0.113.9"])), socket, "{name}");
    }
    let forwarded = proxies().believing(ForwardingHeader::Forwarded);
    assert_eq!(forwarded.client(socket, &headers("x-forwarded-for", &["203.0.113.9"])), socket);
}

#[test]
fn pw12_what_the_client_wrote_stands_left_of_what_the_proxy_wrote() {
    assert_eq!(client("10.0.0.1", &["203.0.113.9"]), ip("203.0.113.9"));
    assert_eq!(client("::ffff:10.0.0.1", &["203.0.113.9"]), ip("203.0.113.9"), "a socket of both families");
    assert_eq!(client("10.0.0.1", &["198.51.100.7, 203.0.113.9"]), ip("203.0.113.9"), "spoofed by the client");
    assert_eq!(client("10.0.0.1", &["10.9.9.9, 203.0.113.9"]), ip("203.0.113.9"), "spoofed as a proxy");
    assert_eq!(client("10.0.0.1", &["203.0.113.9, 10.0.0.3, 10.0.0.2"]), ip("203.0.113.9"), "proxies in a row");
    assert_eq!(client("10.0.0.1", &["198.51.100.7", "203.0.113.9", "10.0.0.2"]), ip("203.0.113.9"), "lines in order");
    for (text, address) in [
        ("203.0.113.9:51234", "203.0.113.9"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
    ] {
        assert_eq!(client("10.0.0.1", &[text]), ip(address), "{text}");
    }
}

#[test]
fn pw12_what_cannot_be_read_ends_at_the_nearest_certain_address() {
    for unreadable in [
        "",
        " ",
        "unknown",
        "_hidden",
        "203.0.113.9 198.51.100.7",
        "203.0.113",
        "203.0.113.9:",
        "203.0.113.9:http",
        "fe80::1%eth0",
        "[203.0.113.9]",
        "[2001:db8::7",
        "2001:db8::7]:1",
        "\"203.0.113.9\"",
        "for=203.0.113.9",
        "0x7f.1",
        "203.0.113.09",
        "203.0.113.9\u{e9}",
    ] {
        assert_eq!(client("10.0.0.1", &["203.0.113.9", unreadable]), ip("10.0.0.1"), "{unreadable:?}");
        let behind = format!("203.0.113.9, {unreadable}, 10.0.0.2");
        assert_eq!(client("10.0.0.1", &[&behind]), ip("10.0.0.2"), "{unreadable:?}");
    }
    assert_eq!(client("10.0.0.1", &[]), ip("10.0.0.1"));
    assert_eq!(client("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), ip("10.0.0.3"), "from a proxy's own machine");
    let long = "203.0.113.9, ".to_owned() + &"10.0.0.2,".repeat(500);
    assert_eq!(client("10.0.0.1", &[&(long + "10.0.0.3")]), ip("10.0.0.2"), "no more hops, nor bytes, than these");
    let padded = format!("203.0.113.9, {:>4200}", "10.0.0.3");
    assert_eq!(client("10.0.0.1", &[&padded]), ip("10.0.0.1"), "too long by itself");
    let deep = "203.0.113.9".to_owned() + &", 10.0.0.2".repeat(MOST_HOPS);
    assert_eq!(client("10.0.0.1", &[&deep]), ip("10.0.0.2"));
}

#[test]
fn pw12_however_much_the_client_writes_what_the_proxy_wrote_behind_it_is_read() {
    let forwarded = |line: &str| {
        proxies().believing(ForwardingHeader::Forwarded).client(ip("10.0.0.1"), &headers("forwarded", &[line]))
    };
    for filler in ["x".repeat(4100), "198.51.100.7, ".repeat(3000), ",".repeat(5000), "\u{e9}".repeat(3000)] {
        assert_eq!(client("10.0.0.1", &[&format!("{filler}, 203.0.113.9")]), ip("203.0.113.9"));
        assert_eq!(client("10.0.0.1", &[&filler, "203.0.113.9, 10.0.0.2"]), ip("203.0.113.9"));
        let line = format!("for=\"{filler}\", for=203.0.113.9");
        assert_eq!(forwarded(&line), ip("203.0.113.9"));
    }
}

#[test]
fn pw12_forwarded_is_read_as_rfc_7239_says() {
    let client = |lines: &[&str]| {
        proxies().believing(ForwardingHeader::Forwarded).client(ip("10.0.0.1"), &headers("forwarded", lines))
    };
    for (line, address) in [
        ("for=203.0.113.9", "203.0.113.9"),
        ("For=\"[2001:db8::7]:4711\"", "2001:db8::7"),
        ("for=203.0.113.9;proto=http;by=10.0.0.1", "203.0.113.9"),
        ("proto=https; by=\"_a,b;for=198.51.100.7\"; for=203.0.113.9", "203.0.113.9"),
        ("for=198.51.100.7, for=203.0.113.9, for=10.0.0.2", "203.0.113.9"),
        ("for=203.0.113.9;secret=\"a\\\", for=198.51.100.7\"", "203.0.113.9"),
    ] {
        assert_eq!(client(&[line]), ip(address), "{line}");
    }
    for line in [
        "for=unknown",
        "for=_hidden",
        "for=\"_hidden\"",
        "proto=http",
        "for=\"203.0.113.9",
        "for=203.0.113.9;for=10.0.0.9",
        "for=\"",
        "for=\", for=203.0.113.9",
        "203.0.113.9",
        "for",
        ";;;",
        "for=2001:db8::7:\"",
    ] {
        assert_eq!(client(&[line]), ip("10.0.0.1"), "{line}");
        assert_eq!(client(&["for=198.51.100.7", line]), ip("10.0.0.1"), "{line}");
    }
    assert_eq!(client(&["for=\"", "for=203.0.113.9"]), ip("203.0.113.9"), "an open quote ends with its line");
}

/// One entry of a header: an address, a proxy's or anybody's, with or without decoration, or anything at all.
fn entry() -> impl Strategy<Value = String> {
    let address = prop_oneof![
        any::<[u8; 4]>().prop_map(|bytes| IpAddr::from(bytes).to_string()),
        any::<u8>().prop_map(|n| format!("10.0.0.{n}")),
        any::<[u8; 16]>().prop_map(|bytes| IpAddr::from(bytes).to_string()),
        any::<u16>().prop_map(|n| format!("fd00::{n:x}")),
    ];
    let decorated = (address, 0..5_u8).prop_map(|(address, how)| match how {
        0 => format!("[{address}]:443"),
        1 => format!("{address}:443"),
        2 => format!("for=\"{address}\""),
        3 => format!("for={address};proto=http"),
        _ => address,
    });
    prop_oneof![4 => decorated, 1 => "[ -~]{0,12}", 1 => "[\"\\\\,;=for\\[\\]:.0-9 ]{0,16}"]
}

proptest! {
    #[test]
    fn pw12_any_header_gives_the_socket_or_an_address_that_a_trusted_hop_vouches_for(
        lines in proptest::collection::vec(proptest::collection::vec(entry(), 0..5), 0..4),
        socket in prop_oneof![Just("10.0.0.1"), Just("192.0.2.1"), Just("::1"), Just("2001:db8::1")],
        believed in prop_oneof![Just(ForwardingHeader::XForwardedFor), Just(ForwardingHeader::Forwarded)],
    ) {
        let proxies = proxies().believing(believed);
        let socket = ip(socket);
        let lines: Vec<String> = lines.into_iter().map(|entries| entries.join(", ")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let headers = headers(believed.name(), &lines);
        let client = proxies.client(socket, &headers);
        if !proxies.trusts(socket) {
            prop_assert_eq!(client, socket);
        } else if client != socket {
            let hops: Vec<Option<IpAddr>> = proxies.hops(&headers).collect();
            let vouched = hops.iter().enumerate().any(|(at, hop)| {
                let rest = hops[..at].iter();
                *hop == Some(client) && rest.clone().all(|hop| hop.is_some_and(|hop| proxies.trusts(hop)))
            });
            prop_assert!(vouched, "{} of {:?}", client, hops);
        }
    }

    #[test]
    fn pw12_no_bytes_of_a_header_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let Ok(value) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
        for believed in [ForwardingHeader::XForwardedFor, ForwardingHeader::Forwarded] {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(believed.name()), value.clone());
            let _ = proxies().believing(believed).client(ip("10.0.0.1"), &headers);
        }
    }
}
