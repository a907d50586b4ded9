//! What happens when the configuration is bad: one clear line on stderr and exit 64, before
//! anything is bound or written.

use std::{ffi::OsString, fmt::Display, process::ExitCode};

use clap::{Arg, Parser};

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
        let text = error.to_string();
        // The first paragraph says what is wrong; usage hints would make it many lines.
        let line = text.lines().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
        refuse(line.trim_start_matches("error: "))
    })
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
