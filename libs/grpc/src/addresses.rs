//! Addresses of a service's replicas.

use std::{fmt, net::IpAddr, str::FromStr};

use http::Uri;

/// Largest number of URLs.
const MAX_URLS: usize = 64;

/// One or several `http://host:port`, `https://host:port` or `dns://host:port`, separated by
/// commas. Each address of a name is a replica. Names are resolved repeatedly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses(Vec<Address>);

/// One URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    scheme: &'static str,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// A text is not a list of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "http://host:port, https://host:port or dns://host:port is expected, several separated by \
     commas"
)]
pub struct ParseAddressesError;

impl Addresses {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Address> {
        self.0.iter()
    }

    /// True when a URL begins with `http://`.
    pub fn contain_http(&self) -> bool {
        self.0.iter().any(|address| address.scheme == "http")
    }

    /// True when a URL begins with `https://`.
    pub fn contain_https(&self) -> bool {
        self.0.iter().any(|address| address.scheme == "https")
    }

    /// True when all of them are on this machine.
    pub fn are_loopback(&self) -> bool {
        self.0.iter().all(|address| {
            let ip = address.host.parse::<IpAddr>();
            ip.is_ok_and(|ip| ip.is_loopback()) || address.host == "localhost"
        })
    }
}

impl FromStr for Addresses {
    type Err = ParseAddressesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all: Vec<_> = text.split(',').map(str::parse).collect::<Result<_, _>>()?;
        if all.len() > MAX_URLS { Err(ParseAddressesError) } else { Ok(Self(all)) }
    }
}

impl FromStr for Address {
    type Err = ParseAddressesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.trim().parse().map_err(|_| ParseAddressesError)?;
        let mut schemes = ["http", "https", "dns"].into_iter();
        let scheme = schemes.find(|scheme| uri.scheme_str() == Some(scheme));
        let scheme = scheme.ok_or(ParseAddressesError)?;
        let has_no_path = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let authority =
            uri.authority().filter(|authority| has_no_path && !authority.as_str().contains('@'));
        let (host, port) = authority
            .and_then(|authority| Some((authority.host(), authority.port_u16()?)))
            .ok_or(ParseAddressesError)?;
        // An IPv6 address has brackets in a URL, but not for the resolver.
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        Ok(Self { scheme, host, port })
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, address) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{address}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port } = self;
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_and_shown() {
        let text = "http://127.0.0.1:50051,http://[::1]:2,dns://identity.onethread:50051";
        let addresses: Addresses = text.parse().unwrap();
        assert_eq!(addresses.to_string(), text);
        assert!(!addresses.are_loopback());
        assert_eq!(addresses.0[1].host, "::1");
        let near = "http://localhost:1/, http://127.0.0.9:1".parse::<Addresses>().unwrap();
        assert!(near.are_loopback());
        assert!(near.contain_http() && !near.contain_https());
        let secure = "https://identity:1,dns://identity:2".parse::<Addresses>().unwrap();
        assert!(secure.contain_https() && !secure.contain_http());
    }

    #[test]
    fn other_texts_are_rejected() {
        for text in [
            "",
            "identity:50051",
            "ftp://identity:1",
            "http://identity",
            "http://a:1,",
            "http://a:1/path",
            "http://u:p@a:1",
            "http://a:1?x",
            "dns:///a:1",
            "http://a:70000",
        ] {
            assert_eq!(text.parse::<Addresses>(), Err(ParseAddressesError), "{text}");
        }
    }
}
