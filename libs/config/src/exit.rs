//! What happens when the configuration is bad: one clear line on stderr and exit 64, before
//! anything is bound or written.

use std::{ffi::OsString, fmt::Display, process::ExitCode};

use clap::{
    Arg, Command, Parser,
    error::{ContextKind, ContextValue},
};

/// Exit status for bad configuration (`EX_USAGE` of sysexits).
pub const BAD_CONFIGURATION: u8 = 64;

/// Reads the settings from a command line and the environment. `Err` is the status to exit with:
/// success after `--help` and `--version`, [`BAD_CONFIGURATION`] otherwise.
pub fn parse<T: Parser>(arguments: impl IntoIterator<Item = OsString>) -> Result<T, ExitCode> {
    // A flag means the same before a subcommand as behind it.
    let command = T::command().mut_args(|arg| {
        let arg = if is_said_empty(&arg) { arg.env(None::<&str>) } else { arg };
        if arg.is_positional() { arg } else { arg.global(true) }
    });
    let parsed = command.try_get_matches_from(arguments).and_then(|m| T::from_arg_matches(&m));
    parsed.map_err(|error| {
        if !error.use_stderr() {
            print!("{error}");
            return ExitCode::SUCCESS;
        }
        let text = without_secrets(&T::command(), &error);
        // The first paragraph says what is wrong; usage hints would make it many lines.
        let line = text.lines().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
        refuse(line.trim_start_matches("error: "))
    })
}

/// What clap says, the value left out where it may hold a password.
fn without_secrets(command: &Command, error: &clap::Error) -> String {
    let text = error.to_string();
    let (Some(ContextValue::String(said)), Some(ContextValue::String(value))) =
        (error.get(ContextKind::InvalidArg), error.get(ContextKind::InvalidValue))
    else {
        return text;
    };
    let secret = command.get_arguments().filter(|arg| arg.is_hide_env_values_set());
    let mut names = secret.filter_map(|arg| arg.get_long()).map(|name| format!("--{name} "));
    if value.is_empty() || !names.any(|name| said.starts_with(&name)) {
        return text;
    }
    text.replace(value.as_str(), "***")
}

/// An empty variable counts as one that isn't there: that is how environment files leave one out.
fn is_said_empty(arg: &Arg) -> bool {
    arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty())
}

/// Says what is wrong with the configuration and gives the status to exit with.
pub fn refuse(what: impl Display) -> ExitCode {
    eprintln!("onethread: {what}");
    ExitCode::from(BAD_CONFIGURATION)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::Settings;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        _settings: Settings,
    }

    #[test]
    fn what_is_refused_is_shown_unless_it_may_hold_a_password() {
        let said = |flag: &str, value: &str| {
            let error = Cli::try_parse_from(["onethread", flag, value]).unwrap_err();
            without_secrets(&Cli::command(), &error)
        };
        for flag in ["--nats-url", "--database-url"] {
            let line = said(flag, "odd://me:canary@host");
            assert!(line.contains(flag) && !line.contains("canary"), "{line}");
        }
        assert!(said("--http-addr", "nonsense").contains("nonsense"));
    }
}
