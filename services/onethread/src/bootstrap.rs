//! The first organization: `demo`. Its secrets are in `bootstrap.json`, for the first login.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use onethread_errors::{Error, Result};
use onethread_identity::{MadeOrganization, Service};
use onethread_process::write_private;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

const NAME: &str = "demo";

/// `bootstrap.json`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Bootstrap {
    pub(crate) organization: String,
    pub(crate) application_id: i64,
    pub(crate) application_secret: String,
    app_id: String,
    pub(crate) agent: Owner,
    api_key: String,
}

/// The first agent.
#[derive(Serialize, Deserialize)]
pub(crate) struct Owner {
    pub(crate) email: String,
    pub(crate) password: String,
}

/// Makes the first organization where there is none; in either case gives what the file says, if
/// there is one, and whether it is new.
pub(crate) async fn bootstrap(
    identity: &Service,
    file: &Path,
) -> Result<Option<(Bootstrap, bool)>> {
    let is_new = AtomicBool::new(false);
    // The file comes first: a crash in between leaves secrets that open nothing, and the next
    // start writes others, rather than an organization that nobody can get into.
    let keep = |made: &MadeOrganization| {
        is_new.store(true, Ordering::Relaxed);
        let text = serde_json::to_vec_pretty(&Bootstrap::from(made))?;
        write_private(file, &text)
    };
    identity.first_organization(NAME, keep).await?;
    match fs::read(file) {
        Ok(text) => {
            let first = serde_json::from_slice(&text).ok();
            Ok(first.map(|first| (first, is_new.into_inner())))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::internal(error)),
    }
}

impl From<&MadeOrganization> for Bootstrap {
    fn from(made: &MadeOrganization) -> Self {
        Self {
            organization: made.organization.clone(),
            application_id: made.application_number,
            application_secret: made.application_secret.clone(),
            app_id: made.application_id.to_string(),
            agent: Owner {
                email: made.email.clone(),
                password: made.password.expose_secret().to_owned(),
            },
            api_key: made.api_key.expose_secret().to_owned(),
        }
    }
}
