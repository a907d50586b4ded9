//! URLs of NATS servers.

use std::{fmt, net::IpAddr, str::FromStr};

use async_nats::ServerAddr;
use onethread_core::SecretUrl;
use url::Url;

/// Largest number of URLs.
const MAX_URLS: usize = 16;

/// One or several `nats://host:port` or `tls://host:port`, separated by commas. The default port is
/// 4222. `Display` and `Debug` hide user names and passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct NatsUrl(Vec<Url>);

/// A text is not a list of NATS servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nats://host:port or tls://host:port is expected, several separated by commas")]
pub struct ParseNatsUrlError;

impl NatsUrl {
    pub(crate) fn servers(&self) -> Vec<ServerAddr> {
        // They were checked when they were parsed.
        self.0.iter().filter_map(|url| ServerAddr::from_url(url.clone()).ok()).collect()
    }

    /// True when a connection to another machine is not encrypted.
    pub fn has_plain_remote(&self) -> bool {
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
        if all.len() > MAX_URLS { Err(ParseNatsUrlError) } else { Ok(Self(all)) }
    }
}

fn server(text: &str) -> Result<Url, ParseNatsUrlError> {
    let url: Url = text.trim().parse().map_err(|_| ParseNatsUrlError)?;
    let has_no_path =
        matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    let has_host = url.host_str().is_some_and(|host| !host.is_empty());
    let is_known = matches!(url.scheme(), "nats" | "tls") && url.port() != Some(0);
    if !has_no_path || !has_host || !is_known || ServerAddr::from_url(url.clone()).is_err() {
        return Err(ParseNatsUrlError);
    }
    Ok(url)
}

impl fmt::Display for NatsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, url) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{}", SecretUrl::from(url.as_str()))?;
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
    fn urls_are_parsed_and_shown_without_secrets() {
        let text = "nats://me:canary@10.0.0.1:4222, tls://nats.example,nats://[::1]:1";
        let url: NatsUrl = text.parse().unwrap();
        assert_eq!(url.to_string(), "nats://***@10.0.0.1:4222,tls://nats.example,nats://[::1]:1");
        assert!(!format!("{url:?}").contains("canary"));
        assert_eq!(url.servers().len(), 3);
        assert_eq!(url.servers()[0].password(), Some("canary"));
    }

    #[test]
    fn plain_connections_to_other_machines_are_recognized() {
        let plain = |text: &str| text.parse::<NatsUrl>().unwrap().has_plain_remote();
        assert!(plain("nats://nats:4222") && plain("nats://127.0.0.1,nats://10.0.0.1"));
        assert!(
            !plain("tls://nats:4222") && !plain("nats://localhost") && !plain("nats://[::1]:1")
        );
    }

    #[test]
    fn other_texts_are_rejected() {
        for text in [
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
            assert_eq!(text.parse::<NatsUrl>(), Err(ParseNatsUrlError), "{text}");
        }
    }
}
