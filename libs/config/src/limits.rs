//! Rate limits: the defaults, none, or those of a file.
//!
//! The file is TOML with one line for each limit: requests per minute, or `"off"`. `connections` and
//! `streams` are numbers at the same time. Limits that it doesn't name keep their defaults.
//!
//! ```toml
//! init = 300
//! everything_else = "off"
//! ```

use std::{fmt, fs, num::NonZeroU32, str::FromStr};

use toml::{Table, Value};

/// More requests than any client can send.
const MAX_PER_MINUTE: i64 = 1_000_000;

/// Requests per minute of each kind; `None` means unlimited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimits {
    /// Starts of the widget, by address.
    pub init: Option<NonZeroU32>,
    /// Visitors about whom something is stored for the first time, by address.
    pub new_contacts: Option<NonZeroU32>,
    /// Agents' logins and all other calls that take a password or lead to a login, by address.
    pub logins: Option<NonZeroU32>,
    /// The same, by email and address. Twenty times as many by email from all addresses.
    pub logins_by_email: Option<NonZeroU32>,
    /// Messages of widgets, by device.
    pub widget_messages: Option<NonZeroU32>,
    /// The same, by address.
    pub widget_messages_by_address: Option<NonZeroU32>,
    /// Starts of the widget whose proof was rejected, by application and address.
    pub refused_proofs: Option<NonZeroU32>,
    /// Calls with an API key, by key.
    pub api_key: Option<NonZeroU32>,
    /// All other calls, by address.
    pub everything_else: Option<NonZeroU32>,
    /// Connections at the same time, by address; those of trusted proxies aren't counted.
    pub connections: Option<NonZeroU32>,
    /// Live streams at the same time, by address.
    pub streams: Option<NonZeroU32>,
    /// The value of the setting: `default`, `off`, or a path.
    source: String,
}

impl RateLimits {
    /// No limits.
    pub fn off() -> Self {
        let mut off = Self { source: "off".to_owned(), ..Self::default() };
        off.by_name().into_iter().for_each(|(_, limit)| *limit = None);
        off
    }

    /// Reads a file. The error is one line that starts with the path.
    fn read(path: &str) -> Result<Self, String> {
        let text = fs::read_to_string(path)
            .map_err(|error| format!("`default`, `off` or a file is expected; {path}: {error}"))?;
        let table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| format!("{path}: {}", error.message()))?;
        let mut limits = Self { source: path.to_owned(), ..Self::default() };
        for (name, value) in &table {
            limits.set(name, value).map_err(|error| format!("{path}: {error}"))?;
        }
        Ok(limits)
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let limits = self.by_name();
        let names = limits.each_ref().map(|(name, _)| *name).join(", ");
        let limit = limits.into_iter().find(|(known, _)| *known == name);
        let (_, limit) = limit.ok_or_else(|| format!("unknown limit `{name}`; known: {names}"))?;
        *limit = match value {
            Value::String(off) if off == "off" => None,
            Value::Integer(requests @ 1..=MAX_PER_MINUTE) => {
                u32::try_from(*requests).ok().and_then(NonZeroU32::new)
            }
            _ => {
                return Err(format!(
                    "`{name}` must be a whole number from 1 to {MAX_PER_MINUTE} or \"off\""
                ));
            }
        };
        Ok(())
    }

    fn by_name(&mut self) -> [(&'static str, &mut Option<NonZeroU32>); 11] {
        [
            ("init", &mut self.init),
            ("new_contacts", &mut self.new_contacts),
            ("logins", &mut self.logins),
            ("logins_by_email", &mut self.logins_by_email),
            ("widget_messages", &mut self.widget_messages),
            ("widget_messages_by_address", &mut self.widget_messages_by_address),
            ("refused_proofs", &mut self.refused_proofs),
            ("api_key", &mut self.api_key),
            ("everything_else", &mut self.everything_else),
            ("connections", &mut self.connections),
            ("streams", &mut self.streams),
        ]
    }
}

impl Default for RateLimits {
    /// The limits that the gateway's README lists.
    fn default() -> Self {
        Self {
            init: NonZeroU32::new(120),
            new_contacts: NonZeroU32::new(20),
            logins: NonZeroU32::new(10),
            logins_by_email: NonZeroU32::new(5),
            widget_messages: NonZeroU32::new(60),
            refused_proofs: NonZeroU32::new(10),
            api_key: NonZeroU32::new(1200),
            everything_else: NonZeroU32::new(600),
            widget_messages_by_address: NonZeroU32::new(600),
            connections: NonZeroU32::new(1000),
            streams: NonZeroU32::new(500),
            source: "default".to_owned(),
        }
    }
}

impl FromStr for RateLimits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "default" => Ok(Self::default()),
            "off" => Ok(Self::off()),
            file => Self::read(file),
        }
    }
}

impl fmt::Display for RateLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(text: &str) -> Result<RateLimits, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let path = file.path().to_str().unwrap();
        path.parse().map_err(|error: String| {
            assert!(!error.contains('\n'), "{error}");
            error.strip_prefix(&format!("{path}: ")).unwrap().to_owned()
        })
    }

    #[test]
    fn the_defaults_are_those_of_the_documents() {
        let limits: RateLimits = "default".parse().unwrap();
        let kinds = [
            limits.init,
            limits.new_contacts,
            limits.logins,
            limits.logins_by_email,
            limits.widget_messages,
            limits.refused_proofs,
            limits.api_key,
            limits.everything_else,
            limits.widget_messages_by_address,
            limits.connections,
            limits.streams,
        ];
        let defaults = [120, 20, 10, 5, 60, 10, 1200, 600, 600, 1000, 500];
        assert_eq!(kinds.map(|limit| limit.unwrap().get()), defaults);
    }

    #[test]
    fn a_file_changes_only_the_limits_that_it_names() {
        let limits = read("# quiet hours\ninit = 300\nlogins = \"off\"\n").unwrap();
        assert_eq!((limits.init, limits.logins), (NonZeroU32::new(300), None));
        let source = limits.source.clone();
        let init = NonZeroU32::new(120);
        let logins = NonZeroU32::new(10);
        assert_eq!(
            RateLimits { init, logins, source: "default".to_owned(), ..limits },
            RateLimits::default()
        );
        assert!(source.starts_with('/'), "{source}");
        let empty = read("").unwrap();
        assert_eq!(RateLimits { source: "default".to_owned(), ..empty }, RateLimits::default());
    }

    #[test]
    fn an_error_names_the_limit_at_fault() {
        let error = read("inits = 5").unwrap_err();
        assert!(error.starts_with("unknown limit `inits`; known: init, new_contacts"), "{error}");
        for bad in ["0", "-1", "1.5", "1000001", "\"many\"", "true", "[5]", "{ a = 1 }"] {
            let error = read(&format!("init = {bad}")).unwrap_err();
            assert!(error.starts_with("`init` must be a whole number"), "{bad}: {error}");
        }
        for broken in ["init", "init = ", "init = 5\ninit = 6", "[init"] {
            assert!(!read(broken).unwrap_err().is_empty(), "{broken}");
        }
        assert!(
            "sometimes".parse::<RateLimits>().unwrap_err().contains("`default`, `off` or a file")
        );
    }

    #[test]
    fn off_removes_every_limit() {
        let mut off: RateLimits = "off".parse().unwrap();
        assert!(off.by_name().into_iter().all(|(_, limit)| limit.is_none()));
        assert_eq!(off.to_string(), "off");
    }
}
