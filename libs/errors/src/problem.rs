//! The error body of the JSON API (RFC 9457).

use serde::Serialize;

use crate::Error;

/// `application/problem+json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// `/problems/<reason>`.
    pub r#type: String,
    /// The kind of error in a few words.
    pub title: String,
    /// The HTTP status of the response.
    pub status: u16,
    /// What happened, in one sentence.
    pub detail: String,
    /// The invalid fields, if the error is about fields.
    pub errors: Vec<ProblemField>,
    /// The id of the request's trace, for a search in logs and traces; empty if there is none.
    pub trace_id: String,
}

/// An invalid field.
#[derive(Debug, Serialize)]
pub struct ProblemField {
    /// JSON pointer (RFC 6901) into the body.
    pub pointer: String,
    /// What is wrong with the field.
    pub detail: String,
}

impl Problem {
    /// Creates the response body for an error.
    pub fn new(error: &Error, trace_id: String) -> Self {
        let fields = error.fields.iter();
        Self {
            r#type: format!("/problems/{}", error.reason.slug()),
            title: error.reason.title().to_owned(),
            status: error.reason.http(),
            detail: error.detail.clone(),
            errors: fields
                .map(|field| ProblemField {
                    pointer: field.pointer.clone(),
                    detail: field.detail.clone(),
                })
                .collect(),
            trace_id,
        }
    }
}
