//! Networks and single addresses that can be blocked. IPv4 in IPv6 counts as IPv4.

use std::{fmt, net::IpAddr};

use ipnet::{IpNet, Ipv4Net};

/// Shortest prefixes of IPv4 and IPv6: a wider network would block a large part of the internet.
const MIN_PREFIX_LENGTHS: [u8; 2] = [8, 16];

/// A network, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network(IpNet);

impl Network {
    /// Reads an address or a network.
    ///
    /// # Errors
    ///
    /// What is invalid with the text.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let single = || text.parse::<IpAddr>().map(IpNet::from);
        let net = text.parse::<IpNet>().or_else(|_| single());
        let net = net.map_err(|_| "is not an IP address or a network")?;
        match canonical(net) {
            IpNet::V4(net) if net.prefix_len() < MIN_PREFIX_LENGTHS[0] => Err("is wider than /8"),
            IpNet::V6(net) if net.prefix_len() < MIN_PREFIX_LENGTHS[1] => Err("is wider than /16"),
            net => Ok(Self(net.trunc())),
        }
    }

    /// All networks that contain the address and may be blocked.
    pub(crate) fn containing(address: IpAddr) -> impl Iterator<Item = Self> {
        let address = address.to_canonical();
        let (min_length, max_length) = if address.is_ipv4() {
            (MIN_PREFIX_LENGTHS[0], 32)
        } else {
            (MIN_PREFIX_LENGTHS[1], 128)
        };
        let of_length = move |length| Some(Self(IpNet::new(address, length).ok()?.trunc()));
        (min_length..=max_length).filter_map(of_length)
    }
}

fn canonical(net: IpNet) -> IpNet {
    let IpNet::V6(mapped) = net else { return net };
    let length = mapped.prefix_len().checked_sub(96);
    let v4 = mapped.addr().to_ipv4_mapped().zip(length);
    v4.and_then(|(address, length)| Ipv4Net::new(address, length).ok()).map_or(net, IpNet::V4)
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            self.0.addr().fmt(f)
        } else {
            self.0.fmt(f)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, &'static str> {
        Network::parse(text).map(|network| network.to_string())
    }

    #[test]
    fn one_network_has_one_spelling() {
        for (text, is) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7/32", "192.0.2.7"),
            ("192.0.2.7/24", "192.0.2.0/24"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7/120", "192.0.2.0/24"),
            ("2001:DB8:0:0::1", "2001:db8::1"),
            ("2001:db8::1/32", "2001:db8::/32"),
        ] {
            assert_eq!(parsed(text).as_deref(), Ok(is), "{text}");
        }
        for invalid in
            ["", "example.com", "192.0.2", "192.0.2.1/33", "192.0.2.1:80", "fe80::1%eth0"]
        {
            assert_eq!(parsed(invalid), Err("is not an IP address or a network"), "{invalid}");
        }
        assert_eq!(parsed("0.0.0.0/0"), Err("is wider than /8"));
        assert_eq!(parsed("::ffff:0:0/96"), Err("is wider than /8"));
        assert_eq!(parsed("::/0"), Err("is wider than /16"));
    }

    #[test]
    fn all_networks_that_contain_an_address_are_found() {
        let containing = |text: &str| {
            let address: IpAddr = text.parse().unwrap();
            Network::containing(address).map(|network| network.to_string()).collect::<Vec<_>>()
        };
        let v4 = containing("::ffff:192.0.2.7");
        assert_eq!((v4.len(), &*v4[0], &*v4[24]), (25, "192.0.0.0/8", "192.0.2.7"));
        assert!(v4.contains(&"192.0.2.0/24".to_owned()));
        let v6 = containing("2001:db8:1:2::3");
        assert_eq!((v6.len(), &*v6[112]), (113, "2001:db8:1:2::3"));
        assert!(v6.contains(&"2001:db8:1:2::/64".to_owned()));
    }
}
