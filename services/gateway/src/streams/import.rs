//! The stream of one import: its state after each change, until it ends.

use std::{sync::Arc, time::Duration};

use async_stream::stream;
use axum::response::Response;
use onethread_core::ImportId;
use onethread_errors::{Error, Reason, Result};
use onethread_grpc::NoDeadline;
use onethread_proto::contactimport::WatchImportRequest;
use tokio::time::timeout;
use tonic::Request;

use super::{
    guard::{Confirmation, Guard},
    place::StreamPlace,
    sse::{event, respond, session_ended},
};
use crate::{app::App, authentication::ApiCaller, json::Import};

/// Time in which the first state has to arrive.
const FIRST_STATE_TIMEOUT: Duration = Duration::from_secs(10);

/// Answers with the import's events.
///
/// # Errors
///
/// `NotFound` for an unknown import, `DeadlineExceeded` if its state doesn't arrive in time, and other
/// failures of the service.
pub(crate) async fn follow(
    app: Arc<App>,
    caller: ApiCaller,
    place: StreamPlace,
    import: ImportId,
) -> Result<Response> {
    let mut guard = Guard::for_api(&app, &caller, place);
    let mut request = Request::new(WatchImportRequest {
        organization_id: caller.organization.to_string(),
        import_id: import.to_string(),
    });
    request.extensions_mut().insert(NoDeadline);
    let mut client = app.clients.imports();
    let first_state = async {
        let mut states = client.watch_import(request).await?.into_inner();
        let first = states.message().await?;
        Ok::<_, Error>((states, first))
    };
    let first_state = timeout(FIRST_STATE_TIMEOUT, first_state).await;
    let first_state = first_state.map_err(|_| Error::new(Reason::DeadlineExceeded))?;
    let (mut states, mut next) = first_state?;
    let events = stream! {
        while let Some(import) = next.take().and_then(|answer| answer.import) {
            yield event("import", &Import::from(import));
            while next.is_none() {
                tokio::select! {
                    biased;
                    () = guard.in_doubt() => {
                        match guard.confirm().await {
                            Confirmation::Valid => continue,
                            Confirmation::Ended => yield session_ended(),
                            Confirmation::Unknown => {}
                        }
                        return;
                    }
                    answer = states.message() => match answer {
                        Ok(Some(answer)) => next = Some(answer),
                        Ok(None) | Err(_) => return,
                    }
                }
            }
        }
    };
    Ok(respond(events, &app.life))
}
