//! The table of errors: each reason with its gRPC code, HTTP status and texts.

use tonic::Code;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $info:literal $slug:literal $code:ident $http:literal $title:literal $detail:literal;)*) => {
        /// Why a call failed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// All reasons.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Returns the `reason` of the gRPC `ErrorInfo`.
            pub fn error_info_reason(self) -> &'static str {
                match self { $(Self::$name => $info,)* }
            }

            /// Returns the last part of the problem's type.
            pub fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }

            /// Returns the gRPC code.
            pub fn code(self) -> Code {
                match self { $(Self::$name => Code::$code,)* }
            }

            /// Returns the HTTP status.
            pub fn http(self) -> u16 {
                match self { $(Self::$name => $http,)* }
            }

            /// Returns the problem's title.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// Returns the text for errors without a more specific one.
            pub fn default_detail(self) -> &'static str {
                match self { $(Self::$name => $detail,)* }
            }
        }
    };
}

reasons! {
    /// A value is invalid; the fields say which.
    InvalidArgument "INVALID_ARGUMENT" "invalid-argument" InvalidArgument 400
        "Invalid value" "Fix the fields that `errors` names.";
    /// The body is not JSON.
    MalformedJson "MALFORMED_JSON" "malformed-json" InvalidArgument 400
        "The body is not valid JSON" "The body could not be read as JSON. Check its syntax and encoding.";
    /// The organization, the application or its secret is unknown. Which one isn't revealed.
    UnknownApplication "UNKNOWN_APPLICATION" "unknown-application" Unauthenticated 401
        "Unknown application" "The organization, the application or its secret is wrong. Copy the snippet from the settings again.";
    /// The organization, the email or the password is wrong. Which one isn't revealed.
    LoginRefused "LOGIN_REFUSED" "login-refused" Unauthenticated 401
        "Login failed" "The organization, the email or the password is wrong.";
    /// The invitation is unknown, used or expired. Which one isn't revealed.
    InvitationRefused "INVITATION_REFUSED" "invitation-refused" Unauthenticated 401
        "Invalid invitation" "The invitation is unknown, used or expired. Ask an owner for a new one.";
    /// The credential is missing, unknown, expired or revoked.
    SessionEnded "SESSION_ENDED" "session-ended" Unauthenticated 401
        "No active session" "The token is missing, unknown, expired or revoked. Log in again.";
    /// The page named an identity without the required proof.
    IdentityRefused "IDENTITY_REFUSED" "identity-refused" PermissionDenied 403
        "Identity not verified" "The proof of the user id is missing or wrong. The session in this answer is an empty chat.";
    /// The caller is authenticated but doesn't have the permission.
    Forbidden "FORBIDDEN" "forbidden" PermissionDenied 403
        "Not allowed" "This credential has no permission for this call.";
    /// The application doesn't allow pages of this origin.
    OriginRefused "ORIGIN_REFUSED" "origin-refused" PermissionDenied 403
        "Origin not allowed" "The application doesn't allow pages of this origin. Add it to the application's origins.";
    /// The application requires its pre-chat form before the first message.
    PreChatRequired "PRE_CHAT_REQUIRED" "pre-chat-required" FailedPrecondition 403
        "Pre-chat form required" "Submit the pre-chat form before the first message.";
    /// An agent has blocked the contact.
    Blocked "BLOCKED" "blocked" PermissionDenied 403
        "Blocked" "An agent has blocked this contact or address.";
    /// It doesn't exist in this organization. Whether it exists elsewhere isn't revealed.
    NotFound "NOT_FOUND" "not-found" NotFound 404
        "Not found" "It doesn't exist, or it was deleted.";
    /// The route exists, but not with this method.
    MethodNotAllowed "METHOD_NOT_ALLOWED" "method-not-allowed" Unimplemented 405
        "Method not allowed" "This path has other methods: see Allow.";
    /// A state doesn't allow the call. Only for statuses of others than our services.
    FailedPrecondition "FAILED_PRECONDITION" "failed-precondition" FailedPrecondition 409
        "Not possible now" "The current state doesn't allow this call.";
    /// It exists already. Only for statuses of others than our services.
    AlreadyExists "ALREADY_EXISTS" "already-exists" AlreadyExists 409
        "Already exists" "It exists already.";
    /// The client message id was used for another message.
    MessageIdReused "MESSAGE_ID_REUSED" "message-id-reused" AlreadyExists 409
        "Message id already used" "The clientMessageId was already used for a different message. Use a new one.";
    /// The idempotency key was used for another upload.
    IdempotencyKeyReused "IDEMPOTENCY_KEY_REUSED" "idempotency-key-reused" AlreadyExists 409
        "Idempotency key already used" "The Idempotency-Key was already used for a different body. Use a new one.";
    /// The import's state doesn't allow this.
    ImportState "IMPORT_STATE" "import-state" FailedPrecondition 409
        "Wrong import state" "The import's current state doesn't allow this. Read the import again.";
    /// The caller is an identified contact, and only visitors may do this.
    NotAVisitor "NOT_A_VISITOR" "not-a-visitor" FailedPrecondition 409
        "Already identified" "Only visitors submit the pre-chat form, and this contact is identified.";
    /// The contact's user id already has a claim.
    ClaimExists "CLAIM_EXISTS" "claim-exists" AlreadyExists 409
        "Already claimed" "The contact's user id is claimed. An owner can reset the claim.";
    /// The contact has no user id, which a claim needs.
    NoUserId "NO_USER_ID" "no-user-id" FailedPrecondition 409
        "No user id" "The contact has no user id to claim.";
    /// Both contacts have a user id, so they can't be merged.
    TwoUserIds "TWO_USER_IDS" "two-user-ids" FailedPrecondition 409
        "Two user ids" "Both contacts have a user id, so they are two people and can't be merged.";
    /// The number of active keys has reached its limit.
    TooManyKeys "TOO_MANY_KEYS" "too-many-keys" FailedPrecondition 409
        "Too many keys" "The organization has two identity keys. Revoke one first.";
    /// An organization with this name exists.
    OrganizationExists "ORGANIZATION_EXISTS" "organization-exists" AlreadyExists 409
        "Organization exists" "An organization with this name exists. Choose another name.";
    /// The organization has an agent with this email.
    AgentExists "AGENT_EXISTS" "agent-exists" AlreadyExists 409
        "Agent exists" "The organization has an agent with this email address.";
    /// The organization would be left without an owner.
    LastOwner "LAST_OWNER" "last-owner" FailedPrecondition 409
        "Last owner" "This is the last owner. Make another agent an owner first.";
    /// The organization has an application with this number.
    ApplicationExists "APPLICATION_EXISTS" "application-exists" AlreadyExists 409
        "Application exists" "The organization has an application with this number. Choose another number.";
    /// The number of blocked addresses has reached its limit.
    TooManyAddresses "TOO_MANY_ADDRESSES" "too-many-addresses" FailedPrecondition 409
        "Too many addresses" "An organization can block 1,000 addresses. Unblock one first.";
    /// The number of webhooks has reached its limit.
    TooManyWebhooks "TOO_MANY_WEBHOOKS" "too-many-webhooks" FailedPrecondition 409
        "Too many webhooks" "An organization can have ten webhooks. Delete one first.";
    /// The body is larger than this call allows.
    TooLarge "TOO_LARGE" "too-large" ResourceExhausted 413
        "Body too large" "The body is larger than this call allows.";
    /// This call doesn't accept the body's content type.
    UnsupportedMediaType "UNSUPPORTED_MEDIA_TYPE" "unsupported-media-type" InvalidArgument 415
        "Unsupported content type" "Send the body with the content type that this call documents.";
    /// A rate limit was exceeded.
    RateLimited "RATE_LIMITED" "rate-limited" ResourceExhausted 429
        "Too many calls" "The rate limit is exceeded. Try again after the seconds in Retry-After.";
    /// A dependency is unavailable, or a queue is full.
    Unavailable "UNAVAILABLE" "unavailable" Unavailable 503
        "Temporarily unavailable" "A part of the server is unavailable. Try again.";
    /// A disk of the server is full.
    StorageFull "STORAGE_FULL" "storage-full" ResourceExhausted 503
        "Disk full" "A disk of the server is full. Try again when there is space.";
    /// The caller's deadline has passed.
    DeadlineExceeded "DEADLINE_EXCEEDED" "deadline-exceeded" DeadlineExceeded 503
        "Timed out" "The call took too long. Try again.";
    /// A fault of the server.
    Internal "INTERNAL" "internal" Internal 500
        "Internal error" "The server failed. Try again; if it happens again, report the traceId.";
}

impl Reason {
    /// Returns the reason with this `reason` of a gRPC `ErrorInfo`.
    pub fn from_error_info_reason(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.error_info_reason() == text)
    }

    /// Returns true for reasons that only the JSON API has, because they are about HTTP.
    pub fn is_http_only(self) -> bool {
        matches!(self, Self::MalformedJson | Self::MethodNotAllowed | Self::UnsupportedMediaType)
    }

    /// Returns the message of a gRPC status for errors without a more specific text. It differs from
    /// the JSON API's where that one names something of HTTP.
    pub fn default_message(self) -> &'static str {
        match self {
            Self::InvalidArgument => "The request is invalid.",
            Self::MessageIdReused => {
                "The client_message_id was already used for a different message. Use a new one."
            }
            Self::IdempotencyKeyReused => {
                "The request_id was already used for a different file. Use a new one."
            }
            Self::TooLarge => "The request is larger than this call allows.",
            Self::RateLimited => {
                "The rate limit is exceeded. Try again after the delay in RetryInfo."
            }
            Self::Internal => {
                "The server failed. Try again; if it happens again, report the id of the trace."
            }
            other => other.default_detail(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use onethread_proto::errors::ErrorReason;

    use super::*;

    #[test]
    fn the_names_of_a_reason_agree() {
        for reason in Reason::ALL {
            assert_eq!(reason.error_info_reason().to_lowercase().replace('_', "-"), reason.slug());
            assert_eq!(Reason::from_error_info_reason(reason.error_info_reason()), Some(*reason));
            assert!((400..600).contains(&reason.http()));
        }
    }

    #[test]
    fn the_contract_has_the_same_reasons() {
        let of_grpc = Reason::ALL.iter().filter(|reason| !reason.is_http_only());
        let names: BTreeSet<_> =
            of_grpc.map(|one| format!("ERROR_REASON_{}", one.error_info_reason())).collect();
        let numbers = (1..).map_while(|number| ErrorReason::try_from(number).ok());
        let contract: BTreeSet<_> = numbers.map(|one| one.as_str_name().to_owned()).collect();
        assert_eq!(contract, names);
    }
}
