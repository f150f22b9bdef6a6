//! Whose word about a client's address is taken: that of configured proxies, and nobody else's.

use std::net::IpAddr;
use std::str::FromStr;

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The header in which the proxies say whom they speak for. Only one is ever believed: proxies pass on what they do not
/// know, so the other one may be the client's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardingHeader {
    /// `X-Forwarded-For`: addresses, the client's first.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239), of whose elements `for` is read.
    Forwarded,
}

impl ForwardingHeader {
    const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }
}

/// Whether the request has come through a proxy that speaks for somebody else and says so: the headers that proxies and
/// tunnels set unasked.
pub(crate) fn is_forwarded(headers: &HeaderMap) -> bool {
    const SET_BY_PROXIES: [&str; 6] =
        ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"];
    SET_BY_PROXIES.iter().any(|name| headers.contains_key(*name))
}

/// The proxies in front of the application, by network.
///
/// ```
/// use ciam_web::{ForwardingHeader, TrustedProxies};
/// let proxies: TrustedProxies = "10.0.0.0/8, ::1".parse()?;
/// let proxies = proxies.believing(ForwardingHeader::Forwarded); // instead of X-Forwarded-For
/// # Ok::<(), ciam_web::InvalidProxies>(())
/// ```
///
/// List the proxies and nothing else: whoever is in one of these networks can claim any address. A request whose socket
/// is none of them has the socket's address, whatever its headers say. Otherwise the header's addresses are read from
/// the right, where the nearest proxy has written whom it got the request from, past those that are trusted, to the
/// first that is not: the client. What cannot be read, or stands before the last 4 KiB, ends that: then the nearest address counts that a
/// trusted proxy vouches for. Other forwarding headers, of protocol and host, are never believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    header: ForwardingHeader,
}

/// The text is no list of networks and addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("trusted proxies are networks and addresses with commas between, such as 10.0.0.0/8, ::1")]
pub struct InvalidProxies;

/// More proxies than these do not stand behind one another.
const MOST_HOPS: usize = 32;
/// More of the header's end is not looked at.
const MOST_BYTES: usize = 4096;

impl TrustedProxies {
    /// The proxies in these networks.
    #[must_use]
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self { networks: networks.into_iter().collect(), header: ForwardingHeader::default() }
    }

    /// Which header they write (default `X-Forwarded-For`). The proxy must write it itself, over what it was sent.
    #[must_use]
    pub const fn believing(mut self, header: ForwardingHeader) -> Self {
        self.header = header;
        self
    }

    /// Whether there is none: then no header is believed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    /// Whether a network of the list is larger than any private one (`10.0.0.0/8`, `fc00::/7`): then strangers are
    /// in it, who may claim any address.
    #[must_use]
    pub fn hold_strangers(&self) -> bool {
        self.networks.iter().any(|network| network.prefix_len() < if network.addr().is_ipv4() { 8 } else { 7 })
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// The address of the client that sent a request over this socket: the nearest one that is certain.
    pub(crate) fn client(&self, socket: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut certain = socket.to_canonical();
        if !self.trusts(certain) {
            return certain;
        }
        for hop in self.hops(headers).take(MOST_HOPS) {
            match hop {
                Some(address) if self.trusts(address) => certain = address,
                Some(address) => return address,
                None => return certain,
            }
        }
        certain
    }

    /// The addresses of the header, the nearest first; none for what is no address, such as `unknown`, and for the
    /// first that is not within the bytes that are looked at. What the client wrote is to the left of them.
    fn hops(&self, headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
        let lines =
            headers.get_all(self.header.name()).iter().rev().map(|line| String::from_utf8_lossy(line.as_bytes()));
        let (header, mut left) = (self.header, MOST_BYTES);
        lines.flat_map(move |line| match header {
            ForwardingHeader::XForwardedFor => x_forwarded_for(&line, &mut left),
            ForwardingHeader::Forwarded => forwarded(&line, &mut left),
        })
    }
}

impl FromStr for TrustedProxies {
    type Err = InvalidProxies;

    /// Reads networks (`10.0.0.0/8`) and addresses (`::1`) with commas between. An empty text is no proxy.
    fn from_str(text: &str) -> Result<Self, InvalidProxies> {
        let items = text.split(',').map(str::trim);
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let network = |item: &str| match item.parse::<IpNet>() {
            Ok(network) => Ok(network.trunc()),
            Err(_) => item.parse::<IpAddr>().map(IpNet::from).map_err(|_| InvalidProxies),
        };
        Ok(Self::new(items.map(network).collect::<Result<Vec<_>, _>>()?))
    }
}

/// The elements from the right, as far as they are within the bytes that are left.
fn nearest<'l>(elements: impl Iterator<Item = &'l str>, left: &mut usize) -> Vec<Option<&'l str>> {
    let mut nearest = Vec::new();
    for element in elements.take(MOST_HOPS) {
        *left = left.saturating_sub(element.len() + 1);
        nearest.push((*left > 0).then_some(element));
    }
    nearest
}

fn x_forwarded_for(line: &str, left: &mut usize) -> Vec<Option<IpAddr>> {
    nearest(line.rsplit(','), left).into_iter().map(|item| node(item?.trim())).collect()
}

/// The `for` of each element (RFC 7239 §4). When its quotes do not close, nothing of the line is certain.
fn forwarded(line: &str, left: &mut usize) -> Vec<Option<IpAddr>> {
    let Some(elements) = split(line, ',') else { return vec![None] };
    let client = |element: &str| {
        let mut clients = split(element, ';')?.into_iter().filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case("for").then(|| value.trim().to_owned())
        });
        let (only, None) = (clients.next()?, clients.next()) else { return None };
        match only.strip_prefix('"') {
            Some(quoted) => node(quoted.strip_suffix('"')?),
            None => node(&only),
        }
    };
    nearest(elements.into_iter().rev(), left).into_iter().map(|element| client(element?)).collect()
}

/// The parts between separators that do not stand in quotes; none when the quotes do not close.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut from, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if c == separator && !quoted => {
                parts.push(&text[from..at]);
                from = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    (!quoted).then_some(parts)
}

/// An address, with or without brackets and a port. An obfuscated or unknown one is none, nor one with a zone.
fn node(text: &str) -> Option<IpAddr> {
    let is_port = |port: &str| !port.is_empty() && port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
    let address: IpAddr = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let sound = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
            IpAddr::V6(address.parse().ok().filter(|_| sound)?)
        }
        None => match text.split_once(':') {
            Some((address, port)) if address.contains('.') && is_port(port) => IpAddr::V4(address.parse().ok()?),
            _ => text.parse().ok()?,
        },
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests;
