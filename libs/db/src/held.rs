//! A connection on loan from its pool.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use sqlx::{Database, pool::PoolConnection};
use tokio::time::timeout;

/// How long a connection may take to finish what was under way on it when it was given up.
const FINISH: Duration = Duration::from_secs(5);

/// Goes back to the pool once it has answered all it was asked, and is closed when it does not:
/// a server that fell silent must not keep the pool's places.
#[derive(Debug)]
pub(crate) struct Held<DB: Database>(pub(crate) PoolConnection<DB>);

impl<DB: Database> Deref for Held<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<DB: Database> DerefMut for Held<DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<DB: Database> Drop for Held<DB> {
    fn drop(&mut self) {
        tokio::spawn(timeout(FINISH, self.0.return_to_pool()));
    }
}
