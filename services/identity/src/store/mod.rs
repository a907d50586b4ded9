//! Identity's database in words of its use cases. Every method takes the organization first; the
//! exceptions are what comes before an organization is known (an application or a login named
//! from outside) and the feed of revocations, which serves all of them.

mod batch;
mod batch_answers;
mod batch_rows;
mod claims;
mod clean_up;
mod contacts;
mod conversation_facts;
mod edits;
pub(crate) mod effects;
mod entries;
mod events;
mod facts;
mod imports;
mod joins;
mod known;
mod logins;
mod old;
mod openings;
mod poison;
mod revocations;
mod rows;
mod search;
mod sql;
mod sql_webhooks;
mod webhook_queue;
mod webhooks;

use std::sync::Arc;

use onethread_core::{Entropy, OrganizationId, PageSize};
use onethread_db::{Database, Result, on};
use sqlx::{FromRow, postgres::PgRow, query_as, sqlite::SqliteRow};
use uuid::Uuid;

use old::{audit, blocked_addresses, settings};

pub(crate) use claims::ClaimSet;
pub(crate) use contacts::{ContactPage, ContactSort, PageKey};
pub(crate) use conversation_facts::{INTEREST, Interest};
pub(crate) use edits::{ERASED, Found, Refused};
pub(crate) use imports::BatchJob;
pub(crate) use joins::{Fold, JOINED, Unjoined};
pub(crate) use logins::SessionRows;
pub(crate) use openings::{Named, Opening};
pub(crate) use revocations::Revocation;
pub(crate) use webhook_queue::{Taken, Tried};
pub(crate) use webhooks::{WebhookChange, WebhookChanged};

/// How often a write that another process outran is tried again.
pub(crate) const ROUNDS: usize = 16;

/// False for a text that no row can hold. PostgreSQL refuses a NUL even to compare with.
pub(crate) fn storable(text: &str) -> bool {
    !text.contains('\0')
}

/// Identity's store. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Store {
    db: Database,
    entropy: Arc<dyn Entropy>,
    openings: openings::Openings,
}

impl Store {
    /// Works on a migrated database.
    pub(crate) fn new(db: Database, entropy: Arc<dyn Entropy>) -> Self {
        Self { db, entropy, openings: openings::Openings::default() }
    }

    /// Rows of a text that takes organization, the id that the page begins behind, and how many: a
    /// page, and one row more where there is.
    async fn page<R>(
        &self,
        name: &'static str,
        text: &'static str,
        of: OrganizationId,
        behind: Uuid,
        size: PageSize,
    ) -> Result<Vec<R>>
    where
        R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        self.db
            .read(name, move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_as(text)
                        .bind(of.0)
                        .bind(behind)
                        .bind(size.limit_and_one())
                        .fetch_all(&mut **c)
                        .await)?)
                })
            })
            .await
    }
}

#[cfg(test)]
mod application_tests;
#[cfg(test)]
mod blocked_tests;
#[cfg(test)]
mod people_tests;
#[cfg(test)]
mod tests;
