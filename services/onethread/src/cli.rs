//! The command line: what is asked for, and with which settings.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use onethread_config::Settings;

/// A customer messenger: one customer, one thread, on every device.
#[derive(Debug, Parser)]
// Flags stand behind the subcommand: those before it would not be its own, and are refused.
#[command(name = "onethread", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring the databases to this version's tables and exit
    Migrate {
        #[command(flatten)]
        settings: Settings,
    },
    /// Write databases, keys and uploads of the data folder into one file, while it is in use
    Backup {
        /// The file, which must not be there yet; it holds secrets and is its owner's alone
        file: PathBuf,
        #[command(flatten)]
        settings: Settings,
    },
    /// Make an empty data folder what it was when the backup was taken
    Restore {
        /// A file written by `onethread backup`
        file: PathBuf,
        #[command(flatten)]
        settings: Settings,
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
}

impl Cli {
    /// What was said.
    pub(crate) fn said(self) -> (Settings, Task) {
        match self.command {
            None => (self.settings, Task::Serve),
            Some(Command::Migrate { settings }) => (settings, Task::Migrate),
            Some(Command::Backup { file, settings }) => (settings, Task::Backup(file)),
            Some(Command::Restore { file, settings }) => (settings, Task::Restore(file)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(arguments: &[&str]) -> Option<(Settings, Task)> {
        Cli::try_parse_from([&["onethread"], arguments].concat()).ok().map(Cli::said)
    }

    #[test]
    fn a_subcommand_has_flags_of_its_own() {
        let (settings, task) = said(&["backup", "--data-dir", "d", "f"]).unwrap();
        assert_eq!((settings.process.data_dir, task), ("d".into(), Task::Backup("f".into())));
        let (settings, task) = said(&["--data-dir", "d"]).unwrap();
        assert_eq!((settings.process.data_dir, task), ("d".into(), Task::Serve));
        assert_eq!(said(&["migrate"]).unwrap().1, Task::Migrate);
        // Read as flags of another command they would name the wrong folder in silence.
        assert!(said(&["--data-dir", "d", "backup", "f"]).is_none());
        assert!(said(&["restore"]).is_none());
    }
}
