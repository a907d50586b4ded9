//! URLs that may hold passwords, and texts that may hold such URLs.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// What is shown instead of a secret.
const HIDDEN: &str = "***";

/// Parameters whose values are shown. All others may be secrets, under any name.
const SHOWN_PARAMETERS: [&str; 6] = ["sslmode", "host", "port", "dbname", "mode", "cache"];

/// A URL of the configuration. `Display` and `Debug` hide the user, the password and the values of
/// parameters, however they are written.
#[derive(Clone)]
pub struct SecretUrl(SecretString);

impl SecretUrl {
    /// Returns the URL with its secrets.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<&str> for SecretUrl {
    fn from(url: &str) -> Self {
        Self(SecretString::from(url))
    }
}

impl PartialEq for SecretUrl {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for SecretUrl {}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(self.expose()))
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretUrl({self})")
    }
}

/// Returns a text, such as an error or a line of a log, with the secrets of every URL in it hidden.
pub fn hide_secrets(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(middle) = rest.find("://") {
        let scheme = rest[..middle].trim_end_matches(is_of_scheme).len();
        // A URL in quotes may have blanks in its password.
        let quote = rest[..scheme].chars().next_back().filter(|c| "\"'`".contains(*c));
        let is_end = |c: char| match quote {
            Some(quote) => c == quote || c == '\\' || c.is_control(),
            None => c.is_whitespace() || c.is_control() || "\"'`<>\\".contains(c),
        };
        let after = &rest[middle + 3..];
        let end = middle + 3 + after.find(is_end).unwrap_or(after.len());
        shown.push_str(&rest[..scheme]);
        shown.push_str(&redacted(&rest[scheme..end]));
        rest = &rest[end..];
    }
    shown + rest
}

fn is_of_scheme(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+-.".contains(c)
}

/// The parts are found in the text and not by a parser: a URL that doesn't parse, for example because
/// its password isn't encoded, is hidden just as well.
fn redacted(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once(':') else { return HIDDEN.to_owned() };
    if !scheme.chars().all(is_of_scheme) {
        return HIDDEN.to_owned();
    }
    let (slashes, rest) = match rest.strip_prefix("//") {
        Some(rest) => ("//", rest),
        None => ("", rest),
    };
    let (place, parameters) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    // A password with an unencoded `?` or `#`: where it begins and ends can't be told.
    if parameters.contains('@') {
        return format!("{scheme}:{slashes}{HIDDEN}");
    }
    let place = match place.rsplit_once('@') {
        Some((_, place)) => format!("{HIDDEN}@{place}"),
        None => place.to_owned(),
    };
    format!("{scheme}:{slashes}{place}{}", redacted_parameters(parameters))
}

/// `text` is empty, or begins with its `?` or `#`.
fn redacted_parameters(text: &str) -> String {
    let Some(query) = text.strip_prefix('?') else {
        return if text.is_empty() { String::new() } else { format!("#{HIDDEN}") };
    };
    let is_plain =
        |value: &str| value.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    let shown = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if SHOWN_PARAMETERS.contains(&name) && is_plain(value) => {
            pair.to_owned()
        }
        Some((name, _)) if is_plain(name) => format!("{name}={HIDDEN}"),
        _ => HIDDEN.to_owned(),
    });
    format!("?{}", shown.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_place_is_shown_and_no_secret() {
        for (url, shown) in [
            ("postgres://me:canary@db/onethread", "postgres://***@db/onethread"),
            ("postgres://can%61ry@db:1/o", "postgres://***@db:1/o"),
            ("postgres://db/o", "postgres://db/o"),
            (
                "postgres://db/o?sslmode=require&password=canary&sslpassword=canary",
                "postgres://db/o?sslmode=require&password=***&sslpassword=***",
            ),
            ("postgres://db/o?pass%77ord=canary", "postgres://db/o?***"),
            ("postgres://db/o?sslmode=x;password=canary", "postgres://db/o?sslmode=***"),
            ("https://hook.example/?canary", "https://hook.example/?***"),
            ("https://hook.example/#canary", "https://hook.example/#***"),
            ("https://a@hook.example/?token=b@canary", "https://***"),
            // Passwords that are not encoded.
            ("postgres://me:1/canary@db/o", "postgres://***@db/o"),
            ("postgres://me:1?canary@db/o", "postgres://***"),
            ("postgres://canary#x@db/o", "postgres://***"),
            ("postgres://me:can@ary@db/o", "postgres://***@db/o"),
            ("nats://a:1,nats://me:canary@b:1", "nats://***@b:1"),
            ("sqlite:/data/x.db?mode=rwc&key=canary", "sqlite:/data/x.db?mode=rwc&key=***"),
            ("sqlite::memory:", "sqlite::memory:"),
            ("canary", "***"),
            ("can ary://x", "***"),
        ] {
            assert_eq!(SecretUrl::from(url).to_string(), shown);
            assert!(!format!("{:?}", SecretUrl::from(url)).contains("canary"));
        }
    }

    #[test]
    fn every_url_in_a_text_is_redacted() {
        for (text, shown) in [
            ("no URL: 1/2", "no URL: 1/2"),
            (
                "error sending request for url (http://u:canary@s3:9000/b?X-Signature=canary): reset",
                "error sending request for url (http://***@s3:9000/b?X-Signature=***",
            ),
            (
                "invalid endpoint 'http://me:<can ary@a:1/ x?token=canary': invalid",
                "invalid endpoint 'http://***@a:1/ x?token=***': invalid",
            ),
            (
                "invalid value 'nats://me:canary@a' for '--nats-url' and \"tls://canary@b\"\n",
                "invalid value 'nats://***@a' for '--nats-url' and \"tls://***@b\"\n",
            ),
        ] {
            assert!(hide_secrets(text).starts_with(shown), "{}", hide_secrets(text));
        }
    }

    proptest! {
        #[test]
        fn no_secret_of_any_form_is_shown(
            secret in "[A-Za-z0-9/?#@:&=;%~!$,*+._-]{0,6}canary[A-Za-z0-9/?#:&=;%~!$,*+._-]{0,6}",
            name in "[a-z%0-9_]{1,8}",
        ) {
            let name = if SHOWN_PARAMETERS.contains(&&*name) { "password" } else { &*name };
            for url in [
                format!("postgres://me:{secret}@db/onethread"),
                format!("postgres://{secret}@db/onethread?sslmode=require"),
            ] {
                let url = SecretUrl::from(&*url);
                prop_assert!(!url.to_string().contains("canary"), "{url}");
                let text = hide_secrets(&format!("at {}", url.expose()));
                prop_assert!(!text.contains("canary"), "{text}");
            }
            let encoded: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let url = SecretUrl::from(&*format!("postgres://db/onethread?{name}={encoded}"));
            prop_assert!(!url.to_string().contains(&encoded), "{url}");
        }
    }
}
