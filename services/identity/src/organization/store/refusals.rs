//! Counts of failed verifications, by application and hour. Those that a reporting policy only
//! reports are counted, too.

use std::collections::HashMap;

use onethread_core::{ApplicationId, OrganizationId, Timestamp};
use onethread_db::{Connection, Result, Time};
use uuid::Uuid;

const COUNT: &str = "INSERT INTO refusals AS r (organization_id, application_id, hour, count)
     VALUES ($1, $2, $3, 1)
     ON CONFLICT (organization_id, application_id, hour) DO UPDATE SET count = r.count + 1";
const LIST: &str = "SELECT application_id, hour, count FROM refusals
     WHERE organization_id = $1 AND application_id >= $2 AND application_id <= $3 AND hour >= $4
     ORDER BY application_id, hour DESC";

const MICROSECONDS_PER_HOUR: i64 = 3_600_000_000;

/// Failed verifications of one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RefusedHour {
    /// When the hour begins.
    pub(crate) hour: Timestamp,
    pub(crate) count: i64,
}

/// Counts a failed verification.
pub(crate) async fn count(
    conn: &mut Connection,
    organization: OrganizationId,
    application: ApplicationId,
    now: Timestamp,
) -> Result<()> {
    let count = conn.query(COUNT).bind(organization.0).bind(application.0);
    count.bind(Time(hour_of(now))).execute().await?;
    Ok(())
}

/// Failed verifications at the applications from the first to the last, inclusive, by hour, newest
/// first. Hours without any are omitted.
pub(crate) async fn list(
    conn: &mut Connection,
    organization: OrganizationId,
    (first, last): (ApplicationId, ApplicationId),
    since: Timestamp,
) -> Result<HashMap<ApplicationId, Vec<RefusedHour>>> {
    let query = conn.query(LIST).bind(organization.0).bind(first.0).bind(last.0);
    let rows = query.bind(Time(hour_of(since))).all::<(Uuid, Time, i64)>().await?;
    let mut refusals: HashMap<_, Vec<_>> = HashMap::new();
    for (application, hour, count) in rows {
        let hour = RefusedHour { hour: hour.into(), count };
        refusals.entry(ApplicationId(application)).or_default().push(hour);
    }
    Ok(refusals)
}

/// When the hour of this time begins.
fn hour_of(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(time.micros() - time.micros().rem_euclid(MICROSECONDS_PER_HOUR))
}
