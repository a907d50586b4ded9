//! The stream to the conversation service that carries all subscriptions.

use std::{sync::Arc, time::Duration};

use onethread_grpc::NoDeadline;
use onethread_proto::conversation::{SubscribeRequest, SubscribeResponse};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status, Streaming};

use super::{OPEN_TIMEOUT, Shared};
use crate::{app::App, streams::upstream::Upstream};

/// Requests on their way to the conversation service.
const REQUEST_CAPACITY: usize = 64;

/// Time without a response, not even a heartbeat, after which the stream is broken.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(15);

/// Keeps the stream open until the process stops.
pub(crate) async fn follow(app: Arc<App>) {
    let stopping = app.life.stopping();
    tokio::pin!(stopping);
    let mut upstream = Upstream::new("conversations");
    loop {
        let status = tokio::select! {
            () = &mut stopping => return,
            status = stream(&app, &mut upstream) => status,
        };
        app.hub.0.disconnected();
        // The other services stop as well, so there is nothing to reconnect to.
        if app.life.is_stopping() {
            return;
        }
        upstream.broken(&status);
        tokio::select! {
            () = &mut stopping => return,
            () = upstream.pause(app.entropy.as_ref()) => {}
        }
    }
}

/// One stream, until it ends.
async fn stream(app: &App, upstream: &mut Upstream) -> Status {
    let (sender, receiver) = mpsc::channel(REQUEST_CAPACITY);
    let mut request = Request::new(ReceiverStream::new(receiver));
    request.extensions_mut().insert(NoDeadline);
    let mut client = app.clients.streams();
    let answers = match timeout(OPEN_TIMEOUT, client.subscribe(request)).await {
        Ok(Ok(answers)) => answers.into_inner(),
        Ok(Err(status)) => return status,
        Err(_) => return Status::deadline_exceeded("the stream did not open in time"),
    };
    upstream.opened();
    app.hub.0.connected();
    exchange(&app.hub.0, &sender, answers).await
}

/// Sends and receives at the same time: if one waited for the other, both ends could wait for each
/// other.
async fn exchange(
    shared: &Shared,
    sender: &mpsc::Sender<SubscribeRequest>,
    mut answers: Streaming<SubscribeResponse>,
) -> Status {
    let mut has_outgoing = true;
    let silence = sleep(SILENCE_TIMEOUT);
    tokio::pin!(silence);
    loop {
        tokio::select! {
            answer = answers.message() => match answer {
                Ok(Some(answer)) => {
                    silence.as_mut().reset(Instant::now() + SILENCE_TIMEOUT);
                    shared.dispatch(answer);
                }
                Ok(None) => return Status::unavailable("the stream ended"),
                Err(status) => return status,
            },
            () = &mut silence => return Status::unavailable("the stream is silent"),
            permit = sender.reserve(), if has_outgoing => {
                let Ok(permit) = permit else {
                    return Status::unavailable("the stream accepts no more requests");
                };
                match shared.state().outgoing.pop_front() {
                    Some(request) => permit.send(request),
                    None => has_outgoing = false,
                }
            }
            () = shared.outgoing_added.notified(), if !has_outgoing => has_outgoing = true,
        }
        // A slow subscriber that was removed has a closing to send.
        has_outgoing = has_outgoing || !shared.state().outgoing.is_empty();
    }
}
