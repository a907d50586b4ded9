//! The command that gives an agent a new password, for both binaries that have it.

use std::{path::Path, sync::Arc};

use onethread_config::DatabaseUrl;
use onethread_core::{SystemClock, SystemEntropy};
use onethread_process::{StartError, open_for_command};
use secrecy::ExposeSecret;

use crate::{MIGRATIONS, team::app::password_change::reset_password};

/// Prints an agent's new password, and nothing else, to stdout. `binary` is the name of the program
/// in the error about missing migrations.
///
/// # Errors
///
/// When there is no such agent, or the database can't be opened.
pub async fn reset_password_in(
    url: Option<&DatabaseUrl>,
    data_dir: &Path,
    binary: &str,
    organization: &str,
    email: &str,
) -> Result<(), StartError> {
    let (db, _folder) = open_for_command(url, data_dir, &MIGRATIONS, binary).await?;
    let entropy = Arc::new(SystemEntropy);
    let reset = reset_password(db.clone(), &SystemClock, entropy, organization, email).await;
    db.close().await;
    let password = reset?.ok_or_else(|| {
        StartError::Configuration(format!("there is no agent {email} in {organization}"))
    })?;
    println!("{}", password.expose_secret());
    Ok(())
}
