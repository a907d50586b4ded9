//! Which rate limits hold: the default ones, none, or those of a file.
//!
//! The file is TOML: a line a limit, its calls a minute or `"off"`. What it doesn't name stays as
//! it is by default.
//!
//! ```toml
//! init = 300
//! everything_else = "off"
//! ```

use std::{fmt, fs, num::NonZeroU32, str::FromStr};

use toml::{Table, Value};

/// More calls a minute than anybody can make.
const MOST: i64 = 1_000_000;

/// Calls a minute of each kind; `None` of those that nothing limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimits {
    /// Starts of the widget, by address.
    pub init: Option<NonZeroU32>,
    /// Visitors of whom something is stored for the first time, by address.
    pub new_contacts: Option<NonZeroU32>,
    /// Agents' logins and whatever else takes a password or leads to a login, by address.
    pub logins: Option<NonZeroU32>,
    /// The same, by e-mail.
    pub logins_by_email: Option<NonZeroU32>,
    /// Messages of widgets, by device.
    pub widget_messages: Option<NonZeroU32>,
    /// Starts of the widget whose proof was refused, by application and address.
    pub refused_proofs: Option<NonZeroU32>,
    /// Calls with an API key, by key.
    pub api_key: Option<NonZeroU32>,
    /// All other calls, by address.
    pub everything_else: Option<NonZeroU32>,
    /// What was said: `default`, `off`, or the file.
    said: String,
}

impl RateLimits {
    /// No limits.
    pub fn off() -> Self {
        let mut off = Self { said: "off".to_owned(), ..Self::default() };
        off.by_name().into_iter().for_each(|(_, limit)| *limit = None);
        off
    }

    /// Those of this file; the line says what is wrong with it.
    fn read(path: &str) -> Result<Self, String> {
        let text = fs::read_to_string(path)
            .map_err(|error| format!("`default`, `off` or a file is expected; {path}: {error}"))?;
        let table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| format!("{path}: {}", error.message()))?;
        let mut limits = Self { said: path.to_owned(), ..Self::default() };
        for (name, said) in &table {
            limits.set(name, said).map_err(|wrong| format!("{path}: {wrong}"))?;
        }
        Ok(limits)
    }

    fn set(&mut self, name: &str, said: &Value) -> Result<(), String> {
        let limits = self.by_name();
        let names = limits.each_ref().map(|(name, _)| *name).join(", ");
        let limit = limits.into_iter().find(|(known, _)| *known == name);
        let (_, limit) = limit.ok_or_else(|| format!("`{name}` is none of {names}"))?;
        *limit = match said {
            Value::String(off) if off == "off" => None,
            Value::Integer(calls @ 1..=MOST) => {
                u32::try_from(*calls).ok().and_then(NonZeroU32::new)
            }
            _ => {
                return Err(format!(
                    "`{name}` is neither a whole number from 1 to {MOST} nor \"off\""
                ));
            }
        };
        Ok(())
    }

    fn by_name(&mut self) -> [(&'static str, &mut Option<NonZeroU32>); 8] {
        [
            ("init", &mut self.init),
            ("new_contacts", &mut self.new_contacts),
            ("logins", &mut self.logins),
            ("logins_by_email", &mut self.logins_by_email),
            ("widget_messages", &mut self.widget_messages),
            ("refused_proofs", &mut self.refused_proofs),
            ("api_key", &mut self.api_key),
            ("everything_else", &mut self.everything_else),
        ]
    }
}

impl Default for RateLimits {
    /// Those the README lists.
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
            said: "default".to_owned(),
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
        f.write_str(&self.said)
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
        // What is wrong is told in one line that begins with the file.
        path.parse().map_err(|wrong: String| {
            assert!(!wrong.contains('\n'), "{wrong}");
            wrong.strip_prefix(&format!("{path}: ")).unwrap().to_owned()
        })
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
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
        ];
        assert_eq!(kinds.map(|most| most.unwrap().get()), [120, 20, 10, 5, 60, 10, 1200, 600]);
    }

    #[test]
    fn a_file_changes_what_it_names() {
        let limits = read("# quiet hours\ninit = 300\nlogins = \"off\"\n").unwrap();
        assert_eq!((limits.init, limits.logins), (NonZeroU32::new(300), None));
        let said = limits.said.clone();
        let init = NonZeroU32::new(120);
        let logins = NonZeroU32::new(10);
        assert_eq!(
            RateLimits { init, logins, said: "default".to_owned(), ..limits },
            RateLimits::default()
        );
        assert!(said.starts_with('/'), "{said}");
        let empty = read("").unwrap();
        assert_eq!(RateLimits { said: "default".to_owned(), ..empty }, RateLimits::default());
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(read("inits = 5").unwrap_err().contains("`inits` is none of init, new_contacts"));
        for bad in ["0", "-1", "1.5", "1000001", "\"many\"", "true", "[5]", "{ a = 1 }"] {
            let wrong = read(&format!("init = {bad}")).unwrap_err();
            assert!(wrong.starts_with("`init` is neither a whole number"), "{bad}: {wrong}");
        }
        for broken in ["init", "init = ", "init = 5\ninit = 6", "[init"] {
            assert!(!read(broken).unwrap_err().is_empty(), "{broken}");
        }
        assert!(
            "sometimes".parse::<RateLimits>().unwrap_err().contains("`default`, `off` or a file")
        );
    }

    #[test]
    fn off_is_off() {
        let mut off: RateLimits = "off".parse().unwrap();
        assert!(off.by_name().into_iter().all(|(_, limit)| limit.is_none()));
        assert_eq!(off.to_string(), "off");
    }
}
