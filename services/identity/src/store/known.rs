//! Whom of a batch's rows the database knows, and whether they say anything new: it compares by
//! itself, so that nobody is read whom no row changes.

use std::collections::HashSet;

use onethread_core::OrganizationId;
use onethread_db::{Conn, Error, Json, Result};
use sqlx::query_as;

use super::{batch_rows::PART, sql};
use crate::domain::import::{CheckedRow, RowKey, RowOutcome, Said};

/// What the database says of the one whom a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It was not asked.
    Unasked,
    /// There is nobody of this user id.
    Not,
    /// The row, and each other of this user id, is nothing new.
    Same,
    /// Something differs.
    Otherwise,
}

impl Known {
    /// True when the contact has to be looked at.
    pub(super) fn is_open(self) -> bool {
        matches!(self, Self::Unasked | Self::Otherwise)
    }
}

/// A row that is in order, or why nobody takes it.
pub(super) type Checked<'r> = std::result::Result<&'r CheckedRow, RowOutcome>;

/// Asks about each of the rows.
pub(super) async fn of(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    rows: &[Checked<'_>],
) -> Result<Vec<Known>> {
    let mut known = vec![Known::Unasked; rows.len()];
    for (rows, known) in rows.chunks(PART).zip(known.chunks_mut(PART)) {
        let said = rows.iter().enumerate();
        let said = said.filter_map(|(at, row)| Some((at, row.as_ref().ok()?.said()?)));
        let (places, said): (Vec<usize>, Vec<Said<'_>>) = said.unzip();
        if said.is_empty() {
            continue;
        }
        for &at in &places {
            known[at] = Known::Not;
        }
        for (number, same) in compare(conn, of, &said).await? {
            let at = usize::try_from(number).ok().and_then(|number| places.get(number));
            let at = *at.ok_or(Error::Corrupt("an answer to no question"))?;
            known[at] = if same { Known::Same } else { Known::Otherwise };
        }
    }
    settle(rows, &mut known);
    Ok(known)
}

/// A row that changes somebody speaks behind or before the others of its user id: then none of them
/// can be told by itself.
fn settle(rows: &[Checked<'_>], known: &mut [Known]) {
    let user_id = |at: usize| match rows[at] {
        Ok(CheckedRow { key: RowKey::UserId(user_id), .. }) => Some(user_id.as_str()),
        _ => None,
    };
    let open: HashSet<_> =
        (0..known.len()).filter(|&at| known[at].is_open()).filter_map(user_id).collect();
    if open.is_empty() {
        return;
    }
    for (at, known) in known.iter_mut().enumerate() {
        if *known == Known::Same && user_id(at).is_some_and(|id| open.contains(id)) {
            *known = Known::Otherwise;
        }
    }
}

/// Numbers of those whose user id is there, and whether they say nothing new.
async fn compare(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    said: &[Said<'_>],
) -> Result<Vec<(i64, bool)>> {
    macro_rules! column {
        ($field:ident) => {
            said.iter().map(|said| said.$field).collect::<Vec<_>>()
        };
        ($field:ident as json) => {
            said.iter().map(|said| Json(&said.$field)).collect::<Vec<_>>()
        };
    }
    Ok(match conn {
        Conn::Sqlite(c) => {
            let compare = query_as(sql::KNOWN_SQLITE).bind(of.0).bind(Json(said));
            compare.fetch_all(&mut **c).await?
        }
        Conn::Postgres(c) => {
            query_as(sql::KNOWN_POSTGRES)
                .bind(of.0)
                .bind(column!(user_id))
                .bind(column!(email))
                .bind(column!(name))
                .bind(column!(phone))
                .bind(column!(company))
                .bind(column!(custom as json))
                .bind(column!(tags as json))
                .fetch_all(&mut **c)
                .await?
        }
    })
}
