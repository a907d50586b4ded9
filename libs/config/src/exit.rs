//! Reading the command line. A bad configuration is reported in one line on stderr and exit
//! status 64, before anything is bound or written.

use std::{ffi::OsString, fmt::Display, process::ExitCode};

use clap::{
    Arg, Command, Parser,
    error::{ContextKind, ContextValue},
};
use onethread_core::hide_secrets;

/// Exit status for bad configuration (`EX_USAGE` of sysexits).
pub const BAD_CONFIGURATION: u8 = 64;

/// Reads the settings from a command line and the environment.
///
/// # Errors
///
/// Returns the status to exit with: success after `--help` and `--version`, and
/// [`BAD_CONFIGURATION`] after a mistake, which has been printed.
pub fn parse<T: Parser>(arguments: impl IntoIterator<Item = OsString>) -> Result<T, ExitCode> {
    // A flag means the same before and after a subcommand.
    let command = T::command().mut_args(|arg| {
        let arg = if has_empty_variable(&arg) { arg.env(None::<&str>) } else { arg };
        if arg.is_positional() { arg } else { arg.global(true) }
    });
    let parsed = command.try_get_matches_from(arguments).and_then(|m| T::from_arg_matches(&m));
    parsed.map_err(|error| {
        if !error.use_stderr() {
            print!("{error}");
            return ExitCode::SUCCESS;
        }
        let text = without_secrets(&T::command(), &error);
        // Only the first paragraph: usage hints would make it many lines.
        let line = text.lines().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
        refuse(line.trim_start_matches("error: "))
    })
}

/// Returns clap's message, without the rejected value if that may contain a password: the value of a
/// setting that may, or a URL in the place of any other one.
fn without_secrets(command: &Command, error: &clap::Error) -> String {
    let text = error.to_string();
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else {
        return text;
    };
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => argument.as_str(),
        _ => "",
    };
    let secrets = command.get_arguments().filter(|arg| arg.is_hide_env_values_set());
    let mut flags = secrets.filter_map(|arg| arg.get_long()).map(|name| format!("--{name} "));
    let may_be_secret = flags.any(|flag| argument.starts_with(&flag))
        || value.contains("://")
        || value.contains('@');
    if value.is_empty() || !may_be_secret {
        return text;
    }
    text.replace(value.as_str(), "***")
}

/// True when the argument's environment variable is set to an empty text. It then counts as not
/// set, because environment files often leave a setting out like that.
fn has_empty_variable(arg: &Arg) -> bool {
    arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty())
}

/// Prints what is wrong with the configuration, without the secrets of URLs, and returns the status to
/// exit with.
pub fn refuse(message: impl Display) -> ExitCode {
    eprintln!("onethread: {}", hide_secrets(&message.to_string()));
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
    fn a_rejected_value_is_shown_unless_it_may_contain_a_password() {
        let message = |flag: &str, value: &str| {
            let error = Cli::try_parse_from(["onethread", flag, value]).unwrap_err();
            without_secrets(&Cli::command(), &error)
        };
        for flag in ["--nats-url", "--database-url"] {
            let line = message(flag, "odd://me:canary@host");
            assert!(line.contains(flag) && !line.contains("canary"), "{line}");
        }
        assert!(message("--http-addr", "nonsense").contains("nonsense"));
        for value in ["http://me:canary@host", "me:canary@host", "https://host/?token=canary"] {
            for flag in ["--http-addr", "--object-store-url", "--trusted-proxies"] {
                let line = message(flag, value);
                assert!(line.contains(flag) && !line.contains("canary"), "{line}");
            }
        }
    }
}
