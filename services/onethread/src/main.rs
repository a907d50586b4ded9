//! Onethread in one process: all four services, what `cargo run` starts.

mod archive;
mod backup;
mod bootstrap;
mod cli;
mod databases;
mod passwords;
mod restore;
mod stack;

use std::process::ExitCode;

use cli::{Cli, Task};
use onethread_config::{BAD_CONFIGURATION, parse};
use onethread_process::run;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let (settings, task) = match parse::<Cli>(std::env::args_os()) {
        Ok(cli) => cli.said(),
        Err(status) => return status,
    };
    if settings.process.dump_config {
        print!("{}", settings.dump());
        return ExitCode::SUCCESS;
    }
    run("onethread", settings.process.log_format, async |life| match &task {
        Task::Serve => stack::serve(&settings, life).await,
        Task::Migrate => databases::migrate(&settings).await,
        Task::Backup(file) => backup::backup(&settings, file, &life).await,
        Task::Restore(file) => restore::restore(&settings, file, &life).await,
        Task::ResetPassword(organization, email) => {
            passwords::reset(&settings, organization, email).await
        }
    })
}

// The README and the tests name the status.
const _: () = assert!(BAD_CONFIGURATION == 64);
