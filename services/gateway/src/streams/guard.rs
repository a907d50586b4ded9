//! Lets a stream go on only while its session lives. While there is doubt, nothing is delivered.

use std::{sync::Arc, time::Duration};

use onethread_errors::Reason;
use onethread_proto::identity::authenticate_response::Caller;
use onethread_telemetry::metrics::OpenStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::revocations::Registration;
use crate::{
    app::App,
    auth::{self, Person, Staff},
    trust::subjects,
};

/// How long identity has for one answer.
const ASK_WAIT: Duration = Duration::from_secs(2);

/// How long it is waited before identity is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// A stream that can't be confirmed for so long is closed; its client comes again.
const CONFIRM_WAIT: Duration = Duration::from_secs(5);

/// Logins of agents are asked for so often, whatever the feed says.
const STAFF_PERIOD: Duration = Duration::from_secs(30);

/// Why a stream has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// The session is over.
    Ended,
    /// Nobody can say.
    Unknown,
}

/// A stream's guard.
#[derive(Debug)]
pub(super) struct Guard {
    app: Arc<App>,
    registration: Registration,
    /// Organization and caller, as they were when the stream began.
    caller: (String, String),
    token: String,
    /// Of a person's call, else empty.
    address: String,
    confirmed_at: Instant,
    period: Option<Duration>,
    /// Counts the stream while it is open.
    _open: OpenStream,
}

impl Guard {
    /// Over a person's stream. Nobody else needs the token any more.
    pub(super) fn of_person(app: &Arc<App>, person: &mut Person) -> Self {
        let subjects = subjects(&person.organization, [person.contact.as_str(), &person.device]);
        let registration = app.revocations.register(person.asked_at, subjects);
        Self {
            app: app.clone(),
            registration,
            caller: (person.organization.clone(), person.contact.clone()),
            token: std::mem::take(&mut person.token),
            address: std::mem::take(&mut person.address),
            confirmed_at: Instant::now(),
            period: None,
            _open: OpenStream::new("widget"),
        }
    }

    /// Over an agent's or a server's stream.
    pub(super) fn of_staff(app: &Arc<App>, staff: &Staff) -> Self {
        let id = staff.id().to_owned();
        let subjects = subjects(&staff.organization, [id.as_str()]);
        let registration = app.revocations.register(staff.asked_at, subjects);
        Self {
            app: app.clone(),
            registration,
            caller: (staff.organization.clone(), id),
            token: staff.token.clone(),
            address: String::new(),
            confirmed_at: Instant::now(),
            period: Some(STAFF_PERIOD),
            _open: OpenStream::new("staff"),
        }
    }

    /// Resolves when the session has to be confirmed.
    pub(super) async fn doubted(&self) {
        let due = async {
            match self.period {
                Some(period) => sleep_until(self.confirmed_at + period).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.registration.doubted() => {}
            () = due => {}
        }
    }

    /// Asks identity until it says yes or no, within bounds. `None`: the stream may go on.
    pub(super) async fn confirm(&mut self) -> Option<Cut> {
        let doubted_at = Instant::now();
        loop {
            match timeout(ASK_WAIT, self.ask()).await {
                Ok(Ok(true)) => {
                    self.confirmed_at = Instant::now();
                    return None;
                }
                Ok(Ok(false)) => return Some(Cut::Ended),
                // Identity is away, or too slow.
                Ok(Err(())) | Err(_) => {}
            }
            if doubted_at.elapsed() + ASK_AGAIN > CONFIRM_WAIT {
                return Some(Cut::Unknown);
            }
            sleep(ASK_AGAIN).await;
        }
    }

    async fn ask(&self) -> Result<bool, ()> {
        let _turn = self.app.confirmations.acquire().await.expect("never closed");
        match auth::authenticate(&self.app, auth::asking(&self.token, &self.address)).await {
            Ok((organization, caller)) => Ok((organization, id_of(caller)) == self.caller),
            Err(refused) => match refused.reason {
                Reason::SessionEnded | Reason::Forbidden | Reason::Blocked => Ok(false),
                _ => Err(()),
            },
        }
    }
}

fn id_of(caller: Caller) -> String {
    match caller {
        Caller::Visitor(visitor) => visitor.contact_id,
        Caller::Contact(contact) => contact.contact_id,
        Caller::Agent(agent) => agent.id,
        Caller::Server(server) => server.api_key_id,
    }
}
