//! The agents' list of conversations.

use std::time::Duration;

use onethread_core::{ConversationId, OrganizationId, PageSize, PageToken, Timestamp};
use onethread_errors::{Error, Result};
use uuid::Uuid;

use super::App;
use crate::{
    domain::{Status, Summary},
    store::{Assigned, ListKey, ListQuery},
};

/// How long after its beginning a walk through the list still finds what got newer meanwhile where
/// it stood. Later pages leave that out: it stands at the top of a new walk.
const WALK: Duration = Duration::from_secs(10 * 60);

/// Which conversations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) status: Option<Status>,
    pub(crate) assigned: Assigned,
    pub(crate) size: PageSize,
}

/// A page of the list.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) conversations: Vec<Summary>,
    /// Where to go on; empty on the last page.
    pub(crate) next_page_token: String,
}

impl App {
    /// Conversations, newest activity first.
    pub(crate) async fn list_conversations(
        &self,
        organization: OrganizationId,
        wanted: Wanted,
        page_token: &str,
    ) -> Result<Listed> {
        let Wanted { status, assigned, size } = wanted;
        let place = decode(page_token)?;
        let begun = place.map(|(_, begun)| begun);
        let oldest = self.clock.now().micros() - micros(WALK);
        let since = begun.filter(|begun| begun.micros() >= oldest);
        let behind = place.map(|(key, _)| key);
        let query = ListQuery { status, assigned, behind, since, size };
        let page = self.store.list(organization, query).await?;
        let newest = page.summaries.first().map(|first| first.conversation.updated_at);
        let next = page.next.zip(begun.or(newest));
        let next_page_token = next.map(encode).unwrap_or_default();
        Ok(Listed { conversations: page.summaries, next_page_token })
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// The last row's key, and when the walk began.
type Place = (ListKey, Timestamp);

fn encode(((at, id), begun): Place) -> String {
    PageToken::encode(&(at.micros(), id.0, begun.micros()))
}

fn decode(token: &str) -> Result<Option<Place>> {
    let bad = || Error::invalid("/cursor", "is not one that a list answered with");
    let place: Option<(i64, Uuid, i64)> = PageToken::decode(token).map_err(|_| bad())?;
    let Some((at, id, begun)) = place else { return Ok(None) };
    let (at, begun) = (Timestamp::from_micros(at), Timestamp::from_micros(begun));
    // Made-up times have to be ones that a database can hold.
    let real = |time: Timestamp| time.micros() >= 0 && time.to_datetime().is_some();
    if !real(at) || !real(begun) {
        return Err(bad());
    }
    Ok(Some(((at, ConversationId(id)), begun)))
}
