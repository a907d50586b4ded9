//! URLs of webhooks, and which addresses may be called.

use std::net::IpAddr;

use url::{Host, Url};

/// Longest URL, in bytes.
const MAX_URL_BYTES: usize = 2048;

/// Reads the URL of a webhook. `allow_private`: addresses of private networks are allowed.
///
/// # Errors
///
/// What is wrong with the text.
pub(crate) fn read_url(text: &str, allow_private: bool) -> Result<Url, &'static str> {
    if text.len() > MAX_URL_BYTES {
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
    if reachable || allow_private { Ok(url) } else { Err("is an address of a private network") }
}

/// True for a public address of the internet: none of a private network, of this machine, or of
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
            // Global unicast, except for tunnels into IPv4 and what is reserved for protocols and
            // documentation.
            (None, [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..]) => {
                false
            }
            (None, [first, ..]) => first & 0xe000 == 0x2000,
        },
    }
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
    fn a_url_is_http_without_a_password_and_not_private() {
        for valid in ["https://example.com/hook?x=1", "http://example.com:8080", "https://1.1.1.1/"]
        {
            assert!(read_url(valid, false).is_ok(), "{valid}");
        }
        for invalid in [
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
            assert!(read_url(invalid, true).is_err(), "{invalid}");
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
}
