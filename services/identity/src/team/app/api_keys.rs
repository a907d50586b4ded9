//! API keys, as owners manage them.

use onethread_core::{ApiKeyId, OrganizationId, PageSize};
use onethread_db::transaction;
use onethread_errors::{Error, Result};
use secrecy::SecretString;

use crate::{
    app::{
        App,
        page::{next_page_token, page_start},
    },
    contact::domain::fields,
    domain::tokens::{RandomToken, RandomUse},
    organization::domain::audit::Actor,
    store::effects,
    team::{
        domain::api_key::{self, ListedApiKey},
        store::api_keys,
    },
};

impl App {
    /// A page of keys, and the token of the next one.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an invalid page token.
    pub(crate) async fn list_api_keys(
        &self,
        organization: OrganizationId,
        size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<ListedApiKey>, String)> {
        let after = ApiKeyId(page_start(page_token)?.unwrap_or_default());
        let mut conn = self.db.reader("api_key.list").await?;
        let mut page = api_keys::page(&mut conn, organization, after, size).await?;
        let next = next_page_token(&mut page, size, |key| key.id.0);
        Ok((page, next))
    }

    /// Creates a key, and returns it with its secret, which is shown this once. A repeated call with
    /// the same requested id replaces the key of the first one, whose secret the caller never got.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an invalid name.
    pub(crate) async fn create_api_key(
        &self,
        organization: OrganizationId,
        actor: Actor,
        requested: Option<ApiKeyId>,
        name: String,
    ) -> Result<(ListedApiKey, SecretString)> {
        fields::name(&name).map_err(|detail| Error::invalid("name", detail))?;
        let (text, token) = RandomToken::generate(RandomUse::ApiKey, organization, &*self.entropy);
        let generate = || ApiKeyId::generate(&*self.clock, &*self.entropy);
        let id = requested.unwrap_or_else(generate);
        let now = self.clock.now();
        transaction!(self.db, "api_key.create", |tx| {
            let is_repeated = api_keys::delete(tx, organization, id).await?;
            let inserted = api_keys::insert(tx, id, &token, &name, now).await;
            inserted.map_err(|error| match error {
                // A try at the same time was first: this one replaces its key.
                duplicate if duplicate.is_unique_violation() => onethread_db::Error::Conflict,
                error => error,
            })?;
            let effects = api_key::created(id, actor);
            let effects = if is_repeated { effects.revoke(id.0) } else { effects };
            effects::record(tx, organization, effects, now, &*self.entropy).await?;
            Ok(())
        })?;
        Ok((ListedApiKey { id, name, created_at: now }, text.into()))
    }

    /// Revokes a key and ends its streams.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    pub(crate) async fn revoke_api_key(
        &self,
        organization: OrganizationId,
        actor: Actor,
        id: ApiKeyId,
    ) -> Result<()> {
        let now = self.clock.now();
        transaction!(self.db, "api_key.revoke", |tx| {
            if !api_keys::delete(tx, organization, id).await? {
                return Err(Error::not_found());
            }
            let effects = api_key::revoked(id, actor);
            effects::record(tx, organization, effects, now, &*self.entropy).await?;
            Ok(())
        })
    }
}
