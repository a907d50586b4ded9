//! The names of all attributes of spans and metrics. Those of OpenTelemetry's conventions have its
//! names (version 1.45); ours begin with `onethread.`. The system tests reject every other name.
//!
//! No attribute holds personal data: no names, emails, texts, user ids, tokens, URLs of webhooks or
//! paths as they came, which contain ids of people.

macro_rules! attributes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)*) => {
        $($(#[doc = $doc])+ pub const $name: &str = $text;)*

        /// All names.
        pub const ALL: &[&str] = &[$($name,)*];
    };
}

attributes! {
    /// Why the operation failed, as a code of its protocol: a gRPC or HTTP status, an SQLSTATE.
    ERROR_TYPE = "error.type";
    /// Why the operation failed, as our reason: the `reason` of the gRPC `ErrorInfo`.
    ERROR_REASON = "onethread.error.reason";
    /// The organization that the work is for.
    ORGANIZATION_ID = "onethread.organization.id";
    /// Id of the span's trace, for the log lines in the span.
    TRACE_ID = "trace_id";

    /// HTTP method, or `_OTHER`.
    HTTP_REQUEST_METHOD = "http.request.method";
    /// Number of an attempt after the first one.
    HTTP_REQUEST_RESEND_COUNT = "http.request.resend_count";
    /// HTTP status.
    HTTP_RESPONSE_STATUS_CODE = "http.response.status_code";
    /// Template of the route.
    HTTP_ROUTE = "http.route";
    /// Scheme of the request as this process received it.
    URL_SCHEME = "url.scheme";

    /// `grpc`.
    RPC_SYSTEM_NAME = "rpc.system.name";
    /// Full name of the service, and the method. `_OTHER` for an unknown one.
    RPC_METHOD = "rpc.method";
    /// gRPC status, such as `NOT_FOUND`.
    RPC_STATUS_CODE = "rpc.status_code";
    /// Host that was called, as it is configured.
    SERVER_ADDRESS = "server.address";
    /// Its port.
    SERVER_PORT = "server.port";
    /// Address of the replica that was called.
    NETWORK_PEER_ADDRESS = "network.peer.address";
    /// Its port.
    NETWORK_PEER_PORT = "network.peer.port";

    /// `sqlite` or `postgresql`.
    DB_SYSTEM_NAME = "db.system.name";
    /// Whose database it is: `identity`, `conversation` or `contact_import`.
    DB_NAMESPACE = "db.namespace";
    /// What the database work is for, such as `contact.get`.
    DB_QUERY_SUMMARY = "db.query.summary";
    /// Number of operations in one transaction.
    DB_OPERATION_BATCH_SIZE = "db.operation.batch.size";
    /// Name of a connection pool.
    DB_POOL_NAME = "db.client.connection.pool.name";
    /// `used` or `idle`.
    DB_CONNECTION_STATE = "db.client.connection.state";

    /// What carries a message: `outbox`, `bus`, `stream`, `webhook` or `import`.
    MESSAGING_SYSTEM = "messaging.system";
    /// What is done with the message.
    MESSAGING_OPERATION_NAME = "messaging.operation.name";
    /// `process`.
    MESSAGING_OPERATION_TYPE = "messaging.operation.type";
    /// Kind of the message.
    MESSAGING_DESTINATION_NAME = "messaging.destination.name";
    /// Id of the message.
    MESSAGING_MESSAGE_ID = "messaging.message.id";
    /// Number of messages that are processed together.
    MESSAGING_BATCH_MESSAGE_COUNT = "messaging.batch.message_count";
    /// Number of this attempt, from 1.
    DELIVERY_ATTEMPT = "onethread.delivery.attempt";
    /// A webhook.
    WEBHOOK_ID = "onethread.webhook.id";

    /// An import.
    IMPORT_ID = "onethread.import.id";
    /// State of an import.
    IMPORT_STATE = "onethread.import.state";
    /// Number of a batch of imported rows.
    IMPORT_BATCH_NUMBER = "onethread.import.batch_number";

    /// Kind of a live stream: `widget` or `staff`.
    STREAM_KIND = "onethread.stream.kind";
    /// How an operation ended, of those that its metric lists.
    OUTCOME = "onethread.outcome";
    /// Who wrote a message: `contact` or `agent`.
    AUTHOR_KIND = "onethread.author.kind";
    /// Which rate limit.
    RATE_LIMIT = "onethread.rate_limit";
    /// Which service's queue or pool a process measures.
    SERVICE = "onethread.service";
}
