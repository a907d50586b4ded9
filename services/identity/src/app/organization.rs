//! Making organizations.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use onethread_core::{AgentId, ApiKeyId, ApplicationId, OrganizationId};
use onethread_errors::{Error, Field, Reason, Result};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Map;

use super::App;
use crate::{
    domain::{
        application::{Application, PreChatForm},
        fields,
        people::{Agent, ApiKey, Role, check_password},
        tokens::{RandomToken, RandomUse},
    },
    store::NewOrganization,
};

/// A new organization, with the secrets that are shown this once.
#[derive(Debug)]
pub struct MadeOrganization {
    /// Its id.
    pub id: OrganizationId,
    /// Its domain.
    pub organization: String,
    /// Number of its application.
    pub application_id: i64,
    /// Secret of its application.
    pub application_secret: String,
    /// Public id of the same application.
    pub app_id: ApplicationId,
    /// Its owner.
    pub owner_id: AgentId,
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
        keep: impl FnOnce(&MadeOrganization) -> std::io::Result<()>,
    ) -> Result<()> {
        if self.store.has_organization().await? {
            return Ok(());
        }
        let email = format!("owner@{name}.example");
        let password = self.random_text(15).into();
        let (made, new) = self.organization(name.to_owned(), email, password).await?;
        keep(&made).map_err(Error::internal)?;
        Ok(self.store.create_organization(new, self.clock.now()).await?)
    }

    /// Makes an organization whose owner is known.
    pub(crate) async fn create_organization(
        &self,
        name: String,
        email: &str,
        password: SecretString,
    ) -> Result<MadeOrganization> {
        let email = email.to_lowercase();
        let password_fits = check_password(password.expose_secret());
        let checks = [
            ("/organization", fields::domain(&name)),
            ("/agentEmail", fields::email(&email)),
            ("/agentPassword", password_fits),
        ];
        let wrong = checks.into_iter().filter_map(|(field, check)| Some((field, check.err()?)));
        let wrong: Vec<_> = wrong.map(|(field, detail)| Field::new(field, detail)).collect();
        if !wrong.is_empty() {
            return Err(Error::invalid_fields(wrong));
        }
        let (made, new) = self.organization(name, email, password).await?;
        match self.store.create_organization(new, self.clock.now()).await {
            Ok(()) => Ok(made),
            // All else that is unique in it was made by chance just now.
            Err(taken) if taken.is_unique_violation() => {
                Err(Error::new(Reason::OrganizationExists))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// An organization as it is told and as it is stored.
    async fn organization(
        &self,
        name: String,
        email: String,
        password: SecretString,
    ) -> Result<(MadeOrganization, NewOrganization)> {
        let (clock, entropy) = (&*self.clock, &*self.entropy);
        let of = OrganizationId::generate(clock, entropy);
        let (key, key_hash) = RandomToken::generate(RandomUse::ApiKey, of, entropy);
        let made = MadeOrganization {
            id: of,
            organization: name,
            application_id: 1,
            application_secret: self.random_text(24),
            app_id: ApplicationId::generate(clock, entropy),
            owner_id: AgentId::generate(clock, entropy),
            email,
            password: password.clone(),
            api_key: key.into(),
        };
        let new = NewOrganization {
            name: made.organization.clone(),
            application: Application {
                organization_id: of,
                id: made.app_id,
                organization: made.organization.clone(),
                number: made.application_id,
                secret: made.application_secret.clone(),
                name: made.organization.clone(),
                form: PreChatForm::default(),
                origins: Vec::new(),
                look: Map::new(),
            },
            owner: made.owner(),
            owner_password_hash: self.passwords.hash(password).await?,
            api_key: ApiKey { organization_id: of, id: ApiKeyId::generate(clock, entropy) },
            api_key_hash: key_hash.hash,
        };
        Ok((made, new))
    }

    pub(super) fn random_text(&self, bytes: usize) -> String {
        let mut random = vec![0; bytes];
        self.entropy.fill(&mut random);
        URL_SAFE_NO_PAD.encode(random)
    }
}

impl MadeOrganization {
    /// Its owner as an agent.
    pub(crate) fn owner(&self) -> Agent {
        Agent {
            organization_id: self.id,
            id: self.owner_id,
            email: self.email.clone(),
            name: "Owner".to_owned(),
            role: Role::Owner,
        }
    }
}
