//! Comparing rows with contacts in the database, so that a contact that no row changes is not read.

use onethread_core::OrganizationId;
use onethread_db::{Connection, Error, Json, Result, Sql};

use super::rows::{STATEMENT_ROWS, bind_array};
use crate::import::domain::{
    comparison::{BatchRow, Comparison, spread_differences},
    row::RowValues,
};

// Of the rows, numbered from 0, those whose user id exists, and whether the contact has all their
// values. PostgreSQL looks up each on its own, even if there were few contacts when the statement
// was planned.
const COMPARE: Sql = Sql::dialects(
    "SELECT i.key, (c.listed
         AND coalesce(i.value->>'email' = c.email, i.value->>'email' IS NULL)
         AND coalesce(i.value->>'name' = c.name, i.value->>'name' IS NULL)
         AND coalesce(i.value->>'phone' = c.phone, i.value->>'phone' IS NULL)
         AND coalesce(i.value->>'company' = c.company, i.value->>'company' IS NULL)
         AND NOT EXISTS (SELECT 1 FROM json_each(i.value->'custom') s
           LEFT JOIN json_each(c.custom) h ON h.key = s.key
           WHERE (h.type, h.value) IS NOT (s.type, s.value))
         AND NOT EXISTS (SELECT 1 FROM json_each(i.value->'tags') s
           WHERE s.value NOT IN (SELECT h.value FROM json_each(c.tags) h)))
     FROM json_each($2) i CROSS JOIN contacts c
     WHERE c.organization_id = $1 AND c.user_id = i.value->>'user_id'",
    "SELECT i.n - 1, c.same
     FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[],
       $8::jsonb[]) WITH ORDINALITY AS i(user_id, email, name, phone, company, custom, tags, n)
     CROSS JOIN LATERAL (SELECT c.listed
         AND coalesce(i.email = c.email, i.email IS NULL)
         AND coalesce(i.name = c.name, i.name IS NULL)
         AND coalesce(i.phone = c.phone, i.phone IS NULL)
         AND coalesce(i.company = c.company, i.company IS NULL)
         AND c.custom @> i.custom AND c.tags @> i.tags AS same
       FROM contacts c WHERE c.organization_id = $1 AND c.user_id = i.user_id OFFSET 0) c",
);

/// Compares each of the rows.
pub(crate) async fn compare(
    conn: &mut Connection,
    organization: OrganizationId,
    rows: &[BatchRow<'_>],
) -> Result<Vec<Comparison>> {
    let mut comparisons = vec![Comparison::NotCompared; rows.len()];
    let parts = rows.chunks(STATEMENT_ROWS).zip(comparisons.chunks_mut(STATEMENT_ROWS));
    for (rows, comparisons) in parts {
        let values = rows.iter().enumerate();
        let values = values.filter_map(|(index, row)| Some((index, row.as_ref().ok()?.values()?)));
        let (indexes, values): (Vec<usize>, Vec<RowValues<'_>>) = values.unzip();
        if values.is_empty() {
            continue;
        }
        for &index in &indexes {
            comparisons[index] = Comparison::NoContact;
        }
        for (number, is_same) in compare_values(conn, organization, &values).await? {
            let index = usize::try_from(number).ok().and_then(|number| indexes.get(number));
            let index = *index.ok_or(Error::Corrupt("number of a compared row"))?;
            comparisons[index] = if is_same { Comparison::Same } else { Comparison::Different };
        }
    }
    spread_differences(rows, &mut comparisons);
    Ok(comparisons)
}

async fn compare_values(
    conn: &mut Connection,
    organization: OrganizationId,
    values: &[RowValues<'_>],
) -> Result<Vec<(i64, bool)>> {
    let is_postgres = conn.is_postgres();
    let compare = conn.query(COMPARE).bind(organization.0);
    if !is_postgres {
        return compare.bind(Json(values)).all().await;
    }
    let compare = bind_array(compare, values.iter().map(|row| row.user_id));
    let compare = bind_array(compare, values.iter().map(|row| row.email));
    let compare = bind_array(compare, values.iter().map(|row| row.name));
    let compare = bind_array(compare, values.iter().map(|row| row.phone));
    let compare = bind_array(compare, values.iter().map(|row| row.company));
    let compare = bind_array(compare, values.iter().map(|row| Json(&row.custom)));
    bind_array(compare, values.iter().map(|row| Json(row.tags))).all().await
}
