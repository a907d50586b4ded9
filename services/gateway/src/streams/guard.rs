//! Lets a stream continue only while its session is valid. Nothing is delivered while that is in
//! doubt.

use std::{sync::Arc, time::Duration};

use onethread_core::OrganizationId;
use onethread_errors::Reason;
use onethread_proto::identity::authenticate_response::Caller;
use onethread_telemetry::metrics::OpenStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::Instrument;

use super::{place::StreamPlace, revocations::Registration};
use crate::{
    app::App,
    authentication::{ApiCaller, WidgetCaller, authenticate, authenticate_request, subjects},
    limits::Place,
};

/// Time that identity has for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Interval at which identity is asked again while it can't answer.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Time after which a stream that can't be confirmed is closed. Its client reconnects.
const CONFIRMATION_TIMEOUT: Duration = Duration::from_secs(5);

/// Interval at which streams of agents and servers are confirmed even if nothing was revoked: no feed
/// announces that a session has expired.
const API_CONFIRMATION_INTERVAL: Duration = Duration::from_secs(30);

/// The same for widgets, of which there are many more.
const WIDGET_CONFIRMATION_INTERVAL: Duration = Duration::from_secs(60);

/// Largest addition to it, different for each contact: streams that were opened at the same time are
/// not all confirmed at the same time.
const MAX_WIDGET_CONFIRMATION_DELAY: u8 = 30;

/// What identity says about a session in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confirmation {
    Valid,
    Ended,
    /// Identity didn't answer in time.
    Unknown,
}

/// The guard of one stream.
#[derive(Debug)]
pub(super) struct Guard {
    app: Arc<App>,
    registration: Registration,
    organization: OrganizationId,
    /// Id of the caller who opened the stream, as identity writes it.
    caller: String,
    token: String,
    /// IP address of a widget's call; empty for others.
    address: String,
    confirmed_at: Instant,
    confirmation_interval: Duration,
    /// Counts the stream in the metrics while it is open.
    _open: OpenStream,
    /// Counts the stream among those of its address while it is open.
    _place: Option<Place>,
}

impl Guard {
    /// For a widget's stream. Takes the token, which nothing else needs.
    pub(super) fn for_widget(
        app: &Arc<App>,
        caller: &mut WidgetCaller,
        place: StreamPlace,
    ) -> Self {
        let subjects = subjects(caller.organization, [caller.contact.0, caller.device.0]);
        let last_byte = caller.contact.0.as_bytes()[15];
        let delay = Duration::from_secs((last_byte % MAX_WIDGET_CONFIRMATION_DELAY).into());
        Self {
            app: app.clone(),
            registration: app.revocations.register(caller.feed_position, subjects),
            organization: caller.organization,
            caller: caller.contact.to_string(),
            token: std::mem::take(&mut caller.token),
            address: std::mem::take(&mut caller.address),
            confirmed_at: Instant::now(),
            confirmation_interval: WIDGET_CONFIRMATION_INTERVAL + delay,
            _open: OpenStream::new("widget"),
            _place: place.0,
        }
    }

    /// For the stream of an agent or a server.
    pub(super) fn for_api(app: &Arc<App>, caller: &ApiCaller, place: StreamPlace) -> Self {
        let subjects = subjects(caller.organization, [caller.id()]);
        Self {
            app: app.clone(),
            registration: app.revocations.register(caller.feed_position, subjects),
            organization: caller.organization,
            caller: caller.id().to_string(),
            token: caller.token.clone(),
            address: String::new(),
            confirmed_at: Instant::now(),
            confirmation_interval: API_CONFIRMATION_INTERVAL,
            _open: OpenStream::new("staff"),
            _place: place.0,
        }
    }

    /// Resolves when the session has to be confirmed.
    pub(super) async fn in_doubt(&self) {
        let interval_over = sleep_until(self.confirmed_at + self.confirmation_interval);
        tokio::select! {
            biased;
            () = self.registration.in_doubt() => {}
            () = interval_over => {}
        }
    }

    /// Asks identity until it answers, within a time limit.
    pub(super) async fn confirm(&mut self) -> Confirmation {
        let in_doubt_since = Instant::now();
        loop {
            // It is repeated as long as the stream is open.
            let asked = self.ask().instrument(onethread_telemetry::untraced());
            match timeout(ANSWER_TIMEOUT, asked).await {
                Ok(Confirmation::Valid) => {
                    self.confirmed_at = Instant::now();
                    return Confirmation::Valid;
                }
                Ok(Confirmation::Ended) => return Confirmation::Ended,
                // Identity can't answer, or is too slow.
                Ok(Confirmation::Unknown) | Err(_) => {}
            }
            if in_doubt_since.elapsed() + RETRY_INTERVAL > CONFIRMATION_TIMEOUT {
                return Confirmation::Unknown;
            }
            sleep(RETRY_INTERVAL).await;
        }
    }

    async fn ask(&self) -> Confirmation {
        let _permit = self.app.confirmations.acquire().await.expect("never closed");
        let request = authenticate_request(&self.token, &self.address);
        match authenticate(&self.app, request).await {
            Ok((organization, caller)) if organization == self.organization => {
                if id(caller) == self.caller { Confirmation::Valid } else { Confirmation::Ended }
            }
            Ok(_) => Confirmation::Ended,
            Err(rejected) => match rejected.reason {
                Reason::SessionEnded | Reason::Forbidden | Reason::Blocked => Confirmation::Ended,
                _ => Confirmation::Unknown,
            },
        }
    }
}

fn id(caller: Caller) -> String {
    match caller {
        Caller::Visitor(visitor) => visitor.contact_id,
        Caller::Contact(contact) => contact.contact_id,
        Caller::Agent(agent) => agent.id,
        Caller::Server(server) => server.api_key_id,
    }
}
