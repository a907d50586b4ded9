//! Where an organization wants to be told of what happens, and of what.

use std::{net::IpAddr, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use onethread_core::{Backoff, OrganizationId, Timestamp, WebhookId};
use sha2::Sha256;
use url::{Host, Url};
use uuid::Uuid;

use crate::domain::{contact::Contact, keys::Sealed};

/// Webhooks of an organization, at most.
pub(crate) const MOST: usize = 10;
/// Deliveries that wait for a webhook, at most; of more the oldest are given up.
pub(crate) const MOST_WAITING: i64 = 10_000;
/// How long a delivery is tried before it is given up.
pub(crate) const TRIED_FOR: Duration = Duration::from_secs(24 * 3600);
/// Pauses between tries.
pub(crate) const PAUSES: Backoff =
    Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(3600) };
/// Bytes of an address.
const LONGEST_URL: usize = 2048;

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Created,
    Updated,
    Joined,
    MessageCreated,
    ConversationClosed,
}

impl Event {
    /// Those that conversation tells of.
    pub(crate) const OF_CONVERSATIONS: [Self; 2] = [Self::MessageCreated, Self::ConversationClosed];

    pub(crate) const ALL: [(Self, i64, &'static str); 5] = [
        (Self::Created, 1, "contact.created"),
        (Self::Updated, 2, "contact.updated"),
        (Self::Joined, 4, "contact.joined"),
        (Self::MessageCreated, 8, "message.created"),
        (Self::ConversationClosed, 16, "conversation.closed"),
    ];

    /// The bit in storage.
    pub(crate) fn bit(self) -> i64 {
        Self::ALL.iter().find(|(event, ..)| *event == self).map_or(0, |(_, bit, _)| *bit)
    }

    /// As clients spell it.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(event, ..)| *event == self).map_or("", |(.., name)| *name)
    }

    /// The event of this spelling.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(.., known)| *known == name).map(|(event, ..)| *event)
    }

    /// Those whose bits are set.
    pub(crate) fn from_bits(bits: i64) -> Vec<Self> {
        Self::ALL.iter().filter(|(_, bit, _)| bits & bit != 0).map(|(event, ..)| *event).collect()
    }

    /// What a change of a person's row is to those outside: entering Contacts, or another profile.
    pub(crate) fn of_change(before: &Contact, after: &Contact) -> Option<Self> {
        fn told(contact: &Contact) -> impl PartialEq {
            let Contact { user_id, name, email, phone, company, custom, tags, blocked, .. } =
                contact.clone();
            (user_id, name, email, phone, company, custom, tags, blocked)
        }
        match (before.listed, after.listed) {
            (false, true) => Some(Self::Created),
            (true, true) if told(before) != told(after) => Some(Self::Updated),
            _ => None,
        }
    }
}

/// The bits of all of them.
pub(crate) fn bits(events: &[Event]) -> i64 {
    events.iter().fold(0, |bits, event| bits | event.bit())
}

/// A webhook.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) organization_id: OrganizationId,
    pub(crate) id: WebhookId,
    pub(crate) url: String,
    pub(crate) events: Vec<Event>,
    /// What signs its deliveries.
    pub(crate) secret: Sealed,
    pub(crate) created_at: Timestamp,
}

impl Webhook {
    /// Where its secret is sealed for.
    pub(crate) fn place(of: OrganizationId, id: WebhookId) -> Vec<u8> {
        [b"webhook", &of.0.as_bytes()[..], &id.0.as_bytes()[..]].concat()
    }
}

/// What is owed to a webhook, or was.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// Of the event.
    pub(crate) id: Uuid,
    pub(crate) event: Event,
    pub(crate) attempts: i64,
    /// HTTP status of the last answer.
    pub(crate) status: Option<i64>,
    /// What went wrong at the last try.
    pub(crate) failure: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) tried_at: Option<Timestamp>,
    /// When it is tried next.
    pub(crate) due_at: Option<Timestamp>,
}

/// Reads an address. `private`: addresses that the world can't reach are allowed.
pub(crate) fn read_url(text: &str, private: bool) -> Result<Url, &'static str> {
    if text.len() > LONGEST_URL {
        return Err("is longer than 2048 bytes");
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("holds white space or control characters");
    }
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("is not an http or https URL");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or a password");
    }
    let reachable = match url.host() {
        None => return Err("names no host"),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name != "localhost" && !name.ends_with(".localhost")
        }
        Some(Host::Ipv4(ip)) => is_public(ip.into()),
        Some(Host::Ipv6(ip)) => is_public(ip.into()),
    };
    if reachable || private { Ok(url) } else { Err("is an address of a private network") }
}

/// True for an address of the internet itself: none of a private network, of this machine, or of a
/// special use.
pub(crate) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            !matches!(
                (a, b, c),
                (0 | 10 | 127 | 224..=255, _, _)
                    | (100, 64..=127, _)
                    | (169, 254, _)
                    | (172, 16..=31, _)
                    | (192, 0, 0 | 2)
                    | (192, 88, 99)
                    | (192, 168, _)
                    | (198, 18..=19, _)
                    | (198, 51, 100)
                    | (203, 0, 113)
            )
        }
        IpAddr::V6(ip) => match (ip.to_ipv4_mapped(), ip.segments()) {
            (Some(inner), _) => is_public(inner.into()),
            // Global unicast, but for tunnels into IPv4 and what is set aside for protocols and
            // documents.
            (None, [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..]) => {
                false
            }
            (None, [first, ..]) => first & 0xe000 == 0x2000,
        },
    }
}

/// The value of the signature header: time and hex HMAC-SHA256 of `t.body`, keyed by the secret.
pub(crate) fn signature(secret: &[u8], at: Timestamp, body: &str) -> String {
    use std::fmt::Write as _;
    let time = at.seconds();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length of key does");
    mac.update(format!("{time}.").as_bytes());
    mac.update(body.as_bytes());
    let mut header = format!("t={time},v1=");
    for byte in mac.finalize().into_bytes() {
        write!(header, "{byte:02x}").expect("a text has room");
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:4136:e378::",
            "2001:db8::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "100.63.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "::ffff:8.8.8.8",
            "2606:4700::1111",
            "2a00:1450:4001::200e",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn an_address_is_http_without_a_password_and_not_private() {
        for good in ["https://example.com/hook?x=1", "http://example.com:8080", "https://1.1.1.1/"]
        {
            assert!(read_url(good, false).is_ok(), "{good}");
        }
        for bad in [
            "",
            "example.com",
            "ftp://example.com",
            "https://",
            "https://u@example.com",
            "https://u:p@example.com",
            "https://:p@example.com",
            "http://exa mple.com",
            "ht\ntp://example.com",
            "javascript:alert(1)",
            "file:///etc/passwd",
        ] {
            assert!(read_url(bad, true).is_err(), "{bad}");
        }
        for private in [
            "http://localhost",
            "http://LOCALHOST.",
            "http://a.localhost",
            "http://127.1",
            "http://0x7f000001",
            "http://2130706433/",
            "http://[::1]",
            "http://[::ffff:10.0.0.1]",
            "http://169.254.169.254/latest/meta-data",
        ] {
            assert!(read_url(private, false).is_err(), "{private}");
            assert!(read_url(private, true).is_ok(), "{private}");
        }
        assert!(read_url(&format!("https://example.com/{}", "x".repeat(2048)), false).is_err());
    }

    #[test]
    fn a_signature_is_what_others_compute() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret
        let at = Timestamp::from_micros(1_700_000_000_999_999);
        let expected = "49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686";
        assert_eq!(signature(b"secret", at, r#"{"a":1}"#), format!("t=1700000000,v1={expected}"));
    }
}
