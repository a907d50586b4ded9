//! What the messages of every service have in common: ids, times and page sizes.

use std::str::FromStr;

use onethread_core::{PageSize, ParseIdError, Timestamp};
use onethread_errors::{Error, Result};

/// An id from its text; the error names the field.
pub fn id<T: FromStr<Err = ParseIdError>>(field: &str, text: &str) -> Result<T> {
    text.parse().map_err(|error: ParseIdError| Error::invalid(field, error.to_string()))
}

/// An id that may be left out.
pub fn optional_id<T>(field: &str, text: Option<&str>) -> Result<Option<T>>
where
    T: FromStr<Err = ParseIdError>,
{
    text.map(|text| id(field, text)).transpose()
}

/// A page size from the wire.
pub fn page_size(field: &str, wanted: i32) -> Result<PageSize> {
    PageSize::new(wanted).ok_or_else(|| Error::invalid(field, "is below 1"))
}

/// A moment for the wire.
pub fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let micros = at.micros().rem_euclid(1_000_000);
    prost_types::Timestamp {
        seconds: at.seconds(),
        nanos: i32::try_from(micros * 1000).expect("below a second"),
    }
}

/// A moment from the wire, cut to microseconds.
pub fn to_timestamp(at: &prost_types::Timestamp) -> Timestamp {
    let micros = at.seconds.saturating_mul(1_000_000).saturating_add(i64::from(at.nanos) / 1000);
    Timestamp::from_micros(micros)
}
