//! Making organizations.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use onethread_core::{AgentId, ApiKeyId, ApplicationId, OrganizationId};
use onethread_errors::{Error, Result};
use secrecy::{ExposeSecret, SecretString};

use super::App;
use crate::{
    domain::{
        people::{Agent, ApiKey, Role},
        tokens::{RandomToken, RandomUse},
    },
    store::NewOrganization,
};

/// A new organization, with the secrets that are shown this once.
#[derive(Debug)]
pub struct FirstOrganization {
    /// Its domain.
    pub organization: String,
    /// Number of its application.
    pub application_id: i64,
    /// Secret of its application.
    pub application_secret: String,
    /// Public id of the same application.
    pub app_id: ApplicationId,
    /// E-mail of its owner.
    pub email: String,
    /// The owner's password.
    pub password: SecretString,
    /// A key for its server.
    pub api_key: SecretString,
}

impl App {
    /// Makes the first organization, where there is none, once its secrets are kept.
    pub(crate) async fn first_organization(
        &self,
        name: &str,
        keep: impl FnOnce(&FirstOrganization) -> std::io::Result<()>,
    ) -> Result<()> {
        if self.store.has_organization().await? {
            return Ok(());
        }
        let (clock, entropy) = (&*self.clock, &*self.entropy);
        let of = OrganizationId::generate(clock, entropy);
        let app_id = ApplicationId::generate(clock, entropy);
        let (key, key_hash) = RandomToken::generate(RandomUse::ApiKey, of, entropy);
        let made = FirstOrganization {
            organization: name.to_owned(),
            application_id: 1,
            application_secret: self.random_text(24),
            app_id,
            email: format!("owner@{name}.example"),
            password: self.random_text(15).into(),
            api_key: key.into(),
        };
        let new = NewOrganization {
            name: name.to_owned(),
            application_id: app_id,
            application_number: made.application_id,
            application_secret: made.application_secret.clone(),
            owner: Agent {
                organization_id: of,
                id: AgentId::generate(clock, entropy),
                email: made.email.clone(),
                name: "Owner".to_owned(),
                role: Role::Owner,
            },
            owner_password_hash: self
                .passwords
                .hash(made.password.expose_secret().to_owned().into())
                .await?,
            api_key: ApiKey { organization_id: of, id: ApiKeyId::generate(clock, entropy) },
            api_key_hash: key_hash.hash,
        };
        keep(&made).map_err(Error::internal)?;
        Ok(self.store.create_organization(new, self.clock.now()).await?)
    }

    fn random_text(&self, bytes: usize) -> String {
        let mut random = vec![0; bytes];
        self.entropy.fill(&mut random);
        URL_SAFE_NO_PAD.encode(random)
    }
}
