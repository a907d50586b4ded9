//! The command line: what is asked for, and with which settings.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use onethread_config::Settings;

/// A customer messenger: one customer, one thread, on every device.
#[derive(Debug, Parser)]
#[command(name = "onethread", version)]
pub(crate) struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring the databases to this version's tables and exit
    Migrate,
    /// Write databases, keys and uploads of the data folder into one file, while it is in use
    Backup {
        /// The file, which must not be there yet; it holds secrets and is its owner's alone
        file: PathBuf,
    },
    /// Make an empty data folder what it was when the backup was taken
    Restore {
        /// A file written by `onethread backup`
        file: PathBuf,
    },
    /// Give an agent a new password, printed this once, and end their logins
    ResetPassword {
        /// The organization's domain
        organization: String,
        /// The agent's email
        email: String,
    },
}

/// What the process is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Serve, until a signal comes.
    Serve,
    /// Migrate and end.
    Migrate,
    /// Write a backup to this file.
    Backup(PathBuf),
    /// Restore from this file.
    Restore(PathBuf),
    /// Reset the password of this agent, by organization and email.
    ResetPassword(String, String),
}

impl Cli {
    /// What was said.
    pub(crate) fn said(self) -> (Settings, Task) {
        let task = match self.command {
            None => Task::Serve,
            Some(Command::Migrate) => Task::Migrate,
            Some(Command::Backup { file }) => Task::Backup(file),
            Some(Command::Restore { file }) => Task::Restore(file),
            Some(Command::ResetPassword { organization, email }) => {
                Task::ResetPassword(organization, email)
            }
        };
        (self.settings, task)
    }
}

#[cfg(test)]
mod tests {
    use onethread_config::parse;

    use super::*;

    fn said(arguments: &[&str]) -> Option<(Settings, Task)> {
        let arguments = [&["onethread"], arguments].concat().into_iter().map(Into::into);
        parse::<Cli>(arguments).ok().map(Cli::said)
    }

    #[test]
    fn flags_may_stand_on_either_side_of_the_subcommand() {
        let arguments: [&[&str]; 2] =
            [&["backup", "--data-dir", "d", "f"], &["--data-dir", "d", "backup", "f"]];
        for arguments in arguments {
            let (settings, task) = said(arguments).unwrap();
            assert_eq!((settings.process.data_dir, task), ("d".into(), Task::Backup("f".into())));
        }
        let (settings, task) = said(&["--data-dir", "d"]).unwrap();
        assert_eq!((settings.process.data_dir, task), ("d".into(), Task::Serve));
        assert_eq!(said(&["migrate"]).unwrap().1, Task::Migrate);
        assert!(said(&["restore"]).is_none());
    }
}
