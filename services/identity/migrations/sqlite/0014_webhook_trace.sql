-- The trace of what caused an event, so that its delivery is part of it. NULL without one.
ALTER TABLE webhook_facts ADD COLUMN traceparent TEXT;
ALTER TABLE webhook_deliveries ADD COLUMN traceparent TEXT;
