//! The SQL texts of webhooks.

pub(super) const TOUCH_INTEREST: &str =
    "INSERT INTO webhook_interests (organization_id, events, version) VALUES ($1, 0, 1)
     ON CONFLICT (organization_id) DO UPDATE SET version = webhook_interests.version + 1";
pub(super) const SET_INTEREST: &str =
    "UPDATE webhook_interests SET events = $2 WHERE organization_id = $1";
pub(super) const INTEREST: &str =
    "SELECT events, version FROM webhook_interests WHERE organization_id = $1";
/// Organization, topic.
pub(super) const INTEREST_WAITS: &str =
    "SELECT 1 FROM outbox WHERE organization_id = $1 AND topic = $2 LIMIT 1";
pub(super) const WANTED: &str = "SELECT 1 FROM webhook_interests
     WHERE organization_id = $1 AND (events & $2) <> 0";
pub(super) const INSERT_WEBHOOK: &str =
    "INSERT INTO webhooks (organization_id, id, url, events, sealed, sealed_with, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
pub(super) const UPDATE_WEBHOOK: &str =
    "UPDATE webhooks SET url = $3, events = $4 WHERE organization_id = $1 AND id = $2";
pub(super) const DELETE_WEBHOOK: &str =
    "DELETE FROM webhooks WHERE organization_id = $1 AND id = $2";
pub(super) const WEBHOOKS: &str =
    "SELECT organization_id, id, url, events, sealed, sealed_with, created_at FROM webhooks
     WHERE organization_id = $1 ORDER BY id";

// What is to be told of contacts.
pub(super) const NOTE_FACTS_SQLITE: &str =
    "INSERT INTO webhook_facts (organization_id, contact_id, event, changes)
     SELECT $1, unhex(value), $3, count(*) FROM json_each($2) WHERE true GROUP BY value
     ON CONFLICT (organization_id, contact_id, event)
     DO UPDATE SET changes = webhook_facts.changes + excluded.changes";
// In one order, so that two batches wait for each other one way round.
pub(super) const NOTE_FACTS_POSTGRES: &str =
    "INSERT INTO webhook_facts (organization_id, contact_id, event, changes)
     SELECT $1, id, $3, count(*) FROM unnest($2::uuid[]) AS c(id) GROUP BY id ORDER BY id
     ON CONFLICT (organization_id, contact_id, event)
     DO UPDATE SET changes = webhook_facts.changes + excluded.changes";
pub(super) const ANY_FACT: &str = "SELECT 1 FROM webhook_facts LIMIT 1";
pub(super) const TAKE_FACTS_SQLITE: &str = "DELETE FROM webhook_facts
     WHERE (organization_id, contact_id, event) IN
       (SELECT organization_id, contact_id, event FROM webhook_facts LIMIT $1)
     RETURNING organization_id, contact_id, event";
pub(super) const TAKE_FACTS_POSTGRES: &str = "DELETE FROM webhook_facts
     WHERE (organization_id, contact_id, event) IN
       (SELECT organization_id, contact_id, event FROM webhook_facts LIMIT $1
        FOR UPDATE SKIP LOCKED)
     RETURNING organization_id, contact_id, event";

// Deliveries.
pub(super) const ENQUEUE: &str = "INSERT INTO webhook_deliveries
       (organization_id, webhook_id, id, event, body, attempts, due_at, created_at, contact_id)
     SELECT organization_id, id, $2, $3, $4, 0, $5, $5, $6 FROM webhooks
     WHERE organization_id = $1 AND (events & $3) <> 0
     ON CONFLICT (organization_id, webhook_id, id) DO NOTHING";
// What was told, or is to be told, of somebody.
pub(super) const DELETE_FACTS_OF: &str =
    "DELETE FROM webhook_facts WHERE organization_id = $1 AND contact_id = $2";
pub(super) const DELETE_DELIVERIES_OF: &str =
    "DELETE FROM webhook_deliveries WHERE organization_id = $1 AND contact_id = $2";
pub(super) const READY: &str =
    "SELECT organization_id, id, url, events, sealed, sealed_with, created_at FROM (
       SELECT w.*, (SELECT min(d.due_at) FROM webhook_deliveries d
         WHERE d.organization_id = w.organization_id AND d.webhook_id = w.id
           AND d.due_at IS NOT NULL) AS due
       FROM webhooks w) ready
     WHERE due <= $1 ORDER BY due LIMIT $2";
pub(super) const CLAIM_SQLITE: &str =
    "UPDATE webhook_deliveries SET attempts = attempts + 1, due_at = $4
     WHERE (organization_id, webhook_id, id) IN
       (SELECT organization_id, webhook_id, id FROM webhook_deliveries
        WHERE organization_id = $1 AND webhook_id = $2 AND due_at IS NOT NULL AND due_at <= $3
        ORDER BY due_at LIMIT $5)
     RETURNING id, body, attempts, created_at";
pub(super) const CLAIM_POSTGRES: &str =
    "UPDATE webhook_deliveries SET attempts = attempts + 1, due_at = $4
     WHERE (organization_id, webhook_id, id) IN
       (SELECT organization_id, webhook_id, id FROM webhook_deliveries
        WHERE organization_id = $1 AND webhook_id = $2 AND due_at IS NOT NULL AND due_at <= $3
        ORDER BY due_at LIMIT $5 FOR UPDATE SKIP LOCKED)
     RETURNING id, body, attempts, created_at";
pub(super) const SETTLE: &str =
    "UPDATE webhook_deliveries SET status = $5, failure = $6, tried_at = $7, due_at = $8,
       body = CASE WHEN $9 THEN '' ELSE body END
     WHERE organization_id = $1 AND webhook_id = $2 AND id = $3 AND attempts = $4
       AND due_at IS NOT NULL";
pub(super) const DELIVERIES: &str =
    "SELECT id, event, attempts, status, failure, created_at, tried_at, due_at
     FROM webhook_deliveries WHERE organization_id = $1 AND webhook_id = $2 AND id < $3
     ORDER BY id DESC LIMIT $4";
/// How far it is counted.
pub(super) const MEASURE: &str = "SELECT
    (SELECT count(*) FROM
      (SELECT 1 FROM webhook_deliveries WHERE due_at IS NOT NULL LIMIT $1) AS some),
    (SELECT min(due_at) FROM webhook_deliveries WHERE due_at IS NOT NULL)";
/// Webhooks for which more than so many wait, and how many do.
pub(super) const OVERFULL: &str =
    "SELECT organization_id, webhook_id, count(*) AS waiting FROM webhook_deliveries
     WHERE due_at IS NOT NULL GROUP BY organization_id, webhook_id HAVING count(*) > $1";
/// Organization, webhook, rows, why.
pub(super) const GIVE_UP_OLDEST: &str =
    "UPDATE webhook_deliveries SET due_at = NULL, failure = $4, body = ''
     WHERE (organization_id, webhook_id, id) IN
       (SELECT organization_id, webhook_id, id FROM webhook_deliveries
        WHERE organization_id = $1 AND webhook_id = $2 AND due_at IS NOT NULL
        ORDER BY id LIMIT $3)";
pub(super) const DELETE_OLD_DELIVERIES: &str =
    "DELETE FROM webhook_deliveries WHERE created_at < $1";
