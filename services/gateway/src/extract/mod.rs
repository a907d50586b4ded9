//! What handlers take from a request: a JSON body, the query, an id in the path. Each rejection
//! is a problem with pointers.

mod body;
mod faults;
mod large_numbers;
mod path;
mod query;
mod values;

pub(crate) use body::{Body, BodyMemory, media_type};
pub(crate) use faults::{Faults, both, by_rule, flattened};
pub(crate) use large_numbers::{to_digit_text, to_digits};
pub(crate) use path::PathId;
pub(crate) use query::{NO_SEQUENCE_NUMBER, PageLimit, Paging, Query, SequenceText, cut_limit};
pub(crate) use values::{Assignee, Given, Lenient, Member, Named, NonEmpty, SequenceNumber};
