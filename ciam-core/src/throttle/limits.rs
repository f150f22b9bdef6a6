//! How many tries there are: rates, growing waits, bursts, and what one limit counts.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::id::UserId;
use crate::secret::Digest;

/// So many within so long, counted from the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub most: u32,
    /// Within how long.
    pub window: Duration,
}

impl Rate {
    /// So many within so long.
    #[must_use]
    pub const fn new(most: u32, window: Duration) -> Self {
        Self { most, window }
    }
}

/// How long one waits after a window of failures was filled: the first wait, twice as long after every further one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// After the first full window (default 30 seconds).
    pub first: Duration,
    /// The longest (default 1 hour).
    pub longest: Duration,
    /// After how long without a failure all of it is forgotten (default 24 hours).
    pub quiet: Duration,
}

impl Waits {
    /// The wait after so many full windows in a row before this one.
    #[must_use]
    pub fn after(&self, windows: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(windows)).min(self.longest)
    }
}

impl Default for Waits {
    fn default() -> Self {
        Self { first: Duration::from_secs(30), longest: Duration::from_hours(1), quiet: Duration::from_hours(24) }
    }
}

/// So many at once, and then one at a time: a bucket of tokens that fills again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    /// How many at once.
    pub most: u32,
    /// After how long there is one more.
    pub every: Duration,
}

impl Burst {
    /// So many at once, and one more after every such time.
    #[must_use]
    pub const fn new(most: u32, every: Duration) -> Self {
        Self { most, every }
    }
}

/// Which limits only watch: they count and tell (`throttle.would_refuse`), and refuse nothing.
///
/// For a host that puts ciam before people who are used to something else, and wants to see first whom it would
/// turn away. The tries of a code are always limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Monitoring {
    /// Sign-ins.
    pub sign_in: bool,
    /// New passwords that are chosen, at sign-up and in recoveries, and recoveries that are begun.
    pub sign_up: bool,
    /// Messages.
    pub messages: bool,
}

impl Monitoring {
    /// All of them watch.
    pub const ALL: Self = Self { sign_in: true, sign_up: true, messages: true };
}

/// The limits that the engine keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleLimits {
    /// Failed sign-ins of one account, over all paths, spellings and addresses (default 5 in 5 minutes:
    /// django-allauth); then the waits begin. Of one address's failures at most one less is counted here.
    pub account_failures: Rate,
    /// Failed sign-ins of one account from one client address (default 5 in 5 minutes); then the waits begin.
    pub pair_failures: Rate,
    /// Failed sign-ins of one account from a browser that has signed in to it before (default 5 in 5 minutes), in
    /// place of the two before; then the waits begin.
    pub device_failures: Rate,
    /// The waits of the three before (default from 30 seconds to 1 hour).
    pub waits: Waits,
    /// After how many failures in a row an account's password opens it no more on strange devices, until its owner
    /// signs in on a known one or recovers the account (default 100: NIST SP 800-63B-4 §3.2.2).
    pub failures_in_a_row: u32,
    /// Failed sign-ins from one client address (default 10 in a minute: django-allauth).
    pub client_failures: Rate,
    /// New passwords that one client address chooses, at sign-up and in recoveries, and, counted apart, recoveries that it
    /// begins (default 120 in a minute of each); counted before a password is judged or hashed.
    pub client_sign_ups: Rate,
    /// Wrong codes in recoveries of one account, without a right one or a recovery among them (default 100 in 365 days:
    /// NIST SP 800-63B-4 §3.2.2). After that its codes are refused, and it is recovered by the link of the message.
    pub recovery_failures: Rate,
    /// Wrong codes in recoveries from one client address (default 10 in a minute, as failed sign-ins).
    pub client_recovery_failures: Rate,
    /// Messages that prove an address, to one address, whoever asks for them (default 5, then one in 5,000 seconds).
    pub messages: Burst,
    /// Messages that recover an account, to one address (default 3, then one in 5,000 seconds:
    /// matrix-authentication-service).
    pub recovery_messages: Burst,
    /// Changes of one account that its owner is told of (default 10, then one in 5,000 seconds). A change past them
    /// is made all the same, and nobody is written to.
    pub notices: Burst,
    /// Messages by email that one client address asks for (default 1,000 in an hour).
    pub client_messages: Rate,
    /// Text messages that one client address asks for (default 20 in an hour): they cost money.
    pub client_texts: Rate,
    /// Text messages of one application, whoever asks for them (default 500 in an hour): what a site may lose in an
    /// hour to those who are paid for each message.
    pub texts: Rate,
    /// How much of an IPv6 address is one client (default the first 64 bits: what one subscriber has at least).
    pub ipv6_prefix: u8,
    /// Which limits only watch (default none).
    pub monitoring: Monitoring,
}

impl Default for ThrottleLimits {
    fn default() -> Self {
        let five = Rate::new(5, Duration::from_mins(5));
        let one_more = Duration::from_secs(5000);
        Self {
            account_failures: five,
            pair_failures: five,
            device_failures: five,
            waits: Waits::default(),
            failures_in_a_row: 100,
            client_failures: Rate::new(10, Duration::from_mins(1)),
            client_sign_ups: Rate::new(120, Duration::from_mins(1)),
            recovery_failures: Rate::new(100, Duration::from_hours(365 * 24)),
            client_recovery_failures: Rate::new(10, Duration::from_mins(1)),
            messages: Burst::new(5, one_more),
            recovery_messages: Burst::new(3, one_more),
            notices: Burst::new(10, one_more),
            client_messages: Rate::new(1000, Duration::from_hours(1)),
            client_texts: Rate::new(20, Duration::from_hours(1)),
            texts: Rate::new(500, Duration::from_hours(1)),
            ipv6_prefix: 64,
            monitoring: Monitoring::default(),
        }
    }
}

/// Who counts as one client: an IPv4 address, or the network that an IPv6 address is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientNetwork {
    address: Option<IpAddr>,
    network: Option<IpAddr>,
}

impl ClientNetwork {
    /// The client at this address. All clients whose address nobody knows are one.
    #[must_use]
    pub fn new(address: Option<IpAddr>, ipv6_prefix: u8) -> Self {
        let network = address.map(|address| match address.to_canonical() {
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(ipv6_prefix.min(128))).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
            address @ IpAddr::V4(_) => address,
        });
        Self { address, network }
    }

    pub(super) fn key(&self) -> String {
        self.network.map(|network| network.to_string()).unwrap_or_default()
    }
}

/// At most so many tries of one kind by or against one thing within a window.
#[derive(Debug, Clone)]
pub struct Limit {
    pub(super) name: &'static str,
    pub(super) key: Digest,
    pub(super) rate: Rate,
    pub(super) forgiving: bool,
    pub(super) waits: Option<Waits>,
    /// At most so many failures without a success.
    pub(super) in_a_row: Option<u32>,
    /// Its failures are noted, but it counts and refuses nothing.
    pub(super) passing: bool,
    /// So many of its tries are counted under the limits beside it that are shielded; later ones are only noted there.
    pub(super) share: Option<u32>,
    /// Counts a try only while it is within the share of the limits beside it.
    pub(super) shielded: bool,
    pub(super) monitored: bool,
    pub(super) subject: Option<UserId>,
    pub(super) ip: Option<IpAddr>,
}

impl Limit {
    /// A limit on what `key` identifies; `name` tells apart what is counted.
    #[must_use]
    pub fn new(name: &'static str, key: &[&[u8]], rate: Rate) -> Self {
        Self {
            name,
            key: Digest::of_all(key),
            rate,
            forgiving: false,
            waits: None,
            in_a_row: None,
            passing: false,
            share: None,
            shielded: false,
            monitored: false,
            subject: None,
            ip: None,
        }
    }

    /// Tries of one account that exists.
    #[must_use]
    pub fn of_user(name: &'static str, user: UserId, rate: Rate) -> Self {
        Self { subject: Some(user), ..Self::new(name, &[b"user", user.to_string().as_bytes()], rate) }
    }

    /// Tries of one client. All clients without an address share one counter.
    #[must_use]
    pub fn of_client(name: &'static str, client: &ClientNetwork, rate: Rate) -> Self {
        Self { ip: client.address, ..Self::new(name, &[b"client", client.key().as_bytes()], rate) }
    }

    /// What is counted, as `area.kind`: `sign_in.account`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whose tries are counted: a digest, for counters hold neither addresses nor ids.
    #[must_use]
    pub const fn key(&self) -> &Digest {
        &self.key
    }

    /// How many tries there are, and within how long.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// How long one waits after a full window; none when the window itself is the wait.
    #[must_use]
    pub const fn waits(&self) -> Option<Waits> {
        self.waits
    }

    /// Whether a success forgets the failures before it.
    #[must_use]
    pub const fn is_forgiving(&self) -> bool {
        self.forgiving
    }

    /// Whether it refuses nothing, and is only told what came of the try: the account's, for a device that the
    /// account's owner has signed in on before.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        self.passing
    }

    /// Whether it only watches ([`Monitoring`]).
    #[must_use]
    pub const fn is_monitored(&self) -> bool {
        self.monitored
    }

    /// A success forgets the failures before it: right for an account, whose owner has shown up; never
    /// for a client address, where an attacker would clear their tries by signing in to an account of their own.
    #[must_use]
    pub const fn forgiving(mut self) -> Self {
        self.forgiving = true;
        self
    }

    /// After a full window one waits so long, instead of for the end of the window.
    #[must_use]
    pub const fn growing(mut self, waits: Waits) -> Self {
        self.waits = Some(waits);
        self
    }

    /// The window of a full one after so many others ends so long after the last failure.
    pub(super) fn wait_after(&self, windows: u32) -> Option<Duration> {
        self.waits.map(|waits| waits.after(windows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits = Waits::default();
        let seconds: Vec<u64> = (0..9).map(|windows| waits.after(windows).as_secs()).collect();
        assert_eq!(seconds, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!(waits.after(u32::MAX), waits.longest);
    }

    #[test]
    fn a_client_is_an_ipv4_address_or_a_network_of_64_bits() {
        let key = |text: &str, prefix| ClientNetwork::new(Some(text.parse().unwrap()), prefix).key();
        assert_eq!(key("2001:db8:1:2:3:4:5:6", 64), key("2001:db8:1:2:ffff::1", 64));
        assert_ne!(key("2001:db8:1:2::1", 64), key("2001:db8:1:3::1", 64));
        assert_eq!(key("2001:db8:1:2::1", 48), key("2001:db8:1:3::1", 48));
        assert_ne!(key("2001:db8::1", 128), key("2001:db8::2", 128));
        assert_eq!(key("2001:db8::1", 0), key("fe80::1", 0));
        assert_eq!(key("2001:db8::1", 200), "2001:db8::1");
        assert_eq!(key("::ffff:192.0.2.1", 64), "192.0.2.1");
        assert_ne!(key("192.0.2.1", 64), key("192.0.2.2", 64));
        assert_eq!(ClientNetwork::new(None, 64).key(), "");
    }
}
