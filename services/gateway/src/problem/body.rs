//! The error body of the JSON API (RFC 9457).

use onethread_errors::Error;
use serde::Serialize;

use super::json_pointer;

/// `application/problem+json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Problem {
    /// `/problems/<reason>`.
    pub(crate) r#type: String,
    /// The kind of error in a few words.
    pub(crate) title: String,
    /// The HTTP status of the response.
    pub(crate) status: u16,
    /// What happened, in one sentence.
    pub(crate) detail: String,
    /// The invalid fields, if the error is about fields.
    pub(crate) errors: Vec<ProblemField>,
    /// The id of the request's trace, for a search in logs and traces; empty if there is none.
    pub(crate) trace_id: String,
}

/// An invalid field.
#[derive(Debug, Serialize)]
pub(crate) struct ProblemField {
    /// JSON pointer (RFC 6901) into the body.
    pub(crate) pointer: String,
    /// What is wrong with the field.
    pub(crate) detail: String,
}

impl Problem {
    /// Creates the response body for an error.
    pub(crate) fn new(error: &Error, trace_id: String) -> Self {
        let fields = error.fields.iter();
        Self {
            r#type: format!("/problems/{}", error.reason.slug()),
            title: error.reason.title().to_owned(),
            status: error.reason.http(),
            detail: error.detail.clone(),
            errors: fields
                .map(|field| ProblemField {
                    pointer: json_pointer(&field.path),
                    detail: field.detail.clone(),
                })
                .collect(),
            trace_id,
        }
    }
}
