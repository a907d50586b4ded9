//! The error body of the JSON API (RFC 9457).

use serde::Serialize;

use crate::Error;

/// `application/problem+json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// `/problems/<reason>`.
    pub r#type: String,
    /// The kind of failure in a few words.
    pub title: String,
    /// The HTTP status again.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// The fields at fault; none when it is no field's fault.
    pub errors: Vec<ProblemField>,
    /// The trace to look the call up by; empty when there is none.
    pub trace_id: String,
}

/// A field at fault.
#[derive(Debug, Serialize)]
pub struct ProblemField {
    /// JSON pointer (RFC 6901) into the body.
    pub pointer: String,
    /// Why.
    pub detail: String,
}

impl Problem {
    /// The answer for an error.
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
