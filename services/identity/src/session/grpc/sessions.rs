//! `SessionService`.

use std::pin::Pin;

use futures::Stream;
use onethread_grpc::answer;
use onethread_proto::identity::{
    self as wire, identify_response::Outcome, session_service_server::SessionService,
};
use secrecy::SecretString;
use tokio::sync::broadcast::error::RecvError;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::convert::address;
use crate::{
    grpc::Handlers,
    session::app::{authenticate::CallSource, identify::Identified},
};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl SessionService for Handlers {
    async fn identify(
        &self,
        request: Request<wire::IdentifyRequest>,
    ) -> Answer<wire::IdentifyResponse> {
        let identified = async { self.app.identify(request.into_inner().try_into()?).await };
        answer(identified.await.map(|(application, identified)| {
            let (outcome, ended) = match identified {
                Identified::Accepted(session, ended) => (Outcome::Session(session.into()), ended),
                Identified::Rejected(clean) => {
                    let clean_session = Some(clean.into());
                    (Outcome::Refused(wire::IdentityRefused { clean_session }), Vec::new())
                }
            };
            wire::IdentifyResponse {
                application_id: application.to_string(),
                outcome: Some(outcome),
                revoked_ids: ended.iter().map(Uuid::to_string).collect(),
            }
        }))
    }

    async fn authenticate(
        &self,
        request: Request<wire::AuthenticateRequest>,
    ) -> Answer<wire::AuthenticateResponse> {
        let request = request.into_inner();
        let caller = async {
            let address = address(&request.client_address)?;
            let source = CallSource { origin: &request.origin, address };
            self.app.authenticate(&request.credential, source).await
        };
        answer(caller.await.map(Into::into))
    }

    async fn logout(&self, request: Request<wire::LogoutRequest>) -> Answer<wire::LogoutResponse> {
        let fresh = self.app.log_out(&request.into_inner().token).await;
        answer(fresh.map(|session| wire::LogoutResponse { session: Some(session.into()) }))
    }

    async fn login_agent(
        &self,
        request: Request<wire::LoginAgentRequest>,
    ) -> Answer<wire::LoginAgentResponse> {
        let request = request.into_inner();
        let password = SecretString::from(request.password);
        let login =
            self.app.log_agent_in(&request.organization_name, &request.email, password).await;
        answer(login.map(|login| wire::LoginAgentResponse { session: Some(login.into()) }))
    }

    async fn logout_agent(
        &self,
        request: Request<wire::LogoutAgentRequest>,
    ) -> Answer<wire::LogoutAgentResponse> {
        let logged_out = self.app.end_login(&request.into_inner().token).await;
        answer(logged_out.map(|()| wire::LogoutAgentResponse {}))
    }

    type WatchRevocationsStream =
        Pin<Box<dyn Stream<Item = Result<wire::WatchRevocationsResponse, Status>> + Send>>;

    async fn watch_revocations(
        &self,
        _: Request<wire::WatchRevocationsRequest>,
    ) -> Answer<Self::WatchRevocationsStream> {
        let (mut reads, mut end) = (self.feed.watch(), Box::pin(self.feed.ended()));
        let stream = async_stream::try_stream! {
            loop {
                let read = tokio::select! {
                    read = reads.recv() => read,
                    () = &mut end => return,
                };
                match read {
                    Ok(entries) => {
                        let revocations = entries.iter().map(|entry| wire::Revocation {
                            organization_id: entry.organization_id.to_string(),
                            subject_id: entry.subject_id.to_string(),
                        });
                        yield wire::WatchRevocationsResponse { revocations: revocations.collect() };
                    }
                    // What was missed is unknown: the subscriber authenticates all its sessions again.
                    Err(RecvError::Lagged(_)) => Err(Status::data_loss("the feed was not read"))?,
                    Err(RecvError::Closed) => return,
                }
            }
        };
        Ok(Response::new(Box::pin(stream)))
    }
}
