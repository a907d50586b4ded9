//! Parameters of a statement whose text is built.

use onethread_db::{Json, Statement, Time};
use uuid::Uuid;

/// A parameter of a statement.
#[derive(Debug, Clone)]
pub(super) enum Parameter {
    Text(String),
    Int(i64),
    Real(f64),
    Time(Time),
    Id(Uuid),
    Json(serde_json::Value),
}

/// Binds parameters in their order.
pub(super) fn bind_all<'c>(statement: Statement<'c>, values: &[Parameter]) -> Statement<'c> {
    values.iter().fold(statement, |statement, value| match value {
        Parameter::Text(value) => statement.bind(value),
        Parameter::Int(value) => statement.bind(value),
        Parameter::Real(value) => statement.bind(value),
        Parameter::Time(value) => statement.bind(value),
        Parameter::Id(value) => statement.bind(value),
        Parameter::Json(value) => statement.bind(Json(value)),
    })
}
