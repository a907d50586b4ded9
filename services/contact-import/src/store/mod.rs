//! What is kept about imports, in words of the use cases. The organization comes first everywhere;
//! the exceptions are the work queue, where a [`Lease`](crate::domain::Lease) names it, and the
//! clearing of old files.

mod queue;
mod reads;
mod rows;
mod sql;
mod writes;

use onethread_db::Database;

pub(crate) use writes::{Added, NewImport};

/// The service's store. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    db: Database,
}

impl Store {
    /// Works on a migrated database.
    pub(crate) fn new(db: Database) -> Self {
        Self { db }
    }
}

/// Runs one UPDATE in a transaction and tells whether it found its row.
macro_rules! update {
    ($self:ident, $name:literal, $text:expr, $($value:expr),+ $(,)?) => {
        $self.db.write($name, move |mut conn| Box::pin(async move {
            let rows = on!(&mut conn, |c| query($text)
                $(.bind($value))+
                .execute(&mut **c)
                .await?
                .rows_affected());
            Ok(rows == 1)
        }))
    };
}

use update;
