//! [`Error`] ⇄ `google.rpc.Status`.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::{Error, Field, Reason};

const DOMAIN: &str = "onethread";

/// What lies behind the error stays here: a status goes to the caller.
impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let mut details = ErrorDetails::new();
        details.set_error_info(error.reason.upper(), DOMAIN, HashMap::new());
        if !error.fields.is_empty() {
            let fields = error.fields.into_iter();
            details.set_bad_request(
                fields.map(|f| FieldViolation::new(f.pointer, f.detail)).collect::<Vec<_>>(),
            );
        }
        if let Some(after) = error.retry_after {
            details.set_retry_info(Some(after));
        }
        Status::with_error_details(error.reason.code(), error.detail, details)
    }
}

/// A status of one of our own services keeps its reason; any other is told by its code.
impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let ours = details.error_info().filter(|info| info.domain == DOMAIN);
        let reason = ours.and_then(|info| Reason::from_upper(&info.reason));
        let mut error = match reason {
            Some(reason) => Self::new(reason).because(status.message()),
            None => Self::new(by_code(status.code())),
        };
        if let Some(bad) = details.bad_request() {
            let fields = bad.field_violations.iter();
            error.fields = fields.map(|f| Field::new(&f.field, &f.description)).collect();
        }
        error.retry_after = match details.retry_info().and_then(|info| info.retry_delay) {
            None if error.reason.http() == 503 => Some(Duration::from_secs(1)),
            said => said,
        };
        // A reason of ours was logged where it arose; a foreign failure is first seen here.
        if reason.is_none() { error.caused_by(status) } else { error }
    }
}

fn by_code(code: Code) -> Reason {
    match code {
        Code::InvalidArgument => Reason::InvalidArgument,
        Code::NotFound => Reason::NotFound,
        Code::Unauthenticated => Reason::SessionEnded,
        Code::ResourceExhausted => Reason::RateLimited,
        // tonic answers CANCELLED when its own deadline passes.
        Code::DeadlineExceeded | Code::Cancelled => Reason::DeadlineExceeded,
        Code::Unavailable => Reason::Unavailable,
        _ => Reason::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_wire() {
        let sent = Error::invalid("/user/user_id", "is too long")
            .retry_after(Duration::from_secs(3))
            .because("No.");
        let got = Error::from(Status::from(sent));
        assert_eq!(got.reason, Reason::InvalidArgument);
        assert_eq!(got.detail, "No.");
        assert_eq!(got.fields, [Field::new("/user/user_id", "is too long")]);
        assert_eq!(got.retry_after, Some(Duration::from_secs(3)));
    }

    #[test]
    fn every_reason_survives_the_wire() {
        for reason in Reason::ALL {
            assert_eq!(Error::from(Status::from(Error::new(*reason))).reason, *reason);
        }
    }

    #[test]
    fn what_lies_behind_an_error_is_not_sent() {
        let status = Status::from(Error::internal("password=hunter2"));
        assert!(!format!("{status:?}").contains("hunter2"));
    }
}
