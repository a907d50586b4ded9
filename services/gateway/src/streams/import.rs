//! The stream of one import: its state after each change, until it ends.

use std::{sync::Arc, time::Duration};

use async_stream::stream;
use axum::response::Response;
use onethread_errors::{Error, Reason, Result};
use onethread_grpc::Unhurried;
use onethread_proto::contactimport::WatchImportRequest;
use tokio::time::timeout;
use tonic::Request;

use super::{
    guard::{Cut, Guard},
    sse::{event, respond, session_ended},
};
use crate::{app::App, auth::Staff, json::Import, problem::from_service};

/// How long the first state may take.
const FIRST_WAIT: Duration = Duration::from_secs(10);

/// Answers with the import's events.
pub(crate) async fn follow(app: Arc<App>, staff: Staff, import_id: String) -> Result<Response> {
    let mut guard = Guard::of_staff(&app, &staff);
    let organization_id = staff.organization;
    let mut request = Request::new(WatchImportRequest { organization_id, import_id });
    request.extensions_mut().insert(Unhurried);
    let mut client = app.imports();
    let begin = async {
        let mut states = client.watch_import(request).await?.into_inner();
        let first = states.message().await?;
        Ok((states, first))
    };
    let begun = timeout(FIRST_WAIT, begin).await;
    let begun = begun.map_err(|_| Error::new(Reason::DeadlineExceeded))?;
    let (mut states, mut next) = begun.map_err(from_service)?;
    let events = stream! {
        while let Some(import) = next.take().and_then(|answer| answer.import) {
            yield event("import", &Import::from(import));
            while next.is_none() {
                tokio::select! {
                    biased;
                    () = guard.doubted() => {
                        match guard.confirm().await {
                            None => continue,
                            Some(Cut::Ended) => yield session_ended(),
                            Some(Cut::Unknown) => {}
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
