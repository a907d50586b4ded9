//! Conversion between [`Error`] and `google.rpc.Status`.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::{Error, Field, Reason};

/// The `domain` of each `ErrorInfo`: the package of the enum `ErrorReason`, where the contract
/// documents it.
pub const DOMAIN: &str = "onethread.errors.v1";
/// Number of fields that a message names. The details have all of them.
const MAX_FIELDS_IN_MESSAGE: usize = 3;

/// The cause is dropped, because the caller receives the status.
impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let message = message(&error);
        let mut details = ErrorDetails::new();
        let metadata: HashMap<_, _> = error.metadata.into_iter().collect();
        details.set_error_info(error.reason.error_info_reason(), DOMAIN, metadata);
        if !error.fields.is_empty() {
            let fields = error.fields.into_iter();
            details.set_bad_request(
                fields.map(|f| FieldViolation::new(f.path, f.detail)).collect::<Vec<_>>(),
            );
        }
        if let Some(after) = error.retry_after {
            details.set_retry_info(Some(after));
        }
        Status::with_error_details(error.reason.code(), message, details)
    }
}

/// A status of our own services keeps its reason. Other statuses are mapped by their code.
impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().filter(|info| info.domain == DOMAIN);
        let reason = info.and_then(|info| Reason::from_error_info_reason(&info.reason));
        let mut error = Self::new(reason.unwrap_or_else(|| from_code(status.code())));
        if let Some(bad_request) = details.bad_request() {
            let fields = bad_request.field_violations.iter();
            error.fields = fields.map(|f| Field::new(&f.field, &f.description)).collect();
        }
        if let Some(info) = info {
            let metadata = info.metadata.iter();
            error.metadata = metadata.map(|(key, value)| (key.clone(), value.clone())).collect();
        }
        error.retry_after = match details.retry_info().and_then(|info| info.retry_delay) {
            None if error.reason.http() == 503 => Some(Duration::from_secs(1)),
            retry_after => retry_after,
        };
        // Our own services have logged their errors; others are logged by the caller.
        match reason {
            None => error.caused_by(status),
            // A message that was made from the table stands for the table's text.
            Some(_) if status.message() == message(&error) => error,
            Some(_) => error.with_detail(status.message()),
        }
    }
}

/// The message for a caller of gRPC. If the error only says that fields are invalid, it names them:
/// `page_size must be positive, or 0 for the default.`
fn message(error: &Error) -> String {
    if error.detail != error.reason.default_detail() {
        return error.detail.clone();
    }
    if error.reason != Reason::InvalidArgument || error.fields.is_empty() {
        return error.reason.default_message().to_owned();
    }
    let named = error.fields.iter().take(MAX_FIELDS_IN_MESSAGE).map(|field| {
        let path = if field.path.is_empty() { "the request" } else { &field.path };
        format!("{path} {}", field.detail)
    });
    let mut message = named.collect::<Vec<_>>().join("; ");
    match error.fields.len().saturating_sub(MAX_FIELDS_IN_MESSAGE) {
        0 => message.push('.'),
        more => message.push_str(&format!("; and {more} more.")),
    }
    message
}

fn from_code(code: Code) -> Reason {
    match code {
        Code::InvalidArgument | Code::OutOfRange => Reason::InvalidArgument,
        Code::NotFound => Reason::NotFound,
        Code::AlreadyExists => Reason::AlreadyExists,
        Code::FailedPrecondition => Reason::FailedPrecondition,
        Code::PermissionDenied => Reason::Forbidden,
        Code::Unauthenticated => Reason::SessionEnded,
        Code::ResourceExhausted => Reason::RateLimited,
        // tonic returns CANCELLED when its own deadline passes.
        Code::DeadlineExceeded | Code::Cancelled => Reason::DeadlineExceeded,
        Code::Unavailable => Reason::Unavailable,
        _ => Reason::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVALID: &str = "Fix the fields that `errors` names.";

    #[test]
    fn an_error_is_the_same_after_a_conversion_to_a_status_and_back() {
        let error = Error::invalid("user.user_id", "is too long")
            .retry_after(Duration::from_secs(3))
            .with_detail("No.");
        let error = Error::from(Status::from(error));
        assert_eq!(error.reason, Reason::InvalidArgument);
        assert_eq!(error.detail, "No.");
        assert_eq!(error.fields, [Field::new("user.user_id", "is too long")]);
        assert_eq!(error.retry_after, Some(Duration::from_secs(3)));
    }

    #[test]
    fn a_message_names_the_invalid_fields_and_the_detail_stays() {
        let field = |path: &str, detail: &str| Field::new(path, detail);
        let many = ["a", "b", "c", "d", "e"].map(|path| field(path, "is missing"));
        for (fields, message) in [
            (vec![field("page_size", "must be positive")], "page_size must be positive."),
            (
                vec![field("text", "is empty"), field("", "has no author")],
                "text is empty; the request has no author.",
            ),
            (many.to_vec(), "a is missing; b is missing; c is missing; and 2 more."),
            (vec![], "The request is invalid."),
        ] {
            let status = Status::from(Error::invalid_fields(fields.clone()));
            assert_eq!(status.message(), message);
            let error = Error::from(status);
            assert_eq!((error.fields, error.detail.as_str()), (fields, INVALID));
        }
    }

    #[test]
    fn an_error_has_the_domain_of_the_contract_and_its_metadata() {
        let error = Error::new(Reason::TooManyKeys).with_metadata("limit", 2);
        let status = Status::from(error);
        let info = status.get_details_error_info().unwrap();
        assert_eq!((info.domain.as_str(), info.metadata["limit"].as_str()), (DOMAIN, "2"));
        assert_eq!(Error::from(status).metadata["limit"], "2");
    }

    #[test]
    fn a_foreign_status_is_mapped_by_its_code() {
        for (code, http) in [
            (Code::InvalidArgument, 400),
            (Code::OutOfRange, 400),
            (Code::Unauthenticated, 401),
            (Code::PermissionDenied, 403),
            (Code::NotFound, 404),
            (Code::AlreadyExists, 409),
            (Code::FailedPrecondition, 409),
            (Code::ResourceExhausted, 429),
            (Code::Unknown, 500),
            (Code::Unavailable, 503),
        ] {
            let error = Error::from(Status::new(code, "a proxy's own words"));
            assert_eq!(error.reason.http(), http, "{code}");
            assert_eq!(error.detail, error.reason.default_detail());
        }
    }

    #[test]
    fn every_reason_is_the_same_after_a_conversion_and_back() {
        for reason in Reason::ALL {
            let error = Error::from(Status::from(Error::new(*reason)));
            assert_eq!((error.reason, &*error.detail), (*reason, reason.default_detail()));
        }
    }

    #[test]
    fn the_cause_of_an_error_is_not_sent() {
        let status = Status::from(Error::internal("password=hunter2"));
        assert!(!format!("{status:?}").contains("hunter2"));
    }
}
