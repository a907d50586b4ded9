//! Where a call comes from in a browser's terms: the origin of the page, and the host that the page
//! asked.

use std::net::IpAddr;

use http::{HeaderMap, Uri, header};

/// Whether the page that calls is one of this server.
pub(crate) fn is_own_origin(headers: &HeaderMap, uri: &Uri) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    // A proxy may use plain HTTP between itself and this server, so the scheme isn't compared.
    let origin = origin.and_then(|origin| Some(origin.split_once("://")?.1));
    let own = host(headers, uri);
    matches!((origin, own), (Some(origin), Some(own)) if origin.eq_ignore_ascii_case(own))
}

/// The origin of a calling page of another site. Empty for this server's own pages, the widget's
/// frame included, and for callers that aren't pages.
pub(crate) fn foreign_origin(headers: &HeaderMap, uri: &Uri) -> String {
    let origin = headers.get(header::ORIGIN).filter(|_| !is_own_origin(headers, uri));
    // An origin that isn't text is in no application's list.
    origin.map(|origin| origin.to_str().unwrap_or("?").to_owned()).unwrap_or_default()
}

/// The host that the client asked for, with the port if the client named one.
fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    host.or_else(|| uri.authority().map(|authority| authority.as_str()))
}

/// Whether the client asked for a loopback address.
pub(crate) fn is_loopback(headers: &HeaderMap, uri: &Uri) -> bool {
    let host = host(headers, uri).unwrap_or_default();
    // Without the port. An IPv6 address is in brackets.
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_matches(['[', ']']);
    let address = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    address || name.eq_ignore_ascii_case("localhost")
}

/// The address under which the client's pages find this server: HTTPS except on loopback.
pub(crate) fn server_address(headers: &HeaderMap, uri: &Uri) -> String {
    let scheme = if is_loopback(headers, uri) { "http" } else { "https" };
    let host = host(headers, uri).unwrap_or_default();
    // The address is written into HTML, so only characters of host names are kept.
    let host = host.chars().filter(|c| c.is_ascii_alphanumeric() || "-.:[]_".contains(*c));
    format!("{scheme}://{}", host.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_own(host: &'static str, origin: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert("host", host.parse().unwrap());
        headers.insert("origin", origin.parse().unwrap());
        is_own_origin(&headers, &Uri::from_static("/v1/logout"))
    }

    #[test]
    fn an_origin_is_ours_by_host_and_port() {
        assert!(is_own("chat.example.com", "https://chat.example.com"));
        assert!(is_own("127.0.0.1:8080", "http://127.0.0.1:8080"));
        for foreign in [
            "null",
            "https://example.com",
            "https://chat.example.com.evil.example",
            "https://evil.example/chat.example.com",
            "https://chat.example.com:8443",
        ] {
            assert!(!is_own("chat.example.com", foreign), "{foreign}");
        }
        assert!(!is_own_origin(&HeaderMap::new(), &Uri::from_static("/")));
    }

    #[test]
    fn loopback_is_recognized_by_name_and_address() {
        let loopback = |host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("host", host.parse().unwrap());
            is_loopback(&headers, &Uri::from_static("/"))
        };
        for host in ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "[::1]"] {
            assert!(loopback(host), "{host}");
        }
        for host in ["example.com", "localhost.example.com", "10.0.0.1:8080", ""] {
            assert!(!loopback(host), "{host}");
        }
    }
}
