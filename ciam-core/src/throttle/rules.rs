//! Which limits a sign-in, a sign-up and a message are under.

use super::bucket::Allowance;
use super::limits::{Burst, ClientNetwork, Limit, Rate, ThrottleLimits};
use crate::devices::KnownDevice;
use crate::events::Origin;
use crate::id::{ApplicationId, RecordId as _, UserId};
use crate::identifiers::Handle;
use crate::messages::Channel;
use crate::secret::Digest;

/// Whose sign-in is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Account {
    /// An account that exists.
    Known(UserId),
    /// What was typed and leads to none: it is limited alike.
    Unknown(Digest),
}

impl Account {
    /// The account of this user, or else the one that does not exist.
    pub(crate) fn of(user: Option<UserId>, typed: Digest) -> Self {
        user.map_or(Self::Unknown(typed), Self::Known)
    }

    fn limit(self, name: &'static str, beside: &[u8], rate: Rate) -> Limit {
        let (id, typed);
        let key: &[u8] = match &self {
            Self::Known(user) => {
                id = user.to_string();
                id.as_bytes()
            }
            Self::Unknown(digest) => {
                typed = *digest;
                typed.bytes()
            }
        };
        let subject = match self {
            Self::Known(user) => Some(user),
            Self::Unknown(_) => None,
        };
        Limit { subject, ..Limit::new(name, &[b"account", key, beside], rate) }
    }
}

/// What tries are counted together, by the names of its limits.
#[derive(Debug)]
pub(crate) struct Area {
    /// Of an account's failures, over all addresses.
    account: &'static str,
    /// Of an account's failures from one address.
    pair: &'static str,
    /// Of an account's failures on a device that it knows.
    device: &'static str,
    /// Of a client's failures, over all accounts.
    client: &'static str,
}

/// Tries of passwords.
pub(crate) const SIGN_IN: Area =
    Area { account: "sign_in.account", pair: "sign_in.pair", device: "sign_in.device", client: "sign_in.client" };

/// Tries of second factors, all methods together: whoever knows the password does not get the tries of each.
pub(crate) const SECOND: Area =
    Area { account: "second.account", pair: "second.pair", device: "second.device", client: "second.client" };

/// The limit that counts an account's failures over all addresses.
pub(crate) fn account_limit(rates: &ThrottleLimits, area: &Area, account: Account) -> Limit {
    Limit {
        in_a_row: Some(rates.failures_in_a_row),
        shielded: true,
        monitored: rates.monitoring.sign_in,
        ..account.limit(area.account, b"", rates.account_failures).forgiving().growing(rates.waits)
    }
}

/// The limits of a try to prove who one is: of a stranger those of the account and of the account from this address, of
/// a device that the account knows its own; and always that of the client.
pub(crate) fn proof_limits(
    rates: &ThrottleLimits,
    area: &Area,
    account: Account,
    origin: &Origin,
    device: Option<&KnownDevice>,
) -> Vec<Limit> {
    let network = ClientNetwork::new(origin.ip, rates.ipv6_prefix);
    let monitored = rates.monitoring.sign_in;
    let client = Limit::of_client(area.client, &network, rates.client_failures);
    let whole = account_limit(rates, area, account);
    let own = match device {
        Some(device) => Limit {
            in_a_row: Some(rates.failures_in_a_row),
            ..account.limit(area.device, device.key().bytes(), rates.device_failures)
        },
        None => Limit {
            // Of all failures that fill the account's window, one is somebody else's than this address's.
            share: Some(rates.account_failures.most.saturating_sub(1).max(1)),
            ..account.limit(area.pair, network.key().as_bytes(), rates.pair_failures)
        },
    };
    let own = Limit { ip: origin.ip, monitored, ..own.forgiving().growing(rates.waits) };
    vec![Limit { passing: device.is_some(), ..whole }, own, Limit { monitored, ..client }]
}

/// The limit of wrong codes in recoveries of an account.
const RECOVERY_ACCOUNT: &str = "recover.account";

/// The limit of wrong codes in recoveries of an account, over all of them.
pub(super) fn recovery_account_limit(rates: &ThrottleLimits, account: Account) -> Limit {
    account.limit(RECOVERY_ACCOUNT, b"", rates.recovery_failures).forgiving()
}

/// The limits of a code that is tried in a recovery: those of the account, over all its recoveries, and of the client.
pub(crate) fn recovery_limits(rates: &ThrottleLimits, account: Account, origin: &Origin) -> Vec<Limit> {
    let network = ClientNetwork::new(origin.ip, rates.ipv6_prefix);
    let whole = recovery_account_limit(rates, account);
    vec![whole, Limit::of_client("recover.code", &network, rates.client_recovery_failures)]
}

/// Whether it is the account whose codes are refused, and not the client that has to wait.
pub(crate) fn is_recovery_of_account(limit: &str) -> bool {
    limit == RECOVERY_ACCOUNT
}

/// What is forgotten when its owner recovers an account, beside the account's own failures: those from where the owner
/// is. They refuse nothing; a try that succeeds under them forgets them.
pub(crate) fn pardoned_by_recovery(rates: &ThrottleLimits, user: UserId, origin: &Origin) -> Vec<Limit> {
    let account = Account::Known(user);
    let limits = proof_limits(rates, &SIGN_IN, account, origin, None);
    let pair = limits.into_iter().filter(|limit| limit.name == SIGN_IN.pair);
    pair.map(|limit| Limit { passing: true, share: None, ..limit }).collect()
}

/// The limit of what one client has judged or sent without being known: new passwords, good or not, and recoveries
/// that are begun. `name` says which; each is counted by itself, at the rate of sign-ups.
pub(crate) fn client_limit(rates: &ThrottleLimits, name: &'static str, origin: &Origin) -> Limit {
    let network = ClientNetwork::new(origin.ip, rates.ipv6_prefix);
    Limit { monitored: rates.monitoring.sign_up, ..Limit::of_client(name, &network, rates.client_sign_ups) }
}

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To prove an address or number.
    Proof,
    /// To recover an account.
    Recovery,
}

/// The limits of a message: of the mailbox or phone that it goes to, or of the account that it tells of, and of those
/// who pay for it or ask for it.
#[derive(Debug, Clone)]
pub(crate) struct Postage {
    pub(super) target: Allowance,
    pub(super) client: Limit,
    /// Of the application, for what costs money.
    pub(super) application: Option<Limit>,
}

impl Postage {
    fn new(
        rates: &ThrottleLimits,
        (name, key, burst): (&'static str, Digest, Burst),
        text: bool,
        application: ApplicationId,
        origin: &Origin,
    ) -> Self {
        let monitored = rates.monitoring.messages;
        let network = ClientNetwork::new(origin.ip, rates.ipv6_prefix);
        let (of_client, rate) = match text {
            true => ("messages.client_texts", rates.client_texts),
            false => ("messages.client", rates.client_messages),
        };
        let of_application = || {
            let key = [&b"application"[..], &application.uuid().into_bytes()];
            Limit { monitored, ..Limit::new("messages.texts", &key, rates.texts) }
        };
        Self {
            target: Allowance { name, key, burst, subject: None, monitored },
            client: Limit { monitored, ..Limit::of_client(of_client, &network, rate) },
            application: text.then(of_application),
        }
    }

    /// The limits beside that of the target.
    pub(super) fn beside(&self) -> impl Iterator<Item = &Limit> {
        std::iter::once(&self.client).chain(&self.application)
    }
}

/// The limits of a message that this handle asks for. A `text` is one that may go by SMS: to a number, or to a username
/// where people have numbers.
pub(crate) fn postage(
    rates: &ThrottleLimits,
    purpose: Purpose,
    handle: &Handle,
    text: bool,
    application: ApplicationId,
    origin: &Origin,
) -> Postage {
    let (name, burst) = match purpose {
        Purpose::Proof => ("messages.address", rates.messages),
        Purpose::Recovery => ("messages.recovery", rates.recovery_messages),
    };
    let key = match handle {
        Handle::Email(email) => Digest::of_all(&[b"email", mailbox(&email.canonical()).as_bytes()]),
        Handle::Phone(_) | Handle::Username(_) => handle.digest(),
    };
    Postage::new(rates, (name, key, burst), text, application, origin)
}

/// The limits of telling an account's owner of a change.
pub(crate) fn notice_postage(rates: &ThrottleLimits, user: UserId, channel: Channel, origin: &Origin) -> Postage {
    let key = Digest::of_all(&[b"user", user.to_string().as_bytes()]);
    let bucket = ("messages.notices", key, rates.notices);
    let mut postage = Postage::new(rates, bucket, channel != Channel::Email, origin.application, origin);
    postage.target.subject = Some(user);
    postage
}

/// The mailbox that an address most likely leads to: in lower case, without a `+tag`, and without dots, which the
/// largest provider ignores. For counting alone; nothing is ever sent there, and no account is found by it.
fn mailbox(address: &str) -> String {
    let address = address.to_lowercase();
    let Some((whole, domain)) = address.split_once('@') else { return address };
    let untagged = whole.split_once('+').map_or(whole, |(local, _)| local);
    let local = untagged.replace('.', "");
    if local.is_empty() { address } else { format!("{local}@{domain}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(text: &str) -> Digest {
        let handle = match text.parse::<crate::email::Email>() {
            Ok(email) => Handle::from(email),
            Err(_) => Handle::from(text.parse::<crate::identifiers::Username>().unwrap()),
        };
        let rates = ThrottleLimits::default();
        postage(&rates, Purpose::Proof, &handle, false, ApplicationId::DEFAULT, &Origin::default()).target.key
    }

    #[test]
    fn tags_and_dots_of_one_mailbox_are_one_and_other_mailboxes_are_others() {
        let spellings =
            ["Ada+1@example.com", "ada+a+b@EXAMPLE.com", "ada+@example.com", "a.da@example.com", "A.d.a+x@example.com"];
        for same in spellings {
            assert_eq!(bucket(same), bucket("ada@example.com"), "{same}");
        }
        let others = ["ada@example.org", "eda@example.com", "+tag@example.com", "+other@example.com", "ada"];
        for (nth, other) in others.iter().enumerate() {
            assert_ne!(bucket(other), bucket("ada@example.com"), "{other}");
            assert!(others[..nth].iter().all(|before| bucket(before) != bucket(other)), "{other}");
        }
    }

    #[test]
    fn a_limit_is_told_apart_by_all_that_it_is_about() {
        let rates = ThrottleLimits::default();
        let user: UserId = "usr_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c".parse().unwrap();
        let from = |ip: &str| Origin::new(Some(ip.parse().unwrap()), None);
        let keys = |account, origin: &Origin| -> Vec<Digest> {
            proof_limits(&rates, &SIGN_IN, account, origin, None).iter().map(|limit| *limit.key()).collect()
        };
        let here = keys(Account::Known(user), &from("192.0.2.1"));
        let there = keys(Account::Known(user), &from("192.0.2.2"));
        let nobody = keys(Account::Unknown(Digest::of(b"nobody")), &from("192.0.2.1"));
        assert_eq!(here[0], there[0]);
        assert!(here[1] != there[1] && here[2] != there[2]);
        assert!(here[0] != nobody[0] && here[1] != nobody[1] && here[2] == nobody[2]);
        assert_eq!(keys(Account::Known(user), &from("2001:db8::1")), keys(Account::Known(user), &from("2001:db8::2")));
    }
}
