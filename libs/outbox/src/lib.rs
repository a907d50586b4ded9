//! The transactional outbox: what one service must tell another is a row, written in the
//! transaction of the change itself ([`enqueue`], [`enqueue_all`]) and delivered until the other
//! service acknowledges it ([`Relay`]). A delivery may arrive twice, so every receiver is
//! idempotent. The table belongs to the service:
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
pub use table::{Entry, enqueue, enqueue_all, measure, push, push_all};
