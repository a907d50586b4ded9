//! The address of a call: the peer's, or the one that a trusted proxy forwards.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use axum::extract::FromRequestParts;
use http::{Extensions, HeaderMap, request::Parts};
use ipnet::IpNet;

use crate::app::App;

/// The address of the socket's other end, which the server adds to each request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerAddress(pub(crate) SocketAddr);

/// The client's address as limits count it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl FromRequestParts<Arc<App>> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        Ok(Self(client(&parts.extensions, &parts.headers, &app.config.trusted_proxies)))
    }
}

fn peer(extensions: &Extensions) -> IpAddr {
    let peer = extensions.get::<PeerAddress>();
    peer.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.0.ip().to_canonical())
}

/// Whether the call comes through a trusted proxy.
pub(crate) fn through_proxy(extensions: &Extensions, trusted: &[IpNet]) -> bool {
    is_trusted(peer(extensions), trusted)
}

/// The client's exact address.
pub(crate) fn exact(extensions: &Extensions, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    last_untrusted(peer(extensions), headers, trusted)
}

/// The client's address as limits count it.
pub(crate) fn client(extensions: &Extensions, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    counted(exact(extensions, headers, trusted))
}

/// The address as which the connections of a peer are counted. `None` for a trusted proxy, whose
/// connections are those of many clients.
pub(crate) fn counted_peer(peer: SocketAddr, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = peer.ip().to_canonical();
    (!is_trusted(peer, trusted)).then(|| counted(peer))
}

/// An IPv6 client owns its whole /64.
fn counted(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

/// Each proxy appends its peer. Entries before the first untrusted peer may be forged.
fn last_untrusted(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut address = peer;
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let mut hops = lines.flat_map(|line| line.to_str().unwrap_or("?").rsplit(','));
    while is_trusted(address, trusted) {
        let Some(hop) = hops.next().and_then(|hop| parse(hop.trim())) else { break };
        address = hop;
    }
    address
}

/// An address with or without a port.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().ok().or_else(|| Some(hop.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let mut extensions = Extensions::new();
        extensions.insert(PeerAddress(SocketAddr::new(peer.parse().unwrap(), 1)));
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        client(&extensions, &headers, &["10.0.0.0/8".parse().unwrap()]).to_string()
    }

    #[test]
    fn an_untrusted_peer_cannot_choose_its_address() {
        assert_eq!(seen("1.2.3.4", &["9.9.9.9"]), "1.2.3.4");
        assert_eq!(seen("10.0.0.1", &["9.9.9.9, 1.2.3.4"]), "1.2.3.4");
        assert_eq!(seen("10.0.0.1", &["9.9.9.9", "1.2.3.4, 10.0.0.2"]), "1.2.3.4");
        assert_eq!(seen("10.0.0.1", &["9.9.9.9, nonsense"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn ports_and_notations_do_not_make_another_client() {
        assert_eq!(seen("10.0.0.1", &["1.2.3.4:5678"]), "1.2.3.4");
        assert_eq!(seen("::ffff:1.2.3.4", &[]), "1.2.3.4");
        assert_eq!(seen("2001:db8:1:2:3:4:5:6", &[]), "2001:db8:1:2::");
    }

    #[test]
    fn connections_of_trusted_proxies_are_not_counted() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let peer = |text: &str| counted_peer(SocketAddr::new(text.parse().unwrap(), 1), &trusted);
        assert_eq!(peer("10.0.0.1"), None);
        assert_eq!(peer("::ffff:10.0.0.1"), None);
        assert_eq!(peer("::ffff:1.2.3.4"), Some([1, 2, 3, 4].into()));
        assert_eq!(peer("2001:db8:1:2:3:4:5:6").unwrap().to_string(), "2001:db8:1:2::");
    }
}
