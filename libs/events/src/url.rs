//! Where NATS is said to be.

use std::{fmt, net::IpAddr, str::FromStr};

use async_nats::ServerAddr;
use url::Url;

/// Servers that may be named at once.
const MOST: usize = 16;

/// One or several `nats://host:port` or `tls://host:port`, with commas between them; the port is
/// 4222 unless said. May hold a user's name and password, which are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct NatsUrl(Vec<Url>);

/// What is said is no list of NATS servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nats://host:port or tls://host:port is expected, several with commas")]
pub struct ParseNatsUrlError;

impl NatsUrl {
    pub(crate) fn servers(&self) -> Vec<ServerAddr> {
        // They were looked at when they were read.
        self.0.iter().filter_map(|url| ServerAddr::from_url(url.clone()).ok()).collect()
    }

    /// True when a server beyond this machine is reached without encryption.
    pub fn is_plain_beyond_here(&self) -> bool {
        self.0.iter().any(|url| url.scheme() == "nats" && !is_loopback(url))
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl FromStr for NatsUrl {
    type Err = ParseNatsUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all: Vec<_> = text.split(',').map(server).collect::<Result<_, _>>()?;
        if all.len() > MOST { Err(ParseNatsUrlError) } else { Ok(Self(all)) }
    }
}

fn server(text: &str) -> Result<Url, ParseNatsUrlError> {
    let url: Url = text.trim().parse().map_err(|_| ParseNatsUrlError)?;
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    let named = url.host_str().is_some_and(|host| !host.is_empty());
    let known = matches!(url.scheme(), "nats" | "tls") && url.port() != Some(0);
    if !bare || !named || !known || ServerAddr::from_url(url.clone()).is_err() {
        return Err(ParseNatsUrlError);
    }
    Ok(url)
}

impl fmt::Display for NatsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, url) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            let secret =
                if url.username().is_empty() && url.password().is_none() { "" } else { "***@" };
            write!(f, "{comma}{}://{secret}{}", url.scheme(), url.host_str().unwrap_or_default())?;
            if let Some(port) = url.port() {
                write!(f, ":{port}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for NatsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NatsUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_and_shown_without_secrets() {
        let text = "nats://me:canary@10.0.0.1:4222, tls://nats.example,nats://[::1]:1";
        let url: NatsUrl = text.parse().unwrap();
        assert_eq!(url.to_string(), "nats://***@10.0.0.1:4222,tls://nats.example,nats://[::1]:1");
        assert!(!format!("{url:?}").contains("canary"));
        assert_eq!(url.servers().len(), 3);
        assert_eq!(url.servers()[0].password(), Some("canary"));
    }

    #[test]
    fn plain_connections_beyond_the_machine_are_seen() {
        let plain = |text: &str| text.parse::<NatsUrl>().unwrap().is_plain_beyond_here();
        assert!(plain("nats://nats:4222") && plain("nats://127.0.0.1,nats://10.0.0.1"));
        assert!(
            !plain("tls://nats:4222") && !plain("nats://localhost") && !plain("nats://[::1]:1")
        );
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for odd in [
            "",
            "nats",
            "nats:4222",
            "127.0.0.1:4222",
            "http://127.0.0.1:4222",
            "ws://127.0.0.1",
            "nats://",
            "nats://a:1,",
            "nats://a:1/path",
            "nats://a:1?x",
            "nats://a:70000",
            "nats://a:0",
        ] {
            assert_eq!(odd.parse::<NatsUrl>(), Err(ParseNatsUrlError), "{odd}");
        }
    }
}
