//! The table: each reason with its gRPC code, HTTP status and words.

use tonic::Code;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $upper:literal $slug:literal $code:ident $http:literal $title:literal $sentence:literal;)*) => {
        /// Why something was refused or failed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// `ErrorInfo.reason`.
            pub fn upper(self) -> &'static str {
                match self { $(Self::$name => $upper,)* }
            }

            /// The last part of a problem's type.
            pub fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }

            /// The gRPC code.
            pub fn code(self) -> Code {
                match self { $(Self::$name => Code::$code,)* }
            }

            /// The HTTP status.
            pub fn http(self) -> u16 {
                match self { $(Self::$name => $http,)* }
            }

            /// The problem's title.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What is said where nothing more is known.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }
        }
    };
}

reasons! {
    /// A value can't be taken; the fields say which.
    InvalidArgument "INVALID_ARGUMENT" "invalid-argument" InvalidArgument 400
        "A value can't be taken" "See errors for the fields at fault.";
    /// The body is not JSON.
    MalformedJson "MALFORMED_JSON" "malformed-json" InvalidArgument 400
        "The body is not valid JSON" "The body could not be read as JSON.";
    /// Organization, application or secret is unknown: which one is not told.
    UnknownApplication "UNKNOWN_APPLICATION" "unknown-application" Unauthenticated 401
        "Unknown application" "The organization, the application or its secret is not known.";
    /// Organization, e-mail or password is wrong: which one is not told.
    LoginRefused "LOGIN_REFUSED" "login-refused" Unauthenticated 401
        "Login refused" "The organization, the e-mail or the password is wrong.";
    /// The invitation is unknown, used or too old: which one is not told.
    InvitationRefused "INVITATION_REFUSED" "invitation-refused" Unauthenticated 401
        "Invitation refused" "The invitation is not known, was used, or is too old.";
    /// No credential, or one that no longer counts.
    SessionEnded "SESSION_ENDED" "session-ended" Unauthenticated 401
        "No live session" "A token is missing, or it is unknown, expired or ended.";
    /// The page named an identity without the proof it needs.
    IdentityRefused "IDENTITY_REFUSED" "identity-refused" PermissionDenied 403
        "Identity refused" "The identity could not be proven.";
    /// The caller is somebody, but not somebody who may do this.
    Forbidden "FORBIDDEN" "forbidden" PermissionDenied 403
        "Not allowed" "This caller may not do that.";
    /// The application does not take calls from pages of this origin.
    OriginRefused "ORIGIN_REFUSED" "origin-refused" PermissionDenied 403
        "Origin refused" "The application takes no calls from pages of this origin.";
    /// The pre-chat form comes before the first message.
    PreChatRequired "PRE_CHAT_REQUIRED" "pre-chat-required" FailedPrecondition 403
        "Pre-chat form required" "The pre-chat form has to be sent before the first message.";
    /// An agent has blocked the person.
    Blocked "BLOCKED" "blocked" PermissionDenied 403
        "Blocked" "Messages of this person are not taken.";
    /// No such thing in this organization, or none at all: which is not told.
    NotFound "NOT_FOUND" "not-found" NotFound 404
        "Not found" "There is no such thing here.";
    /// The route exists, the method doesn't.
    MethodNotAllowed "METHOD_NOT_ALLOWED" "method-not-allowed" Unimplemented 405
        "Method not allowed" "This address takes other methods.";
    /// The client message id stands for another message.
    MessageIdReused "MESSAGE_ID_REUSED" "message-id-reused" AlreadyExists 409
        "Message id used before" "The clientMessageId came before with another body.";
    /// The idempotency key stands for another upload.
    IdempotencyKeyReused "IDEMPOTENCY_KEY_REUSED" "idempotency-key-reused" AlreadyExists 409
        "Idempotency key used before" "The Idempotency-Key came before with another body.";
    /// The import isn't in a state that allows this.
    ImportState "IMPORT_STATE" "import-state" FailedPrecondition 409
        "Import in another state" "The import is not in a state that allows this.";
    /// A contact is logged in where a visitor is needed.
    NotAVisitor "NOT_A_VISITOR" "not-a-visitor" FailedPrecondition 409
        "Already identified" "Only a visitor sends the pre-chat form.";
    /// The contact's user id is claimed.
    ClaimExists "CLAIM_EXISTS" "claim-exists" AlreadyExists 409
        "Claimed before" "The contact's user id is claimed; an owner can reset the claim.";
    /// A claim needs a user id.
    NoUserId "NO_USER_ID" "no-user-id" FailedPrecondition 409
        "No user id" "The contact has no user id that could be claimed.";
    /// Two user ids are two people.
    TwoUserIds "TWO_USER_IDS" "two-user-ids" FailedPrecondition 409
        "Two user ids" "Both contacts have a user id: they are two people.";
    /// As many keys live as may.
    TooManyKeys "TOO_MANY_KEYS" "too-many-keys" FailedPrecondition 409
        "Too many keys" "Two identity keys live; one has to end first.";
    /// An organization of this name is there.
    OrganizationExists "ORGANIZATION_EXISTS" "organization-exists" AlreadyExists 409
        "Organization exists" "There is an organization of this name.";
    /// The organization has an agent with this e-mail.
    AgentExists "AGENT_EXISTS" "agent-exists" AlreadyExists 409
        "Agent exists" "The organization has an agent with this e-mail.";
    /// Nobody who owns the organization would be left.
    LastOwner "LAST_OWNER" "last-owner" FailedPrecondition 409
        "Last owner" "Nobody who owns the organization would be left.";
    /// The organization has an application of this number.
    ApplicationExists "APPLICATION_EXISTS" "application-exists" AlreadyExists 409
        "Application exists" "The organization has an application of this number.";
    /// There are as many blocked addresses as there may be.
    TooManyAddresses "TOO_MANY_ADDRESSES" "too-many-addresses" FailedPrecondition 409
        "Too many addresses" "An organization blocks at most 1,000 addresses.";
    /// There are as many webhooks as there may be.
    TooManyWebhooks "TOO_MANY_WEBHOOKS" "too-many-webhooks" FailedPrecondition 409
        "Too many webhooks" "An organization has at most ten webhooks.";
    /// The body is longer than this call takes.
    TooLarge "TOO_LARGE" "too-large" OutOfRange 413
        "Body too large" "The body is larger than this call takes.";
    /// The body's content type is not the one this call takes.
    UnsupportedMediaType "UNSUPPORTED_MEDIA_TYPE" "unsupported-media-type" InvalidArgument 415
        "Content type not taken" "This call takes another content type.";
    /// Too many calls.
    RateLimited "RATE_LIMITED" "rate-limited" ResourceExhausted 429
        "Too many calls" "Too many calls; Retry-After says when to go on.";
    /// Something needed is away, or a queue is full.
    Unavailable "UNAVAILABLE" "unavailable" Unavailable 503
        "Not available now" "A part of the server is not available now; try again.";
    /// A disk of the server has no room left.
    StorageFull "STORAGE_FULL" "storage-full" ResourceExhausted 503
        "No room left" "A disk of the server is full; try again once there is room.";
    /// The caller's deadline passed first.
    DeadlineExceeded "DEADLINE_EXCEEDED" "deadline-exceeded" DeadlineExceeded 503
        "Took too long" "The answer did not come in time; try again.";
    /// Something broke.
    Internal "INTERNAL" "internal" Internal 500
        "Something broke" "Something broke on the server.";
}

impl Reason {
    /// The reason with this `ErrorInfo.reason`.
    pub fn from_upper(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.upper() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spellings_of_a_reason_agree() {
        for reason in Reason::ALL {
            assert_eq!(reason.upper().to_lowercase().replace('_', "-"), reason.slug());
            assert_eq!(Reason::from_upper(reason.upper()), Some(*reason));
            assert!((400..600).contains(&reason.http()));
        }
    }
}
