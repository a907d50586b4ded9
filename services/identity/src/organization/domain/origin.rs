//! Origins as browsers send them: `scheme://host[:port]`.

use onethread_errors::Field;

/// Most origins of an application.
const MAX_ORIGINS: usize = 50;

/// Returns origins in the spelling of browsers, each once, and adds texts that are no origins to
/// `invalid`.
pub(super) fn normalize(origins: &[String], invalid: &mut Vec<Field>) -> Vec<String> {
    if origins.len() > MAX_ORIGINS {
        invalid.push(Field::new("application.origins", "are more than 50"));
        return Vec::new();
    }
    let mut normalized = Vec::new();
    for (at, text) in origins.iter().enumerate() {
        match read(text) {
            Some(origin) if !normalized.contains(&origin) => normalized.push(origin),
            Some(_) => {}
            None => invalid.push(Field::new(
                format!("application.origins[{at}]"),
                "is not scheme://host or scheme://host:port in ASCII",
            )),
        }
    }
    normalized
}

/// In lower case, without the scheme's default port and a trailing slash.
fn read(text: &str) -> Option<String> {
    let text = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
    let (scheme, rest) = text.split_once("://")?;
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let scheme_fits =
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(in_scheme);
    if !scheme_fits || text.len() > 255 {
        return None;
    }
    // The colons of an IPv6 address are in brackets.
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let in_address = |byte: u8| byte.is_ascii_hexdigit() || b":.".contains(&byte);
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let host_fits = match host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(address) => !address.is_empty() && address.bytes().all(in_address),
        None => !host.is_empty() && host.bytes().all(in_name),
    };
    let usual = match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    let port = match port {
        None => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse::<u16>().ok().filter(|port| *port > 0)?)
        }
        Some(_) => return None,
    };
    let port = port.filter(|port| Some(*port) != usual).map(|port| format!(":{port}"));
    host_fits.then(|| format!("{scheme}://{host}{}", port.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_the_spelling_of_browsers() {
        for (text, origin) in [
            ("https://Shop.example", "https://shop.example"),
            ("https://shop.example:443/", "https://shop.example"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("http://[::1]", "http://[::1]"),
            ("capacitor://localhost", "capacitor://localhost"),
        ] {
            assert_eq!(read(text).as_deref(), Some(origin), "{text}");
        }
    }

    #[test]
    fn invalid_origins_are_rejected() {
        for text in [
            "",
            "*",
            "null",
            "shop.example",
            "https://",
            "https://shop.example/path",
            "https://user@shop.example",
            "https://shop.example:0",
            "https://shop.example:",
            "https://shop.example:99999",
            "https://*.shop.example",
            "https://sh\u{f6}p.example",
            "https://shop.example\n",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let mut invalid = Vec::new();
        normalize(&["https://a.example".to_owned(), "*".to_owned()], &mut invalid);
        assert_eq!(invalid[0].path, "application.origins[1]");
    }
}
