//! `onethread reset-password`.

use onethread_config::Settings;
use onethread_process::StartError;

use crate::restore;

/// Gives an agent a new password.
pub(crate) async fn reset(
    settings: &Settings,
    organization: &str,
    email: &str,
) -> Result<(), StartError> {
    let (url, data_dir) = (settings.database.database_url.as_ref(), &settings.process.data_dir);
    if url.is_none() {
        restore::refuse_unfinished(data_dir)?;
    }
    onethread_identity::reset_password_in(url, data_dir, "onethread", organization, email).await
}
