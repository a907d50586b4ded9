//! Identity's sessions.

use std::{sync::atomic::Ordering, time::Duration};

use futures::stream::BoxStream;
use onethread_errors::{Error, Reason};
use onethread_proto::identity::{session_service_server::SessionService, *};
use tonic::{Request, Response, Status};

use super::{Answer, Fake};
use crate::support;

#[tonic::async_trait]
impl SessionService for Fake {
    async fn identify(&self, request: Request<IdentifyRequest>) -> Answer<IdentifyResponse> {
        self.0.identify_requests.lock().unwrap().push(request.into_inner());
        let answer = self.0.init.lock().unwrap().clone();
        answer.map(Response::new).ok_or_else(|| Error::new(Reason::UnknownApplication).into())
    }

    async fn authenticate(
        &self,
        request: Request<AuthenticateRequest>,
    ) -> Answer<AuthenticateResponse> {
        self.0.check_identity()?;
        self.0.authenticated.fetch_add(1, Ordering::SeqCst);
        let caller = self.0.callers.lock().unwrap().get(&request.get_ref().credential).cloned();
        caller.map(Response::new).ok_or_else(|| Error::new(Reason::SessionEnded).into())
    }

    async fn logout(&self, _: Request<LogoutRequest>) -> Answer<LogoutResponse> {
        Ok(Response::new(LogoutResponse { session: Some(support::session(false)) }))
    }

    async fn login_agent(&self, request: Request<LoginAgentRequest>) -> Answer<LoginAgentResponse> {
        if request.into_inner().password != "right" {
            return Err(Error::new(Reason::LoginRefused).into());
        }
        let session = AgentSession {
            organization_id: support::ORGANIZATION.to_owned(),
            agent: Some(support::agent()),
            token: "agent".to_owned(),
            expires_at: Some(prost_types::Timestamp { seconds: 1_750_003_600, nanos: 0 }),
        };
        Ok(Response::new(LoginAgentResponse { session: Some(session) }))
    }

    async fn logout_agent(&self, _: Request<LogoutAgentRequest>) -> Answer<LogoutAgentResponse> {
        Ok(Response::new(LogoutAgentResponse {}))
    }

    type WatchRevocationsStream = BoxStream<'static, Result<WatchRevocationsResponse, Status>>;

    async fn watch_revocations(
        &self,
        _: Request<WatchRevocationsRequest>,
    ) -> Answer<Self::WatchRevocationsStream> {
        self.0.check_identity()?;
        let world = self.0.clone();
        let mut revoked = world.revoked.subscribe();
        let heartbeats = async_stream::stream! {
            loop {
                let revocation = tokio::time::timeout(Duration::from_millis(200), revoked.recv()).await;
                if world.feed_silent.load(Ordering::SeqCst) {
                    continue;
                }
                let revocations = revocation.ok().and_then(Result::ok).into_iter().collect();
                yield Ok(WatchRevocationsResponse { revocations });
            }
        };
        Ok(Response::new(Box::pin(heartbeats)))
    }
}
