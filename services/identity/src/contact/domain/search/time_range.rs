//! Days and moments that a search compares with.

use onethread_core::Timestamp;
use time::{
    Date, OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description,
};

/// A time from `start` up to, but not including, `end`: a day or one microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeRange {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

impl TimeRange {
    /// Reads an ISO date, in UTC, or an RFC 3339 time.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let day = format_description!("[year]-[month]-[day]");
        if let Ok(date) = Date::parse(text, &day) {
            let midnight = |date: Date| Timestamp::from_datetime(date.midnight().assume_utc());
            return Some(Self { start: midnight(date), end: midnight(date.next_day()?) });
        }
        let start = Timestamp::from_datetime(OffsetDateTime::parse(text, &Rfc3339).ok()?);
        Some(Self { start, end: Timestamp::from_micros(start.micros().saturating_add(1)) })
    }
}
