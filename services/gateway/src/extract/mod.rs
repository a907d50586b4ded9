//! What handlers take from a request: a JSON body, the query, an id in the path. Each refusal is
//! a problem with a pointer.

mod body;
mod path;
mod query;

pub(crate) use body::{Body, media_type};
pub(crate) use path::PathId;
pub(crate) use query::{Paging, Params, cut_limit, limit_parameter, seq, seq_parameter};
