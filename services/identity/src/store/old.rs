//! Functions over the old connection, for files that still use it. Each has a new variant, and goes
//! with its last caller.

/// The audit log.
pub(super) mod audit {
    use onethread_core::{Entropy, OrganizationId, Timestamp, new_uuid};
    use onethread_db::{Conn, Json, Result, Time, on};
    use sqlx::query;
    use uuid::Uuid;

    use crate::{
        domain::audit::{Actor, Change},
        store::{entries::entries, sql},
    };

    pub(crate) async fn record(
        conn: &mut Conn<'_>,
        of: OrganizationId,
        change: &Change,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<()> {
        let id = new_uuid(now, entropy);
        on!(conn, |c| query(sql::INSERT_AUDIT)
            .bind(of.0)
            .bind(id)
            .bind(change.actor.kind())
            .bind(change.actor.id())
            .bind(change.action)
            .bind(&change.subject)
            .bind(&change.detail)
            .bind(Time(now))
            .execute(&mut **c)
            .await
            .map(drop))?;
        Ok(())
    }

    pub(crate) async fn record_each(
        conn: &mut Conn<'_>,
        of: OrganizationId,
        (actor, action): (Actor, &str),
        contacts: &[Uuid],
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<()> {
        if contacts.is_empty() {
            return Ok(());
        }
        let entries = entries(contacts, now, entropy);
        let text = conn.pick(sql::INSERT_AUDIT_OF_EACH_SQLITE, sql::INSERT_AUDIT_OF_EACH_POSTGRES);
        on!(conn, |c| query(text)
            .bind(of.0)
            .bind(Json(&entries))
            .bind(actor.kind())
            .bind(actor.id())
            .bind(action)
            .bind(Time(now))
            .execute(&mut **c)
            .await
            .map(drop))?;
        Ok(())
    }
}

/// Settings, and what a login is checked against.
pub(super) mod settings {
    use onethread_core::OrganizationId;
    use onethread_db::{Conn, Error, Result, on};
    use sqlx::query_as;

    use crate::{
        domain::{
            keys::ServerKeys,
            policy::{IdentityKey, Rules, Settings},
        },
        organization::{
            domain::identity_key::SealedIdentityKey,
            store::{
                identity_keys::{self, IdentityKeyRow},
                organizations::SettingsRow,
            },
        },
        store::{rows::GuardedRow, sql},
    };

    pub(crate) async fn with_blocks(
        conn: &mut Conn<'_>,
        of: OrganizationId,
    ) -> Result<(Settings, bool)> {
        let row: Option<GuardedRow> = on!(conn, |c| query_as(sql::SETTINGS_AND_BLOCKS)
            .bind(of.0)
            .fetch_optional(&mut **c)
            .await)?;
        let row = row.ok_or(Error::Corrupt("organizations"))?;
        Ok((row.settings.try_into()?, row.blocks))
    }

    pub(crate) async fn rules(
        conn: &mut Conn<'_>,
        of: OrganizationId,
        keys: &ServerKeys,
    ) -> Result<Rules> {
        let row: Option<SettingsRow> =
            on!(conn, |c| query_as(sql::SETTINGS).bind(of.0).fetch_optional(&mut **c).await)?;
        let settings = row.ok_or(Error::Corrupt("organizations"))?.try_into()?;
        let keys = keys_for(conn, of, &settings, keys).await?;
        Ok(Rules { settings, keys })
    }

    pub(crate) async fn keys_for(
        conn: &mut Conn<'_>,
        of: OrganizationId,
        settings: &Settings,
        keys: &ServerKeys,
    ) -> Result<Vec<IdentityKey>> {
        if !settings.policy.uses_keys() {
            return Ok(Vec::new());
        }
        let rows: Vec<IdentityKeyRow> =
            on!(conn, |c| query_as(identity_keys::LIST).bind(of.0).fetch_all(&mut **c).await)?;
        let open = |row| SealedIdentityKey::from(row).open(of, keys);
        Ok(rows.into_iter().filter_map(open).collect())
    }
}

/// Blocked addresses.
pub(super) mod blocked_addresses {
    use std::net::IpAddr;

    use onethread_core::OrganizationId;
    use onethread_db::{Conn, Json, Result, on};
    use sqlx::query_scalar;
    use uuid::Uuid;

    use crate::organization::{
        domain::network::Network,
        store::blocked_addresses::{IS_BLOCKED_POSTGRES, IS_BLOCKED_SQLITE},
    };

    pub(crate) async fn is_blocked(
        conn: &mut Conn<'_>,
        of: OrganizationId,
        address: IpAddr,
    ) -> Result<bool> {
        let networks = Network::containing(address).map(|network| network.to_string());
        let networks: Vec<_> = networks.collect();
        let text = conn.pick(IS_BLOCKED_SQLITE, IS_BLOCKED_POSTGRES);
        let found: Option<Uuid> = on!(conn, |c| query_scalar(text)
            .bind(of.0)
            .bind(Json(&networks))
            .fetch_optional(&mut **c)
            .await)?;
        Ok(found.is_some())
    }
}

/// Events of contacts.
pub(super) mod facts {
    use onethread_core::{ContactId, OrganizationId};
    use onethread_db::{Conn, Json, Result, on};
    use sqlx::{query, query_scalar};

    use crate::webhook::{
        domain::event::{Event, bits},
        store::{
            events::{INSERT_POSTGRES, INSERT_SQLITE},
            interests::IS_WANTED,
        },
    };

    pub(crate) const OF_CHANGES: [Event; 2] = [Event::Created, Event::Updated];

    pub(crate) async fn wanted(
        conn: &mut Conn<'_>,
        of: OrganizationId,
        events: &[Event],
    ) -> Result<bool> {
        let bits = bits(events);
        let found: Option<i32> = on!(conn, |c| query_scalar(IS_WANTED)
            .bind(of.0)
            .bind(bits)
            .fetch_optional(&mut **c)
            .await)?;
        Ok(found.is_some())
    }

    pub(crate) async fn note(
        conn: &mut Conn<'_>,
        of: OrganizationId,
        contacts: &[ContactId],
        event: Event,
    ) -> Result<()> {
        if contacts.is_empty() || !wanted(conn, of, &[event]).await? {
            return Ok(());
        }
        match conn {
            Conn::Sqlite(c) => {
                let ids: Vec<_> =
                    contacts.iter().map(|contact| contact.0.simple().to_string()).collect();
                let note = query(INSERT_SQLITE).bind(of.0).bind(Json(ids));
                note.bind(event.bit()).execute(&mut **c).await?;
            }
            Conn::Postgres(c) => {
                let ids: Vec<_> = contacts.iter().map(|contact| contact.0).collect();
                let note = query(INSERT_POSTGRES).bind(of.0).bind(ids);
                note.bind(event.bit()).execute(&mut **c).await?;
            }
        }
        Ok(())
    }

    /// The events go first: erasing waits for a worker that makes one into a delivery, so that the
    /// delivery goes as well.
    pub(crate) async fn forget(
        conn: &mut Conn<'_>,
        of: OrganizationId,
        id: ContactId,
    ) -> Result<()> {
        for text in [
            "DELETE FROM webhook_facts WHERE organization_id = $1 AND contact_id = $2",
            "DELETE FROM webhook_deliveries WHERE organization_id = $1 AND contact_id = $2",
        ] {
            on!(&mut *conn, |c| query(text)
                .bind(of.0)
                .bind(id.0)
                .execute(&mut **c)
                .await
                .map(drop))?;
        }
        Ok(())
    }
}

/// Methods of the store, for use cases that don't open connections of their own yet.
mod store {
    use std::time::Duration;

    use onethread_core::{AgentId, ApplicationId, OrganizationId, Timestamp};
    use onethread_db::Result;

    use crate::{
        domain::{
            application::Application,
            people::{Agent, ApiKey},
            tokens::RandomToken,
        },
        organization::store::{applications, refusals},
        store::Store,
        team::store::{agents, api_keys, logins},
        webhook::store::deliveries,
    };

    impl Store {
        pub(crate) fn clear_application_cache(&self) {
            self.openings.forget();
        }

        pub(crate) async fn agents(
            &self,
            of: OrganizationId,
            ids: Vec<AgentId>,
        ) -> Result<Vec<Agent>> {
            let mut conn = self.db.reader("agent.batch").await?;
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                found.extend(agents::by_id(&mut conn, of, id).await?.map(|account| account.agent));
            }
            Ok(found)
        }

        pub(crate) async fn agent_by_login(
            &self,
            token: RandomToken,
            now: Timestamp,
        ) -> Result<Option<Agent>> {
            let mut conn = self.db.reader("login.get").await?;
            let account = logins::agent_by_token(&mut conn, &token, now).await?;
            Ok(account.map(|account| account.agent))
        }

        pub(crate) async fn api_key(&self, token: RandomToken) -> Result<Option<ApiKey>> {
            let mut conn = self.db.reader("api_key.get").await?;
            api_keys::by_token(&mut conn, &token).await
        }

        pub(crate) async fn application(
            &self,
            of: OrganizationId,
            id: ApplicationId,
        ) -> Result<Option<Application>> {
            let mut conn = self.db.reader("application.get").await?;
            applications::by_id(&mut conn, of, id).await
        }

        pub(crate) async fn count_refusal(
            &self,
            of: OrganizationId,
            application: ApplicationId,
            now: Timestamp,
        ) -> Result<()> {
            let mut conn = self.db.writer("refusal.count").await?;
            refusals::count(&mut conn, of, application, now).await
        }

        pub(crate) async fn forget_deliveries(&self, before: Timestamp) -> Result<()> {
            let mut conn = self.db.writer("webhook.forget").await?;
            deliveries::delete_old(&mut conn, before).await
        }

        pub(crate) async fn webhook_queue(&self, now: Timestamp) -> Result<(f64, Duration)> {
            let mut conn = self.db.reader("webhook.measure").await?;
            deliveries::measure(&mut conn, now).await
        }

        #[cfg(test)]
        pub(crate) async fn expand_facts(&self, now: Timestamp) -> onethread_errors::Result<bool> {
            crate::webhook::app::expand_events(&self.db, &*self.entropy, now).await
        }

        #[cfg(test)]
        pub(crate) async fn take_deliveries(
            &self,
            of: OrganizationId,
            id: onethread_core::WebhookId,
            now: Timestamp,
            lease: Timestamp,
            most: i64,
        ) -> Result<Vec<crate::webhook::domain::delivery::LeasedDelivery>> {
            let mut conn = self.db.writer("webhook.take").await?;
            deliveries::lease(&mut conn, of, id, (now, lease), most).await
        }

        #[cfg(test)]
        pub(crate) async fn audit(
            &self,
            of: OrganizationId,
            before: Option<uuid::Uuid>,
            size: onethread_core::PageSize,
        ) -> Result<(Vec<crate::domain::audit::AuditEntry>, bool)> {
            let before = before.unwrap_or(uuid::Uuid::max());
            let mut conn = self.db.reader("audit.page").await?;
            let page = crate::organization::store::audit::page(&mut conn, of, before, size);
            Ok((page.await?, false))
        }
    }
}
