//! The transactional outbox. A message to another service is a row that is written in the
//! transaction of its cause ([`enqueue`], [`enqueue_all`]), and is sent until the other service
//! acknowledges it ([`Relay`]). It may arrive twice, so every receiver is idempotent. Each service
//! has its own table:
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
pub use table::{Entry, enqueue, enqueue_all, measure};
