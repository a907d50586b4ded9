//! Creating organizations.

use onethread_core::{AgentId, ApiKeyId, ApplicationId, OrganizationId, Timestamp};
use onethread_db::transaction;
use onethread_errors::{Error, Field, Reason, Result};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Map;

use crate::{
    app::App,
    contact::domain::fields,
    domain::tokens::{RandomToken, RandomUse},
    organization::{
        domain::application::{Application, PreChatForm},
        store::{applications, organizations},
    },
    team::{
        domain::{
            agent::{Account, Agent, Role},
            api_key::ListedApiKey,
            password::check_password,
        },
        store::{agents, api_keys},
    },
};

/// A created organization, with the secrets that are shown this once.
#[derive(Debug)]
pub struct MadeOrganization {
    /// Its id.
    pub id: OrganizationId,
    /// Its domain.
    pub organization: String,
    /// Id of its application.
    pub application_id: ApplicationId,
    /// Number of its application.
    pub application_number: i64,
    /// Secret of its application.
    pub application_secret: String,
    /// Its owner.
    pub owner_id: AgentId,
    /// Email address of its owner.
    pub email: String,
    /// The owner's password.
    pub password: SecretString,
    /// An API key for its server.
    pub api_key: SecretString,
}

/// A created organization as it is stored, with the secret of its API key.
#[derive(Debug)]
pub(crate) struct CreatedOrganization {
    pub(crate) application: Application,
    pub(crate) owner: Agent,
    pub(crate) api_key: ListedApiKey,
    pub(crate) api_key_secret: SecretString,
}

/// What is stored of a new organization.
struct NewOrganization {
    application: Application,
    owner: Account,
    api_key: (ApiKeyId, RandomToken),
}

impl App {
    /// Creates the first organization when there is none. `keep` stores its secrets before the
    /// organization is stored.
    ///
    /// # Errors
    ///
    /// When the secrets or the organization could not be stored.
    pub(crate) async fn first_organization(
        &self,
        name: &str,
        keep: impl FnOnce(&MadeOrganization) -> std::io::Result<()>,
    ) -> Result<()> {
        let mut conn = self.db.reader("organization.any").await?;
        let exists = organizations::any(&mut conn).await?;
        drop(conn);
        if exists {
            return Ok(());
        }
        let email = format!("owner@{name}.example");
        let password = self.random_text(15).into();
        let (created, new) = self.new_organization(name.to_owned(), email, password).await?;
        keep(&created).map_err(Error::internal)?;
        self.store_organization(&new).await.map(drop)
    }

    /// Creates an organization with this owner.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`, or `OrganizationExists` when an organization has or had the name.
    pub(crate) async fn create_organization(
        &self,
        name: String,
        email: &str,
        password: SecretString,
    ) -> Result<CreatedOrganization> {
        let email = email.to_lowercase();
        let password_fits = check_password(password.expose_secret());
        let checks = [
            ("organization_name", fields::domain(&name)),
            ("agent_email", fields::email(&email)),
            ("agent_password", password_fits),
        ];
        let invalid =
            checks.into_iter().filter_map(|(at, check)| Some(Field::new(at, check.err()?)));
        let invalid: Vec<_> = invalid.collect();
        if !invalid.is_empty() {
            return Err(Error::invalid_fields(invalid));
        }
        let (created, new) = self.new_organization(name, email, password).await?;
        let created_at = self.store_organization(&new).await?;
        let NewOrganization { application, owner, api_key: (id, _) } = new;
        Ok(CreatedOrganization {
            application,
            owner: owner.agent,
            api_key: ListedApiKey { id, name: String::new(), created_at },
            api_key_secret: created.api_key,
        })
    }

    /// Returns the time of creation.
    async fn store_organization(&self, new: &NewOrganization) -> Result<Timestamp> {
        let NewOrganization { application, owner, api_key: (key, token) } = new;
        let (organization, now) = (application.organization_id, self.clock.now());
        transaction!(self.db, "organization.create", |tx| {
            let inserted =
                organizations::insert(tx, organization, &application.organization, now).await;
            inserted.map_err(|error| match error {
                duplicate if duplicate.is_unique_violation() => {
                    Error::new(Reason::OrganizationExists)
                }
                error => error.into(),
            })?;
            // Pages of the organization that had the name before still name it.
            if organizations::is_former_name(tx, organization, &application.organization).await? {
                return Err(Error::new(Reason::OrganizationExists));
            }
            applications::insert(tx, application, now).await?;
            agents::insert(tx, owner, now).await?;
            api_keys::insert(tx, *key, token, "", now).await?;
            Ok(now)
        })
    }

    /// An organization as it is shown and as it is stored.
    async fn new_organization(
        &self,
        name: String,
        email: String,
        password: SecretString,
    ) -> Result<(MadeOrganization, NewOrganization)> {
        let (clock, entropy) = (&*self.clock, &*self.entropy);
        let id = OrganizationId::generate(clock, entropy);
        let (key, token) = RandomToken::generate(RandomUse::ApiKey, id, entropy);
        let created = MadeOrganization {
            id,
            organization: name,
            application_id: ApplicationId::generate(clock, entropy),
            application_number: 1,
            application_secret: self.random_text(24),
            owner_id: AgentId::generate(clock, entropy),
            email,
            password: password.clone(),
            api_key: key.into(),
        };
        let new = NewOrganization {
            application: Application {
                organization_id: id,
                id: created.application_id,
                organization: created.organization.clone(),
                number: created.application_number,
                secret: created.application_secret.clone(),
                name: created.organization.clone(),
                form: PreChatForm::default(),
                origins: Vec::new(),
                look: Map::new(),
            },
            owner: Account {
                agent: created.owner(),
                password_hash: self.passwords.hash(password).await?,
            },
            api_key: (ApiKeyId::generate(clock, entropy), token),
        };
        Ok((created, new))
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
