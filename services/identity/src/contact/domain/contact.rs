//! A contact, or a visitor with a row.

use std::time::Duration;

use onethread_core::{ContactId, OrganizationId, Timestamp, generated_name};
use onethread_errors::entry_path;
use serde_json::{Map, Value};

use super::{
    attributes::{self, Limits},
    profile::{ProfilePatch, Warning},
};
use crate::{
    domain::keys::Claim, organization::domain::policy::Verified, session::domain::proof::UserId,
};

/// Shortest time between two writes of when a contact or device was last seen.
pub(crate) const TOUCH_INTERVAL: Duration = Duration::from_secs(60);
/// Most tags of a contact.
pub(crate) const MAX_TAGS: usize = 100;
/// Time without a call after which the next one begins another visit.
const VISIT_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// How a contact was first known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Identified,
    PreChat,
    Import,
    Agent,
    Api,
    Visitor,
}

impl Source {
    const NAMES: [(Self, &'static str); 6] = [
        (Self::Identified, "identified"),
        (Self::PreChat, "pre-chat"),
        (Self::Import, "import"),
        (Self::Agent, "agent"),
        (Self::Api, "api"),
        (Self::Visitor, "visitor"),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(source, _)| *source == self).map_or("visitor", |(_, name)| name)
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(source, _)| *source)
    }
}

/// A page of the site that shows the widget.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Page {
    pub(crate) url: String,
    pub(crate) title: String,
    pub(crate) referrer: String,
}

/// The page, device and browser of a call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Context {
    pub(crate) page: Option<Page>,
    /// `web`, `ios` or `android`.
    pub(crate) platform: String,
    pub(crate) locale: String,
    pub(crate) time_zone: String,
    /// Name and main version, or empty.
    pub(crate) browser: String,
    /// The operating system, or empty.
    pub(crate) system: String,
}

/// A contact, or a visitor with a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Contact {
    pub(crate) organization_id: OrganizationId,
    pub(crate) id: ContactId,
    pub(crate) user_id: Option<String>,
    /// Is in Contacts.
    pub(crate) listed: bool,
    pub(crate) source: Source,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    /// The email came from an import, an agent or the API rather than from a page.
    pub(crate) email_vouched: bool,
    pub(crate) phone: Option<String>,
    pub(crate) company: Option<String>,
    pub(crate) custom: Map<String, Value>,
    pub(crate) tags: Vec<String>,
    pub(crate) claim: Option<Claim>,
    /// Number of claims and resets so far. A session that began with another number is invalid.
    pub(crate) claim_version: i64,
    /// How the user id was last verified.
    pub(crate) verified: Verified,
    /// When the pre-chat form was stored.
    pub(crate) form_at: Option<Timestamp>,
    /// When its first message was stored.
    pub(crate) wrote_at: Option<Timestamp>,
    pub(crate) blocked: bool,
    pub(crate) first_seen_at: Option<Timestamp>,
    pub(crate) last_seen_at: Option<Timestamp>,
    pub(crate) sessions: i64,
    pub(crate) page: Option<Page>,
    /// `web`, `ios` or `android` of the last visit, or empty.
    pub(crate) platform: String,
    pub(crate) browser: String,
    pub(crate) system: String,
    pub(crate) locale: String,
    pub(crate) time_zone: String,
    pub(crate) created_at: Timestamp,
}

impl Contact {
    /// A contact with an empty profile.
    pub(crate) fn new(
        organization_id: OrganizationId,
        id: ContactId,
        source: Source,
        now: Timestamp,
    ) -> Self {
        Self {
            organization_id,
            id,
            user_id: None,
            listed: false,
            source,
            name: None,
            email: None,
            email_vouched: false,
            phone: None,
            company: None,
            custom: Map::new(),
            tags: Vec::new(),
            claim: None,
            claim_version: 0,
            verified: Verified::None,
            form_at: None,
            wrote_at: None,
            blocked: false,
            first_seen_at: None,
            last_seen_at: None,
            sessions: 0,
            page: None,
            platform: String::new(),
            browser: String::new(),
            system: String::new(),
            locale: String::new(),
            time_zone: String::new(),
            created_at: now,
        }
    }

    /// About how many bytes it has, wherever it is sent.
    pub(crate) fn size_bytes(&self) -> usize {
        let texts = [&self.user_id, &self.name, &self.email, &self.phone, &self.company];
        let texts = texts.into_iter().flatten().chain(&self.tags).map(String::len).sum::<usize>();
        let page = self
            .page
            .as_ref()
            .map_or(0, |page| page.url.len() + page.title.len() + page.referrer.len());
        texts + page + attributes::size_bytes(&self.custom)
    }

    /// True while a visitor's token may speak for this row.
    pub(crate) fn is_visitor(&self) -> bool {
        self.user_id.is_none() && matches!(self.source, Source::Visitor | Source::PreChat)
    }

    /// The name to show, and whether it is a generated one.
    pub(crate) fn shown_name(&self) -> (String, bool) {
        match &self.name {
            Some(name) => (name.clone(), false),
            None => (generated_name(self.id.0), true),
        }
    }

    /// True when the contact's own pages show the same of both.
    pub(crate) fn shows_as(&self, other: &Self) -> bool {
        let shown = |one: &Self| {
            (one.shown_name(), one.user_id.clone(), one.email.clone(), one.phone.clone())
        };
        shown(self) == shown(other)
            && (&self.company, &self.custom) == (&other.company, &other.custom)
    }

    /// A page identifies the contact by its user id.
    pub(crate) fn identify(&mut self, user_id: &UserId) {
        self.user_id = Some(user_id.as_str().to_owned());
        self.list_as_identified();
    }

    /// Changes the profile. Returns a warning for each attribute beyond the limit.
    pub(crate) fn apply(&mut self, patch: &ProfilePatch) -> Vec<Warning> {
        self.name = patch.name.applied(self.name.take());
        let email = patch.email.applied(self.email.clone());
        if email != self.email {
            self.email = email;
            self.email_vouched = false;
        }
        self.phone = patch.phone.applied(self.phone.take());
        self.company = patch.company.applied(self.company.take());
        if patch.clear_custom {
            self.custom.clear();
        }
        let limits = if self.is_visitor() { Limits::VISITOR } else { Limits::CONTACT };
        let over_limit = attributes::apply(&mut self.custom, &patch.custom, limits);
        let warning = |key: String| Warning {
            field: entry_path("user.custom_data", &key),
            detail: limits.detail().to_owned(),
        };
        over_limit.into_iter().map(warning).collect()
    }

    /// Writes down that the contact was seen, at most once a minute.
    pub(crate) fn touch(&mut self, context: &Context, now: Timestamp) {
        let away = self.last_seen_at.map(|last| now.since(last));
        if away.is_some_and(|away| away < TOUCH_INTERVAL) {
            return;
        }
        if away.is_none_or(|away| away >= VISIT_TIMEOUT) {
            self.sessions += 1;
        }
        self.first_seen_at.get_or_insert(now);
        self.last_seen_at = Some(now);
        if context.page.is_some() {
            self.page.clone_from(&context.page);
        }
        for (known, reported) in [
            (&mut self.platform, &context.platform),
            (&mut self.browser, &context.browser),
            (&mut self.system, &context.system),
            (&mut self.locale, &context.locale),
            (&mut self.time_zone, &context.time_zone),
        ] {
            if !reported.is_empty() {
                known.clone_from(reported);
            }
        }
    }

    /// Writes down that the contact did something, and the page it did that on, which agents see
    /// at once.
    pub(crate) fn act(&mut self, context: &Context, now: Timestamp) {
        self.touch(context, now);
        if context.page.is_some() {
            self.page.clone_from(&context.page);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn context(url: &str, browser: &str) -> Context {
        let page = Page { url: url.to_owned(), ..Page::default() };
        Context { page: Some(page), browser: browser.to_owned(), ..Context::default() }
    }

    #[test]
    fn a_visit_is_written_once_a_minute_and_ends_after_half_an_hour() {
        let begin = Timestamp::from_micros(1_000_000_000_000_000);
        let after = |seconds| begin.plus(Duration::from_secs(seconds));
        let (organization, id) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (organization, id) = (OrganizationId(organization), ContactId(id));
        let mut contact = Contact::new(organization, id, Source::Visitor, begin);
        contact.touch(&context("/first", "Firefox 1"), begin);
        assert_eq!((contact.sessions, contact.last_seen_at), (1, Some(begin)));
        let written = contact.clone();
        contact.touch(&context("/second", "Chrome 2"), after(59));
        assert_eq!(contact, written, "not yet");
        contact.touch(&context("/third", ""), after(60));
        assert_eq!(contact.page.as_ref().map(|page| page.url.as_str()), Some("/third"));
        assert_eq!((contact.sessions, contact.browser.as_str()), (1, "Firefox 1"));
        contact.act(&context("/fourth", "Chrome 2"), after(61));
        assert_eq!(contact.page.as_ref().map(|page| page.url.as_str()), Some("/fourth"));
        assert_eq!(contact.last_seen_at, Some(after(60)), "only the page is written at once");
        contact.act(&context("/third", ""), after(62));
        contact.touch(&Context::default(), after(60 + 29 * 60 + 59));
        assert_eq!(contact.sessions, 1);
        assert_eq!(contact.page.as_ref().map(|page| page.url.as_str()), Some("/third"));
        contact.touch(&context("/back", "Chrome 2"), after(60 + 29 * 60 + 59 + 30 * 60));
        assert_eq!((contact.sessions, contact.browser.as_str()), (2, "Chrome 2"));
        assert_eq!(contact.first_seen_at, Some(begin));
        // A clock that runs behind counts no visit.
        contact.touch(&context("/early", ""), begin);
        assert_eq!(contact.sessions, 2);
    }
}
