//! Conversion between [`Error`] and `google.rpc.Status`.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::{Error, Field, Reason};

const DOMAIN: &str = "onethread";

/// The cause is dropped, because the caller receives the status.
impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let mut details = ErrorDetails::new();
        details.set_error_info(error.reason.error_info_reason(), DOMAIN, HashMap::new());
        if !error.fields.is_empty() {
            let fields = error.fields.into_iter();
            details.set_bad_request(
                fields.map(|f| FieldViolation::new(f.path, f.detail)).collect::<Vec<_>>(),
            );
        }
        if let Some(after) = error.retry_after {
            details.set_retry_info(Some(after));
        }
        Status::with_error_details(error.reason.code(), error.detail, details)
    }
}

/// A status of our own services keeps its reason. Other statuses are mapped by their code.
impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().filter(|info| info.domain == DOMAIN);
        let reason = info.and_then(|info| Reason::from_error_info_reason(&info.reason));
        let mut error = match reason {
            Some(reason) => Self::new(reason).with_detail(status.message()),
            None => Self::new(from_code(status.code())),
        };
        if let Some(bad_request) = details.bad_request() {
            let fields = bad_request.field_violations.iter();
            error.fields = fields.map(|f| Field::new(&f.field, &f.description)).collect();
        }
        error.retry_after = match details.retry_info().and_then(|info| info.retry_delay) {
            None if error.reason.http() == 503 => Some(Duration::from_secs(1)),
            retry_after => retry_after,
        };
        // Our own services have logged their errors; others are logged by the caller.
        if reason.is_none() { error.caused_by(status) } else { error }
    }
}

fn from_code(code: Code) -> Reason {
    match code {
        Code::InvalidArgument => Reason::InvalidArgument,
        Code::NotFound => Reason::NotFound,
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
    fn every_reason_is_the_same_after_a_conversion_and_back() {
        for reason in Reason::ALL {
            assert_eq!(Error::from(Status::from(Error::new(*reason))).reason, *reason);
        }
    }

    #[test]
    fn the_cause_of_an_error_is_not_sent() {
        let status = Status::from(Error::internal("password=hunter2"));
        assert!(!format!("{status:?}").contains("hunter2"));
    }
}
