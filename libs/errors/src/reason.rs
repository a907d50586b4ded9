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
        "A value can't be taken" "See errors for the fields at fault.";
    /// The body is not JSON.
    MalformedJson "MALFORMED_JSON" "malformed-json" InvalidArgument 400
        "The body is not valid JSON" "The body could not be read as JSON.";
    /// The organization, the application or its secret is unknown. Which one isn't revealed.
    UnknownApplication "UNKNOWN_APPLICATION" "unknown-application" Unauthenticated 401
        "Unknown application" "The organization, the application or its secret is not known.";
    /// The organization, the email or the password is wrong. Which one isn't revealed.
    LoginRefused "LOGIN_REFUSED" "login-refused" Unauthenticated 401
        "Login refused" "The organization, the e-mail or the password is wrong.";
    /// The invitation is unknown, used or expired. Which one isn't revealed.
    InvitationRefused "INVITATION_REFUSED" "invitation-refused" Unauthenticated 401
        "Invitation refused" "The invitation is not known, was used, or is too old.";
    /// The credential is missing, unknown, expired or revoked.
    SessionEnded "SESSION_ENDED" "session-ended" Unauthenticated 401
        "No live session" "A token is missing, or it is unknown, expired or ended.";
    /// The page named an identity without the required proof.
    IdentityRefused "IDENTITY_REFUSED" "identity-refused" PermissionDenied 403
        "Identity refused" "The identity could not be proven.";
    /// The caller is authenticated but doesn't have the permission.
    Forbidden "FORBIDDEN" "forbidden" PermissionDenied 403
        "Not allowed" "This caller may not do that.";
    /// The application doesn't allow pages of this origin.
    OriginRefused "ORIGIN_REFUSED" "origin-refused" PermissionDenied 403
        "Origin refused" "The application takes no calls from pages of this origin.";
    /// The application requires its pre-chat form before the first message.
    PreChatRequired "PRE_CHAT_REQUIRED" "pre-chat-required" FailedPrecondition 403
        "Pre-chat form required" "The pre-chat form has to be sent before the first message.";
    /// An agent has blocked the contact.
    Blocked "BLOCKED" "blocked" PermissionDenied 403
        "Blocked" "Messages of this person are not taken.";
    /// It doesn't exist in this organization. Whether it exists elsewhere isn't revealed.
    NotFound "NOT_FOUND" "not-found" NotFound 404
        "Not found" "There is no such thing here.";
    /// The route exists, but not with this method.
    MethodNotAllowed "METHOD_NOT_ALLOWED" "method-not-allowed" Unimplemented 405
        "Method not allowed" "This address takes other methods.";
    /// The client message id was used for another message.
    MessageIdReused "MESSAGE_ID_REUSED" "message-id-reused" AlreadyExists 409
        "Message id used before" "The clientMessageId came before with another body.";
    /// The idempotency key was used for another upload.
    IdempotencyKeyReused "IDEMPOTENCY_KEY_REUSED" "idempotency-key-reused" AlreadyExists 409
        "Idempotency key used before" "The Idempotency-Key came before with another body.";
    /// The import's state doesn't allow this.
    ImportState "IMPORT_STATE" "import-state" FailedPrecondition 409
        "Import in another state" "The import is not in a state that allows this.";
    /// The caller is an identified contact, and only visitors may do this.
    NotAVisitor "NOT_A_VISITOR" "not-a-visitor" FailedPrecondition 409
        "Already identified" "Only a visitor sends the pre-chat form.";
    /// The contact's user id already has a claim.
    ClaimExists "CLAIM_EXISTS" "claim-exists" AlreadyExists 409
        "Claimed before" "The contact's user id is claimed; an owner can reset the claim.";
    /// The contact has no user id, which a claim needs.
    NoUserId "NO_USER_ID" "no-user-id" FailedPrecondition 409
        "No user id" "The contact has no user id that could be claimed.";
    /// Both contacts have a user id, so they can't be merged.
    TwoUserIds "TWO_USER_IDS" "two-user-ids" FailedPrecondition 409
        "Two user ids" "Both contacts have a user id: they are two people.";
    /// The number of active keys has reached its limit.
    TooManyKeys "TOO_MANY_KEYS" "too-many-keys" FailedPrecondition 409
        "Too many keys" "Two identity keys live; one has to end first.";
    /// An organization with this name exists.
    OrganizationExists "ORGANIZATION_EXISTS" "organization-exists" AlreadyExists 409
        "Organization exists" "There is an organization of this name.";
    /// The organization has an agent with this email.
    AgentExists "AGENT_EXISTS" "agent-exists" AlreadyExists 409
        "Agent exists" "The organization has an agent with this e-mail.";
    /// The organization would be left without an owner.
    LastOwner "LAST_OWNER" "last-owner" FailedPrecondition 409
        "Last owner" "Nobody who owns the organization would be left.";
    /// The organization has an application with this number.
    ApplicationExists "APPLICATION_EXISTS" "application-exists" AlreadyExists 409
        "Application exists" "The organization has an application of this number.";
    /// The number of blocked addresses has reached its limit.
    TooManyAddresses "TOO_MANY_ADDRESSES" "too-many-addresses" FailedPrecondition 409
        "Too many addresses" "An organization blocks at most 1,000 addresses.";
    /// The number of webhooks has reached its limit.
    TooManyWebhooks "TOO_MANY_WEBHOOKS" "too-many-webhooks" FailedPrecondition 409
        "Too many webhooks" "An organization has at most ten webhooks.";
    /// The body is larger than this call allows.
    TooLarge "TOO_LARGE" "too-large" OutOfRange 413
        "Body too large" "The body is larger than this call takes.";
    /// This call doesn't accept the body's content type.
    UnsupportedMediaType "UNSUPPORTED_MEDIA_TYPE" "unsupported-media-type" InvalidArgument 415
        "Content type not taken" "This call takes another content type.";
    /// A rate limit was exceeded.
    RateLimited "RATE_LIMITED" "rate-limited" ResourceExhausted 429
        "Too many calls" "Too many calls; Retry-After says when to go on.";
    /// A dependency is unavailable, or a queue is full.
    Unavailable "UNAVAILABLE" "unavailable" Unavailable 503
        "Not available now" "A part of the server is not available now; try again.";
    /// A disk of the server is full.
    StorageFull "STORAGE_FULL" "storage-full" ResourceExhausted 503
        "No room left" "A disk of the server is full; try again once there is room.";
    /// The caller's deadline has passed.
    DeadlineExceeded "DEADLINE_EXCEEDED" "deadline-exceeded" DeadlineExceeded 503
        "Took too long" "The answer did not come in time; try again.";
    /// A fault of the server.
    Internal "INTERNAL" "internal" Internal 500
        "Something broke" "Something broke on the server.";
}

impl Reason {
    /// Returns the reason with this `reason` of a gRPC `ErrorInfo`.
    pub fn from_error_info_reason(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.error_info_reason() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_a_reason_agree() {
        for reason in Reason::ALL {
            assert_eq!(reason.error_info_reason().to_lowercase().replace('_', "-"), reason.slug());
            assert_eq!(Reason::from_error_info_reason(reason.error_info_reason()), Some(*reason));
            assert!((400..600).contains(&reason.http()));
        }
    }
}
