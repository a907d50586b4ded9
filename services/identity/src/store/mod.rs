//! Identity's database in words of its use cases. Every method takes the organization first; the
//! exceptions are what comes before an organization is known (an application or a login named
//! from outside) and the feed of revocations, which serves all of them.

mod batch;
mod batch_answers;
mod batch_rows;
mod claims;
mod clean_up;
mod contacts;
mod edits;
pub(crate) mod effects;
mod entries;
mod events;
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
pub(crate) mod webhook_contacts;

use std::sync::Arc;

use onethread_core::Entropy;
use onethread_db::Database;

use old::{audit, blocked_addresses, facts, settings};

pub(crate) use claims::ClaimSet;
pub(crate) use contacts::{ContactPage, ContactSort, PageKey};
pub(crate) use edits::{Found, Refused};
pub(crate) use imports::BatchJob;
pub(crate) use joins::Unjoined;
#[cfg(test)]
pub(crate) use joins::{Fold, JOINED};
pub(crate) use logins::SessionRows;
pub(crate) use openings::{Named, Opening};
pub(crate) use revocations::Revocation;

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
}

#[cfg(test)]
pub(crate) mod tests;
