-- A contact's one thread. The row comes with the first message, in the same transaction.
-- status: 1 open, 2 closed. author_kind: 1 contact, 2 agent. kind: 1 text, 2 note.
CREATE TABLE conversations (
    organization_id UUID NOT NULL,
    id UUID NOT NULL,
    status BIGINT NOT NULL,
    assignee_id UUID,
    last_seq BIGINT NOT NULL,
    last_public_seq BIGINT NOT NULL,
    contact_read_seq BIGINT NOT NULL,
    contact_unread BIGINT NOT NULL,
    agent_read_seq BIGINT NOT NULL,
    agent_unread BIGINT NOT NULL,
    contact_wrote BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (organization_id, id)
);
CREATE INDEX conversations_activity ON conversations (organization_id, status, updated_at, id);

CREATE TABLE messages (
    organization_id UUID NOT NULL,
    conversation_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    id UUID NOT NULL,
    client_message_id UUID,
    author_kind BIGINT NOT NULL,
    author_id UUID NOT NULL,
    kind BIGINT NOT NULL,
    body TEXT NOT NULL,
    prev_public_seq BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (organization_id, conversation_id, seq)
);
CREATE UNIQUE INDEX messages_sent_once
    ON messages (organization_id, conversation_id, author_kind, author_id, client_message_id);

CREATE TABLE outbox (
    organization_id UUID NOT NULL,
    id UUID NOT NULL,
    topic TEXT NOT NULL,
    payload TEXT NOT NULL,
    traceparent TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (organization_id, id)
);
CREATE INDEX outbox_due ON outbox (due_at);
