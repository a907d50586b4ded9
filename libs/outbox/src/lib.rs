//! What one service must tell another: a row written in the transaction of the fact itself
//! ([`push`], [`push_all`]) and delivered until the other acknowledges it ([`Relay`]). A delivery may come
//! twice, so every receiver is idempotent. The table is the service's own:
//!
//! ```sql
//! CREATE TABLE outbox (
//!   organization_id …, id …, topic TEXT NOT NULL, payload TEXT NOT NULL, traceparent TEXT NOT NULL,
//!   attempts BIGINT NOT NULL, due_at …, PRIMARY KEY (organization_id, id));
//! CREATE INDEX outbox_due ON outbox (due_at);
//! ```

mod relay;
mod table;

pub use relay::{Deliver, Relay, Wake};
pub use table::{Entry, measure, push, push_all};
