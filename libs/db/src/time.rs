//! Timestamps in columns: `timestamptz` on PostgreSQL and microseconds in a `BIGINT` on SQLite,
//! because SQLite's timestamps are texts that don't sort by time.

use onethread_core::Timestamp;
use sqlx::{
    Decode, Encode, Postgres, Sqlite, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef},
    sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef},
};
use time::OffsetDateTime;

/// Start of year 1, in microseconds since 1970. PostgreSQL can store it.
const MIN_MICROS: i64 = -62_135_596_800_000_000;
/// End of year 9999, in microseconds since 1970. PostgreSQL can store it.
const MAX_MICROS: i64 = 253_402_300_799_999_999;

/// A [`Timestamp`] as a parameter or column. PostgreSQL stores timestamps outside the years 1 to
/// 9999 as the nearest one inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub Timestamp);

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl From<Time> for Timestamp {
    fn from(at: Time) -> Self {
        at.0
    }
}

impl Type<Postgres> for Time {
    fn type_info() -> PgTypeInfo {
        <OffsetDateTime as Type<Postgres>>::type_info()
    }
}

impl PgHasArrayType for Time {
    fn array_type_info() -> PgTypeInfo {
        OffsetDateTime::array_type_info()
    }
}

impl Encode<'_, Postgres> for Time {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        // Clients can send any number, and not all of them are dates.
        let micros = self.0.micros().clamp(MIN_MICROS, MAX_MICROS);
        let at = Timestamp::from_micros(micros).to_datetime().ok_or("not a date")?;
        <OffsetDateTime as Encode<Postgres>>::encode_by_ref(&at, buffer)
    }
}

impl<'r> Decode<'r, Postgres> for Time {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        let at = <OffsetDateTime as Decode<Postgres>>::decode(value)?;
        Ok(Self(Timestamp::from_datetime(at)))
    }
}

impl Type<Sqlite> for Time {
    fn type_info() -> SqliteTypeInfo {
        <i64 as Type<Sqlite>>::type_info()
    }

    fn compatible(ty: &SqliteTypeInfo) -> bool {
        <i64 as Type<Sqlite>>::compatible(ty)
    }
}

impl Encode<'_, Sqlite> for Time {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        <i64 as Encode<Sqlite>>::encode_by_ref(&self.0.micros(), buffer)
    }
}

impl<'r> Decode<'r, Sqlite> for Time {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        let micros = <i64 as Decode<Sqlite>>::decode(value)?;
        Ok(Self(Timestamp::from_micros(micros)))
    }
}
